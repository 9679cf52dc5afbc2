from __future__ import annotations

import hashlib
import os
import re
import shutil
import subprocess
import sys
import tarfile
from pathlib import Path
from typing import Any

import pytest
import yaml

from extcp_gitops import __version__
from extcp_gitops.inventory.model import Bot, Forge, Inventory, Mesh, Repository
from extcp_gitops.render import forge

PATHS = {
    Forge.GITHUB: ".github/workflows/extcp-gitops.yaml",
    Forge.GITLAB: ".gitlab-ci.yml",
    Forge.GITEA: ".gitea/workflows/extcp-gitops.yaml",
}
ACTIONS = (Forge.GITHUB, Forge.GITEA)
EVERY = tuple(PATHS)


def text_of(which: Forge) -> str:
    repository = Repository("https://git.example.com/mesh.git", "main", which)
    files = forge.files(Inventory(Mesh("mesh1", "1.29.1", repository, "external", ()), ()))
    (text,) = files.values()
    return text


def parsed(which: Forge) -> Any:  # noqa: ANN401 - any YAML value
    return yaml.safe_load(text_of(which))


def scripts(which: Forge) -> list[str]:
    if which is Forge.GITLAB:
        lines: list[str] = parsed(which)["extcp-gitops"]["script"]
        return lines
    return [step["run"] for step in parsed(which)["jobs"]["mesh"]["steps"] if "run" in step]


def script(which: Forge, word: str) -> str:
    (found,) = (one for one in scripts(which) if word in one)
    return found


@pytest.mark.parametrize("which", EVERY)
def test_each_forge_gets_its_file(which: Forge) -> None:
    repository = Repository("https://git.example.com/mesh.git", "main", which)
    inventory = Inventory(Mesh("mesh1", "1.29.1", repository, "external", ()), ())
    assert list(forge.files(inventory)) == [PATHS[which]]


def test_no_forge_gets_none() -> None:
    inventory = Inventory(Mesh("mesh1", "1.29.1", Repository("file:///mesh"), "external", ()), ())
    assert forge.files(inventory) == {}


@pytest.mark.parametrize("which", EVERY)
def test_it_installs_this_generator_and_runs_it(which: Forge) -> None:
    work = parsed(which)
    job = work["extcp-gitops"] if which is Forge.GITLAB else work["jobs"]["mesh"]
    variables = job["variables"] if which is Forge.GITLAB else job["env"]
    assert variables["EXTCP_GITOPS_PACKAGE"] == f"extcp-gitops=={__version__}"
    everything = "\n".join(scripts(which))
    commands = [
        '"$EXTCP_GITOPS_PACKAGE"',
        "extcp-gitops istioctl install",
        "extcp-gitops generate --check",
        "extcp-gitops validate",
        "extcp-gitops diff",
    ]
    places = [everything.index(command) for command in commands]
    assert places == sorted(places)


@pytest.mark.parametrize("which", EVERY)
@pytest.mark.parametrize(
    "package",
    [
        f"extcp-gitops @ git+https://git.example.com/extcp-gitops@{'0' * 40}",
        f"https://git.example.com/extcp_gitops-1.2.3-py3-none-any.whl#sha256={'0' * 64}",
    ],
)
def test_it_installs_what_the_mesh_names(which: Forge, package: str, runner: Runner) -> None:
    repository = Repository("https://git.example.com/mesh.git", "main", which, package)
    mesh = Mesh("mesh1", "1.29.1", repository, "external", (), bot=Bot(SCHEDULE))
    jobs = [
        job
        for text in forge.files(Inventory(mesh, ())).values()
        for job in yaml.safe_load(text).get("jobs", yaml.safe_load(text)).values()
    ]
    assert len(jobs) == 2
    for job in jobs:
        said = job["variables" if which is Forge.GITLAB else "env"]["EXTCP_GITOPS_PACKAGE"]
        assert said == package
    program(runner.tools, "python", 'for each; do echo "[$each]"; done')
    text = script(which, "pip install")
    done = run(text, cwd=runner.directory, path=runner.tools, EXTCP_GITOPS_PACKAGE=package)
    assert f"[:all:]\n[{package}]\n" in done.stdout


@pytest.mark.parametrize("which", ACTIONS)
def test_a_workflow_may_read_and_nothing_else(which: Forge) -> None:
    work = parsed(which)
    assert work[True] == "pull_request"  # YAML 1.1 reads the key `on` as true
    assert work["permissions"] == {}
    for job in work["jobs"].values():
        assert job["permissions"] == {"contents": "read"}
        assert job["timeout-minutes"] <= 60
        for step in job["steps"]:
            if step.get("uses", "").startswith("actions/checkout@"):
                assert step["with"] == {"fetch-depth": 0, "persist-credentials": False}


@pytest.mark.parametrize("which", ACTIONS)
def test_actions_are_pinned_and_say_their_release(which: Forge) -> None:
    uses = re.findall(r"uses: (.*)", text_of(which))
    assert len(uses) == 2
    for line in uses:
        assert re.fullmatch(r"actions/[a-z-]+@[0-9a-f]{40} # v\d+\.\d+\.\d+", line)


@pytest.mark.parametrize("which", EVERY)
def test_nothing_secret_and_nothing_of_a_request_in_a_script(which: Forge) -> None:
    text = text_of(which)
    assert "pull_request_target" not in text
    assert "secrets." not in text
    # What a person may choose, such as a branch's name, is a quoted variable of the shell.
    assert "${{" not in text


def test_a_merge_request_pipeline_is_bounded() -> None:
    job = parsed(Forge.GITLAB)["extcp-gitops"]
    assert job["timeout"] == "30 minutes"
    assert job["rules"] == [{"if": '$CI_PIPELINE_SOURCE == "merge_request_event"'}]


# The scripts, run


def program(directory: Path, name: str, body: str) -> None:
    directory.mkdir(exist_ok=True)
    path = directory / name
    path.write_text(f"#!/bin/sh\n{body}\n")
    path.chmod(0o755)


def run(text: str, *, cwd: Path, path: Path, **env: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        ["/bin/bash", "--noprofile", "--norc", "-eo", "pipefail", "-c", text],
        cwd=cwd,
        env={"PATH": str(path), "HOME": str(cwd), "TMPDIR": str(cwd), **env},
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )


def git(cwd: Path, *arguments: str) -> str:
    done = subprocess.run(["git", *arguments], cwd=cwd, capture_output=True, text=True, check=True)
    return done.stdout.strip()


@pytest.fixture
def request_to_merge(tmp_path: Path) -> Path:
    """A branch that left ``main`` two commits ago."""
    work = tmp_path / "work"
    work.mkdir()
    git(work, "init", "--quiet", "--initial-branch=main")
    for message in ("first", "second"):
        git(work, "commit", "--quiet", "--allow-empty", f"--message={message}")
    git(work, "tag", "fork-point")
    git(work, "checkout", "--quiet", "-b", "request")
    git(work, "commit", "--quiet", "--allow-empty", "--message=mine")
    git(work, "checkout", "--quiet", "main")
    git(work, "commit", "--quiet", "--allow-empty", "--message=theirs")
    git(work, "update-ref", "refs/remotes/origin/main", "main")
    git(work, "checkout", "--quiet", "request")
    return work


@pytest.mark.parametrize("which", EVERY)
@pytest.mark.parametrize(("code", "expected"), [(0, 0), (4, 0), (1, 1), (5, 5)])
def test_the_diff_is_shown_and_only_a_failure_fails(
    which: Forge, code: int, expected: int, request_to_merge: Path, tmp_path: Path
) -> None:
    tools = tmp_path / "tools"
    program(tools, "extcp-gitops", f'echo "compared with $2 as $4"; exit {code}')
    for name in ("git", "mktemp", "cat", "head", "cp"):
        (tools / name).symlink_to(shutil.which(name) or name)
    summary = tmp_path / "summary"
    fork_point = git(request_to_merge, "rev-parse", "fork-point")
    variables = {
        "GITHUB_BASE_REF": "main",
        "GITHUB_STEP_SUMMARY": str(summary),
        "CI_MERGE_REQUEST_DIFF_BASE_SHA": fork_point,
    }
    done = run(script(which, "diff"), cwd=request_to_merge, path=tools, **variables)
    assert done.returncode == expected
    shown = f"compared with {fork_point} as markdown\n"
    assert done.stdout == shown
    assert done.stderr == ""
    if expected == 0:
        kept = summary if which in ACTIONS else request_to_merge / "extcp-gitops-diff.md"
        assert kept.read_text() == shown


class Runner:
    """A machine with the few tools that the script of the forge needs, and a web of one file."""

    def __init__(self, directory: Path) -> None:
        self.directory = directory
        self.tools = directory / "tools"
        program(self.tools, "python", "exit 0")
        program(self.tools, "extcp-gitops", "exit 0")
        for name in ("mktemp", "sha256sum", "tar", "gzip", "dirname", "cp"):
            (self.tools / name).symlink_to(shutil.which(name) or name)
        program(self.tools, "uname", "echo x86_64")
        program(directory / "contents", "kustomize", "exit 0")
        self.release = directory / "release.tar.gz"
        with tarfile.open(self.release, "w:gz") as archive:
            archive.add(directory / "contents" / "kustomize", "kustomize")
        fetch = f'while [ "$1" != -o ]; do shift; done; cp {self.release} "$2"'
        program(self.tools, "curl", fetch)

    def install(self, text: str) -> subprocess.CompletedProcess[str]:
        package = "extcp-gitops==1.2.3"
        return run(text, cwd=self.directory, path=self.tools, EXTCP_GITOPS_PACKAGE=package)


@pytest.fixture
def runner(tmp_path: Path) -> Runner:
    return Runner(tmp_path)


@pytest.mark.parametrize("which", EVERY)
def test_kustomize_of_the_expected_bytes_is_installed(which: Forge, runner: Runner) -> None:
    digest = hashlib.sha256(runner.release.read_bytes()).hexdigest()
    text = re.sub(r"(?<=sum=)[0-9a-f]{64}", digest, script(which, "pip install"))
    done = runner.install(text)
    assert done.returncode == 0, done.stderr
    assert os.access(runner.tools / "kustomize", os.X_OK)


@pytest.mark.parametrize("which", EVERY)
def test_kustomize_of_other_bytes_is_not(which: Forge, runner: Runner) -> None:
    done = runner.install(script(which, "pip install"))
    assert done.returncode != 0
    assert "did NOT match" in done.stderr
    assert not (runner.tools / "kustomize").exists()


@pytest.mark.parametrize("which", EVERY)
@pytest.mark.parametrize("name", ["kustomize", "kubectl"])
def test_nothing_is_fetched_where_a_tool_is_there(which: Forge, name: str, runner: Runner) -> None:
    program(runner.tools, name, "exit 0")
    program(runner.tools, "curl", "echo fetched >&2; exit 1")
    done = runner.install(script(which, "pip install"))
    assert (done.returncode, done.stderr) == (0, "")


@pytest.mark.parametrize("which", EVERY)
def test_a_machine_without_a_release_is_told_what_to_do(which: Forge, runner: Runner) -> None:
    program(runner.tools, "uname", "echo riscv64")
    done = runner.install(script(which, "pip install"))
    assert done.returncode == 1
    assert done.stderr == "put kustomize on the PATH of this runner, a riscv64\n"


# The bot, on a schedule

BOT_PATHS = {
    Forge.GITHUB: ".github/workflows/extcp-bot.yaml",
    Forge.GITEA: ".gitea/workflows/extcp-bot.yaml",
    Forge.GITLAB: ".gitlab-ci.yml",
}
SCHEDULE = "17 */2 * * *"


def files_with_bot(which: Forge) -> dict[str, str]:
    repository = Repository("https://git.example.com/mesh.git", "trunk", which)
    mesh = Mesh("mesh1", "1.29.1", repository, "external", (), bot=Bot(SCHEDULE))
    return forge.files(Inventory(mesh, ()))


def bot_job(which: Forge) -> Any:  # noqa: ANN401 - any YAML value
    work = yaml.safe_load(files_with_bot(which)[BOT_PATHS[which]])
    return work["extcp-bot"] if which is Forge.GITLAB else work["jobs"]["reconcile"]


def bot_scripts(which: Forge) -> list[str]:
    job = bot_job(which)
    lines: list[str] = (
        job["script"]
        if which is Forge.GITLAB
        else [step["run"] for step in job["steps"] if "run" in step]
    )
    return lines


@pytest.mark.parametrize("which", EVERY)
def test_a_schedule_adds_the_bot_and_leaves_the_rest(which: Forge) -> None:
    found = files_with_bot(which)
    assert set(found) == {PATHS[which], BOT_PATHS[which]}
    assert found[PATHS[which]].startswith(text_of(which))


@pytest.mark.parametrize("which", ACTIONS)
def test_the_bots_workflow_may_read_and_is_run_by_nothing_that_others_do(which: Forge) -> None:
    work = yaml.safe_load(files_with_bot(which)[BOT_PATHS[which]])
    assert work[True] == {"schedule": [{"cron": SCHEDULE}], "workflow_dispatch": None}
    assert work["permissions"] == {}
    assert work["concurrency"] == {"group": "extcp-bot", "cancel-in-progress": False}
    (job,) = work["jobs"].values()
    assert job["permissions"] == {"contents": "read"}
    assert job["timeout-minutes"] <= 60
    checkout = job["steps"][0]["with"]
    assert checkout == {"ref": "trunk", "fetch-depth": 0, "persist-credentials": False}
    assert job.get("environment") == ("extcp-bot" if which is Forge.GITHUB else None)


@pytest.mark.parametrize("which", ACTIONS)
def test_the_bots_actions_are_those_of_the_other_workflow(which: Forge) -> None:
    uses = re.findall(r"uses: (.*)", files_with_bot(which)[BOT_PATHS[which]])
    assert uses == re.findall(r"uses: (.*)", text_of(which))


@pytest.mark.parametrize("which", ACTIONS)
def test_secrets_go_to_the_one_step_that_needs_them_by_its_environment(which: Forge) -> None:
    text = files_with_bot(which)[BOT_PATHS[which]]
    job = bot_job(which)
    wanted = {
        name: f"${{{{ secrets.{name} }}}}" for name in ("EXTCP_FORGE_TOKEN", "EXTCP_KUBECONFIG")
    }
    assert [step["env"] for step in job["steps"] if "env" in step] == [wanted]
    assert text.count("${{") == len(wanted)
    assert "secrets" not in str(job["env"])


def test_gitlab_runs_the_bot_on_its_schedules_alone_and_one_at_a_time() -> None:
    job = bot_job(Forge.GITLAB)
    assert job["rules"] == [{"if": '$CI_PIPELINE_SOURCE == "schedule"'}]
    assert job["resource_group"] == "extcp-bot"
    assert job["timeout"] == "60 minutes"


@pytest.mark.parametrize("which", EVERY)
def test_the_bot_is_installed_and_reconciles(which: Forge) -> None:
    everything = "\n".join(bot_scripts(which))
    assert '"$EXTCP_GITOPS_PACKAGE"' in everything
    assert everything.rstrip().endswith("extcp-bot reconcile")


@pytest.mark.parametrize("which", ACTIONS)
@pytest.mark.parametrize("code", [0, 1, 5])
def test_the_kubeconfig_is_a_private_file_for_as_long_as_the_bot_runs(
    which: Forge, code: int, tmp_path: Path
) -> None:
    tools = tmp_path / "tools"
    program(
        tools,
        "extcp-bot",
        f'stat -c %a "$KUBECONFIG"; cat "$KUBECONFIG"; echo "${{EXTCP_KUBECONFIG-}}"; exit {code}',
    )
    for name in ("mktemp", "cat", "rm", "stat"):
        (tools / name).symlink_to(shutil.which(name) or name)
    (script,) = (each for each in bot_scripts(which) if "extcp-bot reconcile" in each)
    done = run(script, cwd=tmp_path, path=tools, EXTCP_KUBECONFIG="kind: Config")
    assert (done.returncode, done.stderr) == (code, "")
    assert done.stdout == "600\nkind: Config\n\n"
    assert list(tmp_path.iterdir()) == [tools]


def test_zizmor_finds_nothing_in_what_github_runs(tmp_path: Path) -> None:
    for path, text in files_with_bot(Forge.GITHUB).items():
        (tmp_path / path).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / path).write_text(text)
    zizmor = Path(sys.executable).parent / "zizmor"
    done = subprocess.run(
        [zizmor, "--offline", "--format=json", "--no-config", tmp_path / ".github"],
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert (done.returncode, done.stdout.strip()) == (0, "[]"), done.stderr

from __future__ import annotations

import os
import pty
import subprocess
import sys
import threading
from typing import TYPE_CHECKING

import pytest

from extcp_gitops import __version__
from extcp_gitops.errors import ExitCode
from extcp_gitops.inventory.load import load_directory
from extcp_gitops.inventory.model import Forge, Gateways
from tests.gitrepo import program
from tests.interrupt import interrupt_when

if TYPE_CHECKING:
    from pathlib import Path

    from tests.conftest import Command

URL = "https://git.example.com/platform/mesh.git"
ASKED = ["--mesh-id", "mesh1", "--address", "istiod.example.com", "--repo-url", URL]
ALL = [*ASKED, "--tls-secret", "istiod-tls"]


def git(root: Path, *arguments: str) -> str:
    done = subprocess.run(
        ["git", "-C", root, *arguments], check=True, capture_output=True, text=True, timeout=30
    )
    return done.stdout


def test_a_new_repository_with_one_commit(extcp: Command, tmp_path: Path) -> None:
    root = tmp_path / "mesh"
    assert extcp("init", root, *ALL) == 0
    assert git(root, "log", "--format=%s") == "Describe the mesh mesh1\n"
    assert git(root, "status", "--porcelain") == ""
    assert git(root, "branch", "--show-current") == "main\n"
    assert git(root, "remote", "get-url", "origin").strip() == URL
    inventory = load_directory(root).inventory
    assert [cluster.name for cluster in inventory.clusters] == [
        "external-cluster",
        "remote-cluster-1",
    ]
    assert extcp.out == ""
    assert "Next:" in extcp.err


def test_what_is_missing_is_named_where_there_is_no_terminal(
    extcp: Command, tmp_path: Path
) -> None:
    assert extcp("init", tmp_path / "mesh", "--address", "a.example.com") == 2
    assert "--mesh-id, --repo-url, --tls-secret" in extcp.err
    assert not (tmp_path / "mesh").exists()


def test_an_issuer_or_an_ip_address_makes_the_secret_needless(
    extcp: Command, tmp_path: Path
) -> None:
    assert extcp("init", tmp_path / "a", *ASKED, "--issuer", "letsencrypt") == 0
    by_ip = ["--mesh-id", "m", "--address", "192.0.2.1", "--repo-url", URL]
    assert extcp("init", tmp_path / "b", *by_ip) == 0
    assert "EXTCP-I040" in extcp.err


def test_what_is_missing_is_asked_for_on_a_terminal(istioctl_path: Path, tmp_path: Path) -> None:
    controller, terminal = pty.openpty()
    environment = {**os.environ, "EXTCP_ISTIOCTL": str(istioctl_path), "TERM": "dumb"}
    seen = bytearray()

    def read() -> None:
        while True:
            try:
                chunk = os.read(controller, 4096)
            except OSError:
                return
            if not chunk:
                return
            seen.extend(chunk)

    reader = threading.Thread(target=read, daemon=True)
    reader.start()
    os.write(controller, b"\nistiod.example.com\nftp://nowhere\n" + URL.encode() + b"\n\n")
    done = subprocess.run(
        [sys.executable, "-m", "extcp_gitops", "init", tmp_path / "mesh"],
        stdin=terminal,
        stdout=terminal,
        stderr=terminal,
        env=environment,
        timeout=120,
        check=False,
    )
    os.close(terminal)
    reader.join(5)
    os.close(controller)
    assert done.returncode == 0, seen.decode()
    [plane] = load_directory(tmp_path / "mesh").inventory.mesh.control_planes
    assert plane.address == "istiod.example.com"
    assert plane.tls
    assert plane.tls.secret_name == "istiod-tls"  # noqa: S105 - a name


def test_remote_clusters_and_networks(extcp: Command, tmp_path: Path) -> None:
    remotes = ["--remote-cluster", "a,network=one,ingress"]
    remotes += ["--remote-cluster", "b,network=two,server=https://b.example.com:6443"]
    assert extcp("init", tmp_path / "mesh", *ALL, *remotes) == 0
    inventory = load_directory(tmp_path / "mesh").inventory
    first, second = inventory.remotes
    assert inventory.mesh.control_planes[0].config_cluster == "a"
    assert first.gateways == Gateways(ingress=True, east_west=True)
    assert (second.network, second.gateways) == ("two", Gateways(east_west=True))
    assert second.destination.server == "https://b.example.com:6443"


@pytest.mark.parametrize("remote", ["a,net=x", "a,network=", "a,network=x,network=y", "a,"])
def test_a_remote_cluster_that_cannot_be_read(extcp: Command, tmp_path: Path, remote: str) -> None:
    assert extcp("init", tmp_path / "mesh", *ALL, "--remote-cluster", remote) == 2
    assert "network=NET" in extcp.err


@pytest.mark.parametrize(
    ("url", "forge"),
    [
        ("https://github.com/a/b.git", Forge.GITHUB),
        ("git@gitlab.example.com:a/b.git", Forge.GITLAB),
        ("https://gitea.example.com/a/b.git", Forge.GITEA),
        ("https://git.example.com/a/b.git", Forge.NONE),
    ],
)
def test_the_forge_is_guessed(extcp: Command, tmp_path: Path, url: str, forge: Forge) -> None:
    arguments = [url if value == URL else value for value in ALL]
    assert extcp("init", tmp_path / "mesh", *arguments) == 0
    assert load_directory(tmp_path / "mesh").inventory.mesh.repository.forge is forge


GIT = f"extcp-gitops @ git+https://git.example.com/platform/extcp-gitops@{'0' * 40}"
UNPUBLISHED = (
    f"the forge's CI installs extcp-gitops=={__version__} from the package index, where it is not "
    "published yet: name another source as repository.package in mesh.yaml"
)


@pytest.mark.parametrize(
    ("options", "is_said"),
    [(["--forge", "gitea"], True), (["--forge", "gitea", "--package", GIT], False), ([], False)],
)
def test_that_the_forges_ci_needs_a_source_is_said_where_it_does(
    extcp: Command, tmp_path: Path, options: list[str], is_said: bool
) -> None:
    assert extcp("init", tmp_path / "mesh", *ALL, *options) == 0
    assert (UNPUBLISHED in extcp.err.partition("Next:")[2]) == is_said
    package = load_directory(tmp_path / "mesh").inventory.mesh.repository.package
    assert package == (GIT if GIT in options else None)


def test_a_package_that_could_be_anything_is_refused(extcp: Command, tmp_path: Path) -> None:
    assert extcp("init", tmp_path / "mesh", *ALL, "--package", "extcp-gitops") == 2
    assert "write extcp-gitops==VERSION" in extcp.err
    assert not (tmp_path / "mesh").exists()


def test_a_credential_in_the_url_is_refused_and_not_repeated(
    extcp: Command, tmp_path: Path
) -> None:
    arguments = ["https://u:canary@git.example.com/x" if v == URL else v for v in ALL]
    assert extcp("init", tmp_path / "mesh", *arguments) == 2
    assert "canary" not in extcp.err
    assert not (tmp_path / "mesh").exists()


def test_push(extcp: Command, tmp_path: Path) -> None:
    bare = tmp_path / "bare.git"
    subprocess.run(["git", "init", "--bare", "-q", bare], check=True, timeout=30)
    arguments = [f"file://{bare}" if value == URL else value for value in ALL]
    assert extcp("init", tmp_path / "mesh", *arguments, "--push", "--output", "json") == 0
    assert git(bare, "log", "--format=%s", "main") == "Describe the mesh mesh1\n"
    assert '"commit"' in extcp.out


def test_in_a_repository_with_other_things_nothing_else_is_committed(
    extcp: Command, tmp_path: Path
) -> None:
    subprocess.run(["git", "init", "-q", "-b", "main", tmp_path], check=True, timeout=30)
    (tmp_path / "notes.txt").write_text("mine")
    git(tmp_path, "add", "notes.txt")
    assert extcp("init", tmp_path, *ALL) == 0
    assert git(tmp_path, "status", "--porcelain") == "A  notes.txt\n"


def test_a_remote_that_is_there_stays(extcp: Command, tmp_path: Path) -> None:
    bare = tmp_path / "bare.git"
    git(tmp_path, "init", "--bare", "-q", bare.name)
    git(tmp_path, "clone", "-q", f"file://{bare}", "mesh")
    git(tmp_path / "mesh", "symbolic-ref", "HEAD", "refs/heads/main")
    assert extcp("init", tmp_path / "mesh", *ALL, "--push") == 0
    assert git(tmp_path / "mesh", "remote", "get-url", "origin") == f"file://{bare}\n"
    assert f"'origin' stays as it is; Argo CD will read from {URL}" in extcp.err
    assert git(bare, "log", "--format=%s", "main") == "Describe the mesh mesh1\n"


def _with_commit_on(root: Path, branch: str) -> None:
    git(root.parent, "init", "-q", "-b", branch, str(root))
    git(root, "commit", "-q", "--allow-empty", "-m", "Begin")


def test_another_branch_than_argo_cd_follows_is_refused(extcp: Command, tmp_path: Path) -> None:
    root = tmp_path / "mesh"
    _with_commit_on(root, "trunk")
    assert extcp("init", root, *ALL, "--push") == 1
    assert "EXTCP-G026" in extcp.err
    assert "git switch --create main, or give --branch trunk" in extcp.err
    git(root, "branch", "main")
    assert extcp("init", root, *ALL, "--push") == 1
    assert "git switch main, or give --branch trunk" in extcp.err
    assert [path.name for path in root.iterdir()] == [".git"]
    assert extcp("init", root, *ALL, "--branch", "trunk") == 0
    assert git(root, "log", "--format=%s", "trunk") == "Describe the mesh mesh1\nBegin\n"
    assert load_directory(root).inventory.mesh.repository.branch == "trunk"


def test_the_first_commit_is_on_the_branch_that_argo_cd_follows(
    extcp: Command, tmp_path: Path
) -> None:
    git(tmp_path, "init", "-q", "-b", "master")
    assert extcp("init", tmp_path, *ALL, "--branch", "prod") == 0
    assert git(tmp_path, "log", "--format=%s", "prod") == "Describe the mesh mesh1\n"
    assert git(tmp_path, "branch", "--show-current") == "prod\n"
    assert f"git -C {tmp_path} push -u origin prod" in extcp.err


def test_a_part_of_a_larger_repository_is_refused(extcp: Command, tmp_path: Path) -> None:
    _with_commit_on(tmp_path / "larger", "main")
    root = tmp_path / "larger/infrastructure"
    root.mkdir()
    (root / "notes.txt").write_text("mine")
    assert extcp("init", root, *ALL) == 1
    assert "EXTCP-G053" in extcp.err
    assert [path.name for path in root.iterdir()] == ["notes.txt"]
    assert f"git init --initial-branch=main {root}" in extcp.err
    git(tmp_path, "init", "-q", "--initial-branch=main", str(root))
    assert extcp("init", root, *ALL) == 0


@pytest.mark.parametrize("is_there", [True, False])
def test_a_new_directory_is_a_repository_of_its_own_wherever_it_is(
    extcp: Command, tmp_path: Path, is_there: bool
) -> None:
    _with_commit_on(tmp_path, "trunk")
    root = tmp_path / "build/mesh"
    if is_there:
        root.mkdir(parents=True)
    assert extcp("init", root, *ALL) == 0
    assert git(root, "log", "--format=%s", "main") == "Describe the mesh mesh1\n"
    assert git(tmp_path, "log", "--format=%s") == "Begin\n"


def test_what_git_leaves_undone_is_said_with_the_commands_that_do_it(
    extcp: Command, tmp_path: Path
) -> None:
    root = tmp_path / "mesh"
    git(tmp_path, "init", "-q", "-b", "main", str(root))
    (root / ".git/index.lock").touch()
    bare = tmp_path / "bare.git"
    arguments = [f"file://{bare}" if value == URL else value for value in ALL]
    assert extcp("init", root, *arguments) == 1
    assert "EXTCP-G024" in extcp.err
    (root / ".git/index.lock").unlink()
    *_, state, commands = extcp.err.splitlines()
    assert state == "EXTCP-G051 the files are written, not committed"
    _, commit, add, push = commands.replace(": ", " && ").split(" && ")
    assert extcp(*commit.split()[1:]) == 0
    subprocess.run(add.split(), check=True, timeout=30)
    git(tmp_path, "init", "-q", "--bare", bare.name)
    subprocess.run(push.split(), check=True, timeout=30)
    assert git(root, "status", "--porcelain") == ""
    assert git(bare, "rev-parse", "main") == git(root, "rev-parse", "HEAD")


def test_a_push_that_fails_leaves_a_commit_and_says_so(extcp: Command, tmp_path: Path) -> None:
    root = tmp_path / "mesh"
    arguments = [f"file://{tmp_path}/none.git" if value == URL else value for value in ALL]
    assert extcp("init", root, *arguments, "--push") == 1
    assert extcp.err.index("EXTCP-G030") < extcp.err.index("EXTCP-G052")
    assert extcp.err.endswith(f": git -C {root} push -u origin main\n")
    assert git(root, "status", "--porcelain") == ""


def test_an_interrupted_push_leaves_a_commit_and_says_so(
    istioctl_path: Path, tmp_path: Path
) -> None:
    root, bare, witness = tmp_path / "mesh", tmp_path / "bare.git", tmp_path / "witness"
    git(tmp_path, "init", "-q", "--bare", bare.name)
    (bare / "hooks").mkdir(exist_ok=True)
    program(bare / "hooks/pre-receive", f"touch {witness}", "exec sleep 60")
    arguments = [f"file://{bare}" if value == URL else value for value in ALL]
    status, said = interrupt_when(witness, istioctl_path, "init", root, *arguments, "--push")
    assert status == ExitCode.INTERRUPTED, said
    assert "EXTCP-G052 interrupted: the files are written and committed, not pushed" in said
    assert said.endswith(f": git -C {root} push -u origin main\n")
    assert git(root, "status", "--porcelain") == ""


def test_a_persons_readme_is_in_the_way_and_stays(extcp: Command, tmp_path: Path) -> None:
    (tmp_path / "README.md").write_text("mine")
    assert extcp("init", tmp_path, *ALL) == 1
    assert "README.md" in extcp.err
    assert [path.name for path in tmp_path.iterdir()] == ["README.md"]

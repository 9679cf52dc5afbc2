"""``extcp-bot check`` from its arguments to its exit code, on simulated clusters."""

from __future__ import annotations

import json
import signal
import stat
from typing import TYPE_CHECKING, Any
from xml.etree import ElementTree as ET

import pytest

from extcp_bot.report import FORMATS
from tests.bot import reachable
from tests.bot.apiserver import TOKEN, never
from tests.bot.fleets import CONFIG, EXTERNAL, SECOND
from tests.bot.reachable import ISTIODS_TOKEN, SECRETS

if TYPE_CHECKING:
    import subprocess
    from pathlib import Path

    from tests.bot.commands.conftest import Bot

SHAPE = ("check", "--check", "secret-shape")
REMOTE_SECRET = f"{SECRETS}/istio-remote-secret-{SECOND}"


def test_all_is_well(bot: Bot) -> None:
    assert bot(*SHAPE) == 0
    assert bot.out.startswith("mesh1: 2 of 2 clusters are healthy\n")
    assert bot.err == ""


def test_something_is_wrong(bot: Bot) -> None:
    del bot.mesh.external.objects[REMOTE_SECRET]
    assert bot(*SHAPE) == 1
    assert f"critical  EXTCP-H05 secret-shape  {SECOND}\n" in bot.out


def test_nobody_could_look(bot: Bot) -> None:
    bot.mesh.external.denied |= {SECRETS, f"{SECRETS}/istio-kubeconfig"}
    assert bot(*SHAPE) == 5
    assert "\nunknown  EXTCP-H05 secret-shape  " in bot.out


def test_a_cluster_that_nobody_can_reach_costs_itself_alone(bot: Bot) -> None:
    (bot.root / "bot.yaml").write_text(
        "apiVersion: extcp-gitops.io/v1alpha1\nkind: Bot\ncontexts:\n"
        f"  {EXTERNAL}: {EXTERNAL}\n  {SECOND}: there-is-none\n"
    )
    assert bot(*SHAPE) == 0  # this check asks the external cluster alone


@pytest.mark.parametrize("name", ["EXTCP-H05", "h05", "secret-shape"])
def test_checks_and_clusters_are_chosen_by_name(bot: Bot, name: str) -> None:
    assert bot("check", "--check", name, "--cluster", SECOND, "--output", "json") == 0
    said = json.loads(bot.out)
    assert {(each["code"], each["cluster"]) for each in said["results"]} == {("EXTCP-H05", SECOND)}


def test_names_that_nobody_has_are_one_error(bot: Bot) -> None:
    lost = ("secret-shap", "H99", "H98", "P07")
    chosen = (word for name in lost for word in ("--check", name))
    status = bot("check", *chosen, "--cluster", "remote-1")
    assert (status, bot.out) == (2, "")
    assert "There is no check 'secret-shap'; did you mean 'secret-shape'?" in bot.err
    assert "There is no check 'H99' or 'H98'; there are EXTCP-H01 endpoint, " in bot.err
    assert "'P07' is none of these checks: EXTCP-P07 looks at a cluster that is to join" in bot.err
    assert f"There is no cluster 'remote-1'; did you mean '{CONFIG}'?" in bot.err
    assert bot.mesh.external.requests == []
    assert bot("check", "--cluster", "another") == 2
    assert "There is no cluster 'another'; see 'extcp-gitops cluster list'." in bot.err


def test_a_check_is_explained_without_a_repository(bot: Bot) -> None:
    (bot.root / "mesh.yaml").unlink()
    assert bot("check", "--explain", "h05") == 0
    assert bot.out.startswith("# EXTCP-H05 secret-shape\n\n**Is the Secret")
    assert "- **not-labelled**: " in bot.out
    assert "external, in the control plane's namespace: get, list `secrets`" in bot.out
    assert bot("check", "--explain", "EXTCP-L02") == 0
    assert "Remove a remote cluster" in bot.out
    assert bot("check", "--explain", "network") == 0
    assert all(f"# EXTCP-{code} network\n" in bot.out for code in ("H13", "P06"))
    assert bot("check", "--explain", "X01") == 2
    assert "There is no check 'X01'; there are EXTCP-H01 endpoint, " in bot.err
    assert bot.mesh.external.requests == []


def test_nothing_to_look_at_is_not_well(bot: Bot) -> None:
    assert bot(*SHAPE, "--cluster", EXTERNAL) == 2
    assert f"None of the chosen checks looks at {EXTERNAL}." in bot.err


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["--watch", "--serve", ":80"], "leave out --watch"),
        (["--interval", "5"], "--interval is for --watch and --serve"),
        (["--serve", ":80", "--output", "json"], "--serve answers in all forms"),
        (["--watch", "--output", "html"], "for html name an --output-file"),
        (["--serve", "80"], "'80' is not [HOST]:PORT"),
        (["--serve", ":99999"], "':99999' is not [HOST]:PORT"),
        (["--context", SECOND], f"'{SECOND}' is not CLUSTER=CONTEXT"),
        (["--connect-to", "a:1:b"], "'a:1:b' is not HOST:PORT:ADDRESS:PORT"),
        (["--connect-to", ":1:b:2"], "':1:b:2' is not HOST:PORT:ADDRESS:PORT"),
    ],
)
def test_what_makes_no_sense_is_refused(bot: Bot, arguments: list[str], words: str) -> None:
    assert bot("check", *arguments) == 2
    assert words in " ".join(bot.err.split())


def test_outside_of_a_repository_it_says_so(bot: Bot) -> None:
    (bot.root / "mesh.yaml").unlink()
    assert bot("check") == 1
    assert "EXTCP-I010" in bot.err


@pytest.mark.parametrize("form", FORMATS)
def test_no_form_shows_a_credential(bot: Bot, form: str) -> None:
    bot.mesh.external.denied.add("/api/v1/namespaces")
    bot("check", "--output", form)
    assert "EXTCP-H" in bot.out
    for canary in (TOKEN, ISTIODS_TOKEN):
        assert canary not in bot.out + bot.err


def test_a_file_is_written_in_place_of_standard_output(bot: Bot, tmp_path: Path) -> None:
    file = tmp_path / "report.xml"
    assert bot(*SHAPE, "--output", "junit", "--output-file", file) == 0
    assert bot.out == ""
    assert bot.err == f"mesh1: 2 of 2 clusters are healthy; see {file}\n"
    assert ET.parse(file).getroot().get("tests") == "2"  # noqa: S314 - written by us
    assert stat.S_IMODE(file.stat().st_mode) & 0o400
    assert [path.name for path in tmp_path.glob("*report*")] == ["report.xml"]


def test_a_file_that_cannot_be_written_is_named(bot: Bot, tmp_path: Path) -> None:
    assert bot(*SHAPE, "--output-file", tmp_path / "none" / "report") == 1
    assert "EXTCP-B011" in bot.err


def _line(process: subprocess.Popen[str], words: str) -> str:
    assert process.stdout is not None
    for line in process.stdout:
        if words in line:
            return line
    raise AssertionError(f"it ended without a word of {words}: {process.communicate()[1]}")


def _interrupt(process: subprocess.Popen[str], number: int = signal.SIGINT) -> tuple[str, str]:
    process.send_signal(number)
    out, err = process.communicate(timeout=30)
    assert "Traceback" not in err, err
    return out, err


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_who_interrupts_sees_what_is_known_so_far(bot: Bot, number: int) -> None:
    asked = []

    async def hang(request: Any) -> Any:  # noqa: ANN401 - aiohttp's
        asked.append(request.path)
        return await never()(request)

    bot.mesh.external.handlers[SECRETS] = hang
    with reachable.start(bot.root, bot.environment, *SHAPE) as process:
        while not asked:  # ends: the test as a whole has a limit
            assert process.poll() is None
        out, _ = _interrupt(process, number)
        assert process.returncode == 130
    assert out.startswith("mesh1: interrupted; so far ")
    assert f"{SECOND}  unknown    not looked at" in out


def test_watching_says_what_changes_and_ends_with_what_the_last_look_found(bot: Bot) -> None:
    arguments = (*SHAPE, "--watch", "--interval", "0.1")
    with reachable.start(bot.root, bot.environment, *arguments) as process:
        assert _line(process, "mesh1: ").endswith(" mesh1: 2 of 2 clusters are healthy\n")
        secret = bot.mesh.external.objects.pop(REMOTE_SECRET)
        assert f"{SECOND} EXTCP-H05 secret-shape: critical: " in _line(process, "critical")
        bot.mesh.external.objects[REMOTE_SECRET] = secret
        assert _line(process, "again").endswith(
            f" {SECOND} EXTCP-H05 secret-shape: healthy again\n"
        )
        del bot.mesh.external.objects[REMOTE_SECRET]
        _line(process, "critical")
        _interrupt(process)
        assert process.returncode == 1


def test_watching_ends_when_the_reader_has_seen_enough(bot: Bot) -> None:
    arguments = (*SHAPE, "--watch", "--interval", "0.1", "--output", "json")
    with reachable.start(bot.root, bot.environment, *arguments) as process:
        _line(process, "{")
        assert process.stdout is not None
        process.stdout.close()
        assert process.wait(timeout=30) == 0


def test_watching_survives_a_repository_that_somebody_is_editing(bot: Bot) -> None:
    arguments = (*SHAPE, "--watch", "--interval", "0.1", "--output", "json")
    with reachable.start(bot.root, bot.environment, *arguments) as process:
        assert json.loads(_line(process, "{"))["complete"]
        file = bot.root / "mesh.yaml"
        text = file.read_text()
        file.write_text("kind: [")
        assert process.stderr is not None
        assert "mesh.yaml" in process.stderr.readline()
        file.write_text(text)
        assert json.loads(_line(process, "{"))["complete"]
        _interrupt(process)
        assert process.returncode == 0

from __future__ import annotations

import json
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import pytest

from extcp_bot.access import resolve
from extcp_bot.credentials import registration, watching
from extcp_gitops.generate import Options, generate
from tests.bot import reachable
from tests.bot.credentials.ready import (
    DELIVERED,
    NAMESPACES,
    READER_TOKEN,
    SECOND_TOKEN,
    Ready,
    ready,
)
from tests.bot.credentials.test_sealed import Controller
from tests.bot.fleets import CONFIG, PLANE, SECOND
from tests.bot.identities import SECRETS

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from extcp_bot.target import Fleet

ONE = ("--cluster", SECOND)


class Command:
    """Runs ``extcp-bot credential`` in this process, and keeps what it printed."""

    def __init__(self, mesh: Ready, root: Path, capsys: pytest.CaptureFixture[str]) -> None:
        self.mesh = mesh
        self.out = ""
        self.err = ""
        self.printed = ""
        self.root = root
        self._capsys = capsys

    def __call__(self, *arguments: str) -> int:
        """The exit code."""
        from extcp_bot.cli import run  # noqa: PLC0415 - tests of the lazy imports come first

        status = run(["-C", str(self.root), "credential", *arguments])
        self.out, self.err = self._capsys.readouterr()
        self.printed += self.out + self.err
        return status

    def json(self, *arguments: str) -> list[dict[str, Any]]:
        """What it printed as JSON."""
        self(*arguments, "--output", "json")
        said: list[dict[str, Any]] = json.loads(self.out)
        return said


@pytest.fixture
def command(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> Iterator[Command]:
    root = tmp_path / "mesh"
    with ready() as mesh:
        reachable.write(mesh, root)

        async def fleet(_root: Path, _choice: resolve.Choice) -> Fleet:
            return replace(mesh.fleet)

        monkeypatch.setattr(resolve, "fleet", fleet)
        monkeypatch.setattr(registration, "GOES", 0.2)
        monkeypatch.setattr(watching, "SETTLE", 0.0)
        monkeypatch.setattr(watching, "INTERVAL", 0.05)
        yield Command(mesh, root, capsys)


def test_delivers_to_all_and_then_writes_nothing(command: Command) -> None:
    assert command("deliver") == 0
    assert f"{SECOND}: created, with the token of Secret" in command.out
    assert f"{CONFIG}: created" in command.out
    command.mesh.outside.written.clear()
    assert command("deliver") == 0
    assert f"{SECOND}: unchanged" in command.out
    assert command.mesh.outside.written == []


def test_a_dry_run_has_something_to_do(command: Command) -> None:
    assert command("deliver", *ONE, "--dry-run") == 4
    assert f"{SECOND}: would be created" in command.out
    assert command.mesh.outside.written == []
    command("deliver", *ONE)
    assert command("deliver", *ONE, "--dry-run") == 0


def test_what_is_not_due_yet_is_pending(command: Command) -> None:
    del command.mesh.second.objects[f"{NAMESPACES}/{PLANE}"]
    assert command("deliver", *ONE) == 4
    assert "waiting" in command.out
    assert "to do: " in command.out


def test_what_a_person_has_to_decide(command: Command) -> None:
    command.mesh.outside.put(SECRETS, {"metadata": {"name": f"istio-remote-secret-{SECOND}"}})
    assert command("deliver") == 1
    assert "refused" in command.out


def test_what_nobody_could_tell(command: Command) -> None:
    command.mesh.second.denied.add(NAMESPACES)
    found = command.json("deliver")
    assert {each["cluster"]: each["outcome"] for each in found} == {
        CONFIG: "created",
        SECOND: "unknown",
    }
    assert command("deliver", *ONE) == 5


def test_the_address_is_for_one_cluster(command: Command) -> None:
    assert command("deliver", "--server", "https://10.0.0.2") == 2
    assert command("deliver", *ONE, "--server", "https://10.0.0.2") == 0
    assert "server: https://10.0.0.2\n" in command.mesh.kubeconfig()
    assert command("deliver", *ONE, "--server", "https://127.0.0.1") == 1


def test_the_join_order_trap_is_mended(command: Command) -> None:
    command("deliver", *ONE)
    item = command.mesh.external.objects[DELIVERED]
    item["metadata"]["creationTimestamp"] = "2026-01-01T00:00:00Z"
    assert command("deliver", *ONE) == 0
    assert f"{SECOND}: replaced" in command.out
    assert command.mesh.outside.verbs == ["CREATE", "DELETE", "CREATE"]


def test_rotates_and_tells_each_step(command: Command) -> None:
    command("deliver")
    assert command("rotate", *ONE) == 0
    assert f"{SECOND}: rotated" in command.out
    assert "made Secret" in command.err
    assert command.mesh.token(SECOND_TOKEN) in command.mesh.kubeconfig()
    (found,) = command.json("rotate", *ONE)
    assert (found["outcome"], found["dryRun"]) == ("rotated", False)
    assert any(step.startswith("proved") for step in found["steps"])


def test_rotates_nothing_unasked(command: Command) -> None:
    assert command("rotate") == 2
    assert command("rotate", *ONE) == 4  # there is nothing to rotate yet
    command("deliver")
    assert command("rotate", *ONE, "--dry-run") == 4
    assert command.mesh.inside.written == []


def test_lists_what_istiod_has(command: Command) -> None:
    command("deliver")
    found = {each["cluster"]: each for each in command.json("list")}
    assert set(found) == {CONFIG, SECOND}
    assert found[SECOND]["secret"] == f"{PLANE}/istio-remote-secret-{SECOND}"
    assert found[SECOND]["key"] == SECOND
    assert found[SECOND]["expires"] is None
    assert found[SECOND]["proven"]
    command("list")
    assert command.out.startswith("CLUSTER")
    assert f"{PLANE}/istio-remote-secret-{SECOND}" in command.out


def test_lists_what_does_not_work(command: Command) -> None:
    command("deliver")
    command.mesh.second.accepted.discard(command.mesh.token())
    assert command("list", *ONE) == 1
    assert "unhealthy" in command.out
    assert "EXTCP-H06 revoked" in command.out
    assert "  to do: deliver the credential again: README.md, steps 2 to 4" in command.out
    assert "  command: istioctl --context " in command.out
    (found,) = command.json("list", *ONE)
    assert found["proven"] is None


def test_lists_what_nobody_may_see(command: Command) -> None:
    command.mesh.external.denied.add(SECRETS)
    assert command("list", *ONE) == 5
    assert "unknown" in command.out
    assert "  to do: " in command.out


PLACE = f"clusters/{SECOND}/credential"


@pytest.fixture
def generated(
    command: Command, istioctl_path: Path, render_cache: Path, monkeypatch: pytest.MonkeyPatch
) -> Path:
    """The repository, with all that is generated."""
    monkeypatch.setenv("EXTCP_CACHE_DIR", str(render_cache))
    generate(command.root, Options(istioctl=istioctl_path))
    return command.root


def test_documents_for_git(command: Command, generated: Path, istioctl_path: Path) -> None:
    words = ("document", *ONE, "--istioctl", str(istioctl_path))
    assert command(*words, "--as", "external-secret", "--store", "vault") == 0, command.err
    assert f"+ {PLACE}/external-secret.yaml" in command.err
    assert f"~ clusters/{SECOND}/argocd/applications.yaml" in command.err
    assert (generated / PLACE / "kustomization.yaml").is_file()
    assert command(*words, "--as", "external-secret", "--store", "vault") == 0
    assert "nothing to do" in command.err
    certificate = generated.parent / "cert.pem"
    certificate.write_bytes(Controller().certificate)
    sealed = (*words, "--as", "sealed-secret", "--certificate", str(certificate))
    assert command(*sealed) == 0
    assert f"- {PLACE}/external-secret.yaml" in command.err
    before = (generated / PLACE / "sealed-secret.yaml").read_bytes()
    assert command(*sealed) == 0
    assert (generated / PLACE / "sealed-secret.yaml").read_bytes() == before
    assert command.mesh.token().encode() not in before


def test_documents_wait_for_the_namespace(command: Command, generated: Path) -> None:
    del command.mesh.second.objects[f"{NAMESPACES}/{PLANE}"]
    assert command("document", *ONE, "--as", "external-secret", "--store", "vault") == 1
    assert "EXTCP-B062" in command.err
    assert not (generated / PLACE).exists()
    command.mesh.second.denied.add(NAMESPACES)
    assert command("document", *ONE, "--as", "external-secret", "--store", "vault") == 5
    assert "EXTCP-B063" in command.err


@pytest.mark.parametrize(
    "words",
    [
        ("--as", "external-secret"),
        ("--as", "sealed-secret"),
        (),
        ("--as", "external-secret", "--store", "x", "--cluster", CONFIG),
    ],
)
def test_documents_that_lack_something(command: Command, words: tuple[str, ...]) -> None:
    assert command("document", *ONE, *words) == 2


def test_a_cluster_that_is_not_there(command: Command) -> None:
    assert command("list", "--cluster", "nobody") == 2
    assert "no cluster 'nobody'" in command.err
    for words in (("deliver",), ("list",)):
        assert command(*words, "--cluster", "external-cluster") == 2
        assert "There is no remote cluster in external-cluster" in command.err


@pytest.mark.parametrize("words", [(), ("deliver",), ("rotate",), ("list",), ("document",)])
def test_help(command: Command, words: tuple[str, ...]) -> None:
    assert command(*words, "--help") == 0
    assert "--help" in command.out


def test_no_token_is_printed(command: Command) -> None:
    tokens = [command.mesh.token(), command.mesh.token(READER_TOKEN)]
    for words in (("deliver",), ("list",), ("rotate", *ONE), ("rotate", *ONE), ("list",)):
        command(*words)
        tokens.append(command.mesh.token())
        command(*words, "--output", "json")
    command.mesh.second.accepted.clear()
    command("list")
    command("deliver")
    assert command.printed
    assert all(token not in command.printed for token in tokens)

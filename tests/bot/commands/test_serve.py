"""``extcp-bot serve`` from its arguments to its end, on a real Gitea and simulated clusters."""

from __future__ import annotations

import signal
import socket
from typing import TYPE_CHECKING

import pytest
import urllib3

from tests.bot import reachable
from tests.bot.apiserver import TOKEN
from tests.bot.fleets import EXTERNAL
from tests.bot.proposals import desk as desks
from tests.bot.service.leases import Lease

if TYPE_CHECKING:
    import subprocess
    from pathlib import Path

    from tests.bot.commands.conftest import Bot
    from tests.bot.proposals.desk import Desk
    from tests.gitea import Gitea

REPOSITORY = ("--repository", "https://git.example.com/platform/mesh.git")


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["--cluster", "remote-cluster-1"], "No such option '--cluster'"),
        (["--lease-context", "x"], "--lease-context is for --lease"),
        (["--lease", "extcp-bot"], "'extcp-bot' is not NAMESPACE/NAME"),
        (REPOSITORY, "--repository and --forge go together"),
        (["--forge", "gitea"], "--repository and --forge go together"),
        (["--forge-api", "https://git.example.com/api"], "--forge-api is for --repository"),
        (["--forge-ca", "roots.pem"], "--forge-ca is for --repository"),
        ([*REPOSITORY, "--forge", "none"], "'none' is not one of"),
        (["--listen", "80"], "'80' is not [HOST]:PORT"),
        (["--interval", "0"], "0 is not in the range"),
    ],
)
def test_what_makes_no_sense_is_refused(bot: Bot, arguments: list[str], words: str) -> None:
    assert bot("serve", *arguments) == 2
    assert words in " ".join(bot.err.split())


def test_a_url_with_a_credential_is_refused_and_not_repeated(bot: Bot) -> None:
    url = "https://ada:secret-of-ada@git.example.com/mesh.git"
    assert bot("serve", "--repository", url, "--forge", "gitea") == 1
    assert "EXTCP-G002" in bot.err
    assert "secret-of-ada" not in bot.out + bot.err


def test_an_api_that_no_token_may_go_to_is_refused(bot: Bot) -> None:
    api = ("--forge-api", "http://git.example.com/api/v1")
    assert bot("serve", *REPOSITORY, "--forge", "gitea", *api) == 1
    assert "EXTCP-F002" in bot.err


def test_outside_of_a_repository_it_says_so(bot: Bot) -> None:
    (bot.root / "mesh.yaml").unlink()
    assert bot("serve") == 1
    assert "EXTCP-I010" in bot.err


@pytest.fixture
def _programs(
    kustomize_on_path: None,  # noqa: ARG001 - on PATH
    istioctl_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv("EXTCP_ISTIOCTL", str(istioctl_path))
    monkeypatch.setenv("GIT_ALLOW_PROTOCOL", "https")


@pytest.fixture
def desk(
    gitea: Gitea, tmp_path: Path, istioctl_path: Path, render_cache: Path, _programs: None
) -> Desk:
    return desks.begin(tmp_path / "desk", gitea.repository(), istioctl_path, render_cache)


class Serving:
    """A process of ``extcp-bot serve``, and where it answers."""

    def __init__(self, bot: Bot, desk: Desk, scratch: Path) -> None:
        with socket.create_server(("127.0.0.1", 0)) as free:
            self.port = free.getsockname()[1]
        gitea = desk.repository.gitea
        self.process: subprocess.Popen[str] = reachable.start(
            bot.root.parent,
            {
                **bot.environment,
                "EXTCP_FORGE_TOKEN": gitea.bot.token,
                "TMPDIR": str(scratch),
            },
            *("serve", "--listen", f":{self.port}", "--interval", "0.5", "--timeout", "2"),
            *("--lease", "extcp-bot/extcp-bot", "--lease-context", EXTERNAL),
            *("--repository", desk.repository.url, "--forge", "gitea"),
            *("--forge-ca", str(gitea.roots)),
        )
        self.said: list[str] = []

    def hears(self, words: str) -> None:
        assert self.process.stdout is not None
        for line in self.process.stdout:
            self.said.append(line)
            if words in line:
                return
        raise AssertionError(f"{self.said} {self.process.communicate()[1]}")

    def get(self, path: str) -> str:
        url = f"http://127.0.0.1:{self.port}{path}"
        return urllib3.request("GET", url, timeout=30, retries=False).data.decode()

    def until(self, path: str, words: str) -> str:
        while words not in (text := self.get(path)):
            assert self.process.poll() is None, self.process.communicate()
        return text

    def stop(self) -> str:
        self.process.send_signal(signal.SIGTERM)
        out, err = self.process.communicate(timeout=60)
        assert (self.process.returncode, err) == (0, "")
        return "".join(self.said) + out


def test_a_replica_after_the_other_acts_on_a_clone_of_its_own(
    bot: Bot, desk: Desk, tmp_path: Path
) -> None:
    lease = Lease(bot.mesh.external)
    scratch = tmp_path / "scratch"
    scratch.mkdir()
    said = ""
    holders = []
    for _ in range(2):
        serving = Serving(bot, desk, scratch)
        serving.hears("serving on http://127.0.0.1")
        serving.hears("this replica acts")
        holders.append(lease.spec["holderIdentity"])
        text = serving.until("/metrics", 'extcp_bot_passes_total{result="complete"} 1\n')
        assert "extcp_bot_leader 1\n" in text
        assert serving.get("/readyz").startswith("acting; ")
        assert '"mesh1"' in serving.get("/report.json")
        said += serving.stop() + text
        assert lease.spec["holderIdentity"] == ""
    assert holders[0] != holders[1]
    assert desk.dashboard()["user"]["login"] == desk.repository.gitea.bot.name
    assert not list(scratch.iterdir())
    for canary in (desk.repository.gitea.bot.token, TOKEN):
        assert canary not in said

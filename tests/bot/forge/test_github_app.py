from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING

import pytest
from cryptography.hazmat.primitives.asymmetric import ec

from extcp_bot.forge.model import ForgeError, NewPullRequest
from extcp_gitops.errors import ExtcpError
from tests.bot.forge import worlds
from tests.bot.forge.github_server import APP_ID, APP_KEY, INSTALLATION
from tests.bot.forge.worlds import on
from tests.e2e.testbed.pki import pem, rsa_key

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from extcp_bot.forge.model import Forge
    from tests.bot.forge.github_server import GitHubServer
    from tests.bot.forge.worlds import SimulatedWorld

BRANCH = "extcp/add-cluster/cluster-2"


class Opened:
    """A repository that an App looks after.

    Attributes:
        key: File with its key.
    """

    def __init__(self, world: SimulatedWorld, server: GitHubServer, scratch: Path) -> None:
        self._world, self.server = world, server
        self.key = scratch / "app.pem"
        self.write(pem(APP_KEY))

    def write(self, key: str) -> None:
        """Let this be the key."""
        self.key.touch(mode=0o600)
        self.key.write_text(key)

    def __call__(self) -> Forge:
        """The forge, for the App."""
        environment = {
            "EXTCP_GITHUB_APP_ID": APP_ID,
            "EXTCP_GITHUB_APP_KEY_FILE": str(self.key),
            "EXTCP_GITHUB_INSTALLATION_ID": INSTALLATION,
        }
        return self._world.open(environment)


@pytest.fixture
def app(tmp_path: Path) -> Iterator[Opened]:
    with worlds.github(tmp_path) as (world, server):
        server.commit(BRANCH)
        yield Opened(world, server, tmp_path)


def test_an_app_acts_under_its_own_name_with_one_token(app: Opened) -> None:
    async def work(forge: Forge) -> None:
        assert await forge.me() == "mesh-app[bot]"
        made = await forge.create_pull_request(NewPullRequest(BRANCH, "main", "A title", "body"))
        assert made.author == await forge.me()
        assert (await forge.repository()).can_push

    on(app, work)
    assert app.server.given == 1


def test_git_is_given_the_token_of_the_moment(app: Opened) -> None:
    credential = on(app, lambda forge: forge.git_credential())
    assert credential.username == "x-access-token"
    assert credential.password == "ghs_token-of-the-installation-1"  # noqa: S105


def test_a_token_is_made_anew_before_its_end(app: Opened) -> None:
    app.server.lifetime = timedelta(minutes=4)

    async def work(forge: Forge) -> None:
        first, second = await forge.git_credential(), await forge.git_credential()
        assert first.password != second.password
        await forge.repository()

    on(app, work)
    assert app.server.given == 3


def test_a_key_of_another_app_is_refused(app: Opened) -> None:
    app.write(pem(rsa_key()))
    with pytest.raises(ForgeError, match="the token is not accepted") as caught:
        on(app, lambda forge: forge.repository())
    assert caught.value.status == 401


@pytest.mark.parametrize(
    "key", ["nonsense", pem(ec.generate_private_key(ec.SECP256R1()))], ids=["none", "of a curve"]
)
def test_what_is_no_key_is_said_at_once(app: Opened, key: str) -> None:
    app.write(key)
    with pytest.raises(ExtcpError, match="EXTCP-F015"):
        app()

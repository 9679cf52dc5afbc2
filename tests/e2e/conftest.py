"""The testbed as a fixture: one for the whole run, with its progress shown as it goes."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from tests.e2e.faults.model import Stage
from tests.e2e.faults.table import Table
from tests.e2e.testbed import payments as second
from tests.e2e.testbed import report
from tests.e2e.testbed.bot import Bot
from tests.e2e.testbed.parts import cache_directory
from tests.e2e.testbed.processes import stop_all
from tests.e2e.testbed.standard import SYNC_SECONDS, Mesh, bring_up
from tests.e2e.testbed.testbed import Testbed

if TYPE_CHECKING:
    from collections.abc import Callable, Generator, Iterator

    from tests.e2e.testbed.mesh import ControlPlane

# The modules in the order in which the mesh lives; within one, the tests as they are written.
ORDER = (
    *("mesh", "traffic", "lifecycle", "control_planes", "checks", "faults"),
    *("joining", "defects", "ip_address", "drift"),
)
FAULTS = Path(__file__).resolve().parents[2] / "docs" / "faults.yaml"
_LIVE = pytest.StashKey[list[Testbed]]()
_EVIDENCE = pytest.StashKey[list[str]]()


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """One mesh lives through all tests, so their order is that of its life."""
    items.sort(key=lambda item: ORDER.index(Path(item.path).stem.removeprefix("test_")))


@pytest.fixture(autouse=True)
def _hermetic() -> None:
    """The sandbox is the hermetic world here, in place of what the other tests have."""


@pytest.fixture(scope="session")
def say(pytestconfig: pytest.Config) -> Callable[[str], None]:
    """A line for people while the tests run."""
    capture = pytestconfig.pluginmanager.getplugin("capturemanager")

    def write(words: str) -> None:
        with capture.global_and_fixture_disabled():
            sys.stderr.write(f"\n{words}")
            sys.stderr.flush()

    return write


@pytest.fixture(scope="session")
def testbed(pytestconfig: pytest.Config, say: Callable[[str], None]) -> Iterator[Testbed]:
    """The fabric, with no cluster yet; the end of the sandbox takes away what is left."""
    running = Testbed(cache_directory() / "testbed" / "e2e", say)
    pytestconfig.stash[_LIVE] = [running]
    yield running
    stop_all()
    running.close()


@pytest.fixture(scope="session")
def mesh(testbed: Testbed) -> Mesh:
    """The standard mesh: it serves across two networks."""
    return bring_up(testbed)


@pytest.fixture(scope="session")
def payments(mesh: Mesh) -> ControlPlane:
    """The second control plane beside the standard mesh."""
    return second.add(mesh)


@pytest.fixture(scope="session")
def stage(pytestconfig: pytest.Config, mesh: Mesh, payments: ControlPlane) -> Stage:
    """Both control planes, and the bot with its accounts in all their clusters."""
    clusters = [mesh.external, *mesh.remotes, payments.config]
    bot = Bot(mesh, clusters)
    bot.install()
    mesh.argocd.wait_synced(SYNC_SECONDS)
    return Stage(mesh, payments, bot, lambda: _keep_evidence(pytestconfig))


@pytest.fixture(scope="session")
def table(pytestconfig: pytest.Config, stage: Stage) -> Table:
    """What docs/checks.md says of the faults; ``--update-faults`` writes it anew."""
    is_wanted = pytestconfig.getoption("--update-faults")
    file = FAULTS if is_wanted else stage.mesh.testbed.base / FAULTS.name
    return Table(file, stage)


def pytest_addoption(parser: pytest.Parser) -> None:
    """``--update-faults``: take what is seen now for the table of docs/checks.md."""
    parser.addoption("--update-faults", action="store_true", help="rewrite docs/faults.yaml")


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(
    item: pytest.Item,
) -> Generator[None, pytest.TestReport, pytest.TestReport]:
    """Keep the state of the first failure, and print the lines that matter."""
    result = yield
    if result.failed:
        _keep_evidence(item.config)
        if lines := item.config.stash.get(_EVIDENCE, []):
            result.sections.append(("testbed", "\n".join(lines)))
            lines.clear()
    return result


def _keep_evidence(config: pytest.Config) -> None:
    """Of the first failure; a fault calls this before it puts things back."""
    live = config.stash.get(_LIVE, [])
    if live:
        running = live.pop()
        kept = running.base.with_name("failure")
        config.stash[_EVIDENCE] = [*report.collect(running, kept), f"All of it: {kept}"]

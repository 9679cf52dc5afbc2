"""The testbed as a fixture: one for the whole run, with its progress shown as it goes."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from tests.e2e.testbed import payments as second
from tests.e2e.testbed import report
from tests.e2e.testbed.parts import cache_directory
from tests.e2e.testbed.processes import stop_all
from tests.e2e.testbed.standard import Mesh, bring_up
from tests.e2e.testbed.testbed import Testbed

if TYPE_CHECKING:
    from collections.abc import Callable, Generator, Iterator

    from tests.e2e.testbed.mesh import ControlPlane

# The modules in the order in which the mesh lives; within one, the tests as they are written.
ORDER = ("mesh", "traffic", "lifecycle", "control_planes", "defects", "ip_address", "drift")
_LIVE = pytest.StashKey[list[Testbed]]()


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


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(
    item: pytest.Item,
) -> Generator[None, pytest.TestReport, pytest.TestReport]:
    """Keep the state of the first failure, and print the lines that matter."""
    result = yield
    live = item.config.stash.get(_LIVE, [])
    if result.failed and live:
        running = live.pop()
        kept = running.base.with_name("failure")
        lines = report.collect(running, kept)
        result.sections.append(("testbed", "\n".join([*lines, f"All of it: {kept}"])))
    return result

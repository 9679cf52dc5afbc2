"""Runs one change again and again, and stops it at every call into the operating system in turn.

``python -m tests.write.interrupted HOW DIRECTORY`` prints how each run ended. It is a program of
its own because it forks, and because an audit hook cannot be taken off again.
"""

from __future__ import annotations

import contextlib
import errno
import itertools
import json
import mmap
import os
import shutil
import signal
import sys
import time
import traceback
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from extcp_gitops.errors import ExtcpError
from extcp_gitops.render.stamp import stamp
from tests.write.conftest import Repository

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Iterable, Iterator

CALLS = {
    *("open", "fcntl.flock", "shutil.rmtree"),
    *("os.mkdir", "os.rmdir", "os.rename", "os.remove", "os.chmod", "os.scandir"),
}
EXIT_DONE, EXIT_ERROR, EXIT_INTERRUPTED, EXIT_BUG = 0, 10, 130, 3


def generated(version: str, *paths: str) -> dict[str, bytes]:
    return {path: stamp(path, f"version: {version}\n") for path in paths}


SAME = generated("1", "README.md", ".extcp-gitops/.gitignore", "clusters/a/x.yaml")
OLD = SAME | generated("1", "clusters/a/y.yaml", "istio/1/a/x.yaml", "istio/1/y.yaml")
NEW = SAME | generated("2", "clusters/a/y.yaml", "clusters/b/argocd/x.yaml", "istio/2/y.yaml")
PERSON = {"mesh.yaml": b"version: 2\n", "clusters/b/cluster.yaml": b"kind: Cluster\n"}
OTHERS = {"mesh.yaml": b"version: 1\n", "clusters/a/custom/x.yaml": b"mine\n"}


@dataclass
class Outcome:
    """How a run ended, what stood at once, and what stands after the next one took the lock."""

    ended: str
    at_once: str
    afterwards: str


class Scenes:
    """The tree as it was and as it should become, and a fresh copy of the former for each run."""

    def __init__(self, directory: Path) -> None:
        self._directory = directory
        self._template = Repository(directory / "template")
        self._template.lay(OTHERS)
        self._template.write(OLD)
        after = Repository(directory / "after")
        shutil.copytree(self._template.root, after.root)
        change(after)
        self.known = {"old": self._template.snapshot(), "new": after.snapshot()}

    def fresh(self) -> Repository:
        scene = Repository(self._directory / "scene")
        shutil.rmtree(scene.root, ignore_errors=True)
        shutil.copytree(self._template.root, scene.root)
        return scene

    def name(self, snapshot: dict[str, bytes], *, leftovers: bool = False) -> str:
        """``old``, ``new``, or what is wrong; ``leftovers`` of the journal may still be there."""
        if leftovers:
            parts = (".extcp-gitops/journal", ".extcp-gitops/lock")
            snapshot = {path: raw for path, raw in snapshot.items() if not path.startswith(parts)}
        for name, known in self.known.items():
            if snapshot == known:
                return name
        return f"mixed: {sorted(snapshot)}"


def change(repository: Repository) -> None:
    repository.write(NEW, PERSON)


def recover(repository: Repository) -> None:
    with repository.workspace.locked():
        pass


def arm(strike: Callable[[int], None], calls: Collection[str] = CALLS) -> None:
    """Call ``strike`` with the number of each call from now on."""
    count = 0

    def hook(event: str, _: object) -> None:
        nonlocal count
        if event in calls:
            count += 1
            strike(count)

    sys.addaudithook(hook)


def run_child(work: Callable[[], None]) -> str:
    """How it ended: ``done``, ``error``, ``interrupted``, ``killed`` or ``bug``."""
    child = os.fork()
    if child == 0:
        code = EXIT_DONE
        try:
            work()
        except ExtcpError:
            code = EXIT_ERROR
        except KeyboardInterrupt:
            code = EXIT_INTERRUPTED
        except BaseException:  # noqa: BLE001 - the child must not run on as a second parent
            with contextlib.suppress(BaseException):
                traceback.print_exc()
            code = EXIT_BUG
        os._exit(code)
    status = os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])
    names = {
        EXIT_DONE: "done",
        EXIT_ERROR: "error",
        EXIT_INTERRUPTED: "interrupted",
        -signal.SIGKILL: "killed",
    }
    return names.get(status, "bug")


def kill(_: int = 0) -> None:
    os.kill(os.getpid(), signal.SIGKILL)


def fail(count: int) -> None:
    code = (errno.ENOSPC, errno.EACCES, errno.EIO)[count % 3]
    raise OSError(code, os.strerror(code))


def interrupt(_: int) -> None:
    raise KeyboardInterrupt


def at(moment: int, strike: Callable[[int], None]) -> Callable[[int], None]:
    return lambda count: strike(count) if count == moment else None


def since(moment: int, strike: Callable[[int], None]) -> Callable[[int], None]:
    return lambda count: strike(count) if count >= moment else None


def every_moment(
    scenes: Scenes,
    when: Callable[[int, Callable[[int], None]], Callable[[int], None]],
    strike: Callable[[int], None],
) -> Iterator[Outcome]:
    """Strike at each call of the change in turn, until a run gets by without."""
    moment = 0
    struck = mmap.mmap(-1, 1)  # shared with the child
    struck[0] = 1

    def strike_and_tell(count: int) -> None:
        struck[0] = 1
        strike(count)

    while struck[0]:
        moment += 1
        scene = scenes.fresh()
        struck[0] = 0

        def work(scene: Repository = scene, moment: int = moment) -> None:
            arm(when(moment, strike_and_tell))
            change(scene)

        ended = run_child(work)
        at_once = scenes.name(scene.snapshot(), leftovers=True)
        recover(scene)
        yield Outcome(ended, at_once, scenes.name(scene.snapshot()))


def kill_recovery(scenes: Scenes, kill_at: int) -> Iterator[Outcome]:
    """Kill the change at one moment, then what takes it back at each moment in turn."""
    ended = "killed"
    moment = 0
    while ended == "killed":
        moment += 1
        scene = scenes.fresh()

        def first(scene: Repository = scene) -> None:
            arm(at(kill_at, kill))
            change(scene)

        def second(scene: Repository = scene, moment: int = moment) -> None:
            arm(at(moment, kill))
            recover(scene)

        run_child(first)
        ended = run_child(second)
        at_once = scenes.name(scene.snapshot(), leftovers=True)
        recover(scene)
        yield Outcome(ended, at_once, scenes.name(scene.snapshot()))


def kill_by_the_clock(scenes: Scenes) -> Iterator[Outcome]:
    """Kill between two calls as well: whenever it happens to be."""
    for moment in range(40):
        scene = scenes.fresh()
        child = os.fork()
        if child == 0:
            change(scene)
            os._exit(EXIT_DONE)
        time.sleep(moment * 0.0005)
        os.kill(child, signal.SIGKILL)
        os.waitpid(child, 0)
        at_once = scenes.name(scene.snapshot(), leftovers=True)
        recover(scene)
        yield Outcome("killed", at_once, scenes.name(scene.snapshot()))


def kill_half_way(scenes: Scenes) -> Iterator[Outcome]:
    """Kill between the renames, and leave the scene as it is for somebody to look at."""
    scene = scenes.fresh()

    def work() -> None:
        arm(at(5, kill), {"os.rename"})
        change(scene)

    yield Outcome(run_child(work), scenes.name(scene.snapshot(), leftovers=True), "not run")


WAYS: dict[str, Callable[[Scenes], Iterable[Outcome]]] = {
    "kill": lambda scenes: every_moment(scenes, at, kill),
    "fail": lambda scenes: every_moment(scenes, at, fail),
    "fail-since": lambda scenes: every_moment(scenes, since, fail),
    "interrupt": lambda scenes: every_moment(scenes, at, interrupt),
    "kill-recovery": lambda scenes: itertools.chain.from_iterable(
        kill_recovery(scenes, kill_at) for kill_at in (30, 52, 58, 64)
    ),
    "kill-by-the-clock": kill_by_the_clock,
    "kill-half-way": kill_half_way,
}

if __name__ == "__main__":
    found = WAYS[sys.argv[1]](Scenes(Path(sys.argv[2])))
    print(json.dumps([asdict(outcome) for outcome in found]))  # noqa: T201 - its result

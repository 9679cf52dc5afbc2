"""A fault, the stage on which it is injected, and what the bot is expected to say."""

from __future__ import annotations

import copy
import json
import time
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from tests.e2e.testbed.api import url
from tests.e2e.testbed.processes import run

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from contextlib import AbstractContextManager

    from tests.e2e.testbed.api import Object
    from tests.e2e.testbed.bot import Bot, Result
    from tests.e2e.testbed.kubernetes import Cluster
    from tests.e2e.testbed.mesh import ControlPlane
    from tests.e2e.testbed.standard import Mesh

SETTLE_SECONDS = 60
_OURS = ("resourceVersion", "uid", "creationTimestamp", "generation", "managedFields")


@dataclass
class Stage:
    """The live mesh, with what a fault needs to break it and to put it back.

    Attributes:
        mesh: The standard mesh.
        payments: The second control plane, behind a private CA.
        bot: Looks at all clusters.
    """

    mesh: Mesh
    payments: ControlPlane
    bot: Bot
    _kept: list[tuple[Cluster, str, str | None, str, Object]] = field(default_factory=list)

    @property
    def external(self) -> Cluster:
        """The external cluster."""
        return self.mesh.external

    @property
    def config(self) -> Cluster:
        """The config cluster of the standard mesh."""
        return self.mesh.config

    @property
    def second(self) -> Cluster:
        """The further remote cluster of the standard mesh."""
        return self.mesh.remotes[1]

    def change(
        self,
        cluster: Cluster,
        resource: str,
        namespace: str | None,
        name: str,
        change: Callable[[Object], None],
    ) -> None:
        """Change a live object, behind Argo CD's back; it is put back at the end of the test."""
        item = cluster.api.get(resource, namespace, name)
        self._kept.append((cluster, resource, namespace, name, copy.deepcopy(item)))
        change(item)
        cluster.api.call("PUT", url(resource, namespace, name), item)

    def remove(self, cluster: Cluster, resource: str, namespace: str | None, name: str) -> None:
        """Delete a live object; it is put back at the end of the test."""
        item = cluster.api.get(resource, namespace, name)
        self._kept.append((cluster, resource, namespace, name, item))
        cluster.api.delete(resource, namespace, name)

    def wait_said(self, expected: frozenset[str]) -> list[Result]:
        """Look until the bot says exactly this; Envoy and istiod take a moment to follow."""
        deadline = time.monotonic() + SETTLE_SECONDS
        while True:
            results = self.bot.check()
            seen = said(results)
            if seen == expected:
                return results
            if time.monotonic() > deadline:
                assert sorted(seen) == sorted(expected)

    def as_administrator(self, *options: str) -> list[Result]:
        """The results of a check with the rights of the mesh's operator."""
        repository = self.mesh.repository
        done = run(
            ["extcp-bot", "check", "--output=json", *options],
            cwd=repository.directory,
            env=repository.environment,
            seconds=60,
            ok=(0, 1, 5),
        )
        results: list[Result] = json.loads(done.stdout)["results"]
        return results

    def carry_out(self, command: str) -> None:
        """What the bot told a person to do, with that person's own rights."""
        repository = self.mesh.repository
        run(
            ["bash", "-euo", "pipefail", "-c", command],
            cwd=repository.directory,
            env=repository.environment,
            seconds=60,
        )

    def restore(self) -> None:
        """Put back whatever the remedy of a fault has not."""
        while self._kept:
            cluster, resource, namespace, name, item = self._kept.pop()
            live = cluster.api.find(resource, namespace, name)
            for key in _OURS:
                item["metadata"].pop(key, None)
            item.pop("status", None)
            if live is None:
                cluster.api.create(resource, namespace, item)
                continue
            item["metadata"]["resourceVersion"] = live["metadata"]["resourceVersion"]
            cluster.api.call("PUT", url(resource, namespace, name), item)


@dataclass(frozen=True)
class Fault:
    """One way to break the mesh.

    Attributes:
        name: Short and stable.
        words: What is broken, for docs/checks.md.
        names: The result that names it: ``H05 remote-cluster-2 not-labelled``. Its remedy is
            carried out.
        follows: What else is wrong, or cannot be told, because of it.
        inject: A context manager; inside it the fault is there. Where the remedy is no command,
            what stands after its ``yield`` does what the remedy says.
    """

    name: str
    words: str
    names: str
    follows: frozenset[str]
    inject: Callable[[Stage], AbstractContextManager[None]]
    by_hand: bool

    @property
    def expected(self) -> frozenset[str]:
        """All that the bot says is not healthy."""
        return self.follows | {self.names}


FAULTS: dict[str, Fault] = {}


def fault(
    words: str, *, names: str, follows: tuple[str, ...] = (), by_hand: bool = False
) -> Callable[[Callable[[Stage], Iterator[None]]], Callable[[Stage], Iterator[None]]]:
    """Declare the decorated generator as a fault, under its own name."""

    def declare(
        function: Callable[[Stage], Iterator[None]],
    ) -> Callable[[Stage], Iterator[None]]:
        name = function.__name__.replace("_", "-")
        inject = contextmanager(function)
        FAULTS[name] = Fault(name, words, names, frozenset(follows), inject, by_hand)
        return function

    return declare


def words(result: Result) -> str:
    """What a result says, in the words of :class:`Fault`."""
    verdict = result["problem"] if result["state"] == "unhealthy" else result["state"]
    return f"{result['code'].removeprefix('EXTCP-')} {result['cluster']} {verdict}"


def said(results: list[Result]) -> frozenset[str]:
    """What the bot says is not healthy."""
    return frozenset(words(result) for result in results if result["state"] != "healthy")

"""A fault, the stage on which it is injected, and what the bot is expected to say."""

from __future__ import annotations

import copy
import time
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from tests.e2e.testbed.api import url
from tests.e2e.testbed.processes import run, wait_for
from tests.e2e.testbed.standard import SYNC_SECONDS

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from contextlib import AbstractContextManager

    from tests.e2e.testbed.api import Object
    from tests.e2e.testbed.bot import Bot, Result
    from tests.e2e.testbed.kubernetes import Cluster
    from tests.e2e.testbed.mesh import ControlPlane
    from tests.e2e.testbed.standard import Mesh

_LED = "EXTCP-H09"
SETTLE_SECONDS = 150
_OURS = ("resourceVersion", "uid", "creationTimestamp", "generation", "managedFields")
_ADDRESSES = ("clusterIP", "clusterIPs")


@dataclass
class Stage:
    """The live mesh, with what a fault needs to break it and to put it back.

    Attributes:
        mesh: The standard mesh.
        payments: The second control plane, behind a private CA.
        bot: Looks at all clusters.
        keep_evidence: Keeps the state of everything, for whoever wants to know why a test failed.
    """

    mesh: Mesh
    payments: ControlPlane
    bot: Bot
    keep_evidence: Callable[[], object]
    _kept: list[tuple[Cluster, str, str | None, str, Object]] = field(default_factory=list)
    _broken: str = ""

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
        """Change a live object, behind Argo CD's back."""
        item = cluster.api.get(resource, namespace, name)
        self._kept.append((cluster, resource, namespace, name, copy.deepcopy(item)))
        change(item)
        cluster.api.call("PUT", url(resource, namespace, name), item)

    def remove(self, cluster: Cluster, resource: str, namespace: str | None, name: str) -> None:
        """Delete a live object."""
        item = cluster.api.get(resource, namespace, name)
        for key in _ADDRESSES:  # a Service comes back with those of its own
            item.get("spec", {}).pop(key, None)
        self._kept.append((cluster, resource, namespace, name, item))
        cluster.api.delete(resource, namespace, name)

    def wait_said(self, expected: frozenset[str]) -> list[Result]:
        """Look until the bot says exactly this; Envoy and istiod take a moment to follow."""
        return self._wait(expected)

    def wait_named(self, fault: Fault) -> list[Result]:
        """Look until the bot says exactly what there is to say of the fault."""
        return self._wait(fault.expected, fault.may_follow)

    def wait_led_to(self, words: str) -> Result:
        """Look until the bot says this among other things."""

        def named() -> Result | None:
            return next((each for each in self.bot.check() if says(each) == words), None)

        found: Result = wait_for(f"the bot says {words}", named, SETTLE_SECONDS)
        return found

    def wait_mended(self, fault: Fault) -> None:
        """Look until every check that named the fault is healthy again.

        And until an istiod leads again, which takes 40 s, at times a minute, where the remedy was
        to restart it, and the one before it is gone: istioctl asks that one too, to its last
        second. The others are looked at with the next fault, which is to be named by its own alone.
        """
        named = fault.expected | fault.may_follow | {fault.then or fault.names}
        codes = sorted({_LED, *(f"EXTCP-{each.split()[0]}" for each in named)})
        self._wait(frozenset(), frozenset(), *(f"--check={code}" for code in codes))
        for plane in (self.mesh.plane, self.payments):
            plane.wait_rolled_out()

    def _wait(
        self, expected: frozenset[str], allowed: frozenset[str] = frozenset(), *options: str
    ) -> list[Result]:
        deadline = time.monotonic() + SETTLE_SECONDS
        while True:
            results = self.bot.check(*options)
            seen = said(results)
            if expected <= seen <= expected | allowed:
                return results
            if time.monotonic() > deadline:
                extra, missing = sorted(seen - expected - allowed), sorted(expected - seen)
                raise AssertionError(f"the bot says {extra} besides, and does not say {missing}")

    def carry_out(self, command: str) -> None:
        """What the bot told a person to do, with that person's own rights."""
        repository = self.mesh.repository
        run(
            ["bash", "-euo", "pipefail", "-c", command],
            cwd=repository.directory,
            env=repository.environment,
            seconds=60,
        )

    @contextmanager
    def mended(self) -> Iterator[None]:
        """Inside it a fault comes and goes; one that fails leaves nothing to the next.

        What it has changed is put back, by Argo CD too, and istiod starts afresh: it may have met a
        change that it never gets over (istio#59875).

        Raises:
            AssertionError: A fault before it failed, and the mesh is not what it was.
        """
        assert not self._broken, f"not tried: the mesh is broken since {self._broken}"
        try:
            yield
        except Exception as error:
            self._broken = repr(error)
            self.keep_evidence()
            self.restore()
            self.mesh.argocd.release()
            for plane in (self.mesh.plane, self.payments):
                plane.restart()
            self.mesh.argocd.wait_looked_at(SYNC_SECONDS)
            self.mesh.argocd.hold(SYNC_SECONDS)
            self.wait_said(frozenset())
            self._broken = ""
            raise
        finally:
            self._kept.clear()

    def restore(self) -> None:
        """Put back all that a fault has changed."""
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
        may_follow: What is wrong in time: API servers, and the gateway, go on with a connection
            that is open where a new one would fail.
        then: What its remedy leads to, and whose own remedy is carried out next.
        inject: A context manager; inside it the fault is there. Where the remedy is no command,
            what stands after its ``yield`` does what the remedy says.
    """

    name: str
    words: str
    names: str
    follows: frozenset[str]
    may_follow: frozenset[str]
    then: str
    inject: Callable[[Stage], AbstractContextManager[None]]
    by_hand: bool

    @property
    def expected(self) -> frozenset[str]:
        """What the bot says is not healthy."""
        return self.follows | {self.names}


FAULTS: dict[str, Fault] = {}


def fault(
    words: str,
    *,
    names: str,
    follows: tuple[str, ...] = (),
    may_follow: tuple[str, ...] = (),
    then: str = "",
    by_hand: bool = False,
) -> Callable[[Callable[[Stage], Iterator[None]]], Callable[[Stage], Iterator[None]]]:
    """Declare the decorated generator as a fault, under its own name."""

    def declare(
        function: Callable[[Stage], Iterator[None]],
    ) -> Callable[[Stage], Iterator[None]]:
        name = function.__name__.replace("_", "-")
        inject = contextmanager(function)
        allowed = frozenset(may_follow)
        FAULTS[name] = Fault(name, words, names, frozenset(follows), allowed, then, inject, by_hand)
        return function

    return declare


def says(result: Result) -> str:
    """What a result says, in the words of :class:`Fault`."""
    verdict = result["problem"] if result["state"] == "unhealthy" else result["state"]
    return f"{result['code'].removeprefix('EXTCP-')} {result['cluster']} {verdict}"


def said(results: list[Result]) -> frozenset[str]:
    """What the bot says is not healthy."""
    return frozenset(says(result) for result in results if result["state"] != "healthy")

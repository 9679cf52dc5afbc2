"""Sees a cluster into the mesh after the merge: one look, which says how far it is.

The order is the one that istiod asks for (facts F2), always: what Argo CD applies, the namespace
with its annotation, and only then the remote secret. Where nobody could look, nothing is done.
"""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta
from typing import TYPE_CHECKING, Final

from extcp_bot import run
from extcp_bot.checks.model import Severity, State
from extcp_bot.credentials.deliver import Wish, deliver
from extcp_bot.credentials.model import Outcome
from extcp_bot.joining import stages
from extcp_bot.joining.model import Progress, Stage
from extcp_bot.kube.failure import CannotLookError
from extcp_bot.live import credentials, times
from extcp_bot.result import clean, overall
from extcp_bot.target import Target
from extcp_gitops.inventory.author import unknown_cluster
from extcp_gitops.inventory.model import Role

if TYPE_CHECKING:
    from collections.abc import Sequence

    from extcp_bot.credentials.model import Delivery
    from extcp_bot.result import Result
    from extcp_bot.target import Fleet

SETTLED: Final = timedelta(minutes=2)
"""Age of a remote secret from which on it may be taken away and made anew, for istiod to look."""

_TRAP: Final = "join-order-trap"
# Of these, a warning already says that it does not work yet.
_STRICT: Final = frozenset({Stage.SYNCED, Stage.NAMESPACE, Stage.REGISTRY})


async def follow(
    fleet: Fleet, cluster: str, *, act: bool, pace: run.Pace | None = None
) -> Progress:
    """One look at how far a cluster is; with ``act``, its remote secret is delivered in its turn.

    Args:
        fleet: Whose inventory is that of the main branch, with the cluster in it.
        cluster: Its name.
        act: Deliver the remote secret when it is its turn, and once more where istiod has looked
            too early.
        pace: Time limits of the checks.

    Returns:
        The first stage that is not reached. Whoever acted looks again, a moment later.

    Raises:
        ExtcpError: There is no such remote cluster (EXTCP-I015).
    """
    now = replace(fleet)
    try:
        return await _Following(_target(now, cluster), act=act, pace=pace).progress()
    finally:
        await now.close()


def _target(fleet: Fleet, cluster: str) -> Target:
    item = fleet.inventory.by_name.get(cluster)
    if item is None or item.role is not Role.REMOTE:
        raise unknown_cluster(fleet.inventory, cluster)
    return Target(fleet, item, fleet.inventory.control_plane_of(item))


class _Following:
    """One look at one cluster."""

    def __init__(self, target: Target, *, act: bool, pace: run.Pace | None) -> None:
        self._target = target
        self._act = act
        self._pace = pace
        self._results: list[Result] = []

    async def progress(self) -> Progress:
        for stage in Stage:
            if stage is Stage.PROVEN:
                break
            found = await self._look(stage)
            if not _is_reached(stage, found):
                return await self._stopped(stage, found)
        return self._at(Stage.PROVEN, State.HEALTHY, "proven in the mesh")

    async def _look(self, stage: Stage) -> Sequence[Result]:
        """The results of a stage; of a Secret that is not there, nothing more is asked."""
        found: list[Result] = []
        for check in stages.checks(stage):
            jobs = [run.Job(check, self._target)]
            its = (await run.run(self._target.fleet, jobs, self._pace)).sorted()
            found += its
            if not _is_reached(stage, its):
                break
        self._results += found
        return found

    async def _stopped(self, stage: Stage, found: Sequence[Result]) -> Progress:
        """What is to be said, and where it may be, done, about a stage that is not reached."""
        state = overall(each.state for each in found)
        worst = min(found, key=lambda each: each.sort_key)
        words = f"{worst.code} {worst.check}: {worst.looked_at}: {worst.found}"
        # What nobody could look at may hold the reason not to write.
        is_known = all(each.state is not State.UNKNOWN for each in found)
        if not (self._act and is_known):
            return self._at(stage, state, words)
        try:
            if stage is Stage.CREDENTIAL:
                return self._delivered(stage, words, await deliver(self._target))
            if stage is Stage.ROOT and await self._is_trapped(found):
                again = await deliver(self._target, wish=Wish(renew=True))
                return self._delivered(stage, words, again)
        except CannotLookError as error:
            return self._at(stage, State.UNKNOWN, f"{words}; and no delivery: {error.why}")
        return self._at(stage, state, words)

    async def _is_trapped(self, found: Sequence[Result]) -> bool:
        """Whether istiod looked too early, and has had its time since to find what is there now."""
        if not any(each.problem == _TRAP for each in found):
            return False
        given = await credentials.of_cluster(self._target)
        created = times.parse(given[0].created) if given else None
        skew = timedelta(seconds=self._target.external.clock_skew or 0.0)
        return created is not None and self._target.fleet.now() + skew - created > SETTLED

    def _delivered(self, stage: Stage, words: str, said: Delivery) -> Progress:
        if said.outcome is Outcome.UNCHANGED:
            return self._at(stage, State.UNHEALTHY, words)
        what = f"Secret {said.secret} {said.outcome.value}: {said.words}"
        if said.remedy:
            what = f"{what}; {said.remedy}"
        return self._at(stage, State.UNHEALTHY, what, wrote=said.wrote)

    def _at(self, stage: Stage, state: State, words: str, *, wrote: bool = False) -> Progress:
        name = self._target.cluster.name
        return Progress(name, stage, tuple(self._results), state, clean(words), wrote)


def _is_reached(stage: Stage, found: Sequence[Result]) -> bool:
    if stage in _STRICT or not found:
        return run.is_healthy(found)
    return all(each.state is State.HEALTHY or each.severity is Severity.WARNING for each in found)

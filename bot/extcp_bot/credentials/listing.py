"""What istiod has for each cluster: the Secret, its age, the token's end, and whether it works."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

from extcp_bot import run
from extcp_bot.checks import all_checks
from extcp_bot.checks.model import State
from extcp_bot.kube.failure import CannotLookError
from extcp_bot.live import claims, credentials, identity, times
from extcp_bot.result import clean, overall

if TYPE_CHECKING:
    from collections.abc import Collection
    from datetime import datetime

    from extcp_bot.live.credentials import Credential
    from extcp_bot.result import Result
    from extcp_bot.target import Fleet, Target

CODES: Final = ("EXTCP-H05", "EXTCP-H06", "EXTCP-H07")
"""The checks that say whether a credential is one that istiod takes, and works."""


@dataclass(frozen=True, slots=True)
class Entry:
    """The credential of one cluster.

    Attributes:
        cluster: Its name.
        control_plane: Whose istiod has it.
        secret: Namespace and name of the Secret; empty where there is none, or nobody may see.
        key: Of its data.
        created: When the Secret was made; None where that is not known.
        expires: When the token ends; None where it does not, or that is not known.
        state: What the checks make of it.
        results: Of the checks :data:`CODES`.
    """

    cluster: str
    control_plane: str
    secret: str
    key: str
    created: datetime | None
    expires: datetime | None
    state: State
    results: tuple[Result, ...]

    @property
    def worst(self) -> Result | None:
        """The result that is to be told first; None where there is none."""
        return min(self.results, key=lambda each: each.sort_key, default=None)

    @property
    def words(self) -> str:
        """What is to be known of it, as one harmless line."""
        worst = self.worst
        if worst is None:
            return ""
        if worst.state is not State.HEALTHY:
            return f"{worst.code} {worst.problem or worst.check}: {worst.found}"
        proof = next((each for each in self.results if each.code == CODES[1]), worst)
        return proof.found

    @property
    def proven(self) -> datetime | None:
        """When the cluster was last seen to accept it; None where this look did not."""
        proofs = [each for each in self.results if each.code == CODES[1]]
        is_proven = overall(each.state for each in proofs) is State.HEALTHY
        return max(each.time for each in proofs) if is_proven else None

    def as_json(self) -> dict[str, Any]:
        """For ``--output json``."""
        return {
            "cluster": self.cluster,
            "controlPlane": self.control_plane,
            "secret": self.secret or None,
            "key": self.key or None,
            "created": _written(self.created),
            "expires": _written(self.expires),
            "state": self.state.value,
            "proven": _written(self.proven),
            "results": [each.as_json() for each in self.results],
        }


async def entries(
    fleet: Fleet, clusters: Collection[str] = (), pace: run.Pace | None = None
) -> list[Entry]:
    """The credentials of clusters, by name; each is shown to its cluster.

    Args:
        fleet: The mesh; its connections are closed at the end.
        clusters: Names; none for all remote clusters.
        pace: How many at once, how long.
    """
    known = all_checks()
    work = run.jobs(fleet, [known[code] for code in CODES], clusters)
    report = await run.run(fleet, work, pace)
    targets = {job.target.cluster.name: job.target for job in work}
    try:
        return [
            await _entry(target, tuple(report.of(name))) for name, target in sorted(targets.items())
        ]
    finally:
        await fleet.close()


async def _entry(target: Target, results: tuple[Result, ...]) -> Entry:
    found = await _credential(target)
    expires = None
    try:
        token = claims.read((await identity.proof(target)).token)
        expires = token.expires if token else None
    except CannotLookError:  # the results say so
        pass
    return Entry(
        target.cluster.name,
        target.plane.name,
        clean(f"{found.namespace}/{found.secret}") if found else "",
        clean(found.key) if found else "",
        times.parse(found.created) if found else None,
        expires,
        overall(each.state for each in results),
        results,
    )


async def _credential(target: Target) -> Credential | None:
    try:
        found = await credentials.of_cluster(target)
    except CannotLookError:  # the results say so
        return None
    return found[0] if found else None


def _written(time: datetime | None) -> str | None:
    return time.isoformat(timespec="seconds") if time else None

"""A Lease of Kubernetes (coordination.k8s.io/v1): of several replicas, the one that holds it acts.

The rules are those of client-go's leader election, so that no two clocks have to agree: a replica
counts from the moment when *it* saw the record change, and takes over once the record has not
changed for as long as it says. The holder counts from the moment before it *asked* to renew, and
takes itself for the holder for a shorter time than the others do. What lies between the two is more
than the time limit of a write, so that one that it began is over before another replica acts.
"""

from __future__ import annotations

import time
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any, Final

from extcp_bot import threads
from extcp_bot.kube.failure import CannotLookError
from extcp_bot.kube.transport import Limits
from extcp_bot.kube.writes import ConflictError, Writer

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from extcp_bot.access.model import Access
    from extcp_bot.kube.answers import Object

API_VERSION: Final = "coordination.k8s.io/v1"
LIMITS: Final = Limits(connect=3.0, request=5.0, admission=5.0, connections=1)

_LONGEST: Final = 3_600  # seconds; no record makes anybody wait for longer
_NEVER: Final = float("-inf")


def clock() -> float:
    """Seconds that go on while the machine sleeps, where the system can tell."""
    return time.clock_gettime(getattr(time, "CLOCK_BOOTTIME", time.CLOCK_MONOTONIC))


@dataclass(frozen=True, slots=True)
class Timing:
    """How long who waits for whom, in seconds.

    Attributes:
        duration: Without a renewal, after which another replica takes over.
        deadline: Without a renewal, after which the holder stops; shorter by more than a write
            takes (``Limits.admission``, and the limits of the forges).
        retry: From one try to the next.
    """

    duration: float = 60.0
    deadline: float = 25.0
    retry: float = 8.0


@dataclass(frozen=True, slots=True)
class Place:
    """Which Lease, and who asks for it.

    Attributes:
        namespace: Of the Lease.
        name: Of the Lease.
        identity: This replica's, unlike that of any other, also of its own predecessor.
    """

    namespace: str
    name: str
    identity: str

    @property
    def collection(self) -> str:
        """Path of the Leases of the namespace."""
        return f"/apis/{API_VERSION}/namespaces/{self.namespace}/leases"

    @property
    def path(self) -> str:
        """Path of the Lease."""
        return f"{self.collection}/{self.name}"


class Candidacy:
    """One replica's standing for a Lease.

    Args:
        place: Which Lease, for whom.
        access: Gives the way to the API server, anew for each try: tokens of Pods live an hour. May
            block.
        timing: How long who waits.
        now: The clock; tests set it.
    """

    def __init__(
        self,
        place: Place,
        access: Callable[[], Access],
        timing: Timing | None = None,
        now: Callable[[], float] = clock,
    ) -> None:
        self.place = place
        self.timing = timing or Timing()
        self._access = access
        self._now = now
        self._seen: Object | None = None
        self._changed = _NEVER
        self._renewed = _NEVER

    @property
    def holder(self) -> str:
        """Who held the Lease when it was last looked at; empty where nobody did."""
        return _text(_spec(self._seen), "holderIdentity")

    @property
    def remaining(self) -> float:
        """Seconds for which this replica may still take itself for the holder; 0 where it is not.

        It says so without asking anybody, so it is right to ask it before each write.
        """
        return max(self._renewed + self.timing.deadline - self._now(), 0.0)

    def holds(self) -> bool:
        """Whether this replica may act."""
        return self.remaining > 0

    async def stand(self) -> bool:
        """Take the Lease where nobody holds it, or renew it where this replica does.

        Returns:
            Whether this replica holds it now.

        Raises:
            CannotLookError: The API server does not say; a Lease that was held is held still, for
                as long as :attr:`remaining` says.
        """
        began = self._now()
        async with Writer(await threads.run(self._access), LIMITS) as api:
            try:
                won = await self._stand(api)
            except ConflictError:  # somebody was faster
                won = False
        if won:
            self._renewed = began
        elif self.holder != self.place.identity:
            self._renewed = _NEVER
        return won

    async def release(self) -> None:
        """Let another replica have the Lease at once, where this one holds it."""
        if not self.holds():
            return
        self._renewed = _NEVER  # first: whatever comes of the request, this replica acts no more
        spec = {**_spec(self._seen), "holderIdentity": "", "leaseDurationSeconds": 1}
        try:
            async with Writer(await threads.run(self._access), LIMITS) as api:
                await self._replace(api, {**spec, "renewTime": _micro_time()})
        except CannotLookError:
            return  # it runs out by itself

    async def _stand(self, api: Writer) -> bool:
        if self.holds() and self._seen is not None:
            try:  # the usual case, for one request
                await self._replace(api, self._renewal(_spec(self._seen)))
            except ConflictError:
                pass  # it was written to meanwhile; look by whom
            else:
                return True
        found = await api.read(self.place.path)
        if found is None:
            self._see(await api.create(self.place.collection, self._lease(self._claim({}))))
            return True
        self._see(found)
        spec = _spec(found)
        if self.holder == self.place.identity:
            await self._replace(api, self._renewal(spec))
            return True
        if self.holder and self._now() < self._changed + self._patience(spec):
            return False
        await self._replace(api, self._claim(spec))
        return True

    def _see(self, found: Object) -> None:
        """Note the record, and when it was first seen like this."""
        if self._seen is None or _spec(found) != _spec(self._seen):
            self._changed = self._now()
        self._seen = found

    async def _replace(self, api: Writer, spec: Object) -> None:
        if self._seen is None:
            raise ValueError("a Lease that nobody has seen cannot be replaced")
        self._see(await api.replace(self.place.path, {**self._seen, "spec": spec}))

    def _patience(self, spec: Mapping[str, Any]) -> float:
        """Seconds that the record may stay as it is before somebody takes over."""
        said = spec.get("leaseDurationSeconds")
        is_number = isinstance(said, int) and not isinstance(said, bool) and said > 0
        return min(float(said), _LONGEST) if is_number and said else self.timing.duration

    def _renewal(self, spec: Mapping[str, Any]) -> Object:
        seconds = max(round(self.timing.duration), 1)
        return {**spec, "leaseDurationSeconds": seconds, "renewTime": _micro_time()}

    def _claim(self, spec: Mapping[str, Any]) -> Object:
        said = spec.get("leaseTransitions")
        before = said if isinstance(said, int) else 0
        return {
            **self._renewal(spec),
            "holderIdentity": self.place.identity,
            "acquireTime": _micro_time(),
            "leaseTransitions": before + 1 if spec else 0,
        }

    def _lease(self, spec: Object) -> Object:
        metadata = {"name": self.place.name, "namespace": self.place.namespace}
        return {"apiVersion": API_VERSION, "kind": "Lease", "metadata": metadata, "spec": spec}


def _spec(lease: Object | None) -> Object:
    spec = lease.get("spec") if lease else None
    return spec if isinstance(spec, dict) else {}


def _text(spec: Mapping[str, Any], name: str) -> str:
    value = spec.get(name)
    return value if isinstance(value, str) else ""


def _micro_time() -> str:
    """Now, as Kubernetes writes a MicroTime; for people, nobody reckons with it."""
    return datetime.now(UTC).strftime("%Y-%m-%dT%H:%M:%S.%fZ")

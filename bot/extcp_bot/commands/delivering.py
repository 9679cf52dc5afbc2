"""What ``extcp-bot credential`` does, and how it shows that."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final, TypeVar

import click

from extcp_bot import interrupts
from extcp_bot.access import resolve
from extcp_bot.checks.model import State
from extcp_bot.commands import looking
from extcp_bot.credentials import listing, mend
from extcp_bot.credentials.model import Delivery, Outcome, Rotation, Turn
from extcp_bot.credentials.rotate import rotate
from extcp_bot.kube.failure import CannotLookError
from extcp_bot.result import clean
from extcp_gitops.errors import ExitCode

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Iterable, Sequence

    from extcp_bot.credentials import deliver as delivering
    from extcp_bot.credentials import rotate as rotating
    from extcp_bot.credentials.listing import Entry
    from extcp_bot.passes import Plan
    from extcp_bot.target import Fleet, Target
    from extcp_gitops.commands.context import Context

T = TypeVar("T", Delivery, Rotation)

_MEANS: Final = {
    Outcome.UNCHANGED: ExitCode.OK,
    Outcome.REFUSED: ExitCode.FINDINGS,
    Outcome.WAITING: ExitCode.CHANGES_PENDING,
    Turn.REFUSED: ExitCode.FINDINGS,
    Turn.WAITING: ExitCode.CHANGES_PENDING,
}
# Of several clusters, what is to be said first.
_ORDER: Final = (ExitCode.FINDINGS, ExitCode.COULD_NOT_TELL, ExitCode.CHANGES_PENDING)
_STATES: Final = {
    State.HEALTHY: ExitCode.OK,
    State.UNHEALTHY: ExitCode.FINDINGS,
    State.UNKNOWN: ExitCode.COULD_NOT_TELL,
}


@dataclass(frozen=True, slots=True)
class _Unknown:
    """A cluster of which nobody could tell."""

    cluster: str
    words: str
    remedy: str


class Delivering:
    """The work of one command line.

    Args:
        context: Of the command.
        plan: Which clusters, and how to reach them.
        form: ``text`` or ``json``.
        dry_run: Write nothing.
    """

    def __init__(self, context: Context, plan: Plan, form: str, *, dry_run: bool) -> None:
        self._context = context
        self._plan = plan
        self._form = form
        self._dry_run = dry_run

    def deliver(self, wish: delivering.Wish) -> int:
        """Deliver to all clusters at once, show what became of it, and give the exit code."""

        async def one(target: Target) -> Delivery:
            pace = self._plan.pace
            return await mend.deliver(target, dry_run=self._dry_run, wish=wish, pace=pace)

        return self._said(interrupts.run(self._each(one, self._plan.pace.workers)))

    def rotate(self, wish: rotating.Wish) -> int:
        """Rotate one cluster after the other, show what became of it, and give the exit code."""

        async def one(target: Target) -> Rotation:
            return await rotate(target, dry_run=self._dry_run, wish=wish)

        return self._said(interrupts.run(self._each(one, 1)))

    def show(self) -> int:
        """Show what istiod has for each cluster, and give the exit code."""
        looking.raise_limit_of_files()

        async def look() -> list[Entry]:
            return await listing.entries(await self._fleet(), self._plan.clusters, self._plan.pace)

        found = interrupts.run(look())
        if not found:
            raise _no_remote(self._plan.clusters)
        if self._form == "json":
            self._context.echo_json([each.as_json() for each in found])
        else:
            click.echo("".join(_lines(found)), nl=False)
        return _worst(_STATES[each.state] for each in found)

    async def _fleet(self) -> Fleet:
        fleet = await resolve.fleet(self._plan.root, self._plan.choice)
        fleet.connect_to = {**fleet.connect_to, **self._plan.connect_to}
        return fleet

    async def _each(
        self, work: Callable[[Target], Awaitable[T]], workers: int
    ) -> list[T | _Unknown]:
        looking.raise_limit_of_files()
        fleet = await self._fleet()
        turns = asyncio.Semaphore(workers)

        async def one(target: Target) -> T | _Unknown:
            async with turns:
                try:
                    return await work(target)
                except CannotLookError as error:
                    name = target.cluster.name
                    return _Unknown(name, clean(error.why), clean(error.remedy))

        chosen = [each for each in fleet.targets() if not each.is_external]
        if self._plan.clusters:
            chosen = [each for each in chosen if each.cluster.name in self._plan.clusters]
        if not chosen:
            raise _no_remote(self._plan.clusters)
        try:
            return await asyncio.gather(*map(one, chosen))
        finally:
            await fleet.close()

    def _said(self, found: Sequence[Delivery | Rotation | _Unknown]) -> int:
        if self._form == "json":
            self._context.echo_json([_as_json(each) for each in found])
        else:
            click.echo("".join(map(_line, found)), nl=False)
        return _worst(self._code(each) for each in found)

    def _code(self, found: Delivery | Rotation | _Unknown) -> ExitCode:
        if isinstance(found, _Unknown):
            return ExitCode.COULD_NOT_TELL
        kind = found.outcome if isinstance(found, Delivery) else found.turn
        done = ExitCode.CHANGES_PENDING if self._dry_run else ExitCode.OK
        return _MEANS.get(kind, done)


def _no_remote(names: Sequence[str]) -> click.UsageError:
    asked = ", ".join(names) or "any cluster"
    return click.UsageError(
        f"There is no remote cluster in {asked}, and no other has a remote secret; "
        "'extcp-gitops cluster list' shows which there are."
    )


def _worst(codes: Iterable[ExitCode]) -> ExitCode:
    seen = set(codes)
    return next((code for code in _ORDER if code in seen), ExitCode.OK)


def _kind(found: Delivery | Rotation | _Unknown) -> str:
    match found:
        case Delivery():
            return found.outcome.value
        case Rotation():
            return found.turn.value
        case _Unknown():
            return "unknown"


def _line(found: Delivery | Rotation | _Unknown) -> str:
    kind, would = _kind(found), ""
    if isinstance(found, Delivery | Rotation) and found.dry_run and kind not in _STILL:
        would = "would be "
    place = f" (Secret {found.secret})" if isinstance(found, Delivery | Rotation) else ""
    lines = [f"{found.cluster}: {would}{kind}, {found.words}{place}"]
    lines += [f"  {step}" for step in (found.steps if isinstance(found, Rotation) else ())]
    lines += [f"  to do: {found.remedy}"] if found.remedy else []
    return "".join(f"{line}\n" for line in lines)


_STILL: Final = ("unchanged", "waiting", "refused")


def _as_json(found: Delivery | Rotation | _Unknown) -> dict[str, Any]:
    said: dict[str, Any] = {
        "cluster": found.cluster,
        "outcome": _kind(found),
        "words": found.words,
        "remedy": found.remedy or None,
    }
    if isinstance(found, Delivery | Rotation):
        said.update(secret=found.secret, dryRun=found.dry_run)
    if isinstance(found, Rotation):
        said["steps"] = list(found.steps)
    return said


def _lines(found: Sequence[Entry]) -> Iterable[str]:
    """A table, and below it what is wrong."""
    head = ("CLUSTER", "SECRET", "KEY", "CREATED", "EXPIRES", "STATE")
    rows = [head, *map(_row, found)]
    widths = [max(len(row[column]) for row in rows) for column in range(len(head))]
    for row in rows:
        cells = (cell.ljust(width) for cell, width in zip(row, widths, strict=True))
        yield "  ".join(cells).rstrip() + "\n"
    for each in found:
        if each.state is not State.HEALTHY:
            yield f"{each.cluster}: {each.words}\n"
        if each.worst is not None and each.worst.remedy:
            yield f"  to do: {each.worst.remedy}\n"
            yield f"  command: {each.worst.command}\n" if each.worst.command else ""


def _row(entry: Entry) -> tuple[str, ...]:
    created = f"{entry.created:%Y-%m-%d}" if entry.created else "-"
    expires = f"{entry.expires:%Y-%m-%d %H:%M}" if entry.expires else "-"
    state = "works" if entry.state is State.HEALTHY else entry.state.value
    return (entry.cluster, entry.secret or "-", entry.key or "-", created, expires, state)

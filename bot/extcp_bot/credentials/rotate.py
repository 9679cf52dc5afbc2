"""Gives istiod another token for a cluster, and takes the old one away.

The new one is made, proven, swapped in, and watched at every replica before the old one goes.
Each rotation goes on to the Secret of the next number (:mod:`extcp_bot.credentials.tokens`), for
which the token in use need not work any more: its number is all that is asked of it. All state is
in the clusters, so that an interrupted rotation is continued by whoever runs it again (facts
section 8, point 4).
"""

from __future__ import annotations

import asyncio
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Final

from extcp_bot.credentials import held as holding
from extcp_bot.credentials import (
    proof,
    registration,
    releases,
    remote_secret,
    restart,
    tokens,
    turn,
    watching,
)
from extcp_bot.credentials.afresh import afresh
from extcp_bot.credentials.kubeconfig import Server
from extcp_bot.credentials.model import HeldError, Outcome, Rotation, Turn, refused, waiting
from extcp_bot.credentials.watching import Patience
from extcp_bot.kube import writes
from extcp_bot.result import clean

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from extcp_bot.access.model import Access
    from extcp_bot.credentials.held import Held
    from extcp_bot.credentials.tokens import TokenSecret
    from extcp_bot.kube.writes import Writer
    from extcp_bot.target import Target

_DELIVER: Final = "deliver it first: extcp-bot credential deliver"
_RESTART: Final = (
    "upgrade Istio first; or go on with --restart-istiod, which rolls istiod out anew after the "
    "swap, while the proxies keep what they have"
)
_FORCE: Final = (
    "upgrade Istio first; or go on all the same with --force-release and the release of istiod, "
    "and restart istiod after the swap"
)
_ARGOCD: Final = (
    "Argo CD makes it from the repository; see EXTCP-H18 where it does not come. Its token would "
    "be valid again, so that the rotation takes that out of use, too"
)
_ALONE: Final = "see what it says; the token before was out of use already, nothing is left to do"
_AGAIN: Final = (
    "see what it says; run the rotation again to go on. Until then both tokens are valid"
)


@dataclass(frozen=True, slots=True)
class Wish:
    """What a person may ask of a rotation.

    Attributes:
        forced: Releases of Istio to be trusted although the table of releases warns of them.
        restarts: Restart istiod after the swap, where its release takes the new token up only then.
        patience: How long to wait.
        say: Told of each step as it is done.
    """

    forced: frozenset[str] = field(default_factory=frozenset)
    restarts: bool = False
    patience: Patience = field(default_factory=Patience)
    say: Callable[[str], None] = field(default=lambda _: None, repr=False)


@dataclass(frozen=True, slots=True)
class _Plan:
    """What is to be done, as far as the clusters tell.

    Attributes:
        new: The token that istiod is to have; None where its Secret is still to be made.
        olds: The Secrets whose tokens are valid and go in the end.
        number: Of the Secret of the new token.
        is_swapped: Whether istiod has been given the new one already.
    """

    new: TokenSecret | None
    olds: tuple[TokenSecret, ...]
    number: int
    is_swapped: bool

    @property
    def named(self) -> str:
        """The Secrets whose tokens go, for people."""
        return " and ".join(each.name for each in self.olds)


async def rotate(target: Target, *, dry_run: bool = False, wish: Wish | None = None) -> Rotation:
    """Give istiod another token for a cluster.

    Args:
        target: A remote cluster; for the config cluster, istiod is restarted in any case.
        dry_run: Say what would be done, and write nothing.
        wish: What a person asks for.

    Raises:
        CannotLookError: A cluster could not be asked, or somebody was faster. Both tokens are
            valid; run again, it goes on.
    """
    async with afresh(target) as now:
        return await _Rotating(now, wish or Wish(), dry_run=dry_run).outcome()


class _Rotating:
    """One rotation of one cluster's credential."""

    def __init__(self, target: Target, wish: Wish, *, dry_run: bool) -> None:
        self._target = target
        self._wish = wish
        self._dry_run = dry_run
        self._restarts = target.is_config
        self._steps: list[str] = []

    async def outcome(self) -> Rotation:
        name = ""
        try:
            name = remote_secret.name_of(self._target)
            words = await self._rotate(name)
        except HeldError as error:
            was = Turn.WAITING if error.outcome is Outcome.WAITING else Turn.REFUSED
            return self._said(name, was, error.why, error.remedy)
        return self._said(name, Turn.ROTATED, words)

    async def _rotate(self, name: str) -> str:
        target = self._target
        await turn.require(target)
        await self._require_release()
        external = writes.of(target.fleet, target.fleet.inventory.external.name)
        remote = writes.of(target.fleet, target.cluster.name)
        async with external, remote:
            held = await self._held(external, name)
            plan = await self._plan(remote, held)
            before: Mapping[str, float] = {}
            if not plan.is_swapped:
                new = await self._new(remote, plan)
                if new is None:
                    return "with a new token"
                before = await watching.seen(target)
                await self._swap(external, held, new)
            await self._watch(external, before, _AGAIN if plan.olds else _ALONE)
            if not plan.olds:
                return "the token before was out of use already"
            await self._retire(external, remote, plan)
        return f"the token of Secret {plan.named} is out of use"

    async def _require_release(self) -> None:
        """Decide whether istiod takes another token up, and whether it has to be restarted for it.

        The config cluster's kubeconfig is read at the start, so that no release is bad for it.

        Raises:
            HeldError: The release is known to take another credential badly.
        """
        if self._target.is_config:
            return
        found = await registration.versions(self._target)
        known = releases.faults(found - self._wish.forced)
        does_no_harm = all(each.until_restart for each in known)
        if known and does_no_harm and self._wish.restarts:
            self._restarts = True
        elif known:
            listed = "; ".join(map(str, known))
            raise refused(
                f"with another credential, of Istio {', '.join(sorted(found))}: {listed}",
                _RESTART if does_no_harm else _FORCE,
            )

    async def _held(self, external: Writer, name: str) -> Held:
        raw = await external.read(f"{tokens.collection(self._target)}/{name}")
        await holding.require_alone(self._target)
        if raw is None:
            raise waiting("there is no remote secret to rotate", _DELIVER)
        holding.require_ours(self._target, raw, overwrite=False)
        return holding.of(self._target, raw)

    async def _plan(self, remote: Writer, held: Held) -> _Plan:
        target, access = self._target, held.access
        token = access.token if access else None
        number = tokens.number_of(target, token) if token is not None else 0
        if not number:
            raise refused("the token in use is of no Secret of the cluster's", _DELIVER)
        valid = await self._valid(remote, {max(1, number - 1), number})
        current = valid.get(number)
        if current is not None and current.token == token and number - 1 in valid:
            olds = tuple(each for each in valid.values() if each is not current)
            return _Plan(current, olds, number, is_swapped=True)
        number, new = await self._next(remote, number)
        return _Plan(new, tuple(valid.values()), number, is_swapped=False)

    async def _valid(self, remote: Writer, numbers: set[int]) -> dict[int, TokenSecret]:
        """Those of some Secrets whose tokens are not out of use, by number.

        Raises:
            HeldError: The first is not there, so that nobody could mark it: once Argo CD has made
                it anew, its token would be valid, whatever a rotation had made of it.
        """
        found = {each: await self._read(remote, each) for each in sorted({1, *numbers})}
        if found[1] is None:
            name = tokens.first_name(self._target)
            raise waiting(f"{self._target.cluster.name} does not have Secret {name}", _ARGOCD)
        return {
            number: each
            for number, each in found.items()
            if each is not None and not each.is_invalid
        }

    async def _next(self, remote: Writer, number: int) -> tuple[int, TokenSecret | None]:
        """The number after those that were used, or the one that an interrupted rotation has made.

        Args:
            remote: Writes to the remote cluster.
            number: Of the token in use.

        Returns:
            The number, and its Secret where that is there.
        """
        last = await tokens.last(remote, self._target)
        number = max(number + 1, last)
        while True:
            found = await self._read(remote, number)
            is_spent = found.is_invalid if found is not None else number <= last
            if not is_spent:
                return number, found
            number += 1

    async def _read(self, remote: Writer, number: int) -> TokenSecret | None:
        return await tokens.read(remote, self._target, tokens.name_of(self._target, number))

    async def _new(self, remote: Writer, plan: _Plan) -> TokenSecret | None:
        """The Secret of the new token, filled; None in a dry run that ends where it is made."""
        target, name = self._target, tokens.name_of(self._target, plan.number)
        if plan.new is None:
            if not self._dry_run:
                await tokens.create(remote, target, plan.number)
            self._done(f"made Secret {name} on {target.cluster.name}")
            if self._dry_run:
                self._swap_and_retire(name, plan)
                return None
        if not self._dry_run:  # once more where the rotation that made it was interrupted
            await tokens.note(remote, target, plan.number)
        return await tokens.filled(remote, target, name, self._wish.patience.token)

    async def _swap(self, external: Writer, held: Held, new: TokenSecret) -> None:
        if held.access is None:
            raise AssertionError("a token in use has a kubeconfig around it")
        server = Server(held.access.server, held.access.tls_server_name or "")
        wanted = remote_secret.of_token(self._target, new, server)
        old = held.access if await holding.works(self._target, held.access) else None
        said = await proof.require(self._target, wanted, old)
        self._done(f"proved Secret {new.name} ({said})")
        if not self._dry_run:
            await external.replace(wanted.path, held.replaced_by(wanted))
        self._done(f"gave it to istiod: {wanted.place}")

    async def _watch(self, external: Writer, before: Mapping[str, float], again: str) -> None:
        target, patience = self._target, self._wish.patience
        if self._dry_run:
            self._restarted()
            self._done("watched every replica of istiod take it up")
            return
        if self._restarts:
            if not await restart.restart(target, external, patience.synced, patience.interval):
                raise waiting("istiod is not rolled out anew yet", again)
            self._done("rolled istiod out anew")
        why = await watching.taken_up(target, {} if self._restarts else before, patience)
        if why:
            raise waiting(f"not every replica of istiod has taken it up: {why}", again)
        self._done("watched every replica of istiod take it up")

    async def _retire(self, external: Writer, remote: Writer, plan: _Plan) -> None:
        """Take the old tokens out of use, provided that istiod still has the other one."""
        held = await self._held(external, remote_secret.name_of(self._target))
        token = held.access.token if held.access else None
        if not self._dry_run:
            if held.access is None or token is None or token in {each.token for each in plan.olds}:
                raise refused("somebody has put the old token back", _DELIVER)
            for old in plan.olds:
                await tokens.retire(remote, self._target, old)
            for old in plan.olds:
                await self._require_refused(replace(held.access, token=old.token), old)
        self._done(f"took the token of Secret {plan.named} out of use")

    async def _require_refused(self, old: Access, secret: TokenSecret) -> None:
        """See the old token refused; an API server remembers for some seconds that it was valid."""
        patience = self._wish.patience
        deadline = asyncio.get_running_loop().time() + patience.token
        while await holding.works(self._target, old):
            if asyncio.get_running_loop().time() >= deadline:
                name = f"{self._target.plane.namespace}/{secret.name}"
                raise refused(
                    f"{self._target.cluster.name} goes on to accept the token of Secret {name}; "
                    "istiod uses the new one",
                    f"before Kubernetes 1.29, clusters take no heed of its label {tokens.INVALID}: "
                    "the token ends with the ServiceAccount, or with the Secret once the "
                    "repository does not have it any more",
                )
            await asyncio.sleep(patience.interval)

    def _swap_and_retire(self, new: str, plan: _Plan) -> None:
        """The steps that a dry run cannot come to, for it has made no token."""
        self._done(f"proved Secret {new}")
        self._done("gave it to istiod")
        self._restarted()
        self._done("watched every replica of istiod take it up")
        if plan.olds:
            self._done(f"took the token of Secret {plan.named} out of use")

    def _restarted(self) -> None:
        if self._restarts:
            self._done("rolled istiod out anew")

    def _done(self, step: str) -> None:
        step = clean(step)
        self._steps.append(step)
        self._wish.say(step)

    def _said(self, name: str, was: Turn, words: str, remedy: str = "") -> Rotation:
        return Rotation(
            self._target.cluster.name,
            f"{self._target.plane.namespace}/{name}",
            was,
            clean(words),
            tuple(self._steps),
            clean(remedy),
            self._dry_run,
        )

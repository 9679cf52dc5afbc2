"""Delivers a remote secret: from the remote cluster straight to the external one, in its turn.

The same inputs cause no write. What is there and somebody else's is left alone, and so is what
works, where istiod's release is known not to take up another credential as it should.
"""

from __future__ import annotations

import shlex
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Any, Final

from extcp_bot.credentials import held as holding
from extcp_bot.credentials import registration, releases, remote_secret, tokens, turn
from extcp_bot.credentials.afresh import afresh
from extcp_bot.credentials.kubeconfig import Server
from extcp_bot.credentials.model import Delivery, HeldError, Outcome, refused, waiting
from extcp_bot.kube import writes
from extcp_bot.kube.writes import MissingError
from extcp_bot.live import credentials, identity
from extcp_bot.result import clean

if TYPE_CHECKING:
    from collections.abc import Sequence

    from extcp_bot.credentials.held import Held
    from extcp_bot.credentials.model import RemoteSecret
    from extcp_bot.credentials.releases import Fault
    from extcp_bot.kube.writes import Writer
    from extcp_bot.target import Target

_RESTART: Final = "istiod reads its own kubeconfig when it starts: restart it"
_ROTATE: Final = "give istiod another with extcp-bot credential rotate --cluster={cluster}"
_ARGOCD: Final = "Argo CD makes it from the repository"
_NOT_SEEN: Final = (
    "not every replica of istiod was seen to let the cluster go: where EXTCP-H08 and EXTCP-H09 are "
    "not healthy in a minute, restart istiod"
)


@dataclass(frozen=True, slots=True)
class Wish:
    """What a person may ask of a delivery.

    Attributes:
        server: The API server's URL as istiod reaches it; None for what is there, or known.
        overwrite: Also a Secret of the usual name that does not look like a remote secret.
        renew: Take it away and make it anew, so that istiod looks at the namespace once more.
        forced: Releases of Istio to be trusted although the table of releases warns of them.
        seconds: How long to wait for the token.
    """

    server: str | None = None
    overwrite: bool = False
    renew: bool = False
    forced: frozenset[str] = field(default_factory=frozenset)
    seconds: float = 0.0


async def deliver(target: Target, *, dry_run: bool = False, wish: Wish | None = None) -> Delivery:
    """Make the remote secret of a cluster as it should be, where it is its turn.

    Interrupted anywhere, run again it continues.

    Args:
        target: A remote cluster.
        dry_run: Say what would be done, and write nothing.
        wish: What a person asks for.

    Raises:
        CannotLookError: A cluster could not be asked, or somebody was faster. Nothing is known to
            have been written; the next look tells.
    """
    async with afresh(target) as now:
        return await _Delivering(now, wish or Wish(), dry_run=dry_run).outcome()


class _Delivering:
    """One delivery of one remote secret."""

    def __init__(self, target: Target, wish: Wish, *, dry_run: bool) -> None:
        self._target = target
        self._wish = wish
        self._dry_run = dry_run

    async def outcome(self) -> Delivery:
        try:
            return await self._deliver(remote_secret.name_of(self._target))
        except HeldError as error:
            return self._said(error.outcome, error.why, error.remedy)

    async def _deliver(self, name: str) -> Delivery:
        target = self._target
        if target.cluster.credential:
            raise refused(
                f"{target.cluster.directory}/credential makes it, from the repository",
                "see what Argo CD and the controller of its documents say; or take the directory "
                "out of the repository, and let the bot deliver",
            )
        await turn.require(target)
        async with writes.of(target.fleet, target.fleet.inventory.external.name) as external:
            raw = await external.read(f"{tokens.collection(target)}/{name}")
            await holding.require_alone(target)
            if raw is None:
                return await self._create(external, await self._wanted(None))
            holding.require_ours(target, raw, overwrite=self._wish.overwrite)
            held = holding.of(target, raw)
            return await self._change(external, held, await self._wanted(held))

    async def _wanted(self, held: Held | None) -> RemoteSecret:
        """With the token in use where a rotation has made it and it works, else with the first.

        Where that one is out of use, another rotation leads on from the number of the one in use.
        """
        target, access = self._target, held.access if held else None
        server, token = self._server(held), access.token if access else None
        name = tokens.first_name(target)
        async with writes.of(target.fleet, target.cluster.name) as api:
            number = tokens.number_of(target, token) if token else 0
            if number > 1 and await holding.works(target, access):
                first = await tokens.read(api, target, name)
                if first is None or not first.ca:
                    raise waiting(f"{target.cluster.name} does not have Secret {name} yet", _ARGOCD)
                rotated = replace(first, name=tokens.name_of(target, number), token=token)
                return remote_secret.of_token(target, rotated, server)
            rotate = _ROTATE.format(cluster=shlex.quote(target.cluster.name)) if number else ""
            first = await tokens.filled(api, target, name, self._wish.seconds, rotate)
            return remote_secret.of_token(target, first, server)

    def _server(self, held: Held | None) -> Server:
        """What is asked for, else what istiod uses already, else what is known of the cluster."""
        access = held.access if held else None
        if self._wish.server is not None or access is None or identity.is_local(access):
            return remote_secret.server_of(self._target, self._wish.server)
        return Server(access.server, access.tls_server_name or "")

    async def _create(self, external: Writer, wanted: RemoteSecret) -> Delivery:
        if not self._dry_run:
            try:
                await external.create(wanted.collection, wanted.as_object())
            except MissingError:
                raise waiting(
                    f"the external cluster does not have namespace {wanted.namespace} yet",
                    _ARGOCD,
                ) from None
        return self._said(Outcome.CREATED, f"with the token of Secret {wanted.token_secret}")

    async def _change(self, external: Writer, held: Held, wanted: RemoteSecret) -> Delivery:
        if held.has_kubeconfig(wanted):
            if self._wish.renew and not self._target.is_config:
                return await self._renew(external, held, wanted, "so that istiod looks once more")
            if held.has_metadata(wanted):
                return self._said(Outcome.UNCHANGED, "it is as it should be")
            if not self._dry_run:
                await external.merge(wanted.path, _metadata(held, wanted))
            return self._said(Outcome.UPDATED, "its label and annotation")
        return await self._another_kubeconfig(external, held, wanted)

    async def _another_kubeconfig(
        self, external: Writer, held: Held, wanted: RemoteSecret
    ) -> Delivery:
        """The kubeconfig has to change; how, and whether, the releases of istiod decide."""
        words = f"with the token of Secret {wanted.token_secret}"
        if self._target.is_config:
            await self._replace(external, held, wanted)
            return self._said(Outcome.UPDATED, words, _RESTART)
        known = await self._faults()
        if known and not self._wish.overwrite and await holding.works(self._target, held.access):
            raise refused(
                f"the credential that is there works, and with another one {known[0]}",
                f"upgrade Istio; or go on all the same: {_force(known)}",
            )
        if known and all(each.spares_renewal for each in known):
            return await self._renew(external, held, wanted, words)
        await self._replace(external, held, wanted)
        remedy = f"restart istiod afterwards, for {known[0]}" if known else ""
        return self._said(Outcome.UPDATED, words, remedy)

    async def _renew(
        self, external: Writer, held: Held, wanted: RemoteSecret, words: str
    ) -> Delivery:
        known = [each for each in await self._faults() if not each.spares_renewal]
        if known:
            raise refused(
                f"it would have to be taken away for a moment, whereupon {known[0]}",
                f"upgrade Istio; or go on all the same: {_force(known)}",
            )
        is_gone = self._dry_run or await registration.renew(
            self._target, external, held.raw, wanted
        )
        return self._said(Outcome.REPLACED, words, "" if is_gone else _NOT_SEEN)

    async def _replace(self, external: Writer, held: Held, wanted: RemoteSecret) -> None:
        if not self._dry_run:
            await external.replace(wanted.path, held.replaced_by(wanted))

    async def _faults(self) -> Sequence[Fault]:
        found = await registration.versions(self._target)
        return releases.faults(found - self._wish.forced)

    def _said(self, outcome: Outcome, words: str, remedy: str = "") -> Delivery:
        name = credentials.CONFIG_SECRET if self._target.is_config else self._target.cluster.name
        if not self._target.is_config:
            name = f"{remote_secret.PREFIX}{name}"
        return Delivery(
            self._target.cluster.name,
            f"{self._target.plane.namespace}/{name}",
            outcome,
            clean(words),
            clean(remedy),
            self._dry_run,
        )


def _metadata(held: Held, wanted: RemoteSecret) -> dict[str, Any]:
    """A patch of the label and the annotation alone, which makes istiod read nothing anew."""
    label = wanted.labels.get(credentials.LABEL)
    return {
        "metadata": {
            "resourceVersion": held.raw["metadata"]["resourceVersion"],
            "labels": {credentials.LABEL: label},
            "annotations": dict(wanted.annotations),
        }
    }


def _force(known: Sequence[Fault]) -> str:
    return f"--force-release with the release of istiod, and restart it where {known[0].what}"

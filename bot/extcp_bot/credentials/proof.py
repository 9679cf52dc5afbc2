"""Whether a new token is what istiod needs, before istiod is given it."""

from __future__ import annotations

from typing import TYPE_CHECKING

from extcp_bot.access import kubeconfig
from extcp_bot.credentials.held import own_way
from extcp_bot.credentials.model import refused
from extcp_bot.kube.client import Client
from extcp_bot.kube.failure import NoRouteError, NotAllowedError
from extcp_bot.live import identity, reviews
from extcp_bot.live.rbac import lacking

if TYPE_CHECKING:
    from extcp_bot.access.model import Access
    from extcp_bot.credentials.model import RemoteSecret
    from extcp_bot.target import Target

_RENEW = "delete its Secret on the cluster, so that another one is made, and run again"


def access_of(wanted: RemoteSecret) -> Access:
    """The way that a remote secret leads."""
    from extcp_gitops.yamlio.load import load_objects  # noqa: PLC0415 - yaml when needed

    (document,) = load_objects(wanted.kubeconfig.reveal().encode())
    return kubeconfig.of_document(document, wanted.place)


async def require(target: Target, wanted: RemoteSecret, old: Access | None) -> str:
    """Use a remote secret that nobody has been given yet, for real calls and access reviews.

    Args:
        target: The remote cluster.
        wanted: With the new token.
        old: What is in use; the new one has to be allowed all that this one is. None where it does
            not work any more.

    Returns:
        What was seen, for people.

    Raises:
        HeldError: The cluster does not accept it, or it is allowed less.
        CannotLookError: The cluster cannot be asked.
    """
    new = access_of(wanted)
    try:
        return await _prove(target, wanted, new, old)
    except NoRouteError:
        # The address may be for the external cluster alone; the token is judged all the same.
        if new.token is None:
            raise
        way = own_way(target, new.token)
        before = own_way(target, old.token) if old and old.token else None
        said = await _prove(target, wanted, way, before)
        return f"{said}, by way of {way.host}"


async def _prove(target: Target, wanted: RemoteSecret, new: Access, old: Access | None) -> str:
    account = identity.account(target)
    async with _client(target, new) as api:
        try:
            user = await reviews.user(api)
        except NotAllowedError as error:
            raise refused(
                f"{target.cluster.name} does not accept it: {error.why}", _RENEW
            ) from None
        rights = await reviews.granted(api, reviews.NO_NAMESPACE)
    uid = await identity.account_uid(target)
    if user is not None and (user.name != account.user or user.uid not in ("", uid)):
        raise refused(f"{wanted.token_secret} holds the token of {user.name}", _RENEW)
    if old is None:
        return f"accepted as {account.user}"
    async with _client(target, old) as api:
        before = await reviews.granted(api, reviews.NO_NAMESPACE)
    missing = list(lacking(before, rights))
    if missing:
        raise refused(f"it may not {missing[0].verb} {missing[0].target}", _RENEW)
    return f"accepted as {account.user}, with the {len(rights)} rules of the one before"


def _client(target: Target, access: Access) -> Client:
    return Client(access, target.fleet.limits, target.fleet.lookup)

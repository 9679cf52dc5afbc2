"""Who istiod is on a remote cluster: the ServiceAccount that it should be, and its credential."""

from __future__ import annotations

import ipaddress
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final
from urllib.parse import urlsplit

from extcp_bot.access import kubeconfig
from extcp_bot.kube.failure import CannotLookError
from extcp_bot.live import credentials, reviews

if TYPE_CHECKING:
    from extcp_bot.access.model import Access, Secret
    from extcp_bot.kube.client import Client
    from extcp_bot.live.credentials import Credential
    from extcp_bot.live.rbac import Rule
    from extcp_bot.live.reviews import User
    from extcp_bot.target import Target

READER: Final = "istio-reader-service-account"
ISTIOD: Final = "istiod"
_SHAPE: Final = "see EXTCP-H05, which says what is wrong with the Secret"


@dataclass(frozen=True, slots=True)
class Account:
    """The ServiceAccount that istiod is to be on a cluster.

    Attributes:
        name: Its name.
        namespace: That of the control plane.
    """

    name: str
    namespace: str

    @property
    def user(self) -> str:
        """As the API server calls it."""
        return f"system:serviceaccount:{self.namespace}:{self.name}"

    @property
    def token_secret(self) -> str:
        """The Secret that the cluster fills with its token; the repository puts it there."""
        return f"{self.name}-istio-remote-secret-token"


@dataclass(frozen=True, slots=True)
class Proof:
    """A credential of istiod that can be shown to the cluster.

    Attributes:
        credential: Where it is kept.
        access: What its kubeconfig says.
        token: The one in it.
    """

    credential: Credential
    access: Access
    token: Secret


@dataclass(frozen=True, slots=True)
class Said:
    """What a cluster says of istiod's credential.

    Attributes:
        user: Whose it is; None where the cluster accepts it and does not say.
        everywhere: What it allows in the whole cluster, or why that could not be asked.
    """

    user: User | None
    everywhere: frozenset[Rule] | CannotLookError


def account(target: Target) -> Account:
    """Which ServiceAccount istiod is to be on the target's cluster."""
    return Account(ISTIOD if target.is_config else READER, target.plane.namespace)


async def proof(target: Target) -> Proof:
    """The credential that istiod has for the target's cluster, read once.

    Raises:
        CannotLookError: There is none that can be tried, or the external cluster does not show it.
    """
    return await target.fleet.once(
        ("istiod's credential, read", target.cluster.name), lambda: _proof(target)
    )


async def _proof(target: Target) -> Proof:
    found = await credentials.of_cluster(target)
    key = credentials.CONFIG_KEY if target.is_config else target.cluster.name
    place = f"istiod's credential for {target.cluster.name}"
    if not found:
        raise CannotLookError("there is no credential to try", _SHAPE, place)
    chosen = next((each for each in found if each.key == key), found[0])
    try:
        access = kubeconfig.of_document(chosen.document(), chosen.place)
    except kubeconfig.RefusedError:
        raise CannotLookError("there is no credential to try", _SHAPE, chosen.place) from None
    if access.token is None:
        raise CannotLookError("there is no token to try", _SHAPE, chosen.place)
    if is_local(access) and not _is_on_this_machine(target):
        # Here, that would be another server, and none that istiod's token is for.
        raise CannotLookError("its server is one of its own machine alone", _SHAPE, chosen.place)
    return Proof(chosen, access, access.token)


async def said(target: Target, found: Proof) -> Said:
    """Show the credential to the cluster; over one connection, once for all checks.

    Raises:
        NotAllowedError: It is not accepted (401).
        CannotLookError: The cluster cannot be asked, or says nonsense.
    """
    return await target.fleet.once(
        ("istiod's credential", target.cluster.name), lambda: _ask(target, found)
    )


async def _ask(target: Target, found: Proof) -> Said:
    async with client(target, found) as api:
        user = await reviews.user(api)
        try:
            return Said(user, await reviews.granted(api, reviews.NO_NAMESPACE))
        except CannotLookError as error:
            return Said(user, error)


def client(target: Target, found: Proof) -> Client:
    """The API server as istiod's credential leads to it; to be closed by who asks."""
    return target.fleet.client(found.access)


async def account_uid(target: Target) -> str | None:
    """UID of the ServiceAccount on the cluster as the bot knows it; None where it is not there.

    Raises:
        CannotLookError: The cluster does not show it.
    """
    wanted = account(target)
    path = f"/api/v1/namespaces/{wanted.namespace}/serviceaccounts"
    for found in await target.api.list(path, metadata_only=True):
        if found["metadata"].get("name") == wanted.name:
            return str(found["metadata"].get("uid", ""))
    return None


def _is_on_this_machine(target: Target) -> bool:
    known = target.fleet.access.get(target.cluster.name)
    return known is not None and not isinstance(known, CannotLookError) and is_local(known)


def is_local(access: Access) -> bool:
    """Whether its server is one that only its own machine reaches under that name."""
    host = urlsplit(access.server).hostname or ""
    try:
        address = ipaddress.ip_address(host)
    except ValueError:
        return host == "localhost" or host.endswith(".localhost")
    return address.is_loopback or address.is_unspecified

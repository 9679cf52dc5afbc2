"""The remote secret that the external cluster holds now, and whose it is."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Final

from extcp_bot.access import kubeconfig
from extcp_bot.credentials import remote_secret
from extcp_bot.credentials.model import refused
from extcp_bot.kube.client import Client
from extcp_bot.kube.failure import NoRouteError, NotAllowedError
from extcp_bot.live import credentials, fields, reviews

if TYPE_CHECKING:
    from extcp_bot.access.model import Access, Secret
    from extcp_bot.credentials.model import RemoteSecret
    from extcp_bot.kube.answers import Object
    from extcp_bot.live.credentials import Credential
    from extcp_bot.target import Target

_UNAUTHORIZED: Final = 401
_OURS: Final = (
    "look at what it is for; with --overwrite, it is taken for a remote secret all the same"
)


@dataclass(frozen=True, slots=True)
class Held:
    """The Secret of the usual name.

    Attributes:
        raw: As it was read.
        credential: What it holds under the cluster's key; None where it holds nothing there.
        access: What the kubeconfig says; None where it is none that istiod would use.
    """

    raw: Object = field(repr=False)
    credential: Credential | None
    access: Access | None

    def has_kubeconfig(self, wanted: RemoteSecret) -> bool:
        """Whether it leads to the same place with the same token, however it is written."""
        if self.credential is None or self.access is None:
            return False
        other = wanted.as_object()["data"][wanted.key]
        return self.credential.encoded == other or _means(self.access, wanted)

    def has_metadata(self, wanted: RemoteSecret) -> bool:
        """Whether its label and annotation are as they should be."""
        metadata = self.raw["metadata"]
        labels = fields.mapping(metadata.get("labels"))
        annotations = fields.mapping(metadata.get("annotations"))
        return (
            labels.get(credentials.LABEL) == wanted.labels.get(credentials.LABEL)
            and wanted.annotations.items() <= annotations.items()
        )

    def replaced_by(self, wanted: RemoteSecret) -> Object:
        """The Secret with another kubeconfig, whatever else a person labelled it with; the wire's.

        It relies on the version that was read.
        """
        body, kept = wanted.as_object(), self.raw["metadata"]
        metadata = body["metadata"]
        metadata["resourceVersion"] = kept["resourceVersion"]
        for name in ("labels", "annotations"):
            others = {
                key: value
                for key, value in fields.mapping(kept.get(name)).items()
                if key != credentials.LABEL
            }
            metadata[name] = {**others, **metadata[name]}
        body["type"] = self.raw.get("type", "Opaque")
        return body


def of(target: Target, raw: Object) -> Held:
    """What a Secret holds for the target's cluster."""
    key = remote_secret.key_of(target)
    found = next((each for each in credentials.of_object(raw) if each.key == key), None)
    access = None
    if found is not None:
        try:
            access = kubeconfig.of_document(found.document(), found.place)
        except kubeconfig.RefusedError:
            access = None
    return Held(raw, found, access)


def require_ours(target: Target, raw: Object, *, overwrite: bool) -> None:
    """Refuse to touch what somebody else made, or makes again and again.

    Raises:
        HeldError: It is not a remote secret of this cluster, or a controller makes it.
    """
    metadata = raw["metadata"]
    place = f"Secret {target.plane.namespace}/{metadata['name']}"
    for owner in fields.items(metadata.get("ownerReferences")):
        kind, name = fields.string(owner.get("kind")), fields.string(owner.get("name"))
        raise refused(
            f"{place} is made by {kind} {name}, which would undo what is written here",
            "change what that reads, or delete it and let the bot deliver",
        )
    if overwrite:
        return
    labels = fields.mapping(metadata.get("labels"))
    annotations = fields.mapping(metadata.get("annotations"))
    named = annotations.get(remote_secret.CLUSTER)
    names = {target.cluster.name, target.cluster.slug}
    is_labelled = labels.get(credentials.LABEL) == credentials.LABEL_VALUE
    if named not in names and (named is not None or not is_labelled):
        what = f"is annotated for {named}" if named else "bears neither label nor annotation of one"
        raise refused(f"{place} is no remote secret of {target.cluster.name}: it {what}", _OURS)
    others = fields.mapping(raw.get("data")).keys() - {remote_secret.key_of(target)}
    if others:
        listed = ", ".join(sorted(others)[:3])
        raise refused(f"{place} has other keys, too ({listed})", _OURS)


async def require_alone(target: Target) -> None:
    """Refuse to make a second Secret for a cluster: istiod takes whichever it sees first (F4).

    Raises:
        HeldError: Another labelled Secret holds a credential for the cluster.
        CannotLookError: The external cluster does not show its Secrets.
    """
    if target.is_config:
        return
    own = remote_secret.name_of(target)
    for each in await credentials.remote(target):
        if each.key == target.cluster.name and each.secret != own:
            raise refused(
                f"Secret {each.namespace}/{each.secret} holds a credential for {each.key} already",
                "delete the one that is not wanted",
            )


async def works(target: Target, access: Access | None) -> bool:
    """Whether the cluster accepts a credential now.

    Where its address is for the external cluster alone, its token is shown on the bot's own way.

    Raises:
        CannotLookError: The cluster cannot be asked with it.
    """
    if access is None or access.token is None:
        return False
    try:
        return await _is_accepted(target, access)
    except NoRouteError:
        return await _is_accepted(target, own_way(target, access.token))


def own_way(target: Target, token: Secret) -> Access:
    """The bot's own way to the cluster, with another token and no other credential."""
    return replace(target.api.access, token=token, certificate=None, key=None)


async def _is_accepted(target: Target, access: Access) -> bool:
    async with Client(access, target.fleet.limits, target.fleet.lookup) as api:
        try:
            await reviews.user(api)
        except NotAllowedError as error:
            if error.status == _UNAUTHORIZED:
                return False
            raise
    return True


def _means(access: Access, wanted: RemoteSecret) -> bool:
    from extcp_gitops.yamlio.load import load_objects  # noqa: PLC0415 - yaml when needed

    (document,) = load_objects(wanted.kubeconfig.reveal().encode())
    other = kubeconfig.of_document(document, wanted.place)
    return (
        access.server == other.server
        and access.token == other.token
        and (access.ca or "").strip() == (other.ca or "").strip()
        and (access.tls_server_name or "") == (other.tls_server_name or "")
    )

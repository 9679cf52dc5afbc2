"""The CRDs of Istio on a cluster, whoever brought them, and who that is."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from extcp_bot.live import fields
from extcp_bot.live.versions import CRD_GROUP, CRDS, VERSION_LABEL, Version

if TYPE_CHECKING:
    from collections.abc import Mapping

    from extcp_bot.kube.answers import Object
    from extcp_bot.kube.client import Client

_DOMAIN: Final = ".istio.io"
_TRACKING: Final = "argocd.argoproj.io/tracking-id"
_INSTANCE: Final = "argocd.argoproj.io/instance"
# By annotation or label: whoever comes back and puts its own CRDs in place again.
_CONTROLLERS: Final = {
    "kustomize.toolkit.fluxcd.io/name": "Flux",
    "helm.toolkit.fluxcd.io/name": "Flux",
    "olm.managed": "the Operator Lifecycle Manager",
}
_RELEASE: Final = "meta.helm.sh/release-name"


@dataclass(frozen=True, slots=True)
class Crd:
    """One CRD.

    Attributes:
        name: Such as ``gateways.networking.istio.io``.
        version: Of Istio, by its label; None where it has none, as those of old releases.
        application: Of Argo CD, that applies it; empty for none.
        controller: What else puts it back whenever it changes; empty for none.
        release: Of Helm, which put it there once; empty for none.
    """

    name: str
    version: Version | None
    application: str
    controller: str
    release: str


async def of(api: Client) -> list[Crd]:
    """Istio's CRDs, by name.

    Raises:
        CannotLookError: The cluster does not show them.
    """
    path = f"/apis/{CRD_GROUP}/v1/{CRDS}"
    found = await api.list(path, metadata_only=True, keep=_kept)
    return sorted(
        (_crd(each["metadata"]) for each in found if each["metadata"]["name"].endswith(_DOMAIN)),
        key=lambda crd: crd.name,
    )


def _kept(item: Object) -> Object:
    """Without what kubectl keeps there of all it has applied."""
    metadata = fields.mapping(item.get("metadata"))
    wanted = {VERSION_LABEL, _TRACKING, _INSTANCE, _RELEASE, *_CONTROLLERS}
    said = {**fields.mapping(metadata.get("labels")), **fields.mapping(metadata.get("annotations"))}
    labels = {name: value for name, value in said.items() if name in wanted}
    return {"metadata": {"name": fields.string(metadata.get("name")), "labels": labels}}


def _crd(metadata: Mapping[str, object]) -> Crd:
    said = fields.mapping(metadata.get("labels"))
    tracked = fields.string(said.get(_TRACKING)).partition(":")[0]
    return Crd(
        fields.string(metadata.get("name")),
        Version.parse(fields.string(said.get(VERSION_LABEL))),
        tracked or fields.string(said.get(_INSTANCE)),
        next((who for label, who in _CONTROLLERS.items() if label in said), ""),
        fields.string(said.get(_RELEASE)),
    )

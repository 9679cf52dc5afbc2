"""What istiod is told of the mesh: the ConfigMaps ``istio`` beside it and in its config cluster.

istiod merges the two (SHARED_MESH_CONFIG), and its own wins (pilot/pkg/bootstrap/mesh.go).
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from extcp_bot.live import fields
from extcp_gitops.errors import ExtcpError

if TYPE_CHECKING:
    from extcp_bot.kube.client import Client
    from extcp_bot.target import Target

CONFIG_MAP: Final = "istio"
_KEY: Final = "mesh"
_LONGEST: Final = 64 << 10


@dataclass(frozen=True, slots=True)
class MeshConfig:
    """One of the two; a text is empty where it says nothing.

    Attributes:
        mesh_id: ``defaultConfig.meshId``.
        trust_domain: ``trustDomain``.
    """

    mesh_id: str
    trust_domain: str


async def of_istiod(target: Target) -> MeshConfig:
    """The one beside istiod; it says nothing where it is not there, or cannot be read.

    Raises:
        CannotLookError: The cluster does not show it.
    """
    return await _of(target, target.external)


async def of_config_cluster(target: Target) -> MeshConfig:
    """The one in the config cluster; as for :func:`of_istiod`."""
    return await _of(target, target.config)


async def _of(target: Target, api: Client) -> MeshConfig:
    path = f"/api/v1/namespaces/{target.plane.namespace}/configmaps/{CONFIG_MAP}"
    mesh = _parsed(fields.string(fields.at(await api.find(path), "data", _KEY)))
    return MeshConfig(
        fields.string(fields.at(mesh, "defaultConfig", "meshId")),
        fields.string(fields.at(mesh, "trustDomain")),
    )


def _parsed(text: str) -> object:
    from extcp_gitops.yamlio.load import load_objects  # noqa: PLC0415 - yaml when needed

    if len(text) > _LONGEST:  # nobody wrote that; reading it would hold up every other check
        return None
    try:
        return next(iter(load_objects(text)), None)
    except ExtcpError:
        return None

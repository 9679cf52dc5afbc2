"""Writes and edits a person's files on their behalf; what they wrote themselves stays as it is."""

from __future__ import annotations

import difflib
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from extcp_gitops.errors import ExtcpError
from extcp_gitops.inventory import names, schema
from extcp_gitops.inventory.model import (
    DEFAULT_ARGOCD_NAMESPACE,
    DEFAULT_CONTROL_PLANE,
    DEFAULT_EXTERNAL_CLUSTER,
    DEFAULT_NETWORK,
    Forge,
    Gateways,
    Inventory,
    Role,
)

if TYPE_CHECKING:
    from collections.abc import Mapping


@dataclass(frozen=True, slots=True)
class NewCluster:
    """A remote cluster as a command line describes it.

    Attributes:
        name: Of the cluster.
        network: Istio network.
        server: Argo CD's URL of it; None to use the name.
        gateways: Wanted.
    """

    name: str
    network: str = DEFAULT_NETWORK
    server: str | None = None
    gateways: Gateways = field(default_factory=Gateways)


@dataclass(frozen=True, slots=True)
class NewMesh:
    """A mesh as ``init`` describes it; the first remote cluster is the config cluster."""

    mesh_id: str
    istio_version: str
    url: str
    address: str
    remotes: tuple[NewCluster, ...]
    branch: str = "main"
    forge: Forge = Forge.NONE
    package: str | None = None
    argocd_namespace: str = DEFAULT_ARGOCD_NAMESPACE
    external_cluster: str = DEFAULT_EXTERNAL_CLUSTER
    control_plane: str = DEFAULT_CONTROL_PLANE
    tls_secret: str | None = None
    issuer: str | None = None


@dataclass(frozen=True, slots=True)
class NewControlPlane:
    """A control plane as ``control-plane add`` describes it."""

    name: str
    address: str
    config_cluster: str
    tls_secret: str | None = None
    issuer: str | None = None


def cluster_path(name: str) -> str:
    """Path of a cluster's file.

    Raises:
        ExtcpError: EXTCP-I012 when the name cannot be a cluster's.
    """
    problem = names.cluster_name_problem(name)
    if problem is not None:
        raise ExtcpError.of("EXTCP-I012", f"no cluster can be named so: {problem}", "rename it")
    return f"clusters/{name.replace('/', names.SLASH)}/{schema.CLUSTER_FILE}"


def new_mesh(mesh: NewMesh) -> dict[str, bytes]:
    """All files of a new mesh.

    Raises:
        ExtcpError: A name is not possible or is there twice.
    """
    config = mesh.remotes[0]
    context = {
        "mesh_id": mesh.mesh_id,
        "istio_version": mesh.istio_version,
        "url": mesh.url,
        "branch": mesh.branch,
        "forge": mesh.forge.value,
        "package": mesh.package,
        "argocd_namespace": mesh.argocd_namespace,
        "external_cluster": mesh.external_cluster,
        "control_plane": mesh.control_plane,
        "address": mesh.address,
        "config_cluster": config.name,
        "tls_secret": mesh.tls_secret or (f"{mesh.control_plane}-tls" if mesh.issuer else None),
        "issuer": mesh.issuer,
    }
    files = {
        schema.MESH_FILE: _render("inventory/mesh.yaml.j2", context),
        cluster_path(mesh.external_cluster): _cluster_file(
            Role.EXTERNAL, NewCluster(mesh.external_cluster), None
        ),
    }
    for remote in mesh.remotes:
        path = cluster_path(remote.name)
        if path in files:
            raise ExtcpError.of(
                "EXTCP-I013", f"two clusters are named '{remote.name}'", "give each its own name"
            )
        files[path] = _cluster_file(Role.REMOTE, remote, mesh.control_plane)
    return files


def add_cluster(
    files: Mapping[str, bytes], cluster: NewCluster, control_plane: str
) -> dict[str, bytes]:
    """The file of a further remote cluster.

    Raises:
        ExtcpError: The cluster is there already, or its name is not possible.
    """
    path = cluster_path(cluster.name)
    if path in files:
        raise ExtcpError.of(
            "EXTCP-I013",
            f"there is a cluster '{cluster.name}' already",
            "choose another name, or edit that file and run 'extcp-gitops generate'",
            path,
        )
    return {path: _cluster_file(Role.REMOTE, cluster, control_plane)}


def remove_cluster(inventory: Inventory, name: str) -> dict[str, bytes | None]:
    """The change that takes a remote cluster out of the mesh.

    Raises:
        ExtcpError: There is no such cluster, or the mesh cannot be without it.
    """
    cluster = inventory.by_name.get(name)
    if cluster is None:
        raise unknown_cluster(inventory, name)
    if cluster.role is Role.EXTERNAL:
        raise ExtcpError.of(
            "EXTCP-I030",
            f"'{name}' hosts the control planes",
            "it goes last: take each further remote cluster out as README.md says, under 'Remove a "
            "remote cluster'; then delete the mesh's Applications with kubectl, the root first, "
            "which leaves what they deployed; then that, in the config clusters and in this one",
        )
    for plane in inventory.mesh.control_planes:
        if plane.config_cluster == name:
            raise ExtcpError.of(
                "EXTCP-I030",
                f"'{name}' is the config cluster of the control plane '{plane.name}'",
                "move configCluster in mesh.yaml to another remote cluster first",
            )
    return {cluster_path(name): None}


def add_control_plane(raw: bytes, plane: NewControlPlane) -> bytes:
    """mesh.yaml with one more control plane.

    Raises:
        ExtcpError: The file cannot be edited without touching more than that.
    """
    from extcp_gitops.yamlio import edit  # noqa: PLC0415 - yaml is loaded when needed

    entry: dict[str, object] = {
        "name": plane.name,
        "address": plane.address,
        "configCluster": plane.config_cluster,
    }
    if plane.tls_secret or plane.issuer:
        tls: dict[str, object] = {"secretName": plane.tls_secret or f"{plane.name}-tls"}
        if plane.issuer:
            tls["certManagerIssuer"] = {"name": plane.issuer}
        entry["tls"] = tls
    return edit.append(raw, ("controlPlanes",), entry, schema.MESH_FILE)


def pin_root(raw: bytes, inventory: Inventory, plane: str, certificate: str) -> bytes:
    """mesh.yaml with the root that the gateway verifies istiod against.

    Args:
        raw: mesh.yaml.
        inventory: Made from it.
        plane: Name of the control plane.
        certificate: PEM, checked by ``pem.problem``.

    Raises:
        ExtcpError: There is no such control plane, or the file cannot be edited.
    """
    from extcp_gitops.yamlio import edit  # noqa: PLC0415 - yaml is loaded when needed

    index = list(inventory.control_planes).index(known_control_plane(inventory, plane))
    path = ("controlPlanes", index, "certificateAuthority", "rootCertificate")
    return edit.set_value(raw, path, certificate, schema.MESH_FILE)


def known_control_plane(inventory: Inventory, name: str | None) -> str:
    """The control plane of that name; the only one when none is named.

    Raises:
        ExtcpError: EXTCP-I017 when there is none of that name, or several to choose from.
    """
    known = ", ".join(inventory.control_planes)
    if name is None and len(inventory.control_planes) == 1:
        return next(iter(inventory.control_planes))
    if name is None:
        raise ExtcpError.of(
            "EXTCP-I017",
            "this mesh has several control planes",
            f"say which one, with --control-plane where that is an option: {known}",
        )
    if name not in inventory.control_planes:
        raise ExtcpError.of(
            "EXTCP-I017", f"there is no control plane '{name}'", f"known here: {known}"
        )
    return name


def unknown_cluster(inventory: Inventory, name: str) -> ExtcpError:
    """The error that helps to find the right name."""
    close = difflib.get_close_matches(name, inventory.by_name, n=3)
    remedy = f"did you mean {' or '.join(close)}?" if close else "see 'extcp-gitops cluster list'"
    return ExtcpError.of("EXTCP-I015", f"there is no cluster '{name}'", remedy)


def _cluster_file(role: Role, cluster: NewCluster, control_plane: str | None) -> bytes:
    context = {
        "role": role.value,
        "server": cluster.server,
        "destination": cluster.name.replace("/", names.SLASH),
        "control_plane": control_plane,
        "network": cluster.network,
        "ingress": cluster.gateways.ingress,
        "egress": cluster.gateways.egress,
        "east_west": cluster.gateways.east_west,
    }
    return _render("inventory/cluster.yaml.j2", context)


def _render(template: str, context: Mapping[str, object]) -> bytes:
    from extcp_gitops.render.overlay import render_yaml  # noqa: PLC0415 - jinja2 when needed

    return render_yaml(template, context).encode()

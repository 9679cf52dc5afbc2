"""Law 1: a cluster's objects are those of istioctl on the guide's own documents, but for deltas.

Everything here is real: istioctl of two releases, kustomize, and the repository on a disk. The
deltas are declared in ``extcp_gitops/render/deltas.py`` and printed at the end of each run.
"""

from __future__ import annotations

import functools
import subprocess
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import pytest

from extcp_gitops.generate import Options, generated_tree
from extcp_gitops.inventory.model import (
    CertificateAuthority,
    Cluster,
    ControlPlane,
    Destination,
    Gateways,
    GatewayTLS,
    Inventory,
    Mesh,
    Repository,
    Role,
)
from extcp_gitops.istioctl import Istioctl
from extcp_gitops.render import deltas
from extcp_gitops.yamlio.dump import dump
from extcp_gitops.yamlio.load import load_objects
from tests import guide, meshes

if TYPE_CHECKING:
    from collections.abc import Iterable
    from pathlib import Path

    from extcp_gitops.render.deltas import Object

Key = tuple[str, str, str, str]

NONE, ALL = Gateways(), Gateways(ingress=True, egress=True, east_west=True)
HOST = ControlPlane(
    "external-istiod", "istiod.example.com", "remote-cluster-1", GatewayTLS("istiod-tls")
)


def _inventory(planes: Iterable[ControlPlane], *remotes: Cluster) -> Inventory:
    external = Cluster("external-cluster", Role.EXTERNAL, Destination(name="external-cluster"))
    mesh = Mesh(
        mesh_id="mesh1",
        istio_version="",
        repository=Repository("https://git.example.com/platform/mesh.git"),
        external_cluster=external.name,
        control_planes=tuple(planes),
    )
    return Inventory(mesh, tuple(sorted((external, *remotes), key=lambda c: c.name)))


def _remote(
    name: str,
    gateways: Gateways = NONE,
    plane: str = "external-istiod",
    network: str = "network1",
) -> Cluster:
    return Cluster(name, Role.REMOTE, Destination(name=name), plane, network, gateways)


def _meshes() -> dict[str, Inventory]:
    slashed = replace(HOST, config_cluster="team/blue")
    private = replace(HOST, ca_bundle=meshes.certificate("Private CA"))
    pinned = replace(
        HOST, ca=CertificateAuthority(root_certificate=meshes.certificate("Mesh Root"))
    )
    second = ControlPlane("istiod-b", "b.example.com", "b-1", GatewayTLS("b-tls"))
    by_ip = ControlPlane("external-istiod", "192.0.2.10", "remote-cluster-1")
    return {
        "public CA, each gateway alone": _inventory(
            [pinned],
            _remote("remote-cluster-1", Gateways(east_west=True)),
            _remote("remote-cluster-2", Gateways(ingress=True), network="network2"),
            _remote("remote-cluster-3", Gateways(egress=True), network="network2"),
            _remote("remote-cluster-4"),
        ),
        "private CA, all gateways": _inventory(
            [private], _remote("remote-cluster-1", ALL), _remote("remote-cluster-2", ALL)
        ),
        "IP address": _inventory([by_ip], _remote("remote-cluster-1", ALL), _remote("remote-2")),
        "two control planes": _inventory(
            [HOST, second],
            _remote("remote-cluster-1"),
            _remote("b-1", ALL, "istiod-b"),
            _remote("b-2", NONE, "istiod-b"),
        ),
        "names that look like something else": _inventory(
            [slashed],
            _remote("team/blue", ALL, network="0o17"),
            _remote("1e3", ALL, network="1e3"),
            _remote("0o17", ALL, network="null"),
            _remote("null", ALL, network="0x1F"),
        ),
    }


MESHES = _meshes()
RELEASES = {"1.29.1": "istioctl_path", "1.28.3": "istioctl_other"}


@pytest.fixture(params=RELEASES)
def program(request: pytest.FixtureRequest) -> Istioctl:
    path: Path = request.getfixturevalue(RELEASES[request.param])
    return Istioctl(path, request.param)


def test_every_cluster_equals_istioctl_on_the_guide(
    program: Istioctl, kustomize: Path, tmp_path: Path, mesh_name: str
) -> None:
    inventory = MESHES[mesh_name]
    inventory = replace(inventory, mesh=replace(inventory.mesh, istio_version=program.version))
    tree = generated_tree(inventory, Options(istioctl=program.path))
    for path, content in tree.contents.items():
        (tmp_path / path).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / path).write_bytes(content)
    for cluster in inventory.clusters:
        guides = _render(program, guide.documents(inventory, cluster))
        wanted = _by_key(deltas.to_objects(guides, program.version))
        crds = f"istio/{program.version}/crds"
        found = _by_key(
            item
            for directory in (cluster.directory, crds)
            for item in _build(kustomize, tmp_path / directory)
        )
        extra = {key: item for key, item in found.items() if key not in wanted}
        assert {key: _text(found.get(key)) for key in wanted} == {
            key: _text(item) for key, item in wanted.items()
        }, cluster.name
        assert all(_is_declared(item) for item in extra.values()), list(extra)


@pytest.fixture(params=MESHES)
def mesh_name(request: pytest.FixtureRequest) -> str:
    return str(request.param)


def _is_declared(item: Object) -> bool:
    """Additions that ``deltas.DELTAS`` declares."""
    if item["kind"] == "Secret":
        return item["type"] == "kubernetes.io/service-account-token" and "data" not in item
    if item["kind"] == "ConfigMap":
        return bool(item["metadata"]["name"] == "istiod-root")
    return item["kind"] in {
        "Namespace",
        "Gateway",
        "VirtualService",
        "DestinationRule",
        "Certificate",
    }


def _render(program: Istioctl, documents: list[guide.Operator]) -> list[Object]:
    return [
        item for document in documents for item in load_objects(_generated(program, dump(document)))
    ]


@functools.cache
def _generated(program: Istioctl, document: str) -> bytes:
    return program.manifest_generate(document.encode())


def _build(kustomize: Path, directory: Path) -> list[Object]:
    built = subprocess.run(
        [kustomize, "build", directory], check=True, capture_output=True, timeout=60
    )
    return load_objects(built.stdout)


def _by_key(objects: Iterable[Object]) -> dict[Key, Object]:
    result: dict[Key, Object] = {}
    for item in objects:
        metadata = item["metadata"]
        _drop_argocd(metadata)
        key = (item["apiVersion"], item["kind"], metadata.get("namespace", ""), metadata["name"])
        assert key not in result or result[key] == item, f"{key} twice, and different"
        result[key] = item
    return result


def _drop_argocd(metadata: dict[str, Any]) -> None:
    annotations = metadata.get("annotations", {})
    for name in [name for name in annotations if name.startswith("argocd.argoproj.io/")]:
        del annotations[name]
    if not annotations:
        metadata.pop("annotations", None)


def _text(item: Object | None) -> str:
    """A form in which two objects differ line by line; the order of keys says nothing."""
    return dump(_sorted(item)) if item is not None else "missing"


def _sorted(value: Any) -> Any:  # noqa: ANN401
    if isinstance(value, dict):
        return {key: _sorted(value[key]) for key in sorted(value)}
    if isinstance(value, list):
        return [_sorted(item) for item in value]
    return value

"""The repository that the generator writes for a mesh, and the objects that Argo CD would apply."""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from extcp_gitops.inventory.load import load_directory
from extcp_gitops.verify import build
from extcp_gitops.verify.objects import Reader
from tests import meshes, repositories
from tests.bot.simulation import roots

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

    from extcp_gitops.inventory.model import Inventory

Object = dict[str, Any]

GATEWAYS = "gateways:\n  ingress: true\n  eastWest: true\n"


@dataclass(frozen=True)
class Generated:
    """A repository on the disk and what Kustomize makes of it.

    Attributes:
        root: The repository.
        inventory: What a person wrote.
        texts: JSON of each object, by cluster.
        argocd: JSON of the objects for Argo CD.
    """

    root: Path
    inventory: Inventory
    texts: Mapping[str, tuple[str, ...]]
    argocd: tuple[str, ...]

    def objects(self, cluster: str) -> list[Object]:
        """The objects of a cluster, to be changed at will; CRDs are not among them."""
        return [json.loads(text) for text in self.texts[cluster]]

    def for_argocd(self) -> list[Object]:
        """The Applications and AppProjects, to be changed at will."""
        return [json.loads(text) for text in self.argocd]


def files() -> dict[str, bytes]:
    """A mesh of two networks with east-west gateways, a private CA, and its root pinned."""
    pems = {"caBundle": roots.gateway().root, "rootCertificate": roots.mesh().root}
    bundle, root = (
        "".join(f"        {line}\n" for line in pem.splitlines()) for pem in pems.values()
    )
    tls = "      secretName: istiod-tls\n"
    more = f"    caBundle: |\n{bundle}    certificateAuthority:\n      rootCertificate: |\n{root}"
    remote = meshes.REMOTE.partition("gateways:")[0] + GATEWAYS
    second = meshes.replaced(remote, "network1", "network2")
    return meshes.mesh(
        {
            "mesh.yaml": meshes.replaced(meshes.MESH, tls, tls + more),
            "clusters/remote-cluster-1/cluster.yaml": remote.format(name="remote-cluster-1"),
            "clusters/remote-cluster-2/cluster.yaml": second.format(name="remote-cluster-2"),
        }
    )


def generate(
    root: Path, istioctl: Path, kustomize: Path, cache: Path, inputs: Mapping[str, bytes]
) -> Generated:
    """Write a repository, and build each directory that Argo CD would build.

    Args:
        root: An empty directory.
        istioctl: The real one, asked where the cache does not have what it renders.
        kustomize: The real one.
        cache: Of rendered manifests.
        inputs: What a person wrote, such as :func:`files`.
    """
    repositories.create(root, inputs, istioctl, cache)
    inventory = load_directory(root).inventory
    program, reader = build.Kustomize((str(kustomize), "build")), Reader()
    directories = [cluster.directory for cluster in inventory.clusters]
    built = {
        each.directory: tuple(json.dumps(document.data) for document in each.documents)
        for each in build.build(program, root, ["argocd", *directories], reader).built
    }
    of_clusters = [
        json.dumps(document.data)
        for cluster in inventory.clusters
        for part in build.read(root, f"{cluster.directory}/argocd", reader).built
        for document in part.documents
    ]
    return Generated(
        root,
        inventory,
        {cluster.name: built[cluster.directory] for cluster in inventory.clusters},
        (*built["argocd"], *of_clusters),
    )

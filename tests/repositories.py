"""Whole repositories, generated for real, and objects in them to be spoilt."""

from __future__ import annotations

import copy
import os
from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import pytest

from extcp_gitops import generate
from extcp_gitops.inventory.load import load_directory
from extcp_gitops.verify import build
from extcp_gitops.verify.objects import Built, Document, Reader
from extcp_gitops.yamlio.dump import dump
from tests import gitrepo, meshes

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

    from extcp_gitops.inventory.model import Cluster, Inventory

Object = dict[str, Any]
Change = Callable[[Object], object]


def host_name() -> dict[str, bytes]:
    """A mesh with all that a control plane with a host name can have."""
    pems = {"caBundle": "Private CA", "rootCertificate": "Mesh Root"}
    blocks = {
        key: "".join(f"        {line}\n" for line in meshes.certificate(name).splitlines())
        for key, name in pems.items()
    }
    mesh = meshes.replaced(
        meshes.MESH,
        "      secretName: istiod-tls\n",
        "      secretName: istiod-tls\n"
        "      certManagerIssuer: {name: letsencrypt}\n"
        f"    caBundle: |\n{blocks['caBundle']}"
        f"    certificateAuthority:\n      rootCertificate: |\n{blocks['rootCertificate']}",
    )
    every = "gateways:\n  ingress: true\n  egress: true\n  eastWest: true\n"
    remote = meshes.REMOTE.partition("gateways:")[0] + every
    second = meshes.replaced(remote, "network1", "network2").format(name="remote-cluster-2")
    return meshes.mesh(
        {
            "mesh.yaml": mesh,
            "clusters/remote-cluster-1/cluster.yaml": remote.format(name="remote-cluster-1"),
            "clusters/remote-cluster-2/cluster.yaml": second,
        }
    )


def ip_address() -> dict[str, bytes]:
    """A mesh in the guide's variant for experiments."""
    mesh = meshes.MESH.partition("    tls:")[0]
    mesh = meshes.replaced(mesh, "istiod.example.com", "192.0.2.10")
    return meshes.mesh({"mesh.yaml": mesh})


def with_bot() -> dict[str, bytes]:
    """A mesh whose bot runs in the external cluster, and on the forge."""
    mesh = meshes.replaced(meshes.MESH, "mesh.git\n", "mesh.git\n  forge: github\n")
    bot = f"""\
bot:
  schedule: "*/30 * * * *"
  inCluster:
    image: registry.example.com/extcp-bot@sha256:{"0" * 64}
    tokenSecret: forge
"""
    return meshes.mesh({"mesh.yaml": mesh + bot})


def create(root: Path, files: Mapping[str, bytes], istioctl: Path, cache: Path) -> Path:
    """Generate a repository and give its root; renders come from the cache, and go there."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("EXTCP_CACHE_DIR", str(cache))
        generate.create(root, files, generate.Options(istioctl=istioctl))
    return root


def commit(root: Path) -> None:
    """Make a directory a Git repository, and all that is in it one commit on ``main``."""
    identity = ("-c", "user.name=Test", "-c", "user.email=test@example.com")
    gitrepo.git(root, "init", "--quiet", "--initial-branch=main")
    gitrepo.git(root, "add", "--all")
    gitrepo.git(root, *identity, "commit", "--quiet", "--message=Begin")


def search_path(directory: Path, **programs: Path) -> str:
    """A ``PATH`` on which these programs come first, under these names."""
    directory.mkdir(exist_ok=True)
    for name, program in programs.items():
        (directory / name).symlink_to(program)
    return f"{directory}{os.pathsep}{os.environ['PATH']}"


@dataclass(frozen=True)
class Scene:
    """A repository and what Kustomize makes of it."""

    root: Path
    inventory: Inventory
    built: Mapping[str, Built]

    @classmethod
    def of(cls, root: Path, kustomize: Path) -> Scene:
        """Build all clusters and Argo CD's objects of a repository, and read the rest."""
        inventory = load_directory(root).inventory
        program = build.Kustomize((str(kustomize), "build"))
        crds = f"istio/{inventory.mesh.istio_version}/crds"
        directories = ["argocd", crds, *(cluster.directory for cluster in inventory.clusters)]
        if inventory.mesh.bot.in_cluster is not None:
            directories.append(f"{inventory.external.directory}/bot")
        reader = Reader()
        outcome = build.build(program, root, directories, reader)
        assert not outcome.findings
        assert not outcome.unknown
        parts = {part.directory: part for part in outcome.built}
        for cluster in inventory.clusters:
            (plain,) = build.read(root, f"{cluster.directory}/argocd", reader).built
            parts[plain.directory] = plain
        return cls(root, inventory, parts)

    def cluster(self, name: str) -> Cluster:
        """A cluster of the inventory."""
        return self.inventory.by_name[name]


def spoilt(built: Built, kind: str, name: str, change: Change) -> Built:
    """The same objects, one of them changed."""
    assert any(item.kind == kind and item.name == name for item in built.documents), (kind, name)

    def one(document: Document) -> Document:
        if (document.kind, document.name) != (kind, name):
            return document
        data = copy.deepcopy(document.data)
        change(data)
        return Document(dump(data), data)

    return Built(built.directory, tuple(map(one, built.documents)))


def without(built: Built, kind: str, name: str) -> Built:
    """The same objects but one."""
    kept = tuple(i for i in built.documents if (i.kind, i.name) != (kind, name))
    assert len(kept) == len(built.documents) - 1, (kind, name)
    return Built(built.directory, kept)


def put(value: object, *path: str | int) -> Change:
    """A change that sets what is at a path; None removes it."""

    def change(data: Any) -> None:  # noqa: ANN401
        for step in path[:-1]:
            data = data[step]
        if value is None:
            del data[path[-1]]
        else:
            data[path[-1]] = value

    return change


def swap(old: str, new: str) -> Change:
    """A change that replaces a text wherever it stands in an object; it has to be there."""

    def change(data: Object) -> None:
        text = repr(data)
        assert old in text, old
        data.update(_swapped(data, old, new))

    return change


def _swapped(value: Any, old: str, new: str) -> Any:  # noqa: ANN401
    if isinstance(value, dict):
        return {key: _swapped(item, old, new) for key, item in value.items()}
    if isinstance(value, list):
        return [_swapped(item, old, new) for item in value]
    return value.replace(old, new) if isinstance(value, str) else value

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from extcp_gitops.errors import ExtcpError
from extcp_gitops.inventory import author
from extcp_gitops.inventory.author import NewCluster, NewControlPlane, NewMesh
from extcp_gitops.inventory.load import load
from extcp_gitops.inventory.model import Forge, Gateways, Inventory
from tests import meshes

NEW = NewMesh(
    mesh_id="mesh1",
    istio_version="1.29.1",
    url="https://git.example.com/platform/mesh.git",
    address="istiod.example.com",
    remotes=(NewCluster("remote-cluster-1"),),
    tls_secret="istiod-tls",  # noqa: S106 - a name
)
NASTY = st.sampled_from(["1e3", "0o17", "null", "y", "no", "0x1f", "08", "remote-cluster-9", "on"])


def test_a_new_mesh_is_valid_and_says_what_was_asked_for() -> None:
    files = author.new_mesh(NEW)
    assert sorted(files) == [
        "clusters/external-cluster/cluster.yaml",
        "clusters/remote-cluster-1/cluster.yaml",
        "mesh.yaml",
    ]
    loaded = load(files)
    assert [warning.code for warning in loaded.warnings] == ["EXTCP-I041"]
    [plane] = loaded.inventory.mesh.control_planes
    assert (plane.address, plane.tls and plane.tls.secret_name) == (NEW.address, "istiod-tls")


def test_an_issuer_names_the_secret_itself() -> None:
    mesh = NewMesh(
        mesh_id="m",
        istio_version="1.29.1",
        url=NEW.url,
        address=NEW.address,
        remotes=NEW.remotes,
        issuer="letsencrypt",
    )
    [plane] = load(author.new_mesh(mesh)).inventory.mesh.control_planes
    assert plane.tls
    assert plane.tls.issuer
    assert (plane.tls.secret_name, plane.tls.issuer.name) == ("external-istiod-tls", "letsencrypt")


@given(name=NASTY, network=NASTY, mesh_id=NASTY, forge=st.sampled_from(Forge))
def test_names_that_look_like_numbers_stay_names(
    name: str, network: str, mesh_id: str, forge: Forge
) -> None:
    remote = NewCluster(name, network, gateways=Gateways(ingress=True, east_west=True))
    mesh = NewMesh(
        mesh_id=mesh_id,
        istio_version="1.29.1",
        url=NEW.url,
        address=NEW.address,
        remotes=(remote,),
        tls_secret=name,
        forge=forge,
    )
    inventory = load(author.new_mesh(mesh)).inventory
    [cluster] = inventory.remotes
    assert (cluster.name, cluster.network, cluster.gateways) == (name, network, remote.gateways)
    assert cluster.destination.name == name
    assert (inventory.mesh.mesh_id, inventory.mesh.repository.forge) == (mesh_id, forge)


def _inventory() -> Inventory:
    return load(meshes.mesh()).inventory


def test_the_same_name_twice() -> None:
    with pytest.raises(ExtcpError, match="EXTCP-I013"):
        author.add_cluster(meshes.mesh(), NewCluster("remote-cluster-2"), "external-istiod")
    with pytest.raises(ExtcpError, match="EXTCP-I013"):
        author.new_mesh(
            NewMesh(
                mesh_id="m",
                istio_version="1.29.1",
                url=NEW.url,
                address=NEW.address,
                remotes=(NewCluster("a"), NewCluster("a")),
            )
        )


@pytest.mark.parametrize(
    ("name", "code"),
    [
        ("external-cluster", "EXTCP-I030"),
        ("remote-cluster-1", "EXTCP-I030"),
        ("remote-cluster-7", "EXTCP-I015"),
    ],
)
def test_what_cannot_be_removed(name: str, code: str) -> None:
    with pytest.raises(ExtcpError, match=code):
        author.remove_cluster(_inventory(), name)


def test_a_mesh_ends_with_its_external_cluster() -> None:
    with pytest.raises(ExtcpError) as caught:
        author.remove_cluster(_inventory(), "external-cluster")
    remedy = caught.value.findings[0].remedy
    assert "'Remove a remote cluster'" in remedy
    assert "the root first" in remedy


def test_remove() -> None:
    path = "clusters/remote-cluster-2/cluster.yaml"
    assert author.remove_cluster(_inventory(), "remote-cluster-2") == {path: None}


def test_a_second_control_plane_keeps_comments() -> None:
    raw = meshes.MESH.replace("meshID", "# ours\nmeshID").encode()
    plane = NewControlPlane("second", "second.example.com", "c", issuer="letsencrypt")
    edited = author.add_control_plane(raw, plane)
    assert edited.startswith(raw)
    extra = {"clusters/c/cluster.yaml": meshes.REMOTE.format(name="c")}
    files = meshes.mesh({**extra, "mesh.yaml": edited.decode()})
    files["clusters/c/cluster.yaml"] = files["clusters/c/cluster.yaml"].replace(
        b"external-istiod", b"second"
    )
    assert list(load(files).inventory.control_planes) == ["external-istiod", "second"]


def test_pin_and_pin_again() -> None:
    for name in ("First", "Second"):
        files = meshes.mesh()
        root = meshes.certificate(name)
        raw = author.pin_root(files["mesh.yaml"], _inventory(), "external-istiod", root)
        loaded = load({**files, "mesh.yaml": raw})
        assert loaded.inventory.mesh.control_planes[0].ca.root_certificate == root
        assert loaded.warnings == ()


def test_which_control_plane() -> None:
    inventory = _inventory()
    assert author.known_control_plane(inventory, None) == "external-istiod"
    with pytest.raises(ExtcpError, match="EXTCP-I017"):
        author.known_control_plane(inventory, "other")

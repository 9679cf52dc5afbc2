from __future__ import annotations

import json
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import Encoding
from cryptography.x509.oid import NameOID

from extcp_gitops.generate import Options, create
from extcp_gitops.inventory.load import load_directory
from tests import meshes

if TYPE_CHECKING:
    from pathlib import Path

    from tests.conftest import Command

ADD = ["control-plane", "add", "second", "--tls-secret", "second-tls"]


@pytest.fixture
def root(tmp_path: Path, istioctl_path: Path) -> Path:
    commented = meshes.MESH.replace("meshID", "# ours\nmeshID")
    create(tmp_path, meshes.mesh({"mesh.yaml": commented}), Options(istioctl=istioctl_path))
    return tmp_path


def test_a_second_control_plane_with_a_new_config_cluster(extcp: Command, root: Path) -> None:
    where = ["--address", "b.example.com", "--config-cluster", "b-1", "--network", "b"]
    assert extcp("-C", root, *ADD, *where) == 0
    inventory = load_directory(root).inventory
    assert list(inventory.control_planes) == ["external-istiod", "second"]
    assert inventory.is_config_cluster(inventory.by_name["b-1"])
    assert "# ours\nmeshID" in (root / "mesh.yaml").read_text()
    assert (root / "clusters/external-cluster/control-planes/second.yaml").is_file()


@pytest.mark.parametrize(
    ("address", "config", "code"),
    [
        ("istiod.example.com", "b-1", "EXTCP-I018"),
        ("b.example.com", "remote-cluster-2", "EXTCP-I016"),
        ("192.0.2.1", "b-1", "EXTCP-I019"),
        ("B.example.com", "b-1", "EXTCP-I004"),
    ],
)
def test_what_cannot_be(extcp: Command, root: Path, address: str, config: str, code: str) -> None:
    before = (root / "mesh.yaml").read_bytes()
    assert extcp("-C", root, *ADD, "--address", address, "--config-cluster", config) == 1
    assert code in extcp.err
    assert (root / "mesh.yaml").read_bytes() == before
    assert not (root / "clusters/b-1").exists()


def test_what_would_describe_a_new_cluster_is_refused_for_one_that_is_there(
    extcp: Command, root: Path
) -> None:
    before = (root / "mesh.yaml").read_bytes()
    where = ["--address", "b.example.com", "--config-cluster", "remote-cluster-2"]
    assert extcp("-C", root, *ADD, *where, "--network", "zzz", "--ingress") == 2
    assert "'remote-cluster-2' is there already, and --network, --ingress would" in extcp.err
    assert (root / "mesh.yaml").read_bytes() == before


def test_the_remedy_for_a_config_cluster_that_is_missing_works(extcp: Command, root: Path) -> None:
    mesh = root / "mesh.yaml"
    plane = "  - {name: second, address: b.example.com, configCluster: b-1, tls: {secretName: x}}\n"
    mesh.write_text(mesh.read_text() + plane)
    assert extcp("-C", root, "generate") == 1
    assert "write clusters/b-1/cluster.yaml with role: remote and controlPlane: sec" in extcp.err
    cluster = root / "clusters/b-1/cluster.yaml"
    cluster.parent.mkdir()
    described = meshes.REMOTE.format(name="b-1")
    cluster.write_text(meshes.replaced(described, "external-istiod", "second"))
    assert extcp("-C", root, "generate") == 0


def test_pin_the_root_from_a_file(extcp: Command, root: Path, tmp_path: Path) -> None:
    pem = tmp_path / "root-cert.pem"
    pem.write_text(f"a note\n{meshes.certificate()}")
    assert extcp("-C", root, "control-plane", "pin-root", "--file", pem) == 0
    [plane] = load_directory(root).inventory.mesh.control_planes
    assert plane.ca.root_certificate == meshes.certificate()
    routing = (root / "clusters/external-cluster/control-planes/external-istiod.yaml").read_text()
    assert "name: istiod-root" in routing


def test_a_file_is_rarely_the_root_that_istiod_makes(
    extcp: Command, root: Path, tmp_path: Path
) -> None:
    pem = tmp_path / "root-cert.pem"
    pem.write_text(meshes.certificate())
    pin = ("-C", root, "control-plane", "pin-root", "--file", pem, "--output", "json")
    assert extcp(*pin) == 0
    assert "mesh.yaml: EXTCP-I049 warning: 'external-istiod' signs for itself" in extcp.err
    assert json.loads(extcp.out)["controlPlane"] == "external-istiod"
    mesh = root / "mesh.yaml"
    signing = "certificateAuthority:\n"
    mesh.write_text(
        meshes.replaced(mesh.read_text(), signing, f"{signing}      type: plugged-in\n")
    )
    assert extcp(*pin) == 0
    assert "EXTCP-I049" not in extcp.err


def test_a_private_key_is_never_taken(extcp: Command, root: Path, tmp_path: Path) -> None:
    pem = tmp_path / "both.pem"
    pem.write_text(meshes.certificate() + meshes.private_key())
    assert extcp("-C", root, "control-plane", "pin-root", "--file", pem) == 1
    assert "EXTCP-I022" in extcp.err
    body = meshes.private_key().splitlines()[1]
    assert body not in extcp.err
    assert all(body not in file.read_text() for file in root.rglob("*.yaml"))


def _certificate(*, days: int = 30, ca: bool | None = None, issuer: str = "Odd") -> str:
    """A certificate of 'Odd' that is valid for that many days from now on."""
    key = ec.generate_private_key(ec.SECP256R1())
    names = [x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, n)]) for n in ("Odd", issuer)]
    end = datetime.now(UTC) + timedelta(days=days)
    builder = (
        x509.CertificateBuilder()
        .subject_name(names[0])
        .issuer_name(names[1])
        .public_key(key.public_key())
        .serial_number(1)
        .not_valid_before(end - timedelta(days=365))
        .not_valid_after(end)
    )
    if ca is not None:
        builder = builder.add_extension(x509.BasicConstraints(ca, None), critical=True)
    return builder.sign(key, hashes.SHA256()).public_bytes(Encoding.PEM).decode()


@pytest.mark.parametrize(
    ("root_certificate", "code"),
    [
        (_certificate(days=-1, ca=True), "EXTCP-I032"),
        (_certificate(ca=True) + _certificate(days=-1, ca=True), "EXTCP-I032"),
        (_certificate(ca=False), "EXTCP-I033"),
        (_certificate(issuer="Other"), "EXTCP-I033"),
    ],
)
def test_what_verifies_nobody_is_not_pinned(
    extcp: Command, root: Path, tmp_path: Path, root_certificate: str, code: str
) -> None:
    pem = tmp_path / "root-cert.pem"
    pem.write_text(root_certificate)
    before = (root / "mesh.yaml").read_bytes()
    assert extcp("-C", root, "control-plane", "pin-root", "--file", pem) == 1
    assert f"{code} the certificate 'CN=Odd' " in extcp.err
    assert (root / "mesh.yaml").read_bytes() == before


@pytest.mark.parametrize("issuer", ["Odd", "Other"])
def test_an_authority_need_not_have_signed_itself(
    extcp: Command, root: Path, tmp_path: Path, issuer: str
) -> None:
    pem = tmp_path / "root-cert.pem"
    pem.write_text(_certificate(ca=True, issuer=issuer))
    assert extcp("-C", root, "control-plane", "pin-root", "--file", pem) == 0


@pytest.mark.parametrize("options", [[], ["--context", "x", "--file", "-"]])
def test_one_source_of_the_root(extcp: Command, root: Path, options: list[str]) -> None:
    assert extcp("-C", root, "control-plane", "pin-root", *options) == 2
    assert "one of the two" in extcp.err


def test_an_unknown_control_plane(extcp: Command, root: Path) -> None:
    assert extcp("-C", root, "control-plane", "pin-root", "nowhere", "--context", "x") == 1
    assert "known here: external-istiod" in extcp.err


def test_an_unknown_context(extcp: Command, root: Path) -> None:
    assert extcp("-C", root, "control-plane", "pin-root", "--context", "nowhere") == 1
    assert "EXTCP-K001" in extcp.err

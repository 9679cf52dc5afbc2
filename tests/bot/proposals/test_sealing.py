from __future__ import annotations

import asyncio
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import rsa
from cryptography.hazmat.primitives.serialization import Encoding

from extcp_bot.access.resolve import Choice
from extcp_bot.credentials.model import HeldError
from extcp_bot.passes import Plan
from extcp_bot.proposals.clusters import Clusters
from extcp_bot.proposals.policy import Documents, Policy
from extcp_gitops.errors import ExtcpError
from tests.bot.fleets import PLANE, SECOND, World
from tests.bot.joining.merged import Merged

SEALED = Documents("sealed-secret", certificate_file="sealed.pem")
REFERENCE = Documents("external-secret", "vault", key="mesh/{cluster}")
DIRECTORY = f"clusters/{SECOND}/credential"


@pytest.fixture
def mesh(healthy_mesh: World) -> World:
    """With a cluster that has been merged, and a token in it."""
    Merged(healthy_mesh)
    return healthy_mesh


def documents(
    mesh: World, how: Documents, root: Path = Path(), before: bytes | None = None
) -> dict[str, bytes | None]:
    """The files that are proposed."""
    fleet = replace(mesh.fleet, root=root)
    clusters = Clusters(fleet, Plan(root, Choice(), ()), Policy(documents=how))
    assert clusters.wants_document(SECOND)
    proposal = asyncio.run(clusters.credential(SECOND, before))
    found = dict(proposal.edit({}))
    assert clusters.document_path(SECOND) in found
    return found


def certificate() -> bytes:
    key = rsa.generate_private_key(public_exponent=65537, key_size=2048)
    name = x509.Name([])
    now = datetime.now(UTC)
    builder = x509.CertificateBuilder().subject_name(name).issuer_name(name)
    builder = builder.public_key(key.public_key()).serial_number(1)
    builder = builder.not_valid_before(now).not_valid_after(now + timedelta(days=1))
    return builder.sign(key, hashes.SHA256()).public_bytes(Encoding.PEM)


def test_a_reference_names_the_place_and_holds_nothing(mesh: World) -> None:
    found = documents(mesh, REFERENCE)
    raw = found[f"{DIRECTORY}/external-secret.yaml"] or b""
    assert f"mesh/{SECOND}".encode() in raw
    assert b"vault" in raw
    assert f"{DIRECTORY}/kustomization.yaml" in found


def test_what_was_sealed_stays_while_it_holds_the_same_token(mesh: World, tmp_path: Path) -> None:
    (tmp_path / "sealed.pem").write_bytes(certificate())
    path = f"{DIRECTORY}/sealed-secret.yaml"
    first = documents(mesh, SEALED, tmp_path)[path]
    assert first != documents(mesh, SEALED, tmp_path)[path]
    assert first == documents(mesh, SEALED, tmp_path, first)[path]


def test_before_its_turn_there_is_none(mesh: World) -> None:
    namespace = mesh.second.objects[f"/api/v1/namespaces/{PLANE}"]
    namespace["metadata"]["annotations"] = {}
    with pytest.raises(HeldError):
        documents(mesh, REFERENCE)


def test_without_the_certificate_it_says_where_to_put_it(mesh: World, tmp_path: Path) -> None:
    with pytest.raises(ExtcpError, match="EXTCP-B045"):
        documents(mesh, SEALED, tmp_path)


def test_who_has_none_in_mind_gets_none(mesh: World) -> None:
    plain = Clusters(mesh.fleet, Plan(Path(), Choice(), ()), Policy())
    assert not plain.wants_document(SECOND)

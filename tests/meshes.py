"""Small meshes as a person writes them: files by path, to change one thing and look."""

from __future__ import annotations

import functools
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING

from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat
from cryptography.x509.oid import NameOID

if TYPE_CHECKING:
    from collections.abc import Mapping

MESH = """\
apiVersion: extcp-gitops.io/v1alpha1
kind: Mesh
meshID: mesh1
istioVersion: 1.29.1
repository:
  url: https://git.example.com/platform/mesh.git
externalCluster: external-cluster
controlPlanes:
  - name: external-istiod
    address: istiod.example.com
    configCluster: remote-cluster-1
    tls:
      secretName: istiod-tls
"""

EXTERNAL = """\
apiVersion: extcp-gitops.io/v1alpha1
kind: Cluster
role: external
argocd:
  name: external-cluster
"""

REMOTE = """\
apiVersion: extcp-gitops.io/v1alpha1
kind: Cluster
role: remote
argocd:
  name: {name}
controlPlane: external-istiod
network: network1
gateways:
  ingress: true
  eastWest: false
"""


def mesh(changes: Mapping[str, str | None] | None = None) -> dict[str, bytes]:
    """One external cluster and two remote ones; ``changes`` replaces or removes files."""
    texts: dict[str, str | None] = {
        "mesh.yaml": MESH,
        "clusters/external-cluster/cluster.yaml": EXTERNAL,
        "clusters/remote-cluster-1/cluster.yaml": REMOTE.format(name="remote-cluster-1"),
        "clusters/remote-cluster-2/cluster.yaml": REMOTE.format(name="remote-cluster-2"),
        **(changes or {}),
    }
    return {path: text.encode() for path, text in texts.items() if text is not None}


def replaced(text: str, old: str, new: str) -> str:
    """The text with one thing in it replaced; the thing has to be there."""
    assert old in text, old
    return text.replace(old, new)


@functools.cache
def certificate(name: str = "Test Root", days: int = 3650) -> str:
    """A self-signed certificate in PEM, valid for so long from the first day of 2026."""
    return _pair(name, days)[0]


@functools.cache
def private_key() -> str:
    """A private key in PEM, to be refused."""
    return _pair("Lost")[1]


def _pair(name: str, days: int = 3650) -> tuple[str, str]:
    key = ec.generate_private_key(ec.SECP256R1())
    subject = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, name)])
    now = datetime(2026, 1, 1, tzinfo=UTC)
    built = (
        x509.CertificateBuilder()
        .subject_name(subject)
        .issuer_name(subject)
        .public_key(key.public_key())
        .serial_number(1)
        .not_valid_before(now)
        .not_valid_after(now + timedelta(days=days))
        .sign(key, hashes.SHA256())
    )
    pem = built.public_bytes(Encoding.PEM).decode()
    secret = key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()).decode()
    return pem, secret

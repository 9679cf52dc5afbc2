"""Each rule of the inventory: the smallest mesh that breaks it, and where the finding points."""

from __future__ import annotations

import textwrap

import pytest

from extcp_gitops.errors import ExtcpError, Severity
from extcp_gitops.inventory.load import load
from tests import meshes

MESH, EXTERNAL = meshes.MESH, meshes.EXTERNAL
FIRST = meshes.REMOTE.format(name="remote-cluster-1")
SECOND = meshes.REMOTE.format(name="remote-cluster-2")
PLANE = """\
  - name: second
    address: {address}
    configCluster: remote-cluster-2
    tls:
      secretName: second-tls
"""


def _mesh(old: str, new: str) -> dict[str, str | None]:
    return {"mesh.yaml": meshes.replaced(MESH, old, new)}


def _second(old: str, new: str) -> dict[str, str | None]:
    return {"clusters/remote-cluster-2/cluster.yaml": meshes.replaced(SECOND, old, new)}


def _external(old: str, new: str) -> dict[str, str | None]:
    return {"clusters/external-cluster/cluster.yaml": meshes.replaced(EXTERNAL, old, new)}


def _pem(key: str, text: str) -> dict[str, str | None]:
    block = textwrap.indent(text, " " * 6)
    return {"mesh.yaml": f"{MESH}    {key}: |\n{block}"}


BOT = f"""\
bot:
  schedule: "*/30 * * * *"
  inCluster:
    image: registry.example.com/extcp-bot@sha256:{"0" * 64}
    tokenSecret: forge
    namespace: %s
"""
FORGE = meshes.replaced(MESH, "mesh.git\n", "mesh.git\n  forge: gitea\n")

ERRORS = {
    "a bot that runs nowhere": ({"mesh.yaml": FORGE + "bot: {}\n"}, "EXTCP-I045", "mesh.yaml:15:6"),
    "a bot without a forge": ({"mesh.yaml": MESH + BOT % "bot"}, "EXTCP-I046", "mesh.yaml:15:3"),
    "a bot beside istiod": (
        {"mesh.yaml": FORGE + BOT % "external-istiod"},
        "EXTCP-I047",
        "mesh.yaml:20:16",
    ),
    "a bot beside Argo CD": (
        {"mesh.yaml": FORGE + BOT % "argocd"},
        "EXTCP-I047",
        "mesh.yaml:20:16",
    ),
    "a bot of Kubernetes": (
        {"mesh.yaml": FORGE + BOT % "kube-public"},
        "EXTCP-I047",
        "mesh.yaml:20:16",
    ),
    "unknown config cluster": (
        _mesh("configCluster: remote-cluster-1", "configCluster: nowhere"),
        "EXTCP-I015",
        "mesh.yaml:11:20",
    ),
    "external cluster as config cluster": (
        _mesh("configCluster: remote-cluster-1", "configCluster: external-cluster"),
        "EXTCP-I015",
        "mesh.yaml:11:20",
    ),
    "config cluster of another control plane": (
        {"mesh.yaml": MESH + PLANE.format(address="second.example.com")},
        "EXTCP-I016",
        "mesh.yaml:16:20",
    ),
    "unknown control plane": (
        _second("controlPlane: external-istiod", "controlPlane: other"),
        "EXTCP-I017",
        "clusters/remote-cluster-2/cluster.yaml:6:15",
    ),
    "two control planes, one address": (
        {
            "mesh.yaml": MESH + PLANE.format(address="istiod.example.com"),
            **_second("controlPlane: external-istiod", "controlPlane: second"),
        },
        "EXTCP-I018",
        "mesh.yaml:15:14",
    ),
    "an IP address beside another control plane": (
        {
            "mesh.yaml": MESH + PLANE.format(address="192.0.2.1"),
            **_second("controlPlane: external-istiod", "controlPlane: second"),
        },
        "EXTCP-I019",
        "mesh.yaml:15:14",
    ),
    "old Istio": (_mesh("1.29.1", "1.20.3"), "EXTCP-I020", "mesh.yaml:4:15"),
    "no external cluster": (
        {"clusters/external-cluster/cluster.yaml": None},
        "EXTCP-I014",
        "mesh.yaml:7:18",
    ),
    "external cluster with role remote": (
        _mesh("externalCluster: external-cluster", "externalCluster: remote-cluster-2"),
        "EXTCP-I014",
        "clusters/external-cluster/cluster.yaml:3:7",
    ),
    "reserved namespace": (
        _mesh("name: external-istiod", "name: istio-system"),
        "EXTCP-I023",
        "mesh.yaml:9:11",
    ),
    "Argo CD's namespace": (
        _mesh("name: external-istiod", "name: argocd"),
        "EXTCP-I023",
        "mesh.yaml:9:11",
    ),
    "host name without TLS": (
        _mesh("    tls:\n      secretName: istiod-tls\n", ""),
        "EXTCP-I024",
        "mesh.yaml:9:5",
    ),
    "half an address": (
        _mesh("address: istiod.example.com", "address: 10.0.0"),
        "EXTCP-I004",
        "mesh.yaml:10:14",
    ),
    "destination by name and by server": (
        _second("  name: remote-cluster-2", "  name: a\n  server: https://a.example.com"),
        "EXTCP-I025",
        "clusters/remote-cluster-2/cluster.yaml:5:3",
    ),
    "external cluster with a network": (
        _external("role: external", "role: external\nnetwork: network1"),
        "EXTCP-I026",
        "clusters/external-cluster/cluster.yaml:4:10",
    ),
    "east-west gateway without one in the config cluster": (
        _second("eastWest: false", "eastWest: true"),
        "EXTCP-I027",
        "clusters/remote-cluster-2/cluster.yaml:10:13",
    ),
    "one destination twice": (
        _second("name: remote-cluster-2", "name: remote-cluster-1"),
        "EXTCP-I028",
        "clusters/remote-cluster-2/cluster.yaml:5:3",
    ),
    "remote cluster without a network": (
        _second("network: network1\n", ""),
        "EXTCP-I002",
        "clusters/remote-cluster-2/cluster.yaml:1:1",
    ),
    "a CA bundle that is none": (_pem("caBundle", "hello\n"), "EXTCP-I021", "mesh.yaml:14:15"),
    "a private key": (
        _pem("caBundle", meshes.certificate() + meshes.private_key()),
        "EXTCP-I022",
        "mesh.yaml:14:15",
    ),
    "an issuer for a self-signed CA": (
        {
            "mesh.yaml": f"{MESH}    certificateAuthority:\n      certManagerIssuer:\n"
            "        name: x\n"
        },
        "EXTCP-I024",
        "mesh.yaml:16:9",
    ),
    "a credential in the URL": (
        _mesh("https://git.example.com", "https://user:canary@git.example.com"),
        "EXTCP-G",
        "mesh.yaml:6:8",
    ),
    "a branch that Git refuses": (
        _mesh("mesh.git\n", "mesh.git\n  branch: 'a..b'\n"),
        "EXTCP-G",
        "mesh.yaml:7:11",
    ),
}


@pytest.mark.parametrize(("changes", "code", "place"), ERRORS.values(), ids=ERRORS)
def test_error(changes: dict[str, str | None], code: str, place: str) -> None:
    with pytest.raises(ExtcpError) as caught:
        load(meshes.mesh(changes))
    found = [(finding.code, finding.location) for finding in caught.value.findings]
    assert any(seen.startswith(code) and where == place for seen, where in found), found
    assert all(finding.remedy for finding in caught.value.findings)
    assert "canary" not in str(caught.value)


WARNINGS = {
    "root not pinned": ({}, "EXTCP-I041"),
    "IP address": (
        _mesh(
            "address: istiod.example.com\n    configCluster: remote-cluster-1\n"
            "    tls:\n      secretName: istiod-tls",
            "address: 192.0.2.1\n    configCluster: remote-cluster-1",
        ),
        "EXTCP-I040",
    ),
    "no verification": (
        {"mesh.yaml": f"{MESH}    certificateAuthority: {{insecureSkipVerify: true}}\n"},
        "EXTCP-I042",
    ),
    "a slash in a further cluster": (
        {"clusters/a--slash--b/cluster.yaml": meshes.REMOTE.format(name="ab")},
        "EXTCP-I043",
    ),
    "a network nobody can reach": (_second("network: network1", "network: b"), "EXTCP-I044"),
}


@pytest.mark.parametrize(("changes", "code"), WARNINGS.values(), ids=WARNINGS)
def test_warning(changes: dict[str, str | None], code: str) -> None:
    loaded = load(meshes.mesh(changes))
    assert code in {warning.code for warning in loaded.warnings}
    assert {warning.severity for warning in loaded.warnings} == {Severity.WARNING}


def test_what_pins_the_root_names_the_config_cluster() -> None:
    for more in ("", "    certificateAuthority: {insecureSkipVerify: true}\n"):
        [warning] = load(meshes.mesh({"mesh.yaml": MESH + more})).warnings
        assert "pin-root external-istiod --context remote-cluster-1" in warning.remedy


def test_a_pinned_root_needs_no_warning() -> None:
    block = textwrap.indent(meshes.certificate(), " " * 8)
    text = f"{MESH}    certificateAuthority:\n      rootCertificate: |\n{block}"
    assert load(meshes.mesh({"mesh.yaml": text})).warnings == ()

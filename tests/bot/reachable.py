"""Simulated clusters that a command line reaches as people do: a repository and a kubeconfig."""

from __future__ import annotations

import base64
import os
import subprocess
import sys
from typing import TYPE_CHECKING, Any

import yaml

from tests import meshes
from tests.bot.apiserver import ROOT, TOKEN
from tests.bot.fleets import PLANE, SECOND, World

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

    from tests.bot.apiserver import ApiServer

SECRETS = f"/api/v1/namespaces/{PLANE}/secrets"
ISTIODS_TOKEN = "token-of-istiod-that-nobody-may-see"  # noqa: S105 - a canary
LABELS = {"istio/multiCluster": "true"}


def write(mesh: World, root: Path) -> Mapping[str, str]:
    """Write the repository, and a kubeconfig with a context for each cluster.

    Returns:
        What of the environment leads to it.
    """
    for path, content in meshes.mesh().items():
        file = root / path
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_bytes(content)
    kubeconfig = root / "kubeconfig"
    kubeconfig.write_text(yaml.safe_dump(_kubeconfig(mesh.servers)))
    return {"KUBECONFIG": str(kubeconfig)}


def deliver(mesh: World, *, second: bool = True) -> None:
    """The Secrets with which EXTCP-H05 is content; the second cluster's may be left out."""
    _put(mesh.external, "istio-kubeconfig", "config", {})
    if second:
        _put(mesh.external, f"istio-remote-secret-{SECOND}", SECOND, LABELS)


def start(root: Path, environment: Mapping[str, str], *arguments: str) -> subprocess.Popen[str]:
    """Start ``extcp-bot`` as a process; both of its streams are pipes."""
    return subprocess.Popen(
        [sys.executable, "-m", "extcp_bot", "-C", str(root), *arguments],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        env={**os.environ, **environment, "PYTHONUNBUFFERED": "1"},
    )


def _kubeconfig(servers: Mapping[str, ApiServer]) -> dict[str, Any]:
    ca = _encoded(ROOT)
    return {
        "contexts": [{"name": n, "context": {"cluster": n, "user": "me"}} for n in servers],
        "clusters": [
            {"name": n, "cluster": {"server": s.url, "certificate-authority-data": ca}}
            for n, s in servers.items()
        ],
        "users": [{"name": "me", "user": {"token": TOKEN}}],
    }


def _put(server: ApiServer, name: str, key: str, labels: dict[str, str]) -> None:
    cluster = {"server": "https://10.0.0.1:6443", "certificate-authority-data": _encoded("CA")}
    document = {
        "contexts": [{"name": key, "context": {"cluster": key, "user": key}}],
        "clusters": [{"name": key, "cluster": cluster}],
        "users": [{"name": key, "user": {"token": ISTIODS_TOKEN}}],
        "current-context": key,
    }
    data = {key: _encoded(yaml.safe_dump(document))}
    server.put(SECRETS, {"metadata": {"name": name, "labels": labels}, "data": data})


def _encoded(text: str) -> str:
    return base64.b64encode(text.encode()).decode()

"""Clusters that Argo CD knows, in a mesh whose repository is on the disk."""

from __future__ import annotations

import base64
import contextlib
import json
from typing import TYPE_CHECKING, Any

from extcp_bot.candidates import wishes
from tests import meshes
from tests.bot.apiserver import ROOT, TOKEN
from tests.bot.fleets import World, world

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping
    from pathlib import Path

NAMESPACE = "argocd"
NAME = "payments-eu"
SERVER = "https://payments-eu.clusters.test:6443"
LABEL = {"argocd.argoproj.io/secret-type": "cluster"}
MESH = {wishes.MESH: "mesh1"}


@contextlib.contextmanager
def mesh(root: Path, changes: Mapping[str, str | None] | None = None) -> Iterator[World]:
    """A mesh whose repository is written below a directory; its clusters hold nothing."""
    for path, content in meshes.mesh(changes).items():
        file = root / path
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_bytes(content)
    with world(changes) as found:
        found.fleet.root = root
        yield found


def register(
    found: World,
    name: str = NAME,
    server: str = SERVER,
    *,
    labels: Mapping[str, str] | None = None,
    annotations: Mapping[str, str] | None = None,
    secret: str = "",
    config: Any = None,  # noqa: ANN401 - any JSON
) -> None:
    """Let Argo CD know a cluster, labelled for the mesh where nothing else is said."""
    if config is None:
        ca = base64.b64encode(ROOT.encode()).decode()
        config = {"bearerToken": TOKEN, "tlsClientConfig": {"caData": ca}}
    data = {"name": name, "server": server, "config": json.dumps(config)}
    found.external.put(
        f"/api/v1/namespaces/{NAMESPACE}/secrets",
        {
            "metadata": {
                "name": secret or f"cluster-{name}",
                "labels": {**LABEL, **(MESH if labels is None else labels)},
                "annotations": dict(annotations or {}),
            },
            "data": {key: base64.b64encode(text.encode()).decode() for key, text in data.items()},
        },
    )

"""API servers that are dead, slow, or none: their own cluster is unknown, and no other."""

from __future__ import annotations

import signal
from typing import TYPE_CHECKING

import yaml

from .model import fault

if TYPE_CHECKING:
    from collections.abc import Iterator

    from .model import Stage

# Whatever has to be asked of the second cluster's API server, and what istiod makes of its absence.
UNKNOWN = tuple(
    f"H{number:02} remote-cluster-2 unknown"
    for number in (3, 4, 6, 7, 9, 10, 11, 12, 13, 14, 15, 17, 19)
)


@fault(
    "the API server of a cluster is gone",
    names="H09 remote-cluster-2 unknown",
    follows=UNKNOWN,
    by_hand=True,
)
def dead_api_server(stage: Stage) -> Iterator[None]:
    with stage.second.paused():
        yield


@fault(
    "the API server of a cluster does not answer any more",
    names="H09 remote-cluster-2 unknown",
    follows=UNKNOWN,
    by_hand=True,
)
def slow_api_server(stage: Stage) -> Iterator[None]:
    stage.second.signal(signal.SIGSTOP)
    try:
        yield
    finally:
        stage.second.signal(signal.SIGCONT)


@fault(
    "what answers in place of a cluster's API server says HTML",
    names="H09 remote-cluster-2 unknown",
    follows=UNKNOWN,
    by_hand=True,
)
def html_api_server(stage: Stage) -> Iterator[None]:
    path = stage.bot.kubeconfig
    before = path.read_text()
    document = yaml.safe_load(before)
    for entry in document["clusters"]:
        if entry["name"] == stage.second.name:
            entry["cluster"] = {"server": stage.mesh.gitea.url.rstrip("/")}
    path.write_text(yaml.safe_dump(document))
    yield
    path.write_text(before)

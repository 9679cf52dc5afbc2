"""A process that is a whole healthy mesh of many clusters, until its standard input ends.

    python -m benchmarks.simulated.mesh --clusters 1000 --into DIRECTORY

It generates the repository, commits it, serves all clusters, and prints one line when it is ready.
In the directory are then the repository, a kubeconfig, and what bare requests and ``kubectl`` need.
"""

from __future__ import annotations

import argparse
import contextlib
import json
import multiprocessing
import os
import shutil
import socket
import sys
from contextlib import ExitStack
from pathlib import Path
from typing import TYPE_CHECKING, Any

import yaml

from benchmarks.simulated import certificates, clusters, hub
from benchmarks.simulated.recording import TEMPLATE, Recording, record
from extcp_gitops import generate
from extcp_gitops.git import Repository
from extcp_gitops.inventory.load import load_directory
from tests import repositories
from tests.bot.apiserver import ROOT, TOKEN
from tests.bot.simulation import generated
from tests.bot.simulation.controllers import encoded
from tests.bot.simulation.generated import Generated

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from benchmarks.simulated.clusters import Place

REPOSITORY, KUBECONFIG, PLAN = "repository", "kubeconfig", "plan.json"
SLOW_SECONDS = 1.0
MODES = ("alive", "slow", "cut-off", "dead")
_MODES_HELP = (
    "slow: one cluster in ten takes a second for each answer; cut-off: all remote clusters but the "
    "config cluster are dead, half of them refusing connections, half of them silent; dead: all are"
)
_ONE_IN = 10


def main() -> None:
    """Serve."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--clusters", type=int, required=True, help="remote clusters")
    parser.add_argument("--delay", type=float, default=0.05, help="seconds of a round trip")
    parser.add_argument("--mode", choices=MODES, default="alive", help=_MODES_HELP)
    parser.add_argument("--into", type=Path, required=True, help="an empty directory")
    options = parser.parse_args()
    with served(options.into, options.clusters, options.delay, options.mode):
        print("ready", flush=True)
        sys.stdin.read()


@contextlib.contextmanager
def served(into: Path, count: int, delay: float, mode: str) -> Iterator[None]:
    """Serve while the block lasts.

    Args:
        into: An empty directory.
        count: Remote clusters.
        delay: Seconds of a round trip.
        mode: One of :data:`MODES`.
    """
    small = _small(into / "small")
    recording = record(small)
    inputs = _inputs(count)
    generate.create(into / REPOSITORY, inputs, generate.Options())
    repositories.commit(into / REPOSITORY)
    inventory = load_directory(into / REPOSITORY).inventory
    large = hub.for_argocd(small, Generated(into / REPOSITORY, inventory, {}, ()))
    names = [each.name for each in inventory.remotes[1:]]
    places = [
        _place(name, SLOW_SECONDS if mode == "slow" and number % _ONE_IN == 0 else delay)
        for number, name in enumerate(names)
    ]
    remotes = [
        hub.Remote(each.name, each.port, each.serving.root, hub.token(each.name)) for each in places
    ]
    serving = _apart if mode in ("alive", "slow") else _dead
    with ExitStack() as stack:
        stack.enter_context(serving(places, recording))
        with hub.serving(small, large, recording, remotes, delay) as made:
            hub.synced(made, Repository(into / REPOSITORY).resolve("refs/heads/main"))
            _describe(into, places, made, recording)
            if mode != "dead":
                yield
        if mode == "dead":
            yield


def _small(root: Path) -> Generated:
    """The repository of three clusters, generated and built."""
    istioctl, kustomize = (shutil.which(name) for name in ("istioctl-1.29.1", "kustomize"))
    if not istioctl or not kustomize:
        raise SystemExit("istioctl-1.29.1 and kustomize are needed: make parts")
    cache = Path(os.environ.get("EXTCP_CACHE_DIR") or root.parent / "cache")
    os.environ["EXTCP_CACHE_DIR"] = str(cache)
    os.environ["EXTCP_ISTIOCTL"] = istioctl
    return generated.generate(root, Path(istioctl), Path(kustomize), cache, generated.files())


def _inputs(count: int) -> dict[str, bytes]:
    """What a person wrote for the many clusters: the third one of the small mesh, again and again.

    The first remote cluster is the config cluster, as in the small mesh.
    """
    inputs = generated.files()
    template = f"clusters/{TEMPLATE}/cluster.yaml"
    text = inputs.pop(template)
    for number in range(2, count + 1):
        name = f"remote-cluster-{number}"
        inputs[f"clusters/{name}/cluster.yaml"] = text.replace(TEMPLATE.encode(), name.encode())
    return inputs


def _place(name: str, delay: float) -> Place:
    listener = socket.create_server(("127.0.0.1", 0), backlog=64)
    serving = certificates.serving(name, [f"{name}.clusters.test"])
    return clusters.Place(name, listener, listener.getsockname()[1], serving, delay)


@contextlib.contextmanager
def _apart(places: Sequence[Place], recording: Recording) -> Iterator[None]:
    """Serve the remote clusters in a process of their own while the block lasts."""
    ours, theirs = socket.socketpair()
    # Forked, because it takes its sockets with it; no thread has been started yet.
    process = multiprocessing.get_context("fork").Process(
        target=clusters.serve, args=(places, recording.answers, theirs), daemon=True
    )
    process.start()
    ours.recv(16)
    for place in places:
        place.listener.close()
    try:
        yield
    finally:
        theirs.close()
        ours.shutdown(socket.SHUT_RDWR)
        process.join(10)


@contextlib.contextmanager
def _dead(places: Sequence[Place], _: Recording) -> Iterator[None]:
    """Let every other cluster refuse connections, and the rest take them and say nothing."""
    for place in places[::2]:
        place.listener.close()
    try:
        yield
    finally:
        for place in places[1::2]:
            place.listener.close()


def _describe(into: Path, places: Sequence[Place], made: hub.Hub, recording: Recording) -> None:
    ways = {name: (server.port, ROOT, TOKEN) for name, server in made.servers.items()}
    ways |= {each.name: (each.port, each.serving.root, f"token-{each.name}") for each in places}
    document = {
        "clusters": [
            {
                "name": name,
                "cluster": {
                    "server": f"https://127.0.0.1:{port}",
                    "certificate-authority-data": encoded(ca),
                },
            }
            for name, (port, ca, _) in ways.items()
        ],
        "users": [{"name": name, "user": {"token": token}} for name, (*_, token) in ways.items()],
        "contexts": [{"name": n, "context": {"cluster": n, "user": n}} for n in ways],
    }
    (into / KUBECONFIG).write_text(yaml.safe_dump(document))
    plan: dict[str, Any] = {
        "gateway": made.gateway,
        "clusters": [each.name for each in places],
        "requests": [*recording.answers],
        "missing": [asked for asked, (code, _) in recording.answers.items() if code >= 400],
        "bodies": recording.bodies,
        "template": TEMPLATE,
    }
    (into / PLAN).write_text(json.dumps(plan))


if __name__ == "__main__":
    main()

"""Istio's samples in the mesh: helloworld answers, sleep asks."""

from __future__ import annotations

import json
import re
import signal
import sys
from collections import Counter
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, TypedDict

import yaml

from . import network
from .parts import part
from .processes import Process, run, wait_for

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from .api import Object
    from .kubernetes import Cluster

NAMESPACE = "sample"
HELLO = "http://helloworld.sample:5000/hello"
FETCH = Path(__file__).parent / "apps" / "fetch.py"
_VERSION = re.compile(r"Hello version: (\w+)")


class Answer(TypedDict):
    """One answer to one request; status 0 where there was none."""

    status: int
    body: str


def samples() -> Path:
    """Istio's samples."""
    return part("istio-samples") / "samples"


def create_namespace(cluster: Cluster, name: str = NAMESPACE) -> None:
    """A namespace whose Pods are injected."""
    metadata = {"name": name, "labels": {"istio-injection": "enabled"}}
    cluster.apply({"apiVersion": "v1", "kind": "Namespace", "metadata": metadata})


def deploy_helloworld(cluster: Cluster, version: str, namespace: str = NAMESPACE) -> None:
    """One version of helloworld, and its Service; the sample has v1 and v2, the rest is like v1."""
    text = (samples() / "helloworld" / "helloworld.yaml").read_text()
    items = {item["metadata"]["name"]: item for item in yaml.safe_load_all(text) if item}
    deployment = json.loads(json.dumps(items["helloworld-v1"]).replace('v1"', f'{version}"'))
    deployment["apiVersion"] = items["helloworld-v1"]["apiVersion"]
    (container,) = deployment["spec"]["template"]["spec"]["containers"]
    container["env"] = [{"name": "SERVICE_VERSION", "value": version}]
    for item in (items["helloworld"], deployment):
        item["metadata"]["namespace"] = namespace
        cluster.apply(item)


def deploy_sleep(cluster: Cluster, namespace: str = NAMESPACE) -> None:
    """The caller."""
    cluster.kubectl("apply", "-n", namespace, "-f", samples() / "sleep" / "sleep.yaml")


def deploy(cluster: Cluster, version: str) -> None:
    """One version of helloworld, and a caller."""
    create_namespace(cluster)
    deploy_helloworld(cluster, version)
    deploy_sleep(cluster)


def wait_deployed(cluster: Cluster, version: str, seconds: float) -> None:
    """Wait until both are available."""
    for deployment in (f"helloworld-{version}", "sleep"):
        cluster.wait_available(NAMESPACE, deployment, seconds)


def ask(
    cluster: Cluster, url: str = HELLO, *, count: int = 1, namespace: str = NAMESPACE
) -> list[Answer]:
    """What ``sleep`` of a cluster is answered."""
    pod = cluster.pods(namespace, "app=sleep")[0]["metadata"]["name"]
    python = str(Path(sys.executable).resolve())
    command = [python, "-I", "/app/fetch.py", url, "--count", str(count)]
    return _answers(cluster.execute(namespace, pod, "sleep", command))


def wait_heard(clusters: Iterable[Cluster], wanted: set[str], seconds: float) -> None:
    """Wait until every cluster's caller hears these versions and nothing else.

    A Pod is ready a moment before all proxies know its address.
    """

    def heard() -> bool:
        return all(set(versions(ask(cluster, count=12))) == wanted for cluster in clusters)

    wait_for(f"{', '.join(sorted(wanted))} from each cluster", heard, seconds)


class Load:
    """A caller that goes on asking while something else happens."""

    def __init__(self, cluster: Cluster, log: Path, url: str = HELLO) -> None:
        pod = cluster.pods(NAMESPACE, "app=sleep")[0]["metadata"]["name"]
        python = str(Path(sys.executable).resolve())
        command = [python, "-I", "/app/fetch.py", url, "--count", "1000000", "--every", "0.05"]
        log.unlink(missing_ok=True)
        argv = cluster.execution(NAMESPACE, pod, "sleep", command)
        self._log = log
        self._process = Process(f"load on {cluster.name}", argv, log)

    def stop(self) -> None:
        """End it."""
        self._process.signal(signal.SIGKILL)
        self._process.stop()

    @property
    def answers(self) -> list[Answer]:
        """What it was answered."""
        *whole, _ = self._log.read_text().split("\n")
        return _answers("\n".join(whole))


@contextmanager
def load(clusters: Iterable[Cluster], directory: Path, name: str) -> Iterator[list[Load]]:
    """Callers in some clusters, who ask until the end of the block."""
    with ExitStack() as stack:
        callers = []
        for cluster in clusters:
            callers.append(Load(cluster, directory / f"{name}.{cluster.name}.log"))
            stack.callback(callers[-1].stop)
        yield callers


def answers(callers: Iterable[Load]) -> list[Answer]:
    """What all of them were answered."""
    return [answer for caller in callers for answer in caller.answers]


def ask_from_outside(url: str, host: str, *, count: int = 1) -> list[Answer]:
    """What a caller outside all clusters is answered."""
    words: list[str | Path] = [
        sys.executable,
        "-I",
        FETCH,
        url,
        "--host",
        host,
        "--count",
        str(count),
    ]
    return _answers(run(words).stdout)


def ask_from_node(cluster: Cluster, url: str) -> Answer:
    """What a caller on a cluster's node is answered, who has no sidecar and no certificate."""
    words = [*network.inside(cluster.network.namespace), sys.executable, "-I", str(FETCH), url]
    return _answers(run(words).stdout)[0]


def versions(answers: list[Answer]) -> Counter[str]:
    """How often each version of helloworld has answered; what is no answer counts as ``none``."""
    found = (_VERSION.search(a["body"]) if a["status"] == 200 else None for a in answers)
    return Counter(match[1] if match else "none" for match in found)


def sidecar(pod: Object) -> Object | None:
    """The status of a Pod's ``istio-proxy``."""
    status = pod.get("status", {})
    both = [*status.get("containerStatuses", []), *status.get("initContainerStatuses", [])]
    return next((c for c in both if c["name"] == "istio-proxy"), None)


def _answers(lines: str) -> list[Answer]:
    return [json.loads(line) for line in lines.splitlines()]

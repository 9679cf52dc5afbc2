"""Argo CD as processes: application controller, repository server and redis.

It lives in the external cluster's API server, as on a management cluster, and knows every cluster
by name.
"""

from __future__ import annotations

import base64
import json
import os
import secrets
import signal
import socket
import time
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

import yaml

from . import network
from .parts import directory as parts_directory
from .parts import part
from .processes import Process, wait_for

if TYPE_CHECKING:
    from collections.abc import Sequence

    from .api import Object
    from .gitea import Gitea
    from .kubernetes import Cluster

NAMESPACE = "argocd"
APPLICATIONS = "argoproj.io/v1alpha1/applications"
REFRESH = "argocd.argoproj.io/refresh"
REDIS_PORT = 6379
REPO_SERVER_PORT = 8081
METRICS_PORT = 8082
READY_SECONDS = 60
REFRESH_SECONDS = 8.0
HELD_SECONDS = 1.0
SETTLED = ("Synced", "Healthy")
# How often the controller looks at Git, in seconds; after a merge the tests tell it to look, as the
# forge's webhook would.
RESYNC = "60"
_REDIS = ["--port", str(REDIS_PORT), "--save", "", "--appendonly", "no", "--protected-mode", "no"]
_REPO_SERVER = ["--port", str(REPO_SERVER_PORT)]
_CONTROLLER = [
    "--repo-server-plaintext",
    *["--app-resync", RESYNC, "--app-resync-jitter", "0"],
    *["--status-processors", "4", "--operation-processors", "4"],
]
PART_OF = {"app.kubernetes.io/part-of": "argocd"}
# What the manifests of Argo CD 3 put into argocd-cm: changes that are nobody's business, ...
IGNORED_UPDATES = {
    "all": {"jsonPointers": ["/status"]},
    "argoproj.io_Application": {
        "jqPathExpressions": [
            '.metadata.annotations."notified.notifications.argoproj.io"',
            '.metadata.annotations."argocd.argoproj.io/refresh"',
            '.metadata.annotations."argocd.argoproj.io/hydrate"',
            ".operation",
        ]
    },
    "ConfigMap": {
        "jqPathExpressions": ['.metadata.annotations."control-plane.alpha.kubernetes.io/leader"']
    },
    "apps_ReplicaSet": {
        "jqPathExpressions": [
            '.metadata.annotations."deployment.kubernetes.io/desired-replicas"',
            '.metadata.annotations."deployment.kubernetes.io/max-replicas"',
        ]
    },
}
# ... and kinds that nobody keeps in Git.
EXCLUSIONS = [
    {
        "apiGroups": ["", "discovery.k8s.io"],
        "kinds": ["Endpoints", "EndpointSlice"],
        "clusters": ["*"],
    },
    {"apiGroups": ["coordination.k8s.io"], "kinds": ["Lease"], "clusters": ["*"]},
    {
        "apiGroups": ["authentication.k8s.io", "authorization.k8s.io"],
        "kinds": [
            "SelfSubjectReview",
            "TokenReview",
            "LocalSubjectAccessReview",
            "SelfSubjectAccessReview",
            "SelfSubjectRulesReview",
            "SubjectAccessReview",
        ],
        "clusters": ["*"],
    },
    {
        "apiGroups": ["certificates.k8s.io"],
        "kinds": ["CertificateSigningRequest"],
        "clusters": ["*"],
    },
]


class ArgoCD:
    """A running Argo CD."""

    def __init__(self, base: Path, home: Cluster) -> None:
        self.home = home
        self._base = base / "argocd"
        self._logs = base / "logs"
        self.processes: list[Process] = []

    def install(self) -> None:
        """Its CRDs and its own settings, as ``kubectl apply -f install.yaml`` leaves them."""
        crds = sorted(part("argocd-crds").rglob("*-crd.yaml"))
        objects = [yaml.safe_load(path.read_text()) for path in crds]
        self.home.apply({"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": NAMESPACE}})
        self.home.apply(*objects, *self._settings())

    def start(self) -> None:
        """Start the processes and wait until they answer."""
        for name in ("tls", "ssh", "gpg", "plugins", "tmp"):
            (self._base / name).mkdir(parents=True)
        hub, redis = str(network.HUB), f"{network.HUB}:{REDIS_PORT}"
        repo = f"{network.HUB}:{REPO_SERVER_PORT}"
        self._process("redis", ["redis-server", "--bind", hub, *_REDIS])
        common = ["argocd", "--redis", redis]
        self._process(
            "argocd-repo-server", [*common, "--disable-tls", "--address", hub, *_REPO_SERVER]
        )
        self._process(
            "argocd-application-controller",
            [*common, "--namespace", NAMESPACE, "--repo-server", repo, *_CONTROLLER],
        )
        ports = (REDIS_PORT, REPO_SERVER_PORT, METRICS_PORT)
        for process, port in zip(self.processes, ports, strict=True):
            process.wait_ready(partial(_listens, port), READY_SECONDS)

    def hold(self, seconds: float) -> None:
        """Stop the application controller while all Applications are Synced and Healthy.

        A sync may flap: Synced, and a moment later out of sync once more.
        """

        def held() -> bool:
            self.wait_synced(seconds)
            self._signal(signal.SIGSTOP)
            time.sleep(HELD_SECONDS)  # what it has sent already may still arrive
            if set(self.applications().values()) == {SETTLED}:
                return True
            self._signal(signal.SIGCONT)
            return False

        try:
            wait_for("Argo CD held with all Applications Synced and Healthy", held, seconds)
        finally:
            self._signal(signal.SIGSTOP)

    def release(self) -> None:
        """Let the application controller go on."""
        self._signal(signal.SIGCONT)

    def wait_looked_at(self, seconds: float, *names: str) -> None:
        """Wait until the named Applications, or all of them, were compared as they are now."""
        self.refresh(*names)

        def looked_at() -> bool:
            return not any(
                REFRESH in item["metadata"].get("annotations", {})
                for item in self.home.api.list(APPLICATIONS, NAMESPACE)
                if not names or item["metadata"]["name"] in names
            )

        wait_for(f"Applications {', '.join(names) or 'all'} looked at", looked_at, seconds)

    def add_cluster(self, cluster: Cluster) -> None:
        """Make a cluster known by its name, as ``argocd cluster add`` does."""
        config = {
            "bearerToken": cluster.token,
            "tlsClientConfig": {"caData": _base64(cluster.ca)},
        }
        self.home.apply(
            _secret(
                f"cluster-{cluster.name}",
                "cluster",
                {"name": cluster.name, "server": cluster.server, "config": json.dumps(config)},
            )
        )

    def remove_cluster(self, cluster: Cluster) -> None:
        """Forget a cluster, as ``argocd cluster rm`` does."""
        self.home.api.delete("v1/secrets", NAMESPACE, f"cluster-{cluster.name}")

    def add_repository(self, gitea: Gitea, url: str) -> None:
        """Let Argo CD read a private repository."""
        data = {"type": "git", "url": url, "username": gitea.user, "password": gitea.password}
        name = Path(url).stem
        self.home.apply(_secret(f"repository-{name}", "repository", data))

    def include_endpoint_slices(self) -> None:
        """Take the entry with EndpointSlice out of what Argo CD leaves alone."""
        kept = [entry for entry in EXCLUSIONS if "EndpointSlice" not in entry["kinds"]]
        data = {"resource.exclusions": yaml.safe_dump(kept)}
        self.home.api.merge("v1/configmaps", NAMESPACE, "argocd-cm", {"data": data})

    def applications(self) -> dict[str, tuple[str, str]]:
        """Sync and health status of every Application."""
        return {
            app["metadata"]["name"]: (
                app.get("status", {}).get("sync", {}).get("status", "none"),
                app.get("status", {}).get("health", {}).get("status", "none"),
            )
            for app in self.home.api.list(APPLICATIONS, NAMESPACE)
        }

    def refresh(self, *names: str) -> None:
        """Have the named Applications, or all of them, looked at now."""
        mark = {REFRESH: "normal"}
        for name in names or self.applications():
            if self.home.api.find(APPLICATIONS, NAMESPACE, name) is None:
                continue
            self.home.api.merge(APPLICATIONS, NAMESPACE, name, {"metadata": {"annotations": mark}})

    def wait_synced(self, seconds: float, *names: str) -> None:
        """Wait until the named Applications, or all of them, are Synced and Healthy.

        Whoever waits presses "refresh" from time to time.
        """
        due = time.monotonic() + REFRESH_SECONDS

        def settled() -> bool:
            nonlocal due
            seen = self.applications()
            unsettled = [n for n in names or seen if seen.get(n) != SETTLED]
            if unsettled and time.monotonic() > due:
                self.refresh(*unsettled)
                due = time.monotonic() + REFRESH_SECONDS
            return bool(seen) and not unsettled

        wait_for(f"Applications {', '.join(names) or 'all'} Synced and Healthy", settled, seconds)

    def _signal(self, number: int) -> None:
        self.processes[-1].signal(number)

    def _settings(self) -> list[Object]:
        labels = {"labels": PART_OF, "namespace": NAMESPACE}
        exclusions = yaml.safe_dump(EXCLUSIONS)
        data = {"resource.exclusions": exclusions, "timeout.reconciliation": f"{RESYNC}s"}
        for kind, ignored in IGNORED_UPDATES.items():
            setting = f"resource.customizations.ignoreResourceUpdates.{kind}"
            data[setting] = yaml.safe_dump(ignored)
        maps = {"argocd-cm": data, "argocd-rbac-cm": {}, "argocd-gpg-keys-cm": {}}
        key = {"server.secretkey": secrets.token_urlsafe(32)}
        return [
            *(
                {
                    "apiVersion": "v1",
                    "kind": "ConfigMap",
                    "metadata": {"name": name, **labels},
                    "data": content,
                }
                for name, content in maps.items()
            ),
            {
                "apiVersion": "v1",
                "kind": "Secret",
                "metadata": {"name": "argocd-secret", **labels},
                "stringData": key,
            },
        ]

    def _process(self, name: str, words: Sequence[str]) -> None:
        log = self._logs / f"{name}.log"
        argv: list[str | Path] = [part(words[0]), *words[1:]]
        self.processes.append(Process(name, argv, log, env=self._environment(name), cwd=self._base))

    def _environment(self, name: str) -> dict[str, str]:
        base = self._base
        return {
            "PATH": f"{parts_directory()}:{os.environ['PATH']}",
            "HOME": str(base),
            "TMPDIR": str(base / "tmp"),
            "HOSTNAME": f"{name}-0",
            "KUBECONFIG": str(self.home.kubeconfig),
            "ARGOCD_BINARY_NAME": name,
            "ARGOCD_FAKE_IN_CLUSTER": "true",
            "ARGOCD_GPG_ENABLED": "false",
            "ARGOCD_TLS_DATA_PATH": str(base / "tls"),
            "ARGOCD_SSH_DATA_PATH": str(base / "ssh"),
            "ARGOCD_PLUGINSOCKFILEPATH": str(base / "plugins"),
            "ARGOCD_ASK_PASS_SOCK": str(base / "ask-pass.sock"),
            "ARGOCD_K8S_CLIENT_QPS": "200",
            "ARGOCD_K8S_CLIENT_BURST": "400",
        }


def _listens(port: int) -> bool:
    socket.create_connection((str(network.HUB), port), 1).close()
    return True


def _base64(text: str) -> str:
    return base64.b64encode(text.encode()).decode()


def _secret(name: str, kind: str, data: dict[str, str]) -> Object:
    return {
        "apiVersion": "v1",
        "kind": "Secret",
        "metadata": {
            "name": name,
            "namespace": NAMESPACE,
            "labels": {"argocd.argoproj.io/secret-type": kind},
        },
        "stringData": data,
    }

"""One Kubernetes cluster: an API server, a controller manager and a node, each a process."""

from __future__ import annotations

import os
import secrets
import sys
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

import yaml

from . import network, pki
from .api import Api, Object
from .network import FIRST_SERVICE, SERVICE_RANGE, NodeNetwork
from .parts import directory as parts_directory
from .parts import part
from .processes import Process, run, wait_for

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

API_PORT = 6443
ETCD_PORT = 2379
API_SECONDS = 60
NODE_SECONDS = 60
ISSUER = "https://kubernetes.default.svc.cluster.local"
CHECKOUT = Path(__file__).resolve().parents[3]


class Etcd:
    """The store of all clusters, each under a prefix of its own."""

    def __init__(self, base: Path) -> None:
        address = f"http://{network.HUB}:{ETCD_PORT}"
        self.url = address
        peer = f"http://{network.HUB}:{ETCD_PORT + 1}"
        self.process = Process(
            "etcd",
            [
                part("etcd"),
                "--unsafe-no-fsync",
                f"--data-dir={base / 'etcd'}",
                f"--listen-client-urls={address}",
                f"--advertise-client-urls={address}",
                f"--listen-peer-urls={peer}",
                f"--initial-advertise-peer-urls={peer}",
                f"--initial-cluster=default={peer}",
                "--log-level=warn",
            ],
            base / "logs" / "etcd.log",
        )


class Cluster:
    """A cluster of one node, made from nothing by :meth:`start`."""

    def __init__(self, name: str, number: int, base: Path, etcd: str) -> None:
        self.network = NodeNetwork(name, number)
        self.name = name
        self.directory = base / "clusters" / name
        self.server = f"https://{self.network.address}:{API_PORT}"
        self.kubeconfig = self.directory / "kubeconfig"
        self._etcd = etcd
        self._logs = base / "logs"
        self._token = secrets.token_urlsafe(24)
        self._authority = pki.Authority(f"{name} cluster")
        self._processes: list[Process] = []
        self._api: Api | None = None

    @property
    def api(self) -> Api:
        """The cluster's API, as its administrator."""
        if self._api is None:
            self._api = Api(self.server, self._token, self.directory / "ca.crt")
        return self._api

    @property
    def token(self) -> str:
        """The administrator's token."""
        return self._token

    @property
    def ca(self) -> str:
        """The root that the API server's certificate is verified with, PEM."""
        return self._authority.root

    def start(self) -> None:
        """Start the processes; :meth:`wait_ready` waits for them."""
        self.directory.mkdir(parents=True)
        network.create_node(self.network)
        self._write_files()
        self._process("kube-apiserver", self._api_server())
        self._process("kube-controller-manager", self._controller_manager())

    def wait_ready(self) -> None:
        """Wait for the API server, then start the node and wait for it."""
        self._processes[0].wait_ready(
            lambda: self.api.raw("GET", "/readyz") == "ok", seconds=API_SECONDS
        )
        self._processes[1].wait_ready(self._has_default_account, seconds=API_SECONDS)
        words = ["-m", "tests.e2e.testbed.node", self.name, str(self.network.number)]
        self._process(
            "node", [sys.executable, *words, self.kubeconfig, self.directory], cwd=CHECKOUT
        )
        self._processes[-1].wait_ready((self.directory / "ready").exists, seconds=NODE_SECONDS)
        self._process("kubelet-streams", self._streams())

    def kubectl(self, *arguments: str | Path, stdin: str | None = None, seconds: float = 60) -> str:
        """What ``kubectl`` says, as a person would call it."""
        argv: list[str | Path] = [part("kubectl"), "--kubeconfig", self.kubeconfig]
        return run(
            [*argv, *arguments], stdin=stdin, seconds=seconds, env=self._kubectl_environment()
        ).stdout

    def apply(self, *objects: Object) -> None:
        """``kubectl apply`` of objects."""
        text = yaml.safe_dump_all(objects)
        self.kubectl("apply", "--server-side", "--force-conflicts", "-f", "-", stdin=text)

    def execute(
        self, namespace: str, pod: str, container: str, command: list[str], seconds: float = 60
    ) -> str:
        """What a command says that runs in a container, as ``kubectl exec`` would run it."""
        return run(self.execution(namespace, pod, container, command), seconds=seconds).stdout

    def execution(
        self, namespace: str, pod: str, container: str, command: Sequence[str]
    ) -> list[str | Path]:
        """The command line that runs a command in a container."""
        spec = self.directory / "pods" / f"{namespace}_{pod}" / f"{container}.json"
        launch = Path(__file__).parent / "node" / "launch.py"
        return [sys.executable, "-I", launch, spec, *command]

    def logs(self, namespace: str, pod: str, container: str) -> str:
        """What a container has said."""
        path = self.directory / "pods" / f"{namespace}_{pod}" / f"{container}.log"
        return path.read_text(errors="replace") if path.exists() else ""

    def pods(self, namespace: str, selector: str) -> list[Object]:
        """The Pods of a label selector that are not on their way out."""
        found = self.api.list("v1/pods", namespace, f"labelSelector={selector}")
        return [pod for pod in found if "deletionTimestamp" not in pod["metadata"]]

    def wait_available(self, namespace: str, deployment: str, seconds: float) -> None:
        """Wait until all replicas of a Deployment's newest template are available."""

        def available() -> bool:
            item = self.api.find("apps/v1/deployments", namespace, deployment)
            if item is None:
                return False
            status, wanted = item.get("status", {}), item["spec"].get("replicas", 1)
            counts = [
                status.get(k, 0) for k in ("updatedReplicas", "availableReplicas", "replicas")
            ]
            seen = status.get("observedGeneration", 0) >= item["metadata"]["generation"]
            return bool(seen and wanted) and all(count == wanted for count in counts)

        wait_for(f"{self.name}: Deployment {namespace}/{deployment} available", available, seconds)

    @contextmanager
    def paused(self) -> Iterator[None]:
        """The API server stopped for a while, as when a cluster cannot be reached."""
        self._processes[0].stop()
        try:
            yield
        finally:
            self._processes[0] = self._start("kube-apiserver", self._api_server())
            self._processes[0].wait_ready(
                lambda: self.api.raw("GET", "/readyz") == "ok", seconds=API_SECONDS
            )

    def signal(self, number: int) -> None:
        """Send a signal to the API server, to hold it or to let it go on."""
        self._processes[0].signal(number)

    def _has_default_account(self) -> bool:
        return self.api.find("v1/serviceaccounts", "default", "default") is not None

    def _kubectl_environment(self) -> dict[str, str]:
        tools = f"{parts_directory()}:{os.environ.get('PATH', '')}"
        return {"PATH": tools, "HOME": str(self.directory), "LANG": "C.UTF-8"}

    def _process(self, program: str, argv: list[str | Path], cwd: Path | None = None) -> None:
        self._processes.append(self._start(program, argv, cwd))

    def _start(self, program: str, argv: list[str | Path], cwd: Path | None = None) -> Process:
        words = [*network.inside(self.network.namespace), *argv]
        log = self._logs / f"{self.name}.{program}.log"
        return Process(f"{program} of {self.name}", words, log, cwd=cwd)

    def _write_files(self) -> None:
        hosts = [self.network.address, FIRST_SERVICE, "kubernetes.default.svc", "kubernetes"]
        serving = self._authority.serve(hosts)
        files = {
            "ca.crt": self._authority.root,
            "serving.crt": serving.certificate,
            "serving.key": serving.key,
            "accounts.key": pki.pem(pki.rsa_key()),
            "tokens.csv": f'{self._token},admin,admin,"system:masters"\n',
            "kubeconfig": yaml.safe_dump(self._kubeconfig()),
        }
        for name, content in files.items():
            path = self.directory / name
            path.touch(mode=0o600)
            path.write_text(content)

    def _kubeconfig(self) -> Object:
        ca = str(self.directory / "ca.crt")
        return {
            "apiVersion": "v1",
            "kind": "Config",
            "clusters": [
                {
                    "name": self.name,
                    "cluster": {"server": self.server, "certificate-authority": ca},
                }
            ],
            "users": [{"name": self.name, "user": {"token": self._token}}],
            "contexts": [{"name": self.name, "context": {"cluster": self.name, "user": self.name}}],
            "current-context": self.name,
        }

    def _api_server(self) -> list[str | Path]:
        d = self.directory
        return [
            part("kube-apiserver"),
            f"--etcd-servers={self._etcd}",
            f"--etcd-prefix=/{self.name}",
            f"--bind-address={self.network.address}",
            f"--advertise-address={self.network.address}",
            f"--secure-port={API_PORT}",
            f"--service-cluster-ip-range={SERVICE_RANGE}",
            f"--tls-cert-file={d / 'serving.crt'}",
            f"--tls-private-key-file={d / 'serving.key'}",
            f"--token-auth-file={d / 'tokens.csv'}",
            "--authorization-mode=RBAC",
            f"--service-account-issuer={ISSUER}",
            f"--service-account-key-file={d / 'accounts.key'}",
            f"--service-account-signing-key-file={d / 'accounts.key'}",
            f"--cert-dir={d}",
            f"--kubelet-certificate-authority={d / 'ca.crt'}",
            "--kubelet-preferred-address-types=InternalIP",
            "--allow-privileged",
            "--profiling=false",
            "--v=1",
        ]

    def _streams(self) -> list[str | Path]:
        d = self.directory
        return [
            part("kubelet-streams"),
            f"--listen={self.network.address}:{network.STREAMS_PORT}",
            f"--certificate={d / 'serving.crt'}",
            f"--key={d / 'serving.key'}",
            f"--pods={d / 'pods'}",
        ]

    def _controller_manager(self) -> list[str | Path]:
        d = self.directory
        return [
            part("kube-controller-manager"),
            f"--kubeconfig={self.kubeconfig}",
            f"--root-ca-file={d / 'ca.crt'}",
            f"--service-account-private-key-file={d / 'accounts.key'}",
            "--leader-elect=false",
            "--secure-port=0",
            "--controllers=*,-node-lifecycle-controller,-node-ipam-controller,-node-route-controller",
            "--kube-api-qps=200",
            "--kube-api-burst=400",
            "--horizontal-pod-autoscaler-sync-period=5s",
            "--v=1",
        ]

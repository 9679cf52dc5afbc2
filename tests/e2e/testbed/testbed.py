"""A run of the testbed: the directory, the fabric, the clusters and what they share."""

from __future__ import annotations

import fcntl
import shutil
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import IO, Any

import yaml

from . import dns, network, sandbox
from .argocd import ArgoCD
from .errors import TestbedError
from .gitea import HOST, Gitea
from .kubernetes import Cluster, Etcd
from .parts import part
from .pki import Authority

Say = Callable[[str], None]

TRUST_STORE = Path("/etc/ssl/certs/ca-certificates.crt")
EXTERNAL = "external-cluster"
ISTIO_VERSION = "1.29.1"


def _locked(base: Path) -> IO[str]:
    """The lock of a run's directory; the kernel frees it however the run ends."""
    base.parent.mkdir(parents=True, exist_ok=True)
    lock = base.with_suffix(".lock").open("a")
    try:
        fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        lock.close()
        raise TestbedError(f"another run uses {base}; let it end first") from None
    return lock


class Testbed:
    """Everything of one run. All of it lives inside a sandbox (``sandbox.py``)."""

    __test__ = False

    def __init__(self, base: Path, say: Say) -> None:
        sandbox.require_inside()
        self._lock = _locked(base)
        shutil.rmtree(base, ignore_errors=True)
        (base / "logs").mkdir(parents=True)
        self.base = base
        self.logs = base / "logs"
        self.records = base / "dns"
        self.cache = base / "cache"
        self.kubeconfig = base / "kubeconfig"
        self.tools = base / "bin"
        self.trust = base / "etc" / TRUST_STORE.name
        self.public = Authority("Testbed Public Root")
        self.private = Authority("Testbed Private Root")
        self.clusters: dict[str, Cluster] = {}
        self._began = time.monotonic()
        self._words = say
        self._prepare()
        self._install_tools()
        self.etcd = Etcd(base)

    def close(self) -> None:
        """Let another run have the directory."""
        self._lock.close()

    def say(self, words: str) -> None:
        """Tell people how it goes, with the seconds since the start."""
        self._words(f"{time.monotonic() - self._began:6.1f} s  {words}")

    def _prepare(self) -> None:
        """The fabric, names and trust of everybody in the sandbox."""
        network.create_fabric()
        Path("/run/netns").mkdir(exist_ok=True)
        sandbox.mount("-t", "tmpfs", "netns", "/run/netns")
        covers = self.base / "etc"
        sandbox.replace_file(Path("/etc/resolv.conf"), f"nameserver {network.HUB}\n", covers)
        hosts = "127.0.0.1 localhost\n::1 localhost\n"
        sandbox.replace_file(Path("/etc/hosts"), hosts, covers)
        lookup = "passwd: files\ngroup: files\nhosts: files dns\n"
        sandbox.replace_file(Path("/etc/nsswitch.conf"), lookup, covers)
        sandbox.replace_file(TRUST_STORE, self.public.root, covers)
        self.set_name(HOST, str(network.HUB))
        dns.serve(str(network.HUB), [dns.Records(self.records)])

    def _install_tools(self) -> None:
        """The commands that a person has, beside the parts."""
        self.tools.mkdir()
        (self.tools / "istioctl").symlink_to(part(f"istioctl-{ISTIO_VERSION}"))
        (self.tools / "kubectl").symlink_to(part("kubectl"))
        for name in ("extcp-gitops", "extcp-bot"):
            tool = self.tools / name
            module = name.replace("-", "_")
            tool.write_text(f'#!/bin/sh\nexec {sys.executable} -m {module} "$@"\n')
            tool.chmod(0o755)

    def set_name(self, name: str, address: str | None) -> None:
        """Make a public DNS record, or take it away."""
        dns.set_record(self.records, name, address)

    def add_clusters(self, *names: str) -> list[Cluster]:
        """Start clusters side by side and wait for all of them."""
        fresh = []
        for name in names:
            number = 1 + max((c.network.number for c in self.clusters.values()), default=0)
            cluster = Cluster(name, number, self.base, self.etcd.url)
            self.clusters[name] = cluster
            cluster.start()
            fresh.append(cluster)
        for cluster in fresh:
            cluster.wait_ready()
            self.say(f"cluster {cluster.name} is up at {cluster.server}")
        self._write_kubeconfig()
        return fresh

    def _write_kubeconfig(self) -> None:
        """One file with a context for each cluster, as a person has it."""
        merged: dict[str, Any] = {"apiVersion": "v1", "kind": "Config"}
        for cluster in self.clusters.values():
            one = yaml.safe_load(cluster.kubeconfig.read_text())
            for key in ("clusters", "users", "contexts"):
                merged.setdefault(key, []).extend(one[key])
        self.kubeconfig.touch(mode=0o600)
        self.kubeconfig.write_text(yaml.safe_dump(merged))

    def start_gitea(self) -> Gitea:
        """Start the forge."""
        gitea = Gitea(self.base, self.public)
        gitea.wait_ready()
        self.say(f"Gitea serves at {gitea.url}")
        return gitea

    def start_argocd(self) -> ArgoCD:
        """Start Argo CD in the external cluster, all clusters known to it."""
        argocd = ArgoCD(self.base, self.clusters[EXTERNAL])
        argocd.install()
        argocd.start()
        for cluster in self.clusters.values():
            argocd.add_cluster(cluster)
        self.say("Argo CD runs")
        return argocd

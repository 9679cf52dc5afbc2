"""The standard mesh of the tests and of ``make testbed-up``: two remote clusters, two networks."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from . import workloads
from .mesh import (
    ADDRESS,
    INGRESS_NAMESPACE,
    PLANE,
    TLS_SECRET,
    ControlPlane,
    add_stock_envoy,
)
from .processes import wait_for
from .repository import MeshRepository
from .testbed import EXTERNAL

if TYPE_CHECKING:
    from .argocd import ArgoCD
    from .gitea import Gitea
    from .kubernetes import Cluster
    from .pki import Authority
    from .testbed import Testbed

MESH_ID = "mesh1"
CONFIG, SECOND = "remote-cluster-1", "remote-cluster-2"
SPARE = "remote-cluster-3"
"""Known to Argo CD and not in the mesh, where a testbed is left running for people."""
SYNC_SECONDS = 240
SERVE_SECONDS = 90
INGRESS_GATEWAY = "istio-ingressgateway"
EAST_WEST_GATEWAY = "istio-eastwestgateway"


@dataclass
class Mesh:
    """A mesh that serves, and all that it stands on."""

    testbed: Testbed
    gitea: Gitea
    argocd: ArgoCD
    repository: MeshRepository
    plane: ControlPlane
    remotes: list[Cluster]

    @property
    def external(self) -> Cluster:
        """The external cluster."""
        return self.plane.external

    @property
    def config(self) -> Cluster:
        """The config cluster."""
        return self.plane.config


def bring_up(testbed: Testbed) -> Mesh:
    """From nothing to a mesh that serves across two networks, as the runbook says."""
    external, config, second = testbed.add_clusters(EXTERNAL, CONFIG, SECOND)
    gitea = testbed.start_gitea()
    argocd = testbed.start_argocd()
    repository = describe(testbed, gitea)
    plane = ControlPlane(testbed, external, config)
    mesh = Mesh(testbed, gitea, argocd, repository, plane, [config, second])
    argocd.add_repository(gitea, repository.url)
    bootstrap(mesh)
    join(mesh, second)
    deploy(mesh)
    wait_serving(mesh)
    testbed.say("helloworld answers from both networks to both")
    argocd.wait_synced(SYNC_SECONDS)
    testbed.say("all Applications are Synced and Healthy")
    return mesh


def describe(testbed: Testbed, gitea: Gitea) -> MeshRepository:
    """The repository, described by one command and pushed."""
    repository = MeshRepository(testbed, gitea, "mesh")
    repository.init(
        *["--mesh-id", MESH_ID, "--address", ADDRESS, "--tls-secret", TLS_SECRET],
        *["--forge", "gitea"],
        *["--remote-cluster", f"{CONFIG},network=network1,ingress"],
        *["--remote-cluster", f"{SECOND},network=network2"],
    )
    add_stock_envoy(repository, EXTERNAL, INGRESS_NAMESPACE)
    add_stock_envoy(repository, CONFIG, PLANE)
    repository.extcp("generate")
    repository.commit("Fit the mesh to stock Envoy")
    testbed.say("extcp-gitops init, pushed to Gitea")
    return repository


def bootstrap(mesh: Mesh) -> None:
    """The chapter "Bootstrap" of the runbook; clusters and repository are known to Argo CD."""
    mesh.repository.runbook.follow("2. Hand the mesh over")
    mesh.testbed.say("handed over to Argo CD, which has made the namespaces")
    start_control_plane(mesh, mesh.plane, mesh.testbed.public)


def start_control_plane(mesh: Mesh, plane: ControlPlane, authority: Authority) -> None:
    """Steps 3 to 6 of the bootstrap for one control plane."""
    testbed, repository = mesh.testbed, mesh.repository
    runbook = repository.runbook
    plane.write_certificate(authority, repository.directory)
    runbook.follow("3. Give the external cluster its certificates", about=plane.tls_secret)
    if plane.plugged_in is not None:
        plane.write_plugged_in(repository.directory)
        runbook.follow("3. Give the external cluster its certificates", about="cacerts")
    runbook.follow("4. Give each control plane its config cluster", about=plane.namespace)
    testbed.say(f"istiod of {plane.namespace} has its config cluster")
    runbook.follow("5. Let the world in")
    plane.publish_address()
    plane.root()
    testbed.say(f"istiod of {plane.namespace} has written its root into the config cluster")
    runbook.follow("6. Pin the root", about=plane.namespace)
    repository.merge(f"pin-root-{plane.namespace}", f"Pin the root of {plane.namespace}")
    testbed.say("the root is pinned and merged")
    mesh.argocd.refresh()
    wait_for(
        f"istiod answers at {plane.address}",
        lambda: plane.answers(authority.root),
        SERVE_SECONDS,
    )
    testbed.say(f"istiod answers at {plane.address}")


def join(mesh: Mesh, cluster: Cluster) -> None:
    """Steps 2 to 4 of "Add a remote cluster"; step 1 is merged."""
    names = {
        "CLUSTER": cluster.name,
        "CTX": cluster.name,
        "NAMESPACE": mesh.plane.namespace,
        "CONFIG_CLUSTER": mesh.plane.config.name,
    }
    mesh.repository.runbook.follow("Add a remote cluster", 3, 4, 5, **names)
    mesh.testbed.say(f"{cluster.name} has joined")


def deploy(mesh: Mesh) -> None:
    """helloworld v1, v2, ... in one remote cluster each, and a caller in all."""
    for number, cluster in enumerate(mesh.remotes, start=1):
        workloads.deploy(cluster, f"v{number}")
    for number, cluster in enumerate(mesh.remotes, start=1):
        workloads.wait_deployed(cluster, f"v{number}", SERVE_SECONDS)
    gateway = workloads.samples() / "helloworld" / "helloworld-gateway.yaml"
    mesh.config.kubectl("apply", "-n", workloads.NAMESPACE, "-f", gateway)
    mesh.testbed.say("helloworld and sleep are injected and available")


def extend(mesh: Mesh, cluster: Cluster) -> None:
    """Let a cluster that has joined serve the others and be served, with a version of its own."""
    version = f"v{len(mesh.remotes) + 1}"
    workloads.deploy(cluster, version)
    workloads.wait_deployed(cluster, version, SYNC_SECONDS)
    mesh.remotes.append(cluster)
    wait_serving(mesh)
    mesh.argocd.wait_synced(SYNC_SECONDS)


def wait_serving(mesh: Mesh) -> None:
    """Wait until every cluster's caller hears every version and nothing else."""
    everything = {f"v{number}" for number in range(1, 1 + len(mesh.remotes))}
    workloads.wait_heard(mesh.remotes, everything, SERVE_SECONDS)

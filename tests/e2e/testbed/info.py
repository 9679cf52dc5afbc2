"""What a person needs to know about a testbed that is left running."""

from __future__ import annotations

from typing import TYPE_CHECKING

from . import network
from .gitea import HOST
from .mesh import load_balancer
from .standard import INGRESS_GATEWAY, SPARE

if TYPE_CHECKING:
    from .standard import Mesh


def describe(mesh: Mesh) -> str:
    """Addresses, kubeconfigs and the forge's login, as text."""
    testbed, gitea = mesh.testbed, mesh.gitea
    clusters = "".join(
        f"  {cluster.name:<18} {cluster.server}   --context {cluster.name}\n"
        for cluster in testbed.clusters.values()
    )
    ingress = load_balancer(mesh.config, mesh.plane.namespace, INGRESS_GATEWAY)
    istiod = testbed.records.read_text()
    return f"""
The testbed is up. Addresses are reachable from this machine alone.

Kubernetes   export KUBECONFIG={testbed.kubeconfig}
{clusters}             {SPARE} is known to Argo CD, and not yet in the mesh;
             docs/pull-requests.md says how it joins (Secret cluster-{SPARE})
Gitea        {gitea.url}   user {gitea.user}   password {gitea.password}
             {network.HUB} is {HOST}; its root is {testbed.trust}
Repository   {mesh.repository.url}
             checked out in {mesh.repository.directory}
helloworld   curl http://{ingress}/hello
Names        {istiod.strip().replace(chr(10), chr(10) + "             ")}
Logs         {testbed.logs}
             of Pods: {testbed.base}/clusters/*/pods/*/*.log

make testbed-down stops it.
"""

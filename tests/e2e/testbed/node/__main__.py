"""Be the node of one cluster, inside that node's network namespace.

python -m tests.e2e.testbed.node NAME NUMBER KUBECONFIG DIRECTORY
"""

from __future__ import annotations

import contextlib
import logging
import sys
import threading
from pathlib import Path

from tests.e2e.testbed import dns
from tests.e2e.testbed.api import Api
from tests.e2e.testbed.errors import TestbedError
from tests.e2e.testbed.network import NodeNetwork

from . import metrics
from .kubelet import HEARTBEAT_SECONDS, Kubelet
from .services import Services

# NAMESPACE is replaced by that of each Pod.
SEARCH = "NAMESPACE.svc.cluster.local svc.cluster.local cluster.local"


def etc(node: NodeNetwork) -> dict[str, str]:
    """What the containers of this node see in /etc."""
    return {
        "resolv.conf": f"nameserver {node.address}\nsearch {SEARCH}\noptions ndots:5\n",
        "nsswitch.conf": "passwd: files\ngroup: files\nhosts: files dns\n",
    }


def main() -> None:
    """Serve until somebody ends this process."""
    name, number, kubeconfig, directory = sys.argv[1:]
    logging.basicConfig(
        level=logging.INFO,
        format="%(asctime)s %(levelname)s %(name)s %(message)s",
        stream=sys.stdout,
    )
    node = NodeNetwork(name, int(number))
    api = Api.from_kubeconfig(Path(kubeconfig))
    base = Path(directory)
    services = Services(api, node)
    services.start()
    records = dns.Records(base.parent.parent / "dns")
    dns.serve(node.address, [services.lookup, records])
    metrics.serve(node.address, api, base)
    kubelet = Kubelet(api, node, base / "pods", etc(node))
    kubelet.start()
    (base / "ready").touch()
    pause = threading.Event()
    while True:
        pause.wait(HEARTBEAT_SECONDS)
        with contextlib.suppress(TestbedError):
            kubelet.beat()


if __name__ == "__main__":
    main()

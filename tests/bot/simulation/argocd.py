"""Argo CD's objects, synced and healthy, and the Secrets by which it knows the clusters."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

from tests.bot.apiserver import TOKEN
from tests.bot.simulation.controllers import CREATED, encoded, named, put

if TYPE_CHECKING:
    from tests.bot.apiserver import ApiServer
    from tests.bot.simulation.generated import Generated

Object = dict[str, Any]

NAMESPACE = "argocd"
REVISION = "0123456789abcdef0123456789abcdef01234567"


def install(server: ApiServer, repository: Generated) -> None:
    """Argo CD's objects as its controllers leave them after a sync."""
    for item in repository.for_argocd():
        if item["kind"] == "Application":
            item["status"] = _status(item)
        put(server, item)
    for cluster in repository.inventory.clusters:
        put(server, _cluster(cluster.name))


def _status(item: Object) -> Object:
    source, destination = item["spec"]["source"], item["spec"]["destination"]
    compared = {"source": source, "destination": destination}
    return {
        "sync": {"status": "Synced", "revision": REVISION, "comparedTo": compared},
        "health": {"status": "Healthy"},
        "operationState": {
            "phase": "Succeeded",
            "message": "successfully synced (all tasks run)",
            "startedAt": CREATED,
            "finishedAt": CREATED,
            "syncResult": {"revision": REVISION, "source": source},
            "operation": {"sync": {"revision": REVISION}},
        },
        "reconciledAt": CREATED,
        "resources": [],
    }


def _cluster(name: str) -> Object:
    config = {"bearerToken": TOKEN, "tlsClientConfig": {"insecure": False}}
    data = {
        "name": name,
        "server": f"https://{name}.example.com:6443",
        "config": json.dumps(config),
    }
    return named(
        "Secret",
        f"cluster-{name}",
        NAMESPACE,
        labels={"argocd.argoproj.io/secret-type": "cluster"},
        type="Opaque",
        data={field: encoded(text) for field, text in data.items()},
    )

"""A cluster that has nothing to do with the mesh yet, and whose API server calls webhooks."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from tests.bot.simulation import controllers, reviews
from tests.bot.simulation.controllers import named, put
from tests.bot.storing import Store

if TYPE_CHECKING:
    from tests.bot.apiserver import ApiServer

Object = dict[str, Any]

NAMESPACE = "shop"
NODE = "10.244.0.0/24"
POD = "10.244.0.7"
_WEBHOOKS = "/apis/admissionregistration.k8s.io/v1/validatingwebhookconfigurations/"
_CONFIG_MAPS = "/api/v1/namespaces/default/configmaps"
_NOBODY = (
    "Internal error occurred: failed calling webhook "
    '"{name}": failed to call webhook: Post "{url}?timeout={seconds}s": {why}'
)


@dataclass
class Joining:
    """A cluster that could join.

    Attributes:
        server: Its API server.
        store: What is written to it.
        calls: URLs of the webhooks that it has called, with what it verified them by.
        failure: Why it gets no answer from the control plane, in Go's words; empty where it does.
        denial: The answer of whatever is there, where that is not istiod.
        deaf: How many requests it answers before it knows of a new webhook.
    """

    server: ApiServer
    store: Store
    calls: list[tuple[str, str]] = field(default_factory=list)
    failure: str = ""
    denial: str = ""
    deaf: int = 1

    def admit(self, body: Object) -> Object | tuple[int, str]:
        """What becomes of a ConfigMap, by the webhooks that are for it."""
        for hook in self._hooks(body):
            url = hook["clientConfig"]["url"]
            self.calls.append((url, hook["clientConfig"].get("caBundle", "")))
            why = self.failure
            if ".invalid" in url:
                why = "dial tcp: lookup sentinel.invalid on 10.96.0.10:53: no such host"
            if why:
                seconds = hook["timeoutSeconds"]
                return 500, _NOBODY.format(name=hook["name"], url=url, seconds=seconds, why=why)
            if self.denial:
                return 403, f'admission webhook "{hook["name"]}" denied the request: {self.denial}'
        return body

    def _hooks(self, body: Object) -> list[Object]:
        """Those for objects with these labels alone; others let everything in."""
        labels = body["metadata"]["labels"]
        found = [
            hook
            for path, item in self.server.objects.items()
            if path.startswith(_WEBHOOKS)
            for hook in item["webhooks"]
            if (wanted := hook.get("objectSelector", {}).get("matchLabels"))
            and wanted.items() <= labels.items()
        ]
        if found and self.deaf:
            self.deaf -= 1
            return []
        return found


def install(server: ApiServer) -> Joining:
    """Make a cluster of a server, with a node, an application and an administrator."""
    controllers.install(server, [named("Namespace", NAMESPACE, labels={})], "192.0.2.30")
    server.objects["/version"] = {"major": "1", "minor": "34", "gitVersion": "v1.34.2"}
    server.objects["/api/v1/namespaces/kube-system"]["metadata"]["uid"] = "uid-of-the-candidate"
    for path in [each for each in server.objects if "customresourcedefinitions" in each]:
        del server.objects[path]
    template = {"spec": {"containers": [{"name": "shop", "image": "shop:1"}]}}
    put(
        server,
        named("Node", "node-1", spec={"podCIDRs": [NODE]}),
        controllers.pod("shop-1", NAMESPACE, template, POD),
    )
    reviews.allow_all(server)
    found = Joining(server, Store(server))
    server.posts[_CONFIG_MAPS] = found.admit
    return found

"""The webhook configurations of Istio on a cluster, one value for each webhook in them."""

from __future__ import annotations

import base64
import binascii
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Final
from urllib.parse import unquote, urlsplit

from extcp_bot.live import fields

if TYPE_CHECKING:
    from collections.abc import Mapping

    from extcp_bot.kube.answers import Object
    from extcp_bot.kube.client import Client
    from extcp_bot.target import Target

GROUP: Final = "admissionregistration.k8s.io"
MUTATING: Final = "mutatingwebhookconfigurations"
VALIDATING: Final = "validatingwebhookconfigurations"
_BASE: Final = f"/apis/{GROUP}/v1"
_DEFAULT_SECONDS: Final = 10


@dataclass(frozen=True, slots=True)
class Webhook:
    """One webhook of a configuration.

    Attributes:
        configuration: Name of the object.
        labels: Of the object.
        name: Of the webhook in it.
        url: Where it points; None where it names a Service.
        service: The Service that it names; None where it has a URL.
        ca_bundle: PEM; empty for the roots of the API server's system; None where it is no base64.
        failure_policy: ``Fail`` or ``Ignore``.
        seconds: Its time limit.
        namespaces: Its namespaceSelector.
        objects: Its objectSelector.
        rules: Which requests it is for.
    """

    configuration: str
    labels: Mapping[str, str]
    name: str
    url: str | None
    service: Mapping[str, Any] | None
    ca_bundle: str | None = field(repr=False)
    failure_policy: str
    seconds: int
    namespaces: Mapping[str, Any]
    objects: Mapping[str, Any]
    rules: tuple[Mapping[str, Any], ...] = ()

    @property
    def place(self) -> str:
        """For people."""
        return f"{self.configuration}, webhook {self.name}"

    @property
    def host(self) -> str:
        """The host of the URL; empty where there is none."""
        try:
            return urlsplit(self.url or "").hostname or ""
        except ValueError:
            return ""

    @property
    def path(self) -> str:
        """The path of the URL or of the Service."""
        if self.service is not None:
            return str(self.service.get("path") or "")
        try:
            return urlsplit(self.url or "").path
        except ValueError:
            return ""

    @property
    def parameters(self) -> Mapping[str, str] | None:
        """What the path tells istiod's injector: ``cluster`` and ``net`` with their values.

        ``/inject/cluster/NAME/net/NETWORK``, where ``--slash--`` stands for a slash; None where the
        path is none of the injector's (istio, pkg/kube/inject/webhook.go).
        """
        start, *words = self.path.strip("/").split("/")
        if start != "inject" or len(words) % 2:
            return None
        values = [unquote(word).replace("--slash--", "/") for word in words]
        return dict(zip(values[::2], values[1::2], strict=True))


async def injecting(target: Target) -> list[Webhook]:
    """The webhooks of all of Istio's injectors on the target's cluster, whoever put them there.

    Raises:
        CannotLookError: The cluster does not show them.
    """
    return await _read(target.api, MUTATING, "app=sidecar-injector")


async def validating(target: Target) -> list[Webhook]:
    """The webhooks of all of Istio's validators on the target's cluster; raises as above."""
    return await _read(target.api, VALIDATING, "app=istiod")


async def of_all(target: Target) -> list[Webhook]:
    """The webhooks of everybody on the target's cluster, of both kinds; raises as above."""
    return [*await _read(target.api, MUTATING, ""), *await _read(target.api, VALIDATING, "")]


def own(target: Target, hooks: list[Webhook]) -> list[Webhook]:
    """Those of the target's control plane: the configurations that its bases are rendered with."""
    names = {
        f"istio-sidecar-injector-{target.plane.namespace}",
        f"istio-validator-{target.plane.namespace}",
        "istiod-default-validator",
    }
    return [hook for hook in hooks if hook.configuration in names]


async def _read(api: Client, plural: str, labels: str) -> list[Webhook]:
    found = await api.list(f"{_BASE}/{plural}", labels=labels)
    return [_webhook(item, hook) for item in found for hook in fields.items(item.get("webhooks"))]


def _webhook(item: Object, hook: Object) -> Webhook:
    client = fields.mapping(hook.get("clientConfig"))
    return Webhook(
        str(item["metadata"].get("name")),
        dict(item["metadata"].get("labels") or {}),
        fields.string(hook.get("name")),
        fields.string(client.get("url")) or None,
        fields.mapping(client.get("service")) or None,
        _decoded(fields.string(client.get("caBundle"))),
        fields.string(hook.get("failurePolicy")) or "Fail",
        fields.number(hook.get("timeoutSeconds")) or _DEFAULT_SECONDS,
        fields.mapping(hook.get("namespaceSelector")),
        fields.mapping(hook.get("objectSelector")),
        tuple(fields.items(hook.get("rules"))),
    )


def _decoded(bundle: str) -> str | None:
    try:
        return base64.b64decode(bundle, validate=True).decode()
    except (binascii.Error, ValueError):
        return None

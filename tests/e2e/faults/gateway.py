"""Faults of the way to istiod: the ingress gateway, its certificate, its hop to istiod."""

from __future__ import annotations

import base64
import datetime as dt
from typing import TYPE_CHECKING

from extcp_gitops.render.operators import WEBHOOK_PORT
from tests.e2e.testbed.mesh import INGRESS_NAMESPACE
from tests.e2e.testbed.pki import Authority

from .model import fault

if TYPE_CHECKING:
    from collections.abc import Iterator

    from tests.e2e.testbed.api import Object
    from tests.e2e.testbed.pki import Pair

    from .model import Stage

SERVICES, SECRETS, MAPS = "v1/services", "v1/secrets", "v1/configmaps"
VIRTUAL_SERVICES = "networking.istio.io/v1/virtualservices"
RULES = "networking.istio.io/v1/destinationrules"
DRIFT = "H18 external-cluster drift"
# What cannot work while istiod cannot be reached: with failurePolicy Ignore, everything is taken.
UNREACHABLE = (
    "H10 remote-cluster-1 webhook-failed",
    "H10 remote-cluster-2 webhook-failed",
    "H11 remote-cluster-1 accepted",
)
# The same of the second control plane behind the same gateway, where failurePolicy is Fail.
UNREACHABLE_PAYMENTS = ("H10 payments-1 webhook-failed", "H11 payments-1 unreachable")
REFUSED = ("H03 remote-cluster-1 refused", "H03 remote-cluster-2 refused")
UNSEEN = (
    "H02 external-cluster unknown",
    *(f"H03 {name} unknown" for name in ("payments-1", "remote-cluster-1", "remote-cluster-2")),
)


@fault(
    "the ingress gateway's Service has no port 15017",
    names="H01 external-cluster port-missing",
    follows=(*UNSEEN, DRIFT),
    may_follow=(*UNREACHABLE, *UNREACHABLE_PAYMENTS),
)
def gateway_port_missing(stage: Stage) -> Iterator[None]:
    def change(service: Object) -> None:
        service["spec"]["ports"] = [p for p in service["spec"]["ports"] if p["port"] != 15017]

    stage.change(stage.external, SERVICES, INGRESS_NAMESPACE, "istio-ingressgateway", change)
    yield


@fault(
    "the VirtualService of istiod names another host",
    names="H01 external-cluster wrong-host",
    follows=(*UNREACHABLE, DRIFT),
)
def wrong_host_in_virtual_service(stage: Stage) -> Iterator[None]:
    plane = stage.mesh.plane.namespace

    def change(service: Object) -> None:
        service["spec"]["hosts"] = ["istiod.example.org"]

    stage.change(stage.external, VIRTUAL_SERVICES, plane, f"{plane}-vs", change)
    yield


@fault(
    "istiod answers the API servers' webhooks after six seconds",
    names="H10 remote-cluster-2 slow",
    # No drift: the bot leaves fields alone that the repository says nothing of; Argo CD, held here,
    # does not.
    follows=("H10 remote-cluster-1 slow",),
    by_hand=True,
)
def slow_webhooks(stage: Stage) -> Iterator[None]:
    plane, late = stage.mesh.plane.namespace, {"fixedDelay": "6s", "percentage": {"value": 100}}

    def change(service: Object) -> None:
        for route in service["spec"]["http"]:
            if any(match.get("port") == WEBHOOK_PORT for match in route["match"]):
                route["fault"] = {"delay": late}

    stage.change(stage.external, VIRTUAL_SERVICES, plane, f"{plane}-vs", change)
    yield
    stage.restore()


def _present(stage: Stage, pair: Pair) -> None:
    """Have the gateway present another certificate."""

    def change(secret: Object) -> None:
        for key, text in (("tls.crt", pair.certificate), ("tls.key", pair.key)):
            secret["data"][key] = base64.b64encode(text.encode()).decode()

    stage.change(stage.external, SECRETS, INGRESS_NAMESPACE, stage.mesh.plane.tls_secret, change)


@fault(
    "the gateway's certificate has expired",
    names="H02 external-cluster expired",
    follows=REFUSED,
    may_follow=UNREACHABLE,
    by_hand=True,
)
def certificate_expired(stage: Stage) -> Iterator[None]:
    long_ago = dt.datetime.now(dt.UTC) - dt.timedelta(days=90)
    authority = stage.mesh.testbed.public
    _present(stage, authority.serve([stage.mesh.plane.address], begin=long_ago, days=60))
    yield
    stage.restore()


@fault(
    "the gateway's certificate is for another name",
    names="H02 external-cluster wrong-name",
    follows=REFUSED,
    may_follow=UNREACHABLE,
    by_hand=True,
)
def certificate_for_another_name(stage: Stage) -> Iterator[None]:
    _present(stage, stage.mesh.testbed.public.serve(["istiod.example.org"]))
    yield
    stage.restore()


@fault(
    "the gateway's certificate is of a CA that nobody knows",
    names="H02 external-cluster untrusted",
    follows=REFUSED,
    may_follow=UNREACHABLE,
    by_hand=True,
)
def certificate_of_an_unknown_ca(stage: Stage) -> Iterator[None]:
    _present(stage, Authority("Foreign Root").serve([stage.mesh.plane.address]))
    yield
    stage.restore()


@fault(
    "the gateway verifies istiod as the guide has it, against public CAs",
    names="H01 external-cluster hop-root-missing",
    follows=(*UNREACHABLE, DRIFT),
)
def guides_destination_rule(stage: Stage) -> Iterator[None]:
    plane = stage.mesh.plane.namespace

    def change(rule: Object) -> None:
        for setting in rule["spec"]["trafficPolicy"]["portLevelSettings"]:
            setting["tls"] = {"mode": "SIMPLE"}

    stage.change(stage.external, RULES, plane, f"{plane}-dr", change)
    yield


@fault(
    "the root that the gateway verifies istiod with is not that of istiod's CA",
    names="H01 external-cluster hop-root-wrong",
    follows=(DRIFT,),
    may_follow=UNREACHABLE,
)
def wrong_root_for_the_hop(stage: Stage) -> Iterator[None]:
    def change(config_map: Object) -> None:
        config_map["data"]["ca.crt"] = Authority("Foreign Root").root

    stage.change(stage.external, MAPS, stage.mesh.plane.namespace, "istiod-root", change)
    yield

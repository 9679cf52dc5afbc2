from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

from tests.bot.apiserver import ROOT
from tests.bot.fleets import PLANE
from tests.bot.simulation import roots
from tests.bot.simulation.controllers import named, put

if TYPE_CHECKING:
    from tests.bot.candidates.joining import Preflight

CODE = "EXTCP-P03"
ADMISSION = "admissionregistration.k8s.io/v1"


def hook(
    name: str, configuration: str, client: dict[str, Any], kind: str = "Mutating", **labels: str
) -> dict[str, Any]:
    webhook = {"name": name, "clientConfig": client}
    kind = f"{kind}WebhookConfiguration"
    return named(kind, configuration, api=ADMISSION, labels=labels, webhooks=[webhook])


def crd(**metadata: dict[str, str]) -> dict[str, Any]:
    name, api = "gateways.networking.istio.io", "apiextensions.k8s.io/v1"
    item = named("CustomResourceDefinition", name, api=api, spec={})
    item["metadata"] |= metadata
    return item


def version(text: str) -> dict[str, str]:
    return {"app.kubernetes.io/version": text, "app.kubernetes.io/part-of": "istio"}


@pytest.mark.parametrize("replicas", [0, 1])
def test_an_istiod_is_a_problem_even_without_replicas(joining: Preflight, replicas: int) -> None:
    labels = {"app": "istiod", "istio": "pilot"}
    spec = {"replicas": replicas}
    put(
        joining.server,
        named("Deployment", "istiod", "istio-system", "apps/v1", labels=labels, spec=spec),
    )
    assert joining.problems(CODE) == ["istiod"]


def test_an_injector_of_another_istio_is_a_problem(joining: Preflight) -> None:
    service = {"service": {"name": "istiod", "namespace": "istio-system", "path": "/inject"}}
    put(
        joining.server,
        hook(
            "rev.namespace.sidecar-injector.istio.io",
            "istio-sidecar-injector",
            service,
            app="sidecar-injector",
        ),
    )
    assert joining.problems(CODE) == ["webhook"]


def test_a_validator_that_an_istio_has_left_behind_is_a_problem(joining: Preflight) -> None:
    url = {"url": "https://other.example.com:15017/validate"}
    put(
        joining.server,
        hook("validation.istio.io", "istiod-default-validator", url, "Validating", app="istiod"),
    )
    assert joining.problems(CODE) == ["webhook"]


def test_the_injector_of_this_control_plane_is_none_of_others(joining: Preflight) -> None:
    url = {"url": "https://istiod.example.com:15017/inject/cluster/payments-eu/net/network2"}
    name = "rev.namespace.sidecar-injector.istio.io"
    put(joining.server, hook(name, f"istio-sidecar-injector-{PLANE}", url, app="sidecar-injector"))
    assert joining.problems(CODE) == []


def test_the_injector_of_another_mesh_is_a_warning(joining: Preflight) -> None:
    client = {"service": {"name": "linkerd-proxy-injector", "namespace": "linkerd"}}
    put(joining.server, hook("linkerd-proxy-injector.linkerd.io", "linkerd", client))
    assert joining.problems(CODE) == ["other-mesh"]
    assert joining.look(CODE)[0].severity == "warning"


def test_other_webhooks_are_in_nobodys_way(joining: Preflight) -> None:
    client = {"service": {"name": "kyverno", "namespace": "kyverno"}}
    put(joining.server, hook("validate.kyverno.svc", "kyverno", client, "Validating"))
    assert joining.problems(CODE) == []


def test_a_namespace_that_another_control_plane_leads_is_a_problem(joining: Preflight) -> None:
    annotations = {"topology.istio.io/controlPlaneClusters": "other-config"}
    put(joining.server, named("Namespace", "other-istiod", annotations=annotations))
    assert joining.problems(CODE) == ["led-by-another"]


def test_the_root_of_another_mesh_is_a_warning(joining: Preflight) -> None:
    data = {"root-cert.pem": ROOT}
    put(joining.server, named("ConfigMap", "istio-ca-root-cert", "shop", data=data))
    assert joining.problems(CODE) == ["other-root"]


def test_the_root_of_this_mesh_is_fine(joining: Preflight) -> None:
    data = {"root-cert.pem": roots.mesh().root}
    put(joining.server, named("ConfigMap", "istio-ca-root-cert", "shop", data=data))
    assert joining.problems(CODE) == []


OWNERS = {
    "nobody": (crd(labels=version("1.29.1")), []),
    "an old one": (crd(), []),
    "a later release": (crd(labels=version("1.30.0")), ["crds-newer"]),
    "another patch": (crd(labels=version("1.29.9")), []),
    "our own application": (
        crd(annotations={"argocd.argoproj.io/tracking-id": "mesh1.payments-eu.crds:x"}),
        [],
    ),
    "another application": (
        crd(annotations={"argocd.argoproj.io/tracking-id": "istio-base:x"}),
        ["crds-managed"],
    ),
    "Flux": (crd(labels={"kustomize.toolkit.fluxcd.io/name": "istio"}), ["crds-managed"]),
    "OLM": (crd(labels={"olm.managed": "true"}), ["crds-managed"]),
    "Helm": (crd(annotations={"meta.helm.sh/release-name": "istio-base"}), ["crds-released"]),
}


@pytest.mark.parametrize("owner", OWNERS)
def test_the_owner_of_the_crds_counts(joining: Preflight, owner: str) -> None:
    item, expected = OWNERS[owner]
    put(joining.server, {**item, "metadata": dict(item["metadata"])})
    assert joining.problems(CODE) == expected


@pytest.mark.parametrize(
    "path",
    [
        "/apis/apps/v1/deployments",
        f"/apis/{ADMISSION}/mutatingwebhookconfigurations",
        f"/apis/{ADMISSION}/validatingwebhookconfigurations",
        "/api/v1/namespaces",
        "/api/v1/configmaps",
        "/apis/apiextensions.k8s.io/v1/customresourcedefinitions",
    ],
)
def test_what_may_not_be_looked_at_is_unknown(joining: Preflight, path: str) -> None:
    joining.server.denied.add(path)
    found = joining.look(CODE)[0]
    assert found.state == "unknown"
    assert "may not" in found.found
    assert path.rpartition("/")[2] in found.looked_at

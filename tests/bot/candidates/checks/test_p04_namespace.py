from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

from tests.bot.fleets import CONFIG, PLANE
from tests.bot.simulation.controllers import named, put

if TYPE_CHECKING:
    from tests.bot.candidates.joining import Preflight

CODE = "EXTCP-P04"
LED_BY = "topology.istio.io/controlPlaneClusters"
NETWORK = "topology.istio.io/network"


def namespace(joining: Preflight, **metadata: Any) -> None:  # noqa: ANN401
    item = named("Namespace", PLANE)
    item["metadata"] |= metadata
    put(joining.server, item)


def fill(joining: Preflight) -> None:
    put(joining.server, named("ConfigMap", "settings", PLANE, data={}))


def test_an_absent_namespace_is_free(joining: Preflight) -> None:
    (found,) = joining.look(CODE)
    assert (found.state, found.found) == ("healthy", "none")


def test_an_empty_namespace_is_free(joining: Preflight) -> None:
    namespace(joining)
    put(
        joining.server,
        named("ConfigMap", "kube-root-ca.crt", PLANE, data={}),
        named("ServiceAccount", "default", PLANE),
    )
    (found,) = joining.look(CODE)
    assert (found.state, found.found) == ("healthy", "empty")


def test_a_namespace_in_use_is_a_problem(joining: Preflight) -> None:
    namespace(joining)
    fill(joining)
    put(joining.server, named("Service", "web", PLANE, spec={}))
    (found,) = joining.look(CODE)
    assert found.problem == "not-empty"
    assert found.found == "services/web, configmaps/settings"


@pytest.mark.parametrize(
    "annotations",
    [
        {LED_BY: CONFIG},
        {LED_BY: f"other, {CONFIG}"},
        {"argocd.argoproj.io/tracking-id": f"mesh1.payments-eu:/Namespace:/{PLANE}"},
    ],
)
def test_a_namespace_that_was_made_for_us_is_ours(
    joining: Preflight, annotations: dict[str, str]
) -> None:
    namespace(joining, annotations=annotations)
    fill(joining)
    (found,) = joining.look(CODE)
    assert (found.state, found.found) == ("healthy", "ours")


def test_a_namespace_that_another_control_plane_leads_is_a_problem(joining: Preflight) -> None:
    namespace(joining, annotations={LED_BY: "other-config"})
    assert joining.problems(CODE) == ["led-by-another"]


def test_any_control_plane_may_lead_where_it_says_so(joining: Preflight) -> None:
    namespace(joining, annotations={LED_BY: "*"})
    assert joining.problems(CODE) == []


def test_a_namespace_that_is_going_is_a_problem(joining: Preflight) -> None:
    namespace(joining, deletionTimestamp="2026-06-01T12:00:00Z")
    assert joining.problems(CODE) == ["terminating"]


def test_another_network_is_a_problem(joining: Preflight) -> None:
    namespace(joining, labels={NETWORK: "network1"}, annotations={LED_BY: CONFIG})
    assert joining.problems(CODE) == ["wrong-network"]


@pytest.mark.parametrize("resource", ["pods", "services", "configmaps", "serviceaccounts"])
def test_what_may_not_be_looked_at_is_unknown(joining: Preflight, resource: str) -> None:
    namespace(joining)
    joining.server.denied.add(f"/api/v1/namespaces/{PLANE}/{resource}")
    (found,) = joining.look(CODE)
    assert found.state == "unknown"
    assert resource in found.found

from __future__ import annotations

import base64
from dataclasses import replace
from typing import TYPE_CHECKING

import pytest

from tests.bot.fleets import PLANE
from tests.bot.simulation import roots
from tests.bot.tlsserver import TlsServer

if TYPE_CHECKING:
    from collections.abc import Callable

    from tests.bot.candidates.joining import Preflight
    from tests.e2e.testbed.pki import Authority

CODE = "EXTCP-P07"
WEBHOOKS = "/apis/admissionregistration.k8s.io/v1/validatingwebhookconfigurations"
URL = "https://istiod.example.com:15017/inject/cluster/payments-eu/net/network2"


def test_the_api_server_calls_istiod_and_nothing_is_left(joining: Preflight) -> None:
    (found,) = joining.look(CODE)
    assert found.state == "healthy"
    assert found.looked_at.endswith(f"to istiod.example.com, {URL}")
    bundle = base64.b64encode(roots.gateway().root.encode()).decode()
    assert (URL, bundle) in joining.joining.calls
    probe = f"{WEBHOOKS}/extcp-bot-probe"
    assert joining.joining.store.written == [f"CREATE {WEBHOOKS}", f"DELETE {probe}"]
    assert probe not in joining.server.objects


FAILURES = {
    "dial tcp: lookup istiod.example.com on 10.96.0.10:53: no such host": "unreachable",
    "dial tcp 192.0.2.10:15017: connect: connection refused": "unreachable",
    "context deadline exceeded": "unreachable",
    "the server is currently unable to handle the request": "unreachable",
    "tls: failed to verify certificate: x509: certificate signed by unknown authority": "untrusted",
    "tls: failed to verify certificate: x509: certificate is valid for other.example.com, not "
    "istiod.example.com": "untrusted",
}


@pytest.mark.parametrize("words", FAILURES)
def test_a_call_that_fails_is_a_problem_with_its_cause(joining: Preflight, words: str) -> None:
    joining.joining.failure = words
    (found,) = joining.look(CODE)
    assert found.problem == FAILURES[words]
    assert words in found.found
    assert "{" not in found.remedy + found.command
    assert joining.joining.store.verbs == ["CREATE", "DELETE"]


def test_an_answer_that_istiod_does_not_give_is_a_problem(joining: Preflight) -> None:
    joining.joining.denial = "no such page"
    assert joining.problems(CODE) == ["other-answer"]


def test_nothing_is_made_where_nothing_may_be(joining: Preflight) -> None:
    (found,) = joining.look(CODE, probes=False)
    assert found.state == "unknown"
    assert joining.joining.store.written == []


@pytest.mark.parametrize(
    ("path", "verb", "words"),
    [
        (WEBHOOKS, "create", "validatingwebhookconfigurations"),
        ("/api/v1/namespaces/default/configmaps", "create", "configmaps"),
    ],
)
def test_a_right_that_the_bot_lacks_is_named(
    joining: Preflight, path: str, verb: str, words: str
) -> None:
    joining.server.denied.add(path)
    (found,) = joining.look(CODE)
    assert found.state == "unknown"
    assert words in found.found
    assert f"may not {verb} it" in found.found
    assert joining.joining.store.verbs in ([], ["CREATE", "DELETE"])


def test_an_old_answer_is_not_taken_for_one_of_a_webhook_that_is_not_live_yet(
    joining: Preflight,
) -> None:
    joining.joining.deaf = 5
    assert joining.problems(CODE) == []
    sentinels = [url for url, _ in joining.joining.calls if "sentinel" in url]
    assert len(sentinels) == 2  # before the call, and after it


@pytest.mark.parametrize(
    ("authority", "name", "expected"),
    [
        (roots.mesh, f"istiod.{PLANE}.svc", []),
        (roots.mesh, "istiod.other.svc", ["untrusted"]),
        (roots.gateway, f"istiod.{PLANE}.svc", ["untrusted"]),
    ],
)
def test_by_ip_address_the_certificate_is_verified_from_here(
    joining: Preflight, authority: Callable[[], Authority], name: str, expected: list[str]
) -> None:
    joining.joining.failure = (
        "tls: failed to verify certificate: x509: cannot validate certificate for 192.0.2.10 "
        "because it doesn't contain any IP SANs"
    )
    fleet = joining.mesh.fleet
    mesh = fleet.inventory.mesh
    (plane,) = mesh.control_planes
    by_ip = replace(plane, address="192.0.2.10", tls=None, ca_bundle=None)
    inventory = replace(fleet.inventory, mesh=replace(mesh, control_planes=(by_ip,)))
    with TlsServer(authority().serve([name])) as istiod:
        connect_to = {(by_ip.address, 15017): istiod.place}
        joining.mesh.fleet = replace(fleet, inventory=inventory, connect_to=connect_to)
        assert joining.problems(CODE) == expected
        assert joining.look(CODE)[-1].state == "healthy"  # the route

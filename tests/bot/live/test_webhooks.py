from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from extcp_bot.live import webhooks
from extcp_bot.live.webhooks import Webhook
from tests.bot.fleets import PLANE, SECOND, world
from tests.bot.identities import encoded

if TYPE_CHECKING:
    from collections.abc import Mapping

    from extcp_bot.target import Target

PATH = "/apis/admissionregistration.k8s.io/v1/mutatingwebhookconfigurations"
LABELS = {"app": "sidecar-injector"}


def read(*hooks: object, name: str = f"istio-sidecar-injector-{PLANE}") -> list[Webhook]:
    """What is read where an API server has one configuration with these webhooks."""
    with world() as mesh:
        item = {"metadata": {"name": name, "labels": LABELS}, "webhooks": list(hooks)}
        mesh.second.put(PATH, item)
        targets = {each.cluster.name: each for each in mesh.fleet.targets()}
        return asyncio.run(injecting(targets[SECOND]))


async def injecting(target: Target) -> list[Webhook]:
    try:
        return webhooks.own(target, await webhooks.injecting(target))
    finally:
        await target.fleet.close()


def at(url: str = "", service: Mapping[str, Any] | None = None) -> Webhook:
    return Webhook("a", {}, "b", url or None, service, "", "Fail", 10, {}, {})


def test_a_webhook_is_read_with_all_that_checks_ask_of_it() -> None:
    (found,) = read(
        {
            "name": "object.sidecar-injector.istio.io",
            "clientConfig": {
                "url": "https://istiod.example.com:15017/inject/cluster/a/net/b",
                "caBundle": encoded("PEM"),
            },
            "failurePolicy": "Ignore",
            "timeoutSeconds": 5,
            "namespaceSelector": {"matchLabels": {"istio-injection": "enabled"}},
            "objectSelector": {"matchExpressions": []},
        }
    )
    assert (found.host, found.path) == ("istiod.example.com", "/inject/cluster/a/net/b")
    assert (found.ca_bundle, found.failure_policy, found.seconds) == ("PEM", "Ignore", 5)
    assert found.namespaces == {"matchLabels": {"istio-injection": "enabled"}}
    assert found.place == f"istio-sidecar-injector-{PLANE}, webhook {found.name}"


def test_what_the_api_server_would_put_in_is_put_in() -> None:
    (found,) = read({"name": "a", "clientConfig": {"service": {"name": "istiod", "path": "/x"}}})
    assert (found.failure_policy, found.seconds, found.url, found.path) == ("Fail", 10, None, "/x")


def test_the_webhooks_of_another_control_plane_are_not_its_own() -> None:
    assert read({"name": "a"}, name="istio-sidecar-injector-another") == []


def test_a_bundle_that_is_no_base64_is_none() -> None:
    (found,) = read({"name": "a", "clientConfig": {"caBundle": "no base64"}})
    assert found.ca_bundle is None


@pytest.mark.parametrize(
    "hook",
    [
        1,
        {"clientConfig": 1},
        {"clientConfig": {"url": 1, "service": [], "caBundle": {}}},
        {"timeoutSeconds": "x", "failurePolicy": 1, "namespaceSelector": "y", "objectSelector": 2},
    ],
)
def test_nonsense_is_read_as_nothing(hook: object) -> None:
    assert all((each.host, each.path, each.parameters) == ("", "", None) for each in read(hook))


@pytest.mark.parametrize(
    ("path", "parameters"),
    [
        ("/inject/cluster/a/net/b", {"cluster": "a", "net": "b"}),
        ("/inject/cluster/a--slash--b/net/c/", {"cluster": "a/b", "net": "c"}),
        ("/inject/cluster/a%20b", {"cluster": "a b"}),
        ("/inject", {}),
        ("/inject/cluster", None),
        ("/validate", None),
        ("", None),
    ],
)
def test_the_path_tells_the_injector_where_a_pod_is(
    path: str, parameters: dict[str, str] | None
) -> None:
    assert at(f"https://istiod.example.com{path}").parameters == parameters
    assert at(service={"path": path}).parameters == parameters


@given(st.text())
def test_no_url_is_too_absurd(url: str) -> None:
    hook = at(url)
    assert isinstance(hook.host, str)
    assert isinstance(hook.path, str)

from __future__ import annotations

import json
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any

import pytest

from extcp_bot.kube import transport
from extcp_bot.kube.failure import CannotLookError
from extcp_bot.live import injection
from extcp_bot.target import Settings
from tests.bot.asking import ask
from tests.bot.fleets import NOW, SECOND, World, world

if TYPE_CHECKING:
    from collections.abc import Iterator

    from extcp_bot.target import Target

Object = dict[str, Any]
EVENTS = "/api/v1/namespaces/sample/events"
FAILED = (
    'Error creating: Internal error occurred: failed calling webhook "namespace.sidecar-injector.'
    'istio.io": failed to call webhook: Post "https://a:15017/inject": context deadline exceeded'
)


@pytest.fixture
def mesh() -> Iterator[World]:
    with world() as made:
        namespaces(made, {"default": {}})
        yield made


def namespaces(mesh: World, labels: dict[str, dict[str, str]]) -> None:
    for name, own in labels.items():
        mesh.second.put("/api/v1/namespaces", {"metadata": {"name": name, "labels": own}})
        mesh.second.posts[f"/api/v1/namespaces/{name}/pods"] = lambda body: body


def pod(*containers: Object, inits: tuple[Object, ...] = ()) -> Object:
    return {"spec": {"containers": list(containers), "initContainers": list(inits)}}


def proxy(**variables: str) -> Object:
    env = [{"name": name, "value": value} for name, value in variables.items()]
    return {"name": "istio-proxy", "image": "proxyv2", "env": env}


def event(name: str, message: str, **times: Any) -> Object:  # noqa: ANN401 - fields of an Event
    return {"metadata": {"name": name}, "reason": "FailedCreate", "message": message, **times}


def ago(minutes: int) -> str:
    return (NOW - timedelta(minutes=minutes)).strftime("%Y-%m-%dT%H:%M:%SZ")


def test_the_pod_is_asked_for_in_an_injected_namespace_and_kept_by_nobody(mesh: World) -> None:
    enabled = {"istio-injection": "enabled"}
    namespaces(mesh, {"sample": enabled, "kube-system": enabled, "plain": {}})
    probe = ask(mesh, injection.probe, SECOND)
    assert probe.namespace.name == "sample"
    (posted,) = [each for each in mesh.second.requests if each.startswith("POST")]
    assert posted == "POST /api/v1/namespaces/sample/pods?dryRun=All&fieldManager=extcp-bot"


def test_the_pod_is_not_asked_for_in_a_namespace_on_its_way_out(mesh: World) -> None:
    enabled = {"istio-injection": "enabled"}
    namespaces(mesh, {"old": enabled, "sample": enabled})
    mesh.second.objects["/api/v1/namespaces/old"]["metadata"]["deletionTimestamp"] = ago(1)
    assert ask(mesh, injection.probe, SECOND).namespace.name == "sample"
    del mesh.second.objects["/api/v1/namespaces/sample"]
    assert ask(mesh, injection.probe, SECOND).namespace.name == "default"


def test_without_an_injected_namespace_the_pod_asks_for_its_sidecar_itself(mesh: World) -> None:
    probe = ask(mesh, injection.probe, SECOND)
    assert probe.namespace.name == "default"
    assert probe.pod is not None
    assert probe.pod["metadata"]["labels"]["sidecar.istio.io/inject"] == "true"


def test_a_person_may_name_the_namespace() -> None:
    with world(settings=Settings(probe_namespace="probe")) as mesh:
        namespaces(mesh, {"a": {"istio-injection": "enabled"}, "probe": {}})
        assert ask(mesh, injection.probe, SECOND).namespace.name == "probe"


def test_a_namespace_that_is_not_there_is_no_answer() -> None:
    with world(settings=Settings(probe_namespace="probe")) as mesh:
        namespaces(mesh, {"a": {"istio-injection": "enabled"}})
        with pytest.raises(CannotLookError) as caught:
            ask(mesh, injection.probe, SECOND)
    assert "probeNamespace in bot.yaml" in caught.value.remedy


def test_the_pod_is_one_that_the_restricted_standard_and_quotas_take(mesh: World) -> None:
    asked: list[Object] = []

    def take(body: Object) -> Object:
        asked.append(body)
        return body

    mesh.second.posts["/api/v1/namespaces/default/pods"] = take
    ask(mesh, injection.probe, SECOND)
    spec = asked[0]["spec"]
    (container,) = spec["containers"]
    assert spec["automountServiceAccountToken"] is False
    assert spec["securityContext"] == {
        "runAsNonRoot": True,
        "seccompProfile": {"type": "RuntimeDefault"},
    }
    assert container["securityContext"]["allowPrivilegeEscalation"] is False
    assert container["securityContext"]["capabilities"] == {"drop": ["ALL"]}
    assert set(container["resources"]) == {"requests", "limits"}


def test_a_refusal_is_told_from_a_pod(mesh: World) -> None:
    mesh.second.posts["/api/v1/namespaces/default/pods"] = lambda _: (500, FAILED)
    probe = ask(mesh, injection.probe, SECOND)
    assert probe.pod is None
    assert probe.refusal is not None
    assert probe.refusal.is_of(injection.WEBHOOKS)


def test_the_time_is_taken_with_istiod_and_without(
    mesh: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    now = [0.0]

    def admit(body: Object) -> Object:
        now[0] += 6.0 if body["metadata"]["labels"][injection.INJECT] == "true" else 0.5
        return body

    mesh.second.posts["/api/v1/namespaces/default/pods"] = admit
    monkeypatch.setattr(transport, "monotonic", lambda: now[0])
    probe = ask(mesh, injection.probe, SECOND)
    assert probe.seconds == 6.0
    assert ask(mesh, lambda target: injection.seconds_without(target, probe), SECOND) == 0.5


def test_a_sidecar_says_what_it_was_told() -> None:
    config = json.dumps({"discoveryAddress": "istiod.example.com:15012"})
    own = proxy(
        ISTIO_META_CLUSTER_ID="a",
        ISTIO_META_NETWORK="b",
        CA_ADDR="istiod.example.com:15012",
        ISTIO_META_INTERCEPTION_MODE="REDIRECT",
        PROXY_CONFIG=f"{config}\n",
    )
    found = injection.sidecar(pod({"name": "app"}, own, inits=({"name": "istio-init"},)))
    assert found == injection.Sidecar(
        "proxyv2",
        "a",
        "b",
        "istiod.example.com:15012",
        "istiod.example.com:15012",
        "REDIRECT",
        has_init=True,
    )


def test_a_native_sidecar_is_an_init_container() -> None:
    found = injection.sidecar(pod({"name": "app"}, inits=(proxy(),)))
    assert found is not None
    assert not found.has_init


@pytest.mark.parametrize(
    "item", [{}, {"spec": "?"}, {"spec": {"containers": [1, None]}}, pod({"name": "app"})]
)
def test_a_pod_may_have_no_sidecar(item: Object) -> None:
    assert injection.sidecar(item) is None


@pytest.mark.parametrize("config", ["", "{", "[]", '{"discoveryAddress": 1}'])
def test_a_proxy_config_may_be_nonsense(config: str) -> None:
    found = injection.sidecar(pod(proxy(PROXY_CONFIG=config)))
    assert found is not None
    assert found.discovery_address == ""


def test_the_cni_plugin_is_found_in_any_namespace(mesh: World) -> None:
    assert ask(mesh, injection.cni, SECOND) == ""
    for name in ("istio-cni-node", "another"):
        path = "/apis/apps/v1/namespaces/kube-system/daemonsets"
        mesh.second.put(path, {"metadata": {"name": name}})
    assert ask(mesh, injection.cni, SECOND) == "kube-system"


def test_recent_events_of_the_injector_count(mesh: World) -> None:
    other = 'failed calling webhook "policy.example.com": EOF'
    events = (
        event("a", FAILED, lastTimestamp=ago(5), count=3),
        event("b", FAILED, eventTime=ago(14), lastTimestamp=None),
        event("c", FAILED, series={"lastObservedTime": ago(1)}, count="many"),
        event("d", FAILED, lastTimestamp=ago(16)),
        event("e", other, lastTimestamp=ago(5)),
        event("f", FAILED),
        {"metadata": {"name": "g"}, "reason": "FailedCreate", "message": 1, "series": []},
    )
    for each in events:
        mesh.second.put(EVENTS, each)
    assert ask(mesh, injection.failures, SECOND) == {"sample": 5}


def test_a_probe_knows_the_webhooks_that_are_called(healthy_mesh: World) -> None:
    from extcp_bot.live import webhooks  # noqa: PLC0415 - beside its only use

    hooks = ask(healthy_mesh, webhooks.injecting, SECOND)
    healthy_mesh.fleet.now = lambda: datetime.now(UTC)
    probe = ask(healthy_mesh, injection.probe, SECOND)
    assert [hook.name for hook in probe.hooks(hooks)] == ["namespace.sidecar-injector.istio.io"]


def test_the_words_of_others_than_the_injector_are_not_kept(mesh: World) -> None:
    async def seen(target: Target) -> str:
        await injection.failures(target)
        return json.dumps(target.api.seen())

    mesh.second.put(EVENTS, event("a", "arg hunter-in-the-forest is not allowed"))
    mesh.second.put(EVENTS, event("b", FAILED, lastTimestamp=ago(1)))
    said = ask(mesh, seen, SECOND)
    assert "hunter-in-the-forest" not in said
    assert "sidecar-injector" in said

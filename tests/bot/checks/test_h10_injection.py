from __future__ import annotations

from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

import pytest

from extcp_bot.checks.model import Severity, State
from extcp_bot.kube import transport
from extcp_bot.live import injection
from extcp_bot.target import Settings
from tests.bot.fleets import CONFIG, SECOND

if TYPE_CHECKING:
    from collections.abc import Callable

    from extcp_bot.result import Result
    from tests.bot.fleets import World

Object = dict[str, Any]

CODE = "EXTCP-H10"
PODS = "/api/v1/namespaces/sample/pods"
HOOKS = "/apis/admissionregistration.k8s.io/v1/mutatingwebhookconfigurations"
INJECTOR = f"{HOOKS}/istio-sidecar-injector-external-istiod"
CALL = (
    'Internal error occurred: failed calling webhook "namespace.sidecar-injector.istio.io": failed '
    'to call webhook: Post "https://istiod.example.com:15017/inject/cluster/remote-cluster-2/net/'
    'network2?timeout=10s": '
)
DENIED = 'admission webhook "namespace.sidecar-injector.istio.io" denied the request: '


def spoil(mesh: World, change: Callable[[Object], Any]) -> None:
    """Change each Pod that istiod has injected."""
    inject = mesh.second.posts[PODS]

    def post(body: Object) -> Object | tuple[int, str]:
        pod = inject(body)
        assert isinstance(pod, dict)
        change(pod)
        return pod

    mesh.second.posts[PODS] = post


def tell(mesh: World, name: str, value: str) -> None:
    """Have the sidecar told something else."""

    def change(pod: Object) -> None:
        for variable in pod["spec"]["containers"][0]["env"]:
            if variable["name"] == name:
                variable["value"] = value

    spoil(mesh, change)


def refuse(mesh: World, code: int, message: str) -> None:
    mesh.second.posts[PODS] = lambda _: (code, message)


def unhealthy(mesh: World) -> Result:
    (found,) = [each for each in mesh.check(CODE, SECOND) if each.state is not State.HEALTHY]
    return found


def test_an_injected_pod_is_healthy_and_says_how_long_it_took(healthy_mesh: World) -> None:
    found = healthy_mesh.check(CODE)
    assert {(each.cluster, each.state) for each in found} == {
        (CONFIG, State.HEALTHY),
        (SECOND, State.HEALTHY),
    }
    assert any("of 10 s" in each.found for each in found)
    assert any("istiod.example.com:15012" in each.found for each in found)


@pytest.mark.parametrize(
    ("words", "check"),
    [
        ("tls: failed to verify certificate: x509: certificate signed by unknown authority", "H03"),
        ("x509: certificate has expired or is not yet valid: current time is after", "H02"),
        ("dial tcp: lookup istiod.example.com on 10.96.0.10:53: no such host", "H01"),
        ("context deadline exceeded", "H01"),
    ],
)
def test_a_webhook_that_cannot_be_called_is_named_with_its_reason(
    healthy_mesh: World, words: str, check: str
) -> None:
    refuse(healthy_mesh, 500, CALL + words)
    found = unhealthy(healthy_mesh)
    assert (found.problem, found.severity) == ("webhook-failed", Severity.CRITICAL)
    assert words in found.found
    assert f"EXTCP-{check}" in found.remedy
    assert found.command == (
        f"kubectl --context {SECOND} --namespace sample run extcp-bot-probe "
        "--image=extcp-bot/probe --labels=sidecar.istio.io/inject=true --dry-run=server"
    )


def test_it_says_whom_that_has_hit_already(healthy_mesh: World) -> None:
    refuse(healthy_mesh, 500, f"{CALL}EOF")
    event = {
        "metadata": {"name": "a"},
        "reason": "FailedCreate",
        "message": f"Error creating: {CALL}EOF",
        "lastTimestamp": datetime.now(UTC).isoformat(),
        "count": 7,
    }
    healthy_mesh.second.put("/api/v1/namespaces/sample/events", event)
    assert unhealthy(healthy_mesh).found.startswith(
        "7 times in the last 15 minutes, as in sample: "
    )


def test_it_says_nothing_of_events_that_nobody_may_see(healthy_mesh: World) -> None:
    refuse(healthy_mesh, 500, f"{CALL}EOF")
    healthy_mesh.second.denied.add("/api/v1/events")
    assert unhealthy(healthy_mesh).found.startswith("the call fails: ")


def test_an_istiod_that_refuses_is_named(healthy_mesh: World) -> None:
    refuse(healthy_mesh, 400, f"{DENIED}failed to run injection template")
    found = unhealthy(healthy_mesh)
    assert (found.problem, found.found) == ("denied", "failed to run injection template")
    assert found.command.startswith(
        "kubectl --context external-cluster --namespace external-istiod"
    )


@pytest.mark.parametrize(
    ("code", "message"),
    [
        (403, 'pods "extcp-bot-probe-x" is forbidden: exceeded quota: compute'),
        (403, 'pods "extcp-bot-probe-x" is forbidden: violates PodSecurity "restricted:latest"'),
        (400, 'admission webhook "policy.example.com" denied the request: no such registry'),
        (500, 'Internal error occurred: failed calling webhook "policy.example.com": EOF'),
        (404, 'namespaces "sample" not found'),
    ],
)
def test_whoever_else_refuses_the_pod_leaves_the_answer_open(
    healthy_mesh: World, code: int, message: str
) -> None:
    refuse(healthy_mesh, code, message)
    found = unhealthy(healthy_mesh)
    assert found.state is State.UNKNOWN
    assert message.rpartition(": ")[2] in found.found
    assert "probeNamespace in bot.yaml" in found.remedy


def test_a_standard_that_refuses_the_init_container_is_named(healthy_mesh: World) -> None:
    why = 'unrestricted capabilities (container "istio-init" must not include "NET_ADMIN")'
    message = f'pods "p" is forbidden: violates PodSecurity "restricted:latest": {why}'
    refuse(healthy_mesh, 403, message)
    found = unhealthy(healthy_mesh)
    assert (found.problem, found.severity) == ("pod-security", Severity.ERROR)
    assert "CNI" in found.remedy


def test_a_pod_without_a_sidecar_is_named(healthy_mesh: World) -> None:
    del healthy_mesh.second.objects[INJECTOR]
    healthy_mesh.second.posts[PODS] = lambda body: body
    found = unhealthy(healthy_mesh)
    assert (found.problem, found.severity) == ("not-injected", Severity.CRITICAL)
    assert "no webhook of istiod is called" in found.found
    assert found.command.endswith("--kustomize clusters/remote-cluster-2")


def test_a_webhook_that_fails_open_is_named_with_its_policy(healthy_mesh: World) -> None:
    for hook in healthy_mesh.second.objects[INJECTOR]["webhooks"]:
        hook["failurePolicy"] = "Ignore"
    healthy_mesh.second.posts[PODS] = lambda body: body
    found = unhealthy(healthy_mesh)
    assert found.problem == "not-injected"
    assert "failurePolicy Ignore" in found.found


def test_a_namespace_that_wants_no_sidecars_tells_nothing(healthy_mesh: World) -> None:
    healthy_mesh.fleet.settings = Settings(probe_namespace="sample")
    namespace = healthy_mesh.second.objects["/api/v1/namespaces/sample"]
    namespace["metadata"]["labels"]["istio-injection"] = "disabled"
    healthy_mesh.second.posts[PODS] = lambda body: body
    found = unhealthy(healthy_mesh)
    assert found.state is State.UNKNOWN
    assert "probeNamespace" in found.remedy


@pytest.mark.parametrize(
    ("variable", "problem", "wanted"),
    [
        ("ISTIO_META_CLUSTER_ID", "wrong-cluster", SECOND),
        ("ISTIO_META_NETWORK", "wrong-network", "network2"),
        ("CA_ADDR", "wrong-ca-address", "istiod.example.com:15012"),
    ],
)
def test_what_the_sidecar_was_told_wrongly_is_named(
    healthy_mesh: World, variable: str, problem: str, wanted: str
) -> None:
    tell(healthy_mesh, variable, "another")
    found = unhealthy(healthy_mesh)
    assert (found.problem, found.found, found.wanted) == (problem, "another", wanted)
    assert found.command.startswith("kubectl --context ")


@pytest.mark.parametrize(
    ("config", "found"),
    [
        ('{"discoveryAddress": "istiod.istio-system.svc:15012"}', "istiod.istio-system"),
        ("", "none"),
    ],
)
def test_another_discovery_address_is_named(healthy_mesh: World, config: str, found: str) -> None:
    tell(healthy_mesh, "PROXY_CONFIG", config)
    seen = unhealthy(healthy_mesh)
    assert (seen.problem, seen.wanted) == ("wrong-discovery-address", "istiod.example.com:15012")
    assert found in seen.found


def test_an_image_that_nobody_has_replaced_is_named(healthy_mesh: World) -> None:
    spoil(healthy_mesh, lambda pod: pod["spec"]["containers"][0].update(image="auto"))
    found = unhealthy(healthy_mesh)
    assert (found.problem, found.found) == ("image-auto", "auto")


def test_a_pod_that_needs_the_cni_plugin_wants_one_in_the_cluster(healthy_mesh: World) -> None:
    spoil(healthy_mesh, lambda pod: pod["spec"].pop("initContainers"))
    found = unhealthy(healthy_mesh)
    assert (found.problem, found.severity) == ("cni-missing", Severity.ERROR)
    plugin(healthy_mesh)
    assert {each.state for each in healthy_mesh.check(CODE, SECOND)} == {State.HEALTHY}


def test_a_cni_plugin_that_is_not_used_is_a_warning(healthy_mesh: World) -> None:
    plugin(healthy_mesh)
    found = unhealthy(healthy_mesh)
    assert (found.problem, found.severity) == ("cni-unused", Severity.WARNING)


def plugin(mesh: World) -> None:
    path = "/apis/apps/v1/namespaces/kube-system/daemonsets"
    mesh.second.put(path, {"metadata": {"name": "istio-cni-node"}})


def test_a_sidecar_that_intercepts_nothing_needs_neither(healthy_mesh: World) -> None:
    def change(pod: Object) -> None:
        mode = {"name": "ISTIO_META_INTERCEPTION_MODE", "value": "NONE"}
        pod["spec"]["containers"][0]["env"].append(mode)
        pod["spec"].pop("initContainers")

    spoil(healthy_mesh, change)
    assert {each.state for each in healthy_mesh.check(CODE, SECOND)} == {State.HEALTHY}


def test_what_is_not_shown_of_the_cni_plugin_is_unknown_and_the_rest_is_not(
    healthy_mesh: World,
) -> None:
    healthy_mesh.second.denied.add("/apis/apps/v1/daemonsets")
    found = unhealthy(healthy_mesh)
    assert found.state is State.UNKNOWN
    assert "daemonsets" in found.found


def test_a_slow_answer_of_istiod_is_a_warning(
    healthy_mesh: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    _take(healthy_mesh, monkeypatch, asked=6.0, unasked=0.5)
    found = unhealthy(healthy_mesh)
    assert (found.problem, found.severity) == ("slow", Severity.WARNING)
    assert found.found == "6.0 s of 10 s, and 0.5 s where istiod is not asked"
    assert found.wanted == "at most 5 s more"


def test_a_slow_api_server_or_bot_is_not_istiods_fault(
    healthy_mesh: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    _take(healthy_mesh, monkeypatch, asked=6.0, unasked=4.0)
    assert {each.state for each in healthy_mesh.check(CODE, SECOND)} == {State.HEALTHY}


def _take(mesh: World, monkeypatch: pytest.MonkeyPatch, *, asked: float, unasked: float) -> None:
    """Let the API server take so many seconds, where it asks istiod and where it does not."""
    now, admit = [0.0], mesh.second.posts[PODS]

    def late(body: dict[str, Any]) -> Any:  # noqa: ANN401 - JSON
        now[0] += asked if body["metadata"]["labels"][injection.INJECT] == "true" else unasked
        return admit(body)

    mesh.second.posts[PODS] = late
    monkeypatch.setattr(transport, "monotonic", lambda: now[0])


def test_no_permission_is_unknown_and_says_which(healthy_mesh: World) -> None:
    healthy_mesh.second.denied.add(PODS)
    found = unhealthy(healthy_mesh)
    assert found.state is State.UNKNOWN
    assert PODS in found.found
    assert "extcp-bot rbac" in found.remedy


def test_a_hostile_answer_breaks_nothing(healthy_mesh: World) -> None:
    healthy_mesh.second.posts[PODS] = lambda _: {"spec": {"containers": [{"name": "istio-proxy"}]}}
    names = {each.problem for each in healthy_mesh.check(CODE, SECOND)}
    assert {"wrong-cluster", "wrong-network", "image-auto", "cni-missing"} <= names
    refuse(healthy_mesh, 500, f"{CALL}\x1b[31m{'x' * 1_000_000}")
    assert "\x1b" not in unhealthy(healthy_mesh).found

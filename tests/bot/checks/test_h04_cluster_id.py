from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

from extcp_bot.checks.model import Severity, State
from tests.bot.fleets import ADDRESS, CONFIG, PLANE, SECOND, World, world

if TYPE_CHECKING:
    from collections.abc import Iterator

    from extcp_bot.result import Result

CODE = "EXTCP-H04"
WEBHOOKS = "/apis/admissionregistration.k8s.io/v1/mutatingwebhookconfigurations"
CONFIGURATION = f"istio-sidecar-injector-{PLANE}"
DEPLOYMENTS = f"/apis/apps/v1/namespaces/{PLANE}/deployments"
SECRETS = f"/api/v1/namespaces/{PLANE}/secrets"
PODS = "/api/v1/namespaces/sample/pods"


@pytest.fixture
def mesh() -> Iterator[World]:
    with world() as made:
        for cluster in (CONFIG, SECOND):
            inject(made, cluster, f"/inject/cluster/{cluster}/net/network1")
            run(made, cluster, "sleep", cluster)
        run_istiod(made, CONFIG)
        mark(made, CONFIG)
        yield made


def inject(mesh: World, cluster: str, *paths: str, name: str = CONFIGURATION) -> None:
    """An injection webhook for each path, as istioctl renders four."""
    hooks = [
        {"name": f"{number}.istio.io", "clientConfig": {"url": f"https://{ADDRESS}:15017{path}"}}
        for number, path in enumerate(paths)
    ]
    metadata = {"name": name, "labels": {"app": "sidecar-injector"}}
    mesh.servers[cluster].put(WEBHOOKS, {"metadata": metadata, "webhooks": hooks})


def run(
    mesh: World,
    cluster: str,
    name: str,
    told: str | None,
    *,
    authority: str = f"{ADDRESS}:15012",
    place: str = "containers",
) -> None:
    """A Pod whose proxy was told a cluster ID."""
    variables = [{"name": "CA_ADDR", "value": authority}]
    if told is not None:
        variables.append({"name": "ISTIO_META_CLUSTER_ID", "value": told})
    pod = {
        "metadata": {"name": name, "labels": {"service.istio.io/canonical-name": name}},
        "spec": {place: [{"name": "istio-proxy", "env": variables}]},
        "status": {"phase": "Running"},
    }
    mesh.servers[cluster].put(PODS, pod)


def run_istiod(mesh: World, *told: str) -> None:
    variables = [{"name": "CLUSTER_ID", "value": value} for value in told]
    spec = {"containers": [{"name": "discovery", "env": variables}]}
    deployment = {"metadata": {"name": "istiod"}, "spec": {"template": {"spec": spec}}}
    mesh.external.put(DEPLOYMENTS, deployment)


def mark(mesh: World, cluster: str | None) -> None:
    marks = {} if cluster is None else {"networking.istio.io/cluster": cluster}
    secret = {"metadata": {"name": "istio-kubeconfig", "annotations": marks}}
    mesh.external.put(SECRETS, {**secret, "data": {"config": "e30="}})


def bad(mesh: World, cluster: str) -> list[Result]:
    return [each for each in mesh.check(CODE, cluster) if each.state is not State.HEALTHY]


def test_one_id_everywhere_is_healthy(mesh: World) -> None:
    found = mesh.check(CODE)
    assert {each.state for each in found} == {State.HEALTHY}
    assert [each.cluster for each in found].count(CONFIG) == 4
    assert [each.cluster for each in found].count(SECOND) == 2


def test_another_id_in_the_path_of_the_webhook_is_named_once(mesh: World) -> None:
    path = "/inject/cluster/another/net/network1"
    inject(mesh, SECOND, path, path, path, path)
    (found,) = bad(mesh, SECOND)
    assert (found.problem, found.found, found.wanted) == ("wrong-webhook", "another", SECOND)
    assert CONFIGURATION in found.looked_at
    assert found.command == (
        f"kubectl --context {SECOND} apply --server-side --force-conflicts "
        f"--kustomize clusters/{SECOND}"
    )


def test_one_webhook_of_several_is_enough(mesh: World) -> None:
    good, wrong = (f"/inject/cluster/{name}/net/network1" for name in (SECOND, "another"))
    inject(mesh, SECOND, good, good, wrong, good)
    assert [each.problem for each in bad(mesh, SECOND)] == ["wrong-webhook"]


@pytest.mark.parametrize(
    "path", ["", "/inject", "/inject/net/network1", "/inject/cluster", "/other/cluster/x"]
)
def test_a_path_that_names_no_cluster_is_malformed(mesh: World, path: str) -> None:
    inject(mesh, SECOND, path)
    (found,) = bad(mesh, SECOND)
    assert found.problem == "malformed-path"
    assert found.wanted == f"/inject/cluster/{SECOND}/net/network1"


def test_the_webhooks_of_another_control_plane_are_not_looked_at(mesh: World) -> None:
    inject(mesh, SECOND, "/inject/cluster/another/net/n", name="istio-sidecar-injector-another")
    assert bad(mesh, SECOND) == []


def test_without_a_webhook_nobody_can_tell(mesh: World) -> None:
    mesh.second.objects.pop(f"{WEBHOOKS}/{CONFIGURATION}")
    (found,) = bad(mesh, SECOND)
    assert (found.state, found.found) == (
        State.UNKNOWN,
        "there is no injection webhook that could name the cluster",
    )


@pytest.mark.parametrize("place", ["containers", "initContainers"])
@pytest.mark.parametrize(("told", "seen"), [("old", "old"), (None, "none"), ("", "none")])
def test_a_proxy_with_another_id_is_named(
    mesh: World, place: str, told: str | None, seen: str
) -> None:
    run(mesh, SECOND, "curl", told, place=place)
    (found,) = bad(mesh, SECOND)
    assert (found.problem, found.wanted) == ("wrong-proxies", SECOND)
    assert found.found == f"{seen} in Pod sample/curl"
    assert found.command == (
        f"kubectl --context {SECOND} --namespace sample rollout restart deployment"
    )


def test_several_such_proxies_are_one_problem(mesh: World) -> None:
    for name in ("one", "three", "two"):
        run(mesh, SECOND, name, "old")
    (found,) = bad(mesh, SECOND)
    assert found.found == "old in Pod sample/one, and 2 more are wrong"


def test_the_proxies_of_another_control_plane_are_not_looked_at(mesh: World) -> None:
    run(mesh, SECOND, "sleep", "Kubernetes", authority="istiod.istio-system.svc:15012")
    assert bad(mesh, SECOND) == []
    assert "no proxy of this control plane runs" in [each.found for each in mesh.check(CODE)]


def test_no_proxy_is_healthy(mesh: World) -> None:
    mesh.second.objects.pop(f"{PODS}/sleep")
    assert bad(mesh, SECOND) == []


@pytest.mark.parametrize(("told", "seen"), [(["Kubernetes"], "Kubernetes"), ([], "none")])
def test_an_istiod_that_takes_its_config_cluster_for_another_is_named(
    mesh: World, told: list[str], seen: str
) -> None:
    run_istiod(mesh, *told)
    (found,) = bad(mesh, CONFIG)
    assert (found.problem, found.found, found.wanted) == ("wrong-istiod", seen, CONFIG)
    assert "--context external-cluster" in found.command
    assert "--kustomize clusters/external-cluster" in found.command
    assert bad(mesh, SECOND) == []


def test_an_istiod_that_is_told_twice_is_named(mesh: World) -> None:
    run_istiod(mesh, CONFIG, CONFIG)
    (found,) = bad(mesh, CONFIG)
    assert (found.problem, found.found) == ("twice", f"{CONFIG}, {CONFIG}")


def test_without_istiod_nobody_can_tell(mesh: World) -> None:
    mesh.external.objects.pop(f"{DEPLOYMENTS}/istiod")
    assert [each.state for each in bad(mesh, CONFIG)] == [State.UNKNOWN]


def test_a_secret_marked_for_another_cluster_is_a_warning(mesh: World) -> None:
    mark(mesh, "another")
    (found,) = bad(mesh, CONFIG)
    assert (found.problem, found.severity) == ("wrong-annotation", Severity.WARNING)
    assert found.command.endswith(f"secret istio-kubeconfig networking.istio.io/cluster={CONFIG}")


def test_a_secret_without_the_mark_or_no_secret_is_fine(mesh: World) -> None:
    mark(mesh, None)
    assert bad(mesh, CONFIG) == []
    mesh.external.objects.clear()
    run_istiod(mesh, CONFIG)
    assert bad(mesh, CONFIG) == []


@pytest.mark.parametrize(
    ("cluster", "path"),
    [
        (CONFIG, WEBHOOKS),
        (CONFIG, "/api/v1/pods"),
        ("external", f"{DEPLOYMENTS}/istiod"),
        ("external", f"{SECRETS}/istio-kubeconfig"),
    ],
)
def test_what_may_not_be_seen_is_unknown_and_the_rest_is_not(
    mesh: World, cluster: str, path: str
) -> None:
    server = mesh.config if cluster == CONFIG else mesh.external
    server.denied.add(path)
    found = mesh.check(CODE, CONFIG)
    assert [each.state for each in found].count(State.HEALTHY) == 3
    (unknown,) = (each for each in found if each.state is State.UNKNOWN)
    assert path in unknown.found
    assert "extcp-bot rbac" in unknown.remedy


@pytest.mark.parametrize("nonsense", [{}, {"containers": 1}, {"containers": [{"env": [None, 1]}]}])
def test_nonsense_in_place_of_a_pod_is_no_answer(mesh: World, nonsense: dict[str, Any]) -> None:
    mesh.second.objects[f"{PODS}/sleep"]["spec"] = nonsense
    deployment = mesh.external.objects[f"{DEPLOYMENTS}/istiod"]
    deployment["spec"]["template"]["spec"] = nonsense
    assert bad(mesh, SECOND) == []
    assert [each.state for each in bad(mesh, CONFIG)] == [State.UNKNOWN]


@pytest.mark.parametrize("hooks", [1, [1], [{}], [{"clientConfig": {"url": 1, "service": "x"}}]])
def test_nonsense_in_place_of_webhooks_is_no_answer(mesh: World, hooks: object) -> None:
    mesh.second.objects[f"{WEBHOOKS}/{CONFIGURATION}"]["webhooks"] = hooks
    assert [each.problem for each in bad(mesh, SECOND)] in ([""], ["malformed-path"])

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

import pytest

from extcp_bot.checks.model import Severity, State
from tests.bot.fleets import CONFIG, PLANE, SECOND

if TYPE_CHECKING:
    from collections.abc import Callable

    from extcp_bot.result import Result
    from tests.bot.fleets import World

CODE = "EXTCP-H11"
HOOKS = "/apis/admissionregistration.k8s.io/v1/validatingwebhookconfigurations"
VALIDATOR = f"{HOOKS}/istio-validator-{PLANE}"
DEFAULT = f"{HOOKS}/istiod-default-validator"
PATH = f"/apis/networking.istio.io/v1/namespaces/{PLANE}/virtualservices"
CALL = 'failed calling webhook "validation.istio.io": failed to call webhook: '


def unhealthy(mesh: World, cluster: str = CONFIG) -> list[Result]:
    return [each for each in mesh.check(CODE, cluster) if each.state is not State.HEALTHY]


def make_public(mesh: World) -> None:
    """The gateway's certificate is a public one, and istiod patches nothing."""
    inventory = mesh.fleet.inventory
    (plane,) = inventory.mesh.control_planes
    planes = (replace(plane, ca_bundle=None),)
    mesh.fleet.inventory = replace(inventory, mesh=replace(inventory.mesh, control_planes=planes))
    for path in (VALIDATOR, DEFAULT):
        mesh.config.objects[path]["webhooks"][0]["failurePolicy"] = "Ignore"


def make_by_address(mesh: World) -> None:
    """The variant with an IP address, after istiod has seen itself refuse something."""
    make_public(mesh)
    inventory = mesh.fleet.inventory
    planes = tuple(replace(each, address="192.0.2.10") for each in inventory.mesh.control_planes)
    mesh.fleet.inventory = replace(inventory, mesh=replace(inventory.mesh, control_planes=planes))
    service = {"name": "istiod", "namespace": PLANE, "path": "/validate", "port": 443}
    for path in (VALIDATOR, DEFAULT):
        hook = mesh.config.objects[path]["webhooks"][0]
        hook.update(failurePolicy="Fail", clientConfig={"service": service})


def test_istiod_refuses_what_it_should_and_is_asked_nowhere_else(healthy_mesh: World) -> None:
    found = {each.cluster: each for each in healthy_mesh.check(CODE)}
    assert {each.state for each in found.values()} == {State.HEALTHY}
    assert "refused: configuration is invalid" in found[CONFIG].found
    assert "not the config cluster" in found[SECOND].found
    assert f"POST {PATH}?dryRun=All&fieldManager=extcp-bot" in healthy_mesh.config.requests


@pytest.mark.parametrize("variant", [make_public, make_by_address])
def test_each_variant_has_its_own_webhooks(
    healthy_mesh: World, variant: Callable[[World], None]
) -> None:
    variant(healthy_mesh)
    assert unhealthy(healthy_mesh) == []


@pytest.mark.parametrize("path", [VALIDATOR, DEFAULT])
def test_a_missing_webhook_is_named(healthy_mesh: World, path: str) -> None:
    del healthy_mesh.config.objects[path]
    (found,) = unhealthy(healthy_mesh)
    assert (found.problem, found.severity) == ("missing", Severity.ERROR)
    assert path.rpartition("/")[2] in found.looked_at
    assert found.command.endswith(f"--kustomize clusters/{CONFIG}")


def test_a_webhook_that_calls_somebody_else_is_named_and_not_tried(healthy_mesh: World) -> None:
    client = healthy_mesh.config.objects[VALIDATOR]["webhooks"][0]["clientConfig"]
    client["url"] = "https://istiod.example.com:15018/validate"
    (found,) = unhealthy(healthy_mesh)
    assert (found.problem, found.found) == ("wrong-url", client["url"])
    assert found.wanted == "https://istiod.example.com:15017/validate"
    assert not any(each.startswith("POST") for each in healthy_mesh.config.requests)


def test_another_policy_is_a_warning(healthy_mesh: World) -> None:
    healthy_mesh.config.objects[DEFAULT]["webhooks"][0]["failurePolicy"] = "Ignore"
    (found,) = unhealthy(healthy_mesh)
    assert (found.problem, found.severity) == ("wrong-policy", Severity.WARNING)
    assert (found.found, found.wanted) == ("Ignore", "Fail")


def test_a_webhook_that_fails_open_lets_everything_in(healthy_mesh: World) -> None:
    make_public(healthy_mesh)
    healthy_mesh.config.posts[PATH] = lambda body: body
    (found,) = unhealthy(healthy_mesh)
    assert (found.problem, found.severity) == ("accepted", Severity.ERROR)
    assert "Ignore" in found.found
    assert found.command == f"istioctl --context {CONFIG} analyze --all-namespaces"


def test_a_webhook_that_cannot_be_called_is_named_with_its_reason(healthy_mesh: World) -> None:
    message = f'{CALL}Post "https://a:15017/validate": context deadline exceeded'
    healthy_mesh.config.posts[PATH] = lambda _: (500, message)
    (found,) = unhealthy(healthy_mesh)
    assert found.problem == "unreachable"
    assert "no answer in time" in found.found
    assert "EXTCP-H01" in found.remedy


@pytest.mark.parametrize(
    ("code", "message"),
    [
        (400, 'admission webhook "policy.example.com" denied the request: not here'),
        (404, "the server could not find the requested resource"),
        (422, 'VirtualService.networking.istio.io "extcp-bot-probe" is invalid: spec.http'),
    ],
)
def test_whoever_else_refuses_it_leaves_the_answer_open(
    healthy_mesh: World, code: int, message: str
) -> None:
    healthy_mesh.config.posts[PATH] = lambda _: (code, message)
    (found,) = unhealthy(healthy_mesh)
    assert found.state is State.UNKNOWN
    assert "before istiod can" in found.found


def test_a_webhook_that_was_left_behind_is_a_warning(healthy_mesh: World) -> None:
    metadata = {"name": "istio-validator-istio-system", "labels": {"app": "istiod"}}
    hook = {"name": "rev.validation.istio.io", "clientConfig": {}}
    healthy_mesh.second.put(HOOKS, {"metadata": metadata, "webhooks": [hook]})
    (found,) = unhealthy(healthy_mesh, SECOND)
    assert (found.problem, found.severity) == ("leftover", Severity.WARNING)
    assert found.command == (
        f"kubectl --context {SECOND} delete validatingwebhookconfiguration "
        "istio-validator-istio-system"
    )


@pytest.mark.parametrize("path", [HOOKS, PATH])
def test_no_permission_is_unknown_and_says_which(healthy_mesh: World, path: str) -> None:
    healthy_mesh.config.denied.add(path)
    (found,) = unhealthy(healthy_mesh)
    assert found.state is State.UNKNOWN
    assert path in found.found
    assert "extcp-bot rbac" in found.remedy

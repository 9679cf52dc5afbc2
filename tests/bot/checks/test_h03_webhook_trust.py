from __future__ import annotations

import json
import shlex
from datetime import UTC, datetime, timedelta
from email.utils import format_datetime
from typing import TYPE_CHECKING, Any

import pytest
from aiohttp import web

from extcp_bot.checks.model import Severity, State
from tests.bot import planes
from tests.bot.certs import Issuer
from tests.bot.fleets import ADDRESS, CONFIG, PLANE, SECOND

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

    from extcp_bot.result import Result
    from tests.bot.fleets import World

CODE = "EXTCP-H03"
FOREIGN = Issuer("Foreign Root")
INJECTOR = f"MutatingWebhookConfiguration istio-sidecar-injector-{PLANE}"
RESTORE = (
    f"kubectl --context {SECOND} apply --server-side --force-conflicts "
    f"--kustomize clusters/{SECOND}"
)


@pytest.fixture
def mesh() -> Iterator[World]:
    """Behind a private CA, which the webhooks name."""
    with planes.mesh() as made:
        yield made


@pytest.fixture
def public(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Iterator[World]:
    """Behind a CA that this machine takes for a public one."""
    bundle = tmp_path / "roots.pem"
    bundle.write_text(planes.authority().root)
    monkeypatch.setenv("SSL_CERT_FILE", str(bundle))
    with planes.mesh(private=False) as made:
        yield made


@pytest.fixture
def by_ip() -> Iterator[World]:
    with planes.mesh(by_ip=True) as made:
        yield made


def clients(
    mesh: World, cluster: str = SECOND, path: str = planes.INJECTOR
) -> list[dict[str, Any]]:
    hooks = mesh.servers[cluster].objects[path]["webhooks"]
    return [hook["clientConfig"] for hook in hooks]


def trust(mesh: World, bundle: str, *positions: int) -> None:
    """Give the second cluster's injecting webhooks, or some of them, a bundle."""
    for position, client in enumerate(clients(mesh)):
        if not positions or position in positions:
            client["caBundle"] = planes.encode(bundle)


def wrong(mesh: World, cluster: str = SECOND) -> list[Result]:
    return [each for each in mesh.check(CODE, cluster) if each.state is not State.HEALTHY]


def problems(mesh: World, cluster: str = SECOND) -> set[str]:
    return {each.problem or each.state.value for each in wrong(mesh, cluster)}


@pytest.mark.parametrize("name", ["mesh", "public", "by_ip"])
def test_webhooks_such_as_the_repository_has_are_healthy(
    request: pytest.FixtureRequest, name: str
) -> None:
    found = request.getfixturevalue(name).check(CODE)
    assert [each for each in found if each.state is not State.HEALTHY] == []
    assert {each.cluster for each in found} == {CONFIG, SECOND}
    # Four webhooks that say the same are one thing; the config cluster validates, too.
    assert len([each for each in found if each.cluster == SECOND]) == 1
    assert len([each for each in found if each.cluster == CONFIG]) == 4


def test_no_injector_at_all_is_named(mesh: World) -> None:
    del mesh.second.objects[planes.INJECTOR]
    (found,) = wrong(mesh)
    assert (found.problem, found.found, found.command) == ("missing", "none", RESTORE)


def test_a_webhook_that_is_missing_is_named(mesh: World) -> None:
    mesh.second.objects[planes.INJECTOR]["webhooks"].pop(1)
    (found,) = wrong(mesh)
    assert (found.problem, found.severity) == ("missing", Severity.CRITICAL)
    assert found.found == f"not {planes.HOOKS[1]}"


def test_anothers_injector_is_not_looked_at(mesh: World) -> None:
    other = {"metadata": {"name": "another", "labels": {"app": "sidecar-injector"}}}
    mesh.second.put(planes.INJECTOR.rpartition("/")[0], {**other, "webhooks": [{"name": "x"}]})
    assert wrong(mesh) == []


@pytest.mark.parametrize(
    ("url", "shown"),
    [
        ("https://istiod.example.org:15017/inject", "istiod.example.org:15017"),
        (f"https://{ADDRESS}/inject", f"{ADDRESS}:443"),
        (f"https://{ADDRESS}:15018/inject", f"{ADDRESS}:15018"),
        (f"https://{ADDRESS}:x/", f"https://{ADDRESS}:x/"),
        ("//[", "//["),
    ],
)
def test_a_url_that_leads_elsewhere_is_named(mesh: World, url: str, shown: str) -> None:
    clients(mesh)[2]["url"] = url
    (found,) = wrong(mesh)
    assert (found.problem, found.found, found.wanted) == ("wrong-host", shown, f"{ADDRESS}:15017")
    assert (found.looked_at, found.command) == (INJECTOR, RESTORE)


def test_a_service_in_place_of_a_url_is_named(mesh: World) -> None:
    del clients(mesh)[0]["url"]
    clients(mesh)[0]["service"] = {"name": "istiod", "namespace": PLANE}
    (found,) = wrong(mesh)
    assert (found.problem, found.found) == ("wrong-host", f"Service {PLANE}/istiod")


def test_validators_are_looked_at_on_the_config_cluster(mesh: World) -> None:
    clients(mesh, CONFIG, planes.VALIDATOR)[0]["url"] = "https://istiod.example.org:15017/"
    (found,) = wrong(mesh, CONFIG)
    assert found.looked_at == f"ValidatingWebhookConfiguration istio-validator-{PLANE}"
    assert wrong(mesh, SECOND) == []


def test_an_emptied_bundle_is_named(mesh: World) -> None:
    for client in clients(mesh):
        del client["caBundle"]
    (found,) = wrong(mesh)
    assert (found.problem, found.found, found.command) == ("emptied-bundle", "none", RESTORE)
    assert found.wanted.startswith("CN=Gateway CA")


def test_a_foreign_bundle_is_named(mesh: World) -> None:
    trust(mesh, FOREIGN.pem)
    (found,) = wrong(mesh)
    assert (found.problem, found.severity) == ("foreign-bundle", Severity.CRITICAL)
    assert found.found.startswith("CN=Foreign Root")
    assert found.command == RESTORE


def test_a_foreign_bundle_where_the_certificate_is_public_is_taken_away(public: World) -> None:
    trust(public, FOREIGN.pem, 1, 3)
    (found,) = wrong(public)
    assert (found.problem, found.wanted) == ("foreign-bundle", "none")
    *start, patch = shlex.split(found.command)
    assert shlex.join(start) == (
        f"kubectl --context {SECOND} patch mutatingwebhookconfiguration "
        f"istio-sidecar-injector-{PLANE} --type json --patch"
    )
    assert [each["op"] for each in json.loads(patch)] == ["remove", "remove"]
    assert [each["path"] for each in json.loads(patch)] == [
        "/webhooks/1/clientConfig/caBundle",
        "/webhooks/3/clientConfig/caBundle",
    ]


def test_another_bundle_that_serves_as_well_is_healthy(public: World, mesh: World) -> None:
    trust(public, planes.authority().root)
    assert wrong(public) == []
    trust(mesh, planes.authority().root + FOREIGN.pem)
    assert wrong(mesh) == []


def test_a_foreign_bundle_is_named_also_where_nobody_answers(mesh: World) -> None:
    planes.nobody_answers(mesh, 15017)
    trust(mesh, FOREIGN.pem)
    assert problems(mesh) == {"foreign-bundle"}


@pytest.mark.parametrize("bundle", ["no base64", planes.encode("no certificate"), "/////w=="])
def test_a_bundle_that_is_none_is_named(mesh: World, public: World, bundle: str) -> None:
    for world in (mesh, public):
        clients(world)[0]["caBundle"] = bundle
        (found,) = wrong(world)
        assert found.problem == "broken-bundle"
        assert (" patch " in found.command) is (world is public)


@pytest.mark.parametrize("bundle", ["", FOREIGN.pem, "no certificate"])
def test_with_an_ip_address_istiod_writes_the_bundle(by_ip: World, bundle: str) -> None:
    trust(by_ip, bundle)
    (found,) = wrong(by_ip)
    assert (
        found.problem
        == {"": "emptied", "no certificate": "broken"}.get(bundle, "foreign") + "-bundle"
    )
    assert found.command == (
        f"kubectl --context external-cluster --namespace {PLANE} rollout restart deployment/istiod"
    )


def test_with_an_ip_address_old_roots_beside_the_new_one_are_healthy(by_ip: World) -> None:
    trust(by_ip, FOREIGN.pem + planes.authority("Mesh Root").root)
    assert wrong(by_ip) == []


def test_without_istiods_root_an_ip_address_is_unknown(by_ip: World) -> None:
    by_ip.config.denied.add(planes.PUBLISHED)
    assert problems(by_ip) == {"unknown"}


@pytest.mark.parametrize(
    ("age", "name", "ca", "words"),
    [
        (90, ADDRESS, "", "certificate has expired"),
        (1, "istiod.example.org", "", "one for istiod.example.org"),
        (1, "", "", "one for no name"),
        (1, ADDRESS, "foreign", "unable to get local issuer certificate"),
    ],
)
def test_what_the_api_server_would_refuse_is_named(
    age: float, name: str, ca: str, words: str
) -> None:
    root = Issuer("Private Root")
    pair = (FOREIGN if ca else root).serve(*filter(None, [name]), age=age, days=60)
    with planes.mesh(ca=root.pem) as mesh, planes.presenting(mesh, pair):
        (found,) = wrong(mesh)
    assert (found.problem, found.found) == ("refused", words)
    assert found.wanted == f"a certificate for {ADDRESS} of its caBundle"
    assert "EXTCP-H02" in found.remedy


def test_what_nobody_presents_is_unknown(mesh: World) -> None:
    planes.nobody_answers(mesh, 15017)
    (found,) = wrong(mesh)
    assert found.state is State.UNKNOWN
    assert f"{ADDRESS}:15017" in found.found


def environment(mesh: World, change: Callable[[list[dict[str, Any]]], object]) -> None:
    (container,) = mesh.external.objects[planes.ISTIOD]["spec"]["template"]["spec"]["containers"]
    change(container["env"])


@pytest.mark.parametrize(
    ("change", "shown"),
    [
        (lambda env: env.pop(0), "not set"),
        (lambda env: env[0].update(value="a"), "'a'"),
        (lambda env: env[0].update(valueFrom={}), "'a reference'"),
        (lambda env: env.append({**env[0], "value": "a"}), "'' and 'a'"),
    ],
)
def test_an_istiod_that_would_write_its_own_ca_is_named_once(
    mesh: World, change: Callable[[list[dict[str, Any]]], object], shown: str
) -> None:
    environment(mesh, change)
    (found,) = (each for each in mesh.check(CODE) if each.state is not State.HEALTHY)
    assert (found.problem, found.cluster) == ("wrong-environment", CONFIG)
    assert (found.found, found.wanted, found.severity) == (shown, "''", Severity.ERROR)
    assert found.looked_at.endswith("INJECTION_WEBHOOK_CONFIG_NAME")
    assert "--context external-cluster apply" in found.command


def test_with_an_ip_address_istiod_has_to_write_it(by_ip: World) -> None:
    environment(by_ip, list.clear)
    assert problems(by_ip, CONFIG) == {"wrong-environment"}


def test_a_missing_istiod_is_another_checks(mesh: World) -> None:
    planes.remove(mesh.external, planes.ISTIOD)
    assert wrong(mesh, CONFIG) == []


def test_no_permission_is_unknown_and_says_which(mesh: World) -> None:
    mesh.second.denied.add(planes.INJECTOR.rpartition("/")[0])
    (found,) = wrong(mesh)
    assert found.state is State.UNKNOWN
    assert "mutatingwebhookconfigurations" in found.found
    assert "extcp-bot rbac" in found.remedy


def test_without_sight_of_istiod_only_its_environment_is_unknown(mesh: World) -> None:
    mesh.external.denied.add(planes.ISTIOD)
    found = mesh.check(CODE, CONFIG)
    assert [each.state for each in found] == [*[State.HEALTHY] * 3, State.UNKNOWN]
    assert planes.ISTIOD in found[-1].found


def test_a_clock_that_is_off_is_a_warning(mesh: World) -> None:
    item = mesh.second.objects[planes.INJECTOR]

    async def early(_: web.Request) -> web.StreamResponse:
        date = format_datetime(datetime.now(UTC) - timedelta(hours=1), usegmt=True)
        body = {"kind": "List", "metadata": {}, "items": [item]}
        return web.json_response(body, headers={"Date": date})

    mesh.second.handlers[planes.INJECTOR.rpartition("/")[0]] = early
    (found,) = wrong(mesh)
    assert (found.problem, found.severity) == ("clock-skew", Severity.WARNING)


@pytest.mark.parametrize("client", [None, "x", {"url": 1}, {"service": "x", "caBundle": []}])
def test_nonsense_breaks_nothing(mesh: World, client: object) -> None:
    mesh.second.objects[planes.INJECTOR]["webhooks"][0]["clientConfig"] = client
    assert problems(mesh) == {"wrong-host"}

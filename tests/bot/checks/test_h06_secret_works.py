from __future__ import annotations

from dataclasses import replace
from datetime import datetime, timedelta
from typing import TYPE_CHECKING

import pytest

from extcp_bot.checks.model import Severity, State
from extcp_bot.kube.failure import CannotLookError
from tests import meshes
from tests.bot import identities
from tests.bot.apiserver import dead_server, never, status, text
from tests.bot.fleets import CONFIG, NOW, SECOND, World, world
from tests.bot.identities import ACCOUNTS, RULES, SECRETS, WHO, deliver, jwt, token

if TYPE_CHECKING:
    from collections.abc import Iterator

    from extcp_bot.result import Result

CODE = "EXTCP-H06"
SECRET = f"{SECRETS}/istio-remote-secret-{SECOND}"


@pytest.fixture
def mesh() -> Iterator[World]:
    with world() as made:
        deliver(made, CONFIG)
        deliver(made, SECOND)
        yield made


def only(mesh: World, cluster: str = SECOND) -> Result:
    (found,) = mesh.check(CODE, cluster)
    return found


def revoke(mesh: World) -> None:
    mesh.second.accepted.discard(token(SECOND))


def lasting(begin: datetime, end: datetime) -> str:
    return token(SECOND, iat=begin.timestamp(), exp=end.timestamp())


def test_accepted_credentials_are_healthy_and_their_age_is_told(mesh: World) -> None:
    found = {each.cluster: each for each in mesh.check(CODE)}
    assert {each.state for each in found.values()} == {State.HEALTHY}
    assert found[CONFIG].found == (
        "accepted as system:serviceaccount:external-istiod:istiod; "
        "without an end, the Secret is 12 days old"
    )
    assert "istio-reader-service-account" in found[SECOND].found


def test_the_token_of_the_secret_is_shown_and_is_in_no_result(mesh: World) -> None:
    found = only(mesh)
    assert token(SECOND) in mesh.second.tokens
    assert token(SECOND) not in str(found.as_json())
    assert f"POST {WHO}" in mesh.second.requests


def test_a_revoked_token_is_critical_and_can_be_delivered_again(mesh: World) -> None:
    revoke(mesh)
    found = only(mesh)
    assert (found.problem, found.severity) == ("revoked", Severity.CRITICAL)
    assert found.found == (
        "not accepted (HTTP 401); ServiceAccount istio-reader-service-account is there, "
        "its Secret is gone or was made anew"
    )
    assert "'Add a remote cluster'" in found.remedy
    assert found.command == (
        f"istioctl --context {SECOND} --namespace external-istiod create-remote-secret "
        f"--type=remote --name={SECOND} --service-account=istio-reader-service-account "
        "--create-service-account=false "
        "--secret-name=istio-reader-service-account-istio-remote-secret-token "
        f"--server={mesh.second.url} | "
        "kubectl label --local --filename=- istio/multiCluster=true --output=yaml | "
        "kubectl --context external-cluster apply --server-side --force-conflicts --filename=-"
    )


def test_after_a_rotation_the_secret_that_the_repository_makes_is_not_delivered(
    mesh: World,
) -> None:
    rotated = "istio-reader-service-account-istio-remote-secret-token-2"
    held = token(SECOND, **{"kubernetes.io/serviceaccount/secret.name": rotated})
    deliver(mesh, SECOND, held=held)
    mesh.second.accepted.discard(held)
    found = only(mesh)
    assert found.problem == "revoked"
    assert found.command == (
        f"extcp-bot credential deliver --cluster={SECOND} --server={mesh.second.url}"
    )
    assert "extcp-bot credential rotate" in found.remedy
    assert "README.md" not in found.remedy


def test_the_config_clusters_credential_is_delivered_without_the_label(mesh: World) -> None:
    mesh.config.accepted.discard(token(CONFIG))
    found = only(mesh, CONFIG)
    assert found.problem == "revoked"
    assert "--type=config" in found.command
    assert "--secret-name=istiod-istio-remote-secret-token" in found.command
    assert " istio/multiCluster- " in found.command
    assert "'Bootstrap'" in found.remedy


def test_a_service_account_that_is_gone_is_why(mesh: World) -> None:
    revoke(mesh)
    del mesh.second.objects[f"{ACCOUNTS}/istio-reader-service-account"]
    assert "ServiceAccount external-istiod/istio-reader-service-account is gone" in only(mesh).found


def test_a_service_account_made_anew_is_why(mesh: World) -> None:
    revoke(mesh)
    mesh.second.objects[f"{ACCOUNTS}/istio-reader-service-account"]["metadata"]["uid"] = "new"
    assert "another ServiceAccount istio-reader-service-account" in only(mesh).found


def test_a_revoked_token_is_one_even_if_nobody_may_see_why(mesh: World) -> None:
    revoke(mesh)
    mesh.second.denied.add(ACCOUNTS)
    found = only(mesh)
    assert found.problem == "revoked"
    assert "the bot may not see" in found.found


def test_an_expired_token_is_called_so(mesh: World) -> None:
    held = lasting(NOW - timedelta(days=1), NOW - timedelta(hours=1))
    deliver(mesh, SECOND, held=held)
    mesh.second.accepted.discard(held)
    found = only(mesh)
    assert (found.problem, found.severity) == ("expired", Severity.CRITICAL)
    assert found.found == "ended 2026-06-01T11:00+00:00"


@pytest.mark.parametrize(
    ("whole", "left", "problem"),
    [
        (timedelta(days=100), timedelta(days=21), ""),
        (timedelta(days=100), timedelta(days=19), "expiring"),
        (timedelta(hours=10), timedelta(hours=3), ""),
        (timedelta(hours=10), timedelta(hours=1), "expiring"),
    ],
)
def test_a_token_of_which_little_is_left_is_a_warning(
    mesh: World, whole: timedelta, left: timedelta, problem: str
) -> None:
    deliver(mesh, SECOND, held=lasting(NOW + left - whole, NOW + left))
    found = only(mesh)
    assert found.problem == problem
    assert (found.severity is Severity.WARNING) is bool(problem)
    assert (NOW + left).isoformat(timespec="minutes") in found.found


def test_a_token_that_says_no_beginning_began_with_its_secret(mesh: World) -> None:
    deliver(mesh, SECOND, held=token(SECOND, exp=(NOW + timedelta(days=2)).timestamp()))
    assert only(mesh).problem == "expiring"
    mesh.external.objects[SECRET]["metadata"]["creationTimestamp"] = "2026-05-31T12:00:00Z"
    assert only(mesh).problem == ""


def test_the_credential_of_somebody_else_is_named(mesh: World) -> None:
    mesh.second.posts[WHO] = identities.who("admin")
    found = only(mesh)
    assert (found.problem, found.found) == ("another-identity", "admin")
    assert found.wanted == identities.user(SECOND)


def test_a_credential_that_leads_to_another_cluster_is_named(mesh: World) -> None:
    other = {"server": mesh.config.url}
    mesh.config.accepted.add(token(SECOND))
    mesh.config.posts[WHO] = identities.who(identities.user(SECOND), "uid-elsewhere")
    deliver(mesh, SECOND, of_cluster=other)
    found = only(mesh)
    assert (found.problem, found.severity) == ("another-cluster", Severity.CRITICAL)
    assert f"--server={mesh.second.url} " in found.command


def test_a_cluster_that_says_no_uid_is_taken_by_the_name(mesh: World) -> None:
    mesh.second.posts[WHO] = identities.who(identities.user(SECOND))
    assert only(mesh).state is State.HEALTHY


@pytest.mark.parametrize("code", [404, 403])
def test_where_the_cluster_does_not_say_who_it_is_the_accepted_token_does(
    mesh: World, code: int
) -> None:
    mesh.second.posts[WHO] = lambda _: (code, 'it cannot create resource "x"')
    assert only(mesh).found.startswith(f"accepted as {identities.user(SECOND)}")
    deliver(mesh, SECOND, held=jwt({"sub": "admin"}))
    mesh.second.posts[WHO] = lambda _: (code, 'it cannot create resource "x"')
    assert only(mesh).problem == "another-identity"


def test_where_nobody_says_who_it_is_that_is_unknown(mesh: World) -> None:
    deliver(mesh, SECOND, held="an-opaque-token")
    mesh.second.posts[WHO] = lambda _: (404, "the server could not find the requested resource")
    found = mesh.check(CODE, SECOND)
    assert [each.state for each in found] == [State.UNKNOWN, State.HEALTHY]
    assert "system:basic-user" in found[0].remedy


def test_service_accounts_that_may_not_be_seen_are_unknown(mesh: World) -> None:
    mesh.second.denied.add(ACCOUNTS)
    found = mesh.check(CODE, SECOND)
    assert [each.state for each in found] == [State.UNKNOWN, State.HEALTHY]
    assert ACCOUNTS in found[0].found


@pytest.mark.parametrize(
    "changes",
    [
        {"certificate-authority-data": identities.encoded(meshes.certificate())},
        {"certificate-authority-data": identities.encoded("CA")},
        {"tls-server-name": "another.example.org"},
    ],
)
def test_a_kubeconfig_that_does_not_trust_its_server_is_named(
    mesh: World, changes: dict[str, str]
) -> None:
    deliver(mesh, SECOND, of_cluster=changes)
    found = only(mesh)
    assert (found.problem, found.severity) == ("wrong-ca", Severity.CRITICAL)


def test_an_untrusted_server_elsewhere_is_the_cluster_if_its_ca_says_so(mesh: World) -> None:
    changes = {
        "certificate-authority-data": identities.encoded(meshes.certificate()),
        "server": f"https://localhost:{mesh.second.port}",
    }
    deliver(mesh, SECOND, of_cluster=changes)
    assert only(mesh).problem == "wrong-ca"
    mesh.reach(SECOND, replace(mesh.second.access, ca=meshes.certificate("Another")))
    found = only(mesh)
    assert (found.state, found.problem) == (State.UNKNOWN, "")
    assert "its certificate is not trusted" in found.found


def test_a_server_that_is_not_reached_from_here_is_unknown(mesh: World) -> None:
    with dead_server() as dead:
        deliver(mesh, SECOND, of_cluster={"server": dead.server})
        found = only(mesh)
    assert found.state is State.UNKNOWN
    assert "where only the external cluster reaches it, run the bot there" in found.remedy


@pytest.mark.parametrize("is_known", [True, False])
def test_a_server_of_its_own_machine_is_not_looked_for_on_this_one(
    mesh: World, *, is_known: bool
) -> None:
    elsewhere = replace(mesh.second.access, server="https://api.example.com:6443")
    nowhere = CannotLookError("nobody said how to reach it", "say it")
    mesh.reach(SECOND, elsewhere if is_known else nowhere)
    found = only(mesh)
    assert (found.state, mesh.second.tokens) == (State.UNKNOWN, set())
    assert "EXTCP-H05" in found.remedy


@pytest.mark.parametrize(
    "of_user", [{"token": ""}, {"exec": "x"}, {"tokenFile": "/var/run/token", "token": ""}]
)
def test_without_a_usable_credential_it_refers_to_the_shape(
    mesh: World, of_user: dict[str, str]
) -> None:
    deliver(mesh, SECOND, of_user=of_user)
    found = only(mesh)
    assert found.state is State.UNKNOWN
    assert "EXTCP-H05" in found.remedy


def test_without_a_secret_it_refers_to_the_shape(mesh: World) -> None:
    del mesh.external.objects[SECRET]
    found = only(mesh)
    assert (found.state, found.found) == (State.UNKNOWN, "there is no credential to try")
    assert "EXTCP-H05" in found.remedy


def test_secrets_that_may_not_be_seen_are_unknown(mesh: World) -> None:
    mesh.external.denied.add(SECRETS)
    found = only(mesh)
    assert found.state is State.UNKNOWN
    assert SECRETS in found.found


@pytest.mark.parametrize("body", ["<html>", "[]", "{}", '{"status": {"userInfo": [1]}}'])
def test_a_server_that_says_nonsense_is_unknown(mesh: World, body: str) -> None:
    mesh.second.handlers[WHO] = text(body)
    assert only(mesh).state is State.UNKNOWN


def test_a_server_that_takes_its_time_is_unknown(mesh: World) -> None:
    mesh.second.handlers[WHO] = never()
    mesh.fleet.limits = replace(mesh.fleet.limits, request=0.05)
    assert only(mesh).state is State.UNKNOWN


def test_a_server_that_fails_is_unknown(mesh: World) -> None:
    mesh.second.posts[WHO] = lambda _: (500, "etcd is gone")
    assert only(mesh).state is State.UNKNOWN


def test_rules_that_cannot_be_reviewed_do_not_matter(mesh: World) -> None:
    async def handler(_: object) -> object:
        return status(500, "no")

    mesh.second.handlers[RULES] = handler  # type: ignore[assignment]
    assert only(mesh).state is State.HEALTHY

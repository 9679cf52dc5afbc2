from __future__ import annotations

import base64
from typing import TYPE_CHECKING, Any

import pytest
import yaml

from extcp_bot.checks.model import Severity, State
from tests.bot.fleets import CONFIG, PLANE, SECOND, World, world

if TYPE_CHECKING:
    from collections.abc import Iterator

CODE = "EXTCP-H05"
SECRETS = f"/api/v1/namespaces/{PLANE}/secrets"
LABELS = {"istio/multiCluster": "true"}


@pytest.fixture
def mesh() -> Iterator[World]:
    with world() as made:
        deliver(made, "istio-kubeconfig", "config", labels={})
        deliver(made, f"istio-remote-secret-{SECOND}", SECOND)
        yield made


def deliver(
    mesh: World,
    name: str,
    key: str,
    *,
    labels: dict[str, str] | None = None,
    **changes: Any,  # noqa: ANN401 - fields of a kubeconfig
) -> None:
    """A Secret such as istioctl makes, with changes to its user or its cluster."""
    cluster = {"server": "https://10.0.0.1:6443", "certificate-authority-data": encode("CA")}
    user: dict[str, Any] = {"token": "a-token-of-istiod"}
    for word, value in changes.items():
        part = cluster if word in {"server", "certificate_authority_data"} else user
        part[word.replace("_", "-")] = value
    document = {
        "contexts": [{"name": key, "context": {"cluster": key, "user": key}}],
        "clusters": [{"name": key, "cluster": cluster}],
        "users": [{"name": key, "user": user}],
        "current-context": key,
    }
    content = encode(yaml.safe_dump(document))
    metadata = {"name": name, "labels": LABELS if labels is None else labels}
    mesh.external.put(SECRETS, {"metadata": metadata, "data": {key: content}})


def encode(text: str) -> str:
    return base64.b64encode(text.encode()).decode()


def problems(mesh: World, cluster: str) -> list[str]:
    return [result.problem for result in mesh.check(CODE, cluster)]


def test_secrets_such_as_istioctl_makes_are_healthy(mesh: World) -> None:
    found = mesh.check(CODE)
    assert {(each.cluster, each.state) for each in found} == {
        (CONFIG, State.HEALTHY),
        (SECOND, State.HEALTHY),
    }


def test_a_missing_secret_is_critical(mesh: World) -> None:
    mesh.external.objects.clear()
    (found,) = mesh.check(CODE, SECOND)
    assert (found.problem, found.severity) == ("missing", Severity.CRITICAL)


def test_a_secret_without_its_label_can_be_labelled(mesh: World) -> None:
    deliver(mesh, f"istio-remote-secret-{SECOND}", SECOND, labels={})
    (found,) = mesh.check(CODE, SECOND)
    assert (found.problem, found.wanted) == ("not-labelled", "true")
    assert found.command == (
        "kubectl --context external-cluster --namespace external-istiod "
        f"label secret istio-remote-secret-{SECOND} istio/multiCluster=true"
    )


def test_the_config_secret_bears_no_label(mesh: World) -> None:
    deliver(mesh, "istio-kubeconfig", "config")
    assert problems(mesh, CONFIG) == ["config-labelled"]


def test_the_key_is_the_name_of_the_cluster(mesh: World) -> None:
    deliver(mesh, f"istio-remote-secret-{SECOND}", "another")
    (found,) = mesh.check(CODE, SECOND)
    assert (found.problem, found.found, found.wanted) == ("wrong-key", "another", SECOND)


def test_two_secrets_for_one_cluster_are_one_too_many(mesh: World) -> None:
    deliver(mesh, "another", SECOND)
    assert problems(mesh, SECOND) == ["twice"]


@pytest.mark.parametrize(
    "changes",
    [
        {"exec": {"command": "aws"}},
        {"auth_provider": {"name": "gcp"}},
        {"token": "", "tokenFile": "/var/run/token"},
        {"server": "10.0.0.1:6443"},
        {"server": "http://10.0.0.1:6443"},
        {"server": "https://user@10.0.0.1"},
        {"certificate_authority_data": "no base64"},
    ],
)
def test_what_istiod_would_refuse_is_named(mesh: World, changes: dict[str, Any]) -> None:
    deliver(mesh, f"istio-remote-secret-{SECOND}", SECOND, **changes)
    assert problems(mesh, SECOND) == ["refused"]


@pytest.mark.parametrize("host", ["localhost", "127.0.0.1", "[::1]"])
def test_a_server_that_only_its_own_machine_reaches_is_named(mesh: World, host: str) -> None:
    deliver(mesh, f"istio-remote-secret-{SECOND}", SECOND, server=f"https://{host}:6443")
    assert problems(mesh, SECOND) == ["localhost"]


def test_a_kubeconfig_without_a_ca_or_a_token_is_named(mesh: World) -> None:
    deliver(
        mesh,
        f"istio-remote-secret-{SECOND}",
        SECOND,
        token="",
        certificate_authority_data="",
    )
    assert problems(mesh, SECOND) == ["no-ca", "no-token"]


def test_garbage_is_named_and_not_shown(mesh: World) -> None:
    content = encode("token: [a-secret-that-is-not-closed")
    name = f"istio-remote-secret-{SECOND}"
    mesh.external.put(
        SECRETS, {"metadata": {"name": name, "labels": LABELS}, "data": {SECOND: content}}
    )
    (found,) = mesh.check(CODE, SECOND)
    assert found.problem == "refused"
    assert "a-secret" not in str(found.as_json())


def test_no_permission_is_unknown_and_says_which(mesh: World) -> None:
    mesh.external.denied.add(SECRETS)
    (found,) = mesh.check(CODE, SECOND)
    assert found.state is State.UNKNOWN
    assert SECRETS in found.found
    assert "extcp-bot rbac" in found.remedy

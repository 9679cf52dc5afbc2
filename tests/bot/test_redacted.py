from __future__ import annotations

import base64
import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from extcp_bot import redacted
from extcp_bot.access.model import Secret
from tests import meshes

CLUSTER = "networking.istio.io/cluster"
SECRETS = "/api/v1/namespaces/a/secrets"
CANARY = "canary-in-a-credential"
JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(),
    lambda inner: st.lists(inner) | st.dictionaries(st.text(), inner),
)


def encoded(text: str) -> str:
    return base64.b64encode(text.encode()).decode()


@pytest.mark.parametrize(
    ("path", "found"),
    [
        (f"{SECRETS}/b", {"data": {"a": "dmFsdWU="}, "stringData": {"b": "plain"}}),
        (f"{SECRETS}?labelSelector=a", [{"data": {"a": "dmFsdWU="}}]),
        (f"{SECRETS} # first 5", [{"data": {"a": "dmFsdWU="}}]),
        ("/elsewhere", {"kind": "Secret", "data": {"a": "dmFsdWU="}}),
        ("/elsewhere", {"items": [{"kind": "Secret", "data": "dmFsdWU="}]}),
    ],
)
def test_no_value_of_a_secret_stays(path: str, found: Any) -> None:  # noqa: ANN401 - JSON
    said = json.dumps(redacted.value(path, found))
    assert "dmFsdWU=" not in said
    assert "plain" not in said
    assert "***" in said


def test_what_a_secret_is_called_stays() -> None:
    found = {"metadata": {"name": "b", "labels": {"a": "b"}}, "data": {"config": "dmFsdWU="}}
    assert redacted.value(f"{SECRETS}/b", found) == {
        "metadata": {"name": "b", "labels": {"a": "b"}},
        "data": {"config": "***"},
    }


def test_what_nobody_needs_goes() -> None:
    applied = {"kubectl.kubernetes.io/last-applied-configuration": "all of it", CLUSTER: "b"}
    found = {"metadata": {"managedFields": [{}], "annotations": applied}}
    assert redacted.value("/x", found) == {"metadata": {"annotations": {CLUSTER: "b"}}}


@pytest.mark.parametrize(
    "found",
    [
        {"metadata": {"annotations": {"a": CANARY, "proxy.istio.io/config": CANARY}}},
        {"containers": [{"name": "app", "args": ["--db-password", CANARY], "command": CANARY}]},
        {"containers": [{"name": "app", "env": [{"name": "GREETING", "value": CANARY}]}]},
        {"containers": [{"name": "discovery", "env": [{"name": "DB_PASS", "value": CANARY}]}]},
        {"containers": [{"name": "discovery", "env": [{"name": "PILOT_PWD", "value": CANARY}]}]},
        {"livenessProbe": {"exec": {"command": ["probe", f"-p{CANARY}"]}}},
        {"httpHeaders": [{"name": "X-Probe", "value": CANARY}]},
        {"volumes": [{"csi": {"volumeAttributes": {"a": CANARY}}}]},
        {"spec": {"source": {"helm": {"values": f"greeting: {CANARY}"}}}},
        {"spec": {"sources": [{"plugin": {"env": [{"name": "CLUSTER_ID", "value": CANARY}]}}]}},
        {"kind": "ConfigMap", "data": {"a": CANARY}},
        {"kind": "ConfigMap", "data": {"a": f"proxyMetadata: {{GREETING: {CANARY}}}"}},
        {"kind": "ConfigMap", "data": {"a": f"a: &a {CANARY}\nb: *a"}},
        {"kind": "ConfigMap", "binaryData": {"a": CANARY}},
        {"kind": "ConfigMap", "data": {"a": f"a: {CANARY}{' ' * 70_000}"}},
        {"kind": "ConfigMap", "data": CANARY},
    ],
)
def test_what_people_write_goes(found: Any) -> None:  # noqa: ANN401 - JSON
    said = json.dumps(redacted.value("/x", found))
    assert CANARY not in said
    assert "***" in said


def test_of_a_config_map_stays_what_its_documents_say() -> None:
    mesh = "trustDomain: cluster.local\ndefaultConfig:\n  proxyMetadata:\n    DB: a\n"
    found = {"data": {"mesh": mesh, "root-cert.pem": meshes.certificate()}}
    assert redacted.value("/api/v1/namespaces/a/configmaps/istio", found)["data"] == {
        "mesh": {"trustDomain": "cluster.local", "defaultConfig": {"proxyMetadata": {"DB": "***"}}},
        "root-cert.pem": meshes.certificate(),
    }


@pytest.mark.parametrize(
    "name", ["DB_PASS", "SMTP_PWD", "ENCRYPTION_KEY", "SLACK_WEBHOOK", "A_DSN"]
)
@pytest.mark.parametrize(
    "line", ["{}={}", '{{"{}": "{}"}}', "  {}: {}", '\\"{}\\":\\"{}\\"', "export {}='{}'"]
)
def test_a_variable_that_is_called_like_a_credential_goes_in_logs_too(name: str, line: str) -> None:
    assert CANARY not in redacted.text(f"info {line.format(name, CANARY)} x")
    assert name in redacted.text(f"info {line.format(name, CANARY)} x")


@pytest.mark.parametrize(
    "found",
    [
        {"env": [{"name": "DB_PASSWORD", "value": CANARY}]},
        {"token": CANARY},
        {"data": {"config.yaml": f"users:\n- token: {CANARY}\n"}},
        {"url": f"https://user:{CANARY}@git.example.com/x"},
        {"args": [f"--password={CANARY}"]},
        [[{"clientSecret": CANARY}]],
    ],
)
def test_what_is_called_like_a_credential_goes(found: Any) -> None:  # noqa: ANN401 - JSON
    assert CANARY not in json.dumps(redacted.value("/x", found))


def test_what_this_process_holds_goes_wherever_it_is() -> None:
    Secret("held-by-this-process-alone")
    found = {"a": "x held-by-this-process-alone", "held-by-this-process-alone": 1}
    assert "held-by" not in json.dumps(redacted.value("/x", found))
    assert "held-by" not in redacted.text("log: held-by-this-process-alone")


@pytest.mark.parametrize(
    "found", [meshes.certificate(), meshes.certificate() * 2, encoded(meshes.certificate())]
)
def test_certificates_stay(found: str) -> None:
    assert redacted.value("/x", {"caBundle": found}) == {"caBundle": found}


@pytest.mark.parametrize(
    "found",
    [
        meshes.private_key(),
        meshes.certificate() + meshes.private_key(),
        encoded(meshes.private_key()),
        encoded(meshes.certificate() + meshes.private_key()),
    ],
)
def test_keys_go(found: str) -> None:
    key = "".join(meshes.private_key().splitlines()[1:-1])
    said = json.dumps(redacted.value("/x", {"a": found})).replace("\\n", "")
    assert key not in said
    assert encoded(meshes.private_key()) not in said


def test_what_a_person_needs_stays() -> None:
    found = {
        "containers": [
            {
                "name": "discovery",
                "args": ["discovery", "--domain", "cluster.local"],
                "env": [{"name": "PILOT_ENABLE_ANALYSIS", "value": "true"}],
            }
        ],
        "secretName": "istio-kubeconfig",
        "automountServiceAccountToken": False,
        "replicas": 2,
        "credentialName": "configmap://external-istiod/istiod-root",
    }
    assert redacted.value("/x", found) == found


def test_no_depth_and_no_length_is_too_much() -> None:
    deep: Any = CANARY
    for _ in range(900):
        deep = [deep]
    assert CANARY not in json.dumps(redacted.value("/x", deep))
    assert len(redacted.text("word " * 1_000_000)) < 1_100_000
    assert redacted.text("w" * 2_000_000) == "\n(cut off here)\n"


@given(JSON)
def test_whatever_comes_something_that_can_be_written_goes_out(found: object) -> None:
    json.dumps(redacted.value("/api/v1/secrets", found))
    json.dumps(redacted.value("/x", found))

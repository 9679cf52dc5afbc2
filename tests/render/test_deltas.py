from __future__ import annotations

import pytest

from extcp_gitops.render import deltas


def _deployment() -> deltas.Object:
    labels = {
        "helm.sh/chart": "istio-ingress-1.0.0",
        "app.kubernetes.io/version": "1.0.0",
        "app": "x",
    }
    return {
        "apiVersion": "apps/v1",
        "kind": "Deployment",
        "metadata": {"name": "x", "labels": dict(labels), "annotations": None},
        "spec": {
            "template": {
                "metadata": {"labels": dict(labels)},
                "spec": {"affinity": None, "containers": []},
            }
        },
    }


def test_the_chart_version_is_that_of_istio_and_empty_fields_are_gone() -> None:
    [item] = deltas.to_objects([_deployment()], "1.29.1")
    wanted = {
        "helm.sh/chart": "istio-ingress-1.29.1",
        "app.kubernetes.io/version": "1.29.1",
        "app": "x",
    }
    assert item["metadata"] == {"name": "x", "labels": wanted}
    assert item["spec"] == {
        "template": {"metadata": {"labels": wanted}, "spec": {"containers": []}}
    }


@pytest.mark.parametrize("is_external", [True, False])
def test_only_an_external_istiod_waits_for_its_credential(*, is_external: bool) -> None:
    item = _deployment()
    value = str(is_external).lower()
    secret = {"secretName": "istio-kubeconfig", "optional": True}
    item["spec"]["template"]["spec"] = {
        "containers": [{"name": "discovery", "env": [{"name": "EXTERNAL_ISTIOD", "value": value}]}],
        "volumes": [{"name": "cacerts"}, {"name": "istio-kubeconfig", "secret": secret}],
    }
    [kept] = deltas.to_objects([item], "1.29.1")
    volume = kept["spec"]["template"]["spec"]["volumes"][1]
    assert volume["secret"]["optional"] is not is_external


def test_what_a_released_istioctl_wrote_stays() -> None:
    item = _deployment()
    released = {"helm.sh/chart": "base-1.29.0", "app.kubernetes.io/version": "1.29.0"}
    item["metadata"]["labels"] = dict(released)
    [kept] = deltas.to_objects([item], "1.29.1")
    assert kept["metadata"]["labels"] == released


def test_only_the_config_map_of_values_goes() -> None:
    objects: list[deltas.Object] = [
        {"kind": "ConfigMap", "metadata": {"name": "values"}},
        {"kind": "ConfigMap", "metadata": {"name": "istio"}},
        {"kind": "Service", "metadata": {"name": "values"}},
    ]
    kept = deltas.to_objects(objects, "1.29.1")
    assert [(item["kind"], item["metadata"]["name"]) for item in kept] == [
        ("ConfigMap", "istio"),
        ("Service", "values"),
    ]


def test_each_delta_has_a_reason() -> None:
    assert all(delta.name and delta.reason for delta in deltas.DELTAS)

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from extcp_bot.live import drift

_VALUES = st.recursive(
    st.none() | st.booleans() | st.integers(0, 3) | st.sampled_from(["", "a", "b"]),
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.dictionaries(st.sampled_from(["name", "cpu", "x", "y"]), inner, max_size=3)
    ),
    max_leaves=12,
)


def seen(wanted: object, found: object) -> list[str]:
    return [f"{d.path}: {d.found}, not {d.wanted}" for d in drift.differences(wanted, found)]


@pytest.mark.parametrize(
    ("wanted", "found"),
    [
        ({"a": 1}, {"a": 1, "b": 2}),
        ({"a": {}, "b": [], "c": False, "d": "", "e": None, "f": 0}, {}),
        (
            {"ports": [{"name": "a", "port": 1}]},
            {"ports": [{"name": "b"}, {"name": "a", "port": 1}]},
        ),
        ({"memory": "2048Mi", "cpu": "2000m"}, {"memory": "2Gi", "cpu": "2"}),
        ({"divisor": "1"}, {"divisor": 1}),
        ({"cpu": 1}, {"cpu": "1000m"}),
        (["a", {"b": 1}], ["a", {"b": 1, "c": 2}]),
    ],
)
def test_what_a_cluster_adds_is_no_difference(wanted: object, found: object) -> None:
    assert seen(wanted, found) == []


@pytest.mark.parametrize(
    ("wanted", "found", "said"),
    [
        ({"a": {"b": "x"}}, {"a": {"b": "y"}}, ["a.b: y, not x"]),
        ({"a": {"b": "x"}}, {"a": "text"}, ["a.b: none, not x"]),
        ({"a": {"b": "x"}}, None, ["a.b: none, not x"]),
        (
            {"containers": [{"name": "one", "image": "x"}]},
            {"containers": [{"name": "one", "image": "y"}, 1]},
            ["containers[one].image: y, not x"],
        ),
        ({"hooks": [{"name": "one"}]}, {"hooks": "text"}, ["hooks[one]: none, not one"]),
        ({"args": ["a", "b"]}, {"args": ["a"]}, ["args: 1 entries, not 2 entries"]),
        ({"args": ["a", "b"]}, {"args": ["a", "c"]}, ["args[1]: c, not b"]),
        ({"args": ["a"]}, {"args": {}}, ["args: 0 entries, not 1 entries"]),
        ({"memory": "1Gi"}, {"memory": "1G"}, ["memory: 1G, not 1Gi"]),
        ({"cpu": "1"}, {"cpu": "1x"}, ["cpu: 1x, not 1"]),
        ({"flag": False}, {"flag": True}, ["flag: True, not False"]),
        ({"list": []}, {"list": ["a"]}, ["list: 1 entries, not 0 entries"]),
        ({"text": "x"}, {"text": "y" * 200}, [f"text: {'y' * 79}…, not x"]),
        ({"text": "x"}, {"text": {"a": 1}}, ["text: a map, not x"]),
    ],
)
def test_a_difference_is_named_with_its_place(
    wanted: object, found: object, said: list[str]
) -> None:
    assert seen(wanted, found) == said


@given(value=_VALUES)
def test_everything_holds_itself(value: object) -> None:
    assert seen(value, value) == []


@given(wanted=_VALUES, found=_VALUES)
def test_nothing_a_cluster_says_breaks_it(wanted: object, found: object) -> None:
    for difference in drift.differences(wanted, found):
        assert len(difference.found) <= 80


HOOKS: dict[str, Any] = {
    "apiVersion": "admissionregistration.k8s.io/v1",
    "kind": "ValidatingWebhookConfiguration",
    "metadata": {"name": "validator"},
    "webhooks": [
        {"name": "a", "clientConfig": {"caBundle": "x", "url": "u"}, "failurePolicy": "Ignore"}
    ],
}


def ignored(name: str) -> list[dict[str, Any]]:
    return [
        {
            "group": "admissionregistration.k8s.io",
            "kind": "ValidatingWebhookConfiguration",
            "name": name,
            "jqPathExpressions": [
                ".webhooks[]?.clientConfig.caBundle",
                ".webhooks[]?.failurePolicy",
                ".somebody.elses",
            ],
        }
    ]


def test_what_istiod_writes_is_left_to_it() -> None:
    left = drift.without_ignored(HOOKS, ignored("validator"))
    assert left["webhooks"] == [{"name": "a", "clientConfig": {"url": "u"}}]
    assert HOOKS["webhooks"][0]["failurePolicy"] == "Ignore"


INJECTED = {"key": "istio-injection", "operator": "In", "values": ["enabled"]}
NO_CONTROL_PLANE = {"key": "control-plane", "operator": "DoesNotExist"}


def named(*names: str) -> dict[str, Any]:
    return {"key": "kubernetes.io/metadata.name", "operator": "NotIn", "values": [*names]}


def selecting(*expressions: Any) -> dict[str, Any]:  # noqa: ANN401 - JSON
    return {"webhooks": [{"name": "a", "namespaceSelector": {"matchExpressions": [*expressions]}}]}


@pytest.mark.parametrize(
    "added",
    [
        [NO_CONTROL_PLANE],
        [
            {"key": "control-plane", "operator": "NotIn", "values": ["true"]},
            {"key": "kubernetes.azure.com/managedby", "operator": "NotIn", "values": ["aks"]},
        ],
        [named("kube-system", "gke-gmp-system", "gke-managed-cim")],
    ],
)
def test_what_a_cloud_adds_to_a_selector_is_no_difference(added: list[Any]) -> None:
    for live in (selecting(INJECTED, *added), selecting(*added, INJECTED)):
        assert seen(selecting(INJECTED), drift.without_clouds(live, selecting(INJECTED))) == []


@pytest.mark.parametrize(
    "added",
    [
        named("sample"),
        {"key": "control-plane", "operator": "Exists"},
        {"key": "control-plane", "operator": "NotIn", "values": ["sample"]},
        {**named("kube-system"), "operator": "In"},
        {"key": "team", "operator": "DoesNotExist"},
        "text",
        None,
    ],
)
def test_what_others_add_to_a_selector_is_a_difference(added: object) -> None:
    live = drift.without_clouds(selecting(INJECTED, added), selecting(INJECTED))
    assert seen(selecting(INJECTED), live) == [
        "webhooks[a].namespaceSelector.matchExpressions: 2 entries, not 1 entries"
    ]


def test_what_the_repository_says_itself_may_not_go() -> None:
    wanted = selecting(INJECTED, NO_CONTROL_PLANE)
    assert seen(wanted, drift.without_clouds(wanted, wanted)) == []
    assert seen(wanted, drift.without_clouds(selecting(INJECTED), wanted)) != []


@given(_VALUES)
def test_no_webhooks_break_it(value: object) -> None:
    for live in ({}, {"webhooks": value}, selecting(value), {"webhooks": [value]}):
        drift.without_clouds(live, selecting(INJECTED))


@pytest.mark.parametrize("entries", [None, [], ignored("another")])
def test_what_is_not_ignored_stays(entries: object) -> None:
    assert drift.without_ignored(HOOKS, entries) == HOOKS

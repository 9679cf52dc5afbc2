from __future__ import annotations

from typing import Any

import pytest

from extcp_bot.live.rbac import Right, Rule, lacking


def rule(verbs: str, groups: str, resources: str, names: str = "") -> Rule:
    """A rule; words between blanks, and ``-`` for the core group."""
    return Rule.of(
        {
            "verbs": verbs.split(),
            "apiGroups": ["" if group == "-" else group for group in groups.split()],
            "resources": resources.split(),
            "resourceNames": names.split(),
        }
    )


def path(verbs: str, urls: str) -> Rule:
    return Rule.of({"verbs": verbs.split(), "nonResourceURLs": urls.split()})


@pytest.mark.parametrize(
    ("wanted", "granted"),
    [
        (rule("get list", "-", "pods nodes"), rule("list get watch", "- apps", "nodes pods")),
        (rule("get", "-", "pods"), rule("*", "*", "*")),
        (rule("*", "a.io", "*"), rule("*", "*", "*")),
        (rule("get", "-", "pods/log"), rule("get", "-", "*")),
        (rule("get", "-", "pods/log"), rule("get", "-", "*/log")),
        (rule("get", "-", "pods", "a"), rule("get", "-", "pods")),
        (rule("get", "-", "pods", "a"), rule("get", "-", "pods", "b a")),
        (path("get", "/metrics"), path("get", "*")),
        (path("get", "/debug/a"), path("get", "/debug/*")),
        (path("get", "/debug/*"), path("get", "/debug/*")),
    ],
)
def test_a_rule_that_says_as_much_or_more_covers(wanted: Rule, granted: Rule) -> None:
    assert lacking([wanted], {granted}) == []


@pytest.mark.parametrize(
    ("wanted", "granted"),
    [
        (rule("list", "-", "pods"), rule("get", "-", "pods")),
        (rule("list", "-", "pods"), rule("list", "apps", "pods")),
        (rule("list", "-", "pods"), rule("list", "-", "nodes")),
        (rule("list", "-", "pods"), rule("list", "-", "pods", "a")),
        (rule("get", "-", "pods", "a"), rule("get", "-", "pods", "b")),
        (rule("get", "-", "pods/log"), rule("get", "-", "pods")),
        (rule("get", "-", "pods/log"), rule("get", "-", "*/status")),
        (rule("get", "-", "pods"), rule("get", "-", "*/pods")),
        (rule("*", "-", "pods"), rule("get list", "-", "pods")),
        (rule("get", "a.io", "*"), rule("get", "a.io", "a b")),
        (path("get", "/metrics"), path("get", "/metrics/a")),
        (path("get", "/metrics"), rule("get", "*", "*")),
        (rule("get", "-", "pods"), path("get", "*")),
    ],
)
def test_a_rule_that_says_less_does_not(wanted: Rule, granted: Rule) -> None:
    assert [right.verb for right in lacking([wanted], {granted})] != []


def test_several_rules_cover_together() -> None:
    granted = {rule("get", "-", "pods"), rule("list", "-", "pods"), rule("get", "apps", "*")}
    assert lacking([rule("get list", "- apps", "pods")], granted) == [
        Right.on("list", "apps", "pods")
    ]


def test_what_lacks_is_sorted_and_said_once() -> None:
    wanted = [rule("list get", "discovery.k8s.io", "endpointslices"), rule("get", "-", "pods")]
    found = lacking([*wanted, *wanted], set())
    assert [(right.target, right.verb) for right in found] == [
        ("endpointslices.discovery.k8s.io", "get"),
        ("endpointslices.discovery.k8s.io", "list"),
        ("pods", "get"),
    ]


def test_one_object_and_paths_have_names_for_people() -> None:
    rules = [rule("get", "-", "secrets", "cacerts"), path("get", "/metrics")]
    assert [right.target for right in lacking(rules, set())] == ["/metrics", "secrets/cacerts"]


@pytest.mark.parametrize("value", [None, "get", 1, {"get": "x"}, [1, None, ["get"]]])
def test_a_rule_of_nonsense_allows_nothing(value: Any) -> None:  # noqa: ANN401 - JSON
    granted = Rule.of({"verbs": value, "apiGroups": ["*"], "resources": ["*"]})
    assert not granted.allows(Right.on("get", "", "pods"))

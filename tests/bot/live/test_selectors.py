from __future__ import annotations

import pytest

from extcp_bot.live.selectors import selects

LABELS = {"app": "a", "istio-injection": "enabled"}


def expression(key: str, operator: str, *values: str) -> dict[str, object]:
    return {"matchExpressions": [{"key": key, "operator": operator, "values": list(values)}]}


@pytest.mark.parametrize(
    "selector",
    [
        {},
        None,
        {"matchLabels": {"app": "a"}},
        expression("app", "In", "a", "b"),
        expression("app", "NotIn", "b"),
        expression("missing", "NotIn", "b"),
        expression("app", "Exists"),
        expression("missing", "DoesNotExist"),
        {"matchLabels": {"app": "a"}, **expression("istio-injection", "In", "enabled")},
    ],
)
def test_what_an_api_server_selects(selector: object) -> None:
    assert selects(selector, LABELS)


@pytest.mark.parametrize(
    "selector",
    [
        {"matchLabels": {"app": "b"}},
        {"matchLabels": {"missing": ""}},
        expression("app", "In", "b"),
        expression("missing", "In", "b"),
        expression("app", "NotIn", "a"),
        expression("missing", "Exists"),
        expression("app", "DoesNotExist"),
        {"matchLabels": {"app": "b"}, **expression("app", "Exists")},
        expression("app", "Gt", "a"),
        {"matchExpressions": [{}]},
        {"matchExpressions": [{"key": 1, "operator": ["In"], "values": "a"}]},
    ],
)
def test_what_it_does_not(selector: object) -> None:
    assert not selects(selector, LABELS)

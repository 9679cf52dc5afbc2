from __future__ import annotations

import pytest

from extcp_bot.live import environment

ENV = [
    {"name": "A", "value": "1"},
    {"name": "B", "valueFrom": {"fieldRef": {"fieldPath": "metadata.name"}}},
    {"name": "A", "value": "2"},
    {"name": "C"},
]


@pytest.mark.parametrize("part", ["containers", "initContainers"])
@pytest.mark.parametrize(
    ("variable", "values"),
    [("A", ["1", "2"]), ("B", [environment.ELSEWHERE]), ("C", [""]), ("D", [])],
)
def test_a_variable_may_be_there_any_number_of_times(
    part: str, variable: str, values: list[str]
) -> None:
    spec = {part: [{"name": "other"}, {"name": "discovery", "env": ENV}]}
    assert environment.values(spec, "discovery", variable) == values


@pytest.mark.parametrize("spec", [None, 1, {}, {"containers": 1}, {"containers": [1, {}]}])
def test_without_the_container_there_is_no_answer(spec: object) -> None:
    assert environment.values(spec, "discovery", "A") is None


@pytest.mark.parametrize("env", [None, 1, [1], [{"name": 1}]])
def test_nonsense_tells_nothing(env: object) -> None:
    spec = {"containers": [{"name": "discovery", "env": env}]}
    assert environment.values(spec, "discovery", "A") == []

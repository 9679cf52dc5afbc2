from __future__ import annotations

from datetime import UTC, datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from extcp_bot.checks.model import State
from extcp_bot.proposals.marker import Marker
from extcp_bot.proposals.model import Kind, hash_of
from tests.meshes import replaced

SECONDS = st.datetimes(
    min_value=datetime(2000, 1, 1),  # noqa: DTZ001 - Hypothesis adds the zone
    max_value=datetime(2100, 1, 1),  # noqa: DTZ001
    timezones=st.just(UTC),
).map(lambda moment: moment.replace(microsecond=0))
MARKERS = st.builds(
    Marker,
    mesh=st.text(),
    kind=st.sampled_from(Kind),
    name=st.text(),
    inputs=st.dictionaries(st.text(), st.none() | st.booleans() | st.text()),
    by_hand=st.booleans(),
    base=st.just("a" * 40),
    head=st.just("b" * 64),
    verdict=st.sampled_from(State),
    key=st.text(),
    proven=SECONDS,
)
ONE = Marker(
    "mesh1",
    Kind.ADD_CLUSTER,
    "a/b",
    {"network": "network1"},
    by_hand=False,
    base="a" * 40,
    head="b" * 40,
    verdict=State.HEALTHY,
    key="0123",
    proven=datetime(2026, 6, 1, 12, tzinfo=UTC),
)


@given(MARKERS, st.text())
def test_what_is_written_is_read_whatever_follows(one: Marker, more: str) -> None:
    assert Marker.of(f"{one}\n{more}") == one
    inner = str(one).removeprefix("<!-- ").removesuffix(" -->")
    assert not {"<", ">", "\n"} & set(inner)
    assert "--" not in inner


@given(st.text())
def test_any_text_is_no_marker(text: str) -> None:
    assert Marker.of(text) is None


@pytest.mark.parametrize(
    "body",
    [
        "",
        f"\n{ONE}",
        f"Look: `{ONE}`",
        f"<b>{ONE}</b>",
        str(ONE)[:-5],
        replaced(str(ONE), '"schema":1', '"schema":2'),
        replaced(str(ONE), "network1", "network2"),
        replaced(str(ONE), "a" * 40, "HEAD"),
        replaced(str(ONE), '"healthy"', '"fine"'),
        replaced(str(ONE), '"byHand"', '"byhand"'),
        replaced(str(ONE), '"mesh1"', "1"),
        replaced(str(ONE), '"mesh1"', "[" * 10_000 + "]" * 10_000),
        "<!-- extcp-bot: [] -->",
        "<!-- extcp-bot: {} -->",
    ],
)
def test_what_is_no_marker(body: str) -> None:
    assert Marker.of(body) is None


def test_equal_inputs_have_equal_hashes_in_any_order() -> None:
    one, other = {"a": "1", "b": True}, {"b": True, "a": "1"}
    assert hash_of(one) == hash_of(other) != hash_of({"a": "1", "b": "true"})

from __future__ import annotations

from datetime import UTC, datetime, timedelta, timezone

import pytest

from extcp_bot.live import times


@pytest.mark.parametrize(
    ("text", "time"),
    [
        ("2026-06-01T12:00:00Z", datetime(2026, 6, 1, 12, tzinfo=UTC)),
        ("2026-06-01T12:00:00.123456789Z", datetime(2026, 6, 1, 12, 0, 0, 123456, tzinfo=UTC)),
        (
            "2026-06-01T12:00:00+02:00",
            datetime(2026, 6, 1, 12, tzinfo=timezone(timedelta(hours=2))),
        ),
        ("2026-06-01T12:00:00", datetime(2026, 6, 1, 12, tzinfo=UTC)),
        ("0001-01-01T00:00:00Z", datetime(1, 1, 1, tzinfo=UTC)),
    ],
)
def test_times_have_a_zone(text: str, time: datetime) -> None:
    assert times.parse(text) == time


@pytest.mark.parametrize("value", [None, 5, "", "soon", "2026-13-01T00:00:00Z", ["2026"], "9" * 99])
def test_what_is_no_time_is_none(value: object) -> None:
    assert times.parse(value) is None

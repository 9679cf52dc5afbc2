from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from extcp_bot.proposals.commands import Word, explain, parse
from extcp_bot.reference import every_check


@pytest.mark.parametrize(
    ("text", "found"),
    [
        ("/extcp recheck", (Word.RECHECK, "")),
        ("\n  /extcp rebase  \r\nplease", (Word.REBASE, "")),
        ("/extcp  ignore", (Word.IGNORE, "")),
        ("/extcp unignore", (Word.UNIGNORE, "")),
        ("/extcp explain EXTCP-H05", (Word.EXPLAIN, "EXTCP-H05")),
        ("/extcp", None),
        ("/extcp explain", None),
        ("/extcp explain ../../etc/passwd", None),
        ("/extcp recheck now", None),
        ("/extcp RECHECK", None),
        ("please /extcp recheck", None),
        ("> /extcp recheck", None),
        ("`/extcp recheck`", None),
        ("look\n/extcp recheck", None),
        ("/extcp recheck\u202e", None),
        ("x" * 1_000_000, None),
        (" " * 1_000_000 + "/extcp ignore", None),
    ],
)
def test_a_command_is_the_first_line_and_nothing_else(
    text: str, found: tuple[Word, str] | None
) -> None:
    assert parse(text) == found


@given(st.text())
def test_no_text_breaks_it(text: str) -> None:
    parse(text)
    parse(f"/extcp {text}")


def test_each_check_can_be_explained() -> None:
    known = every_check()
    for code, check in known.items():
        text = explain(code, known)
        assert text.startswith(f"### {code} {check.name}\n\n**{check.title}**\n")
        assert all(f"\n- **{problem.name}**" in text for problem in check.problems)
    assert {"EXTCP-H05", "EXTCP-P07", "EXTCP-J01", "EXTCP-L02"} < set(known)
    assert "no check `EXTCP-Z99`" in explain("EXTCP-Z99", known)

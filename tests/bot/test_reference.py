from __future__ import annotations

import re

import pytest

from extcp_bot.checks import all_checks
from extcp_bot.reference import WIDTH, about, every_check, named


@pytest.mark.parametrize("code", every_check())
def test_all_of_a_check_is_told(code: str) -> None:
    check = every_check()[code]
    text = about(check)
    words = " ".join(text.split())
    assert text.startswith(f"**{check.title}**\n\n")
    assert " ".join(check.text.split()) in words
    for problem in check.problems:
        command = problem.command.replace("{{", "{").replace("}}", "}")
        assert f"- **{problem.name}**" in text
        assert problem.title in words
        assert f"{problem.remedy}." in words
        assert f"\n      {command}\n" in f"{text}\n      \n"
    for permission in check.permissions:
        assert f"{permission.resource}" in text


@pytest.mark.parametrize("code", every_check())
def test_each_remedy_is_a_sentence_with_and_without_its_command(code: str) -> None:
    for problem in every_check()[code].problems:
        assert not re.search(r"\b(again with|by|from|to|is)$|:$", problem.remedy), problem.name
        assert not problem.remedy.endswith("."), problem.name


@pytest.mark.parametrize("code", every_check())
def test_lines_are_as_wide_as_wanted_but_for_commands(code: str) -> None:
    check = every_check()[code]
    lines = [line for line in about(check).splitlines() if not line.startswith("      ")]
    prose = (
        lines[: lines.index("What the bot has to be allowed, on the API server of each side:")]
        if check.permissions
        else lines
    )
    assert max(map(len, prose)) <= WIDTH
    # No broken line may begin as if it were an item, a heading or a quotation.
    starts = [line for line in prose if re.match(r" *([-+*>]|#+|\d+[.)]) ", line)]
    assert all(line.startswith("- **") for line in starts)


def test_in_a_comment_each_paragraph_is_one_line() -> None:
    check = every_check()["EXTCP-H01"]
    paragraphs = [
        each for each in about(check, width=0).split("\n\n") if not each.startswith(("-", " "))
    ]
    assert all("\n" not in each for each in paragraphs)


@pytest.mark.parametrize(
    "word", ["EXTCP-H05", "extcp-h05", "H05", "h05", "secret-shape", "Secret-Shape "]
)
def test_a_check_goes_by_its_code_and_its_name(word: str) -> None:
    assert [each.code for each in named(word, every_check())] == ["EXTCP-H05"]


@pytest.mark.parametrize("word", ["", "H", "05", "H5", "EXTCP-", "EXTCP-H99", "secret"])
def test_nothing_else_is_a_check(word: str) -> None:
    assert named(word, every_check()) == []


def test_a_name_can_be_that_of_several() -> None:
    assert [each.code for each in named("network", every_check())] == ["EXTCP-H13", "EXTCP-P06"]
    assert [each.code for each in named("network", all_checks())] == ["EXTCP-H13"]

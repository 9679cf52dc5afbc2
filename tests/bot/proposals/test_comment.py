from __future__ import annotations

from extcp_bot.forge.model import MAX_BODY, Comment
from extcp_bot.proposals import comment
from extcp_bot.proposals.comment import Note
from tests.bot.proposals.cases import ME, NOW

ONE = Note("one", "The first thing.\n")


def said(text: str | None) -> Comment:
    assert text is not None
    return Comment(1, ME, text, NOW)


def wanted(now: Comment | None, *notes: Note, asked: tuple[str, ...] = ()) -> str | None:
    return comment.wanted(now, notes, asked, lambda code: f"About {code}.\n")


def test_nothing_to_say_makes_no_comment() -> None:
    assert wanted(None) is None


def test_the_same_is_not_said_again_whatever_values_have_changed() -> None:
    now = said(wanted(None, ONE))
    assert "The first thing." in now.body
    assert wanted(now, Note("one", "Another value.\n")) is None
    assert wanted(now, Note("two", "Another thing.\n")) is not None


def test_what_was_explained_stays_and_the_oldest_makes_room() -> None:
    now: Comment | None = None
    for number in range(7):
        now = said(wanted(now, asked=(f"EXTCP-H0{number}",)))
    assert now is not None
    assert "About EXTCP-H06." in now.body
    assert "About EXTCP-H01." not in now.body
    assert wanted(now, asked=("EXTCP-H06",)) is None


def test_what_is_over_is_taken_back() -> None:
    now = said(wanted(None, ONE))
    text = wanted(now)
    assert text is not None
    assert "The first thing." not in text
    assert wanted(said(text)) is None


def test_only_the_bots_own_comment_with_the_marker_is_its_one_comment() -> None:
    now = said(wanted(None, ONE))
    assert comment.is_ours(now, ME)
    assert not comment.is_ours(now, "mallory")
    assert not comment.is_ours(Comment(1, ME, "Hello.", NOW), ME)


def test_it_fits() -> None:
    assert len(wanted(None, Note("a", "x" * 1_000_000)) or "") <= MAX_BODY

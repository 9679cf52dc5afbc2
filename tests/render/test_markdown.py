from __future__ import annotations

import re
import subprocess

import pytest
from hypothesis import example, given

from extcp_gitops.render import markdown
from tests import strategies

WORDS = strategies.texts().filter(lambda text: "\0" not in text)


@given(value=WORDS)
@example(value="a\nb\\'$(id)\x01" + "7\u202e\U000e0001")
def test_a_shell_reads_a_word_as_the_value(value: str) -> None:
    word = markdown.shell_word(value)
    assert word.isprintable(), "a word is one line without anything that cannot be seen"
    done = subprocess.run(
        ["bash", "--norc", "-c", f"printf '%s.' {word}"],
        env={"LC_ALL": "C.UTF-8", "PATH": "/usr/bin:/bin"},
        capture_output=True,
        check=True,
        timeout=30,
    )
    assert done.stdout.decode() == f"{value}."
    assert done.stderr == b""


@pytest.mark.parametrize("value", ["a\0b", "\ud800"])
def test_what_no_command_line_can_hold_is_refused(value: str) -> None:
    with pytest.raises(ValueError, match=r"command line|surrogates"):
        markdown.shell_word(value)


@pytest.mark.parametrize(
    ("value", "span"),
    [
        ("external-istiod", "`external-istiod`"),
        ("https://git.example.com/a_b/*.git", "`https://git.example.com/a_b/*.git`"),
        (15012, "`15012`"),
        ("a`b", "<code>a&#96;b</code>"),
        ("a|b", "<code>a&#124;b</code>"),
        (" a", "<code>&#32;a</code>"),
        ("", "<code></code>"),
        ("x\n\n# y", "<code>x&#10;&#10;&#35;&#32;y</code>"),
        ("\u202e", "<code>&#8238;</code>"),
    ],
)
def test_code_spans(value: object, span: str) -> None:
    assert markdown.code_span(value) == span


@given(value=strategies.texts())
def test_a_code_span_is_one_line_with_nothing_that_marks_up(value: str) -> None:
    span = markdown.code_span(value)
    safe = r"`[^`|\n]*`|<code>(?:[A-Za-z0-9]|&#[0-9]+;)*</code>"
    assert re.fullmatch(safe, span)
    assert span.isprintable()


@pytest.mark.parametrize("value", [None, True, 1.5, ["a"]])
def test_what_nobody_should_read_is_refused(value: object) -> None:
    with pytest.raises(TypeError):
        markdown.code_span(value)

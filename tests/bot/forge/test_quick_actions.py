from __future__ import annotations

import re

from hypothesis import given
from hypothesis import strategies as st

from extcp_bot.forge.quick_actions import as_sent, disarmed

TEXTS = st.text(alphabet="/\\\n\r `>a ", max_size=40) | st.text()


@given(TEXTS)
def test_no_line_begins_with_a_slash(text: str) -> None:
    assert not re.search(r"^/", disarmed(text).replace("\r", ""), re.MULTILINE)


@given(TEXTS)
def test_a_text_comes_back_but_for_carriage_returns(text: str) -> None:
    assert as_sent(disarmed(text)) == text.replace("\r", "")


@given(st.text(alphabet="abc \n#|-", max_size=40))
def test_most_texts_are_left_alone(text: str) -> None:
    assert disarmed(text) == text

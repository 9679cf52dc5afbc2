r"""GitLab obeys lines that begin with ``/close`` or ``/merge``, in any text, also in the bot's own.

(docs.gitlab.com, "GitLab quick actions".) A backslash before the slash is Markdown's own way to
write it: the reader sees the same, GitLab does nothing. It is taken off again on the way back, so
that a text comes back as it was sent.
"""

from __future__ import annotations

import re
from typing import Final

_ACTION: Final = re.compile(r"^(?=\\*/)", re.MULTILINE)
_ESCAPED: Final = re.compile(r"^\\(?=\\*/)", re.MULTILINE)


def disarmed(text: str) -> str:
    """The text without a line that GitLab would obey.

    Carriage returns go, because GitLab takes them out before it looks for lines.
    """
    return _ACTION.sub(r"\\", text.replace("\r", ""))


def as_sent(text: str) -> str:
    """The text as it was before :func:`disarmed`."""
    return _ESCAPED.sub("", text)

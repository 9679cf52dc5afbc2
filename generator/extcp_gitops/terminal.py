"""What may be shown to a person whose terminal obeys control characters."""

from __future__ import annotations


def visible(text: str) -> str:
    r"""The text with ``\x1b`` and the like for what a terminal could obey instead of showing it."""
    if text.isprintable():
        return text
    return "".join(map(_visible, text))


def _visible(character: str) -> str:
    return character if character.isprintable() else ascii(character)[1:-1]

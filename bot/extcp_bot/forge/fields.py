"""The fields of a forge's answer, each of the type that it has to be."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import TYPE_CHECKING, Final, Self, TypeVar

from extcp_bot.forge.failure import nonsense
from extcp_bot.forge.model import MAX_BODY, MAX_DESCRIPTION, ForgeError

if TYPE_CHECKING:
    from collections.abc import Mapping

T = TypeVar("T")

GHOST: Final = "ghost"
"""The author of what was written from an account that is no more, as GitHub and GitLab call it."""


class Fields:
    """One JSON object.

    Every method raises ForgeError where a field is missing or is of another type.

    Args:
        raw: What the forge said.
        asked: Method and path, for errors.
    """

    def __init__(self, raw: object, asked: str) -> None:
        if not isinstance(raw, dict):
            raise nonsense(asked, "the answer is no JSON object")
        self._raw: Mapping[str, object] = raw
        self._asked = asked

    @classmethod
    def of_list(cls, raw: object, asked: str) -> list[Self]:
        """The objects of a list."""
        if not isinstance(raw, list):
            raise nonsense(asked, "the answer is no list")
        return [cls(each, asked) for each in raw]

    def has(self, name: str) -> bool:
        """Whether there is such a field, and not null."""
        return self._raw.get(name) is not None

    def text(self, name: str) -> str:
        """A text."""
        return self._typed(name, str)

    def body(self, name: str) -> str:
        r"""What somebody wrote: empty for null, with plain line ends, cut to what a forge takes.

        Browsers send ``\r\n``, so whatever a person has touched has that.
        """
        found = self.text(name) if self.has(name) else ""
        return found.replace("\r\n", "\n")[:MAX_BODY]

    def number(self, name: str) -> int:
        """A whole number."""
        found = self._typed(name, int)
        if isinstance(found, bool):
            raise self._wrong(name)
        return found

    def flag(self, name: str) -> bool:
        """True or false."""
        return self._typed(name, bool)

    def one_of(self, name: str, meanings: Mapping[str, T]) -> T:
        """What a word of a closed set means."""
        word = self.text(name)
        if word not in meanings:
            raise self._wrong(name)
        return meanings[word]

    def time(self, name: str) -> datetime:
        """An instant, in UTC."""
        try:
            found = datetime.fromisoformat(self.text(name))
        except ValueError:
            raise self._wrong(name) from None
        return (found if found.tzinfo else found.replace(tzinfo=UTC)).astimezone(UTC)

    def latest(self, *names: str) -> datetime:
        """The first of these times that is there."""
        for name in names:
            if self.has(name):
                return self.time(name)
        raise self._wrong(names[-1])

    def inner(self, name: str) -> Fields:
        """An object."""
        return Fields(self._raw.get(name), f"{self._asked}: {name}")

    def objects(self, name: str) -> list[Fields]:
        """The objects of a list; none for null."""
        return Fields.of_list(self._raw.get(name) or [], f"{self._asked}: {name}")

    def texts(self, name: str) -> list[str]:
        """The texts of a list; none for null."""
        found = self._raw.get(name) or []
        if not isinstance(found, list):
            raise self._wrong(name)
        texts = [each for each in found if isinstance(each, str)]
        if len(texts) != len(found):
            raise self._wrong(name)
        return texts

    def login(self, name: str, key: str) -> str:
        """Who it was; GHOST where the account is no more."""
        return self.inner(name).text(key) if self.has(name) else GHOST

    def _typed(self, name: str, kind: type[T]) -> T:
        found = self._raw.get(name)
        if not isinstance(found, kind):
            raise self._wrong(name)
        return found

    def _wrong(self, name: str) -> ForgeError:
        return nonsense(self._asked, f"the answer has no {name} of the right type")


def fitting(body: str) -> str:
    """The text, if every forge takes it.

    Raises:
        ForgeError: It is too long; to cut it would cut off the marker that stands in it.
    """
    if len(body) > MAX_BODY:
        raise ForgeError(
            f"a text of {len(body)} characters is more than the {MAX_BODY} that forges take",
            "shorten it",
        )
    return body


def short(description: str) -> str:
    """A description of a commit status, cut to what every forge takes."""
    cut = len(description) > MAX_DESCRIPTION
    return f"{description[: MAX_DESCRIPTION - 1]}…" if cut else description

"""The bot's memory in a text on the forge: JSON in an HTML comment that forges do not show.

Only a comment that begins the text counts, and only where the bot's own account wrote the text
(whoever reads one has to see to that): what clusters and people say stands further down, and can
neither be taken for a marker nor end one.
"""

from __future__ import annotations

import json
import re
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any, Final

from extcp_bot.checks.model import State
from extcp_bot.proposals.model import Kind, hash_of

if TYPE_CHECKING:
    from extcp_bot.proposals.model import Inputs

SCHEMA: Final = 1
_BEGIN: Final = "<!-- extcp-bot: "
_END: Final = " -->"
_FORM: Final = re.compile(rf"\A{re.escape(_BEGIN)}(\{{[^<>\n]{{0,60000}}\}}){re.escape(_END)}")
_TIME: Final = "%Y-%m-%dT%H:%M:%SZ"
_SHA: Final = re.compile(r"[0-9a-f]{40}([0-9a-f]{24})?")
_NOT_THERE: Final = (KeyError, TypeError, ValueError)


@dataclass(frozen=True, slots=True)
class Marker:
    """What a pull request was made from and how it stood when the bot last wrote to it.

    Attributes:
        mesh: Mesh ID.
        kind: Of the proposal.
        name: Of the proposal.
        inputs: Of the proposal; it can be made anew from them.
        by_hand: It was asked for on a command line.
        base: The commit that ``head`` was made on.
        head: The commit that was proposed.
        verdict: Healthy or unhealthy as seen at ``proven``; unknown where that is too long ago.
        key: Of the evidence.
        proven: When the clusters were looked at, to the second.
    """

    mesh: str
    kind: Kind
    name: str
    inputs: Inputs
    by_hand: bool
    base: str
    head: str
    verdict: State
    key: str
    proven: datetime

    @property
    def inputs_hash(self) -> str:
        """As of the proposal."""
        return hash_of(self.inputs)

    def __str__(self) -> str:
        return write(
            {
                "schema": SCHEMA,
                "mesh": self.mesh,
                "kind": self.kind.value,
                "name": self.name,
                "inputs": self.inputs,
                "inputsHash": self.inputs_hash,
                "byHand": self.by_hand,
                "base": self.base,
                "head": self.head,
                "verdict": self.verdict.value,
                "key": self.key,
                "proven": time(self.proven),
            }
        )

    @classmethod
    def of(cls, body: str) -> Marker | None:
        """The marker at the beginning of a text; None where there is none that is whole."""
        try:
            return _marker(read(body))
        except _NOT_THERE:
            return None


def write(data: dict[str, Any]) -> str:
    """The comment with some JSON; nothing in the data can end it."""
    text = json.dumps(data, ensure_ascii=True, separators=(",", ":"))
    for character in "<>-":  # of strings alone: no number here is negative
        text = text.replace(character, f"\\u{ord(character):04x}")
    return f"{_BEGIN}{text}{_END}"


def read(body: str) -> dict[str, Any]:
    """The data of the comment that a text begins with; empty where there is none.

    Data of another schema is none: a newer bot wrote it, and knows more of it than this one.
    """
    match = _FORM.match(body)
    try:
        data = json.loads(match[1]) if match else {}
    except (ValueError, RecursionError):
        return {}
    return data if data.get("schema") == SCHEMA else {}


def time(moment: datetime) -> str:
    """A moment as markers hold it."""
    return moment.astimezone(UTC).strftime(_TIME)


def moment(text: object) -> datetime:
    """The moment that a marker holds.

    Raises:
        ValueError: It is none.
    """
    return datetime.strptime(str(text), _TIME).replace(tzinfo=UTC)


def _marker(data: dict[str, Any]) -> Marker:
    found = Marker(
        _text(data["mesh"]),
        Kind(data["kind"]),
        _text(data["name"]),
        _inputs(data["inputs"]),
        data["byHand"] is True,
        _sha(data["base"]),
        _sha(data["head"]),
        State(data["verdict"]),
        _text(data["key"]),
        moment(data["proven"]),
    )
    if found.inputs_hash != data["inputsHash"]:
        raise ValueError("the inputs were edited")
    return found


def _inputs(value: object) -> Inputs:
    if not isinstance(value, dict):
        raise TypeError("inputs are an object")
    for inner in value.values():
        if not isinstance(inner, str | bool | None):
            raise TypeError("an input is a text, a truth value or nothing")
    return value


def _text(value: object) -> str:
    if not isinstance(value, str):
        raise TypeError("a text is wanted")
    return value


def is_sha(value: object) -> bool:
    """Whether it is the hash of a commit, whole."""
    return isinstance(value, str) and bool(_SHA.fullmatch(value))


def _sha(value: object) -> str:
    text = _text(value)
    if not is_sha(text):
        raise ValueError("a hash of a commit is wanted")
    return text

"""Checks one document against its schema and says every deviation in words.

Only the keywords that ``schema`` uses are known; a test compares the verdicts with those of the
jsonschema library, so that an editor and this program agree.
"""

from __future__ import annotations

import difflib
import re
from typing import TYPE_CHECKING, Any

from extcp_gitops.errors import Finding
from extcp_gitops.inventory.schema import API_VERSION

if TYPE_CHECKING:
    from collections.abc import Iterator

    from extcp_gitops.inventory.schema import Schema
    from extcp_gitops.yamlio.load import Document

Path = tuple[str | int, ...]

_TYPES: dict[str, tuple[Any, str]] = {
    "object": (dict, "a mapping"),
    "array": (list, "a list"),
    "string": (str, "a string"),
    "boolean": (bool, "true or false"),
    "integer": (int, "a whole number"),
}


_LONGEST = 60


def check(document: Document, schema: Schema) -> list[Finding]:
    """All deviations of a document from a schema.

    Args:
        document: A parsed file.
        schema: One of ``schema.BY_KIND``.

    Returns:
        Findings with the place of each; none when the document has the right shape.
    """
    return list(_Checker(document).value((), document.data, schema))


class _Checker:
    def __init__(self, document: Document) -> None:
        self._document = document

    def _finding(
        self, code: str, path: Path, message: str, remedy: str, *, at_key: bool = False
    ) -> Finding:
        place = self._document.key_mark if at_key else self._document.mark
        line, column = place(*path)
        return Finding(code, message, remedy, self._document.file, line, column)

    def value(self, path: Path, value: Any, schema: Schema) -> Iterator[Finding]:  # noqa: ANN401
        if "const" in schema:
            yield from self._const(path, value, schema["const"])
            return
        expected, name = _TYPES[schema["type"]]
        is_truth = isinstance(value, bool)  # which is an int to Python, and none to JSON
        if not isinstance(value, expected) or (is_truth and expected is int):
            yield self._wrong_type(path, value, name)
            return
        match schema["type"]:
            case "object":
                yield from self._mapping(path, value, schema)
            case "array":
                yield from self._list(path, value, schema)
            case "string":
                yield from self._string(path, value, schema)
            case "integer":
                yield from self._integer(path, value, schema)

    def _const(self, path: Path, value: Any, wanted: str) -> Iterator[Finding]:  # noqa: ANN401
        if value == wanted:
            return
        if path == ("apiVersion",) and str(value).startswith("extcp-gitops.io/"):
            yield self._finding(
                "EXTCP-I005",
                path,
                f"this release reads {API_VERSION}, not {_shown(value)}",
                "install the release of extcp-gitops that this repository was made with",
            )
            return
        yield self._finding(
            "EXTCP-I004", path, f"{_key(path)} is {_shown(value)}", f"write {path[-1]}: {wanted}"
        )

    def _wrong_type(self, path: Path, value: Any, wanted: str) -> Finding:  # noqa: ANN401
        source = self._document.source(*path)
        shown = f"`{source}`" if source else _shown(value)
        remedy = f"give {wanted}"
        if wanted == "a string" and source:
            remedy = f'quote it: "{source}"'
        return self._finding(
            "EXTCP-I003", path, f"{_key(path)} must be {wanted}, not {shown}", remedy
        )

    def _mapping(self, path: Path, value: dict[str, Any], schema: Schema) -> Iterator[Finding]:
        known: Schema = schema.get("properties", {})
        for name in schema.get("required", ()):
            if name not in value:
                yield self._finding(
                    "EXTCP-I002",
                    path,
                    f"{_key((*path, name))} is missing",
                    f"add it: {_first_sentence(known[name]['description'])}",
                )
        extra = schema["additionalProperties"]
        for name, item in value.items():
            if name in known:
                yield from self.value((*path, name), item, known[name])
            elif extra is False:
                yield self._unknown((*path, name), known)
            else:
                yield from self._free_key((*path, name), schema["propertyNames"]["pattern"])
                yield from self.value((*path, name), item, extra)

    def _unknown(self, path: Path, known: Schema) -> Finding:
        name = str(path[-1])
        close = difflib.get_close_matches(name, known, n=1, cutoff=0.6)
        folded = [key for key in known if key.lower() == name.lower().replace("_", "")]
        guess = next(iter(folded or close), None)
        remedy = f"did you mean '{guess}'?" if guess else f"known here: {', '.join(known)}"
        message = f"unknown key {_shown(name)}"
        return self._finding("EXTCP-I001", path, message, remedy, at_key=True)

    def _free_key(self, path: Path, pattern: str) -> Iterator[Finding]:
        if not re.fullmatch(_body(pattern), str(path[-1])):
            yield self._finding(
                "EXTCP-I004",
                path,
                f"{_shown(path[-1])} is not the key of a Kubernetes label",
                "use letters, digits, '-', '_' and '.', with an optional prefix and '/'",
                at_key=True,
            )

    def _list(self, path: Path, value: list[Any], schema: Schema) -> Iterator[Finding]:
        if len(value) < schema.get("minItems", 0):
            yield self._finding("EXTCP-I004", path, f"{_key(path)} is empty", "add an entry")
        for index, item in enumerate(value):
            yield from self.value((*path, index), item, schema["items"])

    def _string(self, path: Path, value: str, schema: Schema) -> Iterator[Finding]:
        if "enum" in schema and value not in schema["enum"]:
            close = difflib.get_close_matches(value, schema["enum"], n=1)
            choices = ", ".join(schema["enum"])
            remedy = f"did you mean '{close[0]}'?" if close else f"write one of: {choices}"
            yield self._finding("EXTCP-I004", path, f"{_key(path)} is {_shown(value)}", remedy)
        elif len(value) > schema.get("maxLength", len(value)):
            limit = schema["maxLength"]
            message = f"{_key(path)} has {len(value)} characters"
            yield self._finding("EXTCP-I004", path, message, f"at most {limit} are allowed")
        elif len(value) < schema.get("minLength", 0):
            yield self._finding("EXTCP-I004", path, f"{_key(path)} is empty", "give a value")
        elif "pattern" in schema and not re.fullmatch(_body(schema["pattern"]), value):
            yield self._finding(
                "EXTCP-I004",
                path,
                f"{_key(path)} is {_shown(value)}",
                f"use {schema['patternErrorMessage']}",
            )

    def _integer(self, path: Path, value: int, schema: Schema) -> Iterator[Finding]:
        least, most = schema["minimum"], schema["maximum"]
        if not least <= value <= most:
            message = f"{_key(path)} is {value}"
            yield self._finding("EXTCP-I004", path, message, f"give {least} to {most}")


def _body(pattern: str) -> str:
    return pattern.removeprefix("^").removesuffix("$")


def _key(path: Path) -> str:
    text = ""
    for part in path:
        text += f"[{part}]" if isinstance(part, int) else f".{part}" if text else part
    return text or "the document"


def _first_sentence(text: str) -> str:
    """Of a description, which says all that there is to know further on."""
    return re.split(r"(?<=\.)\s", text, maxsplit=1)[0]


def _shown(value: object) -> str:
    """A value as a person may see it: short, on one line, no control characters."""
    if isinstance(value, dict):
        return "a mapping"
    if isinstance(value, list):
        return "a list"
    if value is None:
        return "empty"
    text = repr(value) if isinstance(value, str) else str(value).lower()
    return text if len(text) <= _LONGEST else f"{text[: _LONGEST - 1]}…"

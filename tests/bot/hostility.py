"""What a hostile API server makes of its answers, and what a report must be whatever it says."""

from __future__ import annotations

import functools
import json
import random
import re
import unicodedata
import xml.etree.ElementTree as ET
from html.parser import HTMLParser
from typing import TYPE_CHECKING, Any, Final

from aiohttp import web

from extcp_bot.checks.model import State
from extcp_bot.report import render
from extcp_gitops.errors import ExitCode
from tests.bot import reports

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Iterator

    from extcp_bot.result import Report
    from extcp_gitops.inventory.model import Inventory
    from tests.bot.apiserver import Handler, Twist

ATTACKS: Final = (
    "\x1b[2J\x1b[31mred\x1b]0;title\x07\x1b]8;;https://evil.example.com\x07x",
    "</title></td></svg><script>alert(1)</script><img src=x onerror=alert(1)>",
    "` ``` | [link](javascript:alert(1)) ![x](http://evil.example.com) @everyone Closes #1 :+1:",
    "<!-- --> ]]> &amp; &#x1b; <![CDATA[ <?xml?> </failure> \x00 \x0b \ufffe",
    "\u202egnp.exe\u2066 \u200b\ufeff\u2028\u2029 \ud800 \U000e0041",
    'x" y{z="1"} 2\n# HELP x\nx 1\r\nSet-Cookie: a=b\r\n\r\n',
    "{0.__class__} {cluster} %s %n $(touch x) `id` ; rm -rf / ../../../etc/passwd",
    "é" * 300,
)
"""Texts that somebody who shows, stores or runs them unchecked would obey."""

NESTED: Final[Any] = json.loads("[" * 400 + "]" * 400)
JUNK: Final[tuple[Any, ...]] = (
    None,
    True,
    -1,
    1e300,
    "",
    "x",
    [],
    {},
    [None],
    {"": None},
    [[{"name": 5}]],
    {"name": {}},
    NESTED,
    ["x"] * 3000,
    {str(number): number for number in range(3000)},
)
"""Values of which at most one is of the type that anybody expects."""

_KEPT: Final = ("name", "namespace", "kind", "apiVersion", "type", "phase", "code", "reason")
_BUG: Final = "a bug in the check"
_INVISIBLE: Final = frozenset({"Cc", "Cf", "Cn", "Co", "Cs", "Zl", "Zp"})
_EMPTY: Final = ("meta", "br", "hr", "link", "img", "base", "input")
_METRIC: Final = re.compile(
    r"(?:# (?:HELP|TYPE) [a-z_]+ .*"
    r"|[a-z_]+(?:\{(?:[a-z_]+=\"(?:[^\"\\]|\\[\\n\"])*\",?)*\})? [0-9.e+-]+)"
)


def strings(text: str, *, deep: bool) -> Twist:
    """Every string of an answer becomes another one.

    Args:
        text: Which one.
        deep: Leave the names and types as they are, and add the text to what else there is: then
            what is said gets further into the checks.
    """

    def twist(_: web.Request, said: Any) -> Any:  # noqa: ANN401 - JSON
        def change(value: str, name: str) -> str:
            if not deep:
                return text
            return value if name in _KEPT else f"{value}{text}"

        return _mapped(said, change)

    return twist


def keys(text: str) -> Twist:
    """Every object of an answer has one key more, and so has each map of labels and data."""

    def twist(_: web.Request, said: Any) -> Any:  # noqa: ANN401 - JSON
        def more(value: Any) -> Any:  # noqa: ANN401
            match value:
                case dict():
                    return {text: text, **{name: more(inner) for name, inner in value.items()}}
                case list():
                    return [more(inner) for inner in value]
            return value

        return more(said)

    return twist


def long_texts(size: int) -> Twist:
    """One string of each answer is very long, each time another one."""
    counter = iter(range(10**9))

    def twist(_: web.Request, said: Any) -> Any:  # noqa: ANN401 - JSON
        chosen, seen = next(counter) % 40, iter(range(10**9))
        return _mapped(said, lambda value, _: "x y" * size if next(seen) == chosen else value)

    return twist


def types(seed: int, share: float) -> Twist:
    """Some values of each answer become something else, at whatever depth.

    Args:
        seed: Says which ones.
        share: Of all values, 0 to 1.
    """
    chance = random.Random(seed)  # noqa: S311 - no secret

    def change(value: Any) -> Any:  # noqa: ANN401
        if chance.random() < share:
            return chance.choice(JUNK)
        match value:
            case dict():
                return {name: change(inner) for name, inner in value.items()}
            case list():
                return [change(inner) for inner in value]
        return value

    def twist(_: web.Request, said: Any) -> Any:  # noqa: ANN401 - JSON
        return {name: change(inner) for name, inner in said.items()}

    return twist


def fields(chosen: Collection[str], junk: Any) -> Twist:  # noqa: ANN401
    """Every field of these names becomes something else."""

    def change(value: Any) -> Any:  # noqa: ANN401
        match value:
            case dict():
                return {n: junk if n in chosen else change(inner) for n, inner in value.items()}
            case list():
                return [change(inner) for inner in value]
        return value

    return lambda _, said: change(said)


def names(said: Any) -> Iterator[str]:  # noqa: ANN401 - JSON
    """The names of all fields, at whatever depth."""
    match said:
        case dict():
            for name, inner in said.items():
                yield name
                yield from names(inner)
        case list():
            for inner in said:
                yield from names(inner)


def _mapped(said: Any, change: Callable[[str, str], str], name: str = "") -> Any:  # noqa: ANN401
    match said:
        case str():
            return change(said, name)
        case dict():
            return {key: _mapped(inner, change, key) for key, inner in said.items()}
        case list():
            return [_mapped(inner, change, name) for inner in said]
    return said


def raw(body: bytes, code: int = 200, content_type: str = "application/json") -> Handler:
    """A handler that says these bytes."""

    async def handler(_: web.Request) -> web.StreamResponse:
        headers = {"Content-Type": content_type, "Location": "https://127.0.0.1:1/"}
        return web.Response(body=body, status=code, headers=headers)

    return handler


def require_sound(report: Report, inventory: Inventory) -> None:
    """Every form of a report is well formed, and nothing in it is obeyed by anybody.

    Raises:
        AssertionError: Something in it is not as it should be.
    """
    assert report.complete
    assert report.exit_code is not ExitCode.OK
    for each in report.results:
        assert _BUG not in each.found, f"{each.code} {each.cluster}: {each.found}"
        assert each.state is State.HEALTHY or each.found or each.wanted, each
    said = {form: render(form, report, inventory) for form in ("text", "markdown", "prometheus")}
    for text in said.values():
        text.encode()
        assert not {c for c in text if c != "\n" and unicodedata.category(c) in _INVISIBLE}
    assert len(json.loads(render("json", report, inventory))["results"]) == len(report.results)
    ET.fromstring(render("junit", report, inventory))  # noqa: S314 - made here
    require_page(render("html", report, inventory))
    _require_markdown(said["markdown"])
    assert all(map(_METRIC.fullmatch, said["prometheus"].splitlines()))


class _Page(HTMLParser):
    """What stands in a page: elements with their attributes, comments, and what is left open."""

    def __init__(self, page: str) -> None:
        super().__init__(convert_charrefs=True)
        self.seen: set[tuple[str, str]] = set()
        self.links: set[str | None] = set()
        self.comments: list[str] = []
        self.open: list[str] = []
        self.feed(page)
        self.close()

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.seen |= {(tag, ""), *((tag, name) for name, _ in attrs)}
        self.links |= {value for name, value in attrs if name in ("href", "src", "xlink:href")}
        if tag not in _EMPTY:
            self.open.append(tag)

    def handle_startendtag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.handle_starttag(tag, attrs)
        self.handle_endtag(tag)

    def handle_endtag(self, tag: str) -> None:
        if tag not in _EMPTY:
            assert self.open.pop() == tag

    def handle_comment(self, data: str) -> None:
        self.comments.append(data)


@functools.cache
def _harmless() -> _Page:
    """A page with all that our own pages have."""
    inventory = reports.mesh(12, 3)
    return _Page(render("html", reports.mixed(inventory), inventory))


def require_page(page: str) -> None:
    """A page has the elements of ours and no others, and leads nowhere else.

    Raises:
        AssertionError: It has others.
    """
    page.encode()
    found = _Page(page)
    assert found.open == []
    assert found.comments == []
    assert found.seen <= _harmless().seen
    assert all((link or "").startswith("#") for link in found.links)


def _require_markdown(said: str) -> None:
    """Outside of code there is nothing that a forge would make something of."""
    outside = re.sub(r"(?ms)^(`{3,})sh\n.*?\n\1$", "", said)
    outside = re.sub(r"`[^`\n]*`|<code>[A-Za-z0-9&#;]*</code>", "", outside)
    outside = outside.replace("<details><summary>How to mend it</summary>", "")
    outside = outside.replace("</details>", "")
    for sign in ("<", "`", "@", "#", "](", "http", "script", "evil"):
        assert sign not in outside, (sign, outside)

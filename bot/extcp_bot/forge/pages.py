"""Where the next page of a list is, whichever way a forge says it."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Final
from urllib.parse import parse_qsl, urlsplit

if TYPE_CHECKING:
    from collections.abc import Mapping

_LINK: Final = re.compile(r'<(?P<url>[^<>]{1,4096})>[^,<]*?;\s*rel="?next"?\s*(?:[;,]|$)')
_SIZES: Final = ("limit", "per_page")
_FRACTION: Final = 7


def smaller(query: Mapping[str, str]) -> dict[str, str] | None:
    """The query for pages of fewer items; None where they are of one already, or of no set size."""
    for name in _SIZES:
        if query.get(name, "1") != "1":
            return {**query, name: str(max(int(query[name]) // _FRACTION, 1))}
    return None


def next_query(
    headers: Mapping[str, str], query: Mapping[str, str], seen: int, last: int
) -> dict[str, str] | None:
    """The query of the next page.

    Of a link only the query is taken: forges build links from the address that they are configured
    with, which need not be the one that they are reached at, and no link may lead elsewhere.

    Args:
        headers: Of the answer.
        query: That was asked.
        seen: Items so far, this page included.
        last: Items of this page.

    Returns:
        None where this page was the last one.
    """
    if link := _LINK.search(headers.get("link", "")):
        return dict(query) | dict(parse_qsl(urlsplit(link["url"]).query))
    following = headers.get("x-next-page", "").strip()  # GitLab
    if following.isdecimal():
        return {**query, "page": following}
    total = headers.get("x-total-count", "").strip()  # Gitea
    if "link" not in headers and total.isdecimal() and last and seen < int(total):
        return {**query, "page": str(int(query.get("page", "1")) + 1)}
    return None

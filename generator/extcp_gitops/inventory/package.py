"""By which requirement the forge's CI installs this tool; decided before pip sees it.

What pip installs runs with whatever the CI has. So the forms that are wanted are listed here, each
of which can mean this tool alone and, from elsewhere than an index, one content alone; all else is
refused. The characters are those that no shell, no YAML and no expression of a forge obeys.
"""

from __future__ import annotations

import re
from typing import Final, NoReturn

from extcp_gitops.errors import ExtcpError

NAME: Final = "extcp-gitops"
MAX_LENGTH: Final = 300

_VERSION: Final = (
    r"[0-9]+(?:\.[0-9]+)*(?:(?:a|b|rc)[0-9]+)?(?:\.post[0-9]+)?(?:\.dev[0-9]+)?"
    r"(?:\+[a-z0-9]+(?:\.[a-z0-9]+)*)?"
)
_LABEL: Final = r"[A-Za-z0-9](?:[A-Za-z0-9-]*[A-Za-z0-9])?"
_HOST: Final = rf"{_LABEL}(?:\.{_LABEL})*(?::[0-9]{{1,5}})?"
# Encoded control characters are among the excluded.
_SEGMENT: Final = r"(?:[A-Za-z0-9._~+-]|%[2-6][0-9A-Fa-f]|%7[0-9A-Ea-e])+"

_CHARACTERS: Final = re.compile(r"[A-Za-z0-9._~+%=@:/# -]+")
_INDEX: Final = re.compile(rf"{NAME}=={_VERSION}")
_NAMED: Final = re.compile(rf"(?:{NAME} @ )?(?P<url>(?:git\+)?[a-z]+://\S+)")
_GIT: Final = re.compile(rf"git\+https://{_HOST}(?:/{_SEGMENT})+@[0-9a-f]{{40}}")
_WHEEL: Final = re.compile(
    rf"https://{_HOST}(?:/{_SEGMENT})*/extcp_gitops-{_VERSION}-py3-none-any\.whl"
    r"#sha256=[0-9a-f]{64}"
)

RULE: Final = (
    f"{NAME}==VERSION, {NAME} @ git+https://HOST/PATH@COMMIT with all 40 digits of the commit, or "
    "https://HOST/PATH/extcp_gitops-VERSION-py3-none-any.whl#sha256=DIGEST"
)


def check(text: str | None) -> str | None:
    """Return ``text``, unchanged, when it is a requirement of pip that means this tool.

    Args:
        text: What a person wrote; None for nothing.

    Raises:
        ExtcpError: EXTCP-I048; the message repeats nothing of a URL, which may hold a credential.
    """
    if text is None:
        return None
    if not text or len(text) > MAX_LENGTH:
        _refuse("is empty" if not text else f"has more than {MAX_LENGTH} characters")
    if not _CHARACTERS.fullmatch(text):
        _refuse("holds a character that has no place there")
    if _INDEX.fullmatch(text):
        return text
    named = _NAMED.fullmatch(text)
    if named is None:
        _refuse(f"is no exact version of {NAME} and no URL")
    url = named["url"]
    is_git = url.startswith("git+")
    scheme, rest = url.removeprefix("git+").split("://", 1)
    if scheme != "https":
        _refuse("has a URL that is not https, which anybody on the way could change")
    if "@" in rest.partition("/")[0]:
        _refuse("has a URL with a credential or a user, which would end up in Git and in logs")
    if is_git and text == url:
        _refuse(f"does not say that the repository holds {NAME}")
    if (_GIT if is_git else _WHEEL).fullmatch(url) is None:
        _refuse(
            "names no commit by all its 40 digits"
            if is_git
            else f"names no wheel of {NAME} together with its digest"
        )
    return text


def _refuse(why: str) -> NoReturn:
    raise ExtcpError.of("EXTCP-I048", f"repository.package {why}", f"write {RULE}")

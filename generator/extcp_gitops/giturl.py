"""What may name a repository, a branch or a revision; decided before Git sees it.

Git's URLs can run programs (``ext::``), its options can too (``--upload-pack``), and a host that
begins with ``-`` becomes an option of ssh. So the forms that are wanted are listed here and all
else is refused, where a list of forbidden ones would have to follow each new trick.
"""

from __future__ import annotations

import ipaddress
import re
from typing import NoReturn

from extcp_gitops.errors import ExtcpError

_MAX_LENGTH = 2048

_HOST = r"[A-Za-z0-9](?:[A-Za-z0-9._-]*[A-Za-z0-9])?"
_USER = r"[A-Za-z0-9_](?:[A-Za-z0-9._-]*)"
_URL = re.compile(
    r"(?P<scheme>[a-z][a-z0-9+.-]*)://"
    r"(?:(?P<userinfo>[^/@]*)@)?"
    rf"(?P<host>\[[0-9A-Fa-f:.]+\]|{_HOST})?(?::(?P<port>[0-9]{{1,5}}))?"
    r"(?P<path>/.*)?",
)
_SCP_LIKE = re.compile(rf"{_USER}@{_HOST}:(?P<path>[^-/].*|/.+)")
_ENCODED_CONTROL = re.compile(r"%(?:[01][0-9A-Fa-f]|7[Ff])")
_MAX_PORT = 65535

_FORMS = "write it as https://HOST/PATH, ssh://git@HOST/PATH, git@HOST:PATH or file:///PATH"
_CREDENTIAL_REMEDY = (
    "never put a credential in a URL: it would end up in Git and in logs; leave it out, and let a "
    "credential helper of Git (see 'git help credentials') or an SSH key supply it"
)

_REF_FORBIDDEN = re.compile(r"[\x00-\x20\x7f~^:?*\[\\]|\.\.|@\{|//")
_ANCESTRY = re.compile(r"(?P<name>[^~^]*)(?:[~^][0-9]{0,6})*")
_REF_RULES = (
    "name a branch, a tag or a commit by Git's rules: no spaces, none of ~^:?*[\\, no '..', "
    "no leading '-' (see 'git help check-ref-format')"
)


def parse_url(text: str) -> str:
    """Return ``text``, unchanged, when it is a URL that Git may be given.

    Accepted are ``https://``, ``ssh://``, ``user@host:path``, ``file:///`` and absolute paths,
    and ``http://`` on a loopback address.

    Args:
        text: What a person typed.

    Raises:
        ExtcpError: EXTCP-G001 for another form, EXTCP-G002 for a credential in the URL (which the
            message does not repeat), EXTCP-G003 for plain http.
    """
    if not text or len(text) > _MAX_LENGTH:
        _refuse("it is empty" if not text else f"it has more than {_MAX_LENGTH} characters")
    if not text.isprintable() or any(character.isspace() for character in text):
        _refuse("it holds white space or a character that cannot be seen")
    if "$" in text or "\\" in text or _ENCODED_CONTROL.search(text):
        _refuse("it holds '$', '\\' or an encoded control character")
    if text.startswith("-") or re.match(r"[A-Za-z0-9]*::", text):
        _refuse("it would be an option or the call of a program")
    if text.startswith("/"):
        return text
    if "://" in text:
        _check_url(text)
    elif not _SCP_LIKE.fullmatch(text) or not text.isascii():
        _refuse("it has none of the accepted forms")
    return text


def _check_url(text: str) -> None:
    """Check the parts of ``scheme://…``."""
    url = _URL.fullmatch(text)
    if url is None:
        _refuse("it is no well-formed URL")
    scheme, host, path = url["scheme"], url["host"], url["path"] or ""
    if scheme not in {"https", "http", "ssh", "file"}:
        _refuse(f"'{scheme}' is none of https, ssh and file")
    _check_userinfo(scheme, url["userinfo"])
    if scheme == "file":
        if host or url["port"] or len(path) <= 1:
            _refuse("a file URL is file:// and an absolute path")
        return
    if not host or not _is_host(host) or len(path) <= 1 or not text.isascii():
        _refuse("it lacks a host, written in ASCII, or a path")
    if "?" in path or "#" in path:
        _refuse("it has a query or a fragment")
    if url["port"] and not 0 < int(url["port"]) <= _MAX_PORT:
        _refuse("its port is out of range")
    if scheme == "http" and not is_loopback(host):
        raise ExtcpError.of(
            "EXTCP-G003",
            "the repository's URL is plain http, which anybody on the way can read and change",
            "use https:// or ssh://",
        )


def _check_userinfo(scheme: str, userinfo: str | None) -> None:
    """Refuse anything that is, or may be, a credential; ssh wants the name of a user."""
    if userinfo is None or (scheme == "ssh" and re.fullmatch(_USER, userinfo)):
        return
    # Over https the "user" alone is a token on several forges, so it is refused too.
    raise ExtcpError.of(
        "EXTCP-G002", "the repository's URL holds a credential or a user", _CREDENTIAL_REMEDY
    )


def _is_host(host: str) -> bool:
    """Whether this is a host name, or an address (IPv6 in brackets)."""
    if not host.startswith("["):
        return ".." not in host
    try:
        ipaddress.IPv6Address(host[1:-1])
    except ValueError:
        return False
    return True


def is_loopback(host: str) -> bool:
    """Whether this host, as it stands in a URL, never leaves the machine."""
    if host == "localhost":
        return True
    try:
        return ipaddress.ip_address(host.strip("[]")).is_loopback
    except ValueError:
        return False


def _refuse(why: str) -> NoReturn:
    raise ExtcpError.of("EXTCP-G001", f"this cannot be the URL of a repository: {why}", _FORMS)


def check_ref_name(text: str) -> str:
    """Return ``text``, unchanged, when it can be the name of a branch, a tag or a commit.

    The rules are those of ``git check-ref-format --branch``, and the length a file name can have.

    Raises:
        ExtcpError: EXTCP-G004.
    """
    components = text.split("/")
    wrong = (
        not text
        or text == "@"
        or text.startswith("-")
        or text.endswith(".")
        or _REF_FORBIDDEN.search(text) is not None
        or not text.isprintable()
        or any(not _is_ref_component(component) for component in components)
    )
    if wrong:
        raise ExtcpError.of("EXTCP-G004", f"{text[:80]!r} cannot be a ref of Git", _REF_RULES)
    return text


def check_branch_name(text: str) -> str:
    """Return ``text``, unchanged, when a branch can have this name.

    Raises:
        ExtcpError: EXTCP-G004.
    """
    if text == "HEAD":
        raise ExtcpError.of("EXTCP-G004", "no branch can be named 'HEAD'", _REF_RULES)
    return check_ref_name(text)


def _is_ref_component(component: str) -> bool:
    """Whether Git, and the file system that it keeps refs in, takes this part of a name."""
    longest = 255 - len(".lock")
    return (
        0 < len(component.encode("utf-8", "replace")) <= longest
        and not component.startswith(".")
        and not component.endswith(".lock")
    )


def check_revision(text: str) -> str:
    """Return ``text``, unchanged, when it is a ref or an ancestor of one, such as ``main~2``.

    Raises:
        ExtcpError: EXTCP-G004.
    """
    revision = _ANCESTRY.fullmatch(text)
    check_ref_name(revision["name"] if revision else text)
    return text

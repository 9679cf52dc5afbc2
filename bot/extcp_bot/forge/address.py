"""From the URL of a repository to the API of its forge."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Final
from urllib.parse import urlsplit

from extcp_gitops.errors import ExtcpError
from extcp_gitops.giturl import is_loopback, parse_url
from extcp_gitops.inventory.model import Forge

_SCP: Final = re.compile(r"[^@/]+@(?P<host>[^:/]+):/?(?P<path>.+)")
_SSH_HOSTS: Final = {"ssh.github.com": "github.com", "altssh.gitlab.com": "gitlab.com"}
"""Where these forges serve SSH on the port of HTTPS."""
_SEGMENT: Final = re.compile(r"[A-Za-z0-9_.-]+")
_OWNER_AND_NAME: Final = 2
_FORMS: Final = "write it as https://HOST/OWNER/NAME.git in mesh.yaml"


@dataclass(frozen=True, slots=True)
class Address:
    """Where a repository is on its forge.

    Attributes:
        api: URL of the API, without a slash at its end.
        path: ``OWNER/NAME``; on GitLab with all groups.
    """

    api: str
    path: str


def address(forge: Forge, repository_url: str, api_url: str | None = None) -> Address:
    """The API that a repository's URL leads to.

    Args:
        forge: Its kind.
        repository_url: As Git takes it, over HTTPS or SSH.
        api_url: The API, where it is not at its usual place.

    Raises:
        ExtcpError: EXTCP-F001, the URL names no repository on such a forge; EXTCP-F002, the API's
            URL is none that a token may go to, EXTCP-F003, no forge is
            named; as ``giturl.parse_url``.
    """
    if forge is Forge.NONE:
        raise ExtcpError.of(
            "EXTCP-F003",
            "mesh.yaml does not say what forge the repository is on",
            "set repository.forge in mesh.yaml to gitea, github or gitlab, and run "
            "'extcp-gitops generate'",
        )
    origin, whole = _parts(parse_url(repository_url))
    segments = whole.removesuffix(".git").strip("/").split("/")
    if len(segments) < _OWNER_AND_NAME or not all(map(_is_segment, segments)):
        raise ExtcpError.of(
            "EXTCP-F001", "the repository's URL names no owner and repository", _FORMS
        )
    prefix: list[str] = []
    if forge is not Forge.GITLAB:  # which has groups in groups, and so cannot be told from a path
        prefix, segments = segments[:-_OWNER_AND_NAME], segments[-_OWNER_AND_NAME:]
    if api_url is not None:
        return Address(_checked(api_url), "/".join(segments))
    root = "/".join((origin, *prefix))
    return Address(_api(forge, root), "/".join(segments))


def _parts(url: str) -> tuple[str, str]:
    """``scheme://host[:port]`` of the forge's own pages, and the path."""
    if scp := _SCP.fullmatch(url):
        return _https(scp["host"]), scp["path"]
    parts = urlsplit(url)
    if parts.scheme == "ssh":  # its port is not that of HTTPS
        return _https(parts.hostname or ""), parts.path
    if parts.scheme not in {"https", "http"}:
        raise ExtcpError.of("EXTCP-F001", "the repository's URL leads to no forge", _FORMS)
    return f"{parts.scheme}://{parts.netloc}", parts.path


def _https(host: str) -> str:
    return f"https://{_SSH_HOSTS.get(host, host)}"


def _is_segment(text: str) -> bool:
    return _SEGMENT.fullmatch(text) is not None and text not in {".", ".."}


def _api(forge: Forge, root: str) -> str:
    match forge:
        case Forge.GITEA:
            return f"{root}/api/v1"
        case Forge.GITLAB:
            return f"{root}/api/v4"
        case _:
            return _github(root)


def _github(root: str) -> str:
    """github.com, GitHub Enterprise Cloud with data residency, or an Enterprise Server."""
    host = root.partition("://")[2]
    if host == "github.com" or host.endswith(".ghe.com"):
        return f"https://api.{host}"
    return f"{root}/api/v3"


def _checked(api_url: str) -> str:
    if not _is_safe(api_url):
        raise ExtcpError.of(
            "EXTCP-F002",
            "the URL of the forge's API is not one that a token may go to",
            "write it as https://HOST/PATH, without a user, a query or a fragment",
        )
    return api_url.rstrip("/")


def _is_safe(api_url: str) -> bool:
    try:
        parts = urlsplit(api_url)
    except ValueError:  # such as half an IPv6 address
        return False
    secure = parts.scheme == "https" or (
        parts.scheme == "http" and is_loopback(parts.hostname or "")
    )
    has_more = "@" in parts.netloc or parts.query or parts.fragment
    return secure and bool(parts.hostname) and not has_more

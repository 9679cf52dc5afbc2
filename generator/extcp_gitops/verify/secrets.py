"""Law 4, no secret in Git: neither in what is built nor in the bytes of any file.

A finding names the kind of secret, the file and the line, and never a character of the value. The
rules are for things that have a shape: keys, tokens of known forms, kubeconfigs, credentials in
URLs. A password that looks like any other word is beyond them.
"""

from __future__ import annotations

import errno
import os
import re
import stat
from typing import TYPE_CHECKING, Final, NamedTuple

from extcp_gitops.errors import Finding
from extcp_gitops.inventory.schema import MESH_FILE
from extcp_gitops.terminal import visible
from extcp_gitops.verify.objects import elsewhere
from extcp_gitops.write.paths import GENERATED_PLACES

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping
    from pathlib import Path

    from extcp_gitops.verify.objects import Document

_MAX_FILE_BYTES: Final = 16 << 20
_TOKEN_SECRET = "kubernetes.io/service-account-token"  # noqa: S105 - the name of a type
_REMEDY = (
    "revoke it, since Git keeps what it once had; then keep it out of Git: a Secret that is made "
    "in the cluster, or an ExternalSecret or SealedSecret"
)


class Rule(NamedTuple):
    """A kind of secret.

    Attributes:
        what: In words.
        needles: One of these is in every match; looked for first, which is a hundred times faster.
        pattern: The match.
    """

    what: str
    needles: tuple[bytes, ...]
    pattern: re.Pattern[bytes]


# The value of a key in YAML or JSON; templates, variables, placeholders and ciphertext are none.
_VALUE = rb"""["']?\s*:\s*["']?(?![<{$*%|>&"']|ENC\[|null\b|true\b|false\b)"""

RULES: Final = (
    Rule(
        "a private key",
        (b"PRIVATE KEY-----", b"LS0tLS1CRUdJTi"),
        re.compile(
            rb"-----BEGIN (?:[A-Z0-9]+ )*PRIVATE KEY-----"
            # The same in base64: PRIVATE, RSA, EC, DSA, ENCRYPTED and OPENSSH.
            rb"|LS0tLS1CRUdJTiB(?:QUklWQVRF|SU0EgUFJJVk|FQyBQUklW|EU0EgUFJJVk|FTkNSWVBU|PUEVOU1NI)"
        ),
    ),
    Rule(
        "a token (JWT)",
        (b"eyJ",),
        re.compile(rb"\beyJ[\w-]{8,}\.eyJ[\w-]{8,}\.[\w-]{8,}"),
    ),
    Rule(
        "a client key of a kubeconfig",
        (b"client-key-data",),
        re.compile(rb"\bclient-key-data" + _VALUE + rb"[\w+/=-]{16,}"),
    ),
    Rule(
        "a token",
        (b"token", b"Token"),
        re.compile(
            rb"(?<![\w.-])(?:token|id-token|refresh-token|access[_-]?token|bearerToken)"
            + _VALUE
            + rb"(?=[\w.+/=~:-]*[0-9])[\w.+/=~:-]{20,}"
        ),
    ),
    Rule(
        "a password",
        (b"password",),
        re.compile(rb"(?<![\w.-])password" + _VALUE + rb"""[^\s"',}]{6,}"""),
    ),
    Rule(
        "a credential in a URL",
        (b"://",),
        re.compile(rb"\b[a-z][a-z0-9+.-]*://[^\s/:@\"'<>{}$]+:(?![<{$*])[^\s/@\"'<>{}$]+@"),
    ),
    Rule(
        "a credential in an Authorization header",
        (b"uthorization",),
        re.compile(
            rb"(?i)\bauthorization[\"']?\s*[:=]\s*[\"']?(?:bearer|basic|token)\s+[\w.+/=~-]{8,}"
        ),
    ),
    Rule(
        "a token of a forge or a cloud",
        (
            b"gh",
            b"github_pat_",
            b"glpat-",
            b"AKIA",
            b"ASIA",
            b"xox",
            b"hvs.",
            b"AGE-SECRET-KEY-1",
            b"AIza",
        ),
        re.compile(
            rb"\b(?:gh[pousr]_[A-Za-z0-9]{30,}|github_pat_[A-Za-z0-9_]{30,}|glpat-[\w-]{18,}"
            rb"|A[KS]IA[A-Z0-9]{16}\b|xox[abeprs]-[\w-]{10,}|hvs\.[\w-]{20,}|AIza[\w-]{30,}"
            rb"|AGE-SECRET-KEY-1[A-Z0-9]{20,})"
        ),
    ),
)


def check_objects(documents: Mapping[Document, list[str]]) -> Iterator[Finding]:
    """Secrets among the objects: none but the empty one that the cluster fills with a token.

    Args:
        documents: Each with the directories that are built to it.
    """
    for document, directories in documents.items():
        if document.kind != "Secret" or document.group:
            continue
        has_data = any(document.data.get(field) for field in ("data", "stringData"))
        if has_data or document.data.get("type") != _TOKEN_SECRET:
            what = "holds data" if has_data else f"is not of the type {_TOKEN_SECRET}"
            yield Finding(
                "EXTCP-V030",
                f"{document}{elsewhere(directories)} {what}: a Secret in Git is no secret",
                _REMEDY,
                directories[0],
            )


def check_files(root: Path) -> tuple[list[Finding], list[Finding]]:
    """Secrets in the bytes of all files that a person or the generator wrote.

    Args:
        root: The repository.

    Returns:
        Findings, and findings about files that could not be read.
    """
    found: list[Finding] = []
    unread: list[Finding] = []
    for path in _files(root, (MESH_FILE, *GENERATED_PLACES), unread):
        try:
            content = _content(root / path)
        except OSError as error:
            unread.append(_unread(path, f"cannot be read ({error.strerror})"))
        else:
            found.extend(scan(content, visible(path)))
    return found, unread


def scan(content: bytes, path: str) -> Iterator[Finding]:
    """Secrets in the content of one file.

    Args:
        content: Its bytes.
        path: For the findings.
    """
    for rule in RULES:
        if not any(needle in content for needle in rule.needles):
            continue
        for match in rule.pattern.finditer(content):
            line = content.count(b"\n", 0, match.start()) + 1
            column = match.start() - content.rfind(b"\n", 0, match.start())
            yield Finding("EXTCP-V031", f"{rule.what} is in Git", _REMEDY, path, line, column)


def _files(root: Path, places: Iterable[str], unread: list[Finding]) -> Iterator[str]:
    """Paths of all files, in order; links are not followed."""

    def refused(error: OSError) -> None:
        path = os.path.relpath(error.filename, root)
        unread.append(_unread(path, f"cannot be listed ({error.strerror})"))

    for place in places:
        path = root / place
        if path.is_dir() and not path.is_symlink():
            for directory, below, names in os.walk(path, onerror=refused):
                below[:] = sorted(name for name in below if name != ".git")
                relative = os.path.relpath(directory, root)
                yield from (f"{relative}/{name}" for name in sorted(names))
        elif path.exists():
            yield place


def _content(path: Path) -> bytes:
    """The bytes of a file; none for what Git keeps none of, such as a link.

    Raises:
        OSError: It is too large, or cannot be read.
    """
    status = path.lstat()
    if not stat.S_ISREG(status.st_mode):
        return b""
    if status.st_size > _MAX_FILE_BYTES:
        raise OSError(errno.EFBIG, f"larger than {_MAX_FILE_BYTES >> 20} MiB")
    return path.read_bytes()


def _unread(path: str, why: str) -> Finding:
    message = f"{why}, so it was not searched for secrets"
    return Finding("EXTCP-V032", message, "make it readable, or move it elsewhere", visible(path))

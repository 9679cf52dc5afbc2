"""The stamp: how a generated file says that it is one, and whether a person edited it since.

Each generated file carries its own proof, so there is no list of owned files that two pull
requests would both have to change. The checksum covers every byte of the file but its own digits,
with CRLF read as LF: what Git's ``core.autocrlf`` does to a checkout is no edit.
"""

from __future__ import annotations

import enum
import hashlib
import re
from pathlib import PurePosixPath

MARK = "extcp-gitops:generated sha256="
HINT = (
    "Do not edit: change mesh.yaml or clusters/*/cluster.yaml and run extcp-gitops generate; "
    "additions of your own go to clusters/*/custom/."
)
HEAD_LINES = 5
HEAD_BYTES = 1024
"""The stamp stands within the first lines and bytes; whatever comes later is content."""

_MARK = MARK.encode()
_STAMP = re.compile(re.escape(_MARK) + rb"([0-9a-f]{64})(?![0-9a-f])")
_HASH_COMMENTS = frozenset({".yaml", ".yml", ".gitattributes", ".gitignore"})


class Ownership(enum.Enum):
    """Whose file it is, as far as the file itself tells."""

    FOREIGN = "foreign"
    """No stamp: a person's."""
    INTACT = "intact"
    """Generated, and as it was written."""
    EDITED = "edited"
    """Generated, and changed by a person since."""


def stamp(path: str, body: str) -> bytes:
    """The file as it is to be written: the stamp, a hint for people, and the body.

    Args:
        path: Decides the form of the comment; ``.yaml``, ``.yml``, ``.gitattributes``,
            ``.gitignore``, ``.md`` or ``.json``.
        body: The content; for JSON an object with its first member on a line of its own.

    Raises:
        ValueError: A bug of the caller: no form of comment is known for the path or the body.
    """
    opening, closing = _around_digest(path, body)
    return f"{opening}{_digest((opening + closing).encode())}{closing}".encode()


def ownership(content: bytes) -> Ownership:
    """Whose file this is; its first ``HEAD_BYTES`` suffice to tell a foreign one."""
    head = b"\n".join(content[:HEAD_BYTES].split(b"\n", HEAD_LINES)[:HEAD_LINES])
    if _MARK not in head:
        return Ownership.FOREIGN
    found = _STAMP.search(head)
    if found is None:
        return Ownership.EDITED
    rest = content[: found.start(1)] + content[found.end(1) :]
    return Ownership.INTACT if _digest(rest) == found[1].decode() else Ownership.EDITED


def normalised(content: bytes) -> bytes:
    """The content with the line endings that Git stores under ``core.autocrlf``."""
    return content.replace(b"\r\n", b"\n")


def _around_digest(path: str, body: str) -> tuple[str, str]:
    name = PurePosixPath(path)
    kind = name.suffix or name.name
    if kind in _HASH_COMMENTS:
        return f"# {MARK}", f"\n# {HINT}\n{body}"
    if kind == ".md":
        return f"<!-- {MARK}", f" -->\n<!-- {HINT} -->\n{body}"
    if kind == ".json" and body.startswith('{\n  "'):
        return f'{{\n  "$comment": "{MARK}', f'. {HINT}",\n{body.removeprefix("{" + chr(10))}'
    raise ValueError(f"no stamp is known for {path}")


def _digest(content: bytes) -> str:
    return hashlib.sha256(normalised(content)).hexdigest()

"""Encryption by the program ``sops`` (https://getsops.io), for the keys of the repository."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING, Any, Final

from extcp_gitops import process
from extcp_gitops.errors import ExtcpError
from extcp_gitops.yamlio.dump import dump
from extcp_gitops.yamlio.load import load_objects

if TYPE_CHECKING:
    from pathlib import Path

_SECONDS: Final = 60.0
# Where the keys are, and what it takes to use those of a cloud.
_KEYS: Final = ("SOPS_", "AWS_", "GOOGLE_", "AZURE_", "VAULT_")
_VALUES: Final = "^(data|stringData)$"
_RULES: Final = "see the creation_rules of .sops.yaml, and run sops by hand on a file of that name"


def encrypt(root: Path, path: str, secret: dict[str, Any], recipients: str = "") -> bytes:
    """A Secret with encrypted values, as a file in YAML.

    The clear text goes to the program's standard input, and nowhere else.

    Args:
        root: The repository, whose ``.sops.yaml`` says for whom.
        path: Of the file that it is for, relative to it.
        secret: The object; the values of its ``data`` are encrypted.
        recipients: Of age, in place of what ``.sops.yaml`` says.

    Raises:
        ExtcpError: EXTCP-T001 where there is no program, EXTCP-T003 to EXTCP-T006 where it fails,
            EXTCP-B061 where it says something else than that file.
    """
    keys = {name: text for name, text in os.environ.items() if name.startswith(_KEYS)}
    done = process.run(
        [
            "sops",
            "encrypt",
            f"--filename-override={path}",
            "--input-type=yaml",
            "--output-type=yaml",
            f"--encrypted-regex={_VALUES}",
            *([f"--age={recipients}"] if recipients else []),
            "/dev/stdin",
        ],
        timeout=_SECONDS,
        cwd=root,
        env=process.environment(**keys),
        stdin=dump(secret).encode(),
    )
    _require_encrypted(done.stdout, secret)
    return done.stdout


def _require_encrypted(printed: bytes, secret: dict[str, Any]) -> None:
    """A version that does not do as it is told would put the clear text into Git."""
    try:
        (document,) = load_objects(printed)
        values = document["data"].values()
        is_encrypted = "sops" in document and all(str(v).startswith("ENC[") for v in values)
        is_same = document["metadata"] == secret["metadata"]
    except (ExtcpError, ValueError, LookupError, TypeError, AttributeError):
        is_encrypted = is_same = False
    clear = any(value.encode() in printed for value in secret["data"].values())
    if clear or not (is_encrypted and is_same):
        raise ExtcpError.of(
            "EXTCP-B061", "sops gave something else than the Secret with encrypted values", _RULES
        )

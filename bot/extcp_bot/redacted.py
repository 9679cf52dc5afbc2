"""Objects of a cluster without what nobody else may see, for evidence that leaves the house.

Every value of a Secret goes, whatever it is; so does what is called like a credential, looks like
one, or is one that this process holds. Certificates stay: they are public, and are what half of
the questions are about.
"""

from __future__ import annotations

import base64
import binascii
import re
from typing import Any, Final

from extcp_bot.access.model import HIDDEN, hide
from extcp_gitops.redact import redact

_DEEPEST: Final = 64
_LONGEST: Final = 1 << 20
_DROPPED: Final = frozenset({"managedFields", "kubectl.kubernetes.io/last-applied-configuration"})
_SECRET_FIELDS: Final = frozenset({"data", "stringData"})
_BASE64: Final = re.compile(r"[A-Za-z0-9+/\s]+={0,2}\s*")
_PEM: Final = r"-----BEGIN CERTIFICATE-----[A-Za-z0-9+/=\s]+-----END CERTIFICATE-----"
_CERTIFICATE: Final = re.compile(f"({_PEM})")
_CERTIFICATES: Final = re.compile(rf"(?:\s*{_PEM})+\s*")


def value(path: str, found: Any) -> Any:  # noqa: ANN401 - JSON
    """What was read, without credentials.

    Args:
        path: From where: below ``secrets`` every object is a Secret, whatever it says it is.
        found: JSON; of anything else, what it looks like as a text.
    """
    is_secret = "secrets" in re.split(r"[/?#\s]", path)
    return _value(found, is_secret=is_secret, depth=0)


def text(found: str) -> str:
    """A text such as a log, without credentials, and at most a mebibyte of it."""
    if len(found) > _LONGEST:  # not within a word: half a token would not be known for one
        words = found[:_LONGEST].rsplit(None, 1)
        found = f"{words[0] if words[1:] else ''}\n(cut off here)\n"
    parts = _CERTIFICATE.split(hide(found))  # every second one is a certificate
    return "".join(part if number % 2 else redact(part) for number, part in enumerate(parts))


def _value(found: Any, *, is_secret: bool, depth: int) -> Any:  # noqa: ANN401 - JSON
    if depth > _DEEPEST:
        return HIDDEN
    match found:
        case None | bool() | int() | float():
            return found
        case dict():
            return _object(found, is_secret=is_secret, depth=depth + 1)
        case list() | tuple():
            return [_value(each, is_secret=is_secret, depth=depth + 1) for each in found]
        case str():
            return found if _is_encoded_certificates(found) else text(found)
    return text(str(found))


def _object(found: dict[Any, Any], *, is_secret: bool, depth: int) -> dict[str, Any]:
    is_secret = is_secret or found.get("kind") in {"Secret", "SecretList"}
    result: dict[str, Any] = {}
    for name, inner in found.items():
        if name in _DROPPED:
            continue
        if is_secret and name in _SECRET_FIELDS:
            hidden = dict.fromkeys(map(str, inner), HIDDEN) if isinstance(inner, dict) else HIDDEN
            result[str(name)] = hidden
        elif isinstance(inner, str) and _is_credential(_called(found, str(name)), inner):
            result[str(name)] = HIDDEN
        else:
            result[text(str(name))] = _value(inner, is_secret=is_secret, depth=depth)
    return result


def _called(found: dict[Any, Any], name: str) -> str:
    """What a value is called: by its key, or as ``name`` and ``value`` of an environment."""
    own = found.get("name")
    return own if name == "value" and isinstance(own, str) else name


def _is_credential(name: str, found: str) -> bool:
    written = f"{name[-200:]}={found[:200]}"
    return redact(written) != written and redact(found[:200]) == found[:200]


def _is_encoded_certificates(found: str) -> bool:
    """Whether a text is certificates and nothing else, in base64, as in a caBundle."""
    if len(found) > _LONGEST or not _BASE64.fullmatch(found):
        return False
    try:
        inner = base64.b64decode(found).decode()
    except (binascii.Error, ValueError):
        return False
    return bool(_CERTIFICATES.fullmatch(inner))

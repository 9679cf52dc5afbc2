"""Objects of a cluster without what nobody else may see, for evidence that leaves the house.

Every value of a Secret goes, whatever it is; so does what is called like a credential, looks like
one, or is one that this process holds. Where people write what they like (annotations, variables,
arguments, ConfigMaps), no rule knows a credential from a word: there, only that stays which Istio,
Argo CD or the generator have put there. Certificates stay: they are public, and are what half of
the questions are about.
"""

from __future__ import annotations

import base64
import binascii
import re
from typing import Any, Final

from extcp_bot.access.model import HIDDEN, hide
from extcp_gitops.errors import ExtcpError
from extcp_gitops.redact import redact
from extcp_gitops.yamlio.load import parse

_DEEPEST: Final = 64
_LONGEST: Final = 1 << 20
_DROPPED: Final = frozenset({"managedFields", "kubectl.kubernetes.io/last-applied-configuration"})
_SECRET_FIELDS: Final = frozenset({"data", "stringData"})
_CONFIG_FIELDS: Final = frozenset({"data", "binaryData"})
_SECRET, _CONFIG_MAP = "Secret", "ConfigMap"
_KINDS: Final = {"secrets": _SECRET, "configmaps": _CONFIG_MAP}
_KINDS_OF_OBJECTS: Final = {
    f"{kind}{ending}": kind for kind in _KINDS.values() for ending in ("", "List")
}
_LONGEST_CONFIG: Final = 64 << 10
_OWN_CONTAINERS: Final = frozenset({"discovery", "istio-proxy"})
_LINES: Final = frozenset({"args", "command"})
# Maps in which people write what they like, and what of it may be shown: in annotations what the
# checks read and the generator writes, in variables what istiod and the proxy are told.
_ANNOTATIONS: Final = re.compile(
    r"argocd\.argoproj\.io/[a-z-]+|control-plane\.alpha\.kubernetes\.io/leader"
    r"|kubernetes\.io/service-account\.name|networking\.istio\.io/cluster"
    r"|(?:inject|sidecar)\.istio\.io/(?:inject|status|templates)"
    r"|topology\.istio\.io/controlPlaneClusters|traffic\.istio\.io/nodeSelector"
)
_VARIABLES: Final = re.compile(
    r"PILOT_[A-Z0-9_]+|ISTIO_META_(?:CLUSTER_ID|DNS_[A-Z_]+|INTERCEPTION_MODE|MESH_ID|NETWORK"
    r"|REQUESTED_NETWORK_VIEW|UNPRIVILEGED_POD)|(?:INJECTION|VALIDATION)_WEBHOOK_CONFIG_NAME"
    r"|CA_ADDR|(?:CA|XDS)_ROOT_CA|CA_TRUSTED_NODE_ACCOUNTS|CLUSTER_ID|EXTERNAL_ISTIOD|ISTIOD_CUSTOM_HOST|JWT_POLICY"
    r"|KUBECONFIG|LOCAL_CLUSTER_SECRET_WATCHER|PLATFORM|REVISION|SHARED_MESH_CONFIG|TRUST_DOMAIN"
)
_NOTHING: Final = re.compile(r"(?!)")
_MAPS: Final = {
    "annotations": _ANNOTATIONS,
    "helm": _NOTHING,  # of a source of Argo CD's, where the generator writes neither
    "includeAdditionalHeadersInCheck": _NOTHING,
    "plugin": _NOTHING,
    "proxyMetadata": _VARIABLES,
    "volumeAttributes": _NOTHING,
}
# Variables by whose names people say that they are credentials, in logs and in what istiod is told.
_CALLED: Final = re.compile(
    r"\b([A-Z][A-Z0-9_]{0,60}(?:AUTH|CREDENTIALS?|DSN|KEY|PASS|PWD?|WEBHOOK)"
    r"[\\\"']{0,2}[ \t]*[:=][ \t]*[\\\"']{0,2})[^\s\\\"',;&]{3,}"
)
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
    parts = re.split(r"[/?#\s]", path)
    kind = next((kind for plural, kind in _KINDS.items() if plural in parts), "")
    return _value(found, kind, depth=0)


def text(found: str) -> str:
    """A text such as a log, without credentials, and at most a mebibyte of it."""
    if len(found) > _LONGEST:  # not within a word: half a token would not be known for one
        words = found[:_LONGEST].rsplit(None, 1)
        found = f"{words[0] if words[1:] else ''}\n(cut off here)\n"
    parts = _CERTIFICATE.split(hide(found))  # every second one is a certificate
    return "".join(part if number % 2 else _redact(part) for number, part in enumerate(parts))


def _redact(found: str) -> str:
    return _CALLED.sub(rf"\1{HIDDEN}", redact(found))


def _value(found: Any, kind: str, *, depth: int) -> Any:  # noqa: ANN401 - JSON
    if depth > _DEEPEST:
        return HIDDEN
    match found:
        case None | bool() | int() | float():
            return found
        case dict():
            return _object(found, kind, depth=depth + 1)
        case list() | tuple():
            return [_value(each, kind, depth=depth + 1) for each in found]
        case str():
            return found if _is_encoded_certificates(found) else text(found)
    return text(str(found))


def _object(found: dict[Any, Any], kind: str, *, depth: int) -> dict[str, Any]:
    kind = _KINDS_OF_OBJECTS.get(str(found.get("kind")), kind)
    result: dict[str, Any] = {}
    for key, inner in found.items():
        name = str(key)
        if name in _DROPPED:
            continue
        if kind == _SECRET and name in _SECRET_FIELDS:
            result[name] = _hidden(inner)
        elif kind == _CONFIG_MAP and name in _CONFIG_FIELDS:
            result[name] = _config(inner, depth=depth)
        elif name in _MAPS and isinstance(inner, dict):
            result[name] = _map(inner, _MAPS[name], depth=depth)
        elif _is_of_people(found, name) or _is_credential(name, inner):
            result[name] = HIDDEN
        else:
            result[text(name)] = _value(inner, kind, depth=depth)
    return result


def _hidden(values: object) -> Any:  # noqa: ANN401 - JSON
    """The names of the values alone."""
    return _names(values) if isinstance(values, dict) else HIDDEN


def _names(values: dict[Any, Any]) -> dict[str, Any]:
    return {text(str(name)): HIDDEN for name in values}


def _map(found: dict[Any, Any], shown: re.Pattern[str], *, depth: int) -> dict[str, Any]:
    """Of a map in which people write what they like, the values with names that are known."""
    kept = {name: inner for name, inner in found.items() if shown.fullmatch(str(name))}
    rest = {name: inner for name, inner in found.items() if name not in _DROPPED | kept.keys()}
    return _names(rest) | _object(kept, "", depth=depth)


def _config(found: object, *, depth: int) -> Any:  # noqa: ANN401 - JSON
    """The values of a ConfigMap: certificates as they are, documents as what they say."""
    if not isinstance(found, dict):
        return HIDDEN
    return {text(str(name)): _document(inner, depth=depth) for name, inner in found.items()}


def _document(found: object, *, depth: int) -> Any:  # noqa: ANN401 - JSON
    if not isinstance(found, str) or len(found) > _LONGEST_CONFIG:
        return HIDDEN
    if _CERTIFICATES.fullmatch(found):
        return found
    try:
        return _value(parse(found.encode(errors="replace"), "").data, "", depth=depth)
    except ExtcpError:
        return HIDDEN


def _is_of_people(found: dict[Any, Any], name: str) -> bool:
    """Whether a value is what a container is told and is not known, or one of a pair like that."""
    own = found.get("name")
    if name in _LINES:
        return own not in _OWN_CONTAINERS
    if name != "value" or not isinstance(own, str):
        return False
    return not _VARIABLES.fullmatch(own) or _is_credential(own, found[name])


def _is_credential(name: str, found: object) -> bool:
    if not isinstance(found, str):
        return False
    written = f"{name[-200:]}={found[:200]}"
    return _redact(written) != written and _redact(found[:200]) == found[:200]


def _is_encoded_certificates(found: str) -> bool:
    """Whether a text is certificates and nothing else, in base64, as in a caBundle."""
    if len(found) > _LONGEST or not _BASE64.fullmatch(found):
        return False
    try:
        inner = base64.b64decode(found).decode()
    except (binascii.Error, ValueError):
        return False
    return bool(_CERTIFICATES.fullmatch(inner))

"""What may be a name, and why; one place for all rules about names.

The rules are Kubernetes' own (RFC 1123), because each name becomes the name of an object, a
directory and a part of a URL. All patterns are used with ``fullmatch``: ``$`` would let a
trailing newline through.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from extcp_gitops.yamlio.dump import scalar

if TYPE_CHECKING:
    from collections.abc import Collection

LABEL = r"[a-z0-9]([-a-z0-9]{0,61}[a-z0-9])?"
"""RFC 1123 label: namespaces, and each part of a cluster's name."""

CLUSTER_NAME = rf"{LABEL}(/{LABEL})*"
"""A cluster ID; Istio writes ``/`` as ``--slash--`` in the path of the webhook."""

SUBDOMAIN = r"[a-z0-9]([-a-z0-9]*[a-z0-9])?(\.[a-z0-9]([-a-z0-9]*[a-z0-9])?)*"
"""RFC 1123 subdomain: Secrets, issuers, host names."""

LABEL_VALUE = r"[A-Za-z0-9]([-_.A-Za-z0-9]{0,61}[A-Za-z0-9])?"
"""Value of a Kubernetes label; a network is one."""

LABEL_KEY = rf"({SUBDOMAIN}/)?{LABEL_VALUE}"

MESH_ID = LABEL

SLASH = "--slash--"

_MAX_SLUG = 63
"""The slug is the value of a label."""

# Names that a checkout on another operating system could not hold.
_DEVICE_NAMES = frozenset(
    {"con", "prn", "aux", "nul"}
    | {f"{port}{number}" for port in ("com", "lpt") for number in range(1, 10)}
)

# The last two are directories beside those of the control planes, below istio/<version>/.
_RESERVED_NAMESPACES = frozenset({"default", "istio-system", "crds", "ingress-gateway"})


def cluster_name_problem(name: str) -> str | None:
    """Say why ``name`` cannot be a cluster, or None when it can."""
    if not re.fullmatch(CLUSTER_NAME, name):
        return (
            "a cluster's name is made of lower-case letters, digits and '-', begins and ends "
            "with a letter or digit, and may have parts joined by '/'"
        )
    if SLASH in name:
        return f"'{SLASH}' is how Istio writes '/' in a cluster's name"
    slug = name.replace("/", SLASH)
    if len(slug) > _MAX_SLUG:
        return f"it has {len(slug)} characters as '{slug[:20]}…'; at most {_MAX_SLUG} fit a label"
    if name in _DEVICE_NAMES:
        return "no file can have that name on some operating systems"
    return None


def cluster_name_of_directory(directory: str) -> str:
    """The cluster's name that belongs to a directory below ``clusters/``."""
    return directory.replace(SLASH, "/")


def namespace_problem(name: str, taken: Collection[str] = ()) -> str | None:
    """Say why a control plane cannot have this name, which is its namespace, or None."""
    if not re.fullmatch(LABEL, name):
        return (
            "a control plane's name is its namespace: lower-case letters, digits and '-', "
            "at most 63 characters, beginning and ending with a letter or digit"
        )
    if name in _RESERVED_NAMESPACES or name in taken or name.startswith("kube-"):
        return f"'{name}' is taken: something else uses it as a namespace or directory"
    if scalar(name) != name:
        return f"Istio's charts write '{name}' without quotes, and YAML reads that as no name"
    return None


def next_cluster_name(taken: Collection[str], prefix: str = "remote-cluster-") -> str:
    """The lowest ``remote-cluster-N`` that is not taken; N counts from 1."""
    number = 1
    while f"{prefix}{number}" in taken:
        number += 1
    return f"{prefix}{number}"

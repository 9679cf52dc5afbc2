"""What Argo CD will apply to a candidate once it has joined, as far as rights are concerned."""

from __future__ import annotations

import functools
import re
from typing import TYPE_CHECKING, Any, Final

from extcp_bot.kube.failure import CannotLookError
from extcp_bot.live.versions import CRD_GROUP
from extcp_gitops import plan
from extcp_gitops.errors import ExtcpError
from extcp_gitops.render.remote_cluster import system_namespace

if TYPE_CHECKING:
    from pathlib import Path

    from extcp_bot.target import Target

    Object = dict[str, Any]

_CRD: Final = "CustomResourceDefinition"
_AFTER_CONSONANT: Final = re.compile(r"[^aeiou]y$")


def objects(target: Target) -> list[Object]:
    """The objects of the bases that the cluster's directory will build on, and its Namespace.

    The bases are in the repository before any cluster uses them, for they depend on ``mesh.yaml``
    and the config cluster alone. CRDs are left out, which are the same for every cluster.

    Args:
        target: The candidate.

    Raises:
        CannotLookError: The repository does not have a base.
    """
    inventory = target.fleet.inventory
    found = [system_namespace(inventory, target.cluster)]
    for base in plan.bases_of(inventory, target.cluster):
        found.extend(_of_base(target, base))
    return found


def kinds(target: Target) -> set[tuple[str, str, str]]:
    """Group, plural and namespace of what will be applied; no namespace for the whole cluster.

    Raises:
        CannotLookError: As for :func:`objects`.
    """
    wanted = {
        (group_of(item), plural(item["kind"]), namespace_of(item)) for item in objects(target)
    }
    return {(CRD_GROUP, plural(_CRD), ""), *wanted}


def is_cluster_scoped(item: Object) -> bool:
    """Whether an object stands in no namespace."""
    return not namespace_of(item)


def namespace_of(item: Object) -> str:
    """Its namespace, which istioctl names wherever there is one; empty for what has none."""
    return str(item["metadata"].get("namespace") or "")


def group_of(item: Object) -> str:
    """Its API group; empty for the core."""
    return str(item["apiVersion"]).rpartition("/")[0]


def plural(kind: str) -> str:
    """How a kind is called in paths and in RBAC, for the kinds that are generated."""
    name = kind.lower()
    if _AFTER_CONSONANT.search(name):
        return f"{name[:-1]}ies"
    return f"{name}es" if name.endswith(("s", "ch", "x")) else f"{name}s"


def path_of(item: Object) -> str:
    """The path of an object that stands in no namespace."""
    version = item["apiVersion"]
    base = f"/apis/{version}" if "/" in version else f"/api/{version}"
    return f"{base}/{plural(item['kind'])}/{item['metadata']['name']}"


def _of_base(target: Target, base: str) -> tuple[Object, ...]:
    from extcp_gitops.render.bases import MANIFESTS  # noqa: PLC0415 - yaml when needed

    path = target.fleet.root / base / MANIFESTS
    try:
        return _read(path, path.stat().st_mtime_ns)
    except (OSError, ExtcpError):
        why = f"{base}/{MANIFESTS} of the repository cannot be read"
        remedy = "run 'extcp-gitops generate' there, or say with -C where the repository is"
        raise CannotLookError(why, remedy, base) from None


@functools.lru_cache(maxsize=64)
def _read(path: Path, _time: int) -> tuple[Object, ...]:
    from extcp_gitops.yamlio.load import load_objects  # noqa: PLC0415 - yaml when needed

    return tuple(load_objects(path.read_bytes()))

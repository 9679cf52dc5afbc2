"""What the repository wants of a remote cluster, as istioctl rendered it for the target version."""

from __future__ import annotations

import functools
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

from extcp_bot.kube.failure import CannotLookError
from extcp_bot.live.rbac import Rule
from extcp_gitops import plan
from extcp_gitops.errors import ExtcpError

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from extcp_bot.live.identity import Account
    from extcp_bot.target import Target

_GROUP: Final = "rbac.authorization.k8s.io/"
_CLUSTER_WIDE: Final = "ClusterRoleBinding"


@dataclass(frozen=True, slots=True)
class Wanted:
    """The rules that a ServiceAccount is to have.

    Attributes:
        base: The directory that says so, relative to the repository.
        everywhere: For the whole cluster.
        inside: For the account's own namespace alone.
    """

    base: str
    everywhere: frozenset[Rule]
    inside: frozenset[Rule]


def wanted(target: Target, account: Account) -> Wanted:
    """The rules that the repository binds to a ServiceAccount on the target's cluster.

    Read once for all clusters with the same base.

    Raises:
        CannotLookError: The repository does not have the base, or it binds nothing to the account.
    """
    from extcp_gitops.render.bases import MANIFESTS  # noqa: PLC0415 - yaml when needed

    part = "config-cluster" if target.is_config else "remote-cluster"
    base = plan.control_plane_path(target.fleet.inventory, target.plane, part)
    path = target.fleet.root / base / MANIFESTS
    try:
        # The time is part of the key: with --watch, the next round may see another repository.
        found = _read(path, path.stat().st_mtime_ns, account)
    except (OSError, ExtcpError):
        found = None
    if found is None or not found[0]:
        why = f"{base}/{MANIFESTS} of the repository says nothing of {account.user}"
        remedy = "run 'extcp-gitops generate' there, or say with -C where the repository is"
        raise CannotLookError(why, remedy, base)
    return Wanted(base, *found)


@functools.lru_cache(maxsize=64)
def _read(path: Path, _time: int, account: Account) -> tuple[frozenset[Rule], frozenset[Rule]]:
    from extcp_gitops.yamlio.load import load_objects  # noqa: PLC0415 - yaml when needed

    objects = [
        item
        for item in load_objects(path.read_bytes())
        if str(item.get("apiVersion")).startswith(_GROUP)
    ]
    roles = {
        (item["kind"], item["metadata"].get("namespace"), item["metadata"]["name"]): item
        for item in objects
    }
    everywhere: set[Rule] = set()
    inside: set[Rule] = set()
    for binding in filter(lambda item: _binds(item, account), objects):
        is_cluster_wide = binding["kind"] == _CLUSTER_WIDE
        (everywhere if is_cluster_wide else inside).update(_rules(binding, roles))
    return frozenset(everywhere), frozenset(inside)


def _binds(item: dict[str, Any], account: Account) -> bool:
    if item["metadata"].get("namespace", account.namespace) != account.namespace:
        return False
    return any(
        (subject.get("kind"), subject.get("namespace"), subject.get("name"))
        == ("ServiceAccount", account.namespace, account.name)
        for subject in item.get("subjects") or []
    )


def _rules(
    binding: dict[str, Any], roles: dict[tuple[str, str | None, str], dict[str, Any]]
) -> Iterator[Rule]:
    reference = binding["roleRef"]
    namespace = binding["metadata"].get("namespace") if reference["kind"] == "Role" else None
    role = roles.get((reference["kind"], namespace, reference["name"]), {})
    return (Rule.of(rule) for rule in role.get("rules") or [])

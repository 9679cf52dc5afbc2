"""The forms of Argo CD's objects, whatever they are for; ``argocd`` says what they are for."""

from __future__ import annotations

import hashlib
import re
from typing import TYPE_CHECKING, Any, Final

if TYPE_CHECKING:
    from collections.abc import Collection, Sequence

    from extcp_gitops.inventory.model import Cluster, Inventory

    Kinds = Collection[tuple[str, str]]

Object = dict[str, Any]

ANNOTATION: Final = "argocd.argoproj.io"
COMPARE: Final = {f"{ANNOTATION}/compare-options": "ServerSideDiff=true"}
REVISIONS: Final = 3  # Git is the history

_HASH_DIGITS = 10
_GLOB_SYNTAX = re.compile(r"[?*\\\[\]{},!]")


def project(
    inventory: Inventory,
    cluster: Cluster,
    name: str,
    *,
    labels: dict[str, str],
    description: str,
    namespaces: set[str],
    cluster_kinds: Kinds,
    namespaced_kinds: Kinds,
) -> Object:
    """An AppProject: this repository, one cluster alone, and named kinds only.

    Orphaned resources are not watched: istiod's own ``istio-ca-root-cert`` is in every namespace.

    Args:
        inventory: Valid.
        cluster: The one that it reaches.
        name: Of the project.
        labels: Of the project.
        description: For people.
        namespaces: Where it may put something.
        cluster_kinds: Group and kind of cluster-scoped objects; at least one.
        namespaced_kinds: Group and kind of the others; at least one.

    Raises:
        ValueError: There is no kind of one sort. Argo CD may drop an empty list, and takes no list
            of namespaced kinds to mean that all are allowed.
    """
    if not cluster_kinds or not namespaced_kinds:
        raise ValueError(f"a project for {cluster.name} that allows no kind allows all")
    # A project matches a cluster by name or by server, and reads both as globs.
    reached = {
        key: _GLOB_SYNTAX.sub(r"\\\g<0>", value) for key, value in destination(cluster).items()
    }
    # First to come, and so the last to go: whatever belongs to it needs it.
    result = new(inventory, "AppProject", name, labels, {f"{ANNOTATION}/sync-wave": "-1"})
    result["spec"] = {
        "description": description,
        "sourceRepos": [inventory.mesh.repository.url],
        "destinations": [reached | {"namespace": each} for each in sorted(namespaces)],
        "clusterResourceWhitelist": allowed(cluster_kinds),
        "namespaceResourceWhitelist": allowed(namespaced_kinds),
    }
    return result


def application(
    inventory: Inventory,
    cluster: Cluster,
    name: str,
    paths: Sequence[str],
    *,
    project: str,
    namespace: str,
    labels: dict[str, str],
) -> Object:
    """An Application without a sync policy.

    Args:
        inventory: Valid.
        cluster: Where it deploys to.
        name: Of the Application.
        paths: Directories that it is rendered from, relative to the repository; the first is the
            one that is built.
        project: Name of its AppProject.
        namespace: Of objects that name none.
        labels: Of the Application.
    """
    rendered_from = ";".join(f"/{path}" for path in paths)
    annotations = COMPARE | {f"{ANNOTATION}/manifest-generate-paths": rendered_from}
    result = new(inventory, "Application", name, labels, annotations)
    result["spec"] = {
        "project": project,
        "source": source(inventory, paths[0]),
        "destination": destination(cluster) | {"namespace": namespace},
        "revisionHistoryLimit": REVISIONS,
    }
    return result


def new(
    inventory: Inventory,
    kind: str,
    name: str,
    labels: dict[str, str],
    annotations: dict[str, str],
) -> Object:
    """An object of Argo CD in its own namespace, without a spec."""
    return {
        "apiVersion": "argoproj.io/v1alpha1",
        "kind": kind,
        "metadata": {
            "name": name,
            "namespace": inventory.mesh.argocd_namespace,
            "labels": labels,
            "annotations": annotations,
        },
    }


def source(inventory: Inventory, path: str) -> Object:
    """A directory of this repository, at the branch that Argo CD follows."""
    repository = inventory.mesh.repository
    return {"repoURL": repository.url, "targetRevision": repository.branch, "path": path}


def destination(cluster: Cluster) -> dict[str, str]:
    """The cluster as Argo CD knows it."""
    known = cluster.destination
    if known.server is not None:
        return {"server": known.server}
    if known.name is None:
        raise ValueError("a destination has a name or a server")
    return {"name": known.name}


def sync_policy(*, prune: bool, options: list[str]) -> Object:
    """Sync by itself, without end, and undo what was changed by hand.

    Args:
        prune: Delete what Git has no more.
        options: Beside server-side apply.
    """
    return {
        # What is false is left out: Argo CD takes such fields off the live object, and the root
        # would put them back for ever. allowEmpty is false, then, which law 5 asks for.
        "automated": {**({"prune": True} if prune else {}), "selfHeal": True},
        "syncOptions": ["ServerSideApply=true", *options],
        # The first bootstrap waits for a person to deliver credentials, for an hour or a day, and
        # Argo CD never tries a revision again that it has given up. So it retries without end
        # and, lest it hang on to an old revision meanwhile, each time with the newest (3.2).
        "retry": {
            "limit": -1,
            "refresh": True,
            "backoff": {"duration": "10s", "factor": 2, "maxDuration": "3m"},
        },
    }


def allowed(kinds: Kinds) -> list[Object]:
    """Kinds as an AppProject lists them."""
    return [{"group": group, "kind": kind} for group, kind in sorted(kinds)]


def bounded(name: str, longest: int) -> str:
    """The name, or its beginning and a hash of it where it is too long."""
    if len(name) <= longest:
        return name
    digest = hashlib.sha256(name.encode()).hexdigest()[:_HASH_DIGITS]
    return f"{name[: longest - _HASH_DIGITS - 1].rstrip('-.')}-{digest}"

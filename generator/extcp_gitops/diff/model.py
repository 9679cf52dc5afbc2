"""A difference as data, for whoever prints it."""

from __future__ import annotations

import enum
from dataclasses import dataclass
from typing import TYPE_CHECKING

from extcp_gitops.errors import ExitCode
from extcp_gitops.verify.objects import title

if TYPE_CHECKING:
    from extcp_gitops.errors import Finding


class Change(enum.StrEnum):
    """What becomes of an object, or of a whole cluster."""

    ADDED = "added"
    CHANGED = "changed"
    REMOVED = "removed"


@dataclass(frozen=True, slots=True)
class ObjectDiff:
    """One object that differs.

    Attributes:
        change: What becomes of it.
        api_version: Such as ``apps/v1``; the newer one where it changes.
        kind: Such as ``Deployment``.
        namespace: Empty for cluster-scoped objects.
        name: Of the object.
        diff: Unified diff of its canonical YAML, without file headers.
    """

    change: Change
    api_version: str
    kind: str
    namespace: str
    name: str
    diff: str

    @property
    def title(self) -> str:
        """Kind and name on one line."""
        return title(self.kind, self.namespace, self.name)


@dataclass(frozen=True, slots=True)
class PartDiff:
    """What differs in a cluster, or in a part that all clusters share.

    Attributes:
        name: Of the cluster or of the part.
        change: Whether the whole is new, goes, or is there before and after.
        objects: Those that differ, in the order of their kinds and names; at least one.
    """

    name: str
    change: Change
    objects: tuple[ObjectDiff, ...]

    def count(self, change: Change) -> int:
        """How many objects are added, changed or removed."""
        return sum(item.change is change for item in self.objects)

    @property
    def counts(self) -> str:
        """In words, such as ``2 changed, 1 removed``."""
        numbers = ((self.count(change), change) for change in Change)
        return ", ".join(f"{number} {change}" for number, change in numbers if number)


@dataclass(frozen=True, slots=True)
class Diff:
    """Everything that differs between a commit and the working tree.

    Attributes:
        revision: As it was asked for.
        commit: Its hash.
        clusters: Those that differ, by name.
        argocd: The root of Argo CD's Applications, where it differs.
        crds: Istio's CustomResourceDefinitions, where they differ.
        unknown: What could not be told.
    """

    revision: str
    commit: str
    clusters: tuple[PartDiff, ...]
    argocd: PartDiff | None
    crds: PartDiff | None
    unknown: tuple[Finding, ...]

    @property
    def exit_code(self) -> ExitCode:
        """5 where something could not be told, else 4 where something differs, else 0."""
        if self.unknown:
            return ExitCode.COULD_NOT_TELL
        return ExitCode.CHANGES_PENDING if self else ExitCode.OK

    def __bool__(self) -> bool:
        return bool(self.clusters or self.argocd or self.crds)

    def groups(self) -> list[tuple[list[PartDiff], tuple[ObjectDiff, ...]]]:
        """Clusters with the very same differences together, so that each is shown once."""
        found: dict[tuple[Change, tuple[ObjectDiff, ...]], list[PartDiff]] = {}
        for cluster in self.clusters:
            found.setdefault((cluster.change, cluster.objects), []).append(cluster)
        return [(members, objects) for (_, objects), members in found.items()]

"""``validate``: every check over one repository, and what could not be checked."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from extcp_gitops import plan
from extcp_gitops.errors import CouldNotTellError, ExitCode, ExtcpError, Finding, Severity
from extcp_gitops.inventory import bot_file
from extcp_gitops.inventory import load as inventory_load
from extcp_gitops.inventory.model import Role
from extcp_gitops.verify import (
    agreement,
    build,
    inline,
    projects,
    pruning,
    schemas,
    secrets,
    strays,
)
from extcp_gitops.verify.objects import Reader, at, distinct

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Iterable, Mapping
    from pathlib import Path

    from extcp_gitops.generate import Options
    from extcp_gitops.inventory.model import Cluster, Inventory
    from extcp_gitops.verify.objects import Built

    Progress = Callable[[int, int], None]

_ARGOCD = "argocd"


@dataclass(frozen=True, slots=True)
class Counts:
    """How much was looked at.

    Attributes:
        clusters: Whose directories were built.
        objects: In all directories together.
        distinct: Different ones among them; most clusters share most of theirs.
        not_checked: Objects by kind that there is no schema for.
    """

    clusters: int = 0
    objects: int = 0
    distinct: int = 0
    not_checked: Mapping[str, int] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Report:
    """What came of it.

    Attributes:
        findings: Of both severities, by place.
        unknown: What could not be told, and why; never to be taken for a success.
        counts: How much was looked at.
    """

    findings: tuple[Finding, ...]
    unknown: tuple[Finding, ...]
    counts: Counts

    @property
    def exit_code(self) -> ExitCode:
        """1 for an error, else 5 where something could not be told, else 0."""
        if any(finding.severity is Severity.ERROR for finding in self.findings):
            return ExitCode.FINDINGS
        return ExitCode.COULD_NOT_TELL if self.unknown else ExitCode.OK


def validate(
    root: Path,
    options: Options,
    clusters: Collection[str] = (),
    progress: Progress = lambda _done, _total: None,
) -> Report:
    """Check a repository: inventory, laws 3 to 5 of the design, builds, schemas.

    Args:
        root: The repository.
        options: How to render what the files are compared with.
        clusters: Names of those to build; all by default. What concerns the whole repository is
            checked in any case.
        progress: Told how many directories are built, and of how many.

    Returns:
        All findings; one check that fails or cannot be made does not keep another from being made.

    Raises:
        ExtcpError: EXTCP-I015 for a cluster that is not in the inventory.
    """
    found = _Found()
    found.add(*secrets.check_files(root))
    try:
        loaded = inventory_load.load_directory(root)
    except ExtcpError as error:
        found.add(error.findings)
        return found.report(Counts())
    chosen = _chosen(loaded.inventory, clusters)
    found.add(loaded.warnings)
    found.add(bot_file.check(root, loaded.inventory))
    found.add(*inline.check(root, options))
    found.add(strays.check_root(root))
    found.add(strays.check(root, loaded.inventory))
    built = check_objects(root, loaded.inventory, chosen, progress)
    found.add(built.findings, built.unknown)
    return found.report(built.counts)


def check_objects(
    root: Path,
    inventory: Inventory,
    clusters: Collection[Cluster],
    progress: Progress = lambda _done, _total: None,
) -> Report:
    """Build, and check what is built together with what Argo CD reads as it is.

    Args:
        root: The repository.
        inventory: That its files were made from.
        clusters: Those of it to build.
        progress: Told how many directories are built, and of how many.
    """
    found, reader = _Found(), Reader()
    crds = plan.crds_path(inventory)
    directories = [crds, _ARGOCD]
    for cluster in clusters:
        directories += [cluster.directory, *_bot(inventory, cluster), *_credential(cluster)]
    built = {part.directory: part for part in _build(root, directories, reader, found, progress)}
    everything = list(built.values())
    if _ARGOCD in built:
        found.add(agreement.check_root(inventory, built[_ARGOCD]))
    for cluster in clusters:
        found.add(strays.check_custom(root, cluster))
        read = build.read(root, f"{cluster.directory}/{_ARGOCD}", reader)
        found.add(read.findings)
        everything.extend(read.built)
        for argocd in read.built:
            more = (*_bot(inventory, cluster), *_credential(cluster))
            wanted = [(cluster.directory, crds), *((each,) for each in more)]
            found.add(agreement.check_argocd(inventory, cluster, argocd, *wanted))
            found.add(_not_allowed(argocd, built))
        own = built.get(cluster.directory)
        if own is not None:
            found.add(_disagreements(inventory, cluster, own))
        for directory in _bot(inventory, cluster):
            if directory in built:
                found.add(agreement.check_bot(inventory, built[directory]))
        for directory in _credential(cluster):
            if directory in built:
                found.add(agreement.check_credential(inventory, cluster, built[directory]))
    documents = distinct(everything)
    found.add(secrets.check_objects(documents))
    found.add(pruning.check(documents, everything))
    findings, not_checked = schemas.check(documents)
    found.add(findings)
    counts = Counts(
        clusters=sum(cluster.directory in built for cluster in clusters),
        objects=sum(len(part.documents) for part in everything),
        distinct=len(documents),
        not_checked=not_checked,
    )
    return found.report(counts)


class _Found:
    """Collects what the checks find."""

    def __init__(self) -> None:
        # Dicts for their order; a finding that comes twice is one.
        self._findings: dict[Finding, None] = {}
        self._unknown: dict[Finding, None] = {}

    def add(self, findings: Iterable[Finding], unknown: Iterable[Finding] = ()) -> None:
        """Take over what a check found, and what it could not tell."""
        self._findings.update(dict.fromkeys(findings))
        self._unknown.update(dict.fromkeys(unknown))

    def report(self, counts: Counts) -> Report:
        """All of it, by place."""
        findings = sorted(self._findings, key=lambda finding: finding.sort_key)
        unknown = sorted(self._unknown, key=lambda finding: finding.sort_key)
        return Report(tuple(findings), tuple(unknown), counts)


def _chosen(inventory: Inventory, names: Collection[str]) -> list[Cluster]:
    if not names:
        return list(inventory.clusters)
    from extcp_gitops.inventory.author import unknown_cluster  # noqa: PLC0415 - for the error

    for name in names:
        if name not in inventory.by_name:
            raise unknown_cluster(inventory, name)
    return [cluster for cluster in inventory.clusters if cluster.name in names]


def _build(
    root: Path, directories: list[str], reader: Reader, found: _Found, progress: Progress
) -> tuple[Built, ...]:
    try:
        program = build.find()
    except CouldNotTellError as error:
        found.add((), error.findings)
        return ()
    outcome = build.build(program, root, directories, reader, progress)
    found.add(outcome.findings, outcome.unknown)
    return outcome.built


def _disagreements(inventory: Inventory, cluster: Cluster, own: Built) -> list[Finding]:
    if cluster is inventory.external:
        return agreement.check_external(inventory, own)
    return agreement.check_remote(inventory, cluster, own)


def _bot(inventory: Inventory, cluster: Cluster) -> list[str]:
    """The directory of the bot, where it runs in this cluster."""
    is_here = cluster is inventory.external and inventory.mesh.bot.in_cluster is not None
    return [f"{cluster.directory}/bot"] if is_here else []


def _credential(cluster: Cluster) -> list[str]:
    """The directory of the documents that make the cluster's remote secret, where it has some."""
    is_there = cluster.credential and cluster.role is Role.REMOTE
    return [f"{cluster.directory}/credential"] if is_there else []


def _not_allowed(argocd: Built, built: Mapping[str, Built]) -> list[Finding]:
    """Objects that the cluster's AppProject does not let its Applications deploy."""
    owners = {project.name: project for project in argocd.of_kind("AppProject")}
    findings: list[Finding] = []
    for application in argocd.of_kind("Application"):
        part = built.get(str(at(application.data, "spec", "source", "path")))
        project = owners.get(str(at(application.data, "spec", "project")))
        if part is not None and project is not None:
            allowed = projects.Allowed.by(project, application)
            findings.extend(projects.check(part, allowed))
    return findings

"""``extcp-gitops diff``."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import click

from extcp_gitops.commands import options
from extcp_gitops.commands.progress import counter
from extcp_gitops.errors import ExtcpError, telling
from extcp_gitops.generate import TOOL_CODES
from extcp_gitops.inventory.load import find_root, load_directory
from extcp_gitops.terminal import visible

if TYPE_CHECKING:
    from pathlib import Path

    from extcp_gitops.commands.context import Context
    from extcp_gitops.diff.model import Diff, ObjectDiff, PartDiff
    from extcp_gitops.git import Repository

_COLOURS = {"+": "green", "-": "red", "@": "cyan"}
_GIT_CODES = ("EXTCP-G010", "EXTCP-G011")
"""There is no Git, or it was not done in time."""

_SIGNS = {"added": "+", "changed": "~", "removed": "-"}


@click.command(
    epilog="""\b
Examples:
  extcp-gitops diff                            # what is here, against the remote's default branch
  extcp-gitops diff HEAD~1 --cluster remote-cluster-2
  extcp-gitops diff origin/main --output markdown     # for a pull request
"""
)
@click.argument("ref", required=False)
@click.option(
    "--cluster",
    "clusters",
    metavar="NAME",
    multiple=True,
    help="Compare this cluster only; can be given several times.",
)
@options.output("markdown")
@click.pass_obj
def diff(context: Context, ref: str | None, clusters: tuple[str, ...], output_format: str) -> int:
    """Show what a change does to the objects of each cluster.

    Compares what Kustomize builds at the commit REF with what it builds from the files as they
    are now. REF is a branch, a tag or a commit; by default the remote's default branch. Exits 4
    when objects differ, 0 when none does, 5 when some could not be built.
    """
    from extcp_gitops.diff.run import compare  # noqa: PLC0415 - not for --help

    with telling(TOOL_CODES, *_GIT_CODES):
        repository, revision = _repository(find_root(context.directory), ref)
        found = compare(repository, revision, clusters, counter("building"))
    if output_format == "json":
        context.echo_json(as_json(found))
    elif output_format == "markdown":
        from extcp_gitops.diff.markdown import render  # noqa: PLC0415 - not for --help

        click.echo(render(found), nl=False)
    else:
        _print(found)
    context.report(found.unknown)
    return found.exit_code


def _repository(root: Path, ref: str | None) -> tuple[Repository, str]:
    from extcp_gitops.git import Repository  # noqa: PLC0415 - keeps GitPython out of --help

    repository = Repository.discover(root)
    if repository is None:
        raise ExtcpError.of(
            "EXTCP-D001",
            f"{root} is not in a Git repository, so there is nothing to compare with",
            "go to a clone of the mesh's repository, or make one: git init",
        )
    if ref is not None:
        return repository, ref
    branch = load_directory(root).inventory.mesh.repository.branch
    return repository, repository.default_branch(branch)


def as_json(found: Diff) -> dict[str, Any]:
    """The difference for ``--output json``.

    Keys:
        from: ``revision`` as it was asked for and ``commit``, its hash.
        clusters: One for each cluster that differs, by name: ``name``, ``change`` (``added``,
            ``changed`` or ``removed``: of the cluster), ``added``, ``changed`` and ``removed``
            (numbers of objects), and ``objects``: ``change``, ``apiVersion``, ``kind``,
            ``namespace``, ``name`` and ``diff``, a unified diff of canonical YAML.
        argocd, crds: The same for what clusters share, or null where that does not differ.
        unknown: Findings about what could not be told.
    """
    return {
        "from": {"revision": found.revision, "commit": found.commit},
        "clusters": [_part(part) for part in found.clusters],
        "argocd": _part(found.argocd) if found.argocd else None,
        "crds": _part(found.crds) if found.crds else None,
        "unknown": [finding.as_json() for finding in found.unknown],
    }


def _part(part: PartDiff) -> dict[str, Any]:
    numbers = dict.fromkeys(_SIGNS, 0)
    for item in part.objects:
        numbers[item.change] += 1
    objects = [
        {
            "change": item.change.value,
            "apiVersion": item.api_version,
            "kind": item.kind,
            "namespace": item.namespace,
            "name": item.name,
            "diff": item.diff,
        }
        for item in part.objects
    ]
    return {"name": part.name, "change": part.change.value, **numbers, "objects": objects}


def _print(found: Diff) -> None:
    if not found and not found.unknown:
        click.echo(f"no object differs from {found.revision}")
    for members, objects in found.groups():
        names = visible(", ".join(part.name for part in members))
        verb = {"added": " (new)", "removed": " (removed)"}.get(members[0].change, "")
        click.secho(f"{names}{verb}: {members[0].counts}", bold=True)
        for item in objects:
            _print_object(item)
    if found.argocd is not None:
        click.secho(f"Argo CD's root: {found.argocd.counts}", bold=True)
        for item in found.argocd.objects:
            _print_object(item)
    if found.crds is not None:
        # Their diffs are thousands of lines; --output json has them.
        click.secho(f"Istio's CustomResourceDefinitions: {found.crds.counts}", bold=True)
        for item in found.crds.objects:
            click.echo(f"{_SIGNS[item.change]} {visible(item.name)}")


def _print_object(item: ObjectDiff) -> None:
    click.echo(f"{_SIGNS[item.change]} {item.title}")
    if item.change == "removed":
        return
    for line in item.diff.splitlines():
        click.secho(f"    {line}", fg=_COLOURS.get(line[:1]))

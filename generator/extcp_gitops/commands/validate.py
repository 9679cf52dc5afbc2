"""``extcp-gitops validate``."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import click

from extcp_gitops.commands import options, progress
from extcp_gitops.commands.context import report
from extcp_gitops.errors import ExitCode
from extcp_gitops.generate import Options
from extcp_gitops.inventory.load import find_root

if TYPE_CHECKING:
    from pathlib import Path

    from extcp_gitops.commands.context import Context
    from extcp_gitops.verify.run import Report

_RESULTS = {
    ExitCode.OK: "ok",
    ExitCode.FINDINGS: "findings",
    ExitCode.COULD_NOT_TELL: "unknown",
}


@click.command(
    epilog="""\b
Examples:
  extcp-gitops validate
  extcp-gitops validate --cluster remote-cluster-2
  extcp-gitops validate --output json     # exit 0: fine, 1: findings, 5: could not tell
"""
)
@click.option(
    "--cluster",
    "clusters",
    metavar="NAME",
    multiple=True,
    help="Build this cluster only; can be given several times.",
)
@options.istioctl
@options.output()
@click.pass_obj
def validate(
    context: Context, clusters: tuple[str, ...], istioctl: Path | None, output_format: str
) -> int:
    """Prove that the repository is whole and agrees with itself.

    The inventory is valid; the files are what it makes of them; each cluster's directory can be
    built; every fact agrees in all places where it lands; no secret is in Git; nothing can be
    pruned that a mesh needs; Argo CD's projects allow what is deployed; each object fits the
    schema of its kind.

    A program that is missing (kustomize or kubectl, istioctl) is never taken for a success: what
    can be checked without it is checked, and the exit code is 5.
    """
    from extcp_gitops.verify.run import validate as verify  # noqa: PLC0415 - not for --help

    root = find_root(context.directory)
    how = Options(istioctl, say=context.say, progress=progress.download())
    result = verify(root, how, clusters, progress.counter("building"))
    if output_format == "json":
        context.echo_json(as_json(result))
    else:
        _print(result)
    return result.exit_code


def as_json(report: Report) -> dict[str, Any]:
    """The report for ``--output json``.

    Keys:
        result: ``ok``, ``findings`` or ``unknown``.
        findings, unknown: Lists of findings: code, severity, file, line, column, message, remedy.
        checked: ``clusters``, ``objects`` and ``distinctObjects``.
        notChecked: Number of objects by kind that there is no schema for.
    """
    counts = report.counts
    return {
        "result": _RESULTS[report.exit_code],
        "findings": [finding.as_json() for finding in report.findings],
        "unknown": [finding.as_json() for finding in report.unknown],
        "checked": {
            "clusters": counts.clusters,
            "objects": counts.objects,
            "distinctObjects": counts.distinct,
        },
        "notChecked": dict(counts.not_checked),
    }


def _print(result: Report) -> None:
    report(result.findings, err=False)
    if result.unknown:
        click.secho("could not tell:", fg="yellow", bold=True)
        report(result.unknown, err=False)
    counts = result.counts
    if counts.not_checked:
        kinds = ", ".join(f"{number} {kind}" for kind, number in counts.not_checked.items())
        click.echo(f"not compared with a schema, for none is at hand: {kinds}")
    errors = sum(finding.severity == "error" for finding in result.findings)
    warnings = len(result.findings) - errors
    looked_at = (
        f"{_many(counts.clusters, 'cluster')} built, {_many(counts.objects, 'object')} checked"
    )
    found = f"{_many(errors, 'error')}, {_many(warnings, 'warning')}"
    click.echo(f"{looked_at}: {found}, {len(result.unknown)} could not tell")


def _many(number: int, noun: str) -> str:
    return f"{number} {noun}{'' if number == 1 else 's'}"

"""What docs/checks.md, ``check --explain`` and ``/extcp explain`` say of a check: one text for all.

The checks themselves are the only source: the docstring, the problems, the permissions.
"""

from __future__ import annotations

import inspect
import textwrap
from typing import TYPE_CHECKING, Final

from extcp_bot.candidates.checks import all_preflight_checks
from extcp_bot.checks import all_checks
from extcp_bot.checks.model import (
    ARGOCD_NAMESPACE,
    CONTROL_PLANE_NAMESPACE,
    GATEWAY_SECRET,
    PROBE_NAMESPACE,
)
from extcp_bot.joining import leaving, stages

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from extcp_bot.checks.model import Check, Permission, Problem

WIDTH: Final = 100
"""Columns at which files and terminals break lines; commands are never broken."""
BRACES: Final = """\
In commands, `{context}`, `{external}`, `{config}` and `{argocd}` stand for kubeconfig contexts: of
the cluster, of the external cluster, of the config cluster, and of the cluster that Argo CD runs
in. The bot fills them in, and the rest of what stands in braces.
"""
RUNBOOK: Final = """\
Where a remedy names README.md, that is the one of the mesh's own repository: its runbook.
"""
_PLACES: Final = {
    CONTROL_PLANE_NAMESPACE: "the control plane's namespace",
    PROBE_NAMESPACE: "the namespace of dry runs",
    ARGOCD_NAMESPACE: "Argo CD's namespace",
    GATEWAY_SECRET: "the gateway's TLS Secret",
}


def every_check() -> Mapping[str, Check]:
    """All checks by code: of the mesh, and of clusters that are to join, join, or leave."""
    passing = (stages.SYNCED, stages.LIVE, *leaving.CHECKS)
    return {**all_checks(), **all_preflight_checks(), **{each.code: each for each in passing}}


def named(word: str, known: Mapping[str, Check]) -> list[Check]:
    """The checks that a person means.

    Args:
        word: A code, with or without ``EXTCP-``, or a name; in letters of any case.
        known: Checks by code; a name can be that of several.
    """
    asked = word.strip().lower().removeprefix("extcp-")
    return [
        each
        for code, each in known.items()
        if asked in {code.lower().removeprefix("extcp-"), each.name}
    ]


def about(check: Check, width: int = WIDTH) -> str:
    """Markdown about a check, without a heading.

    Args:
        check: Any.
        width: Columns; 0 for one line a paragraph, since forges show each line's end in a comment.
    """
    said = inspect.cleandoc(check.text).split("\n\n")
    scope = check.scope.value
    runs = scope if scope.startswith("every ") else f"each {scope}"
    severity = f"Severity, where none is named: {check.severity}."
    paragraphs = [f"**{check.title}**", *said, f"Runs for {runs}. {severity}"]
    parts = [_wrapped(each, width) for each in paragraphs]
    parts += ["".join(_problems(check, width)).rstrip(), "".join(_permissions(check)).rstrip()]
    return "\n\n".join(filter(None, parts)) + "\n"


def _problems(check: Check, width: int) -> Iterator[str]:
    """An item each; what several have in common is told with the first of them."""
    told: dict[tuple[str, str], str] = {}
    for problem in check.problems:
        differs = problem.severity not in {None, check.severity}
        name = f"**{problem.name}**{f', {problem.severity}' if differs else ''}"
        remedy = (problem.remedy, problem.command)
        before = told.setdefault(remedy, problem.name)
        if before != problem.name:
            same = f"the same as for {before}"
            yield _item(f"{name}: {problem.title} Remedy: {same}.", width)
            continue
        yield _item(f"{name}: {problem.title} Remedy: {problem.remedy}.", width)
        if problem.command:
            yield f"\n      {_command(problem)}\n\n"


def _command(problem: Problem) -> str:
    """In a format string braces of its own are written twice."""
    return problem.command.replace("{{", "{").replace("}}", "}")


def _permissions(check: Check) -> Iterator[str]:
    lines = list(dict.fromkeys(map(_permission, check.permissions)))  # some serve two purposes
    if lines:
        yield "What the bot has to be allowed, on the API server of each side:\n\n"
        yield from (f"- {line}\n" for line in lines)


def _permission(permission: Permission) -> str:
    group = f".{permission.group}" if permission.group else ""
    names = ", ".join(_PLACES.get(name) or f"`{name}`" for name in permission.names)
    what = f"`{permission.resource}{group}`{f': {names}' if names else ''}"
    return f"{permission.side}, {_where(permission)}: {', '.join(permission.verbs)} {what}"


def _where(permission: Permission) -> str:
    namespace = permission.namespace
    if namespace:
        return f"in {_PLACES.get(namespace) or f'`{namespace}`'}"
    is_clusters_own = (
        permission.resource in {"namespaces", "nodes", "customresourcedefinitions"}
        or permission.group == "admissionregistration.k8s.io"
        or permission.resource.startswith("cluster")
    )
    return "cluster-wide" if is_clusters_own else "in all namespaces"


def _item(text: str, width: int) -> str:
    return textwrap.indent(_wrapped(text, width and width - 2), "  ").replace("  ", "- ", 1) + "\n"


def _wrapped(text: str, width: int) -> str:
    words = " ".join(text.split())
    if not width:
        return words
    return textwrap.fill(words, width, break_long_words=False, break_on_hyphens=False)

"""Options of every command that looks at clusters: which ones, what for, and how to reach them."""

from __future__ import annotations

import functools
import re
from typing import TYPE_CHECKING, Any, Final

import click

from extcp_bot.commands.choosing import find, no_cluster

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence
    from pathlib import Path

    from extcp_bot.checks.model import Check
    from extcp_bot.passes import Plan
    from extcp_gitops.commands.context import Context

Address = tuple[str, int]

_HOST: Final = r"(?P<host>\[[0-9A-Fa-f:.]+\]|[^:\[\]\s]*)"
_MOST: Final = 65_535


def address(text: str, default: str = "") -> Address | None:
    """A host and a port, written ``HOST:PORT``; None where the text is none.

    Args:
        text: IPv6 addresses stand in brackets.
        default: The host where there is none.
    """
    match = re.fullmatch(rf"{_HOST}:(?P<port>[0-9]{{1,5}})", text)
    host = match["host"].strip("[]") or default if match else ""
    if match is None or not host or not 0 < int(match["port"]) <= _MOST:
        return None
    return host, int(match["port"])


class ClusterContext(click.ParamType[tuple[str, str]]):
    """``CLUSTER=CONTEXT``."""

    name = "context"

    def convert(
        self,
        value: Any,  # noqa: ANN401 - Click's interface
        param: click.Parameter | None,
        ctx: click.Context | None,
    ) -> tuple[str, str]:
        """The two, or a usage error."""
        cluster, _, context = str(value).partition("=")
        if not cluster or not context:
            self.fail(f"{value!r} is not CLUSTER=CONTEXT", param, ctx)
        return cluster, context


class ConnectTo(click.ParamType[tuple[Address, Address]]):
    """``HOST:PORT:HOST:PORT``, as for curl's option of that name."""

    name = "connect-to"

    def convert(
        self,
        value: Any,  # noqa: ANN401 - Click's interface
        param: click.Parameter | None,
        ctx: click.Context | None,
    ) -> tuple[Address, Address]:
        """From where to where, or a usage error."""
        parts = re.fullmatch(r"((?:\[.*?\]|[^:]*):[0-9]+):((?:\[.*?\]|[^:]*):[0-9]+)", str(value))
        asked, instead = (address(part) for part in parts.groups()) if parts else (None, None)
        if asked is None or instead is None:
            self.fail(f"{value!r} is not HOST:PORT:ADDRESS:PORT", param, ctx)
        return asked, instead


_CLUSTER: Final = click.option(
    "--cluster",
    "clusters",
    metavar="NAME",
    multiple=True,
    help="Only this cluster; can be given several times.",
)
_CHECK: Final = click.option(
    "--check",
    "checks",
    metavar="CODE|NAME",
    multiple=True,
    help="Run this check only, such as EXTCP-H05, H05 or secret-shape; can be given several times.",
)
_OPTIONS: Final = (
    _CLUSTER,
    _CHECK,
    click.option(
        "--context",
        "contexts",
        metavar="CLUSTER=CONTEXT",
        type=ClusterContext(),
        multiple=True,
        help="kubeconfig context of a cluster, where it does not have the cluster's name; can be "
        "given several times.",
    ),
    click.option(
        "--argocd-context",
        metavar="CONTEXT",
        help="kubeconfig context of the cluster that Argo CD runs in, where it is not the "
        "external cluster.",
    ),
    click.option(
        "--from-argocd",
        is_flag=True,
        help="Reach clusters by Argo CD's cluster Secrets instead of kubeconfig contexts.",
    ),
    click.option(
        "--in-cluster",
        is_flag=True,
        help="Reach Argo CD's API server with this Pod's own service account: both run in the same "
        "cluster.",
    ),
    click.option(
        "--allow-exec-kubeconfig",
        is_flag=True,
        help="Let kubeconfigs and Argo CD's cluster Secrets run programs to get a credential, as "
        "those of clouds do.",
    ),
    click.option(
        "--connect-to",
        metavar="HOST:PORT:ADDRESS:PORT",
        type=ConnectTo(),
        multiple=True,
        help="Connect to ADDRESS:PORT where a control plane's HOST:PORT is meant, as curl does "
        "with this option; can be given several times.",
    ),
    click.option(
        "--workers",
        type=click.IntRange(1, 1024),
        default=64,
        show_default=True,
        help="How many clusters are looked at at the same time.",
    ),
    click.option(
        "--timeout",
        type=click.FloatRange(0.1, 600),
        default=20,
        show_default=True,
        metavar="SECONDS",
        help="Time limit of one check on one cluster.",
    ),
)


def looks(function: Callable[..., Any]) -> Callable[..., Any]:
    """The options; the command gets its context, and what they say as ``plan``."""
    return _with(function, _OPTIONS)


def reaches(function: Callable[..., Any]) -> Callable[..., Any]:
    """Those of :func:`looks` but ``--check``, for commands whose checks are their own."""
    return _with(function, [each for each in _OPTIONS if each is not _CHECK])


def reaches_all(function: Callable[..., Any]) -> Callable[..., Any]:
    """Those of :func:`reaches` but ``--cluster``, for commands that are about the whole mesh."""
    return _with(function, [each for each in _OPTIONS if each not in {_CHECK, _CLUSTER}])


def _with(
    function: Callable[..., Any], options: Sequence[Callable[..., Any]]
) -> Callable[..., Any]:
    @functools.wraps(function)
    def with_plan(
        context: Context,
        *,
        contexts: tuple[tuple[str, str], ...],
        argocd_context: str | None,
        from_argocd: bool,
        in_cluster: bool,
        allow_exec_kubeconfig: bool,
        connect_to: tuple[tuple[Address, Address], ...],
        workers: int,
        timeout: float,
        clusters: tuple[str, ...] = (),
        checks: tuple[str, ...] = (),
        **rest: Any,  # noqa: ANN401 - the command's own
    ) -> Any:  # noqa: ANN401 - the command's own
        from extcp_bot.access.resolve import Choice  # noqa: PLC0415 - not for --help
        from extcp_bot.passes import Plan  # noqa: PLC0415
        from extcp_bot.run import Pace  # noqa: PLC0415

        plan = Plan(
            context.directory,
            Choice(
                contexts=dict(contexts),
                argocd_context=argocd_context,
                from_argocd=from_argocd,
                in_cluster=in_cluster,
                allow_exec=allow_exec_kubeconfig,
            ),
            *_selected(context.directory, checks, clusters),
            connect_to=dict(connect_to),
            pace=Pace(workers, timeout),
        )
        return function(context, plan=plan, **rest)

    wrapped: Callable[..., Any] = click.pass_obj(with_plan)
    for option in reversed(options):
        wrapped = option(wrapped)
    return wrapped


def _selected(
    directory: Path, checks: tuple[str, ...], clusters: tuple[str, ...]
) -> tuple[tuple[Check, ...], tuple[str, ...]]:
    """The checks and the names of clusters that were asked for, or one error about all of them."""
    from extcp_bot.checks import all_checks  # noqa: PLC0415 - not for --help

    known = all_checks()
    chosen, wrong = find(checks, known)
    if clusters:
        from extcp_gitops.inventory.load import find_root, load_directory  # noqa: PLC0415

        there = load_directory(find_root(directory)).inventory.by_name
        wrong += [no_cluster(each, there) for each in clusters if each not in there]
    if wrong:
        raise click.UsageError(" ".join(wrong))
    return tuple(c for code, c in known.items() if not chosen or code in chosen), clusters


def require_work(plan: Plan, number: int) -> None:
    """Refuse to say that all is well where nothing was looked at.

    Raises:
        click.UsageError: There are no jobs.
    """
    if not number:
        names = ", ".join(plan.clusters)
        raise click.UsageError(f"None of the chosen checks looks at {names or 'any cluster'}.")

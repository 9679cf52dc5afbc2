"""``extcp-bot check``."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

import click

from extcp_bot.commands import choosing, options
from extcp_bot.commands.options import Address
from extcp_bot.report import FORMATS

if TYPE_CHECKING:
    from extcp_bot.passes import Plan
    from extcp_gitops.commands.context import Context

_LOOPBACK: Final = "127.0.0.1"
_INTERVAL: Final = 60.0


class Listen(click.ParamType[Address]):
    """``[HOST]:PORT``."""

    name = "address"

    def convert(
        self,
        value: Any,  # noqa: ANN401 - Click's interface
        param: click.Parameter | None,
        ctx: click.Context | None,
    ) -> Address:
        """The host and the port, or a usage error."""
        found = options.address(str(value), _LOOPBACK)
        if found is None:
            self.fail(f"{value!r} is not [HOST]:PORT", param, ctx)
        return found


@click.command(
    epilog="""\b
Examples:
  extcp-bot check
  extcp-bot check --cluster remote-cluster-2 --check secret-shape --check EXTCP-H06
  extcp-bot check --output junit --output-file report.xml
  extcp-bot check --explain H05
  extcp-bot check --watch --interval 30
  extcp-bot check --from-argocd --in-cluster --serve 0.0.0.0:8080
"""
)
@options.looks
@click.option("--watch", is_flag=True, help="Look again and again, until Ctrl-C.")
@click.option(
    "--serve",
    metavar="[HOST]:PORT",
    type=Listen(),
    help="Look again and again, and answer /metrics, /healthz, /report and /report.json. Without "
    "HOST, on the loopback interface alone.",
)
@click.option(
    "--interval",
    type=click.FloatRange(0.1, 86_400),
    metavar="SECONDS",
    help="From one look to the next, with --watch or --serve.  [default: 60]",
)
@click.option(
    "--output",
    "-o",
    "form",
    type=click.Choice(FORMATS),
    default="text",
    show_default=True,
    help="Form of the report.",
)
@click.option(
    "--output-file",
    type=click.Path(dir_okay=False, path_type=Path),
    metavar="PATH",
    help="Write the report there, in one step, instead of to standard output.",
)
@click.option("--verbose", "-v", is_flag=True, help="Show healthy clusters however many there are.")
@click.option(
    "--explain",
    metavar="CODE|NAME",
    is_eager=True,
    expose_value=False,
    callback=choosing.explain,
    help="Say what a check looks at, what it can find, what mends that and which rights it needs, "
    "and exit; no cluster is asked.",
)
def check(
    context: Context,
    *,
    plan: Plan,
    watch: bool,
    serve: Address | None,
    interval: float | None,
    form: str,
    output_file: Path | None,
    verbose: bool,
) -> int:
    """Prove that the mesh works, or say what is broken and what mends it.

    Each check runs on each cluster that it is for, all at once. They read, review access and try
    in dry runs; they change nothing. --explain says what one of them looks at.

    Clusters are reached by kubeconfig contexts of their own names; bot.yaml beside mesh.yaml, or
    the options below, name others.

    The exit code is 0 where all is healthy, warnings aside; 1 where something is unhealthy; 5 where
    something is unknown and nothing is unhealthy; 130 after Ctrl-C, which shows what is known so
    far. --watch exits with what its last look found, --serve with 0.
    """
    _require_sense(watch=watch, serve=serve, interval=interval, form=form, output_file=output_file)
    from extcp_bot.commands.looking import Looking  # noqa: PLC0415 - not for --help

    looking = Looking(context, plan, form, output_file, interval or _INTERVAL, verbose)
    if serve is not None:
        return looking.serve(serve)
    return looking.watch() if watch else looking.once()


def _require_sense(
    *,
    watch: bool,
    serve: Address | None,
    interval: float | None,
    form: str,
    output_file: Path | None,
) -> None:
    if watch and serve:
        raise click.UsageError("--serve looks again and again, too; leave out --watch.")
    if interval is not None and not (watch or serve):
        raise click.UsageError("--interval is for --watch and --serve.")
    if serve and (form != "text" or output_file):
        raise click.UsageError("--serve answers in all forms; leave out --output.")
    if watch and not output_file and form not in {"text", "json"}:
        raise click.UsageError(f"--watch prints text or JSON; for {form} name an --output-file.")

"""The ``extcp-gitops`` command: global options, lazy subcommands, and errors for people.

A subcommand's module is imported when it is used, so that ``--help`` loads neither yaml nor
jinja2, Git or Kubernetes (design section 6).
"""

from __future__ import annotations

import importlib
import os
import sys
from typing import NoReturn

import click

from extcp_gitops import __version__
from extcp_gitops.commands.context import Context, report
from extcp_gitops.errors import ExitCode, ExtcpError

# The one line of help of each command, so that none has to be imported for the list.
_COMMANDS = {
    "init": "Make a new repository for a mesh.",
    "generate": "Bring the repository in line with its inventory.",
    "cluster": "Add, remove, list and show clusters.",
    "control-plane": "Add control planes, and pin their roots.",
    "validate": "Prove that the repository is whole and agrees with itself.",
    "diff": "Show what a change does to the objects of each cluster.",
    "istioctl": "Get the istioctl that the mesh needs.",
    "schema": "Print the JSON Schema of mesh.yaml or cluster.yaml.",
    "completion": "Print a script that completes commands in your shell.",
}


class LazyGroup(click.Group):
    """A group that knows its commands by name and imports them when they are used."""

    def list_commands(self, ctx: click.Context) -> list[str]:  # noqa: ARG002 - Click's interface
        """In the order in which a person meets them."""
        return list(_COMMANDS)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:  # noqa: ARG002
        """The command of that name, imported."""
        if cmd_name not in _COMMANDS:
            return None
        module = cmd_name.replace("-", "_")
        command = getattr(importlib.import_module(f"extcp_gitops.commands.{module}"), module)
        assert isinstance(command, click.Command)  # noqa: S101 - a slip of ours, not of the user
        return command

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:  # noqa: ARG002
        """The list in ``--help``, from the table alone."""
        with formatter.section("Commands"):
            formatter.write_dl(list(_COMMANDS.items()))

    def resolve_command(
        self, ctx: click.Context, args: list[str]
    ) -> tuple[str | None, click.Command | None, list[str]]:
        """As in Click, with a guess at what a misspelt command should have been."""
        import difflib  # noqa: PLC0415 - only for the guess

        try:
            return super().resolve_command(ctx, args)
        except click.UsageError as error:
            close = difflib.get_close_matches(args[0], _COMMANDS, n=1)
            if not close:
                raise
            raise click.UsageError(f"{error.message} Did you mean '{close[0]}'?", ctx) from error


@click.command(
    cls=LazyGroup,
    context_settings={"help_option_names": ["-h", "--help"]},
    epilog="""\b
Examples:
  extcp-gitops init mesh --mesh-id mesh1 --address istiod.example.com \\
      --tls-secret istiod-tls --repo-url https://git.example.com/platform/mesh.git
  extcp-gitops -C mesh cluster add --network network2
  extcp-gitops -C mesh validate
""",
)
@click.option(
    "-C",
    "directory",
    type=click.Path(exists=True, file_okay=False),
    default=".",
    metavar="DIR",
    help="Run as if started in DIR.",
)
@click.version_option(__version__, prog_name="extcp-gitops")
@click.pass_context
def cli(ctx: click.Context, directory: str) -> None:
    """Istio with an external control plane, as a Git repository that Argo CD syncs.

    mesh.yaml and one small file for each cluster say what you want; everything else in the
    repository is generated from them, for the Istio release that mesh.yaml names.
    """
    from pathlib import Path  # noqa: PLC0415 - --help needs none

    ctx.obj = Context(Path(directory))


def main() -> NoReturn:
    """Entry point of the console script; exits as ``ExitCode`` says."""
    sys.exit(run(sys.argv[1:]))


def run(args: list[str]) -> int:
    """Run one command line and turn every way to fail into words and an exit code.

    Args:
        args: Without the program's name.

    Returns:
        The exit code (design section 2).
    """
    try:
        result = cli.main(args=args, prog_name="extcp-gitops", standalone_mode=False)
        sys.stdout.flush()
    except ExtcpError as error:
        report(error.findings)
        return error.exit_code
    except click.ClickException as error:
        error.show()
        return error.exit_code
    except (click.Abort, KeyboardInterrupt):
        click.echo("interrupted; nothing half-done was left behind", err=True)
        return ExitCode.INTERRUPTED
    except BrokenPipeError:
        # Whoever read our output has seen enough; the interpreter must not complain at exit.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return ExitCode.OK
    except Exception:  # noqa: BLE001 - the last line of defence
        _report_bug(args)
        return ExitCode.BUG
    return result if isinstance(result, int) else ExitCode.OK


def _report_bug(args: list[str]) -> None:
    import platform  # noqa: PLC0415 - only for a bug
    import traceback  # noqa: PLC0415

    click.echo(
        "This is a bug in extcp-gitops, not a mistake of yours. Please report it with what "
        "follows, after a look that nothing in it is secret.\n\n"
        f"    extcp-gitops {__version__}, Python {platform.python_version()}, "
        f"{platform.system()} {platform.machine()}\n"
        f"    command: {args[0] if args else ''}\n\n"
        f"{traceback.format_exc()}",
        err=True,
    )

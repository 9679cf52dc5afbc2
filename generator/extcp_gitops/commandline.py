"""What the command lines of this project share: lazy subcommands, and errors for people.

A subcommand's module is imported when it is used, so that ``--help`` loads neither yaml nor
jinja2, Git or Kubernetes (design section 6).
"""

from __future__ import annotations

import importlib
import sys
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import click

from extcp_gitops import __version__, output
from extcp_gitops.commands.context import Context, report
from extcp_gitops.errors import ExitCode, ExtcpError

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping


@dataclass(frozen=True, slots=True)
class Program:
    """One command line.

    Attributes:
        name: As a person calls it.
        package: Holds a module for each command, called like it.
        commands: The one line of help of each, so that none has to be imported for the list; in
            the order in which a person meets them.
    """

    name: str
    package: str
    commands: Mapping[str, str]


class LazyGroup(click.Group):
    """A group that knows its commands by name and imports them when they are used.

    Args:
        program: Whose commands they are.
        attributes: As for any group.
    """

    def __init__(self, *, program: Program, **attributes: Any) -> None:  # noqa: ANN401 - Click's
        super().__init__(**attributes)
        self.program = program

    def list_commands(self, ctx: click.Context) -> list[str]:  # noqa: ARG002 - Click's interface
        """In the order in which a person meets them."""
        return list(self.program.commands)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:  # noqa: ARG002
        """The command of that name, imported."""
        if cmd_name not in self.program.commands:
            return None
        module = cmd_name.replace("-", "_")
        command = getattr(importlib.import_module(f"{self.program.package}.{module}"), module)
        assert isinstance(command, click.Command)  # noqa: S101 - a slip of ours, not of the user
        _take_directory(command)
        return command

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:  # noqa: ARG002
        """The list in ``--help``, from the table alone."""
        with formatter.section("Commands"):
            formatter.write_dl(list(self.program.commands.items()))

    def resolve_command(
        self, ctx: click.Context, args: list[str]
    ) -> tuple[str | None, click.Command | None, list[str]]:
        """As in Click, with a guess at what a misspelt command should have been."""
        import difflib  # noqa: PLC0415 - only for the guess

        try:
            return super().resolve_command(ctx, args)
        except click.UsageError as error:
            close = difflib.get_close_matches(args[0], self.program.commands, n=1)
            if not close:
                raise
            raise click.UsageError(f"{error.message} Did you mean '{close[0]}'?", ctx) from error


def group(program: Program, text: str, epilog: str) -> LazyGroup:
    """The command line of a program, with ``--version``, and ``-C DIR`` on either side of commands.

    Args:
        program: Its name and commands.
        text: Its help.
        epilog: Examples.
    """

    @click.command(
        program.name,
        cls=LazyGroup,
        program=program,
        help=text,
        epilog=epilog,
        context_settings={"help_option_names": ["-h", "--help"]},
    )
    @click.version_option(__version__, prog_name=program.name)
    def enter() -> None:
        pass

    enter.params.insert(0, _directory_option())
    return enter


def _take_directory(command: click.Command) -> None:
    """Let ``-C DIR`` stand behind a command, too, and behind those below it."""
    below = command.commands.values() if isinstance(command, click.Group) else ()
    for each in (command, *below):
        if all("-C" not in param.opts for param in each.params):
            each.params.append(_directory_option())


def _directory_option() -> click.Option:
    return click.Option(
        ["-C", "start_directory"],
        metavar="DIR",
        help="Run as if started in DIR.",
        expose_value=False,
        callback=_change_directory,
    )


def _change_directory(ctx: click.Context, param: click.Parameter, name: str | None) -> None:
    """Each ``-C`` starts where the one before it led, as with Git."""
    from pathlib import Path  # noqa: PLC0415 - --help needs none

    before = Path() if ctx.obj is None else ctx.obj.directory
    if name is not None:
        before /= name
        click.Path(exists=True, file_okay=False).convert(str(before), param, ctx)
    ctx.obj = Context(before)


def run(
    cli: LazyGroup,
    args: list[str],
    interrupted: str = "interrupted",
    hide: Callable[[str], str] = str,
) -> int:
    """Run one command line and turn every way to fail into words and an exit code.

    Args:
        cli: From :func:`group`.
        args: Without the program's name.
        interrupted: What to say after Ctrl-C.
        hide: Takes the credentials that the program holds out of the traceback of a bug, beside
            those that are known by their form.

    Returns:
        The exit code (design section 2).
    """
    try:
        output.prepare()
        result = cli.main(args=args, prog_name=cli.program.name, standalone_mode=False)
        sys.stdout.flush()
    except ExtcpError as error:
        report(error.findings)
        return error.exit_code
    except click.ClickException as error:
        error.show()
        return error.exit_code
    except (click.Abort, KeyboardInterrupt):
        click.echo(interrupted, err=True)
        return ExitCode.INTERRUPTED
    except Exception:  # noqa: BLE001 - the last line of defence
        _report_bug(cli.program.name, args, hide)
        return ExitCode.BUG
    return result if isinstance(result, int) else ExitCode.OK


def _report_bug(program: str, args: list[str], hide: Callable[[str], str]) -> None:
    import platform  # noqa: PLC0415 - only for a bug
    import traceback  # noqa: PLC0415

    from extcp_gitops.redact import redact  # noqa: PLC0415

    click.echo(
        f"This is a bug in {program}, not a mistake of yours. Please report it with what "
        "follows, after a look that nothing in it is secret.\n\n"
        f"    {program} {__version__}, Python {platform.python_version()}, "
        f"{platform.system()} {platform.machine()}\n"
        f"    command: {args[0] if args else ''}\n\n"
        f"{redact(hide(traceback.format_exc()))}",
        err=True,
    )


def print_completion(ctx: click.Context, shell: str) -> None:
    """Print the script by which a shell completes the command line.

    Args:
        ctx: Of the command that was asked for it.
        shell: ``bash``, ``zsh`` or ``fish``.
    """
    from click.shell_completion import get_completion_class  # noqa: PLC0415 - only for the script

    script = get_completion_class(shell)
    if script is None:
        raise click.UsageError(f"Click knows no completion for {shell}.")
    root = ctx.find_root().command
    assert isinstance(root, LazyGroup)  # noqa: S101 - every command of ours is in one
    name = root.program.name
    variable = f"_{name.replace('-', '_').upper()}_COMPLETE"
    click.echo(script(root, {}, name, variable).source())

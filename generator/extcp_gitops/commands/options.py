"""Options that several commands share, each said once."""

from __future__ import annotations

import functools
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final, TypeVar

import click

from extcp_gitops.errors import ExtcpError

if TYPE_CHECKING:
    from collections.abc import Callable

F = TypeVar("F", bound="Callable[..., Any]")


def output(*more: str) -> Callable[[F], F]:
    """``--output text|json`` and what else a command can print."""
    return click.option(
        "--output",
        "-o",
        "output_format",
        type=click.Choice(["text", "json", *more]),
        default="text",
        show_default=True,
        help="Form of the result on standard output.",
    )


def istioctl(function: F) -> F:
    """``--istioctl PATH``."""
    return click.option(
        "--istioctl",
        type=click.Path(exists=True, dir_okay=False, path_type=Path),
        metavar="PATH",
        help="The istioctl to render with; otherwise PATH and the tool's own cache are searched.",
    )(function)


@dataclass(frozen=True, slots=True)
class Writing:
    """How a command changes the working tree, and tells of it.

    Attributes:
        istioctl: To render with; None to look for one.
        commit: Whether to commit what changed.
        force: Whether to overwrite generated files that a person edited.
        output_format: ``text`` or ``json``.
    """

    istioctl: Path | None
    commit: bool
    force: bool
    output_format: str


def writes(function: Callable[..., Any]) -> Callable[..., Any]:
    """Options of every command that changes the working tree; it gets them as ``how``."""

    @functools.wraps(function)
    def with_how(
        *args: Any,  # noqa: ANN401 - whatever the command takes
        istioctl: Path | None,
        commit: bool,
        force: bool,
        output_format: str,
        **kwargs: Any,  # noqa: ANN401
    ) -> Any:  # noqa: ANN401
        how = Writing(istioctl, commit, force, output_format)
        return function(*args, how=how, **kwargs)

    wrapped: Callable[..., Any] = with_how
    for option in (
        output(),
        click.option(
            "--force", is_flag=True, help="Overwrite generated files that were edited by hand."
        ),
        click.option("--commit", is_flag=True, help="Commit what this command changed."),
        istioctl,
    ):
        wrapped = option(wrapped)
    return wrapped


def gateways(function: F) -> F:
    """``--ingress --egress --east-west``."""
    for name, text in (
        ("--east-west", "Install a gateway for traffic from other networks."),
        ("--egress", "Install an egress gateway."),
        ("--ingress", "Install an ingress gateway."),
    ):
        function = click.option(name, is_flag=True, help=text)(function)
    return function


class Checked(click.ParamType[str]):
    """A text that is taken as it is, or refused for a reason.

    Args:
        name: What it is, for ``--help``.
        check: Raises an ExtcpError for what is refused.
    """

    def __init__(self, name: str, check: Callable[[str], object]) -> None:
        self.name = name
        self._check = check

    def convert(
        self,
        value: Any,  # noqa: ANN401 - Click's interface
        param: click.Parameter | None,
        ctx: click.Context | None,
    ) -> str:
        """The text, or a usage error that says what is wrong with it."""
        try:
            self._check(value)
        except ExtcpError as error:
            finding = error.findings[0]
            self.fail(f"{finding.message}; {finding.remedy}", param, ctx)
        return str(value)


def _check_url(text: str) -> None:
    from extcp_gitops.giturl import parse_url  # noqa: PLC0415 - only where a URL is given

    parse_url(text)


def _check_package(text: str) -> None:
    from extcp_gitops.inventory import package  # noqa: PLC0415 - only where one is given

    package.check(text)


REPOSITORY_URL: Final = Checked("url", _check_url)
"""A Git URL without a credential in it."""
PACKAGE: Final = Checked("requirement", _check_package)
"""A requirement of pip that means this tool."""

"""Options that several commands share, each said once."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

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


def writes(function: F) -> F:
    """Options of every command that changes the working tree."""
    for option in (
        click.option(
            "--force", is_flag=True, help="Overwrite generated files that were edited by hand."
        ),
        click.option("--commit", is_flag=True, help="Commit exactly what this command changed."),
        istioctl,
    ):
        function = option(function)
    return function


def gateways(function: F) -> F:
    """``--ingress --egress --east-west``."""
    for name, text in (
        ("--east-west", "Install a gateway for traffic from other networks."),
        ("--egress", "Install an egress gateway."),
        ("--ingress", "Install an ingress gateway."),
    ):
        function = click.option(name, is_flag=True, help=text)(function)
    return function


class RepositoryURL(click.ParamType[str]):
    """A Git URL without a credential in it."""

    name = "url"

    def convert(
        self,
        value: Any,  # noqa: ANN401 - Click's interface
        param: click.Parameter | None,
        ctx: click.Context | None,
    ) -> str:
        """The URL, or a usage error that says what is wrong with it."""
        from extcp_gitops.giturl import parse_url  # noqa: PLC0415 - only where a URL is given

        try:
            return parse_url(value)
        except ExtcpError as error:
            finding = error.findings[0]
            self.fail(f"{finding.message}; {finding.remedy}", param, ctx)

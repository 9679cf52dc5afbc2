"""``extcp-gitops istioctl``."""

from __future__ import annotations

from typing import TYPE_CHECKING

import click

from extcp_gitops import istioctl as renderer
from extcp_gitops.commands import options, progress
from extcp_gitops.errors import ExtcpError, Finding

if TYPE_CHECKING:
    from pathlib import Path

    from extcp_gitops.commands.context import Context


@click.group()
def istioctl() -> None:
    """Get the istioctl that renders this mesh, or say where it is.

    Istio's manifests come from istioctl of exactly the release in mesh.yaml. It is looked for in
    the variable EXTCP_ISTIOCTL, on PATH, and where 'install' puts it.
    """


@istioctl.command(
    epilog="""\b
Examples:
  extcp-gitops istioctl install
  extcp-gitops istioctl install 1.29.1
  EXTCP_ISTIO_RELEASES=https://mirror.example.com/istio extcp-gitops istioctl install
"""
)
@click.argument("version", required=False)
@options.output()
@click.pass_obj
def install(context: Context, version: str | None, output_format: str) -> None:
    """Download istioctl VERSION from Istio's releases and verify its checksum.

    Without VERSION, the release in mesh.yaml; where there is none, the default release. The file
    goes into this tool's cache, EXTCP_CACHE_DIR or ~/.cache/extcp-gitops. HTTPS_PROXY is honoured,
    and EXTCP_ISTIO_RELEASES names a mirror with the layout of Istio's releases on GitHub.
    """
    wanted = renderer.check_version(version or _release_of_mesh(context))
    context.say(f"getting istioctl {wanted}")
    path = renderer.install(wanted, progress.download())
    _tell(context, wanted, path, output_format)


@istioctl.command(
    epilog="""\b
Examples:
  extcp-gitops istioctl path
  export EXTCP_ISTIOCTL="$(extcp-gitops istioctl path 1.29.1)"
"""
)
@click.argument("version", required=False)
@options.output()
@click.pass_obj
def path(context: Context, version: str | None, output_format: str) -> None:
    """Print where istioctl VERSION is: what 'generate' would use.

    Without VERSION, the release in mesh.yaml; where there is none, the default release.
    """
    found = renderer.find(version or _release_of_mesh(context))
    _tell(context, found.version, found.path, output_format)


def _tell(context: Context, version: str, path: Path, output_format: str) -> None:
    if output_format == "json":
        context.echo_json({"version": version, "path": str(path)})
    else:
        click.echo(path)


def _release_of_mesh(context: Context) -> str:
    """The release that mesh.yaml names, whatever else is wrong with the inventory."""
    from extcp_gitops.inventory.load import find_root  # noqa: PLC0415 - yaml is slow to import
    from extcp_gitops.inventory.schema import MESH_FILE  # noqa: PLC0415 - as above
    from extcp_gitops.yamlio.load import parse  # noqa: PLC0415 - as above

    try:
        root = find_root(context.directory)
    except ExtcpError:
        return renderer.DEFAULT_ISTIO_VERSION
    release = parse((root / MESH_FILE).read_bytes(), MESH_FILE).data.get("istioVersion")
    if isinstance(release, str):
        return release
    raise ExtcpError(
        Finding(
            "EXTCP-T107",
            "the mesh names no release of Istio",
            "set istioVersion, as a string such as 1.29.1, or name the release on the command line",
            file=MESH_FILE,
        )
    )

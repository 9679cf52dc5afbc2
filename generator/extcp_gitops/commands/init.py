"""``extcp-gitops init``."""

from __future__ import annotations

import dataclasses
import shlex
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from extcp_gitops import __version__
from extcp_gitops.commands import options, progress, unfinished
from extcp_gitops.errors import ExtcpError
from extcp_gitops.generate import Options, create
from extcp_gitops.inventory import package
from extcp_gitops.inventory.author import NewCluster, NewMesh, new_mesh
from extcp_gitops.inventory.model import (
    DEFAULT_ARGOCD_NAMESPACE,
    DEFAULT_CONTROL_PLANE,
    DEFAULT_EXTERNAL_CLUSTER,
    DEFAULT_NETWORK,
    Forge,
    Gateways,
)
from extcp_gitops.istioctl import DEFAULT_ISTIO_VERSION

if TYPE_CHECKING:
    from extcp_gitops.commands.context import Context
    from extcp_gitops.generate import Outcome
    from extcp_gitops.git import Repository

# Of each release until the index has one; then it goes, and with it what says it in README.md.
_UNPUBLISHED = (
    f"the forge's CI installs {package.NAME}=={__version__} from the package index, where it is "
    "not published yet: name another source as repository.package in mesh.yaml, then 'extcp-gitops "
    "generate --commit'"
)
_GATEWAYS = {"ingress": "ingress", "egress": "egress", "east-west": "east_west"}


class RemoteCluster(click.ParamType[NewCluster]):
    """``NAME[,network=NET][,server=URL][,ingress][,egress][,east-west]``."""

    name = "remote cluster"

    def get_metavar(self, param: click.Parameter, ctx: click.Context) -> str:  # noqa: ARG002
        """The form, for ``--help``."""
        return "NAME[,network=NET][,server=URL][,ingress][,egress][,east-west]"

    def convert(
        self,
        value: Any,  # noqa: ANN401 - Click's interface
        param: click.Parameter | None,
        ctx: click.Context | None,
    ) -> NewCluster:
        """The cluster, or a usage error that names the part that is wrong."""
        if isinstance(value, NewCluster):
            return value
        name, *parts = str(value).split(",")
        settings: dict[str, str] = {}
        gateways: dict[str, bool] = {}
        for part in parts:
            key, equals, text = part.partition("=")
            if equals and text and key in {"network", "server"} and key not in settings:
                settings[key] = text
            elif not equals and part in _GATEWAYS:
                gateways[_GATEWAYS[part]] = True
            else:
                known = "network=NET, server=URL, ingress, egress, east-west"
                self.fail(f"'{part}' in '{value}' is none of: {known}", param, ctx)
        return NewCluster(
            name,
            settings.get("network", DEFAULT_NETWORK),
            settings.get("server"),
            Gateways(**gateways),
        )


@dataclasses.dataclass(frozen=True, slots=True)
class _Question:
    flag: str
    text: str
    default: str | None = None


_QUESTIONS = {
    "mesh_id": _Question("--mesh-id", "ID of the mesh", "mesh1"),
    "address": _Question("--address", "Public host name of the control plane"),
    "repo_url": _Question("--repo-url", "Git URL from which Argo CD will read"),
    "tls_secret": _Question(
        "--tls-secret", "TLS Secret in istio-system for that host name", "istiod-tls"
    ),
}


@click.command(
    epilog="""\b
Examples:
  extcp-gitops init mesh --mesh-id mesh1 --address istiod.example.com \\
      --tls-secret istiod-tls --repo-url https://git.example.com/platform/mesh.git
  extcp-gitops init mesh --mesh-id mesh1 --address istiod.example.com \\
      --issuer letsencrypt --repo-url git@git.example.com:platform/mesh.git \\
      --remote-cluster remote-cluster-1,network=network1,ingress \\
      --remote-cluster remote-cluster-2,network=network2
"""
)
@click.argument("directory", type=click.Path(file_okay=False, path_type=Path), metavar="DIR")
@click.option("--mesh-id", help="ID of the mesh, such as mesh1.")
@click.option(
    "--address", help="Public host name of the control plane, such as istiod.example.com."
)
@click.option("--tls-secret", help="TLS Secret in istio-system of the external cluster.")
@click.option("--issuer", help="cert-manager ClusterIssuer that fills that Secret.")
@click.option(
    "--repo-url", type=options.REPOSITORY_URL, help="Git URL from which Argo CD will read."
)
@click.option("--branch", default="main", show_default=True, help="Branch that Argo CD follows.")
@click.option(
    "--forge",
    type=click.Choice([forge.value for forge in Forge]),
    help="Whose continuous integration to generate; guessed from the URL.",
)
@click.option(
    "--package",
    type=options.PACKAGE,
    help="By which pip installs extcp-gitops in that CI; by default this version, from the package "
    "index.",
)
@click.option(
    "--istio-version",
    default=DEFAULT_ISTIO_VERSION,
    show_default=True,
    help="Release of Istio, for every cluster.",
)
@click.option(
    "--argocd-namespace",
    default=DEFAULT_ARGOCD_NAMESPACE,
    show_default=True,
    help="Namespace that Argo CD runs in.",
)
@click.option(
    "--external-cluster",
    default=DEFAULT_EXTERNAL_CLUSTER,
    show_default=True,
    help="Name of the cluster that hosts the control plane.",
)
@click.option(
    "--control-plane",
    default=DEFAULT_CONTROL_PLANE,
    show_default=True,
    help="Name and namespace of the control plane.",
)
@click.option(
    "--remote-cluster",
    "remotes",
    type=RemoteCluster(),
    multiple=True,
    help="A remote cluster; the first is the config cluster. Repeat for more. Where their networks "
    "differ, each gets an east-west gateway.  [default: remote-cluster-1]",
)
@click.option(
    "--push", is_flag=True, help="Push to origin, which is the repository's URL where it is new."
)
@options.istioctl
@options.output()
@click.pass_obj
def init(
    context: Context,
    /,
    *,
    directory: Path,
    remotes: tuple[NewCluster, ...],
    forge: str | None,
    istioctl: Path | None,
    output_format: str,
    push: bool,
    **answers: str | None,
) -> None:
    """Make a new repository for a mesh in DIR, with one commit.

    What is missing is asked for on a terminal; elsewhere the flags that are missing are named.
    """
    complete = _complete(answers)
    url = complete.pop("repo_url")
    mesh = NewMesh(
        url=url,
        remotes=_networks_connected(remotes or (NewCluster("remote-cluster-1"),)),
        forge=Forge(forge) if forge else _guess_forge(url),
        **complete,
    )
    root = context.directory / directory
    repository = _repository(context, root, mesh.branch)
    outcome = create(
        root, new_mesh(mesh), Options(istioctl, say=context.say, progress=progress.download())
    )
    context.report(outcome.warnings)
    revision = _commit(context, root, mesh, repository, outcome.changes.paths, push=push)
    _tell(context, outcome, root, revision, None if push else _push(root, mesh))
    if mesh.forge is not Forge.NONE and mesh.package is None:
        context.say(f"  {_UNPUBLISHED}")
    if output_format == "json":
        context.echo_json(
            {"directory": str(root), "commit": revision, "files": list(outcome.changes.paths)}
        )


def _repository(context: Context, root: Path, branch: str) -> Repository | None:
    """The repository that the mesh goes into, fit for it; None where it gets one of its own.

    Raises:
        ExtcpError: EXTCP-G053 the directory is a part of a larger repository; those of
            ``require_identity``, ``require_ready`` and ``require_branch``.
    """
    from extcp_gitops.git import Repository, require_identity  # noqa: PLC0415 - slow to import

    repository = Repository.discover(root)
    is_top = repository is not None and root.samefile(repository.top)
    if repository is None or (not is_top and not any(root.iterdir())):
        require_identity(context.directory)
        return None
    if not is_top:
        raise ExtcpError.of(
            "EXTCP-G053",
            f"{root} is a part of the repository {repository.top}, and Argo CD looks for the mesh "
            "at a repository's top",
            "choose a directory outside, or give it a repository of its own first: "
            f"{_git_init(root, branch)}",
        )
    repository.require_ready()
    repository.require_branch(branch)
    return repository


def _commit(
    context: Context,
    root: Path,
    mesh: NewMesh,
    repository: Repository | None,
    paths: tuple[str, ...],
    *,
    push: bool,
) -> str | None:
    """Commit the files that were written, name the remote, push; or say what is left to do."""
    from extcp_gitops.git import Repository  # noqa: PLC0415 - slow to import

    origin = repository.remote_url("origin") if repository else None
    begin = () if repository else (_git_init(root, mesh.branch),)
    commit = unfinished.command("extcp-gitops", root, "generate", "--commit")
    add = unfinished.command("git", root, "remote", "add", "origin", mesh.url)
    name = () if origin else (add,)
    with unfinished.written(*begin, commit, *name, _push(root, mesh)):
        repository = repository or Repository.init(root, mesh.branch)
        revision = repository.commit(paths, f"Describe the mesh {mesh.mesh_id}")
    if origin is None:
        with unfinished.committed(add, _push(root, mesh)):
            repository.add_remote("origin", mesh.url)
    elif origin != mesh.url:
        context.say(f"the remote 'origin' stays as it is; Argo CD will read from {mesh.url}")
    if push:
        context.say(f"pushing {mesh.branch} to {mesh.url if name else 'origin'}")
        with unfinished.committed(_push(root, mesh)):
            repository.push("origin", mesh.branch)
    return revision


def _git_init(root: Path, branch: str) -> str:
    return shlex.join(("git", "init", f"--initial-branch={branch}", str(root)))


def _push(root: Path, mesh: NewMesh) -> str:
    return unfinished.command("git", root, "push", "-u", "origin", mesh.branch)


def _complete(answers: dict[str, str | None]) -> dict[str, Any]:
    """Ask for what is missing, or name it."""
    required = dict(_QUESTIONS)
    if answers.get("issuer") or _is_ip_address(answers.get("address")):
        del required["tls_secret"]
    missing = {key: question for key, question in required.items() if not answers.get(key)}
    if missing and not (sys.stdin.isatty() and sys.stderr.isatty()):
        flags = ", ".join(question.flag for question in missing.values())
        raise click.UsageError(f"Missing: {flags}. There is no terminal to ask on.")
    complete = dict(answers)
    for key, question in missing.items():
        kind = options.REPOSITORY_URL if key == "repo_url" else str
        complete[key] = click.prompt(question.text, default=question.default, type=kind, err=True)
    return complete


def _is_ip_address(address: str | None) -> bool:
    import ipaddress  # noqa: PLC0415 - only here

    try:
        ipaddress.ip_address(address or "")
    except ValueError:
        return False
    return True


def _networks_connected(remotes: tuple[NewCluster, ...]) -> tuple[NewCluster, ...]:
    """Clusters on several networks reach one another through east-west gateways only."""
    if len({remote.network for remote in remotes}) < 2:  # noqa: PLR2004 - one network or more
        return remotes
    return tuple(
        dataclasses.replace(remote, gateways=dataclasses.replace(remote.gateways, east_west=True))
        for remote in remotes
    )


def _guess_forge(url: str) -> Forge:
    for forge in (Forge.GITHUB, Forge.GITLAB, Forge.GITEA):
        if forge.value in url:
            return forge
    return Forge.GITEA if "forgejo" in url or "codeberg" in url else Forge.NONE


def _tell(
    context: Context, outcome: Outcome, root: Path, revision: str | None, push: str | None
) -> None:
    count = len(outcome.changes.added)
    commit = f", commit {revision[:12]}" if revision else ""
    context.say(f"wrote {count} files to {root}{commit}")
    context.say()
    context.say("Next:")
    if push:
        context.say(f"  {push}")
    context.say(f"  read {root / 'README.md'}: how to hand the mesh to Argo CD, step by step")
    add = unfinished.command("extcp-gitops", root, "cluster", "add")
    context.say(f"  {add}     # the next remote cluster")

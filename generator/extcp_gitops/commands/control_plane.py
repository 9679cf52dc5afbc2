"""``extcp-gitops control-plane``."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import TYPE_CHECKING, BinaryIO

import click
from click.core import ParameterSource

from extcp_gitops import kube
from extcp_gitops.commands import options
from extcp_gitops.commands.change import change
from extcp_gitops.errors import ExtcpError
from extcp_gitops.inventory import author, roots, schema
from extcp_gitops.inventory.load import MAX_FILE_BYTES, find_root, load, load_directory
from extcp_gitops.inventory.model import DEFAULT_NETWORK, Gateways

if TYPE_CHECKING:
    from collections.abc import Mapping

    from extcp_gitops.commands.context import Context

_OF_THE_NEW_CLUSTER = ("network", "server", "ingress", "egress", "east_west")


@click.group(name="control-plane")
def control_plane() -> None:
    """Add control planes, and pin their roots."""


@control_plane.command(
    epilog="""\b
Example:
  extcp-gitops control-plane add istiod-payments --address istiod-payments.example.com \\
      --tls-secret istiod-payments-tls --config-cluster payments-1
"""
)
@click.argument("name")
@click.option("--address", required=True, help="Public host name, another one than the others'.")
@click.option("--tls-secret", help="TLS Secret in istio-system of the external cluster.")
@click.option("--issuer", help="cert-manager ClusterIssuer that fills that Secret.")
@click.option(
    "--config-cluster", required=True, help="Its config cluster; added when it is not there yet."
)
@click.option("--network", default=DEFAULT_NETWORK, show_default=True, help="Of the new cluster.")
@click.option("--server", help="URL by which Argo CD knows the new cluster, instead of its name.")
@options.gateways
@options.writes
@click.pass_obj
def add(
    context: Context,
    *,
    name: str,
    address: str,
    tls_secret: str | None,
    issuer: str | None,
    config_cluster: str,
    network: str,
    server: str | None,
    ingress: bool,
    egress: bool,
    east_west: bool,
    how: options.Writing,
) -> None:
    """Add a control plane NAME, in a namespace of that name, behind the same ingress gateway."""
    plane = author.NewControlPlane(name, address, config_cluster, tls_secret, issuer)
    gateways = Gateways(ingress=ingress, egress=egress, east_west=east_west)
    new = author.NewCluster(config_cluster, network, server, gateways)

    def edit(files: dict[str, bytes]) -> Mapping[str, bytes | None]:
        changed: dict[str, bytes | None] = {
            schema.MESH_FILE: author.add_control_plane(files[schema.MESH_FILE], plane)
        }
        if author.cluster_path(config_cluster) in files:
            _refuse_what_is_for_a_new_cluster(config_cluster)
        else:
            changed.update(author.add_cluster(files, new, name))
        return changed

    change(context, edit, f"Add the control plane {name}", how, controlPlane=name)


def _refuse_what_is_for_a_new_cluster(name: str) -> None:
    """An option without an effect would be taken for one that had it."""
    context = click.get_current_context()
    given = [
        option.opts[0]
        for option in context.command.params
        if option.name in _OF_THE_NEW_CLUSTER
        and context.get_parameter_source(option.name) is not ParameterSource.DEFAULT
    ]
    if given:
        raise click.UsageError(
            f"The cluster '{name}' is there already, and {', '.join(given)} would describe a new "
            "one. Leave that out; what there is, its cluster.yaml says."
        )


@control_plane.command(
    name="pin-root",
    epilog="""\b
Examples:
  extcp-gitops control-plane pin-root --context remote-cluster-1
  extcp-gitops control-plane pin-root external-istiod --file root-cert.pem --commit
""",
)
@click.argument("name", required=False)
@click.option("--context", "kube_context", help="kubeconfig context of the config cluster.")
@click.option(
    "--file",
    "pem_file",
    type=click.File("rb"),
    help="The root as PEM, such as root-cert.pem of a plugged-in CA; - for standard input.",
)
@click.option(
    "--allow-exec-kubeconfig",
    is_flag=True,
    help="Let the kubeconfig run a program to get a credential.",
)
@options.writes
@click.pass_obj
def pin_root(
    context: Context,
    *,
    name: str | None,
    kube_context: str | None,
    pem_file: BinaryIO | None,
    allow_exec_kubeconfig: bool,
    how: options.Writing,
) -> None:
    """Pin the root that the ingress gateway verifies istiod against.

    A self-signed root exists once istiod runs: it is read from the config cluster's ConfigMap
    istio-ca-root-cert. That of a plugged-in CA is given with --file, which warns where istiod signs
    for itself.
    """
    if (kube_context is None) == (pem_file is None):
        raise click.UsageError("Give --context or --file, one of the two.")
    inventory = load_directory(find_root(context.directory)).inventory
    plane = author.known_control_plane(inventory, name)
    if pem_file is not None:
        text = pem_file.read(MAX_FILE_BYTES).decode("utf-8", "replace")
    else:
        text = kube.root_certificate(kube_context or "", plane, allow_exec=allow_exec_kubeconfig)
    certificate = _checked(text)
    if pem_file is not None and (warning := roots.file_warning(inventory.control_planes[plane])):
        context.report([warning])
    change(
        context,
        lambda files: {
            schema.MESH_FILE: author.pin_root(
                files[schema.MESH_FILE], load(files).inventory, plane, certificate
            )
        },
        f"Pin the root of {plane}",
        how,
        controlPlane=plane,
    )


def _checked(text: str) -> str:
    from extcp_gitops.inventory import pem  # noqa: PLC0415 - cryptography is loaded when needed

    problem = pem.problem(text) or pem.root_problem(text, datetime.now(UTC))
    if problem is not None:
        raise ExtcpError.of(*problem)
    return pem.normalise(text)

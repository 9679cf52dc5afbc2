"""The changes that the bot proposes, each as ``extcp-gitops`` makes it for a person."""

from __future__ import annotations

import hashlib
from dataclasses import asdict
from typing import TYPE_CHECKING, Final

from extcp_bot.proposals.asked import NewMember
from extcp_bot.proposals.model import Kind, Proposal
from extcp_gitops.inventory import author, pem, schema
from extcp_gitops.inventory.load import load
from extcp_gitops.inventory.model import Gateways

if TYPE_CHECKING:
    from collections.abc import Mapping

    from extcp_bot.proposals.marker import Marker
    from extcp_bot.proposals.model import Edit
    from extcp_bot.proposals.policy import Documents
    from extcp_gitops.inventory.author import NewCluster

_PLANE: Final = "controlPlane"
_DIGEST: Final = "sha256"
_GATEWAYS: Final = ("ingress", "egress", "eastWest")


def add_cluster(cluster: NewCluster, control_plane: str, *, by_hand: bool = False) -> Proposal:
    """What ``extcp-gitops cluster add`` does."""
    wanted = cluster.gateways
    gateways = zip(_GATEWAYS, (wanted.ingress, wanted.egress, wanted.east_west), strict=True)

    def edit(files: dict[str, bytes]) -> Mapping[str, bytes | None]:
        return author.add_cluster(files, cluster, control_plane)

    return Proposal(
        Kind.ADD_CLUSTER,
        cluster.name,
        {
            _PLANE: control_plane,
            "network": cluster.network,
            "server": cluster.server,
            **dict(gateways),
        },
        edit,
        f"Add the remote cluster {cluster.name}",
        by_hand,
    )


def remove_cluster(name: str, control_plane: str) -> Proposal:
    """What ``extcp-gitops cluster remove`` does; only ever asked for by hand.

    Args:
        name: Of the cluster.
        control_plane: That it belongs to; where its remote secret is, when it is gone.
    """
    title, inputs = f"Remove the remote cluster {name}", {_PLANE: control_plane}
    return Proposal(Kind.REMOVE_CLUSTER, name, inputs, _without(name), title, by_hand=True)


def revert(name: str, control_plane: str, merge: str) -> Proposal:
    """Takes a cluster out again that was merged and does not work.

    The same change as a removal, and no ``git revert``: that one fails where the files have been
    generated anew since, for another release of Istio, and would leave those behind that came so.

    Args:
        name: Of the cluster.
        control_plane: As for :func:`remove_cluster`.
        merge: The commit that it was merged as.
    """
    title, inputs = f"Take the remote cluster {name} out again", {_PLANE: control_plane}
    return Proposal(Kind.REVERT, name, {**inputs, "merge": merge}, _without(name), title)


def pin_root(control_plane: str, root: str, *, by_hand: bool = False) -> Proposal:
    """What ``extcp-gitops control-plane pin-root`` does.

    Args:
        control_plane: Its name.
        root: PEM as istiod publishes it, without ``pem.problem``.
        by_hand: As for :class:`Proposal`.
    """
    certificate = pem.normalise(root)

    def edit(files: dict[str, bytes]) -> Mapping[str, bytes | None]:
        raw = files[schema.MESH_FILE]
        pinned = author.pin_root(raw, load(files).inventory, control_plane, certificate)
        return {schema.MESH_FILE: pinned}

    inputs = {_DIGEST: _digest(root)}
    return Proposal(Kind.PIN_ROOT, control_plane, inputs, edit, _title(control_plane), by_hand)


def same_pin(marker: Marker) -> Proposal:
    """A pin that is open already, without its certificate: to say on it that it cannot be now."""

    def edit(_: dict[str, bytes]) -> Mapping[str, bytes | None]:
        raise ValueError("only a root that is published can be pinned")

    title = _title(marker.name)
    return Proposal(Kind.PIN_ROOT, marker.name, marker.inputs, edit, title, marker.by_hand)


def pins_another(marker: Marker, root: str) -> bool:
    """Whether a pin is of another root than this one, PEM without ``pem.problem``."""
    return marker.inputs.get(_DIGEST) != _digest(root)


def _digest(root: str) -> str:
    return hashlib.sha256(pem.normalise(root).encode()).hexdigest()


def _title(control_plane: str) -> str:
    return f"Pin the root of {control_plane}"


def credential(
    name: str, control_plane: str, how: Documents, files: Mapping[str, bytes | None]
) -> Proposal:
    """What ``extcp-bot credential document`` writes, for a merged cluster whose turn it is.

    Args:
        name: Of the cluster.
        control_plane: That it belongs to.
        how: Form and place; a *no* is one for these, whatever the text that is encrypted.
        files: The documents.
    """
    inputs = {_PLANE: control_plane, **asdict(how)}
    title = f"Add the remote secret of {name} as {how.form}"
    return Proposal(Kind.CREDENTIAL, name, inputs, lambda _: files, title)


def new_cluster(marker: Marker) -> tuple[NewCluster, str]:
    """The cluster that an addition was for, and its control plane.

    Raises:
        TypeError: The marker does not say.
    """
    inputs = marker.inputs
    network, server, plane = (inputs.get(each) for each in ("network", "server", _PLANE))
    if marker.kind is not Kind.ADD_CLUSTER or not isinstance(network, str):
        raise TypeError("no addition")
    if not isinstance(plane, str) or not isinstance(server, str | None):
        raise TypeError("no control plane or no server")
    gateways = Gateways(*(inputs.get(each) is True for each in _GATEWAYS))
    return author.NewCluster(marker.name, network, server, gateways), plane


def control_plane_of(marker: Marker) -> str:
    """The control plane of a cluster that is to join or to leave; empty where it does not say."""
    found = marker.inputs.get(_PLANE)
    return found if isinstance(found, str) else ""


def member_of(marker: Marker) -> NewMember:
    """The same, as a person would name it; raises as :func:`new_cluster`."""
    new, plane = new_cluster(marker)
    return NewMember(new.name, new.network, plane, new.gateways, new.server)


def _without(name: str) -> Edit:
    return lambda files: author.remove_cluster(load(files).inventory, name)

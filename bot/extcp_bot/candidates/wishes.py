"""What the labels and annotations of a cluster Secret say about the cluster's place in a mesh."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from extcp_bot.result import clean
from extcp_gitops.inventory.model import Gateways
from extcp_gitops.render.argocd import LABEL_MESH

if TYPE_CHECKING:
    from collections.abc import Iterable

    from extcp_bot.access.argocd import Entry

MESH: Final = LABEL_MESH
"""The label that makes a candidate of a cluster; its value is the mesh ID."""
NAME: Final = "extcp-gitops.io/name"
"""The cluster's name in the mesh, where Argo CD knows it by one that no cluster can have."""
NETWORK: Final = "extcp-gitops.io/network"
CONTROL_PLANE: Final = "extcp-gitops.io/control-plane"
GATEWAYS: Final = "extcp-gitops.io/gateways"

_GATEWAYS: Final = {"ingress": "ingress", "egress": "egress", "east-west": "east_west"}
_BETWEEN: Final = re.compile(r"[\s,.]+")  # the value of a label can hold no comma


@dataclass(frozen=True, slots=True)
class Wishes:
    """What is said of a cluster; None for what is not.

    Attributes:
        name: In the mesh.
        network: Of Istio.
        control_plane: By name.
        gateways: Wanted.
        problems: What cannot be meant so, in harmless words.
    """

    name: str | None = None
    network: str | None = None
    control_plane: str | None = None
    gateways: Gateways | None = None
    problems: tuple[str, ...] = ()


def of(entry: Entry) -> Wishes:
    """What a cluster Secret says; a value that makes no sense is a problem, and never guessed at.

    Args:
        entry: Whose label and whose annotation count the same.
    """
    problems: list[str] = []
    name, network, plane, gateways = (
        _said(entry, key, problems) for key in (NAME, NETWORK, CONTROL_PLANE, GATEWAYS)
    )
    wanted = None if gateways is None else _gateways(gateways, problems)
    return Wishes(name, network, plane, wanted, tuple(problems))


def _said(entry: Entry, key: str, problems: list[str]) -> str | None:
    found = [said[key].strip() for said in (entry.labels, entry.annotations) if key in said]
    if len(set(found)) > 1:
        problems.append(f"the label {key} says '{clean(found[0])}', the annotation another thing")
    return found[0] if found else None


def _gateways(said: str, problems: list[str]) -> Gateways:
    wanted = set(filter(None, _BETWEEN.split(said)))
    if strange := sorted(wanted - set(_GATEWAYS)):
        problems.append(f"{GATEWAYS} names {_listed(strange)}; known are {_listed(_GATEWAYS)}")
    return Gateways(**{field: word in wanted for word, field in _GATEWAYS.items()})


def _listed(words: Iterable[str]) -> str:
    return ", ".join(f"'{clean(word)}'" for word in words)

"""The roles that are generated for the bot in the external cluster are those that it needs.

The generator cannot ask the checks, which are the bot's; where this fails, list in
``extcp_gitops/render/bot_rights.py`` what they want now.
"""

from __future__ import annotations

from collections import defaultdict
from typing import TYPE_CHECKING

import pytest

from extcp_bot import rbac
from extcp_bot.checks import all_checks
from extcp_bot.checks.model import Side
from extcp_gitops.inventory.load import load
from extcp_gitops.render import bot_rights
from tests import meshes
from tests.bot.reports import mesh

if TYPE_CHECKING:
    from collections.abc import Mapping

    from extcp_gitops.inventory.model import Inventory

Allowed = dict[tuple[str, str, str, tuple[str, ...]], set[str]]
"""Verbs by namespace, group, resource and names."""

BY_IP_ADDRESS = meshes.MESH.partition("    tls:")[0].replace("istiod.example.com", "192.0.2.10")


def wanted(inventory: Inventory) -> Allowed:
    """What the checks ask of both sides, and what delivering a remote secret takes."""
    planes = inventory.mesh.control_planes
    found: Allowed = defaultdict(set)
    for side in (Side.EXTERNAL, Side.ARGOCD):
        asked = list(rbac.permissions(all_checks().values(), side))
        if side is Side.ARGOCD:
            asked.append(("the way to clusters", rbac.FIND_CLUSTERS))
        places = rbac.Places(planes, inventory.mesh.argocd_namespace)
        for namespace, rules in rbac.rules(asked, places).items():
            for rule in rules:
                found[namespace, rule.group, rule.resource, rule.names] |= rule.verbs
    for plane in planes:
        found[plane.namespace, "", "secrets", ()] |= {"create", "update", "patch", "delete"}
    return found


def generated(rights: Mapping[str, object]) -> Allowed:
    found: Allowed = defaultdict(set)
    for namespace, rules in rights.items():
        assert isinstance(rules, tuple)
        for rule in rules:
            found[namespace, rule.group, rule.resource, rule.names] |= set(rule.verbs)
    return found


@pytest.mark.parametrize(
    "inventory",
    [
        mesh(),
        mesh(second_plane=True),
        load(meshes.mesh({"mesh.yaml": BY_IP_ADDRESS})).inventory,
    ],
    ids=["host name", "two control planes", "IP address"],
)
def test_the_bot_is_given_what_it_needs_and_no_more(inventory: Inventory) -> None:
    assert generated(bot_rights.rights(inventory)) == wanted(inventory)

"""The roles that are generated for the bot in the external cluster are those that it needs.

The generator cannot ask the checks, which are the bot's; where this fails, list in
``extcp_gitops/render/bot_rights.py`` what they want now.
"""

from __future__ import annotations

from collections import defaultdict
from typing import TYPE_CHECKING

import pytest

from extcp_bot import rbac
from extcp_bot.candidates.checks import all_preflight_checks
from extcp_bot.checks import all_checks
from extcp_bot.checks.model import Side
from extcp_bot.credentials.permissions import DELIVER
from extcp_bot.joining import leaving, stages
from extcp_gitops.inventory.load import load
from extcp_gitops.render import bot_rights
from tests import meshes
from tests.bot.reports import mesh

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    from extcp_bot.checks.model import Permission
    from extcp_gitops.inventory.model import Inventory
    from extcp_gitops.render.bot_rights import Rule

Allowed = dict[tuple[str, str, str, tuple[str, ...]], set[str]]
"""Verbs by namespace, group, resource and names."""

BY_IP_ADDRESS = meshes.MESH.partition("    tls:")[0].replace("istiod.example.com", "192.0.2.10")


def asked(side: Side) -> Iterator[tuple[str, Permission]]:
    """All that a pass asks of one side; it rotates nothing."""
    checks = {**all_checks(), **all_preflight_checks()}
    yield from rbac.permissions(checks.values(), side)
    for code, permission in (*stages.permissions(), *leaving.permissions()):
        if permission.side is side:
            yield code, permission
    for permission in rbac.permitted(DELIVER, side):
        yield "delivery", permission
    if side is Side.ARGOCD:
        yield "the way to clusters", rbac.FIND_CLUSTERS


def wanted(inventory: Inventory) -> Allowed:
    found: Allowed = defaultdict(set)
    places = rbac.Places(inventory.mesh.control_planes, inventory.mesh.argocd_namespace)
    for side in (Side.EXTERNAL, Side.ARGOCD):
        for namespace, rules in rbac.rules(asked(side), places).items():
            for rule in rules:
                found[namespace, rule.group, rule.resource, rule.names] |= rule.verbs
    return found


def generated(rights: Mapping[str, Sequence[Rule]]) -> Allowed:
    return {
        (namespace, rule.group, rule.resource, rule.names): set(rule.verbs)
        for namespace, rules in rights.items()
        for rule in rules
    }


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

from __future__ import annotations

from typing import TYPE_CHECKING

from hypothesis import given

from extcp_gitops import plan
from extcp_gitops.inventory.load import load
from tests import meshes, strategies

if TYPE_CHECKING:
    from extcp_gitops.inventory.model import Inventory


def test_one_render_for_each_control_plane_however_many_clusters() -> None:
    few = load(meshes.mesh()).inventory
    more = {f"clusters/c{n}/cluster.yaml": meshes.REMOTE.format(name=f"c{n}") for n in range(20)}
    assert plan.bases(few) == plan.bases(load(meshes.mesh(more)).inventory)


@given(strategies.inventories())
def test_every_cluster_builds_on_bases_that_are_rendered(inventory: Inventory) -> None:
    rendered = {base.path for base in plan.bases(inventory)}
    assert len(rendered) == len(plan.bases(inventory))
    for cluster in inventory.clusters:
        assert set(plan.bases_of(inventory, cluster)) <= rendered

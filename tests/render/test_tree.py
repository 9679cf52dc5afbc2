"""Laws over whole trees: purity, and additions that never collide (law 2)."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from hypothesis import given

from extcp_gitops import plan
from extcp_gitops.inventory.model import Cluster, Destination, Gateways, Inventory, Role
from extcp_gitops.render.bases import Kind, Rendered
from extcp_gitops.render.stamp import Ownership, ownership
from extcp_gitops.render.tree import tree
from tests import strategies

if TYPE_CHECKING:
    from collections.abc import Mapping

RENDERED = Rendered(
    "kind: Stand-in\n",
    (Kind("apps", "Deployment", namespaced=True),),
    (Kind("networking.istio.io", "Gateway", namespaced=True),),
    ("rev.namespace.sidecar-injector.istio.io",),
)
"""In the place of what istioctl renders, which is the same for every cluster."""


def _tree(inventory: Inventory) -> Mapping[str, bytes]:
    made = tree(inventory, {base.path: RENDERED for base in plan.bases(inventory)})
    made.verify(made.contents)
    return made.contents


def _newcomer(inventory: Inventory, number: int) -> Cluster:
    plane = inventory.mesh.control_planes[0]
    shared = inventory.config_cluster_of(plane).gateways.east_west
    return Cluster(
        f"newcomer-{number}",
        Role.REMOTE,
        Destination(name=f"newcomer-{number}"),
        plane.name,
        f"network-of-{number}",
        Gateways(ingress=True, egress=True, east_west=shared),
    )


def _with(inventory: Inventory, *clusters: Cluster) -> Inventory:
    return Inventory(inventory.mesh, (*inventory.clusters, *clusters))


@given(strategies.inventories())
def test_adding_a_cluster_adds_files_below_its_directory_and_nothing_else(
    inventory: Inventory,
) -> None:
    cluster = _newcomer(inventory, 1)
    before, after = _tree(inventory), _tree(_with(inventory, cluster))
    assert {path: after.get(path) for path in before} == before
    added = set(after) - set(before)
    assert added
    assert all(path.startswith(f"{cluster.directory}/") for path in added)


@given(strategies.inventories())
def test_two_additions_merge_in_any_order(inventory: Inventory) -> None:
    first, second = _newcomer(inventory, 1), _newcomer(inventory, 2)
    merged = {**_tree(_with(inventory, first)), **_tree(_with(inventory, second))}
    assert (
        merged == _tree(_with(inventory, first, second)) == _tree(_with(inventory, second, first))
    )


@given(strategies.inventories())
def test_the_same_input_gives_the_same_bytes_and_every_file_is_ours(inventory: Inventory) -> None:
    contents = _tree(inventory)
    assert _tree(replace(inventory)) == contents
    assert {ownership(raw) for raw in contents.values()} == {Ownership.INTACT}


@given(strategies.inventories())
def test_what_is_shared_does_not_name_further_remote_clusters(inventory: Inventory) -> None:
    """Else two pull requests that add clusters would change one file."""
    cluster = _newcomer(inventory, 1)
    contents = _tree(_with(inventory, cluster))
    naming = [path for path, raw in contents.items() if cluster.name.encode() in raw]
    assert all(path.startswith(cluster.directory) for path in naming), naming

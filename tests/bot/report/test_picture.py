from __future__ import annotations

from dataclasses import replace
from itertools import combinations

import pytest

from extcp_bot.report.picture import Box, Picture, draw
from extcp_bot.report.summary import Mark
from tests.bot.reports import mesh, mixed, report


def apart(one: Box, other: Box) -> bool:
    return (
        one.x + one.width <= other.x
        or other.x + other.width <= one.x
        or one.y + one.height <= other.y
        or other.y + other.height <= one.y
    )


def within(inner: Box, outer: Box) -> bool:
    return (
        outer.x <= inner.x
        and outer.y <= inner.y
        and inner.x + inner.width <= outer.x + outer.width
        and inner.y + inner.height <= outer.y + outer.height
    )


def picture(remotes: int, networks: int = 1, *, second_plane: bool = False) -> Picture:
    inventory = mesh(remotes, networks, second_plane=second_plane)
    return draw(mixed(inventory), inventory)


@pytest.mark.parametrize("second_plane", [False, True])
@pytest.mark.parametrize(("remotes", "networks"), [(2, 1), (2, 2), (13, 5), (60, 3), (300, 40)])
def test_nothing_lies_on_anything_else(remotes: int, networks: int, second_plane: bool) -> None:
    seen = picture(remotes, networks, second_plane=second_plane)
    whole = Box(0, 0, seen.width, seen.height, "", "", "")
    assert len(seen.clusters) == remotes + second_plane
    for group in ([seen.external, *seen.networks], seen.clusters[:80], seen.planes):
        assert all(within(box, whole) for box in group)
        assert all(apart(one, other) for one, other in combinations(group, 2))
    assert all(within(plane, seen.external) for plane in seen.planes)
    for box in seen.clusters:
        assert sum(within(box, network) for network in seen.networks) == 1
    assert len(seen.edges) == len(seen.networks)


def test_a_few_clusters_have_words_a_hundred_names_a_thousand_signs() -> None:
    kinds = [picture(number).tile.name for number in (2, 24, 25, 150, 151, 1000)]
    assert kinds == ["large", "large", "medium", "medium", "small", "small"]


def test_a_thousand_clusters_fit_on_a_page_or_two() -> None:
    seen = picture(1000, 5)
    assert (seen.width, seen.height) < (1001, 1200)


def test_each_box_says_what_it_is_and_how() -> None:
    seen = picture(9)
    assert seen.external.title == "external-cluster, external cluster: healthy"
    assert seen.planes[0].title == ("external-istiod, control plane at istiod.example.com: healthy")
    assert seen.clusters[0].is_config
    assert seen.clusters[0].title == "remote-cluster-1, config cluster: healthy"
    assert seen.clusters[2].title == "remote-cluster-3, remote cluster: 1 critical, 1 error"
    assert [box.mark for box in seen.clusters[2::3]] == [
        Mark.UNHEALTHY,
        Mark.UNKNOWN,
        Mark.WARNING,
    ]
    assert [box.name for box in seen.networks] == ["network1"]


def test_what_was_not_looked_at_is_unknown() -> None:
    inventory = mesh()
    found = report(inventory)
    found.clusters, found.results = (), []
    seen = draw(found, inventory)
    assert {box.mark for box in (seen.external, *seen.planes, *seen.clusters)} == {Mark.UNKNOWN}
    assert seen.clusters[0].label == "not looked at"


def test_clusters_are_in_the_order_that_people_count_in() -> None:
    names = [box.name for box in picture(11).clusters]
    assert names[-2:] == ["remote-cluster-10", "remote-cluster-11"]


def test_the_network_of_the_config_cluster_comes_first_and_long_names_are_shortened() -> None:
    inventory = mesh(3, 3)
    clusters = tuple(
        replace(each, network="z" * 300) if each.name == "remote-cluster-1" else each
        for each in inventory.clusters
    )
    seen = draw(report(inventory), replace(inventory, clusters=clusters))
    assert seen.networks[0].name.startswith("zzz")
    assert "…" in seen.networks[0].name
    assert seen.networks[0].title == f"network {'z' * 300}: 1 cluster"

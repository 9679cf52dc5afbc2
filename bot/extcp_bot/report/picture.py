"""The picture of a mesh as data, which a template turns into SVG.

The external cluster with its control planes is at the top; below each control plane are its remote
clusters, in a frame for each network. However many there are, the picture keeps its width: a few
tiles have names and words, a hundred have names, a thousand a sign.
"""

from __future__ import annotations

import math
import re
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from extcp_bot.report import layout, summary
from extcp_bot.report.summary import Mark

if TYPE_CHECKING:
    from extcp_bot.report.layout import Frame, Lane
    from extcp_bot.result import Report
    from extcp_gitops.inventory.model import Cluster, ControlPlane, Inventory

TILES: Final = (
    layout.Tile("large", 24, 206, 54, 12, 20),
    layout.Tile("medium", 150, 164, 26, 8, 17),
    layout.Tile("small", math.inf, 18, 18, 4, 0),
)
_WIDTH: Final = 1000
_NARROWEST_LANE: Final = 300
_EXTERNAL: Final = 128
_PLANE_WIDTH: Final = 280
_PLANE_HEIGHT: Final = 58
_PLANE_TOP: Final = 52
_NAME: Final = 28
_LABEL: Final = 34
_LETTER: Final = 7.5
_NUMBER: Final = re.compile(r"(\D*)(\d*)", re.ASCII)


@dataclass(frozen=True, slots=True)
class Box:
    """One rectangle.

    Attributes:
        x: Of its upper left corner.
        y: Likewise.
        width: Of the rectangle.
        height: Of the rectangle.
        name: Of what it stands for, as far as there is room.
        label: A second line.
        title: All that is to be said, for a pointer that rests on it.
        mark: How it is; None for a network, which has no state of its own.
        cluster: Name of the cluster that it leads to; empty for none.
        is_config: Whether it is a config cluster.
    """

    x: float
    y: float
    width: float
    height: float
    name: str
    label: str
    title: str
    mark: Mark | None = None
    cluster: str = ""
    is_config: bool = False


@dataclass(frozen=True, slots=True)
class Picture:
    """All of it.

    Attributes:
        width: Of the whole.
        height: Of the whole.
        external: The external cluster.
        planes: Its control planes.
        networks: Frames.
        clusters: Tiles in the frames.
        edges: SVG path data of the lines from control planes to networks.
        tile: How the remote clusters are drawn.
    """

    width: float
    height: float
    external: Box
    planes: tuple[Box, ...]
    networks: tuple[Box, ...]
    clusters: tuple[Box, ...]
    edges: tuple[str, ...]
    tile: layout.Tile


def draw(report: Report, inventory: Inventory) -> Picture:
    """The picture of a mesh as a run found it; clusters that were not looked at are unknown."""
    planes = inventory.mesh.control_planes
    tile = next(each for each in TILES if len(inventory.remotes) <= each.most)
    width = max(_WIDTH, len(planes) * _NARROWEST_LANE)
    painter = _Painter(report, inventory, tile)
    share = width / len(planes)
    for number, plane in enumerate(planes):
        start = _PLANE_TOP + _PLANE_HEIGHT
        painter.add(plane, layout.Lane(number * share, share, start, _EXTERNAL))
    whole = layout.Frame(1, 1, width - 2, _EXTERNAL - 2, (), "")
    return Picture(
        width,
        max((box.y + box.height for box in painter.networks), default=_EXTERNAL) + 1,
        painter.external(whole),
        tuple(painter.planes),
        tuple(painter.networks),
        tuple(painter.clusters),
        tuple(painter.edges),
        tile,
    )


class _Painter:
    def __init__(self, report: Report, inventory: Inventory, tile: layout.Tile) -> None:
        self._report = report
        self._inventory = inventory
        self._tile = tile
        self._results = summary.by_cluster(report)
        self.planes: list[Box] = []
        self.networks: list[Box] = []
        self.clusters: list[Box] = []
        self.edges: list[str] = []

    def add(self, plane: ControlPlane, lane: Lane) -> None:
        """A control plane and all that belongs to it."""
        self.planes.append(self._plane(plane, lane))
        its = _networks(self._inventory, plane)
        placed = layout.frames(lane, [len(clusters) for clusters in its.values()], self._tile)
        for (name, clusters), frame in zip(its.items(), placed, strict=True):
            self.edges.append(frame.edge)
            self.networks.append(_network(name, clusters, frame))
            for cluster, (x, y) in zip(clusters, frame.tiles, strict=True):
                self.clusters.append(self._tile_of(cluster, x, y))

    def external(self, frame: Frame) -> Box:
        """The frame around the control planes."""
        return self._box(self._inventory.external, frame, letters=60, role="external cluster")

    def _tile_of(self, cluster: Cluster, x: float, y: float) -> Box:
        is_config = self._inventory.is_config_cluster(cluster)
        role = "config cluster" if is_config else "remote cluster"
        frame = layout.Frame(x, y, self._tile.width, self._tile.height, (), "")
        return self._box(cluster, frame, letters=self._tile.letters, role=role)

    def _box(self, cluster: Cluster, frame: Frame, *, letters: int, role: str) -> Box:
        mark, words = self._state(cluster.name)
        return Box(
            frame.x,
            frame.y,
            frame.width,
            frame.height,
            _short(cluster.name, letters),
            words,
            f"{cluster.name}, {role}: {words}",
            mark,
            cluster.name,
            role == "config cluster",
        )

    def _state(self, name: str) -> tuple[Mark, str]:
        results = self._results.get(name)
        if not results:
            return Mark.UNKNOWN, "not looked at"
        mark = summary.mark(results)
        counts = summary.words(results)
        if mark is not Mark.HEALTHY:
            del counts["healthy"]
            return mark, _short(summary.tally(counts), _LABEL)
        return mark, "healthy"

    def _plane(self, plane: ControlPlane, lane: Lane) -> Box:
        external = self._inventory.external.name
        its = [each for each in self._results.get(external, ()) if each.control_plane == plane.name]
        width = min(_PLANE_WIDTH, lane.width - 2 * layout.MARGIN + 12)
        mark = summary.mark(its)
        return Box(
            lane.center - width / 2,
            _PLANE_TOP,
            width,
            _PLANE_HEIGHT,
            _short(plane.name, _NAME),
            _short(plane.address, _LABEL),
            f"{plane.name}, control plane at {plane.address}: {mark}",
            mark,
            external,
        )


def _networks(inventory: Inventory, plane: ControlPlane) -> dict[str, list[Cluster]]:
    """The remote clusters of a control plane by network, that of the config cluster first."""
    config = inventory.config_cluster_of(plane)
    its = [each for each in inventory.remotes if each.control_plane == plane.name]
    its.sort(key=lambda each: _natural(each.name))
    names = sorted({each.network or "" for each in its}, key=_natural)
    names.sort(key=lambda name: name != config.network)
    return {name: [each for each in its if (each.network or "") == name] for name in names}


def _natural(name: str) -> list[tuple[str, int]]:
    """A key that puts cluster-2 before cluster-10."""
    return [(text, int(digits or 0)) for text, digits in _NUMBER.findall(name)]


def _network(name: str, clusters: list[Cluster], frame: Frame) -> Box:
    number = summary.many(len(clusters), "cluster")
    room = int((frame.width - 2 * layout.MARGIN) / _LETTER) - len(number)
    short = _short(name or "no network", max(room, 4))
    return Box(
        frame.x, frame.y, frame.width, frame.height, short, number, f"network {name}: {number}"
    )


def _short(text: str, letters: int) -> str:
    """The text, or its beginning and its longer end: names of clusters differ at the end."""
    if len(text) <= letters:
        return text
    begin = letters // 3
    return f"{text[:begin]}…{text[len(text) - (letters - begin - 1) :]}" if letters else ""

"""Where the frames of one control plane go, and the tiles in them: numbers alone, no names."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

HEAD: Final = 38
"""Height of the line with a frame's name."""
MARGIN: Final = 24
"""Free at both sides of a lane; the lines to lower frames pass there."""
_PADDING: Final = 14
_BETWEEN: Final = 20
_BUS: Final = 24
_NARROWEST: Final = 160
_ABREAST: Final = 4


@dataclass(frozen=True, slots=True)
class Tile:
    """How a remote cluster is drawn, in SVG's units.

    Attributes:
        name: ``large``, ``medium`` or ``small``.
        most: Clusters of a mesh up to which it is used.
        width: Of a tile.
        height: Of a tile.
        gap: Between two.
        letters: Of its name that there is room for; 0 for a sign alone.
    """

    name: str
    most: float
    width: int
    height: int
    gap: int
    letters: int


@dataclass(frozen=True, slots=True)
class Lane:
    """The part of the picture in which one control plane and its clusters are.

    Attributes:
        left: Where it begins.
        width: How wide it is.
        start: Bottom of the control plane, where lines begin.
        top: Where there is room for frames.
    """

    left: float
    width: float
    start: float
    top: float

    @property
    def center(self) -> float:
        """Its middle, where the control plane is."""
        return self.left + self.width / 2


@dataclass(frozen=True, slots=True)
class Frame:
    """A frame with its tiles.

    Attributes:
        x: Of its upper left corner.
        y: Likewise.
        width: Of the frame.
        height: Of the frame.
        tiles: The upper left corner of each tile.
        edge: SVG path data of the line from the control plane.
    """

    x: float
    y: float
    width: float
    height: float
    tiles: tuple[tuple[float, float], ...]
    edge: str

    @property
    def bottom(self) -> float:
        """Its lower edge."""
        return self.y + self.height


@dataclass(frozen=True, slots=True)
class _Size:
    tiles: int
    columns: int
    width: float
    height: float


def frames(lane: Lane, numbers: Sequence[int], tile: Tile) -> list[Frame]:
    """Frames side by side, in as many rows as it takes.

    Args:
        lane: Where.
        numbers: How many tiles there are in each frame.
        tile: Their form.
    """
    placed: list[Frame] = []
    y, way = lane.top, f"M{lane.center:g} {lane.start:g}"
    for number, row in enumerate(_lowest(lane.width - 2 * MARGIN, numbers, tile)):
        if number == 1:  # from the first row on down the side of the lane
            way += f"H{lane.left + MARGIN / 2:g}"
        way += f"V{y + _BUS:g}"
        placed += _row(lane, row, y + 2 * _BUS, way, tile)
        y = max(frame.bottom for frame in placed)
    return placed


def _lowest(room: float, numbers: Sequence[int], tile: Tile) -> list[list[_Size]]:
    """Rows of frames, as narrow as it takes to be the lowest picture of all."""
    choices = []
    for abreast in range(1, min(len(numbers), _ABREAST) + 1):
        share = (room - _BETWEEN * (abreast - 1)) / abreast
        choices.append(list(_rows([_size(each, tile, share) for each in numbers], room)))
    return min(choices, key=_height, default=[])


def _height(rows: Sequence[Sequence[_Size]]) -> float:
    return sum(max(size.height for size in row) + 2 * _BUS for row in rows)


def _size(tiles: int, tile: Tile, room: float) -> _Size:
    most = math.floor((room - 2 * _PADDING + tile.gap) / (tile.width + tile.gap))
    columns = max(1, min(tiles, most))
    rows = math.ceil(tiles / columns)
    width = columns * (tile.width + tile.gap) - tile.gap + 2 * _PADDING
    height = HEAD + rows * (tile.height + tile.gap) - tile.gap + _PADDING
    return _Size(tiles, columns, max(width, _NARROWEST), height)


def _rows(sizes: Sequence[_Size], room: float) -> Iterator[list[_Size]]:
    row: list[_Size] = []
    for size in sizes:
        if row and _total([*row, size]) > room:
            yield row
            row = []
        row.append(size)
    if row:
        yield row


def _total(row: Sequence[_Size]) -> float:
    return sum(size.width for size in row) + _BETWEEN * (len(row) - 1)


def _row(lane: Lane, row: Sequence[_Size], y: float, way: str, tile: Tile) -> Iterator[Frame]:
    x = lane.center - _total(row) / 2
    for size in row:
        edge = f"{way}H{x + size.width / 2:g}V{y:g}"
        yield Frame(x, y, size.width, size.height, tuple(_tiles(x, y, size, tile)), edge)
        x += size.width + _BETWEEN


def _tiles(x: float, y: float, size: _Size, tile: Tile) -> Iterator[tuple[float, float]]:
    used = size.columns * (tile.width + tile.gap) - tile.gap
    first = x + (size.width - used) / 2
    for number in range(size.tiles):
        row, column = divmod(number, size.columns)
        yield first + column * (tile.width + tile.gap), y + HEAD + row * (tile.height + tile.gap)

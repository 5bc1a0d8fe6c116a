"""Numbers as colours: the kernels of a layer, and what a layer makes of an image."""

from __future__ import annotations

from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from cnnspec.views.pictures.palette import Theme
from cnnspec.views.results import FeatureMaps, Filters
from cnnspec.views.results.pixels import colored, pictured, signed, values
from cnnspec.views.results.plot import Plot
from cnnspec.views.results.tiles import TileGrid, Tiles, arranged

MOST_TILES: Final = 256
MOST_FILTERS, MOST_CHANNELS = 24, 24
"""Filters and channels of a layer whose filters have many channels."""


def filters(shown: Filters, theme: Theme) -> Plot:
    """Kernels in a grid. With other than one or three channels, a column a filter and a row a channel."""
    kernels = np.nan_to_num(shown.kernels)
    count, height, width, channels = kernels.shape
    size = f"{count} filter{'s' * (count > 1)}, {height}×{width}×{channels}"
    if channels not in (1, 3):
        return _by_channel(shown.layer, kernels, size, theme)
    most = min(count, MOST_TILES)
    rows, columns = arranged(most)
    tiles = Tiles(TileGrid(rows, columns, _tile(columns), height / width, 6, lines=1), theme)
    reach = float(np.abs(kernels).max())
    for n, kernel in enumerate(kernels[:most]):
        pixels = colored(kernel) if channels == 3 else signed(kernel[..., 0], reach, theme)
        tiles.show(n // columns, n % columns, pixels, f"filter {n}")
        tiles.caption(n // columns, n % columns, str(n))
    if channels == 1:
        tiles.scale(-reach, reach)
    cut = f", the first {most} of them" if most < count else ""
    colors = "; as colours, each over its own range" if channels == 3 else ""
    return tiles.figure("filters", f"Filters of {shown.layer}", size + cut + colors)


def _by_channel(layer: str, kernels: NDArray[Any], size: str, theme: Theme) -> Plot:
    count, height, width, channels = kernels.shape
    rows, columns = min(channels, MOST_CHANNELS), min(count, MOST_FILTERS)
    reach = float(np.abs(kernels).max())
    tiles = Tiles(TileGrid(rows, columns, 30, height / width, 5, beside=list(map(str, range(rows)))), theme)
    for row in range(rows):
        for column in range(columns):
            pixels = signed(kernels[column, :, :, row], reach, theme)
            tiles.show(row, column, pixels, f"filter {column}, channel {row}")
    for column in range(columns):
        tiles.caption(rows - 1, column, str(column))
    tiles.height += 1.5 * tiles.grid.text
    tiles.scale(-reach, reach)
    cut = f", the first {columns} and {rows} of them" if (rows, columns) != (channels, count) else ""
    note = f"{size}: one column per filter, one row per channel{cut}"
    return tiles.figure("filters", f"Filters of {layer}", note)


def _tile(columns: int) -> float:
    """Pixels of a tile: fewer are larger."""
    return min(96.0, max(40.0, 640 / columns))


def maps(shown: FeatureMaps, theme: Theme) -> Plot:
    """The image, and beside it what each channel makes of it."""
    numbers = np.nan_to_num(shown.values if shown.values.ndim == 3 else _as_map(shown.values))
    height, width, channels = numbers.shape
    low, high = float(numbers.min()), float(numbers.max())
    count = min(channels, MOST_TILES)
    rows, columns = arranged(count)
    aspect = min(max(height / width, 0.25), 4.0)
    span = 2 if rows > 1 else 1
    tile = _tile(columns) if count > 1 else 180.0
    tiles = Tiles(TileGrid(max(rows, span), columns + span, tile, aspect, lines=1, lead=span), theme)
    tiles.show(0, 0, pictured(shown.image, theme), "the input", strong=True, span=span)
    tiles.caption(0, 0, "input", span=span)
    for n in range(count):
        place = (n // columns, n % columns + span)
        tiles.show(*place, values(numbers[..., n], low, high, theme), f"channel {n}")
        tiles.caption(*place, str(n) if channels > 1 else "")
    tiles.scale(low, high)
    flow = " × ".join(map(str, shown.values.shape))
    cut = f", the first {count} of {channels} channels" if count < channels else ""
    about = f" of {shown.title}" if shown.title else ""
    return tiles.figure("maps", f"{shown.layer}{about}", f"{flow} values{cut}")


def _as_map(vector: NDArray[Any]) -> NDArray[Any]:
    """A vector as one map, its values row by row in something like a square; blank at the end."""
    flat = vector.reshape(-1)
    columns = int(np.ceil(np.sqrt(flat.size)))
    return np.pad(flat, (0, -flat.size % columns)).reshape(-1, columns, 1)

"""Samples of the data: those answered wrongly, those alike, those of each class."""

from __future__ import annotations

from collections.abc import Sequence
from math import ceil
from typing import TYPE_CHECKING, Any, Final

from cnnspec.views.pictures.font import shorten, text_width
from cnnspec.views.pictures.palette import Theme
from cnnspec.views.results import Gallery, Misclassified, Neighbourhood
from cnnspec.views.results.pixels import pictured
from cnnspec.views.results.plot import TEXT, Plot
from cnnspec.views.results.tiles import FLATTEST, TileGrid, Tiles, arranged

if TYPE_CHECKING:
    from numpy.typing import NDArray

NARROW: Final = 80.0
"""Pixels up to which a name and a distance stand on one line."""
LONGEST: Final = 120.0
"""Pixels of a class's name."""
WIDE_NAME: Final = 190.0
"""Pixels of what stands before a row."""
LARGE: Final = 120.0
"""Pixels of a tile where few stand in a row, under their heads."""
WIDEST: Final = 1100.0
"""Pixels of a row of mistakes."""


def mistakes(shown: Sequence[Misclassified], total: int, theme: Theme) -> Plot:
    """The images that were answered wrongly, the most confident answers first."""
    captions = [[f"{_name(one.label)} → {_name(one.answer)}"] for one in shown]
    if any(text_width(text, TEXT, bold=True) > 1.25 * LONGEST for (text,) in captions):
        captions = [[_name(one.label), f"→ {_name(one.answer)}"] for one in shown]
    for lines, one in zip(captions, shown, strict=True):
        lines.append(f"{100 * one.probability:.1f} %  #{one.index}")
    widest = max((text_width(text, TEXT, bold=True) for lines in captions for text in lines), default=0.0)
    _, columns = arranged(max(len(shown), 1), 8)
    columns = max(1, min(columns, int(WIDEST / (max(widest, 84) + 12))))
    rows = ceil(max(len(shown), 1) / columns)
    every = [text for lines in captions for text in lines]
    tiles = Tiles(
        TileGrid(
            rows, columns, 84, _aspect([one.image for one in shown]), 12,
            len(captions[0]) if captions else 0, every,
        ),
        theme,
    )  # fmt: skip
    for n, (one, lines) in enumerate(zip(shown, captions, strict=True)):
        place = divmod(n, columns)
        tiles.show(*place, pictured(one.image, theme), f"sample {one.index}")
        tiles.caption(*place, *lines, color=theme.fault.line)
    note = (
        f"{len(shown)} of {total:,}, the most confident first: "
        "true class → predicted class, confidence, number of the sample"
    )
    return tiles.figure("mistakes", "Mistakes", note)


def neighbours(shown: Sequence[Neighbourhood], layer: str, size: int, theme: Theme) -> Plot:
    """A row a sample: the sample, then the training samples nearest to it."""
    captions = [[[_name(near.label), f"{near.distance:.2f}"] for near in one.found] for one in shown]
    every = [caption for row in captions for caption in row]
    if all(text_width("  ".join(caption), TEXT, bold=True) < NARROW for caption in every):
        captions = [[["  ".join(caption)] for caption in row] for row in captions]
    words = [_name(one.sample.label) for one in shown]
    words += [text for row in captions for caption in row for text in caption]
    columns, lines = max(map(len, captions)) + 1, max(len(caption) for row in captions for caption in row)
    aspect = _aspect([one.sample.image for one in shown])
    tiles = Tiles(TileGrid(len(shown), columns, 54, aspect, lines=lines, captions=words, lead=1), theme)
    for row, one in enumerate(shown):
        sample = one.sample
        tiles.show(row, 0, pictured(sample.image, theme), f"test sample {sample.index}", strong=True)
        tiles.caption(row, 0, _name(sample.label), color=theme.ink)
        for column, (near, caption) in enumerate(zip(one.found, captions[row], strict=True), 1):
            tiles.show(row, column, pictured(near.image, theme), f"training sample {near.index}")
            wrong = near.label != sample.label
            tiles.caption(row, column, *caption, color=theme.fault.line if wrong else None)
    note = (
        "Test samples (left) and the training samples nearest to them, with their distances "
        f"in the {size:,} values of {layer}"
    )
    return tiles.figure("neighbours", "Nearest neighbours", note)


def gallery(shown: Gallery, theme: Theme) -> Plot:
    """A row a name; originals stand apart in a strong frame."""
    names = [shorten(name, WIDE_NAME, TEXT) for name, _ in shown.rows]
    columns = max(1, *(len(images) for _, images in shown.rows))
    aspect = _aspect([image for _, images in shown.rows for image in images])
    lead, size = int(shown.originals), LARGE if shown.heads else 56
    grid = TileGrid(len(names), columns, size, aspect, 6, beside=names, lead=lead, captions=shown.heads)
    tiles = Tiles(grid, theme)
    for row, (name, images) in enumerate(shown.rows):
        for column, image in enumerate(images):
            tiles.show(row, column, pictured(image, theme), name, strong=column < lead)
    tiles.heads(shown.heads)
    tiles.key(shown.key)
    return tiles.figure("gallery", shown.title, shown.note)


def _aspect(images: Sequence[NDArray[Any]]) -> float:
    """Height over width of the first picture, within bounds."""
    height, width = map(int, images[0].shape[:2]) if images else (1, 1)
    return min(max(height / width, FLATTEST), 1 / FLATTEST)


def _name(name: str) -> str:
    return shorten(name, LONGEST, TEXT)

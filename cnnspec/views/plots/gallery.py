"""Rows of samples, drawn."""

from __future__ import annotations

from typing import TYPE_CHECKING

from cnnspec.views.pictures.font import text_width
from cnnspec.views.plots.sheet import Grid, Sheet, show_picture
from cnnspec.views.plots.style import TEXT, Ink
from cnnspec.views.results import Gallery

if TYPE_CHECKING:
    from matplotlib.figure import Figure


def gallery(shown: Gallery, ink: Ink) -> Figure:
    """A row a name; originals stand apart in a stronger frame."""
    names = [name if len(name) <= 20 else name[:19] + "…" for name, _ in shown.rows]
    columns = max(1, *(len(images) for _, images in shown.rows))
    left = max(text_width(name, TEXT) for name in names) / 72 + 0.15
    apart = int(shown.originals)
    aspect = next((image.shape[0] / image.shape[1] for _, images in shown.rows for image in images), 1.0)
    grid = Grid(len(names), columns + apart, 0.55, 0.06, left=left, aspect=aspect)
    sheet = Sheet(grid, ink, shown.title, shown.said)
    for row, (name, (_, images)) in enumerate(zip(names, shown.rows, strict=True)):
        for column, image in enumerate(images):
            original = shown.originals and column == 0
            axes = sheet.tile(row, column + (0 if original else apart))
            show_picture(axes, ink, image)
            if original:
                for spine in axes.spines.values():
                    spine.set(color=ink.theme.ink, linewidth=1.4)
            if column == 0:
                sheet.beside(axes, name)
    return sheet.figure

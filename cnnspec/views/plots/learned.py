"""The plots: filters, feature maps, confusion, mistakes, neighbours. Each takes exhibits, gives a figure."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import TYPE_CHECKING, Any, Final

import numpy as np
from numpy.typing import NDArray

from cnnspec.views.plots.sheet import EDGE, HEAD, Grid, Sheet, arranged, headings, show_picture, show_values
from cnnspec.views.plots.style import SMALL, Ink
from cnnspec.views.results import Confusion, Filters, Maps, Mistake, Neighbourhood

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

MOST_TILES: Final = 256
MOST_FILTERS, MOST_CHANNELS = 24, 24
"""Filters and channels of a layer whose filters have many channels."""
MOST_CLASSES: Final = 60
"""Classes whose counts can be written into the matrix."""


def filters(shown: Filters, ink: Ink) -> Figure:
    """Kernels in a grid. With other than one or three channels, a column a filter and a row a channel."""
    shown = replace(shown, kernels=np.nan_to_num(shown.kernels))
    count, height, width, channels = shown.kernels.shape
    size = f"{count} filters, {height}×{width}×{channels}"
    aspect = height / width
    if channels in (1, 3):
        rows, columns = arranged(min(count, MOST_TILES))
        grid = Grid(rows, columns, _tile(columns), aspect=aspect)
        said = f"{size}; {_scale(shown.kernels) if channels == 1 else 'as colours, each over its own range'}"
        sheet = Sheet(grid, ink, f"Filters of {shown.layer}", said)
        for n, kernel in enumerate(shown.kernels[: rows * columns]):
            _kernel(sheet.tile(n // columns, n % columns), ink, kernel, shown.kernels)
        return sheet.figure
    rows, columns = min(channels, MOST_CHANNELS), min(count, MOST_FILTERS)
    cut = f", the first {columns} and {rows} of them" if (rows, columns) != (channels, count) else ""
    said = f"{size}: a column a filter, a row a channel{cut}; {_scale(shown.kernels)}"
    sheet = Sheet(Grid(rows, columns, 0.3, 0.05, aspect=aspect), ink, f"Filters of {shown.layer}", said)
    for row in range(rows):
        for column in range(columns):
            part = shown.kernels[column, :, :, row : row + 1]
            _kernel(sheet.tile(row, column), ink, part, shown.kernels)
    return sheet.figure


def _tile(columns: int) -> float:
    """Inches of a tile: fewer are larger."""
    return min(0.95, max(0.45, 6.4 / columns))


def _kernel(axes: Axes, ink: Ink, kernel: NDArray[Any], every: NDArray[Any]) -> None:
    if kernel.shape[2] == 3:
        low, high = kernel.min(), kernel.max()
        axes.imshow((kernel - low) / ((high - low) or 1), interpolation="nearest", aspect="auto")
    else:
        reach = float(np.abs(every).max()) or 1.0
        show_values(axes, ink, kernel[..., 0], -reach, reach)


def _scale(values: NDArray[Any]) -> str:
    reach = float(np.abs(values).max())
    return f"orange −{reach:.2g}, blank 0, blue {reach:.2g}"


def maps(shown: Maps, ink: Ink) -> Figure:
    """The image, and beside it what each channel makes of it."""
    values = np.nan_to_num(shown.values if shown.values.ndim == 3 else _as_map(shown.values))
    height, width, channels = values.shape
    low, high = float(values.min()), float(values.max())
    scale = f"blank 0, strongest {high:.3g}" if low >= 0 else _scale(values)
    count = min(channels, MOST_TILES)
    rows, columns = arranged(count, 14)
    aspect = min(max(height / width, 0.25), 4.0)
    tile = min(0.95, max(0.5, 6.0 / columns)) if count > 1 else 1.8
    span = 2 if rows > 1 else 1
    grid = Grid(max(rows, span), columns + span + 1, tile, aspect=aspect)
    flow = " × ".join(map(str, shown.values.shape))
    cut = f", the first {count} of {channels} channels" if count < channels else ""
    about = " of " + shown.title if shown.title else ""
    sheet = Sheet(grid, ink, f"{shown.layer}{about}", f"{flow} values{cut}; {scale}")
    show_picture(sheet.tile(0, 0, rows=span, columns=span), ink, shown.image)
    for n in range(count):
        axes = sheet.tile(n // columns, n % columns + span + 1)
        show_values(axes, ink, values[..., n], low, high)
    return sheet.figure


def _as_map(values: NDArray[Any]) -> NDArray[Any]:
    """A vector as one map, its values row by row in something like a square; blank at the end."""
    flat = values.reshape(-1)
    columns = int(np.ceil(np.sqrt(flat.size)))
    padded = np.zeros(columns * -(-flat.size // columns), flat.dtype)
    padded[: flat.size] = flat
    return padded.reshape(-1, columns, 1)


def confusion(shown: Confusion, ink: Ink) -> Figure:
    """Classes down, what they were taken for across; right answers blue, wrong ones red."""
    from matplotlib.figure import Figure

    size = len(shown.names)
    cell = 0.36 if size <= MOST_CLASSES else 12 / size
    longest = max(map(len, shown.names))
    left, top = 0.35 + 0.075 * min(longest, 16), 0.35 if longest <= 3 else 0.25 + 0.06 * min(longest, 16)
    width, height = max(EDGE * 2 + left + size * cell, 4.2), EDGE * 1.8 + HEAD + top + size * cell
    figure = Figure(figsize=(width, height))
    wrong = shown.samples - int(shown.counts.trace())
    accuracy = f"{100 * shown.accuracy:.2f} % of {shown.samples:,} right, {wrong:,} wrong"
    headings(figure, ink, "What was taken for what", accuracy)
    axes = figure.add_axes(((EDGE + left) / width, EDGE / height, size * cell / width, size * cell / height))
    _matrix(axes, shown, ink)
    names = [name if len(name) <= 16 else name[:15] + "…" for name in shown.names]
    axes.set_xticks(range(size), names, rotation=0 if longest <= 3 else 90)
    axes.set_yticks(range(size), names)
    axes.xaxis.tick_top()
    axes.xaxis.set_label_position("top")
    axes.set_xlabel("taken for")
    axes.set_ylabel("class")
    axes.tick_params(length=0)
    axes.spines["bottom"].set_visible(False)
    axes.grid(False)
    return figure


def _matrix(axes: Axes, shown: Confusion, ink: Ink) -> None:
    counts = shown.counts
    shares = counts / np.maximum(counts.sum(1, keepdims=True), 1)
    right = np.eye(len(counts), dtype=bool)
    worst = max(float(shares[~right].max(initial=0)), 1e-9)
    cells = np.where(
        right[..., None], ink.blues(0.08 + 0.72 * shares), ink.reds(0.65 * np.sqrt(shares / worst))
    )
    axes.imshow(cells, interpolation="nearest", aspect="auto")
    if len(counts) > MOST_CLASSES:
        return
    for (row, column), count in np.ndenumerate(counts):
        if count:
            strong = row == column and shares[row, column] > 0.5
            color = ink.theme.page if strong else ink.theme.ink
            text = f"{count:,}" if count < 10_000 else f"{count / 1000:.0f}k"
            axes.text(column, row, text, ha="center", va="center", fontsize=SMALL, color=color)


def mistakes(shown: Sequence[Mistake], total: int, ink: Ink) -> Figure:
    """The images that were answered wrongly, the surest first."""
    rows, columns = arranged(max(len(shown), 1), 8)
    grid = Grid(rows, columns, 0.9, 0.16, lines=2)
    said = f"{len(shown)} of {total:,}, the surest first: class, what it was taken for, how surely"
    sheet = Sheet(grid, ink, "Mistakes", said)
    for n, one in enumerate(shown):
        axes = sheet.tile(n // columns, n % columns)
        show_picture(axes, ink, one.image)
        sheet.caption(
            axes, f"{one.label} → {one.answer}", f"{100 * one.probability:.1f} %, nr. {one.index}",
            color=ink.theme.fault.line, bold=True,
        )  # fmt: skip
    return sheet.figure


def neighbours(shown: Sequence[Neighbourhood], layer: str, size: int, ink: Ink) -> Figure:
    """A row a sample: the sample, then the training samples nearest to it."""
    columns = max(len(one.found) for one in shown) + 1
    grid = Grid(len(shown), columns, 0.72, 0.12, lines=1, left=0.15)
    said = f"test samples (left) and the training samples nearest to them in the {size:,} values of {layer}"
    sheet = Sheet(grid, ink, "Nearest neighbours", said)
    for row, one in enumerate(shown):
        axes = sheet.tile(row, 0)
        show_picture(axes, ink, one.sample.image)
        for spine in axes.spines.values():
            spine.set(color=ink.theme.ink, linewidth=1.4)
        sheet.caption(axes, one.sample.label, color=ink.theme.ink, bold=True)
        for place, found in enumerate(one.found):
            axes = sheet.tile(row, place + 1)
            show_picture(axes, ink, found.image)
            odd = found.label != one.sample.label
            text = f"{found.label}   {found.distance:.2f}"
            sheet.caption(axes, text, color=ink.theme.fault.line if odd else None, bold=odd)
    return sheet.figure

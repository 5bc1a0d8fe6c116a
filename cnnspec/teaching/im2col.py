"""A convolution as one matrix product: a row for each position of the window, a column for each filter."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Final

import numpy as np

from cnnspec.layers.base import spatial
from cnnspec.network.graph import Node
from cnnspec.teaching.handwriting import Hand, HandTex
from cnnspec.teaching.stepping import stepping
from cnnspec.teaching.symbols import Array
from cnnspec.teaching.window import channels_read
from cnnspec.teaching.working import NotWritten, Values
from cnnspec.views.terminal.arrays import NumberFormat
from cnnspec.views.terminal.paint import folded

MOST_FILTERS: Final = 4
"""Filters whose columns are shown."""
WIDE: Final = 110
"""Characters of a block in Markdown."""
SIGNS: Final = 12
"""Characters between the matrices."""
SHARE: Final = 0.62
"""Of a line's room that filters and results may take."""


@dataclass(frozen=True)
class MatrixProduct:
    """``matrix`` (positions x weights of a filter) times ``weights`` (x filters), plus ``bias``."""

    node: Node
    filters: tuple[int, ...]
    places: tuple[tuple[int, ...], ...]
    names: tuple[str, ...]
    matrix: Array
    weights: Array
    bias: Array

    @property
    def result(self) -> Array:
        """Positions x filters."""
        found: Array = self.matrix @ self.weights + self.bias
        return found


def im2col(values: Values, node: Node, channel: int, places: Sequence[tuple[int, ...]] = ()) -> MatrixProduct:
    """The product behind these positions, (row, column) from 0, or behind all; of the filters that read what
    ``channel`` reads.

    Raises NotWritten for a layer without filters, LayerError as ``stepping`` does.
    """
    if node.word not in ("conv", "depthwise"):
        raise NotWritten(f"{node.name} is no convolution, which im2col writes as a matrix product")
    reads = channels_read(node, channel)
    alike = [n for n in range(node.output[-1]) if channels_read(node, n) == reads]
    filters = tuple(n for n in alike if n >= channel)[:MOST_FILTERS]
    one = stepping(node, channel, places, values)
    maps, rank = one.maps, len(spatial(node.output))
    assert maps is not None
    rows = []
    for step in one.steps:
        at = [(one.tracks[0].index(row), one.tracks[1].index(column)) for row, column in step.cells]
        rows.append([0.0 if None in place else each[place] for each in maps for place in at])
    kernels = [stepping(node, n, places, values).kernel for n in filters]
    bias = values.of_node(node).get("bias", np.zeros(node.output[-1]))[list(filters)]
    return MatrixProduct(
        node, filters, tuple(step.place[2 - rank :] for step in one.steps), _names(kernels[0], rank),
        np.array(rows), np.stack([kernel.ravel() for kernel in kernels if kernel is not None], axis=1), bias,
    )  # fmt: skip


def _names(kernel: Array | None, rank: int) -> tuple[str, ...]:
    """``w_11`` …, with the channel above where there are several."""
    assert kernel is not None
    found = []
    for channel, *place in np.ndindex(kernel.shape):
        above = f"^{channel + 1}" if len(kernel) > 1 else ""
        found.append(f"w{above}_{''.join(str(n + 1) for n in place[2 - rank :])}")
    return tuple(found)


def text(product: MatrixProduct, decimals: int, width: int) -> str:
    """The three matrices side by side, columns left out where they are too many."""
    hand, form = Hand(False), NumberFormat(decimals)
    heads = [hand.name(name) for name in product.names]
    left = _columns(form.texts(product.matrix), heads)
    right, whole = (
        _columns(form.texts(array), _filters(product)) for array in (product.weights, product.result)
    )
    labels = ["", *(",".join(map(str, place)) for place in product.places)]
    labels = [label.rjust(max(map(len, labels))) for label in labels]
    room = width - SIGNS - len(labels[0])
    shown = len(right)
    while shown > 1 and _width([*right[:shown], *whole[:shown]]) > SHARE * room:
        shown -= 1
    right, whole = right[:shown], whole[:shown]
    left = _fitting(left, room - _width([*right, *whole]))
    head = f"{product.node.name} as a matrix product: a row for each position, a column for each filter"
    lines = [folded(head, width), ""]
    for n in range(max(len(labels), len(right[0]))):
        rows = [_line(block, n) for block in ([labels], left, right, whole)]
        signs = ("·", "=") if n == 1 else (" ", " ")
        lines.append(f"  {rows[0]}  {rows[1]}  {signs[0]}  {rows[2]}  {signs[1]}  {rows[3]}".rstrip())
    return "\n".join([*lines, *_told(product, form, shown), ""])


def _width(columns: Sequence[Sequence[str]]) -> int:
    return sum(len(column[0]) + 1 for column in columns)


def _filters(product: MatrixProduct) -> list[str]:
    return [f"f{n}" if product.node.output[-1] > 1 else "" for n in product.filters]


def _columns(texts: Sequence[str], heads: Sequence[str]) -> list[list[str]]:
    """Each column of a matrix, its name first, as wide as it needs."""
    found = [[head, *texts[n :: len(heads)]] for n, head in enumerate(heads)]
    return [[one.rjust(max(map(len, column))) for one in column] for column in found]


def _fitting(columns: list[list[str]], room: int) -> list[list[str]]:
    """As many of the first columns as there is room for, and the last."""
    if _width(columns) <= room:
        return columns
    kept, used = 0, len(columns[-1][0]) + 3
    while kept < len(columns) - 2 and used + len(columns[kept][0]) + 1 <= room:
        used += len(columns[kept][0]) + 1
        kept += 1
    return [*columns[: max(kept, 1)], ["…"] * len(columns[0]), columns[-1]]


def _line(block: Sequence[Sequence[str]], n: int) -> str:
    return " ".join(column[n] if n < len(column) else " " * len(column[0]) for column in block)


def _told(product: MatrixProduct, form: NumberFormat, shown: int) -> list[str]:
    """What the matrices leave out: the bias, further filters."""
    said = []
    if product.bias.any():
        said.append(f"  The bias {', '.join(form.texts(product.bias[:shown]))} is added.")
    left = product.node.output[-1] - shown
    if left:
        said.append(f"  {left} more filters have columns of their own.")
    return ["", *said] if said else []


def latex(product: MatrixProduct, decimals: int, width: int) -> str:
    """The product as matrices of the package amsmath."""
    form = NumberFormat(decimals)
    parts = [_bmatrix(form, one) for one in (product.matrix, product.weights, product.result)]
    plus = f" + {_bmatrix(form, product.bias[None])}" if product.bias.any() else ""
    names = ", ".join(HandTex(False).name(name) for name in product.names)
    head = f"% {product.node.name}: rows {' '.join(map(str, product.places))}, columns {names}"
    return "\n".join([head, r"\[", rf"{parts[0]} \cdot {parts[1]}{plus} = {parts[2]}", r"\]", ""])


def markdown(product: MatrixProduct, decimals: int, width: int) -> str:
    """The matrices as a block of text and as mathematics."""
    block = text(product, decimals, WIDE).split("\n", 2)
    mathematics = latex(product, decimals, width).split("\n")[2]
    return f"### {block[0]}\n\n```text\n{block[2]}```\n\n$$\n{mathematics}\n$$\n"


def _bmatrix(form: NumberFormat, array: Array) -> str:
    texts, columns = form.texts(array), array.shape[1]
    rows = (" & ".join(texts[n : n + columns]) for n in range(0, len(texts), columns))
    return r"\begin{bmatrix} " + r" \\ ".join(rows) + r" \end{bmatrix}"


def to_dict(product: MatrixProduct) -> dict[str, Any]:
    """Positions, the three matrices and the bias as lists."""
    return {
        "layer": product.node.name,
        "filters": list(product.filters),
        "at": [list(place) for place in product.places],
        "matrix": product.matrix.tolist(),
        "weights": product.weights.tolist(),
        "bias": product.bias.tolist(),
        "product": product.result.tolist(),
    }


FORMATS: Final = {"text": text, "markdown": markdown, "latex": latex}

"""The sum behind a value, as ``cnnspec run --at`` and ``--working`` show it."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from itertools import product
from typing import TYPE_CHECKING, Any, Final

import click

from cnnspec.cli.console import stderr_console, stdout_console
from cnnspec.diagnostics import LayerError, SpecError
from cnnspec.layers.base import channels_first, show

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from cnnspec.model import Model
    from cnnspec.network.graph import Node

MOST_PLACES: Final = 64
"""Values that --working writes out of one layer."""


def sums(
    model: Model, sample: Mapping[str, NDArray[Any]], names: Sequence[str], places: Sequence[str],
    way: str, form: str, decimals: int,
) -> str:  # fmt: skip
    """The sum behind the values at these places of each layer, or behind every value, as a page.

    ``way`` is ``sum``, ``convolution`` (the kernel turned) or ``im2col`` (one matrix product).
    """
    from cnnspec.teaching import im2col, page
    from cnnspec.teaching.working import NotWritten, Values, working

    found, products = [], []
    values = Values.of(model, sample)
    for name in names:
        node = model.network[name]
        if not node.inputs:
            told = f"{name} is given: no sum stands behind its values"
            raise click.BadParameter(told, param_hint="--layer")
        everywhere = product(*map(range, channels_first(node.output)))
        where = [_place(text, node) for text in places] or list(everywhere)
        if way == "im2col" and not places:
            where = [place for place in where if place[0] == 0]
        if len(where) > MOST_PLACES:
            stderr_console().say(
                f"{name} has {len(where):,} values; the first {MOST_PLACES} are shown, --at others"
            )
        where = where[:MOST_PLACES]
        try:
            if way == "im2col":
                products.append(im2col.im2col(values, node, where[0][0], [place[1:] for place in where]))
            else:
                found += [working(values, node, place, way == "convolution") for place in where]
        except NotWritten as error:
            raise click.BadParameter(str(error), param_hint="--at" if way == "sum" else "--as") from error
        except LayerError as fault:
            raise SpecError([fault.at(node.span)]) from fault
    if form == "json":
        sums_of = [page.to_dict(one, decimals) for one in found]
        return json.dumps([*sums_of, *map(im2col.to_dict, products)])
    width = stdout_console().terminal().width
    pages = [page.FORMATS[form](one, decimals, width) for one in found]
    pages += [im2col.FORMATS[form](one, decimals, width) for one in products]
    return "\n".join(pages)


def _place(text: str, node: Node) -> tuple[int, ...]:
    """``row,column`` or ``row,column,channel`` from 0, as (channel, row, column)."""
    sizes = node.output[:-1]
    try:
        numbers = [int(part) for part in text.strip("()[] ").split(",")]
    except ValueError:
        numbers = []
    if len(numbers) == len(sizes) and sizes:
        numbers.append(0)
    if len(numbers) != len(sizes) + 1:
        way = "row,column or row,column,channel" if len(sizes) == 2 else "one number for each axis"
        raise click.BadParameter(
            f'"{text}" is no place in {show(node.output)}: {way}, from 0', param_hint="--at"
        )
    for number, size in zip(numbers, node.output, strict=True):
        if not 0 <= number < size:
            raise click.BadParameter(
                f"{number} lies outside {show(node.output)}: 0 to {size - 1} along this axis",
                param_hint="--at",
            )
    return channels_first(numbers)

"""The laws of every layer against its definition, run on arrays that tally arithmetic and on poked ones."""

from __future__ import annotations

from collections import Counter
from itertools import product as cartesian
from math import ceil, floor, prod

import numpy as np
import pytest
from cases.counted import define, operations, sights
from cases.registry import CASES, Case

from cnnspec.layers.base import Everything, Slide, Spread, Stretch, Window

each_case = pytest.mark.parametrize("case", CASES, ids=repr)


@each_case
def test_shape_is_that_of_the_definition(case: Case) -> None:
    inputs = [np.zeros((1, *shape)) for shape in case.inputs]
    output = define(case, inputs, np.zeros((1, *case.pool[1])) if case.pool else None)
    assert output.shape == (1, *case.layer.shape(case.inputs))


@each_case
def test_operations_are_those_of_the_definition(case: Case) -> None:
    counted: Counter[str] = Counter()
    counted["multiplications"] += int(case.layer.multiplies(case.inputs))
    counted["additions"] += int(case.layer.additions(case.inputs))
    for item in case.layer.elementwise(case.inputs):
        counted[item.what] += int(item.count)
    assert +counted == +operations(case)


@each_case
def test_params_are_the_values_of_the_declared_arrays(case: Case) -> None:
    weights = case.layer.arrays(case.inputs)
    assert all(int(weight.size) == prod(weight.shape) for weight in weights)
    trained = sum(prod(weight.shape) for weight in weights if not weight.buffer)
    kept = sum(prod(weight.shape) for weight in weights if weight.buffer)
    assert (int(case.layer.params(case.inputs)), int(case.layer.buffers(case.inputs))) == (trained, kept)


@each_case
def test_window_is_what_the_definition_reads(case: Case) -> None:
    for which, (shape, seen) in enumerate(zip(case.inputs, sights(case), strict=True)):
        axes = case.layer.window(case.inputs, which)
        assert len(axes) == len(shape) - 1
        for place, pixels in seen.items():
            told = promised(axes, place, shape[:-1])
            assert pixels <= told
            assert (
                pixels == told
                or case.layer.word in ("reshape", "transpose")
                or len(axes) != len(place)
                or not axes
            )


def promised(
    axes: tuple[Window, ...], place: tuple[int, ...], sizes: tuple[int, ...]
) -> set[tuple[int, ...]]:
    """The input places that a window says an output place sees."""
    offset = len(place) - len(axes)
    return set(
        cartesian(
            *(
                range(size) if isinstance(axis, Everything) else along(axis, place[offset + n], size)
                for n, (axis, size) in enumerate(zip(axes, sizes, strict=True))
            )
        )
    )


def along(axis: Window, o: int, size: int) -> set[int]:
    match axis:
        case Slide():
            taps = [o * axis.stride - axis.before + j * axis.dilation for j in range(axis.kernel)]
            if axis.outside == "replicate":
                taps = [min(max(i, 0), size - 1) for i in taps]
            if axis.outside == "reflect":
                taps = [min(abs(i), 2 * (size - 1) - abs(i)) for i in taps]
            return {i for i in taps if 0 <= i < size}
        case Spread():
            return {
                i
                for i in range(size)
                for j in range(axis.kernel)
                if o == i * axis.stride - axis.before + j * axis.dilation
            }
        case Stretch(reads="nearest"):
            return {o * axis.inputs // axis.outputs}
        case Stretch(reads="area"):
            ratio = axis.inputs / axis.outputs
            return set(range(floor(o * ratio + 1e-9), ceil((o + 1) * ratio - 1e-9)))
        case Stretch():
            ratio = axis.inputs / axis.outputs
            centre = o * ratio if axis.corners else (o + 0.5) * ratio - 0.5
            low, high = floor(centre + 1e-9), ceil(centre - 1e-9)
            more = 1 if axis.reads == "cubic" and low < high else 0
            return {min(max(i, 0), size - 1) for i in range(low - more, high + more + 1)}
        case Everything():
            return set(range(size))

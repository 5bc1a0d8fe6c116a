"""Sliding and spreading windows against walking along the axis, for every small combination."""

from __future__ import annotations

from itertools import product
from typing import Any

import pytest
from pydantic import TypeAdapter

from cnnspec.diagnostics import LayerError
from cnnspec.layers.conv import Conv
from cnnspec.layers.pool import MaxPool
from cnnspec.layers.upconv import SpreadAxis, UpConv
from cnnspec.layers.window import Axis, Extent, Extra, Pixels

COMBINATIONS = [
    (Axis("h", size, kernel, stride, before, after, dilation, round_up=up))
    for size, kernel, stride, before, after, dilation, up in product(
        range(1, 8), range(1, 5), range(1, 5), range(3), range(3), range(1, 4), (False, True)
    )
    if dilation * (kernel - 1) + 1 <= size + before + after
]


def walked(axis: Axis) -> list[int]:
    """Where the windows of an axis begin, found by walking along it."""
    found, start = [], -axis.before
    while start + axis.reach <= axis.size + axis.after:
        found.append(start)
        start += axis.stride
    rest = found and found[-1] + axis.reach < axis.size + axis.after
    if axis.round_up and rest and start < axis.size:
        found.append(start)
    return found


def test_size_law_counts_the_windows() -> None:
    for axis in COMBINATIONS:
        assert int(axis.output) == axis.count == len(walked(axis)), axis


def test_dropped_pixels_are_those_of_the_window_that_no_longer_fits() -> None:
    for axis in COMBINATIONS:
        begun = walked(axis)
        covered = {i for start in begun for i in range(start, start + axis.reach)}
        after_last = begun[-1] + axis.stride
        lost = {i for i in range(after_last, after_last + axis.reach) if 0 <= i < axis.size} - covered
        assert axis.dropped == len(lost), axis


def test_blind_windows_touch_no_pixel() -> None:
    for axis in COMBINATIONS:
        sights = [
            [i for i in range(start, start + axis.reach, axis.dilation) if 0 <= i < axis.size]
            for start in walked(axis)
        ]
        assert axis.blind == (not all(sights)), axis


@pytest.mark.parametrize(
    ("size", "kernel", "stride", "before", "after", "output"),
    [
        (5, 3, 1, 1, 1, 5), (5, 2, 1, 0, 1, 5), (6, 3, 2, 0, 1, 3), (5, 3, 2, 1, 1, 3),
        (7, 1, 3, 0, 0, 3), (4, 4, 1, 1, 2, 4),
    ],
)  # fmt: skip
def test_same_keeps_the_size_and_puts_the_odd_pixel_last(
    size: int, kernel: int, stride: int, before: int, after: int, output: int
) -> None:
    layer = Conv(filters=1, kernel=kernel, stride=stride, padding="same")
    (axis,) = layer.axes(((size, 1),))
    assert (axis.before, axis.after, int(axis.output)) == (before, after, output)
    assert axis.output.law() == "⌈i/s⌉"


def test_total_padding_of_an_even_kernel_follows_the_lecture_by_sides() -> None:
    """Lecture 003 puts the odd row on top, TensorFlow's same puts it at the bottom: both can be said."""
    lecture = Conv(filters=1, kernel=4, padding=(2, 1, 2, 1))
    same = Conv(filters=1, kernel=4, padding="same")
    shapes = ((6, 6, 1),)
    assert lecture.shape(shapes) == same.shape(shapes) == (6, 6, 1)
    assert [(axis.before, axis.after) for axis in lecture.axes(shapes)] == [(2, 1), (2, 1)]
    assert [(axis.before, axis.after) for axis in same.axes(shapes)] == [(1, 2), (1, 2)]


def test_padding_on_either_side_alone_makes_room() -> None:
    for padding in ((3, 0), (0, 3)):
        assert Conv(filters=1, kernel=5, padding=padding).shape(((2, 1),)) == (1, 1)


def test_full_padding_is_the_reach_less_one() -> None:
    layer = Conv(filters=1, kernel=3, dilation=2, padding="full")
    assert layer.shape(((5, 1),)) == (9, 1)


def test_spreading_undoes_sliding() -> None:
    """A transposed convolution's size, put through the convolution, is its input's size again."""
    for size, kernel, stride, before, after, dilation, extra in product(
        range(1, 5), range(1, 5), range(1, 4), range(2), range(2), range(1, 3), range(3)
    ):
        spread = SpreadAxis("h", size, kernel, stride, before, after, dilation, extra)
        if extra < stride and int(spread.output) + before + after >= spread.reach:
            back = Axis("h", int(spread.output), kernel, stride, before, after, dilation)
            assert back.count == size, spread


def test_spreading_same_is_input_times_stride() -> None:
    for kernel, stride in product(range(1, 6), range(1, 5)):
        layer = UpConv(filters=1, kernel=kernel, stride=stride, padding="same")
        assert layer.shape(((7, 1),)) == (7 * stride, 1)
        (axis,) = layer.axes(((7, 1),))
        conv = Conv(filters=1, kernel=kernel, stride=stride, padding="same")
        (slide,) = conv.axes(((7 * stride, 1),))
        assert (axis.before, axis.after) == (slide.before, slide.after)


def test_ceil_refuses_a_window_that_starts_beyond_the_map() -> None:
    layer = MaxPool(kernel=2, stride=3, padding=1, rounding="ceil")
    assert layer.shape(((5, 1),)) == (2, 1)
    assert layer.output(((5, 1),))[0].law() == "⌊(i + 2p − k)/s⌋ + 1"


def test_misfit_window_tells_the_law_and_the_cure() -> None:
    layer = Conv(filters=6, kernel=(9,), padding=1)
    with pytest.raises(LayerError) as caught:
        layer.shape(((5, 5, 1),))
    assert caught.value.code == "window-larger-than-input"
    assert caught.value.message == (
        "the conv window is 9 pixels long, the input's height is only 5 padded to 7"
    )
    assert caught.value.notes == ("⌊(i + 2p − k)/s⌋ + 1", "⌊(5 + 2·1 − 9)/1⌋ + 1 = −1")
    assert caught.value.help[0] == "make the window at most 7, or pad by at least 2"
    assert caught.value.option == "kernel"


def test_vast_windows_are_judged_at_once() -> None:
    vast = 10**12
    assert MaxPool(kernel=2, stride=1, dilation=2, padding=1).shape(((vast, 1),)) == (vast, 1)
    assert not Axis("h", 2 * vast, vast, 1, 5, 5, dilation=2).blind
    assert not Axis("h", 1, vast, 3, 3 * vast - 3, 3 * vast - 3, dilation=3).blind


@pytest.mark.parametrize("sizes", [Extent, Pixels, Extra])
def test_the_rules_of_sizes_are_made_once(sizes: Any) -> None:
    assert TypeAdapter(sizes).core_schema is TypeAdapter(sizes).core_schema
    assert TypeAdapter(Extent).core_schema != TypeAdapter(Extra).core_schema

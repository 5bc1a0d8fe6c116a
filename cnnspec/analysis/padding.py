"""Counting only the taps that fall on real pixels, exactly and without a loop over positions.

Along each axis the pairs (output, tap) are counted in closed form, tap by tap;
the axes are independent, so the pairs of a window are the product over its axes.
"""

from __future__ import annotations

from math import prod

from cnnspec.analysis.receptive_field import spread_from
from cnnspec.formula import Formula, Symbol, product
from cnnspec.layers.base import AXES, AXIS_NAMES, Layer, Shapes, Slide, Spread, Window, spatial


def real_multiplies(layer: Layer, inputs: Shapes, law: Formula) -> Formula:
    """``law`` with each axis's taps replaced by those on real pixels.

    A transposed convolution is counted over its input; here taps that land
    outside its output are left out.
    """
    windows = layer.window(inputs)
    sliding = [window for window in windows if isinstance(window, Slide | Spread)]
    if not law.value or not sliding or len(sliding) < len(windows):
        return law
    names = AXES[len(windows)]
    sizes = list(zip(sliding, spatial(inputs[0]), spatial(layer.shape(inputs)), strict=True))
    counted = prod(window.kernel * (o if isinstance(window, Slide) else i) for window, i, o in sizes)
    pairs = [pairs_of(window, i, o) for window, i, o in sizes]
    if prod(pairs) == counted:
        return law
    symbols = [
        Symbol(f"t_{name}", count, f"taps on real pixels along the {AXIS_NAMES[name]}, over all outputs")
        for name, count in zip(names, pairs, strict=True)
    ]
    rest = Symbol("c", int(law) // counted, "multiplications per tap: channels read times filters")
    return product((*symbols, rest))


def real_additions(layer: Layer, inputs: Shapes, law: Formula, multiplies: Formula) -> Formula:
    """Additions that go with the real taps: one less than the taps of an output, one more for a bias."""
    if layer.multiplies(inputs).value == multiplies.value:
        return law
    products = Symbol("multiplies", multiplies.value, "products on real pixels")
    if layer.has_bias:
        return products
    windows, shape = layer.window(inputs), layer.shape(inputs)
    sizes = zip(windows, spatial(inputs[0]), spatial(shape), strict=True)
    places = prod(_reached(window, i, o) for window, i, o in sizes)
    return products - Symbol("outputs", shape[-1] * places, "outputs with a tap on a real pixel")


def pairs_of(window: Window, size: int, outputs: int) -> int:
    """Pairs of an output position and a tap that falls on one of ``size`` real pixels."""
    assert isinstance(window, Slide | Spread)
    if isinstance(window, Slide) and outputs < window.kernel:
        return sum(_taps_inside(window, position, size) for position in range(outputs))
    places, steps = (size, outputs) if isinstance(window, Slide) else (outputs, size)
    return sum(
        _steps_inside(tap * window.dilation - window.before, window.stride, places, steps)
        for tap in range(window.kernel)
    )


def _steps_inside(offset: int, stride: int, size: int, steps: int) -> int:
    """How many n in [0, steps) have 0 <= n·stride + offset < size."""
    first = max(0, -(offset // stride))
    last = min(steps - 1, (size - 1 - offset) // stride)
    return max(0, last - first + 1)


def _taps_inside(window: Slide, position: int, size: int) -> int:
    """How many taps of an output position fall on real pixels."""
    return _steps_inside(position * window.stride - window.before, window.dilation, size, window.kernel)


def _reached(window: Window, size: int, outputs: int) -> int:
    """Output positions with at least one tap on a real pixel."""
    reach = (window.kernel - 1) * window.dilation if isinstance(window, (Slide, Spread)) else 0
    if isinstance(window, Slide):
        if window.dilation <= size:  # no window can have all real pixels between two of its taps
            return _steps_inside(reach - window.before, window.stride, size + reach, outputs)
        return sum(1 for position in range(outputs) if _taps_inside(window, position, size))
    assert isinstance(window, Spread)
    if window.dilation == 1 and window.kernel >= window.stride:
        last = (size - 1) * window.stride - window.before + reach
        return max(0, min(outputs - 1, last) - max(0, -window.before) + 1)
    if window.dilation == 1:
        return pairs_of(window, size, outputs)
    return sum(
        any(0 <= place < size for place in spread_from(window, position)) for position in range(outputs)
    )

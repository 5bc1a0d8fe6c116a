"""Counting only the taps that fall on real pixels, exactly and without a loop over positions or taps.

Along each axis the pairs (output, tap) are points of a grid between two lines, and counted as such;
the axes are independent, so the pairs of a window are the product over its axes.
"""

from __future__ import annotations

from math import gcd, prod

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
    places, steps = (size, outputs) if isinstance(window, Slide) else (outputs, size)
    return _hits(window, -window.before, window.kernel, steps, places)


def _hits(window: Slide | Spread, offset: int, taps: int, steps: int, places: int) -> int:
    """Pairs (n, tap), n < steps, whose n·stride + tap·dilation + offset is one of 0 to places − 1."""
    stride, dilation = window.stride, window.dilation

    def below(end: int) -> int:
        """Pairs whose place lies before ``end``: all n for the first taps, then ever fewer."""
        reach = end - 1 - offset
        whole = min(taps, max(0, (reach - (steps - 1) * stride) // dilation + 1))
        some = min(taps, max(0, reach // dilation + 1)) - whole
        least = reach - (whole + some - 1) * dilation
        return steps * whole + some + _sum_of_floors(some, dilation, least, stride)

    return below(places) - below(0)


def _sum_of_floors(count: int, step: int, start: int, divisor: int) -> int:
    """The sum of (step·n + start) // divisor for n below ``count``, in as many steps as Euclid's algorithm.

    What the divisor goes into whole is summed at once. The rest are points of a grid below a line, which
    are counted along the other axis, where the slope is turned over.
    """
    total = 0
    while count > 0:
        total += count * (count - 1) // 2 * (step // divisor) + count * (start // divisor)
        step, start = step % divisor, start % divisor
        count, start = divmod(step * count + start, divisor)
        step, divisor = divisor, step
    return total


def _reached(window: Window, size: int, outputs: int) -> int:
    """Output positions with at least one tap on a real pixel."""
    assert isinstance(window, Slide | Spread)
    if isinstance(window, Slide):
        if window.dilation >= size:  # two taps of one position are never both on the map
            return pairs_of(window, size, outputs)
        reach = (window.kernel - 1) * window.dilation  # no map lies whole between two taps of a window
        return _hits(window, reach - window.before, 1, outputs, size + reach)
    shared = gcd(window.stride, window.dilation)
    taps, pixels = window.stride // shared, window.dilation // shared
    if window.kernel <= taps or size <= pixels:
        return pairs_of(window, size, outputs)
    offset = taps * window.dilation - window.before  # what another pixel reaches by an earlier tap, too
    again = _hits(window, offset, window.kernel - taps, size - pixels, outputs)
    return pairs_of(window, size, outputs) - again

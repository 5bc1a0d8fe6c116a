"""Taps on real pixels, counted by formula and one by one."""

from __future__ import annotations

from itertools import product
from time import process_time

from cnnspec import analyze, parse
from cnnspec.analysis.padding import _reached, pairs_of
from cnnspec.layers.base import Slide, Spread


def hits(window: Slide | Spread, position: int, size: int) -> int:
    """Taps of one output position that fall on real pixels, by definition."""
    if isinstance(window, Slide):
        start = position * window.stride - window.before
        return sum(0 <= start + tap * window.dilation < size for tap in range(window.kernel))
    places = (
        divmod(position + window.before - tap * window.dilation, window.stride)
        for tap in range(window.kernel)
    )
    return sum(rest == 0 and 0 <= place < size for place, rest in places)


def test_formulas_agree_with_counting_one_by_one() -> None:
    for kind, (k, s, d, before) in product(
        (Slide, Spread), product((1, 2, 3, 7), (1, 2, 4), (1, 2, 5), (0, 1, 6))
    ):
        window = kind(kernel=k, stride=s, dilation=d, before=before)
        for size, outputs in product((1, 3, 8), (1, 4, 9)):
            found = [hits(window, position, size) for position in range(outputs)]
            assert (sum(found), sum(map(bool, found))) == (
                pairs_of(window, size, outputs), _reached(window, size, outputs),
            )  # fmt: skip


def test_large_maps_cost_little() -> None:
    started = process_time()
    for text in (
        "input 300000x300000x1; conv 1 3x3 padding=1",
        "input 100000x100000x1; conv 1 99999x99999 padding=49999",
        "input 5000x5000x1; upconv 1 9x9 stride=4 padding=2",
    ):
        analyze(parse(text), exclude_padding=True)
    assert process_time() - started < 3

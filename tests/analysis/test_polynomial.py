"""Polynomials through samples, and their zeros over whole numbers."""

from __future__ import annotations

from collections.abc import Callable
from itertools import product

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cnnspec.analysis.solve.polynomial import fix_first, grows, interpolate, largest_within, roots, value_at


def through(function: Callable[..., int], points: list[int], variables: int) -> dict[tuple[int, ...], int]:
    places = product(range(len(points)), repeat=variables)
    law, scale = interpolate({p: function(*(points[n] for n in p)) for p in places}, points, variables)
    assert all(scale * function(*at) == value_at(law, at) for at in product(points, repeat=variables))
    return law


def test_one_width() -> None:
    assert {(0,): 16, (1,): 27} == through(lambda f: 27 * f + 16, [1, 2], 1)


def test_two_widths_that_meet() -> None:
    law = through(lambda f, n: 10 * f + 676 * f * n + 11 * n + 10, [1, 2], 2)
    assert {(0, 0): 10, (1, 0): 10, (0, 1): 11, (1, 1): 676} == law


def test_halves_are_scaled_to_whole_numbers() -> None:
    assert {(1,): 1, (2,): 1} == through(lambda x: x * (x + 1) // 2, [1, 2, 3], 1)


@given(st.lists(st.integers(-50, 50), min_size=3, max_size=3), st.integers(1, 40))
def test_a_polynomial_gives_its_samples_back(factors: list[int], at: int) -> None:
    a, b, c = factors
    law = through(lambda x: a * x * x + b * x + c, [2, 4, 6], 1)
    assert a * at * at + b * at + c == value_at(law, (at,))


def test_fixing_a_width_leaves_the_others() -> None:
    assert {(0,): 31, (1,): 2039} == fix_first({(0, 0): 1, (1, 0): 10, (0, 1): 11, (1, 1): 676}, 3)


@pytest.mark.parametrize(
    "law, expected",
    [
        ({(0,): -12, (1,): 3}, [4]),
        ({(0,): -13, (1,): 3}, []),
        ({(0,): 12, (1,): 3}, []),
        ({(0,): 6, (1,): -5, (2,): 1}, [2, 3]),
        ({(0,): -9, (2,): 1}, [3]),
        ({(0,): 9, (2,): 1}, []),
        ({(0,): -8, (3,): 1}, [2]),
        ({(0,): 5}, []),
        ({}, [1, 2, 3, 4, 5]),
    ],
)
def test_roots(law: dict[tuple[int, ...], int], expected: list[int]) -> None:
    assert expected == list(roots(law, 5))


@given(st.lists(st.integers(-30, 30), min_size=3, max_size=3))
def test_roots_are_all_of_them(factors: list[int]) -> None:
    law: dict[tuple[int, ...], int] = {(n,): factor for n, factor in enumerate(factors) if factor}
    assert [x for x in range(1, 40) if value_at(law, (x,)) == 0] == list(roots(law, 39))


def test_growing() -> None:
    assert grows({(0, 0): -5, (1, 0): 2, (1, 1): 3})
    assert not grows({(1,): -1})


@pytest.mark.parametrize("largest", [0, 1, 7, 8, 100])
def test_the_largest_within(largest: int) -> None:
    assert min(largest, 7) == largest_within(lambda x: x <= 7, largest)

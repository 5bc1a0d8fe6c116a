"""Whole-number polynomials found from samples, and their zeros over ranges of whole numbers.

Parameters and multiplies of a network are polynomials in its widths, of low
degree in each; a handful of samples gives them exactly.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from fractions import Fraction
from itertools import product
from math import lcm
from typing import TypeAlias

Exponents: TypeAlias = tuple[int, ...]
Polynomial: TypeAlias = dict[Exponents, int]


def interpolate(
    values: Mapping[Exponents, int], points: Sequence[int], variables: int
) -> tuple[Polynomial, int]:
    """The polynomial through a grid of samples, times the number that makes it whole; and that number.

    ``values`` holds the sample for each choice of places in ``points``, one a variable.
    """
    inverse = _inverse_vandermonde(points)
    table: dict[Exponents, Fraction] = {key: Fraction(value) for key, value in values.items()}
    degrees = range(len(points))
    for axis in range(variables):
        table = {
            key: sum(
                (inverse[key[axis]][n] * table[(*key[:axis], n, *key[axis + 1 :])] for n in degrees),
                Fraction(0),
            )
            for key in product(degrees, repeat=variables)
        }
    scale = lcm(*(value.denominator for value in table.values()))
    return {key: int(value * scale) for key, value in table.items() if value}, scale


def _inverse_vandermonde(points: Sequence[int]) -> list[list[Fraction]]:
    """Row e, column n: how much the sample at point n gives to the power e."""
    columns = []
    for n, point in enumerate(points):
        basis, scale = [Fraction(1)], 1
        for other in (p for m, p in enumerate(points) if m != n):
            shifted = [Fraction(0), *basis]
            basis = [a - other * b for a, b in zip(shifted, [*basis, Fraction(0)], strict=True)]
            scale *= point - other
        columns.append([value / scale for value in basis])
    return [list(row) for row in zip(*columns, strict=True)]


def value_at(polynomial: Polynomial, at: Sequence[int]) -> int:
    total = 0
    for exponents, factor in polynomial.items():
        for base, exponent in zip(at, exponents, strict=True):
            factor *= base**exponent
        total += factor
    return total


def fix_first(polynomial: Polynomial, value: int) -> Polynomial:
    """The polynomial in the remaining variables once the first has a value."""
    fixed: Polynomial = {}
    for (first, *rest), factor in polynomial.items():
        key = tuple(rest)
        fixed[key] = fixed.get(key, 0) + factor * value**first
    return fixed


def roots(polynomial: Polynomial, largest: int) -> Iterator[int]:
    """The whole numbers from 1 to ``largest`` at which a polynomial of one variable is zero."""
    places: Sequence[int] = range(1, largest + 1)
    if any(any(exponents) for exponents in polynomial) and grows(polynomial):
        places = [largest_within(lambda x: value_at(polynomial, (x,)) <= 0, largest)]
    return (x for x in places if x and value_at(polynomial, (x,)) == 0)


def grows(polynomial: Polynomial) -> bool:
    """Whether it can only grow with its variables: no factor but the constant is negative."""
    return all(factor >= 0 for exponents, factor in polynomial.items() if any(exponents))


def largest_within(test: Callable[[int], bool], largest: int) -> int:
    """The largest number from 0 to ``largest`` that passes a test which smaller ones pass."""
    low, high = 0, largest
    while low < high:
        middle = (low + high + 1) // 2
        low, high = (middle, high) if test(middle) else (low, middle - 1)
    return low

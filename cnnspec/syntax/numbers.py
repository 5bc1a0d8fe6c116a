"""Numbers as they are written: ``3``, ``0.01``, ``5e-4``, ``62k``, ``1.5M``."""

from __future__ import annotations

from fractions import Fraction
from typing import Final

LARGEST: Final = 10**15
"""No number may exceed this: the largest networks have 10^12 weights."""
SUFFIXES: Final = {"k": 10**3, "M": 10**6, "G": 10**9}
_LONGEST: Final = 40


def value_of(text: str) -> int | float | None:
    """The value of a number's text, whole where a suffix or plain digits make it so; None if too large."""
    if len(text) < 16 and text.isdigit():
        return int(text)
    digits, factor = (text[:-1], SUFFIXES[text[-1]]) if text[-1] in SUFFIXES else (text, 1)
    if len(text) > _LONGEST or float(digits) * factor > LARGEST:
        return None
    if factor == 1 and not digits.isdigit():
        return float(digits)
    exact = Fraction(digits) * factor
    return int(exact) if exact.denominator == 1 else float(exact)

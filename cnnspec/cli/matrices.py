"""Numbers as people write and programs print them: matrices, nested lists, the JSON of ``cnnspec run``."""

from __future__ import annotations

import json
import re
from fractions import Fraction
from math import isfinite
from typing import Any, Final, TypeAlias

import numpy as np
from numpy.typing import NDArray

Array: TypeAlias = NDArray[Any]

KERNELS: Final = {
    "blur": "[1 2 1; 2 4 2; 1 2 1]/16",
    "sharpen": "0 -1 0; -1 20 -1; 0 -1 0",
    "vertical-lines": "-3 0 3; -6 0 6; -3 0 3",
    "horizontal-lines": "-3 -6 -3; 0 0 0; 3 6 3",
}
"""Filters with a name, as image processing teaches them."""

LONGEST_QUOTED: Final = 40
"""Characters of an input that a message repeats."""
SCALED: Final = re.compile(r"^\[(?P<inside>[^\[\]]*)\]\s*(?:/\s*(?P<divisor>[0-9.]+))?$", re.DOTALL)
CALL: Final = re.compile(r"^[\w.]+\((?P<inside>.*?)(?:,\s*\w+=[^\[\]]*)?\)$", re.DOTALL)
"""``array([…], dtype=float32)``, ``tensor([…])``: what NumPy and PyTorch print around the lists."""
TOKEN: Final = re.compile(r"[\[\]()]|[^\s,\[\]()]+")


def numbers(text: str) -> tuple[Array, bool]:
    """The numbers of a text, and whether it was lists within lists, which say their own shape.

    Else they are slices x rows x columns, see ``matrix``. Raises ValueError that says what is wrong.
    """
    text = text.strip()
    if call := CALL.match(text):
        text = call["inside"].strip()
    if text.startswith(("[{", "{")):
        return _printed(text), True
    if re.match(r"[\[(]\s*[\[(]", text):
        return _nested(text), True
    return matrix(text), False


def matrix(text: str) -> Array:
    """``"1 2; 3 4 | 5 6; 7 8"`` as slices x rows x columns, float64; ``[…]/9`` divides; 1/9 is a number.

    Raises ValueError that says what is wrong.
    """
    text, divisor = text.strip(), 1.0
    if scaled := SCALED.match(text):
        text, divisor = scaled["inside"], _number(scaled["divisor"] or "1")
    if not divisor:
        raise ValueError("it is divided by 0")
    slices = [[_row(row) for row in re.split(r"[;\n]", part) if row.strip()] for part in text.split("|")]
    lengths = {len(row) for part in slices for row in part}
    if len({len(part) for part in slices}) != 1 or len(lengths) != 1:
        raise ValueError(
            f"rows of {' and '.join(map(str, sorted(lengths)))} numbers" if lengths else "no numbers"
        )
    return np.array(slices, float) / divisor


def _row(text: str) -> list[float]:
    return [_number(word) for word in re.split(r"[\s,]+", text.strip(" \t,"))]


def _number(word: str) -> float:
    if word == "...":
        raise ValueError("numbers are left out where ... stands; print all of them")
    if word in ("null", "None"):
        return float("nan")
    above, line, below = word.replace("−", "-").partition("/")
    try:
        value = float(Fraction(int(above), int(below))) if line else float(above)
    except (ValueError, ArithmeticError) as error:
        raise ValueError(f'"{_short(word)}" is not a number') from error
    if not isfinite(value):
        raise ValueError(f'"{_short(word)}" is not a number that a float can hold')
    return value


def _short(text: str) -> str:
    return text if len(text) <= LONGEST_QUOTED else text[:LONGEST_QUOTED] + "…"


def _nested(text: str) -> Array:
    """``[[0, 1/2], [2, 3]]``, with commas or without, as deep as it is."""
    open_lists: list[list[Any]] = [[]]
    for token in TOKEN.findall(text):
        if token in "[(":
            open_lists.append([])
        elif token not in "])":
            open_lists[-1].append(_number(token))
        elif len(open_lists) == 1:
            raise ValueError("a bracket closes what was never opened")
        else:
            open_lists[-2].append(open_lists.pop())
    if len(open_lists) > 1:
        raise ValueError("a bracket is never closed")
    try:
        return np.array(open_lists[0][0], float)
    except ValueError as error:
        raise ValueError("its lists are not equally long") from error


def _printed(text: str) -> Array:
    """The last layer of what ``run --format json`` prints."""
    try:
        document = json.loads(text)
        last = document[-1] if isinstance(document, list) else document
        return np.array(last["values"], float)
    except (ValueError, KeyError, TypeError) as error:
        raise ValueError("it is not what run --format json prints") from error

"""Numbers as people write and programs print them: matrices, nested lists, the JSON of ``cnnspec run``."""

from __future__ import annotations

import json
import re
from typing import Any, Final, TypeAlias

import numpy as np
from numpy.typing import NDArray

from cnnspec.layers.kernels import matrices, number

Array: TypeAlias = NDArray[Any]

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
    """``"1 2; 3 4 | 5 6; 7 8"`` as slices x rows x columns, float64; ValueError as ``matrices`` raises it."""
    return np.array(matrices(text, {}))


def _nested(text: str) -> Array:
    """``[[0, 1/2], [2, 3]]``, with commas or without, as deep as it is."""
    open_lists: list[list[Any]] = [[]]
    for token in TOKEN.findall(text):
        if token in "[(":
            open_lists.append([])
        elif token not in "])":
            open_lists[-1].append(number(token))
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

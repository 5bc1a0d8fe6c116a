"""Numbers as text, and weights that stand in a spec: ``1 -1; -1 1 | 0 1; 1 0``, or kernels by name."""

import re
from collections.abc import Mapping, Sequence
from dataclasses import replace
from fractions import Fraction
from math import isfinite, prod
from typing import Annotated, ClassVar, Final, TypeAlias

from pydantic import Field, field_validator

from cnnspec.diagnostics import LayerError, nearest
from cnnspec.layers.base import Given, Initial, Shape, Weight, Weighted
from cnnspec.layers.facts import Effect, Keeps, Picture, Storage
from cnnspec.layers.writing import Unit

Rows: TypeAlias = tuple[tuple[float, ...], ...]

KERNELS: Final[Mapping[str, str]] = {
    "identity": "0 0 0; 0 1 0; 0 0 0",
    "blur": "[1 2 1; 2 4 2; 1 2 1]/16",
    "gaussian": "[1 4 6 4 1; 4 16 24 16 4; 6 24 36 24 6; 4 16 24 16 4; 1 4 6 4 1]/256",
    "sharpen": "0 -1 0; -1 20 -1; 0 -1 0",
    "sharpen5": "0 -1 0; -1 5 -1; 0 -1 0",
    "edge": "-1 -1 -1; -1 8 -1; -1 -1 -1",
    "sobel_x": "-1 0 1; -2 0 2; -1 0 1",
    "sobel_y": "-1 -2 -1; 0 0 0; 1 2 1",
    "emboss": "-2 -1 0; -1 1 1; 0 1 2",
    "vertical_lines": "-3 0 3; -6 0 6; -3 0 3",
    "horizontal_lines": "-3 -6 -3; 0 0 0; 3 6 3",
}
"""Filters with a name, as image processing teaches them; gaussian is 5x5, the others 3x3."""

LONGEST_QUOTED: Final = 40
"""Characters of an input that a message repeats."""
_SCALED: Final = re.compile(r"^\[(?P<inside>[^\[\]]*)\]\s*(?:/\s*(?P<divisor>[0-9.]+))?$", re.DOTALL)


def matrices(text: str, names: Mapping[str, str] = KERNELS) -> tuple[Rows, ...]:
    """``"1 2; 3 4 | 5 6; 7 8"`` as matrices, each its rows; ``[…]/9`` divides, 1/9 is a number.

    A matrix may be one of ``names``. Raises ValueError that says what is wrong.
    """
    text = text.strip()
    if scaled := _SCALED.match(text):
        return tuple(_divided(rows, scaled["divisor"]) for rows in matrices(scaled["inside"], names))
    found = tuple(_matrix(part.strip(), names) for part in text.split("|"))
    lengths = {len(row) for rows in found for row in rows}
    if len(set(map(len, found))) != 1 or len(lengths) != 1:
        raise ValueError(
            f"rows of {' and '.join(map(str, sorted(lengths)))} numbers" if lengths else "no numbers"
        )
    return found


def _matrix(text: str, names: Mapping[str, str]) -> Rows:
    if names and text[:1].isalpha() and text.replace("-", "_") not in names:
        meant = nearest(text.replace("-", "_"), names)
        cure = f"did you mean {meant}?" if meant else f"there are {', '.join(names)}"
        raise ValueError(f"there is no kernel {_short(text)}; {cure}")
    text = names.get(text.replace("-", "_"), text)
    if scaled := _SCALED.match(text):
        return _divided(_matrix(scaled["inside"], names), scaled["divisor"])
    rows = (row.strip(" \t,") for row in re.split(r"[;\n]", text) if row.strip())
    return tuple(tuple(map(number, re.split(r"[\s,]+", row))) for row in rows)


def _divided(rows: Rows, by: str | None) -> Rows:
    divisor = number(by or "1")
    if not divisor:
        raise ValueError("it is divided by 0")
    return tuple(tuple(value / divisor for value in row) for row in rows)


def number(word: str) -> float:
    """``0.5``, ``1/9``, ``null``; raises ValueError for what is none, or more than a float can hold."""
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


def kernels_text(numbers: Sequence[str], shape: Shape, taps_from: int = 2) -> str:
    """Numbers of an array of this shape as ``weights`` says them: a matrix for each kernel, or each unit."""
    columns = shape[-1]
    size = prod(shape[taps_from:]) if shape[taps_from:] else columns
    rows = [" ".join(numbers[at : at + columns]) for at in range(0, len(numbers), columns)]
    each = max(1, size // columns)
    return " | ".join("; ".join(rows[at : at + each]) for at in range(0, len(rows), each))


def spread(found: tuple[Rows, ...], weight: Weight) -> Given:
    """The values of an array of weights, of one matrix a filter or fewer.

    A matrix is a filter's kernel, which serves each channel that the filter reads, or all that the filter
    has; a single one serves all filters, a single number every place. Raises ValueError that says how many
    values are needed.
    """
    shape, filters = weight.shape, int(weight.inputs_first)
    before, taps = shape[: weight.taps_from], shape[weight.taps_from :]
    numbers = tuple(value for rows in found for row in rows for value in row)
    each = len(numbers) // len(found)
    if len(numbers) == prod(shape):
        return Given(shape, numbers)
    is_kernel = bool(taps) and (len(found[0]), each) == (prod(taps[:-1]), prod(taps))
    if len(found) not in (1, shape[filters]) or (each > 1 and not is_kernel):
        raise ValueError(_needed(found, weight))
    ahead = (len(found) if axis == filters else 1 for axis, _ in enumerate(before))
    return Given((*ahead, *(taps if each > 1 else (1,) * len(taps))), numbers)


def _needed(found: tuple[Rows, ...], weight: Weight) -> str:
    shape, taps = weight.shape, weight.shape[weight.taps_from :]
    rows, columns = len(found[0]), len(found[0][0])
    one = f"{rows}x{columns}" if rows > 1 else f"{columns} number{'s' * (columns > 1)}"
    have = f"{len(found)} of {one}" if len(found) > 1 else one
    if len(shape) == 1:
        return f"{have} in place of {shape[0]}"
    if not taps:
        return f"{have}, but {shape[0]} units read {shape[1]} values each"
    filters = shape[int(weight.inputs_first)]
    what = "filters" if weight.taps_from == 2 else "connections"
    are = f"there are {filters} {what} of" if filters > 1 else f"the {what[:-1]} is"
    return f"{have}, but {are} {'x'.join(map(str, taps))}"


class Kernelled(Weighted):
    """A layer whose weights begin at random, or as they stand in the spec."""

    storage: ClassVar[Storage] = Storage.OWN
    keeps: ClassVar[Keeps] = Keeps.INPUT
    effect: ClassVar[Effect] = Effect.NONE
    picture: ClassVar[Picture] = Picture.BOX

    init: Initial | None = Field(None, description="initialiser of the weights; the recipe's unless given")
    weights: Annotated[str, Unit("name or numbers in quotes")] | None = Field(
        None,
        description='rows apart by ; and filters by |, as in "1 -1; -1 1 | 0 1; 1 0", or kernels by name '
        "such as edge; trained from there, unless frozen=yes",
    )

    @field_validator("weights")
    @classmethod
    def _are_numbers(cls, text: str | None) -> str | None:
        try:
            matrices(text or "0")
        except ValueError as error:
            raise ValueError(f"must be numbers, or kernels by name: {error}") from error
        return text

    def kernels(self, weight: Weight) -> Weight:
        """The array of kernels with the values that the spec gives; LayerError where these do not fit."""
        if self.weights is None:
            return weight
        try:
            given = spread(matrices(self.weights), weight)
        except ValueError as error:
            raise LayerError(
                "weights-unlike-layer", f"the weights do not fit: {error}",
                help=("give one matrix for all filters or units, or one for each, with | between them",),
                option="weights",
            ) from error  # fmt: skip
        return replace(weight, initial="given", given=given)

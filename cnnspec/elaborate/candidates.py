"""The values an option may take, the most usual first; and those that give a wanted shape."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import islice, product
from math import isqrt, prod
from typing import Any, Final, Literal, get_args, get_origin

from pydantic.fields import FieldInfo

from cnnspec.binding.values import OpenValue
from cnnspec.diagnostics import LayerError
from cnnspec.layers.base import Layer, Shape, Shapes, Window
from cnnspec.network.made_layers import MadeLayer, make_layer

LARGEST_WINDOW: Final = 64
LARGEST_STEP: Final = 16
"""Strides, dilations and paddings beyond it are not natural."""
LARGEST_COUNT: Final = 4096
MOST_TRIED: Final = 5_000
"""Combinations tried for one layer while a spec is read; ``cnnspec solve`` tries more."""

WINDOWS: Final = frozenset(
    {"kernel", "dilation", "stride", "padding", "output_padding", "amount", "scale", "to", "size"}
)
"""Options that are pixels; every other whole number is a count."""
USUAL_WINDOWS: Final = (3, 5, 1, 7, 2)
USUAL_STRIDES: Final = (1, 2, 4, 3)


@dataclass(slots=True)
class Tries:
    """How many more combinations may be tried, in all."""

    left: int
    cut: bool = False
    """Whether one search left combinations out."""

    def take(self) -> bool:
        """Whether there is one more; it is used up."""
        self.left -= 1
        return self.left >= 0


def is_count(kind: type[Layer], name: str) -> bool:
    """Whether an option counts something: filters, units, groups."""
    field = kind.model_fields[name]
    return name not in WINDOWS and "int" in str(field.annotation) and not _may_be_zero(field)


def _may_be_zero(field: FieldInfo) -> bool:
    return any(getattr(rule, "ge", None) == 0 for rule in field.metadata)


def candidates(kind: type[Layer], name: str, longest: int) -> Iterator[Any]:
    """The natural range of an option, the most usual first; ``longest`` is a map's longest side."""
    annotation = kind.model_fields[name].annotation
    if annotation is bool:
        yield from (True, False)
        return
    if name in WINDOWS:
        yield from pixels(name, min(longest, LARGEST_WINDOW))
    elif is_count(kind, name):
        yield from counts()
    elif annotation is int:
        yield from range(LARGEST_WINDOW + 1)
    elif "float" in str(annotation):
        yield from (n / 10 for n in range(11))
    yield from _words(annotation)


def pixels(name: str, longest: int) -> Iterator[int]:
    """Lengths of windows: small and odd first; of paddings and the rest: small first."""
    if name != "kernel":
        longest = min(longest, LARGEST_STEP) if name in ("stride", "dilation", "padding") else longest
        first = 0 if name in ("padding", "output_padding", "amount") else 1
        usual = [n for n in USUAL_STRIDES if n <= longest] if name == "stride" else []
        yield from usual
        yield from (n for n in range(first, longest + 1) if n not in usual)
        return
    usual = [n for n in USUAL_WINDOWS if n <= longest]
    yield from usual
    yield from sorted((n for n in range(1, longest + 1) if n not in usual), key=lambda n: (n % 2 == 0, n))


def counts() -> Iterator[int]:
    """Powers of two from 8, then every number."""
    powers = [2**n for n in range(3, 13)]
    yield from powers
    yield from (n for n in range(1, LARGEST_COUNT + 1) if n not in powers)


def _words(annotation: Any) -> Iterator[str]:
    if get_origin(annotation) is Literal:
        yield from (word for word in get_args(annotation) if isinstance(word, str))
    else:
        for part in get_args(annotation):
            yield from _words(part)


def solutions(
    kind: type[Layer], options: Mapping[str, Any], inputs: Shapes, claim: Sequence[int | None],
    wanted: Callable[[Shape], bool], tries: Tries,
) -> Iterator[dict[str, Any]]:  # fmt: skip
    """The options with every ``?`` replaced, such that the shape is wanted; the most usual first.

    Of values that come to the same (``padding=2`` and ``padding=same``) only the first is given.
    """
    opens = [name for name, value in options.items() if isinstance(value, OpenValue)]
    tries.cut = False
    if not tries.take():
        return
    ranges = [_fillings(kind, name, options[name], inputs, claim, tries) for name in opens]
    seen = set()
    for values in _by_usualness(ranges, tries):
        if not tries.take():
            return
        trial = {**options, **dict(zip(opens, values, strict=True))}
        made = make_layer(kind, trial)
        if not isinstance(made, MadeLayer):
            continue
        try:
            shape = made.shape(inputs)
        except LayerError:
            continue
        if wanted(shape):
            effect = (*(value for value in values if isinstance(value, bool)), *_effect(made, inputs, trial))
            if effect not in seen:
                seen.add(effect)
                yield trial


def _effect(made: MadeLayer, inputs: Shapes, trial: Mapping[str, Any]) -> tuple[Any, ...]:
    windows: tuple[Window, ...] = made.layer.window(inputs)
    others = tuple((name, value) for name, value in trial.items() if name not in WINDOWS)
    return (windows, others)


def _by_usualness(ranges: list[list[Any]], tries: Tries) -> Iterator[tuple[Any, ...]]:
    """Combinations, those whose ranks add up to least first; at most ``MOST_TRIED``."""
    if len(ranges) == 1:
        yield from ((value,) for value in ranges[0])
        return
    while prod(map(len, ranges)) > MOST_TRIED:
        longest, tries.cut = max(ranges, key=len), True
        ranges = [values[: len(longest) * 3 // 4] if values is longest else values for values in ranges]
    ranked = product(*(list(enumerate(values)) for values in ranges))
    for way in sorted(ranked, key=lambda pairs: sum(rank for rank, _ in pairs)):
        yield tuple(value for _, value in way)


def _counts_for(claim: Sequence[int | None]) -> list[int]:
    """The counts that can lead to a claim: its sizes, their divisors, and small ones."""
    sizes = [size for size in claim if size]
    small = [8, 16, 32, 64, *range(1, 65)]
    return [*dict.fromkeys([*sizes, *small, *(d for size in sizes for d in _divisors(size))])]


def _divisors(number: int) -> list[int]:
    number = min(number, LARGEST_COUNT**2)
    low = [n for n in range(1, isqrt(number) + 1) if number % n == 0]
    return [n for n in dict.fromkeys([*low, *(number // n for n in reversed(low))]) if n <= LARGEST_COUNT]


def _fillings(
    kind: type[Layer], name: str, hole: OpenValue, inputs: Shapes, claim: Sequence[int | None], tries: Tries
) -> list[Any]:
    """The values for one option; for ``?x3`` the sizes with its parts filled. A count divides the claim."""
    longest = max((*(size for shape in inputs for size in shape[:-1]), *(size for size in claim if size), 1))
    found = list(_counts_for(claim) if is_count(kind, name) else candidates(kind, name, longest))
    if not hole.parts:
        return found
    numbers = [value for value in found if isinstance(value, int)]
    missing = hole.parts.count(None)
    tries.cut |= len(numbers) ** missing > MOST_TRIED
    filled = []
    for way in islice(_ranks(missing, len(numbers)), MOST_TRIED):
        values = iter(numbers[n] for n in way)
        filled.append(tuple(next(values) if part is None else part for part in hole.parts))
    return filled


def _ranks(count: int, most: int) -> Iterator[tuple[int, ...]]:
    """So many numbers below ``most``: equal ones first, then those that add up to least."""
    yield from ((n,) * count for n in range(most))
    for total in range(count * (most - 1) + 1):
        yield from (way for way in _adding_up(total, count, most) if len(set(way)) > 1)


def _adding_up(total: int, count: int, most: int) -> Iterator[tuple[int, ...]]:
    if count == 1:
        yield from ((total,) for _ in range(total < most))
        return
    for first in range(max(0, total - (count - 1) * (most - 1)), min(total, most - 1) + 1):
        yield from ((first, *rest) for rest in _adding_up(total - first, count - 1, most))

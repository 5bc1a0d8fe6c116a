"""The values an option may take, the most usual first; and those that give a wanted shape."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from itertools import product
from typing import Any, Final, Literal, get_args, get_origin

from cnnspec.diagnostics import Misfit
from cnnspec.layers.base import Layer, Shape, Shapes
from cnnspec.network.make import Made, make
from cnnspec.network.values import Open

LARGEST_WINDOW: Final = 64
LARGEST_COUNT: Final = 4096
WINDOWS: Final = ("kernel", "dilation", "stride", "padding")


def solutions(
    kind: type[Layer], options: Mapping[str, Any], inputs: Shapes, wanted: Callable[[Shape], bool]
) -> Iterator[dict[str, Any]]:
    """The options with every ``?`` replaced, such that the shape is wanted; the most usual first."""
    opens = [name for name, value in options.items() if isinstance(value, Open)]
    ranges = [list(fillings(kind, name, options[name], inputs)) for name in opens]
    for values in by_usualness(ranges):
        trial = {**options, **dict(zip(opens, values, strict=True))}
        made = make(kind, trial)
        if not isinstance(made, Made):
            continue
        try:
            shape = made.shape(inputs)
        except Misfit:
            continue
        if wanted(shape):
            yield trial


def by_usualness(ranges: list[list[Any]]) -> Iterator[tuple[Any, ...]]:
    """All combinations, those whose ranks add up to least first."""
    if len(ranges) == 1:
        yield from ((value,) for value in ranges[0])
        return
    ranked = product(*(list(enumerate(values)) for values in ranges))
    for way in sorted(ranked, key=lambda pairs: sum(rank for rank, _ in pairs)):
        yield tuple(value for _, value in way)


def fillings(kind: type[Layer], name: str, hole: Open, inputs: Shapes) -> Iterator[Any]:
    """The values for one option; for ``?x3`` the sizes with its parts filled."""
    if not hole.parts:
        yield from candidates(kind, name, inputs)
        return
    count = hole.parts.count(None)
    numbers = [value for value in candidates(kind, name, inputs) if isinstance(value, int)]
    ways = [(n,) for n in numbers] if count == 1 else list(product(numbers[:LARGEST_WINDOW], repeat=count))
    for way in sorted(ways, key=lambda way: (len(set(way)) > 1, sum(map(numbers.index, way)))):
        values = iter(way)
        yield tuple(next(values) if part is None else part for part in hole.parts)


def candidates(kind: type[Layer], name: str, inputs: Shapes) -> Iterator[Any]:
    """The natural range of an option, the most usual value first."""
    annotation = kind.model_fields[name].annotation
    if annotation is bool:
        yield from (True, False)
        return
    words = list(_words(annotation))
    if name in WINDOWS:
        yield from _window(name, max((*inputs[0][:-1], 1)) if inputs and inputs[0] else 1)
    elif "int" in str(annotation):
        yield from _counts(inputs)
    elif "float" in str(annotation):
        yield from (n / 10 for n in range(11))
    yield from words


def _window(name: str, longest: int) -> Iterator[int]:
    if name == "padding":
        yield from range(min(longest, LARGEST_WINDOW) + 1)
    elif name == "kernel":
        sizes = range(1, min(longest, LARGEST_WINDOW) + 1)
        usual = [n for n in (3, 5, 1, 7, 2) if n in sizes]
        yield from usual
        yield from sorted((n for n in sizes if n not in usual), key=lambda n: (n % 2 == 0, n))
    else:
        yield from range(1, min(longest, LARGEST_WINDOW) + 1)


def _counts(inputs: Shapes) -> Iterator[int]:
    powers = [2**n for n in range(13)]
    yield from (n for n in powers if n >= 8)
    yield from (n for n in range(1, LARGEST_COUNT + 1) if n not in powers[3:])


def _words(annotation: Any) -> Iterator[str]:
    if get_origin(annotation) is Literal:
        yield from (word for word in get_args(annotation) if isinstance(word, str))
    else:
        for part in get_args(annotation):
            yield from _words(part)

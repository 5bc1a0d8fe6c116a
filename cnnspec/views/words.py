"""A layer in the language's own words: ``conv 6 5x5 padding=2``."""

from __future__ import annotations

from typing import Any

from cnnspec.layers.base import Layer, show

SIDES = ("padding", "pad", "crop", "output_padding")
"""Options written as pixels a side, ``(1, 2)``; other tuples are sizes, ``5x5``."""


def sentence(layer: Layer) -> str:
    """The word, its arguments, and the options that differ from their defaults."""
    return " ".join((layer.word, *_arguments(layer)))


def _arguments(layer: Layer) -> list[str]:
    options = dict(layer.options())
    words = []
    for name in layer.positional:
        if name not in options:
            break
        words.append(value_text(name, options.pop(name)))
    return words + [f"{name}={value_text(name, value)}" for name, value in options.items()]


def value_text(name: str, value: Any) -> str:
    """An option's value as it is written."""
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, float):
        return f"{value:g}"
    if isinstance(value, tuple) and all(isinstance(part, int) for part in value):
        if len(value) == 1:
            return str(value[0])
        return f"({', '.join(map(str, value))})" if name in SIDES else show(value)
    return str(value)


def sizes(values: tuple[int, ...]) -> str:
    """``5x5``; a vector has no sizes and shows nothing."""
    return "x".join(map(str, values))

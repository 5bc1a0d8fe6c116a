"""Sentences made of models: ``conv 6 5x5 padding=2``; read again, each gives the same model."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any, Final

from cnnspec.layers.base import SentenceModel, show

NAME: Final = re.compile(r"[^\W\d]\w*(\.[^\W\d]\w*)*")
OPERATORS: Final = frozenset({"and", "or", "not"})
MEANINGS: Final = OPERATORS | {"yes", "no", "H", "W", "C", "D"}
"""Words that stand for a value of their own."""
SIDES: Final = frozenset({"padding", "output_padding", "amount"})
"""Options written as pixels a side, ``(1, 2)``; other tuples are sizes, ``5x5``."""


def sentence(model: SentenceModel, references: Mapping[str, str] | None = None) -> str:
    """The word, its arguments, and the options that differ from their defaults.

    ``references`` gives the options that name another layer the name it has now.
    """
    options = {**model.options(), **(references or {})}
    words = model.title().split()
    for name in model.positional:
        if name not in options:
            break
        text = value_text(options.pop(name), name)
        words.append(f"({text})" if len(words) > 1 and text.startswith("-") else text)
    return " ".join([*words, *(f"{name}={value_text(value, name)}" for name, value in options.items())])


def value_text(value: Any, option: str = "") -> str:
    """A value of an option: ``5x5``, ``(1, 2, 1, 2)``, ``yes``, ``0.5``, ``same``, ``"0 1; 1 2"``."""
    if isinstance(value, bool) or value is None:
        return "yes" if value else "no"
    if isinstance(value, str):
        return value if NAME.fullmatch(value) and value not in MEANINGS else f'"{value}"'
    if not isinstance(value, tuple):
        return number_text(value)
    if len(value) == 1:
        return number_text(value[0])
    if option not in SIDES and all(isinstance(part, int) and part > 0 for part in value):
        return show(value)
    return f"({', '.join(map(number_text, value))})"


def number_text(value: float) -> str:
    """``3``, ``0.5``; a whole float without its point."""
    return str(int(value)) if float(value).is_integer() and abs(value) < 10**15 else repr(value)

"""Layers of the catalogue with options they have, whose numbers go beyond what any machine holds."""

from __future__ import annotations

import re
from collections.abc import Sequence
from random import Random
from typing import Any, Final

from cnnspec.layers.registry import LAYERS

GIANTS: Final = ("100003", "1000003", "1000000007", "2147483648", "1000000000000000")
NUMBER: Final = re.compile(r"(?<![\w.])\d+(?![\w.])|(?<=\dx)\d+|(?<![\w.])\d+(?=x\d)")
WEIGHTS: Final = ('"1"', '"1 2; 3 4"', '"1 2 | 3 4"', "edge", '"blur | edge"', '"1 | 2"')
TABLES: Final = ('"0 1; 1"', '"0; 1; 0 1 2"', "lenet5")


def far(random: Random, giants: Sequence[str] = GIANTS) -> str:
    """One layer, or several one behind the other, with one to three giants among their numbers."""
    words = random.choices(tuple(LAYERS), k=random.choice((1, 1, 1, 2, 3)))
    given, *rest = (_sentences(word, random) for word in words)
    text = "\n".join([*given, *(line for _, *lines in rest for line in lines)])
    for _ in range(random.choice((1, 1, 1, 2, 3))):
        places = list(NUMBER.finditer(text))
        at = random.choice(places)
        text = text[: at.start()] + random.choice(giants) + text[at.end() :]
    return text + "\n"


def _sentences(word: str, random: Random) -> list[str]:
    """The layer's own example, an option or two more in its last line."""
    layer = LAYERS[word]
    lines = layer.spec().split("; ")
    fields = [(name, field) for name, field in layer.model_fields.items() if f"{name}=" not in lines[-1]]
    if "{" not in lines[-1] and fields:
        for name, field in random.sample(fields, min(len(fields), random.choice((0, 0, 1, 1, 2, 3)))):
            lines[-1] += f" {name}={_value(name, field, random)}"
    return lines


def _value(name: str, field: Any, random: Random) -> str:
    kind = str(field.annotation)
    said: list[str] = re.findall(r"'([a-z_]+)'", kind) if "Literal" in kind else []
    if name in ("weights", "connections"):
        return random.choice(WEIGHTS if name == "weights" else TABLES)
    if field.annotation is bool:
        return random.choice(("yes", "no"))
    if said and ("Union" not in kind or random.random() < 0.7):
        return random.choice(said)
    return random.choice(("1", "2", "3", "5", "7", "2x3" if name in ("kernel", "to") else "(1, 2)"))

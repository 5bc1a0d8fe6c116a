"""Bytes and JSON with something changed, whatever they mean."""

from __future__ import annotations

import json
from random import Random
from typing import Any, Final

INTEGERS: Final = (
    0, 1, 2, 3, 7, 8, 9, 255, 256, 65535, 65536, 10**6, 2**31 - 1, 2**31, 2**32 - 1, 2**32, 2**62, 2**63 - 1,
    2**63, 2**64 - 1, 2**64, 10**30, -1, -2, -(2**31), -(2**63),
)  # fmt: skip
STRANGE: Final[tuple[Any, ...]] = (
    *INTEGERS, None, True, False, "", "x", "\0", "\u202e", "é" * 300, "../../etc/passwd", [], {}, [[]],
    [None], [1, "a"], {"": 0}, 0.5, 1e308, -0.0, float("nan"), float("inf"), float("-inf"), 1e-320,
)  # fmt: skip
SMALL: Final = 100_000


def any_bytes(data: bytes, random: Random) -> bytes:
    """Bytes changed, taken out, put in, or cut off."""
    changed = bytearray(data)
    for _ in range(random.choice((0, 1, 1, 1, 4, 30))):
        at = random.randrange(len(changed) + 1)
        what = random.randrange(5)
        if what == 0:
            del changed[at:]
        elif what == 1:
            del changed[at : at + random.choice((1, 2, 8, 100))]
        elif what == 2:
            changed[at:at] = bytes(random.randrange(256) for _ in range(random.choice((1, 2, 8, 100))))
        elif at < len(changed):
            changed[at] = random.choice((0, 1, 127, 128, 255, changed[at] ^ 1 << random.randrange(8)))
    return bytes(changed)


def any_json(value: Any, random: Random) -> Any:
    """A JSON value with one of its parts changed, taken out, nested or doubled."""
    if isinstance(value, dict) and value and random.random() < 0.85:
        key = random.choice(list(value))
        what, changed = random.random(), dict(value)
        if what < 0.08:
            del changed[key]
        elif what < 0.14:
            changed[str(random.choice(STRANGE))] = changed.pop(key)
        else:
            changed[key] = any_json(value[key], random)
        return changed
    if isinstance(value, list) and value and random.random() < 0.8:
        at, copy = random.randrange(len(value)), list(value)
        copy[at : at + 1] = random.choice(([], [any_json(value[at], random)], [value[at]] * 3))
        return copy
    if isinstance(value, int | float) and random.random() < 0.4:
        return random.choice((-value, value + 1, value * 2, value / 3, str(value), float(value)))
    strange = random.choice(STRANGE)
    return random.choice((strange, strange, strange, [value], {"a": value}, [strange] * 100))


def as_text(value: Any, random: Random) -> str:
    """JSON, seldom one that nests without end, or holds what only some readers take."""
    text = json.dumps(value)
    turn = random.randrange(60)
    if turn < 4:
        return ("[" * SMALL, '{"a":' * SMALL, text[: random.randrange(len(text) + 1)], text + text)[turn]
    if turn < 8:
        old = random.choice(("1", '"', "0", ","))
        return text.replace(old, random.choice(("9" * 5000, "1e999", "-", "\\ud800", "/**/", "\0", "NaN")), 1)
    return text

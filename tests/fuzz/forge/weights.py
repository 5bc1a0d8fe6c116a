"""Safetensors files with other numbers, shapes, places and words."""

from __future__ import annotations

import json
from random import Random
from typing import Any, Final

import numpy as np

from .parts import INTEGERS, SMALL, STRANGE, any_bytes, any_json, as_text

DTYPES: Final = (
    "F32", "F64", "F16", "BF16", "I8", "U8", "I16", "U16", "I32", "U32", "I64", "U64", "BOOL", "F8_E4M3",
    "F8_E5M2", "F8_E8M0", "F6_E2M3", "F4", "C64", "float32", "", "f32", None, 7, ["F32"],
)  # fmt: skip
SIZES: Final = {
    "F64": 8,
    "I64": 8,
    "U64": 8,
    "C64": 8,
    "F16": 2,
    "BF16": 2,
    "I16": 2,
    "U16": 2,
    "I8": 1,
    "U8": 1,
    "BOOL": 1,
}


def weights(whole: bytes, random: Random) -> bytes:
    """A safetensors file after another one."""
    length = int.from_bytes(whole[:8], "little")
    header, body = json.loads(whole[8 : 8 + length]), whole[8 + length :]
    for _ in range(random.choice((1, 1, 1, 2, 3))):
        if isinstance(header, dict):
            header = random.choice((_entry, _entry, _words, _words, any_json))(header, random)
    if random.random() < 0.5:
        body = _laid_out(header, random)
    elif random.random() < 0.2:
        body = any_bytes(body, random)
    text = as_text(header, random).encode("utf-8", "surrogatepass")
    length = random.choice(INTEGERS) if random.random() < 0.04 else len(text)
    data = (length % 2**64).to_bytes(8, "little") + text + body
    return any_bytes(data, random) if random.random() < 0.1 else data


def _entry(header: dict[str, Any], random: Random) -> dict[str, Any]:
    """One array has other numbers, another shape or place, or a twin."""
    names = [name for name in header if isinstance(header[name], dict) and "shape" in header[name]]
    if not names:
        return header
    name = random.choice(names)
    entry = dict(header[name])
    what = random.randrange(5)
    if what == 0:
        entry["dtype"] = random.choice(DTYPES)
    elif what == 1:
        shapes: tuple[Any, ...] = (
            [random.choice(INTEGERS), 0],
            [1] * 100,
            [2**62, 0],
            [],
            None,
            [1.5],
            ["2"],
        )
        entry["shape"] = random.choice((*shapes, any_json(entry["shape"], random)))
    elif what == 2:
        entry["data_offsets"] = any_json(entry.get("data_offsets"), random)
    elif what == 3:
        return {**header, random.choice(("more", "", "\0", "é" * 999, name + ".x")): entry}
    else:
        return {key: header[key] for key in random.sample(list(header), len(header))}
    return {**header, name: entry}


def _words(header: dict[str, Any], random: Random) -> dict[str, Any]:
    """What the file says of its arrays, in the JSON within the header."""
    words = header.get("__metadata__")
    if not isinstance(words, dict) or random.random() < 0.15:
        return {**header, "__metadata__": random.choice(STRANGE)}
    found = {}
    for key, text in words.items():
        try:
            found[key] = as_text(any_json(json.loads(text), random), random)
        except (ValueError, TypeError, RecursionError):
            found[key] = text
    return {**header, "__metadata__": found}


def _laid_out(header: Any, random: Random) -> bytes:
    """Values for all arrays, one after the other, and their places in the header."""
    end, parts = 0, []
    for name, entry in header.items() if isinstance(header, dict) else ():
        if not isinstance(entry, dict) or name == "__metadata__" or not isinstance(entry.get("shape"), list):
            continue
        sizes = [n for n in entry["shape"] if isinstance(n, int) and 0 <= n < 1000]
        size = min(int(np.prod(sizes or [1])), SMALL) * SIZES.get(str(entry.get("dtype")), 4)
        entry["data_offsets"] = [end, end + size]
        end += size
        parts.append(
            random.choice((b"\0\0\0\0", b"\0\0\x80\x3f", b"\xff\xff\xff\x7f", b"\0\0\xc0\x7f"))
            * (size // 4 + 1)
        )
        parts[-1] = parts[-1][:size]
    return b"".join(parts)

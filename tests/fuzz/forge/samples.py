"""Files of MNIST's kind (IDX) and tables (CSV)."""

from __future__ import annotations

import zlib
from functools import cache
from random import Random
from typing import Final

import numpy as np
from numpy.typing import NDArray

from .parts import INTEGERS, SMALL, any_bytes


def header(values: NDArray[np.uint8]) -> bytes:
    """How a file of these values begins."""
    return bytes((0, 0, 8, values.ndim)) + b"".join(size.to_bytes(4, "big") for size in values.shape)


def idx(values: NDArray[np.uint8], random: Random) -> bytes:
    """A file of MNIST's kind: header, values, gzip."""
    magic, shape, body = bytearray((0, 0, 8, values.ndim)), list(values.shape), values.tobytes()
    for _ in range(random.choice((0, 1, 1, 2))):
        what = random.randrange(5)
        if what == 0:
            magic[random.randrange(4)] = random.choice((0, 1, 2, 3, 4, 8, 9, 13, 14, 255))
        elif what == 1:
            shape[random.randrange(len(shape))] = random.choice(INTEGERS)
        elif what == 2:
            body = any_bytes(body, random)
        elif what == 3:
            body = bytes([random.choice((0, 9, 10, 255))]) * len(body)
        else:
            shape += [random.choice(INTEGERS)] * random.choice((1, 1, 250))
    data = bytes(magic) + b"".join((size % 2**32).to_bytes(4, "big") for size in shape) + body
    turn = random.randrange(12)
    if turn < 3:
        data = _gzip(data)
    if turn == 3 and random.random() < 0.3:
        data = unfolding_idx(random.choice((60, 700)))
    return any_bytes(data, random) if random.random() < 0.15 else data


def _gzip(data: bytes) -> bytes:
    packer = zlib.compressobj(6, zlib.DEFLATED, 31)
    return packer.compress(data) + packer.flush()


@cache
def unfolding_idx(megabytes: int) -> bytes:
    """A small file that unfolds to so many million zeros."""
    packer = zlib.compressobj(9, zlib.DEFLATED, 31)
    data = packer.compress(
        bytes((0, 0, 8, 3)) + (megabytes * 2500).to_bytes(4, "big") + b"\0\0\0\x14\0\0\0\x14"
    )
    data += packer.flush(zlib.Z_FULL_FLUSH)
    zeros = packer.compress(b"\0" * 10**6) + packer.flush(zlib.Z_FULL_FLUSH)
    return data + zeros * megabytes


CELLS: Final = (
    "", " ", "-1", "256", "1e999", "nan", "inf", "0.5", "1_0", "²", "١", "0x10", '"', '""', "'", "a", "é",
    "\0", "\r", "\u202e", "9" * 400, "1e-400", "=1+1", "label", "7;7", "\t", "\ufeff",
    "1114112", "2147483648",
    "x" * 140_000, "-0", "+5", "1,5", "\x1b[2J",
)  # fmt: skip


def table(rows: list[list[str]], random: Random) -> bytes:
    """A file of comma-separated values: cells, delimiters, heads, encodings."""
    rows = [list(row) for row in rows]
    for _ in range(random.choice((0, 1, 1, 2, 5))):
        row = random.choice(rows)
        what = random.randrange(6)
        at = random.randrange(len(row)) if row else 0
        if what < 3 and row:
            row[at] = random.choice(CELLS)
        elif what == 3:
            row[at : at + 1] = [random.choice(CELLS)] * random.choice((0, 2, 3))
        elif what == 4:
            rows[:] = [[*row[:at], random.choice(CELLS), *row[at:]] for row in rows]
        else:
            rows.insert(
                random.randrange(len(rows) + 1), [random.choice((*CELLS, "label", "id")) for _ in row]
            )
    delimiter = random.choice((",", ",", ",", ";", "\t", "|", " ", ", "))
    end = random.choice(("\n", "\n", "\r\n", "\r", "\n\n"))
    text = end.join(delimiter.join(row) for row in rows) + random.choice((end, "", end * 50))
    if random.random() < 0.02:
        text = random.choice((text[:SMALL] * 200, "\n" * SMALL, '"' + text, "," * SMALL, "label\n" + text))
    encoding = random.choice(("utf-8",) * 12 + ("utf-16", "utf-8-sig", "latin-1", "utf-32", "utf-16-le"))
    data = text.encode(encoding, "replace")
    return any_bytes(data, random) if random.random() < 0.15 else data

"""NumPy's own formats, single arrays and archives, whose headers say other than is there."""

from __future__ import annotations

import io
import struct
import zlib
from functools import cache
from random import Random
from typing import Any, Final, TypeAlias

import numpy as np
from numpy.typing import NDArray

from .parts import INTEGERS, any_bytes

Values: TypeAlias = NDArray[Any]
Entry: TypeAlias = tuple[str, bytes, int, int, int]
"""Of an archive: name, packed bytes, method, sum and size."""

DESCRIPTIONS: Final = (
    "'|u1'", "'<f4'", "'<f8'", "'<f2'", "'>i8'", "'<i4'", "'|b1'", "'<c8'", "'<f16'", "'|O'", "'|V8'",
    "'<U3'", "'<U0'", "'<M8[ns]'", "'<m8'", "[('a', '<f4'), ('b', '|u1')]", "''", "'x'", "None",
    "('<f4', (2, 2))", "'|S3'",
    "'<f99999999999'", "{'a': 1}", "'|V0'", "'|S0'", "'<U1000000000'",
)  # fmt: skip


def npy(values: Values, random: Random) -> bytes:
    """An array's file, whose header may say other than is there."""
    text = f"{{'descr': '{values.dtype.str}', 'fortran_order': False, 'shape': {values.shape!r}, }}"
    body = values.tobytes()
    for _ in range(random.choice((0, 1, 1, 2))):
        what = random.randrange(7)
        if what == 0:
            text = text.replace(f"'{values.dtype.str}'", random.choice(DESCRIPTIONS))
        elif what == 1:
            shape = list(values.shape)
            shape[random.randrange(len(shape))] = random.choice(INTEGERS)
            other = random.choice(
                (tuple(shape), tuple(shape), (), (0,), (1,) * 70, (2**62, 0), [1, 2], "x", -1)
            )
            text = text.replace(repr(values.shape), repr(other))
        elif what == 2:
            text = text.replace("False", random.choice(("True", "None", "2", "'x'")))
        elif what == 3:
            strange = random.choice((np.nan, np.inf, -1, 300, 0.5, 1e300, 2**63, 1e-320))
            with np.errstate(all="ignore"):
                body = (
                    np.full(values.shape, strange).astype(random.choice(("f4", "f8", "i8", "u1"))).tobytes()
                )
        elif what == 4:
            body = any_bytes(body, random)
        elif what == 5:
            text = any_bytes(text.encode(), random).decode("latin-1")
        else:
            text = random.choice(
                ("(" * 9000, "{" * 300, "", "1" * 12000, "__import__('os')", "{'descr': -" + "-" * 3000)
            )
    header = text.encode("latin-1", "replace") + b"\n"
    version = random.choice((b"\1\0",) * 30 + (b"\2\0", b"\3\0", b"\0\0", b"\xff\xff"))
    size: int = 4 if version in (b"\2\0", b"\3\0") else 2
    most = (1 << 8 * size) - 1
    length = min(len(header), most)
    if random.random() < 0.03:
        length = random.choice(INTEGERS) & most
    return b"\x93NUMPY" + version + length.to_bytes(size, "little") + header + body


def npz(arrays: dict[str, Values], random: Random) -> bytes:
    """An archive of them: names, sizes, sums and methods of its entries are not always true."""
    entries: list[Entry] = []
    for name, values in arrays.items():
        plain = npy(values, random) if random.random() < 0.3 else _whole(values)
        if random.random() < 0.02:
            entries.append((name, *unfolding(random.choice((1, 60, 700)))))
            continue
        packed = zlib.compress(plain)[2:-4]
        entries.append((name, packed, 8, zlib.crc32(plain), len(plain)))
    if random.random() < 0.2:
        entries[random.randrange(len(entries))] = _spoilt(random.choice(entries), random)
    if random.random() < 0.1:
        entries += random.sample(entries, 1)
    if random.random() < 0.1:
        entries = random.sample(entries, random.randrange(len(entries)))
    data = zipped(entries, random)
    return any_bytes(data, random) if random.random() < 0.1 else data


def _whole(values: Values) -> bytes:
    out = io.BytesIO()
    np.save(out, values)
    return out.getvalue()


def _spoilt(entry: Entry, random: Random) -> Entry:
    name, packed, method, total, size = entry
    other = random.choice(
        ("x_train", "../x_train", "x_test", "", "a" * 300, "X_TRAIN", "é", "x", "/etc/x", "y")
    )
    return random.choice((
        (other, packed, method, total, size),
        (name, packed, random.choice((0, 1, 12, 14, 95, 99)), total, size),
        (name, packed, method, total ^ 1, size), (name, any_bytes(packed, random), method, total, size),
        (name, packed, method, total, random.choice(INTEGERS) % 2**32),
    ))  # fmt: skip


def zipped(entries: list[Entry], random: Random) -> bytes:
    """The archive of the entries."""
    out, directory = b"", b""
    for name, packed, method, total, size in entries:
        full = f"{name}.npy".encode()
        flag = random.choice((0,) * 40 + (1, 8, 0x800))
        fields = struct.pack(
            "<HHHHHIIIHH", 20, flag, method, 0, 33, total, len(packed), size % 2**32, len(full), 0
        )
        directory += (
            b"PK\1\2" + struct.pack("<H", 20) + fields + struct.pack("<HHHII", 0, 0, 0, 0, len(out)) + full
        )
        out += b"PK\3\4" + fields + full + packed
    count = random.choice((0, 65535)) if random.random() < 0.02 else len(entries)
    place = random.choice(INTEGERS) % 2**32 if random.random() < 0.02 else len(out)
    ending = struct.pack("<HHHHIIH", 0, 0, count, count, len(directory), place, 0)
    return out + directory + b"PK\5\6" + ending


@cache
def unfolding(megabytes: int) -> tuple[bytes, int, int, int]:
    """An entry of a small archive that unfolds to an array of so many million zeros."""
    head = f"{{'descr': '|u1', 'fortran_order': False, 'shape': ({megabytes * 2500}, 20, 20), }}\n".encode()
    plain = b"\x93NUMPY\1\0" + len(head).to_bytes(2, "little") + head
    packer = zlib.compressobj(9, zlib.DEFLATED, -15)
    zeros = b"\0" * 10**6
    data, total = packer.compress(plain) + packer.flush(zlib.Z_FULL_FLUSH), zlib.crc32(plain)
    data += (packer.compress(zeros) + packer.flush(zlib.Z_FULL_FLUSH)) * megabytes
    for _ in range(megabytes):
        total = zlib.crc32(zeros, total)
    return data + packer.flush(), 8, total, len(plain) + megabytes * 10**6

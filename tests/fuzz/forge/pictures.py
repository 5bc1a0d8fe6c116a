"""Pictures, and what passes for some."""

from __future__ import annotations

import io
import zlib
from functools import cache
from random import Random
from typing import Final

import numpy as np

from .parts import INTEGERS, SMALL, any_bytes

FORMATS: Final = ("PNG", "PNG", "PNG", "JPEG", "GIF", "BMP", "TIFF", "WEBP", "PPM")
PROGRAMS: Final = (
    b"%!PS-Adobe-3.0 EPSF-3.0\n%%BoundingBox: 0 0 8 8\n%%EndComments\n{} loop\n",
    b"%PDF-1.4\n1 0 obj\n<<>>\nendobj\n",
    b"<svg xmlns='http://www.w3.org/2000/svg' width='8' height='8'/>",
    b"8BPS\0\1" + b"\0" * 40, b"icns\0\0\0\x10", b"qoif\0\0\0\x08\0\0\0\x08\3\0", b"\x11\xaf" + b"\0" * 200,
    b"P5 99999 99999 255\n", b"P6 8 8 65536\n", b"P6 -1 8 255\n", b"P2 8 8 255\n" + b"1 " * 64,
    b"P7\nWIDTH 8\n",
    b"P5 # " + b"x" * SMALL + b"\n8 8 255\n" + b"\0" * 64, b"P4 9 9\n" + b"\0" * 18,
    b"Pf 8 8 -1\n" + b"\0" * 256,
    b"\x97JB2\r\n\x1a\n", b"\xff\xd8\xff\xd9", b"GIF89a", b"BM", b"II*\0", b"MM\0*", b"RIFF\0\0\0\0WEBP", b"",
)  # fmt: skip


def picture(random: Random) -> bytes:
    """A picture, or what passes for one."""
    if random.random() < 0.08:
        return any_bytes(random.choice(PROGRAMS), random)
    kind = random.choice(FORMATS)
    data = _drawn(kind, random.choice(("L", "RGB", "P", "RGBA", "1", "I;16", "LA", "CMYK")))
    if kind == "PNG":
        data = _png(data, random)
    if kind in ("GIF", "BMP", "TIFF", "WEBP", "PPM") or random.random() < 0.3:
        data = _numbers_in(data, random)
    return any_bytes(data, random) if random.random() < 0.3 else data


@cache
def _drawn(kind: str, mode: str) -> bytes:
    from PIL import Image

    out = io.BytesIO()
    grey = Image.fromarray((np.arange(64, dtype=np.uint8) * 4).reshape(8, 8))
    try:
        (grey.convert("I").convert("I;16") if mode == "I;16" else grey.convert(mode)).save(out, kind)
    except (OSError, ValueError):
        out = io.BytesIO()
        grey.convert("RGB" if kind != "GIF" else "L").save(out, kind)
    return out.getvalue()


def _numbers_in(data: bytes, random: Random) -> bytes:
    """A number of two or four bytes in the header is another one."""
    changed = bytearray(data)
    at, size = random.randrange(min(64, len(data))), random.choice((1, 2, 4))
    changed[at : at + size] = (random.choice(INTEGERS) % 256**size).to_bytes(
        size, random.choice(("little", "big"))
    )
    return bytes(changed)


def _png(data: bytes, random: Random) -> bytes:
    """Chunks with other contents, whose sums are right again; more chunks; fewer."""
    chunks, at = [], 8
    while at < len(data):
        size = int.from_bytes(data[at : at + 4], "big")
        chunks.append((data[at + 4 : at + 8], data[at + 8 : at + 8 + size]))
        at += size + 12
    what = random.randrange(5)
    n = random.randrange(len(chunks))
    name, body = chunks[n]
    if what == 0:
        head = bytearray(chunks[0][1])
        place = random.choice((0, 4))
        head[place : place + 4] = (random.choice((*INTEGERS, 7000, 8000, 50_000)) % 2**32).to_bytes(4, "big")
        head[random.randrange(8, 13)] = random.choice((0, 1, 2, 3, 4, 6, 8, 16, 255))
        chunks[0] = (chunks[0][0], bytes(head))
    elif what == 1:
        chunks[n] = (name, any_bytes(body, random))
    elif what == 2:
        chunks[n : n + 1] = [chunks[n]] * random.choice((0, 2, 3))
    else:
        chunks.insert(random.choice((1, 1, len(chunks) - 1, len(chunks))), _chunk(random))
    parts = [
        len(body).to_bytes(4, "big") + name + body + zlib.crc32(name + body).to_bytes(4, "big")
        for name, body in chunks
    ]
    return data[:8] + b"".join(parts)


def _chunk(random: Random) -> tuple[bytes, bytes]:
    zeros = _zeros(random.choice((1, 3, 80)))
    return random.choice((
        (b"zTXt", b"a\0\0" + zeros), (b"iCCP", b"a\0\0" + zeros), (b"iTXt", b"a\0\1\0\0\0" + zeros),
        (b"tEXt", b"a\0b"),
        (b"tRNS", bytes(random.randrange(256) for _ in range(random.choice((0, 1, 2, 6, 256))))),
        (b"PLTE", bytes(random.choice((0, 3, 4, 768, 999)))),
        (b"eXIf", b"MM\0*\0\0\0\x08\0\1\1\x12\0\3\0\0\0\1\0\6\0\0"),
        (b"eXIf", b"II*\0\xff\xff\xff\xff"), (b"gAMA", b"\0\0\0\0"), (b"sRGB", b"\7"), (b"acTL", bytes(8)),
        (b"acTL", b"\xff" * 8), (b"fcTL", b"\xff" * 26), (b"fdAT", bytes(9)),
        (b"IDAT", zeros), (b"IEND", b""),
        (b"CgBI", b"\0" * 4), (b"\xff\0ab", b""), (b"pHYs", b"\0" * 9), (b"IHDR", b"\0" * 13),
    ))  # fmt: skip


@cache
def _zeros(megabytes: int) -> bytes:
    packer = zlib.compressobj(9)
    return packer.compress(b"") + packer.compress(bytes(megabytes * 10**6)) + packer.flush()

"""Arrays as PNG inside a page: a few lines, so that a report needs no package for pictures."""

from __future__ import annotations

import base64
import struct
import zlib
from html import escape
from typing import TYPE_CHECKING, Any, Final

import numpy as np

from cnnspec.views.pictures.palette import LIGHT, Theme

if TYPE_CHECKING:
    from numpy.typing import NDArray

LARGEST: Final = 144
"""Dots along a sample's side; of larger ones every second, third … is shown."""


def png(pixels: NDArray[np.uint8]) -> bytes:
    """Bytes (height, width, 1, 3 or 4) as a PNG file: grey, colour, or colour with opacity."""
    height, width, channels = pixels.shape
    kind = {1: 0, 3: 2, 4: 6}[channels]
    rows = b"".join(b"\0" + np.ascontiguousarray(row).tobytes() for row in pixels)
    head = struct.pack(">IIBBBBB", width, height, 8, kind, 0, 0, 0)
    parts = (_chunk(b"IHDR", head), _chunk(b"IDAT", zlib.compress(rows, 9)), _chunk(b"IEND", b""))
    return b"\x89PNG\r\n\x1a\n" + b"".join(parts)


def _chunk(name: bytes, data: bytes) -> bytes:
    return struct.pack(">I", len(data)) + name + data + struct.pack(">I", zlib.crc32(name + data))


def image(pixels: NDArray[np.uint8], text: str, size: int) -> str:
    """An ``<img>`` of so many pixels across, its dots kept sharp."""
    data = base64.b64encode(png(pixels)).decode()
    height = max(1, round(size * pixels.shape[0] / pixels.shape[1]))
    return (
        f'<img src="data:image/png;base64,{data}" alt="{escape(text)}" title="{escape(text)}" '
        f'width="{size}" height="{height}">'
    )


def signed(values: NDArray[Any], reach: float, theme: Theme = LIGHT) -> NDArray[np.uint8]:
    """Values (height, width): orange below 0, blue above; towards 0 they let the page through."""
    from cnnspec.layers.base import Family

    share = np.clip(np.abs(values) / (reach or 1.0), 0, 1)
    colors = [_rgb(theme.tone(family).line) for family in (Family.POOL, Family.CONV)]
    tone = np.where(values[..., None] < 0, colors[0], colors[1])
    return np.concatenate((tone, np.rint(255 * share)[..., None]), axis=2).astype(np.uint8)


def colored(values: NDArray[Any]) -> NDArray[np.uint8]:
    """Values (height, width, 3) over their own range."""
    low, high = float(values.min()), float(values.max())
    return np.rint(255 * (values - low) / ((high - low) or 1.0)).astype(np.uint8)


def sample(pixels: NDArray[Any]) -> NDArray[np.uint8]:
    """A sample of the data, bytes or shares of the brightest: colours, or grey, no larger than is shown."""
    step = max(1, min(pixels.shape[:2]) // LARGEST)
    pixels = pixels[::step, ::step]
    if pixels.dtype != np.uint8:
        pixels = colored(pixels)
    return pixels if pixels.shape[2] == 3 else np.rint(pixels.mean(2, keepdims=True)).astype(np.uint8)


def _rgb(color: str) -> tuple[int, int, int]:
    return int(color[1:3], 16), int(color[3:5], 16), int(color[5:7], 16)

"""Arrays as PNG inside an SVG, in the colours of a theme: a few lines, so that it needs no package."""

from __future__ import annotations

import base64
import struct
import zlib
from colorsys import hls_to_rgb
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from cnnspec.layers.base import Family
from cnnspec.views.pictures.palette import LIGHT, Theme, rgb

LARGEST: Final = 144
"""Dots along a sample's shorter side; of larger ones every second, third … is shown."""
SMALLEST: Final = 96
"""Smaller pictures are enlarged to about so many dots: some programs blur what they stretch."""


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


def address(pixels: NDArray[np.uint8]) -> str:
    """The picture as an address (``data:…``), its dots enlarged where they are few."""
    times = max(1, SMALLEST // max(pixels.shape[:2]))
    enlarged = pixels.repeat(times, axis=0).repeat(times, axis=1)
    return f"data:image/png;base64,{base64.b64encode(png(enlarged)).decode()}"


def values(numbers: NDArray[Any], low: float, high: float, theme: Theme) -> NDArray[np.uint8]:
    """Numbers (height, width) between ``low`` and ``high``: signed ones in two colours, others as ink."""
    return signed(numbers, max(-low, high), theme) if low < 0 else ink(numbers, high, theme)


def signed(numbers: NDArray[Any], reach: float, theme: Theme = LIGHT) -> NDArray[np.uint8]:
    """Numbers (height, width): orange below 0, blue above; towards 0 they let the page through."""
    share = np.clip(np.abs(numbers) / (reach or 1.0), 0, 1)[..., None]
    orange, blue = (np.array(rgb(theme.tone(family).line)) for family in (Family.POOL, Family.CONV))
    tone = np.where(numbers[..., None] < 0, orange, blue)
    strong = tone + (np.array(rgb(theme.ink)) - tone) * 0.35 * np.clip(2 * share - 1, 0, 1)
    return _opaque(strong, np.minimum(1, 2 * share))


def ink(numbers: NDArray[Any], top: float, theme: Theme) -> NDArray[np.uint8]:
    """Numbers (height, width) from 0, where the page shows, to ``top``, full ink."""
    tone = np.broadcast_to(rgb(theme.ink), (*numbers.shape, 3))
    return _opaque(tone, np.clip(numbers / (top or 1.0), 0, 1)[..., None])


def _opaque(tone: NDArray[Any], opacity: NDArray[Any]) -> NDArray[np.uint8]:
    return np.asarray(np.rint(np.concatenate((tone, 255 * opacity), axis=2)), np.uint8)


def colored(numbers: NDArray[Any]) -> NDArray[np.uint8]:
    """Numbers (height, width, channels) as bytes over their own range."""
    low, high = float(numbers.min()), float(numbers.max())
    return np.rint(255 * (numbers - low) / ((high - low) or 1.0)).astype(np.uint8)


def grey(numbers: NDArray[Any]) -> NDArray[np.uint8]:
    """Numbers (height, width) as grey levels, the least black, the greatest white; large ones thinned out."""
    step = _step(numbers)
    shown = np.nan_to_num(numbers[::step, ::step].astype(np.float64))
    return colored(shown)[..., None]


def feature_maps(values: NDArray[Any], most: int) -> list[str]:
    """So many channels of one sample's map, H x W x C, that vary most, each as an address.

    Of volumes the slice in the middle is taken, a sequence is one column, a vector one column of its values.
    """
    if values.ndim == 4:
        values = values[len(values) // 2]
    if values.ndim < 3:
        values = values.reshape(-1, 1, 1) if values.ndim == 1 else values[:, None]
    strength = np.nan_to_num(values).std(axis=(0, 1))
    chosen = sorted(np.argsort(-strength, kind="stable")[:most])
    return [address(grey(values[..., n])) for n in chosen]


def class_colours(count: int) -> list[tuple[int, int, int]]:
    """A colour for each class: hues far apart, light and dark by turns; the first, the ground, has none."""
    found = [(0, 0, 0)]
    for n in range(count - 1):
        lightness, strength = ((0.62, 0.85), (0.48, 0.75))[n % 2]
        part = hls_to_rgb(n / max(1, count - 1), lightness, strength)
        found.append(tuple(round(255 * value) for value in part))  # type: ignore[arg-type]
    return found[:count]


def overlaid(image: NDArray[Any], mask: NDArray[Any], count: int, opacity: float = 0.72) -> NDArray[np.uint8]:
    """A sample under the colours of its mask (height, width); class 0, and those from ``count``, show it."""
    shown, step = sample(image), _step(image)
    mask = mask[::step, ::step]
    grey = np.broadcast_to(shown, (*shown.shape[:2], 3)).astype(np.float32)
    colours = np.array([*class_colours(count), *[(0, 0, 0)] * (256 - count)], np.float32)[mask]
    covered = ((mask > 0) & (mask < count))[..., None]
    mixed = np.where(covered, opacity * colours + (1 - opacity) * grey, grey)
    return np.asarray(np.rint(mixed), np.uint8)


def _step(image: NDArray[Any]) -> int:
    """Of so many pixels one is shown."""
    return max(1, int(min(image.shape[:2])) // LARGEST)


def sample(image: NDArray[Any]) -> NDArray[np.uint8]:
    """A sample of the data, bytes or numbers: three channels or one, no larger than is shown."""
    step = _step(image)
    image = image[::step, ::step]
    if image.dtype != np.uint8:
        image = (
            colored(image) if image.min() < 0 or image.max() > 1 else np.rint(255 * image).astype(np.uint8)
        )
    return image if image.shape[2] == 3 else np.rint(image.mean(2, keepdims=True)).astype(np.uint8)


def pictured(image: NDArray[Any], theme: Theme) -> NDArray[np.uint8]:
    """A sample in its colours; one without colours as ink on the page."""
    shown = sample(image)
    return shown if shown.shape[2] == 3 else ink(shown[..., 0], 255, theme)

"""Tables of samples (CSV): a label, then the pixels, row by row, one sample a line."""

from __future__ import annotations

from math import isqrt
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from cnnspec.layers.base import Shape
from cnnspec.training.data.dataset import Bytes, Dataset, Labels, held_out
from cnnspec.training.data.faults import bad_file, missing


def load(path: Path, shape: Shape | None, test: float) -> Dataset:
    """A CSV file of ``label,pixel,pixel,…``; a first line of words is skipped.

    ``shape`` is the network's input, and says how the pixels are arranged
    (height, width, channel); without it they are a square of one channel.
    """
    rows = _rows(path)
    images = _arranged(path, rows[:, 1:], shape)
    labels: Labels = rows[:, 0].astype(np.int64)
    kept, held = held_out(images, labels, test, 0)
    names = tuple(map(str, range(int(labels.max()) + 1)))
    return Dataset(path.stem, images[kept], labels[kept], images[held], labels[held], names)


def _rows(path: Path) -> NDArray[np.int64]:
    try:
        text = path.read_text("utf-8-sig")
    except OSError as error:
        raise missing(f"{path} cannot be read: {error.strerror or error}") from error
    except UnicodeDecodeError as error:
        raise bad_file(path, f"is no text: byte {error.start:,} is not UTF-8") from error
    lines = [(n, line) for n, line in enumerate(text.splitlines(), 1) if line.strip()]
    if lines and not lines[0][1].split(",")[0].strip().lstrip("-").isdigit():
        lines = lines[1:]
    if not lines:
        raise bad_file(path, "holds no samples", cure="one sample a line: label,pixel,pixel,…")
    width = lines[0][1].count(",") + 1
    rows = np.empty((len(lines), width), np.int64)
    for row, (number, line) in zip(rows, lines, strict=True):
        row[:] = _numbers(path, number, line, width)
    return rows


def _numbers(path: Path, number: int, line: str, width: int) -> list[int]:
    cells = line.split(",")
    if len(cells) != width:
        raise bad_file(path, f"line {number} has {len(cells)} values, the first has {width}")
    try:
        values = [int(cell) for cell in cells]
    except ValueError as error:
        wrong = next(n for n, cell in enumerate(cells) if not cell.strip().isdigit())
        raise bad_file(
            path, f"line {number}, value {wrong + 1} must be a whole number. Received: {cells[wrong]}"
        ) from error
    if min(values) < 0 or max(values[1:], default=0) > 255:
        raise bad_file(path, f"line {number}: labels count from 0, pixels are 0 to 255")
    return values


def _arranged(path: Path, pixels: NDArray[np.int64], shape: Shape | None) -> Bytes:
    count = pixels.shape[1]
    if shape and len(shape) == 3 and np.prod(shape) == count:
        size = shape
    elif isqrt(count) ** 2 == count and count:
        size = (isqrt(count), isqrt(count), 1)
    else:
        raise bad_file(
            path, f"has {count} pixels a line, which is neither the network's input nor a square of grey"
        )
    return pixels.astype(np.uint8).reshape(-1, *size)

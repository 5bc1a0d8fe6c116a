"""Tables of samples (CSV): one sample a line, its label in one column, its pixels in the others."""

from __future__ import annotations

import csv
from math import isqrt, prod
from pathlib import Path
from typing import Final, NamedTuple

import numpy as np
from numpy.typing import NDArray

from cnnspec.diagnostics import SpecError, nearest
from cnnspec.layers.base import Shape
from cnnspec.training.data.dataset import Dataset, Samples, of_parts
from cnnspec.training.data.faults import bad_file, missing
from cnnspec.training.data.preprocess import Bytes
from cnnspec.training.data.values import classes, is_plain, pixels

LABELS: Final = ("label", "class", "target", "y")
"""Heads of the column that holds the label, wherever it stands."""
DELIMITERS: Final = ",;\t"
NAMED: Final = 8
"""Columns that a message names."""


class TableLine(NamedTuple):
    """A line of the file by its number, from 1, and its cells."""

    number: int
    cells: list[str]


def load(path: Path, shape: Shape | None, test: float, label: str | int | None = None) -> Dataset:
    """A CSV file of labels and pixels, as a network of the input ``shape`` takes them.

    ``label`` is the head of the labels' column, or its number from 1; without it
    a head of ``LABELS`` says which it is, else it is the first. Pixels stand in the
    order row, column, channel; where they are not as many as the network takes, they
    are a square of grey or, if they cannot be, a vector.
    """
    lines = _lines(path)
    head = lines[0].cells if _is_head(lines[0].cells, label) else None
    lines = lines[1:] if head else lines
    if not lines:
        raise bad_file(path, "holds no samples", cure="one sample a line: label,pixel,pixel,…")
    column = _column(path, head, label, len(lines[0].cells))
    (labels,), names, notes = classes(path, {"the label": _labels(path, lines, column)}, [len(lines)])
    (images,), pixel_notes = pixels(path, {"the table": _pixels(path, lines, column, head)})
    images = _arranged(images, shape)
    named = f" ({head[column]})" if head else ""
    notes = [f"label: column {column + 1}{named}", *notes, *pixel_notes]
    return of_parts(path.stem, {"train": Samples(images, labels)}, names, test, notes)


def _lines(path: Path) -> list[TableLine]:
    try:
        with path.open(encoding="utf-8-sig", newline="") as file:
            start = file.read(1 << 16).partition("\n")[0]
            file.seek(0)
            reader = csv.reader(file, delimiter=max(DELIMITERS, key=start.count), skipinitialspace=True)
            lines = [TableLine(reader.line_num, cells) for cells in reader if any(map(str.strip, cells))]
    except OSError as error:
        raise missing(f"{path} cannot be read: {error.strerror or error}") from error
    except UnicodeDecodeError as error:
        raise bad_file(path, f"is no text: byte {error.start:,} is not UTF-8") from error
    except csv.Error as error:
        raise bad_file(path, f"is no table ({error})") from error
    if not lines:
        raise bad_file(path, "holds no samples", cure="one sample a line: label,pixel,pixel,…")
    return lines


def _is_head(cells: list[str], label: str | int | None) -> bool:
    """Whether the first line names the columns: it has a name for the label, or no number at all."""
    names = [cell.strip().lower() for cell in cells]
    known = (*LABELS[:-1], *([label.lower()] if isinstance(label, str) else []))
    named = any(name in names for name in known)
    return named or not any(_is_number(name) for name in names)


def _is_number(text: str) -> bool:
    try:
        float(text)
    except ValueError:
        return False
    return is_plain(text)


def _column(path: Path, head: list[str] | None, label: str | int | None, width: int) -> int:
    """The place of the label's column, from 0."""
    names = [name.strip().lower() for name in head or ()]
    if label is None:
        return next((names.index(name) for name in LABELS if name in names), 0)
    if str(label).lower() in names:
        return names.index(str(label).lower())
    if isinstance(label, int) and 1 <= label <= width:
        return label - 1
    meant = nearest(str(label), head or ())
    cure = f"did you mean label={meant}?" if meant else f"give its number, label=1 to label={width}"
    listed = f"its columns: {', '.join((head or [])[:NAMED])}{', …' if len(names) > NAMED else ''}"
    raise bad_file(path, f"has no column {label}", listed if head else "its first line names none", cure=cure)


def _labels(path: Path, lines: list[TableLine], column: int) -> NDArray[np.str_]:
    width = len(lines[0].cells)
    for line in lines:
        if len(line.cells) != width:
            raise bad_file(path, f"line {line.number} has {len(line.cells)} values, the first has {width}")
        if not line.cells[column].strip():
            raise bad_file(path, f"line {line.number} has no label in column {column + 1}")
    return np.array([line.cells[column].strip() for line in lines])


def _pixels(path: Path, lines: list[TableLine], column: int, head: list[str] | None) -> NDArray[np.float32]:
    """All columns but the label's, as numbers."""
    values = np.empty((len(lines), len(lines[0].cells) - 1), np.float32)
    if not values.size:
        raise bad_file(
            path, "has a label a line and no pixels", cure="one sample a line: label,pixel,pixel,…"
        )
    for row, line in zip(values, lines, strict=True):
        cells = [*line.cells[:column], *line.cells[column + 1 :]]
        if not is_plain("".join(cells)):
            raise _no_number(path, line, column, head)
        try:
            with np.errstate(over="ignore"):
                row[:] = list(map(float, cells))
        except ValueError as error:
            raise _no_number(path, line, column, head) from error
    strange = np.argwhere(~np.isfinite(values))
    if len(strange):
        row, place = strange[0]
        raise bad_file(path, f"line {lines[row].number} holds {values[row, place]}; pixels are 0 to 255")
    whole, most = (values == np.rint(values)).all(), values.max()
    if whole and most > 255 and values.min() >= 0:
        row, place = np.argwhere(values > 255)[0]
        raise bad_file(path, f"line {lines[row].number} holds {values[row, place]:.0f}; pixels are 0 to 255")
    return values


def _no_number(path: Path, line: TableLine, column: int, head: list[str] | None) -> SpecError:
    wrong = next(n for n, cell in enumerate(line.cells) if n != column and not _is_number(cell))
    named = f" ({head[wrong]})" if head else ""
    message = f"line {line.number}, value {wrong + 1}{named} must be a number"
    cure = "" if line.cells[wrong].strip() == "" else 'if it is the label: data csv path="…" label='
    cure = cure and cure + (head[wrong] if head else str(wrong + 1))
    return bad_file(path, f"{message}. Received: {line.cells[wrong].strip() or 'nothing'}", cure=cure)


def _arranged(images: Bytes, shape: Shape | None) -> Bytes:
    count = images.shape[1]
    if shape and prod(shape) == count:
        return images.reshape(-1, *shape)
    side = isqrt(count)
    return images.reshape(-1, side, side, 1) if side**2 == count else images

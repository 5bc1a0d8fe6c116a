"""Tables of samples (CSV): one sample a line, its label in one column, its pixels in the others."""

from __future__ import annotations

import codecs
import csv
from array import array
from collections.abc import Iterable, Iterator
from copy import copy
from io import TextIOWrapper
from math import isqrt, prod
from pathlib import Path
from typing import Final, NamedTuple

import numpy as np
from numpy.typing import NDArray

from cnnspec.diagnostics import SpecError, nearest
from cnnspec.files import opened
from cnnspec.layers.base import Shape
from cnnspec.training.data import emnist
from cnnspec.training.data.dataset import Dataset, Labels, Samples, of_parts
from cnnspec.training.data.faults import bad_file, missing
from cnnspec.training.data.preprocess import Bytes
from cnnspec.training.data.values import MOST_CLASSES, classes, is_plain, pixels

LABELS: Final = ("label", "class", "target", "y")
"""Heads of the column that holds the label, wherever it stands."""
INDEXES: Final = ("id", "index", "imageid", "image_id")
"""Heads of a first column that numbers the samples."""
COUNTED: Final = 10
"""Numbers in a row from which counting is no accident."""
GAPS: Final = 3
"""A label is less than this times the number of classes; pixels have larger gaps."""
DELIMITERS: Final = ",;\t"
NAMED: Final = 8
"""Columns that a message names."""
LARGEST: Final = 1_000_000_000
"""Bytes a table may have; it takes some four times as many to read."""
LONGEST_LINE: Final = 4_000_000
"""Characters that a line may have: pixels of 1000x1000. Read into cells it takes some forty times as much."""
LONGEST: Final = 200
"""Characters that a label may have."""
APART: Final = "\x1f"
"""Stands between the cells of a line while it is kept: a tenth of what its cells take one by one."""


class TableLines:
    """The lines of a table, packed: of each its bytes and 20 more, where objects of its own take 150."""

    def __init__(self) -> None:
        self.text, self.ends, self.numbers, self.first = bytearray(), array("Q", [0]), array("Q"), 0
        self.lengths = array("I")

    def add(self, number: int, cells: list[str]) -> None:
        """One more; raises csv.Error where a cell holds what parts them here."""
        text = APART.join(cells)
        if text.count(APART) >= len(cells):
            raise csv.Error(f"line {number} holds a control character, U+001F")
        self.text += text.encode()
        self.ends.append(len(self.text))
        self.numbers.append(number)
        self.lengths.append(len(cells))

    @property
    def widths(self) -> NDArray[np.uint32]:
        """How many cells each line has."""
        return np.array(self.lengths, np.uint32)[self.first :]

    def refuse_ragged(self, path: Path, width: int) -> None:
        """SpecError at the first line that has not so many cells."""
        unlike = np.flatnonzero(self.widths != width)
        if len(unlike):
            line = self[int(unlike[0])]
            raise bad_file(path, f"line {line.number} has {line.width} values, the first has {width}")

    def body(self) -> TableLines:
        """All but the first."""
        found = copy(self)
        found.first += 1
        return found

    def __len__(self) -> int:
        return len(self.numbers) - self.first

    def __getitem__(self, place: int) -> TableLine:
        place += self.first
        return TableLine(self.numbers[place], self.text[self.ends[place] : self.ends[place + 1]].decode())

    def __iter__(self) -> Iterator[TableLine]:
        return map(self.__getitem__, range(len(self)))


class TableLine(NamedTuple):
    """A line of the file by its number, from 1, and its cells, ``APART``."""

    number: int
    text: str

    @property
    def cells(self) -> list[str]:
        return self.text.split(APART)

    @property
    def width(self) -> int:
        return self.text.count(APART) + 1

    def cell(self, column: int) -> str:
        """One of them; the last is -1."""
        if column < 0:
            return self.text.rsplit(APART, -column)[column]
        return self.text.split(APART, column + 1)[column]


def load(
    path: Path, shape: Shape | None, test: float, label: str | int | None = None,
    lines: TableLines | None = None,
) -> Dataset:  # fmt: skip
    """A CSV file of labels and pixels, as a network of the input ``shape`` takes them; its ``lines`` if read.

    ``label`` is the head of the labels' column, or its number from 1; without it a head of ``LABELS`` says
    which it is, else it is the first, or the last where only that one holds classes. A first column that
    numbers the samples is left out. Pixels stand in the order row, column, channel; where they are not as
    many as the network takes, they are a square of grey or, if they cannot be, a vector.
    """
    lines = lines or read_lines(path)
    head = lines[0].cells if is_head(lines[0].cells, label) else None
    lines = lines.body() if head else lines
    if not lines:
        raise bad_file(path, "holds no samples", cure="one sample per line: label,pixel,pixel,…")
    width = lines[0].width
    lines.refuse_ragged(path, width)
    if head:
        head = [*head, *[""] * (width - len(head))]
    index = _index(lines, head, label)
    column, how = _column(path, lines, head, label, int(bool(index)))
    if column >= width:
        name = head[column].strip() if head else ""
        raise bad_file(path, f"names column {column + 1} ({name}), but its lines have {width} values")
    for line in lines:
        if not line.cell(column).strip():
            raise bad_file(path, f"line {line.number} has no label in column {column + 1}")
    numbers, names, notes = labelled(path, "the label", lines, column)
    values = _pixels(path, lines, column, head, int(bool(index)))
    (images,), pixel_notes = pixels(path, {"the table": values})
    samples, emnist_names, emnist_notes = emnist.upright(path.stem, Samples(images, numbers), names)
    images = _arranged(samples.images, shape)
    named = f" ({head[column]})" if head and head[column].strip() else ""
    notes = [f"label: column {column + 1}{named}{how}", *index, *notes, *pixel_notes, *emnist_notes]
    return of_parts(path.stem, {"train": Samples(images, samples.labels)}, emnist_names, test, notes)


def read_lines(path: Path) -> TableLines:
    lines = TableLines()
    try:
        with opened(path, LARGEST) as plain:
            wide = plain.read(2) in (codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE)
            plain.seek(0)
            file = TextIOWrapper(plain, "utf-16" if wide else "utf-8-sig", newline="")
            start = file.read(1 << 16).partition("\n")[0]
            file.seek(0)
            reader = csv.reader(
                _short(file), delimiter=max(DELIMITERS, key=start.count), skipinitialspace=True
            )
            for cells in reader:
                if any(map(str.strip, cells)):
                    lines.add(reader.line_num, cells)
    except OSError as error:
        raise missing(f"{path} cannot be read: {error.strerror or error}") from error
    except UnicodeDecodeError as error:
        raise bad_file(path, f"is not text: byte {error.start:,} is not {error.encoding.upper()}") from error
    except csv.Error as error:
        raise bad_file(path, f"is not a table ({error})") from error
    if not lines:
        raise bad_file(path, "holds no samples", cure="one sample per line: label,pixel,pixel,…")
    return lines


def _short(lines: Iterable[str]) -> Iterator[str]:
    for line in lines:
        if len(line) > LONGEST_LINE:
            raise csv.Error(f"a line has {len(line):,} characters; at most {LONGEST_LINE:,} are read")
        yield line


def labelled(
    path: Path, what: str, lines: TableLines, column: int
) -> tuple[Labels, tuple[str, ...], list[str]]:
    """The classes of labels, as ``classes`` finds them; as an array each would be as wide as the longest."""
    known: dict[str, int] = {}
    places = np.empty(len(lines), np.int64)
    for place, line in enumerate(lines):
        cell = line.cell(column).strip()
        if len(cell) > LONGEST:
            message = f"{what} in line {line.number} has {len(cell):,} characters; at most {LONGEST} are read"
            raise bad_file(path, message)
        places[place] = known.setdefault(cell, len(known))
    labels = np.array(list(known)[: MOST_CLASSES + 1])
    (numbers,), names, notes = classes(path, {what: labels}, [len(labels)])
    if len(known) > MOST_CLASSES:
        raise bad_file(path, f"{what} has more than {MOST_CLASSES:,} different values")
    return numbers[places], names, notes


def is_head(cells: list[str], label: str | int | None) -> bool:
    """Whether the first line names the columns.

    It has a name for the label, or none for the first column, or no number at all, or it counts columns.
    """
    names = [cell.strip().lower() for cell in cells]
    known = (*LABELS[:-1], *([label.lower()] if isinstance(label, str) else []))
    named = any(name in names for name in known)
    counting = len(names) >= COUNTED and _counts(names[1:] if names[0] == "" else names)
    return named or counting or not any(is_number(name) for name in names)


def _counts(cells: list[str]) -> bool:
    """Whether cells are 0, 1, 2 … or 1, 2, 3 …"""
    return any(cells == [str(n + first) for n in range(len(cells))] for first in (0, 1))


def is_number(text: str) -> bool:
    try:
        float(text)
    except ValueError:
        return False
    return is_plain(text)


def _index(lines: TableLines, head: list[str] | None, label: str | int | None) -> list[str]:
    """The note that the first column numbers the samples and is left out; none where it does not."""
    name = head[0].strip() if head else ""
    values = _cells(lines, 0)
    if lines[0].width < 3 or label == 1 or name.lower() in (*LABELS, str(label).lower()):
        return []
    if head and (not name or name.lower().startswith("unnamed")):
        return ["left out: column 1, which has no name"]
    if name.lower() in INDEXES and len(set(values)) == len(values):
        return [f"left out: column 1 ({name}), which numbers the samples"]
    counted = not head and len(lines) >= COUNTED and _counts(values)
    if counted and (_holds_classes(_cells(lines, 1)) or _holds_classes(_cells(lines, -1))):
        return ["left out: column 1, which counts the lines"]
    return []


def _cells(lines: TableLines, column: int) -> list[str]:
    return [line.cell(column).strip() for line in lines]


def _holds_classes(cells: list[str]) -> bool:
    """Whether cells may be labels: two classes or more, fewer than samples, numbers without large gaps."""
    found = set(cells)
    if not 1 < len(found) < len(cells):
        return False
    numbers = [float(cell) for cell in found if is_number(cell)]
    if len(numbers) < len(found):
        return "" not in found
    whole = all(number.is_integer() for number in numbers)
    return whole and 0 <= min(numbers) <= max(numbers) < GAPS * len(found)


def _column(
    path: Path, lines: TableLines, head: list[str] | None, label: str | int | None, first: int
) -> tuple[int, str]:
    """The place of the label's column, from 0, and in words why it is that one, where it was guessed."""
    width = lines[0].width
    names = [name.strip().lower() for name in head or ()]
    if label is None:
        named = [names.index(name) for name in LABELS if name in names]
        if named:
            return named[0], ""
        if not _holds_classes(_cells(lines, first)) and _holds_classes(_cells(lines, -1)):
            return width - 1, f", the last, as column {first + 1} holds no classes"
        return first, ""
    if str(label).lower() in names:
        return names.index(str(label).lower()), ""
    if isinstance(label, int) and 1 <= label <= width:
        return label - 1, ""
    meant = nearest(str(label), head or ())
    cure = f"did you mean label={meant}?" if meant else f"give its number, label=1 to label={width}"
    listed = f"its columns: {', '.join((head or [])[:NAMED])}{', …' if len(names) > NAMED else ''}"
    raise bad_file(path, f"has no column {label}", listed if head else "its first line names none", cure=cure)


def _pixels(
    path: Path, lines: TableLines, column: int, head: list[str] | None, first: int
) -> NDArray[np.float32]:
    """All columns from the ``first`` on but the label's, as numbers."""
    values = np.empty((len(lines), lines[0].width - 1 - first), np.float32)
    if not values.size:
        raise bad_file(
            path, "has one label per line and no pixels", cure="one sample per line: label,pixel,pixel,…"
        )
    whole = True
    for row, line in zip(values, lines, strict=True):
        cells = line.cells[first:]
        del cells[column - first]
        if not is_plain("".join(cells)):
            raise _no_number(path, line, column, head, first)
        try:
            with np.errstate(over="ignore"):
                row[:] = list(map(float, cells))
        except ValueError as error:
            raise _no_number(path, line, column, head, first) from error
        if not (finite := np.isfinite(row)).all():
            raise bad_file(path, f"line {line.number} holds {row[~finite][0]}; pixels are 0 to 255")
        whole = whole and bool((row == np.rint(row)).all())
    if whole and values.max() > 255 and values.min() >= 0:
        place, column = np.argwhere(values > 255)[0]
        held = f"line {lines[place].number} holds {values[place, column]:.0f}"
        raise bad_file(path, f"{held}; pixels are 0 to 255")
    return values


def _no_number(path: Path, line: TableLine, column: int, head: list[str] | None, first: int) -> SpecError:
    cells = line.cells
    wrong = next(n for n, cell in enumerate(cells) if n != column and n >= first and not is_number(cell))
    name = head[wrong].strip() if head else ""
    named = f" ({name})" if name else ""
    message = f"line {line.number}, value {wrong + 1}{named} must be a number"
    cure = "" if cells[wrong].strip() == "" else 'if it is the label: data csv path="…" label='
    cure = cure and cure + (name or str(wrong + 1))
    return bad_file(path, f"{message}. Received: {cells[wrong].strip() or 'nothing'}", cure=cure)


def _arranged(images: Bytes, shape: Shape | None) -> Bytes:
    count = images.shape[1]
    if shape and prod(shape) == count:
        return images.reshape(-1, *shape)
    side = isqrt(count)
    return images.reshape(-1, side, side, 1) if side**2 == count else images

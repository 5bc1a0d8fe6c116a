"""Tables (CSV) by what their columns are: numbers to predict, yes or no, a class; inputs, or files.

A table of a class and pixels is read by ``table``; here are those with other targets, and those whose samples
stand in files that a column names, or several, one an input.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from cnnspec.backends.images import joined
from cnnspec.diagnostics import SpecError, nearest
from cnnspec.files import opened
from cnnspec.layers.base import SampleShape, Shape, show
from cnnspec.recipe.targets import TargetSetting
from cnnspec.text import whole
from cnnspec.training.data import streamed, table
from cnnspec.training.data.arrays import inputs
from cnnspec.training.data.dataset import Dataset, Samples, of_parts
from cnnspec.training.data.faults import bad_file, one_size, refuse_many
from cnnspec.training.data.picture import SUFFIXES, is_picture
from cnnspec.training.data.sample_files import read_sample, together
from cnnspec.training.data.table import NAMED, TableLines, is_number, labelled
from cnnspec.training.data.target_values import columns_said

Array = NDArray[Any]
INPUTS: Final = "every other column is an input"


def load(
    path: Path, shape: SampleShape | None, test: float, target: TargetSetting, label: str | int | None,
    resize: bool,
) -> Dataset:  # fmt: skip
    """The samples of a table with the columns that the ``target`` names; SpecError names line and column."""
    if not isinstance(shape, Mapping) and target.kind == "class" and not _names_files(path):
        return table.load(path, shape, test, label)
    lines = table.read_lines(path)
    is_columns = target.kind in ("numbers", "binary")
    head = [cell.strip() for cell in lines[0].cells] if _has_head(lines, target, label) else []
    body = lines.body() if head else lines
    files = _file_columns(body)
    if not isinstance(shape, Mapping) and not files and not is_columns:
        return table.load(path, shape, test, label, lines)
    _check(path, body, head)
    if not is_columns and target.kind != "class":
        raise bad_file(path, f"is a table; {target.title()} wants its targets in a folder or an archive")
    chosen = _chosen(path, head, body[0].width, target, label, files)
    labels, names = _targets(path, body, head, chosen, target)
    notes: tuple[str, ...]
    if isinstance(shape, Mapping):
        images, notes = _by_input(path, body, head, chosen, files, shape, resize)
    elif not files:
        images, notes = _from_columns(path, body, head, chosen, shape)
    else:
        images, notes = _from_files(path, body, files[0], shape, resize, may_stream=True), ()
    parts = {"train": Samples(images, labels)}
    return of_parts(path.stem, parts, names, test, notes, target)


def _names_files(path: Path) -> bool:
    """Whether the beginning of a table has the ending of a sample's file; tables of pixels are read once."""
    try:
        with opened(path) as file:
            start = file.read(1 << 16).replace(b"\0", b"").lower()
    except OSError:
        return False
    return any(ending.encode() in start for ending in (*SUFFIXES, ".npy"))


def _has_head(lines: TableLines, target: TargetSetting, label: str | int | None) -> bool:
    """Whether the first line names the columns: it has a name that is looked for, or holds no number."""
    names = [cell.strip() for cell in lines[0].cells]
    said = {*columns_said(getattr(target, "columns", None)), *([label] if isinstance(label, str) else [])}
    others = [name for name in names if not is_picture(Path(name), ".npy")]
    return bool(said & set(names)) or (len(others) == len(names) and not any(map(is_number, names)))


def _check(path: Path, lines: TableLines, head: list[str]) -> None:
    if not lines:
        raise bad_file(path, "holds no samples", cure="one sample per line")
    lines.refuse_ragged(path, len(head) or lines[0].width)


def _file_columns(lines: TableLines) -> list[int]:
    """The columns whose cells are all names of files of samples."""
    return [
        column for column in range(lines.widths.min() if lines else 0)
        if all(is_picture(Path(line.cell(column).strip()), ".npy") for line in lines)
    ]  # fmt: skip


def _chosen(
    path: Path, head: list[str], width: int, target: TargetSetting, label: str | int | None, files: list[int]
) -> list[int]:
    """The columns of the target: those named, or the last that names no files."""
    said: tuple[str | int, ...] = columns_said(getattr(target, "columns", None))
    said = said or (() if label is None else (label,))
    if not said:
        free = [n for n in range(width) if n not in files]
        if not free:
            raise bad_file(path, "has no column for the target: all of them name files", cure="add one")
        return free[-1:]
    found = []
    for name in said:
        text = str(name)
        if text in head:
            found.append(head.index(text))
        elif 1 <= (number := whole(text) or 0) <= width:
            found.append(number - 1)
        else:
            meant = nearest(text, head)
            cure = f"did you mean {meant}?" if meant else f"give its number, 1 to {width}"
            listed = f"its columns: {', '.join(head[:NAMED])}{', …' if len(head) > NAMED else ''}"
            raise bad_file(
                path, f"has no column {text}", listed if head else "its first line names none", cure=cure
            )
    return found


def _targets(
    path: Path, lines: TableLines, head: list[str], chosen: list[int], target: TargetSetting
) -> tuple[Array, tuple[str, ...]]:
    names = tuple(_named(head, column) for column in chosen)
    if target.kind == "class":
        labels, found, _ = labelled(path, names[0], lines, chosen[0])
        return labels, found
    values = _numbers(path, lines, head, chosen)
    if target.kind == "binary" and (other := ~np.isin(values, (0, 1))).any():
        row, place = map(int, np.argwhere(other)[0])
        message = f"line {lines[row].number}, {names[place]} is {values[row, place]:g}; yes is 1, no is 0"
        raise bad_file(path, message, cure="for other numbers: target numbers")
    return values, names


def _named(head: list[str], column: int) -> str:
    return (head[column] if head else "") or f"column {column + 1}"


def _numbers(path: Path, lines: TableLines, head: list[str], columns: list[int]) -> NDArray[np.float32]:
    """The cells of some columns; raises SpecError with line and column for one that is no finite number."""
    values = np.empty((len(lines), len(columns)), np.float32)
    for row, line in zip(values, lines, strict=True):
        cells = line.cells
        for place, column in enumerate(columns):
            text = cells[column].strip()
            value = float(text) if is_number(text) else float("nan")
            if not np.isfinite(value):
                message = f"line {line.number}, {_named(head, column)} must be a number"
                message = f"{message}. Received: {text or 'nothing'}"
                raise bad_file(path, message, cure="take the line out, or give it a number")
            row[place] = value
    return values


def _from_columns(
    path: Path, lines: TableLines, head: list[str], chosen: list[int], shape: Shape | None
) -> tuple[Array, tuple[str, ...]]:
    """All other columns as inputs, in their order."""
    others = [column for column in range(len(lines[0].cells)) if column not in chosen]
    if others and head and head[0].lower() in table.INDEXES and others[0] == 0:
        others = others[1:]
    if not others:
        raise bad_file(path, "has no column beside the target", cure=INPUTS)
    (images,), notes = inputs(
        path, {"the table": _numbers(path, lines, head, others)}, shape or (len(others),)
    )
    told = f"inputs: {len(others)} columns, {_named(head, others[0])} to {_named(head, others[-1])}"
    return images, (told, *notes)


def _by_input(
    path: Path, lines: TableLines, head: list[str], chosen: list[int], files: list[int],
    shape: Mapping[str, Shape], resize: bool,
) -> tuple[Array, tuple[str, ...]]:  # fmt: skip
    """Records of several inputs: each from the column of its name, or files in order where no head has one.

    One input without such a column, a vector, takes the other columns.
    """
    columns = {name: head.index(name) for name in shape if name in head}
    if not columns and len(files) == len(shape):
        columns = dict(zip(shape, files, strict=True))
    left = [name for name in shape if name not in columns]
    if left[1:] or any(len(shape[name]) > 1 for name in left):
        raise bad_file(
            path, f"has no column {left[0]}, and the network takes {show(shape)}",
            f"its columns: {', '.join(head[:NAMED]) or 'without names'}",
            cure=f"name a column for each input, which names its files: {', '.join(shape)}",
        )  # fmt: skip
    found, notes, used = {}, list[str](), [*chosen, *columns.values()]
    for name, one in shape.items():
        if columns.get(name) in files:
            found[name] = _from_files(path, lines, columns[name], one, resize, count=len(shape))
            continue
        taken = used if name in left else [n for n in range(lines[0].width) if n != columns[name]]
        found[name], told = _from_columns(path, lines, head, taken, one)
        notes += told
    return joined(found), tuple(notes)


def _from_files(
    path: Path, lines: TableLines, column: int, shape: Shape | None, resize: bool,
    *, may_stream: bool = False, count: int = 1,
) -> Any:  # fmt: skip
    """The samples of the files that a column names, which stand where the table does.

    It is one of so many columns. Pictures that take much memory once decoded are, where they
    ``may_stream``, decoded as they are asked for.
    """
    files = [path.parent / line.cell(column).strip() for line in lines]
    read = partial(read_sample, shape=shape, resize=resize)
    with _named_in(path, lines[0].number):
        first = read(files[0])
    size = first.nbytes * len(files)
    if may_stream and streamed.wanted(files, size):
        every = streamed.ImageFiles(files, path.parent, first.shape, read)
        for line, (file, sides) in zip(lines, [] if resize else every.sizes(), strict=False):
            _check_size(path, line.number, file, (*sides, first.shape[-1]), first.shape)
        return streamed.StreamedImages(every)
    refuse_many(path, files, size * count)
    found: list[Array] = []
    for line, file in zip(lines, files, strict=True):
        with _named_in(path, line.number):
            found.append(read(file))
        _check_size(path, line.number, file, found[-1].shape, first.shape)
    return together(found)


@contextmanager
def _named_in(path: Path, number: int) -> Iterator[None]:
    """Faults of a file say which line names it."""
    try:
        yield
    except SpecError as error:
        told = f"it is named in line {number} of {path}"
        raise SpecError([replace(one, notes=(*one.notes, told)) for one in error.diagnostics]) from error


def _check_size(path: Path, number: int, file: Path, shape: Shape, first: Shape) -> None:
    if shape != first:
        message, note = (
            f"is {show(shape)}, the first sample {show(first)}",
            f"it is named in line {number} of {path}",
        )
        raise bad_file(file, message, note, cure=one_size("csv"))

"""What is wanted for each sample, read from a user's arrays: a table by the kind of target.

Each reader takes arrays by name, one a part of the data, and gives them as a Dataset has them, the names of
classes or columns, and notes on what was read otherwise than it stands.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from typing import Any, Final, NamedTuple, TypeAlias

import numpy as np

from cnnspec.backends.contract import IGNORED
from cnnspec.backends.images import odd_value
from cnnspec.layers.base import Shape
from cnnspec.recipe.targets import TargetSetting
from cnnspec.training.data.faults import bad_file
from cnnspec.training.data.values import Values, Where, arranged, classes, pixels

Parts: TypeAlias = Mapping[str, Values]
COLOUR: Final = re.compile(r"#?([0-9a-fA-F]{6})")
MOST_IN_MASK: Final = 255
"""Classes of a mask, whose numbers are bytes; the last one means that there is none."""


class ReadTargets(NamedTuple):
    arrays: list[Values]
    names: tuple[str, ...]
    notes: tuple[str, ...] = ()


def read(
    where: Where, parts: Parts, counts: list[int], target: TargetSetting, shape: Shape | None
) -> ReadTargets:
    """The targets of all parts, ``counts`` samples each; SpecError names an array at fault, and its cure."""
    return READERS[target.kind](where, parts, counts, target, shape)


def _classes(where: Where, parts: Parts, counts: list[int], target: Any, shape: Shape | None) -> ReadTargets:
    arrays, names, notes = classes(where, parts, counts)
    return ReadTargets(list(arrays), names, tuple(notes))


def _masks(where: Where, parts: Parts, counts: list[int], target: Any, shape: Shape | None) -> ReadTargets:
    found = []
    for (key, values), count in zip(parts.items(), counts, strict=True):
        flat = values[..., 0] if values.ndim > 3 and values.shape[-1] == 1 else values
        if flat.ndim < 2 or len(flat) != count:
            raise bad_file(
                where, f"{key} has shape {values.shape}; masks are (n, height, width) for {count:,} images"
            )
        whole = flat.dtype.kind in "biu" or (flat.dtype.kind == "f" and bool((flat == np.rint(flat)).all()))
        if not whole or (flat.size and not 0 <= int(flat.min()) <= int(flat.max()) <= IGNORED):
            message = f"{key} must hold class numbers from 0 to {MOST_IN_MASK - 1}. Received: {_held(flat)}"
            raise bad_file(where, message)
        found.append(as_mask(flat.astype(np.uint8), target.ignore))
    most = max((int(mask[mask != IGNORED].max(initial=0)) for mask in found), default=0)
    names = classes_said(target.classes) or tuple(map(str, range(most + 1)))
    return ReadTargets(found, names)


def as_mask(mask: Values, ignore: int | None) -> Values:
    """A mask whose pixels of the number ``ignore`` count nowhere."""
    return mask if ignore in (None, IGNORED) else np.where(mask == ignore, np.uint8(IGNORED), mask)


def classes_said(text: str | None) -> tuple[str, ...]:
    """The names of ``"sky #87ceeb, road"``, in order."""
    return tuple(name for name, _ in classes_and_colours(text))


def classes_and_colours(text: str | None) -> list[tuple[str, tuple[int, int, int] | None]]:
    """Names with their colours, where they have some."""
    found: list[tuple[str, tuple[int, int, int] | None]] = []
    for part in filter(None, map(str.strip, (text or "").split(","))):
        name, _, last = part.rpartition(" ")
        colour = COLOUR.fullmatch(last)
        if colour and name:
            red, green, blue = bytes.fromhex(colour[1])
            found.append((name.strip(), (red, green, blue)))
        else:
            found.append((part, None))
    return found


def columns_said(text: str | None) -> tuple[str, ...]:
    """The names of ``"price, area"``."""
    return tuple(filter(None, map(str.strip, (text or "").split(","))))


def _truths(where: Where, parts: Parts, counts: list[int], target: Any, shape: Shape | None) -> ReadTargets:
    found = _columns(where, parts, counts, target, shape)
    for key, values in zip(parts, found.arrays, strict=True):
        if (other := ~np.isin(values, (0, 1))).any():
            row, column = map(int, np.argwhere(other)[0])
            message = f"{key}[{row}, {column}] is {values[row, column]:g}; yes is 1, no is 0"
            raise bad_file(where, message, cure="for other numbers: target numbers")
    names = found.names if target.columns or len(found.names) > 1 else ("yes",)
    return ReadTargets(found.arrays, names)


def _columns(where: Where, parts: Parts, counts: list[int], target: Any, shape: Shape | None) -> ReadTargets:
    found = []
    for (key, values), count in zip(parts.items(), counts, strict=True):
        if values.dtype.kind not in "biuf":
            raise bad_file(where, f"{key} holds {values.dtype}; numbers are wanted")
        if values.ndim not in (1, 2) or len(values) != count:
            message = f"{key} has shape {values.shape}; numbers are (n, columns) for {count:,} samples"
            raise bad_file(where, message)
        if odd := odd_value(values, key):
            raise bad_file(where, odd, cure="take the sample out, or give it a number")
        found.append(np.ascontiguousarray(values.reshape(count, -1), np.float32))
    width = found[0].shape[1]
    said = columns_said(target.columns)
    if len(said) not in (0, width) or any(values.shape[1] != width for values in found):
        message = f"{next(iter(parts))} has {width} columns; the target names {len(said) or 'none'}"
        raise bad_file(where, message)
    return ReadTargets(found, said or tuple(f"number {n + 1}" for n in range(width)))


def _images(where: Where, parts: Parts, counts: list[int], target: Any, shape: Shape | None) -> ReadTargets:
    for (key, values), count in zip(parts.items(), counts, strict=True):
        if values.ndim < 2 or len(values) != count:
            raise bad_file(
                where, f"{key} has shape {values.shape}; there are {count:,} images to give one for"
            )
    found, notes = pixels(where, parts, floats=True)
    moved = [arranged(key, values, shape) for key, values in zip(parts, found, strict=True)]
    return ReadTargets([values for values, _ in moved], (), (*notes, *moved[0][1]))


def _held(values: Values) -> str:
    return f"{values.dtype} from {values.min()} to {values.max()}" if values.size else "nothing"


READERS: Final[dict[str, Callable[[Where, Parts, list[int], Any, Shape | None], ReadTargets]]] = {
    "class": _classes, "mask": _masks, "binary": _truths, "numbers": _columns, "image": _images,
}  # fmt: skip

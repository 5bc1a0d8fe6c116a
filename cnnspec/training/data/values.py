"""Arrays of a user's as samples: pixels of a known scale as bytes, labels of the usual forms as classes.

Nothing is rounded or guessed in silence: what was read otherwise than it stands is told.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, Final, TypeAlias

import numpy as np
from numpy.typing import NDArray

from cnnspec.backends.images import PixelScale, odd_value, scale_of
from cnnspec.diagnostics import SpecError
from cnnspec.layers.base import Shape, show
from cnnspec.training.data.dataset import MOST_NAMED, Labels
from cnnspec.training.data.faults import bad_file

Values: TypeAlias = NDArray[Any]
Where: TypeAlias = Path | str
"""The file, or what the samples are called."""

MOST_CLASSES: Final = 65_536
"""Classes that are told apart; a greater label is a slip, and each class below it would take memory."""


SPREAD: Final = "{0} = np.rint(({0} - {0}.min()) / ({0}.max() - {0}.min()) * 255).astype('uint8')"


# Pixels ----------------------------------------------------------------------------


def pixels(
    where: Where, parts: Mapping[str, Values], rounding: tuple[float, ...] = (1,), floats: bool = False
) -> tuple[list[Values], list[str]]:
    """The parts as bytes, all by the same scale, and notes; raises SpecError where they are on none.

    What lies between two bytes is rounded, and told, on scales from 0 to one of ``rounding``; on others
    it may be anything that was measured or shifted: it is refused, or left as ``floats`` where they will do.
    """
    for key, values in parts.items():
        if values.dtype.kind not in "biuf" or not values.size:
            held = values.dtype if values.size else "nothing"
            raise bad_file(where, f"{key} holds {held}; pixels are numbers 0 to 255".strip())
        if odd := odd_value(values, key or "value "):
            raise bad_file(where, f"{odd}; pixels are numbers 0 to 255, or 0 to 1 as floats")
    if all(values.dtype.kind == "b" for values in parts.values()):
        return [values.astype(np.uint8) * np.uint8(255) for values in parts.values()], []
    low = float(min(values.min() for values in parts.values()))
    high = float(max(values.max() for values in parts.values()))
    if all(values.dtype.kind != "f" for values in parts.values()) and low >= 0 and high <= 255:
        return [values.astype(np.uint8, copy=False) for values in parts.values()], []
    scale = scale_of(low, high)
    between = [key for key, values in parts.items() if scale is None or not scale.holds(values)]
    if scale is None or (between and (scale.low < 0 or scale.high not in rounding)):
        if floats:
            name = ", ".join(filter(None, parts)) or "values"
            note = f"{name}: numbers from {low:.4g} to {high:.4g}, taken as they are"
            cure = "normalise standard scales them"
            return [np.asarray(values, np.float32) for values in parts.values()], [f"{note}; {cure}"]
        raise _no_bytes(where, between[0], parts[between[0]], scale)
    rounded = ", rounded to the nearest" if between else ""
    note = f"pixels: {scale.low:g} to {scale.high:g} became bytes 0 to 255{rounded}"
    note += "; normalise scales them again" * (scale.factor > 1)
    notes = [note] if scale.factor > 1 or between else []
    return [scale.to_bytes(values) for values in parts.values()], notes


def _no_bytes(where: Where, key: str, values: Values, scale: PixelScale | None) -> SpecError:
    low, high = float(values.min()), float(values.max())
    message = f"{key} holds {values.dtype} from {low:.4g} to {high:.4g}".strip()
    if scale is None:
        return bad_file(
            where,
            f"{message}; pixels are whole numbers 0 to 255",
            cure=f"undo the scaling before saving, or spread them: {SPREAD.format(_variable(key))}; "
            "the recipe's normalise brings them to the network's scale",
        )
    message += ", and not all are bytes on one scale; rounding is left to you"
    return bad_file(where, message, cure=scale.rounding.format(_variable(key)))


def _variable(key: str) -> str:
    """What a line of NumPy calls an array: as in an archive, or any name where it has none."""
    return key if key.isidentifier() else "values"


# Images ----------------------------------------------------------------------------


def arranged(key: str, images: Values, shape: Shape | None) -> tuple[Values, list[str]]:
    """Images as (n, height, width, channels), or vectors as (n, values), and notes; of other ranks as asked.

    ``shape`` is the network's input: rows of values fill a grey map of as many,
    and channels that stand first are moved, unless the network asks for just that.
    """
    if shape and images.shape[1:] == shape:
        return images, []
    if shape and (*images.shape[1:], 1) == shape:
        return images[..., None], []
    if images.ndim == 3:
        return images[..., None], []
    if images.ndim == 2:
        grey = shape is not None and len(shape) == 3 and shape[2] == 1 and np.prod(shape) == images.shape[1]
        return (images.reshape(-1, *shape) if grey and shape else images), []
    if (
        images.ndim == 4
        and images.shape[1] in (1, 3)
        and images.shape[3] not in (1, 3)
        and images.shape[2] > 3
    ):
        moved = np.ascontiguousarray(images.transpose(0, 2, 3, 1))
        note = (
            f"{key}: N x C x H x W was read as N x H x W x C, {show(moved.shape[1:])}; "
            f"to save it so: {key}.transpose(0, 2, 3, 1)"
        )
        return moved, [note]
    return images, []


# Labels ----------------------------------------------------------------------------


def classes(
    where: Where, parts: Mapping[str, Values], counts: Sequence[int]
) -> tuple[list[Labels], tuple[str, ...], list[str]]:
    """The parts as class numbers from 0, the names of the classes, and notes.

    Whole numbers are the classes themselves, words become classes in the order of
    the alphabet, and rows with a single 1 (one-hot) the place of the 1.
    """
    notes: list[str] = []
    flat: dict[str, Values] = {}
    for (key, values), count in zip(parts.items(), counts, strict=True):
        if len(values.shape) == 2 and values.shape[1] > 1 and len(values) == count:
            flat[key] = _from_one_hot(where, key, values)
            notes = [f"labels: one-hot rows of {values.shape[1]}; the place of the 1 is the class"]
        else:
            flat[key] = values.reshape(-1) if values.ndim == 2 and values.shape[1] == 1 else values
        if flat[key].shape != (count,):
            raise bad_file(where, f"{key} has shape {values.shape} for {count:,} images")
    numbers = {key: _numbers(values) for key, values in flat.items()}
    if any(found is None for found in numbers.values()):
        found, names = _from_words(where, flat)
        many = ", …" if len(names) > MOST_NAMED else ""
        return found, names, [*notes, f"classes: {', '.join(names[:MOST_NAMED])}{many}"]
    whole = [_whole(where, key, found) for key, found in numbers.items() if found is not None]
    width = max(values.shape[1] for values in parts.values()) if notes else 0
    count = max(width, *(int(found.max(initial=0)) + 1 for found in whole))
    return whole, tuple(map(str, range(count))), notes


def _numbers(values: Values) -> NDArray[np.float64] | None:
    """Labels as numbers; None where they are words."""
    if values.dtype.kind not in "biufSU":
        return None
    if values.dtype.kind in "SU" and not all(map(is_plain, map(str, values.tolist()))):
        return None
    try:
        return values.astype(np.float64)
    except ValueError:
        return None


def is_plain(text: str) -> bool:
    """Whether a text has none of the ways to write a number that only Python takes: ``1_0``, ``²``."""
    return text.isascii() and "_" not in text


def _whole(where: Where, key: str, found: NDArray[np.float64]) -> Labels:
    rounded = np.rint(found)
    name = _variable(key)
    cure = f"number the classes: {name} = np.unique({name}, return_inverse=True)[1]"
    if not np.isfinite(found).all() or (rounded != found).any() or found.min(initial=0) < 0:
        wrong = found[~np.isfinite(found) | (rounded != found) | (found < 0)][0]
        raise bad_file(where, f"{key} must be whole numbers from 0, or words. Received: {wrong:g}", cure=cure)
    if found.max(initial=0) >= MOST_CLASSES:
        raise bad_file(
            where, f"{key} holds {found.max():.15g}; labels are 0 to {MOST_CLASSES - 1:,} at most", cure=cure
        )
    return rounded.astype(np.int64)


def _from_words(where: Where, parts: Mapping[str, Values]) -> tuple[list[Labels], tuple[str, ...]]:
    for key, values in parts.items():
        if values.dtype.kind not in "SUbiuf":
            raise bad_file(where, f"{key} must be whole numbers from 0, or words. Received: {values.dtype}")
    words = [
        np.char.decode(values, "utf-8", "replace") if values.dtype.kind == "S" else values.astype(str)
        for values in parts.values()
    ]
    names, places = np.unique(np.concatenate(words), return_inverse=True)
    ends = np.cumsum([len(part) for part in words])[:-1]
    return [part.astype(np.int64) for part in np.split(places, ends)], tuple(map(str, names))


def _from_one_hot(where: Where, key: str, values: Values) -> Labels:
    numbers = values.dtype.kind in "biuf"
    if not numbers or not np.isin(values, (0, 1)).all() or (values.sum(1) != 1).any():
        message = f"{key} has shape {values.shape}; its rows are not one-hot (a single 1, the rest 0)"
        raise bad_file(where, message, cure=f"give one label per image: {key} = {key}.argmax(1)")
    places: Labels = values.argmax(1).astype(np.int64)
    return places

"""What is looked at of each kind of target: its wording, and pictures of answers beside what was wanted.

``PICTURES`` has, for each kind, how a sample is shown with its target and with an answer.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any, Final, NamedTuple

import numpy as np
from numpy.typing import NDArray

from cnnspec.backends.contract import IGNORED, Predictor
from cnnspec.diagnostics import SpecError
from cnnspec.training.data.dataset import Dataset, Part
from cnnspec.training.evaluate import Evaluation, answers_of, figure_text
from cnnspec.views import results
from cnnspec.views.results.pixels import class_colours, overlaid
from cnnspec.views.terminal.paint import percent

Array = NDArray[Any]
ROWS: Final = 6
"""Samples shown, unless said."""
MOST_NUMBERS: Final = 4
"""Numbers of a sample that a line names."""


class Pictures(NamedTuple):
    """Of a kind: the heads over its columns, and the pictures of a sample, its target and an answer."""

    heads: tuple[str, ...]
    row: Callable[[Array, Array, Array, int], tuple[Array, ...]]


def as_picture(values: Array) -> Array:
    """Values (height, width, channels) as they are; of other ranks, one row or plane below the other."""
    if values.ndim == 3:
        return values if values.shape[2] in (1, 3) else values.mean(2, keepdims=True)
    if values.ndim == 4:
        return values.reshape(-1, *values.shape[2:])[..., :1]
    return values.reshape(1, -1, 1)


def in_colour(image: Array) -> Array:
    """The picture in its own light and dark, as it is seen under a mask."""
    return overlaid(image, np.zeros(image.shape[:2], np.uint8), 1)


def _mask_row(image: Array, target: Array, answer: Array, classes: int) -> tuple[Array, ...]:
    taken = np.where(target == IGNORED, IGNORED, answer.argmax(-1)).astype(np.uint8)
    shown = as_picture(image)
    return in_colour(shown), overlaid(shown, target, classes), overlaid(shown, taken, classes)


def _image_row(image: Array, target: Array, answer: Array, classes: int) -> tuple[Array, ...]:
    answer = answer if target.ndim < 3 else answer.reshape(target.shape)
    if target.dtype == np.uint8:
        answer = np.rint(255 * np.clip(answer, 0, 1)).astype(np.uint8)
    return as_picture(image), as_picture(target), as_picture(answer)


PICTURES: Final = {
    "mask": Pictures(("image", "true", "predicted"), _mask_row),
    "image": Pictures(("input", "wanted", "output"), _image_row),
}
"""By the kinds of targets whose answers are pictures."""


def label_text(data: Dataset, label: Array) -> str:
    """What is wanted for a sample, in words: its class, its numbers; nothing where it is a picture."""
    if data.target.kind == "class":
        return data.names[int(label)]
    if data.target.kind == "binary":
        return ", ".join(name for name, yes in zip(data.names, label, strict=True) if yes > 0.5) or "no"
    if data.target.kind == "numbers":
        more = ", …" if len(label) > MOST_NUMBERS else ""
        return ", ".join(f"{float(value):.4g}" for value in label[:MOST_NUMBERS]) + more
    return ""


def samples_of(data: Dataset, part: Part, places: Sequence[int]) -> results.Gallery:
    """Samples with their targets, a row each."""
    images, labels = data.part(part)
    rows = [(_named(data, place, labels), _pair(data, images[place], labels[place])) for place in places]
    kind = data.target.kind
    heads = {"mask": ("image", "mask"), "image": ("input", "wanted")}.get(kind, ())
    return results.Gallery(data.name, f"{part} samples by number", tuple(rows), heads=heads, key=_key(data))


def _named(data: Dataset, place: int, labels: Array) -> str:
    text = label_text(data, labels[place])
    return f"{place}: {text}" if text else str(place)


def _pair(data: Dataset, image: Array, label: Array) -> tuple[Array, ...]:
    shown = as_picture(image)
    if data.target.kind == "mask":
        return in_colour(shown), overlaid(shown, label, data.classes)
    return (shown, as_picture(label)) if data.target.kind == "image" else (shown,)


def _key(data: Dataset) -> tuple[tuple[str, tuple[int, int, int]], ...]:
    if data.target.kind != "mask":
        return ()
    return tuple(zip(data.names, class_colours(data.classes), strict=True))[1:]


def predictions(
    model: Predictor, data: Dataset, part: Part, places: Sequence[int], found: Evaluation | None = None
) -> results.Gallery:
    """Answers beside samples and what was wanted, a row each; ``found`` gives each its figure.

    Raises SpecError where answers are no pictures.
    """
    kind = data.target.kind
    if kind not in PICTURES:
        what = f"the answers are {data.target.answer}, which is no picture"
        raise SpecError.of("nothing-to-show", what, "cnnspec inspect RUN mistakes, or confusion, shows them")
    images, labels = data.part(part)
    chosen = list(places)
    outputs = model.forward(images[chosen])["output"].astype(np.float32, copy=False)
    answers = answers_of(model, outputs, kind)
    figures = dict(found.hardest) if found else {}
    heads, row = PICTURES[kind]
    rows = tuple(
        (
            f"{place}: {figure_text(found.ranked, figures[place])}" if found else str(place),
            row(images[place], labels[place], answer, data.classes),
        )
        for place, answer in zip(chosen, answers, strict=True)
    )
    note = f"{part} samples by number" + (f", with their {found.ranked}" if found else "")
    return results.Gallery(f"Predictions on {data.name}", note, rows, heads=heads, key=_key(data))


def answered(
    kind: str, samples: Sequence[tuple[str, Array]], answers: Sequence[Array], names: tuple[str, ...]
) -> results.Gallery:
    """Answers beside what they were given for, where nobody says what was wanted."""
    rows: list[tuple[str, tuple[Array, ...]]] = []
    for (name, image), answer in zip(samples, answers, strict=True):
        shown = as_picture(image)
        taken = answer.argmax(-1).astype(np.uint8)
        made = (
            overlaid(shown, taken, answer.shape[-1]) if kind == "mask" else as_picture(np.clip(answer, 0, 1))
        )
        rows.append((name, (in_colour(shown) if kind == "mask" else shown, made)))
    heads = (PICTURES[kind].heads[0], PICTURES[kind].heads[-1])
    colours = class_colours(len(names)) if kind == "mask" else []
    key = tuple(zip(names, colours, strict=False))[1:]
    return results.Gallery("Predictions", "", tuple(rows), heads=heads, key=key)


def scatter(found: Evaluation) -> results.Scatter:
    """Predicted numbers against true ones; raises SpecError where they are none."""
    if found.pairs is None or found.target != "numbers":
        raise SpecError.of("nothing-to-show", "the answers are no numbers to be held against each other")
    told = tuple(f"R² {value:.3f}" for value in found.details["R²"])
    return results.Scatter(found.names, *found.pairs, told)


def said(kind: str, answer: Array, names: tuple[str, ...], most: int) -> list[tuple[str, float]]:
    """An answer in a few figures: the likeliest classes, the commonest of a mask, yes or no, numbers."""
    if kind == "image":
        return [
            ("least", float(answer.min())),
            ("mean", float(answer.mean())),
            ("greatest", float(answer.max())),
        ]
    if kind == "mask":
        counts = np.bincount(answer.argmax(-1).ravel(), minlength=answer.shape[-1])
        shares = counts / counts.sum()
    else:
        shares = answer.reshape(-1)
    known = names if len(names) == len(shares) else tuple(map(str, range(len(shares))))
    places = range(len(shares)) if kind in ("binary", "numbers") else (-shares).argsort(kind="stable")[:most]
    return [(known[n], float(shares[n])) for n in places if kind != "mask" or shares[n] > 0]


def told(kind: str, value: float) -> str:
    """A figure of ``said``, as text."""
    return percent(value) if kind in ("class", "mask", "binary") else f"{value:.6g}"

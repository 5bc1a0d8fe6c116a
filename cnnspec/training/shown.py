"""What is looked at of each kind of target: its wording, and pictures of answers beside what was wanted.

``LOOKS`` has, for each kind, how a sample is shown with its target and with an answer.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from typing import Any, Final, NamedTuple

import numpy as np
from numpy.typing import NDArray

from cnnspec.backends.contract import IGNORED, Predictor
from cnnspec.backends.images import is_joined, parted
from cnnspec.diagnostics import SpecError
from cnnspec.training.data.dataset import Dataset, Part
from cnnspec.training.evaluate import LIKELY, Evaluation, figure_text, probabilities
from cnnspec.views import results
from cnnspec.views.results.pixels import class_colours, colored, overlaid
from cnnspec.views.terminal.paint import percent

Array = NDArray[Any]
ROWS: Final = 6
"""Samples shown, unless said."""
MOST_NUMBERS: Final = 4
"""Numbers of a sample that a line names."""
BETWEEN: Final = 2
"""Pixels between the pictures of several inputs."""


class TargetLook(NamedTuple):
    """Of a kind: its targets in words, an answer in a few figures, and both as pictures where they are."""

    label: Callable[[Sequence[str], Array], str]
    said: Callable[[Array, Sequence[str], int], list[tuple[str, float]]]
    wanted: Callable[[Array, Array, int], Array] | None = None
    """The picture of a target, from the sample, the target and the number of classes."""
    given: Callable[[Array, Array, Array | None, int], Array] | None = None
    """The picture of an answer, from the sample, the answer and, where it is known, the target."""
    heads: tuple[str, ...] = ()
    """What stands over sample, target and answer."""


def as_picture(values: Array) -> Array:
    """Values (height, width, channels) as they are; of other ranks, one row or plane below the other.

    Several inputs stand side by side.
    """
    if is_joined(values):
        return _beside([as_picture(one) for one in parted(values).values()])
    if values.ndim == 3:
        return values if values.shape[2] in (1, 3) else values.mean(2, keepdims=True)
    if values.ndim == 4:
        return values.reshape(-1, *values.shape[2:])[..., :1]
    return values.reshape(1, -1, 1)


def _beside(pictures: list[Array]) -> Array:
    """Pictures in one, a bright line between them; floats over their own range where not all are bytes."""
    if any(one.dtype != np.uint8 for one in pictures):
        pictures = [one if one.dtype == np.uint8 else colored(one) for one in pictures]
    height, channels = max(len(one) for one in pictures), max(one.shape[2] for one in pictures)
    line = np.full((height, BETWEEN, channels), 255, np.uint8)
    found: list[Array] = []
    for one in pictures:
        whole = np.zeros((height, one.shape[1], channels), np.uint8)
        whole[: len(one)] = one
        found += [whole, line]
    return np.concatenate(found[:-1], 1)


def in_colour(image: Array) -> Array:
    """The picture in its own light and dark, as it is seen under a mask."""
    return overlaid(image, np.zeros(image.shape[:2], np.uint8), 1)


def _mask_given(image: Array, answer: Array, target: Array | None, classes: int) -> Array:
    taken = answer.argmax(-1).astype(np.uint8)
    taken = taken if target is None else np.where(target == IGNORED, np.uint8(IGNORED), taken)
    return overlaid(as_picture(image), taken, classes)


def _image_given(image: Array, answer: Array, target: Array | None, classes: int) -> Array:
    if target is None:
        return as_picture(np.clip(answer, 0, 1))
    answer = answer if target.ndim < 3 else answer.reshape(target.shape)
    if target.dtype == np.uint8:
        answer = np.rint(255 * np.clip(answer, 0, 1)).astype(np.uint8)
    return as_picture(answer)


def _yes(names: Sequence[str], label: Array) -> str:
    if len(names) == 1:
        return names[0] if label[0] > 0.5 else f"not {names[0]}"
    return ", ".join(name for name, yes in zip(names, label, strict=True) if yes > 0.5) or "none"


def _numbers(names: Sequence[str], label: Array) -> str:
    more = ", …" if len(label) > MOST_NUMBERS else ""
    return ", ".join(f"{float(value):.4g}" for value in label[:MOST_NUMBERS]) + more


def _likeliest(shares: Array, names: Sequence[str], most: int) -> list[tuple[str, float]]:
    return _by_name(shares, names, (-shares.reshape(-1)).argsort(kind="stable")[:most])


def _each(values: Array, names: Sequence[str], most: int) -> list[tuple[str, float]]:
    return _by_name(values, names, range(values.size))


def _commonest(answer: Array, names: Sequence[str], most: int) -> list[tuple[str, float]]:
    """Of a mask: how much of each class is there."""
    counts = np.bincount(answer.argmax(-1).ravel(), minlength=answer.shape[-1])
    return [(name, share) for name, share in _likeliest(counts / counts.sum(), names, most) if share > 0]


def _span(answer: Array, names: Sequence[str], most: int) -> list[tuple[str, float]]:
    return [("least", float(answer.min())), ("mean", float(answer.mean())), ("greatest", float(answer.max()))]


def _by_name(values: Array, names: Sequence[str], places: Iterable[int]) -> list[tuple[str, float]]:
    flat = values.reshape(-1)
    known = names if len(names) == len(flat) else tuple(map(str, range(len(flat))))
    return [(known[n], float(flat[n])) for n in places]


LOOKS: Final = {
    "class": TargetLook(lambda names, label: names[int(label)], _likeliest),
    "mask": TargetLook(
        lambda names, label: "", _commonest,
        lambda image, label, classes: overlaid(as_picture(image), label, classes), _mask_given,
        ("image", "true", "predicted"),
    ),
    "binary": TargetLook(_yes, _each),
    "numbers": TargetLook(_numbers, _each),
    "image": TargetLook(
        lambda names, label: "", _span, lambda image, label, classes: as_picture(label), _image_given,
        ("input", "wanted", "output"),
    ),
}  # fmt: skip
"""By the kinds of targets."""


def has_pictures(kind: str) -> bool:
    """Whether the answers of a kind are pictures."""
    return LOOKS[kind].given is not None


def label_text(data: Dataset, label: Array) -> str:
    """What is wanted for a sample, in words: its class, its numbers; nothing where it is a picture."""
    return LOOKS[data.target.kind].label(data.names, label)


def samples_of(data: Dataset, part: Part, places: Sequence[int]) -> results.Gallery:
    """Samples with their targets, a row each."""
    images, labels = data.part(part)
    look = LOOKS[data.target.kind]
    rows = []
    for place in places:
        text = label_text(data, labels[place])
        wanted = (look.wanted(images[place], labels[place], data.classes),) if look.wanted else ()
        rows.append((f"{place}: {text}" if text else str(place), (_input(images[place], data), *wanted)))
    note = f"{part} samples by number"
    return results.Gallery(data.name, note, tuple(rows), heads=look.heads[:2], key=_key(data))


def _input(image: Array, data: Dataset) -> Array:
    return in_colour(as_picture(image)) if data.target.kind == "mask" else as_picture(image)


def _key(data: Dataset) -> tuple[tuple[str, tuple[int, int, int]], ...]:
    if data.target.kind != "mask":
        return ()
    return tuple(zip(data.names, class_colours(data.classes), strict=True))[1:]


def predictions(
    model: Predictor, data: Dataset, part: Part, places: Sequence[int], found: Evaluation | None = None
) -> results.Gallery:
    """Answers beside samples and what was wanted, a row each; ``found`` gives each its figure.

    Where answers are no pictures they stand in words beside the sample.
    """
    images, labels = data.part(part)
    chosen, kind, look = list(places), data.target.kind, LOOKS[data.target.kind]
    answers = probabilities(model, images[chosen], kind)
    figures = dict(found.hardest) if found else {}
    rows: list[tuple[str, tuple[Array, ...]]] = []
    for place, answer in zip(chosen, answers, strict=True):
        image, label = images[place], labels[place]
        pictures = [_input(image, data)]
        text = f": {figure_text(found.ranked, figures[place])}" if found and place in figures else ""
        if look.wanted and look.given:
            pictures += [
                look.wanted(image, label, data.classes), look.given(image, answer, label, data.classes)
            ]  # fmt: skip
        else:
            name, value = look.said(answer, data.names, 1)[0]
            text = f": {label_text(data, label)} ({name} {told(kind, value)})"
        rows.append((f"{place}{text}", tuple(pictures)))
    note = f"{part} samples by number" + (f", with their {found.ranked}" if found and look.given else "")
    return results.Gallery(f"Predictions on {data.name}", note, tuple(rows), heads=look.heads, key=_key(data))


def answered(
    kind: str, samples: Sequence[tuple[str, Array]], answers: Sequence[Array], names: tuple[str, ...]
) -> results.Gallery:
    """Answers beside what they were given for, where nobody says what was wanted."""
    look, is_mask = LOOKS[kind], kind == "mask"
    assert look.given
    rows: list[tuple[str, tuple[Array, ...]]] = []
    for (name, image), answer in zip(samples, answers, strict=True):
        shown = in_colour(as_picture(image)) if is_mask else as_picture(image)
        rows.append((name, (shown, look.given(image, answer, None, answer.shape[-1]))))
    key = tuple(zip(names, class_colours(len(names)) if is_mask else [], strict=False))[1:]
    heads = (look.heads[0], look.heads[-1])
    return results.Gallery("Predictions", "", tuple(rows), heads=heads, key=key)


def scatter(found: Evaluation) -> results.Scatter:
    """Predicted numbers against true ones; raises SpecError where they are none."""
    if found.pairs is None or found.target != "numbers":
        raise SpecError.of("nothing-to-show", "the answers are no numbers to be held against each other")
    told = tuple(f"R² {value:.3f}" for value in found.details["R²"])
    return results.Scatter(found.names, *found.pairs, told)


def said(kind: str, answer: Array, names: tuple[str, ...], most: int) -> list[tuple[str, float]]:
    """An answer in a few figures: the likeliest classes, the commonest of a mask, yes or no, numbers."""
    return LOOKS[kind].said(answer, names, most)


def told(kind: str, value: float) -> str:
    """A figure of ``said``, as text."""
    return percent(value) if kind in LIKELY else f"{value:.6g}"

"""Samples in memory: bytes of images, one label each, and the names of the classes."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any, Final, Literal, NamedTuple, TypeAlias

import numpy as np
from numpy.typing import NDArray

from cnnspec.diagnostics import Diagnostic, SpecError
from cnnspec.layers.base import Shape, show
from cnnspec.recipe.models import Data
from cnnspec.text import printable
from cnnspec.training.data.faults import mismatch, nothing_left, unlike
from cnnspec.training.data.preprocess import Bytes as Bytes
from cnnspec.training.data.preprocess import fit_images

Labels: TypeAlias = NDArray[np.int64]
Part: TypeAlias = Literal["test", "train"]

MOST_NAMED: Final = 12
"""Classes that a note names."""


class Samples(NamedTuple):
    """Images and, for each, the number of its class."""

    images: Bytes
    labels: Labels


@dataclass(frozen=True, eq=False)
class Dataset:
    """Images (samples, height, width, channels) as bytes; labels count from 0.

    ``names`` are the classes in the order of their labels. ``test_*`` is held
    out: no training looks at it. ``origin`` gives the samples again, where they
    came from a known set or from files; ``notes`` say what was read otherwise
    than it stands there, or not at all. ``validation`` is there where the files have
    such a part; else a recipe may take a share of the training samples.
    """

    name: str
    train_images: Bytes
    train_labels: Labels
    test_images: Bytes
    test_labels: Labels
    names: tuple[str, ...]
    origin: Data | None = None
    notes: tuple[str, ...] = ()
    validation: Samples | None = None

    def __post_init__(self) -> None:
        """Names come from folders and files: what would drive a terminal is taken out of them here."""
        for field in ("train_images", "train_labels", "test_images", "test_labels"):
            object.__setattr__(self, field, np.asarray(getattr(self, field)))
        object.__setattr__(self, "name", printable(self.name))
        object.__setattr__(self, "names", tuple(map(printable, self.names)))
        object.__setattr__(self, "notes", tuple(map(printable, self.notes)))

    @property
    def shape(self) -> Shape:
        """Of one sample: height, width, channels."""
        return tuple(self.train_images.shape[1:])

    @property
    def classes(self) -> int:
        return len(self.names)

    @property
    def train(self) -> Samples:
        return Samples(self.train_images, self.train_labels)

    @property
    def test(self) -> Samples:
        return Samples(self.test_images, self.test_labels)

    def part(self, name: Part) -> Samples:
        if name not in ("test", "train"):
            raise ValueError(f"a Dataset has the parts test and train. Received: {name}")
        return self.test if name == "test" else self.train

    def __repr__(self) -> str:
        validation = f", {len(self.validation.labels):,} validation" if self.validation else ""
        return (
            f"<Dataset {self.name}: {len(self.train_labels):,} training{validation} and "
            f"{len(self.test_labels):,} test images {show(self.shape)}, {self.classes} classes>"
        )


def fitted(data: Dataset, shape: Shape, outputs: int | Shape, *, resize_images: bool = False) -> Dataset:
    """The data as a network of this input shape and these outputs takes it.

    Images of another size are resized where their origin, or the caller, asks for it. Raises SpecError
    with all that does not fit.
    """
    outputs = (outputs,) if isinstance(outputs, int) else outputs
    faults = _strange_labels(data) or _unlike_outputs(data, outputs)
    if data.shape != shape:
        resizing = resize_images or bool(data.origin and data.origin.resize)
        data = _changed(data, lambda part: Samples(fit_images(part[0], shape, resizing=resizing), part[1]))
    if data.shape != shape:
        faults.append(_unlike_input(data, shape))
    if faults:
        raise SpecError(faults)
    return data


def match_classes(data: Dataset, classes: tuple[str, ...]) -> Dataset:
    """The data with the labels of a trained network, whose ``classes`` are matched by name.

    Samples of classes that it did not learn are left out, which a note says. Where one side has only
    numbers for names, as labels in an archive or a table are, they are the places of the other's names.
    Raises SpecError where no class is known.
    """
    if not classes or data.names == classes or _strange_labels(data):
        return data
    if are_numbers(data.names) and not are_numbers(classes) and data.classes <= len(classes):
        note = f"the labels of {data.name} are numbers, taken as the places of {_listed(classes)}"
        return replace(data, names=classes, notes=(*data.notes, note))
    if are_numbers(classes) and not are_numbers(data.names) and data.classes == len(classes):
        note = f"the classes learned are numbers: {_listed(data.names)} are taken as 0 to {len(classes) - 1}"
        return replace(data, notes=(*data.notes, note))
    unknown = tuple(name for name in data.names if name not in classes)
    if len(unknown) == data.classes:
        message = f"no class of {data.name} is among those that were learned"
        both = (f"learned: {_listed(classes)}", f"{data.name}: {_listed(unknown)}")
        raise unlike(message, "give the classes the names that they had in training", notes=both)
    places = np.array([classes.index(name) if name in classes else -1 for name in data.names])

    def learned(part: Samples) -> Samples:
        kept = places[part.labels] >= 0
        return Samples(part.images[kept], places[part.labels[kept]])

    found = _changed(data, learned, names=classes)
    if len(found.train_labels) + len(found.test_labels) == len(data.train_labels) + len(data.test_labels):
        return found
    are = "are" if unknown[1:] else "is"
    note = f"{_listed(unknown)} {are} not among the classes learned ({_listed(classes)}): left out"
    return replace(found, notes=(*data.notes, note))


def _changed(data: Dataset, change: Callable[[Samples], Samples], **others: Any) -> Dataset:
    """The data with all their parts changed, and other fields too."""
    train, test = change(data.train), change(data.test)
    return replace(
        data, train_images=train.images, train_labels=train.labels, test_images=test.images,
        test_labels=test.labels, validation=data.validation and change(data.validation), **others,
    )  # fmt: skip


def are_numbers(names: tuple[str, ...]) -> bool:
    """Whether classes have their numbers for names."""
    return names == tuple(map(str, range(len(names))))


def _listed(names: tuple[str, ...]) -> str:
    return ", ".join(names[:MOST_NAMED]) + (", …" if len(names) > MOST_NAMED else "")


def _strange_labels(data: Dataset) -> list[Diagnostic]:
    """What is wrong with the labels themselves, where a Dataset was made by hand."""
    faults = []
    parts = {"training": data.train, "validation": data.validation, "test": data.test}
    for part, (images, labels) in ((part, samples) for part, samples in parts.items() if samples):
        if labels.shape != (len(images),):
            message = f"{data.name} has {len(images):,} {part} images and labels of shape {labels.shape}"
            faults.append(mismatch(message, "give one label per image"))
        elif len(labels) and (labels.dtype.kind not in "iu" or labels.min() < 0):
            held = labels.min() if labels.dtype.kind in "iu" else labels.dtype
            message = f"the {part} labels of {data.name} must be whole numbers from 0. Received: {held}"
            faults.append(mismatch(message, "number the classes: np.unique(labels, return_inverse=True)[1]"))
        elif len(labels) and labels.max() >= data.classes:
            message = (
                f"a {part} label of {data.name} is {labels.max()}, and {data.classes} classes have names"
            )
            faults.append(mismatch(message, f"labels count from 0: the last is {data.classes - 1}"))
    return faults


def _unlike_outputs(data: Dataset, outputs: Shape) -> list[Diagnostic]:
    """What stands between the classes of the data and the outputs of a network."""
    if max(outputs[:-1], default=1) > 1:
        message = f"training takes one class per image, the network's output is a map, {show(outputs)}"
        return [mismatch(message, f"end the network with globalavgpool -> flatten -> dense {data.classes}")]
    if data.classes == outputs[-1]:
        return []
    message = f"{data.name} has {data.classes} classes, the network gives {outputs[-1]} outputs"
    cures = [f"end the network with dense {data.classes}, or train it on other data"]
    if data.origin and data.origin.name == "csv" and data.origin.label is None:
        cures.append(f'or say which column holds the label: data csv "{data.origin.path}" label=COLUMN')
    found = np.unique(np.concatenate([data.train_labels, data.test_labels]))
    if found.size and found[0] > 0 and are_numbers(data.names):
        cures = cures if data.classes - found[0] != outputs[-1] else []
        cures[:0] = [f"labels count from 0: take {found[0]} off each of them"]
        absent = "class 0 never occurs" if found[0] == 1 else f"classes 0 to {found[0] - 1} never occur"
        return [mismatch(message, *cures, notes=(f"{absent}: the labels are {found[0]} to {found[-1]}",))]
    if are_numbers(data.names):
        return [mismatch(message, *cures)]
    return [mismatch(message, *cures, notes=(f"its classes: {_listed(data.names)}",))]


def _unlike_input(data: Dataset, shape: Shape) -> Diagnostic:
    vector = len(data.shape) == 1
    cures = [f"begin the network with input {show(data.shape)}"]
    if len(shape) == len(data.shape) == 3 and shape[2] == data.shape[2]:
        files = data.origin.path if data.origin else None
        name = data.origin.name if data.origin else "…"
        where = f'{name} "{files}"' if files else name
        cures.append(f"or resize them: data {where} resize=yes")
    return mismatch(
        f"{'samples' if vector else 'images'} of {data.name} are {show(data.shape)}{' values' * vector}, "
        f"the network's input is {show(shape)}",
        *cures,
    )


def of_parts(
    name: str, parts: Mapping[str, Samples], names: tuple[str, ...], share: float, notes: Sequence[str] = ()
) -> Dataset:
    """A Dataset of the parts ``train``, and where they are there ``validation`` and ``test``.

    Without a test part the validation part is tested on or, where there is none, a ``share`` of the
    training samples, by a fixed draw; a note says so. Raises SpecError where the share leaves none.
    """
    train, validation, test = parts["train"], parts.get("validation"), parts.get("test")
    if test is None and validation is not None:
        test, validation = validation, None
        notes = (*notes, "no test part: the validation part is tested on")
    if test is None:
        images, labels = train
        kept, out = split(labels, share, 0)
        train, test = Samples(images[kept], labels[kept]), Samples(images[out], labels[out])
        if len(out):
            count = f"{len(out):,} of {len(labels):,} samples"
            notes = (*notes, f"no test part: {count} are held out for testing")
    return Dataset(name, *train, *test, names, notes=tuple(notes), validation=validation)


def divide(data: Dataset, share: float, seed: int) -> tuple[Samples, Samples | None]:
    """What to train on, and what to validate by: the data's own part, or a share of the training samples.

    The share is drawn by the seed. Raises SpecError where it leaves one of the two empty.
    """
    if data.validation is not None:
        return data.train, data.validation
    kept, held = split(data.train_labels, share, seed, "validation")
    if not len(held):
        return data.train, None
    images, labels = data.train
    return Samples(images[kept], labels[kept]), Samples(images[held], labels[held])


def split(
    labels: Labels, share: float, seed: int, part: str = "test"
) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """Places of the samples kept and of those held out: a fixed draw, the same for the same seed.

    Raises SpecError where none is kept, or none is held out though a share was asked for.
    """
    count = round(len(labels) * share)
    if count == len(labels) or (share and not count):
        raise nothing_left(part, share, len(labels), count)
    order = np.random.default_rng([seed, 0x7E57]).permutation(len(labels))
    return np.sort(order[count:]), np.sort(order[:count])

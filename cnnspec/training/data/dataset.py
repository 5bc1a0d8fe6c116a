"""Samples, in memory or streamed: images, what is wanted for each, the names of classes or columns."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any, Final, Literal, NamedTuple, TypeAlias

import numpy as np
from numpy.typing import NDArray

from cnnspec.backends.images import joined, sample_shape
from cnnspec.layers.base import SampleShape, show
from cnnspec.recipe.models import Data
from cnnspec.recipe.targets import CLASS, TargetSetting
from cnnspec.text import printable
from cnnspec.training.data.faults import nothing_left
from cnnspec.training.data.preprocess import Bytes as Bytes
from cnnspec.training.data.streamed import StreamedImages

Labels: TypeAlias = NDArray[np.int64]
Part: TypeAlias = Literal["test", "train"]

MOST_NAMED: Final = 12
"""Classes that a note names."""


class Samples(NamedTuple):
    """Images and what is wanted for each: the number of its class, or what else the target is."""

    images: NDArray[Any]
    labels: NDArray[Any]


@dataclass(frozen=True, eq=False)
class Dataset:
    """Images (samples, height, width, channels), or other samples, as bytes or floats, and their targets.

    Of a network with several inputs a sample has each of them: images are given by name, ``{"left": …,
    "right": …}``, and kept as records with a field an input.

    By the kind of the ``target``, labels are class numbers from 0 (n,), masks of them as bytes (n, height,
    width) where 255 counts nowhere, truths of 0 and 1 or numbers (n, columns), or images (n, …).
    ``names`` are the classes in the order of their numbers, or the columns. ``test_*`` is held
    out: no training looks at it. ``origin`` gives the samples again, where they
    came from a known set or from files; ``notes`` say what was read otherwise
    than it stands there, or not at all. ``validation`` is there where the files have
    such a part; else a recipe may take a share of the training samples.
    """

    name: str
    train_images: NDArray[Any]
    train_labels: NDArray[Any]
    test_images: NDArray[Any]
    test_labels: NDArray[Any]
    names: tuple[str, ...]
    origin: Data | None = None
    notes: tuple[str, ...] = ()
    validation: Samples | None = None
    target: TargetSetting = CLASS

    def __post_init__(self) -> None:
        """Names come from folders and files: what would drive a terminal is taken out of them here."""
        for field in ("train_images", "train_labels", "test_images", "test_labels"):
            given = getattr(self, field)
            object.__setattr__(self, field, _as_array(given))
        object.__setattr__(self, "name", printable(self.name))
        object.__setattr__(self, "names", tuple(map(printable, self.names)))
        object.__setattr__(self, "notes", tuple(map(printable, self.notes)))

    @property
    def shape(self) -> SampleShape:
        """Of one sample: height, width, channels; by name where it has several inputs."""
        return sample_shape(self.train_images)

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
        what = f", {self.classes} classes" if self.target.kind in ("class", "mask") else ""
        return (
            f"<Dataset {self.name}: {len(self.train_labels):,} training{validation} and "
            f"{len(self.test_labels):,} test images {show(self.shape)}{what or f', {self.target.title()}'}>"
        )


def _as_array(given: Any) -> Any:
    """Images or labels as they are kept; those that are streamed stay in their files."""
    if isinstance(given, StreamedImages):
        return given
    return joined(given) if isinstance(given, Mapping) else np.asarray(given)


def chosen(part: Samples, places: Any) -> Samples:
    """Some of the samples, by places or a mask."""
    images: Any = part.images
    found: Any = images.taken(places) if isinstance(images, StreamedImages) else images[places]
    return Samples(found, part.labels[places])


def are_numbers(names: tuple[str, ...]) -> bool:
    """Whether classes have their numbers for names."""
    return names == tuple(map(str, range(len(names))))


def changed(data: Dataset, change: Callable[[Samples], Samples], **others: Any) -> Dataset:
    """The data with all their parts changed, and other fields too."""
    train, test = change(data.train), change(data.test)
    return replace(
        data, train_images=train.images, train_labels=train.labels, test_images=test.images,
        test_labels=test.labels, validation=data.validation and change(data.validation), **others,
    )  # fmt: skip


def of_parts(
    name: str, parts: Mapping[str, Samples], names: tuple[str, ...], share: float, notes: Sequence[str] = (),
    target: TargetSetting = CLASS,
) -> Dataset:  # fmt: skip
    """A Dataset of the parts ``train``, and where they are there ``validation`` and ``test``.

    Without a test part the validation part is tested on or, where there is none, a ``share`` of the
    training samples, by a fixed draw; a note says so. Raises SpecError where the share leaves none.
    """
    train, validation, test = parts["train"], parts.get("validation"), parts.get("test")
    if test is None and validation is not None:
        test, validation = validation, None
        notes = (*notes, "no test part: the validation part is tested on")
    if test is None:
        labels = train.labels
        kept, out = split(labels, share, 0)
        train, test = chosen(train, kept), chosen(train, out)
        if len(out):
            count = f"{len(out):,} of {len(labels):,} samples"
            notes = (*notes, f"no test part: {count} are held out for testing")
    return Dataset(name, *train, *test, names, notes=tuple(notes), validation=validation, target=target)


def divide(data: Dataset, share: float, seed: int) -> tuple[Samples, Samples | None]:
    """What to train on, and what to validate by: the data's own part, or a share of the training samples.

    The share is drawn by the seed. Raises SpecError where it leaves one of the two empty.
    """
    if data.validation is not None:
        return data.train, data.validation
    kept, held = split(data.train_labels, share, seed, "validation")
    if not len(held):
        return data.train, None
    return chosen(data.train, kept), chosen(data.train, held)


def split(
    labels: NDArray[Any], share: float, seed: int, part: str = "test"
) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """Places of the samples kept and of those held out: a fixed draw, the same for the same seed.

    Raises SpecError where none is kept, or none is held out though a share was asked for.
    """
    count = round(len(labels) * share)
    if count == len(labels) or (share and not count):
        raise nothing_left(part, share, len(labels), count)
    order = np.random.default_rng([seed, 0x7E57]).permutation(len(labels))
    return np.sort(order[count:]), np.sort(order[:count])

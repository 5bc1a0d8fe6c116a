"""Samples for showing: some of each class, and what augmentation makes of them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np

from cnnspec.layers.writing import value_text
from cnnspec.recipe.models import Augment, Recipe
from cnnspec.training.augment import Augmenter
from cnnspec.training.data import Dataset
from cnnspec.training.data.dataset import Part, divide
from cnnspec.training.inspection import as_image
from cnnspec.views.results import Gallery

MOST_CLASSES = 30
"""Classes that a picture shows."""


def counts(data: Dataset, recipe: Recipe) -> Mapping[str, tuple[int, ...]]:
    """Samples of each class, for training, validation (where there is any) and test."""
    train, validation = divide(data, recipe.data.validation, recipe.seed)
    parts = {"training": train, "validation": validation, "test": data.test}
    return {
        name: tuple(np.bincount(part.labels, minlength=data.classes).tolist())
        for name, part in parts.items()
        if part and len(part.labels)
    }


def of_each_class(data: Dataset, part: Part, count: int) -> Gallery:
    """The first samples of each class."""
    images, labels = data.part(part)
    rows = []
    for label, name in enumerate(data.names[:MOST_CLASSES]):
        places = np.flatnonzero(labels == label)[:count]
        rows.append((name, tuple(as_image(images[place], data.shape) for place in places)))
    cut = f", the first {MOST_CLASSES} of {data.classes} classes" if data.classes > MOST_CLASSES else ""
    which = "training" if part == "train" else "test"
    return Gallery(data.name, f"the first of {len(labels):,} {which} samples of each class{cut}", tuple(rows))


def changed(data: Dataset, setting: Augment, places: Sequence[int], count: int, seed: int) -> Gallery:
    """Training samples, each with ``count`` changes of it as training draws them.

    Raises SpecError where the samples are no images.
    """
    augmenter = Augmenter(setting, data.shape)
    generator = np.random.default_rng(seed)
    rows = []
    for place in places:
        image = data.train_images[place]
        made = augmenter(np.repeat(image[None], count, axis=0), generator)
        rows.append((data.names[int(data.train_labels[place])], (image, *made)))
    plain = Augment()
    options = [f"{name}={value_text(value)}" for name, value in setting if value != getattr(plain, name)]
    note = f"{data.name}: a training sample, and what it may look like"
    return Gallery(" ".join(["augment", *options]), note, tuple(rows), True)

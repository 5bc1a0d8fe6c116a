import numpy as np
import pytest

import cnnspec
from cnnspec.training.data.dataset import Dataset

SPEC = "input 8x8x1; conv 4 3x3 -> relu -> maxpool 2x2; flatten -> dense 16 -> relu -> dropout 0.2; dense 3"


def bars(count: int, seed: int) -> tuple[np.ndarray, np.ndarray]:
    """8x8 pictures of a bright row (0), column (1) or neither (2), under noise."""
    generator = np.random.default_rng(seed)
    images = generator.integers(0, 60, (count, 8, 8, 1), np.uint8)
    labels = generator.integers(0, 3, count)
    for image, label, place in zip(images, labels, generator.integers(0, 8, count), strict=True):
        if label == 0:
            image[place] += 150
        elif label == 1:
            image[:, place] += 150
    return images, labels


@pytest.fixture(scope="session")
def data() -> Dataset:
    return Dataset("bars", *bars(200, 0), *bars(100, 1), names=("row", "column", "neither"))


@pytest.fixture
def model_of():
    """A fresh model of the small network, with sentences of a recipe: ``model_of("epochs 2", seed=1)``."""

    def make(recipe: str = "", seed: int = 0, spec: str = SPEC):
        optimizer = "" if "optimizer" in recipe else "optimizer sgd rate=0.1 momentum=0.9; "
        return cnnspec.parse(f"{spec}\ntrain {{ batch 16; {optimizer}{recipe} }}").build(seed=seed)

    return make

"""The examples with other targets than a class reach what they promise. Minutes each: ``pytest -m slow``."""

from __future__ import annotations

import os
from pathlib import Path

import numpy as np
import pytest

import cnnspec
from cnnspec.resources import example_path
from cnnspec.training import figures
from cnnspec.training.data import load_for
from cnnspec.training.data.dataset import Dataset

pytestmark = pytest.mark.slow
WITH_MNIST = pytest.mark.skipif(
    "CNNSPEC_DATA" not in os.environ, reason="CNNSPEC_DATA does not say where MNIST lies"
)


def trained(name: str) -> tuple[dict[str, float], cnnspec.Model, Dataset]:
    """The figures of the test set after the spec's own recipe."""
    network = cnnspec.load(example_path(name))
    recipe = network.training_recipe
    data = load_for(recipe.data, network.sample, network.output, target=recipe.target)
    model = network.build()
    model.fit(data)
    return dict(model.evaluate(data).figures), model, data


@pytest.mark.parametrize("name", ["unet_digits", "segnet_digits"])
def test_masks_of_digits_that_were_never_seen(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """From the embedded digits: eleven classes, by intersection over union."""
    pytest.importorskip("sklearn")
    monkeypatch.delenv("CNNSPEC_DATA", raising=False)
    found, _, data = trained(name)
    assert len(data.names) == 11
    assert found["mean IoU"] >= 0.85


@WITH_MNIST
def test_an_autoencoder_gives_digits_back_far_better_than_their_mean() -> None:
    """By at least 8 dB, through 32 numbers."""
    found, _, data = trained("autoencoder_mnist")
    images = data.test_images / np.float32(255)
    mean = np.broadcast_to(data.train_images.mean(0, keepdims=True) / 255, images.shape)
    assert found["PSNR"] >= figures.noise_ratios(mean, images).mean() + 8


def test_the_specs_are_shipped_with_a_recipe() -> None:
    for name in ("unet_digits", "segnet_digits", "autoencoder_mnist"):
        assert Path(example_path(name)).is_file()
        assert cnnspec.load(example_path(name)).recipe is not None

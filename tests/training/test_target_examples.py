"""The examples with other targets than a class reach what they promise. Minutes each: ``pytest -m slow``."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

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


def mean_ratio(given: Any, wanted: Any) -> float:
    """The mean signal to noise ratio of images, bytes or 0 to 1, in dB."""
    given, wanted = (
        each / np.float32(255) if each.dtype == np.uint8 else each
        for each in map(np.asarray, (given, wanted))
    )
    return float(figures.noise_ratios(given, wanted).mean())


def test_small_pictures_are_enlarged_better_than_bicubic(monkeypatch: pytest.MonkeyPatch) -> None:
    """By at least 2 dB, on scenes of digits that were never seen."""
    pytest.importorskip("sklearn")
    monkeypatch.delenv("CNNSPEC_DATA", raising=False)
    found, _, data = trained("espcn")
    bicubic = cnnspec.parse("input 16x16x1; upsample 3 mode=bicubic").build()
    enlarged = bicubic.predict(data.test_images / np.float32(255)).clip(0, 1)
    assert found["PSNR"] >= mean_ratio(enlarged, data.test_labels) + 2


def test_noise_is_taken_off() -> None:
    """The picture is at least 7 dB nearer to the clean one than the noisy one is."""
    pytest.importorskip("sklearn")
    found, _, data = trained("dncnn_digits")
    assert found["PSNR"] >= mean_ratio(data.test_images, data.test_labels) + 7


@WITH_MNIST
def test_the_next_column_is_foretold_better_than_by_the_one_before() -> None:
    """By at least 4 dB."""
    found, _, data = trained("wavenet_small")
    images = data.test_images
    before = np.zeros_like(images)
    before[:, :, 1:] = images[:, :, :-1]
    assert found["PSNR"] >= mean_ratio(before, images) + 4


@pytest.mark.parametrize("folder", [None, pytest.param("mnist", marks=WITH_MNIST)])
def test_a_siamese_network_is_right_far_more_often_than_a_distance_of_pixels(folder: str | None) -> None:
    """By ten points of a hundred, on pairs of digits that were never seen."""
    pytest.importorskip("sklearn")
    network = cnnspec.load(example_path("siamese_mnist"))
    home = None if folder is None else Path(os.environ["CNNSPEC_DATA"]) / folder
    data = load_for(network.training_recipe.data, network.sample, network.output, data_dir=home)
    far, near = (
        ((images["left"] - images["right"].astype(float)) ** 2).mean((1, 2, 3))
        for images in (data.train_images, data.test_images)
    )
    same = data.train_labels[:, 0] > 0.5
    best = max(np.sort(far)[::10], key=lambda bound: float(((far < bound) == same).mean()))
    simple = ((near < best) == (data.test_labels[:, 0] > 0.5)).mean()
    model = network.build()
    model.fit(data)
    assert model.evaluate(data).accuracy >= simple + 0.1


@WITH_MNIST
@pytest.mark.parametrize("name", ["autoencoder_mnist", "autoencoder_tied"])
def test_an_autoencoder_gives_digits_back_far_better_than_their_mean(name: str) -> None:
    """By at least 8 dB, through 32 numbers."""
    found, _, data = trained(name)
    images = data.test_images / np.float32(255)
    mean = np.broadcast_to(data.train_images.mean(0, keepdims=True) / 255, images.shape)
    assert found["PSNR"] >= mean_ratio(mean, images) + 8


def test_the_specs_are_shipped_with_a_recipe() -> None:
    learning = (
        "unet_digits",
        "segnet_digits",
        "autoencoder_mnist",
        "autoencoder_tied",
        "espcn",
        "dncnn_digits",
    )
    for name in (*learning, "wavenet_small", "siamese_mnist"):
        assert Path(example_path(name)).is_file()
        assert cnnspec.load(example_path(name)).recipe is not None

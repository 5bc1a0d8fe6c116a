from typing import Any

import numpy as np
import pytest

from cnnspec.diagnostics import SpecError
from cnnspec.recipe.models import Augment
from cnnspec.training.augment import Augmenter


def changed(setting: Augment, images: np.ndarray, seed: int = 0) -> np.ndarray:
    return Augmenter(setting, images.shape[1:])(images, np.random.default_rng(seed))


def blob(count: int = 200, size: int = 21) -> np.ndarray:
    """A bright square around the middle, in two channels."""
    images = np.zeros((count, size, size, 2), np.uint8)
    images[:, 8:13, 8:13] = (200, 100)
    return images


def centres(images: np.ndarray) -> tuple[np.ndarray, ...]:
    weight = images[..., 0].astype(float)
    places = np.arange(images.shape[1])
    total = weight.sum((1, 2))
    return (weight.sum(2) * places).sum(1) / total, (weight.sum(1) * places).sum(1) / total


def test_no_change_is_the_identity() -> None:
    images = np.random.default_rng(0).integers(0, 256, (5, 9, 7, 3), np.uint8)
    np.testing.assert_array_equal(images, changed(Augment(), images))


@pytest.mark.parametrize(("shape", "said"), [((784,), "a vector of 784 values"), ((100, 2), "100x2")])
def test_what_is_no_picture_is_refused(shape: tuple[int, ...], said: str) -> None:
    with pytest.raises(SpecError, match=said):
        Augmenter(Augment(shift=1), shape)


def test_the_same_generator_gives_the_same_images_and_another_does_not() -> None:
    setting = Augment(shift=2, rotate=10, scale=0.1, elastic=20)
    np.testing.assert_array_equal(changed(setting, blob()), changed(setting, blob()))
    assert (changed(setting, blob()) != changed(setting, blob(), 1)).any()


def test_shift_moves_up_to_its_pixels_both_ways() -> None:
    rows, columns = centres(changed(Augment(shift=3), blob()))
    for places in (rows, columns):
        assert 2.5 < (places - 10).max() <= 3.05
        assert -3.05 <= (places - 10).min() < -2.5


def test_scale_and_turn_keep_the_middle_and_change_the_size() -> None:
    images = blob()
    areas = changed(Augment(scale=0.3), images)[..., 0].sum((1, 2)) / images[0, ..., 0].sum()
    assert 0.42 < areas.min() < 0.6
    assert 1.5 < areas.max() < 1.8
    turned = changed(Augment(rotate=45), images)
    np.testing.assert_allclose(10, centres(turned), atol=0.1)
    assert abs(turned[..., 0].sum() / images[..., 0].sum() - 1) < 0.02


def test_a_half_turn_is_exact() -> None:
    image = np.random.default_rng(0).integers(0, 256, (1, 8, 8, 1), np.uint8)
    augmenter = Augmenter(Augment(rotate=180), image.shape[1:])

    class Full:
        def random(self, shape: tuple[int, ...], dtype: Any = None) -> np.ndarray:
            return np.ones(shape, dtype)

    full: Any = Full()

    np.testing.assert_array_equal(image[:, ::-1, ::-1], augmenter(image, full))


def test_flip_mirrors_about_half_of_the_images() -> None:
    images = np.zeros((400, 4, 4, 1), np.uint8)
    images[:, :, 0] = 50
    found = changed(Augment(flip=True), images)
    mirrored = (found == images[:, :, ::-1]).all((1, 2, 3))
    np.testing.assert_array_equal(~mirrored, (found == images).all((1, 2, 3)))
    assert 150 < mirrored.sum() < 250


def test_elastic_is_the_field_of_simard() -> None:
    """Uniform numbers of -1 to 1, under a Gaussian whose weights add up to 1, times the setting."""
    augmenter = Augmenter(Augment(elastic=34, smooth=4), (81, 81, 1))
    moved = augmenter._displacement(2, np.random.default_rng(0))
    noise = np.random.default_rng(0).random((2, 81, 81), np.float32) * 2.0 - 1
    bell = np.exp(-(np.arange(-36, 37) ** 2) / (2 * 4**2))
    bell /= bell.sum()
    there = 34 * np.einsum("r,nrc,c->n", bell, noise[:, 4:77, 4:77], bell)
    np.testing.assert_allclose(moved[:, 40, 40], there, rtol=1e-5)


@pytest.mark.parametrize("place", [0, 14])
def test_elastic_is_as_strong_at_the_edge(place: int) -> None:
    moved = Augmenter(Augment(elastic=34), (28, 28, 1))._displacement(4000, np.random.default_rng(0))
    there = np.sqrt((moved[:, place, place] ** 2).mean())
    assert abs(there / (34 / (2 * 4 * np.sqrt(3 * np.pi))) - 1) < 0.05


def test_elastic_is_smooth() -> None:
    moved = Augmenter(Augment(elastic=34), (28, 28, 1))._displacement(300, np.random.default_rng(0))
    slope = np.sqrt((np.diff(moved, axis=1) ** 2).mean() / (moved**2).mean())
    assert abs(slope - 1 / (4 * np.sqrt(2))) < 0.02


@pytest.mark.parametrize("smooth", [5e-324, 1e-300, 0.01, 1000])
def test_any_smoothness_gives_numbers(smooth: float) -> None:
    images = blob(3)
    assert changed(Augment(elastic=1, smooth=smooth), images).shape == images.shape

import numpy as np
import pytest

from cnnspec.diagnostics import SpecError
from cnnspec.training.photo import prepared

SHAPE = (28, 28, 1)


def photo(size=200, top=10, left=120):
    """A dark stroke on bright paper, away from the middle."""
    image = np.full((size, size, 1), 220, np.uint8)
    image[top : top + 80, left : left + 16] = 30
    return image


def centre_of(image):
    weight = image[..., 0].astype(float)
    places = np.arange(28)
    return weight.sum(1) @ places / weight.sum(), weight.sum(0) @ places / weight.sum()


def test_a_photographed_digit_is_brought_to_the_middle_in_mnists_box():
    (image,) = prepared(photo(), SHAPE, invert=True, center=True)
    assert SHAPE == image.shape
    rows = np.flatnonzero(image.any((1, 2)))
    assert 20 == len(rows)
    assert 255 == image.max()
    assert centre_of(image) == pytest.approx((13.5, 13.5), abs=0.5)


def test_an_empty_page_stays_empty():
    assert not prepared(np.full((50, 60, 1), 200, np.uint8), SHAPE, center=True).any()


def test_another_size_is_refused_unless_asked_for():
    with pytest.raises(SpecError, match="the image is 200x200x1, the network's input is 28x28x1"):
        prepared(photo(), SHAPE)
    assert (1, *SHAPE) == prepared(photo(), SHAPE, resized=True).shape


def test_invert_and_an_image_that_fits():
    image = np.arange(784, dtype=np.uint8).reshape(SHAPE)
    np.testing.assert_array_equal(image[None], prepared(image, SHAPE))
    np.testing.assert_array_equal(255 - image[None], prepared(image, SHAPE, invert=True))


def test_a_vector_input_takes_channels_first():
    image = np.arange(12, dtype=np.uint8).reshape(2, 2, 3)
    assert [0, 3, 6, 9, 1, 4, 7, 10, 2, 5, 8, 11] == prepared(image, (12,))[0].tolist()

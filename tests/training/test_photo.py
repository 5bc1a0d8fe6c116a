from time import process_time

import numpy as np
import pytest

from cnnspec.diagnostics import SpecError
from cnnspec.training.photo import (
    _thicken,
    has_bright_border,
    have_dark_borders,
    is_dark_on_bright,
    prepare,
)

SHAPE = (28, 28, 1)


def photo(size: int = 200, top: int = 10, left: int = 120) -> np.ndarray:
    """A dark stroke on bright paper, away from the middle."""
    image = np.full((size, size, 1), 220, np.uint8)
    image[top : top + 80, left : left + 16] = 30
    return image


def centre_of(image: np.ndarray) -> tuple[float, float]:
    weight = image[..., 0].astype(float)
    places = np.arange(28)
    return weight.sum(1) @ places / weight.sum(), weight.sum(0) @ places / weight.sum()


def test_a_photographed_digit_is_brought_to_the_middle_in_mnists_box() -> None:
    (image,) = prepare(photo(), SHAPE, invert=True, center=True)
    assert SHAPE == image.shape
    rows = np.flatnonzero(image.any((1, 2)))
    assert 20 == len(rows)
    assert 255 == image.max()
    assert centre_of(image) == pytest.approx((13.5, 13.5), abs=0.5)


def test_an_empty_page_stays_empty() -> None:
    assert not prepare(np.full((50, 60, 1), 200, np.uint8), SHAPE, center=True).any()


def test_another_size_is_refused_unless_asked_for() -> None:
    with pytest.raises(SpecError, match="the image is 200x200x1, the network's input is 28x28x1"):
        prepare(photo(), SHAPE)
    assert (1, *SHAPE) == prepare(photo(), SHAPE, resizing=True).shape


def test_invert_and_an_image_that_fits() -> None:
    image = np.arange(784, dtype=np.uint8).reshape(SHAPE)
    np.testing.assert_array_equal(image[None], prepare(image, SHAPE))
    np.testing.assert_array_equal(255 - image[None], prepare(image, SHAPE, invert=True))


def test_a_vector_input_takes_channels_first() -> None:
    image = np.arange(12, dtype=np.uint8).reshape(2, 2, 3)
    assert [0, 3, 6, 9, 1, 4, 7, 10, 2, 5, 8, 11] == prepare(image, (12,))[0].tolist()


def letter(size: int = 90, wide: int = 14) -> np.ndarray:
    """An R of strokes, 0 to 1: no turn or mirror image is like it."""
    image = np.zeros((size, size * 2 // 3))
    image[:, :wide] = image[:wide] = image[size // 2 - wide // 2 : size // 2 + wide // 2] = 1
    image[: size // 2, -wide:] = 1
    for row in range(size // 2, size):
        left = (row - size // 2) * (image.shape[1] - wide) * 2 // size
        image[row, left : left + wide] = 1
    return image


def snapshot(seed: int, noise: float = 8.0, light: float = 30.0, ink: float = 110.0) -> np.ndarray:
    """The letter on grey paper as a phone sees it: off centre, light falling across, noise."""
    generator = np.random.default_rng(seed)
    drawn = np.zeros((240, 320))
    top, left = generator.integers(8, 140), generator.integers(8, 250)
    drawn[top : top + 90, left : left + 60] = letter()
    rows, columns = np.mgrid[-1:1:240j, -1:1:320j]
    angle = generator.uniform(0, 2 * np.pi)
    page = 180 + light * (rows * np.sin(angle) + columns * np.cos(angle)) - ink * drawn
    taken: np.ndarray = np.clip(np.rint(page + generator.normal(0, noise, page.shape)), 0, 255)
    return taken.astype(np.uint8)[..., None]


CLEAN = np.rint(255 * np.pad(letter(), 40)).astype(np.uint8)[..., None]


@pytest.mark.parametrize("seed", range(6))
@pytest.mark.parametrize("invert", [True, None])
def test_light_noise_and_place_do_not_matter(seed: int, invert: bool | None) -> None:
    expected = prepare(CLEAN, SHAPE, center=True).astype(float)
    found = prepare(snapshot(seed), SHAPE, invert=invert, center=True)
    assert np.corrcoef(expected.ravel(), found.ravel())[0, 1] > 0.95


def test_a_dark_rim_and_specks_are_no_part_of_the_drawing() -> None:
    image = snapshot(1)
    image[:, :20] = 40
    image[230:233, 300:303] = 20
    expected = prepare(CLEAN, SHAPE, center=True).astype(float)
    found = prepare(image, SHAPE, center=True)
    assert np.corrcoef(expected.ravel(), found.ravel())[0, 1] > 0.93


def test_noise_alone_is_no_drawing() -> None:
    assert not prepare(snapshot(0, ink=0), SHAPE, center=True).any()


def test_a_thin_pen_is_as_wide_as_mnists_strokes() -> None:
    page = np.full((200, 200, 1), 230, np.uint8)
    page[40:160, 100:102] = 60
    (image,) = prepare(page, SHAPE, center=True)
    assert 2 <= (image[14, :, 0] > 127).sum() <= 4


@pytest.mark.parametrize("picture", [CLEAN, 255 - CLEAN, snapshot(0), 255 - snapshot(0)])
def test_what_stands_out_tells_which_way_round_a_drawing_is(picture: np.ndarray) -> None:
    assert is_dark_on_bright(picture) == has_bright_border(picture)


def test_what_is_said_of_the_way_round_is_followed() -> None:
    upside = prepare(CLEAN, SHAPE, invert=True, center=True)
    assert not np.array_equal(upside, prepare(CLEAN, SHAPE, center=True))
    np.testing.assert_array_equal(
        prepare(CLEAN, SHAPE, invert=False, center=True), prepare(CLEAN, SHAPE, center=True)
    )


def test_a_vector_input_takes_a_drawing_centred_in_its_square() -> None:
    (image,) = prepare(snapshot(2), (784,), center=True)
    np.testing.assert_array_equal(prepare(snapshot(2), SHAPE, center=True).reshape(784), image)
    with pytest.raises(SpecError, match="the network takes 70 values"):
        prepare(snapshot(2), (70,), center=True)


@pytest.mark.parametrize("shape", [(12, 8, 8, 1), (12, 6, 8, 3), (12, 64)])
@pytest.mark.parametrize("dark, told", [(12, True), (11, True), (10, False), (0, False)])
def test_training_images_end_in_dark_pixels_where_nearly_all_do(
    shape: tuple[int, ...], dark: int, told: bool
) -> None:
    images = np.full(shape, 200, np.uint8)
    images[:dark] = 30
    assert told == have_dark_borders(images)


def test_vectors_that_are_no_squares_have_no_border() -> None:
    assert not have_dark_borders(np.zeros((4, 63), np.uint8))


@pytest.mark.parametrize("shape", [(1, 4000, 1), (3000, 2, 1), (1, 1, 3)])
def test_a_picture_of_any_proportions_is_centred(shape: tuple[int, ...]) -> None:
    image = np.zeros(shape, np.uint8)
    image[shape[0] // 2, shape[1] // 3 :] = 255
    assert (1, 28, 28, shape[2]) == prepare(image, (28, 28, shape[2]), center=True).shape
    assert (1, 28, 28, shape[2]) == prepare(255 - image, (28, 28, shape[2]), center=True).shape


def test_a_slope_whose_only_ink_is_smoothed_noise_is_no_drawing() -> None:
    slope = (6 + np.arange(16, dtype=np.uint8) * 16).repeat(4).reshape(8, 8, 1)
    slope[6, 4:] = 65
    assert not prepare(slope, (8, 8, 1), center=True).any()


def test_a_channel_in_which_the_drawing_is_darker_than_the_paper_has_none_of_it() -> None:
    image = np.full((20, 20, 3), 120, np.uint8)
    image[5:15, 8:12] = (250, 120, 40)
    assert [255, 0, 0] == prepare(image, (28, 28, 3), center=True, invert=False).max((0, 1, 2)).tolist()


def test_strokes_are_made_as_much_wider_as_a_tiny_map_wants_in_no_time() -> None:
    line = np.zeros((9, 9, 1), np.float32)
    line[4, 4] = 1
    for wanted in range(2, 30):
        wide = _thicken(line, wanted)
        assert (wide.max(), wide.sum()) == (1, (1 + 2 * ((len(wide) - 9) // 2)) ** 2)
    started = process_time()
    assert 2000 < len(_thicken(line, 2000.0))
    assert process_time() - started < 2

"""Plots of what the small run does not have: colours, volumes, vectors, long names, nothing at all."""

import re

import numpy as np
import pytest

import cnnspec
from cnnspec.training import inspection
from cnnspec.views.documents.report.style import Colors
from cnnspec.views.pictures.palette import DARK, LIGHT
from cnnspec.views.results import Confusion, FeatureMaps, Filters, TrainingCurve, pixels
from cnnspec.views.results.confusion import confusion
from cnnspec.views.results.curves import curves
from cnnspec.views.results.filters import filters, maps
from cnnspec.views.results.plot import Plot
from cnnspec.views.results.samples import mistakes
from cnnspec.views.results.tiles import arranged

IMAGE = np.zeros((4, 4, 1), np.uint8)


def texts(figure: Plot) -> list[str]:
    return re.findall(r"<text [^>]*>([^<]*)</text>", figure.document())


def images(figure: Plot) -> int:
    """Pictures in a figure, the scale of its colours apart."""
    return figure.document().count('<g class="tile">')


def test_filters_of_three_channels_are_colours() -> None:
    kernels = np.random.default_rng(0).normal(size=(6, 3, 3, 3))
    figure = filters(Filters("c", kernels), LIGHT)
    assert any("as colours" in text for text in texts(figure))
    assert 6 == images(figure) == figure.drawing().count("<image")


def test_filters_beyond_what_a_page_holds_are_cut_and_it_is_said() -> None:
    shown = Filters("c", np.ones((40, 1, 1, 30)))
    assert any("the first 24 and 24 of them" in text for text in texts(filters(shown, LIGHT)))
    shown = Filters("c", np.ones((300, 1, 1, 1)))
    assert "300 filters, 1×1×1, the first 256 of them" in texts(filters(shown, LIGHT))
    assert 256 == images(filters(shown, LIGHT))


def test_values_that_are_no_numbers_are_blank() -> None:
    kernels = np.full((2, 2, 2, 1), np.nan)
    assert 2 == images(filters(Filters("c", kernels), LIGHT))


@pytest.mark.parametrize(
    "values", [np.arange(7.0), np.ones((3, 5, 2)), -np.ones((1, 9, 4)), np.zeros((2, 2, 1))]
)
def test_maps_of_every_shape_are_drawn(values: np.ndarray) -> None:
    shown = FeatureMaps("layer", values, IMAGE, "an image")
    channels = values.shape[2] if values.ndim == 3 else 1
    assert channels + 1 == images(maps(shown, LIGHT))


@pytest.mark.parametrize(
    ("spec", "shape"), [("input 9x2; conv 3 4", (1, 6, 3)), ("input 4x5x6x1; conv 2 2x2x2", (12, 5, 2))]
)
def test_maps_along_one_axis_and_of_volumes_lie_flat(spec: str, shape: tuple[int, ...]) -> None:
    model = cnnspec.parse(spec).build()
    image = np.ones(model.network.input, np.float32)
    assert shape == inspection.maps(model, image, "conv1").values.shape


def test_no_mistakes_are_a_blank_sheet() -> None:
    words = "true class → predicted class, confidence, number of the sample"
    assert "0 of 0, the most confident first: " + words in " ".join(texts(mistakes([], 0, LIGHT)))


def test_class_names_are_text_however_they_look() -> None:
    shown = Confusion(np.array([[3, 1], [0, 2]]), ("$x_1$ & <b>", "a name that is far too long to fit"))
    found = texts(confusion(shown, LIGHT))
    assert 2 == found.count("$x_1$ &amp; &lt;b&gt;")
    assert 2 == found.count("a name that is …")
    assert "83.33 % of 6 right, 1 wrong" in found


def test_a_confusion_of_no_samples_is_drawn() -> None:
    shown = Confusion(np.zeros((3, 3), np.int64), ("a", "b", "c"))
    assert "0.00 % of 0 right, 0 wrong" in texts(confusion(shown, LIGHT))


def test_epochs_are_whole_numbers_and_columns_without_a_figure_are_left_out() -> None:
    found = texts(curves([TrainingCurve("a", (1,), (0.5,), (0.9,))], LIGHT))
    assert 2 == found.count("1") - 1
    assert "test accuracy" not in found
    assert not any("." in text and text.startswith("1.") for text in found)


@pytest.mark.parametrize("count", [1, 2, 5, 6, 7, 16, 20, 64, 97])
def test_tiles_are_arranged_wider_than_high(count: int) -> None:
    rows, columns = arranged(count)
    assert rows * columns >= count > (rows - 1) * columns
    assert rows <= columns


def test_png_is_what_a_reader_of_png_reads() -> None:
    import io

    from PIL import Image

    dots = np.random.default_rng(1).integers(0, 256, (5, 7, 4), np.uint8)
    for channels in (1, 3, 4):
        read = np.asarray(Image.open(io.BytesIO(pixels.png(dots[..., :channels]))))
        assert np.array_equal(dots[..., :channels].squeeze(), read)


def test_signed_values_are_orange_and_blue_and_clear_at_zero() -> None:
    found = pixels.signed(np.array([[-2.0, 0.0, 0.5]]), 2.0)
    assert [255, 0, 128] == found[0, :, 3].tolist()
    assert found[0, 0, 0] > found[0, 0, 2]
    assert found[0, 2, 0] < found[0, 2, 2]


def test_large_samples_are_embedded_no_larger_than_they_are_shown() -> None:
    assert (150, 200, 3) == pixels.sample(np.zeros((300, 400, 3), np.uint8)).shape
    assert (28, 28, 1) == pixels.sample(np.zeros((28, 28, 1), np.uint8)).shape


def test_few_dots_are_enlarged_evenly() -> None:
    import base64
    import io

    from PIL import Image

    dots = np.random.default_rng(2).integers(0, 256, (3, 5, 3), np.uint8)
    data = base64.b64decode(pixels.address(dots).partition(",")[2])
    assert np.array_equal(dots.repeat(19, 0).repeat(19, 1), np.asarray(Image.open(io.BytesIO(data))))


def test_a_page_has_pictures_for_light_and_dark_where_they_differ() -> None:
    values, colors = (Filters("c", np.ones((2, 2, 2, channels))) for channels in (1, 3))
    for shown, tiles, bars in ((values, 2, 1), (colors, 2, 0)):
        light, dark = (filters(shown, theme).drawing() for theme in (LIGHT, DARK))
        both = Colors().both(light, dark)
        differ = tiles + bars if shown is values else 0
        assert (differ, differ) == (both.count('class="on-light"'), both.count('class="on-dark"'))
        assert (tiles + bars) * (2 if differ else 1) == both.count("<image")


def test_a_confusion_of_very_many_classes_is_a_picture() -> None:
    shown = Confusion(np.eye(100, dtype=np.int64), tuple(f"class {n}" for n in range(100)))
    figure = confusion(shown, LIGHT)
    assert 1 == figure.drawing().count("<image")
    assert "class 0" in texts(figure)
    assert 2 * 100 > len(texts(figure))

"""Plots of what the small run does not have: colours, volumes, vectors, long names, nothing at all."""

import re

import numpy as np
import pytest

import cnnspec
from cnnspec.training import inspection
from cnnspec.views.documents.report import png
from cnnspec.views.documents.report.learned import filters as report_filters
from cnnspec.views.documents.report.style import negative
from cnnspec.views.plots import learned
from cnnspec.views.plots.curves import curves
from cnnspec.views.plots.sheet import arranged
from cnnspec.views.plots.style import render
from cnnspec.views.results import Confusion, Curve, Filters, Maps

IMAGE = np.zeros((4, 4, 1), np.uint8)


def texts(draw):
    return re.findall(r"<text [^>]*>([^<]*)</text>", render(draw).decode())


def images(draw):
    return render(draw).decode().count("<image")


def test_filters_of_three_channels_are_colours():
    kernels = np.random.default_rng(0).normal(size=(6, 3, 3, 3))
    assert any(
        "as colours" in text for text in texts(lambda ink: learned.filters(Filters("c", kernels), ink))
    )
    assert 6 == report_filters(Filters("c", kernels)).count("<img")


def test_filters_beyond_what_a_page_holds_are_cut_and_it_is_said():
    shown = Filters("c", np.ones((40, 1, 1, 30)))
    assert any(
        "the first 24 and 24 of them" in text for text in texts(lambda ink: learned.filters(shown, ink))
    )


def test_values_that_are_no_numbers_are_blank():
    kernels = np.full((2, 2, 2, 1), np.nan)
    assert 2 == images(lambda ink: learned.filters(Filters("c", kernels), ink))
    assert 2 == report_filters(Filters("c", kernels)).count("<img")


@pytest.mark.parametrize(
    "values", [np.arange(7.0), np.ones((3, 5, 2)), -np.ones((1, 9, 4)), np.zeros((2, 2, 1))]
)
def test_maps_of_every_shape_are_drawn(values):
    shown = Maps("layer", values, IMAGE, "an image")
    channels = values.shape[2] if values.ndim == 3 else 1
    assert channels + 1 == images(lambda ink: learned.maps(shown, ink))


@pytest.mark.parametrize(
    ("spec", "shape"), [("input 9x2; conv 3 4", (1, 6, 3)), ("input 4x5x6x1; conv 2 2x2x2", (12, 5, 2))]
)
def test_maps_along_one_axis_and_of_volumes_lie_flat(spec, shape):
    model = cnnspec.parse(spec).build()
    image = np.ones(model.network.input, np.float32)
    assert shape == inspection.maps(model, image, "conv1").values.shape


def test_no_mistakes_are_a_blank_sheet():
    assert "0 of 0, the surest first: class, what it was taken for, how surely" in texts(
        lambda ink: learned.mistakes([], 0, ink)
    )


def test_class_names_are_text_however_they_look():
    shown = Confusion(np.array([[3, 1], [0, 2]]), ("$x_1$ & <b>", "a name that is far too long to fit"))
    found = texts(lambda ink: learned.confusion(shown, ink))
    assert 2 == found.count("$x_1$ &amp; &lt;b&gt;")
    assert 2 == found.count("a name that is …")
    assert "83.33 % of 6 right, 1 wrong" in found


def test_a_confusion_of_no_samples_is_drawn():
    shown = Confusion(np.zeros((3, 3), np.int64), ("a", "b", "c"))
    assert "0.00 % of 0 right, 0 wrong" in texts(lambda ink: learned.confusion(shown, ink))


def test_epochs_are_whole_numbers_and_columns_without_a_figure_are_left_out():
    found = texts(lambda ink: curves([Curve("a", (1,), (0.5,), (0.9,))], ink))
    assert 2 == found.count("1") - 1
    assert "test accuracy" not in found
    assert not any("." in text and text.startswith("1.") for text in found)


@pytest.mark.parametrize("count", [1, 2, 5, 6, 7, 16, 20, 64, 97])
def test_tiles_are_arranged_wider_than_high(count):
    rows, columns = arranged(count)
    assert rows * columns >= count > (rows - 1) * columns
    assert rows <= columns


def test_png_is_what_a_reader_of_png_reads():
    import io

    from PIL import Image

    pixels = np.random.default_rng(1).integers(0, 256, (5, 7, 4), np.uint8)
    for channels in (1, 3, 4):
        read = np.asarray(Image.open(io.BytesIO(png.png(pixels[..., :channels]))))
        assert np.array_equal(pixels[..., :channels].squeeze(), read)


def test_signed_values_are_orange_and_blue_and_clear_at_zero():
    found = png.signed(np.array([[-2.0, 0.0, 1.0]]), 2.0)
    assert [255, 0, 128] == found[0, :, 3].tolist()
    assert found[0, 0, 0] > found[0, 0, 2]
    assert found[0, 2, 0] < found[0, 2, 2]


def test_large_samples_are_embedded_no_larger_than_they_are_shown():
    assert (150, 200, 3) == png.sample(np.zeros((300, 400, 3), np.uint8)).shape
    assert (28, 28, 1) == png.sample(np.zeros((28, 28, 1), np.uint8)).shape


def test_inverting_gives_the_colour_back():
    assert "#362f25" == negative("#c9d0da")
    assert "#c9d0da" == negative(negative("#c9d0da"))

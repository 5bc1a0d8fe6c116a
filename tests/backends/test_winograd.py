"""Winograd's convolutions against the definition, and where they are chosen."""

from __future__ import annotations

import numpy as np
import pytest
from cases.registry import Case
from cases.single import data, model_of, network_of

from cnnspec.backends.numpy.engine import NumpyEngine
from cnnspec.backends.numpy.kernels import conv_winograd, table
from cnnspec.backends.numpy.kernels.conv_slab import SlabConv
from cnnspec.backends.numpy.kernels.conv_winograd import Winograd4Conv, WinogradConv
from cnnspec.backends.numpy.kernels.step import Choice
from cnnspec.backends.numpy.kernels.table import Kernels
from cnnspec.layers.base import Shape
from cnnspec.layers.conv import Conv

SHAPES: list[tuple[Shape, int | str, int]] = [
    ((8, 8, 3), 1, 1), ((7, 9, 2), 1, 3), ((5, 6, 4), 0, 2), ((3, 3, 1), 0, 1), ((1, 2, 3), 1, 2),
    ((6, 5, 2), "same", 5), ((10, 13, 2), 2, 2),
]  # fmt: skip


@pytest.mark.parametrize("kernel", [WinogradConv, Winograd4Conv])
@pytest.mark.parametrize("slab", [1, 1 << 20])
@pytest.mark.parametrize("shape, padding, batch", SHAPES)
def test_winograd_equals_the_definition(
    kernel: type[WinogradConv], slab: int, shape: Shape, padding: int | str, batch: int,
    monkeypatch: pytest.MonkeyPatch,
) -> None:  # fmt: skip
    monkeypatch.setattr(conv_winograd, "SLAB_BYTES", slab)
    monkeypatch.setattr(conv_winograd, "SLAB_PER_WEIGHT", 0)
    monkeypatch.setattr(table, "kernel_of", lambda *_: Choice(kernel, "asked for"))
    case = Case("", Conv(filters=3, kernel=3, padding=padding), (shape,))
    fast, plain = model_of(case), model_of(case, reference=True)
    images, _ = data(fast, batch)
    np.testing.assert_allclose(fast.predict(images), plain.predict(images), atol=1e-11)
    fast.weights["layer.weight"] *= 2
    plain.weights["layer.weight"] *= 2
    np.testing.assert_allclose(fast.predict(images), plain.predict(images), atol=1e-11)


def large() -> Case:
    return Case("", Conv(filters=128, kernel=3, padding=1), ((14, 14, 128),))


@pytest.mark.parametrize(
    "kernels, kernel, tolerance", [("fast", WinogradConv, 1e-5), ("winograd4", Winograd4Conv, 1e-4)]
)
def test_single_precision_holds_its_promise(
    kernels: Kernels, kernel: type[WinogradConv], tolerance: float
) -> None:
    network = network_of(large())
    model = NumpyEngine(network, kernels=kernels)
    images = np.random.default_rng(0).standard_normal((2, *network.input)).astype(np.float32)
    kinds = [type(step) for step in model.compile(2).steps]
    assert kernel is kinds[0]
    plain = NumpyEngine(network, kernels="reference", dtype="float64")
    expected = plain.predict(images.astype(float))
    np.testing.assert_allclose(model.predict(images), expected, atol=tolerance * np.abs(expected).max())


def test_it_is_chosen_for_predicting_where_it_gains() -> None:
    node = network_of(large()).nodes[1]
    assert WinogradConv is table.kernel_of(node, 1, False).kernel
    assert SlabConv is table.kernel_of(node, 1, True).kernel
    small = network_of(Case("", Conv(filters=128, kernel=3, padding=1), ((7, 7, 128),))).nodes[1]
    assert SlabConv is table.kernel_of(small, 1, False).kernel
    assert WinogradConv is table.kernel_of(small, 8, False).kernel
    wide = network_of(Case("", Conv(filters=64, kernel=3, padding=1), ((224, 224, 64),))).nodes[1]
    assert WinogradConv is table.kernel_of(wide, 1, False).kernel
    assert WinogradConv is not table.kernel_of(wide, 8, False).kernel
    for other in ({"stride": 2}, {"dilation": 2}, {"groups": 2}, {"filters": 32}, {"kernel": 5}):
        layer = Conv(**({"filters": 128, "kernel": 3, "padding": 1} | other))
        node = network_of(Case("", layer, ((14, 14, 128),))).nodes[1]
        assert WinogradConv is not table.kernel_of(node, 1, False).kernel


INPUTS = [np.inf, -np.inf, np.nan, 1e38, -3e38]


def wild(images: np.ndarray, share: float = 0.02) -> np.ndarray:
    """Some of the values replaced by infinities, NaN and numbers near the largest."""
    random = np.random.default_rng(8)
    places = random.random(images.shape) < share
    images[places] = random.choice(INPUTS, np.count_nonzero(places))
    images.flat[0] = np.inf
    return images


@pytest.mark.parametrize("kernel", [WinogradConv, Winograd4Conv])
@pytest.mark.parametrize("slab", [1, 1 << 20])
@pytest.mark.parametrize("where", ["images", "weights", "large"])
@pytest.mark.parametrize("shape, padding, batch", SHAPES)
def test_infinities_and_nan_stay_where_direct_sums_have_them(
    kernel: type[WinogradConv], slab: int, where: str, shape: Shape, padding: int | str, batch: int,
    monkeypatch: pytest.MonkeyPatch,
) -> None:  # fmt: skip
    monkeypatch.setattr(conv_winograd, "SLAB_BYTES", slab)
    monkeypatch.setattr(conv_winograd, "SLAB_PER_WEIGHT", 0)
    monkeypatch.setattr(table, "kernel_of", lambda *_: Choice(kernel, "asked for"))
    case = Case("", Conv(filters=3, kernel=3, padding=padding), (shape,))
    fast, plain = model_of(case, dtype="float32"), model_of(case, reference=True, dtype="float32")
    images, _ = data(fast, batch)
    if where == "images":
        wild(images)
    elif where == "large":
        images[...] = 1e38 * np.sign(images)
    for model in (fast, plain):
        weights = model.weights["layer.weight"]
        weights /= 20 * np.abs(weights).max()
        if where == "weights":
            weights.flat[5] = np.nan
            weights.flat[10] = np.inf
    with np.errstate(over="ignore", invalid="ignore"):
        expected = plain.predict(images)
    assert (where == "large") == bool(np.isfinite(expected).all())
    actual = fast.predict(images)
    np.testing.assert_array_equal(np.isfinite(actual), np.isfinite(expected))
    finite = np.isfinite(expected)
    np.testing.assert_array_equal(actual[~finite], expected[~finite])
    np.testing.assert_allclose(actual[finite], expected[finite], rtol=1e-3, atol=1e-3)


def test_a_wild_sample_leaves_its_neighbours_bits_alone() -> None:
    model = NumpyEngine(network_of(large()))
    images = np.random.default_rng(0).standard_normal((4, *model.network.input)).astype(np.float32)
    expected = model.predict(images)
    images[1, 5, 5, 3] = np.nan
    actual = model.predict(images)
    others = [0, 2, 3]
    assert expected[others].tobytes() == actual[others].tobytes()
    assert 9 * 128 == np.count_nonzero(np.isnan(actual))

"""Winograd's convolutions against the definition, and where they are chosen."""

from __future__ import annotations

import numpy as np
import pytest
from cases.roll import Case
from single import data, model_of, network_of

from cnnspec.backends.numpy import build, choose, conv_winograd
from cnnspec.backends.numpy.conv_slab import SlabConv
from cnnspec.backends.numpy.conv_winograd import CoarseWinogradConv, WinogradConv
from cnnspec.layers.base import Shape
from cnnspec.layers.conv import Conv

SHAPES: list[tuple[Shape, int | str, int]] = [
    ((8, 8, 3), 1, 1), ((7, 9, 2), 1, 3), ((5, 6, 4), 0, 2), ((3, 3, 1), 0, 1), ((1, 2, 3), 1, 2),
    ((6, 5, 2), "same", 5), ((10, 13, 2), 2, 2),
]  # fmt: skip


@pytest.mark.parametrize("kernel", [WinogradConv, CoarseWinogradConv])
@pytest.mark.parametrize("slab", [1, 1 << 20])
@pytest.mark.parametrize("shape, padding, batch", SHAPES)
def test_winograd_equals_the_definition(
    kernel: type[WinogradConv], slab: int, shape: Shape, padding: int | str, batch: int,
    monkeypatch: pytest.MonkeyPatch,
) -> None:  # fmt: skip
    monkeypatch.setattr(conv_winograd, "SLAB_BYTES", slab)
    monkeypatch.setattr(choose, "kernel_of", lambda *_: (kernel, "asked for"))
    case = Case("", Conv(filters=3, kernel=3, padding=padding), (shape,))
    fast, plain = model_of(case), model_of(case, reference=True)
    images, _ = data(fast, batch)
    np.testing.assert_allclose(fast.predict(images), plain.predict(images), atol=1e-11)
    fast.weights["layer.weight"] *= 2
    plain.weights["layer.weight"] *= 2
    np.testing.assert_allclose(fast.predict(images), plain.predict(images), atol=1e-11)


def large() -> Case:
    return Case("", Conv(filters=128, kernel=3, padding=1), ((14, 14, 128),))


@pytest.mark.parametrize("coarse, tolerance", [(False, 1e-5), (True, 1e-4)])
def test_single_precision_holds_its_promise(coarse: bool, tolerance: float) -> None:
    network = network_of(large())
    model = build(network, coarse=coarse)
    images = np.random.default_rng(0).standard_normal((2, *network.input)).astype(np.float32)
    kinds = [type(step) for step in model.compile(2).steps]
    assert (CoarseWinogradConv if coarse else WinogradConv) is kinds[0]
    plain = build(network, reference=True, dtype="float64")
    expected = plain.predict(images.astype(float))
    np.testing.assert_allclose(model.predict(images), expected, atol=tolerance * np.abs(expected).max())


def test_it_is_chosen_for_predicting_where_it_gains() -> None:
    node = network_of(large()).nodes[1]
    assert WinogradConv is choose.kernel_of(node, 1, False)[0]
    assert SlabConv is choose.kernel_of(node, 1, True)[0]
    small = network_of(Case("", Conv(filters=128, kernel=3, padding=1), ((7, 7, 128),))).nodes[1]
    assert SlabConv is choose.kernel_of(small, 1, False)[0]
    assert WinogradConv is choose.kernel_of(small, 8, False)[0]
    for other in ({"stride": 2}, {"dilation": 2}, {"groups": 2}, {"filters": 64}, {"kernel": 5}):
        layer = Conv(**({"filters": 128, "kernel": 3, "padding": 1} | other))
        node = network_of(Case("", layer, ((14, 14, 128),))).nodes[1]
        assert WinogradConv is not choose.kernel_of(node, 1, False)[0]

"""Kernels that large shapes get: each against the definition, forward and backward."""

from __future__ import annotations

from math import erfc, sqrt
from typing import Any

import numpy as np
import pytest
from cases.registry import CASES, Case
from cases.single import data, model_of, network_of, run

import cnnspec
from cnnspec.backends.numpy.engine import NumpyEngine
from cnnspec.backends.numpy.kernels import conv_shift, conv_slab, conv_up, norm, tail
from cnnspec.backends.numpy.kernels import curve as activation_block
from cnnspec.backends.numpy.kernels import table as choose
from cnnspec.backends.numpy.kernels.conv_depthwise import DepthwiseConv
from cnnspec.backends.numpy.kernels.conv_patch import PatchConv
from cnnspec.backends.numpy.kernels.conv_row import RowConv
from cnnspec.backends.numpy.kernels.conv_shift import ShiftConv
from cnnspec.backends.numpy.kernels.conv_slab import SlabConv
from cnnspec.backends.numpy.kernels.conv_up import UpConvStep
from cnnspec.backends.numpy.kernels.curve import normal_share
from cnnspec.backends.numpy.kernels.step import Choice, KernelStep
from cnnspec.backends.numpy.kernels.table import fast_steps
from cnnspec.backends.numpy.layout import Array
from cnnspec.layers.base import Shape
from cnnspec.layers.conv import Conv
from cnnspec.layers.depthwise import Depthwise

FLAT = [
    case
    for case in CASES
    if case.layer.word == "conv" and len(case.inputs[0]) == 3 and getattr(case.layer, "groups", 1) == 1
]


@pytest.mark.parametrize("case", FLAT, ids=repr)
@pytest.mark.parametrize("columns", [1, 10, 1000])
def test_slabs_of_any_height_equal_the_definition(
    case: Case, columns: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(conv_slab, "COLUMNS", columns)
    monkeypatch.setattr(choose, "kernel_of", lambda *_: Choice(SlabConv, "asked for"))
    fast, plain = model_of(case), model_of(case, reference=True)
    images, direction = data(fast, 2)
    actual, expected = run(fast, images, direction), run(plain, images, direction)
    np.testing.assert_allclose(actual.output, expected.output, atol=1e-12)
    np.testing.assert_allclose(actual.input_gradient, expected.input_gradient, atol=1e-12)
    for name, gradient in expected.gradients.items():
        np.testing.assert_allclose(actual.gradients[name], gradient, atol=1e-11)
    np.testing.assert_allclose(fast.predict(images), plain.predict(images), atol=1e-12)


CHOICES: list[tuple[type[KernelStep], dict[str, Any], Shape, int]] = [
    (RowConv, {"filters": 6, "kernel": 5, "padding": 2}, (28, 28, 1), 64),
    (RowConv, {"filters": 64, "kernel": 3, "padding": 1}, (224, 224, 64), 1),
    (SlabConv, {"filters": 512, "kernel": 3, "padding": 1}, (14, 14, 512), 1),
    (RowConv, {"filters": 512, "kernel": 3, "padding": 1}, (14, 14, 512), 64),
    (PatchConv, {"filters": 64, "kernel": 3, "groups": 4}, (14, 14, 64), 1),
    (PatchConv, {"filters": 8, "kernel": 3, "dilation": 2}, (14, 14, 8), 1),
    (PatchConv, {"filters": 8, "kernel": 3}, (8, 8, 8, 4), 1),
    (RowConv, {"filters": 8, "kernel": 3}, (100, 4), 1),
]


@pytest.mark.parametrize("kernel, options, shape, batch", CHOICES)
def test_the_kernel_is_chosen_by_shape(
    kernel: type[KernelStep], options: dict[str, Any], shape: Shape, batch: int
) -> None:
    node = network_of(Case("", Conv(**options), (shape,))).nodes[1]
    chosen = choose.kernel_of(node, batch)
    assert kernel is chosen.kernel
    assert len(chosen.reason) > 10


def test_depthwise_gets_its_own_kernels() -> None:
    def kernel(shape: Shape, batch: int = 1, **options: Any) -> type[KernelStep]:
        node = network_of(Case("", Depthwise(kernel=3, **options), (shape,))).nodes[1]
        return choose.kernel_of(node, batch).kernel

    assert ShiftConv is kernel((9, 9, 4))
    assert ShiftConv is kernel((14, 14, 4), 64, stride=2)
    assert DepthwiseConv is kernel((114, 114, 4), 64)
    assert DepthwiseConv is kernel((9, 9, 4), multiplier=2)
    assert DepthwiseConv is kernel((9, 4))


@pytest.mark.parametrize("case", [case for case in CASES if case.layer.word == "batchnorm"], ids=repr)
@pytest.mark.parametrize("block, short", [(1, 0), (20, 0), (1, 1000), (20, 1000)])
def test_batchnorm_in_any_blocks_equals_the_definition(
    case: Case, block: int, short: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    for module in (norm, tail):
        monkeypatch.setattr(module, "BLOCK", block)
    monkeypatch.setattr(tail, "SHORT", short)
    fast, plain = model_of(case), model_of(case, reference=True)
    images, direction = data(fast, 3)
    np.testing.assert_allclose(fast.predict(images), plain.predict(images), atol=1e-12)
    actual, expected = run(fast, images, direction), run(plain, images, direction)
    np.testing.assert_allclose(actual.output, expected.output, atol=1e-12)
    np.testing.assert_allclose(actual.input_gradient, expected.input_gradient, atol=1e-12)
    for name, gradient in expected.gradients.items():
        np.testing.assert_allclose(actual.gradients[name], gradient, atol=1e-11)


SHIFTED: list[tuple[dict[str, Any], Shape, int]] = [
    ({"kernel": 3, "padding": "same"}, (7, 6, 5), 1),
    ({"kernel": 3, "padding": 1, "stride": 2}, (9, 8, 3), 2),
    ({"kernel": 5, "padding": 2, "stride": 3}, (11, 7, 4), 3),
    ({"kernel": 3, "dilation": 2, "stride": 2, "padding": 2}, (9, 10, 3), 2),
    ({"kernel": (1, 4)}, (3, 9, 3), 1),
    ({"kernel": (3, 1), "stride": 2, "padding": 3}, (4, 5, 2), 2),
    ({"kernel": 2, "stride": 3}, (8, 9, 2), 1),
]


@pytest.mark.parametrize("options, shape, batch", SHIFTED)
@pytest.mark.parametrize("run_, block, short", [(1, 1, 0), (24, 60, 1000), (1 << 14, 1 << 16, 0)])
def test_shifted_rows_in_any_blocks_equal_the_definition(
    options: dict[str, Any], shape: Shape, batch: int, run_: int, block: int, short: int,
    monkeypatch: pytest.MonkeyPatch,
) -> None:  # fmt: skip
    for name, value in (("RUN", run_), ("BLOCK", block), ("SHORT", short)):
        monkeypatch.setattr(conv_shift, name, value)
    case = Case("", Depthwise(**options), (shape,))
    assert ShiftConv is choose.kernel_of(network_of(case).nodes[1], batch).kernel
    fast, plain = model_of(case), model_of(case, reference=True)
    images, direction = data(fast, batch)
    actual, expected = run(fast, images, direction), run(plain, images, direction)
    np.testing.assert_allclose(actual.output, expected.output, atol=1e-12)
    np.testing.assert_allclose(actual.input_gradient, expected.input_gradient, atol=1e-12)
    np.testing.assert_allclose(
        actual.gradients["layer.weight"], expected.gradients["layer.weight"], atol=1e-11
    )
    for model in (fast, plain):
        model.weights["layer.weight"] *= 2
    np.testing.assert_allclose(fast.predict(images), plain.predict(images), atol=1e-12)


def test_shifted_rows_keep_infinities_in_their_channel() -> None:
    case = Case("", Depthwise(kernel=3, padding=1), ((4, 4, 3),))
    fast, plain = model_of(case), model_of(case, reference=True)
    images, _ = data(fast, 2)
    images[0, 1, 3, 1], images[1, 0, 0, 2] = np.inf, np.nan
    np.testing.assert_array_equal(np.isnan(fast.predict(images)), np.isnan(plain.predict(images)))
    np.testing.assert_array_equal(np.isinf(fast.predict(images)), np.isinf(plain.predict(images)))


def test_depthwise_in_slabs_equals_the_definition(monkeypatch: pytest.MonkeyPatch) -> None:
    case = Case("", Depthwise(kernel=3, padding="same", stride=2, multiplier=2), ((9, 8, 3),))
    monkeypatch.setattr("cnnspec.backends.numpy.kernels.conv_depthwise.SLAB_BYTES", 1)
    fast, plain = model_of(case), model_of(case, reference=True)
    images, direction = data(fast, 2)
    actual, expected = run(fast, images, direction), run(plain, images, direction)
    np.testing.assert_allclose(actual.output, expected.output, atol=1e-12)
    np.testing.assert_allclose(actual.input_gradient, expected.input_gradient, atol=1e-12)
    for name, gradient in expected.gradients.items():
        np.testing.assert_allclose(actual.gradients[name], gradient, atol=1e-11)


CURVES = [
    case
    for case in CASES
    if any(
        issubclass(choice.kernel, activation_block.ActivationCurve)
        for choice in fast_steps(network_of(case).nodes[-1], 1, True)
    )
]


@pytest.mark.parametrize("case", CURVES, ids=repr)
@pytest.mark.parametrize("block", [1, 3, 7, 20])
def test_curves_in_blocks_of_any_size_equal_the_definition(
    case: Case, block: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(activation_block, "BLOCK", block)
    fast, plain = model_of(case), model_of(case, reference=True)
    images, direction = data(fast, 3)
    actual, expected = run(fast, images, direction), run(plain, images, direction)
    np.testing.assert_allclose(actual.output, expected.output, atol=1e-12)
    np.testing.assert_allclose(actual.input_gradient, expected.input_gradient, atol=1e-12)
    for name, gradient in expected.gradients.items():
        np.testing.assert_allclose(actual.gradients[name], gradient, atol=1e-11)


@pytest.mark.parametrize("shape", [(1, 1, 1), (5, 3, 7), (2, 40, 3), (2, 2, 50), (30, 1, 2)])
def test_blocks_cover_everything_once(shape: tuple[int, int, int], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(activation_block, "BLOCK", 20)
    seen = np.zeros(shape, int)
    for part in activation_block.parts(*shape):
        seen[part] += 1
        assert seen[part].flags.c_contiguous
        assert 0 < seen[part].size <= 20
    assert {1} == set(seen.flat)


def test_the_normal_share_is_exact_to_the_last_bits() -> None:
    for kind, tolerance in ((np.float32, 3e-7), (np.float64, 1e-15)):
        x = np.concatenate([np.linspace(-12, 12, 4001), np.logspace(-9, 0, 500)]).astype(kind)
        out, *rooms = np.empty((3, x.size), kind)
        normal_share(x, out, *rooms)
        exact = [erfc(-float(value) / sqrt(2)) / 2 for value in x]
        np.testing.assert_allclose(out, exact, rtol=0, atol=tolerance)


@pytest.mark.parametrize("groups", [1, 2])
def test_transposed_convolutions_spread_some_filters_at_a_time(
    groups: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    """To the values of all at once, in the room of one part whatever their number is."""
    spec = f"input 5x6x8; upconv 14 5x3 stride=2 padding=1 groups={groups}; conv 2 1x1"
    random, found = np.random.default_rng(0), list[tuple[int, UpConvStep, Array, Array]]()
    images, wanted = random.standard_normal((3, 5, 6, 8)), random.standard_normal((3, 11, 11, 2))
    for least in (1 << 21, 0):
        monkeypatch.setattr(conv_up, "LEAST_ROOM", least)
        engine = NumpyEngine(cnnspec.parse(spec), seed=1, dtype="float64")
        program = engine.compile(3, True, loss="mse", input_gradient=True)
        program.step(images, wanted)
        step = program.steps[0]
        assert isinstance(step, UpConvStep)
        found.append((len(step.parts), step, engine.flat_gradient.copy(), program.input_gradient().copy()))
    (one, _, *values), (many, step, *same) = found
    assert one == 1 < many
    for a, b in zip(values, same, strict=True):
        np.testing.assert_allclose(a, b, rtol=1e-10, atol=1e-12)
    assert len({back.patches.ctypes.data for back in step.back}) == 1
    assert len({back.order.ctypes.data for back in step.back if back.order is not None}) == 1

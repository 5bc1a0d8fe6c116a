"""On small networks drawn at random: each value's sum is the engine's, each gradient what differences say."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from hypothesis import HealthCheck, given, reject, settings
from hypothesis import strategies as st
from tools import known

import cnnspec
from cnnspec.diagnostics import SpecError
from cnnspec.teaching.gradient import backward, cross_entropy, numbers
from cnnspec.teaching.working import Values, all_workings

ON_MAPS = [
    "conv 2 3x3 padding=1", "conv 3 2x2", "conv 2 2x3 padding=same bias=no",
    "conv 2 3x3 padding=2 dilation=2", "conv 2 2x2 stride=2 padding=1", "depthwise 3x3 padding=1",
    "upconv 2 2x2", "maxpool 2x2 stride=1", "avgpool 2x2 stride=1", "batchnorm", "lrn", "relu", "tanh",
    "silu", "upsample 2", "add { | conv 2 1x1 | conv 2 1x1 }", "concat { | | sigmoid }",
    "multiply { | | tanh }",
]  # fmt: skip
ON_VECTORS = ["dense 4", "sigmoid", "gelu", "dense 3 bias=no"]


@st.composite
def networks(draw: st.DrawFn) -> str:
    """A chain on a map of 3x4 or 4x4, a few dense layers, three classes."""
    size = draw(st.sampled_from(["3x4x1", "4x4x2"]))
    maps = draw(st.lists(st.sampled_from(ON_MAPS), max_size=3))
    vectors = draw(st.lists(st.sampled_from(ON_VECTORS), max_size=2))
    return "; ".join([f"input {size}", *maps, "flatten", *vectors, "dense 3", "softmax"])


def loss_of(model: Any, sample: np.ndarray) -> float:
    return float(known(cross_entropy(Values.of(model, sample), 1).formula).value)


@settings(max_examples=12, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(networks(), st.integers(0, 2**16))
def test_sums_and_gradients_by_hand(text: str, seed: int) -> None:
    try:
        model = cnnspec.parse(text).build(seed, dtype="float64")
    except SpecError:
        reject()  # a map that got too small
    generator = np.random.default_rng(seed)
    sample = generator.normal(size=model.network.input)
    values = Values.of(model, sample)
    for node in model.network.layers:
        np.testing.assert_allclose(
            numbers(all_workings(values, node)),
            values.maps[node.index],
            rtol=1e-5,
            atol=1e-6,
            err_msg=node.name,
        )
    found = backward(values, cross_entropy(values, 1))
    weights = {
        f"{layer.node.name}.{name}": numbers(array)
        for layer in found.layers
        for name, array in layer.weights.items()
    }
    for name, gradient in weights.items():
        array = model.weights[name]
        place = tuple(int(generator.integers(size)) for size in array.shape)
        before, after = (loss_after(model, array, place, step, sample) for step in (-1e-5, 1e-5))
        assert gradient[place] == pytest.approx((after - before) / 2e-5, rel=1e-3, abs=1e-6), (name, place)


def loss_after(
    model: Any, array: np.ndarray, place: tuple[int, ...], step: float, sample: np.ndarray
) -> float:
    """The loss with one weight moved, which is then put back."""
    kept = array[place]
    array[place] = kept + step
    try:
        return loss_of(model, sample)
    finally:
        array[place] = kept

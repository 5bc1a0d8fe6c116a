"""Every layer shows its working: the sum written down is the engine's value, forward and backward."""

from __future__ import annotations

import numpy as np
import pytest
from cases.registry import CASES, Case
from cases.single import POSITIVE, network_of

from cnnspec.network.graph import Network
from cnnspec.teaching.gradient import NUMBERS_ONLY, backward, numbers, upstream
from cnnspec.teaching.working import NOT_WRITTEN, NotWritten, Values, working

PLACES = 3
written = pytest.mark.parametrize(
    "case", [one for one in CASES if one.layer.word not in NOT_WRITTEN], ids=repr
)


def values_of(case: Case) -> tuple[Network, Values]:
    network = network_of(case)
    model = network.build(3)
    generator = np.random.default_rng(5)
    for name, array in model.weights.items():
        array[...] = generator.uniform(0.2, 1.5, array.shape)
        assert name in model.weights
    sample = generator.normal(size=network.input).round(1).astype("float32")
    if case.layer.word in POSITIVE:
        sample = np.abs(sample) + np.float32(0.5)
    return network, Values.of(model, sample)


@written
def test_the_sum_behind_a_value_is_the_engines(case: Case) -> None:
    network, values = values_of(case)
    node = network.nodes[network.outputs[0].node]
    y = values.maps[node.index]
    generator = np.random.default_rng(1)
    for _ in range(PLACES):
        place = tuple(int(generator.integers(size)) for size in y.shape)
        found = float(working(values, node, place).formula.value)
        assert found == pytest.approx(float(y[place]), rel=1e-4, abs=1e-5), place


@written
def test_gradients_on_symbols_are_those_on_numbers(case: Case) -> None:
    network, values = values_of(case)
    node = network.nodes[network.outputs[0].node]
    delta = np.random.default_rng(2).normal(size=node.output).round(1)
    layer = backward(values, upstream(node, delta)).layers[0]
    assert layer.written == (case.layer.word not in NUMBERS_ONLY)
    inputs = [values.maps[index].astype(float) for index in node.inputs[: len(layer.inputs)]]
    weights = {name: array.astype(float) for name, array in values.of_node(node).items()}
    dx, dw = values.call(node, inputs, weights)[1](np.moveaxis(delta, -1, 0)[None])
    for found, expected in zip(layer.inputs, dx, strict=False):
        np.testing.assert_allclose(numbers(found), expected[0], rtol=1e-9, atol=1e-9)
    for name, gradient in layer.weights.items():
        np.testing.assert_allclose(numbers(gradient), dw[name], rtol=1e-9, atol=1e-9)


@pytest.mark.parametrize("word", sorted(NOT_WRITTEN))
def test_what_is_not_written_out_says_so(word: str) -> None:
    case = next(one for one in CASES if one.layer.word == word)
    network, values = values_of(case)
    node = network.nodes[network.outputs[0].node]
    with pytest.raises(NotWritten, match=word):
        working(values, node, (0,) * len(node.output))

"""The same value in other ways: by the kernel turned, as mathematics convolves, and as one matrix product."""

from __future__ import annotations

import json

import numpy as np
import pytest
from tools import Command

import cnnspec
from cnnspec.teaching.im2col import im2col
from cnnspec.teaching.working import Values, working

LECTURE = ["-e", "input 3x3x1; conv 1 2x2", "--input", "0 1 2; 3 4 5; 6 7 8", "--weights", "conv1=0 1; 2 3"]
CONVOLUTIONS = [
    "input 5x6x2; conv 3 3x2 stride=2x1 padding=(1, 0, 2, 1)",
    "input 9x7x2; conv 2 3x2 dilation=2x3",
    "input 6x6x4; conv 4 3x3 groups=2 padding=same",
    'input 5x5x3; conv 2 3x3 connections="0 2; 1" padding=1',
    "input 5x5x2; depthwise 3x2 multiplier=2 padding=1",
    "input 9x2; conv 2 3 padding=1 stride=2",
    "input 9x4; conv 4 3 groups=2 dilation=2 padding=same",
    "input 8x1; conv 2 8",
    "input 5x5x2; conv 2 3x3 padding=full bias=no",
]


def values_of(text: str, turned: bool = False) -> Values:
    """With random numbers and a bias; ``turned``: the kernels turned by half a turn."""
    network = cnnspec.parse(text)
    model, random = network.build(2), np.random.default_rng(4)
    for name, array in model.weights.items():
        array[...] = random.normal(size=array.shape)
        if turned and name.endswith("weight"):
            first = array.ndim - len(network.input) + 1
            array[...] = np.flip(array, tuple(range(first, array.ndim)))
    return Values.of(model, random.normal(size=network.input).astype("float32"))


@pytest.mark.parametrize("text", CONVOLUTIONS)
def test_a_turned_kernel_gives_what_a_layer_with_that_kernel_computes(text: str) -> None:
    values, wanted = values_of(text), values_of(text, turned=True)
    node = values.network.nodes[1]
    for place in list(np.ndindex(wanted.maps[1].shape))[::5]:
        found = working(values, node, place, turned=True)
        assert float(found.formula.value) == pytest.approx(wanted.maps[1][place], abs=1e-5)
        assert found.computed == pytest.approx(values.maps[1][place])


@pytest.mark.parametrize("text", CONVOLUTIONS)
def test_the_matrix_product_is_the_layers_output(text: str) -> None:
    values = values_of(text)
    node = values.network.nodes[1]
    seen = set[int]()
    for channel in range(node.output[-1]):
        product = im2col(values, node, channel)
        assert product.filters[0] == channel
        for place, row in zip(product.places, product.result, strict=True):
            found = [values.maps[1][(n, *place)] for n in product.filters]
            np.testing.assert_allclose(row, found, rtol=1e-4, atol=1e-5)
        seen |= set(product.filters)
    assert seen == set(range(node.output[-1]))


def test_the_lectures_filter_turned(command: Command) -> None:
    page = command("run", *LECTURE, "--at", "0,0", "--as", "convolution")[1]
    assert "y₁₁ = x₁₁·w₂₂ + x₁₂·w₂₁ + x₂₁·w₁₂ + x₂₂·w₁₁ + b" in page
    assert "= 0·3 + 1·2 + 3·1 + 4·0" in page
    assert "The layer itself, a cross-correlation, leaves the kernel as it is and gives 19." in page
    (found,) = json.loads(command("run", *LECTURE, "--at", "0,0", "--as", "convolution", "--json")[1])
    assert (found["value"], found["computed"]) == (5, 19)


def test_the_lectures_filter_as_a_matrix_product(command: Command) -> None:
    page = command("run", *LECTURE, "--as", "im2col")[1]
    assert "  0,1    1   2   4   5     1     25" in page
    assert (
        r"\begin{bmatrix} 0 & 1 & 3 & 4 \\"
        in command("run", *LECTURE, "--as", "im2col", "--format", "latex")[1]
    )
    (found,) = json.loads(command("run", *LECTURE, "--as", "im2col", "--at", "1,0", "--json")[1])
    assert (found["at"], found["matrix"], found["product"]) == ([[1, 0]], [[3, 4, 6, 7]], [[37]])


def test_a_wide_matrix_keeps_to_the_page(command: Command, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("COLUMNS", "60")
    page = command("run", "-e", "input 5x5x3; conv 6 3x3", "--input", "random", "--as", "im2col")[1]
    assert max(map(len, page.splitlines())) <= 60
    assert "…" in page
    assert "more filters have columns of their own." in page


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        ([*LECTURE, "--as", "convolution"], "give --at or --working too"),
        (["-e", "input 4; dense 2", "--input", "count", "--as", "im2col"], "dense1 is no convolution"),
        (["-e", "input 4x4x1; maxpool 2x2", "--input", "count", "--at", "0,0", "--as", "convolution"],
         "maxpool1 has no kernel that a convolution would turn"),
        ([*LECTURE, "--as", "im2col", "-o", "x.npy"], "leave one out"),
        ([*LECTURE, "--layer", "input", "--as", "im2col"], "input is given: no sum stands behind its values"),
        ([*LECTURE, "--layer", "input", "--at", "0,0"], "input is given: no sum stands behind its values"),
    ],
)  # fmt: skip
def test_what_has_no_such_way_is_told(arguments: list[str], said: str, command: Command) -> None:
    code, _, told = command("run", *arguments)
    assert code == 2
    assert said in " ".join(told.split())

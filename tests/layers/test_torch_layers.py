"""Shapes, parameters, names, layouts and multiply counts against PyTorch itself."""

from __future__ import annotations

from itertools import product
from typing import Any

import pytest
from cases.registry import CASES, Case

from cnnspec.layers.conv import Conv
from cnnspec.layers.registry import LAYERS
from cnnspec.layers.upconv import UpConv
from cnnspec.layers.window import Axis

torch = pytest.importorskip("torch")
TORCH = pytest.importorskip("cases.pytorch").TORCH
pytestmark = pytest.mark.torch

LOCAL = ("connections", "lenet1998")
HERE_ONLY = [case for case in CASES if any(word in case.name for word in LOCAL)]
"""Connection tables: PyTorch has no module for them."""
SHARED = [case for case in CASES if case not in HERE_ONLY]
each_case = pytest.mark.parametrize("case", SHARED, ids=repr)


def test_pytorch_lacks_nothing_but_connection_tables() -> None:
    assert {case.layer.word for case in HERE_ONLY} == {"conv"}
    assert {case.layer.word for case in SHARED} == set(LAYERS) == set(TORCH)


def made(case: Case) -> tuple[Any, Any]:
    """PyTorch's module, and what it makes of one random sample."""
    module, run = TORCH[case.layer.word](case)
    module.eval()
    return module, run(*(torch.randn(1, shape[-1], *shape[:-1]) for shape in case.inputs))


@each_case
def test_shape_is_pytorchs(case: Case) -> None:
    _, channels, *sizes = made(case)[1].shape
    assert case.layer.shape(case.inputs) == (*sizes, channels)


@each_case
def test_weights_have_pytorchs_names_and_layouts(case: Case) -> None:
    module, _ = made(case)
    ours = {weight.name: (weight.shape, weight.buffer) for weight in case.layer.arrays(case.inputs)}
    theirs = {name: (tuple(value.shape), False) for name, value in module.named_parameters()}
    theirs |= {
        name: (tuple(value.shape), True)
        for name, value in module.named_buffers()
        if name != "num_batches_tracked"
    }
    assert ours == theirs


@each_case
def test_multiplies_are_those_of_pytorchs_flop_counter(case: Case) -> None:
    from torch.utils.flop_counter import FlopCounterMode

    with FlopCounterMode(display=False) as counter:
        made(case)
    assert 2 * int(case.layer.multiplies(case.inputs)) == counter.get_total_flops()


def test_every_pool_size_is_pytorchs() -> None:
    for size, kernel, stride, padding, dilation, ceil in product(
        range(1, 10), range(1, 5), range(1, 5), range(3), range(1, 3), (False, True)
    ):
        if padding > kernel // 2:
            continue
        axis = Axis("w", size, kernel, stride, padding, padding, dilation, round_up=ceil)
        pool = torch.nn.MaxPool1d(kernel, stride, padding, dilation, ceil_mode=ceil)
        if axis.count < 1:
            with pytest.raises(RuntimeError):
                pool(torch.zeros(1, 1, size))
        else:
            assert pool(torch.zeros(1, 1, size)).shape[-1] == axis.count == int(axis.output), axis


def test_every_transposed_size_is_pytorchs() -> None:
    for size, kernel, stride, padding, dilation, extra in product(
        range(1, 5), range(1, 5), range(1, 4), range(3), range(1, 3), range(3)
    ):
        expected = (size - 1) * stride - 2 * padding + dilation * (kernel - 1) + extra + 1
        if extra >= max(stride, dilation) or expected < 1:
            continue
        layer = UpConv(
            filters=1, kernel=kernel, stride=stride, padding=padding, dilation=dilation, output_padding=extra
        )
        theirs = torch.nn.functional.conv_transpose1d(
            torch.zeros(1, 1, size), torch.zeros(1, 1, kernel), None, stride, padding, extra, 1, dilation
        )
        assert layer.shape(((size, 1),)) == (theirs.shape[-1], 1)


def test_same_at_stride_1_pads_as_pytorch() -> None:
    for size, kernel, dilation in product(range(3, 8), range(1, 5), range(1, 3)):
        layer = Conv(filters=1, kernel=kernel, padding="same", dilation=dilation)
        (axis,) = layer.axes(((size, 1),))
        theirs = torch.nn.Conv1d(1, 1, kernel, padding="same", dilation=dilation)
        assert tuple(theirs._reversed_padding_repeated_twice) == (axis.before, axis.after)

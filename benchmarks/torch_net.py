"""A network run by PyTorch's own functions, for timing beside it: the layers of the classic networks."""

from __future__ import annotations

from typing import Any

import torch
from torch import nn

from benchmarks.rivals import LAYOUTS
from cnnspec.layers import (
    activation,
    avgpool,
    conv,
    dense,
    depthwise,
    dropout,
    flatten,
    globalpool,
    merge,
    norm,
    pool,
    reshape,
)  # fmt: skip
from cnnspec.layers.base import Shapes
from cnnspec.network.graph import Network


def laid_out(layout: str, *things: Any) -> Any:
    """Modules and batches of images in one of PyTorch's layouts."""
    form = torch.channels_last if layout == LAYOUTS[1] else torch.contiguous_format
    return [thing.to(memory_format=form) for thing in things]


def sides(axes: Any) -> Any:
    """PyTorch's padding, the same on both sides; the classics need no other."""
    assert all(axis.before == axis.after for axis in axes)
    return tuple(axis.before for axis in axes)


def module(layer: Any, inputs: Shapes) -> nn.Module:
    """The layer as a module of PyTorch; weights are random."""
    channels = inputs[0][-1]
    if isinstance(layer, depthwise.Depthwise):
        layer = layer.as_conv(inputs)
    match layer:
        case conv.Conv():
            axes = layer.axes(inputs)
            return nn.Conv2d(
                channels, layer.filters, tuple(a.kernel for a in axes), tuple(a.stride for a in axes),
                sides(axes), tuple(a.dilation for a in axes), layer.groups, layer.bias,
            )  # fmt: skip
        case dense.Dense():
            return nn.Linear(channels, layer.units, layer.bias)
        case pool.MaxPool():
            axes = layer.axes(inputs)
            return nn.MaxPool2d(
                tuple(a.kernel for a in axes), tuple(a.stride for a in axes), sides(axes),
                ceil_mode=layer.rounding == "ceil",
            )  # fmt: skip
        case avgpool.AvgPool():
            axes = layer.axes(inputs)
            return nn.AvgPool2d(tuple(a.kernel for a in axes), tuple(a.stride for a in axes), sides(axes))
        case globalpool.GlobalAvgPool():
            return nn.AdaptiveAvgPool2d(1)
        case norm.BatchNorm():
            return (nn.BatchNorm2d if len(inputs[0]) == 3 else nn.BatchNorm1d)(channels)
        case activation.Relu():
            return nn.ReLU(inplace=True) if layer.max is None else nn.ReLU6(inplace=True)
        case activation.Softmax():
            return nn.Softmax(1)
        case dropout.Dropout(channels=False):
            return nn.Dropout(layer.rate)
        case flatten.Flatten():
            return nn.Flatten()
        case reshape.Identity():
            return nn.Identity()
    raise SystemExit(f"the benchmark has no {layer.word} in PyTorch")


def chain(network: Network) -> nn.Sequential:
    """A network without branches, up to its logits."""
    layers = [node for node in network.layers if not isinstance(node.layer, activation.Softmax)]
    return nn.Sequential(*(module(node.layer, node.input_shapes) for node in layers))


class TorchNet(nn.Module):  # type: ignore[misc]
    """The whole graph; values are dropped as soon as nobody reads them."""

    def __init__(self, network: Network, logits: bool = False) -> None:
        super().__init__()
        self.network = network
        self.last = network.logits().index if logits else network.outputs[0].node
        self.parts = nn.ModuleDict(
            {
                str(node.index): module(node.layer, node.input_shapes)
                for node in network.layers
                if not isinstance(node.layer, merge.Add | merge.Concat)
            }
        )

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        values = {0: x}
        left = [len(readers) for readers in self.network.readers]
        for node in self.network.layers:
            inputs = [values[source] for source in node.inputs]
            if isinstance(node.layer, merge.Add):
                values[node.index] = inputs[0] + inputs[1]
            elif isinstance(node.layer, merge.Concat):
                values[node.index] = torch.cat(inputs, 1)
            else:
                values[node.index] = self.parts[str(node.index)](inputs[0])
            if node.index == self.last:
                return values[node.index]
            for source in node.inputs:
                left[source] -= 1
                if not left[source]:
                    del values[source]
        return values[self.last]

"""The table of the backend: layer class -> the steps that run it.

An entry is a tuple of steps in order, or a function of the node and of whether
it is trained that picks them by the layer's options and shapes.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Final, TypeAlias

from cnnspec.backends.numpy import activation, conv, dense, dropout, merge, norm, pool, reshape
from cnnspec.backends.numpy.step import Step
from cnnspec.layers.activation import Relu, Sigmoid, Softmax, Tanh
from cnnspec.layers.base import Layer
from cnnspec.layers.conv import Conv, Depthwise
from cnnspec.layers.dense import Dense
from cnnspec.layers.dropout import Dropout
from cnnspec.layers.merge import Add, Concat, Multiply
from cnnspec.layers.norm import BatchNorm
from cnnspec.layers.pool import AvgPool, GlobalAvgPool, GlobalMaxPool, MaxPool, MinPool, Subsample
from cnnspec.layers.reshape import Flatten, Identity
from cnnspec.network.graph import Node

Steps: TypeAlias = tuple[type[Step], ...]
Choice: TypeAlias = Callable[[Node, bool], Steps]

KERNELS: Final[dict[type[Layer], Steps | Choice]] = {
    Conv: conv.convolution,
    Depthwise: conv.convolution,
    Dense: (dense.Dense, conv.Bias),
    MaxPool: (pool.MaxPool,),
    MinPool: (pool.MinPool,),
    AvgPool: (pool.AvgPool,),
    GlobalAvgPool: (pool.AvgPool,),
    GlobalMaxPool: (pool.MaxPool,),
    Subsample: (pool.SumPool, pool.ChannelScale, conv.Bias),
    Flatten: (reshape.Flatten,),
    Identity: (),
    Dropout: (dropout.Dropout,),
    Relu: (activation.Relu,),
    Sigmoid: (activation.Sigmoid,),
    Tanh: (activation.Tanh,),
    Softmax: (activation.Softmax,),
    BatchNorm: (norm.BatchNorm,),
    Add: (merge.Add,),
    Multiply: (merge.Multiply,),
    Concat: (merge.Concat,),
}


def steps_of(node: Node, training: bool) -> Steps:
    """The steps of a layer with its options; none where it passes its input on."""
    entry = KERNELS[type(node.layer)]
    steps = entry if isinstance(entry, tuple) else entry(node, training)
    return tuple(step for step in steps if step.needed(node, training))

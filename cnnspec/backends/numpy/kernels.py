"""The table of the backend: layer class -> the steps that run it.

An entry is a tuple of steps in order, or a function of the node, of the batch and
of whether it is trained that picks them by the layer's options and shapes.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Final, TypeAlias

from cnnspec.backends.numpy import (
    activation,
    activation_curve,
    choose,
    conv,
    conv_up,
    dense,
    dropout,
    merge,
    norm,
    norm_sample,
    pool,
    pool_sum,
    resample,
    reshape,
    unpool,
)
from cnnspec.backends.numpy.conv_winograd import CoarseWinogradConv, WinogradConv
from cnnspec.backends.numpy.step import Step
from cnnspec.layers.activation import (
    Elu,
    Gelu,
    Hardsigmoid,
    Hardswish,
    LeakyRelu,
    Prelu,
    Relu,
    Sigmoid,
    Silu,
    Softmax,
    Tanh,
)
from cnnspec.layers.base import Layer
from cnnspec.layers.conv import Conv, Depthwise, UpConv
from cnnspec.layers.dense import Dense
from cnnspec.layers.dropout import Dropout
from cnnspec.layers.merge import Add, Concat, Multiply
from cnnspec.layers.norm import BatchNorm, GroupNorm, LayerNorm, Lrn
from cnnspec.layers.pool import (
    AvgPool,
    GlobalAvgPool,
    GlobalMaxPool,
    MaxPool,
    MedianPool,
    MinPool,
    Subsample,
    Unpool,
)
from cnnspec.layers.resample import Upsample
from cnnspec.layers.reshape import Crop, Flatten, Identity, Pad, Reshape, Shuffle, Slice
from cnnspec.network.graph import Node

Steps: TypeAlias = tuple[type[Step], ...]
Choice: TypeAlias = Callable[[Node, int, bool], Steps]

KERNELS: Final[dict[type[Layer], Steps | Choice]] = {
    Conv: choose.convolution,
    Depthwise: choose.convolution,
    UpConv: (conv_up.UpConv, conv.Bias),
    Dense: (dense.Dense, conv.Bias),
    MaxPool: (pool.MaxPool,),
    MinPool: (pool.MinPool,),
    AvgPool: (pool_sum.AvgPool,),
    GlobalAvgPool: (pool_sum.AvgPool,),
    GlobalMaxPool: (pool.MaxPool,),
    MedianPool: (unpool.MedianPool,),
    Unpool: (unpool.Unpool,),
    Subsample: (pool_sum.SumPool, pool_sum.ChannelScale, conv.Bias),
    Flatten: (reshape.Reshape,),
    Reshape: (reshape.Reshape,),
    Pad: (reshape.Pad,),
    Crop: (reshape.Crop,),
    Slice: (reshape.Slice,),
    Shuffle: (reshape.Shuffle,),
    Upsample: resample.upsample,
    Identity: (),
    Dropout: (dropout.Dropout,),
    Relu: activation_curve.relu,
    LeakyRelu: (activation_curve.Kinked,),
    Prelu: (activation_curve.Prelu,),
    Elu: (activation_curve.Elu,),
    Gelu: activation_curve.gelu,
    Silu: (activation_curve.Silu,),
    Hardswish: (activation_curve.Hardswish,),
    Hardsigmoid: (activation_curve.Hardsigmoid,),
    Sigmoid: (activation.Sigmoid,),
    Tanh: (activation.Tanh,),
    Softmax: (activation.Softmax,),
    BatchNorm: (norm.BatchNorm,),
    LayerNorm: (norm_sample.SampleNorm,),
    GroupNorm: (norm_sample.SampleNorm,),
    Lrn: (norm_sample.LocalResponse,),
    Add: (merge.Add,),
    Multiply: (merge.Multiply,),
    Concat: (merge.Concat,),
}


def steps_of(node: Node, batch: int, training: bool) -> Steps:
    """The steps of a layer with its options; none where it passes its input on."""
    entry = KERNELS[type(node.layer)]
    steps = entry if isinstance(entry, tuple) else entry(node, batch, training)
    return tuple(step for step in steps if step.needed(node, training))


def coarse_steps(node: Node, batch: int, training: bool) -> Steps:
    """The same with F(4x4, 3x3) in place of F(2x2, 3x3): faster, and accurate to 1e-4 only."""
    steps = steps_of(node, batch, training)
    return tuple(CoarseWinogradConv if step is WinogradConv else step for step in steps)

"""The table of the backend: layer class -> the steps that run it.

An entry picks them for a node, by the layer's options and shapes, by the batch
and by whether it is trained.
"""

from __future__ import annotations

from typing import Final, Literal, TypeAlias

from cnnspec.backends.numpy.kernels import (
    activation,
    activation_curves,
    conv,
    conv_choice,
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
from cnnspec.backends.numpy.kernels.step import Choice, Pick, always
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
from cnnspec.layers.conv import Conv, Depthwise
from cnnspec.layers.dense import Dense
from cnnspec.layers.merge import Add, Concat, Multiply
from cnnspec.layers.norm import BatchNorm, Dropout, GroupNorm, InstanceNorm, LayerNorm, Lrn
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
from cnnspec.layers.upconv import UpConv
from cnnspec.network.graph import Node

KERNELS: Final[dict[type[Layer], Pick]] = {
    Conv: conv_choice.convolution,
    Depthwise: conv_choice.convolution,
    UpConv: always(conv_up.UpConvStep, conv.Bias),
    Dense: always(dense.DenseStep, conv.Bias),
    MaxPool: always(pool.MaxPoolStep),
    MinPool: always(pool.MinPoolStep),
    AvgPool: always(pool_sum.AvgPoolStep),
    GlobalAvgPool: always(pool_sum.AvgPoolStep),
    GlobalMaxPool: always(pool.MaxPoolStep),
    MedianPool: always(unpool.MedianPoolStep),
    Unpool: always(unpool.UnpoolStep),
    Subsample: always(pool_sum.SumPool, pool_sum.ChannelScale, conv.Bias),
    Flatten: always(reshape.ReshapeStep),
    Reshape: always(reshape.ReshapeStep),
    Pad: always(reshape.PadStep),
    Crop: always(reshape.CropStep),
    Slice: always(reshape.SliceStep),
    Shuffle: always(reshape.ShuffleStep),
    Upsample: resample.upsample,
    Identity: always(),
    Dropout: always(dropout.DropoutStep),
    Relu: activation_curves.relu,
    LeakyRelu: always(activation_curves.Kinked),
    Prelu: always(activation_curves.PreluStep),
    Elu: always(activation_curves.EluStep),
    Gelu: activation_curves.gelu,
    Silu: always(activation_curves.SiluStep),
    Hardswish: always(activation_curves.HardswishStep),
    Hardsigmoid: always(activation_curves.HardsigmoidStep),
    Sigmoid: always(activation.SigmoidStep),
    Tanh: always(activation.TanhStep),
    Softmax: always(activation.SoftmaxStep),
    BatchNorm: always(norm.BatchNormStep),
    LayerNorm: always(norm_sample.SampleNorm),
    GroupNorm: always(norm_sample.SampleNorm),
    InstanceNorm: always(norm_sample.SampleNorm),
    Lrn: always(norm_sample.LocalResponse),
    Add: always(merge.AddStep),
    Multiply: always(merge.MultiplyStep),
    Concat: always(merge.ConcatStep),
}


def fast_steps(node: Node, batch: int, training: bool) -> tuple[Choice, ...]:
    """The steps of a layer with its options; none where it passes its input on."""
    choices = KERNELS[type(node.layer)](node, batch, training)
    return tuple(choice for choice in choices if choice.kernel.needed(node, training))


def winograd4_steps(node: Node, batch: int, training: bool) -> tuple[Choice, ...]:
    """The same with F(4x4, 3x3) in place of F(2x2, 3x3): faster, and accurate to 1e-4 only."""
    choices = fast_steps(node, batch, training)
    return tuple(conv_choice.WINOGRAD4 if choice == conv_choice.WINOGRAD2 else choice for choice in choices)


def reference_steps(node: Node, batch: int, training: bool) -> tuple[Choice, ...]:
    """The plain definition of any layer, as its one step."""
    from cnnspec.backends.numpy.reference import ReferenceStep  # only those who ask for it pay

    return (Choice(ReferenceStep),)


Kernels: TypeAlias = Literal["fast", "winograd4", "reference"]

PICKS: Final[dict[Kernels, Pick]] = {
    "fast": fast_steps,
    "winograd4": winograd4_steps,
    "reference": reference_steps,
}
"""What a model may run on."""

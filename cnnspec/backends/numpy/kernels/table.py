"""The table of the backend: word of a layer -> the steps that run it.

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
    merge,
    norm,
    norm_sample,
    pool,
    pool_sum,
    resample,
    reshape,
    unpool,
)
from cnnspec.backends.numpy.kernels.step import Choice, Pick, always, by_option
from cnnspec.network.graph import Node

KERNELS: Final[dict[str, Pick]] = {
    "conv": conv_choice.convolution,
    "depthwise": conv_choice.convolution,
    "upconv": always(conv_up.UpConvStep, conv.Bias),
    "dense": always(dense.DenseStep, conv.Bias),
    "maxpool": always(pool.MaxPoolStep),
    "minpool": always(pool.MinPoolStep),
    "avgpool": always(pool_sum.AvgPoolStep),
    "globalavgpool": always(pool_sum.AvgPoolStep),
    "globalmaxpool": always(pool.MaxPoolStep),
    "medianpool": always(unpool.MedianPoolStep),
    "unpool": always(unpool.UnpoolStep),
    "subsample": always(pool_sum.SumPool, pool_sum.ChannelScale, conv.Bias),
    "flatten": always(reshape.ReshapeStep),
    "reshape": always(reshape.ReshapeStep),
    "pad": always(reshape.PadStep),
    "crop": always(reshape.PartStep),
    "slice": always(reshape.PartStep),
    "shuffle": always(reshape.ShuffleStep),
    "upsample": by_option("mode", nearest=resample.Nearest, bilinear=resample.Linear, nails=resample.Nails),
    "identity": always(),
    "dropout": always(norm.DropoutStep),
    "relu": by_option("max", none=activation.ReluStep, other=activation.ClippedRelu),
    "leakyrelu": always(activation_curves.Kinked),
    "prelu": always(activation_curves.PreluStep),
    "elu": always(activation_curves.EluStep),
    "gelu": by_option("approximate", none=activation_curves.GeluStep, tanh=activation_curves.TanhGelu),
    "silu": always(activation_curves.SiluStep),
    "hardswish": always(activation_curves.HardswishStep),
    "hardsigmoid": always(activation_curves.HardsigmoidStep),
    "sigmoid": always(activation.SigmoidStep),
    "tanh": always(activation.TanhStep),
    "softmax": always(activation.SoftmaxStep),
    "batchnorm": always(norm.BatchNormStep),
    "layernorm": always(norm_sample.SampleNorm),
    "groupnorm": always(norm_sample.SampleNorm),
    "instancenorm": always(norm_sample.SampleNorm),
    "lrn": always(norm_sample.LocalResponse),
    "add": always(merge.AddStep),
    "multiply": always(merge.MultiplyStep),
    "concat": always(merge.ConcatStep),
}


def fast_steps(node: Node, batch: int, training: bool) -> tuple[Choice, ...]:
    """The steps of a layer with its options; none where it passes its input on."""
    choices = KERNELS[node.word](node, batch, training)
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

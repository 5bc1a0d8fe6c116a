"""The table of the backend: word of a layer -> the steps that run it.

An entry picks them for a node, by the layer's options and shapes, by the batch
and by whether it is trained; for a convolution it says why.
"""

from __future__ import annotations

from typing import Final, Literal, TypeAlias

from cnnspec.backends.numpy.curves import CURVES
from cnnspec.backends.numpy.kernels import (
    activation,
    activation_curves,
    arithmetic,
    attention,
    conv,
    conv_shift,
    conv_slab,
    conv_up,
    conv_winograd,
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
from cnnspec.backends.numpy.kernels.conv_depthwise import DepthwiseConv
from cnnspec.backends.numpy.kernels.conv_patch import PatchConv
from cnnspec.backends.numpy.kernels.conv_row import RowConv
from cnnspec.backends.numpy.kernels.curve import DefinedCurve
from cnnspec.backends.numpy.kernels.step import Choice, Pick, always, by_option
from cnnspec.backends.numpy.kernels.window import WindowGeometry
from cnnspec.backends.numpy.kernels.winograd_choice import BOUND, LOOSE, tiled
from cnnspec.layers.conv import Conv
from cnnspec.network.graph import Network, Node

WINOGRAD2 = Choice(conv_winograd.WinogradConv, "3x3, many channels: F(2x2, 3x3), 2.25 times fewer multiplies")
WINOGRAD4 = Choice(
    conv_winograd.Winograd4Conv, "3x3, many channels: F(4x4, 3x3), 4 times fewer multiplies, to 1e-4"
)
"""In its place only where that accuracy is enough for the user."""


def kernel_of(node: Node, batch: int, training: bool = True) -> Choice:
    """The kernel of a convolution by itself; the whole network decides which train by Winograd's sums."""
    layer = conv.as_conv(node)
    windows = tuple(map(WindowGeometry.of, layer.axes(node.input_shapes)))
    if not training and conv_winograd.pays(layer, windows, node.input_shapes[0][-1], batch):
        return WINOGRAD2
    return _direct(node, layer, windows, batch, training)


def _direct(
    node: Node, layer: Conv, windows: tuple[WindowGeometry, ...], batch: int, training: bool
) -> Choice:
    if layer.groups > 1 and layer.groups == node.input_shapes[0][-1]:
        if conv_shift.pays(windows, layer.filters, layer.groups, batch):
            why = "each channel alone: shifted multiplies and adds of whole rows"
            return Choice(conv_shift.ShiftConv, why)
        return Choice(DepthwiseConv, "each channel alone: shifted multiplies and adds")
    if layer.groups > 1:
        return Choice(PatchConv, f"{layer.groups} groups: every tap copied, one product a group and row")
    if len(windows) > 2:
        return Choice(PatchConv, "three axes: every tap copied, one product a row")
    if len(windows) == 2 and windows[0].dilation > 1:
        return Choice(PatchConv, "dilated rows: every tap copied, one product a row")
    if conv_slab.pays(windows, batch, node.layer.arrays(node.input_shapes)[0].shape, training):
        why = "short rows, many channels: every tap copied, one product for several rows"
        return Choice(conv_slab.SlabConv, why)
    if windows[-1].plain and (len(windows) == 1 or windows[0].before == 0):
        return Choice(RowConv, "one column wide: rows of the map are multiplied where they are")
    return Choice(RowConv, "width unfolded, rows read in an overlapping view, one product a row")


KERNELS: Final[dict[str, Pick]] = {
    "conv": lambda *place: (kernel_of(*place), Choice(conv.Bias)),
    "depthwise": lambda *place: (kernel_of(*place), Choice(conv.Bias)),
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
    "pixelshuffle": always(reshape.PixelShuffleStep),
    "pixelunshuffle": always(reshape.PixelShuffleStep),
    "transpose": always(reshape.TransposeStep),
    "upsample": resample.pick,
    "identity": always(),
    "dropout": always(norm.DropoutStep),
    "droppath": always(norm.DropoutStep),
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
    "rmsnorm": always(norm_sample.SampleNorm),
    "lrn": always(norm_sample.LocalResponse),
    "attention": always(attention.AttentionStep),
    "positions": always(attention.PositionsStep),
    "token": always(attention.TokenStep),
    "add": always(merge.AddStep),
    "multiply": always(merge.MultiplyStep),
    "subtract": always(merge.SubtractStep),
    "divide": always(merge.DivideStep),
    "maximum": always(merge.MaximumStep),
    "minimum": always(merge.MinimumStep),
    "concat": always(merge.ConcatStep),
    "scale": always(pool_sum.ChannelScale, conv.Bias, arithmetic.FixedAffine),
    "mean": always(arithmetic.ChannelMean),
    "max": always(arithmetic.ChannelMax),
    "l2norm": always(norm_sample.UnitLength),
    **dict.fromkeys(CURVES, always(DefinedCurve)),
}


def fast_steps(node: Node, batch: int, training: bool) -> tuple[Choice, ...]:
    """The steps of a layer with its options; none where it passes its input on."""
    choices = KERNELS[node.word](node, batch, training)
    return tuple(choice for choice in choices if choice.kernel.needed(node, training))


def direct_steps(node: Node, batch: int, training: bool) -> tuple[Choice, ...]:
    """The same by direct sums alone: a convolution that is trained has them by itself."""
    choices = KERNELS[node.word](node, batch, True)
    return tuple(choice for choice in choices if choice.kernel.needed(node, training))


def winograd4_steps(node: Node, batch: int, training: bool) -> tuple[Choice, ...]:
    """The same with F(4x4, 3x3) in place of F(2x2, 3x3): faster, and accurate to 1e-4 only."""
    choices = fast_steps(node, batch, training)
    return tuple(WINOGRAD4 if choice == WINOGRAD2 else choice for choice in choices)


def reference_steps(node: Node, batch: int, training: bool) -> tuple[Choice, ...]:
    """The plain definition of any layer, as its one step."""
    from cnnspec.backends.numpy.reference import ReferenceStep  # only those who ask for it pay

    return (Choice(ReferenceStep),)


Kernels: TypeAlias = Literal["fast", "direct", "winograd4", "reference"]

PICKS: Final[dict[Kernels, Pick]] = {
    "fast": fast_steps,
    "direct": direct_steps,
    "winograd4": winograd4_steps,
    "reference": reference_steps,
}
"""What a model may run on."""


def pick_for(kernels: Kernels, network: Network, batch: int, training: bool) -> Pick:
    """How the steps of each layer of a network are picked."""
    pick = PICKS[kernels]
    if not training or kernels in ("direct", "reference"):
        return pick
    chosen = tiled(network, batch, LOOSE if kernels == "winograd4" else BOUND)

    def trained(node: Node, batch: int, training: bool) -> tuple[Choice, ...]:
        choices = pick(node, batch, training)
        return (chosen[node.index], *choices[1:]) if node.index in chosen else choices

    return trained

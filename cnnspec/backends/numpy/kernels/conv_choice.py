"""Which kernel runs a convolution: the one place that decides, by shape, and says why."""

from __future__ import annotations

from cnnspec.backends.numpy.kernels import conv_shift, conv_slab, conv_winograd
from cnnspec.backends.numpy.kernels.conv import Bias, as_conv
from cnnspec.backends.numpy.kernels.conv_depthwise import DepthwiseConv
from cnnspec.backends.numpy.kernels.conv_patch import PatchConv
from cnnspec.backends.numpy.kernels.conv_row import RowConv
from cnnspec.backends.numpy.kernels.step import Choice
from cnnspec.backends.numpy.kernels.window import WindowGeometry
from cnnspec.layers.conv import Conv
from cnnspec.network.graph import Node

WINOGRAD2 = Choice(conv_winograd.WinogradConv, "3x3, many channels: F(2x2, 3x3), 2.25 times fewer multiplies")
WINOGRAD4 = Choice(
    conv_winograd.Winograd4Conv, "3x3, many channels: F(4x4, 3x3), 4 times fewer multiplies, to 1e-4"
)
"""In its place only where that accuracy is enough for the user."""


def convolution(node: Node, batch: int, training: bool) -> tuple[Choice, ...]:
    """The steps of a convolution: its kernel, then its bias."""
    return kernel_of(node, batch, training), Choice(Bias)


def kernel_of(node: Node, batch: int, training: bool = True) -> Choice:
    """The kernel of a convolution; Winograd's sums are for predicting alone."""
    layer = as_conv(node)
    windows = tuple(map(WindowGeometry.of, layer.axes(node.input_shapes)))
    if not training and conv_winograd.pays(layer, windows, node.input_shapes[0][-1], batch):
        return WINOGRAD2
    return _direct(node, layer, windows, batch)


def _direct(node: Node, layer: Conv, windows: tuple[WindowGeometry, ...], batch: int) -> Choice:
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
    if conv_slab.pays(windows, batch, node.layer.arrays(node.input_shapes)[0].shape):
        why = "short rows, many channels: every tap copied, one product for several rows"
        return Choice(conv_slab.SlabConv, why)
    if windows[-1].plain and (len(windows) == 1 or windows[0].before == 0):
        return Choice(RowConv, "one column wide: rows of the map are multiplied where they are")
    return Choice(RowConv, "width unfolded, rows read in an overlapping view, one product a row")

"""Which convolutions of a network train by Winograd's sums: those that gain, as far as rounding allows.

Winograd's sums round more than direct ones. What each layer adds to the relative error of the whole
gradient adds up in squares, and the layers that save the most time share what the bound leaves. All
constants are measured.
"""

from __future__ import annotations

from collections.abc import Iterator

from cnnspec.backends.numpy.kernels.conv import as_conv
from cnnspec.backends.numpy.kernels.conv_winograd_training import WinogradTraining
from cnnspec.backends.numpy.kernels.step import Choice
from cnnspec.backends.numpy.kernels.window import WindowGeometry
from cnnspec.backends.numpy.kernels.winograd_tiles import POINTS, WinogradGrid
from cnnspec.network.graph import Network, Node

CHOICES = {
    3: Choice(WinogradTraining, "3x3: F(4x4, 3x3), 4 times fewer multiplies, gradients to 2e-6"),
    5: Choice(WinogradTraining, "5x5: F(4x4, 5x5), 6.25 times fewer multiplies, gradients to 2e-6"),
}
BOUND = 2e-6
"""Of the whole gradient: the norm of its difference from sums in float64, over its norm."""
LOOSE = 1e-4
"""The same where that is enough for the user."""
DIRECT, DIRECT_DEEP = 1e-6, 0.12e-6
"""What direct sums in float32 come to: at least so much, and with batch norm so much for each layer."""
ERRORS = {3: 0.3e-6, 5: 1.3e-6}
"""What a layer adds; with batch norm errors grow from layer to layer: times the root of their number."""
SPEED, TRANSFORMS = 0.55, 7
"""Measured: multiplies are slower than direct ones by SPEED, and the transforms of a map cost as much as
the products with so many channels."""
LEAST_GAIN = 1.2
"""As estimated; what was measured is then 1.09 or more."""
FEWEST_CHANNELS = 16
FEWEST_VALUES = 64
"""Channels of the batch at one place of the map: with fewer the transforms' runs are too short."""
FEWEST_TILES = 32
"""Of all samples: with fewer the products are too narrow."""


def tiled(network: Network, batch: int, bound: float = BOUND) -> dict[int, Choice]:
    """By its index each convolution that trains by Winograd's sums, and the reason."""
    depths = _depths(network) if any(node.word == "batchnorm" for node in network.layers) else {}
    left, chosen = bound**2 - max(DIRECT, DIRECT_DEEP * max(depths.values(), default=0)) ** 2, {}
    for _, index, size in sorted(_savings(network, batch), reverse=True):
        added = ERRORS[size] ** 2 * depths.get(index, 1)
        if added <= left:
            left -= added
            chosen[index] = CHOICES[size]
    return chosen


def _depths(network: Network) -> dict[int, int]:
    """For each node the convolutions on the shortest way that leads through it, from input to output."""
    before: dict[int, int] = {}
    for node in network.nodes:
        passed = (before[source] + (network.nodes[source].word == "conv") for source in node.inputs)
        before[node.index] = min(passed, default=0)
    after: dict[int, int] = {}
    for node in reversed(network.nodes):
        passes = after.setdefault(node.index, 0) + (node.word == "conv")
        for source in node.inputs:
            after[source] = min(passes, after.get(source, passes))
    return {
        node.index: before[node.index] + after[node.index] + (node.word == "conv") for node in network.nodes
    }


def _savings(network: Network, batch: int) -> Iterator[tuple[float, int, int]]:
    """Of each convolution that gains: the multiplies that its time saved is worth, its index, its size."""
    for node in network.layers:
        grid = grid_of(node, batch) if node.word == "conv" else None
        gain = estimated_gain(grid) if grid else 0.0
        if grid and gain >= LEAST_GAIN:
            yield int(node.layer.multiplies(node.input_shapes)) * (1 - 1 / gain), node.index, grid.rows.kernel


def grid_of(node: Node, batch: int) -> WinogradGrid | None:
    """The tiles of a square window, 3x3 or 5x5, at stride 1, undilated, over one group; None for others."""
    layer = as_conv(node)
    windows = tuple(map(WindowGeometry.of, layer.axes(node.input_shapes)))
    sizes = {window.kernel for window in windows}
    plain = all(window.stride == window.dilation == 1 for window in windows)
    if len(windows) != 2 or layer.groups > 1 or len(sizes) > 1 or not sizes <= POINTS.keys() or not plain:
        return None
    return WinogradGrid(*windows, batch, node.input_shapes[0][-1], layer.filters)


def estimated_gain(grid: WinogradGrid) -> float:
    """How many times as fast as direct sums a step is, forward and backward; 0 where runs are too short."""
    fewest, tiles = min(grid.channels, grid.filters), grid.batch * grid.down * grid.across
    if fewest < FEWEST_CHANNELS or grid.batch * fewest < FEWEST_VALUES or tiles < FEWEST_TILES:
        return 0.0
    direct = grid.batch * grid.rows.output * grid.columns.output * grid.rows.kernel**2
    products = grid.channels * grid.filters
    transforms = TRANSFORMS * (grid.channels + grid.filters)
    return SPEED * direct / (tiles * grid.alpha**2) * products / (products + transforms)

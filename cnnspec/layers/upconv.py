"""Transposed convolution: windows that spread, their size law, and the layer."""

from math import prod
from typing import ClassVar

from pydantic import Field, PositiveInt

from cnnspec.diagnostics import LayerError
from cnnspec.formula import Formula, Symbol, product
from cnnspec.layers.base import (
    AXES,
    AXIS_NAMES,
    Family,
    Shape,
    Shapes,
    Spread,
    Weight,
    Window,
    spatial_symbols,
)
from cnnspec.layers.conv import BIAS, COUNTS, DILATION, FILTERS, GROUPS, KERNEL
from cnnspec.layers.facts import Counts, Figures, Picture
from cnnspec.layers.kernels import Kernelled
from cnnspec.layers.window import (
    Extent,
    Extra,
    Padding,
    WindowAxis,
    kernel_symbols,
    need_groups,
    need_spatial,
    per_axis,
    sides,
)
from cnnspec.records import record


@record
class SpreadAxis(WindowAxis):
    """One axis of a transposed convolution: every input pixel spreads over ``kernel`` outputs.

    Padding cuts the output; ``extra`` rows at the far end receive what spreads there.
    """

    extra: int = 0
    same: bool = False

    @property
    def output(self) -> Formula:
        """s·(i − 1) + k − 2p, the size law of convolution solved for its input."""
        i, k, s, d = self.symbols()
        if self.same:
            return s * i
        size = s * (i - 1) + k if self.dilation == 1 else s * (i - 1) + d * (k - 1) + 1
        for cut in self.ends:
            size = size - cut
        return size + self.symbol("a", "output padding", self.extra) if self.extra else size

    @property
    def count(self) -> int:
        """The value of ``output``."""
        cut = self.before + self.after - self.extra
        return spread_size(self.size, self.reach, self.stride, cut, self.same)

    @property
    def spread(self) -> Spread:
        return Spread(self.kernel, self.stride, self.before, self.dilation)


def spread_size(size: int, reach: int, stride: int, cut: int, same: bool) -> int:
    """The size along an axis of what a window spreads over, made shorter by ``cut``."""
    return stride * size if same else stride * (size - 1) + reach - cut


def spread_axes(layer: "UpConv", shape: Shape) -> tuple[SpreadAxis, ...]:
    """The axes of a transposed convolution over ``shape``; raises LayerError where nothing is left."""
    rank, same = len(shape) - 1, layer.padding == "same"
    kernels, strides = per_axis("kernel", layer.kernel, rank), per_axis("stride", layer.stride, rank)
    dilations = per_axis("dilation", layer.dilation, rank)
    extras = per_axis("output_padding", layer.output_padding, rank)
    found = []
    for n, name in enumerate(AXES[rank]):
        reach = dilations[n] * (kernels[n] - 1) + 1
        rest = extras[n]
        if same:
            cut, rest = max(0, reach - strides[n]), max(0, strides[n] - reach)
            before, after = cut // 2, cut - cut // 2
        else:
            before, after = sides(layer.padding, n, rank, shape[n], reach, strides[n])
        axis = SpreadAxis(name, shape[n], kernels[n], strides[n], before, after, dilations[n], rest, same)
        _check_spread(layer.word, axis)
        found.append(axis)
    return tuple(found)


def _check_spread(word: str, axis: SpreadAxis) -> None:
    if axis.count < 1:
        raise LayerError(
            "padding-larger-than-output",
            f"{word} cuts {axis.before + axis.after} pixels off an output of only "
            f"{axis.count + axis.before + axis.after} along the {AXIS_NAMES[axis.name]}",
            notes=(axis.output.law(), axis.output.worked()),
            help=("use less padding",),
            option="padding",
        )
    if not axis.same and axis.extra >= max(axis.stride, axis.dilation):
        raise LayerError(
            "output-padding-too-large",
            f"output padding {axis.extra} is not smaller than the stride {axis.stride}",
            notes=("it chooses among the sizes that a convolution of this stride maps to the same size",),
            help=(f"take at most {max(axis.stride, axis.dilation) - 1}",),
            option="output_padding",
        )


def _over_output(figures: Figures) -> int:
    """A transposed convolution counted as if it were a plain one of its output."""
    return figures.multiplies // prod(figures.input[:-1]) * prod(figures.output[:-1])


def _calflops_upconv(figures: Figures) -> int:
    """Filters are divided by the groups twice; a bias is counted on the size of a plain convolution."""
    groups: int = figures.layer.groups
    axes, filters = figures.layer.axes((figures.input,)), figures.output[-1] // groups
    plain = prod((axis.size + axis.before + axis.after - axis.reach) // axis.stride + 1 for axis in axes)
    products = figures.multiplies // filters * (filters // groups)
    return 2 * products + (filters * plain if figures.layer.has_bias else 0)


class UpConv(Kernelled):
    """Transposed convolution: every input pixel spreads a weighted kernel over the larger output.

    Padding cuts the output instead of widening the input; ``same`` gives input times stride.
    Weights: ``weight`` (channels, filters/groups, *kernel), ``bias`` (filters,). Multiplies are counted
    over the input, where they happen; every product is one addition into the output. Zeiler et al. 2010.
    """

    word: ClassVar[str] = "upconv"
    family: ClassVar[Family] = Family.CONV
    picture: ClassVar[Picture] = Picture.SLAB
    counts: ClassVar[Counts] = {**COUNTS, "thop": _over_output, "calflops": _calflops_upconv}
    example: ClassVar[str] = "input 16x16x64; upconv 32 2x2 stride=2"
    positional: ClassVar[tuple[str, ...]] = ("filters", "kernel")

    filters: PositiveInt = Field(description=FILTERS)
    kernel: Extent = Field(description=KERNEL)
    stride: Extent = Field((1,), description="output pixels from one input pixel's kernel to the next")
    padding: Padding = Field(
        (0,), description="pixels cut off the output: a number, (h, w), four sides, same, valid or full"
    )
    output_padding: Extra = Field((0,), description="rows and columns added at the far end of the output")
    dilation: Extent = Field((1,), description=DILATION)
    groups: PositiveInt = Field(1, description=GROUPS)
    bias: bool = Field(True, description=BIAS)

    def axes(self, inputs: Shapes) -> tuple[SpreadAxis, ...]:
        """The kernel along each spatial axis; raises LayerError where nothing is left of the output."""
        need_spatial(self.word, inputs[0])
        return spread_axes(self, inputs[0])

    def output(self, inputs: Shapes) -> tuple[Formula, ...]:
        need_groups("input channels", inputs[0][-1], self.groups, self.filters)
        need_groups("filters", self.filters, self.groups, inputs[0][-1])
        self.arrays(inputs)
        return (*(axis.output for axis in self.axes(inputs)), self._filters())

    def arrays(self, inputs: Shapes) -> tuple[Weight, ...]:
        kernel = tuple(axis.kernel for axis in self.axes(inputs))
        channels, taps = inputs[0][-1], prod(kernel)
        fan_in, fan_out = channels // self.groups * taps, self.filters // self.groups * taps
        shape = (channels, self.filters // self.groups, *kernel)
        size = product(self._kernels(inputs))
        weight = self.kernels(Weight("weight", shape, size, fan_in, fan_out, inputs_first=True))
        bias = Weight("bias", (self.filters,), self._filters(), fan_in, fan_out, initial="zeros")
        return (weight, bias) if self.bias else (weight,)

    def patches(self, inputs: Shapes) -> int:
        """What each input position spreads, all filters; none where that is one pixel."""
        taps = prod(axis.kernel for axis in self.axes(inputs))
        return taps * self.filters * prod(inputs[0][:-1]) if taps > 1 else 0

    def multiplies(self, inputs: Shapes) -> Formula:
        return product((*spatial_symbols(inputs[0], "i", "input"), *self._kernels(inputs)))

    def additions(self, inputs: Shapes) -> Formula:
        return self.multiplies(inputs)

    def window(self, inputs: Shapes, which: int = 0) -> tuple[Window, ...]:
        return tuple(axis.spread for axis in self.axes(inputs))

    def _filters(self) -> Formula:
        return Symbol("F", self.filters, "filters")

    def _kernels(self, inputs: Shapes) -> tuple[Formula, Formula]:
        """Taps of all input channels together, as factors."""
        channels = Symbol("C", inputs[0][-1], "input channels")
        each = self._filters() if self.groups == 1 else self._filters() / Symbol("g", self.groups, "groups")
        return channels, product((*kernel_symbols(self.axes(inputs)), each))

"""Convolution: dense, grouped and depthwise, on one to three spatial axes."""

from __future__ import annotations

from math import prod
from typing import ClassVar

from pydantic import PositiveInt

from cnnspec.diagnostics import Misfit
from cnnspec.formula import Formula, Symbol, product
from cnnspec.layers.base import (
    AXES,
    AXIS_NAMES,
    Family,
    Shape,
    Shapes,
    Weight,
    Weighted,
    Window,
    need_spatial,
    output_symbols,
)
from cnnspec.layers.window import Axis, Extent, Padding, axes, output_of


class Conv(Weighted):
    """Convolution with ``filters`` kernels (cross-correlation, as every framework computes it).

    Each filter reads all channels of its group. Weights: ``weight`` (filters,
    channels/groups, *kernel), ``bias`` (filters,). LeCun et al. 1998.
    """

    word: ClassVar[str] = "conv"
    family: ClassVar[Family] = Family.CONV
    positional: ClassVar[tuple[str, ...]] = ("filters", "kernel")

    filters: PositiveInt
    kernel: Extent
    stride: Extent = (1,)
    padding: Padding = (0,)
    dilation: Extent = (1,)
    groups: PositiveInt = 1
    bias: bool = True

    def axes(self, inputs: Shapes) -> tuple[Axis, ...]:
        """The window along each spatial axis; raises Misfit where it does not fit."""
        need_spatial(self.word, inputs[0])
        return axes(
            self.word, inputs[0], kernel=self.kernel, stride=self.stride,
            padding=self.padding, dilation=self.dilation,
        )  # fmt: skip

    def output(self, inputs: Shapes) -> tuple[Formula, ...]:
        self.check_groups(inputs[0][-1])
        return output_of(self.axes(inputs), self.filter_symbol(inputs))

    def weights(self, inputs: Shapes) -> tuple[Weight, ...]:
        kernel = tuple(axis.kernel for axis in self.axes(inputs))
        taps, group = prod(kernel), inputs[0][-1] // self.groups
        filters = self.filter_symbol(inputs)
        fan_out = int(filters) // self.groups * taps
        weight = Weight(
            "weight", (int(filters), group, *kernel), filters * self.taps(inputs), group * taps, fan_out
        )
        bias = Weight("bias", (int(filters),), filters, group * taps, fan_out, initial="zeros")
        return (weight, bias) if self.bias else (weight,)

    def multiplies(self, inputs: Shapes) -> Formula:
        return product((*self._outputs(inputs), self.taps(inputs)))

    def additions(self, inputs: Shapes) -> Formula:
        taps = self.taps(inputs)
        each = taps if self.bias else taps - 1
        return product((*self._outputs(inputs), each))

    def window(self, inputs: Shapes, which: int = 0) -> tuple[Window, ...]:
        return tuple(axis.slide for axis in self.axes(inputs))

    def filter_symbol(self, inputs: Shapes) -> Symbol:
        return Symbol("F", self.filters, "filters")

    def taps(self, inputs: Shapes) -> Formula:
        """Multiplications for one output value: the kernel over the channels it reads."""
        kernels = tuple(
            Symbol(f"k_{name}", axis.kernel, f"kernel {AXIS_NAMES[name]}")
            for name, axis in zip(AXES[len(inputs[0]) - 1], self.axes(inputs), strict=True)
        )
        channels = Symbol("C", inputs[0][-1], "input channels")
        if self.groups == 1:
            return product((*kernels, channels))
        if self.groups == inputs[0][-1]:
            return product(kernels)
        return product((*kernels, channels / Symbol("g", self.groups, "groups")))

    def check_groups(self, channels: int) -> None:
        for what, count in (("input channels", channels), ("filters", self.filters)):
            if count % self.groups:
                raise Misfit(
                    "groups-do-not-divide",
                    f"{count} {what} cannot be cut into {self.groups} equal groups",
                    notes=(f"{count} = {count // self.groups}·{self.groups} + {count % self.groups}",),
                    help=(f"take a number of groups that divides {count}: {_divisors(count)}",),
                    option="groups",
                )

    def _outputs(self, inputs: Shapes) -> tuple[Formula, ...]:
        shape: Shape = self.shape(inputs)
        return (*output_symbols(shape), self.filter_symbol(inputs))


class Depthwise(Weighted):
    """Convolution of each channel alone: ``multiplier`` kernels a channel (Howard et al. 2017).

    Weights: ``weight`` (channels·multiplier, 1, *kernel), ``bias`` (channels·multiplier,).
    """

    word: ClassVar[str] = "depthwise"
    family: ClassVar[Family] = Family.CONV
    positional: ClassVar[tuple[str, ...]] = ("kernel",)

    kernel: Extent
    stride: Extent = (1,)
    padding: Padding = (0,)
    dilation: Extent = (1,)
    multiplier: PositiveInt = 1
    bias: bool = True

    def as_conv(self, inputs: Shapes) -> Conv:
        """The same layer as a convolution with one group a channel."""
        need_spatial(self.word, inputs[0])
        channels = inputs[0][-1]
        return _DepthwiseConv(
            filters=channels * self.multiplier, kernel=self.kernel, stride=self.stride,
            padding=self.padding, dilation=self.dilation, groups=channels, bias=self.bias,
        )  # fmt: skip

    def output(self, inputs: Shapes) -> tuple[Formula, ...]:
        return self.as_conv(inputs).output(inputs)

    def weights(self, inputs: Shapes) -> tuple[Weight, ...]:
        return self.as_conv(inputs).weights(inputs)

    def multiplies(self, inputs: Shapes) -> Formula:
        return self.as_conv(inputs).multiplies(inputs)

    def additions(self, inputs: Shapes) -> Formula:
        return self.as_conv(inputs).additions(inputs)

    def window(self, inputs: Shapes, which: int = 0) -> tuple[Window, ...]:
        return self.as_conv(inputs).window(inputs)


class _DepthwiseConv(Conv):
    """A convolution whose filters are counted as channels times multiplier."""

    word: ClassVar[str] = "depthwise"

    def filter_symbol(self, inputs: Shapes) -> Symbol:
        multiplier = self.filters // self.groups
        name = "C" if multiplier == 1 else "C·m"
        return Symbol(name, self.filters, "channels" if multiplier == 1 else "channels times multiplier")


def _divisors(number: int) -> str:
    found = [str(n) for n in range(1, min(number, 4096) + 1) if number % n == 0]
    return ", ".join(found[:12]) + (" …" if len(found) > 12 else "")

"""Convolution of each channel alone."""

from typing import ClassVar

from pydantic import Field, PositiveInt

from cnnspec.formula import Formula, Symbol, product
from cnnspec.layers.base import Family, Shapes, Weight
from cnnspec.layers.conv import BIAS, COUNTS, DILATION, KERNEL, PADDING, STRIDE, Conv
from cnnspec.layers.facts import Counts
from cnnspec.layers.kernels import Kernelled
from cnnspec.layers.window import Extent, Padding, Sliding, kernel_symbols, need_spatial


class Depthwise(Sliding, Kernelled):
    """Convolution of each channel alone: ``multiplier`` kernels a channel. Howard et al. 2017.

    Weights: ``weight`` (channels·multiplier, 1, *kernel), ``bias`` (channels·multiplier,).
    """

    word: ClassVar[str] = "depthwise"
    family: ClassVar[Family] = Family.CONV
    counts: ClassVar[Counts] = COUNTS
    example: ClassVar[str] = "input 32x32x16; depthwise 3x3 padding=1"
    positional: ClassVar[tuple[str, ...]] = ("kernel",)

    kernel: Extent = Field(description=KERNEL)
    stride: Extent = Field((1,), description=STRIDE)
    padding: Padding = Field((0,), description=PADDING)
    dilation: Extent = Field((1,), description=DILATION)
    multiplier: PositiveInt = Field(1, description="how many kernels each channel has")
    bias: bool = Field(True, description=BIAS)

    def as_conv(self, inputs: Shapes) -> Conv:
        """The same layer as a convolution with one group a channel."""
        need_spatial(self.word, inputs[0])
        channels = inputs[0][-1]
        return _DepthwiseConv(
            filters=channels * self.multiplier, kernel=self.kernel, stride=self.stride,
            padding=self.padding, dilation=self.dilation, groups=channels, bias=self.bias,
            weights=self.weights,
        )  # fmt: skip

    def output(self, inputs: Shapes) -> tuple[Formula, ...]:
        return self.as_conv(inputs).output(inputs)

    def arrays(self, inputs: Shapes) -> tuple[Weight, ...]:
        return self.as_conv(inputs).arrays(inputs)

    def multiplies(self, inputs: Shapes) -> Formula:
        return self.as_conv(inputs).multiplies(inputs)

    def additions(self, inputs: Shapes) -> Formula:
        return self.as_conv(inputs).additions(inputs)


class _DepthwiseConv(Conv):
    """A convolution whose filters are counted as channels times multiplier."""

    word: ClassVar[str] = "depthwise"

    def outputs_of(self) -> Formula:
        channels = Symbol("C", self.groups, "channels")
        multiplier = self.filters // self.groups
        return channels if multiplier == 1 else channels * Symbol("m", multiplier, "kernels a channel")

    def taps(self, inputs: Shapes) -> Formula:
        return product(kernel_symbols(self.axes(inputs)))

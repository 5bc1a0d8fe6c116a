"""Windows that spread: the axes of a transposed convolution, and their size law."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from cnnspec.diagnostics import LayerError
from cnnspec.formula import Formula, Symbol
from cnnspec.layers.base import AXES, AXIS_NAMES, Shape, Sizes, Spread
from cnnspec.layers.window import per_axis, sides


@dataclass(frozen=True, slots=True)
class SpreadAxis:
    """One axis of a transposed convolution: every input pixel spreads over ``kernel`` outputs.

    Padding cuts the output; ``extra`` rows at the far end receive what spreads there.
    """

    name: str
    size: int
    kernel: int
    stride: int
    before: int
    after: int
    dilation: int = 1
    extra: int = 0
    same: bool = False

    @property
    def reach(self) -> int:
        return self.dilation * (self.kernel - 1) + 1

    @property
    def output(self) -> Formula:
        """s·(i − 1) + k − 2p, the size law of convolution solved for its input."""
        i, s = self._symbol("i", "input", self.size), self._symbol("s", "stride", self.stride)
        if self.same:
            return s * i
        k = self._symbol("k", "kernel", self.kernel)
        size = s * (i - 1)
        size = (
            size + k
            if self.dilation == 1
            else size + self._symbol("d", "dilation", self.dilation) * (k - 1) + 1
        )
        if self.before != self.after:
            size = size - Symbol(f"p_{self.name}0", self.before, "padding before")
            size = size - Symbol(f"p_{self.name}1", self.after, "padding after")
        elif self.before:
            size = size - 2 * self._symbol("p", "padding", self.before)
        return size + self._symbol("a", "output padding", self.extra) if self.extra else size

    @property
    def spread(self) -> Spread:
        return Spread(self.kernel, self.stride, self.before, self.dilation)

    def _symbol(self, letter: str, what: str, value: int) -> Symbol:
        return Symbol(letter, value, f"{what} along the {AXIS_NAMES[self.name]}")


def spread_axes(
    word: str,
    shape: Shape,
    *,
    kernel: Sizes,
    stride: Sizes,
    padding: Literal["same", "valid", "full"] | Sizes,
    dilation: Sizes,
    extra: Sizes,
) -> tuple[SpreadAxis, ...]:
    """The axes of a transposed convolution over ``shape``; raises LayerError where nothing is left."""
    rank = len(shape) - 1
    kernels, strides = per_axis("kernel", kernel, rank), per_axis("stride", stride, rank)
    dilations, extras = per_axis("dilation", dilation, rank), per_axis("output_padding", extra, rank)
    found = []
    for n, name in enumerate(AXES[rank]):
        reach = dilations[n] * (kernels[n] - 1) + 1
        rest = extras[n]
        if padding == "same":
            cut, rest = max(0, reach - strides[n]), max(0, strides[n] - reach)
            before, after = cut // 2, cut - cut // 2
        else:
            before, after = sides(padding, n, rank, shape[n], reach, strides[n])
        found.append(
            SpreadAxis(
                name, shape[n], kernels[n], strides[n], before, after, dilations[n], rest, padding == "same"
            )
        )
    for axis in found:
        _check_spread(word, axis)
    return tuple(found)


def _check_spread(word: str, axis: SpreadAxis) -> None:
    if int(axis.output) < 1:
        raise LayerError(
            "padding-larger-than-output",
            f"{word} cuts {axis.before + axis.after} pixels off an output of only "
            f"{int(axis.output) + axis.before + axis.after} along the {AXIS_NAMES[axis.name]}",
            notes=(axis.output.law(), axis.output.worked()),
            help=("lessen the padding",),
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

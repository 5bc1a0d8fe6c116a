"""How other tools count operations: for each a rule in words and the same rule as a table.

A table says, for a layer's word, what the tool adds for it; a word that is not in it
adds nothing, exactly as in the tool. The rules follow the tools' own sources, and the
tests hold them to figures that the tools printed.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from math import prod
from typing import Final, TypeAlias

from cnnspec.analysis.cost import Cost
from cnnspec.diagnostics import nearest
from cnnspec.layers.base import Layer, Shape, spatial


@dataclass(frozen=True, slots=True)
class Seen:
    """What a rule may look at: one layer, its first input, its output, our own figures."""

    layer: Layer
    input: Shape
    output: Shape
    cost: Cost

    def has(self, option: str) -> bool:
        return bool(getattr(self.layer, option, False))


Count: TypeAlias = Callable[[Seen], int]


@dataclass(frozen=True)
class Convention:
    """A way of counting: what the tool calls its figure, the rule in words, the rule by layer."""

    name: str
    figure: str
    rule: str
    counts: Mapping[str, Count] | None = field(default=None, repr=False)
    """What each word adds; None for our own rule, which asks the layers."""

    def flops(self, layer: Layer, inputs: tuple[Shape, ...], output: Shape, cost: Cost) -> int:
        """The tool's figure for one layer and one sample."""
        if self.counts is None:
            return cost.flops
        count = self.counts.get(layer.word)
        return 0 if count is None else count(Seen(layer, inputs[0], output, cost))


def _multiplies(seen: Seen) -> int:
    return seen.cost.multiplies


def _inputs(seen: Seen) -> int:
    return prod(seen.input)


def _outputs(seen: Seen) -> int:
    return prod(seen.output)


def _times(factor: int, count: Count) -> Count:
    return lambda seen: factor * count(seen)


def _biases(seen: Seen) -> int:
    return prod(seen.output) if seen.has("bias") else 0


def _with_bias(seen: Seen) -> int:
    return seen.cost.multiplies + _biases(seen)


def _twice_with_bias(seen: Seen) -> int:
    return 2 * seen.cost.multiplies + _biases(seen)


def _affine(plain: int, scaled: int) -> Count:
    """So much a value for a normalisation, more when it scales and shifts."""
    return lambda seen: (scaled if seen.has("affine") else plain) * prod(seen.input)


def _only_on(rank: int, count: Count) -> Count:
    """The tool knows this layer on so many spatial axes alone."""
    return lambda seen: count(seen) if len(seen.input) - 1 == rank else 0


def _upsample(nearest: int, linear: Mapping[int, int]) -> Count:
    """So much an output value by mode; ``linear`` by the number of spatial axes."""

    def count(seen: Seen) -> int:
        mode = getattr(seen.layer, "mode", "")
        each = linear.get(len(seen.input) - 1, 0) if mode == "bilinear" else nearest * (mode == "nearest")
        return each * prod(seen.output)

    return count


def _plain_relu(otherwise: int, plain: int) -> Count:
    """ReLU with a ceiling is another module than plain ReLU, and some tools do not know it."""
    return lambda seen: (otherwise if seen.has("max") else plain) * prod(seen.input)


def _over_output(seen: Seen) -> int:
    """A transposed convolution counted as if it were a plain one of its output."""
    pixels = prod(spatial(seen.input))
    return seen.cost.multiplies // pixels * prod(spatial(seen.output))


def _params_a_position(seen: Seen) -> int:
    return seen.cost.params * prod(spatial(seen.output))


def _params(seen: Seen) -> int:
    return seen.cost.params


def _softmax_steps(seen: Seen) -> int:
    return prod(spatial(seen.output)) * (3 * seen.output[-1] - 1)


def _pooled_whole(seen: Seen) -> int:
    return prod(seen.input) + prod(seen.output)


def _calflops_upconv(seen: Seen) -> int:
    """Its bias is counted on the size that a plain convolution would give."""
    kernels, strides = getattr(seen.layer, "kernel", (1,)), getattr(seen.layer, "stride", (1,))
    rank = len(seen.input) - 1
    axes = zip(spatial(seen.input), _each(kernels, rank), _each(strides, rank), strict=True)
    plain = prod(max(0, (i - k) // s + 1) for i, k, s in axes)
    return 2 * seen.cost.multiplies + (seen.output[-1] * plain if seen.has("bias") else 0)


def _each(sizes: tuple[int, ...], rank: int) -> tuple[int, ...]:
    return sizes * rank if len(sizes) == 1 else sizes


CONVOLUTIONS: Final = ("conv", "depthwise", "upconv")
POOLS: Final = ("maxpool", "avgpool", "globalavgpool", "globalmaxpool")


def _same(words: tuple[str, ...], count: Count) -> dict[str, Count]:
    return dict.fromkeys(words, count)


MULTIPLIES_ALONE: Final = _same((*CONVOLUTIONS, "dense"), _multiplies)

OWN_RULE: Final = (
    "multiplies are multiply-accumulates of conv, upconv, depthwise and dense for one sample, without "
    "bias, taps on padding included, upconv over its input; flops are multiplies + additions + elementwise"
)

_TABLE: Final = (
    Convention("cnnspec", "flops", OWN_RULE),
    Convention(
        "paper", "FLOPs (multiply-adds)",
        "flops are the multiplies alone, as papers count (He et al. 2015: \"FLOPs (multiply-adds)\")",
        MULTIPLIES_ALONE,
    ),
    Convention(
        "torchvision", "GFLOPS",
        "flops are the multiplies of convolutions and dense layers alone, the GFLOPS of torchvision's "
        "model pages (half of what PyTorch's FlopCounterMode counts)",
        MULTIPLIES_ALONE,
    ),
    Convention(
        "fvcore", "Flops",
        "a multiply-accumulate is one flop, no bias; batch norm 2 a value, layer and group norm 5, global "
        "average pooling 1 an input value, upsampling 1 (nearest) or 4 (bilinear) an output value; "
        "activations, other pools and sums nothing",
        {
            **MULTIPLIES_ALONE,
            "batchnorm": _affine(1, 2), "layernorm": _affine(4, 5), "groupnorm": _affine(4, 5),
            "globalavgpool": _only_on(2, _inputs), "upsample": _only_on(2, _upsample(1, {2: 4})),
        },
    ),
    Convention(
        "ptflops", "MACs",
        "ptflops 0.7: multiply-accumulates with bias; norms 1 a value and 1 more when affine; softmax and "
        "silu 1 a value, leaky ReLU and ReLU with a ceiling too; ReLU, PReLU, ELU, GELU, pools (input "
        "values) and upsampling (output values) are counted twice, as module and as function; sums nothing",
        {
            **_same((*CONVOLUTIONS, "dense"), _with_bias),
            **_same(("batchnorm", "layernorm", "groupnorm"), _affine(1, 2)),
            **_same(("softmax", "silu", "leakyrelu"), _inputs),
            **_same(("prelu", "elu", "gelu", *POOLS), _times(2, _inputs)),
            "relu": _plain_relu(1, 2),
            "upsample": _upsample(2, {1: 2, 2: 2, 3: 2}),
        },
    ),
    Convention(
        "thop", "MACs",
        "multiply-accumulates without bias, upconv over its output; batch and layer norm 4 a value (2 "
        "unscaled), average pooling 1 an output value, global average pooling its input and output values, "
        "softmax 3n - 1, PReLU 1 a value, upsampling 1 (nearest), 5 or 11 (linear) an output value",
        {
            **_same(("conv", "depthwise", "dense"), _multiplies),
            "upconv": _over_output,
            **_same(("batchnorm", "layernorm"), _affine(2, 4)),
            "avgpool": _outputs, "globalavgpool": _pooled_whole, "softmax": _softmax_steps,
            "prelu": _inputs, "upsample": _upsample(1, {1: 5, 2: 11}),
        },
    ),
    Convention(
        "calflops", "FLOPs",
        "2 flops a multiply-accumulate, 1 a bias of a convolution but none of a dense layer; batch norm 2 a "
        "value, layer and group norm 5, activations and softmax 1, pools and upsampling 1 an input value; "
        "ReLU with a ceiling, sigmoid, tanh and sums nothing",
        {
            **_same(("conv", "depthwise"), _twice_with_bias),
            "upconv": _calflops_upconv,
            "dense": _times(2, _multiplies),
            "batchnorm": _affine(1, 2),
            **_same(("layernorm", "groupnorm"), _affine(4, 5)),
            **_same(("prelu", "elu", "leakyrelu", "silu", "gelu", "softmax", "upsample", *POOLS), _inputs),
            "relu": _plain_relu(0, 1),
        },
    ),
    Convention(
        "torchinfo", "mult-adds",
        "every parameter, biases and norms included, once for each output position of a convolution and "
        "once for any other layer; upconv over its output",
        {
            **_same(CONVOLUTIONS, _params_a_position),
            **_same(("dense", "batchnorm", "layernorm", "groupnorm", "prelu"), _params),
        },
    ),
)  # fmt: skip

CONVENTIONS: Final = {convention.name: convention for convention in _TABLE}
"""All conventions by name, our own first."""


def convention_of(name: str) -> Convention:
    """The convention of a name; ValueError with the nearest one when there is none."""
    if name not in CONVENTIONS:
        meant = nearest(name, CONVENTIONS)
        hint = f"did you mean {meant}?" if meant else f"known are {', '.join(CONVENTIONS)}"
        raise ValueError(f"no convention is called {name}; {hint}")
    return CONVENTIONS[name]

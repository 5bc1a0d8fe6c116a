"""How other tools count operations: for each a rule in words, and what it gives for a layer.

Where a tool has a rule of its own for each of PyTorch's modules, that rule stands on our layer's
class, under ``counts``. The rules follow the tools' own sources, and the tests hold them to
figures that the tools printed.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import field
from math import prod
from typing import Final

from cnnspec.analysis.cost import Cost
from cnnspec.diagnostics import nearest
from cnnspec.layers.base import Layer, Shape, Shapes
from cnnspec.layers.facts import Figures
from cnnspec.records import record


@record
class Convention:
    """A way of counting: what the tool calls its figure, and the rule in words."""

    name: str
    figure: str
    rule: str
    total: Callable[[Cost], int] | None = field(default=None, repr=False)
    """Which of our own figures it is; None where the layers say how the tool counts them."""

    def flops(self, layer: Layer, inputs: Shapes, output: Shape, cost: Cost) -> int | None:
        """The tool's figure for one layer and one sample; None where it has no rule for the layer."""
        if self.total is not None:
            return self.total(cost)
        count = layer.counts.get(self.name)
        if count is None or isinstance(count, int):
            return count and count * prod(inputs[0])
        return count(Figures(layer, inputs[0], output, cost.multiplies, cost.params))


OWN_RULE: Final = (
    "multiplies are multiply-accumulates of conv, upconv, depthwise, dense and attention for one sample, "
    "without bias, taps on padding included, upconv over its input; flops are multiplies + additions + "
    "elementwise"
)

_TABLE: Final = (
    Convention("cnnspec", "flops", OWN_RULE, lambda cost: cost.flops),
    Convention(
        "paper", "FLOPs (multiply-adds)",
        "flops are the multiplies alone, as papers count (He et al. 2015: \"FLOPs (multiply-adds)\")",
        lambda cost: cost.multiplies,
    ),
    Convention(
        "torchvision", "GFLOPS",
        "flops are the multiplies of convolutions and dense layers alone, the GFLOPS of torchvision's "
        "model pages (half of what PyTorch's FlopCounterMode counts)",
        lambda cost: cost.multiplies,
    ),
    Convention(
        "fvcore", "Flops",
        "a multiply-accumulate is one flop, no bias; batch norm 2 per value, layer and group norm 5, global "
        "average pooling 1 per input value, upsampling 1 (nearest) or 4 (bilinear) per output value; "
        "activations, other pools and sums nothing; "
        "no rule for attention; a head that a model writes as x.mean instead of global "
        "average pooling (torchvision's MnasNet and ShuffleNet) counts nothing there",
    ),
    Convention(
        "ptflops", "MACs",
        "ptflops 0.7: multiply-accumulates with bias; norms 1 per value and 1 more when affine, layer norm 1 "
        "in any case, local response norm its four steps over the values; softmax and "
        "silu 1 per value, leaky ReLU and ReLU with a ceiling too; ReLU, PReLU, ELU, GELU, pools (input "
        "values) and upsampling (output values) are counted twice, as module and as function; sums nothing",
    ),
    Convention(
        "thop", "MACs",
        "multiply-accumulates without bias, upconv over its output; batch and layer norm 4 per value (2 "
        "unscaled), average pooling 1 per output value, global average pooling its input and output values, "
        "softmax 3n - 1, PReLU 1 per value, upsampling 1 (nearest), 5 or 11 (linear) per output value",
    ),
    Convention(
        "calflops", "FLOPs",
        "2 flops per multiply-accumulate, 1 per bias of a convolution but none of a dense layer; batch norm "
        "2 per value, layer and group norm 5, activations and softmax 1, pools and upsampling 1 per input "
        "value; "
        "local response norm its four steps; ReLU with a ceiling, sigmoid, tanh and sums nothing",
    ),
    Convention(
        "torchinfo", "mult-adds",
        "every parameter, biases and norms included, once for each output position of a convolution and "
        "once for any other layer; upconv over its output",
    ),
)  # fmt: skip

CONVENTIONS: Final = {convention.name: convention for convention in _TABLE}
"""All conventions by name, our own first."""


KNOWN_AS: Final = {
    "pytorch": "torchvision", "torch": "torchvision", "flopcountermode": "torchvision",
    "detectron2": "fvcore", "timm": "fvcore", "pytorch-opcounter": "thop", "torchsummary": "torchinfo",
}  # fmt: skip
"""What else the tools, and those who count by them, are called."""


def convention_of(name: str) -> Convention:
    """The convention of a name; ValueError with the nearest one when there is none."""
    if name not in CONVENTIONS:
        meant = nearest(name, CONVENTIONS, KNOWN_AS)
        hint = f"did you mean {meant}?" if meant else f"known are {', '.join(CONVENTIONS)}"
        raise ValueError(f"no convention is called {name}; {hint}")
    return CONVENTIONS[name]

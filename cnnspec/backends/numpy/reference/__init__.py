"""Every layer by its definition, beside the fast kernels: short, plain, sample outermost.

Arrays are N x C x H x W, as in PyTorch. A definition takes the inputs and gives
the output and a function from the output's gradient to those of the inputs and
of the weights. ``build(network, kernels="reference")`` runs these in place of the
fast kernels; the tests compare the two.
"""

from __future__ import annotations

import numpy as np

from cnnspec.backends.numpy.kernels.step import KernelStep
from cnnspec.backends.numpy.layout import Array, channels_first, from_channels_first, inner_shape
from cnnspec.backends.numpy.reference.attention import ATTENTION
from cnnspec.backends.numpy.reference.definition import Back, LayerCall
from cnnspec.backends.numpy.reference.moves import MOVES
from cnnspec.backends.numpy.reference.values import VALUES
from cnnspec.backends.numpy.reference.windows import WINDOWS

DEFINITIONS = WINDOWS | VALUES | MOVES | ATTENTION
"""Word of a layer -> definition."""


class ReferenceStep(KernelStep):
    """A layer's definition in the place of its kernels."""

    def build(self) -> None:
        self.define = DEFINITIONS[self.node.word]
        self.y = self.memory.own(inner_shape(self.node.output, self.context.batch))
        self.notes: dict[str, Array] = {}

    def forward(self) -> None:
        steps = list(self.context.steps.values())
        call = LayerCall(
            self.node, [channels_first(x) for x in self.inputs], self.context.weights, self.context.training,
            self.context.random, self.notes,
            [step.notes for step in steps if isinstance(step, ReferenceStep)],
        )  # fmt: skip
        with np.errstate(over="ignore"):  # definitions compute both sides of a choice, and limits as limits
            y, self.back = self.define(call)
        np.copyto(self.y, from_channels_first(y))

    def prepare(self, dy: Array, wanted: tuple[bool, ...]) -> tuple[Array | None, ...]:
        self.dy, self.back = dy, _nothing
        self.gradients = [
            self.memory.own(x.shape) if want else None for x, want in zip(self.inputs, wanted, strict=True)
        ]
        return tuple(self.gradients)

    def backward(self) -> None:
        with np.errstate(over="ignore"):
            inputs, weights = self.back(channels_first(self.dy))
        for dx, value in zip(self.gradients, inputs, strict=True):
            if dx is not None:
                np.copyto(dx, from_channels_first(value))
        for name, value in weights.items():
            if name in self.context.gradients:
                np.copyto(self.context.gradients[name], value)


_nothing: Back = lambda dy: ([], {})  # noqa: E731 - stands for a backward pass before any forward pass

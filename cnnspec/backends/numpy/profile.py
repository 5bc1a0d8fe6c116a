"""Where the time of a program goes: each step timed, beside what its kernel is and why."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from time import perf_counter

import numpy as np

from cnnspec.backends.numpy.choose import kernel_of
from cnnspec.backends.numpy.conv import ConvStep
from cnnspec.backends.numpy.conv_depthwise import DepthwiseConv
from cnnspec.backends.numpy.program import Program
from cnnspec.backends.numpy.step import Step

PEAK_SIZE = 768
"""Rows and columns of the square product that measures the machine's peak."""


@dataclass(frozen=True)
class Row:
    """One step: seconds of its best pass, multiply-accumulates of the forward pass, kernel and reason."""

    layer: str
    kernel: str
    reason: str
    forward: float
    backward: float
    multiplies: int

    @property
    def gflops(self) -> float:
        """Forward speed in 10^9 operations a second, two a multiply-accumulate; 0 without any."""
        return 2e-9 * self.multiplies / self.forward if self.forward else 0.0


def profile(program: Program, rounds: int = 10) -> list[Row]:
    """Time every step of a program, best of ``rounds``, on whatever is loaded into it."""
    forward = {step: _best(partial(_pass, step, program.training), rounds) for step in program.steps}
    backward = dict.fromkeys(program.steps, 0.0)
    if program.losses:
        program.loss()
        program.backward()
    for call in program.backward_calls:
        step = getattr(call, "__self__", None)
        if isinstance(step, Step):
            backward[step] += _best(call, rounds)
    return [
        Row(step.node.name, type(step).__name__, _reason(step, program.batch), forward[step], backward[step],
            step.multiplies)
        for step in program.steps
    ]  # fmt: skip


def _pass(step: Step, training: bool) -> None:
    step.refresh()
    step.forward(training)


def _best(call: Callable[[], object], rounds: int) -> float:
    times = []
    for _ in range(rounds):
        start = perf_counter()
        call()
        times.append(perf_counter() - start)
    return min(times)


def _reason(step: Step, batch: int) -> str:
    if isinstance(step, ConvStep | DepthwiseConv):
        return kernel_of(step.node, batch)[1]
    return step.reason


def peak(rounds: int = 5) -> float:
    """The machine's matrix-product peak in 10^9 operations a second, float32, measured now."""
    square = np.ones((PEAK_SIZE, PEAK_SIZE), np.float32)
    out = np.empty_like(square)
    seconds = _best(lambda: np.matmul(square, square, out=out), rounds)
    return float(2e-9 * PEAK_SIZE**3 / seconds)

"""Where the time of a program goes: each step timed, beside what its kernel is and why."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable
from dataclasses import dataclass
from math import inf
from time import perf_counter

import numpy as np

from cnnspec.backends.numpy.compile.plan import Call
from cnnspec.backends.numpy.kernels.step import Step
from cnnspec.backends.numpy.losses import Loss
from cnnspec.backends.numpy.program import Program

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
    """Time every step of a program, best of ``rounds`` whole passes, on the images loaded into it."""
    images = program.input.copy()
    forward: dict[Step | Loss, float] = {}
    backward: dict[Step | Loss, float] = {}
    for _ in range(rounds):
        np.copyto(program.input, images)
        _time(program.forward_calls(fresh=program.training), forward)
        _time(program.backward_calls, backward)
    return [
        Row(step.node.name, type(step).__name__.removesuffix("Step"), step.reason, forward[step],
            backward.get(step, 0.0), step.multiplies)
        for step in program.steps
    ]  # fmt: skip


def _time(calls: list[Call], best: dict[Step | Loss, float]) -> None:
    """Run a pass; each step keeps the least time that its calls took together."""
    spent: dict[Step | Loss, float] = defaultdict(float)
    for call in calls:
        spent[call.step] += _seconds(call.run)
    for step, seconds in spent.items():
        best[step] = min(best.get(step, inf), seconds)


def _seconds(call: Callable[[], object]) -> float:
    start = perf_counter()
    call()
    return perf_counter() - start


def peak(rounds: int = 20) -> float:
    """The machine's matrix-product peak in 10^9 operations a second, float32, measured now."""
    square = np.ones((PEAK_SIZE, PEAK_SIZE), np.float32)
    out = np.empty_like(square)
    seconds = min(_seconds(lambda: np.matmul(square, square, out=out)) for _ in range(rounds))
    return float(2e-9 * PEAK_SIZE**3 / seconds)

"""Where the time of a program goes: each step timed, its kernel and why, the machine's peak, the memory."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable
from math import inf
from time import perf_counter

import numpy as np

from cnnspec.backends.numpy.compile.plan import StepCall
from cnnspec.backends.numpy.engine import NumpyEngine
from cnnspec.backends.numpy.kernels.step import KernelStep
from cnnspec.backends.numpy.losses import Loss
from cnnspec.backends.numpy.program import Program
from cnnspec.backends.numpy.threads import sharing, threads_of
from cnnspec.backends.profile import Profile, StepTime
from cnnspec.network.graph import Network

PEAK_SIZE = 768
"""Rows and columns of the square product that measures the machine's peak."""


@np.errstate(all="ignore")
def profile(program: Program, rounds: int = 10) -> list[StepTime]:
    """Time every step of a program, best of ``rounds`` whole passes, on the images loaded into it."""
    images = {name: values.copy() for name, values in program.inputs.items()}
    forward: dict[KernelStep | Loss, float] = {}
    backward: dict[KernelStep | Loss, float] = {}
    for _ in range(rounds):
        for name, values in images.items():
            np.copyto(program.inputs[name], values)
        _time(program.forward_calls(fresh=program.training), forward)
        _time(program.backward_calls, backward)
    return [
        StepTime(step.node.name, type(step).__name__.removesuffix("KernelStep"), step.reason, forward[step],
            backward.get(step, 0.0), step.multiplies, step.context.within)
        for step in program.steps
    ]  # fmt: skip


def _time(calls: list[StepCall], best: dict[KernelStep | Loss, float]) -> None:
    """Run a pass; each step keeps the least time that its calls took together."""
    spent: dict[KernelStep | Loss, float] = defaultdict(float)
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


def measure(
    network: Network, batch: int | None = None, *, training: bool = False, rounds: int = 5
) -> Profile:
    """Runs the network on random images and labels, and times its steps, best of ``rounds``.

    ``batch`` is 1 unless given, in training the recipe's. Where threads share the samples of a batch,
    it is those of one thread that are timed.
    """
    size = batch or (network.training_recipe.batch if training else 1)
    engine = NumpyEngine(network)
    multiplies = size * engine.multiplies
    lanes, each = (1, size) if training else sharing(size, size, multiplies)
    program = engine.compile(each, training, lanes=lanes if size == 1 else 1)
    size, threads = each, lanes if size > 1 else 1
    random = np.random.default_rng(0)
    images = {node.name: random.random((size, *node.output), np.float32) for node in network.inputs}
    outputs = random.integers(0, program.result().shape[-1], (size, *program.result().shape[1:-1]))
    with threads_of(lanes, multiplies):
        program.load(images, outputs if training else None)
        rows = profile(program, rounds)
        best = peak() if threads == lanes else 0.0
    best = best or peak()
    memory = program.memory
    weights = sum(values.nbytes for values in engine.weights.values())
    return Profile(
        network.name, size, training, rows, best, weights, memory.map_bytes, memory.scratch_bytes, threads
    )

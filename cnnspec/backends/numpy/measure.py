"""A network run on random samples to be timed: its steps, the machine's peak, its memory."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from cnnspec.backends.numpy import build
from cnnspec.backends.numpy.profile import Row, peak, profile
from cnnspec.backends.numpy.threads import threads_for
from cnnspec.network.graph import Network


@dataclass(frozen=True)
class Profile:
    """What was measured: seconds of each step, the machine's peak, the program's memory."""

    name: str
    batch: int
    training: bool
    rows: list[Row]
    peak: float
    """10^9 operations a second of a large matrix product, with the same threads."""
    weight_bytes: int
    map_bytes: int
    scratch_bytes: int

    @property
    def seconds(self) -> float:
        return sum(row.forward + row.backward for row in self.rows)

    @property
    def forward(self) -> float:
        return sum(row.forward for row in self.rows)

    @property
    def gflops(self) -> float:
        """Of the whole forward pass, additions of biases and the like not counted."""
        return 2e-9 * sum(row.multiplies for row in self.rows) / self.forward if self.forward else 0.0


def measure(
    network: Network, batch: int | None = None, *, training: bool = False, rounds: int = 5
) -> Profile:
    """Runs the network on random images and labels, and times its steps, best of ``rounds``.

    ``batch`` is 1 unless given, in training the recipe's.
    """
    size = batch or (network.training_recipe.batch if training else 1)
    model = build(network)
    program = model.compile(size, training)
    random = np.random.default_rng(0)
    images = random.random((size, *network.input), np.float32)
    outputs = random.integers(0, program.result().shape[-1], (size, *program.result().shape[1:-1]))
    with threads_for(sum(step.multiplies for step in program.steps)):
        program.load(images, outputs if training else None)
        rows, best = profile(program, rounds), peak()
    memory = program.memory
    weights = sum(values.nbytes for values in model.weights.values())
    return Profile(network.name, size, training, rows, best, weights, memory.map_bytes, memory.scratch_bytes)

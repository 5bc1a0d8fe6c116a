"""Where the time of a network goes on PyTorch: each layer timed by itself, on its device."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable
from math import inf
from time import perf_counter
from typing import Any, Final

import numpy as np
import torch
from torch import Tensor

from cnnspec.analysis.report import analyze
from cnnspec.backends.profile import Profile, StepTime
from cnnspec.backends.torch.module import Statement
from cnnspec.backends.torch.network import TorchNetwork

PEAK_SIZES: Final = {"cpu": 768}
"""Rows and columns of the square product that measures the peak; elsewhere ``LARGE``."""
LARGE: Final = 4096


class LayerClock:
    """Times a network's statements one after the other; each keeps the least of its times."""

    def __init__(self, engine: TorchNetwork, training: bool) -> None:
        self.engine, self.training = engine, training
        wanted = tuple(output.node for output in engine.network.outputs)
        self.statements = engine.module.needed(wanted)
        self.forward: dict[int, float] = defaultdict(lambda: inf)
        self.backward: dict[int, float] = defaultdict(float)

    def round(self, inputs: list[Tensor]) -> None:
        """All layers once, on images that are in place."""
        values: dict[str, Any] = {
            f"v{node.index}": tensor for node, tensor in zip(self.engine.network.inputs, inputs, strict=True)
        }
        with torch.set_grad_enabled(self.training):
            for statement in self.statements:
                given = {name: self._apart(statement, values[name]) for name in statement.reads}
                self._time(statement, given, values)

    def _apart(self, statement: Statement, value: Tensor) -> Tensor:
        """A value as this layer alone knows it, whose gradient stops there; images have none."""
        is_input = statement.node.inputs[0] < len(self.engine.network.inputs)
        return value.detach().requires_grad_(self.training and value.is_floating_point() and not is_input)

    def _time(self, statement: Statement, given: dict[str, Tensor], values: dict[str, Any]) -> None:
        index, engine = statement.node.index, self.engine
        namespace = {**engine.module.namespace, **given}
        code = compile(statement.expression, "layer", "eval")
        seconds, found = self._seconds(lambda: eval(code, namespace))
        self.forward[index] = min(self.forward[index], seconds)
        values |= zip(
            statement.gives.split(", "), found if isinstance(found, tuple) else (found,), strict=True
        )
        output = values[f"v{index}"]
        if self.training and output.requires_grad:
            seconds, _ = self._seconds(lambda: output.backward(torch.ones_like(output)))
            self.backward[index] = min(self.backward.get(index, inf), seconds)

    def _seconds(self, call: Callable[[], Any]) -> tuple[float, Any]:
        self._wait()
        start = perf_counter()
        found = call()
        self._wait()
        return perf_counter() - start, found

    def _wait(self) -> None:
        if self.engine.device.type == "cuda":
            torch.cuda.synchronize(self.engine.device)

    def peak(self, rounds: int = 20) -> float:
        """10^9 operations a second of a large matrix product on the device."""
        size = PEAK_SIZES.get(self.engine.device.type, LARGE)
        square = torch.ones(size, size, device=self.engine.device)
        return 2e-9 * size**3 / min(self._seconds(lambda: square @ square)[0] for _ in range(rounds))


def measure(
    engine: TorchNetwork, batch: int | None = None, *, training: bool = False, rounds: int = 5
) -> Profile:
    """Runs the network on random images, and times its layers, best of ``rounds``.

    ``batch`` is 1 unless given, in training the recipe's. Maps are counted as the analysis counts them.
    """
    network = engine.network
    size = batch or (network.training_recipe.batch if training else 1)
    random, clock = np.random.default_rng(0), LayerClock(engine, training)
    images = {node.name: random.random((size, *node.output), np.float32) for node in network.inputs}
    engine.module.train(training)
    for _ in range(rounds + 1):  # the first one warms up
        clock.round(engine.take(images))
    rows = [
        StepTime(
            one.node.name, type(engine.module.namespace.get(f"m{one.node.index}", torch.add)).__name__,
            f"PyTorch's own, on {engine.device}", clock.forward[one.node.index],
            clock.backward[one.node.index], int(one.node.layer.multiplies(one.node.input_shapes)) * size,
        )
        for one in clock.statements
    ]  # fmt: skip
    weights = sum(tensor.nbytes for tensor in engine.module.state_dict().values())
    totals = analyze(network, batch=size).totals
    maps = totals.activation_bytes if training else totals.peak_activation_bytes
    return Profile(network.name, size, training, rows, clock.peak(), weights, maps, 0)

"""A training on NumPy: workers compute the gradients, an optimizer moves the weights."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import Any

import numpy as np

from cnnspec.backends.contract import BatchResult, BatchSource, Images
from cnnspec.backends.numpy.layout import Array
from cnnspec.backends.numpy.parameters import Parameters
from cnnspec.backends.numpy.shards import MakeProgram
from cnnspec.backends.numpy.threads import threads_for
from cnnspec.backends.numpy.workers import workers_of
from cnnspec.recipe.models import Recipe


class NumpySession:
    """See ``contract.TrainingSession``; ``program`` gives the training program of a size of batches."""

    def __init__(
        self, parameters: Parameters, program: MakeProgram, recipe: Recipe, batches: BatchSource
    ) -> None:
        self.parameters = parameters
        self.workers = workers_of(parameters, batches, program, recipe)
        self.optimizer = self.workers.optimizer
        self.multiplies = recipe.batch * parameters.multiplies

    @property
    def gradients(self) -> Mapping[str, Array]:
        self.workers.gather()
        return self.parameters.gradients

    @property
    def arrays(self) -> Mapping[str, Array]:
        return self.optimizer.state

    @property
    def state(self) -> dict[str, Any]:
        generator = self.parameters.random.bit_generator
        return {"random": generator.state, "optimizer_count": self.optimizer.count}

    @contextmanager
    def running(self) -> Iterator[None]:
        """Few threads for small products, and the workers sent home in any case."""
        with threads_for(self.multiplies):
            try:
                yield
            finally:
                self.workers.close()

    def epoch(self, epoch: int, first: int) -> Iterator[tuple[Images, Array]]:
        return self.workers.epoch(epoch, first)

    def backward(self, images: Images, labels: Array, step: int) -> BatchResult:
        return self.workers.step(images, labels, step)

    def update(self, rate: float) -> None:
        self.workers.update(rate)

    def check(self, state: Mapping[str, Any]) -> None:
        type(self.parameters.random.bit_generator)(0).state = state["random"]
        if not isinstance(state["optimizer_count"], int):
            raise TypeError("the optimizer's count is not a whole number")

    def restore(self, arrays: Mapping[str, Array], state: Mapping[str, Any]) -> None:
        for name, values in arrays.items():
            np.copyto(self.optimizer.state[name], values)
        self.optimizer.count = state["optimizer_count"]
        self.parameters.random.bit_generator.state = state["random"]

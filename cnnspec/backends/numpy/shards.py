"""A batch in shards: the whole in one process, and several shards one after the other.

Statistics that layers keep (batch norm's) are those of the first shard, as in PyTorch's
DistributedDataParallel.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any, TypeAlias

import numpy as np

from cnnspec.backends.contract import BatchResult, BatchSource, Images
from cnnspec.backends.numpy.exchange import Exchange
from cnnspec.backends.numpy.layout import Array
from cnnspec.backends.numpy.optimizers import Optimizer, clip, make_optimizer, shrink
from cnnspec.backends.numpy.parameters import Parameters
from cnnspec.backends.numpy.program import Program
from cnnspec.recipe.models import Recipe

MakeProgram: TypeAlias = Callable[[int], Program]
"""The training program for a size of batches."""


class SingleProcess:
    """One worker: the whole batch in this process.

    An ``epoch`` gives the batches of the first worker; ``step`` takes each of them in turn, and ``update``
    moves the weights against the whole batch's gradient, which ``gather`` puts into the parameters.
    """

    def __init__(
        self, parameters: Parameters, batches: BatchSource, program: MakeProgram, recipe: Recipe
    ) -> None:
        self.parameters, self.batches, self.program = parameters, batches, program
        self.largest = recipe.clip
        self.optimizer = self.make_optimizer(recipe.optimizer)

    def make_optimizer(self, setting: Any) -> Optimizer:
        """The optimizer of the weights."""
        return make_optimizer(setting, self.parameters.flat)

    def epoch(self, epoch: int, first: int) -> Iterator[tuple[Images, Array]]:
        """The batches of an epoch, from place ``first`` on."""
        return self.batches.epoch(epoch, first)

    def step(self, images: Images, labels: Array, step: int) -> BatchResult:
        """One batch forward and backward; ``step`` counts from 0 over the whole training."""
        loss, correct = self.program(len(labels)).step(images, labels)
        return BatchResult(loss, correct, len(labels))

    def gather(self) -> None:
        """Where the parameters' gradient is not the whole batch's, it becomes that."""

    def update(self, rate: float) -> None:
        """One step of the optimizer at a learning rate; the gradient is used up."""
        gradient = self.parameters.flat_gradient
        if self.largest:
            clip(gradient, self.largest)
        self.optimizer.update(gradient, rate)

    def close(self) -> None:
        """Lets everything go that is held between steps: nothing, where there are no processes."""


class DataParallel(SingleProcess):
    """Several workers. This process does the first shard."""

    def __init__(
        self, parameters: Parameters, batches: BatchSource, program: MakeProgram, recipe: Recipe
    ) -> None:
        self.count = recipe.workers
        self.shards = [batches.shard(n, self.count) for n in range(self.count)]
        self.exchange = Exchange(parameters.flat.size, parameters.dtype, self.count)
        super().__init__(parameters, self.shards[0], program, recipe)

    def work(self, images: Images, labels: Array, worker: int, step: int) -> None:
        """One shard forward and backward, with random numbers of its own."""
        found = BatchResult(0.0, 0, 0)
        if len(labels):
            state = np.random.PCG64([self.parameters.seed, step, worker]).state
            self.parameters.random.bit_generator.state = state
            found = SingleProcess.step(self, images, labels, step)
        else:
            self.parameters.flat_gradient.fill(0)
        self.exchange.keep(worker, found)

    def publish(self, worker: int) -> None:
        """Leaves a worker's gradient where all find it."""
        np.copyto(self.exchange.gradients[worker], self.parameters.flat_gradient)

    def gather(self) -> None:
        gradient = self.parameters.flat_gradient
        self.exchange.sum(slice(0, gradient.size), gradient)


class Sequential(DataParallel):
    """The shards one after the other in this process: the definition that ``Processes`` agrees with."""

    def epoch(self, epoch: int, first: int) -> Iterator[tuple[Images, Array]]:
        self.others = [shard.epoch(epoch, first) for shard in self.shards[1:]]
        return super().epoch(epoch, first)

    def step(self, images: Images, labels: Array, step: int) -> BatchResult:
        self.work(images, labels, 0, step)
        self.publish(0)
        weights, trained = self.parameters.weights, self.parameters.gradients
        statistics = {name: values.copy() for name, values in weights.items() if name not in trained}
        for worker, batches in enumerate(self.others, 1):
            self.work(*next(batches), worker, step)
            self.publish(worker)
        weights.update(statistics)
        return self.exchange.total

    def update(self, rate: float) -> None:
        self.gather()
        gradient, exchange = self.parameters.flat_gradient, self.exchange
        if self.largest:
            for worker, place in enumerate(exchange.parts):
                exchange.measure(worker, gradient[place])
            shrink(gradient, exchange.norm, self.largest)
        self.optimizer.update(gradient, rate)

"""A network becomes a list of steps: lowering, rearranging, and planning memory.

``lower`` turns layers into operations, ``late_tails`` moves what commutes with
a maximum behind it (a quarter of the work), ``map_readers`` lets dense layers
read the map that is flattened, ``Planner`` builds the steps in the order of
execution, so that memory follows liveness.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass, replace
from functools import partial

import numpy as np
from numpy.random import Generator

from cnnspec.analysis.memory import values_read
from cnnspec.backends.numpy import dense, pool, reshape
from cnnspec.backends.numpy.choice import Choice, Pick
from cnnspec.backends.numpy.kernels import steps_of
from cnnspec.backends.numpy.layout import Array, inner_shape
from cnnspec.backends.numpy.losses import Loss
from cnnspec.backends.numpy.memory import Memory
from cnnspec.backends.numpy.pool_places import REMEMBERING, PlacePool
from cnnspec.backends.numpy.step import Site, Step
from cnnspec.network.graph import Network, Node


@dataclass(frozen=True)
class Operation:
    """One step to be: it reads values and writes one. Values are numbered; 0 is the input."""

    choice: Choice
    node: Node
    inputs: tuple[int, ...]
    output: int

    @property
    def kernel(self) -> type[Step]:
        return self.choice.kernel


@dataclass(frozen=True, slots=True)
class Call:
    """What a pass does, and the step or loss that it does it for."""

    step: Step | Loss
    run: Callable[[], object]


@dataclass(frozen=True)
class Lowered:
    """The operations in order, and the value that holds each node's output."""

    operations: tuple[Operation, ...]
    value_of: Mapping[int, int]


def lower(
    network: Network, batch: int, training: bool, needed: Collection[int], pick: Pick = steps_of
) -> Lowered:
    """All layers that the ``needed`` nodes depend on, as operations."""
    alive = _ancestors(network, needed)
    referred = {source for index in alive for source in _referred(network.nodes[index])}
    operations: list[Operation] = []
    value_of, count = {0: 0}, 1
    for node in network.layers:
        if node.index not in alive:
            continue
        values = tuple(value_of[source] for source in values_read(node))
        for choice in pick(node, batch, training):
            if node.index in referred:
                choice = REMEMBERING.get(choice.kernel, choice)
            operations.append(Operation(choice, node, values, count))
            values, count = (count,), count + 1
        value_of[node.index] = values[0]
    return Lowered(tuple(operations), value_of)


def _ancestors(network: Network, needed: Collection[int]) -> set[int]:
    alive: set[int] = set()
    stack = list(needed)
    while stack:
        index = stack.pop()
        if index not in alive:
            alive.add(index)
            stack.extend(network.nodes[index].inputs)
    return alive


def _referred(node: Node) -> tuple[int, ...]:
    """The nodes that a layer refers to without reading their values, as unpool to its pool."""
    return node.inputs[len(values_read(node)) :]


def late_tails(lowered: Lowered, kept: Collection[int]) -> Lowered:
    """Bias and ReLU behind the max pool that follows them: they commute, and it shrinks the map.

    Rounding is monotone too, so the values are the same to the last bit, but for the
    sign of a zero where -0.0 and what ReLU cuts off lie in one window. A pool whose
    places are needed stays where it is.
    """
    operations = list(lowered.operations)
    readers = Counter(value for operation in operations for value in operation.inputs)
    place = {operation.output: n for n, operation in enumerate(operations)}
    for start, operation in enumerate(operations):
        at = start
        while issubclass(operation.kernel, pool.MaxPool):
            before = place.get(operations[at].inputs[0])
            if before is None or not _may_follow(operations[before], readers, kept):
                break
            operations[before], operations[at] = _exchanged(operations[before], operations[at])
            at = before
    return replace(lowered, operations=tuple(operations))


def _may_follow(operation: Operation, readers: Counter[int], kept: Collection[int]) -> bool:
    return operation.kernel.monotone and readers[operation.output] == 1 and operation.output not in kept


def _exchanged(tail: Operation, largest: Operation) -> tuple[Operation, Operation]:
    """The pool in the tail's place, the tail in the pool's."""
    return (
        replace(largest, inputs=tail.inputs, output=tail.output),
        replace(tail, inputs=(tail.output,), output=largest.output),
    )


def map_readers(lowered: Lowered, kept: Collection[int]) -> Lowered:
    """Without the flattening that only dense layers read: they read the map itself, no value moves."""
    readers = _readers(lowered)
    source: dict[int, int] = {}
    left = []
    for operation in lowered.operations:
        operation = replace(operation, inputs=tuple(source.get(value, value) for value in operation.inputs))
        read_by = [reader.kernel for reader in readers.get(operation.output, ())]
        if (
            issubclass(operation.kernel, reshape.Reshape)
            and operation.output not in kept
            and all(issubclass(kernel, dense.Dense) for kernel in read_by)
        ):
            source[operation.output] = operation.inputs[0]
        else:
            left.append(operation)
    return replace(lowered, operations=tuple(left))


def _readers(lowered: Lowered) -> dict[int, list[Operation]]:
    """For each value the operations that read it."""
    readers: dict[int, list[Operation]] = {}
    for operation in lowered.operations:
        for value in operation.inputs:
            readers.setdefault(value, []).append(operation)
    return readers


class Planner:
    """Builds the steps of a program and gives each its arrays."""

    def __init__(
        self, network: Network, lowered: Lowered, *, batch: int, training: bool, memory: Memory,
        random: Generator, weights: Mapping[str, Array], gradients: Mapping[str, Array],
        kept: Collection[int],
    ) -> None:  # fmt: skip
        self.network, self.lowered, self.kept = network, lowered, kept
        self.batch, self.training, self.memory, self.random = batch, training, memory, random
        self.weights, self.gradients = weights, gradients
        self.readers = _readers(lowered)
        self.maker = {operation.output: operation for operation in lowered.operations}
        self.arrays: dict[int, Array] = {}
        self.trained: dict[int, bool] = {0: False}
        self.found: dict[int, Array] = {}
        self.steps: dict[int, Step] = {}
        self.referring = Counter(
            source for operation in lowered.operations for source in _referred(operation.node)
        )

    def forward(self) -> list[Step]:
        """The steps in order. A value's memory is released after its last reader."""
        room = self.memory.own if self.training else self.memory.take
        self.arrays[0] = room(inner_shape(self.network.input, self.batch))
        left = Counter(value for operation in self.lowered.operations for value in set(operation.inputs))
        steps = []
        for operation in self.lowered.operations:
            step = operation.kernel(self._site(operation), operation.choice.reason)
            step.end_scratch()
            self.arrays[operation.output] = step.y
            self.steps[operation.node.index] = step
            self.trained[operation.output] = bool(step.site.gradients) or any(
                self.trained[value] for value in operation.inputs
            )
            steps.append(step)
            for value in {*operation.inputs, operation.output}:
                left[value] -= value in operation.inputs
                if left[value] == 0 and self._dead(value):
                    self.memory.release(self.arrays[value])
            self._forget_places(operation.node)
        return steps

    def _forget_places(self, node: Node) -> None:
        """The places a pool remembers, after the last layer that needs them."""
        for source in _referred(node):
            self.referring[source] -= 1
            step = self.steps[source]
            if isinstance(step, PlacePool) and not (self.referring[source] or self.training):
                self.memory.release(step.places)

    def _site(self, operation: Operation) -> Site:
        node = operation.node
        names = {w.name: f"{node.name}.{w.name}" for w in node.layer.weights(node.input_shapes)}
        return Site(
            node, tuple(self.arrays[value] for value in operation.inputs), self.batch,
            self.training, self.memory, self.random,
            {short: self.weights[name] for short, name in names.items()},
            {short: self.gradients[name] for short, name in names.items() if name in self.gradients},
            overwrite=tuple(self._may_overwrite(operation, value) for value in operation.inputs),
            steps=self.steps,
        )  # fmt: skip

    def _may_overwrite(self, operation: Operation, value: int) -> bool:
        """Whether the output may take an input's place: nobody else reads that, now or later."""
        return (
            operation.kernel.overwrites
            and value != 0
            and value not in self.kept
            and len(self.readers[value]) == 1
            and self.memory.holders(self.arrays[value]) == 1
            and not (
                self.training and (self.maker[value].kernel.reads_output or operation.kernel.reads_input)
            )
        )

    def _dead(self, value: int) -> bool:
        """Whether a value may be forgotten after the forward pass has read it."""
        if value in self.kept or (value == 0 and self.training):
            return False
        return not self.training or not (
            self.maker[value].kernel.reads_output
            or any(reader.kernel.reads_input for reader in self.readers.get(value, ()))
        )

    def backward(self, steps: list[Step], seeds: Mapping[int, Array]) -> list[Call]:
        """The calls of the backward pass, from the gradients of the outputs to the first trained step."""
        gradients = self.found = dict(seeds)
        calls: list[Call] = []
        for operation, step in zip(reversed(self.lowered.operations), reversed(steps), strict=True):
            dy = gradients.pop(operation.output, None)
            if dy is None or not self.trained[operation.output]:
                continue
            wanted = tuple(self.trained[value] for value in operation.inputs)
            found = step.prepare(dy, wanted)
            step.end_scratch()
            calls.append(Call(step, step.backward))
            for value, dx in zip(operation.inputs, found, strict=True):
                if dx is not None:
                    calls.extend(Call(step, run) for run in self._collect(gradients, value, dx))
            self.memory.release(dy)
        return calls

    def _collect(self, gradients: dict[int, Array], value: int, dx: Array) -> list[Callable[[], object]]:
        """Add a reader's gradient to its value's; the first one is taken as it is, unless it is shared."""
        if value in gradients:
            into = gradients[value]
            self.memory.release(dx)
            return [partial(np.add, into, dx, out=into)]
        if any(self.memory.shared(dx, other) for other in gradients.values()):
            own = self.memory.take(dx.shape)
            self.memory.release(dx)
            gradients[value] = own
            return [partial(np.copyto, own, dx)]
        gradients[value] = dx
        return []

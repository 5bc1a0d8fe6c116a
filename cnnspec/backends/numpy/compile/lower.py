"""A network becomes a list of operations, which are put in a better order.

``lower`` turns layers into operations, ``late_tails`` moves what commutes with
a maximum behind it (a quarter of the work), ``map_readers`` lets dense layers
read the map that is flattened.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection, Mapping
from dataclasses import dataclass, replace

from cnnspec.analysis.memory import values_read
from cnnspec.backends.numpy.kernels import dense, pool, reshape
from cnnspec.backends.numpy.kernels.pool_places import REMEMBERING
from cnnspec.backends.numpy.kernels.step import Choice, KernelStep, Pick
from cnnspec.network.graph import Network, Node


@dataclass(frozen=True)
class Operation:
    """One step to be: it reads values and writes one. Values are numbered; the first are the inputs."""

    choice: Choice
    node: Node
    inputs: tuple[int, ...]
    output: int
    tail: tuple[Operation, ...] = ()
    """What follows within the same pass."""

    @property
    def kernel(self) -> type[KernelStep]:
        return self.choice.kernel


@dataclass(frozen=True)
class Lowered:
    """The operations in order, the value that holds each node's output, and those that are asked for."""

    operations: tuple[Operation, ...]
    value_of: Mapping[int, int]
    kept: frozenset[int]

    @property
    def readers(self) -> Mapping[int, list[Operation]]:
        """For each value the operations that read it."""
        readers: dict[int, list[Operation]] = {}
        for operation in self.operations:
            for value in operation.inputs:
                readers.setdefault(value, []).append(operation)
        return readers


def lower(network: Network, batch: int, training: bool, needed: Collection[int], pick: Pick) -> Lowered:
    """All layers that the ``needed`` nodes depend on, as operations."""
    alive = set(needed)
    for node in reversed(network.nodes):
        if node.index in alive:
            alive.update(node.inputs)
    referred = {source for index in alive for source in referred_by(network.nodes[index])}
    operations: list[Operation] = []
    value_of, count = {node.index: node.index for node in network.inputs}, len(network.inputs)
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
    return Lowered(tuple(operations), value_of, frozenset(value_of[index] for index in needed))


def joined(lowered: Lowered) -> Lowered:
    """Bias, batch norm and ReLU within the pass of the step before them, of a prediction.

    They run while what they change is in the cache, and threads meet once for all of them.
    """
    operations: list[Operation] = []
    readers = Counter(value for operation in lowered.operations for value in operation.inputs)
    place: dict[int, int] = {}
    for operation in lowered.operations:
        value = operation.inputs[0]
        before = operations[place[value]] if value in place else None
        if before and readers[value] == 1 and value not in lowered.kept and _may_join(operation, before):
            place[operation.output] = place[value]
            tail = (*before.tail, operation)
            operations[place[value]] = replace(before, output=operation.output, tail=tail)
        else:
            place[operation.output] = len(operations)
            operations.append(operation)
    return replace(lowered, operations=tuple(operations))


def _may_join(operation: Operation, before: Operation) -> bool:
    """Whether an operation may be the next of the other's tail, at whose end values are cut off."""
    ended = any(each.kernel.role == "clip" for each in before.tail)
    return operation.kernel.role in before.kernel.finishes and not ended


def referred_by(node: Node) -> tuple[int, ...]:
    """The nodes that a layer refers to without reading their values, as unpool to its pool."""
    return node.inputs[len(values_read(node)) :]


def late_tails(lowered: Lowered) -> Lowered:
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
        while issubclass(operation.kernel, pool.MaxPoolStep):
            before = place.get(operations[at].inputs[0])
            if before is None or not _may_follow(operations[before], readers, lowered.kept):
                break
            tail, largest = operations[before], operations[at]
            operations[before] = replace(largest, inputs=tail.inputs, output=tail.output)
            operations[at] = replace(tail, inputs=(tail.output,), output=largest.output)
            at = before
    return replace(lowered, operations=tuple(operations))


def _may_follow(operation: Operation, readers: Counter[int], kept: Collection[int]) -> bool:
    return operation.kernel.monotone and readers[operation.output] == 1 and operation.output not in kept


def map_readers(lowered: Lowered) -> Lowered:
    """Without the flattening that only dense layers read: they read the map itself, no value moves."""
    readers = lowered.readers
    source: dict[int, int] = {}
    left = []
    for operation in lowered.operations:
        operation = replace(operation, inputs=tuple(source.get(value, value) for value in operation.inputs))
        read_by = [reader.kernel for reader in readers.get(operation.output, ())]
        if (
            issubclass(operation.kernel, reshape.ReshapeStep)
            and operation.output not in lowered.kept
            and all(issubclass(kernel, dense.DenseStep) for kernel in read_by)
        ):
            source[operation.output] = operation.inputs[0]
        else:
            left.append(operation)
    return replace(lowered, operations=tuple(left))

"""Operations become the steps of a program, in the order of execution, so that memory follows liveness."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import partial

import numpy as np

from cnnspec.backends.numpy.compile.lower import Lowered, Operation, referred_by
from cnnspec.backends.numpy.compile.memory import Allocator, ArenaLayout
from cnnspec.backends.numpy.kernels.pool_places import PlacePool
from cnnspec.backends.numpy.kernels.step import KernelContext, KernelStep
from cnnspec.backends.numpy.layout import Array, inner_shape
from cnnspec.backends.numpy.losses import Loss
from cnnspec.backends.numpy.parameters import Parameters
from cnnspec.network.graph import Node


@dataclass(frozen=True, slots=True)
class LossHead:
    """A value that a loss reads, and what makes that loss from its array, the memory and the weight."""

    value: int
    loss: Callable[..., Loss]
    weight: float


@dataclass(frozen=True, slots=True)
class StepCall:
    """What a pass does, and the step or loss that it does it for."""

    step: KernelStep | Loss
    run: Callable[[], object]


class ProgramPlan:
    """The steps of a program, and each with its arrays.

    Without a layout it is a draft, whose memory tells how long each array is needed. ``results`` are the
    values that are asked for, by name.
    """

    def __init__(
        self, parameters: Parameters, lowered: Lowered, batch: int, training: bool, *,
        results: Mapping[str, int], heads: Sequence[LossHead], input_gradient: bool,
        layout: ArenaLayout | None = None, owned: Sequence[Array] | None = None, lanes: int = 1,
    ) -> None:  # fmt: skip
        self.lowered, self.batch, self.training, self.lanes = lowered, batch, training, lanes
        self.memory = Allocator(parameters.dtype, layout, owned)
        self.parameters, self.weights, self.random = parameters, parameters.arrays, parameters.random
        self.gradients = parameters.gradients if training else {}
        self.readers = lowered.readers
        self.maker = {operation.output: operation for operation in lowered.operations}
        network = parameters.network
        self.uses = Counter(name for node in network.layers for name in node.weights)
        self.shared: dict[str, Array] = {}
        """For each gradient of weights that several layers use, room for the part of one use."""
        self.trained = {node.index: input_gradient for node in network.inputs}
        self.step_of: dict[int, KernelStep] = {}
        self.referring = Counter(
            source for operation in lowered.operations for source in referred_by(operation.node)
        )
        scratch = self.memory.own if training else self.memory.take
        self.arrays = {node.index: scratch(inner_shape(node.output, batch)) for node in network.inputs}
        self.inputs = {node.name: self.arrays[node.index] for node in network.inputs}
        self.left = Counter(value for operation in lowered.operations for value in operation.inputs)
        """For each value how often it has still to be read; ``add a`` reads its own input a twice."""
        self.steps = self._plan_forward()
        self.results = {name: self.arrays[value] for name, value in results.items()}
        self.losses = [head.loss(self.arrays[head.value], self.memory, head.weight) for head in heads]
        for loss in self.losses:
            loss.end_scratch()
        seeds = {head.value: loss.gradient for head, loss in zip(heads, self.losses, strict=True)}
        self.backward, found = self._plan_backward(seeds)
        self.input_gradients = {
            node.name: found[node.index] for node in network.inputs if node.index in found
        }

    def _plan_forward(self) -> list[KernelStep]:
        """The steps in order. A value's memory is released after its last reader."""
        left = self.left
        steps = []
        for operation in self.lowered.operations:
            step = operation.kernel(self._site(operation), operation.choice.reason)
            step.end_scratch()
            self.arrays[operation.output] = step.y
            self.step_of[operation.node.index] = step
            self.trained[operation.output] = bool(step.context.gradients) or any(
                self.trained[value] for value in operation.inputs
            )
            steps.append(step)
            left.subtract(operation.inputs)
            for value in {*operation.inputs, operation.output}:
                if left[value] == 0 and self._dead(value):
                    self.memory.release(self.arrays[value])
            self._forget_places(operation.node)
        return steps

    def _forget_places(self, node: Node) -> None:
        """The places a pool remembers, after the last layer that needs them."""
        for source in referred_by(node):
            self.referring[source] -= 1
            step = self.step_of[source]
            if isinstance(step, PlacePool) and not (self.referring[source] or self.training):
                self.memory.release(step.places)

    def _site(self, operation: Operation) -> KernelContext:
        node = operation.node
        names = {weight.name: name for name, weight in node.weights.items()}
        tail = tuple(op.kernel.tail_part(op.node, self._weights_of(op.node)) for op in operation.tail)
        within = tuple(op.node.name for op in operation.tail if op.node is not node)
        return KernelContext(
            node, tuple(self.arrays[value] for value in operation.inputs), self.batch,
            self.training, self.memory, self.random, self._weights_of(node),
            {short: self._gradient(node, name) for short, name in names.items() if name in self.gradients},
            overwrite=tuple(self._may_overwrite(operation, value) for value in operation.inputs),
            steps={source: self.step_of[source] for source in referred_by(node)},
            changed=self.parameters.watch(names.values()), lanes=self.lanes, tail=tail, within=within,
        )  # fmt: skip

    def _weights_of(self, node: Node) -> dict[str, Array]:
        """The arrays of a node by their short names, as it sees them."""
        return {weight.name: _seen(node, name, self.weights[name]) for name, weight in node.weights.items()}

    def _gradient(self, node: Node, name: str) -> Array:
        """Where a step puts the gradient of a weight: apart, where others use that weight too."""
        if self.uses[name] == 1:
            return self.gradients[name]
        whole = self.gradients[name]
        if name not in self.shared:
            self.shared[name] = self.memory.own((whole.size,))
        return self.shared[name].reshape(_seen(node, name, whole).shape)

    def _sums(self, node: Node, begun: set[str]) -> Iterator[Callable[[], object]]:
        """The parts of a node's use of shared weights go to their gradients, which sum over all uses.

        A gradient that no loss depends on stays zero.
        """
        for name in node.weights.keys() & self.shared.keys():
            whole = self.gradients[name]
            part = self.shared[name].reshape(_seen(node, name, whole).shape)
            part = _seen(node, name, part)
            yield (
                partial(np.add, whole, part, out=whole) if name in begun else partial(np.copyto, whole, part)
            )
            begun.add(name)

    def _may_overwrite(self, operation: Operation, value: int) -> bool:
        """Whether the output may take an input's place: nobody reads that later, nor a backward pass."""
        return (
            operation.kernel.overwrites
            and value >= len(self.inputs)
            and value not in self.lowered.kept
            and (len(self.readers[value]) if self.training else self.left[value]) == 1
            and self.memory.holders(self.arrays[value]) == 1
            and not (
                self.training and (self.maker[value].kernel.reads_output or operation.kernel.reads_input)
            )
        )

    def _dead(self, value: int) -> bool:
        """Whether a value may be forgotten after the forward pass has read it."""
        if value in self.lowered.kept or (value < len(self.inputs) and self.training):
            return False
        return not self.training or not (
            self.maker[value].kernel.reads_output
            or any(reader.kernel.reads_input for reader in self.readers.get(value, ()))
        )

    def _plan_backward(self, seeds: Mapping[int, Array]) -> tuple[list[StepCall], dict[int, Array]]:
        """The calls from the gradients of the outputs to the first trained step, and those of the inputs."""
        gradients, begun = dict(seeds), set[str]()
        calls: list[StepCall] = []
        firsts = {operation.node.index: operation for operation in reversed(self.lowered.operations)}
        for operation, step in zip(reversed(self.lowered.operations), reversed(self.steps), strict=True):
            dy = gradients.pop(operation.output, None)
            if dy is None or not self.trained[operation.output]:
                self._forget(operation)
                continue
            found = self._prepare(operation, step, dy)
            calls.append(StepCall(step, step.backward))
            reads = Counter(operation.inputs)
            for value, dx in zip(operation.inputs, found, strict=True):
                if dx is not None:
                    runs = self._collect(gradients, value, dx, once=reads[value] == 1)
                    calls.extend(StepCall(step, run) for run in runs)
            self.memory.release(dy)
            if firsts[operation.node.index] is operation:
                calls.extend(StepCall(step, run) for run in self._sums(operation.node, begun))
        return calls, gradients

    def _prepare(self, operation: Operation, step: KernelStep, dy: Array) -> tuple[Array | None, ...]:
        """The gradients that a step gives; they may lie where its output was, unless it reads that."""
        if not operation.kernel.reads_output:
            self._forget(operation)
        found = step.prepare(dy, tuple(self.trained[value] for value in operation.inputs))
        step.end_scratch()
        step.end_passing()
        if operation.kernel.reads_output:
            self._forget(operation)
        return found

    def _forget(self, operation: Operation) -> None:
        """An output that was kept for the backward pass, which nobody reads any more."""
        value = operation.output
        if value not in self.lowered.kept and not self._dead(value):
            self.memory.release(self.arrays[value])

    def _collect(
        self, gradients: dict[int, Array], value: int, dx: Array, once: bool
    ) -> list[Callable[[], object]]:
        """Add a reader's gradient to its value's; the first one is taken as it is, unless it is shared.

        A step that reads a value more than ``once`` may give it the same array each time.
        """
        if value in gradients:
            into = gradients[value]
            self.memory.release(dx)
            return [partial(np.add, into, dx, out=into)]
        if not once or any(self.memory.shared(dx, other) for other in gradients.values()):
            own = self.memory.take(dx.shape)
            self.memory.release(dx)
            gradients[value] = own
            return [partial(np.copyto, own, dx)]
        gradients[value] = dx
        return []


def _seen(node: Node, name: str, array: Array) -> Array:
    """An array of another layer as a node that is tied to it has it; turning it twice gives it back."""
    return array.swapaxes(0, 1) if node.transposed(name) else array

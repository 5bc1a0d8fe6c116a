"""One step of a compiled program: its arrays, forward beside backward.

A step is built in two moments. Its constructor takes the inputs and sets up
the output; ``prepare`` is called only in training, in the order of the
backward pass, with the gradient that will flow in. After that ``forward`` and
``backward`` only compute.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import partial
from math import prod
from typing import Any, ClassVar, TypeAlias

import numpy as np
from numpy.random import Generator
from numpy.typing import DTypeLike

from cnnspec.backends.numpy.compile.memory import Allocator
from cnnspec.backends.numpy.kernels.tail import Role, Tail, TailPart
from cnnspec.backends.numpy.layout import Array, Shape
from cnnspec.backends.numpy.team import Task, parts, together
from cnnspec.network.graph import Node

SHARED_BYTES = 1 << 19
"""An array of fewer bytes is worked on by one thread: to wake another takes as long …"""
SHARED_MULTIPLIES = 2_000_000
"""… unless it is a product of so many multiplies."""


@dataclass
class KernelContext:
    """Where a step stands: its layer, its inputs, its weights, its memory.

    ``gradients`` lacks the weights that are not trained. ``overwrite`` says of
    each input whether nobody needs it afterwards, so that the output may replace it.
    """

    node: Node
    inputs: tuple[Array, ...]
    batch: int
    training: bool
    memory: Allocator
    random: Generator
    weights: Mapping[str, Array] = field(default_factory=dict)
    gradients: Mapping[str, Array] = field(default_factory=dict)
    overwrite: tuple[bool, ...] = ()
    steps: Mapping[int, KernelStep] = field(default_factory=dict)
    """The last step of each node that the layer refers to."""
    changed: Callable[[], bool] = lambda: True
    """Whether the weights may have been written since this was last asked."""
    lanes: int = 1
    """How many threads share each step."""
    tail: tuple[TailPart, ...] = ()
    """What follows within the same pass …"""
    within: tuple[str, ...] = ()
    """… and the other layers that it is of."""


class KernelStep(ABC):
    """The base of all steps. ``y`` is the output, ``reason`` why this kernel was chosen.

    ``layer`` is of the kind that the table of the kernels says. The class facts steer the compiler.
    """

    monotone: ClassVar[bool] = False
    """Elementwise, the same for a whole channel, never decreasing: it commutes with a maximum."""
    overwrites: ClassVar[bool] = False
    """The output may take the place of the input."""
    reads_input: ClassVar[bool] = True
    """The backward pass reads the input."""
    reads_output: ClassVar[bool] = False
    """The backward pass reads the output."""
    role: ClassVar[Role | None] = None
    """What it is where it follows another step within that one's pass."""
    finishes: ClassVar[frozenset[Role]] = frozenset()
    """What may follow within this one's pass: it calls ``ending`` for all parts of its output."""
    multiplies: int = 0
    """Multiply-accumulates of one forward pass over the batch, for ``cnnspec profile``."""

    y: Array

    def __init__(self, context: KernelContext, reason: str = "") -> None:
        self.context, self.node, self.memory = context, context.node, context.memory
        self.layer: Any = context.node.layer
        self.reason, self.inputs = reason, context.inputs
        self.scratch_arrays: list[Array] = []
        self.passed_arrays: list[Array] = []
        self.tail = self._tail()
        self.build()

    def _tail(self) -> Tail | None:
        parts, channels = self.context.tail, self.node.output[-1]
        return Tail(parts, channels, self.memory) if parts else None

    @classmethod
    def needed(cls, node: Node, training: bool) -> bool:
        """Whether the layer, with its options, has this step at all."""
        return True

    @classmethod
    def tail_part(cls, node: Node, weights: Mapping[str, Array]) -> TailPart:
        """Itself, of a layer with its weights, as part of another step's pass: of a step with a role."""
        raise NotImplementedError

    @property
    def x(self) -> Array:
        return self.inputs[0]

    @abstractmethod
    def build(self) -> None:
        """Take ``y`` and whatever the forward pass needs."""

    def refresh(self) -> None:  # noqa: B027 - most steps read their weights where they are
        """Bring the weights into the order the kernel reads; called when they changed."""

    def refresh_changed(self) -> None:
        """The same where the weights may have changed: kept else, for packing is a tenth of a prediction."""
        if self.context.changed():
            self.refresh()
        if self.tail is not None:  # always: a step of training writes the running mean where nobody sees it
            self.tail.refresh()

    @abstractmethod
    def forward(self) -> None:
        """Compute ``y`` from the inputs."""

    @abstractmethod
    def prepare(self, dy: Array, wanted: tuple[bool, ...]) -> tuple[Array | None, ...]:
        """Take what ``backward`` needs; the gradients of the inputs, None where not wanted.

        A gradient may lie in the place of ``dy``, which nobody reads afterwards.
        """

    @abstractmethod
    def backward(self) -> None:
        """Weight gradients and input gradients from the gradient given to ``prepare``."""

    def output_like(self, x: Array) -> Array:
        """An output of the input's shape: the input's own place where that is allowed."""
        if self.context.overwrite[0]:
            self.memory.hold(x)
            return x
        return self.memory.take(x.shape)

    def output_like_either(self, shape: Shape) -> Array:
        """An output in the place of one of the first two inputs, where one may be written over."""
        for x, free in zip(self.inputs[:2], self.context.overwrite, strict=False):
            if free and x.shape == shape:
                self.memory.hold(x)
                return x
        return self.memory.take(shape)

    def together(self, tasks: Sequence[Task]) -> None:
        """Do all of these, at the same time where the program has several lanes."""
        together(tasks, self.context.lanes)

    def ending(self, y: Array, channels: slice = slice(None), axis: int = 1) -> Task:
        """What follows within this pass, on some of the output, in place, as soon as that is computed."""
        return _nothing if self.tail is None else self.tail.on(y, channels, axis)

    def product_by_rows(self, left: Array, right: Array, out: Array) -> None:
        """A matrix product, each lane some rows of the result."""
        cut = self.lanes_of(left.shape[-2], left.nbytes + right.nbytes)
        rows = [(left[..., part, :], out[..., part, :]) for part in cut]
        self.together([partial(np.matmul, some, right, out=result) for some, result in rows])

    def lanes_of(self, size: int, nbytes: int) -> list[slice]:
        """A range as one part for each lane; whole where there is too little to share."""
        much = nbytes >= SHARED_BYTES or self.multiplies >= SHARED_MULTIPLIES
        return list(parts(size, self.context.lanes if much else 1))

    def pieces(self, *arrays: Array) -> list[tuple[Array, ...]]:
        """Contiguous arrays of one shape, a piece of all for each lane, flat where there are several."""
        cut = self.lanes_of(arrays[0].size, arrays[0].nbytes)
        if len(cut) == 1:
            return [arrays]
        return [tuple(array.reshape(-1)[part] for array in arrays) for part in cut]

    def passing(self, shape: Shape, dtype: DTypeLike | None = None) -> Array:
        """What the backward pass reads: kept until then in training, scratch otherwise."""
        if not self.context.training:
            return self.scratch(shape, dtype)
        self.passed_arrays.append(self.memory.take(shape, dtype))
        return self.passed_arrays[-1]

    def scratch(self, shape: Shape, dtype: DTypeLike | None = None) -> Array:
        """An array for the duration of one call; other steps use the same memory."""
        array = self.memory.take(shape, dtype, scratch=True)
        self.scratch_arrays.append(array)
        return array

    def end_scratch(self) -> None:
        """Give back the scratch arrays once the call that uses them is planned."""
        for array in self.scratch_arrays:
            self.memory.release(array)
        self.scratch_arrays.clear()

    def end_passing(self) -> None:
        """Give back what the backward pass has read, once it is planned."""
        for array in self.passed_arrays:
            self.memory.release(array)
        self.passed_arrays.clear()

    def gradient_like(self, dy: Array) -> Array:
        """A gradient in the place of ``dy``: an elementwise backward pass works in place."""
        self.memory.hold(dy)
        return dy

    def gradients_of_inputs(self, wanted: tuple[bool, ...]) -> tuple[Array | None, ...]:
        """An array of its own for each gradient that is wanted."""
        return tuple(
            self.memory.take(x.shape) if want else None for x, want in zip(self.inputs, wanted, strict=True)
        )


class SharedScratch:
    """Scratch that the parts of a step use in turns, each as much as the first or less."""

    def __init__(self, step: KernelStep) -> None:
        self.step, self.arrays, self.place = step, list[Array](), 0

    def again(self) -> SharedScratch:
        """The same for the next part."""
        self.place = 0
        return self

    def scratch(self, shape: Shape, dtype: DTypeLike | None = None) -> Array:
        if self.place == len(self.arrays):
            self.arrays.append(self.step.scratch((prod(shape),), dtype))
        self.place += 1
        return self.arrays[self.place - 1][: prod(shape)].reshape(shape)

    def passing(self, shape: Shape, dtype: DTypeLike | None = None) -> Array:
        """What the backward pass reads: each part's own in training."""
        return self.step.passing(shape, dtype) if self.step.context.training else self.scratch(shape, dtype)


def _nothing() -> None:
    pass


def channel_sum(x: Array, ones: Array, out: Array) -> None:
    """Sum of planes (rows, channel, run) over rows and runs, as a product with ones."""
    rows, channels, run = x.shape
    partial = np.matmul(x.reshape(rows * channels, run), ones)
    np.sum(partial.reshape(rows, channels), axis=0, out=out)


@dataclass(frozen=True, slots=True)
class Choice:
    """A kernel, and where there were several the reason for this one."""

    kernel: type[KernelStep]
    reason: str = ""


Pick: TypeAlias = Callable[[Node, int, bool], tuple[Choice, ...]]
"""The steps of a node in order, for a batch, in training or not."""


def by_option(option: str, **kernels: type[KernelStep]) -> Pick:
    """The one step of a layer that depends on an option: by its value, or else ``other``."""

    def pick(node: Node, batch: int, training: bool) -> tuple[Choice, ...]:
        value = str(getattr(node.layer, option)).lower()
        return (Choice(kernels.get(value) or kernels["other"]),)

    return pick


def always(*kernels: type[KernelStep]) -> Pick:
    """The steps of a layer that has no others."""
    choices = tuple(map(Choice, kernels))
    return lambda node, batch, training: choices

"""A compiled network for one batch size: arrays in place, forward and backward ready to run."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import partial
from itertools import chain

import numpy as np

from cnnspec.backends.contract import Images, Scaling
from cnnspec.backends.images import by_name, pixels
from cnnspec.backends.machine import refuse_beyond_memory
from cnnspec.backends.numpy.compile.lower import joined, late_tails, lower, map_readers
from cnnspec.backends.numpy.compile.memory import ArenaLayout, place
from cnnspec.backends.numpy.compile.plan import LossHead, ProgramPlan, StepCall
from cnnspec.backends.numpy.kernels.table import pick_for
from cnnspec.backends.numpy.layout import Array, inner_view, outer_view
from cnnspec.backends.numpy.losses import Loss
from cnnspec.backends.numpy.parameters import Parameters

MakeLoss = Callable[..., Loss]


class Program:
    """A network ready to run on batches of ``batch`` samples.

    ``step`` is one forward and backward pass, in the arrays of the parameters;
    updating the weights is the optimizer's. A program does not hold its engine,
    so that an engine is freed as soon as nobody holds it. Those ``beside`` it are made ``like`` it, with the
    same packed weights, and predict at the same time.
    """

    def __init__(
        self, parameters: Parameters, batch: int, training: bool, *,
        loss: MakeLoss | None = None, keep: Sequence[str] = (), input_gradient: bool = False, lanes: int = 1,
        like: Program | None = None,
    ) -> None:  # fmt: skip
        self.network, self.batch, self.training = parameters.network, batch, training
        self.lanes = 1 if training else lanes
        self._intake = parameters.intake
        plan = self._planned(parameters, loss, keep, input_gradient)
        self.layout: ArenaLayout = like.layout if like else place(plan().memory.lifetimes)
        refuse_beyond_memory(self.layout.total_bytes)
        self._take(plan(layout=self.layout, owned=like.memory.owned if like else None))
        self.beside: list[Program] = []
        if like is None:
            self.refresh()

    def _planned(
        self, parameters: Parameters, loss: MakeLoss | None, keep: Sequence[str], input_gradient: bool
    ) -> Callable[..., ProgramPlan]:
        """What makes the plan: first a draft, whose arrays say how they are to be laid out."""
        network = self.network
        end = getattr(loss, "end", "") if self.training else ""
        ends = [network.logits(output, end).index for output in network.outputs]
        kept = [network[name].index for name in keep]
        pick = pick_for(parameters.kernels, network, self.batch, self.training)
        lowered = lower(network, self.batch, self.training, [*ends, *kept], pick)
        ordered = map_readers(late_tails(lowered) if self.training else joined(late_tails(lowered)))
        values = [lowered.value_of[index] for index in (*ends, *kept)]
        names = [*(output.name for output in network.outputs), *keep]
        heads = [
            LossHead(value, loss, output.weight)
            for value, output in zip(values, network.outputs, strict=False)
            if loss and self.training
        ]
        return partial(
            ProgramPlan, parameters, ordered, self.batch, self.training,
            results=dict(zip(names, values, strict=True)), heads=heads, input_gradient=input_gradient,
            lanes=self.lanes,
        )  # fmt: skip

    def _take(self, found: ProgramPlan) -> None:
        self.steps, self.losses, self.memory = found.steps, found.losses, found.memory
        self.inputs, self.results = found.inputs, found.results
        self.backward_calls, self._input_gradients = found.backward, found.input_gradients
        measured = [StepCall(loss, loss.measure) for loss in self.losses]
        self._calls = [*(StepCall(step, step.forward) for step in self.steps), *measured]
        both = ((StepCall(step, step.refresh_changed), StepCall(step, step.forward)) for step in self.steps)
        self._fresh_calls = [*chain.from_iterable(both), *measured]
        self._scalings: dict[str, tuple[Scaling, Array, Array]] = {}

    def load(self, images: Images, labels: Array | None = None) -> None:
        """Take a batch in: images N x H x W x C, as ``images.pixels`` has it; several by name or as records.

        Labels are class numbers, or the wanted outputs themselves.
        """
        given = by_name(images, self.network)
        for name, into in self.inputs.items():
            found = pixels(given[name])
            view = inner_view(found.reshape(self.batch, *self.network[name].output))
            if found.dtype == np.uint8 or self._intake.scaling.of_input(name).learned == "floats":
                self._scale(name, view, into)
            else:
                np.copyto(into, view, casting="same_kind")
        if labels is not None:
            for loss in self.losses:
                loss.set_targets(labels)

    def _scale(self, name: str, view: Array, into: Array) -> None:
        known = self._scalings.get(name)
        if known is None or known[0] is not self._intake.scaling:
            scaling = self._intake.scaling.of_input(name)
            factor, shift = (
                np.reshape(value, (-1, *(1,) * min(2, view.ndim - 1))).astype(into.dtype)
                for value in (scaling.factor, scaling.shift)
            )
            known = self._scalings[name] = self._intake.scaling, factor, shift
        _, factor, shift = known
        np.multiply(view, factor, out=into, casting="unsafe")
        if np.any(shift):
            np.add(into, shift, out=into)

    def refresh(self) -> None:
        """Take up weights that may have changed since the last pass."""
        for step in self.steps:
            step.refresh_changed()

    def forward_calls(self, *, fresh: bool = True) -> list[StepCall]:
        """What a forward pass does, in order: the steps, and in training the losses."""
        return self._fresh_calls if fresh else self._calls

    def forward(self, *, fresh: bool = True) -> None:
        """All layers and losses, on the loaded batch, with the weights as they are now.

        With ``fresh=False`` the weights are those of the last pass, or of ``refresh``.
        """
        for call in self.forward_calls(fresh=fresh):
            call.run()

    def loss(self) -> float:
        """The mean loss of the last pass, over all outputs by their weights."""
        return sum(loss.value for loss in self.losses)

    def correct(self) -> float:
        """How many samples of the loaded labels the main output has right."""
        return self.losses[0].correct()

    def backward(self) -> None:
        """Gradients of the last pass's loss, into ``gradients``."""
        for call in self.backward_calls:
            call.run()

    def step(self, images: Images, labels: Array) -> tuple[float, float]:
        """One batch forward and backward: (sum of the samples' losses, samples that were right)."""
        self.load(images, labels)
        self.forward()
        self.backward()
        return self.loss() * self.batch, self.correct()

    def input_gradient(self, name: str | None = None) -> Array:
        """Gradient of the loss by the images, N x H x W x C, of a program compiled for it; a view.

        ``name`` is an input's; the first one's unless given.
        """
        return outer_view(self._input_gradients[name or self.network.nodes[0].name])

    def result(self, name: str = "output") -> Array:
        """An output, or a kept layer, as N x H x W x C: a view that the next pass overwrites."""
        return outer_view(self.results[name])

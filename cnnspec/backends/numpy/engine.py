"""NumPy's engine: a network with weights, whose compiled programs predict and train."""

from __future__ import annotations

import os
from collections import deque
from collections.abc import Callable, Iterator, Mapping, Sequence
from copy import deepcopy
from dataclasses import replace
from functools import partial
from threading import RLock
from typing import TYPE_CHECKING, Any, Final
from weakref import WeakSet

import numpy as np
from numpy.typing import DTypeLike

from cnnspec.backends.contract import PREDICT_BATCH, BatchSource, Images, Scaling
from cnnspec.backends.images import count, part
from cnnspec.backends.initializers import begin_all
from cnnspec.backends.numpy.kernels.table import Kernels
from cnnspec.backends.numpy.layout import Array
from cnnspec.backends.numpy.losses import LOSSES, Loss
from cnnspec.backends.numpy.parameters import Parameters
from cnnspec.backends.numpy.program import Program
from cnnspec.backends.numpy.team import together
from cnnspec.backends.numpy.threads import sharing, threads_of
from cnnspec.backends.processes import ProcessGroup
from cnnspec.network.graph import Network
from cnnspec.recipe.models import Recipe

if TYPE_CHECKING:
    from cnnspec.backends.numpy.session import NumpySession

REMEMBERED = 4
"""Programs of each kind that an engine keeps: sizes of batches seldom vary more."""


_LIVING: Final[WeakSet[NumpyEngine]] = WeakSet()


def _after_fork() -> None:
    """In the child no thread is left to let go of a lock that another one held, or to end its work."""
    for engine in tuple(_LIVING):
        engine.loans.start_afresh()
        if engine._lock.acquire(blocking=False):
            engine._lock.release()
        else:
            engine._start_afresh()


if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_after_fork)


class NumpyEngine(Parameters):
    """A network that runs and trains on NumPy alone; see ``contract.Engine``.

    Several threads may predict with one engine, by turns; a copy, or what is unpickled,
    has weights of its own. Convolutions that gain by it take Winograd's sums, in training as many
    as leave the whole gradient within 2e-6 of sums in float64. With the kernels ``direct`` none
    do; with ``winograd4`` large 3x3 convolutions predict by F(4x4, 3x3) and all that gain train
    so, to 1e-4 only; ``reference`` runs the plain definitions.
    """

    def __init__(
        self, network: Network, *, seed: int = 0, dtype: DTypeLike = np.float32, initial: str = "he",
        kernels: Kernels = "fast",
    ) -> None:  # fmt: skip
        super().__init__(network, seed, dtype, kernels)
        self.processes = ProcessGroup()
        self._start_afresh()
        self.classes: tuple[str, ...] = ()
        self.initialize(initial)

    def __getstate__(self) -> dict[str, Any]:
        """All but the programs; the weights by name, to be views again."""
        own = ("arrays", "loans", "flat_gradient", "gradients", "_trained", "_programs", "_lock")
        state = {name: value for name, value in self.__dict__.items() if name not in own}
        copies = {name: values.copy() for name, values in self.weights.items()}
        return state | {"weights": copies, "random": deepcopy(self.random), "intake": replace(self.intake)}

    def __setstate__(self, state: dict[str, Any]) -> None:
        self.__dict__.update(state)
        self._start_afresh()
        self.allocate()
        self.weights.update(state["weights"])

    def _start_afresh(self) -> None:
        """No program, and a lock that nobody holds."""
        self._programs: dict[tuple[Any, ...], Program] = {}
        self._lock = RLock()
        _LIVING.add(self)

    def move(self, flat: Array, gradient: Array) -> None:
        super().move(flat, gradient)
        self._start_afresh()

    def initialize(self, initial: str) -> None:
        """Begin anew: every weight as its layer says, else as the initialiser ``initial`` says."""
        self.initial = initial
        begin_all(self.weights, self.network, self.random, initial)

    @property
    def scaling(self) -> Scaling:
        """What is done to bytes on their way in."""
        return self.intake.scaling

    @scaling.setter
    def scaling(self, value: Scaling) -> None:
        self.intake.scaling = value

    def compile(
        self, batch: int, training: bool = False, *,
        loss: str | Callable[..., Loss] = "crossentropy", keep: Sequence[str] = (),
        input_gradient: bool = False, lanes: int = 1, **options: Any,
    ) -> Program:  # fmt: skip
        """The network as a program for batches of one size; the same request gives the same program.

        The last few are remembered, those that train and those that predict apart.
        ``loss`` is one of ``LOSSES`` (a softmax at the end is part of ``crossentropy`` and
        ``dice``, a sigmoid of ``bce``), or a ``Loss`` class of one's own, made with the ``options``;
        ``keep`` names layers whose outputs are wanted too; ``input_gradient`` asks
        for the images' gradient; ``lanes`` is how many threads share each step of a prediction.
        """
        given = tuple(sorted((name, repr(value)) for name, value in options.items()))
        key = (batch, training, loss, tuple(keep), input_gradient, lanes, given)
        with self._lock:
            program = self._programs.pop(key, None) or Program(
                self,
                batch,
                training,
                loss=_maker(loss, options),
                keep=keep,
                input_gradient=input_gradient,
                lanes=lanes,
            )
            self._programs[key] = program
            alike = [known for known in self._programs if known[1] == training]
            for oldest in alike[:-REMEMBERED]:
                del self._programs[oldest]
        return program

    def predict(self, images: Images, batch: int = PREDICT_BATCH) -> Array:
        """The main output alone: N x …, a new array."""
        return self.forward(images, batch=batch)["output"]

    def forward(
        self, images: Images, keep: Sequence[str] = (), batch: int = PREDICT_BATCH
    ) -> dict[str, Array]:
        """All outputs by name, and those of the layers named in ``keep``; see ``contract.Predictor``."""
        batch = max(1, min(batch, count(images)))
        multiplies = batch * self.multiplies
        lanes, each = sharing(count(images), batch, multiplies)
        with self._lock, np.errstate(all="ignore"), threads_of(lanes, multiplies):
            if batch == 1 or self.kernels == "reference":
                return self._run([self.compile(batch, keep=keep, lanes=lanes)], images)
            return self._run(self._programs_beside(each, keep, lanes), images)

    def _programs_beside(self, batch: int, keep: Sequence[str], count: int) -> list[Program]:
        """So many programs that predict at the same time."""
        first = self.compile(batch, keep=keep)
        while len(first.beside) < count - 1:
            first.beside.append(Program(self, batch, False, keep=keep, like=first))
        return [first, *first.beside[: count - 1]]

    def _run(self, programs: Sequence[Program], images: Images) -> dict[str, Array]:
        """All samples, in batches that any of the programs takes."""
        program, samples = programs[0], count(images)
        results = {
            name: np.empty((samples, *program.result(name).shape[1:]), self.dtype) for name in program.results
        }
        program.refresh()  # those beside it read what it packs
        starts = iter(range(0, samples, program.batch))
        try:
            together([partial(_predict, each, images, starts, results) for each in programs], len(programs))
        except BaseException:
            self._programs.clear()  # a thread may still be at one of them
            raise
        return results

    def shards(self, recipe: Recipe) -> int:
        """One for each worker."""
        return recipe.workers

    def train(
        self, recipe: Recipe, batches: BatchSource, class_weights: Sequence[float] | None = None
    ) -> NumpySession:
        """A training by the recipe's optimizer, loss, clip and workers, ready for its first step."""
        from cnnspec.backends.numpy.session import NumpySession  # only those who train pay for it

        options = recipe.loss.model_dump(exclude={"kind"})
        if class_weights is not None:
            options["class_weights"] = class_weights

        def program(batch: int) -> Program:
            return self.compile(batch, True, loss=recipe.loss.kind, **options)

        return NumpySession(self, program, recipe, batches)


def _predict(program: Program, images: Images, starts: Iterator[int], results: Mapping[str, Array]) -> None:
    """The batches that begin at these samples, into the results; where one fails no thread takes another."""
    try:
        for start in starts:
            program.load(part(images, start, program.batch))
            program.forward(fresh=False)
            for name, values in results.items():
                into = values[start : start + program.batch]
                into[:] = program.result(name)[: len(into)]
    except BaseException:
        deque(starts, maxlen=0)
        raise


def _maker(loss: str | Callable[..., Loss], options: Mapping[str, Any]) -> Callable[..., Loss]:
    """What makes the loss with its options, and says which layer at the end is part of it."""
    kind = LOSSES[loss] if isinstance(loss, str) else loss
    make = partial(kind, **options)
    make.end = getattr(kind, "end", "")  # type: ignore[attr-defined]
    return make

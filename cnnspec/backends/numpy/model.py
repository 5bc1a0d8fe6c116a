"""A network with weights: it predicts, is compiled for training, is saved and loaded."""

from __future__ import annotations

import os
from collections.abc import Callable, Mapping, Sequence
from copy import deepcopy
from dataclasses import replace
from functools import cached_property, partial
from math import prod
from pathlib import Path
from threading import RLock
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import ArrayLike, DTypeLike

from cnnspec.backends.numpy import files
from cnnspec.backends.numpy.images import samples
from cnnspec.backends.numpy.initializers import begin
from cnnspec.backends.numpy.kernels.table import PICKS, Kernels
from cnnspec.backends.numpy.layout import Array
from cnnspec.backends.numpy.losses import LOSSES, Loss
from cnnspec.backends.numpy.named import NamedArrays
from cnnspec.backends.numpy.program import Intake, Program, Scaling
from cnnspec.backends.numpy.threads import threads_for
from cnnspec.layers.base import Weight
from cnnspec.network.graph import Network
from cnnspec.upward import upward

if TYPE_CHECKING:
    from cnnspec.recipe.models import Recipe
    from cnnspec.upward import Callback, DataLike, Evaluation, History, Part

PREDICT_BATCH = 64
"""Samples that ``predict`` runs at a time, unless told otherwise."""
REMEMBERED = 4
"""Programs of each kind that a model keeps: sizes of batches seldom vary more."""


class Model:
    """A network with weights, in PyTorch's names and layouts.

    ``weights`` holds every array by its name (``conv1.weight``), buffers such as
    ``bn1.running_mean`` included; assign to them to change the network.
    ``flat`` is one array of all trained weights, of which theirs are views;
    ``flat_gradient`` and ``gradients`` likewise. All randomness (weights,
    dropout) comes from ``random``. Several threads may predict with one model, by
    turns; a copy, or what is unpickled, has weights of its own.
    With the kernels ``winograd4`` large 3x3 convolutions predict by Winograd's F(4x4, 3x3):
    faster, and accurate to 1e-4 only; ``reference`` runs the plain definitions.
    """

    def __init__(
        self, network: Network, *, seed: int = 0, dtype: DTypeLike = np.float32, initial: str = "he",
        kernels: Kernels = "fast",
    ) -> None:  # fmt: skip
        if kernels not in PICKS:
            raise ValueError(f"kernels are {', '.join(PICKS)}, not {kernels}")
        self.network, self.seed, self.dtype = network, seed, np.dtype(dtype)
        self.begun_from: str | None = None
        self.random = np.random.default_rng(seed)
        self.intake = Intake(Scaling.of(network.training_recipe.normalise))
        self.kernels = kernels
        self._allocate()
        self.initialize(initial)

    def _allocate(self) -> None:
        """The arrays, with any content, and no programs yet."""
        trained, others = _declared(self.network)
        size = sum(prod(weight.shape) for weight in trained.values())
        self.flat, self.flat_gradient = np.zeros(size, self.dtype), np.zeros(size, self.dtype)
        self.gradients = NamedArrays(_views(self.flat_gradient, trained))
        fixed = {name: np.empty(weight.shape, self.dtype) for name, weight in others.items()}
        parts = _views(self.flat, trained) | fixed
        names = [name for node in self.network.layers for name in node.weights]
        self.weights = NamedArrays({name: parts[name] for name in names})
        self._programs: dict[tuple[Any, ...], Program] = {}
        self._lock = RLock()

    def __getstate__(self) -> dict[str, Any]:
        """All but the programs; the weights by name, to be views again."""
        own = ("flat", "flat_gradient", "gradients", "_programs", "_lock")
        state = {name: value for name, value in self.__dict__.items() if name not in own}
        copies = {name: values.copy() for name, values in self.weights.items()}
        return state | {"weights": copies, "random": deepcopy(self.random), "intake": replace(self.intake)}

    def __setstate__(self, state: dict[str, Any]) -> None:
        self.__dict__.update(state)
        self._allocate()
        self.weights.update(state["weights"])

    def initialize(self, initial: str) -> None:
        """Begin anew: every weight as its layer says, else as the initialiser ``initial`` says."""
        self.initial = initial
        for node in self.network.layers:
            chosen = getattr(node.layer, "init", None) or initial
            for name, weight in node.weights.items():
                np.copyto(self.weights[name], begin(weight, self.random, chosen))

    @property
    def scaling(self) -> Scaling:
        """What is done to bytes on their way in."""
        return self.intake.scaling

    @scaling.setter
    def scaling(self, value: Scaling) -> None:
        self.intake.scaling = value

    @property
    def names(self) -> tuple[str, ...]:
        """Names of the arrays, in the order of the network."""
        return tuple(self.weights)

    @cached_property
    def multiplies(self) -> int:
        """Multiplies of one sample, forward."""
        return sum(int(node.layer.multiplies(node.input_shapes)) for node in self.network.layers)

    def compile(
        self, batch: int, training: bool = False, *,
        loss: str | Callable[..., Loss] = "crossentropy", keep: Sequence[str] = (),
        input_gradient: bool = False, **options: Any,
    ) -> Program:  # fmt: skip
        """The network as a program for batches of one size; the same request gives the same program.

        The last few are remembered, those that train and those that predict apart.
        ``loss`` is ``crossentropy`` (on logits: a softmax at the end is part of
        it), ``mse``, or a ``Loss`` class of one's own, made with the ``options``;
        ``keep`` names layers whose outputs are wanted too; ``input_gradient`` asks
        for the images' gradient.
        """
        given = tuple(sorted((name, repr(value)) for name, value in options.items()))
        key = (batch, training, loss, tuple(keep), input_gradient, given)
        with self._lock:
            program = self._programs.pop(key, None) or Program(
                self, batch, training, loss=_maker(loss, options), keep=keep, input_gradient=input_gradient
            )
            self._programs[key] = program
            alike = [known for known in self._programs if known[1] == training]
            for oldest in alike[:-REMEMBERED]:
                del self._programs[oldest]
        return program

    def predict(self, images: ArrayLike, batch: int = PREDICT_BATCH) -> Array:
        """The main output for images N x H x W x C: N x …, new arrays.

        Bytes, and whole numbers from 0 to 255, are scaled as in training; floats are taken as
        they are. Raises ValueError for other values, other shapes and a batch below 1.
        """
        return self.forward(images, batch=batch)["output"]

    def forward(
        self, images: ArrayLike, keep: Sequence[str] = (), batch: int = PREDICT_BATCH
    ) -> dict[str, Array]:
        """All outputs by name, and those of the layers named in ``keep``: N x H x W x C each.

        Infinities and NaN go through in silence, as in training.
        """
        if batch < 1:
            raise ValueError(f"batch counts the images of a step: at least 1, not {batch}")
        found = samples(images, self.network.input, self.network.name)
        batch = max(1, min(batch, len(found)))
        with self._lock, np.errstate(all="ignore"), threads_for(batch * self.multiplies):
            return self._run(self.compile(batch, keep=keep), found)

    def _run(self, program: Program, images: Array) -> dict[str, Array]:
        batch = program.batch
        results = {
            name: np.empty((len(images), *program.result(name).shape[1:]), self.dtype)
            for name in program.results
        }
        for start in range(0, len(images), batch):
            chunk = images[start : start + batch]
            program.load(chunk if len(chunk) == batch else _filled(chunk, batch))
            program.forward(fresh=start == 0)
            for name, values in results.items():
                values[start : start + batch] = program.result(name)[: len(chunk)]
        return results

    def fit(
        self, data: DataLike, *,
        recipe: Recipe | None = None, folder: str | os.PathLike[str] | None = None, resume: bool = False,
        save_steps: int | None = None, watch: Callback | None = None, **changes: Any,
    ) -> History:  # fmt: skip
        """Train in place, as ``cnnspec train`` does, by the spec's ``train { }`` or another ``recipe``.

        ``data`` is a Dataset (``cnnspec.data("mnist")``), the name of one, or a pair (images
        N x H x W x C as bytes, labels). ``changes`` override the recipe: ``epochs=3``, ``rate=0.1``,
        ``validation=0.1``, ``optimizer="adam rate=0.01"``; ``cnnspec layers train`` lists the settings.
        With a ``folder`` the run is kept there (spec, record, metrics, weights, and checkpoints, each
        ``save_steps`` steps too), as ``cnnspec evaluate`` takes it, and
        ``resume`` goes on from its newest checkpoint, to the same weights as if there had been no
        break. ``watch`` is told of steps and epochs.
        Raises SpecError when the data do not fit, or the loss leaves the numbers, ValueError when
        ``recipe`` asks for another seed or other first weights than the model was built with.
        """
        found: History = upward("fit")(
            self, data, recipe=recipe, folder=folder, resume=resume, save_steps=save_steps, watch=watch,
            **changes,
        )  # fmt: skip
        return found

    def evaluate(
        self, data: DataLike | Array, labels: Array | None = None, *, part: Part = "test"
    ) -> Evaluation:
        """Loss, accuracy, confusion and mistakes on a part of a data set, or on images with ``labels``.

        ``data`` is a Dataset, the name of one, a pair (images, labels), or the images alone.
        Raises SpecError when they do not fit.
        """
        found: Evaluation = upward("evaluate")(self, data, labels, part=part)
        return found

    def save(self, path: str | os.PathLike[str]) -> None:
        """Write all weights, and the scaling of bytes, as safetensors, under a temporary name first.

        Raises OSError where the path is a folder, ValueError where its ending means another format.
        """
        scaling = [np.ravel(values).tolist() for values in (self.scaling.factor, self.scaling.shift)]
        about = {"network": self.network.name, "format": "cnnspec/weights/1", "scaling": scaling}
        files.write_weights(files.destination(Path(path)), self.weights, about)

    def load(self, path: str | os.PathLike[str]) -> Model:
        """Take all weights from a safetensors file, a checkpoint, or the folder of a run.

        The scaling of bytes is the file's, where it says one. Raises SpecError if it does not fit.
        """
        stored = files.read_weights(files.weights_file(Path(path)), self.weights)
        self.weights.update(stored.weights)
        if "scaling" in stored.about:
            self.scaling = Scaling(*map(np.array, stored.about["scaling"]))
        return self

    def begin_from(self, path: str | os.PathLike[str]) -> tuple[str, ...]:
        """Take those weights of a file, a checkpoint or a run that fit in name and shape, to train on.

        Gives the names of the others, which stay as they are: a new last layer's, say.
        Raises SpecError when none fits.
        """
        stored = files.fitting_weights(files.weights_file(Path(path)), self.weights)
        self.weights.update(stored.weights)
        self.begun_from = os.fspath(path)
        return tuple(name for name in self.weights if name not in stored.weights)

    def __repr__(self) -> str:
        weights = (weight for part in _declared(self.network) for weight in part.values())
        count = sum(prod(weight.shape) for weight in weights if not weight.buffer)
        return f"<Model {self.network.name}: {count:,} parameters, {self.dtype}>"


def _maker(loss: str | Callable[..., Loss], options: Mapping[str, Any]) -> Callable[..., Loss]:
    """What makes the loss with its options, and says as the loss does whether it reads logits."""
    kind = LOSSES[loss] if isinstance(loss, str) else loss
    make = partial(kind, **options)
    make.on_logits = getattr(kind, "on_logits", False)  # type: ignore[attr-defined]
    return make


def _declared(network: Network) -> tuple[dict[str, Weight], dict[str, Weight]]:
    """The weights by full name: the trained ones, and the frozen ones and buffers."""
    trained: dict[str, Weight] = {}
    others: dict[str, Weight] = {}
    for node in network.layers:
        frozen = getattr(node.layer, "frozen", False)
        for name, weight in node.weights.items():
            (others if frozen or weight.buffer else trained)[name] = weight
    return trained, others


def _filled(chunk: Array, batch: int) -> Array:
    """The last samples, repeated to a whole batch; what is too much is thrown away again."""
    return np.resize(chunk, (batch, *chunk.shape[1:]))


def _views(flat: Array, weights: Mapping[str, Weight]) -> dict[str, Array]:
    """Each weight's part of the flat array, in its shape."""
    found, start = {}, 0
    for name, weight in weights.items():
        size = prod(weight.shape)
        found[name] = flat[start : start + size].reshape(weight.shape)
        start += size
    return found

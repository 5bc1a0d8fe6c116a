"""A network with weights, as people hold it: it predicts, learns, is judged, saved and loaded."""

from __future__ import annotations

import os
from collections.abc import Callable, Mapping, MutableMapping, Sequence
from copy import copy
from dataclasses import replace
from functools import partial
from inspect import signature
from math import prod
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from numpy.typing import ArrayLike, DTypeLike

from cnnspec.backends import weights
from cnnspec.backends.contract import PREDICT_BATCH, Array, Engine, Scaling
from cnnspec.backends.images import as_trained, inputs
from cnnspec.diagnostics import nearest
from cnnspec.network.graph import Network

if TYPE_CHECKING:
    from cnnspec.diagnostics import Diagnostic
    from cnnspec.recipe.models import Recipe
    from cnnspec.training.callback import Callback
    from cnnspec.training.data.dataset import Part
    from cnnspec.training.evaluate import Evaluation
    from cnnspec.training.history import History
    from cnnspec.training.loop import DataLike
    from cnnspec.training.run import Run


class Model:
    """A network with weights, in PyTorch's names and layouts, run by an ``engine``.

    Several threads may predict with one model, by turns; a copy, or what is unpickled,
    has weights of its own.
    """

    def __init__(self, engine: Engine) -> None:
        self.engine = engine
        self.begun_from: str | None = None
        self.recipe: Recipe | None = None
        """What it was last trained by; evaluated, it has the same target and loss."""

    def __copy__(self) -> Model:
        other = Model(copy(self.engine))
        other.begun_from, other.recipe = self.begun_from, self.recipe
        return other

    @property
    def network(self) -> Network:
        return self.engine.network

    @property
    def seed(self) -> int:
        """What all that is random follows from."""
        return self.engine.seed

    @property
    def weights(self) -> MutableMapping[str, Array]:
        """Every array by its name (``conv1.weight``), buffers such as ``bn1.running_mean`` included.

        Assign to them to change the network.
        """
        return self.engine.weights

    @property
    def scaling(self) -> Scaling:
        """What is done to bytes on their way in."""
        return self.engine.scaling

    @scaling.setter
    def scaling(self, value: Scaling) -> None:
        self.engine.scaling = value

    @property
    def classes(self) -> tuple[str, ...]:
        """Names of the classes in the order of the outputs; none before a training, or where it had none."""
        return self.engine.classes

    @classes.setter
    def classes(self, value: tuple[str, ...]) -> None:
        self.engine.classes = value

    def predict(self, images: ArrayLike | Mapping[str, ArrayLike], batch: int = PREDICT_BATCH) -> Array:
        """The main output for images N x H x W x C: N x …, new arrays.

        A network with several inputs takes them by name: ``predict({"left": …, "right": …})``.

        Bytes, and whole numbers from 0 to 255, are scaled as in training, and so are floats from 0 to 1
        once the network has learned from pixels; before that floats are taken as they are. Raises
        ValueError for other values, other shapes and a batch below 1.
        """
        return self.forward(images, batch=batch)["output"]

    def forward(
        self, images: ArrayLike | Mapping[str, ArrayLike], keep: Sequence[str] = (),
        batch: int = PREDICT_BATCH,
    ) -> dict[str, Array]:  # fmt: skip
        """All outputs by name, and those of the layers named in ``keep``: N x H x W x C each.

        Infinities and NaN go through in silence, as in training. Raises ValueError as ``predict`` does.
        """
        if batch < 1:
            raise ValueError(f"batch counts the images of a step: at least 1, not {batch}")
        found = inputs(images, self.network)
        if isinstance(found, Mapping):
            found = {name: self._as_trained(values, name) for name, values in found.items()}
        else:
            found = self._as_trained(found)
        return self.engine.forward(found, keep=keep, batch=batch)

    def _as_trained(self, images: Array, name: str = "") -> Array:
        """An input as the network takes it that learned from bytes."""
        scaling = self.scaling.of_input(name)
        learns_bytes = scaling.learned == "bytes" or (self.classes and not scaling.learned)
        return as_trained(images, scaling) if learns_bytes else images

    def fit(
        self, data: DataLike, *,
        recipe: Recipe | None = None, folder: str | os.PathLike[str] | None = None, resume: bool = False,
        force: bool = False, save_steps: int | None = None, callback: Callback | None = None,
        sources: Mapping[str, str] | None = None, **changes: Any,
    ) -> History:  # fmt: skip
        """Train in place, as ``cnnspec train`` does, by the spec's ``train { }`` or another ``recipe``.

        ``data`` is a Dataset (``cnnspec.data("mnist")``), the name of one, or a pair (images
        N x H x W x C as bytes, labels); of several inputs the images are given by name. ``changes`` override
        the recipe: ``epochs=3``, ``rate=0.1``, ``validation=0.1``, ``optimizer="adam rate=0.01"``;
        ``cnnspec layers train`` lists the settings.
        With a ``folder`` the run is kept there (spec, record, metrics, weights, and checkpoints, each
        ``save_steps`` steps too), as ``cnnspec evaluate`` takes it, and
        ``resume`` goes on from its newest checkpoint, to the same weights as if there had been no
        break; a run that is there is replaced with ``force`` alone. ``sources`` are the texts of the
        spec and the files it uses, by name, where they are to be kept as their author wrote them.
        ``callback`` is told of steps and epochs.
        Raises SpecError when the data do not fit, or the loss becomes NaN or infinite, ValueError when
        ``recipe`` asks for another seed or other first weights than the model was built with.
        """
        from cnnspec.training.loop import fit

        history = fit(
            self.engine, data, recipe=recipe, folder=folder, resume=resume, force=force,
            save_steps=save_steps, callback=callback, sources=sources, begun_from=self.begun_from, **changes,
        )  # fmt: skip
        self.recipe = history.recipe
        return history

    def evaluate(
        self, data: DataLike | Mapping[str, Array], labels: Array | None = None, *, part: Part = "test",
        recipe: Recipe | None = None,
    ) -> Evaluation:  # fmt: skip
        """Loss, accuracy and other figures on a part of a data set, or on images with ``labels``.

        ``data`` is a Dataset, the name of one, a pair (images, labels), or the images alone, of several
        inputs by name. Target and loss are those that it was last trained with, or those of a ``recipe``.
        Raises SpecError when they do not fit.
        """
        from cnnspec.training.loop import evaluate

        return evaluate(self, data, labels, part=part, recipe=recipe or self.recipe)

    def save(self, path: str | os.PathLike[str]) -> None:
        """Write weights, scaling of bytes and classes as safetensors, under a temporary name first.

        Raises OSError where the path is a folder, ValueError where its ending means another format.
        """
        weights.save(self, path)

    def load(self, path: str | os.PathLike[str]) -> Model:
        """Take all weights from a safetensors file, a checkpoint, or the folder of a run.

        The scaling of bytes and the classes are the file's, where it says them. Raises SpecError if it
        does not fit.
        """
        weights.load(self, path)
        return self

    def begin_from(self, path: str | os.PathLike[str]) -> tuple[str, ...]:
        """Take those weights of a file, a checkpoint or a run that fit in name and shape, to train on.

        Gives the names of the others, which stay as they are: a new last layer's, say.
        Raises SpecError when none fits.
        """
        left = weights.load_fitting(self, path)
        self.begun_from = os.fspath(path)
        return left

    def __repr__(self) -> str:
        declared = self.network.weights.values()
        count = sum(prod(weight.shape) for weight in declared if not weight.buffer)
        return f"<Model {self.network.name}: {count:,} parameters, {self.engine.dtype}>"


def build(
    network: Network, seed: int | None = None, backend: str = "numpy", *,
    initial: str | None = None, dtype: DTypeLike = "float32", **options: Any,
) -> Model:  # fmt: skip
    """A model with fresh weights, on an engine of ``BACKENDS``; see ``Network.build``.

    Seed and initialiser are the recipe's unless given.
    """
    if backend not in BACKENDS:
        raise ValueError(f"no backend is called {backend}; there are {', '.join(BACKENDS)}")
    recipe = network.training_recipe
    seed, initial = recipe.seed if seed is None else seed, initial or recipe.initial
    made = BACKENDS[backend]()
    _refuse_unknown(options, made, backend)
    return Model(made(network, seed=seed, initial=initial, dtype=dtype, **options))


def _refuse_unknown(options: Mapping[str, Any], made: Callable[..., Engine], backend: str) -> None:
    """Raises TypeError for an option that the engine does not have."""
    taken = signature(made).parameters
    for name in options.keys() - taken.keys():
        cure = f"; did you mean {meant}?" if (meant := nearest(name, taken)) else ""
        if name in OF_PYTORCH:
            cure = '; it is PyTorch\'s: backend="torch"'
        raise TypeError(f"the backend {backend} has no option {name}{cure}")


def _numpy() -> Callable[..., Engine]:
    from cnnspec.backends.numpy.engine import NumpyEngine

    return NumpyEngine


def _torch() -> Callable[..., Engine]:
    from cnnspec.exchange.trade import require

    require("the backend torch", "torch", "torch")
    from cnnspec.backends.torch.engine import TorchEngine
    from cnnspec.exchange.code_out.pytorch.module import spoken

    return partial(TorchEngine, speak=spoken)


def _onnxruntime() -> Callable[..., Engine]:
    from cnnspec.exchange.trade import require

    for module in ("onnx", "onnxruntime"):
        require("the backend onnxruntime", module, "onnxruntime")
    from cnnspec.backends.onnxruntime import OnnxEngine
    from cnnspec.exchange.onnx_out.encode import encoded

    return partial(OnnxEngine, encode=encoded)


BACKENDS: Final[dict[str, Callable[[], Callable[..., Engine]]]] = {
    "numpy": _numpy, "torch": _torch, "onnxruntime": _onnxruntime,
}  # fmt: skip
"""Engines by name, each imported when it is asked for."""
OF_PYTORCH: Final = ("device", "bf16", "compiled", "sync_batchnorm")


def open_run(
    folder: str | Path, backend: str = "numpy", **options: Any
) -> tuple[Model, Run, tuple[Diagnostic, ...]]:
    """The trained model of a run, its record, and why newer checkpoints were passed over.

    It runs on any engine, whichever trained it; ``options`` are that engine's.
    The weights are those of the end or, of an unfinished run, of its newest
    checkpoint. Raises SpecError when there are none.
    """
    from cnnspec.document import load
    from cnnspec.training.run import SPEC, Run, take_weights

    folder = Path(folder)
    run = Run.read(folder)
    model = build(replace(load(folder / SPEC), recipe=run.recipe), run.seed, backend, **options)
    model.scaling, model.classes = run.pixels, run.classes
    return model, run, take_weights(model, folder)

"""The training of a model: ``fit`` from a recipe, ``evaluate`` against samples."""

from __future__ import annotations

import os
from collections.abc import Iterator, Mapping
from contextlib import nullcontext
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeAlias

import numpy as np
from numpy.typing import NDArray

from cnnspec.backends.contract import Engine, Predictor
from cnnspec.recipe.advice import advise
from cnnspec.recipe.models import Recipe
from cnnspec.training.best import Best
from cnnspec.training.callback import Callback
from cnnspec.training.data import Dataset, load, values
from cnnspec.training.data.dataset import Part
from cnnspec.training.evaluate import evaluate as evaluate_arrays
from cnnspec.training.evaluate import fit_data
from cnnspec.training.history import Ending, History
from cnnspec.training.interrupt import Interruption
from cnnspec.training.metrics import Evaluation
from cnnspec.training.run_writer import RunWriter
from cnnspec.training.trainer import Trainer

if TYPE_CHECKING:
    from cnnspec.diagnostics import Diagnostic
    from cnnspec.network.graph import Network

DataLike: TypeAlias = Dataset | str | os.PathLike[str] | tuple[Any, Any]
"""A Dataset, the name or the path of one, or a pair (images, labels)."""


def fit(
    engine: Engine,
    data: DataLike,
    *,
    recipe: Recipe | None = None,
    folder: str | os.PathLike[str] | None = None,
    resume: bool = False,
    save_steps: int | None = None,
    callback: Callback | None = None,
    sources: Mapping[str, str] | None = None,
    begun_from: str | None = None,
    **changes: Any,
) -> History:
    """Trains the engine in place by its spec's recipe; ``changes`` (``epochs=3``, ``rate=0.1``) override it.

    ``data`` is a Dataset, its name, or a pair (images N x H x W x C, labels).
    Images are bytes, or floats that are bytes on the scale 0 to 1, -1 to 1 or 0 to 255.
    With a ``folder``, the run is kept there (see ``training.run``), and ``resume`` goes
    on from its newest checkpoint, to the same weights as if there had been no break.
    ``save_steps`` asks for a checkpoint every so many steps, ``sources`` are the texts
    of the spec and the files it uses, by name, and ``begun_from`` says whose weights the
    engine begins with. Raises SpecError when the data do not fit, or the loss leaves the
    numbers; ValueError when the recipe asks for another seed or other first weights than
    the engine was built with.
    """
    recipe = _built_by(engine, recipe, changes)
    samples = fit_data(engine, _dataset(data, engine), recipe.data.resize)
    trainer = Trainer(engine, samples, recipe, callback or Callback(), begun_from)
    for advice in _advice(engine.network, recipe):
        trainer.note(advice)
    writer = RunWriter(trainer, samples, Path(folder), sources, save_steps) if folder is not None else None
    best = Best(trainer, writer.folder if writer else None)
    with writer or nullcontext():
        if writer:
            writer.begin(resume)
        ending = _guarded(trainer, writer, best)
    place = trainer.place
    return History(
        place.rows, ending, place.best_epoch, writer.folder if writer else None, trainer.notes,
        was_over=writer is not None and writer.done,
    )  # fmt: skip


def _built_by(engine: Engine, recipe: Recipe | None, changes: Mapping[str, Any]) -> Recipe:
    """The recipe with its changes, and with the seed and the first weights that the engine has."""
    if {"seed", "initial"} & changes.keys():
        raise TypeError("seed and initial shape the weights: give them to network.build")
    for name in ("seed", "initial"):
        if recipe and name in recipe.model_fields_set and getattr(recipe, name) != getattr(engine, name):
            asked, built = getattr(recipe, name), getattr(engine, name)
            raise ValueError(
                f"the recipe says {name} {asked}, but the model was built with {built}: "
                f"network.build({name}={asked!r}), or recipe.changed({name}={built!r})"
            )
    recipe = recipe or engine.network.training_recipe
    return recipe.changed(**changes, seed=engine.seed, initial=engine.initial)


def _advice(network: Network, recipe: Recipe) -> Iterator[Diagnostic]:
    """What is odd about a recipe that was changed, and was not said of the one in the spec."""
    known = set(advise(network.training_recipe, network.input))
    return (item for item in advise(recipe, network.input) if item not in known)


def _guarded(trainer: Trainer, writer: RunWriter | None, best: Best) -> Ending:
    """Trains with Ctrl-C heard, and lets go of what the engine holds in any case."""
    with Interruption() as interruption, np.errstate(all="ignore"), trainer.session.running():
        return _train(trainer, writer, best, interruption)


def evaluate(
    model: Predictor,
    data: DataLike | NDArray[Any],
    labels: NDArray[Any] | None = None,
    *,
    part: Part = "test",
) -> Evaluation:
    """The model's figures on the ``test`` part of a data set (or ``train``), or on images with labels."""
    given = _dataset((data, labels) if labels is not None else data, model, model.network.output[-1])
    found = fit_data(model, given)
    with np.errstate(all="ignore"):
        return evaluate_arrays(model, *found.part(part), found.names, model.network.training_recipe.loss)


def _train(trainer: Trainer, writer: RunWriter | None, best: Best, interruption: Interruption) -> Ending:
    """Epoch after epoch, to the weights at the end; how it ended."""
    if writer and writer.resumed and (why := best.find(writer.checkpoints)):
        if writer.done and trainer.recipe.stop and writer.reopen():
            return _ending(trainer)
        best.lose(why)
    while not trainer.finished:
        if trainer.epoch(interruption, writer.after_step if writer else None):
            row = trainer.end_epoch()
            if writer:
                writer.end_epoch(row)
            best.look()
        elif writer:
            writer.save()
        if interruption.wanted and not trainer.finished:
            return "interrupted"
    trainer.warn_of_guessing()
    best.take()
    if writer:
        writer.finish()
    return _ending(trainer)


def _ending(trainer: Trainer) -> Ending:
    return "finished" if trainer.place.epoch >= trainer.recipe.epochs else "stopped early"


def _dataset(data: DataLike | NDArray[Any], model: Predictor, known: int = 0) -> Dataset:
    """The data as a Dataset; the labels of a pair may leave out the last of ``known`` classes."""
    if isinstance(data, Dataset):
        return data
    if isinstance(data, str | os.PathLike):
        return load(os.fspath(data), shape=model.network.input)
    if not isinstance(data, tuple | list) or len(data) != 2:
        raise TypeError("data must be a Dataset, the name or path of one, or a pair (images, labels)")
    return values.dataset_of(data[0], data[1], model.network.input, known)

"""The training of a model: ``fit`` by a recipe, to the last or the best weights; ``evaluate`` on samples."""

from __future__ import annotations

import os
import signal
import threading
from collections.abc import Callable, Iterator, Mapping
from contextlib import nullcontext
from dataclasses import replace
from pathlib import Path
from types import FrameType
from typing import TYPE_CHECKING, Any, TypeAlias

import numpy as np
from numpy.typing import NDArray

from cnnspec.analysis.learning import advise_on_learning
from cnnspec.analysis.silence import silence
from cnnspec.backends.contract import Engine, Predictor
from cnnspec.diagnostics import Diagnostic, SpecError
from cnnspec.recipe.advice import advise, advise_on_validation
from cnnspec.recipe.faults import loss_of_another
from cnnspec.recipe.models import Recipe
from cnnspec.recipe.targets import TargetSetting
from cnnspec.training.callback import Callback
from cnnspec.training.checkpoint import Checkpoint, CheckpointManager, alike, read, write
from cnnspec.training.data import Dataset, arrays, load
from cnnspec.training.data.dataset import Part
from cnnspec.training.data.fitting import aimed, match_classes
from cnnspec.training.evaluate import Evaluation, fit_data
from cnnspec.training.history import Ending, History
from cnnspec.training.run import BEST
from cnnspec.training.run_writer import RunWriter
from cnnspec.training.targets import evaluate as evaluate_samples
from cnnspec.training.trainer import Trainer

if TYPE_CHECKING:
    from cnnspec.network.graph import Network

DataLike: TypeAlias = Dataset | str | os.PathLike[str] | tuple[Any, Any] | NDArray[Any]
"""A Dataset, the name or the path of one, a pair (images, labels), or images that are to be given back.

Of several inputs images are given by name, ``({"left": …, "right": …}, labels)``.
"""


def fit(
    engine: Engine,
    data: DataLike,
    *,
    recipe: Recipe | None = None,
    folder: str | os.PathLike[str] | None = None,
    resume: bool = False,
    force: bool = False,
    save_steps: int | None = None,
    callback: Callback | None = None,
    sources: Mapping[str, str] | None = None,
    begun_from: str | None = None,
    **changes: Any,
) -> History:
    """Trains the engine in place by its spec's recipe with ``changes``; see ``Model.fit``.

    ``sources`` are the texts of the spec and the files it uses, by name, and ``begun_from``
    says whose weights the engine begins with.
    """
    recipe = _built_by(engine, recipe, changes)
    _refuse_loss(recipe.target, recipe)
    samples = fit_data(engine, _dataset(data, engine, recipe), recipe.data.resize)
    recipe = _aimed_at(samples.target, recipe)
    trainer = Trainer(engine, samples, recipe, callback or Callback(), begun_from)
    for advice in _advice(engine.network, recipe, samples):
        trainer.note(advice)
    place = Path(folder) if folder is not None and engine.processes.is_first else None
    writer = RunWriter(trainer, samples, place, sources, save_steps) if place else None
    best = BestWeights(trainer, place)
    with writer or nullcontext():
        if writer:
            writer.begin(resume, force)
        trainer.join()
        ending = _guarded(trainer, writer, best)
        trainer.level()
    state = trainer.state
    return History(
        state.rows, ending, state.best_epoch, place, trainer.notes,
        was_over=writer is not None and writer.done, recipe=recipe,
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


def _aimed_at(target: TargetSetting, recipe: Recipe) -> Recipe:
    """The recipe with the target that the data give; raises SpecError where its loss does not go with it."""
    if recipe.target is None and target.kind != "class":
        recipe = recipe.changed(target=target)
    _refuse_loss(target, recipe)
    return recipe


def _refuse_loss(target: TargetSetting | None, recipe: Recipe) -> None:
    """Raises SpecError where the loss does not go with the target."""
    if target and type(recipe.loss) not in target.losses:
        raise SpecError([loss_of_another(target, recipe.loss)])


def _advice(network: Network, recipe: Recipe, data: Dataset) -> Iterator[Diagnostic]:
    """What is odd about a recipe with this network and these data, beyond what was said of the spec's own."""
    yield from silence(advise_on_learning(network, recipe))
    image = network.input if len(network.inputs) == 1 else None
    known = set(advise(network.training_recipe, image))
    yield from (item for item in advise(recipe, image) if item not in known)
    yield from advise_on_validation(recipe, data.validation is not None)


def _guarded(trainer: Trainer, writer: RunWriter | None, best: BestWeights) -> Ending:
    """Trains with Ctrl-C heard, and lets go of what the engine holds in any case."""
    with Interruption() as interruption, np.errstate(all="ignore"), trainer.session.running():
        any_of = trainer.engine.processes.any
        return _train(trainer, writer, best, lambda: any_of(interruption.wanted()))


def evaluate(
    model: Predictor,
    data: DataLike | Mapping[str, NDArray[Any]],
    labels: NDArray[Any] | None = None,
    *,
    part: Part = "test",
    recipe: Recipe | None = None,
) -> Evaluation:
    """The model's figures on the ``test`` part of a data set (or ``train``), or on images with labels.

    Classes are those that the model learned, matched by name. The ``recipe`` says target and loss; it is
    the spec's unless given.
    """
    recipe = recipe or model.network.training_recipe
    given = _dataset((data, labels) if labels is not None else data, model, recipe, model.network.output[-1])
    recipe = _aimed_at(given.target, recipe)
    found = fit_data(model, match_classes(given, model.classes), recipe.data.resize)
    with np.errstate(all="ignore"):
        result = evaluate_samples(model, found.part(part), found.names, recipe.loss, found.target.kind)
    return replace(result, notes=found.notes)


def _train(
    trainer: Trainer, writer: RunWriter | None, best: BestWeights, interrupted: Callable[[], bool]
) -> Ending:
    """Epoch after epoch, to the weights at the end; how it ended."""
    if writer and writer.resumed and (why := best.recover(writer.checkpoints)):
        if writer.done and trainer.recipe.stop and writer.reopen():
            return _ending(trainer)
        best.give_up(why)
    while not trainer.finished:
        if trainer.epoch(interrupted, writer.after_step if writer else None):
            row = trainer.end_epoch()
            if writer:
                writer.end_epoch(row)
            best.update()
        elif writer:
            writer.save()
        if interrupted() and not trainer.finished:
            return "interrupted"
    trainer.warn_of_guessing()
    best.apply()
    if writer:
        writer.finish()
    return _ending(trainer)


def _ending(trainer: Trainer) -> Ending:
    return "finished" if trainer.state.epoch >= trainer.recipe.epochs else "stopped early"


def _dataset(
    data: DataLike | Mapping[str, NDArray[Any]], model: Predictor, recipe: Recipe, known: int = 0
) -> Dataset:
    """The data as a Dataset, files as the recipe says; labels may leave out the last of ``known`` classes."""
    if isinstance(data, Dataset):
        return aimed(arrays.with_numbers(data), recipe.target)
    if isinstance(data, str | os.PathLike):
        how = recipe.data
        return load(
            os.fspath(data), shape=model.network.sample, test=how.test, resize=how.resize, label=how.label,
            target=recipe.target,
        )  # fmt: skip
    if isinstance(data, np.ndarray) and recipe.target and recipe.target.kind == "image":
        data = (data, None)
    if not isinstance(data, tuple | list) or len(data) != 2:
        raise TypeError("data must be a Dataset, the name or path of one, or a pair (images, labels)")
    return arrays.dataset_of(data[0], data[1], model.network.sample, known, recipe.target)


class Interruption:
    """Within ``with``, the first Ctrl-C is a wish, granted between two steps; a second one acts at once."""

    def __init__(self) -> None:
        self._wanted = False
        self._before: Any = None

    def wanted(self) -> bool:
        """Whether Ctrl-C was pressed."""
        return self._wanted

    def __enter__(self) -> Interruption:
        if threading.current_thread() is threading.main_thread():
            self._before = signal.signal(signal.SIGINT, self._take)
        return self

    def __exit__(self, *error: object) -> None:
        if self._before is not None:
            signal.signal(signal.SIGINT, self._before)

    def _take(self, number: int, frame: FrameType | None) -> None:
        if self._wanted:
            raise KeyboardInterrupt
        self._wanted = True


Weights: TypeAlias = Mapping[str, NDArray[Any]]


class BestWeights:
    """Looks for the best epoch where there is validation; its weights are taken at the end with ``stop``.

    Without a folder they are kept in memory alone.
    """

    def __init__(self, trainer: Trainer, folder: Path | None = None) -> None:
        self.trainer, self.path = trainer, folder / BEST if folder else None
        self.wanted = bool(trainer.validation or trainer.recipe.stop)
        self.weights: Weights = {}

    def recover(self, checkpoints: CheckpointManager) -> str:
        """Takes up the best weights of a run that goes on; says why when they are gone, nothing else."""
        if not self.wanted or self.trainer.state.best_epoch is None:
            return ""
        found, why = self._kept()
        if found is not None:
            self.weights = found
            return ""
        found = next(filter(None, map(self._ended_best, checkpoints.paths)), None)
        if found is not None:
            self._keep(found)
            return ""
        return why

    def give_up(self, why: str) -> None:
        """Notes that the best weights are gone, and looks for others."""
        state = self.trainer.state
        message = f"the weights of epoch {state.best_epoch}, the best so far, are lost: {why}"
        note = "the best weights of the remaining epochs are kept instead"
        self.trainer.note(Diagnostic.warning("best-lost", message, notes=(note,)))
        state.best_loss = state.best_epoch = None

    def update(self) -> None:
        """Keeps the weights if the epoch that just ended is the best so far."""
        state = self.trainer.state
        if self.wanted and state.best_epoch == state.epoch:
            self._keep({name: values.copy() for name, values in self.trainer.engine.weights.items()})

    def apply(self) -> None:
        """Gives the engine its best weights, where the recipe ends early."""
        if self.trainer.recipe.stop:
            self.trainer.engine.weights.update(self.weights)

    def _kept(self) -> tuple[Weights | None, str]:
        """The weights in the file, or why they are not those of the best epoch."""
        assert self.path is not None
        try:
            found = read(self.path)
        except SpecError as error:
            return None, error.diagnostics[0].message
        if found.state.get("epoch") != self.trainer.state.best_epoch or not self._fits(found):
            return None, f"{self.path} holds those of another epoch"
        return found.weights, ""

    def _ended_best(self, path: Path) -> Weights | None:
        """The weights of a checkpoint, if it was written at the end of the best epoch."""
        try:
            found = read(path)
        except SpecError:
            return None
        place = found.state.get("place")
        if not isinstance(place, dict) or place.get("batch") != 0 or not self._fits(found):
            return None
        return found.weights if place.get("epoch") == self.trainer.state.best_epoch else None

    def _fits(self, found: Checkpoint) -> bool:
        return alike(found.weights, self.trainer.engine.weights)

    def _keep(self, weights: Weights) -> None:
        self.weights, state = weights, self.trainer.state
        if self.path:
            write(self.path, Checkpoint(weights, {}, {"step": state.step, "epoch": state.best_epoch}))

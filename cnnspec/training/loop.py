"""The training of a model: ``fit`` from a recipe, ``evaluate`` against samples."""

from __future__ import annotations

import os
from pathlib import Path
from time import perf_counter
from typing import TYPE_CHECKING, Any, TypeAlias

import numpy as np
from numpy.typing import NDArray

from cnnspec.backends.numpy.threads import threads_for
from cnnspec.diagnostics import Diagnostic
from cnnspec.network.recipe import Recipe
from cnnspec.training.checkpoint import Checkpoint, Shelf, read, write
from cnnspec.training.data import Dataset, load
from cnnspec.training.data.dataset import Part
from cnnspec.training.data.faults import unlike
from cnnspec.training.history import History, MetricsFile
from cnnspec.training.interrupt import Interruption
from cnnspec.training.judge import fit_data, judge
from cnnspec.training.metrics import Evaluation
from cnnspec.training.run import BEST, CHECKPOINTS, METRICS, WEIGHTS
from cnnspec.training.trainer import Trainer
from cnnspec.training.watch import Watch

if TYPE_CHECKING:
    from cnnspec.backends.numpy.model import Model

Data: TypeAlias = Dataset | str | tuple[Any, Any]
"""A Dataset, the name of one, or a pair (images, labels)."""

SAVE_SECONDS = 30.0
"""A checkpoint is written at the end of each epoch, and this often in between."""


def fit(
    model: Model,
    data: Data,
    *,
    recipe: Recipe | None = None,
    folder: str | os.PathLike[str] | None = None,
    resume: bool = False,
    save_steps: int | None = None,
    watch: Watch | None = None,
    **changes: Any,
) -> History:
    """Trains the model in place by its spec's recipe; ``changes`` (``epochs=3``, ``rate=0.1``) override it.

    ``data`` is a Dataset, its name, or a pair (images N x H x W x C as uint8, labels).
    With a ``folder``, metrics and checkpoints are written there, and ``resume`` goes
    on from the newest, to the same weights as if there had been no break.
    ``save_steps`` asks for a checkpoint every so many steps. Raises SpecError
    when the data do not fit, or the loss leaves the numbers.
    """
    if {"seed", "initial"} & changes.keys():
        raise TypeError("seed and initial shape the weights: give them to network.build")
    recipe = (recipe or model.network.training_recipe).changed(**changes)
    trainer = Trainer(model, fit_data(model, _dataset(data), recipe.data.resize), recipe, _Watched(watch))
    home = _Home(trainer, Path(folder), save_steps) if folder is not None else None
    if home:
        home.begin(resume)
    best = _Best(trainer, home)
    ending = _guarded(trainer, home, best)
    if ending != "interrupted":
        best.take()
        if home:
            model.save(home.folder / WEIGHTS)
    return History(
        trainer.place.rows, ending, trainer.place.best_epoch, home.folder if home else None,
        trainer.watch.notes if isinstance(trainer.watch, _Watched) else [],
    )  # fmt: skip


def _guarded(trainer: Trainer, home: _Home | None, best: _Best) -> str:
    """Train with Ctrl-C heard, few threads for small products, and the team sent home in any case."""
    threads = threads_for(trainer.recipe.batch * trainer.model.multiplies)
    with Interruption() as interruption, np.errstate(all="ignore"), threads:
        try:
            return _train(trainer, home, best, interruption)
        finally:
            trainer.team.close()


def evaluate(
    model: Model,
    data: Data | NDArray[Any],
    labels: NDArray[Any] | None = None,
    *,
    part: Part = "test",
) -> Evaluation:
    """The model's figures on the ``test`` part of a data set (or ``train``), or on images with labels."""
    found = fit_data(model, _dataset((data, labels) if labels is not None else data))
    return judge(model, *found.part(part), found.names)


def _train(trainer: Trainer, home: _Home | None, best: _Best, interruption: Interruption) -> str:
    """Epoch after epoch; how it ended."""
    while not trainer.finished:
        whole = trainer.epoch(interruption, home.after_step if home else None)
        if whole:
            row = trainer.end_epoch()
            best.look()
            if home:
                home.metrics.add(row)
        if home:
            home.save()
        if interruption.wanted and not trainer.finished:
            return "interrupted"
    return "finished" if trainer.place.epoch >= trainer.recipe.epochs else "stopped early"


def _dataset(data: Data | NDArray[Any]) -> Dataset:
    """The data as a Dataset; a pair serves for training and testing alike."""
    if isinstance(data, Dataset):
        return data
    if isinstance(data, str):
        return load(data)
    images, labels = _images(data[0]), np.asarray(data[1])
    if not np.issubdtype(labels.dtype, np.integer) or labels.shape != (len(images),):
        raise unlike(f"labels must be {len(images)} whole numbers. Received: {labels.dtype} {labels.shape}")
    names = tuple(map(str, range(int(labels.max(initial=0)) + 1)))
    classes = labels.astype(np.int64)
    return Dataset("samples", images, classes, images, classes, names)


def _images(values: Any) -> NDArray[np.uint8]:
    images = np.asarray(values)
    if images.dtype != np.uint8:
        raise unlike(
            f"images must be bytes (uint8). Received: {images.dtype}",
            "scale them to 0 to 255 and round; the recipe's normalise brings them to the network's scale",
        )
    return images[..., None] if images.ndim == 3 else images


class _Watched(Watch):
    """Another onlooker, and a memory of the notes."""

    def __init__(self, inner: Watch | None) -> None:
        self.inner = inner or Watch()
        self.every, self.step, self.epoch = self.inner.every, self.inner.step, self.inner.epoch  # type: ignore[method-assign]
        self.notes: list[Diagnostic] = []

    def note(self, diagnostic: Diagnostic) -> None:
        self.notes.append(diagnostic)
        self.inner.note(diagnostic)


class _Home:
    """The folder of a run while it is trained."""

    def __init__(self, trainer: Trainer, folder: Path, save_steps: int | None) -> None:
        self.trainer, self.folder, self.save_steps = trainer, folder, save_steps
        self.shelf, self.metrics = Shelf(folder / CHECKPOINTS), MetricsFile(folder / METRICS)
        self.saved, self.saved_step = perf_counter(), -1

    def begin(self, resume: bool) -> None:
        """An empty folder, or what the newest whole checkpoint knows."""
        self.folder.mkdir(parents=True, exist_ok=True)
        if resume:
            checkpoint, refused = self.shelf.latest()
            for diagnostic in refused:
                self.trainer.watch.note(diagnostic)
            if checkpoint:
                self.trainer.restore(checkpoint, self.folder, self.metrics.rows())
        else:
            for path in (*self.shelf.paths, self.folder / BEST, self.folder / WEIGHTS):
                path.unlink(missing_ok=True)
        self.metrics.begin(self.trainer.place.rows)

    def after_step(self) -> None:
        step = self.trainer.place.step
        if (self.save_steps and step % self.save_steps == 0) or perf_counter() - self.saved > SAVE_SECONDS:
            self.save()

    def save(self) -> None:
        if self.saved_step != self.trainer.place.step:
            self.shelf.put(self.trainer.checkpoint())
            self.saved_step = self.trainer.place.step
        self.saved = perf_counter()


class _Best:
    """The weights of the best epoch: kept where there is validation, taken at the end with ``stop``."""

    def __init__(self, trainer: Trainer, home: _Home | None) -> None:
        self.trainer, self.path = trainer, home.folder / BEST if home else None
        self.wanted = bool(trainer.validation or trainer.recipe.stop)
        self.weights: dict[str, NDArray[Any]] = {}
        if self.wanted and self.path and self.path.exists() and trainer.place.best_epoch:
            self.weights = dict(read(self.path).weights)

    def look(self) -> None:
        """Keeps the weights if the epoch that just ended is the best so far."""
        place = self.trainer.place
        if not self.wanted or place.best_epoch != place.epoch:
            return
        self.weights = {name: values.copy() for name, values in self.trainer.model.weights.items()}
        if self.path:
            write(self.path, Checkpoint(self.weights, {}, {"step": place.step, "epoch": place.best_epoch}))

    def take(self) -> None:
        """Gives the model its best weights, where the recipe ends early."""
        if self.trainer.recipe.stop:
            for name, values in self.weights.items():
                np.copyto(self.trainer.model.weights[name], values)

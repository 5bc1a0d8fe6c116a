"""The folder of a run while it is trained: all that is written there is written here."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from time import perf_counter
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from cnnspec.files import write_atomically
from cnnspec.network.write import write as written
from cnnspec.training.checkpoint import Checkpoint, Shelf, read, write
from cnnspec.training.data import Dataset
from cnnspec.training.history import MetricsFile
from cnnspec.training.run import BEST, CHECKPOINTS, METRICS, SPEC, WEIGHTS, Run, is_run
from cnnspec.training.trainer import Trainer

SAVE_SECONDS: Final = 30.0
"""A checkpoint is written at the end of each epoch, and this often in between."""


class Home:
    """A run's folder: its spec, its record, its metrics and checkpoints.

    ``sources`` are the texts of the spec and of the files it uses, by name, as
    their author wrote them; without them the network is written out.
    """

    def __init__(
        self, trainer: Trainer, data: Dataset, folder: Path, *,
        sources: Mapping[str, str] | None = None, save_steps: int | None = None,
    ) -> None:  # fmt: skip
        self.trainer, self.data, self.folder = trainer, data, folder
        self.sources, self.save_steps = sources, save_steps
        self.shelf, self.metrics = Shelf(folder / CHECKPOINTS), MetricsFile(folder / METRICS)
        self.saved, self.saved_step = perf_counter(), -1

    def begin(self, resume: bool) -> None:
        """A run begun anew, or what the newest whole checkpoint knows."""
        record = self._record()
        if not (resume and self._restored()):
            self._clear()
            self._write_spec()
        elif is_run(self.folder):
            record = record.model_copy(update={"test": Run.read(self.folder).test})
        else:
            self._write_spec()
        record.write(self.folder)
        self.metrics.begin(self.trainer.place.rows)

    def _restored(self) -> bool:
        checkpoint, refused = self.shelf.latest(self.trainer.fault)
        for diagnostic in refused:
            self.trainer.note(diagnostic)
        if checkpoint:
            self.trainer.restore(checkpoint, self.folder, self.metrics.rows())
        return checkpoint is not None

    def _clear(self) -> None:
        """Takes away what another run left."""
        for path in (*self.shelf.paths, self.folder / BEST, self.folder / WEIGHTS):
            path.unlink(missing_ok=True)

    def _write_spec(self) -> None:
        recipe, network = self.trainer.recipe, self.trainer.model.network
        for name, text in (self.sources or {SPEC: written(replace(network, recipe=recipe))}).items():
            (self.folder / name).parent.mkdir(parents=True, exist_ok=True)
            write_atomically(self.folder / name, text)

    def _record(self) -> Run:
        trainer = self.trainer
        factor, shift = map(tuple, trainer.scaling)
        return Run(
            network=trainer.model.network.name, seed=trainer.model.seed, recipe=trainer.recipe,
            data=self.data.origin, set=self.data.name, classes=self.data.names, scaling=(factor, shift),
        )  # fmt: skip

    def after_step(self) -> None:
        step = self.trainer.place.step
        if (self.save_steps and step % self.save_steps == 0) or perf_counter() - self.saved > SAVE_SECONDS:
            self.save()

    def save(self) -> None:
        if self.saved_step != self.trainer.place.step:
            self.shelf.put(self.trainer.checkpoint())
            self.saved_step = self.trainer.place.step
        self.saved = perf_counter()

    def finish(self) -> None:
        self.trainer.model.save(self.folder / WEIGHTS)


class Best:
    """The weights of the best epoch: kept where there is validation, taken at the end with ``stop``."""

    def __init__(self, trainer: Trainer, home: Home | None) -> None:
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

"""The weights of the best epoch: kept beside the checkpoints, found again when a run goes on."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any, TypeAlias

from numpy.typing import NDArray

from cnnspec.diagnostics import Diagnostic, Severity, SpecError
from cnnspec.training.checkpoint import Checkpoint, CheckpointManager, alike, read, write
from cnnspec.training.run import BEST
from cnnspec.training.trainer import Trainer

Weights: TypeAlias = Mapping[str, NDArray[Any]]


class Best:
    """Looks for the best epoch where there is validation; its weights are taken at the end with ``stop``.

    Without a folder they are kept in memory alone.
    """

    def __init__(self, trainer: Trainer, folder: Path | None = None) -> None:
        self.trainer, self.path = trainer, folder / BEST if folder else None
        self.wanted = bool(trainer.validation or trainer.recipe.stop)
        self.weights: Weights = {}

    def find(self, checkpoints: CheckpointManager) -> str:
        """Takes up the best weights of a run that goes on; says why when they are gone, nothing else."""
        if not self.wanted or self.trainer.place.best_epoch is None:
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

    def lose(self, why: str) -> None:
        """Notes that the best weights are gone, and looks for others."""
        place = self.trainer.place
        message = f"the weights of epoch {place.best_epoch}, the best so far, are lost: {why}"
        note = "the best of the epochs to come are kept instead"
        self.trainer.note(Diagnostic("best-lost", message, severity=Severity.WARNING, notes=(note,)))
        place.best_loss = place.best_epoch = None

    def look(self) -> None:
        """Keeps the weights if the epoch that just ended is the best so far."""
        place = self.trainer.place
        if self.wanted and place.best_epoch == place.epoch:
            self._keep({name: values.copy() for name, values in self.trainer.engine.weights.items()})

    def take(self) -> None:
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
        if found.state.get("epoch") != self.trainer.place.best_epoch or not self._fits(found):
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
        return found.weights if place.get("epoch") == self.trainer.place.best_epoch else None

    def _fits(self, found: Checkpoint) -> bool:
        return alike(found.weights, self.trainer.engine.weights)

    def _keep(self, weights: Weights) -> None:
        self.weights, place = weights, self.trainer.place
        if self.path:
            write(self.path, Checkpoint(weights, {}, {"step": place.step, "epoch": place.best_epoch}))

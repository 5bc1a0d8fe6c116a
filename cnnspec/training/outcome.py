"""What came of a run, read from its folder: how far it went, its best figure, its time, its bytes."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Final, Literal, TypeAlias

from cnnspec.diagnostics import SpecError
from cnnspec.recipe.models import Recipe
from cnnspec.training.checkpoint import CheckpointManager
from cnnspec.training.evaluate import figure_text
from cnnspec.training.history import EpochRecord, MetricsFile
from cnnspec.training.lock import is_locked
from cnnspec.training.run import CHECKPOINTS, METRICS, RECORD, WEIGHTS, Run

Standing: TypeAlias = Literal["finished", "interrupted", "training", "damaged"]
LOWER: Final = ("loss", "MAE")
"""Figures of which the lower one is the better."""


@dataclass(frozen=True, slots=True)
class RunFigure:
    """One number about a trained network, the part of the data it was measured on, and its name."""

    part: Literal["validation", "test", "training"]
    name: str
    value: float

    @property
    def title(self) -> str:
        """``validation accuracy``."""
        return f"{self.part} {self.name}"

    @property
    def text(self) -> str:
        """``98.53 %``, ``0.0123``."""
        return figure_text(self.name, self.value)

    @property
    def lower_is_better(self) -> bool:
        return self.name in LOWER


@dataclass(frozen=True, slots=True)
class RunOutcome:
    """What is known of the run in a folder. ``recipe`` is None where its record is damaged."""

    folder: Path
    standing: Standing
    network: str = ""
    data: str = ""
    recipe: Recipe | None = None
    epochs: int = 0
    seconds: float = 0.0
    figure: RunFigure | None = None
    """The one that tells most: of validation where there is some, else of the test, else of the training."""
    tests: tuple[RunFigure, ...] = ()
    when: datetime | None = None
    """When it was last written to."""
    size: int = 0
    """Bytes on disk."""


def outcome_of(folder: Path) -> RunOutcome:
    """What came of the run in a folder; a record that is damaged is told as its standing."""
    rows = MetricsFile(folder / METRICS).rows()
    when, size = _written(folder), size_of([folder])
    try:
        run = Run.read(folder)
    except SpecError:
        return RunOutcome(folder, "damaged", epochs=len(rows), when=when, size=size)
    figures = run.test.figures if run.test else {}
    tests = tuple(RunFigure("test", name, value) for name, value in figures.items() if value is not None)
    return RunOutcome(
        folder, _standing(folder), run.network, run.set, run.recipe, len(rows),
        sum(row.seconds for row in rows), _telling(rows, tests, bool(run.recipe.stop)), tests, when, size,
    )  # fmt: skip


def _standing(folder: Path) -> Standing:
    if is_locked(folder):
        return "training"
    return "finished" if (folder / WEIGHTS).exists() else "interrupted"


def _telling(rows: Sequence[EpochRecord], tests: Sequence[RunFigure], stops: bool) -> RunFigure | None:
    """The figure of the weights that are kept: of the best epoch where early stopping takes that."""
    if not rows:
        return tests[0] if tests else None
    kept = min(rows, key=lambda row: row.watched) if stops else rows[-1]
    if kept.validation_accuracy is not None:
        return RunFigure("validation", "accuracy", kept.validation_accuracy)
    if kept.validation_loss is not None:
        return RunFigure("validation", "loss", kept.validation_loss)
    if tests:
        return tests[0]
    if kept.accuracy is not None:
        return RunFigure("training", "accuracy", kept.accuracy)
    return RunFigure("training", "loss", kept.loss)


def _written(folder: Path) -> datetime | None:
    times = [path.stat().st_mtime for name in (RECORD, METRICS, WEIGHTS) if (path := folder / name).exists()]
    return datetime.fromtimestamp(max(times)) if times else None


def spare_files(folder: Path) -> list[Path]:
    """What a finished run needs no more: its checkpoints. Those of any other run are what it goes on from."""
    if _standing(folder) != "finished":
        return []
    return CheckpointManager(folder / CHECKPOINTS).paths


def size_of(paths: Iterable[Path]) -> int:
    """Bytes of files and of all that folders hold."""
    files = (file for path in paths for file in (path.rglob("*") if path.is_dir() else [path]))
    return sum(file.lstat().st_size for file in files if file.is_file() and not file.is_symlink())

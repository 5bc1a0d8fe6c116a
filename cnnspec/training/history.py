"""What happened in a training: one row an epoch, in memory and as JSON lines on disk."""

from __future__ import annotations

import json
import os
from collections.abc import Iterable, Mapping
from dataclasses import asdict, dataclass, field, fields
from math import isfinite
from pathlib import Path
from typing import Annotated, Any, Final, Literal, TypeAlias

from pydantic import (
    Field,
    FiniteFloat,
    NonNegativeFloat,
    NonNegativeInt,
    PositiveInt,
    TypeAdapter,
    ValidationError,
)

from cnnspec.diagnostics import Diagnostic
from cnnspec.files import read_bytes, refuse_links, write_atomically
from cnnspec.recipe.models import Recipe
from cnnspec.training.evaluate import number
from cnnspec.upward import upward
from cnnspec.views.terminal.paint import compact

Loss: TypeAlias = Annotated[float, Field(ge=0, le=1e100)]
"""Larger ones are in no file of ours: what 32 bits can hold ends at 1e38."""
Share: TypeAlias = Annotated[float, Field(ge=0, le=1)]
Seconds: TypeAlias = Annotated[float, Field(ge=0, le=1e9)]
Ending: TypeAlias = Literal["finished", "stopped early", "interrupted"]


@dataclass(frozen=True, slots=True)
class EpochRecord:
    """One epoch, counted from 1. Losses and accuracies are means over its samples.

    There is no accuracy where an answer is not just right or wrong, as a number is not.
    """

    epoch: PositiveInt
    step: NonNegativeInt
    loss: Loss
    accuracy: Share | None
    rate: FiniteFloat
    images_per_second: FiniteFloat
    seconds: Seconds
    validation_loss: Loss | None = None
    validation_accuracy: Share | None = None

    @property
    def watched(self) -> float:
        """The loss that early stopping watches: the validation's, or the training's."""
        return self.loss if self.validation_loss is None else self.validation_loss


_ROW = TypeAdapter(EpochRecord)
LONGEST: Final = 10_000
"""Characters that a line of metrics may have; what holds more is none."""
LARGEST: Final = 100_000_000
"""Bytes a file of metrics may have; a line has about 250."""
_KEYS = {"event", *(each.name for each in fields(EpochRecord))}
"""Of a line of metrics."""


@dataclass
class History:
    """The rows of a training, how it ended, and what was odd about it."""

    rows: list[EpochRecord] = field(default_factory=list)
    ending: Ending = "finished"
    best_epoch: int | None = None
    folder: Path | None = None
    warnings: list[Diagnostic] = field(default_factory=list)
    was_over: bool = False
    """Whether it had ended before, so that no step was left to make."""
    recipe: Recipe | None = None
    """What it was trained by, with the target and the loss that were settled."""

    @property
    def loss(self) -> list[float]:
        return [row.loss for row in self.rows]

    @property
    def accuracy(self) -> list[float | None]:
        return [row.accuracy for row in self.rows]

    def _repr_html_(self) -> str:
        """The curves and the epochs, for notebooks."""
        return str(upward("history_html")(self))

    def _repr_svg_(self) -> str | None:
        """The curves; None before the first epoch is over."""
        drawn: str | None = upward("history_svg")(self)
        return drawn

    def __repr__(self) -> str:
        last = self.rows[-1] if self.rows else None
        figures = f", loss {compact(last.loss)}" if last else ""
        figures += f", accuracy {last.accuracy:.4f}" if last and last.accuracy is not None else ""
        return f"<History: {len(self.rows)} epochs, {self.ending}{figures}>"


class MetricsFile:
    """``metrics.jsonl``: a line an epoch, on disk as soon as it is known."""

    def __init__(self, path: Path) -> None:
        self.path = path

    def add(self, row: EpochRecord) -> None:
        try:
            refuse_links(self.path, self.path.parent)
            with self.path.open("a", encoding="utf-8") as file:
                file.write(_line(row))
                file.flush()
                os.fsync(file.fileno())
        except OSError as error:
            error.filename = str(self.path)
            raise

    def rows(self) -> list[EpochRecord]:
        """The rows that are there, one an epoch; what is cut short or damaged is passed over."""
        try:
            lines = read_bytes(self.path, LARGEST).decode("utf-8", "replace").splitlines()
        except FileNotFoundError:
            return []
        found = {row.epoch: row for row in map(_row, lines) if row is not None}
        return [found[epoch] for epoch in sorted(found)]

    def begin(self, rows: Iterable[EpochRecord] = ()) -> None:
        """Starts the file anew with the rows of the epochs that are kept."""
        write_atomically(self.path, "".join(map(_line, rows)), self.path.parent)


def _row(line: str) -> EpochRecord | None:
    """The row of a line; None for a line that is cut short or says something else."""
    if len(line) > LONGEST:
        return None
    try:
        values = json.loads(line)
        if not isinstance(values, dict) or values.keys() != _KEYS:
            return None
        return _ROW.validate_json(line, strict=True)
    except (ValueError, RecursionError):
        return None


def _line(row: EpochRecord) -> str:
    values = {
        name: number(value) if isinstance(value, float) else value for name, value in asdict(row).items()
    }
    return json.dumps({"event": "epoch", **values}, allow_nan=False) + "\n"


@dataclass
class TrainState:
    """Where a training stands. ``epoch`` and ``batch`` count from 0, ``best_epoch`` from 1.

    ``mark`` is the loss that an epoch must undercut by the recipe's margin for
    early stopping to go on waiting; the best epoch is that of the least loss.
    """

    step: NonNegativeInt = 0
    epoch: NonNegativeInt = 0
    batch: NonNegativeInt = 0
    loss: float = 0.0
    correct: NonNegativeFloat = 0
    seen: NonNegativeInt = 0
    best_loss: float | None = None
    best_epoch: int | None = None
    mark: float | None = None
    waited: NonNegativeInt = 0
    rows: list[EpochRecord] = field(default_factory=list)

    def end_epoch(self, row: EpochRecord, margin: float) -> None:
        """The epoch of this row is over; the next one begins."""
        self.rows.append(row)
        if _below(row.watched, self.best_loss):
            self.best_loss, self.best_epoch = row.watched, row.epoch
        if _below(row.watched, self.mark, margin):
            self.mark, self.waited = row.watched, 0
        else:
            self.waited += 1
        self.epoch, self.batch = self.epoch + 1, 0
        self.loss, self.correct, self.seen = 0.0, 0.0, 0

    def to_dict(self) -> dict[str, Any]:
        """All but the rows, which the metrics file has."""
        return {name: value for name, value in vars(self).items() if name != "rows"}

    @classmethod
    def from_dict(cls, state: Mapping[str, Any]) -> TrainState:
        """What ``to_dict`` gave; raises ValueError when it is something else."""
        if not isinstance(state, Mapping) or set(state) != _NAMES:
            raise ValueError("it does not say where the training is")
        try:
            return _STATE.validate_json(json.dumps(dict(state)), strict=True)
        except ValidationError as error:
            fault = error.errors(include_url=False)[0]
            raise ValueError(f"{'.'.join(map(str, fault['loc']))}: {fault['msg']}") from error


_STATE = TypeAdapter(TrainState)
_NAMES = {each.name for each in fields(TrainState)} - {"rows"}


def _below(loss: float, least: float | None, margin: float = 0.0) -> bool:
    return isfinite(loss) and (least is None or loss < least - margin)

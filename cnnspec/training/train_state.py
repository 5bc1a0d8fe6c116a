"""How far a training is: all that changes from step to step, but the arrays."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass, field, fields
from math import isfinite
from typing import Any

from pydantic import NonNegativeInt, TypeAdapter, ValidationError

from cnnspec.training.history import Row


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
    correct: NonNegativeInt = 0
    seen: NonNegativeInt = 0
    best_loss: float | None = None
    best_epoch: int | None = None
    mark: float | None = None
    waited: NonNegativeInt = 0
    rows: list[Row] = field(default_factory=list)

    def end_epoch(self, row: Row, margin: float) -> None:
        """The epoch of this row is over; the next one begins."""
        self.rows.append(row)
        if _below(row.watched, self.best_loss):
            self.best_loss, self.best_epoch = row.watched, row.epoch
        if _below(row.watched, self.mark, margin):
            self.mark, self.waited = row.watched, 0
        else:
            self.waited += 1
        self.epoch, self.batch = self.epoch + 1, 0
        self.loss, self.correct, self.seen = 0.0, 0, 0

    def state(self) -> dict[str, Any]:
        """All but the rows, which the metrics file has."""
        return {name: value for name, value in vars(self).items() if name != "rows"}

    @classmethod
    def of(cls, state: Mapping[str, Any]) -> TrainState:
        """The place of a ``state``; raises ValueError when it is none."""
        if not isinstance(state, Mapping) or set(state) != _NAMES:
            raise ValueError("it does not say where the training is")
        try:
            return _PLACE.validate_json(json.dumps(dict(state)), strict=True)
        except ValidationError as error:
            fault = error.errors(include_url=False)[0]
            raise ValueError(f"{'.'.join(map(str, fault['loc']))}: {fault['msg']}") from error


_PLACE = TypeAdapter(TrainState)
_NAMES = {each.name for each in fields(TrainState)} - {"rows"}


def _below(loss: float, least: float | None, margin: float = 0.0) -> bool:
    return isfinite(loss) and (least is None or loss < least - margin)

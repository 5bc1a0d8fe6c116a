"""Who looks on while a network trains: a progress bar, a notebook, a test."""

from __future__ import annotations

from dataclasses import dataclass

from cnnspec.diagnostics import Diagnostic
from cnnspec.training.history import EpochRecord


@dataclass(frozen=True, slots=True)
class TrainingProgress:
    """Where a training stands; epochs and batches count from 1. ``left`` is in seconds."""

    epoch: int
    epochs: int
    batch: int
    batches: int
    loss: float
    accuracy: float | None
    rate: float
    images_per_second: float
    left: float


class Callback:
    """The base of onlookers, who see everything and do nothing."""

    every = 0.1
    """Seconds between two calls of ``step``, at least."""

    def step(self, now: TrainingProgress) -> None:
        """Some steps were made."""

    def epoch(self, row: EpochRecord) -> None:
        """An epoch is over."""

    def note(self, diagnostic: Diagnostic) -> None:
        """Something is odd, but the training goes on."""

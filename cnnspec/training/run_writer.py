"""The folder of a run while it is trained: all that is written there is written here."""

from __future__ import annotations

from collections.abc import Mapping
from contextlib import suppress
from dataclasses import replace
from itertools import count, islice
from pathlib import Path
from time import perf_counter
from typing import Final

import numpy as np

from cnnspec.backends.weights import ScalingWords, load, read, save
from cnnspec.diagnostics import Diagnostic, Severity, SpecError
from cnnspec.files import LARGEST, read_bytes, refuse_links, sweep, sync_folder, write_atomically
from cnnspec.network.write import write as written
from cnnspec.training.checkpoint import CheckpointManager
from cnnspec.training.data import Dataset
from cnnspec.training.history import EpochRecord, MetricsFile
from cnnspec.training.lock import Lock
from cnnspec.training.photo import have_dark_borders
from cnnspec.training.run import (
    BEST,
    CHECKPOINTS,
    METRICS,
    OURS,
    SPEC,
    WEIGHTS,
    Run,
    claimed,
    has_results,
    is_run,
    refuse_names,
)
from cnnspec.training.trainer import Trainer

MOST_NAMED: Final = 12
"""Epochs that a note names."""
SAVE_SECONDS: Final = 30.0
"""A checkpoint is written at the end of each epoch, and this often in between."""


class RunWriter:
    """A run's folder: its spec, its record, its metrics and checkpoints.

    ``sources`` are the texts of the spec and of the files it uses, by name, as
    their author wrote them; without them the network is written out.
    """

    def __init__(
        self, trainer: Trainer, data: Dataset, folder: Path,
        sources: Mapping[str, str] | None = None, save_steps: int | None = None,
    ) -> None:  # fmt: skip
        self.trainer, self.data, self.folder = trainer, data, folder
        self.sources = sources or {SPEC: written(replace(trainer.engine.network, recipe=trainer.recipe))}
        self.save_steps = save_steps
        self.checkpoints = CheckpointManager(folder / CHECKPOINTS)
        self.metrics = MetricsFile(folder / METRICS)
        self.lock, self.resumed, self.done = Lock(folder), False, False
        self.saved, self.saved_step = perf_counter(), -1

    def __enter__(self) -> RunWriter:
        try:
            self.lock.__enter__()
        except OSError as error:
            raise self._unwritten(error) from error
        return self

    def __exit__(self, kind: object, error: BaseException | None, trace: object) -> None:
        self.lock.__exit__()
        if isinstance(error, OSError) and error.filename is not None:
            raise self._unwritten(error) from error

    def begin(self, resume: bool, force: bool = False) -> None:
        """A run begun anew, or what the newest whole checkpoint knows.

        Nothing is written, and nothing of an old run taken away, before all fits.
        """
        self.resumed = resume and self._restored()
        self.done = self.resumed and self.trainer.finished
        if self.done:
            self._sweep(claimed(self.folder))
            return
        refuse_names(set(self.sources) - {SPEC})
        for name in (*OURS, *self.sources):
            refuse_links(self.folder / name, self.folder)
        known = claimed(self.folder)
        if not self.resumed:
            self._refuse_others(known, force or resume)
            self._clear()
        whole = is_run(self.folder)
        self._record(known - {*OURS}).write(self.folder)
        if not (self.resumed and whole):
            self._write_spec()
        self._sweep(known)
        self.metrics.begin(self.trainer.state.rows)
        (self.folder / WEIGHTS).unlink(missing_ok=True)
        if self.trainer.begun_from and not self.resumed:
            self.save()

    def _restored(self) -> bool:
        """Whether there was a checkpoint to go on from; raises SpecError when it is of another training."""
        checkpoint, refused = self.checkpoints.latest(self.trainer.fault)
        for diagnostic in refused:
            self.trainer.note(replace(diagnostic, severity=Severity.WARNING))
        if checkpoint is not None:
            self.trainer.restore(checkpoint, self.folder, self.metrics.rows())
            self._note_rows()
        elif self._is_cleaned():
            self._reopen_cleaned()
            return True
        elif is_run(self.folder):
            message = f"{self.folder} has no complete checkpoint: the training starts over"
            self.trainer.note(Diagnostic.warning("checkpoint-unusable", message))
        return checkpoint is not None

    def _is_cleaned(self) -> bool:
        """Whether the run is over, and its checkpoints were taken away."""
        return is_run(self.folder) and (self.folder / WEIGHTS).exists() and not self.checkpoints.paths

    def _reopen_cleaned(self) -> None:
        """Takes up such a run, in which no step is left; raises SpecError where one is asked for."""
        before, now = (
            recipe.model_dump(mode="json", exclude={"data"})
            for recipe in (Run.read(self.folder).recipe, self.trainer.recipe)
        )
        if before != now or not self.reopen():
            message = f"{self.folder} is finished and its checkpoints are gone: it cannot be gone on with"
            raise SpecError.of(
                "checkpoint-unusable", message,
                f"begin another run from its weights: cnnspec train SPEC --weights {self.folder} -o ANOTHER",
                "or train it anew: --force",
            )  # fmt: skip
        state = self.trainer.state
        state.rows = self.metrics.rows()
        state.epoch = self.trainer.recipe.epochs
        best = min(state.rows, key=lambda row: row.watched, default=None)
        state.best_epoch = best.epoch if best else None

    def _note_rows(self) -> None:
        """Says which epochs the metrics file does not tell of."""
        state = self.trainer.state
        known = {row.epoch for row in state.rows}
        missing = state.epoch - len(known)
        if missing:
            first = islice((epoch for epoch in count(1) if epoch not in known), min(missing, MOST_NAMED))
            more = f" and {missing - MOST_NAMED:,} more" if missing > MOST_NAMED else ""
            epochs = f"epoch{'s' * (missing > 1)} {', '.join(map(str, first))}{more}"
            message = f"{self.metrics.path} has no complete line for {epochs}"
            note = "this changes no weight: the training ends with the same result"
            self.trainer.note(Diagnostic.warning("metrics-incomplete", message, notes=(note,)))

    def _unwritten(self, error: OSError) -> SpecError:
        """That a file cannot be written, what was kept, and how to go on."""
        paths = self.checkpoints.paths
        kept = f"the newest complete checkpoint is {paths[-1]}" if paths else "there is no checkpoint yet"
        message = f"{error.filename} cannot be written: {error.strerror or error}"
        return SpecError.of(
            "run-not-written", message, "free some space, or fix what prevents writing",
            f"then resume: cnnspec train {self.folder} --resume", notes=(kept,),
        )  # fmt: skip

    def _refuse_others(self, known: set[str], force: bool) -> None:
        """Raises SpecError where something would be lost that no record claims, or results of a run."""
        others = [name for name in sorted({*OURS, *self.sources} - known) if not self._is_free(name)]
        if others:
            message = f"{self.folder} holds {', '.join(others)}, and no record of a run claims that"
            cures = ["take it away, or name another folder: -o FOLDER"]
        elif has_results(self.folder) and not force:
            message = f"{self.folder} holds a run"
            cures = [
                f"to go on with it: cnnspec train {self.folder} --resume, or fit(…, resume=True)",
                "to keep it, name another folder; to replace it: --force, or fit(…, force=True)",
            ]
        else:
            return
        raise SpecError.of("run-folder-taken", message, *cures)

    def _is_free(self, name: str) -> bool:
        """Whether nothing stands under a name but what would be written there."""
        path = self.folder / name
        if not path.exists() or name not in self.sources:
            return not path.exists()
        return path.is_file() and read_bytes(path, LARGEST) == self.sources[name].encode()

    def _clear(self) -> None:
        """Takes away what another run left. Until its weights go it stands; without its spec it is none."""
        for path in (*self.checkpoints.paths, *(self.folder / name for name in (BEST, WEIGHTS, SPEC))):
            path.unlink(missing_ok=True)
        for folder in (self.folder, self.checkpoints.folder):
            sync_folder(folder)  # or a power cut could leave them beside the new record

    def _write_spec(self) -> None:
        for name, text in self.sources.items():
            write_atomically(self.folder / name, text, self.folder)

    def _sweep(self, known: set[str]) -> None:
        sweep(self.folder, {*OURS, *known}.__contains__)
        self.checkpoints.sweep()

    def _record(self, uses: set[str]) -> Run:
        trainer = self.trainer
        words = ScalingWords.of(trainer.scaling)
        assert words.scaling is not None
        return Run(
            network=trainer.engine.network.name, seed=trainer.engine.seed, recipe=trainer.recipe,
            begun_from=trainer.begun_from, data=self.data.origin, set=self.data.name,
            classes=self.data.names, scaling=words.scaling, floats=words.learned == "floats",
            inputs=words.inputs,
            dark_borders=have_dark_borders(self.data.train_images),
            uses=tuple(sorted({*uses, *self.sources} - {SPEC})),
        )  # fmt: skip

    def after_step(self) -> None:
        step = self.trainer.state.step
        if (self.save_steps and step % self.save_steps == 0) or perf_counter() - self.saved > SAVE_SECONDS:
            self.save()

    def save(self) -> None:
        self._refuse_moved()
        if self.saved_step != self.trainer.state.step:
            self.checkpoints.put(self.trainer.checkpoint())
            self.saved_step = self.trainer.state.step
        self.saved = perf_counter()

    def end_epoch(self, row: EpochRecord) -> None:
        """The row, and a checkpoint."""
        self._refuse_moved()
        self.metrics.add(row)
        self.save()

    def finish(self) -> None:
        """Writes the weights at the end, where they do not lie there already."""
        engine, path = self.trainer.engine, self.folder / WEIGHTS
        if self.done:
            with suppress(SpecError, OSError):
                there = read(path, engine.weights).arrays
                if all(np.array_equal(there.get(name, ()), now) for name, now in engine.weights.items()):
                    return
        self._refuse_moved()
        save(engine, path, self.folder)

    def _refuse_moved(self) -> None:
        """Raises SpecError where the folder under this name is not the one that was begun in."""
        if not self.lock.holds():
            message = f"{self.folder} was moved or taken away while it was trained"
            note = "what was trained until then is where the folder is now"
            cure = "go on with it there: cnnspec train FOLDER --resume"
            raise SpecError.of("run-not-written", message, cure, notes=(note,))

    def reopen(self) -> bool:
        """Takes the weights at the end of a run that is over; False where they are not there."""
        try:
            load(self.trainer.engine, self.folder / WEIGHTS)
        except (SpecError, OSError):
            return False
        return True

"""The folder of a run while it is trained: all that is written there is written here."""

from __future__ import annotations

import os
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import replace
from pathlib import Path
from time import perf_counter
from typing import Final

import numpy as np

from cnnspec.backends.weights import load, read, save
from cnnspec.diagnostics import Diagnostic, Severity, SpecError
from cnnspec.files import sweep, write_atomically
from cnnspec.network.write import write as written
from cnnspec.training.checkpoint import CheckpointManager
from cnnspec.training.data import Dataset
from cnnspec.training.history import EpochRecord, MetricsFile
from cnnspec.training.photo import have_dark_borders
from cnnspec.training.run import BEST, CHECKPOINTS, METRICS, SPEC, WEIGHTS, Run, is_run
from cnnspec.training.trainer import Trainer

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
        self.sources, self.save_steps = sources, save_steps
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

    def begin(self, resume: bool) -> None:
        """A run begun anew, or what the newest whole checkpoint knows.

        Nothing is written, and nothing of an old run taken away, before all fits.
        """
        for folder in (self.folder, self.checkpoints.folder):
            sweep(folder)
        self.resumed = resume and self._restored()
        self.done = self.resumed and self.trainer.finished
        if self.done:
            return
        if not self.resumed:
            self._clear()
        if not (self.resumed and is_run(self.folder)):
            self._write_spec()
        self._record().write(self.folder)
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
        elif is_run(self.folder):
            message = f"{self.folder} has no complete checkpoint: the training starts over"
            self.trainer.note(Diagnostic.warning("checkpoint-unusable", message))
        return checkpoint is not None

    def _note_rows(self) -> None:
        """Says which epochs the metrics file does not tell of."""
        state = self.trainer.state
        missing = sorted(set(range(1, state.epoch + 1)) - {row.epoch for row in state.rows})
        if missing:
            epochs = f"epoch{'s' * (len(missing) > 1)} {', '.join(map(str, missing))}"
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

    def _clear(self) -> None:
        """Takes away what another run left."""
        for path in (*self.checkpoints.paths, self.folder / BEST, self.folder / WEIGHTS):
            path.unlink(missing_ok=True)

    def _write_spec(self) -> None:
        recipe, network = self.trainer.recipe, self.trainer.engine.network
        for name, text in (self.sources or {SPEC: written(replace(network, recipe=recipe))}).items():
            (self.folder / name).parent.mkdir(parents=True, exist_ok=True)
            write_atomically(self.folder / name, text)

    def _record(self) -> Run:
        trainer = self.trainer
        factor, shift = map(tuple, trainer.scaling)
        return Run(
            network=trainer.engine.network.name, seed=trainer.engine.seed, recipe=trainer.recipe,
            begun_from=trainer.begun_from, data=self.data.origin, set=self.data.name,
            classes=self.data.names, scaling=(factor, shift),
            dark_borders=have_dark_borders(self.data.train_images),
        )  # fmt: skip

    def after_step(self) -> None:
        step = self.trainer.state.step
        if (self.save_steps and step % self.save_steps == 0) or perf_counter() - self.saved > SAVE_SECONDS:
            self.save()

    def save(self) -> None:
        if self.saved_step != self.trainer.state.step:
            self.checkpoints.put(self.trainer.checkpoint())
            self.saved_step = self.trainer.state.step
        self.saved = perf_counter()

    def end_epoch(self, row: EpochRecord) -> None:
        """The row, and a checkpoint."""
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
        save(engine, path)

    def reopen(self) -> bool:
        """Takes the weights at the end of a run that is over; False where they are not there."""
        try:
            load(self.trainer.engine, self.folder / WEIGHTS)
        except (SpecError, OSError):
            return False
        return True


try:
    import fcntl
except ImportError:  # Windows: nothing is locked there
    fcntl = None  # type: ignore[assignment]

LOCK: Final = ".lock"
_held: set[str] = set()
"""Folders locked by this process, which the system would let it lock twice."""


class Lock:
    """Within ``with``, this process alone trains into the folder, which is made where it is not there.

    Raises SpecError when another one does. The system lets go of the lock when
    the process is gone; workers that were forked do not hold it.
    """

    def __init__(self, folder: Path) -> None:
        self.folder, self.path = folder, folder / LOCK
        self.key, self.handle = os.path.realpath(folder), -1

    def __enter__(self) -> Lock:
        if self.key in _held:
            raise self._taken()
        self.folder.mkdir(parents=True, exist_ok=True)
        if fcntl is not None:
            self.handle = self._locked()
        _held.add(self.key)
        return self

    def __exit__(self, *error: object) -> None:
        _held.discard(self.key)
        if self.handle >= 0:
            self.path.unlink(missing_ok=True)
            os.close(self.handle)

    def _locked(self) -> int:
        """The open and locked file; one that its holder took away meanwhile is made anew."""
        while True:
            handle = os.open(self.path, os.O_RDWR | os.O_CREAT, 0o666)
            try:
                fcntl.lockf(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except (BlockingIOError, PermissionError):
                fault = self._taken(os.read(handle, 20).decode("ascii", "replace").strip())
                os.close(handle)
                raise fault from None
            except OSError:  # a file system without locks
                return handle
            if _is_at(handle, self.path):
                with suppress(OSError):  # the number is only for people
                    os.ftruncate(handle, 0)
                    os.write(handle, f"{os.getpid()}\n".encode())
                return handle
            os.close(handle)

    def _taken(self, pid: str = "") -> SpecError:
        who = f"process {pid}" if pid else "another training"
        message = f"{self.folder} is in use: {who} is training there"
        cures = ("wait until it ends, or stop it", "or train into another folder: -o FOLDER")
        return SpecError.of("run-in-use", message, *cures)


def _is_at(handle: int, path: Path) -> bool:
    try:
        return os.path.samestat(os.fstat(handle), path.stat())
    except FileNotFoundError:
        return False

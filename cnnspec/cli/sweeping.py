"""A sweep while it runs: trainings in processes of their own, told as they end; Ctrl-C ends all of them."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from time import perf_counter, sleep
from typing import TYPE_CHECKING, BinaryIO, Final

from rich.text import Text

from cnnspec.cli import runs
from cnnspec.cli.console import Console, stderr_console, stdout_console
from cnnspec.cli.live import MIDDLE, clock, moving_line
from cnnspec.cli.trial import INTERRUPTED
from cnnspec.files import make_folder, write_atomically
from cnnspec.resources import PACKAGE
from cnnspec.training.history import MetricsFile
from cnnspec.training.lock import Lock
from cnnspec.training.loop import Interruption
from cnnspec.training.run import METRICS, is_run, runs_of_seeds
from cnnspec.training.sweep import SweepRecord, SweepTrial, Values, choices_text, told
from cnnspec.training.sweep_results import TrialOutcome, outcome_of_trial, results_of, shown, verdict
from cnnspec.views.pictures.palette import LIGHT
from cnnspec.views.results.parallel import parallel
from cnnspec.views.terminal import runs as tables

if TYPE_CHECKING:
    from cnnspec.training.tpe import TpeSampler

PICTURE: Final = "sweep.svg"
NAP: Final = 0.1
"""Seconds between two looks at the processes."""
LOOK: Final = 1.0
"""Seconds between two looks at how far they are."""
ITS_OWN: Final = ("loss-not-finite", "weights-not-moving", "")
"""Faults that come of a trial's values; with another one in the first to end, none would go well."""


@dataclass
class Child:
    """A process that trains one trial, and the pipe it lives by."""

    trial: SweepTrial
    process: subprocess.Popen[bytes]
    log: BinaryIO

    def ask_to_end(self) -> None:
        """It writes a checkpoint and ends, as after Ctrl-C."""
        if self.process.stdin and not self.process.stdin.closed:
            self.process.stdin.close()

    def ended(self) -> bool:
        return self.process.poll() is not None

    def let_go(self) -> None:
        self.ask_to_end()
        self.log.close()


@dataclass
class Sweeper:
    """Trains the trials of a record that are not finished, so many at a time, in a folder named ``name``."""

    folder: Path
    name: Path
    record: SweepRecord
    jobs: int
    children: list[Child] = field(default_factory=list)
    done: dict[int, TrialOutcome] = field(default_factory=dict)
    sampler: TpeSampler = field(init=False)
    """Of a sweep by TPE."""
    fault: str = ""
    """Why all stops: what the first training failed with, where it is not of its values."""

    def run(self) -> int:
        """The exit code, after the table."""
        make_folder(self.folder)
        with Lock(self.folder), Interruption() as interruption:
            self.record.write(self.folder)
            outcomes = (outcome_of_trial(self.folder, self.record, trial) for trial in self.record.trials)
            self.done = {one.trial.number: one for one in outcomes if one.standing == "finished"}
            try:
                self._train(interruption)
            finally:
                self._end_all()
        return self._end(interruption.wanted())

    def _train(self, interruption: Interruption) -> None:
        """Until all trials are trained, or Ctrl-C asks for an end."""
        trials = self._trials()
        with SweepProgress(stderr_console(), self) as progress:
            progress.say(self._opening(progress.known))
            while True:
                while len(self.children) < self.jobs and (trial := next(trials, None)) is not None:
                    self.children.append(self._begin(trial))
                if not self.children:
                    return
                sleep(NAP)
                for child in [child for child in self.children if child.ended()]:
                    self._ended(child, progress)
                if interruption.wanted() or self.fault:
                    return
                progress.look()

    def _opening(self, known: int) -> str:
        record = self.record
        values = "; ".join(f"{name} {choices_text(choices)}" for name, choices in record.space.items())
        seeds = f" of {record.seeds} seeds each" if record.seeds else ""
        before = f", {known} finished before" if known else ""
        trials = f"{record.asked} trial{'s' * (record.asked != 1)}{seeds}"
        return f"sweep of {record.network or 'network'}: {trials}, {self.jobs} at a time{before}; {values}"

    def share(self, child: Child) -> float:
        """How much of a trial is trained, from 0 to 1, by its epochs."""
        place = self.folder / child.trial.name
        found = [
            min(1.0, len(MetricsFile(run / METRICS).rows()) / known.recipe.epochs)
            for run in (place, *runs_of_seeds(place))
            if is_run(run) and (known := runs.record(run))
        ]
        return sum(found) / (self.record.seeds or 1)

    def best(self) -> str:
        """The best figure so far, in words."""
        scored = [one for one in self.done.values() if one.score is not None]
        best = max(scored, key=lambda one: one.score or 0.0, default=None)
        return f"best {best.figure.title} {best.figure.text}" if best and best.figure else ""

    def _trials(self) -> Iterator[SweepTrial]:
        """Those not finished, in turn; with TPE each is asked for when its turn comes."""
        if self.record.sampler != "tpe":
            for trial in self.record.trials:
                if trial.number not in self.done:
                    yield trial
            return
        yield from self._asked()

    def _asked(self) -> Iterator[SweepTrial]:
        from cnnspec.training import tpe

        self.sampler = tpe.TpeSampler(self.record.space, self.record.seed + len(self.record.trials))
        rest = [trial for trial in self.record.trials if trial.number not in self.done]
        for known in self.done.values():
            self.sampler.tell(known.trial, known.score)
        yield from rest
        for number in range(len(self.record.trials) + 1, self.record.asked + 1):
            trial = SweepTrial(number=number, values=self.sampler.ask(number))
            self.record = self.record.model_copy(update={"trials": (*self.record.trials, trial)})
            self.record.write(self.folder)
            yield trial

    def _begin(self, trial: SweepTrial) -> Child:
        place, path = self.folder / trial.name, self.folder / f"{trial.name}.log"
        write_atomically(path, b"", self.folder)
        log = path.open("wb")
        process = subprocess.Popen(
            [*COMMAND, *self._words(trial.values), f"--output={place}", *self._how(place)],
            stdin=subprocess.PIPE, stdout=log, stderr=subprocess.STDOUT, cwd=self._place(),
            env=self._environment(), start_new_session=True,
        )  # fmt: skip
        return Child(trial, process, log)

    def _words(self, values: Values) -> list[str]:
        record = self.record
        spec = [record.spec] if record.spec is not None else ["-e", record.inline or ""]
        options = {**record.options, **{f"--{name}": value for name, value in values.items()}}
        return [*spec, *(f"{option}={value}" if value else option for option, value in options.items())]

    def _how(self, place: Path) -> list[str]:
        seeds = [f"--seeds={self.record.seeds}"] if self.record.seeds else []
        return [*seeds, *(["--resume"] if runs.first_run(place) else [])]

    def _place(self) -> str | None:
        return self.record.place if Path(self.record.place).is_dir() else None

    def _environment(self) -> dict[str, str]:
        """Lines of a log are whole; trainings side by side do not fight for the same processors."""
        root = str(PACKAGE.parent)
        paths = os.pathsep.join(filter(None, [root, os.environ.get("PYTHONPATH")]))
        own = {**os.environ, "PYTHONPATH": paths, "COLUMNS": "10000", "NO_COLOR": "1"}
        if self.jobs > 1:
            each = str(max(1, (os.cpu_count() or 1) // self.jobs))
            own = {"OPENBLAS_NUM_THREADS": each, "OMP_NUM_THREADS": each} | own
        return own

    def _ended(self, child: Child, progress: SweepProgress) -> None:
        """Tells what came of a trial."""
        child.let_go()
        self.children.remove(child)
        found = outcome_of_trial(self.folder, self.record, child.trial)
        if self.record.sampler == "tpe":
            self.sampler.tell(child.trial, found.score)
        if found.standing == "failed" and not self.done and found.code not in ITS_OWN:
            self.fault = (self.folder / f"{child.trial.name}.log").read_text("utf-8", "replace").strip()
        self.done[child.trial.number] = found
        values = told(child.trial.values)
        if found.figure is not None:
            text = shown(self.record, [found]).trials[0].told
            progress.say(f"{child.trial.name}  {values}: {found.figure.title} {text}, {found.seconds:.1f} s")
        elif found.standing == "failed":
            progress.say(f"{child.trial.name}  {values}: failed: {found.why}")

    def _end_all(self) -> None:
        """Lets the trainings write their checkpoints; a second Ctrl-C, or an error, kills them."""
        try:
            for child in self.children:
                child.ask_to_end()
            for child in self.children:
                child.process.wait()
        finally:
            for child in self.children:
                if not child.ended():
                    child.process.kill()
                    child.process.wait()
                child.let_go()

    def _end(self, interrupted: bool) -> int:
        """The table, the picture and what was learned."""
        found = results_of(self.folder, self.record)
        finished = sum(one.standing == "finished" for one in found)
        if interrupted or self.fault:
            if self.fault:
                stderr_console().say(f"{self.fault}\nthe sweep stops, for no other trial would go better")
            stderr_console().say(
                f"{'interrupted' if interrupted else 'stopped'}: {finished} of {self.record.asked} trials "
                f"are finished; to continue: cnnspec train {self.name} --resume"
            )
            return INTERRUPTED if interrupted else 1
        out = stdout_console()
        view = shown(self.record, found)
        out.print("\n".join(tables.sweep(view, out.terminal())))
        if finished:
            write_atomically(self.folder / PICTURE, parallel(view, LIGHT).document(), self.folder)
            for line in verdict(found):
                out.say(line)
        out.print(f"sweep: {self.name}" + (f" ({PICTURE} shows it)" if finished else ""))
        return 0 if finished else 1


COMMAND: Final = [sys.executable, "-P", "-m", "cnnspec.cli.trial", "train"]
"""Begins a training that ends when this process does."""


class SweepProgress:
    """How far a sweep is: a moving line on a terminal, a line a trial anywhere else."""

    def __init__(self, console: Console, sweeper: Sweeper) -> None:
        self.console, self.sweeper = console, sweeper
        self.bar = moving_line(console) if console.is_terminal else None
        self.task = None if self.bar is None else self.bar.add_task("", total=None, figures=Text(""))
        self.begun = self.looked = perf_counter()
        self.known = len(sweeper.done)

    def __enter__(self) -> SweepProgress:
        if self.bar:
            self.bar.start()
        return self

    def __exit__(self, *error: object) -> None:
        if self.bar:
            self.bar.stop()

    def say(self, text: str) -> None:
        """A line that stays."""
        if self.bar:
            self.bar.stop()
        self.console.say(text)
        self.console.stream.flush()
        if self.bar:
            self.bar.start()

    def look(self) -> None:
        """Trials done, the best figure, and the time left, by the epochs that were trained since it began."""
        now = perf_counter()
        if self.bar is None or self.task is None or now - self.looked < LOOK:
            return
        self.looked, total = now, self.sweeper.record.asked
        done = len(self.sweeper.done) + sum(map(self.sweeper.share, self.sweeper.children))
        here = done - self.known
        left = f"{clock((now - self.begun) * (total - done) / here)} left" if here > 0 else ""
        best = self.sweeper.best() if self.console.width >= MIDDLE else ""
        self.bar.update(
            self.task, completed=done, total=total, description=f"trials {len(self.sweeper.done)}/{total}",
            figures=Text("  ".join(filter(None, (best, left)))),
        )  # fmt: skip

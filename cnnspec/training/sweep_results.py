"""What came of a sweep, read from the folders of its trials: the best first."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from statistics import fmean, stdev
from typing import Final, Literal

from cnnspec.files import read_bytes
from cnnspec.training.evaluate import PERCENTS, figure_text
from cnnspec.training.outcome import RunFigure, RunOutcome, outcome_of
from cnnspec.training.run import has_results, is_run
from cnnspec.training.sweep import SweepRecord, SweepTrial, told
from cnnspec.views.results import Sweep, SweptTrial

LOG_BYTES: Final = 10_000_000
"""Of what a training printed, the most that is read."""
BY_TEST: Final = (
    "note: without a validation part the test set was used to choose, so the best figure is too good: it was "
    "picked on the samples it was measured on. Keep some apart: --validation 0.1 (cnnspec why sweep-by-test)"
)
_FAULT: Final = re.compile(r"^(?:error\[(?P<code>[a-z0-9-]+)\]|cnnspec): (?P<message>.*)$", re.MULTILINE)


@dataclass(frozen=True)
class TrialOutcome:
    """One trial: the mean figure of its runs, where it was trained by several seeds with its deviation."""

    trial: SweepTrial
    standing: Literal["finished", "failed", "unfinished", "waiting"]
    runs: tuple[RunOutcome, ...] = ()
    figure: RunFigure | None = None
    spread: float | None = None
    test: RunFigure | None = None
    code: str = ""
    """Of the fault that a training failed with."""
    why: str = ""

    @property
    def epochs(self) -> int:
        return sum(run.epochs for run in self.runs)

    @property
    def seconds(self) -> float:
        return sum(run.seconds for run in self.runs)

    @property
    def score(self) -> float | None:
        """The greater, the better; None where there is no figure."""
        if self.figure is None:
            return None
        return -self.figure.value if self.figure.lower_is_better else self.figure.value


def trial_folders(folder: Path) -> list[Path]:
    """The runs in a folder of a sweep, those of several seeds too, by the numbers of their trials."""
    found = [*folder.glob("trial-*"), *folder.glob("trial-*/seed-*")]
    return sorted(filter(is_run, found), key=lambda path: [(len(part), part) for part in path.parts])


def outcome_of_trial(folder: Path, record: SweepRecord, trial: SweepTrial) -> TrialOutcome:
    """What came of a trial so far."""
    place = folder / trial.name
    seeds = range(record.seed, record.seed + record.seeds) if record.seeds else ()
    runs = [place / f"seed-{seed}" for seed in seeds] or [place]
    found = tuple(outcome_of(run) for run in runs if is_run(run))
    if len(found) == len(runs) and all(run.standing == "finished" and run.tests for run in found):
        return _finished(trial, found)
    code, why = _fault_of(folder / f"{trial.name}.log")
    begun = any(has_results(run) for run in runs)
    return TrialOutcome(
        trial, "failed" if why else "unfinished" if begun else "waiting", found, code=code, why=why
    )


def _finished(trial: SweepTrial, runs: tuple[RunOutcome, ...]) -> TrialOutcome:
    figures = [run.figure for run in runs if run.figure]
    values = [figure.value for figure in figures]
    tests = [run.tests[0] for run in runs]
    return TrialOutcome(
        trial, "finished", runs,
        RunFigure(figures[0].part, figures[0].name, fmean(values)) if figures else None,
        stdev(values) if len(values) > 1 else None,
        RunFigure("test", tests[0].name, fmean(one.value for one in tests)),
    )  # fmt: skip


def _fault_of(log: Path) -> tuple[str, str]:
    """The code and the message of the first fault that a training printed; nothing where there is none."""
    try:
        text = read_bytes(log, LOG_BYTES).decode("utf-8", "replace")
    except OSError:
        return "", ""
    fault = _FAULT.search(text)
    return (fault["code"] or "", fault["message"]) if fault else ("", "")


def results_of(folder: Path, record: SweepRecord) -> list[TrialOutcome]:
    """Those with a figure first, the best before all; then those that failed, and those to come."""
    found = [outcome_of_trial(folder, record, trial) for trial in record.trials]
    common = Counter(one.figure.title for one in found if one.figure).most_common(1)
    title = common[0][0] if common else ""

    def place(one: TrialOutcome) -> tuple[bool, float, int]:
        counts = one.figure is not None and one.figure.title == title
        return not counts, -(one.score or 0.0) if counts else 0.0, one.trial.number

    return sorted(found, key=place)


def shown(record: SweepRecord, found: Iterable[TrialOutcome]) -> Sweep:
    """The results as a table and a picture take them."""
    outcomes = list(found)
    figure = next((one.figure for one in outcomes if one.figure), None)
    trials = tuple(
        SweptTrial(
            one.trial.name, one.trial.values, one.figure.value if one.figure else None, _told(one),
            one.epochs, one.seconds, one.why or ("" if one.figure else one.standing),
        )
        for one in outcomes
    )  # fmt: skip
    return Sweep(
        record.network or "network", tuple(record.space), figure.title if figure else "",
        bool(figure and figure.lower_is_better), bool(figure and figure.name in PERCENTS), trials,
    )  # fmt: skip


def _told(one: TrialOutcome) -> str:
    """``98.53 % ± 0.12``."""
    if one.figure is None:
        return ""
    return one.figure.text + ("" if one.spread is None else f" ± {spread_text(one.figure.name, one.spread)}")


def spread_text(name: str, spread: float) -> str:
    """A deviation in the unit of its figure: ``0.12`` for percents."""
    return f"{100 * spread:.2f}" if name in PERCENTS else f"{spread:.3g}"


def verdict(found: list[TrialOutcome]) -> list[str]:
    """Which trial is the best, and what its test figure is worth."""
    best = next((one for one in found if one.figure), None)
    if best is None or best.figure is None or best.test is None:
        return []
    line = f"best: {best.trial.name} ({told(best.trial.values)}), {best.figure.title} {_told(best)}"
    if best.figure.part == "validation":
        return [f"{line}; test {best.test.name} {figure_text(best.test.name, best.test.value)}"]
    return [line, BY_TEST]

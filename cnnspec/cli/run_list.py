"""What ``cnnspec runs`` tells of run folders: a line each, or side by side; and what it takes away."""

from __future__ import annotations

import csv
import io
from collections.abc import Iterable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any, Final

import click

from cnnspec.cli.console import can_ask, picture_format, stderr_console, stdout_console, write_result
from cnnspec.diagnostics import SpecError
from cnnspec.files import sync_folder
from cnnspec.network.write import recipe_lines
from cnnspec.training.evaluate import number
from cnnspec.training.lock import Lock
from cnnspec.training.outcome import RunFigure, RunOutcome, Standing, outcome_of, size_of, spare_files
from cnnspec.training.run import CHECKPOINTS, is_run, runs_of_seeds
from cnnspec.training.sweep import SweepRecord, is_sweep
from cnnspec.training.sweep_results import TrialOutcome, results_of, shown, trial_folders, verdict
from cnnspec.views.pictures.palette import THEMES
from cnnspec.views.pictures.svg import convert
from cnnspec.views.results.parallel import parallel
from cnnspec.views.terminal import runs as tables
from cnnspec.views.terminal.paint import in_bytes

SCHEMA: Final = "cnnspec/runs/1"
DEEP: Final = 2
"""Folders within folders that are looked into for runs."""
WHEN: Final = "%Y-%m-%d %H:%M"


def found_in(folder: Path, deep: int = DEEP) -> list[Path]:
    """The runs and sweeps in a folder and in folders within it; links and hidden folders are passed over."""
    if is_run(folder) or is_sweep(folder):
        return [folder]
    if seeds := runs_of_seeds(folder):
        return seeds
    if not deep + 1:
        return []
    with suppress(OSError):  # a folder that may not be read holds none
        inside = sorted(path for path in folder.iterdir() if path.is_dir() and not path.is_symlink())
        return [run for path in inside if path.name[0] != "." for run in found_in(path, deep - 1)]
    return []


@dataclass(frozen=True)
class KeptRun:
    """A line of the list: a run, or a sweep with its trials, the best first."""

    outcome: RunOutcome
    trials: tuple[TrialOutcome, ...] = ()

    @classmethod
    def read(cls, folder: Path) -> KeptRun:
        if not is_sweep(folder):
            return cls(outcome_of(folder))
        try:
            record = SweepRecord.read(folder)
        except SpecError:
            return cls(RunOutcome(folder, "damaged", size=size_of([folder])))
        trials = tuple(results_of(folder, record))
        each = [run for trial in trials for run in trial.runs]
        over = len(trials) == record.asked and all(one.standing in ("finished", "failed") for one in trials)
        standing: Standing = "finished" if over else "interrupted"
        if any(run.standing == "training" for run in each):
            standing = "training"
        when = max((run.when for run in each if run.when), default=None)
        return cls(
            RunOutcome(
                folder, standing, record.network, each[0].data if each else "",
                None, sum(run.epochs for run in each), sum(run.seconds for run in each),
                trials[0].figure if trials else None, (), when, size_of([folder]),
            ),
            trials,
        )  # fmt: skip

    @property
    def epochs(self) -> str:
        """``3 of 5``, or the trials of a sweep."""
        if self.trials:
            done = sum(one.standing == "finished" for one in self.trials)
            return f"{done} of {len(self.trials)} trials"
        asked = self.outcome.recipe.epochs if self.outcome.recipe else None
        return f"{self.outcome.epochs} of {asked}" if asked else str(self.outcome.epochs)

    def cells(self) -> dict[str, str]:
        one = self.outcome
        return {
            "run": str(one.folder), "figure": f"{one.figure.title} {one.figure.text}" if one.figure else "",
            "epochs": self.epochs, "network": one.network, "data": one.data,
            "when": f"{one.when:{WHEN}}" if one.when else "", "size": in_bytes(one.size),
            "standing": one.standing,
        }  # fmt: skip

    def facts(self) -> dict[str, Any]:
        """Plain values, ready for JSON and CSV."""
        one, figure = self.outcome, self.outcome.figure
        return {
            "folder": str(one.folder), "kind": "sweep" if self.trials else "run", "network": one.network,
            "data": one.data, "standing": one.standing, "epochs": one.epochs,
            "epochs_asked": one.recipe.epochs if one.recipe else None, "trials": len(self.trials) or None,
            "figure": figure.title if figure else None, "value": number(figure.value) if figure else None,
            "seconds": round(one.seconds, 3), "when": one.when.isoformat() if one.when else None,
            "bytes": one.size,
        }  # fmt: skip


def tell(
    folders: tuple[Path, ...], form: str, is_cleaning: bool, yes: bool, output: str | None, theme: str
) -> int:
    """What the command says of the folders; answers the exit code."""
    picture = _picture_format(folders, output)
    if yes and not is_cleaning:
        raise click.UsageError("--yes is for --clean")
    found = [path for folder in folders or (Path(),) for path in found_in(folder)]
    if not found:
        where = ", ".join(map(str, folders)) or "here"
        raise click.UsageError(f"there is no run in {where}; train one: cnnspec train lenet")
    if is_cleaning:
        clean(found, yes)
    elif list(folders) == found and len(found) == 1 and is_sweep(found[0]):
        show_sweep(found[0], form, output, picture, theme)
    elif list(folders) == found and not any(map(is_sweep, found)):
        compare([outcome_of(folder) for folder in found], form)
    else:
        kept = [KeptRun.read(folder) for folder in found]
        show(sorted(kept, key=lambda one: one.outcome.when or datetime.min, reverse=True), form)
    return 0


def _picture_format(folders: tuple[Path, ...], output: str | None) -> str | None:
    """The format of a sweep's picture; leaves where there can be none."""
    if output is None:
        return None
    if len(folders) != 1 or not is_sweep(folders[0]):
        raise click.UsageError(
            "-o draws a sweep: name its folder; curves of runs: cnnspec inspect RUN… curves"
        )
    return picture_format(output)


def show(kept: Sequence[KeptRun], form: str) -> None:
    """All of them, the newest first."""
    out = stdout_console()
    if form == "json":
        out.print_json({"schema": SCHEMA, "runs": [one.facts() for one in kept]})
    elif form == "csv":
        out.print(as_csv([one.facts() for one in kept]))
    else:
        out.print("\n".join(tables.runs([one.cells() for one in kept], out.terminal())))
        total = sum(one.outcome.size for one in kept)
        out.say(f"{len(kept)} run{'s' * (len(kept) != 1)}, {in_bytes(total)} on disk")


def as_csv(rows: Sequence[Mapping[str, Any]]) -> str:
    page = io.StringIO()
    writer = csv.DictWriter(page, list(rows[0]) if rows else [], lineterminator="\n")
    writer.writeheader()
    writer.writerows(rows)
    return page.getvalue()


# Side by side -----------------------------------------------------------------------


def compare(outcomes: Sequence[RunOutcome], form: str) -> None:
    """The settings that differ (of a single run all), and the figures."""
    settings, figures = _settings(outcomes), _figures(outcomes)
    out = stdout_console()
    if form == "table":
        rows = {**settings, **{name: [_text(one) for one in line] for name, line in figures.items()}}
        rows |= _rest(outcomes)
        names = short_names([one.folder for one in outcomes])
        out.print("\n".join(tables.side_by_side(names, rows, list(figures), out.terminal())))
        if len({one.network for one in outcomes}) > 1:
            first, second = (one.folder for one in outcomes[:2])
            out.say(f"layer by layer: cnnspec diff {first} {second}")
        return
    lines = [
        {
            **KeptRun(one).facts(),
            "settings": {name: line[n] for name, line in settings.items()},
            "figures": {name: _value(line[n]) for name, line in figures.items()},
        }
        for n, one in enumerate(outcomes)
    ]
    if form == "json":
        out.print_json({"schema": SCHEMA, "runs": lines})
    else:
        out.print(as_csv([{**line.pop("settings"), **line.pop("figures"), **line} for line in lines]))


def short_names(folders: Sequence[Path]) -> list[str]:
    """The parts of paths in which they differ: ``trial-1`` and ``trial-2`` of the same sweep."""
    parts = [folder.parts for folder in folders]
    same = [len(set(each)) == 1 for each in zip(*parts, strict=False)]
    first = same.index(False) if False in same else 0
    behind = [len(set(each)) == 1 for each in zip(*(path[first:][::-1] for path in parts), strict=False)]
    last = behind.index(False) if False in behind else 0
    return [str(Path(*path[first : len(path) - last])) for path in parts]


def _settings(outcomes: Sequence[RunOutcome]) -> dict[str, list[str]]:
    """The sentences of the recipes by their word, where they differ, or where there is a single run."""
    recipes = [{line.split()[0]: line for line in map(str.strip, _lines(one))} for one in outcomes]
    words = dict.fromkeys(word for recipe in recipes for word in recipe)
    found = {"network": [one.network for one in outcomes], "samples": [one.data for one in outcomes]}
    found |= {
        word: [recipe.get(word, "").removeprefix(f"{word} ") or "usual" for recipe in recipes]
        for word in words
    }
    return {word: line for word, line in found.items() if len(outcomes) == 1 or len(set(line)) > 1}


def _lines(one: RunOutcome) -> Iterable[str]:
    return [*recipe_lines(one.recipe)][1:-1] if one.recipe else []


def _figures(outcomes: Sequence[RunOutcome]) -> dict[str, list[RunFigure | None]]:
    """All figures that any of the runs has, the one that tells most first."""
    found: dict[str, list[RunFigure | None]] = {}
    for n, one in enumerate(outcomes):
        for figure in (*([one.figure] if one.figure else []), *one.tests):
            found.setdefault(figure.title, [None] * len(outcomes))[n] = figure
    return found


def _text(figure: RunFigure | None) -> str:
    return figure.text if figure else "–"


def _value(figure: RunFigure | None) -> float | None:
    return number(figure.value) if figure else None


def _rest(outcomes: Sequence[RunOutcome]) -> dict[str, list[str]]:
    return {
        "trained": [KeptRun(one).epochs + " epochs" for one in outcomes],
        "seconds": [f"{one.seconds:.1f}" for one in outcomes],
        "size": [in_bytes(one.size) for one in outcomes],
        "standing": [one.standing for one in outcomes],
    }


def show_sweep(folder: Path, form: str, output: str | None, format: str | None, theme: str) -> None:
    """The trials of a sweep, and their picture in a file."""
    record = SweepRecord.read(folder)
    found = results_of(folder, record)
    view, out = shown(record, found), stdout_console()
    if form == "table":
        out.print("\n".join(tables.sweep(view, out.terminal())))
        for line in verdict(found):
            out.say(line)
    else:
        lines = [_trial_facts(one) for one in found]
        if form == "json":
            out.print_json({"schema": SCHEMA, "sweep": str(folder), "trials": lines})
        else:
            out.print(as_csv([{"trial": line.pop("trial"), **line.pop("values"), **line} for line in lines]))
    if output is None or format is None:
        return
    if all(one.figure is None for one in found):
        raise SpecError.of("nothing-to-show", f"no trial of {folder} is finished", "go on with it: --resume")
    write_result(output, convert(parallel(view, THEMES[theme]).document(), format))


def _trial_facts(one: TrialOutcome) -> dict[str, Any]:
    return {
        "trial": one.trial.name, "values": one.trial.values, "standing": one.standing, "epochs": one.epochs,
        "figure": one.figure.title if one.figure else None, "value": _value(one.figure),
        "deviation": one.spread, "test": _value(one.test), "seconds": round(one.seconds, 3), "why": one.why,
    }  # fmt: skip


# Cleaning ---------------------------------------------------------------------------


def clean(folders: Sequence[Path], yes: bool) -> None:
    """Takes the checkpoints of finished runs away, once that is confirmed."""
    each = [run for folder in folders for run in (trial_folders(folder) if is_sweep(folder) else [folder])]
    spare = {run: files for run in each if (files := spare_files(run))}
    say = stderr_console().say
    if not spare:
        return say("nothing to clean: no finished run has checkpoints")
    for run, files in spare.items():
        count = len(files)
        say(f"{run}: {count} checkpoint{'s' * (count != 1)}, {in_bytes(size_of(files))}")
    total = in_bytes(sum(map(size_of, spare.values())))
    say(
        f"{total} in all; weights and metrics stay. Without its checkpoints a run cannot be trained for more "
        "epochs; another can begin from its weights (--weights)"
    )
    if not yes:
        if not can_ask():
            raise click.UsageError("nothing was taken away; to do it: --yes")
        click.confirm("take them away?", abort=True, err=True)
    for run, files in spare.items():
        with Lock(run):
            _take_away(run / CHECKPOINTS, files)
    return say(f"{total} freed")


def _take_away(folder: Path, files: Iterable[Path]) -> None:
    for file in files:
        file.unlink(missing_ok=True)
    with suppress(OSError):  # something else lies there
        folder.rmdir()
    sync_folder(folder.parent)

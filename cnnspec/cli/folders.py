"""Where a training goes: a folder that is given, one of a run that goes on, or the next number."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import TYPE_CHECKING

import click

from cnnspec.cli.console import stderr_console
from cnnspec.cli.runs import HOME, SPEC, holds_runs, newest, numbers, others, plain
from cnnspec.diagnostics import SpecError
from cnnspec.training.run import BEST, CHECKPOINTS, METRICS, RECORD, WEIGHTS, Run, is_run

if TYPE_CHECKING:
    from cnnspec.network.graph import Network
    from cnnspec.recipe.models import Recipe

OURS = {SPEC, RECORD, METRICS, CHECKPOINTS, BEST, WEIGHTS}


def to_begin(folder: Path, force: bool) -> None:
    """Leaves with a message where a new training may not go into this folder."""
    if folder.exists() and not folder.is_dir():
        raise click.UsageError(f'"{folder}" is a file; -o names a folder')
    if not folder.is_dir():
        return
    if _has_results(folder) and not force:
        raise click.UsageError(
            f'"{folder}" holds a run. To go on with it: cnnspec train {folder} --resume. '
            "To keep it, name another folder with -o; to lose it: --force"
        )
    mine = is_run(folder) or holds_runs(folder)
    if not mine and any(path.name not in OURS for path in folder.iterdir() if path.name[0] != "."):
        raise click.UsageError(f'"{folder}" holds other things; name a new folder, or one of a run')


def to_resume(folder: Path | None, name: str, seeds: bool) -> tuple[Path, Path]:
    """The folder to go on in, the newest of this network when none is given, and the first run in it."""
    given, folder = folder, folder or newest(name, or_seeds=True)
    if folder is None:
        raise click.UsageError(
            f"there is no run of {name or 'this network'} under {HOME}/ to go on with; {others(None)}"
        )
    first = first_run(folder)
    if first is None:
        there = "" if folder.exists() else ", which is not there"
        raise click.UsageError(f'no run to go on with in "{folder}"{there}; {others(str(folder))}')
    if seeds and first == folder:
        raise click.UsageError(f'"{folder}" is one run; go on with it without --seeds')
    if not seeds and first != folder:
        what = f'"{folder}" holds runs of several seeds'
        raise click.UsageError(f"{what}; give --seeds N as well, or one of them: {first}")
    if given is None:
        stderr_console().print(f"goes on: {folder}")
    return folder, first


def seeds_in(folder: Path) -> list[int]:
    """The seeds that a folder of several runs has a run of, the least first."""
    found = [path.name.removeprefix("seed-") for path in folder.glob("seed-*") if is_run(path)]
    return sorted(int(seed) for seed in found if seed.isdecimal())


def first_run(folder: Path) -> Path | None:
    """The run in a folder, that of the least seed where it holds several, or None."""
    if is_run(folder):
        return folder
    return next((folder / f"seed-{seed}" for seed in seeds_in(folder)), None)


def record(run: Path) -> Run | None:
    """What is known of a run; None when that was damaged, as its checkpoints may be whole all the same."""
    try:
        return Run.read(run)
    except SpecError:
        return None


def recipe_of(run: Path, network: Network) -> Recipe:
    """The recipe that a run goes on with: its own, unless the spec asks for another than it did then."""
    from cnnspec.document import load

    before, asked = record(run), network.training_recipe
    if before is None:
        what = f"{run / RECORD} is damaged; what {run} was begun with is taken from SPEC"
        stderr_console().print(f"note: {what}")
        return asked
    where = {"data": {"path"}}  # it is found from where the spec lies
    as_then = asked.model_dump(exclude=where) == load(run / SPEC).training_recipe.model_dump(exclude=where)
    return before.recipe if as_then else asked.changed(seed=before.seed)


@contextmanager
def taken(folder: Path | None, name: str) -> Iterator[Path]:
    """The folder, or the next number under ``runs/``, which no other process can take, too.

    One that was made for nothing is taken away again.
    """
    place = folder or _next(name)
    try:
        yield place
    except BaseException:
        with suppress(OSError):
            if folder is None:
                place.rmdir()
                place.parent.rmdir()
        raise


def _next(name: str) -> Path:
    """The next numbered folder of a network, made."""
    while True:
        number = max((number for number, _ in numbers(name)), default=0) + 1
        place = HOME / f"{plain(name)}-{number}"
        place.parent.mkdir(exist_ok=True)
        with suppress(FileExistsError):
            place.mkdir()
            return place


def _has_results(folder: Path) -> bool:
    """Whether work would be lost."""
    found = [path for path in (folder, *folder.glob("seed-*")) if is_run(path)]
    return any((path / WEIGHTS).exists() or any((path / CHECKPOINTS).glob("step-*")) for path in found)

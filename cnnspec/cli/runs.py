"""The folders of runs, from the command line's side: chosen, begun, found again."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

import click

from cnnspec.cli.console import show, stderr_console
from cnnspec.cli.spec import is_named, load_network, meant
from cnnspec.diagnostics import Diagnostic, SpecError, nearest
from cnnspec.training.run import SPEC, WEIGHTS, Run, is_run

if TYPE_CHECKING:
    from cnnspec.document import Document
    from cnnspec.model import Model
    from cnnspec.network.graph import Network
    from cnnspec.training.data import Dataset

__all__ = ["SPEC", "Run", "data_of", "find", "folder_of", "folders_of", "is_run", "samples_of", "sources"]

HOME = Path("runs")
"""Where runs go that are given no folder."""
MOST_NAMED = 6
"""Runs that a message names."""


def find(spec: str | None, inline: str | None, weights: Path | None) -> tuple[Model, Run | None]:
    """The trained model that SPEC or RUN means, and the record of its run.

    The folder of a run; or a spec, with ``--weights``, or with the newest run
    of its name under ``runs/``.
    """
    if weights is not None:
        return load_network(spec, inline).build().load(weights), None
    if spec is not None and inline is None:
        return _open(folder_of(spec))
    if inline is None:
        raise click.UsageError(f"name the folder of a run, or a spec that was trained; {others(None)}")
    return _open(_newest_of(load_network(spec, inline), None))


def folder_of(name: str) -> Path:
    """The folder of the run that a name means: itself, or the newest run of a spec."""
    if is_run(name):
        return Path(name)
    if holds_runs(Path(name)):
        some = ", ".join(map(str, folders_of(name)[:MOST_NAMED]))
        raise click.UsageError(f'"{name}" holds the runs of several seeds; name one of them: {some}')
    if Path(name).is_dir():
        raise click.UsageError(f'"{name}" is not the folder of a run; {others(name)}')
    if not is_named(name):
        guess = f'did you mean "{spec}"? ' if (spec := meant(name)) else ""
        raise click.UsageError(
            f'there is no run, no file and no shipped example "{name}"; {guess}{others(name)}'
        )
    return _newest_of(load_network(name, None), name)


def folders_of(name: str) -> list[Path]:
    """Like ``folder_of``, and all runs of a folder of several seeds."""
    if holds_runs(Path(name)):
        return sorted(path for path in Path(name).glob("seed-*") if is_run(path))
    return [folder_of(name)]


def _newest_of(network: Network, spec: str | None) -> Path:
    found = newest(network.name)
    if found is None:
        named = network.name or "this network"
        raise click.UsageError(f"there is no run of {named} under {HOME}/; {others(spec)}")
    stderr_console().print(f"the newest run: {found}")
    return found


def others(name: str | None) -> str:
    """The runs that are there, the nearest name first; where there is none, how one is made."""
    found = [str(path) for path in near(name)]
    spec = name if name and is_named(name) and not Path(name).is_dir() else "SPEC"
    train = f"train one: cnnspec train {spec}"
    if not found:
        return f"no other is here; {train}, or give a spec and --weights FILE"
    meant = nearest(str(name), found)
    shown = list(dict.fromkeys([*([meant] if meant else []), *found]))
    more = f", and {len(shown) - MOST_NAMED} more" if len(shown) > MOST_NAMED else ""
    return f"runs here: {', '.join(shown[:MOST_NAMED])}{more}; or {train}"


def near(name: str | None) -> tuple[Path, ...]:
    """The folders of runs inside a path, beside it, and under ``runs/``, those of several seeds too."""
    places = [*([Path(name), Path(name).parent] if name else []), HOME]
    found: dict[Path, None] = {}
    for place in places:
        if place.is_dir():
            inside = sorted(path for path in place.iterdir() if path.is_dir())
            seeds = [seed for path in inside for seed in sorted(path.glob("seed-*"))]
            found |= dict.fromkeys(path for path in [*inside, *seeds] if is_run(path))
    return tuple(found)


def data_of(model: Model, run: Run | None, data_name: str | None, data_dir: Path | None) -> Dataset:
    """The samples a run was trained on, or those the command line names: never others in their place."""
    from cnnspec.cli.samples import load_samples

    network = model.network
    if run is None:
        setting = network.training_recipe.data
        data = load_samples(network, setting, data_name, data_dir, classes=model.classes)
    else:
        data = samples_of(run, network, data_name, data_dir, classes=model.classes)
        if data.name != run.set:
            stderr_console().print(f"note: this run was trained on {run.set}, not on {data.name}")
    for note in data.notes:
        stderr_console().print(f"note: {note}")
    return data


def samples_of(
    run: Run, network: Network, name: str | None, folder: Path | None, *,
    classes: tuple[str, ...] = (), progress: Callable[[str, int, int], None] | None = None,
) -> Dataset:  # fmt: skip
    """The samples of a run; raises SpecError that says which they are where they cannot be had."""
    from cnnspec.cli.samples import is_missing, load_samples

    if name is not None or folder is not None:
        return load_samples(network, run.recipe.data, name, folder, classes=classes, progress=progress)
    if run.data is None:
        raise _gone(run, Diagnostic("data-missing", "they were given as arrays, in Python"))
    try:
        return load_samples(network, run.data, None, None, classes=classes, progress=progress)
    except SpecError as error:
        if not is_missing(error):
            raise
        raise _gone(run, error.diagnostics[0]) from error


def _gone(run: Run, reason: Diagnostic) -> SpecError:
    """That the data of a run cannot be had, with the cures."""
    from cnnspec.training.data import SETS

    where = "--data-dir FOLDER, or set CNNSPEC_DATA" if run.set in SETS else "--data PATH"
    cures = (f"say where {run.set} lies: {where}", "or judge it on other data, said aloud: --data digits")
    message = f"this run was trained on {run.set}; {reason.message}"
    return SpecError([replace(reason, message=message, help=cures)])


def _open(folder: Path) -> tuple[Model, Run]:
    from cnnspec.model import open_run

    model, run, refused = open_run(folder)
    show(refused)
    if not (folder / WEIGHTS).exists():
        stderr_console().print("note: this run is not finished; its newest checkpoint is used")
    return model, run


def numbers(name: str) -> list[tuple[int, Path]]:
    """The numbered folders of a network under ``runs/``, oldest first."""
    if not HOME.is_dir():
        return []
    found = []
    for path in HOME.iterdir():
        stem, _, number = path.name.rpartition("-")
        if stem == plain(name) and number.isdecimal():
            found.append((int(number), path))
    return sorted(found)


def newest(name: str, or_seeds: bool = False) -> Path | None:
    """The newest run of a network under ``runs/``, or folder of runs of several seeds."""
    paths = (path for _, path in reversed(numbers(name)))
    return next((path for path in paths if is_run(path) or (or_seeds and holds_runs(path))), None)


def plain(name: str) -> str:
    """A network's name as a folder's."""
    return "".join(letter if letter.isalnum() or letter in "_-" else "_" for letter in name) or "network"


def holds_runs(folder: Path) -> bool:
    """Whether a folder is that of ``train --seeds``."""
    return any(is_run(path) for path in folder.glob("seed-*"))


def sources(document: Document) -> dict[str, str]:
    """The text of the spec, and of the files it uses by the names it uses them under."""
    return {**document.used, SPEC: document.source.text}

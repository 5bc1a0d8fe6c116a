"""``cnnspec runs``; and the folders of runs, from the command line's side: chosen, begun, found again."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import TYPE_CHECKING

import click

from cnnspec.cli.console import can_ask, show, stderr_console
from cnnspec.cli.options import chosen_engine, format_option, theme_option
from cnnspec.cli.spec import is_named, load_network, meant, network_of, read
from cnnspec.diagnostics import SpecError, nearest
from cnnspec.document import RUN_SPEC, Document, load
from cnnspec.files import make_folder, sync_folder
from cnnspec.text import whole
from cnnspec.training.checkpoint import CheckpointManager
from cnnspec.training.run import (
    BEST,
    CHECKPOINTS,
    METRICS,
    OURS,
    RECORD,
    WEIGHTS,
    Run,
    claimed,
    has_results,
    is_run,
    refuse_names,
    runs_of_seeds,
)
from cnnspec.training.sweep import is_sweep
from cnnspec.training.sweep_results import trial_folders

if TYPE_CHECKING:
    from cnnspec.model import Model
    from cnnspec.network.graph import Network
    from cnnspec.recipe.models import Recipe

HOME = Path("runs")
"""Where runs go that are given no folder."""
MOST_NAMED = 6
"""Runs that a message names."""


@click.command("runs")
@click.argument("folders", nargs=-1, metavar="[FOLDER]...", type=click.Path(exists=True, path_type=Path))
@format_option("table", "json", "csv")
@click.option("--clean", is_flag=True, help="Take the checkpoints of finished runs away; asks first.")
@click.option("--yes", is_flag=True, help="Clean without asking.")
@click.option("-o", "--output", metavar="FILE", help="Draw a sweep: .svg, .png or .pdf.")
@theme_option
def command(
    folders: tuple[Path, ...], form: str, clean: bool, yes: bool, output: str | None, theme: str
) -> int:
    """List the runs in FOLDER, the newest first; compare two or more; clean up behind them.

    Without FOLDER those here and under runs/ are listed. One run alone shows its settings and figures,
    several show the settings that differ, side by side. A sweep shows its trials, the best first.

    \b
    Examples:
      cnnspec runs
      cnnspec runs runs/LeNet5-1 runs/LeNet5-2
      cnnspec runs sweep -o sweep.png
      cnnspec runs --clean
    """
    from cnnspec.cli import run_list

    return run_list.tell(folders, form, clean, yes, output, theme)


def find(spec: str | None, inline: str | None, weights: Path | None) -> tuple[Model, Run | None]:
    """The trained model that SPEC or RUN means, and the record of its run.

    The folder of a run; or a spec, with ``--weights``, or with the newest run
    of its name under ``runs/``.
    """
    if weights is not None:
        return load_network(spec, inline).build(**chosen_engine()).load(weights), None
    if spec is not None and inline is None and Path(spec).is_file():
        document = read(spec, inline)
        if document.weights is not None:
            model = network_of(document).build(**chosen_engine())
            model.weights.update(document.weights)
            return model, None
    if spec is not None and inline is None:
        return _open(folder_of(spec))
    if inline is None:
        raise click.UsageError(f"name the folder of a run, or a spec that was trained; {others(None)}")
    return _open(_newest_of(load_network(spec, inline), None))


def folder_of(name: str) -> Path:
    """The folder of the run that a name means: itself, or the newest of a spec or of a network's name."""
    if is_run(name):
        return Path(name)
    if seeds := runs_of_seeds(Path(name)):
        some = ", ".join(map(str, seeds[:MOST_NAMED]))
        raise click.UsageError(f'"{name}" holds the runs of several seeds; name one of them: {some}')
    if is_sweep(name):
        raise click.UsageError(f'"{name}" holds a sweep; its runs, the best first: cnnspec runs {name}')
    if Path(name).is_dir():
        raise click.UsageError(f'"{name}" is not the folder of a run; {others(name)}')
    if not is_named(name):
        if found := newest(name, stem=name):
            stderr_console().say(f"the newest run: {found}")
            return found
        guess = f'did you mean "{spec}"? ' if (spec := meant(name)) else ""
        raise click.UsageError(
            f'there is no run, no file and no shipped example "{name}"; {guess}{others(name)}'
        )
    return _newest_of(load_network(name, None), name)


def folders_of(name: str) -> list[Path]:
    """Like ``folder_of``, and all runs of a folder of several seeds or of a sweep."""
    if is_sweep(name):
        return trial_folders(Path(name))
    return runs_of_seeds(Path(name)) or [folder_of(name)]


def _newest_of(network: Network, spec: str | None) -> Path:
    found = newest(network.name, stem=Path(spec or "").stem)
    if found is None:
        named = network.name or "this network"
        raise click.UsageError(f"there is no run of {named} under {HOME}/; {others(spec)}")
    stderr_console().say(f"the newest run: {found}")
    return found


def others(name: str | None) -> str:
    """The runs that are there, the nearest name first; where there is none, how one is made."""
    found = [str(path) for path in near(name)]
    spec = name if name and is_named(name) and not Path(name).is_dir() else "SPEC"
    train = f"train one: cnnspec train {spec}"
    if not found:
        return f"there are no others here; {train}, or give a spec and --weights FILE"
    meant = nearest(str(name), found)
    shown = list(dict.fromkeys([*([meant] if meant else []), *found]))
    more = f", and {len(shown) - MOST_NAMED} more" if len(shown) > MOST_NAMED else ""
    return f"runs here: {', '.join(shown[:MOST_NAMED])}{more}; or {train}"


def near(name: str | None) -> tuple[Path, ...]:
    """The folders of runs inside a path, beside it, and under ``runs/``, those of several seeds too."""
    places = [*([Path(name), Path(name).parent] if name else [Path()]), HOME]
    found: dict[Path, None] = {}
    for place in places:
        if place.is_dir():
            inside = sorted(path for path in place.iterdir() if path.is_dir())
            seeds = [seed for path in inside for seed in runs_of_seeds(path)]
            found |= dict.fromkeys([*filter(is_run, inside), *seeds])
    return tuple(found)


def _open(folder: Path) -> tuple[Model, Run]:
    from cnnspec.model import open_run

    model, run, refused = open_run(folder, **chosen_engine())
    show(refused)
    if not (folder / WEIGHTS).exists():
        stderr_console().say("note: this run is not finished; its newest checkpoint is used")
    return model, run


def numbers(name: str) -> list[tuple[int, Path]]:
    """The numbered folders of a network under ``runs/``, oldest first."""
    if not HOME.is_dir():
        return []
    found = []
    for path in HOME.iterdir():
        stem, _, digits = path.name.rpartition("-")
        number = whole(digits)
        if stem == plain(name) and number is not None:
            found.append((number, path))
    return sorted(found)


def newest(name: str, or_seeds: bool = False, stem: str = "") -> Path | None:
    """The run of a network under ``runs/`` that was begun last, or folder of runs of several seeds.

    It has a numbered folder, one that is called as the spec's ``stem``, or the network's name in its record.
    """
    numbered = {path: number for number, path in numbers(name)}
    found: list[tuple[int, int, Path]] = []
    for path in HOME.iterdir() if HOME.is_dir() else ():
        first = path if is_run(path) else next(iter(runs_of_seeds(path) if or_seeds else ()), None)
        if first and (path in numbered or path.name == stem or _is_of(first, name)):
            found.append(((first / RUN_SPEC).stat().st_mtime_ns, numbered.get(path, 0), path))
    return max(found)[2] if found else None


def _is_of(run: Path, name: str) -> bool:
    """Whether a run's record is of the network with this name."""
    known = record(run) if name else None
    return known is not None and known.network == name


def plain(name: str) -> str:
    """A network's name as a folder's."""
    return "".join(letter if letter.isalnum() or letter in "_-" else "_" for letter in name) or "network"


# Where a training goes ------------------------------------------------------------


def to_begin(folder: Path, force: bool) -> None:
    """Leaves with a message where a new training may not go into this folder."""
    if folder.exists() and not folder.is_dir():
        raise click.UsageError(f'"{folder}" is a file; -o names a folder')
    if not folder.is_dir():
        return
    lost = [path for path in (folder, *runs_of_seeds(folder)) if has_results(path)]
    if lost and not force:
        raise click.UsageError(
            f'"{folder}" holds a run. To go on with it: cnnspec train {folder} --resume. '
            "To keep it, name another folder with -o; to replace it: --force"
        )
    mine = first_run(folder) or claimed(folder)
    if not mine and any(path.name not in OURS for path in folder.iterdir() if path.name[0] != "."):
        raise click.UsageError(f'"{folder}" holds other files; name a new folder, or the folder of a run')
    for run in lost:
        _say_what_goes(run)
    if lost and can_ask():
        click.confirm("go on?", abort=True, err=True)


def _say_what_goes(run: Path) -> None:
    there = [name for name in (WEIGHTS, BEST, METRICS) if (run / name).exists()]
    count = len(CheckpointManager(run / CHECKPOINTS).paths)
    what = [*there, *([f"{count} checkpoint{'s' * (count > 1)}"] if count else [])]
    stderr_console().print(f"note: this replaces the run in {run}: {', '.join(what)}")


def sources_of(document: Document) -> dict[str, str]:
    """The texts that a run keeps, of a spec and of what it uses; SpecError where a name is a run's own."""
    refuse_names(document.used)
    return {**document.used, RUN_SPEC: document.source.text}


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
        stderr_console().say(f"continuing: {folder}")
    return folder, first


def first_run(folder: Path) -> Path | None:
    """The run in a folder, that of the least seed where it holds several, or None."""
    return folder if is_run(folder) else next(iter(runs_of_seeds(folder)), None)


def record(run: Path) -> Run | None:
    """What is known of a run; None when that was damaged, as its checkpoints may be whole all the same."""
    try:
        return Run.read(run)
    except SpecError:
        return None


def recipe_of(run: Path, network: Network) -> Recipe:
    """The recipe that a run goes on with: its own, unless the spec asks for another than it did then."""
    before, asked = record(run), network.training_recipe
    if before is None:
        what = f"{run / RECORD} is damaged; what {run} was begun with is taken from SPEC"
        stderr_console().say(f"note: {what}")
        return asked
    where = {"data": {"path"}}  # it is found from where the spec lies
    as_then = asked.model_dump(exclude=where) == load(run).training_recipe.model_dump(exclude=where)
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
        make_folder(place.parent)
        with suppress(FileExistsError):
            place.mkdir()
            sync_folder(place.parent)
            return place

"""The folders of runs, from the command line's side: chosen, begun, found again."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from cnnspec.cli.console import stderr_console
from cnnspec.cli.spec import load_network, show
from cnnspec.files import write_atomically
from cnnspec.network.settings import Data
from cnnspec.syntax import tree
from cnnspec.text import Source
from cnnspec.training.run import SPEC, WEIGHTS, is_run, open_run, read_about, write_about

if TYPE_CHECKING:
    from cnnspec.backends.numpy.model import Model
    from cnnspec.cli.spec import Reading
    from cnnspec.network.graph import Network
    from cnnspec.training.data import Dataset
    from cnnspec.training.metrics import Evaluation

__all__ = ["SPEC", "as_before", "begin", "choose_folder", "find", "finish", "is_run", "read_about"]

HOME = Path("runs")
"""Where runs go that are given no folder."""


def choose_folder(output: Path | None, name: str, resume: bool) -> Path:
    """The folder of a run: the given one, or the next number under ``runs/``."""
    if output is None:
        return (_newest(name) if resume else None) or _next(name)
    if output.exists() and not output.is_dir():
        raise click.UsageError(f'"{output}" is a file; -o names a folder')
    if output.is_dir() and any(output.iterdir()) and not is_run(output) and not _holds_runs(output):
        raise click.UsageError(f'"{output}" holds other things; name a new folder, or one of a run')
    return output


def begin(
    folder: Path, reading: Reading, about: Mapping[str, Any], *, keep: bool, say: Callable[[str], None]
) -> None:
    """Writes the spec, with the files it uses, and what is known of the run."""
    if keep and is_run(folder):
        write_about(folder, {**read_about(folder), **about})
        return
    if is_run(folder):
        say(f"note: this takes the place of the run in {folder}")
    folder.mkdir(parents=True, exist_ok=True)
    for name, text in _used(reading).items():
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        write_atomically(folder / name, text)
    write_atomically(folder / SPEC, reading.source.text)
    write_about(folder, about)


def finish(folder: Path, about: Mapping[str, Any], result: Evaluation) -> None:
    """Adds the result to what is known of the run."""
    figures = {"accuracy": result.accuracy, "loss": result.loss, "samples": result.samples}
    write_about(folder, {**about, "test": figures})


def as_before(
    about: Mapping[str, Any], data_name: str | None, data_dir: Path | None, changes: Mapping[str, Any]
) -> tuple[str | None, Path | None, dict[str, Any]]:
    """The options a run was begun with, where the command line does not give them anew."""
    before = about.get("data", {})
    if data_name is None and data_dir is None:
        data_name = before.get("name")
        data_dir = Path(before["folder"]) if before.get("folder") else None
    given = {key: value for key, value in changes.items() if value is not None}
    return data_name, data_dir, {**about.get("changes", {}), **given}


def find(spec: str | None, inline: str | None, weights: Path | None) -> tuple[Model, dict[str, Any]]:
    """The trained model that SPEC or RUN means, and what is known of it.

    The folder of a run; or a spec, with ``--weights``, or with the newest run
    of its name under ``runs/``.
    """
    if weights is not None:
        from cnnspec.backends.numpy import build

        network = load_network(spec, inline)
        return build(network).load(weights), {}
    if spec is not None and inline is None and Path(spec).is_dir():
        return _open(folder_of(spec))
    return _open(_newest_of(load_network(spec, inline)))


def folder_of(name: str) -> Path:
    """The folder of the run that a name means: itself, or the newest run of a spec."""
    if Path(name).is_dir():
        if not is_run(name):
            raise click.UsageError(f'"{name}" is not the folder of a run')
        return Path(name)
    return _newest_of(load_network(name, None))


def _newest_of(network: Network) -> Path:
    newest = _newest(network.name)
    if newest is None:
        raise click.UsageError(
            f"there is no run of {network.name or 'this network'} under {HOME}/; train it first, "
            "name the folder of its run, or give --weights FILE"
        )
    stderr_console().print(f"the newest run: {newest}")
    return newest


def data_of(model: Model, about: Mapping[str, Any], data_name: str | None, data_dir: Path | None) -> Dataset:
    """The samples a run was trained on, or those the command line names."""
    from cnnspec.cli.samples import load_samples

    if data_name is None and data_dir is None and about.get("data"):
        data_name = about["data"].get("name")
        data_dir = Path(about["data"]["folder"]) if about["data"].get("folder") else None
        if data_name is None and data_dir is None and about.get("set") == "digits":
            data_name = "digits"
    recipe = about.get("recipe", {})
    setting = Data.model_validate(recipe["data"]) if "data" in recipe else _data_of(model)
    return load_samples(model.network, setting, data_name, data_dir, say=stderr_console().print)


def _data_of(model: Model) -> Data:
    recipe = model.network.recipe
    return recipe.data if recipe else Data()


def _open(folder: Path) -> tuple[Model, dict[str, Any]]:
    model, about, refused = open_run(folder)
    show(refused)
    if not (folder / WEIGHTS).exists():
        stderr_console().print("note: this run is not finished; its newest checkpoint is used")
    return model, about


def _runs(name: str) -> list[tuple[int, Path]]:
    """The numbered runs of a network, oldest first."""
    if not HOME.is_dir():
        return []
    found = []
    for path in HOME.iterdir():
        stem, _, number = path.name.rpartition("-")
        if stem == _plain(name) and number.isdecimal():
            found.append((int(number), path))
    return sorted(found)


def _newest(name: str) -> Path | None:
    return next((path for _, path in reversed(_runs(name)) if is_run(path)), None)


def _next(name: str) -> Path:
    number = max((number for number, _ in _runs(name)), default=0) + 1
    return HOME / f"{_plain(name)}-{number}"


def _plain(name: str) -> str:
    return "".join(letter if letter.isalnum() or letter in "_-" else "_" for letter in name) or "network"


def _holds_runs(folder: Path) -> bool:
    return any(is_run(path) for path in folder.glob("seed-*"))


def _used(reading: Reading) -> dict[str, str]:
    """The files that the spec uses, by the names it uses them under."""
    if not any(isinstance(statement, tree.Use) for statement in reading.tree.statements):
        return {}
    from cnnspec.network.elaborate import elaborate
    from cnnspec.network.uses import folder_reader

    read, found = folder_reader(Path(reading.source.name).parent), {}

    def keep(name: str) -> Source:
        source = read(name)
        found[name] = source.text
        return source

    elaborate(reading.tree, read_use=keep)
    return found

"""The samples of a command: what ``--data`` names, what a run or the recipe names, or the digits."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Final

import click

from cnnspec.cli.console import stderr_console
from cnnspec.diagnostics import Diagnostic, SpecError
from cnnspec.training.data import SETS, load_for

if TYPE_CHECKING:
    from cnnspec.model import Model
    from cnnspec.network.graph import Network
    from cnnspec.recipe.models import Recipe
    from cnnspec.training.data import Dataset
    from cnnspec.training.run import Run


LEAST_STEPS: Final = 600
"""Steps that a training on the digits takes where they stand in for a larger set."""


def data_of(model: Model, run: Run | None, data_name: str | None, data_dir: Path | None) -> Dataset:
    """The samples a run was trained on, or those the command line names: never others in their place."""
    network = model.network
    if run is None:
        data = load_for(
            network.training_recipe.data, network.sample, network.output,
            target=network.training_recipe.target, name=data_name, data_dir=data_dir, classes=model.classes,
        )  # fmt: skip
    else:
        data = samples_of(run, network, data_name, data_dir, classes=model.classes)
        if data.name != run.set:
            stderr_console().say(f"note: this run was trained on {run.set}, not on {data.name}")
    for note in data.notes:
        stderr_console().say(f"note: {note}")
    return data


def samples_of(
    run: Run, network: Network, name: str | None, folder: Path | None, *,
    classes: tuple[str, ...] = (), progress: Callable[[str, int, int], None] | None = None,
) -> Dataset:  # fmt: skip
    """The samples of a run; raises SpecError that says which they are where they cannot be had."""
    load = partial(
        load_for, shape=network.sample, outputs=network.output, target=run.recipe.target, classes=classes,
        progress=progress,
    )  # fmt: skip
    if name is not None or folder is not None:
        return load(run.recipe.data, name=name, data_dir=folder)
    if run.data is None:
        raise _gone(run, Diagnostic("data-missing", "they were given as arrays, in Python"))
    try:
        return load(run.data)
    except SpecError as error:
        if not is_missing(error):
            raise
        raise _gone(run, error.diagnostics[0]) from error


def _gone(run: Run, reason: Diagnostic) -> SpecError:
    """That the data of a run cannot be had, with the cures."""
    where = "--data-dir FOLDER, or set CNNSPEC_DATA" if run.set in SETS else "--data PATH"
    cures = (f"say where {run.set} lies: {where}", "or evaluate it on other data: --data digits")
    message = f"this run was trained on {run.set}; {reason.message}"
    return SpecError([replace(reason, message=message, help=cures)])


def load_or_stand_in(
    network: Network, recipe: Recipe, name: str | None, folder: Path | None, *,
    say: Callable[[str], None], progress: Callable[[str, int, int], None] | None = None,
) -> Dataset:  # fmt: skip
    """The samples to begin a training with: a set that only the recipe asks for and that cannot be had
    gives way to the digits, with a note; one asked for by ``--data`` does not.
    """
    setting = recipe.data
    load = partial(load_for, setting, network.sample, network.output, target=recipe.target)
    try:
        return load(name=name, data_dir=folder, progress=progress)
    except SpecError as error:
        asked = name is not None or folder is not None or setting.path is not None
        if asked or setting.name not in SETS or not is_missing(error):
            raise
        missing = error
    try:
        digits = load(name="digits")
    except SpecError:
        raise missing from None
    count = len(digits.train_labels) + len(digits.test_labels)
    say(
        f"note: {setting.name} is not on this machine and could not be downloaded; the {count:,} digits of\n"
        "      scikit-learn take its place. For the real set: --data-dir FOLDER, or set CNNSPEC_DATA."
    )
    return digits


def recipe_for_stand_in(recipe: Recipe, data: Dataset, say: Callable[[str], None]) -> Recipe:
    """The recipe for the digits that stand in: a large set's few epochs would be a handful of steps."""
    steps = -(-round(len(data.train_labels) * (1 - recipe.data.validation)) // recipe.batch)
    epochs = -(-LEAST_STEPS // steps)
    if epochs <= recipe.epochs:
        return recipe
    say(f"      They are few: {epochs} epochs in place of {recipe.epochs}, unless --epochs says how many.")
    return recipe.changed(epochs=epochs)


def is_missing(error: SpecError) -> bool:
    """Whether data cannot be had, rather than being damaged or unlike the network."""
    return any(item.code == "data-missing" for item in error.diagnostics)


def check_index(index: int, count: int, part: str, option: str = "--index") -> None:
    """Leaves where a part of the data has no sample of this number."""
    if index >= count:
        raise click.BadParameter(
            f"the {part} set has {count:,} samples, 0 to {count - 1:,}; there is no {index:,}",
            param_hint=option,
        )

"""What ``cnnspec inspect`` answers on the data of a spec or a run: nothing needs to be trained for it."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Final

import click

from cnnspec.cli.answers import Asked, Shown
from cnnspec.cli.console import stderr_console
from cnnspec.diagnostics import Diagnostic, SpecError

if TYPE_CHECKING:
    from matplotlib.figure import Figure

    from cnnspec.recipe.models import Recipe
    from cnnspec.training.data import Dataset
    from cnnspec.views.plots.style import Ink
    from cnnspec.views.results import Gallery

SHOWN: Final = 10
"""Samples of a class, and changes of a sample, unless --count says."""


def data(names: Sequence[str], asked: Asked) -> Shown:
    """The samples of each class."""
    from cnnspec.training import gallery
    from cnnspec.views.terminal.gallery import counts

    recipe, found = _subject(names, "data", asked)
    parts = gallery.counts(found, recipe)
    shown = gallery.of_each_class(found, asked.part, asked.count or SHOWN)
    head = str(found)[1:-1].removeprefix("Dataset ")
    return Shown(lambda paper: [head, "", *counts(found.names, parts, paper)], _plot(shown))


def augmented(names: Sequence[str], asked: Asked) -> Shown:
    """Training samples, and what the recipe's augmentation makes of them."""
    from cnnspec.training import gallery
    from cnnspec.views.terminal.gallery import changes

    recipe, found = _subject(names, "augmented", asked)
    if recipe.augment is None:
        cure = "put into its train { }: augment shift=2 rotate=10 scale=0.1"
        message = f"the recipe of {names[0]} changes no images"
        raise SpecError([Diagnostic("nothing-to-show", message, help=(cure,))])
    for index in asked.indices:
        if index >= len(found.train_labels):
            raise click.BadParameter(
                f"there are {len(found.train_labels):,} training samples; there is no {index}",
                param_hint="--index",
            )
    places = asked.indices or gallery.first_of_each(found)
    shown = gallery.changed(found, recipe.augment, places, asked.count or SHOWN, recipe.seed)
    return Shown(lambda paper: changes(shown, paper), _plot(shown))


def _subject(names: Sequence[str], kind: str, asked: Asked) -> tuple[Recipe, Dataset]:
    """The recipe of a spec or of a run, and its samples."""
    from cnnspec.cli import runs, samples
    from cnnspec.cli.spec import load_network
    from cnnspec.document import load

    if len(names) > 1:
        raise click.UsageError(f"{kind} of one spec or run; {len(names)} are named: {', '.join(names)}")
    name = names[0]
    if runs.is_run(name):
        run = runs.Run.read(Path(name))
        network = load(Path(name) / runs.SPEC)
        return run.recipe, runs.samples_of(run, network, asked.data_name, asked.data_dir)
    network = load_network(name, None)
    recipe = network.training_recipe
    say = stderr_console().print
    return recipe, samples.load_or_stand_in(network, recipe.data, asked.data_name, asked.data_dir, say=say)


def _plot(shown: Gallery) -> Callable[[Ink], Figure]:
    def draw(ink: Ink) -> Figure:
        from cnnspec.views.plots.gallery import gallery

        return gallery(shown, ink)

    return draw


ON_DATA: Final[dict[str, Callable[[Sequence[str], Asked], Shown]]] = {"data": data, "augmented": augmented}

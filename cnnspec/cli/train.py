"""``cnnspec train``: a network trained by its recipe, with progress, checkpoints and resume."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

import click

from cnnspec.cli.console import show, stderr_console, stdout_console
from cnnspec.cli.options import (
    F,
    Renamed,
    Words,
    batch_option,
    chosen_engine,
    data_options,
    engine_options,
    finite,
    training_options,
)
from cnnspec.cli.spec import is_named, network_of, read, spec_argument
from cnnspec.document import RUN_SPEC
from cnnspec.recipe.changes import SHORT
from cnnspec.recipe.words import SETTINGS

if TYPE_CHECKING:
    from cnnspec.backends.processes import ProcessGroup
    from cnnspec.cli.live import Live
    from cnnspec.model import Model
    from cnnspec.network.graph import Network
    from cnnspec.recipe.models import Recipe
    from cnnspec.training.data import Dataset
    from cnnspec.training.evaluate import Evaluation
    from cnnspec.training.history import History

INTERRUPTED = 130


def _other_settings(function: F) -> F:
    """Gives ``train`` every setting of a recipe that has no option of its own."""
    for name in {**SETTINGS, **SHORT}:
        if name not in ("data", "epochs", "batch", "rate", "workers", "seed"):
            function = click.option(f"--{name}", hidden=True, callback=_plain)(function)
    return function


def _plain(context: click.Context, parameter: click.Parameter, value: str | None) -> str | float | None:
    """The value of a setting, as a sweep gives it too."""
    from cnnspec.training.sweep import plain

    return value if value is None else plain(value)


@click.command("train")
@spec_argument
@data_options
@click.option(
    "--epochs",
    type=click.IntRange(1),
    metavar="N",
    help="Number of epochs: passes through the training samples.",
)
@batch_option(None, "Samples a step.")
@click.option(
    "--rate",
    "--lr",
    "--learning-rate",
    "rate",
    cls=Renamed,
    type=click.FloatRange(0, min_open=True),
    callback=finite,
    metavar="R",
    help="Learning rate.",
)
@click.option("--workers", type=click.IntRange(1, 64), metavar="N", help="Processes that share each batch.")
@click.option("--seed", type=click.IntRange(0), metavar="N", help="Fixes everything random.")
@click.option("--seeds", type=click.IntRange(2, 100), metavar="N", help="Train N times, seed after seed.")
@click.option("-o", "--output", type=click.Path(path_type=Path), metavar="FOLDER", help="Folder of the run.")
@click.option(
    "--weights",
    type=click.Path(path_type=Path),
    metavar="PATH",
    help="Start from the weights of a file or a run, where they fit.",
)
@click.option(
    "--resume", is_flag=True, help="Continue the run in FOLDER where it stopped; SPEC may be its folder."
)
@click.option("--force", is_flag=True, help="Replace the run in FOLDER.")
@click.option("--save-steps", type=click.IntRange(1), metavar="N", help="Checkpoint every N steps as well.")
@click.option(
    "--sweep",
    multiple=True,
    metavar="NAME=VALUES",
    help="Train with each of these values: rate=0.01,0.05; may be given again. rate=0.001..0.1 is a range.",
)
@click.option("--trials", type=click.IntRange(1, 100_000), metavar="N", help="Draw so many of a sweep.")
@click.option("--jobs", type=click.IntRange(1, 64), metavar="N", help="Trainings of a sweep at a time.")
@click.option(
    "--sampler",
    type=Words(["random", "tpe"]),
    help="How trials are drawn; tpe: by what came of others (Optuna).",
)
@_other_settings
@engine_options
@training_options
def command(
    spec: str | None, inline: str | None, data_name: str | None, data_dir: Path | None,
    seeds: int | None, output: Path | None, weights: Path | None, resume: bool, force: bool,
    save_steps: int | None, sweep: tuple[str, ...], trials: int | None, jobs: int | None, sampler: str | None,
    **changes: Any,
) -> int:  # fmt: skip
    """Train a network by the recipe in its spec; options override the recipe.

    The folder of the run keeps the spec, the metrics, the checkpoints and the
    weights. Ctrl-C ends cleanly; --resume goes on to the same result.

    A sweep trains with all combinations, each in a folder of its own, and shows which is the best:
    --sweep rate=0.01,0.05 --sweep optimizer="adam","sgd momentum=0.9"; commas part values, but for those
    in brackets or quotes. --resume goes on with the folder of a sweep.

    Any other setting of a recipe is an option too, as --optimizer "adam rate=0.01", --momentum 0.9,
    --augment shift=2; the settings, from augment to workers: cnnspec layers train
    """
    if resume and force:
        raise click.UsageError("--resume continues a run, --force replaces it; give one of them")
    if chosen_engine().get("backend") == "onnxruntime":
        from cnnspec.backends.contract import no_training

        raise no_training()
    if is_sweep_wanted(spec, sweep, output, resume):
        from cnnspec.cli import sweep as sweeps

        asked = sweeps.SweepRequest(
            sweep, trials, jobs or 1, sampler, seeds, output, resume, force,
            {"data_name": data_name, "data_dir": data_dir, **changes},
        )  # fmt: skip
        return sweeps.run(spec, inline, asked)
    _refuse_of_sweeps(trials=trials, jobs=jobs, sampler=sampler)
    if resume and weights:
        raise click.UsageError("--resume goes on with the weights of the run; leave --weights out")
    from cnnspec.cli.together import together

    with together() as group:
        begun = group.share(_begun(spec, inline, output, resume, force, seeds) if group.is_first else None)
        assert begun is not None
        job = _Job(
            begun.sources, begun.network, begun.recipe.changed(**changes), data_name, data_dir, weights,
            changes["epochs"], save_steps, resume, force, group,
        )  # fmt: skip
        with job.taken(begun.output) as folder:
            return job.repeat(folder, seeds) if seeds else job.train(folder)


class _Begun(NamedTuple):
    """What a training begins from: the texts of its spec, the network, the recipe, the folder asked for."""

    sources: dict[str, str]
    network: Network
    recipe: Recipe
    output: Path | None


def _begun(
    spec: str | None, inline: str | None, output: Path | None, resume: bool, force: bool, seeds: int | None
) -> _Begun:
    """Reads the spec and finds the folder; leaves with a message where one of them cannot be used."""
    from cnnspec.cli import runs

    if spec and inline is None:
        spec, output = _meant(spec, output, resume)
    document = read(spec, inline)
    network = network_of(document)
    recipe = network.training_recipe
    sources = runs.sources_of(document)
    if resume:
        output, first = runs.to_resume(output, network.name, bool(seeds))
        recipe = runs.recipe_of(first, network)
    elif output is not None:
        runs.to_begin(output, force)
    return _Begun(sources, network, recipe, output)


def is_sweep_wanted(spec: str | None, sweep: tuple[str, ...], output: Path | None, resume: bool) -> bool:
    """Whether a command line means a sweep: one that is asked for, or one that is gone on with."""
    from cnnspec.training.sweep import is_sweep

    return bool(sweep) or (resume and any(place and is_sweep(place) for place in (spec, output)))


def _refuse_of_sweeps(**given: object) -> None:
    """Leaves where an option is given that says nothing of a single training."""
    for name, value in given.items():
        if value is not None:
            raise click.UsageError(f"--{name} is of a sweep; say what to try: --sweep rate=0.01,0.05")


def _meant(spec: str, output: Path | None, resume: bool) -> tuple[str, Path | None]:
    """The spec's file and the run's folder, where SPEC may be that folder or a run's name."""
    from cnnspec.cli import runs
    from cnnspec.training.sweep import is_sweep

    if resume and (Path(spec).is_dir() or not is_named(spec)):
        folder = Path(spec) if runs.first_run(Path(spec)) else runs.folder_of(spec)
        return str((runs.first_run(folder) or folder) / RUN_SPEC), folder
    if is_sweep(spec):
        raise click.UsageError(f'"{spec}" holds a sweep; to go on with it: cnnspec train {spec} --resume')
    if begun := runs.first_run(Path(spec)):
        raise click.UsageError(
            f'"{spec}" holds a run. To go on with it: cnnspec train {spec} --resume; '
            f"to train the same anew: cnnspec train {begun / RUN_SPEC}"
        )
    return spec, output


@dataclass
class _Job:
    """What the command line asked for."""

    sources: dict[str, str]
    network: Network
    recipe: Recipe
    data_name: str | None
    data_dir: Path | None
    weights: Path | None
    epochs: int | None
    save_steps: int | None
    resume: bool
    force: bool
    group: ProcessGroup

    @contextmanager
    def taken(self, output: Path | None) -> Iterator[Path]:
        """The folder of the run: the first of several processes takes it for all."""
        from cnnspec.cli import runs

        if not self.group.is_first:
            yield self.group.share(Path())
            return
        with runs.taken(output, self.network.name) as folder:
            yield self.group.share(folder)

    def train(self, folder: Path) -> int:
        """One run; prints what came of it."""
        result = self._run(folder, self.recipe)
        if result is None:
            return _interrupted(f"{folder} --resume")
        stdout_console().say(_ending(result, folder))
        return 0

    def repeat(self, folder: Path, count: int) -> int:
        """One run a seed in folders of their own; prints each result, their mean and spread."""
        from cnnspec.training.evaluate import figure_text

        recipe, out, found, name = self.recipe, stdout_console(), [], ""
        for seed in range(recipe.seed, recipe.seed + count):
            result = self._run(folder / f"seed-{seed}", recipe.changed(seed=seed), f"seed {seed}  ")
            if result is None:
                return _interrupted(f"{folder} --resume --seeds {count}")
            name, value = result.headline
            found.append(value)
            out.say(f"seed {seed}: test {name} {figure_text(name, value)}")
        out.say(_spread(name, found))
        out.print(f"runs: {folder}")
        return 0

    def _run(self, folder: Path, recipe: Recipe, title: str = "") -> Evaluation | None:
        """Trains in a folder and evaluates on the test set; None when it was interrupted."""
        from cnnspec.cli.live import Live
        from cnnspec.training.run import Run, is_run

        with Live(stderr_console(), show, title) as live:
            model = self.network.build(recipe.seed, initial=recipe.initial, **chosen_engine())
            if not self.group.is_first:  # the first one may have to fetch them
                self.group.share(None)
            data, recipe = self._data(folder, recipe, live)
            if self.group.is_first:
                self.group.share(None)
            if self.weights:
                _begin_from(model, self.weights, live)
            if not title:
                live.say(
                    "\n".join(
                        [*(f"note: {note}" for note in data.notes), _opening(self.network, data, recipe)]
                    )
                )
            resume = self.resume and is_run(folder)
            history = model.fit(
                data, recipe=recipe, folder=folder, resume=resume, save_steps=self.save_steps,
                callback=live, sources=self.sources, force=self.force,
            )  # fmt: skip
        if history.ending == "interrupted":
            return None
        if not self.group.is_first:
            return model.evaluate(data)
        for line in _said(history):
            stderr_console().say(line)
        known = Run.read(folder)
        result = model.evaluate(data)
        if known == Run.read(folder):  # the folder may have been moved, and another run be there
            known.judged(result).write(folder)
        return result

    def _data(self, folder: Path, recipe: Recipe, live: Live) -> tuple[Dataset, Recipe]:
        """What to train on, and how: a run that goes on keeps both, a new one may take the digits instead."""
        from cnnspec.cli import runs, samples

        asked = (self.data_name, self.data_dir)
        begun = (runs.first_run(folder) or runs.first_run(folder.parent)) if self.resume else None
        known = runs.record(begun) if begun else None
        if known:
            return samples.samples_of(known, self.network, *asked, progress=live.received), recipe
        data = samples.load_or_stand_in(self.network, recipe, *asked, say=live.say, progress=live.received)
        if asked == (None, None) and data.name == "digits" != recipe.data.name and not self.epochs:
            recipe = samples.recipe_for_stand_in(recipe, data, live.say)
        return data, recipe


def _begin_from(model: Model, path: Path, live: Live) -> None:
    """The weights that fit; says which ones begin at random all the same."""
    try:
        left = model.begin_from(path)
    except OSError as error:
        raise click.BadParameter(
            f'"{path}" cannot be read: {error.strerror or error}', param_hint="--weights"
        ) from error
    if left:
        live.say(f"note: not in {path}, so they begin at random: {', '.join(left)}")


def _interrupted(rest: str) -> int:
    stderr_console().say(f"interrupted; to continue: cnnspec train {rest}")
    return INTERRUPTED


def _said(history: History) -> Iterator[str]:
    """How a training ended, where it did not end as usual; and how long it took in all."""
    from cnnspec.cli.live import duration

    if history.was_over:
        count = len(history.rows)
        yield f"already finished, {count} epoch{'s' * (count != 1)}; for more: --epochs N"
    if history.ending == "stopped early":
        best = history.best_epoch
        yield "stopped early" + (f"; the weights are those of epoch {best}, the best" if best else "")
    count, seconds = len(history.rows), sum(row.seconds for row in history.rows)
    yield f"{count} epoch{'s' * (count != 1)} in {duration(seconds)}"


def _opening(network: Network, data: Dataset, recipe: Recipe) -> str:
    count = len(data.train_labels)
    share = 0 if data.validation else round(count * recipe.data.validation)
    validation = len(data.validation.labels) if data.validation else share
    parts = [f"{count - share:,} training", f"{len(data.test_labels):,} test images"]
    parts[1:1] = [f"{validation:,} validation"] if validation else []
    return (
        f"{network.name or 'network'} on {data.name}: {', '.join(parts)}, "
        f"epochs {recipe.epochs}, batch {recipe.batch}, {recipe.optimizer.kind}, seed {recipe.seed}"
    )


def _spread(name: str, found: list[float]) -> str:
    """Mean, deviation and ends of a figure over several seeds."""
    from statistics import fmean, stdev

    from cnnspec.training.evaluate import figure_text
    from cnnspec.training.sweep_results import spread_text

    mean, worst, best = (figure_text(name, value) for value in (fmean(found), min(found), max(found)))
    about = spread_text(name, stdev(found))
    return f"{len(found)} seeds: test {name} {mean} ± {about}, worst {worst}, best {best}"


def _ending(result: Evaluation, folder: Path) -> str:
    from cnnspec.training.evaluate import figure_text
    from cnnspec.views.terminal.paint import compact

    figures = ", ".join(f"{name} {figure_text(name, value)}" for name, value in result.figures.items())
    return (
        f"test {figures}, loss {compact(result.loss)} on {result.samples:,} images\n"
        f"run: {folder} (weights.safetensors, metrics.jsonl)\n"
        f"next: cnnspec evaluate {folder}"
    )

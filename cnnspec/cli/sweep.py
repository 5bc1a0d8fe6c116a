"""``cnnspec train SPEC --sweep …``: what is to be tried, begun anew or gone on with."""

from __future__ import annotations

import os
from collections.abc import Iterable, Iterator, Mapping
from contextlib import chdir, nullcontext
from functools import partial
from itertools import islice
from pathlib import Path
from typing import Any

import click
from click.core import ParameterSource

from cnnspec.cli import runs
from cnnspec.cli.console import show, stderr_console
from cnnspec.cli.options import chosen_engine
from cnnspec.cli.spec import network_of, read
from cnnspec.cli.sweeping import Sweeper
from cnnspec.cli.together import refuse_sweep_together
from cnnspec.diagnostics import Diagnostic, SpecError
from cnnspec.document import Document
from cnnspec.exchange.trade import require
from cnnspec.recipe.advice import WITH_PARTS
from cnnspec.recipe.models import Recipe
from cnnspec.records import record
from cnnspec.training.sweep import (
    MOST_RUNS,
    Space,
    SweepRecord,
    SweepTrial,
    ValueRange,
    Values,
    check_values,
    drawn,
    grid,
    grid_size,
    is_sweep,
    read_space,
    wrong,
)

OWN = ("spec", "inline", "sweep", "trials", "jobs", "sampler", "seeds", "output", "resume", "force")
"""Parameters of ``train`` that are not passed on to each training."""


@record
class SweepRequest:
    """The options of ``train`` that make a sweep of it."""

    sweep: tuple[str, ...]
    trials: int | None
    jobs: int
    sampler: str | None
    seeds: int | None
    output: Path | None
    resume: bool
    force: bool
    changes: Mapping[str, Any]
    """Settings that are the same for all trials."""


def run(spec: str | None, inline: str | None, asked: SweepRequest) -> int:
    """Trains all trials; answers the exit code."""
    refuse_sweep_together()
    if asked.force:
        raise click.UsageError("a sweep replaces nothing: name a new folder with -o, or go on with --resume")
    if asked.resume:
        return _resumed(spec, inline, asked)
    document = _document(spec, inline)
    made = _planned(document, spec, inline, asked)
    if asked.output is not None:
        _refuse_taken(asked.output)
    show(_advice(document, asked))
    with runs.taken(asked.output, document.network.name if document.network else "") as folder:
        return Sweeper(folder.absolute(), folder, made, asked.jobs).run()


def _document(spec: str | None, inline: str | None) -> Document:
    document = read(spec, inline)
    network_of(document)
    return document


def _planned(document: Document, spec: str | None, inline: str | None, asked: SweepRequest) -> SweepRecord:
    """The record of a sweep that begins; raises SpecError with all that is wrong with what was asked."""
    assert document.network is not None
    options = _options(click.get_current_context())
    space = read_space(asked.sweep)
    recipe = document.network.training_recipe
    build = partial(document.network.build, initial=recipe.initial, **chosen_engine())
    if faults := [*(_refused(build) if chosen_engine() else ()), *_faults(space, asked)]:
        raise SpecError(faults)
    seed = int(asked.changes.get("seed") or recipe.seed)
    sampler, trials = _trials(space, asked, recipe, seed)
    inline = document.source.text if spec == "-" else inline
    return SweepRecord(
        network=document.network.name, spec=None if inline is not None else spec, inline=inline,
        place=os.getcwd(), sources=runs.sources_of(document), options=options, space=space,
        sampler=sampler, seed=seed, seeds=asked.seeds, asked=asked.trials or len(trials), trials=trials,
    )  # fmt: skip


def _options(context: click.Context) -> dict[str, str]:
    """What each training is given besides, by its option; an option without a value has an empty text."""
    found = {}
    given = {**context.params, **chosen_engine()}
    for parameter in context.command.params:
        name = parameter.name or ""
        if name in OWN or context.get_parameter_source(name) is not ParameterSource.COMMANDLINE:
            continue
        found[parameter.opts[0]] = "" if getattr(parameter, "is_flag", False) else str(given[name])
    return found


def _faults(space: Space, asked: SweepRequest) -> Iterator[Diagnostic]:
    """What of the settings does not go with the other options."""
    for name in space:
        given = "data_name" if name == "data" else name
        if asked.changes.get(given) is not None:
            yield wrong(f"{name} is swept, and given as --{name} too", "keep one of the two")
    if "seed" in space and asked.seeds:
        yield wrong("seed is swept, and --seeds trains each trial by several", "keep one of the two")
    if asked.sampler == "tpe":
        yield from _refused(lambda: require("--sampler tpe", "optuna", "sweep"))
    ranges = [name for name, values in space.items() if isinstance(values, ValueRange)]
    if asked.trials:
        return
    if ranges:
        what = f"{' and '.join(ranges)} {'are ranges' if ranges[1:] else 'is a range'}: values are drawn"
        yield wrong(what, "say how many trials: --trials 20")
    elif asked.sampler:
        yield wrong(f"--sampler {asked.sampler} draws trials", "say how many: --trials 20")
    elif (size := grid_size(space)) > MOST_RUNS:
        help = ("say how many of them to draw at random: --trials 50", "or give fewer values")
        yield wrong(f"this grid has {size:,} trials; at most {MOST_RUNS:,} are trained whole", *help)


def _refused(action: Any) -> Iterator[Diagnostic]:
    try:
        action()
    except SpecError as error:
        yield from error.diagnostics


def _trials(
    space: Space, asked: SweepRequest, recipe: Recipe, seed: int
) -> tuple[Any, tuple[SweepTrial, ...]]:
    """The sampler, and the trials known before the first is trained; SpecError for values that cannot be."""
    changes = {name: value for name, value in asked.changes.items() if name not in ("data_name", "data_dir")}
    size, count = grid_size(space), asked.trials
    if asked.sampler == "tpe":
        check_values(space, grid(space), recipe, changes)
        return "tpe", ()
    if count is None or 0 < size <= count:
        if count is not None and size < count:
            stderr_console().say(f"note: the whole grid has {size} trials, so that many are trained")
        chosen, sampler = list(grid(space)), "grid"
    else:
        chosen, sampler = list(islice(drawn(space, seed), count)), "random"
    check_values(space, chosen, recipe, changes)
    return sampler, _numbered(chosen)


def _numbered(chosen: Iterable[Values]) -> tuple[SweepTrial, ...]:
    return tuple(SweepTrial(number=n, values=values) for n, values in enumerate(chosen, 1))


def _advice(document: Document, asked: SweepRequest) -> Iterator[Diagnostic]:
    """That trials would be chosen by the test set, where no samples are kept apart."""
    assert document.network is not None
    recipe = document.network.training_recipe
    kept = asked.changes.get("validation") or recipe.data.validation
    swept = any(text.partition("=")[0].strip() == "validation" for text in asked.sweep)
    data = asked.changes.get("data_name") or recipe.data.name
    may_hold = data in WITH_PARTS or Path(data).exists()
    if not kept and not swept and not may_hold:
        yield Diagnostic.warning(
            "sweep-by-test", "there is no validation part, so the trials are compared by the test set",
            "keep some training samples apart to choose by: --validation 0.1",
            notes=("the figure of the trial that is chosen so is too good: it was picked on those samples",),
        )  # fmt: skip


def _refuse_taken(folder: Path) -> None:
    """Leaves where a folder holds another sweep, or anything else."""
    if is_sweep(folder):
        raise click.UsageError(
            f'"{folder}" holds a sweep. To go on with it: cnnspec train {folder} --resume; '
            "to keep it, name another folder with -o"
        )
    runs.to_begin(folder, False)
    if folder.is_dir() and any(path.name[0] != "." for path in folder.iterdir()):
        raise click.UsageError(f'"{folder}" is not empty; name a new folder with -o')


# Going on ---------------------------------------------------------------------------


def _resumed(spec: str | None, inline: str | None, asked: SweepRequest) -> int:
    """The rest of a sweep: what is finished is passed over."""
    if asked.output is None and (spec is None or not is_sweep(spec)):
        raise click.UsageError("say which sweep to go on with: cnnspec train FOLDER --resume, or -o FOLDER")
    folder = asked.output or Path(str(spec))
    if not is_sweep(folder):
        raise click.UsageError(f'there is no sweep in "{folder}" to go on with; without --resume one begins')
    known, whole = SweepRecord.read(folder), folder.absolute()
    place = chdir(known.place) if Path(known.place).is_dir() else nullcontext()
    given = (spec, inline) if asked.output is not None and str(spec) != str(folder) else (None, None)
    document = _document(*given) if any(given) else None
    differing = list(_differing(known, asked, document))
    with place:
        differing += _differing_spec(known, _document(known.spec, known.inline))
        if differing:
            raise _differs(folder, differing)
        return Sweeper(whole, folder, _more(known, asked), asked.jobs).run()


def _differing(known: SweepRecord, asked: SweepRequest, document: Document | None) -> Iterator[str]:
    """What a command line asks for that a sweep was not begun with."""
    if document is not None:
        yield from _differing_spec(known, document)
    if asked.sweep and read_space(asked.sweep) != known.space:
        yield "its --sweep was another"
    if asked.sampler and asked.sampler != known.sampler:
        yield f"its sampler is {known.sampler}"
    if asked.seeds and asked.seeds != known.seeds:
        yield f"each trial is trained by {known.seeds or 1} seed{'s' * bool(known.seeds)}"
    for option, value in _options(click.get_current_context()).items():
        if known.options.get(option) != value:
            was = f"{option} {known.options[option]}" if option in known.options else f"no {option}"
            yield f"it was begun with {was}"
    if asked.trials and known.sampler == "grid" and asked.trials != known.asked:
        yield f"its whole grid of {known.asked} is trained"


def _differing_spec(known: SweepRecord, document: Document) -> Iterator[str]:
    if runs.sources_of(document) != known.sources:
        yield f"the spec {document.source.name} has changed since"


def _differs(folder: Path, found: list[str]) -> SpecError:
    return SpecError.of(
        "sweep-differs", f"{folder} cannot be gone on with: {'; '.join(dict.fromkeys(found))}",
        f"go on as it was begun: cnnspec train {folder} --resume", "or begin a new sweep: -o ANOTHER",
    )  # fmt: skip


def _more(known: SweepRecord, asked: SweepRequest) -> SweepRecord:
    """The record with as many trials as are asked for now; those that are known stay."""
    count = max(asked.trials or 0, known.asked)
    if known.sampler != "random" or count <= len(known.trials):
        return known.model_copy(update={"asked": count})
    trials = _numbered(islice(drawn(known.space, known.seed), count))
    return known.model_copy(update={"asked": len(trials), "trials": trials})

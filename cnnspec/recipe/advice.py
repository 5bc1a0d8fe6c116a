"""Advice on a recipe: what is allowed, but probably not meant."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Final, TypeAlias

from cnnspec.diagnostics import Diagnostic, Severity
from cnnspec.layers.base import Shape, show, spatial
from cnnspec.recipe.models import Augment, CrossEntropy, Recipe
from cnnspec.recipe.optimizers import Exponential, OneCycle, Schedule, Sgd, StepDecay
from cnnspec.text import Span

Place: TypeAlias = Callable[[str, str], Span | None]
"""Where an option of a setting is written, or the setting itself."""

FOLDS: Final = 3.0
"""elastic over smooth², from which the picture folds over itself: the root mean square of the slope of
the displacement is 0.115 times this."""
WITH_PARTS: Final = ("images", "npz", "files")
"""Kinds of data whose files may hold a validation part."""


def advise(
    recipe: Recipe, image: Shape | None = None, place: Place = lambda word, option: None
) -> Iterator[Diagnostic]:
    """All advice on a recipe, for images of a shape."""
    for advice in (_stop, _warmup, _without_effect, _rates, _shares):
        yield from advice(recipe, place)
    if recipe.augment:
        yield from _augment(recipe.augment, image, place)


def _warning(code: str, message: str, span: Span | None, *help: str, note: str = "") -> Diagnostic:
    return Diagnostic(code, message, span, Severity.WARNING, notes=(note,) if note else (), help=help)


def advise_on_validation(recipe: Recipe, in_files: bool) -> Iterator[Diagnostic]:
    """Advice that waits for the data, whose files may hold a validation part (``in_files``) or not."""
    if in_files and recipe.data.validation:
        share = f"validation={recipe.data.validation:g}"
        yield _warning(
            "setting-without-effect", f"the data hold a validation part, which is used in place of {share}",
            None, "leave validation out",
        )  # fmt: skip
    elif not in_files and recipe.data.name in WITH_PARTS:
        yield from _unwatched(recipe, lambda word, option: None)


def _stop(recipe: Recipe, place: Place) -> Iterator[Diagnostic]:
    if recipe.data.name not in WITH_PARTS:
        yield from _unwatched(recipe, place)


def _unwatched(recipe: Recipe, place: Place) -> Iterator[Diagnostic]:
    if recipe.stop and not recipe.data.validation:
        yield _warning(
            "stop-without-validation", "stop watches the training loss: there is no validation part",
            place("stop", ""), f"keep some samples apart: data {recipe.data.name} … validation=0.1",
            note="the training loss goes on falling while the network learns its samples by heart",
        )  # fmt: skip


def _warmup(recipe: Recipe, place: Place) -> Iterator[Diagnostic]:
    schedule = recipe.schedule
    if isinstance(schedule, Schedule) and schedule.warmup and schedule.warmup >= recipe.epochs:
        note = f"there {_are(recipe.epochs)}; the full rate comes at the end, or never"
        yield _warning(
            "warmup-too-long", f"the warm-up of {schedule.warmup:g} epochs is as long as the whole training",
            place("schedule", "warmup"), "warm up for an epoch or less: warmup=0.5", note=note,
        )  # fmt: skip


def _are(epochs: int) -> str:
    return f"are {epochs} epochs" if epochs > 1 else "is 1 epoch"


def _without_effect(recipe: Recipe, place: Place) -> Iterator[Diagnostic]:
    augment, optimizer, schedule = recipe.augment, recipe.optimizer, recipe.schedule
    code = "setting-without-effect"
    if augment and augment == Augment():
        yield _warning(
            code, "augment alone changes nothing", place("augment", ""),
            f"say what may change, as in {Augment.example}",
        )  # fmt: skip
    elif augment and "smooth" in augment.model_fields_set and not augment.elastic:
        message = "smooth belongs to elastic, which is 0 here"
        yield _warning(code, message, place("augment", "smooth"), "give elastic as well: elastic=34 smooth=4")
    if isinstance(optimizer, Sgd) and optimizer.nesterov and not optimizer.momentum:
        message = "nesterov looks ahead along the momentum, which is 0 here"
        yield _warning(code, message, place("optimizer", "nesterov"), "give momentum as well: momentum=0.9")
    peak = schedule.peak if isinstance(schedule, OneCycle) else None
    if peak and "rate" in optimizer.model_fields_set and peak != optimizer.rate:
        message = f"the rate {optimizer.rate:g} is never used: onecycle goes by its peak of {peak:g}"
        yield _warning(code, message, place("optimizer", "rate"), "give one of the two, or both the same")


def _rates(recipe: Recipe, place: Place) -> Iterator[Diagnostic]:
    optimizer, schedule = recipe.optimizer, recipe.schedule
    peak = schedule.peak if isinstance(schedule, OneCycle) else None
    if (peak or optimizer.rate) > optimizer.highest_rate:
        word, option = ("schedule", "peak") if peak else ("optimizer", "rate")
        yield _unusual(
            f"{optimizer.kind} hardly ever learns at a rate of {peak or optimizer.rate:g}",
            place(word, option),
            f"begin with {option}={optimizer.highest_rate / 10:g}",
        )
    if optimizer.decay > optimizer.highest_decay:
        yield _unusual(
            f"a decay of {optimizer.decay:g} pulls all weights to 0",
            place("optimizer", "decay"),
            f"usual values are {optimizer.usual_decay}",
        )
    if isinstance(schedule, Exponential | StepDecay) and schedule.factor > 1:
        yield _unusual(
            f"the rate grows: it is multiplied by {schedule.factor:g} again and again",
            place("schedule", "factor"),
            "a factor below 1 lowers it",
        )


def _shares(recipe: Recipe, place: Place) -> Iterator[Diagnostic]:
    loss, validation = recipe.loss, recipe.data.validation
    if isinstance(loss, CrossEntropy) and loss.smoothing > 0.5:
        yield _unusual(
            f"a smoothing of {loss.smoothing:g} leaves the right class less than half of the target",
            place("loss", "smoothing"),
            "a usual value is smoothing=0.1",
        )
    if validation > 0.5:
        yield _unusual(
            f"{100 * validation:g} % of the training samples are kept for validation, and not trained on",
            place("data", "validation"),
            "a usual value is validation=0.1 to 0.2",
        )


def _unusual(message: str, span: Span | None, *help: str) -> Diagnostic:
    return _warning("unusual-setting", message, span, *help)


def _augment(augment: Augment, image: Shape | None, place: Place) -> Iterator[Diagnostic]:
    code, sides, folds = "augment-too-strong", spatial(image) if image else (), FOLDS * augment.smooth**2
    if sides and augment.shift > min(sides) / 2:
        usual = max(1, min(sides) // 8)
        yield _warning(
            code, f"a shift of {augment.shift:g} pixels moves most of the picture out of it",
            place("augment", "shift"), f"a usual value is up to an eighth of the side: shift={usual}",
            note=f"the images have {show(sides)} pixels",
        )  # fmt: skip
    if augment.elastic > folds:
        yield _warning(
            code, f"elastic={augment.elastic:g} with smooth={augment.smooth:g} folds the picture over itself",
            place("augment", "elastic"), "Simard's figures for digits are elastic=34 smooth=4",
            note=f"neighbouring pixels keep their order up to about 3·smooth² = {folds:g}",
        )  # fmt: skip
    if augment.scale > 0.5:
        low, high = 1 - augment.scale, 1 + augment.scale
        yield _warning(
            code, f"a scale of {augment.scale:g} makes pictures {low:.2g} to {high:.2g} times as large",
            place("augment", "scale"), "a usual value is scale=0.1 to 0.2",
        )  # fmt: skip

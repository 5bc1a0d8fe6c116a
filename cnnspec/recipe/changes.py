"""A recipe changed from Python: ``epochs=3``, ``rate=0.1``, ``optimizer="adam rate=0.01"``."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import replace
from typing import Any, Final, TypeVar

from pydantic import BaseModel

from cnnspec.binding.refusals import validate
from cnnspec.binding.values import Sight, Value, Word, evaluate
from cnnspec.diagnostics import Diagnostic, SpecError, nearest
from cnnspec.recipe import faults
from cnnspec.recipe.base import SettingModel
from cnnspec.recipe.models import OneCycle, Recipe
from cnnspec.recipe.read import read_setting
from cnnspec.recipe.targets import TargetSetting
from cnnspec.recipe.words import (
    CHOICE_SYNONYMS,
    NEEDLESS,
    OPTION_SYNONYMS,
    SETTINGS,
    SYNONYMS,
    models_of,
    owners,
)
from cnnspec.syntax import tree
from cnnspec.syntax.parse import parse_tolerant
from cnnspec.text import Source

Model = TypeVar("Model", bound=BaseModel)

SHORT: Final = {
    option: "optimizer" for kind in models_of(SETTINGS["optimizer"]) for option in kind.option_fields()
} | {"validation": "data"}
"""Options that may be changed by their own name: the optimizer's, and the validation part of data."""
ASIDE: Final = {
    **NEEDLESS,
    "verbose": "nothing is printed; callback= hears of epochs, and the History shows them afterwards",
    "callbacks": "callback= hears of steps and epochs",
}


def changed(recipe: Recipe, changes: Mapping[str, Any]) -> Recipe:
    """The recipe with some settings changed; None changes nothing, False leaves an optional one off.

    A setting is a number, a sentence as in the file (``"adam rate=0.01"``), or its model.
    Raises TypeError for a name that is none, SpecError for values that cannot be.
    """
    given = {name: value for name, value in changes.items() if value is not None}
    for name in given:
        if name not in Recipe.model_fields and name not in SHORT:
            raise TypeError(_no_such_setting(name))
    found: list[Diagnostic] = []
    values = _fields_given(recipe)
    for name, value in given.items():
        if name not in SHORT:
            values[name] = _value(name, value, found)
    target, loss = values.get("target"), values.get("loss")
    if isinstance(target, TargetSetting) and "loss" not in given and loss and type(loss) not in target.losses:
        del values["loss"]  # another target has a loss of its own
    if not found:
        _shorthands(recipe, values, given, found)
    fields = {name: value for name, value in values.items() if _is_given(name, value, recipe)}
    made = _validated(Recipe, fields, found) if not found else None
    if not isinstance(made, Recipe):
        raise SpecError(replace(item, span=None, fixes=()) for item in found)
    return made


def _is_given(name: str, value: Any, recipe: Recipe) -> bool:
    """Whether a setting is more than a default: a recipe that says no seed has none after a change too."""
    return name in recipe.model_fields_set or value is not getattr(recipe, name)


def _shorthands(
    recipe: Recipe, values: dict[str, Any], given: Mapping[str, Any], found: list[Diagnostic]
) -> None:
    """Options by their own name, put where they belong."""
    for name in (name for name in given if name in SHORT):
        word = SHORT[name]
        setting = values.get(word, getattr(recipe, word))
        if not isinstance(setting, SettingModel):
            continue
        if name not in setting.option_fields():
            found.append(_no_option(setting, word, name))
            return
        options = {**_fields_given(setting), name: _plain(given[name])}
        values[word] = _validated(type(setting), options, found)
    schedule = recipe.schedule
    if "rate" in given and not found and "schedule" not in given and isinstance(schedule, OneCycle):
        values["schedule"] = schedule.model_copy(update={"peak": float(_plain(given["rate"]))})


def _no_option(setting: SettingModel, word: str, name: str) -> Diagnostic:
    have = [owner.removeprefix(f"{word} ") for owner in owners(name)]
    message = f"{setting.title()} has no option {name}; {' and '.join(have)} have it"
    return Diagnostic("unknown-setting-option", message, help=(f'as in {word}="{have[0]} {name}=…"',))


def _fields_given(model: BaseModel) -> dict[str, Any]:
    """The fields that were given, and not left to their defaults."""
    return {name: getattr(model, name) for name in model.model_fields_set}


def _value(name: str, value: Any, found: list[Diagnostic]) -> Any:
    """What a field of the recipe is given."""
    value = _plain(value)
    if isinstance(value, SettingModel | dict):
        return value
    if value is False and Recipe.model_fields[name].default is None:
        return None
    number = isinstance(value, int | float) and not isinstance(value, bool)
    if isinstance(value, str) or (SETTINGS[name] is not None and number):
        return _read(name, str(value), found)
    if SETTINGS[name] is None:
        return value
    found.append(
        Diagnostic(
            "wrong-setting",
            f"{name} must be a sentence of the recipe. Received: {value!r}",
            help=(f"as in {name}={_example(name)!r}",),
        )
    )
    return None


def _plain(value: Any) -> Any:
    """Python's own numbers for NumPy's; a list as a tuple."""
    value = value.tolist() if hasattr(value, "tolist") else value
    return tuple(value) if isinstance(value, list) else value


def _read(name: str, text: str, found: list[Diagnostic]) -> Any:
    """The value of ``name text``, as it would be written in the file."""
    spec, wrong = parse_tolerant(Source(f"{name}=", f"train {{ {name} {text} }}"))
    found.extend(wrong)
    trains = [statement for statement in spec.statements if isinstance(statement, tree.Train)]
    sentences = [setting for train in trains for setting in train.settings]
    if wrong:
        return None
    if len(sentences) != 1 or len(spec.statements) != 1:
        message = f"{name} must be one sentence. Received: {text!r}"
        found.append(Diagnostic("wrong-setting", message, help=(f"as in {name}={_example(name)!r}",)))
        return None
    value, faults_in_it = read_setting(sentences[0], _evaluate)
    found.extend(faults_in_it)
    return value


def _evaluate(expression: tree.Expression) -> Value:
    return evaluate(expression, Sight(lambda name: Word(name.text), {}))


def _example(name: str) -> str:
    """A setting as it may be written, without its word."""
    entry = SETTINGS[name]
    model = next(iter(entry.values())) if isinstance(entry, dict) else entry
    sentence = model.example if model else faults.example_of(name)
    return sentence.removeprefix(f"{name} ")


def _validated(model: type[Model], values: Mapping[str, Any], found: list[Diagnostic]) -> Model | None:
    made = validate(model, values, CHOICE_SYNONYMS)
    if not isinstance(made, tuple):
        return made
    for refusal in made:
        name = refusal.option or ""
        message = refusal.message(name, repr(values.get(name)))
        help = (f"did you mean {refusal.meant}?",) if refusal.meant else refusal.help
        found.append(faults.cured(Diagnostic("wrong-setting", message, help=help), name, None, values))
    return None


def _no_such_setting(name: str) -> str:
    word = name.lower()
    message = f"there is no setting {name}"
    if word in ASIDE:
        return f"{message}: {ASIDE[word]}"
    meant = OPTION_SYNONYMS.get(word, word)
    if meant in SHORT:
        return f"{message}; did you mean {meant}?"
    if word not in SYNONYMS and owners(word):
        setting, _, kind = owners(word)[0].partition(" ")
        sentence = f"{kind} {meant}=…".strip()
        return f'{message}; it is an option of {setting}: {setting}="{sentence}"'
    known: Iterable[str] = (*Recipe.model_fields, "rate", "validation")
    guess = nearest(word, known, SYNONYMS)
    return f"{message}; " + (f"did you mean {guess}?" if guess else f"there are {', '.join(known)}")

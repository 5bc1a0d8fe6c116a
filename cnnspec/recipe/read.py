"""``train { }`` read into a recipe; every fault at its own place."""

from __future__ import annotations

from collections.abc import Callable
from itertools import groupby
from pathlib import Path
from typing import Any, Final, TypeAlias, get_args

from pydantic import BaseModel, ValidationError

from cnnspec.binding.values import Unresolved
from cnnspec.diagnostics import Diagnostic, Diagnostics, LayerError
from cnnspec.layers.base import Shape
from cnnspec.recipe import faults
from cnnspec.recipe.advice import advise
from cnnspec.recipe.models import MeanSquaredError, Normalise, Recipe, Setting
from cnnspec.recipe.words import SETTINGS, Kinds
from cnnspec.syntax import tree
from cnnspec.text import Span

__all__ = ["SETTINGS", "Recipe", "read_recipe", "read_sentence"]

Evaluate: TypeAlias = Callable[[tree.Expression], object]

TRUTH: Final = {"yes": True, "no": False}


def read_recipe(
    train: tree.Train, evaluate: Evaluate, image: Shape | None = None
) -> tuple[Recipe | None, tuple[Diagnostic, ...]]:
    """The recipe of a ``train { }``, with all its faults and advice; no recipe when there are faults.

    ``evaluate`` gives an expression its value; it raises LayerError for a name it does not know.
    ``image`` is the shape of the network's input, where it is known.
    """
    found = Diagnostics()
    values: dict[str, object] = {}
    first: dict[str, tree.Setting] = {}
    places: dict[tuple[str, str], Span] = {}
    for setting in train.settings:
        if setting.word not in SETTINGS:
            found.add(faults.unknown_setting(setting))
        elif setting.word in first:
            before = first[setting.word]
            found.add(faults.repeated(setting.word, setting.word_span, before.word_span))
        else:
            first[setting.word] = setting
            sentence = _Sentence(setting, evaluate, found)
            values[setting.word] = sentence.read()
            places |= {(setting.word, name): span for name, span in sentence.places.items()}
    if "classweights" in first and isinstance(values.get("loss"), MeanSquaredError):
        found.add(faults.weights_of_no_loss(first["classweights"].span, first["loss"].span))
    if "augment" in first and image is not None and len(image) != 3:
        found.add(faults.no_picture(image, first["augment"].span))

    def place(word: str, option: str) -> Span | None:
        return places.get((word, option)) or (first[word].span if word in first else None)

    if image is not None and isinstance(normalise := values.get("normalise"), Normalise):
        found.extend(faults.unlike_channels(normalise, image, place))
    if found.has_errors:
        return None, found.sorted()
    recipe = Recipe.model_validate(values)
    found.extend(advise(recipe, image, place))
    return recipe, found.sorted()


def read_sentence(setting: tree.Setting, evaluate: Evaluate) -> tuple[object, tuple[Diagnostic, ...]]:
    """The value of one setting, and its faults."""
    found = Diagnostics()
    return _Sentence(setting, evaluate, found).read(), found.sorted()


class _Sentence:
    """One setting on its way to a model: its arguments and options, each with its place."""

    def __init__(self, setting: tree.Setting, evaluate: Evaluate, found: Diagnostics) -> None:
        self.setting, self.evaluate, self.found = setting, evaluate, found
        self.places: dict[str, Span] = {}

    def read(self) -> object:
        """The validated value, or None where a fault was found."""
        setting, entry = self.setting, SETTINGS[self.setting.word]
        if entry is None:
            return self._scalar()
        arguments = list(setting.arguments)
        if not isinstance(entry, dict):
            return self._model(entry, arguments, {})
        if not arguments:
            self.found.add(faults.no_kind(setting, entry))
            return None
        kind = self._word(arguments[0])
        if kind not in entry:
            self.found.add(faults.not_a_choice(setting.word, arguments[0], kind, entry))
            return None
        return self._model(entry[kind], arguments[1:], entry)

    def _scalar(self) -> object:
        word, arguments = self.setting.word, self.setting.arguments
        if self.setting.options:
            self.found.add(faults.named_value(self.setting))
            return None
        if len(arguments) != 1:
            self.found.add(faults.not_one_value(self.setting))
            return None
        values: dict[str, object] = {}
        self._put(values, word, arguments[0])
        recipe = self._validated(Recipe, values)
        return getattr(recipe, word) if recipe else None

    def _model(self, model: type[Setting], arguments: list[tree.Expression], siblings: Kinds) -> Any:
        values: dict[str, object] = {}
        for n, argument in enumerate(arguments):
            if n >= len(model.positional):
                self.found.add(faults.surplus(self.setting, argument, model, siblings))
            else:
                self._put(values, _field(model, n, argument), argument)
        for option in self.setting.options:
            if option.name == "kind" or option.name not in model.model_fields:
                self.found.add(faults.unknown_option(self.setting, option, model, siblings))
            elif option.name in values:
                self.found.add(faults.repeated(option.name, option.name_span, self.places[option.name]))
            else:
                self._put(values, option.name, option.value)
        if isinstance(path := values.get(model.quoted), str):
            values[model.quoted] = str(Path(self.setting.span.source.name).parent / path)
        return self._validated(model, values)

    def _put(self, values: dict[str, object], name: str, expression: tree.Expression) -> None:
        self.places[name] = expression.span
        try:
            values[name] = self._value(expression)
        except LayerError as fault:
            self.found.add(fault.at(expression.span))
        except Unresolved:
            values.pop(name, None)

    def _validated(self, model: type[BaseModel], values: dict[str, object]) -> Any:
        try:
            return model.model_validate(values)
        except ValidationError as error:
            word = self.setting.word
            for name, group in groupby(error.errors(), lambda one: str((*one["loc"], word)[0])):
                what = f"{word} {name}" if name in values and name != word else word
                place = self.places.get(name, self.setting.span)
                found = [dict(one) for one in group]
                self.found.add(faults.refused(what, place, values.get(name), model, name, found))
            return None

    def _value(self, expression: tree.Expression) -> object:
        """The value of an expression; a name that is no constant is a word. Raises LayerError."""
        if isinstance(expression, tree.Name) and expression.text in TRUTH:
            return TRUTH[expression.text]
        if isinstance(expression, tree.Text):
            return expression.value
        if isinstance(expression, tree.Tuple):
            return tuple(self._value(item) for item in expression.items)
        try:
            value = self.evaluate(expression)
        except LayerError:
            if isinstance(expression, tree.Name):
                return self._word(expression)
            raise
        return str(value) if isinstance(value, str) else value

    def _word(self, expression: tree.Expression) -> str:
        if isinstance(expression, tree.Text):
            return expression.value
        return expression.span.text


def _field(model: type[Setting], place: int, argument: tree.Expression) -> str:
    """The field that a value without a name fills: text in quotes may be a path in place of a word."""
    name = model.positional[place]
    if place or not model.quoted or not isinstance(argument, tree.Text):
        return name
    words = get_args(model.model_fields[name].annotation)
    return name if argument.value.replace("-", "_") in words else model.quoted

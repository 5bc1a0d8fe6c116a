"""``train { }`` read into a recipe; every fault at its own place."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import field
from pathlib import Path
from typing import TypeAlias, TypeVar

from pydantic import BaseModel

from cnnspec.binding.binder import Codes, Signature, bind, given_twice, values_of
from cnnspec.binding.refusals import validate
from cnnspec.binding.values import SentenceError, Value, Word
from cnnspec.diagnostics import Diagnostic, Diagnostics
from cnnspec.layers.base import Shape
from cnnspec.recipe import faults
from cnnspec.recipe.advice import advise
from cnnspec.recipe.models import CrossEntropy, Normalise, Recipe
from cnnspec.recipe.targets import LossSetting, TargetSetting
from cnnspec.recipe.words import CHOICE_SYNONYMS, NEEDLESS, OPTION_SYNONYMS, SETTINGS, Kinds
from cnnspec.records import record
from cnnspec.syntax import tree
from cnnspec.text import Span

Evaluate: TypeAlias = Callable[[tree.Expression], Value]
Model = TypeVar("Model", bound=BaseModel)


def read_recipe(
    train: tree.Train, evaluate: Evaluate, image: Shape | None = None, names: Iterable[str] = ()
) -> tuple[Recipe | None, tuple[Diagnostic, ...]]:
    """The recipe of a ``train { }``, with all its faults and advice; no recipe when there are faults.

    ``evaluate`` gives an expression its value, or raises SentenceError. ``image`` is the shape of the
    network's input, where it is known; ``names`` are the constants there are.
    """
    reader = _Reader(evaluate, names)
    found = reader.found
    values: dict[str, object] = {}
    first: dict[str, tree.Setting] = {}
    for setting in train.settings:
        word = setting.word
        if word not in SETTINGS:
            found.add(faults.unknown_setting(setting))
        elif word in first:
            found.add(given_twice("repeated-setting", word, setting.word_span, first[word].word_span))
        else:
            first[word] = setting
            values[word] = reader.read(setting)
    for fault in _of_the_loss(values, first):
        found.add(fault)
    if "augment" in first and image is not None and len(image) != 3:
        found.add(faults.no_picture(image, first["augment"].span))

    def place(word: str, option: str) -> Span | None:
        return reader.places.get((word, option)) or (first[word].span if word in first else None)

    if image is not None and isinstance(normalise := values.get("normalise"), Normalise):
        found.extend(faults.unlike_channels(normalise, image, place))
    if found.has_errors:
        return None, found.sorted()
    recipe = Recipe.model_validate(values)
    found.extend(advise(recipe, image, place))
    return recipe, found.sorted()


def _of_the_loss(values: Mapping[str, object], first: Mapping[str, tree.Setting]) -> Iterator[Diagnostic]:
    """Where the loss and what stands beside it do not go together; unsaid, it is the target's usual one."""
    target, loss = values.get("target"), values.get("loss")
    fits = target.losses if isinstance(target, TargetSetting) else ()
    if fits and isinstance(loss, LossSetting) and type(loss) not in fits:
        assert isinstance(target, TargetSetting)
        yield faults.loss_of_another(target, loss, first["loss"], first["target"].span)
    elif "classweights" in first:
        if "loss" not in first:
            loss = fits[0]() if fits else CrossEntropy()
        if not isinstance(loss or CrossEntropy(), CrossEntropy):
            place = first["loss"] if "loss" in first else first["target"]
            yield faults.weights_of_no_loss(first["classweights"].span, place.span, loss)


def read_setting(setting: tree.Setting, evaluate: Evaluate) -> tuple[object, tuple[Diagnostic, ...]]:
    """The value of one setting, and its faults."""
    reader = _Reader(evaluate, ())
    return reader.read(setting), reader.found.sorted()


@record
class SettingSignature(Signature):
    """What a setting takes, and its siblings: the other kinds of it."""

    siblings: Kinds = field(default_factory=dict)

    codes = Codes("unknown-setting-option", "repeated-setting", "wrong-setting", "wrong-setting")
    synonyms = OPTION_SYNONYMS

    def subject(self, option: str) -> str:
        word = self.title.split()[0]
        return word if option == word else f"{word} {option}"

    def notes_on(self, name: str) -> tuple[str, ...]:
        kinds = [kind for kind, other in self.siblings.items() if name in other.option_fields()]
        belongs = [f"{name} belongs to {self.title.split()[0]} {', '.join(kinds)}"] if kinds else []
        return (*belongs, *([NEEDLESS[name]] if name in NEEDLESS else []))

    def repeated(self, option: tree.Option, first: Span, by_place: bool) -> Diagnostic:
        return given_twice(self.codes.repeated, option.name, option.name_span, first)

    def _refuse_surplus(self, arguments: Sequence[tree.Expression], argument: tree.Expression) -> str:
        return f"{self.title} cannot take the value {argument.span.text}"


class _Reader:
    """The settings of one recipe on their way to models."""

    def __init__(self, evaluate: Evaluate, names: Iterable[str]) -> None:
        self.evaluate, self.names = evaluate, names
        self.found = Diagnostics()
        self.places: dict[tuple[str, str], Span] = {}

    def read(self, setting: tree.Setting) -> object:
        """The validated value of a setting, or None where a fault was found."""
        word, arguments, entry = setting.word, setting.arguments, SETTINGS[setting.word]
        if entry is None:
            return self._single(setting)
        if not isinstance(entry, dict):
            return self._bound(setting, arguments, SettingSignature.of(entry), entry)
        if not arguments:
            self.found.add(faults.no_kind(setting, entry))
            return None
        kind = arguments[0].value if isinstance(arguments[0], tree.Text) else arguments[0].span.text
        if kind not in entry:
            self.found.add(faults.unknown_kind(word, arguments[0], kind, entry))
            return None
        signature = SettingSignature.of(entry[kind], siblings=entry)
        return self._bound(setting, arguments[1:], signature, entry[kind])

    def _single(self, setting: tree.Setting) -> object:
        """The value of a setting that has no options."""
        word = setting.word
        if setting.options:
            self.found.add(faults.named_value(setting))
        elif len(setting.arguments) != 1:
            self.found.add(faults.not_one_value(setting))
        elif recipe := self._bound(
            setting, setting.arguments, SettingSignature(word, (word,), (word,)), Recipe
        ):
            return getattr(recipe, word)
        return None

    def _value(self, expression: tree.Expression) -> Value:
        """The value of an expression; ``W`` is a word where no width flows in."""
        try:
            return self.evaluate(expression)
        except SentenceError:
            if isinstance(expression, tree.Name):
                return Word(expression.text)
            raise

    def _bound(
        self, setting: tree.Setting, arguments: Sequence[tree.Expression], signature: SettingSignature,
        model: type[Model],
    ) -> Model | None:  # fmt: skip
        bound = bind(signature, arguments, setting.options, setting.span)
        self.found.extend(bound.faults)
        self.places |= {(setting.word, name): written.span for name, written in bound.given.items()}
        values = values_of(bound.given, self._value, self.found.add)
        quoted = getattr(model, "quoted", "")
        if isinstance(path := values.get(quoted), str):
            values[quoted] = str(Path(setting.span.source.name).parent / path)
        made = validate(model, values, CHOICE_SYNONYMS)
        if not isinstance(made, tuple):
            return made
        for refusal in made:
            fault = bound.refused(refusal, values, self.names)
            self.found.add(faults.cured(fault, setting.word, refusal.option, values))
        return None

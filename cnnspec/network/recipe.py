"""``train { }`` read into a recipe; every fault at its own place.

A table says which models a word may become; the models' fields are the options.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Any, Final, TypeAlias

from pydantic import BaseModel, ValidationError

from cnnspec.diagnostics import Diagnostic, Diagnostics, Fix, Label, Misfit, nearest
from cnnspec.network.settings import (
    Adam,
    AdamW,
    Augment,
    Constant,
    Cosine,
    CrossEntropy,
    Data,
    Exponential,
    MeanSquaredError,
    Normalise,
    OneCycle,
    Recipe,
    RmsProp,
    Setting,
    Sgd,
    Step,
    Stop,
)
from cnnspec.network.values import Hole
from cnnspec.syntax import tree
from cnnspec.text import Span

__all__ = ["SETTINGS", "Recipe", "read_recipe"]

Evaluate: TypeAlias = Callable[[tree.Expression], object]
Kinds: TypeAlias = dict[str, type[Setting]]

SETTINGS: Final[dict[str, Kinds | type[Setting] | None]] = {
    "data": Data,
    "optimizer": {"sgd": Sgd, "adam": Adam, "adamw": AdamW, "rmsprop": RmsProp},
    "schedule": {
        "constant": Constant, "exponential": Exponential, "step": Step, "cosine": Cosine,
        "onecycle": OneCycle,
    },
    "batch": None, "epochs": None, "seed": None,
    "loss": {"crossentropy": CrossEntropy, "mse": MeanSquaredError},
    "initial": None,
    "normalise": Normalise,
    "augment": Augment,
    "classweights": None, "clip": None,
    "stop": Stop,
    "workers": None,
}  # fmt: skip
"""Each word with its kinds, its one model, or None where it takes a single value of ``Recipe``."""

SYNONYMS: Final = {
    "optimiser": "optimizer", "epoch": "epochs", "batch_size": "batch", "batchsize": "batch",
    "scheduler": "schedule", "dataset": "data", "normalize": "normalise", "augmentation": "augment",
    "init": "initial", "initializer": "initial", "early_stopping": "stop", "patience": "stop",
    "criterion": "loss", "objective": "loss", "class_weight": "classweights", "random_seed": "seed",
}  # fmt: skip
OPTIONS_ELSEWHERE: Final = {
    "lr": "optimizer sgd rate=", "rate": "optimizer sgd rate=", "learning_rate": "optimizer sgd rate=",
    "momentum": "optimizer sgd momentum=", "decay": "optimizer sgd decay=",
    "warmup": "schedule cosine warmup=",
    "validation": "data mnist validation=", "smoothing": "loss crossentropy smoothing=",
}  # fmt: skip
OPTION_SYNONYMS: Final = {
    "lr": "rate", "learning_rate": "rate", "weight_decay": "decay", "wd": "decay", "eps": "epsilon",
    "label_smoothing": "smoothing", "gamma": "factor", "step_size": "every", "max_lr": "peak",
    "validation_split": "validation", "rotation": "rotate", "alpha": "memory", "rho": "memory",
}  # fmt: skip
CHOICE_SYNONYMS: Final = {
    "cross_entropy": "crossentropy", "ce": "crossentropy", "nll": "crossentropy", "l2": "mse",
    "one_cycle": "onecycle", "exp": "exponential", "steps": "step",
    "momentum": "sgd", "nesterov": "sgd", "fashion": "fashion_mnist", "folder": "images",
}  # fmt: skip
TRUTH: Final = {"yes": True, "no": False}


def read_recipe(train: tree.Train, evaluate: Evaluate) -> tuple[Recipe | None, tuple[Diagnostic, ...]]:
    """The recipe of a ``train { }``, and all its faults; no recipe when there are any.

    ``evaluate`` gives an expression its value; it raises Misfit for a name it does not know.
    """
    found = Diagnostics()
    values: dict[str, object] = {}
    first: dict[str, tree.Setting] = {}
    for setting in train.settings:
        if setting.word not in SETTINGS:
            found.add(_unknown_setting(setting))
        elif setting.word in first:
            found.add(_repeated(setting.word, setting.word_span, first[setting.word].word_span))
        else:
            first[setting.word] = setting
            values[setting.word] = _Sentence(setting, evaluate, found).read()
    if "classweights" in first and isinstance(values.get("loss"), MeanSquaredError):
        found.add(
            Diagnostic(
                "wrong-setting", "classweights must go with loss crossentropy. Received: loss mse",
                first["classweights"].span, labels=(Label(first["loss"].span, "the loss"),),
            )
        )  # fmt: skip
    if found.has_errors:
        return None, found.sorted()
    return Recipe.model_validate(values), found.sorted()


class _Sentence:
    """One setting on its way to a model: its arguments and options, each with its place."""

    def __init__(self, setting: tree.Setting, evaluate: Evaluate, found: Diagnostics) -> None:
        self.setting, self.evaluate, self.found = setting, evaluate, found
        self.places: dict[str, Span] = {}

    def read(self) -> object:
        """The validated value, or None where a fault was found."""
        entry = SETTINGS[self.setting.word]
        if entry is None:
            return self._scalar()
        arguments = list(self.setting.arguments)
        if not isinstance(entry, dict):
            return self._model(entry, arguments, {})
        if not arguments:
            self._wrong(self.setting.span, f"{self.setting.word} must say which: {_choices(entry)}")
            return None
        kind = self._word(arguments[0])
        if kind not in entry:
            self._not_a_choice(arguments[0], entry)
            return None
        return self._model(entry[kind], arguments[1:], entry)

    def _scalar(self) -> object:
        word, arguments = self.setting.word, self.setting.arguments
        for option in self.setting.options:
            self.found.add(
                Diagnostic(
                    "unknown-setting-option", f"{word} has no option {option.name}", option.name_span,
                    help=(f"write {word} and one value",),
                )
            )  # fmt: skip
        if len(arguments) != 1:
            received = " ".join(argument.span.text for argument in arguments) or "nothing"
            self._wrong(self.setting.span, f"{word} must have one value. Received: {received}")
            return None
        values: dict[str, object] = {}
        self._put(values, word, arguments[0])
        recipe = self._validated(Recipe, values)
        return getattr(recipe, word) if recipe else None

    def _model(self, model: type[Setting], arguments: list[tree.Expression], siblings: Kinds) -> Any:
        values: dict[str, object] = {}
        for n, argument in enumerate(arguments):
            if n >= len(model.positional):
                self._wrong(argument.span, f"{self.setting.word} cannot take the value {argument.span.text}")
            else:
                self._put(values, model.positional[n], argument)
        for option in self.setting.options:
            if option.name == "kind" or option.name not in model.model_fields:
                self.found.add(self._unknown_option(option, model, siblings))
            elif option.name in values:
                self.found.add(_repeated(option.name, option.name_span, self.places[option.name]))
            else:
                self._put(values, option.name, option.value)
        return self._validated(model, values)

    def _put(self, values: dict[str, object], name: str, expression: tree.Expression) -> None:
        self.places[name] = expression.span
        try:
            values[name] = self._value(expression)
        except Misfit as fault:
            self.found.add(fault.at(expression.span))
        except Hole:
            values.pop(name, None)

    def _validated(self, model: type[BaseModel], values: dict[str, object]) -> Any:
        try:
            return model.model_validate(values)
        except ValidationError as error:
            seen: set[str] = set()
            for fault in error.errors():
                name = str(fault["loc"][0]) if fault["loc"] else self.setting.word
                if name not in seen:
                    seen.add(name)
                    self._refuse(name, fault["msg"], values.get(name), fault.get("ctx", {}))
            return None

    def _refuse(self, name: str, message: str, value: object, context: dict[str, Any]) -> None:
        what = name if name == self.setting.word else f"{self.setting.word} {name}"
        must = message.removeprefix("Value error, ").replace("Input should be", "must be").replace("'", "")
        must = must.replace("a valid integer", "a whole number").replace("valid ", "")
        meant = nearest(value, _quoted(context), CHOICE_SYNONYMS) if isinstance(value, str) else None
        span = self.places.get(name, self.setting.span)
        self.found.add(
            Diagnostic(
                "wrong-setting", f"{what} {must}. Received: {span.text}", span,
                help=(f"did you mean {meant}?",) if meant else (),
                fixes=(Fix(span, meant, f"write {meant}"),) if meant else (),
            )
        )  # fmt: skip

    def _value(self, expression: tree.Expression) -> object:
        """The value of an expression; a name that is no constant is a word. Raises Misfit."""
        if isinstance(expression, tree.Name) and expression.text in TRUTH:
            return TRUTH[expression.text]
        if isinstance(expression, tree.Text):
            return expression.value
        if isinstance(expression, tree.Tuple):
            return tuple(self._value(item) for item in expression.items)
        try:
            value = self.evaluate(expression)
        except Misfit:
            if isinstance(expression, tree.Name):
                return self._word(expression)
            raise
        return str(value) if isinstance(value, str) else value

    def _word(self, expression: tree.Expression) -> str:
        if isinstance(expression, tree.Text):
            return expression.value
        return expression.span.text

    def _not_a_choice(self, expression: tree.Expression, entry: Kinds) -> None:
        meant = nearest(self._word(expression), entry, CHOICE_SYNONYMS)
        meant = meant if meant in entry else None
        self.found.add(
            Diagnostic(
                "wrong-setting",
                f"{self.setting.word} must be {_choices(entry)}. Received: {expression.span.text}",
                expression.span,
                help=(f"did you mean {meant}?",) if meant else (),
                fixes=(Fix(expression.span, meant, f"write {meant}"),) if meant else (),
            )
        )

    def _unknown_option(self, option: tree.Option, model: type[Setting], siblings: Kinds) -> Diagnostic:
        known = [name for name in model.model_fields if name != "kind"]
        owners = [kind for kind, other in siblings.items() if option.name in other.model_fields]
        notes = (f"{option.name} belongs to {self.setting.word} {', '.join(owners)}",) if owners else ()
        kind = model.model_fields["kind"].default if "kind" in model.model_fields and siblings else ""
        owner = f"{self.setting.word} {kind}".strip()
        message = f"{owner} has no option {option.name}"
        return _unknown(
            "unknown-setting-option", message, option.name, option.name_span, known, OPTION_SYNONYMS, notes
        )

    def _wrong(self, span: Span, message: str) -> None:
        self.found.add(Diagnostic("wrong-setting", message, span))


def _unknown_setting(setting: tree.Setting) -> Diagnostic:
    word, message = setting.word, f"train has no setting {setting.word}"
    if word in OPTIONS_ELSEWHERE:
        cure = f"it is an option of another: {OPTIONS_ELSEWHERE[word]}…"
        return Diagnostic("unknown-setting", message, setting.word_span, help=(cure,))
    return _unknown("unknown-setting", message, word, setting.word_span, SETTINGS, SYNONYMS)


def _unknown(
    code: str, message: str, word: str, span: Span, known: Iterable[str], synonyms: dict[str, str],
    notes: tuple[str, ...] = (),
) -> Diagnostic:  # fmt: skip
    choices = list(known)
    meant = nearest(word, choices, synonyms)
    meant = meant if meant in choices else None
    options = ", ".join(choices) or "none"
    return Diagnostic(
        code,
        message,
        span,
        notes=notes,
        help=(f"did you mean {meant}?",) if meant else (f"it knows: {options}",),
        fixes=(Fix(span, meant, f"write {meant}"),) if meant else (),
    )


def _repeated(name: str, span: Span, before: Span) -> Diagnostic:
    return Diagnostic(
        "repeated-setting",
        f"{name} is given twice",
        span,
        labels=(Label(before, "first given here"),),
        help=("keep one of the two",),
    )


def _choices(names: Iterable[str]) -> str:
    *rest, last = names
    return f"{', '.join(rest)} or {last}"


def _quoted(context: dict[str, Any]) -> list[str]:
    """The words in pydantic's ``'a', 'b' or 'c'``."""
    return str(context.get("expected", "")).split("'")[1::2]

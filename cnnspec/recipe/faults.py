"""What can be wrong with a sentence of ``train { }``, each with its cure."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping
from math import isqrt
from typing import Any, Final

from pydantic import BaseModel

from cnnspec.diagnostics import Diagnostic, Fix, Label, nearest
from cnnspec.layers.base import Shape, show
from cnnspec.layers.registry import LAYERS
from cnnspec.recipe.base import Setting, Unit
from cnnspec.recipe.models import Normalise, Recipe
from cnnspec.recipe.words import (
    CHOICE_SYNONYMS,
    NEEDLESS,
    OPTION_SYNONYMS,
    SETTINGS,
    SYNONYMS,
    Kinds,
    options_of,
    owners,
)
from cnnspec.syntax import tree
from cnnspec.text import Span


def unknown_setting(setting: tree.Setting) -> Diagnostic:
    word, message, span = setting.word, f"train has no setting {setting.word}", setting.word_span
    if word in NEEDLESS:
        return Diagnostic("unknown-setting", message, span, help=(f"leave it out: {NEEDLESS[word]}",))
    if word not in SYNONYMS and owners(word):
        cure = f"it is an option of another: {owners(word)[0]} {OPTION_SYNONYMS.get(word, word)}=…"
        return Diagnostic("unknown-setting", message, span, help=(cure,))
    if word in LAYERS:
        cure = f"{word} is a layer: it stands where its input comes from, outside train {{ }}"
        return Diagnostic("unknown-setting", message, span, help=(cure,))
    return _unknown("unknown-setting", message, word, span, SETTINGS, SYNONYMS, more="train")


def unknown_option(
    setting: tree.Setting, option: tree.Option, model: type[Setting], siblings: Kinds
) -> Diagnostic:
    word, name = setting.word, option.name
    kinds = [kind for kind, other in siblings.items() if name in options_of(other)]
    notes = [f"{name} belongs to {word} {', '.join(kinds)}"] if kinds else []
    notes += [NEEDLESS[name]] if name in NEEDLESS else []
    message = f"{_owner(word, model, siblings)} has no option {name}"
    known, code = options_of(model), "unknown-setting-option"
    return _unknown(code, message, name, option.name_span, known, OPTION_SYNONYMS, tuple(notes))


def named_value(setting: tree.Setting) -> Diagnostic:
    """``clip norm=1``: a setting of one value has it without a name."""
    word, option = setting.word, setting.options[0]
    sentence = f"{word} {option.value.span.text}"
    alone = not setting.arguments and len(setting.options) == 1
    return Diagnostic(
        "unknown-setting-option", f"{word} has no option {option.name}", option.name_span,
        help=(f"its value has no name: {sentence if alone else example_of(word)}",),
        fixes=(Fix(setting.span, sentence, f"write {sentence}"),) if alone else (),
    )  # fmt: skip


def not_one_value(setting: tree.Setting) -> Diagnostic:
    word = setting.word
    received = " ".join(argument.span.text for argument in setting.arguments) or "nothing"
    message = f"{word} must have one value. Received: {received}"
    return Diagnostic("wrong-setting", message, setting.span, help=(f"as in {example_of(word)}",))


def example_of(word: str) -> str:
    """A setting of one value, as it is written."""
    return f"{word} {(Recipe.model_fields[word].examples or ['…'])[0]}"


def surplus(
    setting: tree.Setting, argument: tree.Expression, model: type[Setting], siblings: Kinds
) -> Diagnostic:
    """A value that stands without a name, and has no place there."""
    text, known = argument.span.text, options_of(model)
    message = f"{_owner(setting.word, model, siblings)} cannot take the value {text}"
    name = nearest(text, known, OPTION_SYNONYMS) if isinstance(argument, tree.Name) else None
    if name not in known:
        cure = f"give it by name: {_choices(known)}" if known else "leave it out"
        return Diagnostic("wrong-setting", message, argument.span, help=(cure,))
    if model.model_fields[name].annotation is not bool:
        example = f", as in {model.example}" if f" {name}=" in model.example else ""
        cure = f"give it a value: {name}=…{example}"
        return Diagnostic("wrong-setting", message, argument.span, help=(cure,))
    cures = (f"write {name}=yes", f"its options: {', '.join(known)}")
    return Diagnostic(
        "wrong-setting", message, argument.span, help=cures,
        fixes=(Fix(argument.span, f"{name}=yes", f"write {name}=yes"),),
    )  # fmt: skip


def no_kind(setting: tree.Setting, entry: Kinds) -> Diagnostic:
    """``optimizer`` or ``optimizer rate=0.1``: which one is not said."""
    names = {option.name for option in setting.options}
    kind = next((kind for kind, model in entry.items() if names <= set(options_of(model))), next(iter(entry)))
    sentence = " ".join([setting.word, kind, *(option.span.text for option in setting.options)])
    message = f"{setting.word} must say which: {_choices(entry)}"
    return Diagnostic("wrong-setting", message, setting.span, help=(f"as in {sentence}",))


def not_a_choice(word: str, expression: tree.Expression, name: str, entry: Kinds) -> Diagnostic:
    meant = nearest(name, entry, CHOICE_SYNONYMS)
    meant = meant if meant in entry else None
    span = expression.span
    message = f"{word} must be {_choices(entry)}. Received: {span.text}"
    return Diagnostic("wrong-setting", message, span, help=_did_you_mean(meant), fixes=_fix(span, meant))


def refused(
    what: str, span: Span, value: object, model: type[BaseModel], name: str, faults: list[dict[str, Any]]
) -> Diagnostic:
    """A value that a model does not take; ``faults`` are pydantic's of one field."""
    message = f"{_item(faults)}{what} {_bound(faults)}. Received: {span.text}"
    if what == "data name" and isinstance(value, str) and (kind := FILES.get(value[-4:].lower())):
        sentence = f'{kind} "{value}"'
        fix = Fix(span, sentence, f"write {sentence}")
        cure = f"say what it is: data {sentence}"
        return Diagnostic("wrong-setting", message, span, help=(cure,), fixes=(fix,))
    known = [word for fault in faults for word in _quoted(fault.get("ctx", {}))]
    meant = nearest(value, known, CHOICE_SYNONYMS) if isinstance(value, str) else None
    meant = meant if meant in known else None
    help, field = _did_you_mean(meant), model.model_fields.get(name)
    if what == "classweights":
        help = help or ("one weight for each class, in their order: classweights (1, 2.5, 1)",)
    if field and Unit("share") in field.metadata and isinstance(value, int | float) and 2 <= value < 100:
        help = (f"it is a part of 1: {value:g} % is {value / 100:g}",)
    return Diagnostic("wrong-setting", message, span, help=help, fixes=_fix(span, meant))


FILES: Final = {".csv": "csv", ".npz": "npz"}
"""Endings of files, and the kind of data that they are."""
MUST: Final = {
    "bool_type": "must be yes or no",
    "int_type": "must be a whole number", "int_from_float": "must be a whole number",
    "float_type": "must be a number",
    "string_type": "must be text in quotes",
    "tuple_type": "must be numbers in brackets, as in (1, 2.5)",
}  # fmt: skip


def _item(faults: list[dict[str, Any]]) -> str:
    """Which of the numbers in brackets is at fault, where it is one of them."""
    places = [place for fault in faults for place in fault["loc"][1:] if isinstance(place, int)]
    return f"number {places[0] + 1} of " if places else ""


def _bound(faults: list[dict[str, Any]]) -> str:
    """What one field must be, where each kind that it may have was refused for its own reason.

    What came closest is told alone: the fault of an item rather than of the whole, a
    bound rather than a kind.
    """
    deepest = max(len(fault["loc"]) for fault in faults)
    closest = [fault for fault in faults if len(fault["loc"]) == deepest]
    closest = [fault for fault in closest if fault["type"].startswith(("greater", "less"))] or closest
    return " or ".join(dict.fromkeys(map(_must, closest))).replace(" or must be ", " or ")


def _must(fault: Mapping[str, Any]) -> str:
    text: str = fault["msg"]
    if fault["type"] == "extra_forbidden":
        return f"has no option {fault['loc'][-1]}"
    text = text.removeprefix("Value error, ").replace("Input should be", "must be").replace("'", "")
    return MUST.get(fault["type"], text)


def unlike_channels(
    normalise: Normalise, image: Shape, place: Callable[[str, str], Span | None] = lambda word, option: None
) -> Iterator[Diagnostic]:
    """``normalise mean=(0.1,0.2,0.3)`` where the images, whose shape is given, have not as many channels."""
    channels = image[-1] if len(image) > 1 else 1
    for option in ("mean", "std"):
        numbers = getattr(normalise, option)
        if isinstance(numbers, tuple) and len(numbers) != channels:
            count = f"{len(numbers)} number{'s' * (len(numbers) != 1)}"
            has = f"{channels} channel{'s' * (channels > 1)}"
            yield Diagnostic(
                "wrong-setting", f"normalise {option} has {count}, and the input has {has}",
                place("normalise", option),
                help=(f"give one number for all channels: {option}={numbers[0]:g}",) if numbers else (),
            )  # fmt: skip


def no_picture(shape: Shape, span: Span | None) -> Diagnostic:
    """``augment`` where no pictures flow in."""
    said = f"a vector of {shape[0]:,} values" if len(shape) == 1 else show(shape)
    side = isqrt(shape[0])
    picture = f"{side}x{side}x1" if side * side == shape[0] else "HEIGHTxWIDTHxCHANNELS"
    return Diagnostic(
        "wrong-setting", f"augment changes pictures, and the input is {said}", span,
        help=(f"make it one: input {picture}, and flatten behind it",) if len(shape) == 1 else (),
    )  # fmt: skip


def weights_of_no_loss(span: Span, loss: Span) -> Diagnostic:
    """``classweights`` beside a loss that has none."""
    return Diagnostic(
        "wrong-setting", "classweights must go with loss crossentropy. Received: loss mse", span,
        labels=(Label(loss, "the loss"),),
    )  # fmt: skip


def repeated(name: str, span: Span, before: Span) -> Diagnostic:
    return Diagnostic(
        "repeated-setting", f"{name} is given twice", span, labels=(Label(before, "first given here"),),
        help=("keep one of the two",),
    )  # fmt: skip


def _owner(word: str, model: type[Setting], siblings: Kinds) -> str:
    kind = model.model_fields["kind"].default if siblings else ""
    return f"{word} {kind}".strip()


def _unknown(
    code: str, message: str, word: str, span: Span, known: Iterable[str], synonyms: dict[str, str],
    notes: tuple[str, ...] = (), more: str = "",
) -> Diagnostic:  # fmt: skip
    choices = list(known)
    meant = nearest(word, choices, synonyms)
    meant = meant if meant in choices else None
    cure = _did_you_mean(meant) or (f"it knows: {', '.join(choices) or 'none'}",)
    if more and not meant:
        cure = (*cure, f"cnnspec layers {more} tells what each one does")
    return Diagnostic(code, message, span, notes=notes, help=cure, fixes=_fix(span, meant))


def _did_you_mean(meant: str | None) -> tuple[str, ...]:
    return (f"did you mean {meant}?",) if meant else ()


def _fix(span: Span, meant: str | None) -> tuple[Fix, ...]:
    return (Fix(span, meant, f"write {meant}"),) if meant else ()


def _choices(names: Iterable[str]) -> str:
    *rest, last = names
    return f"{', '.join(rest)} or {last}" if rest else last


def _quoted(context: Mapping[str, Any]) -> list[str]:
    """The words in pydantic's ``'a', 'b' or 'c'``."""
    return str(context.get("expected", "")).split("'")[1::2]

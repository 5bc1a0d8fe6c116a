"""What can be wrong with ``train { }`` as a whole, and with what a setting begins with."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import replace
from itertools import product
from math import isqrt
from typing import Final

from cnnspec.diagnostics import Diagnostic, Fix, Label, any_of, did_you_mean
from cnnspec.layers.base import SampleShape, Shape, show
from cnnspec.layers.registry import LAYERS
from cnnspec.recipe.models import Normalise, Recipe
from cnnspec.recipe.targets import LossSetting, TargetSetting
from cnnspec.recipe.words import CHOICE_SYNONYMS, NEEDLESS, OPTION_SYNONYMS, SETTINGS, SYNONYMS, Kinds, owners
from cnnspec.syntax import tree
from cnnspec.text import Span


def unknown_setting(setting: tree.Setting) -> Diagnostic:
    word, message, span = setting.word, f"train has no setting {setting.word}", setting.word_span
    if word in NEEDLESS:
        cure = f"leave it out: {NEEDLESS[word]}"
    elif word not in SYNONYMS and owners(word):
        cure = f"it is an option of another: {owners(word)[0]} {OPTION_SYNONYMS.get(word, word)}=…"
    elif word in LAYERS:
        cure = f"{word} is a layer: it stands where its input comes from, outside train {{ }}"
    else:
        others = f"its settings: {', '.join(SETTINGS)}", "cnnspec layers train tells what each one does"
        meant = did_you_mean(span, word, SETTINGS, *others, synonyms=SYNONYMS)
        return Diagnostic("unknown-setting", message, span, **meant)
    return Diagnostic("unknown-setting", message, span, help=(cure,))


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


def no_kind(setting: tree.Setting, entry: Kinds) -> Diagnostic:
    """``optimizer`` or ``optimizer rate=0.1``: which one is not said."""
    names = {option.name for option in setting.options}
    kinds = [kind for kind, model in entry.items() if names <= model.option_fields().keys()]
    kind = next(iter(kinds or entry))
    sentence = " ".join([setting.word, kind, *(option.span.text for option in setting.options)])
    message = f"{setting.word} must say which: {any_of(entry)}"
    return Diagnostic("wrong-setting", message, setting.span, help=(f"as in {sentence}",))


def unknown_kind(word: str, expression: tree.Expression, name: str, entry: Kinds) -> Diagnostic:
    span = expression.span
    message = f"{word} must be {any_of(entry)}. Received: {span.text}"
    owner = next((owner for owner in owners(name) if owner.split()[0] == word), None)
    if owner is not None:
        return Diagnostic("wrong-setting", message, span, help=(f"it is an option: {owner} {name}=…",))
    return Diagnostic(
        "wrong-setting", message, span, **did_you_mean(span, name, entry, synonyms=CHOICE_SYNONYMS)
    )


FILES: Final = {".csv": "csv", ".npz": "npz"}
"""Endings of files, and the kind of data that they are."""


def cured(fault: Diagnostic, word: str, option: str | None, values: Mapping[str, object]) -> Diagnostic:
    """The fault of a refused value, with the cure that this very setting needs."""
    span, value = fault.span, values.get(option or "")
    if (word, option) == ("data", "name") and span and isinstance(value, str) and value[-4:].lower() in FILES:
        sentence = f'{FILES[value[-4:].lower()]} "{value}"'
        fix = Fix(span, sentence, f"write {sentence}")
        return replace(fault, help=(f"say what it is: data {sentence}",), fixes=(fix,))
    if word == "classweights" and not fault.fixes:
        return replace(fault, help=("one weight for each class, in their order: classweights (1, 2.5, 1)",))
    return fault


def unlike_channels(
    normalise: Normalise,
    sample: SampleShape,
    place: Callable[[str, str], Span | None] = lambda word, option: None,
) -> Iterator[Diagnostic]:
    """``normalise mean=(0.1,0.2,0.3)`` where images, or those of an input, have not as many channels."""
    several = isinstance(sample, Mapping)
    shapes = sample if isinstance(sample, Mapping) else {"the input": sample}
    for option, (name, shape) in product(("mean", "std"), shapes.items()):
        numbers, channels = getattr(normalise, option), shape[-1] if len(shape) > 1 else 1
        if isinstance(numbers, tuple) and len(numbers) != channels:
            count = f"{len(numbers)} number{'s' * (len(numbers) != 1)}"
            has = f"{channels} channel{'s' * (channels > 1)}"
            yield Diagnostic(
                "wrong-setting",
                f"normalise {option} has {count}, and {'the input ' * several}{name} has {has}",
                place("normalise", option),
                help=(f"give one number for all channels: {option}={numbers[0]:g}",) if numbers else (),
            )


def no_picture(shape: Shape, span: Span | None) -> Diagnostic:
    """``augment`` where no pictures flow in."""
    text = f"a vector of {shape[0]:,} values" if len(shape) == 1 else show(shape)
    side = isqrt(shape[0])
    picture = f"{side}x{side}x1" if side * side == shape[0] else "HEIGHTxWIDTHxCHANNELS"
    return Diagnostic(
        "wrong-setting", f"augment changes pictures, and the input is {text}", span,
        help=(f"make it one: input {picture}, and flatten behind it",) if len(shape) == 1 else (),
    )  # fmt: skip


def weights_of_no_loss(span: Span, loss: Span, received: object) -> Diagnostic:
    """``classweights`` beside a loss that has none."""
    title = received.title() if isinstance(received, LossSetting) else "another loss"
    return Diagnostic(
        "wrong-setting", f"classweights must go with loss crossentropy. Received: {title}", span,
        labels=(Label(loss, "the loss"),),
    )  # fmt: skip


def loss_of_another(
    target: TargetSetting, loss: LossSetting, written: tree.Setting | None = None, place: Span | None = None
) -> Diagnostic:
    """``target numbers`` beside ``loss crossentropy``: a loss that is for something else."""
    fitting = [one.title().split()[1] for one in target.losses]
    message = f"{loss.title()} does not go with {target.title()}, whose answer is {target.answer}"
    kind = written.arguments[0].span if written else None
    return Diagnostic(
        "wrong-setting", message, kind,
        help=(f"losses that do: {', '.join(fitting)}",),
        fixes=(Fix(kind, fitting[0], f"write loss {fitting[0]}"),) if kind and not loss.options() else (),
        labels=(Label(place, "the target"),) if place else (),
    )  # fmt: skip

"""One sentence made into one node: options, unknowns, inputs, shape, claim."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from functools import cache, partial
from typing import Any, Final

from cnnspec.binding.binder import Binding, Signature, last_of, values_of
from cnnspec.binding.refusals import TRUTHS, Refusal, validate
from cnnspec.binding.values import OpenValue, SentenceError, Unresolved, Value
from cnnspec.diagnostics import Cure, Diagnostic, Fix, LayerError, did_you_mean, surely
from cnnspec.elaborate.branches import inputs_of
from cnnspec.elaborate.claims import check_claim, solve_here
from cnnspec.elaborate.elaborator import Elaborator
from cnnspec.elaborate.misfits import report_misfit
from cnnspec.elaborate.scope import Context
from cnnspec.elaborate.sharing import whose
from cnnspec.layers.base import Layer
from cnnspec.layers.foreign import NO_OPTIONS, SAME_OPTIONS, nearest_thing, sentence_for
from cnnspec.layers.registry import LAYERS, SYNONYMS
from cnnspec.network.made_layers import MadeLayer, completed, make_layer
from cnnspec.records import record
from cnnspec.syntax import tree

ACTIVATION: Final = ("activation", "act", "nonlinearity")
OPTION_SYNONYMS: Final = {
    "kernel_size": "kernel", "size": "kernel", "pool": "kernel", "window": "kernel", "strides": "stride",
    "pad": "padding", "channels": "filters", "out_channels": "filters",
    "use_bias": "bias", "dilation_rate": "dilation", "group": "groups",
    "depth_multiplier": "multiplier", "p": "rate", "eps": "epsilon", "count_include_pad": "count_padding",
    "output_size": "to",
    "initializer": "init", "kernel_initializer": "init", "scale_factor": "scale", "negative_slope": "slope",
    "alpha": "slope",
}  # fmt: skip


@record
class LayerSignature(Signature):
    """What a layer takes."""

    synonyms = OPTION_SYNONYMS

    def unknown(self, option: tree.Option) -> Diagnostic:
        fault = super().unknown(option)
        if option.name in ACTIVATION:
            cure = f"an activation is a layer of its own: {self.title} … -> {option.value.span.text}"
            return replace(fault, help=(cure,), fixes=())
        if option.name in NO_OPTIONS:
            return replace(fault, help=(NO_OPTIONS[option.name],), fixes=())
        whole = self._whole(option)
        if whole is not None:
            fix = Fix(option.span, whole, f"write {whole}")
            return replace(fault, help=(f"here it is {whole}",), fixes=(fix,))
        return replace(fault, help=(*fault.help, self.listing)) if fault.fixes else fault

    def _whole(self, option: tree.Option) -> str | None:
        """The option with its value in our words, where that is yes or no elsewhere."""
        truth = TRUTHS.get(option.value.span.text.lower(), option.value.span.text)
        whole = SAME_OPTIONS.get(f"{option.name}={truth}")
        if whole is None and truth in ("yes", "no") and self.model is not None:
            meant = surely(option.name, self.options, self.synonyms)
            whole = (
                f"{meant}={truth}" if meant and self.model.model_fields[meant].annotation is bool else None
            )
        return whole if whole and whole.partition("=")[0] in self.options else None

    def _cure_of(self, argument: tree.Expression) -> Cure:
        text = argument.span.text
        word = SYNONYMS.get(text.lower(), text)
        if isinstance(argument, tree.Name) and word in LAYERS and text not in self.options:
            cure = f"{word} is a layer of its own: put an arrow before it: {self.title} … -> {word}"
            return {"help": (cure,), "fixes": ()}
        return super()._cure_of(argument)


@cache
def signature_of(kind: type[Layer]) -> LayerSignature:
    return LayerSignature.of(kind, takes_more=kind.arity != (1, 1))


def place_layer(
    elaborator: Elaborator, sentence: tree.LayerSentence, context: Context, kind: type[Layer]
) -> None:
    """Adds the node of a layer and makes it current; what cannot be known stays unresolved."""
    bound = elaborator.binding(sentence, signature_of(kind))
    inputs = inputs_of(elaborator, sentence, context, kind, bound)
    made = bound.made and _met_before(elaborator, context, bound)
    made = made or _made(elaborator, sentence, context, kind, bound, inputs)
    name, label = elaborator.name(sentence, context)
    node = None
    if made and inputs is not None:
        node = _place(elaborator, sentence, context, bound, made, inputs, name)
    elaborator.current = node
    if label is not None:
        elaborator.labels[label] = node
    if node is not None and elaborator.guessed:
        elaborator.doubtful.add(node)
    elaborator.guessed = False
    if node is not None and sentence.claim is not None:
        check_claim(elaborator, sentence, sentence.claim, node, context)


def _met_before(elaborator: Elaborator, context: Context, bound: Binding) -> MadeLayer | None:
    """The layer that the sentence made with the same values, if it did so without a fault."""
    if not bound.moving:
        return bound.made.get(())
    try:
        values = [elaborator.value(bound.given[name], context) for name in bound.moving]
    except (SentenceError, Unresolved):
        return None
    return bound.made.get(_key_of(values))


def _options(elaborator: Elaborator, context: Context, bound: Binding) -> dict[str, Value] | None:
    """The options by name; None where one could not be known. Every fault is reported."""
    report = partial(elaborator.report, context=context)
    written = bound.guesses | bound.given
    values = values_of(written, partial(elaborator.value, context=context), report)
    refused = _refused(bound, values) if bound.faults else set()
    for fault in bound.faults:
        report(replace(fault, fixes=()) if fault.fixes and fault.fixes[0].replacement in refused else fault)
        elaborator.guessed |= fault.code == bound.signature.codes.unknown
    return values if len(values) == len(written) else None


def _refused(bound: Binding, values: dict[str, Value]) -> set[str]:
    """The options that were guessed and do not take what was given them."""
    model = bound.signature.model
    guesses = {name: value for name, value in values.items() if name in bound.guesses}
    if model is None or not guesses or any(isinstance(value, OpenValue) for value in guesses.values()):
        return set()
    made = validate(model, guesses)
    return (
        {refusal.option or "" for refusal in made if not refusal.is_missing}
        if isinstance(made, tuple)
        else set()
    )


def _place(
    elaborator: Elaborator, sentence: tree.LayerSentence, context: Context, bound: Binding, made: MadeLayer,
    inputs: tuple[int, ...], name: str,
) -> int | None:  # fmt: skip
    shapes = tuple([elaborator.nodes[n].output for n in inputs])
    try:
        if made.layer.references:
            referred = [(elaborator.nodes[n].layer, elaborator.nodes[n].input_shapes) for n in inputs[1:]]
            made = completed(made, tuple(referred))
        index = elaborator.place(made, inputs, shapes, name, sentence.span, context)
    except LayerError as error:
        report_misfit(elaborator, error, bound.place(error.option), inputs, context)
        return None
    elaborator.nodes[index] = whose(elaborator, sentence, context, elaborator.nodes[index])
    return index


def _made(
    elaborator: Elaborator, sentence: tree.LayerSentence, context: Context, kind: type[Layer], bound: Binding,
    inputs: tuple[int, ...] | None,
) -> MadeLayer | None:  # fmt: skip
    given = options = _options(elaborator, context, bound)
    if given is None or options is None:
        return None
    if kind.references and inputs is not None:
        referred = zip(kind.references, inputs[1:], strict=False)
        options |= {field: elaborator.nodes[n].name for field, n in referred}
    if any(isinstance(value, OpenValue) for value in options.values()):
        if refused := _fields_refused(kind, options):
            _report_refused(elaborator, sentence, context, bound, options, refused)
            return None
        solved = solve_here(elaborator, sentence, context, kind, options, inputs)
        if solved is None:
            return None
        options = solved
    is_plain = options is given and not kind.references and not bound.guesses
    key = _key_of([given[name] for name in bound.moving]) if is_plain else None
    left: MadeLayer | None
    if key is not None and key in bound.left:
        left = bound.left[key]
        elaborator.guessed |= left is not None
        return left
    made = make_layer(kind, options)
    if isinstance(made, MadeLayer):
        if key is not None and not bound.faults:
            bound.made[key] = made
        return made
    _report_refused(elaborator, sentence, context, bound, options, made)
    left = _without(kind, options, made)
    elaborator.guessed |= left is not None
    if key is not None:
        bound.left[key] = left
    return left


def _key_of(values: Sequence[Value]) -> tuple[Any, ...]:
    """What tells values apart: 1 is not 1.0, nor yes."""
    return (*values, *map(type, values))


def _fields_refused(kind: type[Layer], options: dict[str, Value]) -> tuple[Refusal, ...]:
    """Why options cannot be what they are, whatever stands for ``?``: 1 could, wherever a number can."""
    known = {
        name: tuple([1 if part is None else part for part in value.parts])
        if isinstance(value, OpenValue)
        else value
        for name, value in options.items()
        if not isinstance(value, OpenValue) or value.parts
    }
    made = validate(kind, known)
    refused = made if isinstance(made, tuple) else ()
    return tuple(refusal for refusal in refused if refusal.option in known and not refusal.is_missing)


def _report_refused(
    elaborator: Elaborator, sentence: tree.LayerSentence, context: Context, bound: Binding,
    options: dict[str, Value], refused: tuple[Refusal, ...],
) -> None:  # fmt: skip
    for refusal in refused:
        fault = bound.refused(refusal, options, context.names())
        elaborator.report(_swapped(sentence, refusal, options, fault), context)


def _swapped(
    sentence: tree.LayerSentence, refusal: Refusal, options: dict[str, Value], fault: Diagnostic
) -> Diagnostic:
    """``conv 3x3 8``: a size where a count comes, and the count behind it."""
    given = sentence.arguments
    if refusal.option not in ("filters", "units") or len(given) != 2 or not isinstance(given[0], tree.Size):
        return fault
    if not isinstance(given[1], tree.NumberLiteral):
        return fault
    text = f"{given[1].span.text} {given[0].span.text}"
    fix = Fix(given[0].span.to(given[1].span), text, f"write {sentence.word} {text}")
    return replace(fault, help=("the number of filters comes first",), fixes=(fix,))


def _without(kind: type[Layer], options: dict[str, Value], refusals: tuple[Refusal, ...]) -> MadeLayer | None:
    """The layer without its faulty options, so that what follows can still be looked at."""
    faulty = {refusal.option for refusal in refusals}
    made = make_layer(kind, {name: value for name, value in options.items() if name not in faulty})
    return None if None in faulty or not isinstance(made, MadeLayer) else made


def unknown_word(sentence: tree.LayerSentence, known: list[str]) -> Diagnostic:
    """The fault of a word that is neither a layer nor a block."""
    word, span, end = sentence.word, sentence.word_span, last_of(sentence)
    cure = Cure(help=("cnnspec layers lists every word",), fixes=())
    ours = sentence_for(word, span.source.text[span.end : end.end].strip())
    if ours is not None:
        cure = Cure(help=(f"here it is {ours}",), fixes=(Fix(span.to(end), ours, f"write {ours}"),))
    elif nearby := nearest_thing(word):
        cure["help"] = (nearby,)
    elif surely(word, known, SYNONYMS):
        cure = did_you_mean(span, word, known, synonyms=SYNONYMS)
    return Diagnostic("unknown-word", f"there is no layer or block {word}", span, **cure)

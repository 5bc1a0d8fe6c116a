"""One sentence made into one node: options, unknowns, inputs, shape, claim."""

from __future__ import annotations

from dataclasses import replace
from functools import cache, partial
from typing import Final

from cnnspec.binding.binder import Binding, Signature, bind, values_of
from cnnspec.binding.refusals import Refusal
from cnnspec.binding.values import OpenValue, Value
from cnnspec.diagnostics import Cure, Diagnostic, LayerError, did_you_mean, nearest
from cnnspec.elaborate.branches import inputs_of
from cnnspec.elaborate.claims import check_claim, solve_here
from cnnspec.elaborate.elaborator import Elaborator
from cnnspec.elaborate.scope import Context
from cnnspec.layers.base import Layer
from cnnspec.layers.registry import LAYERS, SYNONYMS
from cnnspec.network.made_layers import MadeLayer, completed, make_layer
from cnnspec.records import record
from cnnspec.syntax import tree

ACTIVATION: Final = ("activation", "act", "nonlinearity")
OPTION_SYNONYMS: Final = {
    "kernel_size": "kernel", "size": "kernel", "pool": "kernel", "window": "kernel", "strides": "stride",
    "pad": "padding", "channels": "filters", "out_channels": "filters",
    "use_bias": "bias", "dilation_rate": "dilation", "ceil_mode": "rounding", "group": "groups",
    "depth_multiplier": "multiplier", "p": "rate", "eps": "epsilon", "trainable": "frozen",
    "initializer": "init", "kernel_initializer": "init",
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
        return replace(fault, help=(*fault.help, self.listing)) if fault.fixes else fault

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


def _bound(elaborator: Elaborator, sentence: tree.LayerSentence, kind: type[Layer]) -> Binding:
    """The expressions of a layer's sentence by option, found once however often it is repeated."""
    bound = elaborator.bindings.get(id(sentence))
    if bound is None:
        last = [sentence.word_span, *(part.span for part in (*sentence.arguments, *sentence.options))][-1]
        span = sentence.word_span.to(last)
        bound = bind(signature_of(kind), sentence.arguments, sentence.options, span)
        elaborator.bindings[id(sentence)] = bound
    return bound


def place_layer(
    elaborator: Elaborator, sentence: tree.LayerSentence, context: Context, kind: type[Layer]
) -> None:
    """Adds the node of a layer and makes it current; what cannot be known stays unresolved."""
    bound = _bound(elaborator, sentence, kind)
    inputs = inputs_of(elaborator, sentence, context, kind, bound)
    options = _options(elaborator, context, bound)
    name, label = elaborator.name(sentence, context)
    node = None
    if options is not None:
        if kind.references and inputs is not None:
            referred = zip(kind.references, inputs[1:], strict=False)
            options |= {field: elaborator.nodes[n].name for field, n in referred}
        made = _made(elaborator, sentence, context, kind, bound, options, inputs)
        if made is not None and inputs is not None:
            node = _place(elaborator, sentence, context, bound, made, inputs, name)
    elaborator.current = node
    if label is not None:
        elaborator.labels[label] = node
    if node is not None and elaborator.guessed:
        elaborator.doubtful.add(node)
    elaborator.guessed = False
    if node is not None and sentence.claim is not None:
        check_claim(elaborator, sentence, sentence.claim, node, context)


def _options(elaborator: Elaborator, context: Context, bound: Binding) -> dict[str, Value] | None:
    """The options by name; None where one could not be known. Every fault is reported."""
    report = partial(elaborator.report, context=context)
    for fault in bound.faults:
        report(fault)
        elaborator.guessed |= fault.code == bound.signature.codes.unknown
    written = bound.guesses | bound.given
    values = values_of(written, partial(elaborator.value, context=context), report)
    return values if len(values) == len(written) else None


def _place(
    elaborator: Elaborator, sentence: tree.LayerSentence, context: Context, bound: Binding, made: MadeLayer,
    inputs: tuple[int, ...], name: str,
) -> int | None:  # fmt: skip
    shapes = tuple([elaborator.nodes[n].output for n in inputs])
    try:
        if made.layer.references:
            referred = [(elaborator.nodes[n].layer, elaborator.nodes[n].input_shapes) for n in inputs[1:]]
            made = completed(made, tuple(referred))
        shape = made.shape(shapes)
    except LayerError as error:
        elaborator.report_layer_error(error, bound.place(error.option), inputs, context)
        return None
    return elaborator.place(made, inputs, shape, name, sentence.span, context)


def _made(
    elaborator: Elaborator, sentence: tree.LayerSentence, context: Context, kind: type[Layer], bound: Binding,
    options: dict[str, Value], inputs: tuple[int, ...] | None,
) -> MadeLayer | None:  # fmt: skip
    if any(isinstance(value, OpenValue) for value in options.values()):
        solved = solve_here(elaborator, sentence, context, kind, options, inputs)
        if solved is None:
            return None
        options = solved
    made = make_layer(kind, options)
    if isinstance(made, MadeLayer):
        return made
    for refusal in made:
        elaborator.report(bound.refused(refusal, options, context.names()), context)
    return _without(elaborator, kind, options, made)


def _without(
    elaborator: Elaborator, kind: type[Layer], options: dict[str, Value], refusals: tuple[Refusal, ...]
) -> MadeLayer | None:
    """The layer without its faulty options, so that what follows can still be looked at."""
    faulty = {refusal.option for refusal in refusals}
    made = make_layer(kind, {name: value for name, value in options.items() if name not in faulty})
    if None in faulty or not isinstance(made, MadeLayer):
        return None
    elaborator.guessed = True
    return made


def unknown_word(sentence: tree.LayerSentence, known: list[str], synonyms: dict[str, str]) -> Diagnostic:
    """The fault of a word that is neither a layer nor a block."""
    word, span = sentence.word, sentence.word_span
    others = ("cnnspec layers lists every word",)
    meant = nearest(word, known, synonyms)
    return Diagnostic(
        "unknown-word", f"there is no layer or block {word}", span, **did_you_mean(span, meant, *others)
    )

"""One sentence made into one node: options, unknowns, inputs, shape, claim."""

from __future__ import annotations

from cnnspec.binding.values import Fault, Open, Unresolved, Value, Word, format_value
from cnnspec.diagnostics import Diagnostic, Fix, LayerError, nearest
from cnnspec.elaborate.blocks import repeated_option
from cnnspec.elaborate.branches import inputs_of
from cnnspec.elaborate.claims import check_claim, solve_here
from cnnspec.elaborate.elaborator import Elaborator
from cnnspec.elaborate.scope import Context
from cnnspec.layers.base import Layer
from cnnspec.layers.registry import LAYERS, SYNONYMS
from cnnspec.network.make import Made, Wrong, bound, fields_of, make, usage
from cnnspec.syntax import tree
from cnnspec.text import Span

Options = dict[str, Value]

ACTIVATION = ("activation", "act", "nonlinearity")
OPTION_SYNONYMS = {
    "kernel_size": "kernel", "size": "kernel", "pool": "kernel", "window": "kernel", "strides": "stride",
    "pad": "padding", "channels": "filters", "out_channels": "filters", "units": "units",
    "use_bias": "bias", "dilation_rate": "dilation", "ceil_mode": "rounding", "group": "groups",
    "depth_multiplier": "multiplier", "p": "rate", "eps": "epsilon", "trainable": "frozen",
    "initializer": "init", "kernel_initializer": "init",
}  # fmt: skip


def place_layer(elaborator: Elaborator, sentence: tree.Layer, context: Context, kind: type[Layer]) -> None:
    """Adds the node of a layer and makes it current; what cannot be known becomes a hole."""
    inputs = inputs_of(elaborator, sentence, context, kind)
    options = options_of(elaborator, sentence, context, kind)
    name, label = elaborator.name(sentence, context)
    node = None
    if options is not None:
        if kind.references and inputs is not None:
            referred = zip(kind.references, inputs[1:], strict=False)
            options |= {field: elaborator.nodes[n].name for field, n in referred}
        made = _made(elaborator, sentence, context, kind, options, inputs)
        if made is not None and inputs is not None:
            node = _place(elaborator, sentence, context, made, inputs, name)
    elaborator.current = node
    if label is not None:
        elaborator.labels[label] = node
    if node is not None and elaborator.guessed:
        elaborator.doubtful.add(node)
    elaborator.guessed = False
    if node is not None and sentence.claim is not None:
        check_claim(elaborator, sentence, sentence.claim, node, context)


def _place(
    elaborator: Elaborator,
    sentence: tree.Layer,
    context: Context,
    made: Made,
    inputs: tuple[int, ...],
    name: str,
) -> int | None:
    shapes = tuple([elaborator.nodes[n].output for n in inputs])
    try:
        if made.layer.references:
            made = bound(
                made, tuple((elaborator.nodes[n].layer, elaborator.nodes[n].input_shapes) for n in inputs[1:])
            )
        shape = made.shape(shapes)
    except LayerError as error:
        elaborator.report_layer_error(
            error, _option_span(sentence, type(made.layer), error.option), inputs, context
        )
        return None
    return elaborator.place(made, inputs, shape, name, sentence.span, context)


def _made(
    elaborator: Elaborator, sentence: tree.Layer, context: Context, kind: type[Layer], options: Options,
    inputs: tuple[int, ...] | None,
) -> Made | None:  # fmt: skip
    if any(isinstance(value, Open) for value in options.values()):
        solved = solve_here(elaborator, sentence, context, kind, options, inputs)
        if solved is None:
            return None
        options = solved
    made = make(kind, options)
    if isinstance(made, Made):
        return made
    for wrong in made:
        elaborator.report(_wrong(wrong, sentence, kind, options, context), context)
    return _without(elaborator, kind, options, made)


def _without(
    elaborator: Elaborator, kind: type[Layer], options: Options, wrongs: tuple[Wrong, ...]
) -> Made | None:
    """The layer without its faulty options, so that what follows can still be looked at."""
    faulty = {wrong.option for wrong in wrongs}
    if None in faulty:
        return None
    made = make(kind, {name: value for name, value in options.items() if name not in faulty})
    if not isinstance(made, Made):
        return None
    elaborator.guessed = True
    return made


# Options -------------------------------------------------------------------------


def merges(kind: type[Layer]) -> bool:
    """Whether a layer reads more than what flows on: its arguments may be labels."""
    return kind.arity != (1, 1)


def options_of(
    elaborator: Elaborator, sentence: tree.Layer, context: Context, kind: type[Layer]
) -> Options | None:
    """The options by name; None where one could not be known. Every fault is reported."""
    positional, known = kind.positional, True
    values: Options = {}
    for n, argument in enumerate(sentence.arguments):
        if n < len(positional):
            known &= _put(elaborator, values, positional[n], argument, context)
        elif not merges(kind):
            elaborator.report(_too_many(sentence, kind, n), context)
            break
    fields = fields_of(kind)
    for option in sentence.options:
        if option.name not in fields:
            fault = _unknown_option(option, kind)
            elaborator.report(fault, context)
            elaborator.guessed = True
            if fault.fixes and fault.fixes[0].replacement not in values:
                known &= _put(elaborator, values, fault.fixes[0].replacement, option.value, context)
        elif option.name in values:
            elaborator.report(repeated_option(option, positional[: len(sentence.arguments)]), context)
        else:
            known &= _put(elaborator, values, option.name, option.value, context)
    return values if known else None


def _put(
    elaborator: Elaborator, values: Options, name: str, expression: tree.Expression, context: Context
) -> bool:
    try:
        values[name] = elaborator.value(expression, context)
    except Fault as fault:
        elaborator.report(fault.diagnostic, context)
        return False
    except Unresolved:
        return False
    return True


def _too_many(sentence: tree.Layer, kind: type[Layer], n: int) -> Diagnostic:
    takes = len(kind.positional)
    argument = sentence.arguments[n]
    names = [name for name in kind.option_fields() if name not in kind.positional]
    what = f"{takes} value{'s' * (takes != 1)} ({', '.join(kind.positional)})" if takes else "no values"
    return Diagnostic(
        "too-many-arguments",
        f"{kind.word} takes {what} without a name. Received: {len(sentence.arguments)}",
        argument.span,
        notes=(f"it is written: {usage(kind)}",) if takes else (),
        help=_for_the_rest(kind, argument, names),
    )


def _for_the_rest(kind: type[Layer], argument: tree.Expression, names: list[str]) -> tuple[str, ...]:
    """How to say what does not fit: a layer's word comes after an arrow, a value after a name."""
    text = argument.span.text
    word = SYNONYMS.get(text.lower(), text)
    if isinstance(argument, tree.Name) and word in LAYERS:
        return (f"{word} is a layer of its own: put an arrow before it: {kind.word} … -> {word}",)
    return (f"give the rest by name: {names[0]}={text}",) if names else ()


def _unknown_option(option: tree.Option, kind: type[Layer]) -> Diagnostic:
    known = list(kind.option_fields())
    if option.name in ACTIVATION:
        return Diagnostic(
            "unknown-option", f"{kind.word} has no option {option.name}", option.name_span,
            help=(f"an activation is a layer of its own: {kind.word} … -> {option.value.span.text}",),
        )  # fmt: skip
    meant = nearest(option.name, known, OPTION_SYNONYMS)
    meant = meant if meant in known else None
    return Diagnostic(
        "unknown-option",
        f"{kind.word} has no option {option.name}",
        option.name_span,
        help=(
            *((f"did you mean {meant}?",) if meant else ()),
            f"its options: {', '.join(known)}" if known else f"{kind.word} takes no options",
        ),
        fixes=(Fix(option.name_span, meant, f"write {meant}"),) if meant else (),
    )


def _option_span(sentence: tree.Layer, kind: type[Layer], name: str | None) -> Span:
    """Where an option's value is written; the sentence itself where it is not."""
    for option in sentence.options:
        if option.name == name:
            return option.value.span
    if name in kind.positional and kind.positional.index(name) < len(sentence.arguments):
        return sentence.arguments[kind.positional.index(name)].span
    end = sentence.options[-1].span if sentence.options else sentence.word_span
    end = sentence.arguments[-1].span if not sentence.options and sentence.arguments else end
    return sentence.word_span.to(end)


def _wrong(
    wrong: Wrong, sentence: tree.Layer, kind: type[Layer], options: Options, context: Context
) -> Diagnostic:
    span = _option_span(sentence, kind, wrong.option)
    notes: tuple[str, ...] = ()
    help = wrong.help
    value = options.get(wrong.option or "")
    if wrong.option and format_value(value or 0) != span.text and not isinstance(value, Word):
        notes = (f"{span.text} is {format_value(value if value is not None else 0)} here",)
    if isinstance(value, Word) and not help:
        meant = nearest(value, context.names())
        help = (f"did you mean {meant}?",) if meant else (f"{value} is not defined here",)
    fix = (Fix(span, wrong.replacement, f"write {wrong.replacement}"),) if wrong.replacement else ()
    return Diagnostic(wrong.code, wrong.message, span, notes=notes, help=help, fixes=fix)


# Words ---------------------------------------------------------------------------


def unknown_word(sentence: tree.Layer, known: list[str], synonyms: dict[str, str]) -> Diagnostic:
    """The fault of a word that is neither a layer nor a block."""
    word = sentence.word
    meant = nearest(word, known, synonyms)
    fix = (Fix(sentence.word_span, meant, f"write {meant}"),) if meant else ()
    also = f"layers: {', '.join(LAYERS)}"
    return Diagnostic(
        "unknown-word", f"there is no layer or block {word}", sentence.word_span,
        help=(f"did you mean {meant}?",) if meant else (also, "cnnspec layers tells what each one does"),
        fixes=fix,
    )  # fmt: skip

"""Bodies expanded statement by statement; the shape is known at every step, so ``C`` is too."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from functools import partial
from typing import Any, Final

from cnnspec.binding.values import POISONED, format_value, truth
from cnnspec.diagnostics import Fix, Label, Severity, surely
from cnnspec.elaborate.blocks import find_block, prelude, takes, use_block
from cnnspec.elaborate.branches import head, jump
from cnnspec.elaborate.elaborator import Elaborator
from cnnspec.elaborate.faults import MOST_LOOKED_FOR
from cnnspec.elaborate.layer import place_layer, unknown_word
from cnnspec.elaborate.scope import Context
from cnnspec.layers.base import show
from cnnspec.layers.registry import LAYERS, SYNONYMS
from cnnspec.network.graph import InputLayer, Node
from cnnspec.syntax import tree
from cnnspec.text import Source


def run(elaborator: Elaborator, statements: tuple[tree.Statement, ...], context: Context) -> None:
    """Expands a body in order."""
    for statement in statements:
        _HANDLERS[type(statement)](elaborator, statement, context)


def _layer(elaborator: Elaborator, sentence: tree.LayerSentence, context: Context) -> None:
    elaborator.step(sentence.word_span)
    kind = LAYERS.get(sentence.word)
    definition = None if kind is not None else find_block(sentence.word, context)
    if kind is None and definition is None and _keyword(elaborator, sentence, context):
        return
    if elaborator.current is None and elaborator.seen_input is None:
        _no_input(elaborator, sentence)
    if kind is not None:
        place_layer(elaborator, sentence, context, kind)
    elif definition is not None:
        use_block(elaborator, sentence, context, definition)
    else:
        _unknown(elaborator, sentence, context)


def _keyword(elaborator: Elaborator, sentence: tree.LayerSentence, context: Context) -> bool:
    """Whether the word is a misspelt keyword: nearer to one than to any layer or block."""
    from cnnspec.syntax.keywords import FORMS, labelled, misspelt
    from cnnspec.syntax.parse import parse_tolerant

    if sentence.label is not None and sentence.word in FORMS:
        label = sentence.label.span
        colon = label.source.text.index(":", label.end) + 1
        elaborator.report(labelled(label.source.span(label.start, colon), sentence.word_span), context)
        if sentence.word == "input" and len(sentence.arguments) == 1:
            _input(elaborator, tree.Input(sentence.arguments[0], sentence.span), context)
        return True
    meant = surely(sentence.word, _known(elaborator, context), SYNONYMS)
    fault = misspelt(sentence.word_span, instead_of=meant)
    if fault is None:
        return False
    keyword = fault.fixes[0].replacement
    text = keyword + sentence.span.text[sentence.word_span.end - sentence.span.start :]
    fits = not parse_tolerant(Source("", text))[1]
    elaborator.report(fault if fits else replace(fault, fixes=()), context)
    if keyword == "input" and len(sentence.arguments) == 1:
        _input(elaborator, tree.Input(sentence.arguments[0], sentence.span), context)
    elif keyword not in ("network", "let", "use", "expect", "train"):
        elaborator.current = None
    return True


def _known(elaborator: Elaborator, context: Context) -> list[str]:
    """The words that an unknown one may be meant for; none where too many are unknown to compare them all."""
    if len(elaborator.faults.items) > MOST_LOOKED_FOR:
        return []
    return [*LAYERS, *context.scope.module.blocks, *prelude().blocks]


def _unknown(elaborator: Elaborator, sentence: tree.LayerSentence, context: Context) -> None:
    """An unknown word is taken for what it most likely means, so that the rest can be looked at.

    A fix that does not fit what is written after the word is not offered.
    """
    fault = unknown_word(sentence, _known(elaborator, context))
    word = fault.fixes[0].replacement.split()[0] if fault.fixes else ""
    if word not in LAYERS:
        block = find_block(word, context)
        fits = block is None or fault.fixes[0].span != sentence.word_span or takes(block, sentence)
        elaborator.report(fault if fits else replace(fault, fixes=()), context)
        _, label = elaborator.name(sentence, context)
        elaborator.current = None
        if label is not None:
            elaborator.labels[label] = None
        return
    before = dict(elaborator.faults.items)
    elaborator.guessed = True
    place_layer(elaborator, sentence, context, LAYERS[word])
    new = [item for place, item in elaborator.faults.items.items() if place not in before]
    fits = all(item.fixes for item in new) or fault.fixes[0].span != sentence.word_span
    elaborator.faults.items = before
    notes = tuple(item.message for item in new[:1])
    elaborator.report(fault if fits else replace(fault, fixes=(), notes=notes), context)


def _no_input(elaborator: Elaborator, sentence: tree.LayerSentence) -> None:
    elaborator.fault(
        "missing-input",
        "there is no input before this layer",
        sentence.word_span,
        "say first what flows in: input height x width x channels, such as input 28x28x1",
    )
    elaborator.seen_input = tree.Input(tree.Size((), sentence.span), sentence.span)


def _input(elaborator: Elaborator, statement: tree.Input, context: Context) -> None:
    if context.depth:
        _misplaced(elaborator, statement, context)
        return
    if elaborator.seen_input is not None:
        elaborator.fault(
            "repeated-input",
            "a network has one input",
            statement.span,
            "keep one of the two",
            labels=(Label(elaborator.seen_input.span, "given here"),),
        )
        return
    value = elaborator.known(partial(elaborator.closed, statement.shape, context), context)
    elaborator.seen_input = statement
    if value is None:
        return
    shape = value if isinstance(value, tuple) else (value,)
    if not all(type(size) is int and size > 0 for size in shape) or not 1 <= len(shape) <= 4:
        _wrong_input(elaborator, statement, format_value(value))
        return
    elaborator.nodes.append(Node(0, "input", InputLayer(), (), (), shape, statement.span, ("input",)))
    _suspect_order(elaborator, statement, shape)
    elaborator.names.taken.add("input")
    elaborator.labels["input"] = elaborator.current = 0


def _suspect_order(elaborator: Elaborator, statement: tree.Input, shape: tuple[int, ...]) -> None:
    """Images written channels first, as PyTorch has them, are read as very flat ones."""
    if len(shape) == 3 and shape[0] <= 4 and shape[1] == shape[2] >= 16:
        text = show((*shape[1:], shape[0]))
        elaborator.fault(
            "channels-first",
            f"this image is {shape[0]} pixel{'s' * (shape[0] > 1)} high and has {shape[2]} channels",
            statement.shape.span,
            f"if {shape[0]} is the number of channels, write input {text}",
            severity=Severity.WARNING,
            notes=("sizes are height x width x channels",),
            fixes=(Fix(statement.shape.span, text, f"write {text}"),),
        )


def _wrong_input(elaborator: Elaborator, statement: tree.Input, received: str) -> None:
    elaborator.fault(
        "wrong-input",
        f"an input must be one to four sizes of at least 1. Received: {received}",
        statement.shape.span,
        "write height x width x channels: input 28x28x1",
        "or a vector's length: input 784",
    )


def _let(elaborator: Elaborator, statement: tree.Let, context: Context) -> None:
    name = statement.name
    if not elaborator.may_be_named(name.text, name.span, "constant", context):
        return
    if context.has(name.text):
        elaborator.fault(
            "repeated-name",
            f"{name.text} already has a value",
            name.span,
            "a constant is given once; choose another name",
            context=context,
        )
        return
    value = elaborator.known(partial(elaborator.value, statement.value, context), context)
    context.give(name.text, POISONED if value is None else value)


def _repeat(elaborator: Elaborator, statement: tree.Repeat, context: Context) -> None:
    turns = _turns(elaborator, statement, context)
    if turns is None:
        elaborator.current = None
        return
    elaborator.need_room(context, statement.span)
    elaborator.need_steps(
        turns * (1 + elaborator.bound.of(statement.body, context.scope.module)), statement.span
    )
    title, repeat = f"repeat {turns}", elaborator.groups + 1
    for turn in range(turns):
        elaborator.step(statement.span)
        before, group = elaborator.current, elaborator.new_group(title, turn, turns, repeat)
        run(elaborator, statement.body, context.turn(group))
        if before is None and elaborator.current is None:
            return


def _turns(elaborator: Elaborator, statement: tree.Repeat, context: Context) -> int | None:
    value = elaborator.known(partial(elaborator.closed, statement.count, context), context)
    if value is None:
        return None
    if type(value) is not int or value < 0:
        elaborator.fault(
            "wrong-repeat",
            f"repeat needs a whole number of at least 0. Received: {format_value(value)}",
            statement.count.span,
            context=context,
        )
        return None
    return value


def _if(elaborator: Elaborator, statement: tree.If, context: Context) -> None:
    """A chain of ``else if`` is walked, not nested."""
    while True:
        elaborator.step(statement.span)
        chosen = _chosen(elaborator, statement, context)
        if chosen is None:
            elaborator.current = None
            return
        if len(chosen) == 1 and isinstance(chosen[0], tree.If) and chosen is statement.otherwise:
            statement = chosen[0]
            continue
        elaborator.need_room(context, statement.span)
        run(elaborator, chosen, context.condition())
        return


def _chosen(
    elaborator: Elaborator, statement: tree.If, context: Context
) -> tuple[tree.Statement, ...] | None:
    condition = statement.condition
    holds = elaborator.known(lambda: truth(elaborator.value(condition, context), condition.span), context)
    if holds is None:
        return None
    return statement.then if holds else statement.otherwise


def _misplaced(elaborator: Elaborator, statement: Any, context: Context) -> None:
    word = statement.span.text.split()[0]
    elaborator.fault(
        "misplaced-statement",
        f"{word} belongs to the file itself, not inside braces",
        statement.span,
        "move it out of the braces",
        context=context,
    )


def _outermost(elaborator: Elaborator, statement: Any, context: Context) -> None:
    """What the file itself has read already: header, blocks, use, expect, train."""
    if context.depth:
        _misplaced(elaborator, statement, context)


_HANDLERS: Final[dict[type, Callable[[Elaborator, Any, Context], None]]] = {
    tree.LayerSentence: _layer, tree.Let: _let, tree.Repeat: _repeat, tree.If: _if, tree.Input: _input,
    tree.From: jump, tree.Head: head, tree.Header: _outermost, tree.BlockDefinition: _outermost,
    tree.Use: _outermost, tree.Expect: _outermost, tree.Train: _outermost,
}  # fmt: skip

"""Bodies expanded statement by statement; the shape is known at every step, so ``C`` is too."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from functools import partial
from typing import Any, Final

from cnnspec.binding.values import POISONED, Value, Word, format_value, truth
from cnnspec.diagnostics import did_you_mean, surely
from cnnspec.elaborate.blocks import defined, find_block, prelude, takes, use_block
from cnnspec.elaborate.branches import head, jump
from cnnspec.elaborate.depth import need_room
from cnnspec.elaborate.elaborator import Elaborator
from cnnspec.elaborate.faults import MOST_LOOKED_FOR
from cnnspec.elaborate.inputs import begin_input
from cnnspec.elaborate.layer import place_layer, unknown_word
from cnnspec.elaborate.scope import Context
from cnnspec.layers.registry import LAYERS, SYNONYMS
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
    if kind is None and definition is None:
        if (value := context.get(sentence.word)) is not None:
            _stand_in(elaborator, sentence, context, value)
            return
        if _keyword(elaborator, sentence, context):
            return
    if elaborator.current is None and elaborator.seen_input is None:
        _no_input(elaborator, sentence)
    if kind is not None:
        place_layer(elaborator, sentence, context, kind)
    elif definition is not None:
        use_block(elaborator, sentence, context, definition)
    else:
        _unknown(elaborator, sentence, context)


def _stand_in(elaborator: Elaborator, sentence: tree.LayerSentence, context: Context, value: Value) -> None:
    """A name in the place of a layer or block: the one it stands for."""
    if isinstance(value, Word):
        known = LAYERS if value in LAYERS else ()
        definition = getattr(value, "definition", None) or find_block(value, context)
        if value in known or definition is not None:
            meant = elaborator.meant_by(sentence, value)
            if definition is not None and value not in known:
                use_block(elaborator, meant, context, definition)
            else:
                place_layer(elaborator, meant, context, LAYERS[value])
            return
    _no_layer(elaborator, sentence, context, value)


def _no_layer(elaborator: Elaborator, sentence: tree.LayerSentence, context: Context, value: Value) -> None:
    _, label = elaborator.name(sentence, context)
    elaborator.current = None
    if label is not None:
        elaborator.labels[label] = None
    if value is POISONED or elaborator.faults.told("unknown-word", sentence.word_span):
        return
    words = _known(elaborator, context) if isinstance(value, Word) else []
    cures = did_you_mean(sentence.word_span, str(value), words, synonyms=SYNONYMS)["help"]
    elaborator.fault(
        "unknown-word",
        f"{sentence.word} is {format_value(value)} here, which is no layer and no block",
        sentence.word_span,
        *cures,
        f"a name can stand for a layer: let {sentence.word} = relu",
        context=context,
    )


def _keyword(elaborator: Elaborator, sentence: tree.LayerSentence, context: Context) -> bool:
    """Whether the word is a misspelt keyword: nearer to one than to any layer or block."""
    from cnnspec.syntax.keywords import FORMS, labelled, misspelt
    from cnnspec.syntax.parse import parse_tolerant

    if sentence.label is not None and sentence.word in FORMS:
        label = sentence.label.span
        colon = label.source.text.index(":", label.end) + 1
        elaborator.report(labelled(label.source.span(label.start, colon), sentence.word_span), context)
        if sentence.word == "input" and len(sentence.arguments) == 1:
            begin_input(elaborator, tree.Input(sentence.arguments[0], sentence.span), context)
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
        begin_input(elaborator, tree.Input(sentence.arguments[0], sentence.span), context)
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
    (_misplaced if context.depth else begin_input)(elaborator, statement, context)


def _let(elaborator: Elaborator, statement: tree.Let, context: Context) -> None:
    name = statement.name
    if not elaborator.may_be_named(name.text, name.span, "constant", context):
        return
    if context.has(name.text):
        _given_before(elaborator, name, context)
        return
    value = elaborator.known(partial(defined, elaborator, statement.value, context), context)
    context.give(name.text, POISONED if value is None else value)


def _given_before(elaborator: Elaborator, name: tree.Name, context: Context) -> None:
    elaborator.fault(
        "repeated-name",
        f"{name.text} already has a value",
        name.span,
        "a constant is given once; choose another name",
        context=context,
    )


def _repeat(elaborator: Elaborator, statement: tree.Repeat, context: Context) -> None:
    turns = _turns(elaborator, statement, context)
    if turns is None:
        elaborator.current = None
        return
    need_room(elaborator, context, statement.span)
    elaborator.need_steps(
        turns * (1 + elaborator.bound.of(statement.body, context.scope.module)), statement.span
    )
    title, repeat = f"repeat {turns}", elaborator.groups + 1
    name = _turn_name(elaborator, statement, context)
    for turn in range(turns):
        elaborator.step(statement.span)
        before, group = elaborator.current, elaborator.new_group(title, turn, turns, repeat)
        run(elaborator, statement.body, context.turn(group, name))
        if before is None and elaborator.current is None:
            break
    if name is not None:
        context.values.pop(name, None)


def _turn_name(elaborator: Elaborator, statement: tree.Repeat, context: Context) -> str | None:
    """The name of the turns, which is known inside alone; None without one that may be given."""
    name = statement.turn
    if name is None or not elaborator.may_be_named(name.text, name.span, "turn", context):
        return None
    if not context.has(name.text) and name.text not in context.values:
        return name.text
    _given_before(elaborator, name, context)
    return None


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
        need_room(elaborator, context, statement.span)
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

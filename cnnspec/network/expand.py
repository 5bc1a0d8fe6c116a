"""Bodies expanded statement by statement; the shape is known at every step, so ``C`` is too."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Final

from cnnspec.diagnostics import Diagnostic, Fix, Label, Severity, nearest
from cnnspec.layers.base import show
from cnnspec.layers.roll import LAYERS, SYNONYMS
from cnnspec.network.blocks import find_block, prelude, use_block
from cnnspec.network.branches import head, jump
from cnnspec.network.graph import InputLayer, Node
from cnnspec.network.scope import Context
from cnnspec.network.sentence import place_layer, unknown_word
from cnnspec.network.values import LOST, Fault, Hole, truth, written
from cnnspec.network.work import AXIS_VALUES, Work
from cnnspec.syntax import tree

RESERVED: Final = (*AXIS_VALUES, "yes", "no")


def run(work: Work, statements: tuple[tree.Statement, ...], context: Context) -> None:
    """Expands a body in order."""
    for statement in statements:
        _HANDLERS[type(statement)](work, statement, context)


def _layer(work: Work, sentence: tree.Layer, context: Context) -> None:
    work.step(sentence.word_span)
    kind = LAYERS.get(sentence.word)
    definition = None if kind is not None else find_block(sentence.word, context)
    if kind is None and definition is None and _keyword(work, sentence, context):
        return
    if work.current is None and work.seen_input is None:
        _no_input(work, sentence)
    if kind is not None:
        place_layer(work, sentence, context, kind)
    elif definition is not None:
        use_block(work, sentence, context, definition)
    else:
        _unknown(work, sentence, context)


def _keyword(work: Work, sentence: tree.Layer, context: Context) -> bool:
    """Whether the word is a misspelt keyword: nearer to one than to any layer or block."""
    from cnnspec.syntax.keywords import misspelt

    blocks = [*context.frame.module.blocks, *prelude().blocks]
    meant = nearest(sentence.word, [*LAYERS, *blocks], SYNONYMS)
    fault = misspelt(sentence.word_span, instead_of=meant)
    if fault is None:
        return False
    work.report(fault, context)
    keyword = fault.fixes[0].replacement
    if keyword == "input" and len(sentence.arguments) == 1:
        _input(work, tree.Input(sentence.arguments[0], sentence.span), context)
    elif keyword not in ("network", "let", "use", "expect", "train"):
        work.current = None
    return True


def _unknown(work: Work, sentence: tree.Layer, context: Context) -> None:
    """An unknown word is taken for what it most likely means, so that the rest can be looked at."""
    blocks = [*context.frame.module.blocks, *prelude().blocks]
    fault = unknown_word(sentence, [*LAYERS, *blocks], SYNONYMS)
    work.report(fault, context)
    meant = LAYERS.get(fault.fixes[0].replacement) if fault.fixes else None
    if meant is None:
        _, label = work.name(sentence, context)
        work.current = None
        if label is not None:
            work.labels[label] = None
        return
    before = dict(work.faults.items)
    work.guessed = True
    place_layer(work, sentence, context, meant)
    work.faults.items = before


def _no_input(work: Work, sentence: tree.Layer) -> None:
    work.report(
        Diagnostic(
            "missing-input", "there is no input before this layer", sentence.word_span,
            help=("say first what flows in: input height x width x channels, such as input 28x28x1",),
        )
    )  # fmt: skip
    work.seen_input = tree.Input(tree.Size((), sentence.span), sentence.span)


def _input(work: Work, statement: tree.Input, context: Context) -> None:
    if context.depth:
        _misplaced(work, statement, context)
        return
    if work.seen_input is not None:
        work.report(
            Diagnostic(
                "repeated-input", "a network has one input", statement.span,
                labels=(Label(work.seen_input.span, "given here"),),
                help=("keep one of the two",),
            )
        )  # fmt: skip
        return
    try:
        value = work.closed(statement.shape, context)
    except Fault as fault:
        work.report(fault.diagnostic)
        return
    except Hole:
        return
    finally:
        work.seen_input = statement
    shape = value if isinstance(value, tuple) else (value,)
    if not all(type(size) is int and size > 0 for size in shape) or not 1 <= len(shape) <= 4:
        _wrong_input(work, statement, written(value))
        return
    work.nodes.append(Node(0, "input", InputLayer(), (), (), shape, statement.span, ("input",)))
    _suspect_order(work, statement, shape)
    work.names.taken.add("input")
    work.labels["input"] = work.current = 0


def _suspect_order(work: Work, statement: tree.Input, shape: tuple[int, ...]) -> None:
    """Images written channels first, as PyTorch has them, are read as very flat ones."""
    if len(shape) == 3 and shape[0] <= 4 and shape[1] == shape[2] >= 16:
        text = show((*shape[1:], shape[0]))
        work.report(
            Diagnostic(
                "channels-first",
                f"this image is {shape[0]} pixel{'s' * (shape[0] > 1)} high and has {shape[2]} channels",
                statement.shape.span, Severity.WARNING,
                notes=("sizes are height x width x channels",),
                help=(f"if {shape[0]} is the number of channels, write input {text}",),
                fixes=(Fix(statement.shape.span, text, f"write {text}"),),
            )
        )  # fmt: skip


def _wrong_input(work: Work, statement: tree.Input, received: str) -> None:
    work.report(
        Diagnostic(
            "wrong-input", f"an input must be one to four sizes of at least 1. Received: {received}",
            statement.shape.span,
            help=("write height x width x channels: input 28x28x1", "or a vector's length: input 784"),
        )
    )  # fmt: skip


def _let(work: Work, statement: tree.Let, context: Context) -> None:
    name = statement.name
    values = context.values
    if name.text in RESERVED:
        work.report(
            Diagnostic(
                "reserved-name", f"{name.text} has a meaning of its own and cannot be a constant", name.span,
                help=("choose another name",),
            ),
            context,
        )  # fmt: skip
        return
    if name.text in values:
        work.report(
            Diagnostic(
                "repeated-name", f"{name.text} already has a value", name.span,
                help=("a constant is given once; choose another name",),
            ),
            context,
        )  # fmt: skip
        return
    work.lets += context.depth == 0
    try:
        values[name.text] = work.value(statement.value, context)
    except Fault as fault:
        values[name.text] = LOST
        work.report(fault.diagnostic, context)
    except Hole:
        values[name.text] = LOST


def _repeat(work: Work, statement: tree.Repeat, context: Context) -> None:
    turns = _turns(work, statement, context)
    if turns is None:
        work.current = None
        return
    work.need_room(context, statement.span)
    work.need_steps(turns * (1 + work.bound.of(statement.body, context.frame.module)), statement.span)
    title, repeat = f"repeat {turns}", work.groups + 1
    for turn in range(turns):
        work.step(statement.span)
        before, group = work.current, work.new_group(title, turn, turns, repeat)
        run(work, statement.body, context.inner((*context.groups, group), repeating=True))
        if before is None and work.current is None:
            return


def _turns(work: Work, statement: tree.Repeat, context: Context) -> int | None:
    try:
        value = work.closed(statement.count, context)
    except Fault as fault:
        work.report(fault.diagnostic, context)
        return None
    except Hole:
        return None
    if type(value) is not int or value < 0:
        work.report(
            Diagnostic(
                "wrong-repeat", f"repeat needs a whole number of at least 0. Received: {written(value)}",
                statement.count.span,
            ),
            context,
        )  # fmt: skip
        return None
    return value


def _if(work: Work, statement: tree.If, context: Context) -> None:
    """A chain of ``else if`` is walked, not nested."""
    while True:
        work.step(statement.span)
        chosen = _chosen(work, statement, context)
        if chosen is None:
            work.current = None
            return
        if len(chosen) == 1 and isinstance(chosen[0], tree.If) and chosen is statement.otherwise:
            statement = chosen[0]
            continue
        work.need_room(context, statement.span)
        run(work, chosen, context.inner())
        return


def _chosen(work: Work, statement: tree.If, context: Context) -> tuple[tree.Statement, ...] | None:
    try:
        holds = truth(work.value(statement.condition, context), statement.condition.span)
    except Fault as fault:
        work.report(fault.diagnostic, context)
        return None
    except Hole:
        return None
    return statement.then if holds else statement.otherwise


def _misplaced(work: Work, statement: Any, context: Context) -> None:
    word = type(statement).__name__.lower()
    word = {"header": "network"}.get(word, word)
    work.report(
        Diagnostic(
            "misplaced-statement", f"{word} belongs to the file itself, not inside braces", statement.span,
            help=("move it out of the braces",),
        ),
        context,
    )  # fmt: skip


def _outermost(work: Work, statement: Any, context: Context) -> None:
    """What the file itself has read already: header, blocks, use, expect, train."""
    if context.depth:
        _misplaced(work, statement, context)


_HANDLERS: Final[dict[type, Callable[[Work, Any, Context], None]]] = {
    tree.Layer: _layer, tree.Let: _let, tree.Repeat: _repeat, tree.If: _if, tree.Input: _input,
    tree.From: jump, tree.Head: head, tree.Header: _outermost, tree.Block: _outermost,
    tree.Use: _outermost, tree.Expect: _outermost, tree.Train: _outermost,
}  # fmt: skip

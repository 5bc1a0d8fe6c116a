"""Blocks: found by their word, given their parameters, expanded in a scope of their own."""

from __future__ import annotations

from functools import cache, partial

from cnnspec.binding.binder import bind, values_of
from cnnspec.binding.values import Value
from cnnspec.diagnostics import Label
from cnnspec.elaborate.claims import check_claim
from cnnspec.elaborate.elaborator import Elaborator
from cnnspec.elaborate.scope import Context, Definition, Module, Scope
from cnnspec.resources import prelude_text
from cnnspec.syntax import tree
from cnnspec.text import Source


@cache
def prelude() -> Module:
    """The blocks that every spec may use."""
    from cnnspec.syntax.parse import parse

    module = Module("prelude.cnn")
    for statement in parse(Source("prelude.cnn", prelude_text())).statements:
        if isinstance(statement, tree.BlockDefinition):
            module.blocks[statement.name.text] = Definition(statement, module)
    return module


def find_block(word: str, context: Context) -> Definition | None:
    """The block of a word: the file's own or one it uses, else the prelude's."""
    return context.scope.module.blocks.get(word) or prelude().blocks.get(word)


def takes(definition: Definition, sentence: tree.LayerSentence) -> bool:
    """Whether a block can be used with what a sentence gives."""
    bound = bind(definition.signature, sentence.arguments, sentence.options, sentence.span)
    needed = (name for name, parameter in definition.parameters.items() if parameter.default is None)
    return not bound.faults and all(name in bound.given for name in needed)


def use_block(
    elaborator: Elaborator, sentence: tree.LayerSentence, context: Context, definition: Definition
) -> None:
    """Expands a block in place; its last node flows on."""
    if not _may_expand(elaborator, sentence, context, definition):
        elaborator.current = None
        return
    name, label = elaborator.name(sentence, context)
    scope = _frame(sentence, context, definition, name)
    values = _parameters(elaborator, sentence, context, definition)
    if values is None:
        elaborator.current = None
    else:
        group = elaborator.new_group(sentence.word)
        inside = Context(scope, values, None, (*context.groups, group), context.depth + 1, repeating=False)
        elaborator.run(elaborator, definition.block.body, inside)
    if label is not None:
        elaborator.labels[label] = elaborator.current
    if sentence.claim is not None and elaborator.current is not None:
        check_claim(elaborator, sentence, sentence.claim, elaborator.current, context)


def _frame(sentence: tree.LayerSentence, context: Context, definition: Definition, name: str) -> Scope:
    outer = context.scope
    return Scope(
        definition.module,
        (*outer.path, name[len(outer.prefix) :]),
        definition.reserved,
        (*outer.calls, sentence),
        outer.blocks | {definition},
        definition,
        definition.lets,
    )


def _may_expand(
    elaborator: Elaborator, sentence: tree.LayerSentence, context: Context, definition: Definition
) -> bool:
    word = sentence.word
    if definition in context.scope.blocks:
        chain = [call.word for call in context.scope.calls]
        elaborator.fault(
            "recursive-block",
            f"{word} uses itself, so it would never end",
            sentence.word_span,
            "use repeat to have something several times",
            labels=(Label(definition.block.name.span, "defined here"),),
            notes=(" uses ".join([*chain[chain.index(word) :], word]),),
        )
        return False
    elaborator.need_room(context, sentence.word_span)
    elaborator.need_steps(elaborator.bound.of_block(definition), sentence.word_span)
    if sentence.paths is not None:
        elaborator.needless_branches(sentence, "is a block", context)
        return False
    return True


def _parameters(
    elaborator: Elaborator, sentence: tree.LayerSentence, context: Context, definition: Definition
) -> dict[str, Value] | None:
    """The parameters' values; a default sees the parameters before it. None where one is not known."""
    bound = bind(definition.signature, sentence.arguments, sentence.options, sentence.span)
    report = partial(elaborator.report, context=context)
    for fault in bound.faults:
        report(fault)
    if bound.faults:
        return None
    values: dict[str, Value] = {}
    inside = Context(definition.scope, values)
    for name, parameter in definition.parameters.items():
        written, where = bound.given.get(name, parameter.default), context if name in bound.given else inside
        if written is None:
            report(definition.signature.missing(name, sentence.span))
        else:
            values |= values_of({name: written}, partial(elaborator.value, context=where), report)
    return values if len(values) == len(definition.parameters) else None

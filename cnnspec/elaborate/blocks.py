"""Blocks: found by their word, given their parameters, expanded in a scope of their own."""

from __future__ import annotations

from collections.abc import Iterable
from functools import cache

from cnnspec.binding.values import Fault, Unresolved, Value
from cnnspec.diagnostics import Diagnostic, Fix, Label, nearest
from cnnspec.elaborate.claims import check_claim
from cnnspec.elaborate.elaborator import Elaborator
from cnnspec.elaborate.scope import Context, Definition, Frame, Module
from cnnspec.resources import prelude_text
from cnnspec.syntax import tree
from cnnspec.text import Source


@cache
def prelude() -> Module:
    """The blocks that every spec may use."""
    from cnnspec.syntax.parse import parse

    module = Module("prelude.cnn")
    for statement in parse(Source("prelude.cnn", prelude_text())).statements:
        if isinstance(statement, tree.Block):
            module.blocks[statement.name.text] = Definition(statement, module)
    return module


def find_block(word: str, context: Context) -> Definition | None:
    """The block of a word: the file's own or one it uses, else the prelude's."""
    return context.frame.module.blocks.get(word) or prelude().blocks.get(word)


def use_block(elaborator: Elaborator, sentence: tree.Layer, context: Context, definition: Definition) -> None:
    """Expands a block in place; its last node flows on."""
    if not _may_expand(elaborator, sentence, context, definition):
        elaborator.current = None
        return
    name, label = elaborator.name(sentence, context)
    frame = _frame(sentence, context, definition, name)
    values = _bind(elaborator, sentence, context, definition)
    if values is None:
        elaborator.current = None
    else:
        group = elaborator.new_group(sentence.word)
        inside = Context(frame, values, None, (*context.groups, group), context.depth + 1, repeating=False)
        elaborator.run(elaborator, definition.block.body, inside)
    if label is not None:
        elaborator.labels[label] = elaborator.current
    if sentence.claim is not None and elaborator.current is not None:
        check_claim(elaborator, sentence, sentence.claim, elaborator.current, context)


def _frame(sentence: tree.Layer, context: Context, definition: Definition, name: str) -> Frame:
    outer = context.frame
    return Frame(
        definition.module,
        (*outer.path, name[len(outer.prefix) :]),
        definition.reserved,
        (*outer.calls, sentence),
        outer.blocks | {definition},
    )


def _may_expand(
    elaborator: Elaborator, sentence: tree.Layer, context: Context, definition: Definition
) -> bool:
    word = sentence.word
    if definition in context.frame.blocks:
        chain = [call.word for call in context.frame.calls]
        elaborator.report(
            Diagnostic(
                "recursive-block", f"{word} uses itself, so it would never end", sentence.word_span,
                labels=(Label(definition.block.name.span, "defined here"),),
                notes=(" uses ".join([*chain[chain.index(word) :], word]),),
                help=("use repeat to have something several times",),
            ),
        )  # fmt: skip
        return False
    elaborator.need_room(context, sentence.word_span)
    elaborator.need_steps(elaborator.bound.of_block(definition), sentence.word_span)
    if sentence.paths is not None:
        elaborator.report(
            Diagnostic(
                "needless-branches", f"{word} is a block; it takes no branches", sentence.word_span,
                help=("merge the branches with add, concat or multiply",),
            ),
            context,
        )  # fmt: skip
        return False
    return True


def _bind(
    elaborator: Elaborator, sentence: tree.Layer, context: Context, definition: Definition
) -> dict[str, Value] | None:
    """The parameters' values; None where one could not be known. Every fault is reported."""
    given = _given(elaborator, sentence, context, definition)
    values: dict[str, Value] = {}
    inside = Context(definition.frame, values)
    known = given is not None
    for name, parameter in definition.parameters.items():
        expression = (given or {}).get(name)
        if expression is None and parameter.default is None:
            known = False
            if given is not None:
                elaborator.report(_missing(sentence, definition, name), context)
            continue
        try:
            if expression is not None:
                values[name] = elaborator.value(expression, context)
            elif parameter.default is not None:
                values[name] = elaborator.value(parameter.default, inside)
        except Fault as fault:
            elaborator.report(fault.diagnostic, context)
            known = False
        except Unresolved:
            known = False
    return values if known else None


def _given(
    elaborator: Elaborator, sentence: tree.Layer, context: Context, definition: Definition
) -> dict[str, tree.Expression] | None:
    """The written parameters by name; None where one of them has no place."""
    names, faults = list(definition.parameters), []
    given = dict(zip(names, sentence.arguments, strict=False))
    if len(sentence.arguments) > len(names):
        faults.append(_too_many(sentence, definition))
    for option in sentence.options:
        if option.name not in definition.parameters:
            faults.append(_unknown(option, sentence, definition))
        elif option.name in given:
            faults.append(repeated_option(option, names[: len(sentence.arguments)]))
        else:
            given[option.name] = option.value
    for fault in faults:
        elaborator.report(fault, context)
    return None if faults else given


def repeated_option(option: tree.Option, by_place: Iterable[str]) -> Diagnostic:
    """The fault of an option that has its value already."""
    how = ": by its place and by its name" if option.name in by_place else ""
    return Diagnostic(
        "repeated-option", f"{option.name} is given twice{how}", option.span, help=("keep one of the two",)
    )


def signature(definition: Definition) -> str:
    """How a block is used: ``bottleneck width stride=1``."""
    return " ".join(
        (
            definition.block.name.text,
            *(
                name if parameter.default is None else f"{name}={parameter.default.span.text}"
                for name, parameter in definition.parameters.items()
            ),
        )
    )


def _missing(sentence: tree.Layer, definition: Definition, name: str) -> Diagnostic:
    return Diagnostic(
        "missing-option", f"{sentence.word} needs its {name}", sentence.span,
        labels=(Label(definition.block.name.span, "defined here"),),
        help=(f"write {signature(definition)}",),
    )  # fmt: skip


def _too_many(sentence: tree.Layer, definition: Definition) -> Diagnostic:
    count = len(definition.parameters)
    return Diagnostic(
        "too-many-arguments",
        f"{sentence.word} takes {count} value{'s' * (count != 1)}. Received: {len(sentence.arguments)}",
        sentence.arguments[count].span,
        labels=(Label(definition.block.name.span, "defined here"),),
        help=(f"write {signature(definition)}",),
    )


def _unknown(option: tree.Option, sentence: tree.Layer, definition: Definition) -> Diagnostic:
    meant = nearest(option.name, definition.parameters)
    return Diagnostic(
        "unknown-option", f"{sentence.word} has no parameter {option.name}", option.name_span,
        labels=(Label(definition.block.name.span, "defined here"),),
        help=(f"did you mean {meant}?",) if meant else (f"write {signature(definition)}",),
        fixes=(Fix(option.name_span, meant, f"write {meant}"),) if meant else (),
    )  # fmt: skip

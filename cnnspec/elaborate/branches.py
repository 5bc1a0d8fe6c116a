"""Where the chain forks and meets: merges, long skips, jumps and side heads."""

from __future__ import annotations

from typing import Any

from cnnspec.binding.values import Fault, Unresolved, Word, format_value
from cnnspec.diagnostics import Diagnostic
from cnnspec.elaborate.elaborator import Elaborator
from cnnspec.elaborate.scope import Context, Frame, labels_in
from cnnspec.layers.base import Layer
from cnnspec.network.graph import Output
from cnnspec.syntax import tree


def inputs_of(
    elaborator: Elaborator, sentence: tree.Layer, context: Context, kind: type[Layer]
) -> tuple[int, ...] | None:
    """The nodes a layer reads, or None where one of them is not known."""
    most = kind.arity[1]
    if most == 1 and sentence.paths is None:
        return None if elaborator.current is None else (elaborator.current,)
    if most == 1:
        elaborator.report(
            Diagnostic(
                "needless-branches", f"{kind.word} reads one tensor; it takes no branches",
                sentence.word_span, help=("merge the branches with add, concat or multiply",),
            ),
            context,
        )  # fmt: skip
        return None if elaborator.current is None else (elaborator.current,)
    found = _paths(elaborator, sentence, context) if sentence.paths is not None else [elaborator.current]
    found += _labels(elaborator, labels_of(sentence, kind), context)
    if not _enough(elaborator, sentence, context, kind, len(found)) or None in found:
        return None
    return tuple(node for node in found if node is not None)


def _paths(elaborator: Elaborator, sentence: tree.Layer, context: Context) -> list[int | None]:
    """The last node of each path; all begin where the chain stands."""
    elaborator.need_room(context, sentence.word_span)
    start, ends = elaborator.current, []
    for path in sentence.paths or ():
        elaborator.current = start
        elaborator.step(path.span)
        elaborator.run(elaborator, path.statements, context.inner())
        ends.append(elaborator.current)
    elaborator.current = start
    return ends


def labels_of(sentence: tree.Layer, kind: type[Layer]) -> tuple[tree.Expression, ...]:
    """The arguments that name other layers: references first, then those of a merge."""
    given = dict(zip(kind.positional, sentence.arguments, strict=False))
    given |= {option.name: option.value for option in sentence.options}
    referred = tuple(given[name] for name in kind.references if name in given)
    return (*referred, *sentence.arguments[len(kind.positional) :])


def _labels(
    elaborator: Elaborator, arguments: tuple[tree.Expression, ...], context: Context
) -> list[int | None]:
    return [_label(elaborator, argument, context) for argument in arguments]


def _label(elaborator: Elaborator, argument: tree.Expression, context: Context) -> int | None:
    try:
        value = elaborator.closed(argument, context)
        if isinstance(argument, tree.Name) and not isinstance(value, Word):
            value = Word(argument.text)
        if not isinstance(value, Word):
            raise Fault(
                "unknown-label", f"a label must be a name. Received: {format_value(value)}", argument.span
            )
        return elaborator.find(value, argument.span, context)
    except Fault as fault:
        elaborator.report(fault.diagnostic, context)
    except Unresolved:
        pass
    return None


def _enough(
    elaborator: Elaborator, sentence: tree.Layer, context: Context, kind: type[Layer], count: int
) -> bool:
    fewest, most = kind.arity
    if count >= fewest and (most is None or count <= most):
        return True
    wanted = (
        f"at least {fewest}" if most is None else str(fewest) if fewest == most else f"{fewest} to {most}"
    )
    elaborator.report(
        Diagnostic(
            "wrong-number-of-inputs",
            f"{kind.word} merges {wanted} tensors. Received: {count}",
            sentence.word_span,
            help=(
                f"name the other one: {kind.word} stem",
                f"or write the branches: {kind.word} {{ | … | … }}",
            ),
        ),
        context,
    )
    return False


def jump(elaborator: Elaborator, statement: tree.From, context: Context) -> None:
    """``from stem``: the chain carries on from a labelled node."""
    elaborator.current = _label(elaborator, statement.label, context)


def head(elaborator: Elaborator, statement: tree.Head, context: Context) -> None:
    """``head aux1 { … }``: an extra output; the chain goes on as if it were not there."""
    elaborator.need_room(context, statement.span)
    elaborator.step(statement.span)
    name = elaborator.names.label(statement.name.text, context)
    if name is None:
        elaborator.report(
            Diagnostic(
                "repeated-label", f"the name {statement.name.text} is already given", statement.name.span,
                help=("give each head a name of its own",),
            ),
            context,
        )  # fmt: skip
        name = elaborator.names.automatic(statement.name.text, context)
    frame = context.frame
    local = name[len(frame.prefix) :]
    inside = Frame(frame.module, (*frame.path, local), labels_in(statement.body), frame.calls, frame.blocks)
    start = elaborator.current
    elaborator.run(
        elaborator, statement.body,
        Context(inside, {}, context, context.groups, context.depth + 1, False),
    )  # fmt: skip
    if elaborator.current is not None:
        elaborator.heads.append(Output(name, elaborator.current, _weight(elaborator, statement, context)))
    elaborator.current = start


def _weight(elaborator: Elaborator, statement: tree.Head, context: Context) -> float:
    weight: Any = 1.0
    for option in statement.options:
        if option.name != "weight":
            elaborator.report(
                Diagnostic(
                    "unknown-option", f"head has no option {option.name}", option.name_span,
                    help=("its options: weight",),
                ),
                context,
            )  # fmt: skip
            continue
        try:
            weight = elaborator.closed(option.value, context)
        except Fault as fault:
            elaborator.report(fault.diagnostic, context)
            continue
        except Unresolved:
            continue
        if isinstance(weight, bool) or not isinstance(weight, int | float) or weight < 0:
            elaborator.report(
                Diagnostic(
                    "wrong-option",
                    f"weight must be a number of at least 0. Received: {format_value(weight)}",
                    option.value.span,
                ),
                context,
            )  # fmt: skip
            weight = 1.0
    return float(weight)

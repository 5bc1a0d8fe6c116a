"""Where the chain forks and meets: merges, long skips, jumps and side heads."""

from __future__ import annotations

from dataclasses import replace
from functools import partial
from typing import Final

from pydantic import Field

from cnnspec.binding.binder import Binding, Signature, bind, values_of
from cnnspec.binding.refusals import validate
from cnnspec.binding.values import SentenceError, Unresolved, Word, format_value
from cnnspec.diagnostics import Label, did_you_mean
from cnnspec.elaborate.depth import need_room
from cnnspec.elaborate.elaborator import WHICH, Elaborator
from cnnspec.elaborate.scope import Context, labels_in
from cnnspec.layers.base import Layer
from cnnspec.layers.writing import SentenceModel
from cnnspec.network.graph import Output
from cnnspec.syntax import tree
from cnnspec.text import Span


def inputs_of(
    elaborator: Elaborator, sentence: tree.LayerSentence, context: Context, kind: type[Layer], bound: Binding
) -> tuple[int, ...] | None:
    """The nodes a layer reads, or None where one of them is not known."""
    most = kind.arity[1]
    if most == 1 and sentence.paths is not None:
        elaborator.needless_branches(sentence, "reads one tensor", context)
    if most == 1:
        current = elaborator.here(sentence.word_span, context)
        return None if current is None else (current,)
    labels = labels_of(bound, kind)
    found: list[int | None] = []
    if sentence.paths is not None:
        found = _paths(elaborator, sentence, context)
    elif elaborator.current != WHICH or len(labels) < 2:  # concat left right: of several inputs these two
        found = [elaborator.here(sentence.word_span, context)]
    found += [find_label(elaborator, argument, context) for argument in labels]
    if not _enough(elaborator, sentence, context, kind, len(found)) or None in found:
        return None
    return tuple(node for node in found if node is not None)


def _paths(elaborator: Elaborator, sentence: tree.LayerSentence, context: Context) -> list[int | None]:
    """The last node of each path; all begin where the chain stands."""
    need_room(elaborator, context, sentence.word_span)
    start, ends = elaborator.current, []
    for path in sentence.paths or ():
        elaborator.current = start
        elaborator.step(path.span)
        elaborator.run(elaborator, path.statements, context.path())
        ends.append(elaborator.here(path.span, context))
    elaborator.current = start
    return ends


def labels_of(bound: Binding, kind: type[Layer]) -> tuple[tree.Expression, ...]:
    """The arguments that name other layers: references first, then those of a merge."""
    return (*(bound.given[name] for name in kind.references if name in bound.given), *bound.more)


def find_label(elaborator: Elaborator, argument: tree.Expression, context: Context) -> int | None:
    """The node that a label names, or None where it is not known."""

    def find() -> int:
        value = elaborator.closed(argument, context)
        if isinstance(argument, tree.Name) and not isinstance(value, Word):
            value = Word(argument.text)
        if not isinstance(value, Word):
            message = f"a label must be a name. Received: {format_value(value)}"
            raise SentenceError("unknown-label", message, argument.span)
        return _find(elaborator, value, argument.span, context)

    return elaborator.known(find, context)


def _enough(
    elaborator: Elaborator, sentence: tree.LayerSentence, context: Context, kind: type[Layer], count: int
) -> bool:
    fewest, most = kind.arity
    if count >= fewest and (most is None or count <= most):
        return True
    wanted = (
        f"at least {fewest}" if most is None else str(fewest) if fewest == most else f"{fewest} to {most}"
    )
    elaborator.fault(
        "wrong-number-of-inputs",
        f"{kind.word} merges {wanted} tensors. Received: {count}",
        sentence.word_span,
        f"name the other one: {kind.word} stem",
        f"or write the branches: {kind.word} {{ | … | … }}",
        context=context,
    )
    return False


def jump(elaborator: Elaborator, statement: tree.From, context: Context) -> None:
    """``from stem``: the chain carries on from a labelled node."""
    elaborator.current = find_label(elaborator, statement.label, context)


def head(elaborator: Elaborator, statement: tree.Head, context: Context) -> None:
    """``head aux1 { … }``: an extra output; the chain goes on as if it were not there."""
    need_room(elaborator, context, statement.span)
    elaborator.step(statement.span)
    name = elaborator.names.label(statement.name.text, context)
    if name is None:
        elaborator.fault(
            "repeated-label",
            f"the name {statement.name.text} is already given",
            statement.name.span,
            "give each head a name of its own",
            context=context,
        )
        name = elaborator.names.automatic(statement.name.text, context)
    scope = context.scope
    path, prefix = (*scope.path, name[len(scope.prefix) :]), f"{name}."
    inside = replace(scope, path=path, prefix=prefix, reserved=labels_in(statement.body), counts={})
    start = elaborator.current
    elaborator.run(
        elaborator, statement.body, Context(inside, {}, context, context.groups, context.depth + 1, False)
    )
    end = elaborator.here(statement.name.span, context)
    if end is not None:
        elaborator.heads.append(Output(name, end, _weight(elaborator, statement, context)))
    elaborator.current = start


class HeadOptions(SentenceModel):
    """What may be said of a side head."""

    word = "head"

    weight: float = Field(1.0, ge=0, description="weight of its loss in training")


HEAD: Final = Signature.of(HeadOptions)


def _weight(elaborator: Elaborator, statement: tree.Head, context: Context) -> float:
    bound = bind(HEAD, (), statement.options, statement.span)
    report = partial(elaborator.report, context=context)
    for fault in bound.faults:
        report(fault)
    values = values_of(bound.given, partial(elaborator.closed, context=context), report)
    options = validate(HeadOptions, values)
    if isinstance(options, HeadOptions):
        return options.weight
    for refusal in options:
        report(bound.refused(refusal, values, context.names()))
    return 1.0


# Labels --------------------------------------------------------------------------


def _find(elaborator: Elaborator, text: str, span: Span, context: Context) -> int:
    """The node of a label, looked for here and outwards; raises SentenceError, or Unresolved."""
    elaborator.lookups += 1
    for prefix in context.scope.prefixes:
        full = prefix + text
        if full in elaborator.labels:
            node = elaborator.labels[full]
            if node is None:
                raise Unresolved
            return node
    block = text.partition(".")[0]
    lost = any(elaborator.labels.get(prefix + block, 0) is None for prefix in context.scope.prefixes)
    if text == "input" or lost:  # a dotted label may lie in a block that could not be expanded
        raise Unresolved
    raise _unknown_label(elaborator, text, span, context)


def _unknown_label(elaborator: Elaborator, text: str, span: Span, context: Context) -> SentenceError:
    place = context.scope.reserved.get(text)
    if place is not None:
        return SentenceError(
            "unknown-label", f"{text} is defined further down, on line {place.line}", span,
            labels=(Label(place, "defined here"),),
            help=("a skip only reaches back to layers above it",),
        )  # fmt: skip
    if any(prefix + text in elaborator.names.taken for prefix in context.scope.prefixes):
        return SentenceError(
            "unknown-label", f"{text} is a name given automatically, not a label", span,
            notes=("automatic names change when a layer is added above",),
            help=(f"write the label before the layer: {text}: …",),
        )  # fmt: skip
    message = f"there is no label {text} before this line"
    if elaborator.faults.told("unknown-label", span):
        return SentenceError("unknown-label", message, span)
    near = [name for name in list(elaborator.labels)[-200:] if name != "input"]
    known = sorted({name[len(p) :] for name in near for p in context.scope.prefixes if name.startswith(p)})
    others = [f"labels so far: {', '.join(known[:20])}"] if known else []
    cure = did_you_mean(span, text, known, *others)
    return SentenceError("unknown-label", message, span, **cure)

"""How deep braces and blocks may lie, and blocks that use themselves: something has to end it."""

from __future__ import annotations

from collections.abc import Iterator

from cnnspec.diagnostics import Label
from cnnspec.elaborate.elaborator import Elaborator, LimitReached
from cnnspec.elaborate.limits import DEEPEST
from cnnspec.elaborate.scope import Context, Definition, Scope
from cnnspec.syntax import tree
from cnnspec.text import Span


def need_room(elaborator: Elaborator, context: Context, span: Span) -> None:
    """Stops before going deeper than anybody writes; raises LimitReached."""
    if context.depth < DEEPEST:
        return
    scope, definition = context.scope, context.scope.definition
    times = sum(1 for _ in _within(scope, definition)) if definition else 0
    if definition is not None and times > 1:
        why = f" {times - 1} times one inside the other, and no condition ended it"
        _never_ends(elaborator, scope.calls[-1].word_span, scope, definition, why)
    else:
        elaborator.fault(
            "nested-too-deeply",
            f"braces and blocks lie more than {DEEPEST} deep here",
            span,
            "give the inner part a block of its own, used side by side",
        )
    raise LimitReached


def uses_itself_always(
    elaborator: Elaborator, sentence: tree.LayerSentence, context: Context, definition: Definition
) -> bool:
    """Whether a block is used inside itself under no condition at all; that is a fault."""
    inside = next(_within(context.scope, definition), None)
    if inside is None or not _uses_always(definition, definition):
        return False
    _never_ends(elaborator, sentence.word_span, context.scope, definition, ", so it would never end")
    return True


def _within(scope: Scope | None, definition: Definition) -> Iterator[Scope]:
    """The uses of a block that a place lies in, the innermost first."""
    while scope is not None:
        if scope.definition is definition:
            yield scope
        scope = scope.outer


def comes_back(elaborator: Elaborator, sentence: tree.LayerSentence, scope: Scope) -> bool:
    """Whether a block uses itself with all as it was before; that is a fault."""
    definition = scope.definition
    assert definition is not None
    if scope.entered not in [before.entered for before in _within(scope.outer, definition)]:
        return False
    why = " with the same values and the same shape, so it would never end"
    _never_ends(elaborator, sentence.word_span, scope, definition, why)
    return True


def _never_ends(elaborator: Elaborator, span: Span, scope: Scope, definition: Definition, why: str) -> None:
    word, chain = definition.block.name.text, [call.word for call in scope.calls]
    elaborator.fault(
        "recursive-block",
        f"{word} uses itself{why}",
        span,
        "let a condition end it: if depth > 0 { … }, with depth - 1 inside",
        "or use repeat to have something several times",
        labels=(Label(definition.block.name.span, "defined here"),),
        notes=(" uses ".join(dict.fromkeys([*chain[chain.index(word) :]])) + f" uses {word}",),
    )


def _uses_always(
    definition: Definition, wanted: Definition, seen: frozenset[Definition] = frozenset()
) -> bool:
    """Whether a block uses another wherever it is used itself: under no condition."""
    stack = list(definition.block.body)
    while stack:
        statement = stack.pop()
        if isinstance(statement, tree.Head):
            stack.extend(statement.body)
        elif isinstance(statement, tree.Repeat):
            turns = statement.count
            stack.extend(statement.body if isinstance(turns, tree.NumberLiteral) and turns.value else ())
        elif isinstance(statement, tree.LayerSentence):
            stack.extend(inner for path in statement.paths or () for inner in path.statements)
            used = definition.module.blocks.get(statement.word)
            if used is wanted or (
                used is not None and used not in seen and _uses_always(used, wanted, seen | {definition})
            ):
                return True
    return False

"""From the parser's reductions to the tree: one method a rule or terminal of the grammar.

The parser calls these while it reads, so no second walk is made and nothing
recurses. What is too deep or too large is pruned here and said once.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace
from typing import Any, Final, NamedTuple, TypeAlias, TypeVar

from cnnspec.diagnostics import Diagnostic, Diagnostics
from cnnspec.syntax import tree
from cnnspec.syntax.lalr import Token
from cnnspec.text import Source, Span

Children: TypeAlias = list[Any]
Sentence = TypeVar("Sentence", tree.Input, tree.LayerSentence, tree.Setting)
Braced = TypeVar("Braced", tree.BlockDefinition, tree.Repeat, tree.If, tree.Head)

DEEPEST: Final = 64
"""Braces within braces, else-ifs, and operators within operators."""


class _Braces(NamedTuple):
    """What stands in braces, statements or paths, and where they end."""

    inside: tuple[Any, ...]
    end: int


class _Depths:
    """The depth of every node with parts, by identity; a node without is at 0. So nothing has to recurse."""

    def __init__(self) -> None:
        self._known: dict[int, int] = {}
        self._alive: list[object] = []
        """The nodes that have a depth, kept so that no other node can get their identity."""

    def fits(self, node: object, parts: Sequence[object]) -> bool:
        """Whether a node of these parts is shallow enough; its depth is kept where it is."""
        depth = 1 + max((self._known.get(id(part), 0) for part in parts), default=0)
        if depth > DEEPEST:
            return False
        self._known[id(node)] = depth
        self._alive.append(node)
        return True


def _pair(kind: Callable[[Any, Span], Any]) -> Callable[[Builder, Children], Any]:
    """The callback of a sentence that is a word and one thing after it."""

    def build(self: Builder, children: Children) -> Any:
        word, thing = children
        return kind(thing, self._from(word, thing.span.end))

    return build


class Builder:
    """The callbacks of one parser; ``begin`` is called before each parse."""

    def begin(self, source: Source) -> None:
        self.source, self.length = source, len(source.text)
        self.problems = Diagnostics()
        self._depths = _Depths()

    # Terminals ---------------------------------------------------------------

    def NAME(self, token: Token) -> tree.Name:  # noqa: N802 - named as in the grammar
        return tree.Name(token.text, self._span(token))

    def LABEL(self, token: Token) -> tree.Name:  # noqa: N802
        return self._word(token, ":")

    def OPTION(self, token: Token) -> tree.Name:  # noqa: N802
        return self._word(token, "=")

    def NUMBER(self, token: Token) -> tree.NumberLiteral:  # noqa: N802
        span = self._span(token)
        return tree.NumberLiteral(self._number(token.text, span), token.text, span)

    def SIZE(self, token: Token) -> tree.Size:  # noqa: N802
        span = self._span(token)
        parts = token.text.replace("×", "x").split("x")
        return tree.Size(tuple(None if part == "?" else self._whole(part, span) for part in parts), span)

    def STRING(self, token: Token) -> tree.Text:  # noqa: N802
        return tree.Text(token.text[1:-1], self._span(token))

    def UNKNOWN(self, token: Token) -> tree.QuestionMark:  # noqa: N802
        return tree.QuestionMark(self._span(token))

    # Sentences ---------------------------------------------------------------

    def start(self, children: Children) -> tree.Spec:
        return tree.Spec(tuple(children), Span(self.source, 0, self.length))

    header, jump, use, expect = map(_pair, (tree.Header, tree.From, tree.Use, tree.Expect))

    def input(self, children: Children) -> tree.Input:
        word, *name, shape = children
        written = tree.Input(shape, self._from(word, shape.span.end), name[0] if name else None)
        return self._meant(written) if isinstance(shape, tree.Binary) else written

    def let(self, children: Children) -> tree.Let:
        word, name, value = children
        return tree.Let(name, value, self._from(word, value.span.end))

    def block(self, children: Children) -> tree.BlockDefinition:
        word, name, *given, body = children
        parameters = tuple(
            each if isinstance(each, tree.Parameter) else tree.Parameter(each.name, each.value, each.span)
            for each in given
        )
        span = self._from(word, body.end)
        return self._pruned(tree.BlockDefinition(name, parameters, body.inside, span), body=())

    def repeat(self, children: Children) -> tree.Repeat:
        word, count, *turn, body = children
        span = self._from(word, body.end)
        return self._pruned(tree.Repeat(count, body.inside, span, turn[0] if turn else None), body=())

    def condition(self, children: Children) -> tree.If:
        word, condition, then, *rest = children
        otherwise, end = ((), then.end) if not rest else _otherwise(rest[0])
        found = tree.If(condition, then.inside, otherwise, self._from(word, end))
        return self._pruned(found, then=(), otherwise=())

    def head(self, children: Children) -> tree.Head:
        word, name, *options, body = children
        return self._pruned(tree.Head(name, body.inside, self._from(word, body.end), tuple(options)), body=())

    def train(self, children: Children) -> tree.Train:
        word, _, *settings, brace = children
        return tree.Train(tuple(settings), self._from(word, brace.end))

    def setting(self, children: Children) -> tree.Setting:
        word, arguments, options = children
        end = _end(word, *arguments, *options)
        span = self._at(word.span.start, end)
        setting = tree.Setting(word.text, arguments, options, span, word.span)
        return self._meant(setting) if _is_suspect(arguments) else setting

    def layer(self, children: Children) -> tree.LayerSentence:
        at = 1 if isinstance(children[1], tree.Name) else 0
        label = children[0] if at else None
        word, arguments, options, *rest = children[at:]
        claim = rest.pop() if rest and isinstance(rest[-1], tree.Size) else None
        bars = rest[0] if rest else None
        end = max(_end(word, *arguments, *options), bars.end if bars else 0, claim.span.end if claim else 0)
        span = self._at((label or word).span.start, end)
        paths = bars.inside if bars else None
        layer = tree.LayerSentence(word.text, span, word.span, label, arguments, options, paths, claim)
        if _is_suspect(arguments) or word.text == "else":
            layer = self._meant(layer)
        if bars is None:
            return layer
        inside = tuple(statement for path in bars.inside for statement in path.statements)
        return layer if self._fits(layer, inside) else replace(layer, paths=())

    # Parts of sentences --------------------------------------------------------

    def body(self, children: Children) -> _Braces:
        return _Braces(tuple(children[1:-1]), children[-1].end)

    paths = body

    def path(self, children: Children) -> tree.Path:
        bar, *statements = children
        end = statements[-1].span.end if statements else bar.end
        return tree.Path(tuple(statements), self._from(bar, end))

    def parameter(self, children: Children) -> tree.Parameter:
        return tree.Parameter(children[0].text, None, children[0].span)

    def arguments(self, children: Children) -> tuple[Any, ...]:
        return tuple(children)

    options = arguments

    def option(self, children: Children) -> tree.Option:
        name, value = children
        return tree.Option(name.text, value, self._at(name.span.start, value.span.end), name.span)

    def claim(self, children: Children) -> tree.Size:
        shape = children[0]
        if isinstance(shape, tree.Size):
            return shape
        if isinstance(shape, tree.QuestionMark):
            return tree.Size((None,), shape.span)
        if isinstance(shape.value, float):
            self._problem("claim-not-a-shape", f"{shape.text} is not a shape", shape.span, _CLAIM_HELP)
        return tree.Size((int(shape.value),), shape.span)

    # Expressions -----------------------------------------------------------------

    def binary(self, children: Children) -> tree.Expression:
        left, operator, right = children
        span = self._at(left.span.start, right.span.end)
        return self._shallow(tree.Binary(operator.text, left, right, span), (left, right))

    either = both = compared = sum = product = power = binary

    def unary(self, children: Children) -> tree.Expression:
        operator, operand = children
        span = self._from(operator, operand.span.end)
        return self._shallow(tree.Unary(operator.text, operand, span), (operand,))

    negated = signed = unary

    def group(self, children: Children) -> tree.Expression:
        left, inside, right = children
        wider: tree.Expression = replace(inside, span=self._from(left, right.end))
        return self._shallow(wider, (inside,))

    def listing(self, children: Children) -> tree.Expression:
        left, *items, right = children
        span = self._from(left, right.end)
        return self._shallow(tree.Tuple(tuple(items), span), items)

    # Helpers ---------------------------------------------------------------------

    def _at(self, start: int, end: int) -> Span:
        return Span(self.source, start, min(end, self.length))

    def _from(self, token: Token, end: int) -> Span:
        return self._at(token.start, end)

    def _span(self, token: Token) -> Span:
        return self._from(token, token.end)

    def _word(self, token: Token, mark: str) -> tree.Name:
        text = token.text.rstrip(mark).rstrip()
        start = token.start
        return tree.Name(text, Span(self.source, start, start + len(text)))

    def _number(self, text: str, span: Span) -> int | float:
        value = tree.number_value(text)
        if value is None:
            shown = text if len(text) <= 24 else f"{text[:20]}…"
            message = f"{shown} is larger than any network needs"
            self._problem("number-too-large", message, span, "the largest number allowed is 10^15")
        return 1 if value is None else value

    def _whole(self, digits: str, span: Span) -> int:
        return int(self._number(digits, span))

    def _shallow(self, node: tree.Expression, parts: Sequence[tree.Expression]) -> tree.Expression:
        """The node, or a number in its place where it is too deep."""
        return node if self._fits(node, parts) else tree.NumberLiteral(1, "1", node.span)

    def _pruned(self, node: Braced, **bodies: Any) -> Braced:
        """The node, or without its ``bodies`` where it is too deep."""
        inside = [statement for name in bodies for statement in getattr(node, name)]
        return node if self._fits(node, inside) else replace(node, **bodies)

    def _fits(self, node: object, parts: Sequence[object]) -> bool:
        """Whether the node is shallow enough; the first that is not is told."""
        fits = self._depths.fits(node, parts)
        if not fits and not any(item.code == "nested-too-deeply" for item in self.problems):
            message = f"this is nested more than {DEEPEST} deep"
            span: Span = node.span  # type: ignore[attr-defined]
            self._problem("nested-too-deeply", message, span, "give the inner part a block or a constant")
        return fits

    def _meant(self, written: Sentence) -> Sentence:
        """The sentence, or the one that was meant where it looks like a mistake."""
        from cnnspec.syntax.errors.well_formed import meant_by

        found = meant_by(written)
        if found is None:
            return written
        self.problems.add(found[0])
        meant: Sentence = found[1]
        return meant

    def _problem(self, code: str, message: str, span: Span, help: str) -> None:
        self.problems.add(Diagnostic(code, message, span, help=(help,)))


_CLAIM_HELP: Final = "a claim is a shape, such as `=> 10x10x16`, or `=> 400` for a vector"


def _otherwise(rest: _Braces | tree.If) -> tuple[tuple[tree.Statement, ...], int]:
    return rest if isinstance(rest, _Braces) else ((rest,), rest.span.end)


def _is_suspect(arguments: tuple[tree.Expression, ...]) -> bool:
    """Whether a mistake may hide in the arguments: only then is it looked for."""
    return any(
        isinstance(each, tree.Binary | tree.Tuple) or (isinstance(each, tree.Name) and each.text == "x")
        for each in arguments
    )


def _end(*parts: tree.Name | tree.Expression | tree.Option) -> int:
    return parts[-1].span.end

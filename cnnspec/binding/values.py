"""Expressions given their values: exact integers, sizes, yes and no, and plain words."""

from __future__ import annotations

import operator
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from math import inf, isfinite, log
from typing import Any, Final, NamedTuple, TypeAlias, cast

from cnnspec.diagnostics import Diagnostic, LayerError
from cnnspec.layers.base import show
from cnnspec.syntax import tree
from cnnspec.syntax.tree import LARGEST
from cnnspec.text import Span

Value: TypeAlias = "int | float | bool | str | tuple[Any, ...] | OpenValue | Poisoned"
Lookup: TypeAlias = Callable[[tree.Name], Value]
Unknowns: TypeAlias = Mapping[Span, Any]


class Sight(NamedTuple):
    """What an expression can see."""

    lookup: Lookup
    """A name's value; a Word where it has none."""
    unknowns: Unknowns
    """The values of places of ``?``."""
    takes_words: Callable[[str], bool] = lambda name: False
    """Whether a name stands for one of several words, as a parameter may."""


TRUTH: Final = {"yes": True, "no": False}


class Word(str):
    """A name that is bound to nothing: a choice such as ``same``, or a label."""

    __slots__ = ()


@dataclass(eq=False, slots=True)
class OpenValue:
    """A ``?`` that nobody has given a value yet, or a size with one in it."""

    span: Span
    spans: tuple[Span, ...]
    parts: tuple[int | None, ...] = ()

    def filled(self, values: Mapping[Span, Any]) -> Any:
        """The value with every ``?`` replaced; ``values`` holds one for each of ``spans``."""
        if not self.parts:
            return values[self.span]
        found = iter([values[span] for span in self.spans])
        return tuple(next(found) if part is None else part for part in self.parts)


class Poisoned:
    """The value of a name that could not be found; the cause has been reported."""

    __slots__ = ()


POISONED: Final = Poisoned()


class SentenceError(LayerError):
    """A misfit that knows its place: ``more`` are the other fields of its Diagnostic."""

    def __init__(self, code: str, message: str, span: Span, **more: Any) -> None:
        super().__init__(code, message, notes=more.get("notes", ()), help=more.get("help", ()))
        self.span, self.diagnostic = span, Diagnostic(code, message, span, **more)


class UnsolvedError(SentenceError):
    """A ``?`` stands where a value is needed."""

    def __init__(self, value: OpenValue) -> None:
        super().__init__(
            "unsolved-unknown",
            "the value of this ? cannot be found from the layer alone",
            value.spans[0],
            help=("claim the layer's shape: => height x width x channels", "or let cnnspec solve find it"),
        )
        self.value = value


class Unresolved(Exception):
    """The value hangs on something that could not be known; the cause has been reported."""


def format_value(value: Value) -> str:
    """A value as the language writes it: ``5x5``, ``yes``, ``0.5``."""
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, tuple):
        if value and all(isinstance(part, int) and part >= 0 for part in value):
            return show(value)
        return f"({', '.join(map(format_value, value))})"
    return "?" if isinstance(value, OpenValue) else str(value)


def evaluate(expression: tree.Expression, sight: Sight) -> Value:
    """The value of an expression; raises SentenceError where it has none, Unresolved where it is unknown."""
    try:
        return _EVALUATORS[type(expression)](expression, sight)
    except RecursionError:
        raise SentenceError(
            "expression-too-deep", "this expression is nested too deeply", expression.span,
            help=("name its parts with let",),
        ) from None  # fmt: skip


def _size(expression: tree.Size, sight: Sight) -> Value:
    parts = expression.parts
    if None not in parts:
        return parts
    spans = unknown_places(expression)
    value = OpenValue(expression.span, spans, parts)
    return (
        value
        if any(span not in sight.unknowns for span in spans)
        else cast(Value, value.filled(sight.unknowns))
    )


def _name(expression: tree.Name, sight: Sight) -> Value:
    return TRUTH[expression.text] if expression.text in TRUTH else sight.lookup(expression)


def _unknown(expression: tree.QuestionMark, sight: Sight) -> Value:
    if expression.span in sight.unknowns:
        return cast(Value, sight.unknowns[expression.span])
    return OpenValue(expression.span, (expression.span,))


def _tuple(expression: tree.Tuple, sight: Sight) -> Value:
    items = tuple(_EVALUATORS[type(item)](item, sight) for item in expression.items)
    for item, written in zip(items, expression.items, strict=True):
        if isinstance(item, bool | str | tuple):
            message = f"brackets need numbers. Received: {format_value(item)}"
            raise SentenceError("not-a-number", message, written.span)
    found = [item for item in items if isinstance(item, OpenValue)]
    if found:
        spans = tuple(span for item in found for span in item.spans)
        return OpenValue(expression.span, spans, tuple(item if type(item) is int else None for item in items))
    return items


def _unary(expression: tree.Unary, sight: Sight) -> Value:
    value = _EVALUATORS[type(expression.operand)](expression.operand, sight)
    if expression.operator == "not":
        return not truth(value, expression.operand.span)
    figure: float = _figure(value, expression.operand, "-")
    return -figure


def _binary(expression: tree.Binary, sight: Sight) -> Value:
    sign, left, right = expression.operator, expression.left, expression.right
    a = _EVALUATORS[type(left)](left, sight)
    if sign in ("and", "or"):
        if truth(a, left.span) is (sign == "or"):
            return sign == "or"
        return truth(_EVALUATORS[type(right)](right, sight), right.span)
    b = _EVALUATORS[type(right)](right, sight)
    if sign in ("==", "!="):
        sides = ((a, left, b, right), (b, right, a, left)) if type(a) is not int or type(b) is not int else ()
        for value, side, other, across in sides:
            _closed(value)
            if _is_undefined(value, side) and not _is_choice(other, across, sight):
                raise _no_value(value, side.span)
        return (a == b) is (sign == "==")
    x, y = _figure(a, left, sign), _figure(b, right, sign)
    if sign in _COMPARISONS:
        return _COMPARISONS[sign](x, y)
    return _arithmetic(sign, x, y, expression)


def _arithmetic(sign: str, x: float, y: float, expression: tree.Binary) -> Value:
    if (sign in ("//", "%") and y == 0) or (sign == "**" and x == 0 and y < 0):
        divisor = expression.right.span.text
        raise SentenceError(
            "division-by-zero", f"{format_value(x)} {sign} {format_value(y)} has no value", expression.span,
            notes=() if y or divisor == "0" else (f"{divisor} is 0 here",),
        )  # fmt: skip
    if sign == "**" and x < 0 and y != int(y):
        message = f"a power of a negative number needs a whole exponent. Received: {format_value(y)}"
        raise SentenceError("not-a-number", message, expression.right.span)
    return _checked(_ARITHMETIC[sign](x, y), expression.span)


def _checked(value: float, span: Span) -> Value:
    if (isinstance(value, float) and not isfinite(value)) or not -LARGEST <= value <= LARGEST:
        raise SentenceError(
            "number-too-large", "this number is larger than any network needs", span,
            notes=("the largest number allowed is 10^15",),
        )  # fmt: skip
    return value


def _figure(value: Value, side: tree.Expression, sign: str) -> Any:
    if type(value) is int or type(value) is float:
        return value
    _closed(value)
    if isinstance(value, Word):
        raise _no_value(value, side.span)
    raise SentenceError("not-a-number", f"{sign} needs numbers. Received: {format_value(value)}", side.span)


def truth(value: Value, span: Span) -> bool:
    """The value of a condition; raises SentenceError where it is neither yes nor no."""
    if isinstance(value, bool):
        return value
    if isinstance(value, OpenValue):
        raise UnsolvedError(value)
    raise SentenceError(
        "not-a-condition", f"a condition must be yes or no. Received: {format_value(value)}", span,
        help=("compare it: == != < <= > >=",),
    )  # fmt: skip


def _is_undefined(value: Value, side: tree.Expression) -> bool:
    """Whether a side of a comparison is a name that stands for nothing but itself."""
    return type(value) is Word and isinstance(side, tree.Name) and value == side.text


def _is_choice(value: Value, side: tree.Expression, sight: Sight) -> bool:
    """Whether a side of a comparison is a name for one of several words: the other may be such a word."""
    if not isinstance(side, tree.Name) or _is_undefined(value, side):
        return False
    return isinstance(value, str) or sight.takes_words(side.text)


def _no_value(name: Value, span: Span) -> SentenceError:
    help = (f"define it before this line: let {name} = …",)
    return SentenceError("unknown-name", f"{name} has no value here", span, help=help)


def _closed(value: Value) -> None:
    if isinstance(value, OpenValue):
        raise UnsolvedError(value)


def unknown_places(size: tree.Size) -> tuple[Span, ...]:
    """A place for each ``?`` of a size, in order."""
    span, text = size.span, size.span.text
    offsets = [n for n, character in enumerate(text) if character == "?"]
    if len(offsets) != size.parts.count(None):
        offsets = list(range(size.parts.count(None)))
    return tuple(Span(span.source, span.start + n, span.start + n + 1) for n in offsets)


def _power(x: float, y: float) -> float:
    """A power, found at once: one beyond the largest number is infinite."""
    if x and y * log(abs(x)) > log(LARGEST) + 1:
        return inf
    return float(x) ** y if y < 0 else x**y  # type: ignore[no-any-return]


_COMPARISONS: Final[dict[str, Callable[[Any, Any], bool]]] = {
    "<": operator.lt, "<=": operator.le, ">": operator.gt, ">=": operator.ge,
}  # fmt: skip
_ARITHMETIC: Final[dict[str, Callable[[Any, Any], Any]]] = {
    "+": operator.add, "-": operator.sub, "*": operator.mul, "//": operator.floordiv, "%": operator.mod,
    "**": _power,
}  # fmt: skip
_EVALUATORS: Final[dict[type, Callable[..., Value]]] = {
    tree.NumberLiteral: lambda number, *_: number.value, tree.Text: lambda text, *_: text.value,
    tree.Size: _size, tree.Name: _name,
    tree.QuestionMark: _unknown, tree.Tuple: _tuple, tree.Unary: _unary, tree.Binary: _binary,
}  # fmt: skip

"""The tree of a spec: frozen nodes, each with its span; comments are kept.

Nothing here knows what a layer means. Words are the user's own; a name in an
expression may turn out to be a constant, a parameter, or a plain word such as
``same``: elaboration decides.
"""

from __future__ import annotations

from dataclasses import field
from fractions import Fraction
from typing import Final, TypeAlias

from cnnspec.records import record
from cnnspec.text import Span

LARGEST: Final = 10**15
"""No number may exceed this: the largest networks have 10^12 weights."""
SUFFIXES: Final = {"k": 10**3, "M": 10**6, "G": 10**9}
_LONGEST: Final = 40

# Expressions -----------------------------------------------------------------


@record
class NumberLiteral:
    """``3``, ``0.5``, ``62k`` (k, M, G are 10^3, 10^6, 10^9)."""

    value: int | float
    text: str
    span: Span


def number_value(text: str) -> int | float | None:
    """The value of a number's text, whole where a suffix or plain digits make it so; None if too large."""
    if len(text) < 16 and text.isdigit():
        return int(text)
    digits, factor = (text[:-1], SUFFIXES[text[-1]]) if text[-1] in SUFFIXES else (text, 1)
    if len(text) > _LONGEST or float(digits) * factor > LARGEST:
        return None
    if factor == 1 and not digits.isdigit():
        return float(digits)
    exact = Fraction(digits) * factor
    return int(exact) if exact.denominator == 1 else float(exact)


@record
class Size:
    """``5x5`` or ``28×28×1``; ``None`` stands for an unknown part, as in ``?x3``."""

    parts: tuple[int | None, ...]
    span: Span


@record
class Name:
    """A constant, a parameter, ``H W C``, a label, or a word such as ``same``."""

    text: str
    span: Span


@record
class Text:
    """``"blocks.cnn"``; ``value`` is without its quotes."""

    value: str
    span: Span


@record
class QuestionMark:
    """``?``: to be solved."""

    span: Span


@record
class Tuple:
    """``(1, 2, 1, 2)``."""

    items: tuple[Expression, ...]
    span: Span


@record
class Unary:
    """``-x`` or ``not x``."""

    operator: str
    operand: Expression
    span: Span


@record
class Binary:
    """``+ - * // % **``, ``== != < <= > >=``, ``and or``."""

    operator: str
    left: Expression
    right: Expression
    span: Span


Expression: TypeAlias = NumberLiteral | Size | Name | Text | QuestionMark | Tuple | Unary | Binary

# Sentences -------------------------------------------------------------------


@record
class Option:
    """``stride=2``."""

    name: str
    value: Expression
    span: Span
    name_span: Span


@record
class Path:
    """One ``|`` of a merge; no statements is the identity."""

    statements: tuple[Statement, ...]
    span: Span


@record
class LayerSentence:
    """The one sentence form ``label: word argument* option=value* => shape``.

    A layer, a block instance, or a merge; ``paths`` holds the bars of
    ``add { | … | … }`` and is None when there are no braces.
    """

    word: str
    span: Span
    word_span: Span
    label: Name | None = None
    arguments: tuple[Expression, ...] = ()
    options: tuple[Option, ...] = ()
    paths: tuple[Path, ...] | None = None
    claim: Size | None = None


@record
class Header:
    """``network LeNet5``."""

    name: Name
    span: Span


@record
class Input:
    """``input 28x28x1``, ``input left 28x28x1``; ``shape`` is a size, a number or an expression."""

    shape: Expression
    span: Span
    name: Name | None = None


@record
class Let:
    """``let width = 64``."""

    name: Name
    value: Expression
    span: Span


@record
class Parameter:
    """A block's parameter; ``default`` is None when it must be given."""

    name: str
    default: Expression | None
    span: Span


@record
class BlockDefinition:
    """``block bottleneck width stride=1 { … }``."""

    name: Name
    parameters: tuple[Parameter, ...]
    body: tuple[Statement, ...]
    span: Span


@record
class Repeat:
    """``repeat 10 as i { … }``; ``turn`` names the number of each turn, from 0."""

    count: Expression
    body: tuple[Statement, ...]
    span: Span
    turn: Name | None = None


@record
class If:
    """``if … { … } else { … }``; an ``else if`` is an If alone in ``otherwise``."""

    condition: Expression
    then: tuple[Statement, ...]
    otherwise: tuple[Statement, ...]
    span: Span


@record
class From:
    """``from stem``: carry on from a labelled layer."""

    label: Name
    span: Span


@record
class Head:
    """``head aux1 { … }``: an extra output; options such as ``weight=0.3`` may follow the name."""

    name: Name
    body: tuple[Statement, ...]
    span: Span
    options: tuple[Option, ...] = ()


@record
class Use:
    """``use "blocks.cnn"``."""

    path: Text
    span: Span


@record
class Expect:
    """``expect params <= 62k``: an expression over the figures of the analysis."""

    condition: Expression
    span: Span


@record
class Setting:
    """One sentence of a recipe: ``optimizer adam rate=0.001``."""

    word: str
    arguments: tuple[Expression, ...]
    options: tuple[Option, ...]
    span: Span
    word_span: Span


@record
class Train:
    """``train { data mnist; optimizer adam rate=0.001; batch 64; epochs 5 }``."""

    settings: tuple[Setting, ...]
    span: Span


Statement: TypeAlias = (
    Header | Input | Let | BlockDefinition | Repeat | If | From | Head | Use | Expect | Train | LayerSentence
)


@record
class Comment:
    """``# …`` to the end of its line; ``alone`` when nothing stands before it."""

    text: str
    span: Span
    alone: bool


@record
class Spec:
    """A whole text: its statements in order, and its comments beside them.

    Comments are matched to statements by place, so the tree of a commented
    text equals the tree of the bare one.
    """

    statements: tuple[Statement, ...]
    span: Span
    comments: tuple[Comment, ...] = field(default=(), compare=False)

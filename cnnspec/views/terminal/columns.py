"""The columns a table of layers can have, for every format: title, text, bare value."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import field
from fractions import Fraction
from math import prod
from typing import TYPE_CHECKING, Final, TypeAlias

from cnnspec.diagnostics import nearest
from cnnspec.layers.base import Shape, show
from cnnspec.layers.writing import sentence
from cnnspec.records import record
from cnnspec.views.terminal.grid import Column
from cnnspec.views.terminal.paint import in_bytes

if TYPE_CHECKING:
    from cnnspec.analysis.report import Analysis, Row

Bare: TypeAlias = str | int | float | None


def _plain(value: Bare) -> str:
    return "" if value is None else str(value)


@record
class Figure(Column):
    """A column of layers: ``of`` gives its bare value (CSV), ``text`` what people read.

    ``sums`` tells that the values of rows add up to the total's.
    """

    meaning: str = field(kw_only=True)
    of: Callable[[Row, Analysis], Bare] = field(kw_only=True)
    text: Callable[[Bare], str] = _plain
    right: bool = True
    rank: int = 1
    sums: bool = False
    shown: Callable[[Row, Analysis], str] | None = None
    """What people read where the bare value does not say it all."""

    def cell(self, row: Row, analysis: Analysis) -> str:
        return self.shown(row, analysis) if self.shown else self.text(self.of(row, analysis))


def _count(value: Bare) -> str:
    return f"{value:,}" if isinstance(value, int) else _plain(value)


def _bytes(value: Bare) -> str:
    return in_bytes(value) if isinstance(value, int) else _plain(value)


def _percent(value: Bare) -> str:
    return f"{100 * value:.1f}%" if isinstance(value, (int, float)) else ""


def shape_text(shape: Shape, batch: int) -> str:
    """``28x28x6``; with a batch of 8, ``8x28x28x6``."""
    return show(shape) if batch == 1 else f"{batch}x{show(shape)}"


def _inputs(row: Row, analysis: Analysis) -> Bare:
    return " + ".join(shape_text(shape, analysis.batch) for shape in row.inputs)


def sources(row: Row, analysis: Analysis) -> tuple[str, ...]:
    """Names of the nodes the layer reads, in order."""
    return tuple(analysis.network.nodes[index].name for index in row.node.inputs)


def _field_size(row: Row, analysis: Analysis) -> Bare:
    """A map's window, its largest where positions differ; a vector sees all of the input."""
    return "all" if row.receptive_field is None else show(row.receptive_field.size)


def _field_text(row: Row, analysis: Analysis) -> str:
    field = row.receptive_field
    differs = field is not None and any(len(found) > 1 for found in field.sizes)
    return f"{'≤' if differs else ''}{_field_size(row, analysis)}"


def last_field(analysis: Analysis) -> str:
    """What the last map of more than one place sees; nothing where there is none."""
    rows = (row for row in reversed(analysis.rows) if row.receptive_field and prod(row.output[:-1]) > 1)
    return next((show(row.receptive_field.size) for row in rows if row.receptive_field), "")


def _field_part(name: str) -> Callable[[Row, Analysis], Bare]:
    def part(row: Row, analysis: Analysis) -> Bare:
        if row.receptive_field is None:
            return None
        values: Iterable[int | Fraction] = getattr(row.receptive_field, name)
        return "x".join(map(str, values)) if name == "jump" else ", ".join(map(str, values))

    return part


def _share(row: Row, analysis: Analysis) -> Bare:
    everything = analysis.totals.params
    return row.params / everything if everything else 0.0


def _operation(row: Row, analysis: Analysis) -> Bare:
    return sentence(row.node.layer)


def _output(row: Row, analysis: Analysis) -> Bare:
    return shape_text(row.output, analysis.batch)


def _counts(key: str, meaning: str, rank: int = 1) -> Figure:
    def count(row: Row, analysis: Analysis) -> Bare:
        return int(getattr(row, key))

    return Figure(key, key, meaning=meaning, of=count, text=_count, rank=rank, sums=True)


def _words(
    key: str, meaning: str, of: Callable[[Row, Analysis], Bare], rank: int, least: int | None = None
) -> Figure:
    names = key in ("layer", "from")
    return Figure(key, key, right=False, least=least, rank=rank, middle=names, meaning=meaning, of=of)


FIGURES: Final[dict[str, Figure]] = {
    figure.key: figure
    for figure in (
        _words("layer", "the name", lambda row, _: row.name, 0, 8),
        _words("kind", "the word", lambda row, _: row.kind, 4),
        _words("operation", "word and options, in the language", _operation, 3, 12),
        Figure("line", "line", meaning="line of the text", of=lambda row, _: row.line, rank=5),
        _words("from", "the layers it reads", lambda row, analysis: ", ".join(sources(row, analysis)), 4, 8),
        _words("input", "shapes that flow in", _inputs, 4, 8),
        _words("output", "shape that flows out", _output, 0),
        _counts("params", "parameters, trainable and frozen", rank=0),
        _counts("trainable", "parameters that training changes"),
        _counts("frozen", "parameters that training leaves alone"),
        _counts("buffers", "values kept but not trained"),
        _counts("multiplies", "multiply-accumulates for one input"),
        _counts("additions", "additions for one input"),
        _counts("elementwise", "comparisons, divisions and other operations"),
        _counts("flops", "multiplies + additions + elementwise"),
        Figure(
            "share", "share", meaning="part of all parameters", of=_share, text=_percent, rank=3, sums=True
        ),
        Figure(
            "memory", "memory", meaning="bytes of the output, for the batch",
            of=lambda row, _: row.activation_bytes, text=_bytes, rank=2, sums=True,
        ),
        Figure(
            "receptive-field", "field", meaning="receptive field in input pixels", of=_field_size, rank=2,
            shown=_field_text,
        ),
        Figure("jump", "jump", meaning="input pixels between outputs", of=_field_part("jump"), rank=3),
        Figure("start", "start", meaning="first input pixel that is seen", of=_field_part("start"), rank=3),
    )
}  # fmt: skip

DEFAULT: Final = ("layer", "operation", "output", "params", "multiplies", "receptive-field")
"""The columns of a table when none are chosen."""

SYNONYMS: Final = {
    "name": "layer", "field": "receptive-field", "receptive_field": "receptive-field", "options": "operation",
    "shape": "output", "inputs": "input", "parameters": "params", "macs": "multiplies",
    "activation_bytes": "memory",
}  # fmt: skip


def choose(names: Iterable[str]) -> tuple[Figure, ...]:
    """The columns of these names; raises ValueError with the nearest name for an unknown one."""
    chosen = []
    for name in names:
        key = SYNONYMS.get(name, name)
        if key not in FIGURES:
            guess = nearest(name, FIGURES, dict(SYNONYMS))
            hint = f'did you mean "{guess}"?' if guess else f"there are {', '.join(FIGURES)}"
            raise ValueError(f'there is no column "{name}"; {hint}')
        chosen.append(FIGURES[key])
    return tuple(chosen)


def total_text(figure: Figure, analysis: Analysis) -> str:
    """What the last line of a table says in a column; nothing where a sum means nothing."""
    if figure.key == "layer":
        return "total"
    if not figure.sums:
        return ""
    if figure.key == "share":
        return figure.text(float(analysis.totals.params > 0))
    name = "activation_bytes" if figure.key == "memory" else figure.key
    return figure.text(getattr(analysis.totals, name))


def sum_text(figure: Figure, rows: Iterable[Row], analysis: Analysis) -> str:
    """What some layers come to in a column whose values add up."""
    values = (figure.of(row, analysis) for row in rows)
    return figure.text(sum(value for value in values if isinstance(value, (int, float))))

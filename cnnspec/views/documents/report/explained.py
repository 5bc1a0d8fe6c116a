"""Every number with its working, a fold a layer, the formulas typeset."""

from __future__ import annotations

from html import escape
from typing import TYPE_CHECKING

from cnnspec.layers.writing import sentence
from cnnspec.views.documents.report.mathml import equation, symbol
from cnnspec.views.documents.report.sections import shape
from cnnspec.views.documents.report.style import tone
from cnnspec.views.terminal.explain import Entry, Passage, legend, passages

if TYPE_CHECKING:
    from cnnspec.analysis.report import Analysis


def explanations(analysis: Analysis) -> str:
    """The layers in order; equal repeats once."""
    return "".join(map(_fold, passages(analysis, analysis.rows, folded=True)))


def _fold(passage: Passage) -> str:
    row = passage.row
    times = f'<p class="where">{escape(passage.times)}</p>' if passage.times else ""
    entries = "".join(map(_entry, passage.entries))
    flow = f"{' + '.join(map(shape, row.inputs))} → {shape(row.output)}"
    return (
        f'<details style="--tone:{tone(row.node.layer.family)}"><summary><b>{escape(row.name)}</b>'
        f'<code>{escape(sentence(row.node.layer))}</code><span class="flow">{flow}</span></summary>'
        f'<dl class="working">{times}{entries}{_where(passage)}</dl></details>\n'
    )


def _entry(entry: Entry) -> str:
    sides = equation(entry.law) if entry.law is not None else []
    written = " ".join(f"<span>{side}</span>" for side in sides)
    note = f'<span class="note">{escape(entry.note)}</span>' if entry.note else ""
    return f"<dt>{escape(entry.what)}</dt><dd>{written}{note}</dd>"


def _where(passage: Passage) -> str:
    """The legend of this layer's symbols."""
    meanings = legend([passage])
    if not meanings:
        return ""
    told = "; ".join(f"<math>{symbol(name)}</math> {escape(meaning)}" for name, meaning in meanings.items())
    return f'<div class="where">where {told}</div>'

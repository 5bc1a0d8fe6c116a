"""The working as Markdown, LaTeX and JSON."""

from __future__ import annotations

from collections.abc import Sequence
from fractions import Fraction
from typing import Any, Final

from cnnspec.formula import Formula, Symbol
from cnnspec.layers.base import show
from cnnspec.layers.writing import sentence
from cnnspec.views.documents import indented, latex, markdown
from cnnspec.views.workings import Board, LayerWorking, WorkingLine

SCHEMA: Final = "cnnspec/explanation/1"


def equation(law: Formula) -> str:
    """Law, numbers and result in LaTeX, without dollar signs."""
    result = law.latex_worked().rpartition(" = ")[2]
    numbers = law.latex_worked().removesuffix(f" = {result}")
    return " = ".join(dict.fromkeys((law.latex(), numbers, result)))


def as_markdown(board: Board) -> str:
    """A heading a layer and a list of equations in ``$…$``, as GitHub and notebooks typeset them."""
    lines: list[str] = []
    for passage in board.passages:
        row = passage.row
        lines += [markdown.escape(passage.times), ""] if passage.times else []
        lines += [f"### {markdown.escape(row.name)}: `{sentence(row.node.layer)}`", ""]
        lines += [f"{passage.inputs} → {show(row.output)}", "", *map(_bullet, passage.lines), ""]
    if board.totals:
        lines += [f"### {board.which}", "", *map(_bullet, board.totals), ""]
    if board.symbols:
        symbols = (f"${Symbol(name, 0).latex()}$ {meaning}" for name, meaning in board.symbols.items())
        lines += [f"where {', '.join(symbols)}.", ""]
    return "\n".join(lines)


def _bullet(entry: WorkingLine) -> str:
    law = f" ${equation(entry.law)}$" if entry.law is not None else ""
    note = markdown.escape(entry.note)
    note = f" ({note})" if note and law else f" {note}" if note else ""
    return f"- **{markdown.escape(entry.what)}**{law}{note}"


def as_latex(board: Board) -> str:
    """A paragraph a layer with its equations aligned; it needs ``\\usepackage{amsmath}``."""
    lines = ["% needs \\usepackage{amsmath}"]
    for passage in board.passages:
        name, words = latex.escape(passage.row.name), latex.escape(sentence(passage.row.node.layer))
        lines += [f"{latex.escape(passage.times)}."] if passage.times else []
        lines += [rf"\paragraph{{{name}}} \texttt{{{words}}}", *_aligned(passage.lines)]
    if board.totals:
        lines += [rf"\paragraph{{{board.which}}}", *_aligned(board.totals)]
    if board.symbols:
        symbols = (
            f"${Symbol(name, 0).latex()}$ {latex.escape(text)}" for name, text in board.symbols.items()
        )
        lines.append(f"Here {', '.join(symbols)}.")
    return "\n".join(lines) + "\n"


def _aligned(entries: Sequence[WorkingLine]) -> list[str]:
    """The equations one under the other, then what is only remarked."""
    equations = [
        rf"  \text{{{latex.escape(entry.what)}}} &: {equation(entry.law)}"
        for entry in entries
        if entry.law is not None
    ]
    lines = [r"\begin{align*}", " \\\\\n".join(equations), r"\end{align*}"] if equations else []
    remarks = [f"{entry.what}: {entry.note}" for entry in entries if entry.note and entry.law is None]
    return lines + [f"{latex.escape(remark)}." for remark in remarks]


def as_json(board: Board) -> str:
    """The steps as data: law, working and LaTeX as text, the value as a number.

    The contract is ``schema/explanation-1.json``.
    """
    document = {
        "schema": SCHEMA,
        "network": board.network,
        "layers": map(_layer, board.passages),
        "totals": [_step(entry) for entry in board.totals],
        "symbols": board.symbols,
    }
    return indented(document)


def _layer(passage: LayerWorking) -> dict[str, Any]:
    row = passage.row
    return {
        "name": row.name,
        "operation": sentence(row.node.layer),
        "line": row.line,
        "inputs": [list(shape) for shape in row.inputs],
        "output": list(row.output),
        "steps": [_step(entry) for entry in passage.lines],
    }


def _step(entry: WorkingLine) -> dict[str, Any]:
    if entry.law is None:
        return {"what": entry.what, "note": entry.note}
    value = entry.law.value
    return {
        "what": entry.what,
        "law": entry.law.law(),
        "worked": entry.law.worked(),
        "latex": entry.law.latex(),
        "latex_worked": entry.law.latex_worked(),
        "value": float(value) if isinstance(value, Fraction) else value,
        "note": entry.note,
    }

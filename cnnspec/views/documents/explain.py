"""The working as Markdown, LaTeX and JSON."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import replace
from fractions import Fraction
from typing import TYPE_CHECKING, Any, Final

from cnnspec.formula import Formula, Symbol
from cnnspec.layers.base import show
from cnnspec.layers.writing import sentence
from cnnspec.notation import Value
from cnnspec.views.documents import latex, markdown
from cnnspec.views.terminal.explain import LayerWorking, WorkingLine, dense_entries, legend, workings

if TYPE_CHECKING:
    from cnnspec.analysis.report import Analysis, Row

SCHEMA: Final = "cnnspec/explanation/1"


def equation(law: Formula) -> str:
    """Law, numbers and result in LaTeX, without dollar signs."""
    result = law.latex_worked().rpartition(" = ")[2]
    numbers = law.latex_worked().removesuffix(f" = {result}")
    return " = ".join(dict.fromkeys((law.latex(), numbers, result)))


def as_markdown(
    analysis: Analysis,
    rows: Sequence[Row],
    about: Sequence[str] = (),
    *,
    dense: bool = False,
    folded: bool = False,
) -> str:
    """A heading a layer and a list of equations in ``$…$``, as GitHub and notebooks typeset them."""
    found = list(workings(analysis, rows, about, dense=dense, folded=folded))
    lines: list[str] = []
    for passage in found:
        row = passage.row
        inputs = " and ".join(map(show, row.inputs))
        lines += [markdown.escape(passage.times), ""] if passage.times else []
        lines += [f"### {markdown.escape(row.name)}: `{sentence(row.node.layer)}`", ""]
        lines += [f"{inputs} → {show(row.output)}", ""]
        lines += [_bullet(entry) for entry in all_lines(passage)]
        lines.append("")
    meanings = legend(found)
    if meanings:
        symbols = (f"${Symbol(name, 0).latex()}$ {meaning}" for name, meaning in meanings.items())
        lines += [f"where {', '.join(symbols)}.", ""]
    return "\n".join(lines)


def _bullet(entry: WorkingLine) -> str:
    law = f" ${equation(entry.law)}$" if entry.law is not None else ""
    note = markdown.escape(entry.note)
    note = f" ({note})" if note and law else f" {note}" if note else ""
    return f"- **{markdown.escape(entry.what)}**{law}{note}"


def all_lines(passage: LayerWorking) -> tuple[WorkingLine, ...]:
    """All entries, with those of the comparison named as such."""
    if passage.dense is None:
        return passage.entries
    dense = (replace(entry, what=f"{entry.what} as a dense layer") for entry in dense_entries(passage.dense))
    return (*passage.entries, *dense)


def as_latex(
    analysis: Analysis,
    rows: Sequence[Row],
    about: Sequence[str] = (),
    *,
    dense: bool = False,
    folded: bool = False,
) -> str:
    """A paragraph a layer with its equations aligned; it needs ``\\usepackage{amsmath}``."""
    found = list(workings(analysis, rows, about, dense=dense, folded=folded))
    lines = ["% needs \\usepackage{amsmath}"]
    for passage in found:
        row = passage.row
        lines += [f"{latex.escape(passage.times)}."] if passage.times else []
        lines.append(
            rf"\paragraph{{{latex.escape(row.name)}}} \texttt{{{latex.escape(sentence(row.node.layer))}}}"
        )
        equations = [
            rf"  \text{{{latex.escape(entry.what)}}} &: {equation(entry.law)}"
            for entry in all_lines(passage)
            if entry.law is not None
        ]
        if equations:
            lines += [r"\begin{align*}", " \\\\\n".join(equations), r"\end{align*}"]
        remarks = [
            f"{entry.what}: {entry.note}" for entry in all_lines(passage) if entry.note and entry.law is None
        ]
        lines += [f"{latex.escape(remark)}." for remark in remarks]
    meanings = legend(found)
    if meanings:
        symbols = (
            f"${Symbol(name, 0).latex()}$ {latex.escape(meaning)}" for name, meaning in meanings.items()
        )
        lines.append(f"Here {', '.join(symbols)}.")
    return "\n".join(lines) + "\n"


def as_json(
    analysis: Analysis, rows: Sequence[Row], about: Sequence[str] = (), *, dense: bool = False
) -> str:
    """The steps as data: law, working and LaTeX as text, the value as a number.

    The contract is ``schema/explanation-1.json``.
    """
    found = list(workings(analysis, rows, about, dense=dense, brief=False))
    document = {
        "schema": SCHEMA,
        "network": analysis.network.name,
        "layers": [_layer(passage) for passage in found],
        "symbols": legend(found),
    }
    return json.dumps(document, indent=2, ensure_ascii=False) + "\n"


def _layer(passage: LayerWorking) -> dict[str, Any]:
    row = passage.row
    return {
        "name": row.name,
        "operation": sentence(row.node.layer),
        "line": row.line,
        "inputs": [list(shape) for shape in row.inputs],
        "output": list(row.output),
        "steps": [_step(entry) for entry in all_lines(passage)],
    }


def _step(entry: WorkingLine) -> dict[str, Any]:
    if entry.law is None:
        return {"what": entry.what, "note": entry.note}
    return {
        "what": entry.what,
        "law": entry.law.law(),
        "worked": entry.law.worked(),
        "latex": entry.law.latex(),
        "latex_worked": entry.law.latex_worked(),
        "value": _number(entry.law.value),
        "note": entry.note,
    }


def _number(value: Value) -> int | float:
    return float(value) if isinstance(value, Fraction) else value

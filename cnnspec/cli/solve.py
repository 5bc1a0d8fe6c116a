"""``cnnspec solve``: what stands for each ``?`` of a spec; all solutions, the most usual first."""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING, Any, Final

import click

from cnnspec.cli.console import fail, stdout_console
from cnnspec.cli.options import finite, format_option, most_option
from cnnspec.cli.spec import documents_of, specs_argument
from cnnspec.diagnostics import SpecError

if TYPE_CHECKING:
    from cnnspec.analysis.solve.problem import Problem
    from cnnspec.analysis.solve.search import Answer
    from cnnspec.analysis.solve.unknowns import Unknown
    from cnnspec.document import Document
    from cnnspec.network.graph import Node
    from cnnspec.text import Span

FORMATS: Final = ("text", "json", "spec")
SCHEMA: Final = "cnnspec/solve/1"
SECONDS: Final = 20.0
"""How long a search may take, unless more is asked for."""


@click.command("solve")
@specs_argument
@format_option(*FORMATS)
@most_option("Solutions to show.", 10)
@click.option(
    "--seconds", type=click.FloatRange(0.1), callback=finite, default=SECONDS, show_default=True,
    help="Time to spend.",
)  # fmt: skip
def command(specs: Sequence[str], inline: Sequence[str], form: str, most: int, seconds: float) -> int:
    """Find what stands for ? in a spec, from its checked shapes and expectations.

    A ? may be any value of a layer or a block: conv ? 3x3, padding=?, ?x?. What it must meet
    is written in the spec: => 28x28x6, or expect params == 303314. With several specs, the
    values that fit all of them are looked for. --format spec prints the spec with the first
    solution in. Exit code 1 when there are none.
    """
    from cnnspec.analysis.solve.search import solve
    from cnnspec.views.terminal.paint import folded

    try:
        answer = solve(list(map(_tree, documents_of(specs, inline))), seconds=seconds)
    except SpecError as error:
        fail(error.diagnostics)
    shown = answer.solutions[:most]
    if form == "json":
        text = _json(answer, shown)
    elif form == "spec" and shown:
        text = "\n".join(_filled(problem, problem.spec.span, shown[0]) for problem in answer.problems)
    else:
        width = stdout_console().width
        text = folded(_text(answer, shown, width), width)
    stdout_console().print(text)
    return 0 if answer.solutions else 1


def _tree(document: Document) -> tuple[Any, Any]:
    if document.syntax_errors:
        raise SpecError(document.syntax_errors)
    return document.tree, document.read_use


# Text ----------------------------------------------------------------------------


def _text(answer: Answer, shown: Sequence[tuple[Any, ...]], width: int) -> str:
    if not answer.solutions:
        return "\n".join(_none(answer))
    lines = [_headline(answer), "", *_table(answer, shown, width)]
    if len(answer.solutions) > len(shown):
        lines.append(f"  … {len(answer.solutions) - len(shown):,} more (--most {len(answer.solutions)})")
    lines += ["", "The first one:" if len(answer.solutions) > 1 else "It reads:", ""]
    for problem in answer.problems:
        lines += [*_sentences(problem, shown[0]), ""]
        lines += [*(f"    {line}" for line in working(problem, shown[0])), ""]
    return "\n".join([*lines, *_remarks(answer)])


def _headline(answer: Answer) -> str:
    count = len(answer.solutions)
    said = "1 solution" if count == 1 else f"{count:,} solutions, the most usual first"
    if len(answer.unknowns) == 1 and count > 2:
        said += f"; all of them: {runs([values[0] for values in answer.solutions])}"
    return said


def runs(values: Sequence[Any]) -> str:
    """``1 to 46, 48``: the values in order, neighbours drawn together."""
    from cnnspec.binding.values import format_value

    if not all(type(value) is int for value in values):
        return ", ".join(map(format_value, values))
    ordered, parts = sorted(values), []
    first = last = ordered[0]
    for value in [*ordered[1:], None]:
        if value is not None and value == last + 1:
            last = value
            continue
        parts.append(f"{first:,}" if first == last else f"{first:,} to {last:,}")
        first = last = value
    return ", ".join(parts[:12]) + (", …" if len(parts) > 12 else "")


def _table(answer: Answer, shown: Sequence[tuple[Any, ...]], width: int) -> list[str]:
    """A line a solution; the lines of the spec are named at length where there is room."""
    places, rows = _columns(answer, shown)
    several = len({place.span.line for place in places}) > 1
    lines: list[str] = []
    for heads in (
        [f"{place.name} (line {place.span.line})" for place in places],
        [f"{place.name}:{place.span.line}" if several else place.name for place in places],
    ):
        widths = [max(map(len, column)) for column in zip(heads, *rows, strict=True)]
        lines = [f"  {'  '.join(map(str.ljust, row, widths))}".rstrip() for row in (heads, *rows)]
        if max(map(len, lines)) <= width:
            break
    return lines


def _columns(answer: Answer, shown: Sequence[tuple[Any, ...]]) -> tuple[list[Unknown], list[list[str]]]:
    """One column an unknown, headed by it; the parts of one size share theirs."""
    groups: dict[Any, list[int]] = {}
    for n, unknown in enumerate(answer.unknowns):
        groups.setdefault(unknown.size or n, []).append(n)
    rows = [["x".join(_value(values[n]) for n in numbers) for numbers in groups.values()] for values in shown]
    return [answer.unknowns[numbers[0]] for numbers in groups.values()], rows


def _value(value: Any) -> str:
    return ("yes" if value else "no") if isinstance(value, bool) else str(value)


def _sentences(problem: Problem, values: Sequence[Any]) -> list[str]:
    """The lines of the spec that had a ``?``, with the values in."""
    lines = {}
    for unknown in problem.unknowns:
        lines[unknown.sentence] = _filled(problem, unknown.sentence, values)
    name = problem.spec.span.source.name
    where = "" if name.startswith("<") else f"{name}, "
    return [f"  {where}line {span.line}: {text}" for span, text in lines.items()]


def _filled(problem: Problem, sentence: Span, values: Sequence[Any]) -> str:
    text, start = sentence.text, sentence.start
    for unknown, value in sorted(
        zip(problem.unknowns, values, strict=True), key=lambda pair: pair[0].span.start, reverse=True
    ):
        span = unknown.span
        if sentence.start <= span.start and span.end <= sentence.end:
            text = text[: span.start - start] + _value(value) + text[span.end - start :]
    return text


def working(problem: Problem, values: Sequence[Any]) -> Iterator[str]:
    """The arithmetic of the layers that had a ``?``, and what is demanded with what there is."""
    from cnnspec.layers.base import show

    found = problem.elaborate(dict(enumerate(values)))
    sentences = {unknown.sentence for unknown in problem.unknowns}
    for node in found.network.layers if found.network else ():
        if node.span in sentences:
            yield f"{node.name}: {show(node.input_shapes[0])} to {show(node.output)}"
            yield from _laws(node)
    sample = problem.sample(values)
    for claim, shape in found.claims:
        yield f"=> {claim.span.text}: {show(shape)}"
    for demand in sample.demands if sample else ():
        figures = ", ".join(f"{name} = {value:,}" for name, value in sample.figures.items()) if sample else ""
        yield f"expect {demand.expectation.text}: {figures}"


def _laws(node: Node) -> Iterator[str]:
    names = ("depth", "height", "width")[4 - len(node.output) :] if len(node.output) > 1 else ()
    for name, law in zip(
        (*names, "channels" if names else "values"), node.layer.output(node.input_shapes), strict=False
    ):
        if law.worked() != str(law.value):
            yield f"  {name}: {law.law()}: {law.worked()}"
    params = node.layer.params(node.input_shapes)
    if params.value and not node.sharing:
        yield f"  params: {params.law()}: {params.worked()}"


def _remarks(answer: Answer) -> list[str]:
    remarks = []
    if answer.squares_only:
        remarks.append("Sizes such as ?x? were tried with equal sides only.")
    if not answer.complete:
        remarks.append(_STOPPED[answer.stopped].format(tried=answer.tried))
    return remarks


_STOPPED: Final = {
    "time": "Time ran out after {tried:,} combinations; --seconds gives more.",
    "room": "Memory ran out after {tried:,} combinations.",
    "values": "There are too many combinations to try them all: {tried:,} of the more usual ones were tried.",
    "solutions": "There are more solutions than these, which are the more usual ones.",
}


def _none(answer: Answer) -> list[str]:
    lines = ["no solution: no values in their natural range meet what the spec demands"]
    if not answer.complete:
        lines = ["no solution was found, but not all possibilities were tried"]
    if answer.missed:
        tried = "Out of reach:" if answer.complete else "Not met by what was tried:"
        lines += ["", tried, *(f"  {missed}" for missed in answer.missed)]
    elif answer.complete and not any(unknown.count for unknown in answer.unknowns) and _demands(answer) > 1:
        lines += ["", "Each demand by itself can be met, but not all of them together."]
    if answer.nearest:
        lines += ["", "The nearest that can be had:" if answer.complete else "The nearest of what was tried:"]
        _, rows = _columns(answer, [values for values, _ in answer.nearest])
        names = [unknown.name for unknown in answer.unknowns if unknown.size is None or unknown.first_of_size]
        for row, (_, gives) in zip(rows, answer.nearest, strict=True):
            pairs = ", ".join(f"{name} {cell}" for name, cell in zip(names, row, strict=True))
            lines.append(f"  {pairs}: {gives}")
    return [*lines, "", *_remarks(answer)]


def _demands(answer: Answer) -> int:
    return sum(len(problem.demands) + len(problem.claims) for problem in answer.problems)


# JSON ----------------------------------------------------------------------------


def _json(answer: Answer, shown: Sequence[tuple[Any, ...]]) -> str:
    document = {
        "schema": SCHEMA,
        "unknowns": [
            {"name": unknown.name, "line": unknown.span.line, "column": unknown.span.column}
            for unknown in answer.unknowns
        ],
        "count": len(answer.solutions),
        "complete": answer.complete,
        "tried": answer.tried,
        "squares_only": answer.squares_only,
        "solutions": [list(values) for values in shown],
        "missed": list(answer.missed),
        "nearest": [{"values": list(values), "gives": gives} for values, gives in answer.nearest],
    }
    return json.dumps(document, indent=2, ensure_ascii=False)

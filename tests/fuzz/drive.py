"""One text through all that reads specs: a fault is a diagnostic, in time and in memory, or it is a bug."""

from __future__ import annotations

import json
from collections.abc import Callable
from functools import cache
from importlib.util import find_spec
from math import prod
from typing import Any, Final

from cnnspec.analysis.report import Analysis, analyze
from cnnspec.analysis.solve.search import solve
from cnnspec.diagnostics import LayerError, SpecError
from cnnspec.elaborate.spec import elaborate
from cnnspec.elaborate.uses import folder_reader
from cnnspec.exchange import TARGETS
from cnnspec.exchange.trade import Target
from cnnspec.network.graph import Network
from cnnspec.network.write import write
from cnnspec.resources import folder
from cnnspec.syntax.format import format_source
from cnnspec.syntax.parse import parse_tolerant
from cnnspec.text import Source
from cnnspec.views.documents import as_csv, as_json, html, latex, markdown
from cnnspec.views.documents import explain as explain_pages
from cnnspec.views.documents import messages as messages_for_tools
from cnnspec.views.pictures.draw import picture
from cnnspec.views.pictures.look import Look
from cnnspec.views.pictures.sizes import SIZES
from cnnspec.views.terminal import explain, table
from cnnspec.views.terminal.messages import render_text
from cnnspec.views.terminal.paint import Terminal
from cnnspec.views.workings import board

from .limits import SLOWEST, Verdict, measured

MANY_LAYERS: Final = 5000
"""Views of more layers may take longer, with what they print."""
LONG: Final = 50_000
"""The same of reading a text of more characters; 200,000 are the most."""
VERY_MANY: Final = 10_000
"""The same of reading and analysing; 50,000 are the most that a network may have."""
ALWAYS: Final = ("read", "elaborate", "analyze", "messages 80", "table")
EXPECTED: Final = (SpecError, LayerError)
READING: Final = ("read", "elaborate", "analyze")
MOST_WEIGHTS: Final = 1_000_000
"""What is exported with its weights has at most so many."""


def drive(text: str, *, slowest: float = SLOWEST, turn: int | None = None) -> Verdict:
    """Reads, builds, analyses and shows a text in every form; by ``turn`` in a sixth of the rarer ones."""
    verdict = Verdict()
    with measured(verdict):
        _drive(verdict, text, turn)
    _judge(verdict, slowest, len(text))
    return verdict


def _drive(verdict: Verdict, text: str, turn: int | None) -> None:
    source = Source("fuzz.cnn", text)

    def stage(name: str, work: Callable[[], Any]) -> Any:
        if turn is not None and name not in ALWAYS and (turn + len(verdict.seconds)) % 6:
            verdict.seconds[name] = 0.0
            return None
        return verdict.attempt(name, work, () if name in ("read", "analyze") else EXPECTED)

    read = stage("read", lambda: parse_tolerant(source))
    if read is None:
        return
    reader = folder_reader(folder("examples"))
    found: Any = stage("elaborate", lambda: elaborate(read[0], read_use=reader, extra=read[1]))
    analysis = None
    if found is not None:
        _show(stage, text, found.diagnostics)
        if found.network is not None:
            analysis = stage("analyze", lambda: _analysed(found.network))
            verdict.built, verdict.layers = not found.has_errors, len(found.network.nodes)
        slide = Look(size=SIZES["slide"])
        stage("draw", lambda: picture(found.network, "svg", slide, diagnostics=found.diagnostics))
        stage("draw dot", lambda: picture(found.network, "dot", Look(), diagnostics=found.diagnostics))
        stage("draw volumes", lambda: _volumes(found.network, found.diagnostics))
        if not read[1]:
            stage("fmt", lambda: _formatted(source))
            if "?" in text:
                stage("solve", lambda: solve([(read[0], reader)], seconds=0.3))
    if analysis is not None:
        _view(stage, analysis, found.diagnostics)
        if verdict.built:
            stage("write", lambda: write(analysis.network))
            _export(stage, text, analysis)


def _analysed(network: Network) -> Analysis:
    """With everything that is computed late."""
    analysis = analyze(network, batch=64)
    str((analysis.totals, analysis.memory, analysis.training, analysis.expectations))
    str(analysis.findings)
    return analysis


def _show(stage: Callable[..., Any], text: str, diagnostics: Any) -> None:
    for width in (80, 20):
        stage(
            f"messages {width}",
            lambda width=width: render_text(diagnostics, color=width < 80, width=width, unicode=width == 80),
        )
    stage("messages json", lambda: json.dumps(messages_for_tools.to_json(diagnostics)))
    stage("messages sarif", lambda: json.dumps(messages_for_tools.to_sarif(diagnostics)))
    stage("messages github", lambda: messages_for_tools.to_github(diagnostics))


def _view(stage: Callable[..., Any], analysis: Analysis, diagnostics: Any) -> None:
    failures = tuple(item for item in diagnostics if item.severity == "error")
    stage("table", lambda: table.render(analysis, failures=failures))
    stage(
        "table narrow",
        lambda: table.render(analysis, terminal=Terminal(20, True, False), folded=False, failures=failures),
    )
    stage("json", lambda: json.loads(as_json.render(analysis, diagnostics)))
    stage("csv", lambda: as_csv.render(analysis))
    stage("markdown", lambda: markdown.render(analysis))
    stage("latex", lambda: latex.render(analysis))
    stage("html", lambda: html.render(analysis))
    said = cache(lambda: board(analysis, analysis.rows, (), dense=True))
    stage("explain", lambda: explain.render(said(), Terminal(80, False, True)))
    stage("explain json", lambda: explain_pages.as_json(said()))
    stage("explain latex", lambda: explain_pages.as_latex(board(analysis, analysis.rows, folded=True)))
    stage("padding", lambda: str(analyze(analysis.network, exclude_padding=True).totals))
    for convention in ("torchvision", "fvcore", "thop"):
        stage(
            f"like {convention}",
            lambda name=convention: str(analyze(analysis.network, convention=name).totals),
        )


def _export(stage: Callable[..., Any], text: str, analysis: Analysis) -> None:
    small = sum(prod(weight.shape) for weight in analysis.network.weights.values()) < MOST_WEIGHTS
    for name, target in TARGETS.items():
        if find_spec(target.module or "cnnspec") and (small or not target.has_weights):
            stage(f"export {name}", lambda target=target: _exported(target, text, analysis.network))


def _exported(target: Target, text: str, network: Network) -> None:
    target.write(network, network.build(seed=0).weights if target.has_weights else {}, text)


def _volumes(network: Network | None, diagnostics: Any) -> None:
    picture(network, "svg", Look(style="volumes"), diagnostics=diagnostics)


def _formatted(source: Source) -> None:
    once = format_source(source)
    again = format_source(Source(source.name, once))
    assert once == again, "formatting again changes the text"


def _judge(verdict: Verdict, slowest: float, length: int) -> None:
    reading = sum(verdict.seconds.get(name, 0.0) for name in READING)
    size = max(1, verdict.layers / VERY_MANY, length / LONG)
    verdict.judge_time("reading and analysing", reading, slowest * size)
    for name, seconds in verdict.seconds.items():
        if name not in READING:
            verdict.judge_time(name, seconds, slowest * max(1, verdict.layers / MANY_LAYERS))

"""One text through all that reads specs: a fault is a diagnostic, in time and in memory, or it is a bug."""

from __future__ import annotations

import json
import resource
import signal
import sys
import traceback
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from time import process_time
from types import FrameType
from typing import Any, Final

from cnnspec.analysis.report import Analysis, analyze
from cnnspec.analysis.solve.search import solve
from cnnspec.diagnostics import LayerError, SpecError
from cnnspec.elaborate.spec import elaborate
from cnnspec.elaborate.uses import folder_reader
from cnnspec.network.graph import Network
from cnnspec.network.write import write
from cnnspec.resources import folder
from cnnspec.syntax.format import format_source
from cnnspec.syntax.parse import parse_tolerant
from cnnspec.text import Source
from cnnspec.views.documents import as_csv, as_json, html, latex, markdown
from cnnspec.views.documents import explain as explain_pages
from cnnspec.views.documents import messages as messages_for_tools
from cnnspec.views.pictures.draw import Look, picture
from cnnspec.views.terminal import explain, table
from cnnspec.views.terminal.messages import render_text
from cnnspec.views.terminal.paint import Terminal
from cnnspec.views.workings import board

SLOWEST: Final = 2.0
"""Seconds of processor time that reading and analysing a spec may take, and each view after it.

Views of thousands of layers take longer, with what they print.
"""
MANY_LAYERS: Final = 5000
ALWAYS: Final = ("read", "elaborate", "analyze", "messages 80", "table", "json")
HANG: Final = 8.0
MOST_MEMORY: Final = 500_000_000
"""Bytes that one spec may add to the most the process ever held."""
EXPECTED: Final = (SpecError, LayerError)


class Hangs(BaseException):
    """The time is over; no handler of ordinary exceptions takes it for its own."""


@dataclass
class Verdict:
    """What went wrong with a text: ``(stage, what)``; and how long each stage took."""

    faults: list[tuple[str, str]] = field(default_factory=list)
    seconds: dict[str, float] = field(default_factory=dict)
    built: bool = False
    layers: int = 0


def drive(text: str, *, slowest: float = SLOWEST, turn: int | None = None) -> Verdict:
    """Reads, builds, analyses and shows a text in every form; by ``turn`` in a sixth of the rarer ones."""
    verdict = Verdict()
    before = _most_memory()
    source = Source("fuzz.cnn", text)

    def stage(name: str, work: Callable[[], Any]) -> Any:
        if turn is not None and name not in ALWAYS and (turn + len(verdict.seconds)) % 6:
            verdict.seconds[name] = 0.0
            return None
        started = process_time()
        result = None
        try:
            with _watchdog():
                result = work()
        except EXPECTED:
            if name in ("read", "analyze"):
                verdict.faults.append((name, "a fault was raised, not collected"))
        except (Exception, Hangs) as error:
            verdict.faults.append((name, _told(error)))
        verdict.seconds[name] = process_time() - started
        return result

    read = stage("read", lambda: parse_tolerant(source))
    found: Any = None
    analysis = None
    if read is not None:
        reader = folder_reader(folder("examples"))
        found = stage("elaborate", lambda: elaborate(read[0], read_use=reader, extra=read[1]))
    if found is not None:
        _show(stage, text, found.diagnostics)
        if found.network is not None:
            analysis = stage("analyze", lambda: _analysed(found.network))
            verdict.built, verdict.layers = not found.has_errors, len(found.network.nodes)
        stage("draw", lambda: _drawn(found.network, found.diagnostics))
        if not read[1]:
            stage("fmt", lambda: _formatted(source))
            if "?" in text:
                stage("solve", lambda: solve([(read[0], reader)], seconds=0.3))
    if analysis is not None:
        _view(stage, analysis, found.diagnostics)
        if verdict.built:
            stage("write", lambda: write(analysis.network))
    _judge(verdict, before, slowest)
    return verdict


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
    said = board(analysis, analysis.rows, (), dense=True)
    stage("explain", lambda: explain.render(said, Terminal(80, False, True)))
    stage("explain json", lambda: explain_pages.as_json(said))
    stage("explain latex", lambda: explain_pages.as_latex(board(analysis, analysis.rows, folded=True)))
    stage("padding", lambda: str(analyze(analysis.network, exclude_padding=True).totals))
    for convention in ("torchvision", "fvcore", "thop"):
        stage(
            f"like {convention}",
            lambda name=convention: str(analyze(analysis.network, convention=name).totals),
        )


def _drawn(network: Network | None, diagnostics: Any) -> None:
    picture(network, "dot", Look(), diagnostics=diagnostics)
    picture(network, "svg", Look(style="volumes"), diagnostics=diagnostics)


def _formatted(source: Source) -> None:
    once = format_source(source)
    again = format_source(Source(source.name, once))
    assert once == again, "formatting again changes the text"


def _judge(verdict: Verdict, before: int, slowest: float) -> None:
    reading = sum(verdict.seconds.get(name, 0.0) for name in ("read", "elaborate", "analyze"))
    if reading > slowest:
        verdict.faults.append(("reading and analysing", f"took {reading:.1f} s"))
    for name, seconds in verdict.seconds.items():
        if name not in ("read", "elaborate", "analyze") and seconds > slowest * max(
            1, verdict.layers / MANY_LAYERS
        ):
            verdict.faults.append((name, f"took {seconds:.1f} s"))
    grown = _most_memory() - before
    if grown > MOST_MEMORY:
        verdict.faults.append(("memory", f"{grown / 1e6:.0f} MB more"))


def _told(error: BaseException) -> str:
    """The exception and the innermost lines of our own that it came through."""
    frames = traceback.extract_tb(error.__traceback__)
    ours = [frame for frame in frames if "cnnspec" in Path(frame.filename).parts][-3:]
    way = " < ".join(f"{Path(frame.filename).name}:{frame.lineno} {frame.name}" for frame in reversed(ours))
    return f"{type(error).__name__}: {str(error)[:120]} [{way}]"


def _most_memory() -> int:
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * (1 if sys.platform == "darwin" else 1024)


@contextmanager
def _watchdog() -> Iterator[None]:
    def give_up(number: int, frame: FrameType | None) -> None:
        raise Hangs(f"stopped after {HANG:.0f} s")

    before = signal.signal(signal.SIGPROF, give_up)
    signal.setitimer(signal.ITIMER_PROF, HANG)
    try:
        yield
    finally:
        signal.setitimer(signal.ITIMER_PROF, 0)
        signal.signal(signal.SIGPROF, before)

"""Lines of canonical text, and the columns that their writer lined up.

Lines one below the other whose arrows (or comments) were spread out are lined
up; where nobody spread them, one blank stands before an arrow and two before
a comment.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import Final

WIDTH: Final = 100


@dataclass(slots=True)
class Line:
    """A line under construction. ``gap`` is an empty line before it."""

    indent: int
    text: str
    comment: str = ""
    gap: bool = False
    arrow: int = 0
    """Where in the text the first arrow's blank stands; 0 when there is none."""
    spread: bool = False
    """The writer put more than one blank before that arrow."""
    comment_spread: bool = False
    """The writer put more than two blanks before the comment."""

    def write(self) -> str:
        comment = f"  {self.comment}" if self.text and self.comment else self.comment
        return f"{' ' * self.indent}{self.text}{comment}"


def write(lines: Sequence[Line]) -> str:
    """The lines as text, ending with a newline unless there are none."""
    _line_up(lines, _has_arrow, lambda line: line.arrow, lambda line: line.spread, _widen_arrow)
    _line_up(lines, _has_comment, lambda line: len(line.text), lambda line: line.comment_spread, _widen_end)
    out: list[str] = []
    for line in lines:
        out.extend(["", line.write()] if line.gap else [line.write()])
    return "\n".join(out) + "\n" if out else ""


def _line_up(
    lines: Sequence[Line],
    belongs: Callable[[Line], bool],
    column: Callable[[Line], int],
    spread: Callable[[Line], bool],
    widen: Callable[[Line, int], None],
) -> None:
    for run in _runs(lines, belongs):
        if not any(map(spread, run)):
            continue
        target = max(line.indent + column(line) for line in run)
        needed = [target - line.indent - column(line) for line in run]
        if all(len(line.write()) + more <= WIDTH for line, more in zip(run, needed, strict=True)):
            for line, more in zip(run, needed, strict=True):
                widen(line, more)


def _runs(lines: Sequence[Line], belongs: Callable[[Line], bool]) -> Iterator[list[Line]]:
    """Neighbouring lines of one indent that belong."""
    run: list[Line] = []
    for line in lines:
        if run and (line.gap or not belongs(line) or line.indent != run[-1].indent):
            yield run
            run = []
        if belongs(line):
            run.append(line)
    if run:
        yield run


def _has_arrow(line: Line) -> bool:
    return line.arrow > 0 and not line.text.endswith("{")


def _has_comment(line: Line) -> bool:
    return bool(line.text and line.comment)


def _widen_arrow(line: Line, blanks: int) -> None:
    line.text = line.text[: line.arrow] + " " * blanks + line.text[line.arrow :]


def _widen_end(line: Line, blanks: int) -> None:
    line.text += " " * blanks

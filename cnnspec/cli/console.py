"""Where a command prints and writes, and what a stream can show: its width, colour, ``×`` and ``│``."""

from __future__ import annotations

import os
import sys
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final, NoReturn, TextIO

import click

from cnnspec.diagnostics import Diagnostic, SpecError, nearest
from cnnspec.records import record
from cnnspec.text import printable, whole

if TYPE_CHECKING:
    from cnnspec.views.terminal.paint import Terminal

WIDEST_WITHOUT_TERMINAL = 100
NARROWEST = 20
FIGURE_FORMATS: Final = ("png", "svg", "pdf")
"""Of figures of results, by the endings of files."""
PROBE = "│─×·✓✗→⌊⌋−≤"


@record
class Console:
    """A text stream with what is known about it."""

    stream: TextIO
    width: int
    color: bool
    unicode: bool

    def print(self, text: str = "") -> None:
        """Writes the text, ending with a newline; what the stream cannot encode becomes ``?``.

        Names and texts of others are in it: what could drive the terminal is taken out here, for all.
        """
        if not text.replace("\n", "").isprintable():
            from cnnspec.views.terminal.paint import harmless

            text = harmless(text, self.color)
        if not self.unicode:
            encoding = self.stream.encoding or "ascii"
            text = text.encode(encoding, "replace").decode(encoding)
        try:
            self.stream.write(text if text.endswith("\n") else text + "\n")
        except BrokenPipeError:
            if self.stream is sys.stdout:
                raise
            forget(self.stream)

    def say(self, text: str) -> None:
        """Writes words, long lines broken at blanks."""
        from cnnspec.views.terminal.paint import folded

        self.print(folded(text, self.width))

    def print_json(self, document: dict[str, Any] | Sequence[Any]) -> None:
        """Writes a document as all commands do."""
        import json

        lines = json.dumps(document, indent=2, ensure_ascii=False).split("\n")
        self.print("\n".join(printable(line, lambda c: json.dumps(c)[1:-1]) for line in lines))

    @property
    def is_terminal(self) -> bool:
        return _is_terminal(self.stream)

    def terminal(self) -> Terminal:
        """The same for what lays out text."""
        from cnnspec.views.terminal.paint import Terminal

        return Terminal(self.width, self.color, self.unicode)


def forget(stream: TextIO) -> None:
    """What is still written to a stream goes nowhere: its reader is gone."""
    os.dup2(os.open(os.devnull, os.O_WRONLY), stream.fileno())


def stdout_console() -> Console:
    """Where results go."""
    return _console(sys.stdout)


def stderr_console() -> Console:
    """Where everything else goes."""
    return _console(sys.stderr)


def show(diagnostics: Iterable[Diagnostic]) -> None:
    """Prints the diagnostics to stderr, if there are any."""
    items = tuple(diagnostics)
    if not items:
        return
    from cnnspec.views.terminal.messages import render_text

    console = stderr_console()
    console.print(render_text(items, color=console.color, width=console.width, unicode=console.unicode))


def fail(diagnostics: Iterable[Diagnostic]) -> NoReturn:
    """Prints the diagnostics to stderr and leaves with exit code 1."""
    show(diagnostics)
    raise click.exceptions.Exit(1)


def write_result(target: str, data: bytes | str) -> None:
    """Writes a result to a file, in folders that are made, and says so; to stdout for ``-``."""
    if target == "-":
        sys.stdout.buffer.write(data.encode() if isinstance(data, str) else data)
        sys.stdout.buffer.flush()
        return
    write_file(target, data)
    stderr_console().say(f"wrote {target}")


def write_file(target: str, data: bytes | str) -> None:
    """Writes a file, in folders that are made; leaves with a message where it cannot be written."""
    from cnnspec.files import make_folder, write_atomically

    try:
        make_folder(Path(target).parent)
        write_atomically(target, data)
    except OSError as error:
        raise click.UsageError(f'"{target}" cannot be written: {error.strerror or error}') from error


def picture_format(output: str | None) -> str | None:
    """The format that the name of a file says, once it is known that it can be made; leaves otherwise."""
    if output is None:
        return None
    suffix = Path(output).suffix.lower().removeprefix(".")
    if suffix not in FIGURE_FORMATS:
        guess = nearest(suffix, FIGURE_FORMATS) if suffix else None
        hint = f"; did you mean {Path(output).with_suffix('.' + guess)}?" if guess else ""
        raise click.BadParameter(f'"{output}" must end in .png, .svg or .pdf{hint}', param_hint="--output")
    _check_converter(suffix)
    return suffix


def _check_converter(format: str) -> None:
    """Raises SpecError before anything is computed, where the file could not be made."""
    from cnnspec.views.pictures.svg import HOW_TO_GET_ONE, can_convert

    if format != "svg" and not can_convert():
        what, cures = "this figure cannot be made here", ("without -o the same is printed as a table",)
        raise SpecError([Diagnostic("no-picture-converter", what, notes=(HOW_TO_GET_ONE,), help=cures)])


def can_ask() -> bool:
    """Whether somebody is there to answer a question."""
    return bool(sys.stdin and sys.stdin.isatty()) and stderr_console().is_terminal


def _console(stream: TextIO) -> Console:
    return Console(stream, _width(stream), _takes_color(stream), _takes_unicode(stream))


def _is_terminal(stream: TextIO) -> bool:
    try:
        return stream.isatty()
    except ValueError:
        return False


def _width(stream: TextIO) -> int:
    if columns := whole(os.environ.get("COLUMNS", "")):
        return max(NARROWEST, columns)
    if not _is_terminal(stream):
        return WIDEST_WITHOUT_TERMINAL
    import shutil  # which loads what compresses files

    return max(NARROWEST, shutil.get_terminal_size((WIDEST_WITHOUT_TERMINAL, 24)).columns)


def _takes_color(stream: TextIO) -> bool:
    """--color decides; https://no-color.org: any value but the empty one turns colour off."""
    context = click.get_current_context(silent=True)
    if context is not None and context.color is not None:
        return context.color
    if os.environ.get("NO_COLOR") or os.environ.get("TERM") == "dumb":
        return False
    return os.environ.get("FORCE_COLOR", "0") not in ("", "0") or _is_terminal(stream)


def _takes_unicode(stream: TextIO) -> bool:
    try:
        PROBE.encode(stream.encoding or "ascii")
    except (UnicodeEncodeError, LookupError):
        return False
    return True

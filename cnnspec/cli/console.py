"""What a stream can show: its width, whether it takes colour, whether it knows ``×`` and ``│``."""

from __future__ import annotations

import os
import shutil
import sys
from dataclasses import dataclass
from typing import TextIO

WIDEST_WITHOUT_TERMINAL = 100
NARROWEST = 20
PROBE = "│─×·✓✗→⌊⌋−≤"


@dataclass(frozen=True, slots=True)
class Console:
    """A text stream with what is known about it."""

    stream: TextIO
    width: int
    color: bool
    unicode: bool

    def print(self, text: str = "") -> None:
        """Writes the text, ending with a newline; what the stream cannot encode becomes ``?``."""
        if not self.unicode:
            encoding = self.stream.encoding or "ascii"
            text = text.encode(encoding, "replace").decode(encoding)
        self.stream.write(text if text.endswith("\n") else text + "\n")

    @property
    def is_terminal(self) -> bool:
        return _is_terminal(self.stream)


def stdout_console(width: int | None = None) -> Console:
    """Where results go."""
    return _console(sys.stdout, width)


def stderr_console(width: int | None = None) -> Console:
    """Where everything else goes."""
    return _console(sys.stderr, width)


def _console(stream: TextIO, width: int | None) -> Console:
    return Console(stream, width or _width(stream), _takes_color(stream), _takes_unicode(stream))


def _is_terminal(stream: TextIO) -> bool:
    try:
        return stream.isatty()
    except ValueError:
        return False


def _width(stream: TextIO) -> int:
    columns = os.environ.get("COLUMNS", "")
    if columns.isdecimal() and int(columns):
        return max(NARROWEST, int(columns))
    if not _is_terminal(stream):
        return WIDEST_WITHOUT_TERMINAL
    return max(NARROWEST, shutil.get_terminal_size((WIDEST_WITHOUT_TERMINAL, 24)).columns)


def _takes_color(stream: TextIO) -> bool:
    """https://no-color.org: any value but the empty one turns colour off."""
    if os.environ.get("NO_COLOR") or os.environ.get("TERM") == "dumb":
        return False
    return os.environ.get("FORCE_COLOR", "0") not in ("", "0") or _is_terminal(stream)


def _takes_unicode(stream: TextIO) -> bool:
    try:
        PROBE.encode(stream.encoding or "ascii")
    except (UnicodeEncodeError, LookupError):
        return False
    return True

"""What a stream can show, told from the environment and the stream."""

from __future__ import annotations

import io

import pytest

from cnnspec.cli.console import Console, stdout_console


class Terminal(io.TextIOWrapper):
    """A stream that says it is a terminal."""

    def __init__(self, encoding: str = "utf-8") -> None:
        super().__init__(io.BytesIO(), encoding=encoding)

    def isatty(self) -> bool:
        return True


@pytest.fixture
def bare(monkeypatch: pytest.MonkeyPatch) -> pytest.MonkeyPatch:
    """No variable says anything about the terminal."""
    for name in ("COLUMNS", "NO_COLOR", "FORCE_COLOR", "TERM"):
        monkeypatch.delenv(name, raising=False)
    return monkeypatch


def console(bare: pytest.MonkeyPatch, stream: io.TextIOBase) -> Console:
    bare.setattr("sys.stdout", stream)
    return stdout_console()


def test_a_terminal_has_colour_and_a_file_has_none(bare: pytest.MonkeyPatch) -> None:
    assert console(bare, Terminal()).color
    assert not console(bare, io.TextIOWrapper(io.BytesIO(), encoding="utf-8")).color


@pytest.mark.parametrize(("name", "value"), [("NO_COLOR", "1"), ("TERM", "dumb")])
def test_colour_can_be_turned_off(bare: pytest.MonkeyPatch, name: str, value: str) -> None:
    bare.setenv(name, value)
    assert not console(bare, Terminal()).color


def test_an_empty_no_color_says_nothing(bare: pytest.MonkeyPatch) -> None:
    bare.setenv("NO_COLOR", "")
    assert console(bare, Terminal()).color


def test_the_width_is_the_terminal_s_or_100(bare: pytest.MonkeyPatch) -> None:
    pipe = io.TextIOWrapper(io.BytesIO(), encoding="utf-8")
    assert console(bare, pipe).width == 100
    bare.setenv("COLUMNS", "72")
    assert console(bare, pipe).width == 72
    bare.setenv("COLUMNS", "3")
    assert console(bare, pipe).width == 20
    bare.setenv("COLUMNS", "wide")
    assert console(bare, pipe).width == 100


@pytest.mark.parametrize(("encoding", "unicode"), [("utf-8", True), ("ascii", False), ("latin-1", False)])
def test_signs_are_used_where_the_encoding_has_them(
    bare: pytest.MonkeyPatch, encoding: str, unicode: bool
) -> None:
    assert console(bare, Terminal(encoding)).unicode is unicode


def test_what_cannot_be_encoded_becomes_a_question_mark(bare: pytest.MonkeyPatch) -> None:
    stream = Terminal("ascii")
    console(bare, stream).print("café")
    stream.flush()
    buffer = stream.buffer
    assert isinstance(buffer, io.BytesIO)
    assert buffer.getvalue() == b"caf?\n"

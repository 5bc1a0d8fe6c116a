"""What a stream can show, told from the environment and the stream."""

from __future__ import annotations

import io
import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from cnnspec.cli.console import Console, stdout_console
from cnnspec.cli.main import run
from cnnspec.views.terminal.paint import Terminal as Page


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


# What others wrote ------------------------------------------------------------------------

DRIVING = "\x1b]0;owned\x07\x1b[8m\x9b2J\u202e\u2066"


@pytest.mark.parametrize("color", [False, True])
def test_nothing_that_others_wrote_drives_the_terminal(color: bool) -> None:
    stream = io.StringIO()
    Console(stream, 80, color, True).print(f"a\tb\n{DRIVING}\nc")
    assert not set(DRIVING) - set("]0;owned[8m2J") & set(stream.getvalue())
    assert ["a\tb", "c"] == stream.getvalue().splitlines()[::2]


def test_our_own_styles_stay_where_colour_is_taken() -> None:
    painted = Page(color=True).paint("word", "bad", "bold")
    for color in (False, True):
        stream = io.StringIO()
        Console(stream, 80, color, True).print(painted)
        assert color == (painted in stream.getvalue())


def test_a_document_keeps_what_others_wrote_as_escapes() -> None:
    stream = io.StringIO()
    Console(stream, 80, False, True).print_json({"name": DRIVING + "é"})
    assert not set(DRIVING) - set("]0;owned[8m2J") & set(stream.getvalue())
    assert "é" in stream.getvalue()
    assert {"name": DRIVING + "é"} == json.loads(stream.getvalue())


@pytest.mark.parametrize(
    "arguments",
    [
        ["analyze", DRIVING],
        ["analyze", "-e", f'input 3; bend "{DRIVING}" 4; use "{DRIVING}"'],
        ["evaluate", DRIVING],
        ["predict", "lenet", DRIVING],
        ["inspect", DRIVING, "filters"],
        ["analyze", "lenet", f"--{DRIVING}"],
        [DRIVING],
    ],
)
def test_no_message_drives_the_terminal(
    arguments: list[str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("FORCE_COLOR", "1")
    (tmp_path / f"runs{DRIVING[:4]}").mkdir()
    assert run(arguments) in (1, 2)
    streams = capsys.readouterr()
    assert not set("\x07\x9b\u202e\u2066") & set(streams.out + streams.err)
    assert "\x1b]" not in streams.err + streams.out
    assert "\x1b[8m" not in streams.err + streams.out


def test_a_reader_of_messages_that_goes_away_ends_nothing() -> None:
    reader, writer = os.pipe()
    os.close(reader)
    stream = os.fdopen(writer, "w", buffering=1)
    Console(stream, 80, False, True).print("one")
    Console(stream, 80, False, True).print("two")
    stream.close()


def test_ctrl_c_during_the_start_leaves_no_traceback(tmp_path: Path) -> None:
    (tmp_path / "click.py").write_text("raise KeyboardInterrupt\n")
    found = subprocess.run(
        [sys.executable, "-m", "cnnspec", "analyze", "lenet"], capture_output=True, text=True,
        env=os.environ | {"PYTHONPATH": f"{tmp_path}:{os.environ.get('PYTHONPATH', '')}"},
    )  # fmt: skip
    assert (130, "") == (found.returncode, found.stderr)

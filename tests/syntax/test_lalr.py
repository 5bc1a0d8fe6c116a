"""The parser reads as Lark reads, and its tables are kept safely."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st
from lark import Lark, UnexpectedCharacters, UnexpectedToken

from cnnspec import resources
from cnnspec.resources import example_names, example_text, grammar_text, prelude_text
from cnnspec.syntax import lalr
from cnnspec.syntax.lalr import END, Parser, Unexpected, make_parser, make_tables, read_tables, tables_path

SIGNS = list('\n;|{}()+-*%,?=:<>.#"$ x')
WORDS = """-> => == // network input inputs let block repeat if else and or not from use expect train
    conv a.b 3x3 1.5e3 62k stride= conv1:"""
PIECES = [*SIGNS, *WORDS.split(), " else", "\n->"]


class Recorder:
    """Keeps what each method was called with."""

    def __getattr__(self, name: str) -> Callable[[list[Any]], Any]:
        if name.isupper():
            raise AttributeError(name)
        return lambda parts: (name, [part[:1] if isinstance(part, lalr.Token) else part for part in parts])


def read(text: str) -> Any:
    try:
        return PARSER.parse(text, Recorder())
    except Unexpected as error:
        return error.kind, None if error.kind == END else error.at, error.expected


def read_by_lark(text: str) -> Any:
    try:
        return plain(LARK.parse(text))
    except UnexpectedToken as error:
        place = None if error.token.type == END else error.pos_in_stream
        return error.token.type, place, frozenset(error.expected)
    except UnexpectedCharacters as error:
        return None, error.pos_in_stream, frozenset(error.allowed)


def plain(node: Any) -> Any:
    """Lark's tree, as the recorder keeps it."""
    if isinstance(node, str):
        return (str(node),)
    return str(node.data), [plain(part) for part in node.children]


PARSER = Parser(json.loads(json.dumps(make_tables(grammar_text()))))
LARK = Lark(grammar_text(), parser="lalr", lexer="contextual", maybe_placeholders=False)


@pytest.mark.parametrize("name", example_names())
def test_every_example_is_read_as_lark_reads_it(name: str) -> None:
    assert read(example_text(name)) == read_by_lark(example_text(name))


def test_the_prelude_is_read_as_lark_reads_it() -> None:
    assert read(prelude_text()) == read_by_lark(prelude_text())


@given(st.lists(st.sampled_from(PIECES), max_size=30), st.sampled_from(["", " "]))
@example(["else", "{"], " ")
@example(["let", "a=", "b", "and"], " ")
@example(["network", "input"], " ")
@example(["input", "input"], "\n")
@settings(max_examples=500, deadline=None)
def test_any_heap_of_signs_is_read_or_refused_as_lark_does(pieces: list[str], between: str) -> None:
    text = between.join(pieces)
    assert read(text) == read_by_lark(text)


@given(st.sampled_from(example_names()), st.data())
@settings(max_examples=200, deadline=None)
def test_a_damaged_spec_is_read_or_refused_as_lark_does(name: str, data: st.DataObject) -> None:
    text = example_text(name)
    at = data.draw(st.integers(0, len(text)))
    end = at + data.draw(st.integers(0, 9))
    text = text[:at] + data.draw(st.sampled_from([*PIECES, ""])) + text[end:]
    assert read(text) == read_by_lark(text)


@pytest.fixture
def grammar(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A package of its own, whose grammar's tables may be written."""
    package = tmp_path / "cnnspec"
    (package / "_grammar").mkdir(parents=True)
    (package / "_grammar" / "cnnspec.lark").write_text(grammar_text(), encoding="utf-8")
    monkeypatch.setattr(resources, "PACKAGE", package)
    monkeypatch.setattr(sys, "dont_write_bytecode", False)
    return package / "_grammar"


def refuse(grammar: str) -> dict[str, Any]:
    raise AssertionError("tables were made")


def reads(parser: Parser) -> bool:
    return bool(parser.parse("input 3x3x1\nconv 2 3x3", Recorder())[0] == "start")


def test_tables_are_made_once(grammar: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    assert not tables_path().exists()
    assert reads(make_parser())
    assert [path.name for path in grammar.iterdir() if path.suffix != ".lark"] == ["cnnspec.tables"]
    monkeypatch.setattr(lalr, "make_tables", refuse)
    assert reads(make_parser())


@pytest.mark.parametrize(
    "damage",
    [
        lambda data: b"",
        lambda data: data[: len(data) // 2],
        lambda data: data.replace(b"12", b"13", 1),
        lambda data: b"\x80\x04" + data,
        lambda data: b"00000000\n[]",
    ],
)
def test_damaged_tables_are_made_again(grammar: Path, damage: Callable[[bytes], bytes]) -> None:
    make_parser()
    good = tables_path().read_bytes()
    tables_path().write_bytes(damage(good))
    assert reads(make_parser())
    assert tables_path().read_bytes() == good


def test_tables_of_another_grammar_are_made_again(grammar: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    make_parser()
    path = tables_path()
    text = grammar_text() + "// a change\n"
    assert read_tables(path, grammar_text()) is not None
    assert read_tables(path, text) is None
    monkeypatch.setattr(lalr, "grammar_text", lambda: text)
    make_parser()
    assert read_tables(path, text) is not None


def test_tables_of_another_form_are_made_again(grammar: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    make_parser()
    monkeypatch.setattr(lalr, "FORMAT", lalr.FORMAT + 1)
    assert read_tables(tables_path(), grammar_text()) is None


def test_a_folder_that_cannot_be_written_is_no_fault(grammar: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    tables_path().mkdir()
    assert reads(make_parser())


def test_nothing_is_written_where_python_writes_no_bytecode(
    grammar: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sys, "dont_write_bytecode", True)
    assert reads(make_parser())
    assert not tables_path().exists()


def test_a_start_with_tables_loads_no_lark(grammar: Path) -> None:
    make_parser()
    code = (
        "import sys; from pathlib import Path; from cnnspec import resources\n"
        f"resources.PACKAGE = Path({str(grammar.parent)!r})\n"
        "from cnnspec.syntax.lalr import make_parser\n"
        "make_parser(); sys.exit('lark' in sys.modules)"
    )
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0

"""The formatter: goldens in pairs, and the laws that hold for every text."""

from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from spec_trees import same

from cnnspec.diagnostics import SpecError
from cnnspec.resources import PACKAGE, folder
from cnnspec.syntax.format import format_source, write
from cnnspec.syntax.parse import parse
from cnnspec.text import Source

PAIRS = sorted((Path(__file__).parent / "format").glob("*.in.cnn"))
EXAMPLES = [*sorted(folder("examples").rglob("*.cnn")), PACKAGE / "elaborate" / "prelude.cnn"]
TEXTS = [*PAIRS, *EXAMPLES]


def formatted(text: str) -> str:
    return format_source(Source("spec.cnn", text))


def words_of_comments(text: str) -> list[str]:
    return [each.text for each in parse(Source("spec.cnn", text)).comments]


def name(path: Path) -> str:
    return path.name


@pytest.mark.parametrize("path", PAIRS, ids=name)
def test_output_matches(path: Path) -> None:
    expected = path.with_name(path.name.replace(".in.", ".out.")).read_text(encoding="utf-8")
    assert formatted(path.read_text(encoding="utf-8")) == expected


@pytest.mark.parametrize("path", TEXTS, ids=name)
def test_formatting_twice_changes_nothing(path: Path) -> None:
    once = formatted(path.read_text(encoding="utf-8"))
    assert formatted(once) == once


@pytest.mark.parametrize("path", TEXTS, ids=name)
def test_the_tree_and_the_comments_stay(path: Path) -> None:
    text = path.read_text(encoding="utf-8")
    once = formatted(text)
    assert same(parse(Source("spec.cnn", once)), parse(Source("spec.cnn", text)))
    assert words_of_comments(once) == words_of_comments(text)


@pytest.mark.parametrize("path", TEXTS, ids=name)
def test_a_tree_written_without_its_source_is_the_same_tree(path: Path) -> None:
    spec = parse(Source("spec.cnn", path.read_text(encoding="utf-8")))
    assert same(parse(Source("spec.cnn", write(spec))), spec)


@pytest.mark.parametrize("path", EXAMPLES, ids=name)
def test_examples_are_in_their_usual_form(path: Path) -> None:
    text = path.read_text(encoding="utf-8")
    assert formatted(text) == text


@given(st.sampled_from(TEXTS), st.data())
@settings(max_examples=80, deadline=None)
def test_the_laws_hold_for_every_spacing(path: Path, data: st.DataObject) -> None:
    text = path.read_text(encoding="utf-8")
    for _ in range(data.draw(st.integers(1, 8))):
        at = data.draw(st.integers(0, len(text)))
        more = data.draw(
            st.sampled_from([" ", "   ", "\n", "\n\n\n", ";", " # note\n", "\t", "\n# note\n", " -> "])
        )
        text = text[:at] + more + text[at:]
    try:
        spec = parse(Source("spec.cnn", text))
    except SpecError:
        return
    once = formatted(text)
    assert same(parse(Source("spec.cnn", once)), spec)
    assert words_of_comments(once) == words_of_comments(text)
    assert formatted(once) == once


def test_a_text_that_cannot_be_read_is_refused() -> None:
    with pytest.raises(SpecError):
        formatted("conv 6 stride=")


def test_lines_are_broken_at_arrows_and_bodies() -> None:
    long = formatted("relu" + " -> relu" * 30)
    assert max(map(len, long.splitlines())) <= 100
    assert long.splitlines()[1].startswith("  -> relu -> ")
    wide = formatted("repeat 2 { " + "; ".join(["conv 64 3x3 padding=1 bias=no"] * 4) + " }")
    assert wide.splitlines() == ["repeat 2 {", *["  conv 64 3x3 padding=1 bias=no"] * 4, "}"]


def test_line_ends_of_windows_stay() -> None:
    assert formatted("conv  6 # one\r\nrelu->tanh\r\n") == "conv 6  # one\r\nrelu -> tanh\r\n"
    assert formatted("relu\ntanh\r\n") == "relu\ntanh\n"


def test_one_sentence_is_written_alone() -> None:
    spec = parse(Source("spec.cnn", "a: conv  6 5×5  stride = 2 -> relu\nrepeat 2 { relu }"))
    assert [write(each) for each in spec.statements] == [
        "a: conv 6 5x5 stride=2",
        "relu",
        "repeat 2 {\n  relu\n}",
    ]

"""Diagnostics as they are shown: places, carets, labels, words, widths; and for other programs."""

from __future__ import annotations

import json
import re
from unicodedata import category, east_asian_width

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from jsonschema import Draft7Validator

from cnnspec.diagnostics import Diagnostic, Fix, Label, Severity
from cnnspec.text import Source, Span
from cnnspec.views.documents.messages import to_github, to_json, to_sarif
from cnnspec.views.terminal.messages import render_text

LENET = Source("lenet.cnn", "network LeNet5\n\ninput 5x5x1\n\n\nconv1: conv 6 9x9 => 28x28x6\nrelu\n")


def at(source: Source, text: str) -> Span:
    start = source.text.index(text)
    return source.span(start, start + len(text))


WINDOW = Diagnostic(
    "window-larger-than-input",
    "the conv window is 9 pixels long, the input's height is only 5",
    at(LENET, "9x9"),
    labels=(
        Label(at(LENET, "5x5x1"), "5x5x1 flows in from here"),
        Label(at(LENET, "28x28x6"), "claimed here"),
    ),
    notes=("⌊(i + 2p − k)/s⌋ + 1",),
    help=("make the window at most 5",),
    fixes=(Fix(at(LENET, "9x9"), "5x5", "make it 5x5"),),
)


def plain(*diagnostics: Diagnostic, width: int = 80, unicode: bool = True, summary: bool = False) -> str:
    return render_text(diagnostics, color=False, width=width, unicode=unicode, summary=summary)


def test_everything_at_its_place() -> None:
    assert (
        plain(WINDOW)
        == """\
error[window-larger-than-input]: the conv window is 9 pixels long, the input's
    height is only 5
  ┌─ lenet.cnn:6:15
  │
3 │ input 5x5x1
  │       ----- 5x5x1 flows in from here
…
6 │ conv1: conv 6 9x9 => 28x28x6
  │               ^^^    ------- claimed here
  │
  = note: ⌊(i + 2p − k)/s⌋ + 1
  = help: make the window at most 5
  = fix: make it 5x5
  │
6 │ conv1: conv 6 5x5 => 28x28x6
  │               +++"""
    )


def test_ascii_and_narrow() -> None:
    assert (
        plain(WINDOW, width=40, unicode=False)
        == """\
error[window-larger-than-input]: the
    conv window is 9 pixels long, the
    input's height is only 5
 --> lenet.cnn:6:15
  |
3 | input 5x5x1
  |       ----- 5x5x1 flows in from here
...
6 | conv1: conv 6 9x9 => 28x28x6
  |               ^^^    -------
  |                      claimed here
  |
  = note: floor((i + 2p - k)/s) + 1
  = help: make the window at most 5
  = fix: make it 5x5
  |
6 | conv1: conv 6 5x5 => 28x28x6
  |               +++"""
    )


def test_concise_is_one_line_each() -> None:
    both = (WINDOW, Diagnostic("empty", "nothing here"))
    assert render_text(both, color=False, width=40, unicode=True, concise=True) == (
        "lenet.cnn:6:15: error[window-larger-than-input]: "
        "the conv window is 9 pixels long, the input's height is only 5\n"
        "error[empty]: nothing here"
    )


def test_without_a_place_only_words_are_shown() -> None:
    assert plain(Diagnostic("empty", "nothing here", help=("add a layer",))) == (
        "error[empty]: nothing here\n  = help: add a layer"
    )


def test_several_have_an_empty_line_between_and_a_count() -> None:
    warning = Diagnostic("pixels-dropped", "one row is lost", at(LENET, "relu"), Severity.WARNING)
    text = plain(WINDOW, warning, warning, summary=True)
    assert "\n\nwarning[pixels-dropped]: one row is lost\n" in text
    assert text.endswith("\n\n1 error, 2 warnings; more about each: cnnspec why CODE")


def test_one_names_its_page() -> None:
    assert plain(WINDOW, summary=True).endswith("\n\nmore about it: cnnspec why window-larger-than-input")


def test_nothing_is_nothing() -> None:
    assert plain(summary=True) == ""


def marked(line: str, text: str, mark: str = "^") -> tuple[str, str]:
    """The source line as it is shown, and the row of marks under it."""
    lines = plain(Diagnostic("x", "here", at(Source("s", line), text))).split("\n")
    row = next(n for n, each in enumerate(lines) if mark in each.split("│")[-1] and n > 2)
    return lines[row - 1].removeprefix("1 │ "), lines[row].removeprefix("  │ ")


def columns(text: str) -> int:
    return sum(0 if category(c) in ("Mn", "Me") else 2 if east_asian_width(c) in "WF" else 1 for c in text)


@pytest.mark.parametrize(
    "line, text",
    [
        ("conv 6 5x5", "5x5"),
        ("\tconv\t6\t5x5", "5x5"),
        ("conv 漢字 5x5", "5x5"),
        ("conv e\u0301e\u0301 5x5", "5x5"),
        ("漢字 conv", "漢字"),
        ("a\u200bb conv", "conv"),
        ("conv", "c"),
    ],
)
def test_carets_stand_under_what_they_mean(line: str, text: str) -> None:
    shown, carets = marked(line, text)
    before, _, _ = shown.partition(text)
    assert len(carets) - len(carets.lstrip()) == columns(before)
    assert carets.strip() == "^" * columns(text)


def test_an_empty_place_has_one_caret() -> None:
    source = Source("s", "conv 6 stride=")
    text = plain(Diagnostic("x", "here", source.span(14, 14)))
    assert text.split("\n")[-1] == "  │               ^"


def test_a_place_over_several_lines_is_marked_on_its_first() -> None:
    source = Source("s", "repeat 3 {\n  relu\n}")
    text = plain(Diagnostic("x", "here", source.span(0, len(source.text))))
    assert text.split("\n")[-1] == "  │ ^^^^^^^^^^"


def test_the_end_of_the_text_can_be_marked() -> None:
    source = Source("s", "relu\n")
    assert plain(Diagnostic("x", "here", source.span(5, 5))).split("\n")[-1] == "  │ ^"


def test_labels_that_overlap_get_rows_of_their_own() -> None:
    source = Source("s", "conv 6 5x5")
    labels = (Label(source.span(0, 10), "all of it"), Label(source.span(0, 4), "the word"))
    lines = plain(Diagnostic("x", "here", source.span(7, 10), labels=labels)).split("\n")
    assert lines[4:] == ["  │ ----   ^^^", "  │ the word", "  │ ---------- all of it"]


def test_labels_in_another_file_are_shown_from_there() -> None:
    blocks = Source("blocks.cnn", "block unit {\n}")
    label = Label(at(blocks, "unit"), "defined here")
    text = plain(Diagnostic("x", "here", at(LENET, "relu"), labels=(label,)))
    assert "  ├─ blocks.cnn:1:7\n  │\n1 │ block unit {\n  │       ---- defined here" in text


def test_the_gutter_is_as_wide_as_the_largest_number() -> None:
    source = Source("s", "\n" * 99 + "relu")
    lines = plain(Diagnostic("x", "here", at(source, "relu"))).split("\n")
    assert lines[1:] == ["    ┌─ s:100:1", "    │", "100 │ relu", "    │ ^^^^"]


@pytest.mark.parametrize("width", [40, 60, 80])
def test_a_long_line_is_cut_around_its_mark(width: int) -> None:
    source = Source("s", "relu -> " * 50 + "conv 6 9x9" + " -> relu" * 50)
    lines = plain(Diagnostic("x", "here", at(source, "9x9")), width=width).split("\n")
    assert max(map(len, lines)) <= width
    line, carets = lines[-2], lines[-1]
    assert line[carets.index("^") : carets.rindex("^") + 1] == "9x9"
    assert line.startswith("1 │ …")
    assert line.endswith("…")


def test_control_characters_never_reach_the_terminal() -> None:
    source = Source("a\x1bb", "conv \x1b[31m\x07 6\u202e9")
    fault = Diagnostic("x", "bad \x1b[0m\u202e", at(source, "6"), help=("not \x9b",))
    text = plain(fault)
    assert [c for c in text if category(c) in ("Cc", "Cf") and c != "\n"] == []


def test_colour_is_only_added() -> None:
    coloured = render_text([WINDOW], color=True, width=80, unicode=True, summary=False)
    assert "\x1b[1;31merror[window-larger-than-input]\x1b[0m" in coloured
    assert re.sub(r"\x1b\[[0-9;]*m", "", coloured) == plain(WINDOW)


lines_of_text = st.text(st.characters(exclude_categories=["Cs"]), max_size=120)


@given(lines_of_text, st.data(), st.integers(1, 100), st.booleans())
@settings(max_examples=150, deadline=None)
def test_any_text_can_be_shown(text: str, data: st.DataObject, width: int, unicode: bool) -> None:
    source = Source("s", text)

    def span() -> Span:
        start = data.draw(st.integers(0, len(text)))
        return source.span(start, data.draw(st.integers(start, len(text))))

    labels = tuple(Label(span(), data.draw(lines_of_text)) for _ in range(data.draw(st.integers(0, 3))))
    fixes = tuple(Fix(span(), data.draw(lines_of_text), "so") for _ in range(data.draw(st.integers(0, 1))))
    fault = Diagnostic("x", data.draw(lines_of_text), span(), labels=labels, fixes=fixes)
    shown = plain(fault, width=width, unicode=unicode)
    assert shown.startswith("error[x]")
    assert unicode or shown.isascii()


# For other programs ----------------------------------------------------------------


def test_json_has_places_from_1_and_offsets_from_0() -> None:
    (fault,) = to_json([WINDOW])
    assert json.loads(json.dumps(fault)) == fault
    assert fault["code"] == "window-larger-than-input"
    assert fault["place"] == {
        "file": "lenet.cnn", "line": 6, "column": 15, "end_line": 6, "end_column": 18, "start": 44, "end": 47,
    }  # fmt: skip
    assert [label["message"] for label in fault["labels"]] == ["5x5x1 flows in from here", "claimed here"]
    assert fault["fixes"][0]["replacement"] == "5x5"


def test_json_of_no_place() -> None:
    assert to_json([Diagnostic("empty", "nothing here")])[0]["place"] is None


def test_github_escapes_what_its_commands_need() -> None:
    source = Source("a,b:c.cnn", "relu")
    fault = Diagnostic("x", "50% lost\nhere", source.span(0, 4), Severity.WARNING, help=("keep: it",))
    assert to_github([fault, Diagnostic("y", "no place", severity=Severity.NOTE)]) == (
        "::warning file=a%2Cb%3Ac.cnn,line=1,endLine=1,col=1,endColumn=5,title=cnnspec x"
        "::50%25 lost%0Ahere%0Ahelp: keep: it\n"
        "::notice title=cnnspec y::no place"
    )


REGION = {
    "type": "object",
    "required": ["startLine", "startColumn", "endLine", "endColumn"],
    "additionalProperties": {"type": "integer", "minimum": 1},
}
PHYSICAL = {
    "type": "object",
    "required": ["artifactLocation", "region"],
    "properties": {
        "artifactLocation": {
            "type": "object",
            "required": ["uri"],
            "properties": {"uri": {"type": "string"}},
        },
        "region": REGION,
    },
    "additionalProperties": False,
}
RESULT = {
    "type": "object",
    "required": ["ruleId", "ruleIndex", "level", "message"],
    "properties": {
        "level": {"enum": ["none", "note", "warning", "error"]},
        "message": {"type": "object", "required": ["text"], "properties": {"text": {"type": "string"}}},
        "ruleIndex": {"type": "integer", "minimum": 0},
        "locations": {"type": "array", "items": {"properties": {"physicalLocation": PHYSICAL}}},
        "fixes": {"type": "array", "items": {"type": "object", "required": ["artifactChanges"]}},
    },
}
SARIF = {
    "type": "object",
    "required": ["version", "runs"],
    "properties": {
        "version": {"const": "2.1.0"},
        "runs": {
            "type": "array",
            "minItems": 1,
            "items": {
                "required": ["tool", "results"],
                "properties": {
                    "tool": {"required": ["driver"], "properties": {"driver": {"required": ["name"]}}},
                    "results": {"type": "array", "items": RESULT},
                    "columnKind": {"enum": ["utf16CodeUnits", "unicodeCodePoints"]},
                },
            },
        },
    },
}
"""What SARIF 2.1.0 asks of the parts that are written."""


def test_sarif_is_in_form() -> None:
    log = to_sarif([WINDOW, Diagnostic("empty", "nothing here", severity=Severity.NOTE)])
    assert list(Draft7Validator(SARIF).iter_errors(json.loads(json.dumps(log)))) == []
    (run,) = log["runs"]
    assert [rule["id"] for rule in run["tool"]["driver"]["rules"]] == ["empty", "window-larger-than-input"]
    assert [(result["ruleId"], result["ruleIndex"]) for result in run["results"]] == [
        ("window-larger-than-input", 1),
        ("empty", 0),
    ]
    assert run["results"][0]["fixes"][0]["artifactChanges"][0]["replacements"][0]["insertedContent"] == {
        "text": "5x5"
    }


def test_sarif_of_nothing() -> None:
    assert to_sarif([])["runs"][0]["results"] == []

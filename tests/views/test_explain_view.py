"""The blackboard: each number with its law, the numbers in it and the result."""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Sequence
from importlib.resources import files
from typing import Any

import jsonschema
import pytest
from showcase import BRANCHES, LENET, SPECS, analysis_of

from cnnspec.analysis.explain import TOPICS
from cnnspec.analysis.report import analyze
from cnnspec.resources import example_names, example_text
from cnnspec.views.documents import explain as explain_pages
from cnnspec.views.terminal import explain
from cnnspec.views.terminal.paint import Terminal, width_of
from cnnspec.views.workings import board as board_of

CONV = "input 32x32x3; conv 16 3x3 padding=same"


def board(
    text: str, about: Sequence[str] = (), *, dense: bool = False, terminal: Terminal | None = None
) -> str:
    analysis = analysis_of(text)
    return explain.render(board_of(analysis, analysis.rows, about, dense=dense), terminal or Terminal(100))


def line_of(page: str, what: str) -> str:
    """The line that begins with a word, its blanks made single."""
    return next(" ".join(line.split()) for line in page.splitlines() if line.strip().startswith(f"{what} "))


@pytest.mark.parametrize(
    ("spec", "line"),
    [
        (CONV, "params F·(k_h·k_w·C) + F = 16·(3·3·3) + 16 = 448"),
        ("input 32x32x3; conv 1 3x3 padding=same", "params F·(k_h·k_w·C) + F = 1·(3·3·3) + 1 = 28"),
        (LENET, "height, width ⌊(i + 2p − k)/s⌋ + 1 = ⌊(28 + 2·2 − 5)/1⌋ + 1 = 28"),
        ("input 400; dense 120", "params n_in·n_out + n_out = 400·120 + 120 = 48,120"),
        (
            "input 224x224x3; conv 64 3x3",
            "multiplies o_h·o_w·F·(k_h·k_w·C) = 222·222·64·(3·3·3) = 85,162,752",
        ),
        ("input 8x8x2; maxpool 2x2", "comparisons o_h·o_w·C·(k_h·k_w − 1) = 4·4·2·(2·2 − 1) = 96"),
        ("input 8x8x2; conv 4 3x3", "field size r_in + (k − 1)·j_in = 1 + (3 − 1)·1 = 3"),
    ],
)
def test_a_number_is_law_numbers_and_result(spec: str, line: str) -> None:
    assert line_of(board(spec), line.split(" ")[0] if "," not in line[:8] else "height,").startswith(line)


def test_axes_with_equal_workings_share_a_line() -> None:
    assert "height, width" in board(CONV, ("shape",))
    page = board("input 9x7x1; conv 1 3x3", ("shape",))
    assert line_of(page, "height") == "height ⌊(i − k)/s⌋ + 1 = ⌊(9 − 3)/1⌋ + 1 = 7"
    assert line_of(page, "width") == "width ⌊(i − k)/s⌋ + 1 = ⌊(7 − 3)/1⌋ + 1 = 5"


def test_axes_that_see_differently_are_named() -> None:
    page = board("input 9x9x1; conv 1 3x1", ("receptive-field",))
    assert line_of(page, "field size, height") == "field size, height r_in + (k − 1)·j_in = 1 + (3 − 1)·1 = 3"
    assert line_of(page, "field size, width") == "field size, width r_in + (k − 1)·j_in = 1 + (1 − 1)·1 = 1"


def test_what_nobody_asked_for_is_left_out_and_what_is_asked_for_is_said() -> None:
    spec = "input 8x8x2; relu; maxpool 2x2"
    assert "multiplies" not in board(spec)
    assert line_of(board(spec, ("multiplies",)), "multiplies").startswith("multiplies 0")
    assert "output bytes" not in board(spec)
    assert "output bytes" not in board("input 8x8x2; relu")
    assert "output bytes" in board("input 8x8x2; relu", ("memory",))


@pytest.mark.parametrize("topic", TOPICS)
def test_every_topic_can_be_asked_alone(topic: str) -> None:
    page = board(LENET, (topic,))
    assert all(name in page for name in ("conv1", "relu4", "softmax1"))


def test_sums_over_the_layers() -> None:
    page = board(LENET)
    assert line_of(page, "params      156") == "params 156 + 2,416 + 48,120 + 10,164 + 850 = 61,706"
    assert "117,600 + 240,000 + 48,000 + 10,080 + 840 = 416,520" in page


def test_each_symbol_is_explained_once() -> None:
    analysis = analysis_of(LENET)
    page = explain.render(board_of(analysis, analysis.rows))
    legend = page.split("\nwhere\n")[1].splitlines()
    names = [line.split()[0] for line in legend]
    assert len(names) == len(set(names))
    used = {symbol for passage in board_of(analysis, analysis.rows).passages for symbol in passage.symbols}
    assert {symbol.name for symbol in used} - {"params", "input"} <= set(names)


def test_the_dense_matrix_of_the_lecture() -> None:
    page = board("input 320x280x1; conv 1 2x1 bias=no", ("params",), dense=True)
    assert "8,003,072,000" in page
    assert "16,006,054,680" in page
    assert "against 267,960" in page


@pytest.mark.parametrize("width", [100, 80, 60, 40])
@pytest.mark.parametrize("text", [LENET, BRANCHES])
def test_long_workings_break_at_their_sides(text: str, width: int) -> None:
    page = board(text, terminal=Terminal(width))
    too_wide = [line for line in page.splitlines() if width_of(line) > width]
    assert [line for line in too_wide if len(line.split()) > 2] == []
    assert "= 61,706" in board(LENET, terminal=Terminal(width)).replace("\n", " ")


def test_ascii_boards_are_ascii() -> None:
    page = board(LENET, terminal=Terminal(unicode=False))
    assert page.isascii()
    assert "floor((i + 2p - k)/s) + 1 = floor((28 + 2*2 - 5)/1) + 1 = 28" in page


def test_markdown_typesets_between_dollars() -> None:
    analysis = analysis_of(CONV)
    page = explain_pages.as_markdown(board_of(analysis, analysis.rows))
    assert "### conv1: `conv 16 3x3 padding=same`" in page
    assert r"- **params** $F \cdot \left(k_{h} \cdot k_{w} \cdot C\right) + F" in page
    assert page.count("$") % 2 == 0


def test_latex_aligns_equations_and_balances() -> None:
    analysis = analysis_of(LENET)
    page = explain_pages.as_latex(board_of(analysis, analysis.rows, dense=True))
    assert page.count(r"\begin{align*}") == page.count(r"\end{align*}") > 0
    assert page.count("{") == page.count("}")
    assert page.count(r"\left(") == page.count(r"\right)")


def test_json_holds_every_step_with_its_number() -> None:
    analysis = analysis_of(LENET)
    document = json.loads(explain_pages.as_json(board_of(analysis, analysis.rows, dense=True, brief=False)))
    assert document["schema"] == "cnnspec/explanation/1"
    first = {step["what"]: step for step in document["layers"][0]["steps"]}
    assert (first["params"]["value"], first["params"]["worked"]) == (156, "6·(5·5·1) + 6 = 156")
    assert "weights as a dense layer" in first
    sums = [
        step["value"] for layer in document["layers"] for step in layer["steps"] if step["what"] == "params"
    ]
    assert sum(sums) == 61706
    assert document["symbols"]["k_h"] == "kernel height"


EXPLANATION: dict[str, Any] = json.loads(
    (files("cnnspec.views") / "schema" / "explanation-1.json").read_text("utf-8")
)


def test_the_schema_of_explanations_is_a_schema() -> None:
    jsonschema.Draft202012Validator.check_schema(EXPLANATION)
    assert explain_pages.SCHEMA == EXPLANATION["$id"] == EXPLANATION["properties"]["schema"]["const"]


@pytest.mark.parametrize(
    "text",
    [*SPECS.values(), *map(example_text, ("lenet1998", "unet", "googlenet", "segnet", "mnist_mlp"))],
)
def test_explanations_keep_their_contract(text: str) -> None:
    analysis = analysis_of(text)
    for about in ((), ("memory",)):
        said = board_of(analysis, analysis.rows, about, dense=True, brief=False)
        document = json.loads(explain_pages.as_json(said))
        jsonschema.validate(document, EXPLANATION)
        assert len(analysis.rows) == len(document["layers"])


@pytest.mark.parametrize(
    "spoil",
    [
        lambda document: document.update(schema="cnnspec/explanation/2"),
        lambda document: document["layers"][0]["steps"][0].pop("law"),
        lambda document: document["layers"][0].update(line="1"),
    ],
)
def test_what_breaks_the_contract_is_seen(spoil: Callable[[dict[str, Any]], Any]) -> None:
    analysis = analysis_of(LENET)
    document = json.loads(explain_pages.as_json(board_of(analysis, analysis.rows, brief=False)))
    spoil(document)
    with pytest.raises(jsonschema.ValidationError):
        jsonschema.validate(document, EXPLANATION)


def test_equal_repeats_are_told_once_and_summed_whole() -> None:
    analysis = analysis_of(BRANCHES)
    page = explain.render(board_of(analysis, analysis.rows, folded=True))
    assert "×3: residual1.conv1 to residual1.relu2; the others are equal" in page
    assert "residual2" not in page
    assert page.count("residual1.conv1 ") == 2
    whole = explain.render(board_of(analysis, analysis.rows))
    assert "residual3.conv2" in whole
    assert page.split("all layers")[1].split("where")[0] == whole.split("all layers")[1].split("where")[0]
    assert "15,178" in page


def test_pages_fold_too() -> None:
    analysis = analysis_of(BRANCHES)
    for write in (explain_pages.as_markdown, explain_pages.as_latex):
        assert "residual2" not in write(board_of(analysis, analysis.rows, folded=True))
        assert "residual2" in write(board_of(analysis, analysis.rows))


@pytest.mark.parametrize(
    ("spec", "line"),
    [
        (
            "input 224x224x3; conv 64 3x3 stride=2 padding=same",
            "height, width ⌈i/s⌉ = ⌈224/2⌉ = 112 (padded by 0 before and 1 after)",
        ),
        (
            "input 6x7x1; maxpool 2x2",
            "width ⌊(i − k)/s⌋ + 1 = ⌊(7 − 2)/2⌋ + 1 = 3 (1 of 7 at the end fits no window)",
        ),
        (
            "input 11x11x1; conv 1 3x3 stride=3",
            "height, width ⌊(i − k)/s⌋ + 1 = ⌊(11 − 3)/3⌋ + 1 = 3 (2 of 11 at the end fit no window)",
        ),
    ],
)
def test_what_the_size_law_does_not_show_is_told(spec: str, line: str) -> None:
    assert line_of(board(spec), line.split(" ")[0]) == line


@pytest.mark.parametrize(
    "text", ['conv 2 3x3 connections="0 1; 1 2"', "pad (1, 0, 2, 0)", "batchnorm momentum=0.123456789"]
)
def test_a_layer_is_headed_as_it_is_written(text: str) -> None:
    assert board(f"input 8x8x4; {text}").splitlines()[0].split("   ")[1] == text


@pytest.mark.parametrize("name", example_names())
def test_every_form_says_the_same_totals(name: str) -> None:
    """Text, Markdown, LaTeX and JSON tell of one and the same board."""
    analysis = analyze(name)
    for about in ((), *((topic,) for topic in TOPICS)):
        said = board_of(analysis, analysis.rows, about)
        asked = [topic for topic in ("params", "multiplies", "additions") if topic in (about or TOPICS)]
        sums = {topic: sum(getattr(row, topic) for row in analysis.rows) for topic in asked}
        several = {
            topic: whole
            for topic, whole in sums.items()
            if sum(getattr(row, topic) > 0 for row in analysis.rows) > 1
        }
        text = explain.render(said, Terminal(100)).split("\nall layers\n")[1:]
        pages = [explain_pages.as_markdown(said), explain_pages.as_latex(said).replace("{,}", ",")]
        told = json.loads(explain_pages.as_json(said))["totals"]
        assert {step["what"]: step["value"] for step in told} == several
        assert bool(text) == bool(several)
        for topic, whole in several.items():
            line = line_of(text[0], topic)
            assert line.endswith(f"{whole:,}") or f"= {whole:,}" in text[0]
            for page in pages:
                passage = page.replace("{,}", ",").split("all layers")[1]
                equation = next(part for part in passage.splitlines() if topic in part)
                assert re.findall(r"[\d,]*\d", equation)[-1] == f"{whole:,}"


def test_the_total_of_a_published_quiz_stands_in_every_form() -> None:
    analysis = analysis_of(example_text("quiz_network"))
    said = board_of(analysis, analysis.rows, ("params",))
    assert "= 2,103,156" in explain.render(said)
    for page in (explain_pages.as_markdown(said), explain_pages.as_latex(said)):
        assert page.count("= 2{,}103{,}156") == 1

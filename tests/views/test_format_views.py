"""JSON, CSV, Markdown and LaTeX: the same numbers as the report, in each format's own rules."""

from __future__ import annotations

import csv
import io
import json
from importlib.resources import files
from typing import Any

import jsonschema
import pytest
from showcase import LENET, SPECS, analysis_of

from cnnspec.analysis.report import analyze
from cnnspec.resources import example_names, example_path
from cnnspec.views.documents import as_csv, as_json, latex, markdown
from cnnspec.views.terminal.columns import FIGURES

SCHEMA: dict[str, Any] = json.loads((files("cnnspec.views") / "schema" / "analysis-1.json").read_text())


def document_of(text: str) -> dict[str, Any]:
    document: dict[str, Any] = json.loads(as_json.render(analysis_of(text)))
    return document


def example_document(name: str) -> dict[str, Any]:
    from cnnspec.elaborate.spec import elaborate
    from cnnspec.elaborate.uses import folder_reader
    from cnnspec.syntax.parse import parse
    from cnnspec.text import Source

    path = example_path(name)
    tree = parse(Source(path.name, path.read_text(encoding="utf-8")))
    network = elaborate(tree, read_use=folder_reader(path.parent)).network
    assert network is not None
    document: dict[str, Any] = json.loads(as_json.render(analyze(network)))
    return document


def test_the_schema_is_a_schema() -> None:
    jsonschema.Draft202012Validator.check_schema(SCHEMA)


@pytest.mark.parametrize("name", example_names())
def test_every_example_keeps_the_contract(name: str) -> None:
    jsonschema.validate(example_document(name), SCHEMA)


@pytest.mark.parametrize("text", [*SPECS.values(), "input 784; dense 10", "input 50x3; conv 4 5"])
def test_other_networks_keep_it_too(text: str) -> None:
    jsonschema.validate(document_of(text), SCHEMA)


def test_a_text_without_a_network_keeps_it() -> None:
    document = as_json.document(None)
    jsonschema.validate(document, SCHEMA)
    assert document["totals"] is None


def test_the_design_s_first_layer_comes_out_as_written() -> None:
    layer = document_of(LENET)["layers"][0]
    assert layer == {
        "name": "conv1", "kind": "conv", "path": ["conv1"], "line": 6,
        "inputs": [[28, 28, 1]], "output": [28, 28, 6],
        "params": 156, "trainable": 156, "frozen": 0, "buffers": 0,
        "multiplies": 117600, "additions": 117600, "elementwise": 0, "flops": 235200,
        "activation_bytes": 18816,
        "receptive_field": {"size": [5, 5], "jump": [1, 1], "start": [-2, -2]},
    }  # fmt: skip


def test_the_design_s_totals_come_out_as_written() -> None:
    document = document_of(LENET)
    totals = document["totals"]
    assert (document["schema"], document["network"]) == ("cnnspec/analysis/1", "LeNet5")
    assert (document["convention"], document["input"]) == ("cnnspec", [28, 28, 1])
    assert (totals["params"], totals["trainable"], totals["frozen"], totals["buffers"]) == (
        61706,
        61706,
        0,
        0,
    )
    assert (totals["multiplies"], totals["weight_bytes"]) == (416520, 246824)
    assert document["expectations"][0] == {"text": "params <= 62k", "holds": True, "actual": 61706}
    assert list(document) == [
        "schema", "network", "convention", "input", "layers", "totals", "expectations", "diagnostics",
    ]  # fmt: skip


def test_a_batch_is_told_only_when_there_is_one() -> None:
    network = analysis_of(LENET).network
    assert "batch" not in as_json.document(analyze(network))
    document = as_json.document(analyze(network, batch=8))
    jsonschema.validate(document, SCHEMA)
    assert document["batch"] == 8
    assert document["layers"][0]["activation_bytes"] == 8 * 18816
    assert document["layers"][0]["multiplies"] == 117600


@pytest.mark.parametrize(
    ("path", "part"),
    [
        ("totals.params", 61706),
        ("layers.conv2.output", [10, 10, 16]),
        ("layers.0.receptive_field.size.1", 5),
        ("network", "LeNet5"),
    ],
)
def test_one_figure_alone(path: str, part: object) -> None:
    assert as_json.only(analysis_of(LENET), path) == part


def test_names_with_dots_lead_to_their_layer() -> None:
    assert as_json.only(analysis_of(SPECS["branches"]), "layers.residual2.conv1.params") == 2304


@pytest.mark.parametrize("path", ["totals.parms", "layers.conv9", "network.x", "layers.99"])
def test_a_path_to_nowhere_says_where_it_ends(path: str) -> None:
    with pytest.raises(KeyError):
        as_json.only(analysis_of(LENET), path)


def test_csv_holds_bare_numbers() -> None:
    analysis = analysis_of(LENET)
    rows = list(csv.DictReader(io.StringIO(as_csv.render(analysis))))
    assert len(rows) == len(analysis.rows)
    assert sum(int(row["params"]) for row in rows) == 61706
    assert rows[0]["receptive-field"] == "5x5"
    assert rows[0]["memory"] == "18816"
    assert set(rows[0]) <= set(FIGURES)


def test_csv_of_chosen_columns() -> None:
    assert as_csv.render(analysis_of("input 4; dense 2"), ("layer", "params")) == "layer,params\ndense1,10\n"


def test_markdown_is_a_pipe_table() -> None:
    lines = markdown.render(analysis_of(LENET)).splitlines()
    assert len({line.count("|") for line in lines}) == 1
    assert lines[1].startswith("| ---")
    assert lines[1].endswith("--: |")
    assert "**61,706**" in lines[-1]


def test_markdown_escapes_what_would_mean_something() -> None:
    assert markdown.escape("a|b*c_d") == r"a\|b\*c\_d"


def test_latex_is_booktabs_and_escaped() -> None:
    page = latex.render(analysis_of("input 8x8x4; a_b: conv 2 3x3 padding=(0, 1, 0, 1)"))
    assert r"\toprule" in page
    assert r"\bottomrule" in page
    assert r"a\_b" in page
    assert page.count(r"\\") == 3
    assert all(line.count(" & ") == 5 for line in page.splitlines() if line.endswith(r"\\"))


def test_latex_writes_sizes_and_thousands_as_type() -> None:
    assert latex.cell("28x28x6") == r"28$\times$28$\times$6"
    assert latex.cell("61,706") == "61{,}706"
    assert latex.cell("50%_&") == r"50\%\_\&"


def test_pages_tell_equal_repeats_once_with_their_sum() -> None:
    analysis = analysis_of(SPECS["branches"])
    turns = sum(row.params for row in analysis.rows if row.name.startswith("residual"))
    for write, name in (
        (markdown.render, "residual1.conv1 … residual1.relu2 ×3"),
        (latex.render, r"$\times$3"),
    ):
        page = write(analysis)
        assert name in page
        assert f"{turns:,}" in page.replace("{,}", ",")
        assert "residual2" not in page
        assert "residual3.conv2" in write(analysis, folded=False)


def test_csv_keeps_every_layer() -> None:
    assert "residual3.conv2" in as_csv.render(analysis_of(SPECS["branches"]))


def test_a_field_that_differs_by_position_is_told_as_at_most() -> None:
    analysis = analysis_of("input 16x16x1; maxpool 2x2; upconv 1 3x3 stride=2; conv 1 3x3")
    bare = list(csv.DictReader(io.StringIO(as_csv.render(analysis))))[-1]["receptive-field"]
    assert f"≤{bare} " in markdown.render(analysis)

"""``analyze``, option by option."""

from __future__ import annotations

import json
from pathlib import Path

import jsonschema
import pytest

from cnnspec.cli.main import run
from cnnspec.views.documents import TABLES

SPEC = ["-e", "network Small; input 28x28x1; conv 6 5x5 padding=2; relu; maxpool 2x2; flatten; dense 10"]
BROKEN = ["-e", "input 9x9x1; conv 2 3x3; relu; conv 4 20x20; flatten"]


def printed(arguments: list[str], capsys: pytest.CaptureFixture[str]) -> str:
    assert run(["analyze", *arguments]) == 0
    return capsys.readouterr().out


@pytest.mark.parametrize("form", ["table", "json", *TABLES])
def test_every_format_has_every_layer(form: str, capsys: pytest.CaptureFixture[str]) -> None:
    page = printed([*SPEC, "--format", form], capsys)
    assert [name for name in ("conv1", "relu1", "maxpool1", "flatten1", "dense1") if name not in page] == []


def test_columns(capsys: pytest.CaptureFixture[str]) -> None:
    assert printed([*SPEC, "--format", "csv", "--columns", "name, params"], capsys).startswith(
        "layer,params\n"
    )


def test_columns_list(capsys: pytest.CaptureFixture[str]) -> None:
    assert "receptive-field" in printed(["--columns", "list"], capsys)


def test_an_unknown_column(capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["analyze", *SPEC, "--columns", "parms"]) == 2
    assert 'did you mean "params"?' in capsys.readouterr().err


def test_batch(capsys: pytest.CaptureFixture[str]) -> None:
    assert "32x28x28x6" in printed([*SPEC, "--batch", "32"], capsys)


@pytest.mark.parametrize("batch", ["0", "-1", "x"])
def test_a_batch_is_a_number_of_samples(batch: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["analyze", *SPEC, "--batch", batch]) == 2


def test_folding_can_be_turned_off(capsys: pytest.CaptureFixture[str]) -> None:
    spec = ["-e", "input 8; repeat 3 { dense 8 -> relu }"]
    assert "×3" in printed(spec, capsys)
    assert printed([*spec, "--no-fold"], capsys).count("dense 8") == 3


def test_blocks_can_be_closed(capsys: pytest.CaptureFixture[str]) -> None:
    page = printed(["resnet50", "--depth", "1"], capsys)
    assert "bottleneck2 ×2" in page
    assert "batchnorm3" not in page
    assert "25,557,032" in page


@pytest.mark.parametrize(
    ("path", "figure"),
    [
        ("totals.params", "11926"),
        ("params", "11926"),
        ("network", "Small"),
        ("layers.conv1.output", "[28, 28, 6]"),
    ],
)
def test_one_figure(path: str, figure: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert printed([*SPEC, "--only", path], capsys) == f"{figure}\n"


def test_one_figure_that_is_not_there(capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["analyze", *SPEC, "--only", "totals.parms"]) == 2
    assert 'did you mean "params"?' in capsys.readouterr().err
    assert run(["analyze", *SPEC, "--only", "parms"]) == 2
    assert 'nothing is called "parms" there; did you mean "params"?' in capsys.readouterr().err


def test_one_figure_of_a_broken_spec_is_none(capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["analyze", *BROKEN, "--only", "totals.params"]) == 1
    assert capsys.readouterr().out == ""


def test_another_tool_s_way_of_counting_is_told(capsys: pytest.CaptureFixture[str]) -> None:
    from cnnspec.analysis.conventions import convention_of

    page = " ".join(printed([*SPEC, "--count-like", "fvcore"], capsys).split())
    assert "fvcore" in page
    assert convention_of("fvcore").rule in page


def test_an_unknown_tool(capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["analyze", *SPEC, "--count-like", "fvcor"]) == 2
    assert "fvcore" in capsys.readouterr().err


def test_taps_on_padding_can_be_left_out(capsys: pytest.CaptureFixture[str]) -> None:
    spec = ["-e", "input 4x4x1; conv 1 3x3 padding=1", "--only", "totals.multiplies"]
    assert printed(spec, capsys) == "144\n"
    assert printed([*spec, "--exclude-padding"], capsys) == "100\n"


def test_a_broken_spec_shows_all_rows_up_to_the_failure(capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["analyze", *BROKEN]) == 1
    streams = capsys.readouterr()
    assert "conv1" in streams.out
    assert "relu1" in streams.out
    assert "✗ line 1  conv 4 20x20" in streams.out
    assert "total" not in streams.out
    assert "window-larger-than-input" in streams.err


def test_a_fault_in_a_used_file_is_named_with_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    Path("parts.cnn").write_text("# parts\nblock big { conv 2 99x99 }\n")
    Path("net.cnn").write_text('use "parts.cnn"\ninput 9x9x1\nrelu\nbig\n')
    assert run(["analyze", "net.cnn"]) == 1
    assert "✗ parts.cnn:2  conv 2 99x99" in capsys.readouterr().out


def test_the_layer_with_a_wrong_option_is_marked(capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["analyze", "-e", "input 9x9x1; conv 2 3x3 strid=2; relu"]) == 1
    assert "conv1 ✗" in capsys.readouterr().out


@pytest.mark.parametrize("text", ["input 9x9x1; conv 2 3x3; relu; conv 4 20x20", "conv", ""])
def test_json_of_a_broken_spec_keeps_the_contract(text: str, capsys: pytest.CaptureFixture[str]) -> None:
    from importlib.resources import files

    schema = json.loads((files("cnnspec.views") / "schema" / "analysis-1.json").read_text())
    assert run(["analyze", "-e", text, "--format", "json"]) == 1
    streams = capsys.readouterr()
    document = json.loads(streams.out)
    jsonschema.validate(document, schema)
    assert [item["severity"] for item in document["diagnostics"]].count("error") > 0
    assert streams.err == ""


def test_warnings_are_shown_and_do_not_fail(capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["analyze", "-e", "input 28x28x1; conv 6 4x4 stride=3"]) == 0

"""``check``, ``diff`` and ``field`` from the command line."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

import pytest

from cnnspec.cli.main import run

CLEAN = "input 8x8x4; conv 4 3x3 padding=1; relu"
WARNED = "input 5x5x1; maxpool 2x2"
BROKEN = "input 5x5x1; maxpool 9x9; conv 3"
OVER = "input 784; dense 10; expect params <= 5k"


@pytest.fixture
def file(tmp_path: Path) -> Callable[..., str]:
    def write(text: str, name: str = "spec.cnn") -> str:
        path = tmp_path / name
        path.write_text(text.replace("; ", "\n") + "\n", encoding="utf-8")
        return str(path)

    return write


def ran(capsys: pytest.CaptureFixture[str], *arguments: str) -> tuple[int, str, str]:
    code = run(list(arguments))
    captured = capsys.readouterr()
    return code, captured.out, captured.err


def test_a_clean_spec_passes(capsys: pytest.CaptureFixture[str]) -> None:
    assert (0, "", "1 spec checked, nothing to report\n") == ran(capsys, "check", "-e", CLEAN)


@pytest.mark.parametrize("text, code", [(BROKEN, 1), (OVER, 1), (WARNED, 0)])
def test_errors_and_broken_budgets_fail_and_warnings_do_not(
    capsys: pytest.CaptureFixture[str], text: str, code: int
) -> None:
    assert code == ran(capsys, "check", "-e", text)[0]


def test_strict_lets_warnings_fail(capsys: pytest.CaptureFixture[str]) -> None:
    assert 1 == ran(capsys, "check", "--strict", "-e", WARNED)[0]


def test_notes_never_fail(capsys: pytest.CaptureFixture[str]) -> None:
    note = "input 28x28x1; conv 4 3x3; flatten; dense 10"
    code, out, _ = ran(capsys, "check", "--strict", "-e", note)
    assert 0 == code
    assert "note[dense-holds-most]" in out
    assert "" == ran(capsys, "check", "--quiet", "-e", note)[1]


def test_many_files_at_once(capsys: pytest.CaptureFixture[str], file: Callable[..., str]) -> None:
    paths = [file(CLEAN, "clean.cnn"), file(OVER, "over.cnn"), file(WARNED, "warned.cnn")]
    code, out, _ = ran(capsys, "check", *paths)
    assert 1 == code
    assert "over.cnn:3:1" in out
    assert "stride-drops-pixels" in out
    assert "clean.cnn" not in out


def test_all_errors_of_a_spec_are_told(capsys: pytest.CaptureFixture[str]) -> None:
    _, out, _ = ran(capsys, "check", "-e", BROKEN)
    assert 2 == out.count("error[")


def test_a_comment_silences(capsys: pytest.CaptureFixture[str], file: Callable[..., str]) -> None:
    path = file("input 5x5x1; maxpool 2x2 # cnnspec: allow stride-drops-pixels")
    assert 0 == ran(capsys, "check", "--strict", path)[0]


def test_json_is_a_list_of_findings(capsys: pytest.CaptureFixture[str]) -> None:
    code, out, _ = ran(capsys, "check", "--format", "json", "-e", OVER)
    (found,) = json.loads(out)
    assert 1 == code
    assert ("expectation-broken", "error", "<inline>") == (
        found["code"],
        found["severity"],
        found["place"]["file"],
    )
    assert "[]" == ran(capsys, "check", "--format", "json", "-e", CLEAN)[1].strip()


def test_github_workflow_commands(capsys: pytest.CaptureFixture[str], file: Callable[..., str]) -> None:
    _, out, _ = ran(capsys, "check", "--format", "github", file(OVER))
    assert out.startswith("::error file=")
    assert "line=3" in out
    assert "" == ran(capsys, "check", "--format", "github", "-e", CLEAN)[1]


def test_sarif(capsys: pytest.CaptureFixture[str]) -> None:
    log = json.loads(ran(capsys, "check", "--format", "sarif", "-e", OVER)[1])
    assert "2.1.0" == log["version"]
    assert ["expectation-broken"] == [result["ruleId"] for result in log["runs"][0]["results"]]


def test_wrong_use_leaves_with_two(capsys: pytest.CaptureFixture[str], tmp_path: Path) -> None:
    assert 2 == ran(capsys, "check")[0]
    assert 2 == ran(capsys, "check", str(tmp_path / "nowhere.cnn"))[0]
    assert 2 == ran(capsys, "diff", "-", "-")[0]
    assert 2 == ran(capsys, "field", "lenet", "conv1", "conv2")[0]
    assert 2 == ran(capsys, "field", "lenet", "conv1", "--at", "here")[0]


def test_diff_of_two_files(capsys: pytest.CaptureFixture[str], file: Callable[..., str]) -> None:
    code, out, _ = ran(
        capsys, "diff", file(CLEAN, "a.cnn"), file(CLEAN.replace("3x3 padding=1", "1x1"), "b.cnn")
    )
    assert 0 == code
    assert "kernel 3x3 → 1x1, padding 1 → 0" in out
    assert "layers: 1 changed · params −128" in out


def test_diff_of_specs_on_the_command_line(capsys: pytest.CaptureFixture[str]) -> None:
    joint, apart = (
        "input 28x28x16; conv 32 3x3 bias=no",
        "input 28x28x16; depthwise 3x3 bias=no; conv 32 1x1 bias=no",
    )
    code, out, _ = ran(capsys, "diff", "-e", joint, "-e", apart)
    assert 0 == code
    assert "4,608 → 656" in out
    assert 0 == ran(capsys, "diff", "lenet", "-e", joint)[0]
    assert 2 == ran(capsys, "diff", "lenet")[0]
    assert 2 == ran(capsys, "diff", "lenet", "lenet", "-e", joint)[0]


def test_diff_can_fail(capsys: pytest.CaptureFixture[str], file: Callable[..., str]) -> None:
    one, two = file(CLEAN, "a.cnn"), file(WARNED, "b.cnn")
    assert 1 == ran(capsys, "diff", "--exit-code", one, two)[0]
    assert 0 == ran(capsys, "diff", "--exit-code", one, one)[0]
    assert 1 == ran(capsys, "diff", one, file(BROKEN, "c.cnn"))[0]


def test_diff_as_json(capsys: pytest.CaptureFixture[str]) -> None:
    code, out, _ = ran(capsys, "diff", "vgg11", "vgg13", "--format", "json")
    assert 0 == code
    assert 184_512 == json.loads(out)["totals"]["params"]["delta"]


def test_field_tells_rows_and_columns_and_draws(capsys: pytest.CaptureFixture[str]) -> None:
    code, out, _ = ran(capsys, "field", "lenet", "conv1", "--at", "0,3")
    assert 0 == code
    assert "rows     0 to 2 (3), the window reaches from -2 to 2 along the height" in out
    assert "columns  1 to 5 (5)" in out
    assert 2 * 5 == out.count("█")
    assert "one character stands for 2 rows and 1 column" in out


def test_field_of_a_small_map_pixel_by_pixel(capsys: pytest.CaptureFixture[str]) -> None:
    _, out, _ = ran(capsys, "field", "-e", "input 6x7x1; conv 1 3x3 dilation=2", "conv1", "--at", "1,2")
    picture = [
        line.strip() for line in out.splitlines() if line.startswith("  ") and set(line.strip()) <= set("█·")
    ]
    assert ["·······", "··█·█·█", "·······", "··█·█·█", "·······", "··█·█·█"] == picture
    assert "rows     1, 3, 5 (3 of 1 to 5)" in out


def test_field_of_the_middle_and_of_vectors(capsys: pytest.CaptureFixture[str]) -> None:
    assert "conv1 at 14,14" in ran(capsys, "field", "lenet", "conv1")[1]
    assert "rows     0 to 27 (28)" in ran(capsys, "field", "lenet", "dense1")[1]


def test_field_without_a_layer_is_that_of_the_last_map(capsys: pytest.CaptureFixture[str]) -> None:
    assert "maxpool2 at 2,2 (" in ran(capsys, "field", "lenet")[1]
    assert "relu1 at 3 (" in ran(capsys, "field", "-e", "input 8x1; conv 1 3; relu; flatten; dense 2")[1]
    assert 1 == ran(capsys, "field", "-e", "input 8; dense 2")[0]


def test_field_on_one_axis(capsys: pytest.CaptureFixture[str]) -> None:
    _, out, _ = ran(capsys, "field", "-e", "input 20x1; conv 1 5", "conv1", "--at", "3")
    assert "columns  3 to 7 (5)" in out
    assert "···█████············" in out


def test_field_as_json(capsys: pytest.CaptureFixture[str]) -> None:
    out = ran(capsys, "field", "unet", "conv1", "--at", "3,4", "--format", "json")[1]
    found = json.loads(out)
    assert (188, 204) == tuple(map(len, found["pixels"]))
    assert [[0, 187], [0, 203]] == found["unclipped"]


@pytest.mark.parametrize(
    "arguments, told",
    [
        (("lenet", "conv7", "--at", "0,0"), "error[no-such-layer]: there is no layer conv7"),
        (("lenet", "conv1", "--at", "0,99"), "error[place-outside-map]: 99 lies outside the width of conv1"),
        (("-e", "input 9; dense 3", "dense1"), "error[no-rows-or-columns]"),
    ],
)
def test_field_explains_what_is_not_there(
    capsys: pytest.CaptureFixture[str], arguments: tuple[str, ...], told: str
) -> None:
    code, _, err = ran(capsys, "field", *arguments)
    assert 1 == code
    assert told in err

"""``cnnspec profile``: a table and JSON of where the time goes."""

from __future__ import annotations

import json
from dataclasses import replace

import pytest
from click.testing import CliRunner

from cnnspec.backends.profile import Profile, StepTime
from cnnspec.cli.profile import command, render
from cnnspec.views.terminal.paint import Terminal

SPEC = "input 8x8x1; conv 4 3x3 -> relu -> maxpool 2x2 -> flatten -> dense 3 -> softmax"

FOUND = Profile(
    "net", 2, True,
    [StepTime("conv1", "RowConv", "width unfolded", 0.002, 0.004, 1_000_000),
     StepTime("relu1", "Relu", "", 0.001, 0.001, 0)],
    10.0, 4000, 1_500_000, 300,
)  # fmt: skip


def test_the_table_says_time_speed_kernel_and_reason() -> None:
    text = render(FOUND, Terminal(100))
    conv = next(line for line in text.splitlines() if "conv1" in line)
    words = "conv1 RowConv 2.000 4.000 75.0 % 1.0 10 % width unfolded"
    assert words == " ".join(conv.split())
    relu = next(line for line in text.splitlines() if "relu1" in line)
    assert ["relu1", "Relu", "1.000", "1.000", "25.0", "%"] == relu.split()
    assert "training step of 2: 8.00 ms, 250 images per second" in text
    assert "forward 0.7 GFLOP/s, 7 % of the 10 GFLOP/s" in text
    assert "weights 4.0 kB, maps 1.5 MB, scratch of the kernels 300 B" in text


def test_what_runs_within_a_step_is_told() -> None:
    command_line = ["-e", "input 8x8x1; conv 4 3x3 -> batchnorm -> relu", "--format", "json"]
    (step,) = json.loads(CliRunner().invoke(command, command_line).output)["steps"]
    assert ["batchnorm1", "relu1"] == step["within"]
    assert "at the same time" not in render(FOUND, Terminal(100))
    assert "2 threads predict 2 each at the same time: this is one" in render(
        replace(FOUND, threads=2), Terminal(100)
    )
    told = "batch norm and ReLU without a row run in the pass of the layer before them"
    assert told not in render(FOUND, Terminal(100))
    assert told in render(replace(FOUND, rows=[replace(FOUND.rows[0], within=("relu1",))]), Terminal(100))


def test_the_slowest_steps_first() -> None:
    rows = [
        replace(FOUND.rows[1], layer=name, forward=time) for name, time in zip("abc", (1, 3, 2), strict=True)
    ]
    text = render(replace(FOUND, rows=rows), Terminal(100), most=2)
    assert ["b", "c"] == [line.split()[0] for line in text.splitlines()[2:4]]


def test_slow_networks_get_a_decimal_and_speeds_above_the_peak_a_reason() -> None:
    slow = replace(FOUND, rows=[replace(FOUND.rows[0], forward=8.0)], peak=1e-6)
    assert "0.2 images per second" in render(slow, Terminal(100))
    assert "above 100 %: what fits into the processor's cache" in render(slow, Terminal(100))
    winograd = replace(slow, rows=[replace(slow.rows[0], kernel="WinogradConv")])
    assert "above 100 %: Winograd's convolution" in render(winograd, Terminal(100))
    assert "above 100 %" not in render(FOUND, Terminal(100))


@pytest.mark.parametrize("width", [30, 48, 70, 100])
def test_the_table_fits_the_page(width: int) -> None:
    lines = render(FOUND, Terminal(width)).splitlines()
    assert max(map(len, lines)) <= width
    assert any("75.0 %" in line for line in lines)


def test_json_holds_every_step() -> None:
    result = CliRunner().invoke(command, ["-e", SPEC, "--batch", "3", "--format", "json", "--rounds", "1"])
    assert result.exit_code == 0
    data = json.loads(result.output)
    assert "cnnspec/profile/1" == data["schema"]
    assert ["conv1", "maxpool1", "conv1", "relu1", "dense1", "softmax1"] == [
        step["layer"] for step in data["steps"]
    ]
    assert 3 * 4 * 9 * 36 == data["steps"][0]["multiplies"]
    assert {0.0} == {step["backward_s"] for step in data["steps"]}
    assert data["totals"]["peak_gflops"] > 0.1
    assert data["memory"]["map_bytes"] >= 3 * 4 * 8 * 8


def test_training_times_both_ways_at_the_recipes_batch() -> None:
    spec = SPEC + "; train {\n  data digits\n  batch 16\n}"
    result = CliRunner().invoke(command, ["-e", spec, "--training", "--format", "json", "--rounds", "1"])
    assert result.exit_code == 0
    data = json.loads(result.output)
    assert 16 == data["batch"]
    assert all(step["backward_s"] > 0 for step in data["steps"])


def test_text_on_the_command_line() -> None:
    result = CliRunner().invoke(command, ["-e", SPEC, "--rounds", "1"])
    assert result.exit_code == 0
    assert "forward ms" in result.output.splitlines()[0]
    assert "backward" not in result.output.splitlines()[0]
    assert "images per second" in result.output


def test_numbers_out_of_all_measure_are_timed_without_a_word() -> None:
    result = CliRunner().invoke(command, ["-e", "input 2x2x1; repeat 4 { scale 1e12 }", "--rounds", "1"])
    assert (0, "") == (result.exit_code, result.stderr)

"""Solving for ``?``: from claims, from budgets, one or several, in one spec or several."""

from __future__ import annotations

import json
import tracemalloc
from itertools import product
from pathlib import Path
from time import monotonic, process_time
from typing import Any

import pytest

import cnnspec
from cnnspec.analysis.solve.search import Answer, solve
from cnnspec.analysis.solve.stage import laws_of, size_by
from cnnspec.analysis.solve.unknowns import unknowns_of
from cnnspec.cli.main import run as run_command
from cnnspec.cli.solve import runs, working
from cnnspec.diagnostics import LayerError
from cnnspec.layers.base import Layer
from cnnspec.layers.registry import LAYERS
from cnnspec.layers.upconv import UpConv
from cnnspec.layers.window import Sliding
from cnnspec.syntax.parse import parse
from cnnspec.text import Source


def answer(*texts: str, seconds: float = 60.0) -> Answer:
    return solve([(parse(Source("spec.cnn", text)), None) for text in texts], seconds=seconds)


def solutions(*texts: str) -> list[tuple[Any, ...]]:
    return list(answer(*texts).solutions)


IMAGE = "input 28x28x1\n"


@pytest.mark.parametrize(
    "text, expected",
    [
        ("conv 6 5x5 padding=? => 28x28x6", [(2,)]),
        ("conv ? 5x5 => 24x24x6", [(6,)]),
        ("conv ? ?x? => 24x24x6", [(6, 5, 5)]),
        ("conv 6 ? stride=2 => 13x13x6", [(3,), (4,)]),
        ("conv 6 2x2 stride=?\nrelu\nmaxpool 2x2\nrelu => 7x7x6", [(2,)]),
        ("maxpool 3x3 stride=2 rounding=? => 14x14x1", [("ceil",)]),
        ("flatten -> dense ? -> dense 10\nexpect params == 7*785 + 80", [(7,)]),
        ("conv 2*? 3x3 => 26x26x6", [(3,)]),
        ("let w = ?\nconv w 3x3\nconv w 3x3\nexpect params == 10*4 + 36*4 + 4", [(4,)]),
        ("block b n k { conv n k }\nb ? ? => 24x24x8", [(8, 5)]),
        ("block b n=? { conv n 3x3 }\nb => 26x26x8", [(8,)]),
        ("repeat ? { conv 4 3x3 } => 1x1x1\nconv 4 3x3 => 16x16x4", None),
        ("repeat ? { conv 4 3x3 }\nrelu => 16x16x4", [(6,)]),
        ("conv ? 3x3 bias=?\nexpect params == 90", [(9, True), (10, False)]),
        ("conv 8 3x3 groups=? => 26x26x8", [(1,)]),
        ("concat { | conv ? 3x3 padding=1 | conv 4 1x1 } => 28x28x20", [(16,)]),
        ("flatten => 784\nreshape ?x?x4 => 14x14x4", [(14, 14)]),
        ("conv 4 ?x3 => 24x26x4", [(5,)]),
        ("conv ? 27x1\nif C > 2 { maxpool 3 } else { relu }\nexpect multiplies == 3024", [(2,)]),
        ("if ? == 3 { conv 4 3x3 } else { relu }\nrelu => 26x26x4", [(3,)]),
    ],
)
def test_solutions(text: str, expected: list[tuple[Any, ...]] | None) -> None:
    if expected is None:
        with pytest.raises(cnnspec.SpecError):
            solutions(IMAGE + text)
    else:
        assert expected == solutions(IMAGE + text)


def test_an_input_may_be_sought() -> None:
    assert [(32, 32), (31, 31)] == solutions("input ?x?x3\nconv 6 5x5 stride=2 => 14x14x6")


def test_equal_sides_are_tried_first_and_unequal_ones_where_need_be() -> None:
    found = answer(IMAGE + "conv 6 ?x? => 24x24x6")
    assert ([(5, 5)], True) == (list(found.solutions), found.squares_only)
    found = answer(IMAGE + "conv 6 ?x? => 24x26x6")
    assert ([(5, 3)], False) == (list(found.solutions), found.squares_only)


def test_a_budget_leaves_a_range() -> None:
    found = solutions(IMAGE + "conv ? 3x3\nexpect params <= 1k")
    assert set(range(1, 101)) == {values[0] for values in found}
    assert [(8,), (16,), (32,), (64,)] == found[:4]


def test_two_budgets_leave_what_both_allow() -> None:
    text = "conv ? 3x3\nexpect params <= 1k and multiplies > 500k"
    assert set(range(83, 101)) == {values[0] for values in solutions(IMAGE + text)}


def test_the_most_usual_comes_first() -> None:
    found = solutions(IMAGE + "conv 6 ? padding=? => 28x28x6")
    assert [(3, 1), (1, 0), (5, 2), (7, 3)] == found[:4]


def test_a_condition_that_is_no_sum_is_tested_all_the_same() -> None:
    text = "conv ? 3x3\nexpect params % 7 == 0 and params <= 300"
    assert {7, 14, 21, 28} == {values[0] for values in solutions(IMAGE + text)}


def test_memory_may_be_a_budget() -> None:
    found = solutions(IMAGE + "conv ? 3x3\nexpect activation_bytes <= 30k")
    assert found
    for (filters,) in found:
        assert cnnspec.analyze(cnnspec.parse(IMAGE + f"conv {filters} 3x3")).totals.activation_bytes <= 30_000


def test_widths_that_must_divide() -> None:
    found = solutions("input 8x8x8\nconv ? 3x3 groups=4\nexpect params <= 100")
    assert {(4,)} == set(found)


# The exercise of the pooling lecture ---------------------------------------------------

NONE = IMAGE + "conv ? ?x?\nflatten\ndense ?\ndense 10\nexpect params == 303314"
POOL = IMAGE + "conv ? ?x?\nmaxpool 3x3\nflatten\ndense ?\ndense 10\nexpect params == 29138"


def test_the_pooling_exercise_has_few_answers_alone() -> None:
    assert (28, 3, 3, 16) == solutions(NONE)[0]
    assert (28, 3, 3, 16) == solutions(POOL)[0]


def test_the_pooling_exercise_has_one_answer_together() -> None:
    found = answer(NONE, POOL)
    assert ([(28, 3, 3, 16)], True) == (list(found.solutions), found.complete)


# Cost ----------------------------------------------------------------------------------

ALEXNET = "input 227x227x3; conv ? ? stride=? padding=? => 55x55x96; maxpool ? stride=? => 27x27x96"
REDUCE = "conv 8 ?x? stride=? padding=?\n"


def test_windows_of_two_layers_take_a_moment() -> None:
    begun = process_time()
    found = answer(ALEXNET)
    assert process_time() - begun < 2
    assert (225, True) == (len(found.solutions), found.complete)
    assert [(96, 9, 4, 0, 3, 2), (96, 11, 4, 0, 3, 2)] == list(found.solutions[:2])


def test_layers_with_one_claim_at_the_end_are_solved() -> None:
    found = solutions("input 56x56x3\n" + 2 * REDUCE + REDUCE.strip() + " => 7x7x8")
    assert (3, 3, 2, 1) * 3 in found


def test_five_layers_with_one_claim_at_the_end_are_solved() -> None:
    text = "input 224x224x3\n" + 4 * REDUCE + REDUCE.strip() + " => 7x7x8"
    found = answer(text)
    assert "solutions" == found.stopped
    for values in found.solutions[:20]:
        parts = iter(map(str, values))
        filled = "".join(next(parts) if character == "?" else character for character in text)
        assert (7, 7, 8) == cnnspec.parse(filled).output


def test_what_cannot_be_had_after_several_layers_is_proved() -> None:
    found = answer("input 12x12x1\nconv 2 ? stride=?\nconv 2 ? stride=?\nmaxpool ? => 99x12x2")
    assert ((), True) == (found.solutions, found.complete)


WINDOWS = [kind for kind in LAYERS.values() if issubclass(kind, (Sliding, UpConv)) and not kind.references]
CHOICES = {
    "kernel": (1, 2, 3, (3, 1)), "stride": (1, 2, (3, 2)), "dilation": (1, 2),
    "padding": (0, 1, (1, 2), (1, 0, 2, 3), "same", "valid", "full"),
    "rounding": ("floor", "ceil"), "output_padding": (0, 1),
}  # fmt: skip


@pytest.mark.parametrize("kind", WINDOWS, ids=lambda kind: kind.word)
def test_the_size_laws_of_windows_are_those_of_the_layers(kind: type[Layer]) -> None:
    names = [name for name in CHOICES if name in kind.model_fields]
    fixed = {"filters": 2} if "filters" in kind.model_fields else {}
    for choice in product(*(CHOICES[name] for name in names)):
        options = dict(zip(names, choice, strict=True))
        laws = laws_of(kind, options, 2)
        assert laws is not None
        for shape in ((1, 2, 2), (4, 7, 2), (8, 8, 2)):
            try:
                real = kind(**fixed, **options).shape((shape,))
            except LayerError:
                continue
            assert real[:-1] == tuple(map(size_by, laws * (2 // len(laws)), shape))


MANY = {
    "windows": 10 * "conv ? ? stride=? padding=?\n" + "expect params == 12345",
    "widths": "flatten\n" + 40 * "dense ?\n" + "expect params == 12345",
    "names": "".join(f"let k{n} = ?\n" for n in range(20)) + "".join(f"conv 8 k{n}\n" for n in range(20))
    + "expect params == 12345",
    "sides": "conv 6 ?x? stride=(?,?) padding=(?,?,?,?) dilation=(?,?) => 30x17x6",
    "layers": 120 * "conv 8 ? stride=? padding=?\n" + "relu => 7x7x8",
}  # fmt: skip


@pytest.mark.parametrize("name", MANY)
def test_a_search_keeps_to_its_time_and_memory(name: str) -> None:
    tracemalloc.start()
    begun = monotonic()
    found = answer("input 64x64x3\n" + MANY[name], seconds=1)
    seconds, (_, peak) = monotonic() - begun, tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert not found.complete
    assert seconds < 4
    assert peak < 100e6


# No solution ---------------------------------------------------------------------------


def test_the_nearest_shapes_are_told() -> None:
    found = answer(IMAGE + "conv 6 5x5 padding=? => 27x28x6")
    assert () == found.solutions
    assert ((2,), "28x28x6") == found.nearest[0]


def test_the_nearest_costs_are_told() -> None:
    found = answer(IMAGE + "conv ? 3x3\nexpect params == 1001")
    assert (((100,), "params = 1,000"), ((101,), "params = 1,010")) == found.nearest[:2]


@pytest.mark.parametrize(
    "text, missed",
    [
        (
            "conv 6 5x5 padding=? => 27x28x6",
            ["=> 27x28x6: the height can be 26 or 28, not 27 (24 to 56 in all)"],
        ),
        ("conv 6 ?x? => 24x29x7", ["=> 24x29x7: the width can be 28, not 29 (1 to 28 in all); the channels"]),
        ("conv 2*? 3x3 => 26x26x5", ["=> 26x26x5: the channels can be 4 or 6, not 5"]),
        ("conv 6 5x5 padding=? -> flatten => 400", ["=> 400: the size can be 3456, not 400 (3456 to 18816"]),
        (
            "conv 6 5x5 padding=? -> flatten => 1x1x10",
            ["=> 1x1x10: the shape there has another number of axes"],
        ),
        ("conv ? 3x3\nexpect params == 1001", ["expect params == 1001"]),
        ("conv 6 ?\nexpect params == 156\nexpect multiplies < 100", ["expect multiplies < 100"]),
        ("conv ? 3x3 => 26x26x8\nexpect params == 81", []),
    ],
)
def test_the_demands_out_of_reach_are_told(text: str, missed: list[str]) -> None:
    found = answer(IMAGE + text)
    assert () == found.solutions
    assert len(missed) == len(found.missed)
    assert all(part in said for part, said in zip(missed, found.missed, strict=True))


@pytest.mark.parametrize("text", ["conv 6 5x5 => 24x24x6", "conv ? 5x5", "relu\nexpect params == 0"])
def test_there_must_be_something_to_solve(text: str) -> None:
    with pytest.raises(cnnspec.SpecError, match="nothing-to-solve"):
        answer(IMAGE + text)


def test_specs_solved_together_have_the_same_unknowns() -> None:
    with pytest.raises(cnnspec.SpecError, match="unknowns-differ"):
        answer(IMAGE + "conv ? 3x3 => 26x26x4", IMAGE + "conv 4 ? => 26x26x4")


def test_faults_of_a_spec_are_told() -> None:
    with pytest.raises(cnnspec.SpecError, match="unknown-word"):
        answer(IMAGE + "convv 3 3x3\nconv ? 3x3 => 26x26x4")


@pytest.mark.parametrize("text", ["groups=5 => 26x26x10", "groups=? => 26x26x12\nexpect params == 1"])
def test_none_is_said_only_where_it_is_proved(text: str) -> None:
    found = answer(f"input 28x28x30\nconv ? 3x3 {text}")
    assert found.solutions or not found.complete


def test_time_may_run_out() -> None:
    text = IMAGE + "conv 6 ? stride=? padding=? dilation=?\nconv 6 ? stride=? padding=? => 9x9x6"
    assert not answer(text, seconds=0.05).complete


# Unknowns and words --------------------------------------------------------------------


def test_unknowns_know_what_they_are() -> None:
    text = (
        IMAGE
        + "block b n { dense n }\nlet k = ?\nconv ? ?x3 bias=?\nconv 4 k\nrepeat ? { relu }\nflatten\nb ?"
    )
    found = unknowns_of(parse(Source("spec.cnn", text)))
    assert [
        ("k", False), ("filters", True), ("kernel", False), ("bias", False), ("turns", False), ("n", True),
    ] == [(unknown.name, unknown.count) for unknown in found]  # fmt: skip
    assert (3, 5, 1, 7, 2) == found[0].values[:5]
    assert (True, False) == found[3].values


@pytest.mark.parametrize(
    "values, text",
    [
        ([1, 2, 3, 5, 7, 8], "1 to 3, 5, 7 to 8"),
        ([4], "4"),
        ([3000, 2999], "2,999 to 3,000"),
        (["same"], "same"),
    ],
)
def test_runs(values: list[Any], text: str) -> None:
    assert text == runs(values)


def test_the_working_is_shown() -> None:
    found = answer(IMAGE + "conv ? 3x3\nexpect params == 280")
    assert [
        "conv1: 28x28x1 to 26x26x28",
        "  height: ⌊(i − k)/s⌋ + 1: ⌊(28 − 3)/1⌋ + 1 = 26",
        "  width: ⌊(i − k)/s⌋ + 1: ⌊(28 − 3)/1⌋ + 1 = 26",
        "  params: F·(k_h·k_w·C) + F: 28·(3·3·1) + 28 = 280",
        "expect params == 280: params = 280",
    ] == list(working(found.problems[0], found.solutions[0]))


# The command ---------------------------------------------------------------------------


class Run:
    def __init__(self, capsys: pytest.CaptureFixture[str]) -> None:
        self.capsys = capsys

    def __call__(self, *arguments: str) -> tuple[int, str, str]:
        code = run_command(["solve", *arguments])
        printed = self.capsys.readouterr()
        return code, printed.out, printed.err


@pytest.fixture
def run(capsys: pytest.CaptureFixture[str]) -> Run:
    return Run(capsys)


def test_the_command_prints_values_lines_and_working(run: Run) -> None:
    code, out, _ = run("-e", "input 28x28x1; conv 6 5x5 padding=? => 28x28x6")
    assert 0 == code
    assert out.startswith("1 solution\n\n  padding (line 1)\n  2\n")
    assert "line 1: conv 6 5x5 padding=2 => 28x28x6" in out
    assert "⌊(28 + 2·2 − 5)/1⌋ + 1 = 28" in out


def test_the_command_draws_neighbours_together(run: Run) -> None:
    _, out, _ = run("-e", "input 28x28x1; conv ? 3x3; expect params <= 460", "--most", "2")
    assert "46 solutions, the most usual first; all of them: 1 to 46" in out
    assert "… 44 more (--most 46)" in out


def test_the_command_says_when_there_is_none(run: Run) -> None:
    code, out, _ = run("-e", "input 28x28x1; conv 6 5x5 padding=? => 27x27x6")
    assert 1 == code
    assert "no solution" in out
    assert "padding 2: 28x28x6" in out
    assert "Out of reach:\n  line 1: => 27x27x6: the height can be 26 or 28, not 27" in out
    _, out, _ = run("-e", "input 28x28x1; conv 6 ?; expect params == 156; expect multiplies < 10k")
    assert "Each demand by itself can be met, but not all of them together." in out
    _, out, _ = run("-e", "input 9x9x1; conv 6 ? => 99x9x6", "--format", "json")
    assert ["line 1: => 99x9x6: the height can be 9, not 99 (1 to 9 in all)"] == json.loads(out)["missed"]


def test_the_command_says_when_not_all_was_tried(run: Run) -> None:
    text = "input 64x64x3; let a=?; let b=?; let c=?; conv 8 a -> conv 8 b -> conv 8 c; expect params == 1"
    code, out, _ = run("-e", text, "--seconds", "1")
    assert 1 == code
    assert out.startswith("no solution was found, but not all possibilities were tried\n")
    assert "The nearest of what was tried:" in out
    assert "combinations; --seconds gives more." in out
    _, out, _ = run("-e", text, "--seconds", "1", "--format", "json")
    assert (0, False) == (json.loads(out)["count"], json.loads(out)["complete"])


def test_the_command_gives_json(run: Run) -> None:
    code, out, _ = run("-e", "input 9x9x1\nconv ? ?x? => 7x7x4", "--format", "json")
    document = json.loads(out)
    assert (0, "cnnspec/solve/1", 1, [[4, 3, 3]]) == (
        code, document["schema"], document["count"], document["solutions"],
    )  # fmt: skip
    assert {"name": "kernel", "line": 2, "column": 8} == document["unknowns"][1]


def test_the_command_fills_the_spec_in(run: Run, tmp_path: Path) -> None:
    path = tmp_path / "net.cnn"
    path.write_text("# mine\ninput 9x9x1\nconv ? ?x? => 7x7x4  # here\n")
    code, out, _ = run(str(path), "--format", "spec")
    assert (0, "# mine\ninput 9x9x1\nconv 4 3x3 => 7x7x4  # here\n") == (code, out)


def test_several_specs_are_solved_together(run: Run, tmp_path: Path) -> None:
    for name, text in (("none", NONE), ("pool", POOL)):
        (tmp_path / f"{name}.cnn").write_text(text)
    code, out, _ = run(str(tmp_path / "none.cnn"), str(tmp_path / "pool.cnn"))
    assert 0 == code
    assert "28                3x3              16" in out
    assert out.count("conv 28 3x3") == 2


def test_wrong_use_is_told(run: Run) -> None:
    assert 2 == run()[0]
    code, _, err = run("-e", "input 4; dense ?")
    assert 1 == code
    assert "nothing-to-solve" in err

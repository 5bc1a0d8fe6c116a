"""Checked shapes, and a ``?`` found from the shape that its own layer claims."""

from __future__ import annotations

import tracemalloc
from typing import Any

import pytest
from tools import built

import cnnspec
from cnnspec.elaborate.spec import elaborate
from cnnspec.syntax.parse import parse
from cnnspec.text import Source


@pytest.mark.parametrize("claim", ["26x26x6", "?x26x6", "26x?x?", "?x?x?", "?"])
def test_claims_that_hold(claim: str) -> None:
    assert () == built(f"input 28x28x1\nconv 6 3x3 => {claim}").diagnostics


@pytest.mark.parametrize("claim", ["26x26x7", "?x25x6", "26", "26x26", "4056", "26x26x6x1"])
def test_claims_that_do_not(claim: str) -> None:
    assert ["wrong-shape"] == [d.code for d in built(f"input 28x28x1\nconv 6 3x3 => {claim}").diagnostics]


def test_blocks_and_merges_may_be_claimed() -> None:
    text = "block b { conv 4 3x3 => 6x6x4\n flatten }\ninput 8x8x1\nb => 144\nadd { | | } => 144"
    assert () == built(text).diagnostics
    faults = built(text.replace("=> 144", "=> 145")).diagnostics
    assert ["b gives 144, not 145"] == [fault.message for fault in faults]
    assert ("its last layer is b1.flatten1", "6x6x4 flows in from b1.conv1, line 1") == faults[0].notes


def test_a_wrong_claim_shows_the_working() -> None:
    (fault,) = built("input 28x20x1\nconv 6 5x5 stride=2 => 12x9x6").diagnostics
    assert (
        "28x20x1 flows in from input, line 1",
        "width: ⌊(i − k)/s⌋ + 1: ⌊(20 − 5)/2⌋ + 1 = 8, not 9",
    ) == fault.notes


def test_a_claim_with_other_axes_says_which_there_are() -> None:
    (fault,) = built("input 8x8x1\nconv 6 3x3 => 216").diagnostics
    assert "6x6x6 has 3 sizes: height, width, channels" in fault.notes


@pytest.mark.parametrize(
    "layer, wanted",
    [
        ("conv 6 5x5 padding=? => 28x28x6", {"padding": (2,)}),
        ("conv ? 5x5 => 24x24x6", {"filters": 6}),
        ("conv 6 ? => 24x24x6", {"kernel": (5,)}),
        ("conv 6 ?x? => 24x26x6", {"kernel": (5, 3)}),
        ("conv 6 5x? => 24x26x6", {"kernel": (5, 3)}),
        ("conv 6 3x3 padding=(?, 1) => 30x28x6", {"padding": (2, 1)}),
        ("conv 6 2x2 stride=? => 14x14x6", {"stride": (2,)}),
        ("conv 6 3x3 dilation=? => 20x20x6", {"dilation": (4,)}),
        ("maxpool 3x3 stride=2 rounding=? => 14x14x1", {"rounding": "ceil"}),
        ("conv 6 5x5 stride=2 padding=? => 15x15x6", {"padding": (3,)}),
        ("upsample ? => 84x84x1", {"scale": (3,)}),
        ("flatten -> dense ? => 84", {"units": 84}),
        ("pad ? => 32x32x1", {"amount": (2,)}),
    ],
)
def test_a_layers_own_claim_solves_its_unknown(layer: str, wanted: dict[str, Any]) -> None:
    found = built(f"input 28x28x1\n{layer}")
    assert () == found.diagnostics
    assert found.network is not None
    layer_found = found.network.nodes[-1].layer
    assert wanted == {name: getattr(layer_found, name) for name in wanted}


def test_what_was_found_is_told_by_place() -> None:
    found = built("input 28x28x1\nconv ? ?x3 => 24x26x6")
    assert [("?", 6), ("?", 5)] == [(span.text, value) for span, value in found.solved.items()]
    assert () == found.unsolved


def test_values_that_come_to_the_same_are_one_solution() -> None:
    assert () == built("input 28x28x1\nconv 6 5x5 padding=? => 28x28x6").diagnostics


def test_several_solutions_take_the_most_usual_and_say_so() -> None:
    (note,) = built("input 28x28x1\nconv 6 ? padding=? => 28x28x6").diagnostics
    assert ("note", "several values fit this shape; kernel=3, padding=1 is taken") == (
        note.severity,
        note.message,
    )
    assert note.notes[0].startswith("all of these fit: kernel=3, padding=1; kernel=1, padding=0; kernel=5")


def test_no_solution_tells_what_can_be_had() -> None:
    (fault,) = built("input 28x28x1\nconv 6 5x5 stride=? => 11x11x6").diagnostics
    assert ("no-solution", ("28x28x1 flows in",)) == (fault.code, fault.notes)
    assert ("the nearest shapes that can be had: 12x12x6, 8x8x6, 6x6x6, 5x5x6",) == fault.help


def test_what_was_not_all_tried_is_left_open() -> None:
    text = "input 64x64x1\nconv 6 ?x? stride=? => 5x63x6"
    assert {"unsolved-unknown"} == {item.code for item in built(text).diagnostics}


def test_many_unknowns_of_a_size_take_little() -> None:
    tracemalloc.start()
    built("input 64x64x64x1\npad (?,?,?,?) => 70x64x64x1\nreshape ?x?x?x? => 64x70x64x1")
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert peak < 100e6


def test_an_unknown_without_a_claim_is_left_open() -> None:
    found = built("input 28x28x1\nconv ? 5x5\nrelu")
    assert ["?"] == [span.text for span in found.unsolved]
    assert ["unsolved-unknown"] == [item.code for item in found.diagnostics]


def test_an_unknown_constant_is_solved_where_it_is_first_claimed() -> None:
    network = cnnspec.parse("let n = ?\ninput 9x9x1\nconv n 3x3 => 7x7x5\nconv n 3x3")
    assert (5, 5, 5) == network.output


def test_unknowns_may_be_given_from_outside() -> None:
    source = Source("spec.cnn", "input 9x9x1\nconv ? ?x?")
    spec = parse(source)
    places = [n for n, character in enumerate(source.text) if character == "?"]
    unknowns = {source.span(n, n + 1): value for n, value in zip(places, (4, 3, 5), strict=True)}
    found = elaborate(spec, unknowns=unknowns)
    assert found.network is not None
    assert (7, 5, 4) == found.network.output


def test_an_unknown_in_arithmetic_cannot_be_found_here() -> None:
    assert ["unsolved-unknown"] == [
        item.code for item in built("input 9x9x1\nconv 2*? 3x3 => 7x7x4").diagnostics
    ]


def test_the_search_has_an_end() -> None:
    line = "from input\nconv ? ?x? stride=? padding=? dilation=? => 9x9x7\n"
    codes = {item.code for item in built("input 64x64x3\n" + line * 40).diagnostics}
    assert codes <= {"several-solutions", "unsolved-unknown", "no-solution"}
    assert "unsolved-unknown" in codes


def test_after_a_guess_no_unknown_is_judged() -> None:
    text = "input 9x9x1\nconvv 3 3x3\nconv 3 3x3 padding=? => 20x20x3"
    assert ["unknown-word"] == [item.code for item in built(text).diagnostics]

"""Receptive fields on maps of any size cost little; what repeats too late is not told."""

from __future__ import annotations

import json
import time

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cnnspec import analyze, parse
from cnnspec.analysis.positions import behind, packed, sources, union
from cnnspec.analysis.report import Analysis
from cnnspec.cli.main import run
from cnnspec.layers.base import Everything, Slide, Spread, Stretch, Window


def fields(text: str) -> list[tuple[int, ...] | None]:
    rows = analyze(parse(text)).rows
    return [row.receptive_field.size if row.receptive_field else None for row in rows]


def test_the_whole_of_a_large_map_is_seen_at_once() -> None:
    assert fields("input 999999999x5x3; globalavgpool; conv 1 1x1") == [(999_999_999, 5), (999_999_999, 5)]


def test_the_whole_of_a_repeating_pattern_is_seen() -> None:
    small = fields("input 40x5x3; conv 3 3x3 padding=1; upsample 2; conv 3 3x3 padding=1; globalavgpool")
    assert small[-1] == (44, 9)


@pytest.mark.parametrize(
    "text",
    [
        "input 5x5x1; upsample 1000000; conv 1 1x1 -> maxpool 3x3 -> flatten",
        "input 5x5x1; upconv 2 5x5 stride=9999999; conv 1 3x3",
        "input 100x5x3; upsample 1000 -> upsample 1000 -> add { | relu | conv 3 1x1 }",
        "input 5x5x1; upsample 3; conv 1 999999x3 padding=999999",
        "input 9999999x5x3; add { | relu | maxpool 1x1 stride=2 -> pad (4999999, 0, 1, 1) }",
    ],
)
def test_what_repeats_too_late_is_not_told(text: str) -> None:
    begun = time.process_time()
    analysis = analyze(parse(text))
    assert isinstance(analysis, Analysis)
    assert None in [row.receptive_field for row in analysis.rows]
    assert analysis.diagnostics is not None
    assert time.process_time() - begun < 2


# The pixels of one unit ------------------------------------------------------------

small = st.integers(1, 5)
windows: st.SearchStrategy[Window] = st.one_of(
    st.builds(Slide, small, small, st.integers(-3, 4), small, st.sampled_from(["zeros", "replicate"])),
    st.builds(Slide, small, small, st.integers(0, 3), st.just(1), st.just("reflect")),
    st.builds(Spread, small, small, st.integers(-3, 4), small),
    st.builds(Stretch, small, small, st.sampled_from(["nearest", "linear", "cubic", "area"]), st.booleans()),
    st.just(Everything()),
)


@given(windows, st.integers(0, 9), st.integers(0, 9), st.integers(9, 20))
def test_a_row_of_positions_sees_what_they_see_one_by_one(
    window: Window, start: int, count: int, size: int
) -> None:
    wanted = range(start, start + count)
    one_by_one = {place for at in wanted for place in sources(window, [at], size)}
    assert one_by_one == set(behind(window, wanted, size))


@given(st.frozensets(st.integers(0, 12)), st.frozensets(st.integers(0, 12)))
def test_unions_are_those_of_sets(one: frozenset[int], other: frozenset[int]) -> None:
    assert one | other == set(union(packed(one), packed(other)))


@pytest.mark.parametrize(
    "text, layer, told",
    [
        ("input 1000000000x5x3; conv 1 3x3; globalavgpool", "globalavgpool1", "rows     0 to 999999999"),
        ("input 1000000000x5x3; conv 1 3x3 -> flatten", "flatten1", "rows     0 to 999999999"),
        ("input 1000000000x5x3; conv 1 3x3 dilation=2; globalavgpool", "globalavgpool1", "rows     0 to"),
        ("input 1000000000x9x3; conv 1 3x3 stride=2 -> conv 1 3x3", "conv2", "(7)"),
        ("input 5x1000000000x3; globalavgpool", "globalavgpool1", "columns  0 to 999999999"),
        ("input 5x5x1; upsample 1000000; conv 1 1x1 -> maxpool 3x3", "maxpool1", "rows     2 (1)"),
        ("input 5x5x1; upsample 3; conv 1 999999x3 padding=999999", "conv1", "rows     0 to 4 (5)"),
        ("input 1000000000x5x3; conv 1 1x1 stride=2; globalavgpool", "globalavgpool1", "[field-too-large]"),
    ],
)
def test_the_field_of_a_huge_map_is_bounded(
    text: str, layer: str, told: str, capsys: pytest.CaptureFixture[str]
) -> None:
    begun = time.process_time()
    code = run(["field", "-e", text, layer])
    printed = capsys.readouterr()
    assert told in printed.out + printed.err
    assert code == ("error" in printed.err)
    assert len(printed.out.splitlines()) < 40
    assert time.process_time() - begun < 2


def test_json_does_not_list_a_billion_rows(capsys: pytest.CaptureFixture[str]) -> None:
    text = "input 1000000000x5x3; globalavgpool"
    assert 1 == run(["field", "-e", text, "globalavgpool1", "--format", "json"])
    printed = capsys.readouterr()
    assert ("", True) == (printed.out, "error[field-too-large]" in printed.err)


def test_a_field_is_told_though_the_spec_is_wrong_further_down(capsys: pytest.CaptureFixture[str]) -> None:
    spec = "input 6x6x3; conv 1 3x3; conv 1 9x9"
    assert 1 == run(["field", "-e", spec, "conv1", "--at", "0,1", "--format", "json"])
    printed = capsys.readouterr()
    assert [[0, 1, 2], [1, 2, 3]] == json.loads(printed.out)["pixels"]
    assert "error[window-larger-than-input]" in printed.err
    assert 1 == run(["field", "-e", spec, "conv2"])
    printed = capsys.readouterr()
    assert ("", True) == (printed.out, "error[window-larger-than-input]" in printed.err)

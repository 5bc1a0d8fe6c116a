"""Receptive fields on maps of any size cost little; what repeats too late is not told."""

from __future__ import annotations

import time

import pytest

from cnnspec import analyze, parse
from cnnspec.analysis.report import Analysis


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

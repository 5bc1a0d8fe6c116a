"""The small tools of the page: ASCII, widths, wrapping, columns that fit."""

from __future__ import annotations

from cnnspec.views.terminal.grid import TAIL, Column, TableRow, draw, fit
from cnnspec.views.terminal.paint import Terminal, cut, in_bytes, pad, to_ascii, width_of, wrap


def test_laws_can_be_spelt_in_ascii() -> None:
    assert to_ascii("⌊(28 + 2·2 − 5)/1⌋ + 1 = 28") == "floor((28 + 2*2 - 5)/1) + 1 = 28"
    assert to_ascii("28x28x6 → 14x14x6") == "28x28x6 -> 14x14x6"
    assert to_ascii("☃") == "?"


def test_wide_characters_take_two_columns() -> None:
    assert width_of("网络") == 4
    assert pad("网", 4) == "网  "
    assert cut("网络网络", 5, Terminal()) == "网络…"


def test_text_is_wrapped_at_blanks_and_words_stay_whole() -> None:
    assert wrap("one two three", 7) == ["one two", "three"]
    assert wrap("unbreakable", 4) == ["unbreakable"]


def test_bytes_in_powers_of_a_thousand() -> None:
    assert [in_bytes(n) for n in (0, 999, 1000, 246_824, 999_960, 1_300_000_000)] == [
        "0 B", "999 B", "1.0 kB", "246.8 kB", "1.0 MB", "1.3 GB",
    ]  # fmt: skip


COLUMNS = (
    Column("a", "a"),
    Column("b", "b", least=4, rank=1),
    Column("c", "c", right=True, rank=2),
)
LINES = (TableRow({"a": "name", "b": "a long text", "c": "1,000"}),)


def test_text_shrinks_before_a_column_goes() -> None:
    fitted = fit(COLUMNS, LINES, 22)
    assert [(column.key, width) for column, width in fitted.columns] == [("a", 4), ("b", 7), ("c", 5)]
    assert draw(fitted, LINES, Terminal())[-1] == " name  a long…  1,000"


def test_the_highest_rank_goes_first() -> None:
    fitted = fit(COLUMNS, LINES, 15)
    assert [column.key for column, _ in fitted.columns] == ["a", "b"]
    assert [column.key for column in fitted.dropped] == ["c"]


def test_the_tail_of_a_cell_survives() -> None:
    columns = (Column("b", "b", least=4),)
    lines = (TableRow({"b": f"upconv 512 2x2 stride=2{TAIL}← double1"}),)
    assert draw(fit(columns, lines, 22), lines, Terminal())[-1] == " upconv 51… ← double1"


def test_what_always_stays_is_cut_only_when_nothing_else_can_go() -> None:
    columns = (Column("a", "a", least=4), Column("b", "b", least=4, rank=1))
    lines = (TableRow({"a": "bottleneck1", "b": "operation"}),)
    assert [column.key for column in fit(columns, lines, 16).dropped] == ["b"]
    assert draw(fit(columns, lines, 8), lines, Terminal())[-1] == " bottl…"
    kept = fit(columns, lines, 14, keep_all=True)
    assert [width for _, width in kept.columns] == [6, 4]

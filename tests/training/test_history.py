"""The file of metrics, whatever became of it."""

import json
from dataclasses import asdict
from pathlib import Path

import pytest

from cnnspec.training.history import EpochRecord, MetricsFile

ROWS = [
    EpochRecord(n, 13 * n, 1 / n, 0.5, 0.1, 1000.0, 0.25, 2.0 if n % 2 else None, None) for n in (1, 2, 3)
]


def test_rows_are_read_as_they_were_written(tmp_path: Path) -> None:
    metrics = MetricsFile(tmp_path / "metrics.jsonl")
    assert [] == metrics.rows()
    metrics.begin(ROWS[:1])
    for row in ROWS[1:]:
        metrics.add(row)
    assert ROWS == metrics.rows()


@pytest.mark.parametrize("change", [
    {"step": "a"}, {"step": None}, {"epoch": 0}, {"epoch": 2.5}, {"loss": "low"}, {"rate": [1]}, {"more": 1},
    {"seconds": 1e30}, {"seconds": float("inf")}, {"seconds": -1.0}, {"images_per_second": float("nan")},
])  # fmt: skip
def test_a_row_with_a_value_of_another_kind_is_passed_over(tmp_path: Path, change: dict[str, object]) -> None:
    lines = [{"event": "epoch"} | asdict(row) for row in ROWS]
    lines[1] |= change
    (tmp_path / "metrics.jsonl").write_text("".join(json.dumps(line) + "\n" for line in lines))
    assert [ROWS[0], ROWS[2]] == MetricsFile(tmp_path / "metrics.jsonl").rows()


def test_a_row_without_one_of_its_values_is_passed_over(tmp_path: Path) -> None:
    lines = [{"event": "epoch"} | asdict(row) for row in ROWS]
    del lines[2]["validation_loss"]
    (tmp_path / "metrics.jsonl").write_text("".join(json.dumps(line) + "\n" for line in lines))
    assert ROWS[:2] == MetricsFile(tmp_path / "metrics.jsonl").rows()


def test_a_loss_that_is_no_number_is_null_in_the_file(tmp_path: Path) -> None:
    metrics = MetricsFile(tmp_path / "metrics.jsonl")
    metrics.add(EpochRecord(1, 13, 1.0, 0.5, 0.1, 1000.0, 0.25, float("nan"), 0.1))
    assert "NaN" not in metrics.path.read_text()
    assert [None] == [row.validation_loss for row in metrics.rows()]


def test_an_epoch_has_one_row_the_last_that_was_written(tmp_path: Path) -> None:
    metrics = MetricsFile(tmp_path / "metrics.jsonl")
    for row in (ROWS[0], ROWS[1], EpochRecord(1, 13, 9.0, 0.5, 0.1, 1000.0, 0.25)):
        metrics.add(row)
    assert [9.0, 0.5] == [row.loss for row in metrics.rows()]


def test_a_line_that_is_far_too_long_is_passed_over(tmp_path: Path) -> None:
    metrics = MetricsFile(tmp_path / "metrics.jsonl")
    metrics.begin(ROWS)
    metrics.path.write_text(metrics.path.read_text().rstrip("\n") + " " * 20_000 + "\n")
    assert ROWS[:2] == metrics.rows()

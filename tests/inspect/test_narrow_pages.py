"""What a training and its run print on narrow pages."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from tools import Command, too_wide

from cnnspec.views.results import Confusion
from cnnspec.views.terminal import results
from cnnspec.views.terminal.paint import Terminal, width_of

KINDS = ("filters", "maps", "confusion", "mistakes", "neighbours", "curves", "data")
NAMES = ("airplane", "automobile", "bird", "cat", "deer", "dog", "frog", "horse", "ship", "truck")


@pytest.mark.parametrize("width", [60, 80])
@pytest.mark.parametrize(
    "arguments",
    [
        ("evaluate",),
        *(
            ("inspect", what)
            for what in ("filters", "maps", "confusion", "mistakes", "neighbours", "curves", "data")
        ),
    ],
    ids=" ".join,
)
def test_a_run_is_told_within_the_page(
    home: Path, cnnspec: Command, monkeypatch: pytest.MonkeyPatch, arguments: tuple[str, ...], width: int
) -> None:
    monkeypatch.setenv("COLUMNS", str(width))
    verb, *what = arguments
    code, out, err = cnnspec(verb, home / "one", *what)
    assert code == 0
    assert too_wide(out + err, width) == []


def test_a_training_is_told_within_the_page_and_how_long_it_took(
    home: Path, cnnspec: Command, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setenv("COLUMNS", "60")
    code, out, err = cnnspec("train", home / "bars.cnn", "-o", tmp_path / "run")
    assert code == 0
    assert too_wide(out + err, 60) == []
    assert "\n2 epochs in " in err
    opening = err[: err.index("epoch 1")]
    assert "seed 0" in " ".join(opening.split())


def _confusion(width: int, names: tuple[str, ...] = NAMES, most: int = 900) -> list[str]:
    counts = np.full((len(names), len(names)), 3)
    np.fill_diagonal(counts, most)
    counts[3, 5] = 77
    return results.confusion(Confusion(counts, names), Terminal(width))


def test_a_matrix_has_whole_names_where_there_is_room() -> None:
    assert _confusion(200)[0].split() == list(NAMES)


@pytest.mark.parametrize("width", range(20, 130, 3))
def test_a_matrix_fits_or_says_that_it_does_not(width: int) -> None:
    page = _confusion(width)
    assert max(map(width_of, page)) <= width or width < 30
    if not page[0].startswith("no room"):
        titles = page[0].split()
        assert len(set(titles)) == len(NAMES)
        if titles[0] == "0":
            assert [line.split()[0] for line in page[2:]] == titles
    else:
        assert "no room for the matrix" in " ".join(page)
        assert " cat → dog: 77" in page


def test_a_matrix_without_room_and_without_mistakes_says_so() -> None:
    page = results.confusion(Confusion(np.diag([1000] * 10), NAMES), Terminal(30))
    assert " ".join(page) == "no room for the matrix; there are no mistakes"

"""The report of a trained network shows what it learned."""

import re
import shutil
from pathlib import Path

from tools import Command


def test_it_has_curves_filters_confusion_and_mistakes(cnnspec: Command, home: Path, tmp_path: Path) -> None:
    code, out, err = cnnspec("report", home / "one", "-o", "r.html")
    assert (0, "", "wrote r.html\n") == (code, out, err)
    page = (tmp_path / "r.html").read_text()
    for heading in (
        "What it learned",
        "Filters of conv1",
        "Confusion matrix (bars, test)",
        "Mistakes",
    ):
        assert heading in page
    assert 2 == page.count('<svg class="curves"')
    assert 4 == len(re.findall(r"<title>filter \d</title>", page))
    matrix = page.split('<svg class="confusion"')[1].split("</svg>")[0]
    counts = re.findall(r'<g class="cell">.*?>(\d+)</text>', matrix, re.DOTALL)
    assert 60 == sum(map(int, counts))


def test_spec_and_run_may_be_named_apart(cnnspec: Command, home: Path, tmp_path: Path) -> None:
    code, _, _ = cnnspec("report", home / "bars.cnn", "--run", home / "two", "-o", "r.html")
    assert (0, True) == (code, "What it learned" in (tmp_path / "r.html").read_text())
    assert 0 == cnnspec("report", "--run", home / "two", "-o", "s.html")[0]
    assert "What it learned" in (tmp_path / "s.html").read_text()


def test_a_folder_that_is_no_run_is_refused(cnnspec: Command) -> None:
    code, _, err = cnnspec("report", "lenet", "--run", ".")
    assert 2 == code
    assert '"." is not the folder of a run' in err


def test_without_the_data_the_rest_is_shown_and_the_reason_said(
    cnnspec: Command, home: Path, tmp_path: Path
) -> None:
    shutil.copytree(home / "one", tmp_path / "moved")
    for name in ("spec.cnn", "run.json"):
        path = tmp_path / "moved" / name
        path.write_text(path.read_text().replace("bars.npz", "gone.npz"))
    code, _, _ = cnnspec("report", "moved", "-o", "r.html")
    page = (tmp_path / "r.html").read_text()
    assert 0 == code
    assert "gone.npz" in page.split("What it learned</h2>")[1]
    assert "Filters of conv1" in page
    assert "Confusion matrix" not in page

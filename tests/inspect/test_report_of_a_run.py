"""The report of a trained network shows what it learned."""

import re
import shutil
from pathlib import Path

from tools import Command, known


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


def test_the_first_figure_is_the_test_accuracy(cnnspec: Command, home: Path, tmp_path: Path) -> None:
    assert 0 == cnnspec("report", home / "one", "-o", "r.html")[0]
    first = known(re.search(r"<dt>([^<]+)</dt><dd>([^<]+)</dd>", (tmp_path / "r.html").read_text()))
    _, out, _ = cnnspec("evaluate", home / "one")
    assert ("test accuracy", out.split("accuracy ")[1].split(",")[0]) == first.groups()


def test_what_a_training_changed_stands_beside_the_spec(cnnspec: Command, home: Path, tmp_path: Path) -> None:
    """The spec says two epochs of 16 samples a step, and one of 32 was run."""
    options = ("--epochs", "1", "--batch", "32")
    assert 0 == cnnspec("train", home / "bars.cnn", "-o", tmp_path / "short", *options)[0]
    assert 0 == cnnspec("report", tmp_path / "short", "-o", "r.html")[0]
    spec = (tmp_path / "r.html").read_text().split('id="the-spec"')[1]
    assert "Trained otherwise than the recipe below says: batch 32, epochs 1." in spec
    assert 0 == cnnspec("report", home / "one", "-o", "s.html")[0]
    assert "Trained otherwise" not in (tmp_path / "s.html").read_text()

"""``cnnspec runs``: lists, compares and cleans up run folders."""

import csv
import io
import json
import os
import re
import subprocess
import sys
from pathlib import Path

import pytest
from tools import Command, same, too_wide

from cnnspec.cli.run_list import found_in, short_names
from cnnspec.training.lock import is_locked
from cnnspec.training.outcome import outcome_of


@pytest.fixture
def trained(command: Command, place: Path) -> Path:
    """Two finished runs and one that was interrupted."""
    assert 0 == command("train", "bars.cnn", "-o", "one")[0]
    assert 0 == command("train", "bars.cnn", "--rate", 0.2, "--epochs", 3, "-o", "two")[0]
    assert 0 == command("train", "bars.cnn")[0]
    (place / "runs" / "Bars-1" / "weights.safetensors").unlink()
    return place


def test_runs_are_listed_with_their_figure_and_standing(command: Command, trained: Path) -> None:
    code, out, _ = command("runs")
    assert 0 == code
    for run, epochs, standing in (
        ("one", "2 of 2", "finished"), ("two", "3 of 3", "finished"),
        ("runs/Bars-1", "2 of 2", "interrupted"),
    ):  # fmt: skip
        assert re.search(
            rf"^ {run} +validation accuracy \d+\.\d\d % +{standing} +{epochs} ", out, re.MULTILINE
        )
    assert "3 runs, " in out
    assert ["runs/Bars-1"] == re.findall(r"^ (\S+) +val", command("runs", "runs")[1], re.MULTILINE)


def test_the_list_is_there_for_programs_too(command: Command, trained: Path) -> None:
    listed = json.loads(command("runs", "--json")[1])
    assert "cnnspec/runs/1" == listed["schema"]
    runs = {run["folder"]: run for run in listed["runs"]}
    assert {"one", "two", "runs/Bars-1"} == set(runs)
    assert ("Bars", "bars", "finished", 3) == tuple(
        runs["two"][key] for key in ("network", "data", "standing", "epochs")
    )
    rows = [json.loads(line) for line in (trained / "two" / "metrics.jsonl").read_text().splitlines()]
    assert rows[-1]["validation_accuracy"] == runs["two"]["value"]
    assert (
        sum(file.stat().st_size for file in (trained / "two").rglob("*") if file.is_file())
        == runs["two"]["bytes"]
    )
    sheet = list(csv.DictReader(io.StringIO(command("runs", "--format", "csv")[1])))
    assert {"one", "two", "runs/Bars-1"} == {row["folder"] for row in sheet}


def test_runs_side_by_side_show_what_differs(command: Command, trained: Path) -> None:
    code, out, _ = command("runs", "one", "two")
    assert 0 == code
    assert re.search(r"^ optimizer +sgd rate=0.1 +sgd rate=0.2$", out, re.MULTILINE)
    assert re.search(r"^ epochs +2 +3$", out, re.MULTILINE)
    assert "batch" not in out
    assert {"validation accuracy", "test accuracy"} <= set(re.findall(r"^ (\w+ accuracy)", out, re.MULTILINE))
    alone = command("runs", "one")[1]
    assert re.search(r"^ batch +16$", alone, re.MULTILINE)
    found = json.loads(command("runs", "one", "two", "--json")[1])["runs"]
    assert [{"optimizer": "sgd rate=0.1", "epochs": "2"}, {"optimizer": "sgd rate=0.2", "epochs": "3"}] == [
        {key: run["settings"][key] for key in ("optimizer", "epochs")} for run in found
    ]
    assert 0.0 <= found[0]["figures"]["test accuracy"] <= 1.0


@pytest.mark.parametrize("width", [40, 60, 100])
def test_lists_and_comparisons_fit_their_page(
    command: Command, trained: Path, monkeypatch: pytest.MonkeyPatch, width: int
) -> None:
    monkeypatch.setenv("COLUMNS", str(width))
    for folders in ((), ("one", "two"), ("one", "two", "runs/Bars-1")):
        assert [] == too_wide(command("runs", *folders)[1], width)


def test_checkpoints_of_finished_runs_go_once_that_is_confirmed(command: Command, trained: Path) -> None:
    code, _, err = command("runs", "--clean")
    assert (2, True) == (code, "nothing was taken away; to do it: --yes" in err)
    assert "one: 2 checkpoints, " in err
    assert "runs/Bars-1" not in err
    assert (trained / "one" / "checkpoints").is_dir()
    code, _, err = command("runs", "--clean", "--yes")
    assert (0, True) == (code, " freed" in err)
    assert [False, False, True] == [
        (trained / run / "checkpoints").exists() for run in ("one", "two", "runs/Bars-1")
    ]
    assert (0, True) == ((found := command("runs", "--clean", "--yes"))[0], "nothing to clean" in found[2])
    assert 0 == command("evaluate", "one")[0]
    assert 0 == command("train", "runs/Bars-1", "--resume")[0]


def test_a_run_without_its_checkpoints_is_never_trained_over(command: Command, trained: Path) -> None:
    before = (trained / "one" / "weights.safetensors").read_bytes()
    assert 0 == command("runs", "one", "--clean", "--yes")[0]
    code, _, err = command("train", "one", "--resume")
    assert (0, True) == (code, "already finished, 2 epochs" in err)
    code, _, err = command("train", "one", "--resume", "--epochs", 5)
    assert (1, True) == (code, "error[checkpoint-unusable]" in err)
    assert "--weights one" in " ".join(err.split())
    assert before == (trained / "one" / "weights.safetensors").read_bytes()
    assert 0 == command("train", "bars.cnn", "--weights", "one", "-o", "three")[0]


def test_early_stopping_is_over_without_its_checkpoints_too(command: Command, place: Path) -> None:
    line = ("train", "bars.cnn", "--stop", "patience=1", "--epochs", 30, "--rate", 3, "-o")
    assert [0, 0] == [command(*line, name)[0] for name in ("whole", "cleaned")]
    assert 0 == command("runs", "cleaned", "--clean", "--yes")[0]
    assert (0, True) == (
        (found := command("train", "cleaned", "--resume"))[0],
        "already finished" in found[2],
    )
    assert same(place / "whole", place / "cleaned")


def test_what_is_being_trained_is_left_alone(command: Command, trained: Path) -> None:
    holds = "import sys; from cnnspec.training.lock import Lock; from pathlib import Path\n"
    holds += "with Lock(Path('one')): print('held', flush=True); sys.stdin.read()"
    with subprocess.Popen(
        [sys.executable, "-c", holds], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True,
        env={**os.environ, "PYTHONPATH": str(Path(__file__).parents[2])},
    ) as other:  # fmt: skip
        assert other.stdout is not None
        assert "held\n" == other.stdout.readline()
        assert is_locked(trained / "one")
        assert not is_locked(trained / "two")
        assert re.search(r"^ one +validation accuracy .* training ", command("runs")[1], re.MULTILINE)
        assert (0, False) == ((found := command("runs", "--clean", "--yes"))[0], "one:" in found[2])
        other.communicate("")
    (trained / "one" / ".lock").write_text("")
    assert not is_locked(trained / "one"), "a lock that was left behind locks nothing"


def test_a_damaged_record_is_told_and_the_others_are_listed(command: Command, trained: Path) -> None:
    (trained / "one" / "run.json").write_text("{")
    code, out, _ = command("runs")
    assert (0, True) == (code, bool(re.search(r"^ one +damaged", out, re.MULTILINE)))
    assert "two" in out
    assert "damaged" == outcome_of(trained / "one").standing


def test_a_sweep_is_one_line_and_shows_its_trials(command: Command, place: Path) -> None:
    assert 0 == command("train", "bars.cnn", "--sweep", "rate=0.1,0.2", "--epochs", 1, "-o", "some")[0]
    assert re.search(
        r"^ some +validation accuracy .* finished +2 of 2 trials", command("runs")[1], re.MULTILINE
    )
    code, out, _ = command("runs", "some", "-o", "some.svg")
    assert (0, 2) == (code, len(re.findall(r"^ trial-\d", out, re.MULTILINE)))
    assert 2 == (place / "some.svg").read_text().count("<polyline")
    found = json.loads(command("runs", "some", "--json")[1])
    assert {"0.1", "0.2"} == {trial["values"]["rate"] for trial in found["trials"]}
    sheet = list(csv.DictReader(io.StringIO(command("runs", "some", "--format", "csv")[1])))
    assert {"0.1", "0.2"} == {row["rate"] for row in sheet}
    assert 0 == command("inspect", "some", "curves")[0]
    assert (2, True) == ((told := command("evaluate", "some"))[0], "holds a sweep" in told[2])
    assert 0 == command("runs", "--clean", "--yes")[0]
    assert [] == list(place.rglob("checkpoints"))


@pytest.mark.parametrize(
    "arguments, told",
    [
        ((), "there is no run in here; train one"),
        (("--yes",), "--yes is for --clean"),
        (("-o", "x.png"), "-o draws a sweep: name its folder"),
        (("nowhere",), "does not exist"),
    ],
)
def test_what_cannot_be_told_is_a_line(
    command: Command, place: Path, arguments: tuple[str, ...], told: str
) -> None:
    code, _, err = command("runs", *arguments)
    assert (2, True) == (code, told in " ".join(err.split()))


def test_links_and_hidden_folders_are_passed_over(trained: Path) -> None:
    (trained / "link").symlink_to(trained)
    (trained / "one").rename(trained / ".one")
    assert ["runs/Bars-1", "two"] == [str(path) for path in found_in(Path())]


def test_names_are_told_by_the_parts_in_which_they_differ() -> None:
    assert ["trial-1", "trial-2"] == short_names([Path("a/trial-1/seed-0"), Path("a/trial-2/seed-0")])
    assert ["a", "b/c"] == short_names([Path("a"), Path("b/c")])
    assert ["runs/a"] == short_names([Path("runs/a")])
    assert 2 == len(set(short_names([Path("a"), Path("a/b")])))

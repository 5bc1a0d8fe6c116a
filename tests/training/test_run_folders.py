"""A folder is a run's only if a record says so: nothing else is replaced, deleted or written through."""

from __future__ import annotations

import json
import os
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import TypeAlias

import pytest
from tools import archive, fault_of, same

import cnnspec
from cnnspec.cli import runs
from cnnspec.cli.main import run as call
from cnnspec.model import Model
from cnnspec.training.callback import Callback
from cnnspec.training.data.dataset import Dataset
from cnnspec.training.history import EpochRecord
from cnnspec.training.lock import Lock
from cnnspec.training.run import Run

SPEC = 'input 8x8x1; flatten -> dense 3; train { data npz "bars.npz"; epochs 1 }'
WEIGHTS, BEST = "weights.safetensors", "best.safetensors"


ModelOf: TypeAlias = Callable[..., Model]
Capture: TypeAlias = pytest.CaptureFixture[str]
Patch: TypeAlias = pytest.MonkeyPatch


def contents(folder: Path) -> dict[Path, bytes]:
    return {path.relative_to(folder): path.read_bytes() for path in folder.rglob("*") if path.is_file()}


class After(Callback):
    """Does something at the end of the first epoch."""

    def __init__(self, action: Callable[[], object]) -> None:
        self.action = action

    def epoch(self, row: EpochRecord) -> None:
        if row.epoch == 1:
            self.action()


@pytest.fixture
def place(tmp_path: Path, data: Dataset, monkeypatch: Patch) -> Path:
    """A working folder with the data."""
    monkeypatch.chdir(tmp_path)
    archive("bars.npz", data)
    return tmp_path


# What no record claims ---------------------------------------------------------------


@pytest.mark.parametrize(
    "name", [WEIGHTS, BEST, "metrics.jsonl", "spec.cnn", "checkpoints/step-000000001.safetensors"]
)
def test_what_no_record_claims_stays(place: Path, data: Dataset, model_of: ModelOf, name: str) -> None:
    mine = place / "A" / name
    mine.parent.mkdir(parents=True)
    mine.write_bytes(b"mine")
    fault = fault_of(model_of("epochs 1").fit, data, folder="A", force=True)
    assert ("run-folder-taken", True) == (fault.code, name.split("/")[0] in fault.message)
    assert 1 == call(["train", "-e", SPEC, "-o", "A", "--force"])
    assert {name: b"mine"} == {str(path): content for path, content in contents(place / "A").items()}


def test_the_weights_that_a_training_begins_with_stay(place: Path) -> None:
    cnnspec.parse(SPEC).build().save("w.safetensors")
    (place / "A").mkdir()
    shutil.copy("w.safetensors", f"A/{WEIGHTS}")
    assert 1 == call(["train", "-e", SPEC, "-o", "A", "--weights", f"A/{WEIGHTS}"])
    assert (place / "w.safetensors").read_bytes() == (place / "A" / WEIGHTS).read_bytes()


def test_the_checkpoints_of_a_run_that_lost_its_record_stay(
    place: Path, data: Dataset, model_of: ModelOf
) -> None:
    model_of("epochs 2").fit(data, folder="A")
    (place / "A" / "run.json").unlink()
    before = contents(place / "A")
    assert "run-folder-taken" == fault_of(model_of("epochs 1").fit, data, folder="A").code
    assert before == contents(place / "A")
    assert 3 == len(model_of("epochs 3").fit(data, folder="A", resume=True).rows)
    assert Run.read(place / "A")


def test_files_that_only_end_as_ours_do_stay(place: Path, data: Dataset, model_of: ModelOf) -> None:
    (place / "A").mkdir()
    (place / "A" / ".movie.mkv.part").write_text("mine")
    model_of("epochs 1").fit(data, folder="A")
    assert "mine" == (place / "A" / ".movie.mkv.part").read_text()


def test_a_spec_that_is_the_same_is_no_loss(place: Path) -> None:
    (place / "A").mkdir()
    (place / "A" / "spec.cnn").write_text(SPEC.replace("bars", "../bars"))
    assert 0 == call(["train", "A/spec.cnn", "-o", "A"])


# Runs with results --------------------------------------------------------------------


def test_fit_replaces_a_run_only_when_that_is_said(place: Path, data: Dataset, model_of: ModelOf) -> None:
    model_of("epochs 1").fit(data, folder="A")
    before = contents(place / "A")
    fault = fault_of(model_of("epochs 2").fit, data, folder="A")
    assert ("run-folder-taken", "A holds a run") == (fault.code, fault.message)
    assert before == contents(place / "A")
    assert 2 == len(model_of("epochs 2").fit(data, folder="A", force=True).rows)


@pytest.mark.parametrize(("answer", "code"), [("y", 0), ("n", 130)])
def test_force_says_what_goes_and_asks_once(
    place: Path, capsys: Capture, monkeypatch: Patch, answer: str, code: int
) -> None:
    assert 0 == call(["train", "-e", SPEC, "-o", "A"])
    before = contents(place / "A")
    monkeypatch.setattr(runs, "can_ask", lambda: True)
    asked: list[str] = []

    def ask(prompt: str) -> str:
        asked.append(prompt)
        return answer

    monkeypatch.setattr("click.termui.visible_prompt_func", ask)
    capsys.readouterr()
    assert code == call(["train", "-e", SPEC, "-o", "A", "--force", "--seed", "3"])
    assert f"this replaces the run in A: {WEIGHTS}, metrics.jsonl, 1 checkpoint\n" in capsys.readouterr().err
    assert 1 == len(asked)
    assert (code != 0) == (before == contents(place / "A"))


# Links ------------------------------------------------------------------------------------


@pytest.mark.parametrize("name", [".lock", "run.json", "metrics.jsonl", "spec.cnn", WEIGHTS, BEST])
def test_a_link_is_neither_followed_nor_replaced(
    place: Path, data: Dataset, model_of: ModelOf, name: str
) -> None:
    (place / "precious").write_text("mine")
    (place / "A").mkdir()
    (place / "A" / name).symlink_to(place / "precious")
    fault = fault_of(model_of("epochs 1").fit, data, folder="A", force=True)
    assert f"A/{name} cannot be written: it is a link to another place" == fault.message
    assert "mine" == (place / "precious").read_text()
    assert [name] == os.listdir("A")


@pytest.mark.parametrize("name", ["metrics.jsonl", BEST, WEIGHTS])
def test_a_link_made_meanwhile_is_not_followed(
    place: Path, data: Dataset, model_of: ModelOf, name: str
) -> None:
    (place / "precious").write_text("mine")

    def link() -> None:
        (place / "A" / name).unlink(missing_ok=True)
        (place / "A" / name).symlink_to(place / "precious")

    fault = fault_of(
        model_of("epochs 2; data digits validation=0.3").fit, data, folder="A", callback=After(link)
    )
    assert f"A/{name} cannot be written: it is a link to another place" == fault.message
    assert "mine" == (place / "precious").read_text()


def test_no_file_that_a_spec_uses_is_written_through_a_link(place: Path) -> None:
    (place / ".d").mkdir()
    (place / ".d" / "b.cnn").write_text("block unit { relu }\n")
    (place / "net.cnn").write_text(f'use ".d/b.cnn"\n{SPEC.replace("flatten", "unit -> flatten")}')
    (place / "home").mkdir()
    (place / "A").mkdir()
    (place / "A" / ".d").symlink_to(place / "home")
    assert 1 == call(["train", "net.cnn", "-o", "A"])
    assert [] == os.listdir("home")


def test_checkpoints_are_not_written_through_a_link(place: Path, data: Dataset, model_of: ModelOf) -> None:
    (place / "A").mkdir()
    (place / "home").mkdir()
    (place / "A" / "checkpoints").symlink_to(place / "home")
    assert "run-not-written" == fault_of(model_of("epochs 1").fit, data, folder="A").code
    assert [] == os.listdir("home")


def test_a_lock_of_something_else_stays(place: Path, data: Dataset, model_of: ModelOf) -> None:
    (place / "A").mkdir()
    (place / "A" / ".lock").write_text("a dog's diary")
    fault = fault_of(model_of("epochs 1").fit, data, folder="A")
    assert "A/.lock cannot be written: it is a file of something else" == fault.message
    assert "a dog's diary" == (place / "A" / ".lock").read_text()


@pytest.mark.parametrize("name", [".lock", "run.json", "metrics.jsonl"])
def test_a_pipe_in_the_folder_holds_nobody(place: Path, data: Dataset, model_of: ModelOf, name: str) -> None:
    (place / "A").mkdir()
    os.mkfifo(place / "A" / name)
    assert "run-not-written" == fault_of(model_of("epochs 1").fit, data, folder="A").code


# What a spec uses -------------------------------------------------------------------------


@pytest.mark.parametrize(
    "name", ["spec.cnn", "run.json", "metrics.jsonl", ".lock", WEIGHTS, "checkpoints/x.cnn", "Run.JSON"]
)
def test_a_spec_that_uses_a_name_of_a_runs_own_is_refused(place: Path, capsys: Capture, name: str) -> None:
    (place / name).parent.mkdir(exist_ok=True)
    (place / name).write_text("block unit { relu }\n")
    (place / "net.cnn").write_text(f'use "{name}"\n{SPEC.replace("flatten", "unit -> flatten")}')
    assert 1 == call(["train", "net.cnn", "-o", "A"])
    assert f'a run keeps a file of its own under the name of "{name}"' in " ".join(
        capsys.readouterr().err.split()
    )
    assert not (place / "A").exists()


def test_files_that_a_run_uses_are_its_own_and_others_are_not(place: Path, capsys: Capture) -> None:
    (place / "b.cnn").write_text("block unit { relu }\n")
    (place / "net.cnn").write_text(f'use "b.cnn"\n{SPEC.replace("flatten", "unit -> flatten")}')
    assert 0 == call(["train", "-e", SPEC, "-o", "A"])
    (place / "A" / "b.cnn").write_text("mine")
    assert 1 == call(["train", "net.cnn", "-o", "A", "--force"])
    assert "A holds b.cnn, and no record of a run claims that" in " ".join(capsys.readouterr().err.split())
    (place / "A" / "b.cnn").unlink()
    for _ in range(2):
        assert 0 == call(["train", "net.cnn", "-o", "A", "--force"])
        (place / "b.cnn").write_text("block unit { relu -> relu }\n")
    assert ("b.cnn",) == Run.read(place / "A").uses


# Moved ------------------------------------------------------------------------------------


def test_a_folder_that_is_moved_while_it_is_trained_keeps_its_run(
    place: Path, data: Dataset, model_of: ModelOf
) -> None:
    def move() -> None:
        (place / "A").rename(place / "B")
        model_of("epochs 1", seed=5).fit(data, folder="A")

    fault = fault_of(model_of("epochs 3").fit, data, folder="A", callback=After(move))
    assert ("run-not-written", True) == (fault.code, "A was moved or taken away" in fault.message)
    assert (5, 0) == (Run.read(place / "A").seed, Run.read(place / "B").seed)
    assert 1 == len((place / "A" / "metrics.jsonl").read_text().splitlines())
    assert ("go on with it there: cnnspec train FOLDER --resume",) == fault.help
    straight, resumed = model_of("epochs 3"), model_of("epochs 3")
    straight.fit(data)
    resumed.fit(data, folder="B", resume=True)
    assert same(straight.weights, resumed.weights)


def test_the_lock_of_another_training_is_not_taken_away(place: Path) -> None:
    with Lock(place / "A"):
        (place / "A").rename(place / "B")
        (place / "A").mkdir()
        (place / "A" / ".lock").write_text("7\n")
    assert (place / "A" / ".lock").exists()


# Records ----------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "change",
    [
        {"seed": -1}, {"test": {"accuracy": None, "loss": 1.0, "samples": 3}},
        {"test": {"accuracy": 0.5, "loss": 1.0, "samples": -3}}, {"scaling": [[float("inf")], [0]]},
        {"test": {"accuracy": 7, "loss": 1.0, "samples": 3}}, {"scaling": [[1, 2], [0]]},
        {"classes": ["a", "b"]}, {"scaling": [[], []]}, {"seed": 10**400},
    ],
)  # fmt: skip
@pytest.mark.parametrize(
    "verb", [["evaluate", "A"], ["predict", "A", "--index", "0"], ["inspect", "A", "data"]]
)
def test_a_record_that_no_run_wrote_is_refused(
    place: Path, capsys: Capture, change: dict[str, object], verb: list[str]
) -> None:
    assert 0 == call(["train", "-e", SPEC, "-o", "A"])
    path = place / "A" / "run.json"
    path.write_text(json.dumps(json.loads(path.read_text()) | change))
    assert call(verb) in (0, 1, 2)
    assert "went wrong inside" not in capsys.readouterr().err

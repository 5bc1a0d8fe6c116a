"""The folder of a run: what is kept there is what was trained with, however the training was begun."""

import json
from pathlib import Path

import numpy as np
import pytest
from tools import fault_of, known, same

import cnnspec
from cnnspec.cli.main import run as call
from cnnspec.diagnostics import SpecError
from cnnspec.model import open_run
from cnnspec.recipe.models import Recipe
from cnnspec.training.checkpoint import CheckpointManager
from cnnspec.training.data.dataset import Dataset
from cnnspec.training.run import Run, is_run

SPEC = "network Bars; input 8x8x1; conv 4 3x3 -> relu; flatten -> dense 3"


@pytest.fixture
def bars(tmp_path: Path, data: Dataset, monkeypatch: pytest.MonkeyPatch) -> str:
    """A working folder with the data in a file; the file's name."""
    monkeypatch.chdir(tmp_path)
    np.savez(
        "bars.npz", x_train=data.train_images, y_train=data.train_labels,
        x_test=data.test_images, y_test=data.test_labels,
    )  # fmt: skip
    return "bars.npz"


def test_the_scaling_that_is_kept_is_the_one_that_was_trained_with(bars: str, tmp_path: Path) -> None:
    """A standard scaling is that of the samples left after validation."""
    recipe = 'train { data npz "bars.npz" validation=0.5; normalise standard; epochs 1 }'
    assert 0 == call(["train", "-e", f"{SPEC}; {recipe}", "-o", "run"])
    checkpoint, _ = CheckpointManager(tmp_path / "run" / "checkpoints").latest()
    kept = json.loads((tmp_path / "run" / "run.json").read_text())["scaling"]
    assert known(checkpoint).state["scaling"] == kept
    model, run, _ = open_run(tmp_path / "run")
    assert kept[0] == np.ravel(run.pixels.factor).tolist() == np.ravel(model.scaling.factor).tolist()


def test_a_run_of_fit_is_a_run_for_every_command(
    bars: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    model = cnnspec.parse(f"{SPEC}; train {{ epochs 9; seed 4 }}").build()
    model.fit(bars, folder=tmp_path / "run", epochs=2, rate=0.01)
    assert is_run(tmp_path / "run")
    assert 0 == call(["evaluate", "run", "--format", "json"])
    expected = json.loads(capsys.readouterr().out)
    assert model.evaluate(bars).accuracy == expected["accuracy"]
    opened, run, _ = open_run("run")
    assert (4, 2, 0.01) == (run.seed, run.recipe.epochs, run.recipe.optimizer.rate)
    assert run.recipe == opened.network.recipe == cnnspec.load("run/spec.cnn").recipe
    assert same(model.weights, opened.weights)
    for verb in (
        ["inspect", "run", "confusion"],
        ["predict", "run", "--index", "0"],
        ["inspect", "run", "curves"],
    ):
        assert 0 == call(verb)
    assert 0 == call(["train", "run", "--resume", "--epochs", "3"])
    assert 3 == len((tmp_path / "run" / "metrics.jsonl").read_text().splitlines())


def test_a_run_on_arrays_says_that_its_samples_are_gone(
    data: Dataset, tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("COLUMNS", "200")
    cnnspec.parse(SPEC).build().fit((data.train_images, data.train_labels), folder=tmp_path, epochs=1)
    assert Run.read(tmp_path).data is None
    assert 1 == call(["evaluate", str(tmp_path)])
    said = capsys.readouterr().err
    assert "this run was trained on samples; they were given as arrays, in Python" in said
    assert "say where samples lies: --data PATH" in said


def test_a_record_is_read_as_it_was_written(tmp_path: Path) -> None:
    run = Run(
        network="a", seed=3, recipe=Recipe(epochs=2, classweights=(1.0, 2.0)), data=None, set="samples",
        classes=("x", "y"), scaling=((0.1, 1 / 3), (0.0, -0.5)),
    )  # fmt: skip
    run.write(tmp_path)
    assert run == Run.read(tmp_path)


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("", "Invalid JSON"),
        ("[]", "Input should be an object"),
        ('{"format": "another/1"}', "format: Input should be 'cnnspec/run/1'"),
        (None, "No such file or directory"),
    ],
)
def test_a_record_that_is_none_is_refused(tmp_path: Path, text: str | None, message: str) -> None:
    if text is not None:
        (tmp_path / "run.json").write_text(text)
    fault = fault_of(Run.read, tmp_path)
    assert "run-unusable" == fault.code
    assert message in fault.message


def test_a_record_whose_numbers_were_changed_is_refused(
    bars: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    cnnspec.parse(SPEC).build().fit(bars, folder=tmp_path / "run", epochs=1)
    path = tmp_path / "run" / "run.json"
    path.write_text(path.read_text().replace('"epochs": 1', '"epochs": 0'))
    assert "recipe.epochs: Input should be greater than 0" in fault_of(open_run, "run").message
    assert 1 == call(["evaluate", "run"])
    assert "error[run-unusable]" in capsys.readouterr().err


def test_a_run_that_may_not_go_on_is_left_as_it_is(bars: str, tmp_path: Path) -> None:
    cnnspec.parse(SPEC).build().fit(bars, folder=tmp_path / "run", epochs=1)
    before = (tmp_path / "run" / "run.json").read_text()
    other = cnnspec.parse(SPEC).build(seed=2)
    with pytest.raises(SpecError, match="seed was 0, is 2"):
        other.fit(bars, folder=tmp_path / "run", resume=True)
    assert before == (tmp_path / "run" / "run.json").read_text()

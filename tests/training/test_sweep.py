"""Sweeps: what is asked for, what is drawn, trainings side by side, going on, and what is told of them."""

import json
import os
import re
import signal
import subprocess
import sys
import time
from dataclasses import replace
from itertools import islice
from pathlib import Path

import numpy as np
import pytest
from tools import Command, too_wide

from cnnspec.diagnostics import SpecError
from cnnspec.recipe.models import Recipe
from cnnspec.training.data.dataset import Dataset
from cnnspec.training.sweep import (
    SweepRecord,
    ValueRange,
    check_values,
    drawn,
    grid,
    grid_size,
    read_space,
    split,
)
from cnnspec.training.sweep_results import results_of, trial_folders
from cnnspec.views.pictures.palette import LIGHT
from cnnspec.views.results import Sweep, SweptTrial
from cnnspec.views.results.parallel import parallel
from cnnspec.views.terminal import runs as tables
from cnnspec.views.terminal.paint import Terminal

# What is asked for ----------------------------------------------------------------


@pytest.mark.parametrize(
    "text, values",
    [
        ("0.01,0.05", ["0.01", "0.05"]),
        (" 32 , 64 ", ["32", "64"]),
        ("adam rate=0.01,sgd rate=0.1", ["adam rate=0.01", "sgd rate=0.1"]),
        ('"adam rate=0.01","sgd rate=0.1"', ["adam rate=0.01", "sgd rate=0.1"]),
        ("(1, 2, 3),balanced", ["(1, 2, 3)", "balanced"]),
        ('numbers "price, area",numbers "price"', ['numbers "price, area"', 'numbers "price"']),
        ("", [""]),
        ("1,,2", ["1", "", "2"]),
        ("(1, 2", ["(1, 2"]),
    ],
)
def test_commas_part_values_but_not_within_brackets_or_quotes(text: str, values: list[str]) -> None:
    assert list(split(text)) == values


def test_a_grid_is_all_combinations_the_last_setting_changing_fastest() -> None:
    space = read_space(["rate=0.01,0.05", "batch=32,64"])
    assert 4 == grid_size(space)
    assert [("0.01", "32"), ("0.01", "64"), ("0.05", "32"), ("0.05", "64")] == [
        tuple(values.values()) for values in grid(space)
    ]


def test_a_rate_is_drawn_by_its_logarithm_other_numbers_evenly() -> None:
    space = read_space(["rate=0.0001..1", "batch=16..128", "momentum=0.5..0.9"])
    found = list(islice(drawn(space, 3), 400))
    rates, batches, momenta = (np.array([float(one[name]) for one in found]) for name in space)
    assert np.all((rates >= 1e-4) & (rates <= 1))
    shares = np.histogram(np.log10(rates), 4, (-4, 0))[0] / len(rates)
    assert np.abs(shares - 0.25).max() < 0.08
    assert set(batches) <= set(range(16, 129))
    assert 60 < batches.mean() < 84
    assert 0.68 < momenta.mean() < 0.72


def test_draws_follow_from_the_seed_and_more_of_them_begin_the_same() -> None:
    space = read_space(["rate=0.01,0.02,0.03", "batch=16,32"])
    found = list(drawn(space, 0))
    assert 6 == len(found) == len({tuple(one.values()) for one in found})
    assert found[:3] == list(islice(drawn(space, 0), 3))
    assert found != list(drawn(space, 1))


def test_what_is_drawn_stays_between_the_ends() -> None:
    values = ValueRange(low=0.00012345, high=0.1, logarithm=True)
    assert 0.00012345 <= float(values.at(0.0))
    assert float(values.at(1.0)) <= 0.1
    whole = ValueRange(low=1, high=3, whole=True)
    assert ["1", "2", "3", "3"] == [whole.at(share) for share in (0.0, 0.5, 0.99, 1.0)]


def test_all_faults_of_what_is_asked_are_told() -> None:
    given = [
        "rat=1,2",
        "momentum",
        "batch=",
        "epochs=3,3.0",
        "clip=2..1",
        "decay=0..1",
        "rate=1..2,3",
        "batch=1,2",
    ]
    with pytest.raises(SpecError) as caught:
        read_space(given)
    told = [item.message for item in caught.value.diagnostics]
    assert {item.code for item in caught.value.diagnostics} == {"wrong-sweep"}
    for part in (
        "no setting rat", 'Received: "momentum"', "batch has no values", "epochs has 3.0 twice",
        "clip goes from 2 to 1", "decay is drawn by its logarithm", "rate mixes a range, 1..2",
        "batch is swept twice",
    ):  # fmt: skip
        assert [text for text in told if part in text], part
    (rat,) = (item for item in caught.value.diagnostics if "rat " in item.message)
    assert "did you mean rate?" in rat.help


def test_values_that_no_recipe_takes_are_all_told_with_their_trial() -> None:
    space = read_space(["rate=-1,0.1", "batch=32,0.5", "optimizer=sgd,adam", "momentum=0.9"])
    with pytest.raises(SpecError) as caught:
        check_values(space, grid(space), Recipe(), {})
    told = str(caught.value)
    assert "batch must be a whole number. Received: 0.5" in told
    assert "rate must be greater than 0. Received: -1.0" in told
    assert "optimizer adam has no option momentum" in told
    assert "in the trial rate -1, batch 32, optimizer sgd, momentum 0.9" in told


# Trained ---------------------------------------------------------------------------


def test_a_grid_is_trained_side_by_side_and_the_best_is_told(command: Command, place: Path) -> None:
    code, out, err = command(
        "train", "bars.cnn", "--sweep", "rate=0.001,0.3", "--sweep", "batch=16,50", "--jobs", 2, "-o", "some"
    )
    assert (0, "") == (code, re.sub(r"(?s)sweep of.*", "", err))
    record = SweepRecord.read(place / "some")
    assert [("0.001", "16"), ("0.001", "50"), ("0.3", "16"), ("0.3", "50")] == [
        tuple(trial.values.values()) for trial in record.trials
    ]
    assert ["trial-1", "trial-2", "trial-3", "trial-4"] == [run.name for run in trial_folders(place / "some")]
    recipe = json.loads((place / "some" / "trial-4" / "run.json").read_text())["recipe"]
    assert (0.3, 50) == (recipe["optimizer"]["rate"], recipe["batch"])
    shares = [float(share) for share in re.findall(r"^ trial-\d.* (\d+\.\d\d) %", out, re.MULTILINE)]
    assert shares == sorted(shares, reverse=True)
    assert 4 == len(shares)
    best = re.findall(r"trial-\d", out)[0]
    assert best in ("trial-3", "trial-4")
    assert f"best: {best} (rate 0.3, " in out
    assert "test accuracy" in out
    assert "the test set was used to choose" not in out
    assert (place / "some" / "sweep.svg").read_text().count("<polyline") == 4


def test_a_sweep_goes_on_with_what_is_not_finished(command: Command, place: Path) -> None:
    line = ("train", "bars.cnn", "--sweep", "rate=0.05..0.5", "--epochs", 1, "-o", "some")
    assert 0 == command(*line, "--trials", 2)[0]
    first = [trial.values for trial in SweepRecord.read(place / "some").trials]
    weights = place / "some" / "trial-1" / "weights.safetensors"
    before = weights.stat().st_mtime_ns
    (place / "some" / "trial-2" / "weights.safetensors").unlink()
    code, _, err = command("train", "some", "--resume", "--trials", 3)
    assert (0, True) == (code, "3 trials, 1 at a time, 1 finished before" in " ".join(err.split()))
    assert ["trial-2", "trial-3"] == re.findall(r"^(trial-\d)  rate", err, re.MULTILINE)
    assert before == weights.stat().st_mtime_ns
    assert first == [trial.values for trial in SweepRecord.read(place / "some").trials][:2]
    code, _, err = command("train", "some", "--resume")
    assert (0, []) == (code, re.findall(r"^trial-\d  rate", err, re.MULTILINE))


def test_a_sweep_does_not_go_on_as_another(command: Command, place: Path) -> None:
    line = ("train", "bars.cnn", "--sweep", "rate=0.1,0.2", "--epochs", 1, "-o", "some")
    assert 0 == command(*line)[0]
    for others, told in (
        (("--sweep", "rate=0.1,0.3", "--epochs", 1), "its --sweep was another"),
        (("--epochs", 2), "it was begun with --epochs 1"),
        (("--workers", 2), "it was begun with no --workers"),
        (("--seeds", 3), "each trial is trained by 1 seed"),
        (("--trials", 9), "its whole grid of 2 is trained"),
    ):
        code, _, err = command("train", "bars.cnn", "-o", "some", "--resume", *others)
        assert (1, True) == (code, "error[sweep-differs]" in err), others
        assert told in " ".join(err.split())
    spec = place / "bars.cnn"
    spec.write_text(spec.read_text().replace("dense 8", "dense 9"))
    code, _, err = command("train", "some", "--resume")
    assert (1, True) == (code, "the spec bars.cnn has changed since" in " ".join(err.split()))


def test_a_folder_that_is_taken_is_left_alone(command: Command, place: Path) -> None:
    sweep = ("train", "bars.cnn", "--sweep", "rate=0.1,0.2", "--epochs", 1)
    assert 0 == command("train", "bars.cnn", "--epochs", 1, "-o", "run")[0]
    (place / "mine").mkdir()
    (place / "mine" / "thesis.txt").write_text("important")
    (place / "some").mkdir()
    (place / "some" / "sweep.json").write_text("{}")
    for folder, told in (("run", "holds a run"), ("mine", "holds other files"), ("some", "holds a sweep")):
        code, _, err = command(*sweep, "-o", folder)
        assert (2, True) == (code, told in err)
    assert (2, True) == ((found := command("train", "some"))[0], "holds a sweep" in found[2])
    code, _, err = command("train", "some", "--resume")
    assert (1, True) == (code, "error[sweep-unusable]" in err)
    assert (2, True) == ((found := command(*sweep, "--force"))[0], "replaces nothing" in found[2])
    assert (2, True) == ((found := command(*sweep, "--resume"))[0], "say which sweep" in found[2])
    assert (2, True) == ((found := command("train", "bars.cnn", "--jobs", 2))[0], "is of a sweep" in found[2])


@pytest.mark.parametrize(
    "options, told",
    [
        (("--sweep", "rate=0.1..0.2"), "rate is a range"),
        (("--sweep", "batch=" + ",".join(map(str, range(1, 101))),
          "--sweep", "epochs=" + ",".join(map(str, range(1, 101)))), "this grid has 10,000 trials"),
        (("--sweep", "rate=0.1,0.2", "--rate", 0.3), "rate is swept, and given as --rate too"),
        (("--sweep", "data=digits,mnist", "--data", "digits"), "data is swept, and given as --data too"),
        (("--sweep", "seed=0,1", "--seeds", 2), "seed is swept, and --seeds"),
        (("--sweep", "rate=0.1,0.2", "--sampler", "random"), "--sampler random draws trials"),
    ],
)  # fmt: skip
def test_what_cannot_be_swept_is_told_before_anything_is_made(
    command: Command, place: Path, options: tuple[str, ...], told: str
) -> None:
    code, _, err = command("train", "bars.cnn", *options)
    assert (1, True) == (code, told in " ".join(err.split()))
    assert "error[wrong-sweep]" in err
    assert not (place / "runs").exists()


@pytest.mark.torch
def test_an_engine_that_is_not_there_is_told_with_all_else_before_anything_is_made(
    command: Command, place: Path
) -> None:
    pytest.importorskip("torch")
    code, _, err = command("train", "bars.cnn", "--sweep", "rate=0.1..0.2", "--device", "tpu")
    assert (1, True, True) == (code, "tpu is no device" in err, "rate is a range" in err)
    assert not (place / "runs").exists()


@pytest.mark.parametrize("more", [(), ("--sweep", "rate=0.1,0.2")], ids=["one", "a sweep"])
def test_an_engine_that_does_not_train_is_told_before_anything_is_made(
    command: Command, place: Path, more: tuple[str, ...]
) -> None:
    code, _, err = command("train", "bars.cnn", *more, "--backend", "onnxruntime")
    assert (1, True) == (code, "onnxruntime predicts, and does not train" in err)
    assert "epochs" not in err
    assert not (place / "runs").exists()


def test_torchrun_does_not_begin_a_sweep(
    command: Command, place: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name, value in {"WORLD_SIZE": "2", "RANK": "0", "MASTER_ADDR": "127.0.0.1"}.items():
        monkeypatch.setenv(name, value)
    code, _, err = command("train", "bars.cnn", "--sweep", "rate=0.1,0.2", "--backend", "torch")
    assert (2, True) == (code, "begin it without torchrun, 2 at a time: --jobs 2" in " ".join(err.split()))
    assert not (place / "runs").exists()


def test_without_validation_the_choice_by_the_test_set_is_told(
    command: Command, place: Path, data: Dataset
) -> None:
    plain = (place / "bars.cnn").read_text().replace(" validation=0.2", "")
    (place / "plain.cnn").write_text(plain.replace('npz "bars.npz"', "digits"))
    code, out, err = command("train", "plain.cnn", "--sweep", "rate=0.1,0.2", "--epochs", 1, "--batch", 1000)
    assert "warning[sweep-by-test]" in err
    assert code == 1, "8x8 digits have ten classes, so every training fails"
    code, out, _ = command("train", "-e", plain, "--sweep", "rate=0.1,0.2", "--epochs", 1, "-o", "some")
    assert (0, True) == (code, "the test set was used to choose" in " ".join(out.split()))
    assert "test accuracy" in out


def test_a_trial_that_fails_is_told_and_the_others_go_on(command: Command, place: Path) -> None:
    code, out, err = command("train", "bars.cnn", "--sweep", "rate=1e30,0.1", "--epochs", 1, "-o", "some")
    assert 0 == code
    assert re.search(r"trial-1  rate 1e30: failed: the (loss|weights)", err)
    assert re.search(r"^ trial-1 +1e30 +failed", out, re.MULTILINE)
    assert "best: trial-2" in out
    code, _, err = command("train", "some", "--resume")
    assert ["trial-1"] == re.findall(r"^(trial-\d)  rate", err, re.MULTILINE), "what failed is tried again"


def test_what_no_trial_can_do_stops_the_sweep(command: Command, place: Path) -> None:
    (place / "bars.npz").unlink()
    code, out, err = command("train", "bars.cnn", "--sweep", "rate=0.1,0.2,0.3", "-o", "some")
    assert (1, "") == (code, out)
    assert 1 == err.count("error[data-missing]")
    assert "stopped: 0 of 3 trials" in err
    assert "cnnspec train some --resume" in err


def test_seeds_give_mean_and_deviation_of_each_trial(command: Command, place: Path) -> None:
    code, out, _ = command(
        "train", "bars.cnn", "--sweep", "batch=16,32", "--seeds", 2, "--jobs", 2, "-o", "some"
    )
    assert 0 == code
    assert 4 == len(trial_folders(place / "some"))
    record = SweepRecord.read(place / "some")
    for one in results_of(place / "some", record):
        values = [run.figure.value for run in one.runs if run.figure]
        assert one.figure is not None
        assert one.spread is not None
        assert f"{100 * np.mean(values):.2f} % ± {100 * np.std(values, ddof=1):.2f}" in out


def _begun(place: Path, *more: str) -> subprocess.Popen[str]:
    """A sweep that takes long, in a process; it has written checkpoints of two trials."""
    words = ("train", "bars.cnn", "--sweep", "rate=0.1,0.2,0.3", "--epochs=100000", "--jobs=2", "-o", "some")
    process = subprocess.Popen(
        [sys.executable, "-m", "cnnspec", *words, *more], cwd=place, stderr=subprocess.PIPE, text=True,
        env={**os.environ, "PYTHONPATH": str(Path(__file__).parents[2])},
    )  # fmt: skip
    until = time.monotonic() + 60
    while time.monotonic() < until:
        if all(list((place / "some" / f"trial-{n}" / "checkpoints").glob("step-*")) for n in (1, 2)):
            return process
        time.sleep(0.1)
    process.kill()
    raise AssertionError("it does not begin")


def _still_run(place: Path) -> list[str]:
    """The trainings of a sweep that are there, as the locks of their folders tell."""
    from cnnspec.training.lock import is_locked

    return [run.name for run in trial_folders(place / "some") if is_locked(run)]


def test_ctrl_c_ends_all_and_the_sweep_can_go_on(place: Path) -> None:
    process = _begun(place)
    process.send_signal(signal.SIGINT)
    _, err = process.communicate(timeout=60)
    assert 130 == process.returncode
    assert "interrupted: 0 of 3 trials are finished; to continue: cnnspec train some --resume" in " ".join(
        err.split()
    )
    assert [] == _still_run(place)


def test_trainings_end_when_the_sweep_is_killed(place: Path) -> None:
    process = _begun(place)
    assert ["trial-1", "trial-2"] == _still_run(place)
    process.kill()
    process.communicate(timeout=60)
    until = time.monotonic() + 30
    while _still_run(place) and time.monotonic() < until:
        time.sleep(0.1)
    assert [] == _still_run(place)


def test_tpe_asks_optuna_and_goes_on(command: Command, place: Path) -> None:
    pytest.importorskip("optuna")
    line = (
        "--sweep",
        "rate=0.001..1",
        "--sweep",
        "batch=16,32",
        "--sweep",
        "epochs=1..2",
        "--sampler",
        "tpe",
    )
    code, out, _ = command("train", "bars.cnn", *line, "--trials", 3, "-o", "some")
    assert (0, 3) == (code, len(re.findall(r"^ trial-\d", out, re.MULTILINE)))
    first = SweepRecord.read(place / "some").trials
    code, out, _ = command("train", "some", "--resume", "--trials", 4)
    again = SweepRecord.read(place / "some").trials
    assert (0, first, 4) == (code, again[:3], len(again))
    assert all(0.001 <= float(trial.values["rate"]) <= 1 for trial in again)


def test_without_optuna_a_line_says_what_to_install(
    command: Command, place: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("cnnspec.exchange.trade.find_spec", lambda name: None)
    code, _, err = command("train", "bars.cnn", "--sweep", "rate=0.1,0.2", "--sampler", "tpe", "--trials", 2)
    assert (1, True) == (code, "error[missing-extra]: --sampler tpe needs the package optuna" in err)
    assert "pip install 'cnnspec[sweep]'" in err


# Shown -------------------------------------------------------------------------------


FAILED = "the loss became nan in step 3"


def _sweep(*figures: float | None, lower: bool = False) -> Sweep:
    trials = tuple(
        SweptTrial(
            f"trial-{n}", {"rate": f"{10.0**-n:g}", "optimizer": "adam" if n % 2 else "sgd momentum=0.9"},
            value, "" if value is None else f"{value:.2f}", 2, 0.5, "" if value is not None else FAILED,
        )
        for n, value in enumerate(figures, 1)
    )  # fmt: skip
    return Sweep("Bars", ("rate", "optimizer"), "validation loss", lower, False, trials)


def _ends(svg: str) -> list[tuple[float, float]]:
    """Where each line of a picture ends, at the axis of the figure."""
    lines = re.findall(r'<polyline points="([^"]+)"', svg)
    return [tuple(map(float, line.split()[-1].split(","))) for line in lines]  # type: ignore[misc]


def test_the_picture_has_an_axis_a_setting_and_a_line_a_trial() -> None:
    svg = parallel(_sweep(0.9, 0.5, 0.2, None), LIGHT).document()
    assert 3 == svg.count("<polyline")
    assert all(f">{title}<" in svg for title in ("rate", "optimizer", "validation loss", "sgd momentum=0.9"))
    assert "3 trials; the best: trial-1, validation loss 0.90; 1 without a figure is left out" in " ".join(
        svg.split()
    )
    heights = [y for _, y in _ends(svg)]
    assert heights == sorted(heights, reverse=True), "the best is drawn last, and highest"
    lowest = [y for _, y in _ends(parallel(_sweep(0.2, 0.5, 0.9, lower=True), LIGHT).document())]
    assert lowest == sorted(lowest, reverse=True)


def test_rates_stand_on_a_logarithmic_axis() -> None:
    svg = parallel(_sweep(0.9, 0.5, 0.2), LIGHT).document()
    firsts = [float(line.split()[0].split(",")[1]) for line in re.findall(r'<polyline points="([^"]+)"', svg)]
    assert np.allclose(np.diff(firsts), np.diff(firsts)[0])


def test_a_picture_of_one_trial_or_of_equal_figures_is_drawn() -> None:
    assert 1 == parallel(_sweep(0.5), LIGHT).document().count("<polyline")
    assert 2 == parallel(_sweep(0.5, 0.5), LIGHT).document().count("<polyline")


@pytest.mark.parametrize("width", [30, 60, 100])
def test_the_table_fits_its_page_and_says_why_a_trial_failed(width: int) -> None:
    page = "\n".join(tables.sweep(replace(_sweep(0.9, 0.5, None)), Terminal(width)))
    assert [] == too_wide(page, width)
    assert "trial-3: the loss became nan" in " ".join(page.split())

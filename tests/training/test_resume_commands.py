"""``train`` into folders that hold something already: runs that go on, that are over, that are lost."""

import json
import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path

import numpy as np
import pytest
from safetensors.numpy import load_file, save_file
from tools import Command, archive, same

from cnnspec.cli import runs
from cnnspec.cli.main import run
from cnnspec.training.checkpoint import CheckpointManager
from cnnspec.training.data.dataset import Dataset
from cnnspec.training.run import Run

SPEC = """network Bars
input 8x8x1
conv 4 3x3 -> relu -> maxpool 2x2
flatten -> dense 16 -> relu -> dense 3 -> softmax
train { data npz "bars.npz"; optimizer sgd rate=0.1 momentum=0.9; batch 16; epochs 3 }
"""


@pytest.fixture
def place(tmp_path: Path, data: Dataset, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A working folder with a spec and its data."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("COLUMNS", "300")
    (tmp_path / "bars.cnn").write_text(SPEC)
    archive("bars.npz", data)
    return tmp_path


@pytest.fixture
def train(place: Path, capsys: pytest.CaptureFixture[str]) -> Command:
    """Runs ``cnnspec train``: (exit code, stdout, stderr)."""

    def call(*arguments: object) -> tuple[int, str, str]:
        code = run(["train", *map(str, arguments)])
        captured = capsys.readouterr()
        return code, captured.out, captured.err

    return call


def contents(folder: Path) -> dict[Path, bytes]:
    return {path.relative_to(folder): path.read_bytes() for path in folder.rglob("*") if path.is_file()}


@pytest.mark.parametrize("changes, message", [
    (("--rate", 0.5), "optimizer rate was 0.1, is 0.5"),
    (("--workers", 2, "--batch", 8), "batch was 16, is 8; workers was 1, is 2"),
    (("--seed", 3), "seed was 0, is 3"),
])  # fmt: skip
def test_a_refused_resume_changes_nothing_and_says_what_differs(
    train: Command, place: Path, changes: tuple[object, ...], message: str
) -> None:
    train("bars.cnn", "-o", "run")
    before = contents(place / "run")
    code, _, err = train("bars.cnn", "-o", "run", "--resume", "--epochs", 5, *changes)
    assert (1, True) == (code, f"error[run-differs]: run cannot be resumed: {message}\n" in err)
    assert before == contents(place / "run")
    assert 0 == train("run", "--resume", "--epochs", 4)[0]


@pytest.mark.parametrize("target", [("run",), ("bars.cnn", "-o", "run")])
def test_a_resume_takes_what_the_run_was_begun_with(
    train: Command, place: Path, target: tuple[str, ...]
) -> None:
    options = ("--rate", 0.05, "--workers", 2, "--seed", 4, "--batch", 20)
    train("bars.cnn", "-o", "whole", *options, "--epochs", 4)
    train("bars.cnn", "-o", "run", *options, "--epochs", 2)
    code, _, _ = train(*target, "--resume", "--epochs", 4)
    assert 0 == code
    assert same(place / "whole", place / "run")
    assert (4, 2) == (Run.read(place / "run").seed, Run.read(place / "run").recipe.workers)


def test_a_spec_that_was_changed_since_is_heard(train: Command, place: Path) -> None:
    train("bars.cnn", "-o", "run", "--epochs", 1)
    (place / "bars.cnn").write_text(SPEC.replace("rate=0.1", "rate=0.2"))
    code, _, err = train("bars.cnn", "-o", "run", "--resume")
    assert (1, True) == (code, "optimizer rate was 0.1, is 0.2" in err)
    (place / "bars.cnn").write_text(SPEC.replace("epochs 3", "epochs 2"))
    assert 0 == train("bars.cnn", "-o", "run", "--resume")[0]
    assert 2 == len((place / "run" / "metrics.jsonl").read_text().splitlines())


@pytest.mark.parametrize("arguments, message", [
    (("bars.cnn", "-o", "rum", "--resume"), 'no run to go on with in "rum", which is not there; runs here:'),
    (("bars.cnn", "-o", "empty", "--resume"), 'no run to go on with in "empty"; runs here: run;'),
    (("rum", "--resume"), 'there is no run, no file and no shipped example "rum"'),
    (("bars.cnn", "--resume"), "there is no run of Bars under runs/ to go on with"),
    (("bars.cnn", "-o", "run", "--resume", "--seeds", 2), '"run" is one run; go on with it without --seeds'),
    (("bars.cnn", "-o", "run", "--resume", "--force"), "give one of them"),
])  # fmt: skip
def test_a_resume_of_nothing_is_refused(
    train: Command, place: Path, arguments: tuple[object, ...], message: str
) -> None:
    train("bars.cnn", "-o", "run", "--epochs", 1)
    (place / "empty").mkdir()
    before = contents(place)
    code, _, err = train(*arguments)
    assert (2, True) == (code, message in err)
    assert before == contents(place)
    assert not (place / "rum").exists()


def test_a_resume_without_a_folder_says_which_run_it_took(train: Command, place: Path) -> None:
    train("bars.cnn", "--epochs", 1)
    train("bars.cnn", "--epochs", 2)
    code, _, err = train("bars.cnn", "--resume", "--epochs", 3)
    assert (0, True) == (code, "continuing: runs/Bars-2\n" in err)


def test_a_run_that_is_over_says_so_and_stays(train: Command, place: Path) -> None:
    train("bars.cnn", "-o", "run")
    before = contents(place / "run")
    code, out, err = train("bars.cnn", "-o", "run", "--resume", "--epochs", 2)
    assert (0, True) == (code, "already finished, 3 epochs; for more: --epochs N\n" in err)
    assert out.startswith("test accuracy ")
    assert before == contents(place / "run")


def test_a_run_with_results_is_not_overwritten_unless_that_is_said(train: Command, place: Path) -> None:
    train("bars.cnn", "-o", "run", "--epochs", 2)
    before = contents(place / "run")
    code, _, err = train("bars.cnn", "-o", "run", "--epochs", 1)
    assert (2, True) == (code, '"run" holds a run. To go on with it: cnnspec train run --resume' in err)
    assert before == contents(place / "run")
    code, _, err = train("bars.cnn", "-o", "run", "--epochs", 1, "--force")
    assert (0, True) == (code, "note: this replaces the run in run" in err)
    assert 1 == len((place / "run" / "metrics.jsonl").read_text().splitlines())


def test_a_run_that_was_killed_before_its_first_checkpoint_can_be_begun_again(
    train: Command, place: Path
) -> None:
    train("bars.cnn", "-o", "run", "--epochs", 1)
    for path in (
        *CheckpointManager(place / "run" / "checkpoints").paths,
        place / "run" / "weights.safetensors",
    ):
        path.unlink()
    code, _, err = train("bars.cnn", "-o", "run", "--resume")
    assert (0, True) == (
        code,
        "run has no complete checkpoint: the training starts over" in err,
    )
    (place / "half").mkdir()
    (place / "half" / "spec.cnn").write_text(SPEC)
    (place / "half" / ".lock").write_text("1\n")
    assert 0 == train("bars.cnn", "-o", "half", "--epochs", 1)[0]


@pytest.mark.parametrize("spec", [SPEC.replace("epochs 3", "epochs none"), SPEC.replace("8x8x1", "9x9x1")])
def test_a_training_that_cannot_begin_leaves_the_old_run_and_no_new_folder(
    train: Command, place: Path, spec: str
) -> None:
    train("bars.cnn", "-o", "run", "--epochs", 1)
    before = contents(place / "run")
    (place / "bars.cnn").write_text(spec)
    assert 1 == train("bars.cnn", "-o", "run", "--force")[0]
    assert before == contents(place / "run")
    assert 1 == train("bars.cnn")[0]
    assert not (place / "runs").exists()


def test_a_run_goes_on_though_its_record_is_damaged(train: Command, place: Path) -> None:
    train("bars.cnn", "-o", "whole", "--epochs", 4, "--rate", 0.05)
    train("bars.cnn", "-o", "run", "--epochs", 2, "--rate", 0.05)
    (place / "run" / "run.json").write_text("{")
    code, _, err = train("bars.cnn", "-o", "run", "--resume", "--epochs", 4)
    assert (1, True) == (code, "note: run/run.json is damaged; what run was begun with is taken from" in err)
    assert "help: use what the run was started with: --rate 0.05" in err
    assert 0 == train("bars.cnn", "-o", "run", "--resume", "--epochs", 4, "--rate", 0.05)[0]
    assert same(place / "whole", place / "run")
    assert 0.05 == Run.read(place / "run").recipe.optimizer.rate


def test_numbers_are_given_once(place: Path) -> None:
    """Twenty at the same time get twenty folders."""
    found = []

    def take() -> None:
        with runs.taken(None, "Bars") as folder:
            found.append(folder)

    threads = [threading.Thread(target=take) for _ in range(20)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert {f"Bars-{n}" for n in range(1, 21)} == {path.name for path in found}


def start(*arguments: object) -> subprocess.Popen[bytes]:
    return subprocess.Popen(
        [sys.executable, "-m", "cnnspec", "train", *map(str, arguments)],
        stdout=subprocess.PIPE, stderr=subprocess.PIPE, env=os.environ | {"OPENBLAS_NUM_THREADS": "1"},
    )  # fmt: skip


def wait_for(condition: Callable[[], object], process: subprocess.Popen[bytes]) -> None:
    end = time.monotonic() + 60
    while time.monotonic() < end and process.poll() is None and not condition():
        time.sleep(0.002)


def test_a_second_training_into_a_folder_is_refused_while_the_first_runs(train: Command, place: Path) -> None:
    process = start("bars.cnn", "--epochs", 100000, "-o", "run")
    wait_for(lambda: CheckpointManager(place / "run" / "checkpoints").paths, process)
    for way in ("--resume", "--force"):
        code, _, err = train("bars.cnn", "-o", "run", way)
        assert (1, True) == (code, f"error[run-in-use]: run is in use: process {process.pid} is" in err)
    process.send_signal(signal.SIGINT)
    process.communicate(timeout=60)
    assert 130 == process.returncode
    count = len((place / "run" / "metrics.jsonl").read_text().splitlines())
    assert 0 == train("run", "--resume", "--epochs", count + 1)[0]


def test_two_ctrl_c_during_augmented_training_print_no_traceback(place: Path) -> None:
    spec = SPEC.replace("batch 16", "batch 200; augment elastic=34 rotate=10")
    (place / "bars.cnn").write_text(spec)
    process = start("bars.cnn", "--epochs", 100000, "-o", "run", "--workers", 2)
    wait_for(lambda: CheckpointManager(place / "run" / "checkpoints").paths, process)
    for _ in range(5):
        with suppress(ProcessLookupError):
            process.send_signal(signal.SIGINT)
    _, err = process.communicate(timeout=60)
    assert 130 == process.returncode
    assert (False, False) == (b"Traceback" in err, b"Exception ignored" in err)


# Several seeds -----------------------------------------------------------------------


def test_several_seeds_go_on_where_they_stopped(train: Command, place: Path) -> None:
    train("bars.cnn", "--seeds", 3, "--epochs", 2, "--batch", 20, "-o", "whole", "--seed", 4)
    train("bars.cnn", "--seeds", 2, "--epochs", 2, "--batch", 20, "-o", "many", "--seed", 4)
    (place / "many" / "seed-5" / "weights.safetensors").unlink()
    CheckpointManager(place / "many" / "seed-5" / "checkpoints").paths[-1].unlink()
    code, out, err = train("many", "--resume", "--seeds", 3)
    assert (0, True) == (code, "3 seeds: test accuracy" in out)
    assert 1 == err.count("already finished, 2 epochs")
    for seed in (4, 5, 6):
        assert same(place / "whole" / f"seed-{seed}", place / "many" / f"seed-{seed}")


def test_seeds_need_their_number_to_go_on(train: Command, place: Path) -> None:
    train("bars.cnn", "--seeds", 2, "--epochs", 1, "-o", "many")
    code, _, err = train("many", "--resume")
    assert (2, True) == (code, '"many" holds runs of several seeds; give --seeds N as well, or one' in err)
    assert 2 == train("bars.cnn", "--seeds", 2, "-o", "many")[0]
    assert 0 == train("many/seed-1", "--resume", "--epochs", 2)[0]


def test_a_folder_of_several_seeds_shows_all_their_curves_and_else_names_them(
    train: Command, place: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    train("bars.cnn", "--seeds", 2, "--epochs", 1, "-o", "many")
    assert 0 == run(["inspect", "many", "curves"])
    shown = capsys.readouterr().out
    assert (True, True) == ("seed-0" in shown, "seed-1" in shown)
    for verb in (["evaluate", "many"], ["report", "many"], ["report", "bars.cnn", "--run", "many"]):
        assert 2 == run(verb)
        named = '"many" holds the runs of several seeds; name one of them: many/seed-0, many/seed-1'
        assert named in capsys.readouterr().err
    code, _, err = train("many")
    assert (2, True) == (code, '"many" holds a run. To go on with it: cnnspec train many --resume' in err)


def test_ctrl_c_tells_how_several_seeds_go_on(train: Command, place: Path) -> None:
    process = start("bars.cnn", "--epochs", 100000, "--seeds", 2)
    wait_for(lambda: CheckpointManager(place / "runs" / "Bars-1" / "seed-0" / "checkpoints").paths, process)
    process.send_signal(signal.SIGINT)
    _, err = process.communicate(timeout=60)
    assert b"interrupted; to continue: cnnspec train runs/Bars-1 --resume --seeds 2\n" in err


# What it says ------------------------------------------------------------------------


def test_a_probability_that_is_no_number_is_null(
    train: Command, place: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    train("bars.cnn", "--epochs", 1, "-o", "run")
    weights = load_file("run/weights.safetensors")
    weights["dense2.bias"][:] = np.inf
    save_file(weights, "bad.safetensors")
    verb = ["predict", "bars.cnn", "--weights", "bad.safetensors", "--index", "0"]
    assert 0 == run([*verb, "--format", "json"])
    assert "null" in capsys.readouterr().out
    assert 0 == run(verb)
    assert "no number" in capsys.readouterr().out


def test_checkpoints_that_are_not_of_the_spec_are_refused(
    train: Command, place: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    train("bars.cnn", "--epochs", 1, "-o", "run")
    (place / "run" / "weights.safetensors").unlink()
    spec = place / "run" / "spec.cnn"
    spec.write_text(spec.read_text().replace("dense 16", "dense 17"))
    assert 1 == run(["evaluate", "run"])
    assert "run cannot be used: it has no complete checkpoint yet" in capsys.readouterr().err


def test_a_last_step_that_leaves_the_numbers_is_a_failure(train: Command, place: Path) -> None:
    code, _, err = train("bars.cnn", "--batch", 200, "--epochs", 1, "--rate", "1e308")
    assert (1, True) == (code, "error[loss-not-finite]" in err)
    assert "Warning" not in err
    assert "became NaN or infinite by step 1 (epoch 1), at a rate of 1e+308" in err


def test_a_loss_out_of_all_measure_is_printed_compactly_and_warned_of(
    train: Command, place: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (place / "bars.cnn").write_text("network Bars; input 8x8x1; flatten -> dense 3; train { epochs 1 }")
    code, out, err = train("bars.cnn", "--data", "bars.npz", "--rate", "1e20", "--batch", 100, "-o", "run")
    assert 0 == code
    assert "warning[no-better-than-guessing]" in err
    assert max(map(len, (*out.splitlines(), *err.splitlines()))) < 200
    assert "e+" in err.split("loss")[1]
    assert 0 == run(["evaluate", "run", "--format", "json"])
    json.loads(capsys.readouterr().out, parse_constant=pytest.fail)


def test_a_training_goes_on_though_nobody_reads_on(train: Command, place: Path) -> None:
    process = start("bars.cnn", "-o", "run")
    assert process.stdout is not None
    assert process.stderr is not None
    process.stdout.close()
    process.stderr.readline()
    process.stderr.close()
    assert (0, True) == (process.wait(timeout=120), (place / "run" / "weights.safetensors").exists())

"""``train``, ``evaluate`` and ``predict`` as a user calls them."""

import json
import os
import re
import signal
import subprocess
import sys
import time
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from tools import Command, archive, known, same

import cnnspec as package
from cnnspec.cli.main import run
from cnnspec.training.checkpoint import CheckpointManager
from cnnspec.training.data import SETS
from cnnspec.training.data.dataset import Dataset
from cnnspec.training.data.published import MNIST

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
    monkeypatch.delenv("CNNSPEC_DATA", raising=False)
    (tmp_path / "bars.cnn").write_text(SPEC)
    archive("bars.npz", data)
    return tmp_path


@pytest.fixture
def cnnspec(place: Path, command: Command) -> Command:
    return command


@pytest.fixture
def no_mnist(place: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A machine without MNIST, and without a network to fetch it from."""
    monkeypatch.setattr("cnnspec.training.data.published.cache_folder", lambda which: place / "cache")
    monkeypatch.setitem(SETS, "mnist", replace(MNIST, sources=()))


def test_train_shows_epochs_and_ends_with_the_accuracy_and_the_folder(cnnspec: Command, place: Path) -> None:
    code, out, err = cnnspec("train", "bars.cnn")
    assert 0 == code
    assert re.match(r"test accuracy \d+\.\d\d %, loss \d\.\d{4} on 100 images\nrun: runs/Bars-1 ", out)
    assert "Bars on bars: 200 training, 100 test images, epochs 3, batch 16, sgd, seed 0" in err
    assert ["epoch 1", "epoch 2", "epoch 3"] == re.findall(r"^epoch \d", err, re.MULTILINE)
    home = place / "runs" / "Bars-1"
    assert {"spec.cnn", "run.json", "metrics.jsonl", "checkpoints", "weights.safetensors"} == {
        path.name for path in home.iterdir()
    }
    about = json.loads((home / "run.json").read_text())
    assert 100 == about["test"]["samples"]
    assert 0 == cnnspec("train", "bars.cnn", "--epochs", 1)[0]
    assert (place / "runs" / "Bars-2").is_dir()


def test_options_override_the_recipe(cnnspec: Command, place: Path) -> None:
    _, _, err = cnnspec(
        "train", "bars.cnn", "--epochs", 2, "--batch", 50, "--rate", 0.25, "--seed", 7, "-o", "here"
    )
    assert "epochs 2, batch 50, sgd, seed 7" in err
    rows = [json.loads(line) for line in (place / "here" / "metrics.jsonl").read_text().splitlines()]
    assert [(1, 4, 0.25), (2, 8, 0.25)] == [(row["epoch"], row["step"], row["rate"]) for row in rows]


def test_the_same_seed_gives_the_same_file_and_another_does_not(cnnspec: Command, place: Path) -> None:
    for name, seed in (("a", 3), ("b", 3), ("c", 4)):
        assert 0 == cnnspec("train", "bars.cnn", "--seed", seed, "-o", name)[0]
    assert same(place / "a" / "weights.safetensors", place / "b" / "weights.safetensors")
    assert not same(place / "a" / "weights.safetensors", place / "c" / "weights.safetensors")


def test_several_seeds_give_mean_and_spread(cnnspec: Command, place: Path) -> None:
    code, out, _ = cnnspec("train", "bars.cnn", "--seeds", 3, "--epochs", 1, "-o", "many")
    assert 0 == code
    found = [float(share) for share in re.findall(r"seed \d: test accuracy (\S+) %", out)]
    assert 3 == len(found)
    assert f"3 seeds: test accuracy {np.mean(found):.2f} % ± {np.std(found, ddof=1):.2f}" in out
    assert ["seed-0", "seed-1", "seed-2"] == sorted(path.name for path in (place / "many").iterdir())


def test_a_run_goes_on_by_its_folder_alone(cnnspec: Command, place: Path) -> None:
    cnnspec("train", "bars.cnn", "--epochs", 4, "--seed", 5, "-o", "whole")
    cnnspec("train", "bars.cnn", "--epochs", 2, "--seed", 5, "-o", "parts")
    code, _, _ = cnnspec("train", "parts", "--resume", "--epochs", 4)
    assert 0 == code
    assert same(place / "whole" / "weights.safetensors", place / "parts" / "weights.safetensors")


def test_files_that_the_spec_uses_travel_with_the_run(cnnspec: Command, place: Path) -> None:
    (place / "blocks").mkdir()
    (place / "blocks" / "unit.cnn").write_text("block unit width { conv width 3x3 -> relu }\n")
    (place / "user.cnn").write_text('use "blocks/unit.cnn"\n' + SPEC.replace("conv 4 3x3 -> relu", "unit 4"))
    assert 0 == cnnspec("train", "user.cnn", "--epochs", 1, "-o", "run")[0]
    (place / "blocks" / "unit.cnn").unlink()
    assert 0 == cnnspec("evaluate", "run")[0]


def test_a_folder_with_other_things_is_left_alone(cnnspec: Command, place: Path) -> None:
    (place / "mine").mkdir()
    (place / "mine" / "thesis.txt").write_text("important")
    code, _, err = cnnspec("train", "bars.cnn", "-o", "mine")
    assert 2 == code
    assert '"mine" holds other files' in err
    assert 2 == cnnspec("train", "bars.cnn", "-o", "bars.npz")[0]
    assert 2 == cnnspec("train", "bars.cnn", "--resume", "--seeds", 2)[0]


def test_data_that_do_not_fit_are_a_diagnostic_and_leave_no_folder(cnnspec: Command, place: Path) -> None:
    code, out, err = cnnspec("train", "-e", 'input 9x9x1; flatten -> dense 3; train { data npz "bars.npz" }')
    assert (1, "") == (code, out)
    assert "error[data-unlike-network]: images of bars are 8x8x1, the network's input is 9x9x1" in " ".join(
        err.split()
    )
    assert not (place / "runs").exists()


def test_mnist_that_cannot_be_had_gives_way_to_the_digits_unless_asked_for(
    cnnspec: Command, place: Path, no_mnist: None
) -> None:
    code, _, err = cnnspec("train", "-e", "input 28x28x1; flatten -> dense 10", "--epochs", 1)
    assert 0 == code
    assert "note: mnist is not on this machine" in err
    code, _, err = cnnspec("train", "-e", "input 28x28x1; flatten -> dense 10", "--data", "mnist")
    assert 1 == code
    assert "error[data-missing]: mnist is not on this machine and could not be downloaded" in err
    assert "--data-dir FOLDER, or set CNNSPEC_DATA" in err


def test_the_digits_in_place_of_mnist_are_few_and_take_more_epochs(
    cnnspec: Command, place: Path, no_mnist: None
) -> None:
    code, out, err = cnnspec("train", "lenet", "--seed", 0, "-o", "run")
    assert (0, True) == (code, "They are few: 27 epochs in place of 2" in err)
    assert float(known(re.search(r"test accuracy (\S+) %", out))[1]) > 97
    assert 27 == len((place / "run" / "metrics.jsonl").read_text().splitlines())


def trained_on(name: str, folder: Path) -> None:
    """Makes a run look like one that was trained on the set of this name."""
    record = json.loads((folder / "run.json").read_text())
    record |= {"set": name, "data": record["data"] | {"name": name}}
    (folder / "run.json").write_text(json.dumps(record))


SOFTMAX = "network Softmax; input 28x28x1; flatten -> dense 10; train { epochs 1 }"


@pytest.mark.parametrize("arguments", [("evaluate",), ("inspect", "confusion"), ("predict", "--index", "0")])
def test_a_run_of_mnist_is_not_judged_on_other_data_unless_that_is_said(
    cnnspec: Command, place: Path, no_mnist: None, arguments: tuple[str, ...]
) -> None:
    assert 0 == cnnspec("train", "-e", SOFTMAX, "-o", "run")[0]
    verb, *rest = arguments
    assert 0 == cnnspec(verb, "run", *rest)[0], "the digits that stood in are what it was trained on"
    trained_on("mnist", place / "run")
    code, out, err = cnnspec(verb, "run", *rest)
    words = " ".join(err.replace("\n        ", "").split())
    assert (1, "") == (code, out)
    assert "error[data-missing]: this run was trained on mnist; mnist is not on this machine" in words
    assert "say where mnist lies: --data-dir FOLDER, or set CNNSPEC_DATA" in err
    assert "--data digits" in err
    code, out, err = cnnspec(verb, "run", *rest, "--data", "digits")
    assert 0 == code
    assert "note: this run was trained on mnist, not on digits" in err


def test_weights_alone_are_not_judged_on_digits_in_place_of_mnist(
    cnnspec: Command, place: Path, no_mnist: None
) -> None:
    (place / "soft.cnn").write_text(SOFTMAX)
    assert 0 == cnnspec("train", "soft.cnn", "-o", "run")[0]
    code, _, err = cnnspec("evaluate", "soft.cnn", "--weights", "run/weights.safetensors")
    assert (1, True) == (code, "error[data-missing]: mnist is not on this machine" in err)


def test_a_run_goes_on_with_the_data_it_began_with(cnnspec: Command, place: Path, no_mnist: None) -> None:
    (place / "soft.cnn").write_text(SOFTMAX)
    assert 0 == cnnspec("train", "soft.cnn", "-o", "run")[0]
    code, _, err = cnnspec("train", "soft.cnn", "-o", "run", "--resume", "--epochs", 2)
    assert (0, True) == (code, "on digits" in err)
    trained_on("mnist", place / "run")
    code, _, err = cnnspec("train", "run", "--resume", "--epochs", 3)
    assert (1, True) == (code, "this run was trained on mnist" in err)


def test_a_rate_that_is_far_too_large_ends_with_the_cure(cnnspec: Command, place: Path) -> None:
    code, _, err = cnnspec("train", "bars.cnn", "--rate", "1e12")
    assert 1 == code
    assert "error[loss-not-finite]: the loss became" in err
    assert "take a smaller rate: --rate 1e+11" in err


def test_evaluate_shows_confusion_classes_and_mistakes(cnnspec: Command, place: Path) -> None:
    cnnspec("train", "bars.cnn", "-o", "run")
    code, out, _ = cnnspec("evaluate", "run", "--worst", 2)
    assert 0 == code
    assert re.match(r"accuracy \d+\.\d\d %, loss \d\.\d{4}, 100 images", out)
    assert {"0", "1", "2"} <= set(out.split())
    code, out, _ = cnnspec("evaluate", "run", "--json")
    found = json.loads(out)
    assert 100 == sum(map(sum, found["confusion"])) == found["samples"]
    code, out, _ = cnnspec("evaluate", "run", "--json", "--part", "train")
    assert 200 == json.loads(out)["samples"]


@pytest.mark.parametrize("width", [30, 45, 80])
def test_evaluate_fits_its_page(
    cnnspec: Command, place: Path, monkeypatch: pytest.MonkeyPatch, width: int
) -> None:
    cnnspec("train", "bars.cnn", "-o", "run", "--epochs", 1)
    monkeypatch.setenv("COLUMNS", str(width))
    _, out, _ = cnnspec("evaluate", "run")
    assert max(len(line) for line in out.splitlines()) <= width


def test_evaluate_takes_the_newest_run_of_a_spec_or_a_file_of_weights(cnnspec: Command, place: Path) -> None:
    code, _, err = cnnspec("evaluate", "bars.cnn")
    assert 2 == code
    assert "there is no run of Bars under runs/" in err
    cnnspec("train", "bars.cnn")
    code, out, err = cnnspec("evaluate", "bars.cnn")
    assert (0, True) == (code, "the newest run: runs/Bars-1" in err)
    _, again, _ = cnnspec("evaluate", "bars.cnn", "--weights", "runs/Bars-1/weights.safetensors")
    assert out.split("images")[0] == again.split("images")[0]


def test_a_run_in_any_folder_under_runs_is_found_by_its_network_or_its_spec(
    cnnspec: Command, place: Path
) -> None:
    for folder in ("runs/mine", None, "runs/other"):
        cnnspec("train", "bars.cnn", "--epochs", 1, *(["-o", folder] if folder else []))
        code, _, err = cnnspec("evaluate", "bars.cnn")
        assert (0, True) == (code, f"the newest run: {folder or 'runs/Bars-1'}\n" in err)
    assert "the newest run: runs/other\n" in cnnspec("evaluate", "Bars")[2]
    assert "the newest run: runs/other\n" in cnnspec("predict", "Bars", "--index", 0)[2]
    nameless = (place / "bars.cnn").read_text().replace("network Bars\n", "")
    (place / "own.cnn").write_text(nameless)
    cnnspec("train", "own.cnn", "--epochs", 1, "-o", "runs/own")
    code, _, err = cnnspec("evaluate", "own.cnn")
    assert (0, True) == (code, "the newest run: runs/own\n" in err)


@pytest.mark.parametrize("words", [
    "analyze {}", "check {}", "explain {} conv1", "field {}", "draw {} -o -", "diff {} bars.cnn",
    "diff bars.cnn {}", "solve {}", "fmt {}", "run {} --input ones", "train {} --resume --epochs 1",
])  # fmt: skip
def test_the_folder_of_a_run_works_wherever_a_spec_does(cnnspec: Command, place: Path, words: str) -> None:
    cnnspec("train", "bars.cnn", "--epochs", 1, "-o", "run")
    code, out, err = cnnspec(*words.format("run").split())
    plain = words.replace("--resume", "-o run --resume").format("run/spec.cnn").split()
    weights = ["--weights", "run"] if plain[0] == "run" else []
    assert (code, out) == cnnspec(*plain, *weights)[:2]
    assert "is a folder" not in err


@pytest.mark.parametrize("arguments", [("evaluate",), ("inspect", "filters"), ("predict", "--index", "0")])
def test_a_run_that_is_not_there_comes_with_those_that_are(
    cnnspec: Command, place: Path, arguments: tuple[str, ...]
) -> None:
    verb, *rest = arguments
    code, _, err = cnnspec(verb, "runs/nope", *rest)
    assert (2, True) == (
        code,
        'there is no run, no file and no shipped example "runs/nope"; there are no' in err,
    )
    assert "train one: cnnspec train SPEC" in err
    cnnspec("train", "bars.cnn", "--epochs", 1)
    cnnspec("train", "bars.cnn", "--epochs", 1, "--seeds", 2, "-o", "many")
    code, _, err = cnnspec(verb, "runs/Bars-2", *rest)
    assert (2, True) == (code, "runs here: runs/Bars-1; or train one" in err)
    code, _, err = cnnspec(verb, "many", *rest)
    assert (2, True) == (
        code,
        '"many" holds the runs of several seeds; name one of them: many/seed-0, many/seed-1' in err,
    )
    code, _, err = cnnspec(verb, "lenet", *rest)
    assert (2, True) == (code, "there is no run of LeNet5 under runs/; runs here: many/seed-0," in err)
    assert "train one: cnnspec train lenet" in err


def test_what_was_meant_is_guessed_where_no_run_is_found(cnnspec: Command, place: Path) -> None:
    code, _, err = cnnspec("evaluate", "lenett")
    assert (2, True) == (code, 'example "lenett"; did you mean "lenet"? there are no others' in err)
    code, _, err = cnnspec("evaluate", "barz.cnn")
    assert (2, True) == (code, 'did you mean "bars.cnn"?' in err)
    code, _, err = cnnspec("evaluate")
    assert (2, True) == (code, "name the folder of a run, or a spec that was trained" in err)
    cnnspec("train", "bars.cnn", "--epochs", 1)
    code, _, err = cnnspec("train", "runs/Bars-2", "--resume")
    assert (2, True) == (code, "runs here: runs/Bars-1" in err)


def test_predict_names_the_likeliest_classes(cnnspec: Command, place: Path, data: Dataset) -> None:
    cnnspec("train", "bars.cnn", "-o", "run")
    _, out, _ = cnnspec("predict", "run", "--index", 3, "--format", "json", "--top", 2)
    assert "cnnspec/prediction/1" == json.loads(out)["schema"]
    (answer,) = json.loads(out)["images"]
    assert str(data.test_labels[3]) == answer["label"]
    assert 2 == len(answer["classes"])
    assert answer["classes"][0]["probability"] >= answer["classes"][1]["probability"]
    np.save("image.npy", data.test_images[3, ..., 0])
    np.save("scaled.npy", data.test_images[3:5] / np.float32(255))
    _, out, _ = cnnspec("predict", "run", "image.npy", "scaled.npy", "--json", "--top", 2)
    one, two, three = json.loads(out)["images"]
    assert answer["classes"] == one["classes"] == two["classes"]
    assert "scaled.npy[1]" == three["image"]
    _, out, _ = cnnspec("predict", "run", "image.npy")
    assert 4 == len(out.splitlines())


def test_predict_refuses_what_it_cannot_take(cnnspec: Command, place: Path) -> None:
    cnnspec("train", "bars.cnn", "-o", "run", "--epochs", 1)
    np.save("large.npy", np.zeros((20, 20), np.uint8))
    code, _, err = cnnspec("predict", "run", "large.npy")
    assert (1, True) == (code, "the image is 20x20x1, the network's input is 8x8x1" in err)
    assert 0 == cnnspec("predict", "run", "large.npy", "--resize")[0]
    (place / "broken.npy").write_bytes(b"no")
    assert 1 == cnnspec("predict", "run", "broken.npy")[0]
    assert 2 == cnnspec("predict", "run", "absent.npy")[0]
    assert 2 == cnnspec("predict", "run")[0]
    code, _, err = cnnspec("predict", "run", "--index", 100)
    assert (2, True) == (code, "the test set has 100 samples, 0 to 99; there is no 100" in err)
    assert 2 == cnnspec("predict", place / "bars.npz")[0]


def start(*arguments: object) -> subprocess.Popen[bytes]:
    return subprocess.Popen(
        [sys.executable, "-m", "cnnspec", "train", *map(str, arguments)],
        stdout=subprocess.PIPE, stderr=subprocess.PIPE, env=os.environ | {"OPENBLAS_NUM_THREADS": "1"},
    )  # fmt: skip


def wait_for_checkpoint(folder: Path, process: subprocess.Popen[bytes], beyond: int) -> None:
    checkpoints = CheckpointManager(folder / "checkpoints")
    end = time.monotonic() + 60
    while time.monotonic() < end and process.poll() is None:
        if checkpoints.paths and int(checkpoints.paths[-1].stem.split("-")[1]) > beyond:
            return
        time.sleep(0.002)


def newest_step(folder: Path) -> int:
    paths = CheckpointManager(folder / "checkpoints").paths
    return int(paths[-1].stem.split("-")[1]) if paths else 0


def test_a_killed_run_ends_with_the_same_bits(cnnspec: Command, place: Path) -> None:
    """SIGKILL at three moments; resuming each time."""
    options = ("--epochs", 40, "--save-steps", 7)
    assert 0 == cnnspec("train", "bars.cnn", *options, "-o", "whole")[0]
    arguments = ("bars.cnn", *options, "-o", "killed")
    for again in range(3):
        process = start(*arguments, *["--resume"][:again])
        wait_for_checkpoint(place / "killed", process, newest_step(place / "killed"))
        process.kill()
        process.communicate()
    assert newest_step(place / "killed") > 0
    assert 0 == cnnspec("train", *arguments, "--resume")[0]
    assert same(place / "whole" / "weights.safetensors", place / "killed" / "weights.safetensors")


def test_ctrl_c_ends_cleanly_and_keeps_a_checkpoint(place: Path) -> None:
    process = start("bars.cnn", "--epochs", 100000, "-o", "run")
    wait_for_checkpoint(place / "run", process, 0)
    process.send_signal(signal.SIGINT)
    out, err = process.communicate(timeout=60)
    assert 130 == process.returncode
    assert b"" == out
    assert b"interrupted; to continue: cnnspec train run --resume" in err
    assert b"Traceback" not in err
    assert newest_step(place / "run") > 0


FOLDER = os.environ.get("CNNSPEC_DATA", "")
with_mnist = pytest.mark.skipif(not FOLDER, reason="CNNSPEC_DATA does not say where MNIST lies")


@with_mnist
def test_lenet_is_nearly_there_after_an_epoch_of_mnist(cnnspec: Command) -> None:
    code, out, _ = cnnspec("train", "lenet", "--data", "mnist", "--data-dir", FOLDER, "--epochs", 1)
    assert 0 == code
    assert float(known(re.search(r"test accuracy (\S+) %", out))[1]) > 97.5


@pytest.mark.slow
@with_mnist
@pytest.mark.parametrize("seed", range(5))
def test_lenet_reaches_99_with_its_recipe(cnnspec: Command, seed: int) -> None:
    code, out, _ = cnnspec("train", "lenet", "--data", "mnist", "--data-dir", FOLDER, "--seed", seed)
    assert 0 == code
    assert float(known(re.search(r"test accuracy (\S+) %", out))[1]) >= 99.0


@pytest.mark.slow
@with_mnist
def test_the_python_face_does_the_same() -> None:
    network = package.load("lenet")
    model = network.build(seed=0)
    data = package.data("mnist")
    model.fit(data)
    assert model.evaluate(data).accuracy >= 0.99


def test_train_begins_from_a_run_and_says_what_begins_at_random(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    first, second = tmp_path / "first.cnn", tmp_path / "second.cnn"
    first.write_text("input 8x8x1; flatten -> dense 16 -> relu -> dense 10; train { epochs 1 }")
    second.write_text("input 8x8x1; flatten -> dense 16 -> relu -> dense 12 -> dense 10; train { epochs 1 }")
    assert run(["train", str(first), "--data", "digits", "-o", str(tmp_path / "a")]) == 0
    capsys.readouterr()
    begin = ["train", str(second), "--data", "digits", "-o", str(tmp_path / "b"), "--force", "--weights"]
    assert run([*begin, str(tmp_path / "a")]) == 0
    told = " ".join(capsys.readouterr().err.split())
    assert "so they begin at random: dense2.weight, dense2.bias, dense3.weight, dense3.bias" in told
    assert run([*begin, str(tmp_path / "none")]) == 2
    assert "cannot be read" in capsys.readouterr().err

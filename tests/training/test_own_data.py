"""A user's own data, from the file to the answer, as commands."""

import json
from pathlib import Path

import numpy as np
import pytest

from cnnspec.cli.main import run

VECTOR = "network V; input 64; dense 3 -> softmax; train { batch 16; epochs 1 }"


@pytest.fixture
def place(tmp_path, data, monkeypatch):
    """A working folder with samples in an archive and in a table."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.delenv("CNNSPEC_DATA", raising=False)
    np.savez(
        "bars.npz", x_train=data.train_images, y_train=data.train_labels,
        x_test=data.test_images, y_test=data.test_labels,
    )  # fmt: skip
    write_table(Path("bars.csv"), data.train_images, data.train_labels)
    return tmp_path


@pytest.fixture
def cnnspec(place, capsys):
    """Runs a command: (exit code, stdout, stderr)."""

    def call(*arguments):
        code = run([str(argument) for argument in arguments])
        captured = capsys.readouterr()
        return code, captured.out, captured.err

    return call


def write_table(path, images, labels, head=""):
    rows = [",".join(map(str, [label, *image.ravel()])) for image, label in zip(images, labels, strict=True)]
    path.write_text(head + "\n".join(rows) + "\n")


@pytest.mark.parametrize("file", ["bars.npz", "bars.csv"])
def test_a_network_of_a_vector_takes_images(cnnspec, place, data, file):
    code, out, err = cnnspec("train", "-e", VECTOR, "--data", file, "-o", "run")
    assert (0, "test accuracy" in out) == (code, True), err
    code, out, _ = cnnspec("evaluate", "run", "--json")
    assert (0, json.loads(Path("run/run.json").read_text())["test"]["accuracy"]) == (
        code, json.loads(out)["accuracy"],
    )  # fmt: skip
    np.save("image.npy", data.test_images[0, ..., 0])
    _, out, _ = cnnspec("predict", "run", "image.npy", "--index", 0, "--json")
    file_answer, sample_answer = json.loads(out)
    if file == "bars.npz":
        assert file_answer["classes"] == sample_answer["classes"]
    for what in ("maps", "mistakes", "neighbours", "confusion"):
        code, _, err = cnnspec("inspect", "run", what)
        assert 0 == code, err


def test_the_samples_are_counted_as_they_are_used(cnnspec):
    spec = VECTOR.replace("epochs 1", "epochs 1; data npz 'bars.npz' validation=0.1".replace("'", '"'))
    _, _, err = cnnspec("train", "-e", spec, "-o", "run")
    assert "V on bars: 180 training, 20 validation, 100 test images, epochs 1" in err


def test_what_was_read_otherwise_than_it_stands_is_told(cnnspec, place, data):
    np.savez("own.npz", x=data.train_images[..., 0] / 255, y=np.array(data.names)[data.train_labels])
    code, _, err = cnnspec("train", "-e", VECTOR, "--data", "own.npz", "-o", "run")
    assert 0 == code, err
    assert "note: pixels: 0 to 1 became bytes 0 to 255" in err
    assert "note: classes: column, neither, row" in err
    assert "note: no test part: 40 of 200 samples are held out for testing" in err
    write_table(Path("own.csv"), data.train_images, data.train_labels, "kind" + ",x" * 64 + "\n")
    _, _, err = cnnspec("train", "-e", VECTOR, "--data", "own.csv", "-o", "run")
    assert "note: label: column 1 (kind)" in err


def test_a_network_whose_output_is_a_map_is_told_how_to_end(cnnspec):
    code, _, err = cnnspec("train", "-e", "input 8x8x1; conv 3 1x1", "--data", "bars.npz")
    assert (1, True) == (code, "end the network with globalavgpool -> flatten -> dense 3" in err)

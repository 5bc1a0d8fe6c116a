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

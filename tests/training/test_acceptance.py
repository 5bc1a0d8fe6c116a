"""The shipped recipes reach what their specs promise. Minutes each: ``CNNSPEC_DATA=… pytest -m slow``."""

import os
import re
from collections.abc import Callable
from pathlib import Path

import pytest
from tools import known

from cnnspec.cli.main import run

pytestmark = [
    pytest.mark.slow,
    pytest.mark.skipif("CNNSPEC_DATA" not in os.environ, reason="CNNSPEC_DATA does not say where MNIST lies"),
]

PROMISED = {
    "mnist_softmax": 90.0,
    "mnist_mlp": 98.0,
    "mnist_cnn": 99.2,
    "pooling_none": 88.84,
    "pooling_average": 89.96,
    "pooling_max": 91.16,
    "fashion_mnist": 92.5,
    "vit_tiny_mnist": 98.0,
    "convnext_mnist": 97.5,
}
"""Test accuracy in percent, after the spec's own recipe."""


@pytest.fixture
def accuracy_of(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> Callable[..., float]:
    """Trains as a user does: the test accuracy in percent, or the mean of several seeds."""
    monkeypatch.chdir(tmp_path)

    def train(*arguments: str) -> float:
        assert 0 == run(["train", *arguments])
        last = capsys.readouterr().out.rpartition("test accuracy ")[2]
        return float(known(re.match(r"\S+", last))[0])

    return train


@pytest.mark.parametrize("name", PROMISED)
def test_a_recipe_reaches_its_accuracy(accuracy_of: Callable[..., float], name: str) -> None:
    assert accuracy_of(name, "--data", name if name == "fashion_mnist" else "mnist") >= PROMISED[name]


def test_the_best_of_mnist_reaches_its_mean_over_seeds(accuracy_of: Callable[..., float]) -> None:
    assert accuracy_of("mnist_best", "--data", "mnist", "--seeds", "3", "--workers", "2") >= 99.5

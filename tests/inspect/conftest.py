"""A small network, trained in a moment on bright rows and columns under noise."""

from pathlib import Path

import numpy as np
import pytest
from tools import Command, bars

from cnnspec.cli.main import run
from cnnspec.model import Model, open_run

SPEC = """network Bars
input 8x8x1
conv 4 3x3 -> relu -> maxpool 2x2
flatten -> dense 16 -> relu -> dense 3 -> softmax
train {{ data npz "{data}" validation=0.1; optimizer sgd rate=0.05 momentum=0.9; batch 16; epochs 2 }}
"""


@pytest.fixture(scope="session")
def home(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with the data, a spec, and two finished runs of it: ``one`` and ``two``."""
    folder = tmp_path_factory.mktemp("runs")
    (x, y), (tx, ty) = bars(160, 0, 120, 60), bars(60, 1, 120, 60)
    np.savez(folder / "bars.npz", x_train=x, y_train=y, x_test=tx, y_test=ty)
    (folder / "bars.cnn").write_text(SPEC.format(data=(folder / "bars.npz").as_posix()))
    for name, seed in (("one", 0), ("two", 1)):
        assert run(["train", str(folder / "bars.cnn"), "-o", str(folder / name), "--seed", str(seed)]) == 0
    return folder


@pytest.fixture(scope="session")
def model(home: Path) -> Model:
    return open_run(home / "one")[0]


@pytest.fixture
def cnnspec(home: Path, monkeypatch: pytest.MonkeyPatch, tmp_path: Path, command: Command) -> Command:
    """Runs a command in an empty folder: (exit code, stdout, stderr)."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.delenv("CNNSPEC_DATA", raising=False)
    monkeypatch.setenv("COLUMNS", "100")
    return command

from collections.abc import Callable
from pathlib import Path

import pytest
from tools import archive, bars

import cnnspec
from cnnspec.model import Model
from cnnspec.training.data.dataset import Dataset

SPEC = "input 8x8x1; conv 4 3x3 -> relu -> maxpool 2x2; flatten -> dense 16 -> relu -> dropout 0.2; dense 3"
BARS = """network Bars
input 8x8x1
flatten -> dense 8 -> relu -> dense 3 -> softmax
train { data npz "bars.npz" validation=0.2; optimizer sgd rate=0.1; batch 16; epochs 2 }
"""


@pytest.fixture(scope="session")
def data() -> Dataset:
    return Dataset("bars", *bars(200, 0), *bars(100, 1), names=("row", "column", "neither"))


@pytest.fixture
def place(tmp_path: Path, data: Dataset, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A working folder with a spec, ``bars.cnn``, and its data."""
    monkeypatch.chdir(tmp_path)
    (tmp_path / "bars.cnn").write_text(BARS)
    archive("bars.npz", data)
    return tmp_path


@pytest.fixture
def model_of() -> Callable[..., Model]:
    """A fresh model of the small network, with sentences of a recipe: ``model_of("epochs 2", seed=1)``."""

    def make(recipe: str = "", seed: int = 0, spec: str = SPEC) -> Model:
        optimizer = "" if "optimizer" in recipe else "optimizer sgd rate=0.1 momentum=0.9; "
        return cnnspec.parse(f"{spec}\ntrain {{ batch 16; {optimizer}{recipe} }}").build(seed=seed)

    return make

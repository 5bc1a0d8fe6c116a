"""ONNX's own tests of single operators: none comes in and computes another number."""

from __future__ import annotations

import runpy
from pathlib import Path

import numpy as np
import pytest

import cnnspec

pytestmark = pytest.mark.torch
onnx = pytest.importorskip("onnx")
ROOT = Path(__file__).resolve().parents[2]


def test_no_operator_or_model_comes_in_with_a_wrong_number() -> None:
    text, wrong = runpy.run_path(str(ROOT / "docs" / "make_onnx_operators.py"))["page"]()
    assert wrong == 0
    assert text == (ROOT / "docs" / "onnx-operators.md").read_text(encoding="utf-8")


LIGHT = sorted((Path(onnx.__file__).parent / "backend" / "test" / "data" / "light").glob("*.onnx"))


def test_the_light_topologies_are_there() -> None:
    assert len(LIGHT) == 9


LONG = ("light_vgg19", "light_densenet121", "light_zfnet512")


@pytest.mark.parametrize("path", [
    pytest.param(path, id=path.stem, marks=[pytest.mark.slow] if path.stem in LONG else []) for path in LIGHT
])  # fmt: skip
def test_published_topologies_come_in_and_compute_the_same(path: Path) -> None:
    runtime = pytest.importorskip("onnxruntime")
    read = cnnspec.from_onnx(path)
    model = read.network.build(kernels="direct")  # all weights are alike: softmax shows the last bits of sums
    model.weights.update(dict(read.weights.items()))
    session = runtime.InferenceSession(str(path), providers=["CPUExecutionProvider"])
    x = np.random.default_rng(0).standard_normal((1, *model.network.input)).astype("float32")
    (wanted,) = session.run(None, {session.get_inputs()[0].name: np.moveaxis(x, -1, 1)})
    found = np.moveaxis(model.predict(x), -1, 1).reshape(wanted.shape)
    assert np.abs(found - wanted).max() < 1e-5

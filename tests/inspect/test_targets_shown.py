"""``evaluate``, ``predict``, ``inspect`` and ``report`` for every kind of target."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
from tools import Command

from cnnspec.views.results import pixels

COUNT = 40
RANDOM = np.random.default_rng(0)
IMAGES = RANDOM.integers(0, 256, (COUNT, 8, 8, 1), np.uint8)
KINDS = {
    "mask": ("conv 4 3x3 padding=same -> relu -> conv 3 1x1", (IMAGES[..., 0] // 86).astype(np.uint8)),
    "binary": ("flatten -> dense 2", (IMAGES[:, :2, 0, 0] > 127).astype(np.uint8)),
    "numbers": ("flatten -> dense 2", IMAGES[:, :2, 0, 0] / 255),
    "image": ("conv 2 3x3 padding=same -> relu -> conv 1 3x3 padding=same", None),
}
"""A network for each kind, and its targets."""
FIGURES = {"mask": "mean IoU", "binary": "accuracy", "numbers": "R²", "image": "PSNR"}


@pytest.fixture(params=KINDS)
def kind(
    request: pytest.FixtureRequest, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, cnnspec: Command
) -> str:
    """A run of each kind in ``run``."""
    monkeypatch.chdir(tmp_path)
    spec, targets = KINDS[request.param]
    arrays = {"x": IMAGES} if targets is None else {"x": IMAGES, "y": targets}
    np.savez("own.npz", **arrays)
    recipe = f'train {{ data npz "own.npz"; target {request.param}; epochs 3; batch 8 }}'
    Path("net.cnn").write_text(f"network Net\ninput 8x8x1\n{spec}\n{recipe}\n", encoding="utf-8")
    code, out, err = cnnspec("train", "net.cnn", "-o", "run")
    assert code == 0, err
    assert f"test {FIGURES[request.param]} " in " ".join(out.split())
    return str(request.param)


def test_evaluate_tells_the_figures_of_the_target(
    kind: str, cnnspec: Command, monkeypatch: pytest.MonkeyPatch
) -> None:
    code, out, _ = cnnspec("evaluate", "run")
    assert code == 0
    assert FIGURES[kind] in out
    assert ("mistakes" if kind == "binary" else "the hardest of 8 samples") in out
    found = json.loads(cnnspec("evaluate", "run", "--format", "json")[1])
    assert (found["target"], FIGURES[kind] in found["figures"]) == (kind, True)
    for width in (40, 80):
        monkeypatch.setenv("COLUMNS", str(width))
        lines = cnnspec("evaluate", "run")[1].splitlines()
        assert max(map(len, lines)) <= width


def test_predict_says_what_the_network_gives(kind: str, cnnspec: Command) -> None:
    code, out, _ = cnnspec("predict", "run", "--index", "1", "--index", "3", "-o", "answers.npy")
    assert code == 0
    assert out.startswith("test sample 1")
    saved = np.load("answers.npy")
    assert saved.shape == {"mask": (2, 8, 8), "image": (2, 8, 8, 1)}.get(kind, (2, 2))
    code, out, err = cnnspec("predict", "run", "--index", "1", "--format", "json")
    assert json.loads(out)["images"], err
    code, _, err = cnnspec("predict", "run", "--index", "1", "-o", "answers.svg")
    assert (code == 0) == (kind in ("mask", "image")), err


@pytest.mark.parametrize(
    "what", ["predictions", "mistakes", "data", "confusion", "curves", "filters", "maps"]
)
def test_inspect_draws_it_or_says_why_not(kind: str, what: str, cnnspec: Command) -> None:
    code, _, err = cnnspec("inspect", "run", what, "-o", "shown.svg")
    nothing = {"mask": (), "binary": ("confusion",), "numbers": ("confusion",),
               "image": ("confusion",)}[kind]  # fmt: skip
    assert (code == 0) == (what not in nothing), err
    if code:
        assert "nothing-to-show" in err
    else:
        assert Path("shown.svg").read_text(encoding="utf-8").startswith("<svg")


def test_the_report_shows_what_it_learned(kind: str, cnnspec: Command) -> None:
    code, _, err = cnnspec("report", "run", "-o", "page.html")
    assert code == 0, err
    page = Path("page.html").read_text(encoding="utf-8")
    assert f"test {FIGURES[kind]}" in page
    assert ("Predict" in page) == (kind != "binary")
    assert ("not number 2 → number 2" in page or "number 2 → not number 2" in page) == (kind == "binary")


def test_the_curves_have_an_accuracy_where_there_is_one(kind: str, cnnspec: Command) -> None:
    out = cnnspec("inspect", "run", "curves")[1]
    assert ("accuracy" in out.split("test")[0]) == (kind in ("mask", "binary"))


def test_a_run_goes_on_to_the_same_weights(kind: str, cnnspec: Command) -> None:
    code, _, err = cnnspec("train", "net.cnn", "-o", "long", "--epochs", "5")
    assert code == 0, err
    code, _, err = cnnspec("train", "run", "--resume", "--epochs", "5")
    assert code == 0, err
    one, other = (Path(run, "weights.safetensors").read_bytes() for run in ("run", "long"))
    assert one == other


@pytest.mark.parametrize("size", [48, 289, 512])
def test_a_mask_lies_where_its_image_does(size: int) -> None:
    mask = np.zeros((size, size), np.uint8)
    mask[size // 2 :] = 1
    shown = pixels.overlaid(np.zeros((size, size, 1), np.uint8), mask, 2)
    covered = shown.max(axis=2) > 0
    assert abs(covered.mean() - 0.5) < 0.02
    assert not covered[0].any()
    assert covered[-1].all()

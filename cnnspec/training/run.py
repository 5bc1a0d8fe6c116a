"""The folder of a run: the spec, the metrics, the checkpoints, the weights.

spec.cnn              the network and its recipe, with the files it uses
run.json              seed, data, classes, scaling of the pixels, the result
metrics.jsonl         one line an epoch
checkpoints/          the last three; --resume goes on from the newest whole one
best.safetensors      the weights of the best epoch, when there is validation
weights.safetensors   the weights at the end
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from cnnspec.backends.numpy import build
from cnnspec.backends.numpy.program import Scaling
from cnnspec.diagnostics import Diagnostic
from cnnspec.files import write_atomically
from cnnspec.network.load import load
from cnnspec.training.checkpoint import Shelf, unusable

if TYPE_CHECKING:
    from cnnspec.backends.numpy.model import Model

SPEC, ABOUT, METRICS = "spec.cnn", "run.json", "metrics.jsonl"
CHECKPOINTS, BEST, WEIGHTS = "checkpoints", "best.safetensors", "weights.safetensors"


def is_run(path: str | Path) -> bool:
    """Whether a path is the folder of a run."""
    return (Path(path) / ABOUT).is_file() and (Path(path) / SPEC).is_file()


def write_about(folder: Path, about: Mapping[str, Any]) -> None:
    write_atomically(folder / ABOUT, json.dumps({"format": "cnnspec/run/1", **about}, indent=1) + "\n")


def read_about(folder: Path) -> dict[str, Any]:
    """What ``run.json`` says; raises SpecError when it is no run's."""
    try:
        about = json.loads((folder / ABOUT).read_text("utf-8"))
    except (OSError, ValueError) as error:
        raise unusable(folder / ABOUT, f"it is no run.json ({error})") from error
    if not isinstance(about, dict) or about.get("format") != "cnnspec/run/1":
        raise unusable(folder / ABOUT, "it was not written by this version of cnnspec")
    return about


def open_run(folder: str | Path) -> tuple[Model, dict[str, Any], tuple[Diagnostic, ...]]:
    """The trained model of a run, what ``run.json`` says, and why newer checkpoints were passed over.

    The weights are those of the end or, of an unfinished run, of its newest
    checkpoint. Raises SpecError when there are none.
    """
    folder = Path(folder)
    about = read_about(folder)
    model: Model = build(load(folder / SPEC), seed=about["seed"])
    model.scaling = Scaling(*map(np.array, about["scaling"]))
    if (folder / WEIGHTS).exists():
        return model.load(folder / WEIGHTS), about, ()
    checkpoint, refused = Shelf(folder / CHECKPOINTS).latest()
    if checkpoint is None:
        raise unusable(folder, "it holds no whole checkpoint yet", "train it: cnnspec train … --resume")
    for name, values in checkpoint.weights.items():
        np.copyto(model.weights[name], values)
    return model, about, refused

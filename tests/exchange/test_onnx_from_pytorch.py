"""Networks written in plain PyTorch come in by each of its exporters, with their parameters and numbers."""

from __future__ import annotations

import logging
import warnings
from functools import cache
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import numpy as np
import pytest

import cnnspec
from cnnspec.diagnostics import SpecError

pytestmark = pytest.mark.torch
torch: Any = pytest.importorskip("torch")
pytest.importorskip("onnxscript")
from .torch_networks import NETWORKS, made  # noqa: E402

WAYS = ("dynamo", "unoptimized", "older")
REFUSED = {("shuffle", "unoptimized"): "SplitToSequence"}
"""What no word says yet, and the operator that is named."""


@cache
def files(name: str) -> tuple[Any, dict[str, bytes]]:
    """The module, and its file by each way; both forms of the newer exporter are of one run."""
    module, found, example = made(name), {}, (torch.zeros(1, 3, 16, 16),)
    logging.disable(logging.WARNING)
    with warnings.catch_warnings(), TemporaryDirectory() as folder:
        warnings.simplefilter("ignore")
        place = Path(folder) / "net.onnx"
        torch.onnx.export(module, example, place, verbose=False, dynamo=False)
        found["older"] = place.read_bytes()
        program = torch.onnx.export(module, example, dynamo=True, optimize=False, verbose=False)
        for way in ("unoptimized", "dynamo"):
            if way == "dynamo":
                program.optimize()
            program.save(place)
            found[way] = place.read_bytes()
    logging.disable(logging.NOTSET)
    return module, found


def exported(name: str, way: str, place: Path) -> Any:
    """The module; its file is written."""
    module, found = files(name)
    place.write_bytes(found[way])
    return module


@pytest.mark.parametrize("way", WAYS)
@pytest.mark.parametrize("name", NETWORKS)
def test_a_network_comes_in(name: str, way: str, tmp_path: Path) -> None:
    module = exported(name, way, tmp_path / "net.onnx")
    if (name, way) in REFUSED:
        with pytest.raises(SpecError, match=REFUSED[name, way]):
            cnnspec.from_onnx(tmp_path / "net.onnx")
        return
    found = cnnspec.from_onnx(tmp_path / "net.onnx")
    x = torch.randn(2, 3, 16, 16)
    wanted = module(x).detach().numpy()
    got = np.moveaxis(found.predict(np.moveaxis(x.numpy(), 1, -1)), -1, 1)
    assert np.abs(got - wanted).max() <= 1e-4 * max(1.0, float(np.abs(wanted).max()))
    if way != "unoptimized":
        return  # batch norms are folded into the convolutions before them
    ours = {tuple(np.sort(values.ravel())) for values in found.weights.values()}
    arrays = [values.detach().numpy() for values in module.state_dict().values() if values.ndim]
    theirs = {tuple(np.sort(values.ravel())) for values in arrays}
    assert ours <= theirs
    assert all(set(values) <= {0.0, 1.0} for values in theirs - ours)  # factors of 1 are left out


@pytest.mark.parametrize(
    "name, said",
    [
        ("attention", "token\npositions\nadd { | | norm: layernorm over=channels -> attention 4 }"),
        ("residual", "add { | conv 8 3x3 padding=1 -> relu -> conv 8 3x3 padding=1 | } -> relu"),
        ("groupnorm", "conv 8 3x3 -> groupnorm 4 -> silu"),
        ("hardswish", "conv 8 3x3 padding=1 -> hardswish"),
        ("shuffle", "shuffle 2\nconcat { | slice 0 4 | slice 4 8 -> conv 4 3x3 padding=1 -> relu }"),
        ("squeeze", "multiply { | | globalavgpool -> conv 4 1x1 -> relu -> conv 8 1x1 -> sigmoid }"),
    ],
)
def test_the_spec_is_what_a_person_would_write(name: str, said: str, tmp_path: Path) -> None:
    from cnnspec.exchange.onnx_in.read import read

    exported(name, "older", tmp_path / "net.onnx")
    assert said in read(tmp_path / "net.onnx").text

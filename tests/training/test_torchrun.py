"""Several processes train as one does; what dies is told, and goes on with any number of processes."""

from __future__ import annotations

import os
import re
import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

pytestmark = pytest.mark.torch
pytest.importorskip("torch")
from safetensors.numpy import load_file  # noqa: E402

SPEC = """
network small
input 8x8x1
conv 4 3x3 {norm} -> relu -> flatten -> dense 12 -> relu -> dense 3 -> softmax
train {{ batch 16; epochs {epochs}; optimizer {optimizer}; data npz "bands.npz"{more} }}
"""
QUICK = {"OMP_NUM_THREADS": "1", "TORCH_CPP_LOG_LEVEL": "ERROR"}


def write_data(folder: Path, count: int) -> None:
    """Bands of brightness in three places, under noise."""
    random = np.random.default_rng(0)
    labels = random.integers(0, 3, count)
    images = random.integers(0, 90, (count, 8, 8, 1), np.uint8)
    for image, label in zip(images, labels, strict=True):
        image[2 * label : 2 * label + 2] += 60
    np.savez(folder / "bands.npz", x_train=images, y_train=labels, x_test=images[:30], y_test=labels[:30])


def spec_in(folder: Path, norm: str = "", epochs: int = 1, optimizer: str = "adam", more: str = "") -> Path:
    path = folder / "small.cnn"
    path.write_text(SPEC.format(norm=norm, epochs=epochs, optimizer=optimizer, more=more))
    return path


def started(processes: int, *arguments: object, cwd: Path, **environment: str) -> subprocess.Popen[str]:
    """``cnnspec train`` on so many processes."""
    own = [sys.executable, "-m", "cnnspec", "train", *map(str, arguments), "--device", "cpu"]
    if processes > 1:
        own[1:1] = ["-m", "torch.distributed.run", "--nproc-per-node", str(processes), "--standalone"]
    return subprocess.Popen(
        own, cwd=cwd, env={**os.environ, **QUICK, **environment}, text=True, stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
    )  # fmt: skip


def trained(processes: int, *arguments: object, cwd: Path) -> tuple[int, str]:
    """The exit code, and all that was said."""
    job = started(processes, *arguments, cwd=cwd)
    out, error = job.communicate(timeout=240)
    return job.returncode, out + error


def weights(run: Path) -> dict[str, NDArray[Any]]:
    return dict(load_file(run / "weights.safetensors"))


@pytest.mark.parametrize(
    "norm, optimizer, more, flags",
    [
        ("", "sgd rate=0.05 momentum=0.9", "", ()),
        ("bias=no -> batchnorm", "adam rate=0.002", "; clip 1; schedule cosine", ("--sync-batchnorm",)),
        ("", "adamw rate=0.002", "; classweights (1, 2, 0.5)", ()),
    ],
    ids=["plain", "batch norm together", "weighted classes"],
)
def test_two_processes_reach_the_weights_of_one(
    norm: str, optimizer: str, more: str, flags: tuple[str, ...], tmp_path: Path
) -> None:
    write_data(tmp_path, 16 * 5 + 1)  # the last batch is a single sample, and one process has none
    spec = spec_in(tmp_path, norm, optimizer=optimizer, more=more)
    for count in (1, 2):
        code, said = trained(count, spec, "-o", f"run{count}", *flags, cwd=tmp_path)
        assert code == 0, said
    one, two = (weights(tmp_path / f"run{count}") for count in (1, 2))
    for name, values in one.items():
        close = 1e-6 * max(1.0, float(np.abs(values).max()))
        np.testing.assert_allclose(two[name], values, rtol=0, atol=close, err_msg=name)
    rows = [(tmp_path / f"run{count}/metrics.jsonl").read_text() for count in (1, 2)]
    losses = [[float(found) for found in re.findall(r'"loss": ?([\d.]+)', text)] for text in rows]
    assert losses[1] == pytest.approx(losses[0], rel=1e-6)


def kill_one(job: subprocess.Popen[str]) -> None:
    """SIGKILL for the last of a job's processes."""
    found = subprocess.run(
        ["ps", "-o", "pid=", "--ppid", str(job.pid)], capture_output=True, text=True, check=True
    )
    os.kill(int(found.stdout.split()[-1]), signal.SIGKILL)


def wait_for(what: Any, job: subprocess.Popen[str]) -> None:
    until = time.monotonic() + 120
    while not what():
        assert job.poll() is None, job.communicate()
        assert time.monotonic() < until
        time.sleep(0.02)


def test_a_killed_worker_is_told_and_any_number_goes_on(tmp_path: Path) -> None:
    write_data(tmp_path, 16 * 12)
    spec, run = spec_in(tmp_path, epochs=400, optimizer="adam rate=0.005"), tmp_path / "run"
    job = started(2, spec, "-o", run, "--save-steps", "10", cwd=tmp_path)
    wait_for(lambda: len(list((run / "checkpoints").glob("*.safetensors"))) > 1, job)
    kill_one(job)
    _, error = job.communicate(timeout=60)
    assert job.returncode != 0
    assert error.count("error[worker-lost]") == 1
    assert "--resume" in error
    assert "Traceback" not in error.split("error[worker-lost]")[0]  # torchrun's own comes last
    before = (run / "metrics.jsonl").read_text().count("\n")
    for processes, epochs in ((1, before + 2), (3, before + 12)):
        code, said = trained(processes, spec, "-o", run, "--resume", "--epochs", epochs, cwd=tmp_path)
        assert code == 0, said
        assert (run / "metrics.jsonl").read_text().count("\n") == epochs
    assert "test accuracy 100" in said


def test_wrong_uses_are_told(tmp_path: Path) -> None:
    write_data(tmp_path, 64)
    spec = spec_in(tmp_path)
    (tmp_path / "bad.cnn").write_text("input 8x8x1; conv 4 9x9")
    code, said = trained(2, tmp_path / "bad.cnn", "-o", "run", cwd=tmp_path)
    assert code != 0
    assert said.count("error[") == 1
    code, said = trained(2, spec, "--data", "nowhere.npz", "-o", "run", cwd=tmp_path)
    assert code != 0
    assert "nowhere.npz" in said
    own = [sys.executable, "-m", "torch.distributed.run", "--nproc-per-node", "2", "--standalone"]
    found = subprocess.run(
        [*own, "-m", "cnnspec", "train", str(spec)], cwd=tmp_path, capture_output=True, text=True,
        env={**os.environ, **QUICK},
    )  # fmt: skip
    assert found.returncode != 0
    assert "--backend torch" in found.stderr
    assert not (tmp_path / "runs").exists()


OTHER = """
import os, runpy, shutil, sys
if os.environ["RANK"] == "1":
    sys.argv[sys.argv.index("--data-dir") + 1] = "others"
sys.argv[0] = "cnnspec"
runpy.run_module("cnnspec", run_name="__main__")
"""


def test_a_process_with_other_samples_is_named(tmp_path: Path) -> None:
    for place, seed in (("ours", 0), ("others", 1)):
        (tmp_path / place).mkdir()
        random = np.random.default_rng(seed)
        for part, count in (("train", 64), ("t10k", 16)):
            images = random.integers(0, 256, (count, 28, 28), np.uint8)
            write_idx(tmp_path / place / f"{part}-images-idx3-ubyte", images)
            write_idx(tmp_path / place / f"{part}-labels-idx1-ubyte", random.integers(0, 10, count, np.uint8))
    (tmp_path / "start.py").write_text(OTHER)
    own = [sys.executable, "-m", "torch.distributed.run", "--nproc-per-node", "2", "--standalone", "start.py"]
    asked = ["train", "lenet", "--data", "mnist", "--data-dir", "ours", "--device", "cpu", "-o", "run"]
    found = subprocess.run(
        [*own, *asked], cwd=tmp_path, capture_output=True, text=True, env={**os.environ, **QUICK}
    )
    assert found.returncode != 0
    assert found.stderr.count("error[processes-differ]") == 1
    said = " ".join(found.stderr.split())
    assert "process 2 trains something else than the first: the training images" in said
    assert not (tmp_path / "run" / "weights.safetensors").exists()


def write_idx(path: Path, values: NDArray[np.uint8]) -> None:
    head = bytes([0, 0, 8, values.ndim]) + b"".join(size.to_bytes(4, "big") for size in values.shape)
    path.write_bytes(head + values.tobytes())


def test_a_disk_that_is_full_for_the_first_process_ends_all(tmp_path: Path) -> None:
    write_data(tmp_path, 64)
    spec = spec_in(tmp_path, epochs=30)
    limit = (
        "import resource, runpy, sys; sys.argv[0] = 'cnnspec';"
        "resource.setrlimit(resource.RLIMIT_FSIZE, (9000, 9000));"
        "runpy.run_module('cnnspec', run_name='__main__')"
    )
    (tmp_path / "start.py").write_text(limit)
    own = [sys.executable, "-m", "torch.distributed.run", "--nproc-per-node", "2", "--standalone", "start.py"]
    found = subprocess.run(
        [*own, "train", str(spec), "--device", "cpu", "-o", "run"], cwd=tmp_path, capture_output=True,
        text=True, env={**os.environ, **QUICK},
    )  # fmt: skip
    assert found.returncode != 0
    assert found.stderr.count("error[") == 1
    assert "error[run-not-written]" in found.stderr

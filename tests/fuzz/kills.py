"""Kills trainings at random moments, again and again: ``python -m tests.fuzz.kills --count 250 --seed 7``.

A training is killed (SIGKILL), or, of several workers, one of them alone, and resumed until it ends: its
weights must then be those of one that was let be, bit for bit. After each kill no process of it may be left,
no shared memory, and no temporary file outside the run's folder; at its end the folder holds what the other's
does.
"""

from __future__ import annotations

import argparse
import os
import signal
import subprocess
import sys
import tempfile
import time
from collections import Counter
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from random import Random, SystemRandom
from typing import Final

import numpy as np
from numpy.typing import NDArray

from .lab import PREFIX, sweep

SPEC: Final = """network Noise
input 8x8x1
conv 4 3x3 -> relu -> maxpool 2x2
flatten -> dense 16 -> relu -> dense 3 -> softmax
train { data npz "noise.npz"; optimizer sgd rate=0.1 momentum=0.9; batch 16; epochs 12; augment shift=1 }
"""
SHARED: Final = Path("/dev/shm")
PATIENCE: Final = 10.0
"""Seconds that what a killed process leaves has to be gone; workers see that it is."""
THEIRS: Final = "torch"
"""How names of files begin that torchrun itself leaves."""
MOST_CHILDREN: Final = 5
"""Kills in how many one is of a worker alone."""


def main() -> int:
    parser = argparse.ArgumentParser(prog="python -m tests.fuzz.kills", description=__doc__)
    parser.add_argument("--count", type=int, default=250, help="kills for each number of workers")
    parser.add_argument("--workers", type=int, action="append", help="1 and 2, unless given; may be repeated")
    parser.add_argument("--torchrun", type=int, help="processes of PyTorch's, in place of workers")
    parser.add_argument("--backend", choices=["numpy", "torch"], default="numpy", help="the engine")
    parser.add_argument("--seed", type=int, help="of the moments; drawn, and printed, unless given")
    given = parser.parse_args()
    seed = SystemRandom().randrange(10**9) if given.seed is None else given.seed
    sweep()
    for workers in [given.torchrun] if given.torchrun else given.workers or (1, 2):
        with tempfile.TemporaryDirectory(prefix=PREFIX) as folder:
            done = kill(Path(folder), workers, given.count, seed, given.torchrun is not None, given.backend)
            print(done, flush=True)
    return 0


@dataclass
class Kills:
    """What was killed, by the step that was saved last, and how it went on."""

    seed: int
    workers: int
    killed: Counter[str] = field(default_factory=Counter)
    ended: int = 0
    """Runs that came to their end, with the right bits."""
    began: float = field(default_factory=time.monotonic)

    def __str__(self) -> str:
        what = ", ".join(f"{count} {name}" for name, count in sorted(self.killed.items()))
        seconds = time.monotonic() - self.began
        return (
            f"workers {self.workers}, seed {self.seed}: {self.killed.total()} kills ({what}) "
            f"in {self.ended} runs that ended with the same bits, {seconds:.0f} s; nothing left behind"
        )


def kill(
    folder: Path, workers: int, count: int, seed: int, torchrun: bool = False, backend: str = "numpy"
) -> Kills:
    """So many kills of trainings in a folder; raises AssertionError where one goes wrong.

    With ``torchrun`` the workers are processes of PyTorch's.
    """
    print(f"seed {seed}", flush=True)
    random, done = Random(f"{seed} {workers}"), Kills(seed, workers)
    bench = _Bench(folder, workers, torchrun, backend)
    bench.ended(bench.begun("whole"))
    while done.killed.total() < count:
        while done.killed.total() < count and not _finished(bench, random, done, bench.resumed()):
            pass
        bench.ended(bench.resumed())
        bench.compare()
        done.ended += 1
    return done


def _finished(bench: _Bench, random: Random, done: Kills, process: subprocess.Popen[bytes]) -> bool:
    """Kills it at some moment; whether it ended before."""
    bench.wait(process, random)
    children = _children(process.pid)
    if children and not random.randrange(MOST_CHILDREN):
        with suppress(ProcessLookupError):
            os.kill(random.choice(children), signal.SIGKILL)
        _, err = process.communicate(timeout=60)
        assert process.returncode in (0, 1), err.decode()
        told = b"ended in the middle of a step" in err or b"SIGKILL" in err  # the first one cannot speak
        assert process.returncode == 0 or told, err.decode()
        name = "a worker alone"
    else:
        process.kill()
        process.communicate()
        name = "before the first checkpoint" if not bench.newest() else "after a checkpoint"
    if process.returncode != 0:
        done.killed[name] += 1
    bench.nothing_left(process)
    return process.returncode == 0


class _Bench:
    """The folder of the trainings, and what the machine held before them."""

    def __init__(self, folder: Path, workers: int, torchrun: bool, backend: str) -> None:
        self.backend = backend
        self.desk, self.temporary, self.workers = folder / "desk", folder / "temporary", workers
        self.torchrun = torchrun
        self.desk.mkdir()
        self.temporary.mkdir()
        (self.desk / "noise.cnn").write_text(SPEC)
        np.savez(self.desk / "noise.npz", allow_pickle=False, **_noise())
        self.shared = _shared()
        self.run = self.desk / "killed"

    def begun(self, name: str, *more: str) -> subprocess.Popen[bytes]:
        """A training, in a session of its own."""
        command = [sys.executable, "-m", "cnnspec", "train", "noise.cnn", "-o", name]
        command += ["--save-steps", "9", *more]
        if self.torchrun:
            count = ["--nproc-per-node", str(self.workers)]
            command[1:1] = ["-m", "torch.distributed.run", "--standalone", *count]
            command += ["--device", "cpu"]
        elif self.backend == "torch":
            command += ["--backend", "torch", "--device", "cpu"]
        else:
            command += ["--workers", str(self.workers)]
        paths = os.pathsep.join(filter(None, (os.environ.get("PYTHONPATH"), str(Path(__file__).parents[2]))))
        places = {"TMPDIR": str(self.temporary), "PYTHONPATH": paths, "OPENBLAS_NUM_THREADS": "1"}
        places["OMP_NUM_THREADS"] = "1"
        return subprocess.Popen(
            command, cwd=self.desk, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, start_new_session=True,
            env=os.environ | places,
        )  # fmt: skip

    def resumed(self) -> subprocess.Popen[bytes]:
        """The training that is killed, gone on with."""
        begun = (self.run / "run.json").exists()
        return self.begun("killed", *["--resume"][:begun])

    def ended(self, process: subprocess.Popen[bytes]) -> None:
        _, err = process.communicate()
        assert process.returncode == 0, err.decode()
        self.nothing_left(process)

    def newest(self) -> int:
        """The step that was saved last."""
        found = sorted((self.run / "checkpoints").glob("step-*.safetensors"))
        return int(found[-1].stem.split("-")[1]) if found else 0

    def wait(self, process: subprocess.Popen[bytes], random: Random) -> None:
        """Mostly until a new checkpoint and a moment more; else for a moment, be it while Python starts."""
        before, end = self.newest(), time.monotonic() + 120
        if random.random() < 0.8:
            while self.newest() == before and process.poll() is None and time.monotonic() < end:
                time.sleep(0.002)
            time.sleep(random.uniform(0, 0.2))
        else:
            time.sleep(random.uniform(0, 1.5))

    def nothing_left(self, process: subprocess.Popen[bytes]) -> None:
        """No process of the session, no shared memory, no temporary file."""
        end = time.monotonic() + PATIENCE
        while (left := _session(process.pid)) and time.monotonic() < end:
            time.sleep(0.005)
        assert not left, f"processes are left: {left}"
        assert not (found := _shared() - self.shared), f"shared memory is left: {found}"
        files = [path for path in self.temporary.iterdir() if not path.name.startswith(THEIRS)]
        assert not files, f"temporary files are left: {files}"

    def compare(self) -> None:
        """The run that was killed came to what the other came to; it goes."""
        whole = self.desk / "whole"
        weights = [(run / "weights.safetensors").read_bytes() for run in (whole, self.run)]
        assert weights[0] == weights[1], "the weights are others"
        names = [{str(path.relative_to(run)) for path in run.rglob("*")} for run in (whole, self.run)]
        assert names[0] == names[1], names[0] ^ names[1]
        for path in sorted(self.run.rglob("*"), reverse=True):
            path.rmdir() if path.is_dir() else path.unlink()
        self.run.rmdir()


def _noise() -> dict[str, NDArray[np.uint8]]:
    """Pictures and labels to learn by heart."""
    random = np.random.default_rng(0)
    images, labels = random.integers(0, 256, (260, 8, 8), np.uint8), random.integers(0, 3, 260, np.uint8)
    return {"x_train": images[:200], "y_train": labels[:200], "x_test": images[200:], "y_test": labels[200:]}


def _shared() -> set[str]:
    names = {path.name for path in SHARED.iterdir()} if SHARED.is_dir() else set()
    return {name for name in names if not name.startswith("fuzz-")}  # a fuzzer may run beside


def _children(process: int) -> list[int]:
    with suppress(OSError):
        return [int(each) for each in Path(f"/proc/{process}/task/{process}/children").read_text().split()]
    return []


def _session(number: int) -> list[str]:
    """The processes of a session that have not ended, and what they do."""
    found = []
    for path in Path("/proc").glob("[0-9]*/stat"):
        with suppress(OSError):
            name, _, fields = path.read_text().rpartition(")")
            state, _, _, session = fields.split()[:4]
            if int(session) == number and state not in "ZX":
                found.append(name)
    return found


if __name__ == "__main__":
    sys.exit(main())

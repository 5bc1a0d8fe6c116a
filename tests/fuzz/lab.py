"""A folder with whole files of every kind, as the program writes them: what the damaged ones are made from.

They are the same bytes each time, so that a number makes the same case everywhere.
"""

from __future__ import annotations

import io
import json
import os
import shutil
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager, redirect_stderr, redirect_stdout
from functools import cache
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray
from PIL import Image

import cnnspec
from cnnspec.cli.main import run
from cnnspec.training.run import METRICS, RECORD

SPEC: Final = (
    "network small\ninput 8x8x1\nconv 2 3x3 -> relu -> maxpool 2x2\nflatten -> dense 3\n"
    'train { data npz "samples.npz" validation=0.2; batch 8; epochs 2; optimizer sgd rate=0.1 }\n'
)
MASKED: Final = (
    "network masked\ninput 8x8x1\nconv 3 3x3 padding=same\n"
    'train { data npz "masks.npz"; target mask; batch 8; epochs 1; optimizer sgd rate=0.1 }\n'
)
LONG_AGO: Final = 1_000_000_000
"""When all files were written, so that those written since are known."""
MEMORY: Final = Path("/dev/shm")
"""A folder in memory, on Linux: cases lay down some ten files each, for a moment."""
PREFIX: Final = f"fuzz-{os.getpid()}-"
"""Begins the names of temporary folders: whose they are, so that the next one may take them away."""
Values = NDArray[np.uint8]


def samples() -> dict[str, Values]:
    """24 pictures of 8x8 in three classes, and 8 to test on."""
    random = np.random.default_rng(0)
    images = random.integers(0, 256, (32, 8, 8), np.uint8)
    labels = np.arange(32, dtype=np.uint8) % 3
    return {"x_train": images[:24], "y_train": labels[:24], "x_test": images[24:], "y_test": labels[24:]}


def masks() -> dict[str, Values]:
    """16 pictures, each with the class of every pixel."""
    images = samples()["x_train"][:16]
    return {
        "x_train": images[:12],
        "y_train": images[:12] // 86,
        "x_test": images[12:],
        "y_test": images[12:] // 86,
    }


def columns() -> list[list[str]]:
    """A table of files, yes or no, and numbers."""
    return [
        ["file", "yes", "a", "b"],
        *([f"photos/{n}.pgm", str(n % 2), str(n / 4), str(n)] for n in range(4)),
    ]


def rows() -> list[list[str]]:
    """The same as a table: the label, then the pixels."""
    found = samples()
    pairs = zip(found["y_train"], found["x_train"].reshape(24, -1), strict=True)
    return [[str(label), *map(str, pixels)] for label, pixels in pairs]


class Lab:
    """The files by name, made in a folder of the lab's own."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        (folder / "small.cnn").write_text(SPEC)
        np.savez(folder / "samples.npz", allow_pickle=False, **samples())
        (folder / "masked.cnn").write_text(MASKED)
        np.savez(folder / "masks.npz", allow_pickle=False, **masks())
        self._draw(folder / "pairs")
        cnnspec.load(folder / "small.cnn").build().save(folder / "weights.safetensors")
        with _within(folder), redirect_stderr(io.StringIO()), redirect_stdout(io.StringIO()):
            assert run(["train", "small.cnn", "-o", "run", "--save-steps", "2"]) == 0
            assert run(["train", "masked.cnn", "-o", "masked"]) == 0
        self.weights = (folder / "weights.safetensors").read_bytes()
        for name in ("run", "masked"):
            self._make_even(folder / name)
        files = [path for path in sorted(folder.rglob("*")) if path.is_file() and not path.is_symlink()]
        self.files = {str(path.relative_to(folder)): path.read_bytes() for path in files}
        """All that there is, to be as it was after each case."""
        for name in self.files:
            os.utime(folder / name, (LONG_AGO, LONG_AGO))
        self.seen = dict(_listed(str(folder)))
        self.run = {name: data for name, data in self.files.items() if name.startswith("run/")}
        late = ("run/weights.safetensors", max(name for name in self.run if "step-" in name))
        self.begun = {name: data for name, data in self.run.items() if name not in late}

    def restore(self) -> None:
        """The folder is as it was: what is new goes, what was written or went comes back."""
        found = dict(_listed(str(self.folder)))
        for name in sorted(found.keys() - self.seen.keys()):
            path = Path(name)
            if path.is_dir() and not path.is_symlink():
                shutil.rmtree(path)
            else:
                path.unlink(missing_ok=True)
        for name, data in self.files.items():
            path = self.folder / name
            if found.get(str(path)) != self.seen[str(path)]:
                path.parent.mkdir(parents=True, exist_ok=True)
                path.write_bytes(data)
                os.utime(path, (LONG_AGO, LONG_AGO))

    def _draw(self, folder: Path) -> None:
        """Samples and what goes with them, a file each; and what no table should name."""
        for part in ("photos", "masks", "volumes/a", "volumes/b"):
            (folder / part).mkdir(parents=True)
        for n, image in enumerate(samples()["x_test"][:4]):
            (folder / f"photos/{n}.pgm").write_bytes(b"P5 8 8 255\n" + image.tobytes())
            (folder / f"masks/{n}.pgm").write_bytes(b"P5 8 8 255\n" + (image // 86).tobytes())
            np.save(folder / f"volumes/{'ab'[n % 2]}/{n}.npy", image.reshape(4, 4, 4))
        Image.new("L", (6000, 6000)).save(folder / "large.png")
        os.mkfifo(folder / "photos/pipe.txt")
        (folder / "photos/round.txt").symlink_to("round.txt")
        (folder / "photos/zero.txt").symlink_to("/dev/zero")

    def _make_even(self, made: Path) -> None:
        """Takes what the clock said out of the metrics, and the folder's name out of the record."""
        lines: list[dict[str, Any]] = [json.loads(line) for line in (made / METRICS).read_text().splitlines()]
        even = [json.dumps(line | {"seconds": 1.0, "images_per_second": 24.0}) + "\n" for line in lines]
        (made / METRICS).write_text("".join(even))
        record = (made / RECORD).read_text()
        (made / RECORD).write_text(record.replace(str(self.folder.resolve()) + "/", ""))


def _listed(folder: str) -> Iterator[tuple[str, tuple[int, float]]]:
    """All that is in a folder, with size and time of each file: who writes to one changes its time."""
    for entry in os.scandir(folder):
        if entry.is_dir(follow_symlinks=False):
            yield entry.path, (0, 0.0)
            yield from _listed(entry.path)
        else:
            state = entry.stat(follow_symlinks=False)
            yield entry.path, (state.st_size, state.st_mtime)


def sweep() -> None:
    """Takes away the temporary files of processes that were killed together with those that started them."""
    places = {Path(tempfile.gettempdir()), MEMORY}
    for path in (path for place in places for path in place.glob("fuzz-[0-9]*-*")):
        if not Path(f"/proc/{path.name.split('-')[1]}").exists() and Path("/proc/self").exists():
            shutil.rmtree(path, ignore_errors=True)


@contextmanager
def _within(folder: Path) -> Iterator[None]:
    before = Path.cwd()
    os.chdir(folder)
    try:
        yield
    finally:
        os.chdir(before)


@cache
def lab() -> Lab:
    """One a process; its folder goes with the process."""
    return Lab(Path(_place().name))


@cache
def _place() -> TemporaryDirectory[str]:
    return TemporaryDirectory(prefix=PREFIX, ignore_cleanup_errors=True)

"""JPEGs that do not fit in memory: the peak memory of a training, and images a second beside PyTorch.

    python -m benchmarks.stream [--images 50000] [--side 96] [--workers 2] [--rounds 3]

The folder is made in a temporary place. Both sides read the same number of shuffled batches of 64, in
processes that take turns: ours as training does; PyTorch's DataLoader with as many workers, whose
data set opens a file with Pillow as torchvision's ``ImageFolder`` does. Nothing is kept from one round to the
next.
"""

from __future__ import annotations

import argparse
import json
import os
import resource
import subprocess
import sys
import tempfile
from concurrent.futures import ProcessPoolExecutor
from contextlib import suppress
from functools import partial
from itertools import islice
from pathlib import Path
from statistics import median
from time import perf_counter, sleep
from typing import Any

import numpy as np

from cnnspec.training.batches import Batches
from cnnspec.training.data import load, streamed

CLASSES, BATCH, TAKEN = 10, 64, 200
"""Classes of the folder, samples of a batch, batches that are timed."""
SPEC = "network Stream; input {0}x{0}x3; avgpool 8x8; flatten; dense 10; train {{ batch 64; epochs 1 }}"


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m benchmarks.stream", description=__doc__)
    parser.add_argument("--images", type=int, default=50_000)
    parser.add_argument("--side", type=int, default=96, help="height and width in pixels")
    parser.add_argument("--workers", type=int, default=2)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--of", choices=SIDES, help=argparse.SUPPRESS)
    parser.add_argument("--folder", type=Path, help="of images, made before")
    options = parser.parse_args()
    if options.of:
        print(json.dumps(SIDES[options.of](options.folder, options.side, options.workers)))
        return
    with tempfile.TemporaryDirectory() as place:
        folder = options.folder or _made(Path(place) / "photos", options.images, options.side)
        compare(folder, options)


def compare(folder: Path, options: Any) -> None:
    """Prints what both sides come to."""

    def of(side: str) -> dict[str, float]:
        words = ["--of", side, "--folder", str(folder), "--side", str(options.side)]
        words += ["--workers", str(options.workers)]
        done = subprocess.run(
            [sys.executable, "-m", "benchmarks.stream", *words], capture_output=True, text=True, check=True
        )
        found: dict[str, float] = json.loads(done.stdout.splitlines()[-1])
        return found

    trained = of("training")
    print(f"{options.images:,} JPEGs of {options.side}x{options.side}, {options.workers} workers")
    print(
        f"cnnspec train, one epoch: {trained['seconds']:.1f} s, at most {trained['megabytes']:.0f} MB in all "
        f"processes, {trained['resident']:.0f} MB in the largest"
    )
    ours, theirs = [], []
    for _ in range(options.rounds):
        ours.append(of("ours"))
        theirs.append(of("torch"))
    print(f"heads of all files read in {median(one['load'] for one in ours):.1f} s")
    rates = [median(one["rate"] for one in side) for side in (ours, theirs)]
    print(f"cnnspec {rates[0]:,.0f} images/s, DataLoader {rates[1]:,.0f} images/s: {rates[0] / rates[1]:.2f}")


def _made(folder: Path, count: int, side: int) -> Path:
    with ProcessPoolExecutor() as pool:
        list(pool.map(partial(_make_class, folder, count // CLASSES, side), range(CLASSES)))
    return folder


def _make_class(folder: Path, count: int, side: int, label: int) -> None:
    """Soft clouds in colour, the brighter the higher the class: JPEGs of a usual size, all different."""
    from PIL import Image

    place, random = folder / f"class{label}", np.random.default_rng(label)
    place.mkdir(parents=True)
    for n in range(count):
        coarse = random.integers(10 * label, 100 + 15 * label, (side // 8, side // 8, 3), np.uint8)
        Image.fromarray(coarse).resize((side, side), Image.Resampling.BICUBIC).save(
            place / f"{n:06}.jpg", quality=90
        )


# The sides ----------------------------------------------------------------------------


def _training(folder: Path, side: int, workers: int) -> dict[str, float]:
    """The whole command, and the most memory that all its processes had at a time."""
    with tempfile.TemporaryDirectory() as place:
        words = ["train", "-e", SPEC.format(side), "--data", str(folder), "-o", f"{place}/run"]
        begin, most = perf_counter(), 0.0
        with subprocess.Popen(
            [sys.executable, "-m", "cnnspec", *words], stdout=subprocess.DEVNULL, start_new_session=True
        ) as child:
            while child.poll() is None:
                most = max(most, _megabytes(child.pid))
                sleep(0.2)
        assert child.returncode == 0
    return {
        "seconds": perf_counter() - begin, "megabytes": most,
        "resident": resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss / 1000,
    }  # fmt: skip


def _megabytes(session: int) -> float:
    """Of all processes of a session; a page that several share counts in parts (PSS)."""
    total = 0
    for process in Path("/proc").glob("[0-9]*"):
        with suppress(OSError):  # it has ended
            if os.getsid(int(process.name)) == session:
                sizes = (process / "smaps_rollup").read_text().split("Pss:")[1]
                total += int(sizes.split()[0])
    return total / 1000


def _ours(folder: Path, side: int, workers: int) -> dict[str, float]:
    streamed.processors = lambda: workers
    begin = perf_counter()
    data = load(str(folder), shape=(side, side, 3))
    loaded = perf_counter() - begin
    batches = Batches(data.train_images, data.train_labels, BATCH, 0)
    return {"load": loaded, "rate": _rate(batches.epoch(0))}


def _torch(folder: Path, side: int, workers: int) -> dict[str, float]:
    import torch
    from PIL import Image

    class Folder(torch.utils.data.Dataset):  # type: ignore[misc]
        def __init__(self) -> None:
            self.files = [*map(str, sorted(folder.glob("*/*.jpg")))]
            self.names = sorted(os.listdir(folder))

        def __len__(self) -> int:
            return len(self.files)

        def __getitem__(self, place: int) -> tuple[Any, int]:
            with Image.open(self.files[place]) as image:
                pixels = np.asarray(image.convert("RGB"))
            return torch.from_numpy(pixels.copy()), self.names.index(Path(self.files[place]).parent.name)

    loader = torch.utils.data.DataLoader(Folder(), BATCH, shuffle=True, num_workers=workers)
    return {"rate": _rate(iter(loader))}


def _rate(batches: Any) -> float:
    """Images a second, after the first few batches."""
    for _ in islice(batches, 10):
        pass
    begin, count = perf_counter(), 0
    for images, _ in islice(batches, TAKEN):
        count += len(images)
    return count / (perf_counter() - begin)


SIDES = {"training": _training, "ours": _ours, "torch": _torch}

if __name__ == "__main__":
    main()

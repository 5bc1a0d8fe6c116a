"""How long an analysis takes, beside torchinfo and beside importing PyTorch.

    python -m benchmarks.analyze

Two things are timed against each other in alternation, so that a busy machine is busy
for both, and the ratio of their medians is printed. Rivals that are not installed are
left out and said to be so.
"""

from __future__ import annotations

import os
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from statistics import median

import cnnspec
from benchmarks.rivals import machine
from benchmarks.table import Entry, Ratio, markdown
from cnnspec.network.uses import folder_reader
from cnnspec.resources import example_path, example_text

ROUNDS = 15


def report(name: str) -> object:
    """From text to the whole report: every layer, totals, memory, advice."""
    network = cnnspec.parse(example_text(name), read_use=folder_reader(example_path(name).parent))
    analysis = cnnspec.analyze(network)
    return analysis.totals, analysis.diagnostics


def torchinfo_of_resnet152() -> Callable[[], object] | None:
    """torchinfo's summary of the same network; building the model is not counted."""
    try:
        import torch
        import torchinfo
    except ImportError:
        return None
    torch.set_num_threads(1)
    model = resnet152(torch.nn)
    return lambda: torchinfo.summary(model, (1, 3, 224, 224), verbose=0, device="meta")


def resnet152(nn):  # type: ignore[no-untyped-def]
    """ResNet-152 as torchvision builds it, on PyTorch's meta device: shapes and no arithmetic."""

    class Bottleneck(nn.Module):  # type: ignore[misc]
        def __init__(self, channels: int, width: int, stride: int) -> None:
            super().__init__()
            self.conv1, self.bn1 = nn.Conv2d(channels, width, 1, bias=False), nn.BatchNorm2d(width)
            self.conv2 = nn.Conv2d(width, width, 3, stride, 1, bias=False)
            self.bn2 = nn.BatchNorm2d(width)
            self.conv3, self.bn3 = nn.Conv2d(width, 4 * width, 1, bias=False), nn.BatchNorm2d(4 * width)
            self.relu = nn.ReLU()
            self.shortcut = nn.Sequential()
            if stride != 1 or channels != 4 * width:
                project = nn.Conv2d(channels, 4 * width, 1, stride, bias=False)
                self.shortcut = nn.Sequential(project, nn.BatchNorm2d(4 * width))

        def forward(self, x):  # type: ignore[no-untyped-def]
            y = self.relu(self.bn1(self.conv1(x)))
            y = self.relu(self.bn2(self.conv2(y)))
            return self.relu(self.bn3(self.conv3(y)) + self.shortcut(x))

    layers = [nn.Conv2d(3, 64, 7, 2, 3, bias=False), nn.BatchNorm2d(64), nn.ReLU(), nn.MaxPool2d(3, 2, 1)]
    channels = 64
    for width, depth, stride in ((64, 3, 1), (128, 8, 2), (256, 36, 2), (512, 3, 2)):
        for turn in range(depth):
            layers.append(Bottleneck(channels, width, stride if turn == 0 else 1))
            channels = 4 * width
    return nn.Sequential(*layers, nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Linear(channels, 1000)).to("meta")


def alternate(
    one: Callable[[], object], two: Callable[[], object], rounds: int = ROUNDS
) -> tuple[float, float]:
    """Median seconds of both, taken in turns after one round to warm up."""
    times: tuple[list[float], list[float]] = ([], [])
    one(), two()
    for _ in range(rounds):
        for action, found in zip((one, two), times, strict=True):
            start = time.perf_counter()
            action()
            found.append(time.perf_counter() - start)
    return median(times[0]), median(times[1])


def process(*arguments: str) -> Callable[[], object]:
    """A whole process, with compiled files kept between runs as on a user's machine."""
    environment = {name: value for name, value in os.environ.items() if name != "PYTHONDONTWRITEBYTECODE"}
    silent = {"stdout": subprocess.DEVNULL, "stderr": subprocess.DEVNULL}
    return lambda: subprocess.run([sys.executable, *arguments], check=True, env=environment, **silent)


def told(what: str, ours: float, rival: str, theirs: float) -> Entry:
    ratio = theirs / ours
    return Entry(what, f"{1e3 * ours:.1f} ms", rival, f"{1e3 * theirs:.1f} ms", {"free": Ratio(ratio, ratio)})


def entries(rounds: int = ROUNDS) -> Iterator[Entry]:
    """The comparisons that can be made with what is installed."""
    summary = torchinfo_of_resnet152()
    if summary is not None:
        ours, theirs = alternate(lambda: report("resnet152"), summary, rounds)
        yield told("analysis of resnet152, in process", ours, "torchinfo.summary", theirs)
    if subprocess.run(
        [sys.executable, "-c", "import torch"], stderr=subprocess.DEVNULL, check=False
    ).returncode:
        return
    for name in ("lenet", "resnet152"):
        command = process("-m", "cnnspec", "analyze", name)
        ours, theirs = alternate(command, process("-c", "import torch"), max(3, rounds // 2))
        yield told(f"cnnspec analyze {name}, process", ours, "import torch", theirs)


def main() -> None:
    print(machine())
    print(*markdown(list(entries())), sep="\n")


if __name__ == "__main__":
    main()

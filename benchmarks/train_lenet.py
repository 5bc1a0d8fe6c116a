"""LeNet-5 training steps, beside PyTorch's.

    python benchmarks/train_lenet.py [--batch 64] [--rounds 11]

Forward, backward and SGD with momentum on batches of 28x28 pictures. Each side
runs in a process of its own, in turns; the ratio of the medians is printed, for
OpenBLAS's kernels as pinned by the environment and as it chooses them itself.
"""

from __future__ import annotations

import argparse
from collections.abc import Callable
from pathlib import Path
from statistics import median

from rivals import compete, machine, serve

STEPS = 25
RATE, MOMENTUM = 0.01, 0.9


def numpy_steps(batch: int) -> Callable[[], object]:
    """A round of steps in cnnspec; pictures are bytes, as in training."""
    import numpy as np

    import cnnspec
    from cnnspec.backends.numpy.optimizers import Sgd
    from cnnspec.resources import example_text

    model = cnnspec.parse(example_text("lenet")).build(seed=0)
    optimizer = Sgd(model.flat, momentum=MOMENTUM)
    random = np.random.default_rng(0)
    images = random.integers(0, 256, (STEPS * batch, 28, 28, 1), dtype=np.uint8)
    labels = random.integers(0, 10, STEPS * batch)
    program = model.compile(batch, training=True)

    def work() -> None:
        for start in range(0, STEPS * batch, batch):
            program.step(images[start : start + batch], labels[start : start + batch])
            optimizer.update(program.flat_gradient, RATE)

    return work


def torch_steps(batch: int, threads: int) -> Callable[[], object]:
    """The same in PyTorch; its pictures are floats already."""
    import torch
    from torch import nn

    torch.set_num_threads(threads)
    torch.manual_seed(0)
    net = nn.Sequential(
        nn.Conv2d(1, 6, 5, padding=2), nn.ReLU(), nn.MaxPool2d(2),
        nn.Conv2d(6, 16, 5), nn.ReLU(), nn.MaxPool2d(2), nn.Flatten(),
        nn.Linear(400, 120), nn.ReLU(), nn.Linear(120, 84), nn.ReLU(), nn.Linear(84, 10),
    )  # fmt: skip
    optimizer = torch.optim.SGD(net.parameters(), lr=RATE, momentum=MOMENTUM)
    images = torch.rand(STEPS * batch, 1, 28, 28)
    labels = torch.randint(0, 10, (STEPS * batch,))
    loss = nn.CrossEntropyLoss()

    def work() -> None:
        for start in range(0, STEPS * batch, batch):
            optimizer.zero_grad()
            value = loss(net(images[start : start + batch]), labels[start : start + batch])
            value.backward()
            optimizer.step()

    return work


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--batch", type=int, default=64)
    parser.add_argument("--rounds", type=int, default=11)
    parser.add_argument("--child", help=argparse.SUPPRESS)
    parser.add_argument("--threads", type=int, default=1, help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.child:
        serve(
            numpy_steps(options.batch)
            if options.child == "numpy"
            else torch_steps(options.batch, options.threads)
        )
        return
    print(machine())
    print(f"LeNet-5, batch {options.batch}: thousand images a second, medians of {options.rounds} rounds")
    print(
        f"{'OpenBLAS':10} {'PyTorch threads':>15} {'cnnspec':>9} {'PyTorch':>9} {'ratio':>7} {'of best':>8}"
    )
    for setting in ("free", "pinned"):
        for threads in (1, 2):
            one(options.batch, options.rounds, setting, threads)


def one(batch: int, rounds: int, setting: str, threads: int) -> None:
    """One line of the table; cnnspec always runs on one thread."""
    common = ["--batch", str(batch)]
    result = compete(
        Path(__file__), ["--child", "numpy", *common],
        ["--child", "torch", "--threads", str(threads), *common], setting, rounds,
        {"OPENBLAS_NUM_THREADS": "1"},
    )  # fmt: skip
    ours, theirs = (STEPS * batch / median(times) / 1000 for times in (result.ours, result.theirs))
    print(
        f"{setting:10} {threads:15} {ours:9.1f} {theirs:9.1f} {result.ratio:7.2f} {result.best_ratio:8.2f}",
        flush=True,
    )


if __name__ == "__main__":
    main()

"""Training steps beside PyTorch's: LeNet-5, the lecture's MNIST CNN, a medium net with batch norm.

    python -m benchmarks.train [lenet mnist_cnn medium] [--workers 1 2] [--rounds 7]

Forward, backward and SGD with momentum, as ``cnnspec train`` does them; PyTorch
on as many threads as there are workers, in the faster of its two layouts.
"""

from __future__ import annotations

import argparse
from collections.abc import Callable, Iterator
from typing import TYPE_CHECKING

from benchmarks.rivals import LAYOUTS, SETTINGS, STARTS, compete, fastest, machine, ratio, serve
from benchmarks.table import Entry, counted, markdown

if TYPE_CHECKING:
    from cnnspec.network.graph import Network

RATE, MOMENTUM = 0.01, 0.9
MEDIUM = """
network Medium
input 32x32x3
conv 32 3x3 padding=same bias=no -> batchnorm -> relu
conv 32 3x3 padding=same bias=no -> batchnorm -> relu -> maxpool 2x2
conv 64 3x3 padding=same bias=no -> batchnorm -> relu
conv 64 3x3 padding=same bias=no -> batchnorm -> relu -> maxpool 2x2
flatten
dense 256 -> relu
dense 10 -> softmax
"""
STEPS = {"lenet": 30, "mnist_cnn": 2, "medium": 1}
"""Steps of a round: a tenth of a second or two."""
TITLES = {"lenet": "LeNet-5", "mnist_cnn": "the lecture's MNIST CNN", "medium": "32x32 net with batch norm"}
BATCH = 64


def network_of(name: str) -> Network:
    import cnnspec
    from cnnspec.resources import example_text

    return cnnspec.parse(MEDIUM if name == "medium" else example_text(name))


def numpy_steps(name: str, workers: int) -> Callable[[], object]:
    """A round of steps in cnnspec; pictures are bytes, as in training."""
    import numpy as np

    from cnnspec.recipe.models import Recipe
    from cnnspec.training.batches import Batches

    engine = network_of(name).build(seed=0).engine
    random = np.random.default_rng(0)
    images = random.integers(0, 256, (STEPS[name] * BATCH, *engine.network.input), dtype=np.uint8)
    labels = random.integers(0, 10, len(images))
    recipe = Recipe().changed(optimizer=f"sgd momentum={MOMENTUM}", batch=BATCH, workers=workers)
    session = engine.train(recipe, Batches(images, labels, BATCH, seed=0))

    def work() -> None:
        for step, (pictures, classes) in enumerate(session.epoch(0, 0)):
            session.backward(pictures, classes, step)
            session.update(RATE)

    return work


def torch_steps(name: str, threads: int, layout: str) -> Callable[[], object]:
    """The same in PyTorch; its pictures are floats already."""
    import torch
    from torch import nn

    from benchmarks.torch_net import chain, laid_out

    torch.set_num_threads(threads)
    torch.manual_seed(0)
    network, count = network_of(name), STEPS[name] * BATCH
    *sizes, channels = network.input
    net, images = laid_out(layout, chain(network), torch.rand(count, channels, *sizes))
    optimizer = torch.optim.SGD(net.parameters(), lr=RATE, momentum=MOMENTUM)
    labels = torch.randint(0, 10, (count,))
    loss = nn.CrossEntropyLoss()

    def work() -> None:
        for start in range(0, count, BATCH):
            optimizer.zero_grad()
            value = loss(net(images[start : start + BATCH]), labels[start : start + BATCH])
            value.backward()
            optimizer.step()

    return work


def entries(names: list[str], workers: list[int], rounds: int) -> Iterator[Entry]:
    """One line for each network and number of workers."""
    for name in names:
        for count in workers:
            yield one(name, count, rounds)


def one(name: str, workers: int, rounds: int) -> Entry:
    common, ratios, images = [name, "--workers", str(workers)], {}, STEPS[name] * BATCH
    for setting in SETTINGS:
        ours, *others = compete(
            "benchmarks.train", [*common, "--child", "numpy"],
            [[*common, "--child", layout] for layout in LAYOUTS], setting, rounds,
            {"OPENBLAS_NUM_THREADS": "1"},
        )  # fmt: skip
        theirs = fastest(others)
        ratios[setting] = ratio(ours, theirs)
        if setting == "free":
            layout = LAYOUTS[others.index(theirs)]
            speeds = [f"{images / side.median / 1000:.1f} k images/s" for side in (ours, theirs)]
    return Entry(
        f"{TITLES[name]}, training, {counted(workers, 'worker')}", speeds[0],
        f"{layout}, {counted(workers, 'thread')}", speeds[1], ratios,
    )  # fmt: skip


def against_itself(rounds: int) -> Iterator[Entry]:
    """The same process twice: what is not 1.00 here is the error of the other rows.

    A round is off by a tenth or two where the machine is shared: a hundredth takes minutes.
    """
    for title, side in (("cnnspec", "numpy"), ("PyTorch", LAYOUTS[1])):
        options = ["lenet", "--workers", "1", "--child", side]
        first, second = compete("benchmarks.train", options, [options], "free", rounds, {}, 6 * STARTS)
        speeds = [f"{STEPS['lenet'] * BATCH / each.median / 1000:.1f} k images/s" for each in (first, second)]
        title = f"{title} against itself, LeNet-5, training"
        yield Entry(title, speeds[0], "the same", speeds[1], {"free": ratio(first, second)})


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("networks", nargs="*", default=list(STEPS))
    parser.add_argument("--workers", type=int, nargs="+", default=[1, 2])
    parser.add_argument("--rounds", type=int, default=61)
    parser.add_argument("--child", help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.child:
        name, count = options.networks[0], options.workers[0]
        numpy = options.child == "numpy"
        serve(lambda _: numpy_steps(name, count) if numpy else torch_steps(name, count, options.child))
        return
    print(machine())
    print(*markdown(list(entries(options.networks, options.workers, options.rounds))), sep="\n")


if __name__ == "__main__":
    main()

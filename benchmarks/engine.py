"""Training steps of the PyTorch engine beside a bare loop in PyTorch, well written, data path included.

    python -m benchmarks.engine [lenet resnet18] [--threads 1 2] [--rounds 7]

Both take bytes from memory by a shuffled order, scale them, go forward and backward, and make a step of
SGD with momentum, channels-last; the bare loop does nothing else.
"""

from __future__ import annotations

import argparse
from collections.abc import Callable, Iterator

from benchmarks.rivals import compete, machine, ratio, serve
from benchmarks.table import Entry, counted, markdown

STEPS = {"lenet": (100, 64), "resnet18": (1, 16)}
"""Steps of a round, and samples of a batch."""
TITLES = {"lenet": "LeNet-5", "resnet18": "ResNet-18"}
RATE, MOMENTUM = 0.01, 0.9


def our_steps(name: str) -> Callable[[], object]:
    """A round of the engine, through the session that training uses."""
    import numpy as np

    import cnnspec
    from cnnspec.recipe.models import Recipe
    from cnnspec.resources import example_path
    from cnnspec.training.batches import Batches

    steps, batch = STEPS[name]
    network = cnnspec.load(example_path(name))
    engine = network.build(0, "torch", device="cpu").engine
    random = np.random.default_rng(0)
    images = random.integers(0, 256, (steps * batch, *network.input), np.uint8)
    labels = random.integers(0, network.output[-1], len(images))
    recipe = Recipe().changed(optimizer=f"sgd momentum={MOMENTUM}", batch=batch)
    session = engine.train(recipe, Batches(images, labels, batch, seed=0))

    def work() -> None:
        for step, (pictures, classes) in enumerate(session.epoch(0, 0)):
            session.backward(pictures, classes, step)
            session.update(RATE)

    return work


def bare_steps(name: str) -> Callable[[], object]:
    """The same by hand."""
    import torch
    from torch.nn.functional import cross_entropy

    import cnnspec
    from benchmarks.torch_net import TorchNet
    from cnnspec.resources import example_path

    steps, batch = STEPS[name]
    network = cnnspec.load(example_path(name))
    torch.manual_seed(0)
    net = TorchNet(network, logits=True).to(memory_format=torch.channels_last)
    optimizer = torch.optim.SGD(net.parameters(), lr=RATE, momentum=MOMENTUM, fused=True)
    images = torch.randint(0, 256, (steps * batch, *network.input), dtype=torch.uint8)
    labels = torch.randint(0, network.output[-1], (len(images),))

    def work() -> None:
        order = torch.randperm(len(images))
        for start in range(0, len(images), batch):
            chosen = order[start : start + batch]
            pixels = images[chosen].permute(0, 3, 1, 2).float().mul_(1 / 255)
            optimizer.zero_grad()
            loss = cross_entropy(net(pixels), labels[chosen])
            loss.backward()
            optimizer.step()
            loss.item()

    return work


def entries(names: list[str], threads: list[int], rounds: int) -> Iterator[Entry]:
    """One line for each network and number of threads."""
    for name in names:
        for count in threads:
            options = [name, "--threads", str(count), "--child"]
            ours, bare = compete(
                "benchmarks.engine", [*options, "torch"], [[*options, "bare"]], "free", rounds, {}
            )
            images = STEPS[name][0] * STEPS[name][1]
            speeds = [f"{images / side.median:,.0f} images/s" for side in (ours, bare)]
            title = f"{TITLES[name]} on the PyTorch engine, training, {counted(count, 'thread')}"
            yield Entry(title, speeds[0], "a bare loop", speeds[1], {"free": ratio(ours, bare)})


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("networks", nargs="*", default=list(STEPS))
    parser.add_argument("--threads", type=int, nargs="+", default=[1, 2])
    parser.add_argument("--rounds", type=int, default=7)
    parser.add_argument("--child", help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.child:
        import torch

        torch.set_num_threads(options.threads[0])
        name, ours = options.networks[0], options.child == "torch"
        serve(lambda _: our_steps(name) if ours else bare_steps(name))
        return
    print(machine())
    print(*markdown(list(entries(options.networks, options.threads, options.rounds))), sep="\n")


if __name__ == "__main__":
    main()

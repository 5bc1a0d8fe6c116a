"""Forward passes of the classic networks, beside PyTorch's.

    python benchmarks/forward.py [vgg16 resnet18 mobilenet_v2] [--batches 1 8] [--rounds 5]

Each side runs in a process of its own, in turns, on as many threads as there
are cores. PyTorch runs twice, in its own layout and in channels-last; ratios
of medians, above 1 cnnspec is ahead.
"""

from __future__ import annotations

import argparse
from collections.abc import Callable
from pathlib import Path
from statistics import median

from rivals import compete, machine, serve

NETWORKS = ("vgg16", "resnet18", "mobilenet_v2")


def numpy_pass(name: str, batch: int) -> Callable[[], object]:
    """One forward pass with weights that stay as they are."""
    import numpy as np

    import cnnspec
    from cnnspec.resources import example_path

    model = cnnspec.load(example_path(name)).build(seed=0)
    program = model.compile(batch)
    images = np.random.default_rng(0).random((batch, *model.network.input), np.float32)

    def work() -> None:
        program.load(images)
        program.forward(fresh=False)
        program.result().copy()

    program.refresh()
    return work


def torch_pass(name: str, batch: int, layout: str) -> Callable[[], object]:
    """The same in PyTorch."""
    import torch
    from torch_net import TorchNet

    import cnnspec
    from cnnspec.resources import example_path

    network = cnnspec.load(example_path(name))
    net = TorchNet(network).eval()
    *sizes, channels = network.input
    images = torch.rand(batch, channels, *sizes)
    if layout == "channels-last":
        net, images = net.to(memory_format=torch.channels_last), images.to(memory_format=torch.channels_last)

    def work() -> None:
        with torch.inference_mode():
            net(images)

    return work


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("networks", nargs="*", default=NETWORKS)
    parser.add_argument("--batches", type=int, nargs="+", default=(1, 8))
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--settings", nargs="+", default=("free", "pinned"))
    parser.add_argument("--child", help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.child:
        name, batch = options.networks[0], options.batches[0]
        serve(numpy_pass(name, batch) if options.child == "numpy" else torch_pass(name, batch, options.child))
        return
    print(machine())
    print(f"forward passes, milliseconds, medians of {options.rounds} rounds")
    heads = ("OpenBLAS", "network", "batch", "layout", "cnnspec", "PyTorch", "ratio", "of best")
    print("{:9}{:14}{:>6} {:14}{:>9}{:>9}{:>7}{:>8}".format(*heads))
    for setting in options.settings:
        for name in options.networks:
            for batch in options.batches:
                for layout in ("default", "channels-last"):
                    one(name, batch, layout, setting, options.rounds)


def one(name: str, batch: int, layout: str, setting: str, rounds: int) -> None:
    """One line of the table."""
    common = [name, "--batches", str(batch)]
    result = compete(
        Path(__file__), [*common, "--child", "numpy"], [*common, "--child", layout], setting, rounds, {}
    )
    ours, theirs = (1000 * median(times) for times in (result.ours, result.theirs))
    figures = f"{ours:9.1f}{theirs:9.1f}{result.ratio:7.2f}{result.best_ratio:8.2f}"
    print(f"{setting:9}{name:14}{batch:6} {layout:14}{figures}", flush=True)


if __name__ == "__main__":
    main()

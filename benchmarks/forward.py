"""Forward passes of the classic networks, beside PyTorch's.

    python -m benchmarks.forward [vgg16 resnet18 mobilenet_v2] [--batches 1 8] [--rounds 5]

Each side runs in a process of its own, in turns, on as many threads as there
are cores. PyTorch runs twice, in its own layout and in channels-last.
"""

from __future__ import annotations

import argparse
from collections.abc import Callable, Iterator

from benchmarks.rivals import SETTINGS, Times, compete, machine, ratio, serve
from benchmarks.table import Entry, markdown

TITLES = {"vgg16": "VGG-16", "resnet18": "ResNet-18", "mobilenet_v2": "MobileNet v2"}
LAYOUTS = ("PyTorch", "PyTorch, channels-last")


def numpy_pass(name: str, batch: int) -> Callable[[], object]:
    """One prediction as a user asks for it: from images to new arrays, weights packed anew."""
    import numpy as np

    import cnnspec
    from cnnspec.resources import example_path

    model = cnnspec.load(example_path(name)).build(seed=0)
    images = np.random.default_rng(0).random((batch, *model.network.input), np.float32)
    return lambda: model.predict(images, batch=batch)


def torch_pass(name: str, batch: int, layout: str) -> Callable[[], object]:
    """The same in PyTorch."""
    import torch

    import cnnspec
    from benchmarks.torch_net import TorchNet
    from cnnspec.resources import example_path

    network = cnnspec.load(example_path(name))
    net = TorchNet(network).eval()
    *sizes, channels = network.input
    images = torch.rand(batch, channels, *sizes)
    if layout == LAYOUTS[1]:
        net, images = net.to(memory_format=torch.channels_last), images.to(memory_format=torch.channels_last)

    def work() -> None:
        with torch.inference_mode():
            net(images)

    return work


def entries(names: list[str], batches: list[int], rounds: int) -> Iterator[Entry]:
    """Two lines for each network and batch, one for each layout of PyTorch."""
    for name in names:
        for batch in batches:
            yield from one(name, batch, rounds)


def one(name: str, batch: int, rounds: int) -> Iterator[Entry]:
    found = {setting: run(name, batch, setting, rounds) for setting in SETTINGS}
    ours, *others = found["free"]
    for n, (layout, theirs) in enumerate(zip(LAYOUTS, others, strict=True), 1):
        ratios = {setting: ratio(sides[0], sides[n]) for setting, sides in found.items()}
        yield Entry(f"{TITLES[name]}, forward, batch {batch}", told(ours), layout, told(theirs), ratios)


def told(side: Times) -> str:
    return f"{1e3 * side.median:.0f} ms, {side.megabytes:.0f} MB"


def run(name: str, batch: int, setting: str, rounds: int) -> list[Times]:
    """We, and PyTorch in each layout."""
    common = [name, "--batches", str(batch)]
    others = [[*common, "--child", layout] for layout in LAYOUTS]
    return compete("benchmarks.forward", [*common, "--child", "numpy"], others, setting, rounds, {})


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("networks", nargs="*", default=list(TITLES))
    parser.add_argument("--batches", type=int, nargs="+", default=[1, 8])
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--child", help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.child:
        name, batch = options.networks[0], options.batches[0]
        serve(numpy_pass(name, batch) if options.child == "numpy" else torch_pass(name, batch, options.child))
        return
    print(machine())
    print(*markdown(list(entries(options.networks, options.batches, options.rounds))), sep="\n")


if __name__ == "__main__":
    main()

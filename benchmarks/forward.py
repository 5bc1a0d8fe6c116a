"""Forward passes of the classic networks, beside PyTorch's.

    python -m benchmarks.forward [vgg16 resnet18 mobilenet_v2] [--batches 1 8] [--cores 1] [--rounds 5]

Each side runs in a process of its own, in turns, on all cores, or on the first so many. PyTorch runs in
its own layout and in channels-last: the faster one counts. onnxruntime, through our engine for it,
stands beside as the limit.
"""

from __future__ import annotations

import argparse
import os
from collections.abc import Callable, Iterator

from benchmarks.rivals import LAYOUTS, SETTINGS, Times, compete, fastest, machine, ratio, serve
from benchmarks.table import Entry, counted, markdown

TITLES = {"vgg16": "VGG-16", "resnet18": "ResNet-18", "mobilenet_v2": "MobileNet v2"}


LIMIT = "onnxruntime"


def our_pass(name: str, batch: int, backend: str) -> Callable[[], object]:
    """One prediction as a user asks for it: from images to new arrays."""
    import numpy as np

    import cnnspec
    from cnnspec.resources import example_path

    model = cnnspec.load(example_path(name)).build(0, backend)
    images = np.random.default_rng(0).random((batch, *model.network.input), np.float32)
    return lambda: model.predict(images, batch=batch)


def torch_pass(name: str, batch: int, layout: str) -> Callable[[], object]:
    """The same in PyTorch."""
    import torch

    import cnnspec
    from benchmarks.torch_net import TorchNet, laid_out
    from cnnspec.resources import example_path

    network = cnnspec.load(example_path(name))
    *sizes, channels = network.input
    net, images = laid_out(layout, TorchNet(network).eval(), torch.rand(batch, channels, *sizes))

    def work() -> None:
        with torch.inference_mode():
            net(images)

    return work


def entries(names: list[str], batches: list[int], rounds: int, cores: int = 0) -> Iterator[Entry]:
    """One line for each network and batch."""
    for name in names:
        for batch in batches:
            yield one(name, batch, rounds, cores)


def one(name: str, batch: int, rounds: int, cores: int) -> Entry:
    found = {setting: run(name, batch, setting, rounds, cores) for setting in SETTINGS}
    best = {setting: fastest(sides[1:-1]) for setting, sides in found.items()}
    ratios = {setting: ratio(sides[0], best[setting]) for setting, sides in found.items()}
    ours, *others, limit = found["free"]
    layout, theirs = LAYOUTS[others.index(best["free"])], f"{told(best['free'])}; {LIMIT}: {told(limit)}"
    work = f"{TITLES[name]}, forward, batch {batch}" + (f", {counted(cores, 'core')}" if cores else "")
    return Entry(work, told(ours), layout, theirs, ratios)


def told(side: Times) -> str:
    return f"{1e3 * side.median:.0f} ms, {side.megabytes:.0f} MB"


def run(name: str, batch: int, setting: str, rounds: int, cores: int) -> list[Times]:
    """We, PyTorch in each layout, and onnxruntime."""
    common = [name, "--batches", str(batch), "--cores", str(cores)]
    others = [[*common, "--child", layout] for layout in (*LAYOUTS, LIMIT)]
    return compete("benchmarks.forward", [*common, "--child", "numpy"], others, setting, rounds, {})


def keep_to(cores: int) -> None:
    """Nothing but these cores for this process, before libraries count them."""
    if cores:
        os.sched_setaffinity(0, sorted(os.sched_getaffinity(0))[:cores])


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("networks", nargs="*", default=list(TITLES))
    parser.add_argument("--batches", type=int, nargs="+", default=[1, 8])
    parser.add_argument("--cores", type=int, default=0)
    parser.add_argument("--rounds", type=int, default=61)
    parser.add_argument("--child", help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.child:
        name, batch = options.networks[0], options.batches[0]
        keep_to(options.cores)
        ours = options.child in ("numpy", LIMIT)
        serve(lambda _: (our_pass if ours else torch_pass)(name, batch, options.child))
        return
    print(machine())
    found = entries(options.networks, options.batches, options.rounds, options.cores)
    print(*markdown(list(found)), sep="\n")


if __name__ == "__main__":
    main()

"""How long an analysis takes, beside torchinfo and beside importing PyTorch.

    python -m benchmarks.analyze [--rounds 15]

Nothing here computes with arrays on our side, so there is one setting.
"""

from __future__ import annotations

import argparse
import subprocess
import sys
from collections.abc import Callable, Iterator

from benchmarks.rivals import compete, machine, ratio, serve
from benchmarks.table import Entry, markdown

ROUNDS = 41
Work = Callable[[], object]


def report(name: str) -> Work:
    """From text to the whole report: every layer, totals, memory, advice."""
    import cnnspec
    from cnnspec.elaborate.uses import folder_reader
    from cnnspec.resources import example_path, example_text

    def work() -> object:
        network = cnnspec.parse(example_text(name), read_use=folder_reader(example_path(name).parent))
        analysis = cnnspec.analyze(network)
        return analysis.totals, analysis.diagnostics

    return work


def torchinfo_summary(name: str) -> Work:
    """torchinfo's summary of the same network; building the model is not counted."""
    import torch
    import torchinfo

    import cnnspec
    from benchmarks.torch_net import TorchNet
    from cnnspec.resources import example_path

    torch.set_num_threads(1)
    network = cnnspec.load(example_path(name))
    *sizes, channels = network.input
    net = TorchNet(network).to("meta")
    return lambda: torchinfo.summary(net, (1, channels, *sizes), verbose=0, device="meta")


def process(*arguments: str) -> Work:
    """A whole process."""
    command = [sys.executable, *arguments]
    return lambda: subprocess.run(command, check=True, capture_output=True)


SIDES: dict[str, Callable[[str], Work]] = {
    "report": report,
    "torchinfo.summary": torchinfo_summary,
    "cnnspec analyze": lambda name: process("-m", "cnnspec", "analyze", name),
    "import torch": lambda _: process("-c", "import torch"),
}
PAIRS = (
    ("ResNet-152 analysed, in process", "report", "torchinfo.summary", "resnet152"),
    ("`analyze resnet152`, whole process", "cnnspec analyze", "import torch", "resnet152"),
    ("`analyze lenet`, whole process", "cnnspec analyze", "import torch", "lenet"),
)


def entries(rounds: int = ROUNDS) -> Iterator[Entry]:
    """One line for each pair."""
    for work, side, rival, network in PAIRS:
        first, second = ([network, "--child", child] for child in (side, rival))
        ours, theirs = compete("benchmarks.analyze", first, [second], "free", rounds, {})
        figures = [f"{1e3 * times.median:.1f} ms" for times in (ours, theirs)]
        yield Entry(work, figures[0], f"`{rival}`", figures[1], {"free": ratio(ours, theirs)})


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("network", nargs="?", default="", help=argparse.SUPPRESS)
    parser.add_argument("--rounds", type=int, default=ROUNDS)
    parser.add_argument("--child", choices=SIDES, help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.child:
        serve(lambda _: SIDES[options.child](options.network))
        return
    print(machine())
    print(*markdown(list(entries(options.rounds))), sep="\n")


if __name__ == "__main__":
    main()

"""Layers by themselves, forward and backward, beside PyTorch's.

    python -m benchmarks.layers ["gelu" "upsample 2 mode=bicubic" …] [--rounds 7]

One step of a training, on one thread: the output, then the gradients of weights and inputs from a
gradient of the output that is there already. PyTorch runs the code that ``cnnspec export`` writes
for the layer, in the faster of its two layouts. Both are timed by the processor's clock: on one thread
nothing waits, and other programs disturb it less than they do the clock on the wall.
"""

from __future__ import annotations

import argparse
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from functools import partial
from time import process_time
from typing import TYPE_CHECKING, Any, Final

from benchmarks.rivals import LAYOUTS, Rival, Times, environment, fastest, machine, ratio, serve, take_turns
from benchmarks.table import Entry, markdown

if TYPE_CHECKING:
    from cnnspec.network.graph import Network

LAYERS: Final = (  # transpose is not among them: it moves nothing in PyTorch, whose next reader pays
    "relu", "leakyrelu", "prelu", "elu", "selu", "gelu", "gelu approximate=tanh", "silu", "mish", "softplus",
    "sigmoid", "tanh", "softmax", "hardswish", "hardsigmoid", "hardtanh",
    "batchnorm", "layernorm", "layernorm over=channels", "groupnorm 8", "instancenorm", "rmsnorm",
    "rmsnorm over=channels", "l2norm", "lrn",
    "scale", "scale bias=yes", "scale 0.1", "abs", "square", "exp", "power 3", "mean", "max",
    "dropout 0.5", "dropout 0.5 channels=yes", "droppath 0.1",
    "pixelshuffle 2", "pixelunshuffle 2", "pad channels=8", "pad 2", "shuffle 4",
    "upsample 2", "upsample 2 mode=bilinear", "upsample 2 mode=bicubic",
    "upsample 1.5", "upsample 1.5 mode=bilinear", "upsample 1.5 mode=bicubic",
    "avgpool to=7x7", "maxpool to=7x7", "avgpool to=5x5", "maxpool to=5x5",
    "maxpool 2x2", "avgpool 2x2", "globalavgpool", "p: maxpool 2x2 -> unpool p",
    "conv 64 3x3 padding=1", "depthwise 7x7 padding=3", "upconv 32 2x2 stride=2",
)  # fmt: skip
MERGES: Final = ("add", "subtract", "multiply", "divide", "maximum", "minimum", "concat")
SEQUENCES: Final = ("attention 4", "positions", "token", "conv 128 2 dilation=4 padding=(4, 0)")
ALL: Final = [*LAYERS, *MERGES, *SEQUENCES]
MAP, SEQUENCE, BATCH = "28x28x64", "64x128", 16
SECONDS: Final = 0.06
"""About how long a round takes."""


def network_of(sentence: str) -> Network:
    """A layer behind an input; a merge reads two."""
    import cnnspec

    if sentence in MERGES:
        return cnnspec.parse(f"input a {MAP}; input b {MAP}; from a; {sentence} b")
    return cnnspec.parse(f"network Layer; input {SEQUENCE if sentence in SEQUENCES else MAP}; {sentence}")


def timed(step: Callable[[], object], ready: Callable[[], object] = lambda: None) -> Callable[[], float]:
    """A round: processor seconds of a step, the mean of as many as there is time for, without ``ready``."""

    def once() -> float:
        ready()
        begin = process_time()
        step()
        return process_time() - begin

    count = max(1, round(SECONDS / max(once() and once(), 1e-6)))
    return lambda: sum(once() for _ in range(count)) / count


def numpy_layer(sentence: str) -> Callable[[], float]:
    """The steps of a compiled program, without its loss."""
    import numpy as np

    from cnnspec.backends.numpy.engine import NumpyEngine
    from cnnspec.backends.numpy.losses import Loss

    class Given(Loss):
        """A gradient that comes from elsewhere."""

        def measure(self) -> None:
            np.copyto(self.flat_gradient, self.target)

    engine, random = NumpyEngine(network_of(sentence)), np.random.default_rng(0)
    program = engine.compile(BATCH, True, loss=Given, input_gradient=True)
    inputs = {
        node.name: random.standard_normal((BATCH, *node.output), np.float32) for node in engine.network.inputs
    }
    program.load(inputs, random.standard_normal((BATCH, *engine.network.output), np.float32))

    def step() -> None:
        for call in forward:
            call.run()
        program.backward()

    forward = [call for call in program.forward_calls() if not isinstance(call.step, Loss)]
    return timed(step, program.losses[0].measure)


def torch_layer(sentence: str, layout: str) -> Callable[[], float]:
    """The same in PyTorch."""
    import torch

    from benchmarks.torch_net import laid_out
    from cnnspec.exchange.code_out.pytorch.module import code

    torch.set_num_threads(1)
    network = network_of(sentence)
    shapes = [(BATCH, node.output[-1], *node.output[:-1]) for node in network.inputs]
    given = [torch.randn(*shape) for shape in (*shapes, (BATCH, network.output[-1], *network.output[:-1]))]
    *inputs, dy = laid_out(layout, *given) if sentence not in SEQUENCES else given
    for each in inputs:
        each.requires_grad_()
    if sentence in MERGES:
        named: Any = {"concat": lambda a, b: torch.cat([a, b], 1), "divide": torch.div}
        run = named.get(sentence) or getattr(torch, sentence)
        parameters = []
    else:
        space: dict[str, Any] = {"__name__": "layer"}
        exec(code(network), space)
        run = space["Layer"]().train()
        parameters = [*run.parameters()]

    def step() -> None:
        torch.autograd.grad(run(*inputs), [*inputs, *parameters], dy)

    return timed(step)


SIDES: Final[dict[str, Callable[[str], Callable[[], float]]]] = {
    "cnnspec": numpy_layer, **{layout: partial(torch_layer, layout=layout) for layout in LAYOUTS},
}  # fmt: skip


def entries(sentences: list[str], rounds: int) -> Iterator[Entry]:
    """One line for each layer; the processes stay for all of them."""
    variables = environment("free") | {"OPENBLAS_NUM_THREADS": "1", "OMP_NUM_THREADS": "1"}
    with ExitStack() as stack:
        rivals = [
            stack.enter_context(Rival("benchmarks.layers", ["--child", side], variables)) for side in SIDES
        ]
        for rival in rivals:
            rival.answer()
        for sentence in sentences:
            ours, *others = take_turns(rivals, rounds, sentence)
            theirs = fastest(others)
            yield Entry(
                f"`{sentence}`", told(ours), LAYOUTS[others.index(theirs)], told(theirs),
                {"free": ratio(ours, theirs)},
            )  # fmt: skip


def told(side: Times) -> str:
    return f"{1e3 * side.median:.2f} ms"


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("layers", nargs="*", default=ALL)
    parser.add_argument("--rounds", type=int, default=7)
    parser.add_argument("--child", choices=SIDES, help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.child:
        serve(SIDES[options.child])
        return
    print(machine())
    print(*markdown(list(entries(options.layers, options.rounds))), sep="\n")


if __name__ == "__main__":
    main()

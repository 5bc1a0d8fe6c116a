"""Specs drawn at random: for each topic, small layers by level."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from random import Random
from typing import Final

from cnnspec.teaching.quiz.scene import POOLS

Draw = Callable[[Random, int], str]
"""A spec for a level: 0 easy, 1 medium, 2 hard. Its last layer is the one asked about."""

SIDES: Final = ((6, 7, 8, 10, 12, 28, 32), (13, 15, 20, 28, 32, 48, 56, 64), (27, 30, 45, 57, 100, 112, 224))
CHANNELS: Final = ((1, 3), (3, 4, 6, 8, 16), (12, 24, 32, 64, 128))
FILTERS: Final = ((2, 4, 5, 6, 8, 10, 16), (12, 16, 20, 32, 64), (24, 48, 96, 128, 256))
SQUARES: Final = (("3x3", "5x5"), ("3x3", "5x5", "7x7", "4x4"), ("3x5", "5x3", "7x5", "2x3", "11x11"))
SHORT: Final = ("conv", "conv", "maxpool", "avgpool")


def _map(pick: Random, level: int, channels: Sequence[int] | None = None) -> str:
    rows = pick.choice(SIDES[level])
    columns = pick.choice(SIDES[level]) if level == 2 else rows
    return f"input {rows}x{columns}x{pick.choice(channels or CHANNELS[level])}"


def conv(pick: Random, level: int, options: str = "") -> str:
    """A map and a convolution over it."""
    return f"{_map(pick, level)}; conv {pick.choice(FILTERS[level])} {pick.choice(SQUARES[level])}{options}"


def _padded(pick: Random, level: int) -> str:
    return pick.choice(("", " padding=1", " padding=2")) if level else ""


def _shape(pick: Random, level: int) -> str:
    word = pick.choice(SHORT)
    if word == "conv":
        stride = pick.choice(("", " stride=2")) if level else ""
        return conv(pick, level, stride + _padded(pick, level))
    window = pick.choice(("2x2", "3x3")) if level < 2 else pick.choice(("3x3", "2x3"))
    return f"{_map(pick, level)}; {word} {window}" + pick.choice(("", " stride=2") if level else ("",))


def _stride(pick: Random, level: int) -> str:
    stride = pick.choice(("2", "3") if level < 2 else ("3", "4", "2x3"))
    return conv(pick, level, f" stride={stride}{_padded(pick, level)}")


def _dilation(pick: Random, level: int) -> str:
    stride = " stride=2" if level == 2 else ""
    sizes = f"input {pick.choice(range(24, 64))}x64x{pick.choice(CHANNELS[level])}"
    kernel = pick.choice(("3x3", "5x5"))
    return f"{sizes}; conv {pick.choice(FILTERS[level])} {kernel} dilation={pick.choice((2, 3, 4))}{stride}"


def _same(pick: Random, level: int) -> str:
    stride = pick.choice(("", " stride=2") if level == 0 else (" stride=2", " stride=3"))
    return conv(pick, level, f" padding={pick.choice(('same', 'same', 'valid'))}{stride}")


def _weighted(pick: Random, level: int) -> str:
    draw = pick.random()
    if draw < 0.2:
        return f"input {pick.choice((64, 100, 128, 400, 784))}; dense {pick.choice((10, 32, 84, 120))}"
    if draw < 0.4:
        return f"{_map(pick, level)}; {pick.choice(POOLS)} 2x2"
    if draw < 0.5 and level:
        return f"{_map(pick, level)}; depthwise 3x3 padding=1"
    groups = f" groups={pick.choice((2, 4))}" if level == 2 and draw > 0.8 else ""
    return conv(pick, level, pick.choice(("", " padding=same", " stride=2", " bias=no")) + groups)


def _pooled(pick: Random, level: int) -> str:
    """Two by two values come out, or three by three; with padding where it is hard."""
    word = pick.choice(POOLS)
    window, stride = (2, 2) if level == 0 else pick.choice(((2, 1), (2, 2), (3, 1), (3, 2)))
    side = window + stride * (2 if level else 1) - (2 if level == 2 else 0)
    padding = " padding=1" if level == 2 else ""
    if padding and word == "avgpool":
        padding += pick.choice(("", " count_padding=no"))
    return f"input {side}x{side}x1; {word} {window}x{window} stride={stride}{padding}"


def _convolved(pick: Random, level: int) -> str:
    """A map of one channel; with padding or a stride, or of two channels, where it is harder."""
    ways = (
        ("input 3x3x1; conv 1 2x2",),
        ("input 4x4x1; conv 1 3x3", "input 5x5x1; conv 1 3x3 stride=2", "input 3x4x1; conv 1 2x2"),
        ("input 3x3x1; conv 1 3x3 padding=1 stride=2", "input 3x3x2; conv 1 2x2",
         "input 5x5x1; conv 1 2x2 dilation=2 stride=2"),
    )  # fmt: skip
    return pick.choice(ways[level])


def _flattened(pick: Random, level: int) -> str:
    side = pick.choice(((4, 5, 7), (6, 7, 8, 14), (9, 11, 12, 13))[level])
    wide = side + (pick.choice((1, 2, 3)) if level == 2 else 0)
    return f"input {side}x{wide}x{pick.choice((8, 16, 32, 64))}; flatten"


def _normed(pick: Random, level: int) -> str:
    option = pick.choice(("", " frozen=yes", " affine=no")) if level == 2 else ""
    return f"{_map(pick, level, (8, 16, 32, 64, 128))}; batchnorm{option}"


def _chain(pick: Random, level: int) -> str:
    kinds = ("conv 8 3x3", "conv 8 5x5", "maxpool 2x2", "conv 8 3x3 stride=2", "maxpool 3x3 stride=2")
    dilated = ("conv 8 3x3 dilation=2",) if level == 2 else ()
    return "; ".join(["input 96x96x3", *(pick.choice(kinds + dilated) for _ in range(level + 2))])


def _squares(pick: Random, level: int) -> str:
    """A convolution that keeps the size, to be asked for its padding."""
    side, kernel = pick.choice(SIDES[min(level, 1)]), pick.choice((3, 5, 7))
    dilation = pick.choice((2, 3)) if level else 1
    ways = [f" padding={dilation * (kernel - 1) // 2}" + (f" dilation={dilation}" if level else "")]
    ways += [f" padding={pick.choice((1, 2, 3))} stride=2"] if level == 2 else []
    return f"input {side}x{side}x{pick.choice((1, 3))}; conv 8 {kernel}x{kernel}{pick.choice(ways)}"


def _stacked(pick: Random, level: int) -> str:
    channels = pick.choice(((4, 8, 10), (16, 32, 64), (64, 128, 256))[level])
    return (
        f"input 32x32x{channels}; conv {channels} {pick.choice(('5x5', '7x7', '9x9'))} bias=no padding=same"
    )


def _scores(pick: Random, level: int) -> str:
    return f"input {level + 2 if level < 2 else 3}; softmax"


def _learning(pick: Random, level: int) -> str:
    if level and pick.random() < 0.4:
        return "input 4x4x1; maxpool 2x2"
    return ("input 3x3x1; conv 1 2x2", "input 4x4x1; conv 1 3x3", "input 4x5x1; conv 1 3x3")[level]


DRAWS: Final[Mapping[str, Draw]] = {
    "shapes": _shape, "same-and-valid": _same, "stride": _stride, "dilation": _dilation,
    "parameters": _weighted, "multiplies": lambda pick, level: conv(pick, level, _padded(pick, level)),
    "pooling-values": _pooled, "convolution-values": _convolved, "receptive-field": _chain,
    "dense-against-conv": lambda pick, level: conv(pick, min(level, 1), " padding=same"),
    "flatten": _flattened, "batchnorm": _normed, "softmax-and-loss": _scores, "gradient": _learning,
    "solve-padding": _squares, "compare": _stacked,
}  # fmt: skip
"""For each topic what draws a spec for it."""

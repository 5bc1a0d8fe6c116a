"""What moves or drops values, in the words of PyTorch and of Keras."""

from __future__ import annotations

from typing import Any, Final

from cnnspec.exchange.code_out.sayings import Place, Sayer, Saying, at, first
from cnnspec.layers import base
from cnnspec.layers.base import Shape, spatial


def blocks(place: Place, channels_first: bool) -> tuple[list[int], list[int], list[int]]:
    return steps_of(place.layer, place.inputs[0], place.output, channels_first)


def steps_of(
    layer: Any, shape: Shape, output: Shape, channels_first: bool
) -> tuple[list[int], list[int], list[int]]:  # fmt: skip
    """Pixels for channels as a reshape, an order of axes (the batch is the first), and a reshape."""
    rank = len(shape) - 1
    larger, crd = layer.word == "pixelshuffle", layer.order == "crd"
    small, few = (shape, output[-1]) if larger else (output, shape[-1])
    block, sizes = [layer.factor] * rank, list(spatial(small))
    inside = [few, *block] if crd else [*block, few]
    start, head = (1, 1 + rank + 1) if channels_first else (1 + rank, 1)
    channel, steps = (start, start + 1) if crd else (start + rank, start)
    split = [*inside, *sizes] if channels_first else [*sizes, *inside]
    pairs = [axis for n in range(rank) for axis in (head + n, steps + n)]
    order = [0, channel, *pairs] if channels_first else [0, *pairs, channel]
    if larger:
        return split, order, _arranged(output, channels_first)
    apart = [part for size in sizes for part in (size, layer.factor)]
    apart = [few, *apart] if channels_first else [*apart, few]
    return apart, [order.index(axis) for axis in range(len(order))], _arranged(output, channels_first)


def _arranged(shape: tuple[int, ...], channels_first: bool) -> list[int]:
    return list(base.channels_first(shape) if channels_first else shape)


def _torch_blocks(place: Place) -> Saying:
    if place.rank == 2 and place.layer.order == "crd":
        make = "nn.PixelShuffle" if place.node.word == "pixelshuffle" else "nn.PixelUnshuffle"
        return Saying(make=make, arguments=(first("factor", place.layer.factor),))
    split, order, joined = (", ".join(map(str, each)) for each in blocks(place, True))
    return Saying(f"{{x}}.reshape(-1, {split}).permute({order}).reshape(-1, {joined})")


def _keras_blocks(place: Place) -> Saying:
    split, order, joined = blocks(place, False)
    sizes = ", ".join(str(tuple(each)) for each in (split, order, joined))
    return Saying(f"rearranged({{x}}, {sizes})", helpers=("rearranged",))


def turned(place: Place) -> tuple[int, ...]:
    """Of the axes N x C x H x W, which each axis of the output was."""
    *sizes, channel = (
        1 if axis == place.rank else 2 + axis for axis in place.layer.order_of(place.inputs[0])
    )
    return (0, channel, *sizes)


def _keras_turned(place: Place) -> Saying:
    order = (0, *(1 + axis for axis in place.layer.order_of(place.inputs[0])))
    return Saying(f"ops.transpose({{x}}, {order})")


def _rmsnorm(place: Place) -> Saying:
    layer, shape = place.layer, place.layer.layout(place.inputs)
    arguments = (
        first("shape", shape if len(shape) > 1 else shape[0]), at("eps", layer.epsilon),
        at("elementwise_affine", layer.affine, True),
    )  # fmt: skip
    moved = layer.over == "channels" and place.rank
    return Saying("{m}({x}.movedim(1, -1)).movedim(-1, 1)" if moved else "{m}({x})", "nn.RMSNorm", arguments)


def _torch_dropped(place: Place) -> Saying:
    """Of channels PyTorch's own; of whole samples a class that the file holds."""
    rate = (first("rate", place.layer.rate),)
    if place.layer.part == "channel" and place.rank:
        return Saying(make=f"nn.Dropout{place.rank}d", arguments=rate)
    if place.layer.part == "sample":
        return Saying(make="DropPath", arguments=rate, helpers=("DropPath",))
    return Saying(make="nn.Dropout", arguments=(at("p", place.layer.rate, 0.5, "rate"),))


def _keras_dropped(place: Place) -> Saying:
    rate = first("rate", place.layer.rate)
    if place.layer.part == "channel" and place.rank:
        return Saying(make=f"layers.SpatialDropout{place.rank}D", arguments=(rate,))
    if place.layer.part == "sample":
        shape = (None, *(1 for _ in place.inputs[0]))
        return Saying(make="layers.Dropout", arguments=(rate, at("noise_shape", shape)))
    return Saying(make="layers.Dropout", arguments=(rate,))


PYTORCH: Final[dict[str, Sayer]] = {
    "pixelshuffle": _torch_blocks, "pixelunshuffle": _torch_blocks,
    "transpose": lambda place: Saying(f"{{x}}.permute{turned(place)}"),
    "rmsnorm": _rmsnorm, "dropout": _torch_dropped, "droppath": _torch_dropped,
}  # fmt: skip
KERAS: Final[dict[str, Sayer]] = {
    "pixelshuffle": _keras_blocks, "pixelunshuffle": _keras_blocks, "transpose": _keras_turned,
    "dropout": _keras_dropped, "droppath": _keras_dropped,
}  # fmt: skip

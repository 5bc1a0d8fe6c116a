"""PyTorch's own modules for our layers: each makes a module that takes and gives batches of maps.

PyTorch has no asymmetric or strided ``same`` padding, so padding stands before the module.
"""

from __future__ import annotations

from collections.abc import Callable
from itertools import chain
from typing import Any

import torch
from cases.registry import Case
from torch import Tensor, nn
from torch.nn import functional

from cnnspec.layers.base import Layer, Shape, Shapes


def tensor(shape: Shape) -> Tensor:
    """A batch of one of our shape, channels first."""
    return torch.randn(1, shape[-1], *shape[:-1])


def padded(layer: Any, inputs: Shapes, x: Tensor, value: float = 0.0) -> Tensor:
    margins = [(axis.before, axis.after) for axis in layer.axes(inputs)]
    return functional.pad(x, tuple(chain(*reversed(margins))), value=value)


def by_rank(name: str, inputs: Shapes) -> Any:
    return getattr(nn, f"{name}{len(inputs[0]) - 1}d")


def sized(layer: Any, inputs: Shapes, what: str) -> tuple[int, ...]:
    return tuple(getattr(axis, what) for axis in layer.axes(inputs))


def conv(layer: Any, inputs: Shapes) -> nn.Module:
    channels = inputs[0][-1]
    if layer.word == "depthwise":
        groups, filters = channels, channels * layer.multiplier
    else:
        groups, filters = layer.groups, layer.filters
    return by_rank("Conv", inputs)(
        channels, filters, sized(layer, inputs, "kernel"), stride=sized(layer, inputs, "stride"),
        dilation=sized(layer, inputs, "dilation"), groups=groups, bias=layer.bias,
    )  # fmt: skip


def run_conv(layer: Any, inputs: Shapes, module: nn.Module, x: Tensor) -> Tensor:
    return module(padded(layer, inputs, x))


def upconv(layer: Any, inputs: Shapes) -> nn.Module:
    return by_rank("ConvTranspose", inputs)(
        inputs[0][-1], layer.filters, sized(layer, inputs, "kernel"), stride=sized(layer, inputs, "stride"),
        dilation=sized(layer, inputs, "dilation"), groups=layer.groups, bias=layer.bias,
    )  # fmt: skip


def run_upconv(layer: Any, inputs: Shapes, module: nn.Module, x: Tensor) -> Tensor:
    """The whole spread map, cut by hand and grown by the output padding."""
    cuts = [(-axis.before, axis.extra - axis.after) for axis in layer.axes(inputs)]
    return functional.pad(module(x), tuple(chain(*reversed(cuts))))


def pool(layer: Any, inputs: Shapes) -> nn.Module:
    kernel, stride = sized(layer, inputs, "kernel"), sized(layer, inputs, "stride")
    options = {"ceil_mode": layer.rounding == "ceil", "padding": own_padding(layer, inputs)}
    if layer.word in ("avgpool", "subsample"):
        return by_rank("AvgPool", inputs)(kernel, stride, **options)
    return by_rank("MaxPool", inputs)(kernel, stride, dilation=sized(layer, inputs, "dilation"), **options)


def own_padding(layer: Any, inputs: Shapes) -> tuple[int, ...]:
    """The padding that PyTorch's pool can do itself: equal on both sides, at most half the window."""
    axes = layer.axes(inputs)
    can = all(axis.before == axis.after <= axis.kernel // 2 for axis in axes)
    return tuple(axis.before if can else 0 for axis in axes)


def run_pool(layer: Any, inputs: Shapes, module: Any, x: Tensor) -> Tensor:
    return module(x if any(module.padding) else padded(layer, inputs, x))


def norm(layer: Any, inputs: Shapes) -> nn.Module:
    channels, rank = inputs[0][-1], len(inputs[0]) - 1
    if layer.word == "batchnorm":
        kind = (nn.BatchNorm1d, nn.BatchNorm1d, nn.BatchNorm2d, nn.BatchNorm3d)[rank]
        return kind(channels, layer.epsilon, layer.momentum, layer.affine).eval()
    if layer.word == "groupnorm":
        return nn.GroupNorm(layer.groups, channels, layer.epsilon, layer.affine)
    over = (channels,) if layer.over == "channels" else (channels, *inputs[0][:-1])
    return nn.LayerNorm(over, layer.epsilon, layer.affine)


def run_norm(layer: Any, inputs: Shapes, module: nn.Module, x: Tensor) -> Tensor:
    if getattr(layer, "over", "all") == "channels":
        return module(x.movedim(1, -1)).movedim(-1, 1)
    return module(x)


def plain(make: Callable[[Any], nn.Module]) -> tuple[Callable[..., nn.Module], Callable[..., Tensor]]:
    return (lambda layer, inputs: make(layer)), (lambda layer, inputs, module, *xs: module(*xs))


def moved(layer: Any, inputs: Shapes, module: nn.Module, x: Tensor) -> Tensor:
    """Everything that only moves values, by PyTorch's functions."""
    rank = x.ndim - 2
    match layer.word:
        case "flatten":
            return x.flatten(1)
        case "reshape":
            return x.reshape(1, layer.to[-1], *layer.to[:-1])
        case "pad":
            margins = tuple(chain(*reversed(layer.sides(inputs))))
            return functional.pad(x, margins, mode={"zeros": "constant"}.get(layer.mode, layer.mode))
        case "crop":
            cuts = tuple(chain(*reversed(layer.sides(inputs))))
            return functional.pad(x, tuple(-cut for cut in cuts))
        case "slice":
            return x[:, layer.start : layer.stop]
        case "globalavgpool":
            return getattr(functional, f"adaptive_avg_pool{rank}d")(x, 1)
        case "globalmaxpool":
            return getattr(functional, f"adaptive_max_pool{rank}d")(x, 1)
        case "upsample":
            mode = "nearest" if layer.mode != "bilinear" else ("linear", "bilinear", "trilinear")[rank - 1]
            return functional.interpolate(x, size=layer.shape(inputs)[:-1], mode=mode)
        case "shuffle":
            return torch.channel_shuffle(x[..., None], layer.groups)[..., 0]
    raise AssertionError(layer.word)


def merged(layer: Layer, inputs: Shapes, module: nn.Module, *xs: Tensor) -> Tensor:
    rank = max(x.ndim for x in xs)
    full = [x.reshape(*x.shape, *(1,) * (rank - x.ndim)) for x in xs]
    if layer.word == "concat":
        return torch.cat(full, 1)
    result = full[0]
    for x in full[1:]:
        result = result + x if layer.word == "add" else result * x
    return result


def bare(layer: Layer, inputs: Shapes) -> nn.Module:
    return nn.Identity()


def unpooled(case: Case, x: Tensor) -> Tensor:
    """PyTorch's unpool with the places of a pool over a padded map, the padding cut off afterwards."""
    assert case.pool is not None
    pooling, shape = case.pool
    axes, whole = pooling.axes((shape,)), padded(pooling, (shape,), tensor(shape))
    kernel, stride = tuple(axis.kernel for axis in axes), tuple(axis.stride for axis in axes)
    rank, ceil = len(axes), pooling.rounding == "ceil"
    _, places = getattr(functional, f"max_pool{rank}d")(
        whole, kernel, stride, ceil_mode=ceil, return_indices=True
    )
    spread = getattr(functional, f"max_unpool{rank}d")(x, places, kernel, stride, 0, whole.shape[2:])
    cuts = [(-axis.before, -axis.after) for axis in axes]
    return functional.pad(spread, tuple(chain(*reversed(cuts))))


TWINS: dict[str, tuple[Callable[..., nn.Module], Callable[..., Tensor]]] = {
    "conv": (conv, run_conv),
    "depthwise": (conv, run_conv),
    "upconv": (upconv, run_upconv),
    "dense": (
        lambda layer, inputs: nn.Linear(inputs[0][0], layer.units, layer.bias),
        lambda layer, inputs, module, x: module(x),
    ),
    **dict.fromkeys(("maxpool", "minpool", "medianpool", "avgpool", "subsample"), (pool, run_pool)),
    **dict.fromkeys(("batchnorm", "layernorm", "groupnorm"), (norm, run_norm)),
    **dict.fromkeys(
        (
            "flatten",
            "reshape",
            "pad",
            "crop",
            "slice",
            "globalavgpool",
            "globalmaxpool",
            "upsample",
            "shuffle",
        ),
        (bare, moved),
    ),
    **dict.fromkeys(("add", "multiply", "concat"), (bare, merged)),
    "identity": plain(lambda layer: nn.Identity()),
    "relu": plain(lambda layer: nn.ReLU() if layer.max is None else nn.Hardtanh(0.0, layer.max)),
    "leakyrelu": plain(lambda layer: nn.LeakyReLU(layer.slope)),
    "prelu": (
        lambda layer, inputs: nn.PReLU(1 if layer.shared else inputs[0][-1]),
        lambda layer, inputs, module, x: module(x),
    ),
    "elu": plain(lambda layer: nn.ELU(layer.alpha)),
    "gelu": plain(lambda layer: nn.GELU(layer.approximate)),
    "silu": plain(lambda layer: nn.SiLU()),
    "sigmoid": plain(lambda layer: nn.Sigmoid()),
    "tanh": plain(lambda layer: nn.Tanh()),
    "softmax": plain(lambda layer: nn.Softmax(1)),
    "hardswish": plain(lambda layer: nn.Hardswish()),
    "hardsigmoid": plain(lambda layer: nn.Hardsigmoid()),
    "lrn": plain(lambda layer: nn.LocalResponseNorm(layer.size, layer.alpha, layer.beta, layer.k)),
    "dropout": plain(lambda layer: nn.Dropout(layer.rate)),
}


def twin(case: Case) -> tuple[nn.Module, Callable[[], Tensor]]:
    """PyTorch's module for a case, and its run on random inputs of the case's shapes."""
    inputs = [tensor(shape) for shape in case.inputs]
    if case.pool is not None:
        return nn.Identity(), lambda: unpooled(case, inputs[0])
    make, run = TWINS[case.layer.word]
    module = make(case.layer, case.inputs)
    return module, lambda: run(case.layer, case.inputs, module, *inputs)

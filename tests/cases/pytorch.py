"""Every layer that PyTorch has too, by PyTorch: its module, and a run that takes and gives N x C x H x W.

Padding that a module of PyTorch's cannot do stands before it; what PyTorch has no module for is made of
its functions.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import reduce
from math import prod
from typing import Any, TypeAlias

import numpy as np
import torch
import torch.nn.functional as F  # noqa: N812 - as everyone names it
from cases.registry import CASES, Case
from cases.single import Run
from torch import Tensor, nn

from cnnspec.backends.numpy.layout import Array
from cnnspec.layers.depthwise import Depthwise
from cnnspec.layers.window import per_axis

Made: TypeAlias = tuple[nn.Module, Callable[..., Tensor]]


class Weights(nn.Module):  # type: ignore[misc]
    """The weights of a layer that PyTorch has no module for."""

    def __init__(self, case: Case) -> None:
        super().__init__()
        for weight in case.layer.arrays(case.inputs):
            setattr(self, weight.name, nn.Parameter(torch.zeros(weight.shape)))


def axes_of(case: Case) -> Any:
    return case.layer.axes(case.inputs)  # type: ignore[attr-defined]


def sides(axes: Any) -> list[int]:
    """PyTorch's order of padding: the last axis first, before and after."""
    return [pixels for axis in reversed(axes) for pixels in (axis.before, axis.after)]


def by_rank(where: Any, name: str, case: Case) -> Any:
    return getattr(where, name.format(len(case.inputs[0]) - 1))


def steps(axes: Any) -> dict[str, tuple[int, ...]]:
    return {name: tuple(getattr(axis, name) for axis in axes) for name in ("stride", "dilation")}


def conv(case: Case) -> Made:
    layer: Any = case.layer
    if isinstance(layer, Depthwise):
        layer = layer.as_conv(case.inputs)
    axes, channels = axes_of(case), case.inputs[0][-1]
    if layer.table():
        return connected(case, layer, axes)
    kernel = tuple(axis.kernel for axis in axes)
    module = by_rank(nn, "Conv{}d", case)(
        channels, layer.filters, kernel, groups=layer.groups, bias=layer.bias, **steps(axes)
    )
    return module, lambda x: module(F.pad(x, sides(axes)))


def connected(case: Case, layer: Any, axes: Any) -> Made:
    """A convolution whose filters read some channels: the others have weights of zero."""
    module: Any = Weights(case)
    rows = [f for f, row in enumerate(layer.table()) for _ in row]
    channels = [c for row in layer.table() for c in row]

    def run(x: Tensor) -> Tensor:
        full = torch.zeros(layer.filters, x.shape[1], *module.weight.shape[1:])
        full[rows, channels] = module.weight
        bias = module.bias if layer.bias else None
        return by_rank(F, "conv{}d", case)(F.pad(x, sides(axes)), full, bias, **steps(axes))

    return module, run


def upconv(case: Case) -> Made:
    """The whole spread map, cut by hand and grown by the output padding, then the bias."""
    layer: Any = case.layer
    axes = axes_of(case)
    kernel = tuple(axis.kernel for axis in axes)
    module = by_rank(nn, "ConvTranspose{}d", case)(
        case.inputs[0][-1], layer.filters, kernel, groups=layer.groups, bias=layer.bias, **steps(axes)
    )
    function = by_rank(F, "conv_transpose{}d", case)

    def run(x: Tensor) -> Tensor:
        whole = function(x, module.weight, groups=layer.groups, **steps(axes))
        for n, axis in enumerate(axes, 2):
            missing = axis.before + int(axis.output) - whole.shape[n]
            if missing > 0:
                whole = F.pad(whole, [0, 0] * (len(axes) + 1 - n) + [0, missing])
            whole = whole.narrow(n, axis.before, int(axis.output))
        return whole + module.bias.reshape(-1, *(1 for _ in axes)) if layer.bias else whole

    return module, run


def own_padding(case: Case) -> bool:
    """Whether PyTorch's pools take the case's padding themselves."""
    if getattr(case.layer, "to", None) is not None:
        return True
    return all(axis.before == axis.after <= axis.kernel // 2 for axis in axes_of(case))


def maxpool(case: Case, sign: int = 1) -> Made:
    """PyTorch's pool where it takes the padding; else over a map on which every window fits."""
    layer: Any = case.layer
    if getattr(layer, "to", None) is not None:
        return adaptive("adaptive_max_pool{}d", case)
    axes = axes_of(case)
    kernel, function = tuple(axis.kernel for axis in axes), by_rank(F, "max_pool{}d", case)
    if own_padding(case):
        padding, up = tuple(axis.before for axis in axes), layer.rounding == "ceil"
        return (
            nn.Identity(),
            lambda x: sign * function(sign * x, kernel, padding=padding, ceil_mode=up, **steps(axes)),
        )

    def run(x: Tensor) -> Tensor:
        x = sign * x
        for n, axis in enumerate(axes, 2):
            need = (int(axis.output) - 1) * axis.stride + axis.reach
            after = max(0, need - axis.size - axis.before)
            around = [0, 0] * (len(axes) + 1 - n) + [axis.before, after]
            x = F.pad(x, around, value=-torch.inf).narrow(n, 0, need)
        return sign * function(x, kernel, padding=0, **steps(axes))

    return nn.Identity(), run


def window_sum(axes: Any, x: Tensor, padded: bool = False) -> Tensor:
    """Sums of windows; with ``padded`` the declared padding is already there."""
    for n, axis in enumerate(axes, 2):
        before = 0 if padded else axis.before
        reach = (int(axis.output) - 1) * axis.stride + axis.kernel
        after = max(0, reach - before - x.shape[n])
        x = F.pad(x, [0, 0] * (len(axes) + 1 - n) + [before, after]).narrow(n, 0, reach)
        x = x.unfold(n, axis.kernel, axis.stride).sum(-1)
    return x


def adaptive(name: str, case: Case) -> Made:
    function, size = by_rank(F, name, case), case.layer.shape(case.inputs)[:-1]
    return nn.Identity(), lambda x: function(x, size)


def avgpool(case: Case) -> Made:
    layer: Any = case.layer
    if layer.to is not None:
        return adaptive("adaptive_avg_pool{}d", case)
    axes = axes_of(case)

    def run(x: Tensor) -> Tensor:
        ones = torch.ones_like(x[:1, :1])
        if layer.count_padding:
            return window_sum(axes, x) / window_sum(axes, F.pad(ones, sides(axes), value=1.0), padded=True)
        return window_sum(axes, x) / window_sum(axes, ones)

    return nn.Identity(), run


def subsample(case: Case) -> Made:
    module: Any = Weights(case)
    shape = (-1, *(1 for _ in case.inputs[0][:-1]))

    def run(x: Tensor) -> Tensor:
        return window_sum(axes_of(case), x) * module.weight.reshape(shape) + module.bias.reshape(shape)

    return module, run


def unpool(case: Case) -> Made:
    """PyTorch's unpool with the places of a pool over a padded map, the padding cut off afterwards."""
    assert case.pool is not None
    pool, shape = case.pool
    axes = pool.axes((shape,))
    kernel, stride = tuple(axis.kernel for axis in axes), tuple(axis.stride for axis in axes)

    def run(x: Tensor, *others: Tensor) -> Tensor:
        whole = F.pad(torch.randn(len(x), shape[-1], *shape[:-1]), sides(axes))
        pooled = by_rank(F, "max_pool{}d", case)(
            whole, kernel, stride, ceil_mode=pool.rounding == "ceil", return_indices=True
        )
        spread = by_rank(F, "max_unpool{}d", case)(x, pooled[1], kernel, stride, 0, whole.shape[2:])
        return F.pad(spread, [-pixels for pixels in sides(axes)])

    return nn.Identity(), run


def batchnorm(case: Case) -> Made:
    layer: Any = case.layer
    name = f"BatchNorm{max(1, len(case.inputs[0]) - 1)}d"
    module = getattr(nn, name)(case.inputs[0][-1], layer.epsilon, layer.momentum, layer.affine)
    if layer.frozen:
        module.requires_grad_(False)
        return module, lambda x: module.eval()(x)
    return module, module


def layernorm(case: Case) -> Made:
    layer: Any = case.layer
    *sizes, channels = case.inputs[0]
    over = (channels,) if layer.over == "channels" else (channels, *sizes)
    module = nn.LayerNorm(over, layer.epsilon, layer.affine)
    if layer.over == "all":
        return module, module
    return module, lambda x: module(x.movedim(1, -1)).movedim(-1, 1)


def rmsnorm(case: Case) -> Made:
    layer: Any = case.layer
    *sizes, channels = case.inputs[0]
    over = (channels,) if layer.over == "channels" else (channels, *sizes)
    module = nn.RMSNorm(over, layer.epsilon, layer.affine)
    if layer.over == "all":
        return module, module
    return module, lambda x: module(x.movedim(1, -1)).movedim(-1, 1)


def pixels(larger: bool) -> Callable[[Case], Made]:
    """PyTorch's own where it has it: two axes, a channel's block side by side; else by its views."""

    def made(case: Case) -> Made:
        layer: Any = case.layer
        rank, r = len(case.inputs[0]) - 1, layer.factor
        block = (r,) * rank
        if rank == 2 and layer.order == "crd":
            function = F.pixel_shuffle if larger else F.pixel_unshuffle
            return nn.Identity(), lambda x: function(x, r)

        def spread(x: Tensor) -> Tensor:
            crd = layer.order == "crd"
            x = x.unflatten(1, (-1, *block) if crd else (*block, -1))
            x = x if crd else x.movedim(rank + 1, 1)
            order = [0, 1, *(axis for n in range(rank) for axis in (2 + rank + n, 2 + n))]
            x = x.permute(order)
            for n in range(rank):
                x = x.flatten(2 + n, 3 + n)
            return x

        def gather(x: Tensor) -> Tensor:
            for n in range(rank):
                x = x.unflatten(2 + 2 * n, (-1, r))
            places, parts = [2 + 2 * n for n in range(rank)], [3 + 2 * n for n in range(rank)]
            order = [1, *parts] if layer.order == "crd" else [*parts, 1]
            return x.permute(0, *order, *places).flatten(1, rank + 1)

        return nn.Identity(), spread if larger else gather

    return made


def transpose(case: Case) -> Made:
    layer: Any = case.layer
    order = [0, *(axis + 1 for axis in layer.order_of(case.inputs[0]))]
    return nn.Identity(), lambda x: x.movedim(1, -1).permute(order).movedim(-1, 1)


def upsample(case: Case) -> Made:
    layer: Any = case.layer
    rank = len(case.inputs[0]) - 1
    linear = ("", "linear", "bilinear", "trilinear")[rank]
    mode = {"nearest": "nearest", "bilinear": linear, "bicubic": "bicubic"}.get(layer.mode)
    options: dict[str, Any] = {"mode": mode}
    if layer.mode in ("bilinear", "bicubic"):
        options["align_corners"] = layer.align == "corners"
    if layer.to is not None:
        options["size"] = per_axis("to", layer.to, rank)
    else:
        options["scale_factor"] = [float(s) for s in per_axis("scale", layer.scale, rank)]

    def nails(x: Tensor) -> Tensor:
        for n, scale in enumerate(per_axis("scale", layer.scale, rank), 2):
            zeros = (torch.zeros_like(x) for _ in range(int(scale) - 1))
            x = torch.stack([x, *zeros], n + 1).flatten(n, n + 1)
        return x

    def on_a_row(x: Tensor) -> Tensor:
        """PyTorch has bicubic on two axes alone."""
        return F.interpolate(x[..., None, :], **options | {"scale_factor": [1.0, *options["scale_factor"]]})[
            ..., 0, :
        ]

    if layer.mode == "bicubic" and rank == 1:
        return nn.Identity(), on_a_row
    return nn.Identity(), nails if layer.mode == "nails" else lambda x: F.interpolate(x, **options)


def pad(case: Case) -> Made:
    layer: Any = case.layer
    around = [pixels for side in reversed(layer.sides(case.inputs)) for pixels in side]
    mode = {"zeros": "constant"}.get(layer.mode, layer.mode)
    channels = [*(0 for _ in around), *layer.ends]
    return nn.Identity(), lambda x: F.pad(F.pad(x, around, mode), channels)


def crop(case: Case) -> Made:
    layer: Any = case.layer
    around = [-pixels for side in reversed(layer.sides(case.inputs)) for pixels in side]
    return nn.Identity(), lambda x: F.pad(x, around)


def sequence(x: Tensor) -> Tensor:
    """N x C x H x W as N x positions x C."""
    return x.flatten(2).transpose(1, 2)


def attention(case: Case) -> Made:
    layer: Any = case.layer
    channels, others = case.inputs[0][-1], case.inputs[-1][-1]
    if layer.width is None:
        module: Any = nn.MultiheadAttention(
            channels, layer.heads, bias=layer.bias, kdim=others, vdim=others, batch_first=True
        )
    else:
        module = Projections(layer, channels, others)

    def run(x: Tensor, memory: Tensor | None = None) -> Tensor:
        query, source = sequence(x), sequence(x if memory is None else memory)
        return module(query, source, source)[0].transpose(1, 2).reshape(x.shape)

    return module, run


class Projections(nn.Module):  # type: ignore[misc]
    """What nn.MultiheadAttention is with heads of another width than the channels."""

    def __init__(self, layer: Any, channels: int, others: int) -> None:
        super().__init__()
        self.layer, width = layer, layer.width
        if channels == others:
            self.in_proj_weight = nn.Parameter(torch.zeros(3 * width, channels))
        else:
            for name, reads in (("q", channels), ("k", others), ("v", others)):
                setattr(self, f"{name}_proj_weight", nn.Parameter(torch.zeros(width, reads)))
        self.in_proj_bias = nn.Parameter(torch.zeros(3 * width)) if layer.bias else None
        self.out_proj = nn.Linear(width, channels, layer.bias)

    def forward(self, query: Tensor, key: Tensor, value: Tensor) -> tuple[Tensor]:
        named = [getattr(self, f"{name}_proj_weight", None) for name in "qkv"]
        weights = named if named[0] is not None else self.in_proj_weight.chunk(3)
        biases = (None,) * 3 if self.in_proj_bias is None else self.in_proj_bias.chunk(3)
        q, k, v = (
            F.linear(x, weight, bias).unflatten(2, (self.layer.heads, -1)).transpose(1, 2)
            for x, weight, bias in zip((query, key, value), weights, biases, strict=True)
        )
        scale = q.shape[3] ** -0.5 if self.layer.scaled else 1.0
        found = (scale * q @ k.transpose(2, 3)).softmax(3) @ v
        return (self.out_proj(found.transpose(1, 2).flatten(2)),)


def positions(case: Case) -> Made:
    module: Any = Weights(case)
    return module, lambda x: x + module.weight.T.reshape(x.shape[1:])


def token(case: Case) -> Made:
    module: Any = Weights(case)

    def run(x: Tensor) -> Tensor:
        return torch.cat([module.weight.expand(len(x), -1, -1), sequence(x)], 1).transpose(1, 2)

    return module, run


def merged(function: Callable[[Tensor, Tensor], Tensor]) -> Callable[[Case], Made]:
    def run(*xs: Tensor) -> Tensor:
        rank = max(x.ndim for x in xs)
        return reduce(function, (x.reshape(*x.shape, *(1 for _ in range(rank - x.ndim))) for x in xs))

    return lambda case: (nn.Identity(), run)


def ends(layer: Any) -> tuple[float, float]:
    return -torch.inf if layer.min is None else layer.min, torch.inf if layer.max is None else layer.max


def scale(case: Case) -> Made:
    layer: Any = case.layer
    module: Any = Weights(case)
    wide = (-1, *(1 for _ in case.inputs[0][:-1]))

    def run(x: Tensor) -> Tensor:
        y = x * (module.weight.reshape(wide) if layer.by is None else layer.by)
        return y + module.bias.reshape(wide) if layer.bias else y + layer.shift if layer.shift else y

    if layer.frozen:
        module.requires_grad_(False)
    return module, run


def module(make: Callable[[Any, int], nn.Module]) -> Callable[[Case], Made]:
    """A module as it is, made from the layer and its input's channels."""

    def made(case: Case) -> Made:
        found = make(case.layer, case.inputs[0][-1])
        return found, found

    return made


def plain(function: Callable[[Any, Tensor], Tensor]) -> Callable[[Case], Made]:
    return lambda case: (nn.Identity(), lambda x: function(case.layer, x))


TORCH: dict[str, Callable[[Case], Made]] = {
    "conv": conv, "depthwise": conv, "upconv": upconv,
    "dense": module(lambda layer, n: nn.Linear(n, layer.units, layer.bias)),
    "maxpool": maxpool, "minpool": lambda case: maxpool(case, -1), "medianpool": maxpool,
    "avgpool": avgpool, "subsample": subsample, "unpool": unpool,
    "globalavgpool": plain(lambda layer, x: x.mean(tuple(range(2, x.ndim)), keepdim=True)),
    "globalmaxpool": plain(lambda layer, x: getattr(F, f"adaptive_max_pool{x.ndim - 2}d")(x, 1)),
    "flatten": plain(lambda layer, x: x.flatten(1)),
    "reshape": plain(lambda layer, x: x.reshape(len(x), layer.to[-1], *layer.to[:-1])),
    "identity": module(lambda layer, n: nn.Identity()),
    "pad": pad, "crop": crop, "upsample": upsample,
    "pixelshuffle": pixels(larger=True), "pixelunshuffle": pixels(larger=False),
    "transpose": transpose,
    "slice": plain(lambda layer, x: x[:, layer.start : layer.stop]),
    "shuffle": plain(lambda layer, x: x.unflatten(1, (layer.groups, -1)).transpose(1, 2).flatten(1, 2)),
    "relu": module(lambda layer, n: nn.ReLU() if layer.max is None else nn.Hardtanh(0.0, layer.max)),
    "leakyrelu": module(lambda layer, n: nn.LeakyReLU(layer.slope)),
    "prelu": module(lambda layer, n: nn.PReLU(1 if layer.shared else n)),
    "elu": module(lambda layer, n: nn.ELU(layer.alpha)),
    "gelu": module(lambda layer, n: nn.GELU(layer.approximate)),
    "silu": module(lambda layer, n: nn.SiLU()),
    "sigmoid": module(lambda layer, n: nn.Sigmoid()),
    "tanh": module(lambda layer, n: nn.Tanh()),
    "softmax": module(lambda layer, n: nn.Softmax(1)),
    "hardswish": module(lambda layer, n: nn.Hardswish()),
    "hardsigmoid": module(lambda layer, n: nn.Hardsigmoid()),
    "softplus": module(lambda layer, n: nn.Softplus(layer.beta)),
    "selu": plain(lambda layer, x: layer.gamma * F.elu(x, layer.alpha)),
    "mish": module(lambda layer, n: nn.Mish()),
    "hardtanh": plain(lambda layer, x: F.hardtanh(x, *ends(layer))),
    "abs": plain(lambda layer, x: x.abs()), "square": plain(lambda layer, x: x.square()),
    "exp": plain(lambda layer, x: x.exp()), "log": plain(lambda layer, x: x.log()),
    "sqrt": plain(lambda layer, x: x.sqrt()), "power": plain(lambda layer, x: x.pow(layer.exponent)),
    "scale": scale,
    "mean": plain(lambda layer, x: x.mean(1, keepdim=True)),
    "max": plain(lambda layer, x: x.max(1, keepdim=True).values),
    "l2norm": plain(lambda layer, x: F.normalize(x, eps=layer.epsilon)),
    "batchnorm": batchnorm, "layernorm": layernorm,
    "groupnorm": module(lambda layer, n: nn.GroupNorm(layer.groups, n, layer.epsilon, layer.affine)),
    "instancenorm": lambda case: module(
        lambda layer, n: by_rank(nn, "InstanceNorm{}d", case)(n, layer.epsilon, affine=layer.affine)
    )(case),
    "rmsnorm": rmsnorm,
    "lrn": module(lambda layer, n: nn.LocalResponseNorm(layer.size, layer.alpha, layer.beta, layer.k)),
    "dropout": module(lambda layer, n: nn.Dropout(layer.rate)),
    "droppath": module(lambda layer, n: nn.Dropout(layer.rate)),
    "attention": attention, "positions": positions, "token": token,
    "add": merged(torch.add), "multiply": merged(torch.mul),
    "subtract": merged(torch.sub), "divide": merged(torch.div),
    "maximum": merged(torch.maximum), "minimum": merged(torch.minimum),
    "concat": lambda case: (nn.Identity(), lambda *xs: torch.cat(xs, 1)),
}  # fmt: skip
"""Word -> what makes the module and the run for a case."""

SHAPE_ALONE = {"medianpool", "unpool", "dropout", "droppath"}
"""PyTorch has no median; its unpool gives overwritten windows a gradient too; dropout draws other numbers."""
KNOWN = [case for case in CASES if case.layer.word not in SHAPE_ALONE]
"""The cases of which PyTorch gives the values too."""


def channels_first(x: Array) -> Array:
    return np.ascontiguousarray(np.moveaxis(x, -1, 1))


def in_torch(case: Case, images: Array, direction: Array, weights: dict[str, Array]) -> Run:
    """PyTorch's forward and backward pass of the network that ``single.network_of`` makes of a case."""
    whole = torch.tensor(images, requires_grad=True)
    parts, start = [], 0
    for shape in case.inputs:
        if len(case.inputs) == 1:
            parts = [whole.movedim(-1, 1)]
            break
        part = whole[:, start : start + prod(shape)]
        parts.append(part.reshape(len(images), shape[-1], *shape[:-1]))
        start += prod(shape)
    made, run = TORCH[case.layer.word](case)
    state = {name: torch.tensor(values) for name, values in weights.items()}
    assert made.load_state_dict(state, strict=False).unexpected_keys == []
    y = run(*parts)
    y.backward(torch.tensor(channels_first(direction)))
    gradients = {
        f"layer.{name}": weight.grad.numpy()
        for name, weight in made.named_parameters()
        if weight.grad is not None
    }
    return Run(np.moveaxis(y.detach().numpy(), 1, -1), whole.grad.numpy(), gradients)

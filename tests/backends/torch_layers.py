"""Every layer that PyTorch has too, written in PyTorch: arrays N x C x H x W."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import torch
import torch.nn.functional as F  # noqa: N812 - as everyone names it
from cases.registry import Case

from cnnspec.layers.conv import Depthwise
from cnnspec.layers.window import per_axis

Tensor = torch.Tensor


def sides(axes: Any) -> list[int]:
    """PyTorch's order of padding: the last axis first, before and after."""
    return [pixels for axis in reversed(axes) for pixels in (axis.before, axis.after)]


def conv(case: Case, xs: list[Tensor], w: dict[str, Tensor]) -> Tensor:
    layer: Any = case.layer
    if isinstance(layer, Depthwise):
        layer = layer.as_conv(case.inputs)
    axes = layer.axes(case.inputs)
    weight, rank = w["weight"], len(axes)
    if layer.table():
        full = torch.zeros(layer.filters, case.inputs[0][-1], *weight.shape[1:])
        rows = [f for f, row in enumerate(layer.table()) for _ in row]
        full[rows, [c for row in layer.table() for c in row]] = weight
        weight = full
    x = F.pad(xs[0], sides(axes))
    function = [F.conv1d, F.conv2d, F.conv3d][rank - 1]
    stride, dilation = [a.stride for a in axes], [a.dilation for a in axes]
    return function(x, weight, w.get("bias"), stride=stride, dilation=dilation, groups=layer.groups)


def upconv(case: Case, xs: list[Tensor], w: dict[str, Tensor]) -> Tensor:
    layer: Any = case.layer
    axes = layer.axes(case.inputs)
    function = [F.conv_transpose1d, F.conv_transpose2d, F.conv_transpose3d][len(axes) - 1]
    whole = function(
        xs[0], w["weight"], None, stride=[a.stride for a in axes],
        dilation=[a.dilation for a in axes], groups=layer.groups,
    )  # fmt: skip
    for n, axis in enumerate(axes, 2):
        missing = axis.before + int(axis.output) - whole.shape[n]
        if missing > 0:
            whole = F.pad(whole, [0, 0] * (len(axes) + 1 - n) + [0, missing])
        whole = whole.narrow(n, axis.before, int(axis.output))
    return whole if "bias" not in w else whole + w["bias"].reshape(-1, *(1 for _ in axes))


def windows(case: Case, x: Tensor, padding: float) -> Any:
    """The input padded so that every window fits, and the window's options without padding."""
    axes = case.layer.axes(case.inputs)  # type: ignore[attr-defined]
    reach = [(int(a.output) - 1) * a.stride + a.dilation * (a.kernel - 1) + 1 for a in axes]
    wide = [max(0, need - a.size - a.before) for need, a in zip(reach, axes, strict=True)]
    around = [
        pixels
        for a, after in zip(reversed(axes), reversed(wide), strict=True)
        for pixels in (a.before, after)
    ]
    padded = F.pad(x, around, value=padding)
    for n, need in enumerate(reach, 2):
        padded = padded.narrow(n, 0, need)
    return padded, [a.kernel for a in axes], [a.stride for a in axes], [a.dilation for a in axes]


def own_padding(case: Case) -> bool:
    """Whether PyTorch's pools take the case's padding themselves."""
    axes = case.layer.axes(case.inputs)  # type: ignore[attr-defined]
    return all(axis.before == axis.after <= axis.kernel // 2 for axis in axes)


def maxpool(case: Case, xs: list[Tensor], w: dict[str, Tensor], sign: int = 1) -> Tensor:
    layer: Any = case.layer
    axes = layer.axes(case.inputs)
    function = [F.max_pool1d, F.max_pool2d, F.max_pool3d][len(axes) - 1]
    if own_padding(case):
        padding = [axis.before for axis in axes]
        stride, dilation = [axis.stride for axis in axes], [axis.dilation for axis in axes]
        up = layer.rounding == "ceil"
        return sign * function(sign * xs[0], [a.kernel for a in axes], stride, padding, dilation, up)
    x, kernel, steps, apart = windows(case, sign * xs[0], -torch.inf)
    return sign * function(x, kernel, steps, 0, apart)


def avgpool(case: Case, xs: list[Tensor], w: dict[str, Tensor]) -> Tensor:
    layer: Any = case.layer
    axes = layer.axes(case.inputs)
    total = window_sum(case, xs[0])
    ones = torch.ones_like(xs[0][:1, :1])
    if not layer.count_padding:
        return total / window_sum(case, ones)
    return total / window_sum(case, F.pad(ones, sides(axes), value=1.0), padded=True)


def window_sum(case: Case, x: Tensor, padded: bool = False) -> Tensor:
    """Sums of windows; with ``padded`` the declared padding is already there."""
    axes = case.layer.axes(case.inputs)  # type: ignore[attr-defined]
    for n, axis in enumerate(axes, 2):
        before = 0 if padded else axis.before
        reach = (int(axis.output) - 1) * axis.stride + axis.kernel
        after = max(0, reach - before - x.shape[n])
        x = F.pad(x, [0, 0] * (len(axes) + 1 - n) + [before, after]).narrow(n, 0, reach)
        x = x.unfold(n, axis.kernel, axis.stride).sum(-1)
    return x


def subsample(case: Case, xs: list[Tensor], w: dict[str, Tensor]) -> Tensor:
    shape = (-1, *(1 for _ in case.inputs[0][:-1]))
    return window_sum(case, xs[0]) * w["weight"].reshape(shape) + w["bias"].reshape(shape)


def batchnorm(case: Case, xs: list[Tensor], w: dict[str, Tensor]) -> Tensor:
    layer: Any = case.layer
    return F.batch_norm(
        xs[0], w["running_mean"], w["running_var"], w.get("weight"), w.get("bias"),
        training=True, momentum=layer.momentum, eps=layer.epsilon,
    )  # fmt: skip


def layernorm(case: Case, xs: list[Tensor], w: dict[str, Tensor]) -> Tensor:
    layer: Any = case.layer
    weight, bias = w.get("weight"), w.get("bias")
    if layer.over == "all":
        return F.layer_norm(xs[0], xs[0].shape[1:], weight, bias, layer.epsilon)
    last = F.layer_norm(xs[0].movedim(1, -1), xs[0].shape[1:2], weight, bias, layer.epsilon)
    return last.movedim(-1, 1)


def groupnorm(case: Case, xs: list[Tensor], w: dict[str, Tensor]) -> Tensor:
    layer: Any = case.layer
    return F.group_norm(xs[0], layer.groups, w.get("weight"), w.get("bias"), layer.epsilon)


def lrn(case: Case, xs: list[Tensor], w: dict[str, Tensor]) -> Tensor:
    layer: Any = case.layer
    return F.local_response_norm(xs[0], layer.size, layer.alpha, layer.beta, layer.k)


def upsample(case: Case, xs: list[Tensor], w: dict[str, Tensor]) -> Tensor:
    layer: Any = case.layer
    scales = [float(s) for s in per_axis("scale", layer.scale, xs[0].ndim - 2)]
    if layer.mode == "nearest":
        return F.interpolate(xs[0], scale_factor=scales, mode="nearest")
    if layer.mode == "bilinear":
        mode = ["linear", "bilinear", "trilinear"][len(scales) - 1]
        return F.interpolate(xs[0], scale_factor=scales, mode=mode, align_corners=False)
    x = xs[0]
    for n, scale in enumerate(scales, 2):
        x = torch.stack([x, *(torch.zeros_like(x) for _ in range(int(scale) - 1))], n + 1).flatten(n, n + 1)
    return x


def pad(case: Case, xs: list[Tensor], w: dict[str, Tensor]) -> Tensor:
    layer: Any = case.layer
    around = [pixels for side in reversed(layer.sides(case.inputs)) for pixels in side]
    return F.pad(xs[0], around, {"zeros": "constant"}.get(layer.mode, layer.mode))


def merged(function: Callable[[Tensor, Tensor], Tensor]) -> Callable[..., Tensor]:
    def merge(case: Case, xs: list[Tensor], w: dict[str, Tensor]) -> Tensor:
        rank = max(x.ndim for x in xs)
        first, *rest = (x.reshape(*x.shape, *(1 for _ in range(rank - x.ndim))) for x in xs)
        for other in rest:
            first = function(first, other)
        return first

    return merge


def whole_map(function: Callable[..., Tensor]) -> Callable[..., Tensor]:
    return lambda case, xs, w: function(xs[0], tuple(range(2, xs[0].ndim)), keepdim=True)


def global_max(case: Case, xs: list[Tensor], w: dict[str, Tensor]) -> Tensor:
    """By the pool, which like ours gives the gradient to one pixel; amax shares it among equals."""
    function = [F.adaptive_max_pool1d, F.adaptive_max_pool2d, F.adaptive_max_pool3d][xs[0].ndim - 3]
    return function(xs[0], 1)


def plain(function: Callable[[Any, Tensor], Tensor]) -> Callable[..., Tensor]:
    return lambda case, xs, w: function(case.layer, xs[0])


TORCH: dict[str, Callable[[Case, list[Tensor], dict[str, Tensor]], Tensor]] = {
    "conv": conv, "depthwise": conv, "upconv": upconv,
    "dense": lambda case, xs, w: F.linear(xs[0], w["weight"], w.get("bias")),
    "maxpool": maxpool, "minpool": lambda case, xs, w: maxpool(case, xs, w, -1),
    "avgpool": avgpool, "subsample": subsample,
    "globalavgpool": whole_map(torch.mean), "globalmaxpool": global_max,
    "flatten": plain(lambda layer, x: x.flatten(1)),
    "reshape": plain(lambda layer, x: x.reshape(len(x), layer.to[-1], *layer.to[:-1])),
    "identity": plain(lambda layer, x: x),
    "pad": pad,
    "slice": plain(lambda layer, x: x[:, layer.start : layer.stop]),
    "shuffle": plain(lambda layer, x: x.unflatten(1, (layer.groups, -1)).transpose(1, 2).flatten(1, 2)),
    "upsample": upsample,
    "relu": plain(lambda layer, x: F.relu(x) if layer.max is None else F.hardtanh(x, 0, layer.max)),
    "leakyrelu": plain(lambda layer, x: F.leaky_relu(x, layer.slope)),
    "prelu": lambda case, xs, w: F.prelu(xs[0], w["weight"]),
    "elu": plain(lambda layer, x: F.elu(x, layer.alpha)),
    "gelu": plain(lambda layer, x: F.gelu(x, approximate=layer.approximate)),
    "silu": plain(lambda layer, x: F.silu(x)),
    "sigmoid": plain(lambda layer, x: torch.sigmoid(x)),
    "tanh": plain(lambda layer, x: torch.tanh(x)),
    "softmax": plain(lambda layer, x: torch.softmax(x, 1)),
    "hardswish": plain(lambda layer, x: F.hardswish(x)),
    "hardsigmoid": plain(lambda layer, x: F.hardsigmoid(x)),
    "batchnorm": batchnorm, "layernorm": layernorm, "groupnorm": groupnorm, "lrn": lrn,
    "add": merged(torch.add), "multiply": merged(torch.mul),
    "concat": lambda case, xs, w: torch.cat(xs, 1),
}  # fmt: skip

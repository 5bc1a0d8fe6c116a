"""What PyTorch's functions do, as layers: one table for code that is read and for graphs that torch exports.

Arguments are named and ordered as in ``torch.nn.functional``; names in capitals there are small here.
"""

from __future__ import annotations

import itertools
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from math import inf, isinf, prod
from typing import Any, Final, TypeAlias

from cnnspec.exchange.code_in.flow import ModelArray, NotFollowed, Tensor, TensorStorage
from cnnspec.exchange.code_in.signature import bound
from cnnspec.exchange.code_in.torch_attention import TorchScores, dot_product, product, projected
from cnnspec.exchange.code_in.values import UnknownValue


@dataclass(frozen=True, eq=False)
class Places:
    """Where a max pool found its values, which only its unpool reads."""

    pool: Tensor


Pair: TypeAlias = int | Sequence[int]
FLOAT_EPSILON: Final = 2.0**-23
"""The step of float32 behind 1."""


def _axes(value: Pair, rank: int) -> tuple[int, ...]:
    found = tuple(value) if isinstance(value, list | tuple) else (value,)
    if not all(type(one) is int for one in found) or len(found) not in (1, rank):
        raise NotFollowed(f"{value!r} is no size along {rank} axes")
    return found * rank if len(found) == 1 else found


def _short(sizes: tuple[int, ...]) -> tuple[int, ...]:
    return sizes[:1] if len(set(sizes)) == 1 else sizes


def tensor(x: Any) -> Tensor:
    if isinstance(x, Tensor):
        return x
    raise NotFollowed("a tensor is expected here, whose origin the reader cannot follow")


def rank_of(x: Tensor) -> int:
    return len(x.sizes) - 2


def owner(*parameters: Any) -> str:
    """The module that arrays belong to."""
    return next(
        (p.key.rpartition(".")[0] for p in parameters if isinstance(p, ModelArray) and not p.tied), ""
    )


def own(parameter: Any, what: str) -> ModelArray | None:
    if parameter is None or isinstance(parameter, ModelArray):
        return parameter
    raise NotFollowed(f"{what} is no parameter of the model, but worked out in its code")


def one(x: Any, word: str, /, **options: Any) -> Tensor:
    """A layer on one tensor, N x C x spatial."""
    x = tensor(x)
    name = options.pop("name", "")
    weights = options.pop("weights", None)
    return Tensor.of(x.trace, x.trace.add(word, [x.layer()], options, name, weights))


def elementwise(x: Any, word: str, /, **options: Any) -> Tensor:
    """A curve on every value, however its axes lie."""
    x = tensor(x)
    return tensor(x).kept(x.trace.add(word, [x.node], options))


def tell_of_shift(x: Tensor, what: str, count: int) -> None:
    x.trace.note(
        "framework-differs",
        f"{what} has a scale and no shift; here a norm has both or none: {count:,} parameters more",
    )


# Weights ---------------------------------------------------------------------------------


def conv(x: Any, weight: Any, bias: Any = None, stride: Pair = 1, padding: Any = 0, dilation: Pair = 1,
         groups: int = 1) -> Tensor:  # fmt: skip
    x, weight, bias = tensor(x), own(weight, "the kernel"), own(bias, "the bias")
    assert weight is not None
    filters, reads, *kernel = weight.shape
    rank, channels = len(kernel), tensor(x).sizes[1]
    if len(x.sizes) != rank + 2:
        raise NotFollowed(
            f"a convolution along {rank} axes gets a tensor of {len(x.sizes)}", code="needs-a-map"
        )
    if reads * groups != channels:
        raise NotFollowed(
            f"the convolution is made for {reads * groups} channels, but {channels} flow in",
            f"make it for {channels} channels", code="shapes-do-not-match",
        )  # fmt: skip
    options: dict[str, Any] = {"kernel": tuple(kernel), "bias": bias is not None}
    options |= {"stride": _short(_axes(stride, rank)), "dilation": _short(_axes(dilation, rank))}
    options["padding"] = padding if isinstance(padding, str) else _short(_axes(padding, rank))
    word = "conv"
    if groups == channels > 1 and filters % channels == 0:
        word, options = "depthwise", {**options, "multiplier": filters // channels}
    else:
        options |= {"filters": filters, "groups": groups}
    return one(x, word, **options, name=owner(weight), weights={"weight": weight, "bias": bias})


def conv_transpose(x: Any, weight: Any, bias: Any = None, stride: Pair = 1, padding: Pair = 0,
                   output_padding: Pair = 0, groups: int = 1, dilation: Pair = 1) -> Tensor:  # fmt: skip
    weight, bias = own(weight, "the kernel"), own(bias, "the bias")
    assert weight is not None
    channels, filters, *kernel = weight.shape
    rank = len(kernel)
    _need(tensor(x), channels, "transposed convolution")
    sizes = {"stride": stride, "padding": padding, "output_padding": output_padding, "dilation": dilation}
    options = {name: _short(_axes(value, rank)) for name, value in sizes.items()}
    return one(
        x, "upconv", filters=filters * groups, kernel=tuple(kernel), groups=groups,
        bias=bias is not None, **options, name=owner(weight), weights={"weight": weight, "bias": bias},
    )  # fmt: skip


def _fits(x: Tensor, weight: Any, what: str) -> None:
    if isinstance(weight, ModelArray) and weight.shape != (1,):
        _need(x, weight.shape[0], what)


def _need(x: Tensor, channels: int, what: str) -> None:
    if x.sizes[1] != channels:
        raise NotFollowed(
            f"the {what} is made for {channels:,} channels, but {x.sizes[1]:,} flow in",
            f"make it for {x.sizes[1]:,}", code="shapes-do-not-match",
        )  # fmt: skip


def linear(x: Any, weight: Any, bias: Any = None) -> Tensor:
    """Dense on vectors; at each position of a tensor with channels last, a 1x1 convolution."""
    x, weight, bias = tensor(x), own(weight, "the weight"), own(bias, "the bias")
    assert weight is not None
    units, reads = weight.shape
    if x.sizes[-1] != reads:
        raise NotFollowed(
            f"the linear layer is made for {reads:,} values, but {x.sizes[-1]:,} flow in",
            f"make it for {x.sizes[-1]:,} values" if len(x.sizes) == 2 else "flatten the map before it",
            notes=(f"what flows in is {' x '.join(map(str, x.sizes[1:]))} a sample",),
        )  # fmt: skip
    weights = {"weight": weight, "bias": bias}
    options = {"bias": bias is not None, "name": owner(weight), "weights": weights}
    if len(x.sizes) == 2:
        return one(x, "dense", units=units, **options)
    if x.node in x.trace.pending:
        return _with_last(x, projected(x, weight, bias))
    node = x.last()
    if node is None:
        raise NotFollowed("a linear layer on a tensor whose last axis is not its channels")
    rank = len(x.own) - 2
    weights["weight"] = weight.turned(lambda array: array.reshape(*array.shape, *(1 for _ in range(rank))))
    made = x.trace.add("conv", [node], {"filters": units, "kernel": (1,), "bias": bias is not None},
                       options["name"], weights)  # fmt: skip
    return _with_last(x, made)


def _with_last(x: Tensor, node: str) -> Tensor:
    """The view with channels last of a layer whose channels may be others."""
    fresh = Tensor.of(x.trace, node)
    channels, spatial = fresh.view[1], fresh.view[2:]
    view = [fresh.view[0]]
    if len(x.view) == 3:
        view.append(tuple(n for group in spatial for n in group))
    else:
        view += spatial
    return fresh.seen([*view, channels])


def batch_norm(x: Any, running_mean: Any, running_var: Any, weight: Any = None, bias: Any = None,
               training: Any = False, momentum: float = 0.1, eps: float = 1e-5) -> Tensor:  # fmt: skip
    if not isinstance(running_mean, ModelArray) or training is True:
        raise NotFollowed("batch norm without running statistics has no counterpart here")
    weights = {"weight": weight, "bias": bias, "running_mean": running_mean, "running_var": running_var}
    _need(tensor(x), running_mean.shape[0], "batch norm")
    return one(
        x, "batchnorm", epsilon=eps, momentum=momentum, affine=weight is not None,
        name=owner(running_mean), weights=weights,
    )  # fmt: skip


def layer_norm(
    x: Any, normalized_shape: Any, weight: Any = None, bias: Any = None, eps: float = 1e-5
) -> Tensor:
    x = tensor(x)
    shape = _axes_list(normalized_shape)
    if (weight is None) != (bias is None):
        raise NotFollowed("layer norm with a scale and no shift has no counterpart here")
    options: dict[str, Any] = {"epsilon": eps, "affine": weight is not None, "over": "all"}
    weights = {"weight": weight, "bias": bias}
    if len(shape) == 1 and len(x.sizes) > 2:
        node = x.last()
        if node is None or x.sizes[-1] != shape[0]:
            raise NotFollowed("layer norm over an axis that is not the channels, put last")
        return tensor(x).kept(
            x.trace.add("layernorm", [node], {**options, "over": "channels"}, owner(weight), weights)
        )
    if tuple(shape) != x.sizes[1:]:
        raise NotFollowed(f"layer norm over {tuple(shape)} of a tensor of {x.sizes[1:]} a sample")
    return one(x, "layernorm", **options, name=owner(weight), weights=weights)


def rms_norm(x: Any, normalized_shape: Any, weight: Any = None, eps: float | None = None) -> Tensor:
    """As layer norm, without a mean and a shift; PyTorch's own epsilon is that of its numbers."""
    x, shape = tensor(x), _axes_list(normalized_shape)
    options: dict[str, Any] = {"epsilon": FLOAT_EPSILON if eps is None else eps, "affine": weight is not None}
    if len(shape) == 1 and len(x.sizes) > 2 and (node := x.last()) and x.sizes[-1] == shape[0]:
        return tensor(x).kept(
            x.trace.add("rmsnorm", [node], {**options, "over": "channels"}, owner(weight), {"weight": weight})
        )
    if tuple(shape) != x.sizes[1:]:
        raise NotFollowed(f"RMS norm over {tuple(shape)} of a tensor of {x.sizes[1:]} a sample")
    return one(x, "rmsnorm", **options, name=owner(weight), weights={"weight": weight})


def _axes_list(value: Any) -> list[int]:
    return list(value) if isinstance(value, list | tuple) else [value]


def group_norm(x: Any, num_groups: int, weight: Any = None, bias: Any = None, eps: float = 1e-5) -> Tensor:
    return one(
        x, "groupnorm", groups=num_groups, epsilon=eps, affine=weight is not None, name=owner(weight),
        weights={"weight": weight, "bias": bias},
    )  # fmt: skip


def instance_norm(x: Any, running_mean: Any = None, running_var: Any = None, weight: Any = None,
                  bias: Any = None, use_input_stats: Any = True, momentum: float = 0.1,
                  eps: float = 1e-5) -> Tensor:  # fmt: skip
    if running_mean is not None or use_input_stats is False:
        raise NotFollowed("instance norm with running statistics has no counterpart here")

    return one(
        x, "instancenorm", epsilon=eps, affine=weight is not None, name=owner(weight),
        weights={"weight": weight, "bias": bias},
    )  # fmt: skip


def prelu(x: Any, weight: Any) -> Tensor:
    weight = own(weight, "the slope")
    assert weight is not None
    shared = weight.shape == (1,)
    _fits(tensor(x), weight, "PReLU")
    return one(x, "prelu", shared=shared, name=owner(weight), weights={"weight": weight})


def attention(x: Any, embed: int, heads: int, parameters: dict[str, Any], name: str, to: Any) -> Tensor:
    """``nn.MultiheadAttention`` with the batch first."""
    x, to = tensor(x), tensor(to)
    node, other = x.last(), to.last()
    if x.sizes[-1] != embed:
        raise NotFollowed(
            f"the attention is made for {embed} channels, but {x.sizes[-1]} flow in",
            code="shapes-do-not-match",
        )
    if node is None or other is None:
        raise NotFollowed("attention reads tensors of N x positions x channels")
    inputs, options = [node], {"heads": heads, "bias": parameters.get("in_proj_bias") is not None}
    if other != node:
        inputs, options = [node, other], {**options, "to": other}
    return tensor(x).kept(x.trace.add("attention", inputs, options, name, parameters))


# Pools -----------------------------------------------------------------------------------


def _windows(x: Tensor, rank: int, kernel: Pair, stride: Any, padding: Pair, ceil: bool) -> dict[str, Any]:
    if rank_of(x) != rank:
        raise NotFollowed(f"a pool along {rank} axes gets a tensor of {len(x.sizes)}")
    kernels = _axes(kernel, rank)
    strides = kernels if stride in (None, [], ()) else _axes(stride, rank)
    options: dict[str, Any] = {"kernel": kernels, "padding": _short(_axes(padding, rank))}
    if strides != kernels:
        options["stride"] = _short(strides)
    return {**options, "rounding": "ceil"} if ceil else options


def max_pool(rank: int) -> Callable[..., Any]:
    def pool(x: Any, kernel_size: Pair, stride: Any = None, padding: Pair = 0, dilation: Pair = 1,
             ceil_mode: bool = False, return_indices: bool = False) -> Any:  # fmt: skip
        options = _windows(tensor(x), rank, kernel_size, stride, padding, ceil_mode)
        made = one(x, "maxpool", **options, dilation=_short(_axes(dilation, rank)))
        return (made, Places(made.fresh())) if return_indices else made

    return pool


def avg_pool(rank: int) -> Callable[..., Tensor]:
    def pool(x: Any, kernel_size: Pair, stride: Any = None, padding: Pair = 0, ceil_mode: bool = False,
             count_include_pad: bool = True, divisor_override: Any = None) -> Tensor:  # fmt: skip
        if divisor_override is not None:
            raise NotFollowed("a pool with a divisor of its own has no counterpart here")
        options = _windows(tensor(x), rank, kernel_size, stride, padding, ceil_mode)
        return one(x, "avgpool", **options, count_padding=bool(count_include_pad))

    return pool


def max_unpool(x: Any, indices: Any, kernel_size: Pair, stride: Any = None, padding: Pair = 0,
               output_size: Any = None) -> Tensor:  # fmt: skip
    if not isinstance(indices, Places):
        raise NotFollowed("unpooling by other places than those of a pool has no counterpart here")
    x, pool = tensor(x), indices.pool
    layer: Any = x.trace.made[pool.node].layer
    *sizes, _ = x.trace.shapes[x.trace.inputs[pool.node][0]]
    rank = len(sizes)
    windows = _windows(x, rank, kernel_size, stride, padding, False)
    if layer.word != "maxpool" or any(
        _axes(getattr(layer, name) or layer.kernel, rank) != _axes(windows.get(name, windows["kernel"]), rank)
        for name in ("kernel", "stride", "padding")
    ):
        raise NotFollowed("unpooling by other windows than those of its pool has no counterpart here")
    kernels, steps, around = (
        _axes(windows.get(n, windows["kernel"]), rank) for n in ("kernel", "stride", "padding")
    )
    made = [(n - 1) * s - 2 * p + k for n, s, p, k in zip(x.sizes[2:], steps, around, kernels, strict=True)]
    wanted = list(_sizes(output_size, rank))[-rank:] if output_size is not None else made
    if wanted != sizes:
        raise NotFollowed(
            f"unpooling gives {wanted} here, and not the {sizes} that its pool read",
            "say output_size: the size of what the pool read",
        )
    return Tensor.of(x.trace, x.trace.add("unpool", [x.layer(), pool.node], {"pool": pool.node}))


def adaptive(word: str) -> Callable[..., Tensor]:
    """The whole map, or to a size: plain windows where it divides the map, as the language says it."""

    def pool(x: Any, output_size: Any, return_indices: bool = False) -> Tensor:
        x = tensor(x)
        if return_indices:
            raise NotFollowed("the places of an adaptive pool have no counterpart here")
        rank = rank_of(x)
        sizes = tuple(n if n is not None else x.sizes[2 + k] for k, n in enumerate(_sizes(output_size, rank)))
        if set(sizes) == {1}:
            return one(x, f"global{word}")
        if sizes == x.sizes[2:]:
            return tensor(x).fresh()
        return one(x, word, to=sizes)

    return pool


def _sizes(value: Any, rank: int) -> tuple[Any, ...]:
    return tuple(value) if isinstance(value, list | tuple) else (value,) * rank


# Curves ----------------------------------------------------------------------------------


def curve(word: str, arguments: str = "", **fields: str) -> Callable[..., Tensor]:
    """A function of every value; ``fields`` are PyTorch's names of ours, ``arguments`` its signature."""

    def apply(x: Any, *given: Any, **options: Any) -> Tensor:
        found = bound(word, f"{arguments} inplace=False", list(given), options)
        made = elementwise(x, word, **{ours: found[theirs] for ours, theirs in fields.items()})
        return put(x, made, found["inplace"])

    return apply


def put(x: Any, made: Tensor, inplace: Any) -> Tensor:
    """What a function gives: something new, or its tensor with that in its place."""
    if type(inplace) not in (bool, int):
        raise NotFollowed("whether this works in place is not in the code")
    return tensor(x).written(made) if inplace else made


def settled(name: str, x: Any, found: Any) -> Any:
    """What a call gives; under a name that ends in ``_``, its first tensor with the result in its place."""
    if not name.endswith("_"):
        return found
    if name[:-1] not in CHANGING:
        raise NotFollowed(f"{name} changes a tensor itself, which is not followed", "write x = … instead")
    if isinstance(x, TorchScores) and isinstance(found, TorchScores):
        x.by = found.by
        return x
    return tensor(x).written(tensor(found))


def hardtanh(x: Any, min_val: float = -1.0, max_val: float = 1.0, inplace: Any = False) -> Tensor:
    if min_val == 0 and max_val > 0:
        made = elementwise(x, "relu", max=None if isinf(max_val) else float(max_val))
        return put(x, made, inplace)
    ends = {name: None if isinf(end) else float(end) for name, end in (("min", min_val), ("max", max_val))}
    return put(x, elementwise(x, "hardtanh", **ends), inplace)


def clamp(x: Any, min: Any = None, max: Any = None) -> Tensor:
    return hardtanh(x, -inf if min is None else min, inf if max is None else max)


def glu(x: Any, dim: int = -1) -> Tensor:
    """Half of the channels, times the sigmoid of the other half."""
    values, gate = chunk(x, 2, dim)
    return merge("multiply")(values, elementwise(gate, "sigmoid"))


def softmax(x: Any, dim: Any = None, _stacklevel: Any = None, dtype: Any = None) -> Any:
    if isinstance(x, TorchScores):
        return x.shares(dim)
    x = tensor(x)
    dim = 1 if dim is None else x.axis(dim)
    if dim == 1 and x.sizes == x.own:
        return one(x, "softmax")
    if dim == len(x.sizes) - 1 and (node := x.last()) is not None:
        return tensor(x).kept(x.trace.add("softmax", [node]))
    if dim == 1 and len(x.sizes) == 2:
        return one(x, "softmax")
    raise NotFollowed(f"softmax along axis {dim}, which is not the channels")


def log_softmax(x: Any, dim: Any = None, _stacklevel: Any = None, dtype: Any = None) -> Any:
    x = tensor(x)
    x.trace.note(
        "framework-differs",
        "log_softmax is read as softmax: here the loss takes the logarithm by itself",
    )
    return softmax(x, dim)


def dropout(x: Any, p: float = 0.5, training: Any = True, inplace: Any = False) -> Any:
    if isinstance(x, TorchScores):
        return x.dropped() if p and training is not False else x
    if not _is_dropped(tensor(x), p, training):
        return tensor(x)
    return put(x, elementwise(x, "dropout", rate=float(p)).part_of(tensor(x)), inplace)


def channels_dropout(x: Any, p: float = 0.5, training: Any = True, inplace: Any = False) -> Tensor:
    if not _is_dropped(tensor(x), p, training):
        return tensor(x)
    return put(x, one(x, "dropout", rate=float(p), channels=True).part_of(tensor(x)), inplace)


def _is_dropped(x: Tensor, p: float, training: Any) -> bool:
    if training is True:
        x.trace.note(
            "framework-differs",
            "this dropout is at work in use too; here, as usual, in training alone",
            "training=self.training ends it in use",
        )
    return bool(p) and training is not False


def local_response_norm(x: Any, size: int, alpha: float = 1e-4, beta: float = 0.75, k: float = 1.0) -> Tensor:
    return one(x, "lrn", size=size, alpha=alpha, beta=beta, k=k)


# Sizes -----------------------------------------------------------------------------------


def interpolate(x: Any, size: Any = None, scale_factor: Any = None, mode: str = "nearest",
                align_corners: Any = None, recompute_scale_factor: Any = None,
                antialias: bool = False) -> Tensor:  # fmt: skip
    x = tensor(x)
    rank = rank_of(x)
    if antialias:
        raise NotFollowed("resizing with antialias has no counterpart here")
    now = x.sizes[2:]
    if size is not None:
        wanted = tuple(int(n) for n in _sizes(size, rank))
        factors = tuple(a / b for a, b in zip(wanted, now, strict=True))
    else:
        factors = tuple(float(f) for f in _sizes(scale_factor, rank))
        wanted = tuple(int(a * f) for a, f in zip(now, factors, strict=True))
    how = {"nearest": "nearest", "linear": "bilinear", "bilinear": "bilinear", "trilinear": "bilinear",
           "bicubic": "bicubic"}.get(mode)  # fmt: skip
    if how is None:
        raise NotFollowed(f'resizing with mode "{mode}" has no counterpart here')
    options: dict[str, Any] = {"mode": how, "align": "corners" if align_corners else "edges"}
    if all(f == int(f) and f >= 1 for f in factors):
        scale = tuple(map(int, factors))
        return x.fresh() if set(scale) == {1} else one(x, "upsample", scale=_short(scale), **options)
    if size is None and not recompute_scale_factor:
        return one(x, "upsample", scale=_short(factors), **options)
    return one(x, "upsample", to=wanted, **options)


def pad(x: Any, pad: Sequence[int], mode: str = "constant", value: Any = None) -> Tensor:
    x = tensor(x)
    rank = rank_of(x)
    ends = [(pad[n], pad[n + 1]) for n in range(0, len(pad), 2)]
    if len(ends) > rank:
        if len(ends) == rank + 1 and mode == "constant" and not value and min(ends[-1]) >= 0:
            padded = _pad_map(x, pad[:-2]) if any(pad[:-2]) else x.fresh()
            return one(padded, "pad", channels=ends[-1]) if any(ends[-1]) else tensor(padded)
        raise NotFollowed("padding beyond the spatial axes has no counterpart here")
    sides = [(0, 0)] * (rank - len(ends)) + ends[::-1]
    if mode == "constant" and value:
        raise NotFollowed("padding with a value other than 0 has no counterpart here")
    how = {"constant": "zeros", "reflect": "reflect", "replicate": "replicate"}.get(mode)
    if how is None:
        raise NotFollowed(f'padding with mode "{mode}" has no counterpart here')
    cut, grown = [tuple(max(0, sign * n) for side in sides for n in side) for sign in (-1, 1)]
    if any(cut):
        x = one(x, "crop", amount=_short(cut))
    return one(x, "pad", amount=_short(grown), mode=how) if any(grown) else x.fresh()


_pad_map: Final = pad


def pixel_shuffle(x: Any, upscale_factor: int) -> Tensor:
    return one(x, "pixelshuffle", factor=upscale_factor)


def pixel_unshuffle(x: Any, downscale_factor: int) -> Tensor:
    return one(x, "pixelunshuffle", factor=downscale_factor)


def mean(x: Any, dim: Any = None, keepdim: bool = False, dtype: Any = None) -> Tensor:
    return _over(tensor(x), dim, keepdim, "globalavgpool", "mean")


def amax(x: Any, dim: Any = (), keepdim: bool = False) -> Tensor:
    return _over(tensor(x), dim, keepdim, "globalmaxpool", "amax")


def _over(x: Tensor, dim: Any, keepdim: bool, word: str, name: str) -> Tensor:
    """Over all spatial axes: a global pool, without its axes unless they are kept."""
    dims = sorted(x.axis(n) for n in _axes_list(dim if dim is not None else list(range(len(x.sizes)))))
    node = x.last() if dims == list(range(1, len(x.sizes) - 1)) else None
    if node is not None:
        made = Tensor.of(x.trace, x.trace.add(word, [node]))
        return made.seen(made.view[:2])
    if dims == [1] and keepdim:
        return one(x, {"globalavgpool": "mean", "globalmaxpool": "max"}[word])
    if dims != list(range(2, len(x.sizes))) or not dims:
        raise NotFollowed(f"{name} over axes {dims}, which are not all spatial axes of a map")
    made = one(x, word)
    return made if keepdim else made.seen(made.view[:2])


# Merges ----------------------------------------------------------------------------------


def scaled(x: Any, by: float, shift: float = 0.0) -> Tensor:
    """Every value times a number, plus a number."""
    return elementwise(x, "scale", by=float(by), shift=float(shift))


_WITH_NUMBER: Final[dict[str, Callable[[Any, float], Tensor]]] = {
    "add": lambda x, n: scaled(x, 1.0, n), "subtract": lambda x, n: scaled(x, 1.0, -n),
    "multiply": lambda x, n: scaled(x, n), "divide": lambda x, n: scaled(x, 1 / n),
}  # fmt: skip
_OF_NUMBER: Final[dict[str, Callable[[Any, float], Tensor]]] = {
    "add": _WITH_NUMBER["add"], "multiply": _WITH_NUMBER["multiply"],
    "subtract": lambda x, n: scaled(x, -1.0, n),
}  # fmt: skip


def merge(word: str) -> Callable[..., Tensor]:
    def apply(a: Any, b: Any, alpha: float = 1) -> Any:
        if alpha != 1:
            raise NotFollowed(f"{word} with a factor has no counterpart here")
        if isinstance(a, TorchScores) and type(b) in (int, float) and word in ("multiply", "divide"):
            return a.scaled(b if word == "multiply" else 1 / b)
        for one, other, table in ((a, b, _WITH_NUMBER), (b, a, _OF_NUMBER)):
            if isinstance(one, Tensor) and type(other) in (int, float) and word in table:
                return table[word](one, other)
            if isinstance(one, Tensor) and isinstance(other, ModelArray):
                return _with_parameter(word, one, other)
        if not isinstance(a, Tensor) or not isinstance(b, Tensor):
            raise NotFollowed(f"{word} of a tensor and something else has no counterpart here")
        return _merged(word, a, b)

    return apply


def _merged(word: str, a: Tensor, b: Tensor) -> Tensor:
    a, b = (replace(x, wide=()) if x.wide == y.sizes else x for x, y in ((a, b), (b, a)))
    if (a.atoms, a.view) == (b.atoms, b.view):
        return a.kept(a.trace.add(word, [a.node, b.node]))
    if len(a.sizes) != len(b.sizes):
        raise NotFollowed(f"{word} of tensors with {len(a.sizes)} and {len(b.sizes)} axes")
    return Tensor.of(a.trace, a.trace.add(word, [a.layer(), b.layer()]))


def _with_parameter(word: str, x: Tensor, parameter: ModelArray) -> Tensor:
    """A trained factor for each channel, or a number for each channel of each position."""
    sizes = (1,) * (len(x.sizes) - len(parameter.shape)) + parameter.shape
    channels = [n for n, size in enumerate(sizes) if size != 1]
    flat = parameter.turned(lambda array: array.reshape(-1))
    is_scale = word == "multiply" and len(channels) <= 1
    weights = {"weight": flat}
    begins = {} if parameter.value is None else {"initial": parameter.value}
    if is_scale and channels == [1] and x.sizes == x.own and sizes[1] == x.sizes[1]:
        return one(x, "scale", name=parameter.key, weights=weights, **begins)
    node = x.last()
    if is_scale and node and channels == [len(sizes) - 1] and sizes[-1] == x.sizes[-1]:
        return x.kept(x.trace.add("scale", [node], begins, parameter.key, weights))
    if word == "add" and node and sizes == (1, *x.sizes[1:]):
        rows = parameter.turned(lambda array: array.reshape(-1, array.shape[-1]))
        return x.kept(x.trace.add("positions", [node], {}, parameter.key, {"weight": rows}))
    raise NotFollowed(f"{word} with a parameter of {parameter.shape} has no counterpart here")


def power(x: Any, exponent: Any) -> Tensor:
    if type(exponent) not in (int, float):
        raise NotFollowed("only fixed exponents have a counterpart here")
    word, options = ("square", {}) if exponent == 2 else ("power", {"exponent": float(exponent)})
    return elementwise(x, word, **options)


def channel_max(x: Any, dim: Any = None, keepdim: bool = False) -> Any:
    """``x.max(dim=1, keepdim=True)``, values and places; of two tensors the greater."""
    if isinstance(dim, Tensor):
        return _merged("maximum", tensor(x), dim)
    found = amax(x, dim if dim is not None else (), keepdim)
    return found, UnknownValue("the places of a maximum have no counterpart here")


def normalize(x: Any, p: float = 2.0, dim: int = 1, eps: float = 1e-12) -> Tensor:
    if p != 2 or tensor(x).axis(dim) != 1:
        raise NotFollowed("only the length of the channels is divided by here")
    return one(x, "l2norm", epsilon=eps)


def cat(tensors: Sequence[Any], dim: int = 0, axis: Any = None) -> Tensor:
    if len(tensors) == 1:
        return tensor(tensors[0]).fresh()
    if len(tensors) == 2 and isinstance(tensors[0], ModelArray):
        return _with_token(tensors[0], tensor(tensors[1]), dim if axis is None else axis)
    flows = [tensor(x) for x in tensors]
    dim = flows[0].axis(dim if axis is None else axis)
    first = flows[0]
    if dim == len(first.sizes) - 1 and dim > 1 and all(x.last() for x in flows):
        return _with_last(first, first.trace.add("concat", [x.last() or "" for x in flows]))
    if dim != 1:
        raise NotFollowed(f"cat along axis {dim}; concat joins channels, which are axis 1")
    return Tensor.of(first.trace, first.trace.add("concat", [x.layer() for x in flows]))


def _with_token(token: ModelArray, x: Tensor, dim: int) -> Tensor:
    """Trained positions before those of a tensor N x positions x channels."""
    *_, count, channels = (1, 1, *token.shape)
    node = x.last()
    if node is None or len(x.sizes) != 3 or x.axis(dim) != 1 or channels != x.sizes[-1]:
        raise NotFollowed("a parameter is put before a tensor otherwise than as positions before positions")
    weights = {"weight": token.turned(lambda array: array.reshape(count, channels))}
    return _with_last(x, x.trace.add("token", [node], {"count": count}, token.key, weights))


def _positions_of(x: Tensor, start: int, stop: int) -> Tensor | None:
    """Some positions of a tensor N x positions x channels; None where it is no such sequence."""
    node = x.last()
    if node is None or len(x.sizes) != 3 or len(x.own) != 3 or x.own[1:] == x.sizes[1:]:
        return None
    length = x.sizes[1]
    how = {"to": (stop - start,), "at": "start"} if start == 0 else {"amount": (start, length - stop)}
    return _with_last(x, x.trace.add("crop", [node], how))


def take(x: Tensor, dim: int, place: int) -> Tensor:
    """One position of a sequence, as ``x[:, 0]`` takes a token."""
    place += x.sizes[x.axis(dim)] if place < 0 else 0
    dim = x.axis(dim)
    if 0 <= place < x.sizes[dim] and (part := _of_channels(x, dim, place)) is not None:
        return part.part_of(x, dim, place, place + 1)
    found = _positions_of(x, place, place + 1) if x.axis(dim) == 1 else None
    if found is None:
        raise NotFollowed("a single place of a tensor is taken, which the language cannot say")
    return found.seen((found.view[0], found.view[2])).part_of(x, 1, place, place + 1)


def select(x: Any, dim: int, index: int) -> Tensor:
    return take(tensor(x), dim, index)


def cut(x: Tensor, dim: int, start: int, stop: int) -> Tensor:
    """Part of an axis: channels as slice, spatial axes as crop."""
    dim, size = x.axis(dim), x.sizes[x.axis(dim)]
    start, stop = (max(0, n + size) if n < 0 else min(n, size) for n in (start, stop))
    if (start, stop) == (0, size):
        return x
    if stop <= start or dim == 0:
        raise NotFollowed("part of the batch, or nothing, is taken")
    return _taken(x, dim, start, stop).part_of(x, dim, start, stop)


def unbind(x: Any, dim: int = 0) -> tuple[Tensor, ...]:
    x = tensor(x)
    return tuple(take(x, dim, n) for n in range(x.sizes[x.axis(dim)]))


def _of_channels(x: Tensor, dim: int, place: int) -> Tensor | None:
    """One place of an axis that the channels begin with, as of ``3`` in 3 x heads x values."""
    groups, lead = x.own_groups(), x.view[dim]
    if not groups or not lead or groups[1][: len(lead)] != lead:
        return None
    step = prod(x.atoms[n] for n in groups[1][len(lead) :])
    node = x.trace.add("slice", [x.node], {"start": place * step, "stop": (place + 1) * step}, between="")
    known = {n: k for k, n in enumerate(n for n in range(len(x.atoms)) if n not in lead)}
    view = [tuple(known[n] for n in group) for k, group in enumerate(x.view) if k != dim]
    return Tensor(x.trace, TensorStorage(node), tuple(x.atoms[n] for n in known), tuple(view))


def _taken(x: Tensor, dim: int, start: int, stop: int) -> Tensor:
    if dim == len(x.sizes) - 1 and dim > 1 and (node := x.last()) is not None:
        return _with_last(x, x.trace.add("slice", [node], {"start": start, "stop": stop}, between=""))
    if dim == 1 and (found := _positions_of(x, start, stop)) is not None:
        return found
    if dim == 1:
        return one(x, "slice", start=start, stop=stop)
    ends = [(0, 0)] * rank_of(x)
    ends[dim - 2] = (start, x.sizes[dim] - stop)
    return one(x, "crop", amount=_short(tuple(n for end in ends for n in end)))


def chunk(x: Any, chunks: int, dim: int = 0) -> tuple[Tensor, ...]:
    x = tensor(x)
    size = x.sizes[x.axis(dim)]
    return split(x, -(-size // chunks), dim)


def split(x: Any, split_size_or_sections: Any, dim: int = 0) -> tuple[Tensor, ...]:
    x = tensor(x)
    size, step = x.sizes[x.axis(dim)], split_size_or_sections
    sizes = list(step) if isinstance(step, list | tuple) else [step] * -(-size // step)
    ends = [sum(sizes[:n]) for n in range(len(sizes) + 1)]
    return tuple(cut(x, dim, a, min(b, size)) for a, b in itertools.pairwise(ends))


# Views -----------------------------------------------------------------------------------


def _spread(sizes: tuple[Any, ...]) -> list[int]:
    found = list(sizes[0]) if len(sizes) == 1 and isinstance(sizes[0], list | tuple) else list(sizes)
    if not all(type(size) is int for size in found):
        raise NotFollowed("a size here is none that the reader can follow")
    return found


def view(x: Any, *sizes: Any) -> Tensor:
    return tensor(x).reshaped(_spread(sizes))


def reshape(x: Any, *sizes: Any, shape: Any = None) -> Tensor:
    """A view where the memory allows it, else a copy."""
    return view(x, *(sizes if shape is None else (shape,))).part_of(tensor(x))


def flatten(x: Any, start_dim: int = 0, end_dim: int = -1) -> Tensor:
    return tensor(x).flattened(start_dim, end_dim).part_of(tensor(x))


def unflatten(x: Any, dim: int, sizes: Any) -> Tensor:
    x = tensor(x)
    dim = x.axis(dim)
    given = list(sizes)
    if -1 in given:
        given[given.index(-1)] = x.sizes[dim] // -prod(given)
    return tensor(x).reshaped([*x.sizes[:dim], *given, *x.sizes[dim + 1 :]])


def permute(x: Any, *dims: Any) -> Tensor:
    return tensor(x).permuted(_spread(dims))


def transpose(x: Any, dim0: int, dim1: int) -> Tensor:
    x = tensor(x)
    dims = list(range(len(x.sizes)))
    a, b = x.axis(dim0), x.axis(dim1)
    dims[a], dims[b] = b, a
    return tensor(x).permuted(dims)


def movedim(x: Any, source: int, destination: int) -> Tensor:
    x = tensor(x)
    dims = list(range(len(x.sizes)))
    dims.insert(x.axis(destination), dims.pop(x.axis(source)))
    return tensor(x).permuted(dims)


def squeeze(x: Any, dim: Any = None) -> Tensor:
    x = tensor(x)
    dims = range(1, len(x.sizes)) if dim is None else [x.axis(n) for n in _axes_list(dim)]
    return tensor(x).seen(group for n, group in enumerate(x.view) if n not in dims or x.sizes[n] != 1)


def unsqueeze(x: Any, dim: int) -> Tensor:
    x = tensor(x)
    place = dim + len(x.sizes) + 1 if dim < 0 else dim
    return tensor(x).seen([*x.view[:place], (), *x.view[place:]])


def expand_as(x: Any, other: Any) -> Tensor:
    """The same pixel everywhere: nothing to do where a merge does it anyway."""
    x, other = tensor(x), tensor(other)
    if x.sizes == other.sizes:
        return tensor(x)
    if len(x.sizes) != len(other.sizes) or x.sizes[:2] != other.sizes[:2] or set(x.sizes[2:]) != {1}:
        raise NotFollowed("only a map of one pixel is expanded to a larger one")
    return replace(tensor(x), wide=other.sizes)


def each_sample(parameter: Any, name: str, arguments: Sequence[Any]) -> Any:
    """A parameter again for each sample: along its first axis, which has one place."""
    sizes = _spread(tuple(arguments))
    same = [(1,) if name == "repeat" else (-1, size) for size in parameter.shape[1:]]
    if parameter.shape[:1] != (1,) or len(sizes) != len(parameter.shape) or any(
        size not in known for size, known in zip(sizes[1:], same, strict=True)
    ):  # fmt: skip
        raise NotFollowed(f"{name} of a parameter otherwise than for each sample is not followed")
    return parameter


def expand(x: Any, *sizes: Any) -> Any:
    if isinstance(x, ModelArray):
        return each_sample(x, "expand", sizes)
    x = tensor(x)
    wanted = [own if size == -1 else size for size, own in zip(_spread(sizes), x.sizes, strict=True)]
    return expand_as(x, replace(x, wide=tuple(wanted)))


def unchanged(x: Any, *others: Any, **options: Any) -> Tensor:
    return tensor(x)


def clone(x: Any, memory_format: Any = None) -> Tensor:
    return tensor(x).fresh()


def moved(x: Any, *others: Any, **options: Any) -> Tensor:
    """To where, or to the numbers, that it mostly has already."""
    if any(getattr(one, "last", "float32") in OTHER_NUMBERS for one in (*others, *options.values())):
        raise NotFollowed("whole numbers have no counterpart here")
    return tensor(x).part_of(tensor(x))


def channel_shuffle(x: Any, groups: int) -> Tensor:
    return one(x, "shuffle", groups=groups)


def size(x: Any, dim: Any = None) -> Any:
    x = tensor(x)
    return x.sizes if dim is None else x.sizes[x.axis(dim)]


CURVES: Final = (
    "relu", "sigmoid", "tanh", "hardswish", "hardsigmoid", "silu", "selu", "mish", "abs", "exp", "square",
    "sqrt", "log",
)  # fmt: skip

OTHER_NUMBERS: Final = ("int", "int8", "int16", "int32", "int64", "uint8", "short", "long", "bool")
CHANGING: Final = (
    *CURVES, "leaky_relu", "elu", "gelu", "hardtanh", "clamp", "add", "mul", "multiply", "sub", "subtract",
    "div", "divide", "true_divide", "pow", "neg", "dropout", "feature_dropout",
)  # fmt: skip
"""What is done in place under a name that ends in ``_``."""

FUNCTIONS: Final[dict[str, Callable[..., Any]]] = {
    **{f"conv{n}d": conv for n in (1, 2, 3)}, **{f"conv_transpose{n}d": conv_transpose for n in (1, 2, 3)},
    "linear": linear, "batch_norm": batch_norm, "layer_norm": layer_norm, "group_norm": group_norm,
    "instance_norm": instance_norm, "prelu": prelu, "local_response_norm": local_response_norm,
    **{f"max_pool{n}d": max_pool(n) for n in (1, 2, 3)}, **{f"avg_pool{n}d": avg_pool(n) for n in (1, 2, 3)},
    **{f"max_unpool{n}d": max_unpool for n in (1, 2, 3)},
    **{f"adaptive_avg_pool{n}d": adaptive("avgpool") for n in (1, 2, 3)},
    **{f"adaptive_max_pool{n}d": adaptive("maxpool") for n in (1, 2, 3)},
    **{word: curve(word) for word in CURVES},
    "relu6": lambda x, inplace=False: hardtanh(x, 0.0, 6.0, inplace), "hardtanh": hardtanh, "clamp": clamp,
    "leaky_relu": curve("leakyrelu", "negative_slope=0.01", slope="negative_slope"),
    "elu": curve("elu", "alpha=1.0", alpha="alpha"), "glu": glu, "rms_norm": rms_norm,
    "gelu": curve("gelu", "approximate='none'", approximate="approximate"),
    "softmax": softmax, "log_softmax": log_softmax, "dropout": dropout, "dropout2d": channels_dropout,
    "dropout3d": channels_dropout, "feature_dropout": channels_dropout,
    "interpolate": interpolate, "upsample": interpolate, "pad": pad,
    "pixel_shuffle": pixel_shuffle, "pixel_unshuffle": pixel_unshuffle, "channel_shuffle": channel_shuffle,
    "mean": mean, "amax": amax, "add": merge("add"), "mul": merge("multiply"), "multiply": merge("multiply"),
    "cat": cat, "concat": cat, "concatenate": cat, "chunk": chunk, "split": split,
    "view": view, "reshape": reshape, "flatten": flatten, "unflatten": unflatten, "permute": permute,
    "transpose": transpose, "swapaxes": transpose, "movedim": movedim, "squeeze": squeeze,
    "unsqueeze": unsqueeze, "size": size, "expand_as": expand_as, "expand": expand,
    **dict.fromkeys(("contiguous", "float", "to", "type_as"), moved), "clone": clone,
    **dict.fromkeys(("detach", "identity"), unchanged),
    "softplus": curve("softplus", "beta=1.0 threshold=20.0!", beta="beta"), "pow": power,
    "maximum": merge("maximum"), "minimum": merge("minimum"), "sub": merge("subtract"),
    "subtract": merge("subtract"),
    "div": merge("divide"), "divide": merge("divide"), "true_divide": merge("divide"), "max": channel_max,
    **dict.fromkeys(("matmul", "bmm"), product), "unbind": unbind, "select": select,
    "scaled_dot_product_attention": dot_product, "neg": lambda x: scaled(x, -1.0), "normalize": normalize,
}  # fmt: skip
"""By their names in PyTorch, as functions or as methods of a tensor."""

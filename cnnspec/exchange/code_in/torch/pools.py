"""PyTorch's pools, means and changes of size as layers."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any, Final

from cnnspec.exchange.code_in.flow import Tensor
from cnnspec.exchange.code_in.torch.basics import (
    Pair,
    axes_list,
    one,
    per_axis,
    rank_of,
    shortened,
    sizes_of,
    tensor,
)
from cnnspec.exchange.code_in.trace import NotFollowed


@dataclass(frozen=True, eq=False)
class Places:
    """Where a max pool found its values, which only its unpool reads."""

    pool: Tensor


# Pools -----------------------------------------------------------------------------------


def _windows(x: Tensor, rank: int, kernel: Pair, stride: Any, padding: Pair, ceil: bool) -> dict[str, Any]:
    if rank_of(x) != rank:
        raise NotFollowed(f"a pool along {rank} axes gets a tensor of {len(x.sizes)}")
    kernels = per_axis(kernel, rank)
    strides = kernels if stride in (None, [], ()) else per_axis(stride, rank)
    options: dict[str, Any] = {"kernel": kernels, "padding": shortened(per_axis(padding, rank))}
    if strides != kernels:
        options["stride"] = shortened(strides)
    return {**options, "rounding": "ceil"} if ceil else options


def max_pool(rank: int) -> Callable[..., Any]:
    def pool(x: Any, kernel_size: Pair, stride: Any = None, padding: Pair = 0, dilation: Pair = 1,
             ceil_mode: bool = False, return_indices: bool = False) -> Any:  # fmt: skip
        options = _windows(tensor(x), rank, kernel_size, stride, padding, ceil_mode)
        made = one(x, "maxpool", **options, dilation=shortened(per_axis(dilation, rank)))
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
        per_axis(getattr(layer, name) or layer.kernel, rank)
        != per_axis(windows.get(name, windows["kernel"]), rank)
        for name in ("kernel", "stride", "padding")
    ):
        raise NotFollowed("unpooling by other windows than those of its pool has no counterpart here")
    kernels, steps, around = (
        per_axis(windows.get(n, windows["kernel"]), rank) for n in ("kernel", "stride", "padding")
    )
    made = [(n - 1) * s - 2 * p + k for n, s, p, k in zip(x.sizes[2:], steps, around, kernels, strict=True)]
    wanted = list(sizes_of(output_size, rank))[-rank:] if output_size is not None else made
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
        sizes = tuple(
            n if n is not None else x.sizes[2 + k] for k, n in enumerate(sizes_of(output_size, rank))
        )
        if set(sizes) == {1}:
            return one(x, f"global{word}")
        if sizes == x.sizes[2:]:
            return tensor(x).fresh()
        return one(x, word, to=sizes)

    return pool


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
        wanted = tuple(int(n) for n in sizes_of(size, rank))
        factors = tuple(a / b for a, b in zip(wanted, now, strict=True))
    else:
        factors = tuple(float(f) for f in sizes_of(scale_factor, rank))
        wanted = tuple(int(a * f) for a, f in zip(now, factors, strict=True))
    how = {"nearest": "nearest", "linear": "bilinear", "bilinear": "bilinear", "trilinear": "bilinear",
           "bicubic": "bicubic"}.get(mode)  # fmt: skip
    if how is None:
        raise NotFollowed(f'resizing with mode "{mode}" has no counterpart here')
    options: dict[str, Any] = {"mode": how, "align": "corners" if align_corners else "edges"}
    if all(f == int(f) and f >= 1 for f in factors):
        scale = tuple(map(int, factors))
        return x.fresh() if set(scale) == {1} else one(x, "upsample", scale=shortened(scale), **options)
    if size is None and not recompute_scale_factor:
        return one(x, "upsample", scale=shortened(factors), **options)
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
        x = one(x, "crop", amount=shortened(cut))
    return one(x, "pad", amount=shortened(grown), mode=how) if any(grown) else x.fresh()


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
    dims = sorted(x.axis(n) for n in axes_list(dim if dim is not None else list(range(len(x.sizes)))))
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


def normalize(x: Any, p: float = 2.0, dim: int = 1, eps: float = 1e-12) -> Tensor:
    if p != 2 or tensor(x).axis(dim) != 1:
        raise NotFollowed("only the length of the channels is divided by here")
    return one(x, "l2norm", epsilon=eps)

"""PyTorch's views and parts of tensors: most cost no layer, some are a slice, a crop or a concatenation."""

from __future__ import annotations

import itertools
from collections.abc import Sequence
from dataclasses import replace
from math import prod
from typing import Any, Final

from cnnspec.exchange.code_in.flow import Tensor, TensorStorage
from cnnspec.exchange.code_in.torch.basics import (
    axes_list,
    one,
    rank_of,
    shortened,
    sizes_given,
    tensor,
    with_last,
)
from cnnspec.exchange.code_in.trace import ModelArray, NotFollowed


def cat(tensors: Sequence[Any], dim: int = 0, axis: Any = None) -> Tensor:
    if len(tensors) == 1:
        return tensor(tensors[0]).fresh()
    if len(tensors) == 2 and isinstance(tensors[0], ModelArray):
        return _with_token(tensors[0], tensor(tensors[1]), dim if axis is None else axis)
    flows = [tensor(x) for x in tensors]
    dim = flows[0].axis(dim if axis is None else axis)
    first = flows[0]
    if dim == len(first.sizes) - 1 and dim > 1 and all(x.last() for x in flows):
        return with_last(first, first.trace.add("concat", [x.last() or "" for x in flows]))
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
    return with_last(x, x.trace.add("token", [node], {"count": count}, token.key, weights))


def _positions_of(x: Tensor, start: int, stop: int) -> Tensor | None:
    """Some positions of a tensor N x positions x channels; None where it is no such sequence."""
    node = x.last()
    if node is None or len(x.sizes) != 3 or len(x.own) != 3 or x.own[1:] == x.sizes[1:]:
        return None
    length = x.sizes[1]
    how = {"to": (stop - start,), "at": "start"} if start == 0 else {"amount": (start, length - stop)}
    return with_last(x, x.trace.add("crop", [node], how))


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
        return with_last(x, x.trace.add("slice", [node], {"start": start, "stop": stop}, between=""))
    if dim == 1 and (found := _positions_of(x, start, stop)) is not None:
        return found
    if dim == 1:
        return one(x, "slice", start=start, stop=stop)
    ends = [(0, 0)] * rank_of(x)
    ends[dim - 2] = (start, x.sizes[dim] - stop)
    return one(x, "crop", amount=shortened(tuple(n for end in ends for n in end)))


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


def view(x: Any, *sizes: Any) -> Tensor:
    return tensor(x).reshaped(sizes_given(sizes))


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
    return tensor(x).permuted(sizes_given(dims))


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
    dims = range(1, len(x.sizes)) if dim is None else [x.axis(n) for n in axes_list(dim)]
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
    sizes = sizes_given(tuple(arguments))
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
    wanted = [own if size == -1 else size for size, own in zip(sizes_given(sizes), x.sizes, strict=True)]
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


OTHER_NUMBERS: Final = ("int", "int8", "int16", "int32", "int64", "uint8", "short", "long", "bool")

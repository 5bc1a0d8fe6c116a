"""What the functions of PyTorch share as they are read: tensors, sizes, parameters, layers of ours."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Final, TypeAlias

from cnnspec.exchange.code_in.flow import Tensor
from cnnspec.exchange.code_in.trace import ModelArray, NotFollowed, told

Pair: TypeAlias = int | Sequence[int]
FLOAT_EPSILON: Final = 2.0**-23
"""The step of float32 behind 1."""


def per_axis(value: Pair, rank: int) -> tuple[int, ...]:
    found = tuple(value) if isinstance(value, list | tuple) else (value,)
    if not all(type(one) is int for one in found) or len(found) not in (1, rank):
        raise NotFollowed(f"{told(value)} is no size along {rank} axes")
    return found * rank if len(found) == 1 else found


def shortened(sizes: tuple[int, ...]) -> tuple[int, ...]:
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


def fit_channels(x: Tensor, weight: Any, what: str) -> None:
    if isinstance(weight, ModelArray) and weight.shape != (1,):
        need_channels(x, weight.shape[0], what)


def need_channels(x: Tensor, channels: int, what: str) -> None:
    if x.sizes[1] != channels:
        raise NotFollowed(
            f"the {what} is made for {channels:,} channels, but {x.sizes[1]:,} flow in",
            f"make it for {x.sizes[1]:,}", code="shapes-do-not-match",
        )  # fmt: skip


def with_last(x: Tensor, node: str) -> Tensor:
    """The view with channels last of a layer whose channels may be others."""
    fresh = Tensor.of(x.trace, node)
    channels, spatial = fresh.view[1], fresh.view[2:]
    view = [fresh.view[0]]
    if len(x.view) == 3:
        view.append(tuple(n for group in spatial for n in group))
    else:
        view += spatial
    return fresh.seen([*view, channels])


def axes_list(value: Any) -> list[int]:
    return list(value) if isinstance(value, list | tuple) else [value]


def sizes_of(value: Any, rank: int) -> tuple[Any, ...]:
    return tuple(value) if isinstance(value, list | tuple) else (value,) * rank


def put(x: Any, made: Tensor, inplace: Any) -> Tensor:
    """What a function gives: something new, or its tensor with that in its place."""
    if type(inplace) not in (bool, int):
        raise NotFollowed("whether this works in place is not in the code")
    return tensor(x).written(made) if inplace else made


# Views -----------------------------------------------------------------------------------


def sizes_given(sizes: tuple[Any, ...]) -> list[int]:
    found = list(sizes[0]) if len(sizes) == 1 and isinstance(sizes[0], list | tuple) else list(sizes)
    if not all(type(size) is int for size in found):
        raise NotFollowed("a size here is none that the reader can follow")
    return found

"""What PyTorch's functions do, as layers: one table for code that is read and for graphs that torch exports.

Arguments are named and ordered as in ``torch.nn.functional``; names in capitals there are small here.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from math import inf, isinf
from typing import Any, Final

from cnnspec.exchange.code_in.flow import Tensor
from cnnspec.exchange.code_in.signature import bound
from cnnspec.exchange.code_in.torch.attention import TorchScores, dot_product, product
from cnnspec.exchange.code_in.torch.basics import elementwise, one, put, tensor
from cnnspec.exchange.code_in.torch.layers import (
    batch_norm,
    conv,
    conv_transpose,
    group_norm,
    instance_norm,
    layer_norm,
    linear,
    local_response_norm,
    prelu,
    rms_norm,
)
from cnnspec.exchange.code_in.torch.pools import (
    adaptive,
    amax,
    avg_pool,
    interpolate,
    max_pool,
    max_unpool,
    mean,
    normalize,
    pad,
    pixel_shuffle,
    pixel_unshuffle,
)
from cnnspec.exchange.code_in.torch.views import (
    cat,
    channel_shuffle,
    chunk,
    clone,
    expand,
    expand_as,
    flatten,
    moved,
    movedim,
    permute,
    reshape,
    select,
    size,
    split,
    squeeze,
    transpose,
    unbind,
    unchanged,
    unflatten,
    unsqueeze,
    view,
)
from cnnspec.exchange.code_in.trace import ModelArray, NotFollowed
from cnnspec.exchange.code_in.values import UnknownValue

# Curves ----------------------------------------------------------------------------------


def curve(word: str, arguments: str = "", **fields: str) -> Callable[..., Tensor]:
    """A function of every value; ``fields`` are PyTorch's names of ours, ``arguments`` its signature."""

    def apply(x: Any, *given: Any, **options: Any) -> Tensor:
        found = bound(word, f"{arguments} inplace=False", list(given), options)
        made = elementwise(x, word, **{ours: found[theirs] for ours, theirs in fields.items()})
        return put(x, made, found["inplace"])

    return apply


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
        for x, other, table in ((a, b, _WITH_NUMBER), (b, a, _OF_NUMBER)):
            if isinstance(x, Tensor) and type(other) in (int, float) and word in table:
                return table[word](x, other)
            if isinstance(x, Tensor) and isinstance(other, ModelArray):
                return _with_parameter(word, x, other)
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


CURVES: Final = (
    "relu", "sigmoid", "tanh", "hardswish", "hardsigmoid", "silu", "selu", "mish", "abs", "exp", "square",
    "sqrt", "log",
)  # fmt: skip
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

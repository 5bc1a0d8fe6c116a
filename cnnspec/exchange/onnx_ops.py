"""How each operator of ONNX is said in the language: one table, by operator and the version it is since.

A row lists the attributes it has decided about; a node with another one is refused, and so is a version that
no row names. What a row cannot say it refuses with the reason.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from math import prod
from typing import Any, Final, TypeAlias

import numpy as np

from cnnspec.exchange.onnx_build import CannotRead, NodeCall, per_channel
from cnnspec.exchange.onnx_fold import axes_of, cuts, reshape_target
from cnnspec.exchange.onnx_values import Array, Const, Flow, Value, channels_first
from cnnspec.layers.base import show, spatial

Result: TypeAlias = Value | list[Value]
Write: TypeAlias = Callable[[NodeCall], Result]


@dataclass(frozen=True)
class OperatorRow:
    """One operator in some versions."""

    write: Write
    attributes: frozenset[str]


TABLE: Final[dict[tuple[str, int], OperatorRow]] = {}
"""By operator, and the version of ONNX's operators since which it is so."""


def row(kind: str, versions: str, attributes: str = "") -> Callable[[Write], Write]:
    """Enters a function into the table."""

    def enter(write: Write) -> Write:
        for version in versions.split():
            TABLE[kind, int(version)] = OperatorRow(write, frozenset(attributes.split()))
        return write

    return enter


# Windows --------------------------------------------------------------------------


def sizes(values: tuple[int, ...]) -> tuple[int, ...]:
    """One number where all are equal."""
    return values[:1] if len(set(values)) == 1 else values


def per_axis(call: NodeCall, name: str, rank: int) -> tuple[int, ...]:
    found = call.ints(name) or [1] * rank
    if len(found) != rank or min(found) < 1:
        raise CannotRead(f"its attribute {name} does not have {rank} positive numbers")
    return tuple(found)


def padding(call: NodeCall, shape: tuple[int, ...], reach: tuple[int, ...], stride: tuple[int, ...]) -> Any:
    """The option of the language for ``pads`` and ``auto_pad``."""
    rank, auto = len(reach), call.attribute("auto_pad", "NOTSET")
    if auto in ("SAME_UPPER", "SAME_LOWER"):
        totals = [max(0, (-(-size // s) - 1) * s + r - size)
                  for size, r, s in zip(spatial(shape), reach, stride, strict=True)]  # fmt: skip
        near = [-(-each // 2) if auto == "SAME_LOWER" else each // 2 for each in totals]
        return written(tuple((n, each - n) for n, each in zip(near, totals, strict=True)))
    if auto not in ("NOTSET", "VALID"):
        raise CannotRead(f"its auto_pad is {auto}")
    found = (call.ints("pads") if auto == "NOTSET" else None) or [0] * 2 * rank
    if len(found) != 2 * rank or min(found) < 0:
        raise CannotRead("its pads are not two numbers an axis, none below 0")
    return written(tuple(zip(found[:rank], found[rank:], strict=True)))


def written(sides: tuple[tuple[int, int], ...]) -> tuple[int, ...]:
    """Pixels before and after, as shortly as the language says them."""
    if all(before == after for before, after in sides):
        return sizes(tuple(before for before, _ in sides))
    return tuple(pixel for side in sides for pixel in side)


def window(call: NodeCall, shape: tuple[int, ...], kernel: tuple[int, ...]) -> dict[str, Any]:
    """Kernel, stride, padding and dilation as options, those that are the usual ones left out."""
    rank = len(shape) - 1
    if len(kernel) != rank or tuple(call.ints("kernel_shape") or kernel) != kernel:
        raise CannotRead(f"its kernel {show(kernel)} does not suit a map of {rank} axes")
    stride, dilation = per_axis(call, "strides", rank), per_axis(call, "dilations", rank)
    reach = tuple(d * (k - 1) + 1 for k, d in zip(kernel, dilation, strict=True))
    found: dict[str, Any] = {"kernel": kernel, "stride": sizes(stride)}
    pads = padding(call, shape, reach, stride)
    if any(pads):
        found["padding"] = pads
    if set(dilation) != {1}:
        found["dilation"] = sizes(dilation)
    return found


def _bias(call: NodeCall, filters: int) -> dict[str, Array]:
    if call.input(2) is None:
        return {}
    bias = call.weight(2)
    if bias.shape != (filters,):
        raise CannotRead("its bias is not one number a filter")
    if not bias.any() and call.node.input[2] not in call.builder.stored:
        return {}  # zeros that an exporter made, where the model has no bias
    return {"bias": bias}


@row("Conv", "1 11 22", "auto_pad dilations group kernel_shape pads strides")
def conv(call: NodeCall) -> Result:
    x, weight = call.map(), call.weight(1)
    channels, groups = x.shape[-1], call.attribute("group", 1)
    if weight.ndim != len(x.shape) + 1 or weight.shape[1] * groups != channels or weight.shape[0] % groups:
        raise CannotRead(f"kernels of {weight.shape} do not suit {channels} channels in {groups} groups")
    bias = _bias(call, weight.shape[0])
    options = window(call, x.shape, weight.shape[2:]) | ({} if bias else {"bias": False})
    if groups == channels > 1:
        multiplier = weight.shape[0] // channels
        more = {"multiplier": multiplier} if multiplier > 1 else {}
        return call.add("depthwise", options | more, x, weight=weight, **bias)
    more = {"groups": groups} if groups > 1 else {}
    return call.add("conv", {"filters": weight.shape[0], **options, **more}, x, weight=weight, **bias)


@row("ConvTranspose", "1 11 22",
     "auto_pad dilations group kernel_shape output_padding output_shape pads strides")  # fmt: skip
def upconv(call: NodeCall) -> Result:
    x, weight, groups = call.map(), call.weight(1), call.attribute("group", 1)
    if call.ints("output_shape") is not None or call.attribute("auto_pad", "NOTSET") not in (
        "NOTSET",
        "VALID",
    ):
        raise CannotRead("it asks for the size of its output, and how it is reached is left open")
    if weight.ndim != len(x.shape) + 1 or weight.shape[0] != x.shape[-1] or x.shape[-1] % groups:
        raise CannotRead(f"kernels of {weight.shape} do not suit {x.shape[-1]} channels in {groups} groups")
    filters = weight.shape[1] * groups
    bias = _bias(call, filters)
    extra = call.ints("output_padding") or [0]
    options = {"filters": filters, **window(call, x.shape, weight.shape[2:])} | (
        {} if bias else {"bias": False}
    )
    if any(extra):
        options["output_padding"] = sizes(tuple(extra))
    if groups > 1:
        options["groups"] = groups
    return call.add("upconv", options, x, weight=weight, **bias)


def _pool(call: NodeCall, x: Flow) -> dict[str, Any]:
    kernel = call.ints("kernel_shape")
    if kernel is None:
        raise CannotRead("it does not say its kernel_shape")
    options = window(call, x.shape, tuple(kernel))
    if options["stride"] in (options["kernel"], sizes(options["kernel"])):
        del options["stride"]
    if call.attribute("ceil_mode", 0):
        options["rounding"] = "ceil"
    return options


@row("MaxPool", "1 8 10 11 12 22",
     "auto_pad ceil_mode dilations kernel_shape pads storage_order strides")  # fmt: skip
def maxpool(call: NodeCall) -> Result:
    x = call.map()
    if call.attribute("storage_order", 0):
        call.needs(1)
    pooled = call.add("maxpool", _pool(call, x), x)
    return [pooled, replace(pooled, places=np.full(pooled.dims, -1, np.int32))]


@row("MaxUnpool", "9 11 22", "kernel_shape pads strides")
def unpool(call: NodeCall) -> Result:
    values, places = call.map(), call.raw(1)
    pool = call.builder.layer_of(places.part)
    if pool is None or pool.word != "maxpool" or places.places is None or places.places.max() >= 0:
        raise CannotRead("its places are not those of a MaxPool")
    shape = call.builder.shapes[call.builder.parts[call.builder.at[places.part]].inputs[0]]
    made = window(call, values.shape, tuple(call.ints("kernel_shape") or ()))
    axes = zip(
        values.dims[1:], *(_full(made, name, len(shape) - 1) for name in ("kernel", "stride")), strict=True
    )
    pads = _sides(made.get("padding", (0,)), len(shape) - 1)
    found = [s * (o - 1) + k - sum(p) for (o, k, s), p in zip(axes, pads, strict=True)]
    if call.input(2) is not None or tuple(found) != spatial(shape):
        raise CannotRead("the size of its output is not that of the pool's input")
    base = Flow(places.part, places.shape, channels_first(places.shape))
    return call.add("unpool", {"pool": places.part}, values, base)


def _full(options: Mapping[str, Any], name: str, rank: int) -> tuple[int, ...]:
    found: tuple[int, ...] = options[name]
    return found * rank if len(found) == 1 else found


def _sides(pads: tuple[int, ...], rank: int) -> list[tuple[int, int]]:
    if len(pads) == 2 * rank:
        return list(zip(pads[::2], pads[1::2], strict=True))
    return [(each, each) for each in (pads * rank if len(pads) == 1 else pads)]


@row("AveragePool", "1 7 10 11 19 22",
     "auto_pad ceil_mode count_include_pad dilations kernel_shape pads strides")  # fmt: skip
def avgpool(call: NodeCall) -> Result:
    x = call.map()
    options = _pool(call, x)
    if options.pop("dilation", None):
        raise CannotRead("it is dilated, and avgpool is not")
    if any(options.get("padding", (0,))) and not call.attribute("count_include_pad", 0):
        options["count_padding"] = False
    return call.add("avgpool", options, x)


def _whole(word: str) -> Write:
    return lambda call: call.add(word, {}, call.map())


row("GlobalAveragePool", "1 22")(_whole("globalavgpool"))
row("GlobalMaxPool", "1 22")(_whole("globalmaxpool"))


@row("ReduceMean", "1 11 13 18", "axes keepdims noop_with_empty_axes")
@row("ReduceMax", "1 11 12 13 18 20", "axes keepdims noop_with_empty_axes")
def reduce(call: NodeCall) -> Result:
    """Over the whole map, a global pool."""
    x, given = call.map(), [None, call.const(1)]
    axes = axes_of(given, call.attributes)
    rank = len(x.dims) + 1
    if axes is not None and [axis % rank for axis in axes] == [1] and call.attribute("keepdims", 1):
        return call.add("mean" if call.node.op_type == "ReduceMean" else "max", {}, x)
    if axes is None or {axis % rank for axis in axes} != set(range(2, rank)):
        raise CannotRead(f"it reduces the axes {axes}, and only height and width together are a global pool")
    word = "globalavgpool" if call.node.op_type == "ReduceMean" else "globalmaxpool"
    pooled = call.add(word, {}, x)
    return pooled if call.attribute("keepdims", 1) else pooled.reshaped(pooled.dims[:1])


# Dense -------------------------------------------------------------------------------


@row("Gemm", "7 9 11 13", "alpha beta transA transB")
def gemm(call: NodeCall) -> Result:
    if call.attribute("transA", 0):
        raise CannotRead("it multiplies across the batch (transA)")
    weight = call.weight(1) if call.attribute("transB", 0) else call.weight(1).T
    alpha, beta = call.attribute("alpha", 1.0), call.attribute("beta", 1.0)
    if alpha != 1.0:
        weight = weight * np.float32(alpha)
        call.builder.told(f"the factor {alpha:g} of {call.name} was multiplied into its weights")
    x = call.raw()
    if len(x.dims) != 1:
        raise CannotRead(f"it multiplies {len(x.dims) + 1} axes")
    arrays = {"weight": weight}
    if call.input(2) is not None:
        bias = call.weight(2) if beta == 1.0 else call.weight(2) * np.float32(beta)
        if bias.ndim == 2 and bias.shape[0] != 1:
            raise CannotRead("what it adds is another for each sample of a batch")
        try:
            arrays["bias"] = np.broadcast_to(bias.reshape(-1), weight.shape[:1])
        except ValueError as error:
            raise CannotRead("what it adds is not one number a unit") from error
    return _dense(call, call.builder.plain(x), arrays)


def _dense(call: NodeCall, x: Flow, arrays: dict[str, Array]) -> Flow:
    options = {"units": arrays["weight"].shape[0]} | ({} if "bias" in arrays else {"bias": False})
    return call.add("dense", options, x, **arrays)


@row("MatMul", "1 9 13")
def matmul(call: NodeCall) -> Result:
    """On a vector dense; on the channels at every place a 1x1 convolution."""
    x, weight = call.raw(), call.weight(1)
    if weight.ndim != 2:
        raise CannotRead("it multiplies by a constant that is no matrix")
    if len(x.dims) == 1:
        return _dense(call, call.builder.plain(x), {"weight": weight.T})
    base = call.builder.last(x)
    if base is None:
        raise CannotRead("it multiplies along an axis that is not the channels")
    rank = len(base.shape) - 1
    options = {"filters": weight.shape[1], "kernel": (1,) * rank, "bias": False}
    kernels = np.ascontiguousarray(weight.T).reshape(*weight.T.shape, *(1,) * rank)
    return seen_last(call.add("conv", options, base, weight=kernels))


def seen_last(flow: Flow) -> Flow:
    """The layer's result seen height x width x channels."""
    return flow.moved(lambda places: np.moveaxis(places, 0, -1))


# Moves -------------------------------------------------------------------------------


@row("Identity", "1 13 14 16 19 21 23 24 25")
def identity(call: NodeCall) -> Result:
    return call.raw()


@row("Dropout", "1 6 7 10 12 13 22", "ratio seed is_test consumed_inputs")
def dropout(call: NodeCall) -> Result:
    call.needs(1)
    if call.const(2) is not None and bool(call.const(2)):
        raise CannotRead("it drops values at random in use, too")
    if call.version < 7 and not call.attribute("is_test", 0):
        raise CannotRead("it drops values at random in use, too")
    given = call.const(1)
    rate = call.attribute("ratio", 0.5) if given is None else float(np.ravel(given)[0])
    return call.each("dropout", **({} if rate == 0.5 else {"rate": short(rate)}))


@row("Flatten", "1 9 11 13 21 23 24 25", "axis")
def flatten(call: NodeCall) -> Result:
    x, axis = call.raw(), call.attribute("axis", 1)
    if axis not in (1, -len(x.dims)):
        raise CannotRead(f"it flattens from axis {axis}, and the batch is not a part of a sample")
    return x.reshaped((prod(x.dims),))


@row("Reshape", "5 13 14 19 21 23 24 25", "allowzero")
def reshape(call: NodeCall) -> Result:
    x, target = call.raw(), call.input(1)
    if not isinstance(target, Const):
        raise CannotRead("the sizes it asks for are computed")
    zero, batch = bool(call.attribute("allowzero", 0)), call.builder.batch
    first, second = (
        (
            reshape_target((n, *x.dims), np.ravel(values).tolist(), zero)
            for n, values in zip(
                (batch, 2 * batch if call.builder.is_open else batch), target.both(), strict=True
            )
        )
        if target.other is not None
        else (reshape_target((batch, *x.dims), np.ravel(target.values).tolist(), zero),) * 2
    )
    if not first or first[0] != batch or second[1:] != first[1:]:
        raise CannotRead(f"it makes {first} of {(batch, *x.dims)}, and the batch is not a part of a sample")
    return x.reshaped(first[1:])


@row("Unsqueeze", "1 11 13 21 23 24 25", "axes")
def unsqueeze(call: NodeCall) -> Result:
    x, axes = call.raw(), axes_of([None, call.const(1)], call.attributes) or []
    rank = len(x.dims) + 1 + len(axes)
    dims = list(x.dims)
    for axis in sorted(each % rank for each in axes):
        if axis == 0:
            raise CannotRead("it puts an axis before the batch")
        dims.insert(axis - 1, 1)
    return x.reshaped(tuple(dims))


@row("Squeeze", "1 11 13 21 23 24 25", "axes")
def squeeze(call: NodeCall) -> Result:
    x, axes = call.raw(), axes_of([None, call.const(1)], call.attributes)
    rank = len(x.dims) + 1
    if axes is None:
        if call.builder.batch == 1:
            raise CannotRead("it does not say which axes it takes away, and the batch may be one of them")
        return x.reshaped(tuple(size for size in x.dims if size != 1))
    gone = {each % rank for each in axes}
    if 0 in gone or any(x.dims[axis - 1] != 1 for axis in gone):
        raise CannotRead("it takes an axis away that is the batch, or longer than 1")
    return x.reshaped(tuple(size for n, size in enumerate(x.dims, 1) if n not in gone))


@row("Transpose", "1 13 21 23 24 25", "perm")
def transpose(call: NodeCall) -> Result:
    x = call.raw()
    order = call.ints("perm") or list(range(len(x.dims), -1, -1))
    if sorted(order) != list(range(len(x.dims) + 1)) or order[0]:
        raise CannotRead(f"it moves the batch to another place ({order})")
    return x.moved(lambda places: places.transpose([axis - 1 for axis in order[1:]]))


@row("Slice", "1 10 11 13", "axes ends starts")
def slice_(call: NodeCall) -> Result:
    x, rest = call.steady(), [call.const(n) for n in range(1, len(call.given))]
    numbers = x.numbers[None]
    ranges = cuts(numbers, [None, *rest], call.attributes)
    if ranges[0] not in (slice(None), slice(0, None, 1)) and not (
        ranges[0].start == 0 and (ranges[0].step or 1) == 1 and (ranges[0].stop or 0) >= 1 << 30
    ):
        raise CannotRead("it cuts the batch")
    return x.moved(lambda places: places[ranges[1:]])


@row("Gather", "1 11 13", "axis")
def gather(call: NodeCall) -> Result:
    x, where, axis = call.steady(), call.const(1), call.attribute("axis", 0) % (len(call.raw().dims) + 1)
    if axis == 0:
        raise CannotRead("it chooses samples of the batch")
    return x.moved(lambda places: np.take(places, where, axis - 1))


@row("Split", "1 2 11 13 18", "axis num_outputs split")
def split(call: NodeCall) -> Result:
    x = call.steady()
    axis = call.attribute("axis", 0) % (len(x.dims) + 1)
    if axis == 0:
        raise CannotRead("it cuts the batch")
    given = call.ints("split") if call.version < 13 else call.const(1)
    size, count = x.dims[axis - 1], len(call.node.output)
    each = -(-size // (call.attribute("num_outputs", count) or 1))
    parts = [min(each, size - n * each) for n in range(count)] if given is None else np.ravel(given).tolist()
    if sum(parts) != size or len(parts) != count or min(parts) < 1:
        raise CannotRead(f"it cuts {size} into {parts}")
    ends = np.cumsum(parts)[:-1]
    return [x.reordered(places) for places in np.split(x.numbers, ends, axis - 1)]


@row("Pad", "2 11 13 18 19 21 23 24 25", "mode pads value")
def pad(call: NodeCall) -> Result:
    x = call.map()
    mode = {"constant": "zeros", "reflect": "reflect", "edge": "replicate"}.get(
        call.attribute("mode", "constant")
    )
    value = call.const(2) if call.version >= 11 else np.asarray(call.attribute("value", 0.0))
    if mode is None or (mode == "zeros" and value is not None and np.any(value)):
        raise CannotRead("it fills with something that pad does not")
    amount = _padded(call, len(x.dims) + 1)
    if any(before or after for before, after in amount[:2]):
        raise CannotRead("it pads the batch or the channels")
    if any(min(side) < 0 for side in amount):
        raise CannotRead("it cuts pixels off with negative pads")
    if not any(map(any, amount)):
        return x
    options = {"amount": written(tuple(amount[2:]))} | ({} if mode == "zeros" else {"mode": mode})
    return call.add("pad", options, x)


def _padded(call: NodeCall, rank: int) -> list[tuple[int, int]]:
    """Pixels before and after each axis, the batch included."""
    given = call.const(1) if call.version >= 11 else call.ints("pads")
    found, axes = list(np.ravel(np.asarray(given))), call.const(3)
    which = list(range(rank)) if axes is None else [int(axis) % rank for axis in np.ravel(axes)]
    if len(found) != 2 * len(which):
        raise CannotRead("its pads are not two numbers an axis")
    sides = dict(zip(which, zip(found[: len(which)], found[len(which) :], strict=True), strict=True))
    return [sides.get(axis, (0, 0)) for axis in range(rank)]


@row("Upsample", "7 9", "mode scales")
@row("Resize", "10 11 13 18 19",
     "antialias axes coordinate_transformation_mode cubic_coeff_a exclude_outside extrapolation_value "
     "keep_aspect_ratio_policy mode nearest_mode")  # fmt: skip
def resize(call: NodeCall) -> Result:
    x = call.map()
    factors = _factors(call, x)
    if any(factor != int(factor) or factor < 1 for factor in factors):
        raise CannotRead(f"it scales by {factors}, and upsample by whole numbers from 1")
    scale = sizes(tuple(int(factor) for factor in factors))
    mode, old = call.attribute("mode", "nearest"), call.version < 11
    where = call.attribute("coordinate_transformation_mode", "asymmetric" if old else "half_pixel")
    if scale == (1,):
        return x
    if call.attribute("antialias", 0) or call.attribute("exclude_outside", 0):
        raise CannotRead("it smooths while it scales")
    if mode == "nearest" and _repeats(call, where, "floor" if old else "round_prefer_floor", factors):
        return call.add("upsample", {"scale": scale}, x)
    if mode in ("linear", "bilinear") and where in ("half_pixel", "pytorch_half_pixel"):
        return call.add("upsample", {"scale": scale, "mode": "bilinear"}, x)
    raise CannotRead(f"it fills new pixels by {mode} with {where}, which upsample does not")


@row("DepthToSpace", "1 11 13 28", "blocksize mode")
def pixelshuffle(call: NodeCall) -> Result:
    order = call.attribute("mode", "DCR").lower()
    options = {"factor": call.attribute("blocksize", 0)} | ({} if order == "crd" else {"order": order})
    return call.add("pixelshuffle", options, call.map())


@row("SpaceToDepth", "1 13 28", "blocksize mode")
def pixelunshuffle(call: NodeCall) -> Result:
    order = call.attribute("mode", "DCR").lower()
    options = {"factor": call.attribute("blocksize", 0)} | ({} if order == "crd" else {"order": order})
    return call.add("pixelunshuffle", options, call.map())


ROUNDINGS: Final[Mapping[str, Callable[[Array], Array]]] = {
    "floor": np.floor, "ceil": np.ceil, "round_prefer_floor": lambda x: np.ceil(x - 0.5),
    "round_prefer_ceil": lambda x: np.floor(x + 0.5),
}  # fmt: skip


def _repeats(call: NodeCall, where: str, usual: str, factors: list[float]) -> bool:
    """Whether every pixel of the input is repeated, each as often: computed place by place."""
    rounding = ROUNDINGS.get(call.attribute("nearest_mode", usual))
    for factor in factors:
        o = np.arange(8 * int(factor), dtype="f8")
        read = {"asymmetric": o / factor, "half_pixel": (o + 0.5) / factor - 0.5,
                "pytorch_half_pixel": (o + 0.5) / factor - 0.5}.get(where)  # fmt: skip
        if read is None or rounding is None or (rounding(read).clip(0, 7) != o // factor).any():
            return False
    return True


def _factors(call: NodeCall, x: Flow) -> list[float]:
    """The factor along each axis of the map."""
    kind, version = call.node.op_type, call.version
    at = None if kind == "Upsample" and version == 7 else 1 if version < 11 else 2
    scales = call.attributes.get("scales") if at is None else call.const(at)
    wanted = call.input(3) if version >= 11 else None
    axes = call.ints("axes")
    rank = len(x.dims) + 1
    which = list(range(rank)) if axes is None else [axis % rank for axis in axes]
    if call.attribute("keep_aspect_ratio_policy", "stretch") != "stretch":
        raise CannotRead("it keeps the ratio of height to width")
    if isinstance(wanted, Const) and wanted.values.size:
        found = [
            size / old
            for size, old in zip(
                np.ravel(wanted.values), ((call.builder.batch, *x.dims)[a] for a in which), strict=True
            )
        ]
    elif scales is not None:
        found = [float(each) for each in np.ravel(scales)]
    else:
        raise CannotRead("it does not say how large its result is")
    full = dict(zip(which, found, strict=True))
    if any(full.get(axis, 1) != 1 for axis in (0, 1)):
        raise CannotRead("it scales the batch or the channels")
    return [full.get(axis, 1) for axis in range(2, rank)]


# Values ------------------------------------------------------------------------------


def _each(word: str, **options: Any) -> Write:
    return lambda call: call.each(word, **options)


for _kind, _versions, _word in (
    ("Sigmoid", "1 6 13", "sigmoid"), ("Tanh", "1 6 13", "tanh"), ("HardSwish", "14 22", "hardswish"),
    ("Softplus", "1 22", "softplus"), ("Mish", "18 22", "mish"), ("Abs", "1 6 13", "abs"),
    ("Exp", "1 6 13", "exp"), ("Log", "1 6 13", "log"), ("Sqrt", "1 6 13", "sqrt"),
):  # fmt: skip
    row(_kind, _versions, "consumed_inputs")(_each(_word))


@row("Relu", "1 6 13 14", "consumed_inputs")
def relu(call: NodeCall) -> Result:
    return call.each("relu")


@row("Clip", "6 11 12 13", "max min")
def clip(call: NodeCall) -> Result:
    if call.version == 6:
        low, high = (call.attributes.get(name) for name in ("min", "max"))
    else:
        low, high = (call.const(n) for n in (1, 2))
    bottom, top = _end(low, -1), _end(high, 1)
    if bottom is None and top is None:
        return call.raw()
    if bottom == 0:
        return call.each("relu", **({} if top is None else {"max": top}))
    usual = {"min": -1.0, "max": 1.0}
    if bottom is None or top is None:
        raise CannotRead(ONE_END)
    given = {"min": bottom, "max": top}
    return call.each("hardtanh", **{name: end for name, end in given.items() if end != usual[name]})


ONE_END: Final = "it cuts at one end alone, at another value than 0"


def _end(value: Any, sign: int) -> float | None:
    """An end of a range; None where it is that of all floats."""
    found = None if value is None else short(np.ravel(value)[0])
    return None if found is None or found * sign >= 3.4028234e38 else found


def short(value: float) -> float:
    """A 32-bit float as the shortest number that means it."""
    return float(str(np.float32(value)))


@row("LeakyRelu", "1 6 16", "alpha consumed_inputs")
def leakyrelu(call: NodeCall) -> Result:
    slope = short(call.attribute("alpha", 0.01))
    return call.each("leakyrelu", **({} if slope == 0.01 else {"slope": slope}))


@row("Elu", "1 6 22", "alpha consumed_inputs")
def elu(call: NodeCall) -> Result:
    alpha = short(call.attribute("alpha", 1.0))
    return call.each("elu", **({} if alpha == 1.0 else {"alpha": alpha}))


@row("Selu", "1 6 22", "alpha consumed_inputs gamma")
def selu(call: NodeCall) -> Result:
    given = {name: call.attribute(name, usual) for name, usual in SELU.items()}
    changed = {name: each for name, each in given.items() if np.float32(each) != np.float32(SELU[name])}
    return call.each("selu", **{name: short(each) for name, each in changed.items()})


SELU: Final = {"alpha": 1.67326319217681884765625, "gamma": 1.05070102214813232421875}


@row("Swish", "24", "alpha")
def swish(call: NodeCall) -> Result:
    if call.attribute("alpha", 1.0) != 1.0:
        raise CannotRead("it is x·sigmoid(alpha·x), and silu has no alpha")
    return call.each("silu")


@row("Neg", "1 6 13", "consumed_inputs")
def negative(call: NodeCall) -> Result:
    return call.each("scale", by=-1.0)


@row("Pow", "7 12 13 15")
def power(call: NodeCall) -> Result:
    exponent = call.const(1)
    if exponent is None or exponent.size != 1 or exponent.ndim > len(call.raw().dims):
        raise CannotRead("its exponent is no single number")
    number = float(np.ravel(exponent)[0])
    return call.each("square") if number == 2 else call.each("power", exponent=short(number))


@row("CastLike", "15 19 21 23 24 25", "saturate")
def cast_like(call: NodeCall) -> Result:
    """To the kind of a layer's result, which is always of 32-bit floats."""
    if isinstance(call.input(0), Const):
        call.raw(1)
        return Const(np.asarray(call.const(0), "float32"))
    if isinstance(like := call.input(1), Const) and like.values.dtype != np.float32:
        raise CannotRead("it makes other numbers than 32-bit floats")
    return call.raw()


@row("HardSigmoid", "1 6 22", "alpha beta consumed_inputs")
def hardsigmoid(call: NodeCall) -> Result:
    alpha, beta = call.attribute("alpha", 0.2), call.attribute("beta", 0.5)
    if abs(alpha - 1 / 6) > 1e-6 or beta != 0.5:
        line = call.add("scale", {"by": short(alpha), "shift": short(beta)}, call.flow())
        return call.add("relu", {"max": 1.0}, line)
    return call.each("hardsigmoid")


@row("Gelu", "20", "approximate")
def gelu(call: NodeCall) -> Result:
    how = call.attribute("approximate", "none")
    return call.each("gelu", **({} if how == "none" else {"approximate": how}))


@row("PRelu", "1 6 7 9 16", "consumed_inputs")
def prelu(call: NodeCall) -> Result:
    x, slope = call.flow(), call.weight(1)
    found = per_channel(slope, x)
    if found is None:
        raise CannotRead("its slopes are not one a channel")
    if slope.size == 1 and x.shape[-1] > 1:
        return call.add("prelu", {"shared": True}, x, weight=slope.reshape(1))
    return call.add("prelu", {}, x, weight=found)


@row("Softmax", "1 11 13", "axis")
def softmax(call: NodeCall) -> Result:
    x = call.raw()
    rank = len(x.dims) + 1
    axis = call.attribute("axis", -1 if call.version >= 13 else 1) % rank
    if call.version < 13 and prod(x.dims[axis - 1 :]) != x.dims[axis - 1]:
        raise CannotRead("it takes all axes from one on together (as versions before 13 do)")
    if axis == rank - 1 and rank > 2 and (base := call.builder.last(x)) is not None:
        return seen_last(call.add("softmax", {}, base))
    x = call.builder.plain(x)
    if axis != 1 or len(x.dims) + 1 != rank:
        raise CannotRead(f"it runs along axis {axis}, and softmax across the channels")
    return call.add("softmax", {}, x)


# Norms -------------------------------------------------------------------------------


def _epsilon(call: NodeCall) -> dict[str, Any]:
    epsilon = short(call.attribute("epsilon", 1e-5))
    return {} if epsilon == 1e-5 else {"epsilon": epsilon}


@row("BatchNormalization", "7 9 14 15", "epsilon momentum spatial training_mode")
def batchnorm(call: NodeCall) -> Result:
    call.needs(1, 2, 3, 4)
    if call.attribute("training_mode", 0) or not call.attribute("spatial", 1):
        raise CannotRead("it takes mean and variance of the batch, or of every pixel, in use")
    names = ("weight", "bias", "running_mean", "running_var")
    arrays = {name: call.weight(n) for n, name in enumerate(names, 1)}
    momentum = round(1 - call.attribute("momentum", 0.9), 7)
    more = {} if momentum == 0.1 or not 0 < momentum <= 1 else {"momentum": momentum}
    return call.add("batchnorm", _epsilon(call) | more, call.flow(), **arrays)


@row("InstanceNormalization", "1 6 22", "epsilon consumed_inputs")
def instancenorm(call: NodeCall) -> Result:
    """Of a map cut into groups (as exporters write it), group norm."""
    x, scale, shift = call.raw(), call.weight(1), call.weight(2)
    grouped = x.places is None and len(x.dims) == 2 and len(x.shape) > 1 and x.dims[0] != x.shape[-1]
    if grouped and not x.shape[-1] % x.dims[0] and (scale == 1).all() and not shift.any():
        base = Flow(x.part, x.shape, channels_first(x.shape))
        options = {"groups": x.dims[0], "affine": False, **_epsilon(call)}
        return replace(x, part=call.add("groupnorm", options, base).part)
    return call.add("instancenorm", _epsilon(call), call.map(), weight=call.weight(1), bias=call.weight(2))


@row("GroupNormalization", "21", "epsilon num_groups stash_type")
def groupnorm(call: NodeCall) -> Result:
    options = {"groups": call.attribute("num_groups", 1), **_epsilon(call)}
    return call.add("groupnorm", options, call.flow(), weight=call.weight(1), bias=call.weight(2))


@row("LayerNormalization", "17", "axis epsilon stash_type")
def layernorm(call: NodeCall) -> Result:
    call.needs(1, 2)
    x, scale = call.raw(), call.weight(1)
    axis = call.attribute("axis", -1) % (len(x.dims) + 1)
    shift = np.zeros_like(scale) if call.input(2) is None else call.weight(2)
    over = x.dims[axis - 1 :]
    try:
        arrays = {"weight": np.broadcast_to(scale, over), "bias": np.broadcast_to(shift, over)}
    except ValueError as error:
        raise CannotRead("its scale does not suit what it normalises") from error
    base = call.builder.last(x)
    if axis == len(x.dims) and len(x.dims) > 1 and base is not None:
        return seen_last(call.add("layernorm", {"over": "channels", **_epsilon(call)}, base, **arrays))
    if axis != 1:
        raise CannotRead(f"it normalises from axis {axis} on, and layernorm the whole sample or the channels")
    return call.add("layernorm", _epsilon(call), call.builder.plain(x), **arrays)


LRN: Final = {"alpha": "alpha", "beta": "beta", "bias": "k"}


@row("LRN", "1 13", "alpha beta bias size")
def lrn(call: NodeCall) -> Result:
    size = call.attribute("size", 0)
    if size % 2 == 0:
        raise CannotRead("of an even number of neighbours it takes one more behind, and lrn one more before")
    usual = {"size": 5, "alpha": 1e-4, "beta": 0.75, "k": 1.0}
    given = {
        "size": size,
        **{ours: short(call.attribute(theirs, usual[ours])) for theirs, ours in LRN.items()},
    }
    return call.add(
        "lrn", {name: value for name, value in given.items() if value != usual[name]}, call.flow()
    )


# Merges ------------------------------------------------------------------------------


@row("Concat", "4 11 13", "axis")
def concat(call: NodeCall) -> Result:
    flows = [call.flow(n) for n in range(len(call.given))]
    rank = len(flows[0].dims) + 1
    if call.attribute("axis", 1) % rank != 1:
        raise CannotRead(f"it joins along axis {call.attribute('axis', 1)}, and concat joins channels")
    return flows[0] if len(flows) == 1 else call.add("concat", {}, *flows)


@row("Sum", "8 13")
@row("Add", "7 13 14")
def add(call: NodeCall) -> Result:
    return _merged(call, "add")


@row("Mul", "7 13 14")
def multiply(call: NodeCall) -> Result:
    return _merged(call, "multiply")


@row("Sub", "7 13 14")
def subtract(call: NodeCall) -> Result:
    if isinstance(call.input(1), Const):
        return _affine(call, call.raw(), None, -call.weight(1))
    if isinstance(known := call.input(0), Const):
        turned = call.builder.plain(call.raw(1))
        return _affine(call, call.add("scale", {"by": -1.0}, turned), None, known.values)
    return _merged(call, "subtract")


@row("Div", "7 13 14")
def divide(call: NodeCall) -> Result:
    if isinstance(call.input(1), Const) and np.all(call.weight(1)):
        return _affine(call, call.raw(), np.float32(1) / call.weight(1), None)
    return _merged(call, "divide")


@row("Max", "8 12 13")
def maximum(call: NodeCall) -> Result:
    return _extreme(call, "maximum", "min")


@row("Min", "8 12 13")
def minimum(call: NodeCall) -> Result:
    return _extreme(call, "minimum", "max")


def _extreme(call: NodeCall, word: str, end: str) -> Result:
    """Of a tensor and one number, a cut at that end."""
    numbers = [each for each in call.given if isinstance(each, Const) and each.values.size == 1]
    if len(call.given) == 2 and len(numbers) == 1 and numbers[0].other is None:
        at = next(n for n, each in enumerate(call.given) if not isinstance(each, Const))
        number = short(np.ravel(numbers[0].values)[0])
        if numbers[0].values.ndim > len(call.raw(at).dims) or not np.isfinite(number):
            raise CannotRead("its constant has more axes than what it meets")
        if number == 0 and end == "min" and at == 0:
            return call.each("relu")
        raise CannotRead(ONE_END)
    return _merged(call, word)


@row("Mean", "8 13")
def mean(call: NodeCall) -> Result:
    if len(call.given) == 1:
        return call.raw()
    total = _merged(call, "add")
    assert isinstance(total, Flow)
    return call.add("scale", {"by": short(1 / len(call.given))}, total)


def _merged(call: NodeCall, word: str) -> Result:
    known = [n for n, each in enumerate(call.given) if isinstance(each, Const)]
    if len(known) == 1 and len(call.given) == 2 and word in ("add", "multiply"):
        x, values = call.raw(1 - known[0]), call.weight(known[0])
        return _affine(call, x, None, values) if word == "add" else _affine(call, x, values, None)
    if known:
        raise CannotRead("it joins constants with what is computed")
    if word == "multiply" and (gated := _gated(call)) is not None:
        return gated
    flows = [call.flow(n) for n in range(len(call.given))]
    dims = {len(call.raw(n).dims) for n in range(len(call.given))}
    if len(dims) > 1 or len({len(flow.dims) for flow in flows}) > 1:
        raise CannotRead("it joins tensors with different numbers of axes")
    if len(flows) == 1:
        return flows[0]
    return call.add(word, {}, *flows)


GATES: Final = {"sigmoid": "silu", "hardsigmoid": "hardswish"}


def _gated(call: NodeCall) -> Flow | None:
    """x times a gate of x alone, which is a word of its own."""
    flows = [call.raw(n) for n in range(len(call.given))]
    if len(flows) != 2 or not all(flow.is_plain for flow in flows):
        return None
    for x, gate in (flows, flows[::-1]):
        part = call.builder.parts[call.builder.at[gate.part]] if gate.part in call.builder.at else None
        if part is not None and part.layer.word in GATES and list(part.inputs) == [x.part]:
            return call.add(GATES[part.layer.word], {}, x)
    return None


def _affine(call: NodeCall, x: Flow, scale: Array | None, shift: Array | None) -> Result:
    """A factor or a term a channel, taken in by the layer before it where nothing else reads that."""
    given = scale if scale is not None else shift
    assert given is not None
    values = per_channel(given, x)
    if values is None:
        raise CannotRead("its constant is not one number a channel")
    values = values.astype("float32")
    layer = call.builder.layer_of(x.part)
    if (
        layer is not None
        and call.builder.is_read_once(x)
        and _folded(call, x, layer, scale is not None, values)
    ):
        return x
    base = Flow(x.part, x.shape, channels_first(x.shape))
    if not x.is_whole:
        raise CannotRead("a constant is joined with values that were moved before")
    if (values == values[0]).all():
        number = short(values[0])
        options = {"by": number} if shift is None else {"by": 1.0, "shift": number}
        return replace(x, part=call.add("scale", options, base).part)
    arrays = {"weight": values} if shift is None else {"weight": np.ones(len(values)), "bias": values}
    return replace(x, part=call.add("scale", {"bias": shift is not None}, base, **arrays).part)


def _folded(call: NodeCall, x: Flow, layer: Any, is_scale: bool, values: Array) -> bool:
    """Whether a layer took in a factor or a term."""
    arrays = dict(call.builder.weights[x.part])
    if layer.word in ("conv", "depthwise", "upconv", "dense") and getattr(layer, "connections", None) is None:
        if is_scale:
            axis = 1 if layer.word == "upconv" else 0
            if axis and layer.groups != 1:
                return False
            shape = [1] * arrays["weight"].ndim
            shape[axis] = -1
            arrays["weight"] = arrays["weight"] * values.reshape(shape)
            if "bias" in arrays:
                arrays["bias"] = arrays["bias"] * values
            call.builder.told(
                "factors behind convolutions and dense layers were multiplied into their weights"
            )
        else:
            if "bias" in arrays:
                call.builder.told("terms behind convolutions and dense layers were added to their biases")
            arrays["bias"] = arrays["bias"] + values if "bias" in arrays else values
        call.builder.change(x.part, {"bias": "bias" in arrays}, arrays)
        return True
    if layer.word not in ("batchnorm", "instancenorm", "groupnorm"):
        return False
    if not layer.affine:
        arrays |= {"weight": np.ones(len(values)), "bias": np.zeros(len(values))}
    if is_scale:
        arrays["weight"], arrays["bias"] = arrays["weight"] * values, arrays["bias"] * values
    else:
        arrays["bias"] = arrays["bias"] + values
    call.builder.change(x.part, {"affine": True}, arrays)
    return True

"""Convolutions and pools of ONNX in the language."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from math import prod
from typing import Any, Final

import numpy as np

from cnnspec.exchange.onnx_in.build import CannotRead
from cnnspec.exchange.onnx_in.call import NodeCall
from cnnspec.exchange.onnx_in.rows import OperatorRows, Result, Write, sides, sizes
from cnnspec.exchange.onnx_in.values import MOST_PLACES, Array, Flow
from cnnspec.layers.base import Shape, show, spatial

ROWS: Final = OperatorRows()


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
        return sides(tuple((n, each - n) for n, each in zip(near, totals, strict=True)))
    if auto not in ("NOTSET", "VALID"):
        raise CannotRead(f"its auto_pad is {auto}")
    found = (call.ints("pads") if auto == "NOTSET" else None) or [0] * 2 * rank
    if len(found) != 2 * rank or min(found) < 0:
        raise CannotRead("its pads are not two numbers an axis, none below 0")
    return sides(tuple(zip(found[:rank], found[rank:], strict=True)))


def window(
    call: NodeCall, shape: tuple[int, ...], kernel: tuple[int, ...], *, is_padded: bool = True
) -> dict[str, Any]:
    """Kernel, stride, padding and dilation as options, those that are the usual ones left out."""
    rank = len(shape) - 1
    if len(kernel) != rank or tuple(call.ints("kernel_shape") or kernel) != kernel:
        raise CannotRead(f"its kernel {show(kernel)} does not suit a map of {rank} axes")
    stride, dilation = per_axis(call, "strides", rank), per_axis(call, "dilations", rank)
    reach = tuple(d * (k - 1) + 1 for k, d in zip(kernel, dilation, strict=True))
    found: dict[str, Any] = {"kernel": kernel, "stride": sizes(stride)}
    pads = padding(call, shape, reach, stride) if is_padded else ()
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


@ROWS.say("Conv", "1 11 22", "auto_pad dilations group kernel_shape pads strides")
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


@ROWS.say("ConvTranspose", "1 11 22",
     "auto_pad dilations group kernel_shape output_padding output_shape pads strides")  # fmt: skip
def upconv(call: NodeCall) -> Result:
    x, weight, groups = call.map(), call.weight(1), call.attribute("group", 1)
    fits = weight.ndim == len(x.shape) + 1 and weight.shape[0] == x.shape[-1]
    if not fits or groups < 1 or x.shape[-1] % groups:
        raise CannotRead(f"kernels of {weight.shape} do not suit {x.shape[-1]} channels in {groups} groups")
    filters = weight.shape[1] * groups
    bias = _bias(call, filters)
    extra = tuple(call.ints("output_padding") or [0] * (len(x.shape) - 1))
    automatic = call.attribute("auto_pad", "NOTSET") not in ("NOTSET", "VALID")
    options = window(call, x.shape, weight.shape[2:], is_padded=not automatic)
    if automatic or call.ints("output_shape") is not None:
        options["padding"], extra = _fitted(call, x.shape, options, extra)
    given = {"filters": filters, **options} | ({} if bias else {"bias": False})
    if any(extra):
        given["output_padding"] = sizes(extra)
    if groups > 1:
        given["groups"] = groups
    return call.add("upconv", given, x, weight=weight, **bias)


def _fitted(
    call: NodeCall, shape: Shape, options: Mapping[str, Any], extra: tuple[int, ...]
) -> tuple[tuple[int, ...], tuple[int, ...]]:
    """Padding and extra pixels that give the size that is asked for, else the stride times the input's."""
    rank = len(shape) - 1
    kernel, stride = (_full(options, name, rank) for name in ("kernel", "stride"))
    dilation = _full({"dilation": (1,), **options}, "dilation", rank)
    asked = tuple(call.ints("output_shape") or [s * i for s, i in zip(stride, spatial(shape), strict=True)])
    full = [
        s * (i - 1) + d * (k - 1) + 1 + e
        for s, i, d, k, e in zip(stride, spatial(shape), dilation, kernel, extra, strict=True)
    ]
    if len(asked) != rank:
        raise CannotRead(f"it asks for a size of {asked}, and its map has {rank} axes")
    totals = [max(0, size - wanted) for size, wanted in zip(full, asked, strict=True)]
    more = tuple(e + max(0, wanted - size) for e, size, wanted in zip(extra, full, asked, strict=True))
    less = [each // 2 for each in totals]
    if call.attribute("auto_pad", "NOTSET") == "SAME_UPPER":
        return sides(tuple((n, each - n) for n, each in zip(less, totals, strict=True))), more
    return sides(tuple((each - n, n) for n, each in zip(less, totals, strict=True))), more


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


@ROWS.say("MaxPool", "1 8 10 11 12 22",
     "auto_pad ceil_mode dilations kernel_shape pads storage_order strides")  # fmt: skip
def maxpool(call: NodeCall) -> Result:
    x = call.map()
    if call.attribute("storage_order", 0):
        call.needs(1)
    pooled = call.add("maxpool", _pool(call, x), x)
    if not call.is_read(1):
        return [pooled]
    if prod(pooled.dims) > MOST_PLACES:
        raise CannotRead(f"it tells the places of {prod(pooled.dims):,} values, too many to follow")
    return [pooled, replace(pooled, places=np.full(pooled.dims, -1, np.int32))]


@ROWS.say("MaxUnpool", "9 11 22", "kernel_shape pads strides")
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
    base = places.base
    return call.add("unpool", {"pool": places.part}, values, base)


def _full(options: Mapping[str, Any], name: str, rank: int) -> tuple[int, ...]:
    found: tuple[int, ...] = options[name]
    return found * rank if len(found) == 1 else found


def _sides(pads: tuple[int, ...], rank: int) -> list[tuple[int, int]]:
    if len(pads) == 2 * rank:
        return list(zip(pads[::2], pads[1::2], strict=True))
    return [(each, each) for each in (pads * rank if len(pads) == 1 else pads)]


@ROWS.say("AveragePool", "1 7 10 11 19 22",
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


ROWS.say("GlobalAveragePool", "1 22")(_whole("globalavgpool"))
ROWS.say("GlobalMaxPool", "1 22")(_whole("globalmaxpool"))

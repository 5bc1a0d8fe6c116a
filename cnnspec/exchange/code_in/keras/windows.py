"""Keras's convolutions, pools and dense layers, which turn their arrays, as layers of ours."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace
from typing import Any

from cnnspec.exchange.code_in.keras.layering import (
    KERNEL,
    Layering,
    Map,
    in_our_order,
    need_rank,
    outputs_first,
    short,
    sizes,
)
from cnnspec.exchange.code_in.trace import NotFollowed, told


def _padding(t: Layering, kernel: Sequence[int], dilation: Sequence[int]) -> Any:
    padding, strides = t.options.get("padding", "valid"), sizes(t.options.get("strides", 1), t.rank)
    if padding == "causal":
        return (dilation[0] * (kernel[0] - 1), 0)
    if padding == "same" and any(step > 1 for step in strides):
        t.trace.note(
            "framework-differs",
            "padding same with a stride pads an odd pixel at the far end, here as in Keras; "
            "PyTorch's padding is the same on both sides",
        )
    if padding not in ("same", "valid"):
        raise NotFollowed(f"padding {told(padding)} is not known")
    return padding if padding == "same" else (0,)


def conv(rank: int) -> Callable[[Layering], Map]:
    def make(t: Layering) -> Map:
        need_rank(t, rank)
        o, channels = t.options, t.shape[-1]
        kernel, dilation = sizes(o["kernel_size"], rank), sizes(o["dilation_rate"], rank)
        groups, filters = o.get("groups", 1), o["filters"]
        weights = {
            "weight": t.array(
                "kernel", *kernel, channels // groups, filters, turn=outputs_first, begins=KERNEL
            )
        }
        if o["use_bias"]:
            weights["bias"] = t.array("bias", filters)
        return t.activated(t.add(
            "conv", weights, filters=filters, kernel=kernel, stride=short(sizes(o["strides"], rank)),
            padding=_padding(t, kernel, dilation), dilation=short(dilation), groups=groups,
            bias=bool(o["use_bias"]),
        ))  # fmt: skip

    return make


def depthwise(rank: int) -> Callable[[Layering], Map]:
    def make(t: Layering) -> Map:
        need_rank(t, rank)
        return t.activated(_depthwise(t, rank, "kernel", bool(t.options["use_bias"])))

    return make


def _depthwise(t: Layering, rank: int, key: str, bias: bool, part: str = "") -> Map:
    o, channels = t.options, t.shape[-1]
    kernel, many = sizes(o["kernel_size"], rank), o.get("depth_multiplier", 1)
    dilation = sizes(o["dilation_rate"], rank)

    def turn(array: Any) -> Any:
        import numpy as np

        return np.moveaxis(array, (-2, -1), (0, 1)).reshape(channels * many, 1, *kernel)

    begins = "depthwise_initializer"
    weights = {"weight": t.array(key, *kernel, channels, many, turn=turn, begins=begins, flipped=True)}
    if bias:
        weights["bias"] = t.array("bias", channels * many)
    return t.add(
        "depthwise", weights, kernel=kernel, stride=short(sizes(o["strides"], rank)),
        padding=_padding(t, kernel, dilation), dilation=short(dilation), multiplier=many,
        bias=bias, part=part,
    )  # fmt: skip


def separable(rank: int) -> Callable[[Layering], Map]:
    """A depthwise convolution without a bias, then a 1x1 one."""

    def make(t: Layering) -> Map:
        need_rank(t, rank)
        o = t.options
        first = _depthwise(t, rank, "depthwise_kernel", False, "depthwise")
        reads = t.trace.shapes[first.node][-1]
        shape, begins = (*[1] * rank, reads, o["filters"]), "pointwise_initializer"
        weights = {"weight": t.array("pointwise_kernel", *shape, turn=outputs_first, begins=begins)}
        if o["use_bias"]:
            weights["bias"] = t.array("bias", o["filters"])
        second = Layering(t.trace, o, [first], t.name)
        return t.activated(second.add(
            "conv", weights, filters=o["filters"], kernel=(1,), bias=bool(o["use_bias"]), part="pointwise"
        ))  # fmt: skip

    return make


def upconv(rank: int) -> Callable[[Layering], Map]:
    def make(t: Layering) -> Map:
        need_rank(t, rank)
        o, channels = t.options, t.shape[-1]
        kernel, strides = sizes(o["kernel_size"], rank), sizes(o["strides"], rank)
        if o["padding"] not in ("same", "valid"):
            raise NotFollowed(f"padding {told(o['padding'])} is not known")
        if o.get("output_padding") is not None:
            raise NotFollowed("output_padding of Keras is not read")
        if set(sizes(o["dilation_rate"], rank)) != {1}:
            raise NotFollowed("a dilation of Keras's transposed convolution is not read")
        shape = (*kernel, o["filters"], channels)
        weights = {"weight": t.array("kernel", *shape, turn=outputs_first, begins=KERNEL, flipped=True)}
        if o["use_bias"]:
            weights["bias"] = t.array("bias", o["filters"])
        extra = tuple(max(0, s - k) for s, k in zip(strides, kernel, strict=True))
        padding = {"padding": "same"} if o["padding"] == "same" else {"output_padding": short(extra)}
        return t.activated(t.add(
            "upconv", weights, filters=o["filters"], kernel=kernel, stride=short(strides),
            bias=bool(o["use_bias"]), **padding,
        ))  # fmt: skip

    return make


def dense(t: Layering) -> Map:
    o, reads = t.options, t.shape[-1]
    bias = {"bias": t.array("bias", o["units"])} if o["use_bias"] else {}
    if t.rank:
        rank = t.rank
        turn: Any = lambda array: array.T.reshape(o["units"], reads, *[1] * rank)  # noqa: E731
        weights = {"weight": t.array("kernel", reads, o["units"], turn=turn, begins=KERNEL), **bias}
        made = t.add("conv", weights, filters=o["units"], kernel=(1,), bias=bool(o["use_bias"]))
        return t.activated(made)
    order = in_our_order(t.x.flat)
    turn = lambda array: order(array).T  # noqa: E731
    weights = {"weight": t.array("kernel", reads, o["units"], turn=turn, begins=KERNEL), **bias}
    return t.activated(t.add("dense", weights, units=o["units"], bias=bool(o["use_bias"])))


def pool(word: str, rank: int) -> Callable[[Layering], Map]:
    def make(t: Layering) -> Map:
        need_rank(t, rank)
        o = dict(t.options)
        kernel = sizes(o["pool_size"], rank)
        if o["padding"] not in ("same", "valid"):
            raise NotFollowed(f"padding {told(o['padding'])} is not known")
        strides = sizes(o["strides"], rank) if o["strides"] is not None else kernel
        options: dict[str, Any] = {
            "kernel": kernel,
            "padding": o["padding"] if o["padding"] == "same" else (0,),
        }
        if strides != kernel:
            options["stride"] = short(strides)
        if word == "avgpool" and o["padding"] == "same":
            options["count_padding"] = False
        if t.inputs[0].padded is not None:
            ends, value = t.inputs[0].padded
            if word != "maxpool" or value != float("-inf") or o["padding"] != "valid":
                raise NotFollowed("padding with a value other than 0 is read before a max pool alone")
            options["padding"] = short([n for end in ends for n in end])
            t.inputs[0] = replace(t.inputs[0], padded=None)
        return t.add(word, **options)

    return make


def global_pool(word: str) -> Callable[[Layering], Map]:
    def make(t: Layering) -> Map:
        found = t.add(word)
        return found if t.options.get("keepdims") else t.then(found, "flatten")

    return make


def adaptive(word: str, rank: int) -> Callable[[Layering], Map]:
    def make(t: Layering) -> Map:
        need_rank(t, rank)
        return t.add(word, to=short(sizes(t.options["output_size"], rank)))

    return make


def upsample(rank: int) -> Callable[[Layering], Map]:
    def make(t: Layering) -> Map:
        need_rank(t, rank)
        mode = t.options.get("interpolation", "nearest")
        if mode not in ("nearest", "bilinear"):
            raise NotFollowed(f"upsampling by {mode} has no counterpart here")
        return t.add("upsample", scale=short(sizes(t.options["size"], rank)), mode=mode)

    return make

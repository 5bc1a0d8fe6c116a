"""Layers of files that cnnspec wrote for Keras, read back."""

from __future__ import annotations

from math import prod
from typing import Any, Final

from cnnspec.exchange.code_in.keras.curves import curve
from cnnspec.exchange.code_in.keras.layering import (
    KerasKind,
    Layering,
    Map,
    short,
    sizes,
)
from cnnspec.exchange.code_in.trace import NotFollowed
from cnnspec.exchange.code_out.rearranging import steps_of
from cnnspec.layers.registry import LAYERS


def _subsample(t: Layering) -> Map:
    pool = t.options["pool"].options
    stride = pool["pool_size"] if pool["strides"] is None else pool["strides"]
    rank, channels = t.rank, t.shape[-1]
    weights = {name: t.array(name, channels) for name in ("weight", "bias")}
    kernel, strides = (short(sizes(one, rank)) for one in (pool["pool_size"], stride))
    return t.add("subsample", weights, kernel=kernel, stride=strides)


def _table_conv(t: Layering) -> Map:
    o, rows = t.options, t.options["table"].split(";")
    weights = {"weight": t.array("weight", sum(len(row.split()) for row in rows), *o["kernel"])}
    if o["use_bias"]:
        weights["bias"] = t.array("bias", len(rows))
    return t.add(
        "conv", weights, filters=len(rows), kernel=o["kernel"], connections=o["table"],
        stride=short(sizes(o["strides"], 2)), dilation=short(sizes(o["dilation"], 2)),
        bias=bool(o["use_bias"]),
    )  # fmt: skip


def _unpooled(t: Layering) -> Map:
    """To the places of the pool that reads the second input."""
    source, kernel = t.inputs[1].node, tuple(t.options["kernel"])
    for name, inputs in t.trace.inputs.items():
        layer: Any = t.trace.made[name].layer
        if inputs == (source,) and layer.word == "maxpool" and layer.kernel == kernel:
            return Map(t.trace.add("unpool", [t.inputs[0].node, name], {"pool": name}, t.name))
    raise NotFollowed("no pool reads the map whose places are meant")


def _scale(t: Layering) -> Map:
    o = t.options
    weights = {name: t.array(name, t.shape[-1]) for name in ("weight", *(["bias"] if o["bias"] else []))}
    return t.add("scale", weights, initial=o["initial"], bias=bool(o["bias"]), shift=o["shift"])


def _rearranged(t: Layering) -> Map:
    """The trade of pixels for channels whose steps these are."""
    wanted = [list(t.options[name]) for name in ("split", "order", "joined")]
    joined = wanted[2]
    for word in ("pixelshuffle", "pixelunshuffle"):
        small, large = (t.shape, joined) if word == "pixelshuffle" else (joined, t.shape)
        for order in ("crd", "dcr"):
            options: dict[str, Any] = {"factor": max(1, large[0] // small[0]), "order": order}
            layer = LAYERS[word](**options)
            if list(map(list, steps_of(layer, t.shape, tuple(joined), channels_first=False))) == wanted:
                return t.add(word, **options)
    raise NotFollowed("these axes are rearranged in a way the language cannot say")


def _mirrored(t: Layering) -> Map:
    pixels = short([n for end in t.options["pixels"] for n in end])
    return t.add("pad", amount=pixels, mode=t.options["mode"])


OWN: Final = {
    "cnnspec.Subsample": KerasKind("pool taps", _subsample),
    "cnnspec.TableConv2D": KerasKind("table kernel strides=1 dilation=1 use_bias=True", _table_conv),
    "cnnspec.unpooled": KerasKind("kernel", _unpooled),
    "cnnspec.Scale": KerasKind("initial=1.0 bias=False shift=0.0", _scale),
    "cnnspec.Positions": KerasKind("", lambda t: t.add(
        "positions", {"weight": t.array("weight", prod(t.shape[:-1]), t.shape[-1])})),
    "cnnspec.ClassToken": KerasKind("count=1", lambda t: t.add(
        "token", {"weight": t.array("weight", t.options["count"], t.shape[-1])}, count=t.options["count"])),
    "cnnspec.rearranged": KerasKind("split order joined", _rearranged),
    "cnnspec.mirrored": KerasKind("pixels mode", _mirrored),
    "cnnspec.reshaped": KerasKind("to", lambda t: t.add("reshape", to=tuple(t.options["to"]))),
    "cnnspec.shuffled": KerasKind("groups", lambda t: t.add("shuffle", groups=t.options["groups"])),
    "cnnspec.bed_of_nails": KerasKind(
        "scales", lambda t: t.add("upsample", scale=short(t.options["scales"]), mode="nails")),
    "cnnspec.local_response_norm": KerasKind("size alpha beta k", curve(
        "lrn", size="size", alpha="alpha", beta="beta", k="k")),
}  # fmt: skip

"""Keras's norms and attention, as layers of ours."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from cnnspec.exchange.code_in.keras.layering import (
    KERNEL,
    Layering,
    Map,
    axis_of,
    in_our_order,
    need_channels,
)
from cnnspec.exchange.code_in.trace import ModelArray, NotFollowed


def _norm_arrays(t: Layering, n: int, *more: str) -> tuple[bool, dict[str, ModelArray]]:
    """Scale and shift; where Keras has but one, the other is as if it had never learned."""
    order = in_our_order(t.x.flat)
    center, scale = t.options.get("center", True), t.options.get("scale", True)
    found = {ours: t.array(theirs, n, turn=order) for ours, theirs in zip(
        ("running_mean", "running_var"), more, strict=False)}  # fmt: skip
    if not center and not scale:
        return False, found
    key = t.options.get("_key", id(t.options))
    still = t.options.get("trainable", True) is False
    found["weight"] = (
        t.array("gamma", n, turn=order) if scale else ModelArray(f"=1 {key}", (n,), frozen=still)
    )
    found["bias"] = t.array("beta", n, turn=order) if center else ModelArray(f"=0 {key}", (n,), frozen=still)
    if not (center and scale):
        t.trace.note(
            "framework-differs",
            f"this norm has a {'scale and no shift' if scale else 'shift and no scale'}; "
            f"here a norm has both or none: {n:,} parameters more",
        )
    return True, found


def batchnorm(t: Layering) -> Map:
    o = t.options
    need_channels(t, "batch norm")
    affine, weights = _norm_arrays(t, t.shape[-1], "moving_mean", "moving_variance")
    t.trace.note(
        "framework-differs",
        f"batch norm of Keras has epsilon {o['epsilon']} and keeps a share of {o['momentum']}: "
        f"here epsilon={o['epsilon']} momentum={round(1 - o['momentum'], 12)} (PyTorch: 1e-05 and 0.1)",
    )
    made = t.add(
        "batchnorm", weights, epsilon=o["epsilon"], momentum=round(1 - o["momentum"], 12), affine=affine
    )
    return replace(made, flat=t.x.flat)


def layernorm(t: Layering) -> Map:
    axis, o = t.options["axis"], t.options
    axes = sorted(axis_of(one, t.rank) for one in (axis if isinstance(axis, list | tuple) else [axis]))
    if axes == [t.rank + 1]:
        affine, weights = _norm_arrays(t, t.shape[-1])
        over = "channels" if t.rank else "all"
        return replace(
            t.add("layernorm", weights, epsilon=o["epsilon"], affine=affine, over=over), flat=t.x.flat
        )
    if axes != list(range(1, t.rank + 2)) or not (o.get("center", True) and o.get("scale", True)):
        raise NotFollowed("layer norm over some of the spatial axes, or with a scale alone")

    def turn(array: Any) -> Any:
        import numpy as np

        return np.moveaxis(array, -1, 0)

    weights = {"weight": t.array("gamma", *t.shape, turn=turn), "bias": t.array("beta", *t.shape, turn=turn)}
    return t.add("layernorm", weights, epsilon=o["epsilon"])


def groupnorm(t: Layering) -> Map:
    o, channels = t.options, t.shape[-1]
    need_channels(t, "group norm")
    affine, weights = _norm_arrays(t, channels)
    groups = channels if o["groups"] == -1 else o["groups"]
    if o["groups"] == -1 and t.rank:
        return t.add("instancenorm", weights, epsilon=o["epsilon"], affine=affine)
    return t.add("groupnorm", weights, epsilon=o["epsilon"], affine=affine, groups=groups)


def rmsnorm(t: Layering) -> Map:
    o = t.options
    axes = sorted(
        axis_of(one, t.rank) for one in (o["axis"] if isinstance(o["axis"], list | tuple) else [o["axis"]])
    )
    if axes != [t.rank + 1]:
        raise NotFollowed("RMS norm over other axes than the channels has no counterpart here")
    weights = {"weight": t.array("scale", t.shape[-1], turn=in_our_order(t.x.flat))}
    over = "channels" if t.rank else "all"
    return replace(t.add("rmsnorm", weights, epsilon=o["epsilon"], over=over), flat=t.x.flat)


def attention(t: Layering) -> Map:
    """Over all positions of a map or sequence, which is what Keras does unless it is told the axes."""
    o, channels, others = t.options, t.shape[-1], t.trace.shapes[t.inputs[-1].node][-1]
    if len(t.inputs) > 2 and t.inputs[1].node != t.inputs[2].node:
        raise NotFollowed(
            "attention with keys from one tensor and values from another has no counterpart here"
        )
    if "_key" in o:
        raise NotFollowed("attention is read from code, not from a live model")
    if not t.rank or o["value_dim"] not in (None, o["key_dim"]) or o["output_shape"] not in (None, channels):
        raise NotFollowed("attention to another width than its input's has no counterpart here")
    if o["dropout"]:
        t.trace.note(
            "framework-differs", "the dropout within an attention is not carried: in use it changes nothing"
        )
    width = o["num_heads"] * o["key_dim"]
    parts = {"in": (3 * width, channels)} if channels == others else {
        "q": (width, channels), "k": (width, others), "v": (width, others)}  # fmt: skip
    weights = {f"{n}_proj_weight": t.array(f"{n}_proj", *shape, begins=KERNEL) for n, shape in parts.items()}
    weights["out_proj.weight"] = t.array("out_proj", channels, width)
    if o["use_bias"]:
        weights |= {
            "in_proj_bias": t.array("in_bias", 3 * width),
            "out_proj.bias": t.array("out_bias", channels),
        }
    options: dict[str, Any] = {"heads": o["num_heads"], "bias": bool(o["use_bias"])}
    options |= {"width": width} if width != channels else {}
    inputs = [t.x.node]
    if t.inputs[-1].node != t.x.node:
        inputs.append(t.inputs[-1].node)
        options["to"] = inputs[-1]
    return Map(t.trace.add("attention", inputs, options, t.name, weights))

"""Keras's layers of one value after another: activations, dropout, scales."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

from cnnspec.exchange.code_in.keras.layering import (
    Layering,
    Map,
    need_channels,
)
from cnnspec.exchange.code_in.trace import NotFollowed


def softmax(t: Layering) -> Map:
    need_channels(t, "softmax")
    return replace(t.add("softmax"), flat=t.x.flat)


def relu(t: Layering) -> Map:
    o = t.options
    if o["negative_slope"] or o["threshold"]:
        raise NotFollowed("a ReLU with a slope or a threshold", "LeakyReLU has a slope")
    found = t.add("relu") if o["max_value"] is None else t.add("relu", max=float(o["max_value"]))
    return replace(found, flat=t.x.flat)


def of_channels(word: str) -> Callable[[Layering], Map]:
    """One value of the channels at each place."""

    def make(t: Layering) -> Map:
        if t.options["axis"] not in (-1, t.rank + 1) or t.options["keepdims"] is not True:
            raise NotFollowed(f"{word} is read over the channels, axis=-1, with keepdims=True")
        return t.add(word)

    return make


def curve(word: str, **fields: str) -> Callable[[Layering], Map]:
    def make(t: Layering) -> Map:
        options = {ours: t.options[theirs] for ours, theirs in fields.items()}
        return replace(t.add(word, **options), flat=t.x.flat)

    return make


def leaky(t: Layering) -> Map:
    slope = t.options.get("alpha")
    return replace(
        t.add("leakyrelu", slope=t.options["negative_slope"] if slope is None else slope), flat=t.x.flat
    )


def dropout(t: Layering) -> Map:
    rate, shape = t.options["rate"], t.options["noise_shape"]
    if not rate:
        return t.x
    if shape is None:
        return replace(t.add("dropout", rate=rate), flat=t.x.flat)
    *places, channels = shape[1:]
    if set(places) <= {1} and channels == 1:
        return replace(t.add("droppath", rate=rate), flat=t.x.flat)
    if set(places) == {1} and channels in (None, -1, t.shape[-1]):
        return t.add("dropout", rate=rate, channels=True)
    raise NotFollowed("dropout of rows or columns together has no counterpart here")


def channels_dropout(t: Layering) -> Map:
    return t.add("dropout", rate=t.options["rate"], channels=True) if t.options["rate"] else t.x


def rescaling(t: Layering) -> Map:
    by, shift = (t.options[name] for name in ("scale", "offset"))
    if not all(type(one) in (int, float) for one in (by, shift)):
        raise NotFollowed("Rescaling by a number for each channel has no counterpart here")
    return replace(t.add("scale", by=float(by), shift=float(shift)), flat=t.x.flat)


def in_training(t: Layering) -> Map:
    t.trace.note("framework-differs", "a layer that is at work in training alone is left out", "see: augment")
    return t.x


def prelu(t: Layering) -> Map:
    axes = sorted(t.options["shared_axes"] or ())
    t.trace.note("framework-differs", "a slope of PReLU begins at 0.25 here, and at 0 in Keras unless said")
    if axes not in (list(range(1, t.rank + 1)), list(range(1, t.rank + 2))):
        raise NotFollowed("a PReLU with a slope of its own at each pixel", "share it: shared_axes=[1, 2]")
    shared = len(axes) > t.rank
    slopes = 1 if shared else t.shape[-1]
    weight = t.array("alpha", slopes, turn=lambda array: array.reshape(slopes))
    return t.add("prelu", {"weight": weight}, shared=shared)

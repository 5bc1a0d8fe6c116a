"""Keras's layers that move values: flatten, reshape, padding, merges."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from math import prod
from typing import Any

from cnnspec.exchange.code_in.keras.layering import (
    Layering,
    Map,
    axis_of,
    need_rank,
    short,
)
from cnnspec.exchange.code_in.trace import NotFollowed


def permute(t: Layering) -> Map:
    letters = "DHWC"[-len(t.shape) :] if t.rank > 1 else "WC"
    order = "".join(letters[axis - 1] for axis in t.options["dims"])
    return t.x if order == letters else t.add("transpose", order=order)


def flatten(t: Layering) -> Map:
    if not t.rank:
        return t.x
    shape = t.shape
    found = t.add("flatten")
    if shape[-1] > 1 and prod(shape[:-1]) > 1:
        t.trace.note(
            "framework-differs",
            "Flatten of Keras runs row, column, channel; here it runs channel, row, column, as in PyTorch: "
            "the layer behind it has the same numbers in another order",
        )
        return replace(found, flat=shape)
    return found


def reshape(t: Layering) -> Map:
    target = (
        [t.options["target_shape"]]
        if isinstance(t.options["target_shape"], int)
        else list(t.options["target_shape"])
    )
    whole = prod(t.shape)
    if target.count(-1) == 1:
        target[target.index(-1)] = whole // max(1, -prod(target))
    if prod(target) != whole:
        raise NotFollowed(
            f"{t.shape} cannot be reshaped to {tuple(target)}", code="reshape-changes-the-count"
        )
    if tuple(target) == t.shape:
        return t.x
    keeps = target[-1] == t.shape[-1] or (t.rank == 0 and prod(target[:-1]) == 1)
    single = t.shape[-1] == 1 and target[-1] == 1
    one_place = prod(t.shape[:-1]) == 1 and (prod(target[:-1]) == 1)
    onto_one = t.rank == 0 and target[-1] == 1
    if not (keeps or single or one_place or onto_one):
        if t.x.flat is not None and tuple(target) == t.x.flat:
            return t.add("reshape", to=tuple(target))
        raise NotFollowed(
            "Reshape of Keras fills channels first at each pixel, which the language says only where "
            "the channels stay"
        )
    if len(target) == 1:
        return t.add("flatten")
    return t.add("reshape", to=tuple(target))


def sides(value: Any, rank: int) -> tuple[tuple[int, int], ...]:
    """Keras's paddings: a number, one an axis, or two an axis."""
    if isinstance(value, int):
        return ((value, value),) * rank
    found = tuple(value)
    if rank == 1 and len(found) == 2 and all(isinstance(one, int) for one in found):
        return (found,)
    return tuple((one, one) if isinstance(one, int) else tuple(one) for one in found)


def ends(word: str, rank: int, key: str) -> Callable[[Layering], Map]:
    def make(t: Layering) -> Map:
        need_rank(t, rank)
        pixels = tuple(n for end in sides(t.options[key], rank) for n in end)
        return t.add(word, amount=short(pixels)) if any(pixels) else t.x

    return make


def pad(t: Layering) -> Map:
    """``ops.pad``: with zeros a layer; with another value kept for the pool that reads it."""
    pixels = tuple(tuple(end) for end in t.options["pad_width"])
    value = t.options.get("constant_values") or 0.0
    if len(pixels) != t.rank + 2 or any(map(any, (pixels[0], pixels[-1]))) or t.options["mode"] != "constant":
        raise NotFollowed("only the spatial axes of a map are padded, with one value")
    inner = pixels[1:-1]
    if value:
        return replace(t.x, padded=(inner, float(value)))
    amount = short([n for end in inner for n in end])
    return t.add("pad", amount=amount) if any(amount) else t.x


def merge(word: str) -> Callable[[Layering], Map]:
    def make(t: Layering) -> Map:
        if word == "concat" and axis_of(t.options.get("axis", -1), t.rank) != t.rank + 1:
            raise NotFollowed("Concatenate along another axis than the channels has no counterpart here")
        flats = {one.flat for one in t.inputs}
        if len(flats) > 1 or (word == "concat" and flats != {None}):
            raise NotFollowed("a flattened map meets a vector of another order")
        return Map(t.trace.add(word, [one.node for one in t.inputs], {}, t.name), t.inputs[0].flat)

    return make


def slices(t: Layering) -> Map:
    start, stop = t.options["start"], t.options["stop"]
    return t.add("slice", start=start, stop=min(stop, t.shape[-1]))

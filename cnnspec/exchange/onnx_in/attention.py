"""Attention of ONNX: products of queries and keys, their softmax, and that times values, as one layer.

Queries, keys and values are followed place by place to the projections that made them, whose weights become
those of the layer; the projection behind it is taken in when it is met.
"""

from __future__ import annotations

from dataclasses import replace
from math import prod, sqrt
from typing import Any

import numpy as np

from cnnspec.exchange.onnx_in.build import CannotRead
from cnnspec.exchange.onnx_in.call import NodeCall
from cnnspec.exchange.onnx_in.values import Array, Flow, Heads, Scores, Value
from cnnspec.layers.base import spatial


def product_of(call: NodeCall) -> Value:
    """Two computed tensors multiplied: queries by keys, or shares by values."""
    first, second = call.input(0), call.view(1)
    if isinstance(first, Scores):
        if not first.is_shares:
            raise CannotRead("it multiplies products of queries and keys that no softmax made shares of")
        return _attention(call, first, _heads(second))
    query, key = _heads(call.view(0)), _heads(second, turned=True)
    if query.channels.shape != key.channels.shape:
        raise CannotRead("its queries and keys have different sizes")
    positions = [prod(spatial(call.builder.shapes[each.part])) for each in (query, key)]
    factor = query.factor * key.factor
    return Scores(query, key, (*query.lead, *positions), factor)


def scaled(scores: Scores, factor: float) -> Scores:
    if scores.is_shares:
        raise CannotRead("it multiplies the shares of attention")
    return replace(scores, factor=scores.factor * factor)


def shares(scores: Scores, axis: int) -> Scores:
    if axis not in (-1, len(scores.dims) - 1) or scores.is_shares:
        raise CannotRead("it runs along another axis than that of the keys")
    return replace(scores, is_shares=True)


def _heads(flow: Flow, *, turned: bool = False) -> Heads:
    """The channels of each head; raises CannotRead where positions are not in order."""
    places = flow.seen
    if len(flow.shape) < 2 or places.ndim < 3:
        raise CannotRead("it multiplies two tensors that are no queries, keys or values of attention")
    places = places.swapaxes(-1, -2) if turned else places
    *lead, positions, values = places.shape
    channels, at = np.divmod(places.reshape(-1, positions, values), prod(spatial(flow.shape)))
    in_order = positions == prod(spatial(flow.shape)) and (at == np.arange(positions)[None, :, None]).all()
    if not in_order or (channels != channels[:, :1]).any():
        raise CannotRead("it multiplies two tensors that are no queries, keys or values of attention")
    return Heads(flow.part, channels[:, 0], tuple(lead), flow.factor)


def _projection(call: NodeCall, heads: Heads) -> tuple[str, Array, Array | None]:
    """The layer that was projected, and the weights of the channels in the order of the heads."""
    layer, weights = call.builder.layer_of(heads.part), call.builder.weights.get(heads.part, {})
    if layer is None or layer.word != "conv" or weights["weight"][0, 0].size != 1 or layer.groups != 1:
        raise CannotRead("its queries, keys or values are no weighted sums of channels")
    part = call.builder.parts[call.builder.at[heads.part]]
    source = call.builder.shapes[part.inputs[0]]
    if spatial(source) != spatial(call.builder.shapes[heads.part]):
        raise CannotRead("its queries, keys or values are not at the positions of what they are sums of")
    rows = heads.channels.ravel()
    matrix = weights["weight"].reshape(len(weights["weight"]), -1)[rows]
    return part.inputs[0], matrix, weights["bias"][rows] if "bias" in weights else None


def _attention(call: NodeCall, scores: Scores, values: Heads) -> Flow:
    heads, size = scores.query.channels.shape
    found = [_projection(call, each) for each in (scores.query, scores.key, values)]
    (source, _, _), (others, _, _), (last, _, _) = found
    channels = call.builder.shapes[source][-1]
    if others != last or values.channels.shape != (heads, size):
        raise CannotRead("its keys and values are of different layers or sizes")
    if heads * size != channels:
        raise CannotRead(f"{heads} heads of {size} values are not as wide as {channels} channels")
    matrices = [matrix for _, matrix, _ in found]
    options: dict[str, Any] = {"heads": heads} | ({} if source == others else {"to": others})
    factor = scores.factor * values.factor
    if abs(factor - 1) < 1e-6 and size > 1:
        options["scaled"] = False
    elif abs(factor * sqrt(size) - 1) > 1e-5:
        matrices[0] = matrices[0] * np.float32(factor * sqrt(size))
    arrays = _stacked(matrices, channels)
    if any(bias is not None for _, _, bias in found):
        none = np.zeros(channels, "float32")
        arrays["in_proj_bias"] = np.concatenate([none if bias is None else bias for _, _, bias in found])
        arrays["out_proj.bias"] = none
    else:
        options["bias"] = False
    arrays["out_proj.weight"] = np.eye(channels, dtype="float32")
    flows = [Flow(part, call.builder.shapes[part], ()).base for part in dict.fromkeys((source, others))]
    made = call.builder.add("attention", options, flows, arrays, call.label)
    places = made.sequence.reshape(-1, heads, size).swapaxes(0, 1)
    seen = places.reshape(*scores.query.lead, *places.shape[1:])
    return made.seen_as(seen) if call.builder.is_one else made.reordered(seen[0])


def _stacked(matrices: list[Array], channels: int) -> dict[str, Array]:
    if matrices[1].shape[1] == channels:
        return {"in_proj_weight": np.concatenate(matrices)}
    return {f"{name}_proj_weight": matrix for name, matrix in zip("qkv", matrices, strict=True)}


def taken_in(call: NodeCall, base: Flow, matrix: Array) -> Flow | None:
    """The attention that a projection behind it belongs to, its own having been the identity."""
    layer = call.builder.layer_of(base.part)
    if layer is None or layer.word != "attention" or matrix.shape != (base.shape[-1],) * 2:
        return None
    arrays = call.builder.weights[base.part]
    if (
        not np.array_equal(arrays["out_proj.weight"], np.eye(base.shape[-1]))
        or arrays.get("out_proj.bias", np.zeros(1)).any()
    ):
        return None
    if not call.builder.is_read_once(base):
        return None
    call.builder.change(base.part, {}, arrays | {"out_proj.weight": matrix})
    return base

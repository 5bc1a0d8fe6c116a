"""Attention, positions and tokens, by their definitions; sequences are N x positions x C here."""

from __future__ import annotations

from math import sqrt
from typing import Final

import numpy as np

from cnnspec.backends.numpy.layout import Array
from cnnspec.backends.numpy.reference.definition import Back, Definition, LayerCall


def sequence(x: Array) -> Array:
    """N x C x H x W as N x positions x C."""
    return np.asanyarray(x.reshape(*x.shape[:2], -1).swapaxes(1, 2))


def like(sequence: Array, x: Array) -> Array:
    """N x positions x C as N x C x H x W."""
    return np.asanyarray(sequence.swapaxes(1, 2).reshape(x.shape))


def projections(call: LayerCall) -> tuple[list[Array], list[Array | float]]:
    """The weights (width, C) of queries, keys and values, and their biases."""
    whole = call.weights.get("in_proj_weight")
    weights = [call.weights[f"{name}_proj_weight"] for name in "qkv"] if whole is None else np.split(whole, 3)
    biases = np.split(call.weights["in_proj_bias"], 3) if call.layer.bias else ()
    return weights, [*biases] or [0.0, 0.0, 0.0]


def attention(call: LayerCall) -> tuple[Array, Back]:
    """softmax(q·kᵀ/√d)·v for each head, projected."""
    layer, x, source = call.layer, sequence(call.inputs[0]), sequence(call.inputs[-1])
    weights, biases = projections(call)
    out, heads = call.weights["out_proj.weight"], layer.heads
    q, k, v = (_project(s, w, b) for s, w, b in zip((x, source, source), weights, biases, strict=True))
    factor = 1 / sqrt(q.shape[2] // heads)
    q, k, v = (_apart(q * factor if layer.scaled else q, heads), _apart(k, heads), _apart(v, heads))
    scores = q @ k.swapaxes(2, 3)
    powers = np.exp(scores - scores.max(axis=3, keepdims=True))
    shares = powers / powers.sum(axis=3, keepdims=True)
    found = _together(shares @ v)
    y = _project(found, out, call.weights["out_proj.bias"] if layer.bias else 0.0)

    def back(dy: Array) -> tuple[list[Array], dict[str, Array]]:
        dy = sequence(dy)
        gradients = {"out_proj.weight": _outer(dy, found), "out_proj.bias": dy.sum(axis=(0, 1))}
        d = _apart(dy @ out, heads)
        dv, dshares = shares.swapaxes(2, 3) @ d, d @ v.swapaxes(2, 3)
        dscores = shares * (dshares - (dshares * shares).sum(axis=3, keepdims=True))
        dq, dk = dscores @ k, dscores.swapaxes(2, 3) @ q
        each = [_together(dq * factor if layer.scaled else dq), _together(dk), _together(dv)]
        parts = [_outer(d, s) for d, s in zip(each, (x, source, source), strict=True)]
        names = (
            ["in_proj_weight"] if "in_proj_weight" in call.weights else [f"{n}_proj_weight" for n in "qkv"]
        )
        gradients |= dict(zip(names, parts if len(names) > 1 else [np.concatenate(parts)], strict=True))
        gradients["in_proj_bias"] = np.concatenate([d.sum(axis=(0, 1)) for d in each])
        dx, *others = (d @ weight for d, weight in zip(each, weights, strict=True))
        read = [dx + others[0] + others[1]] if len(call.inputs) == 1 else [dx, others[0] + others[1]]
        return [like(d, given) for d, given in zip(read, call.inputs, strict=True)], gradients

    return like(y, call.x), back


def _project(x: Array, weight: Array, bias: Array | float) -> Array:
    y = x @ weight.T
    return y if isinstance(bias, float) else y + bias


def _apart(x: Array, heads: int) -> Array:
    """N x positions x width as N x heads x positions x d."""
    return np.asanyarray(x.reshape(*x.shape[:2], heads, -1).swapaxes(1, 2))


def _together(x: Array) -> Array:
    y = x.swapaxes(1, 2)
    return np.asanyarray(y.reshape(*y.shape[:2], -1))


def _outer(dy: Array, x: Array) -> Array:
    """The gradient of a weight (outputs, inputs), summed over samples and positions."""
    return np.asanyarray(dy.reshape(-1, dy.shape[2]).T @ x.reshape(-1, x.shape[2]))


def positions(call: LayerCall) -> tuple[Array, Back]:
    y = sequence(call.x) + call.weights["weight"]
    return like(y, call.x), lambda dy: ([dy], {"weight": sequence(dy).sum(axis=0)})


def token(call: LayerCall) -> tuple[Array, Back]:
    x, weight = call.x, call.weights["weight"]
    before = np.broadcast_to(weight, (len(x), *weight.shape))

    def back(dy: Array) -> tuple[list[Array], dict[str, Array]]:
        tokens, rest = np.split(sequence(dy), [len(weight)], axis=1)
        return [like(rest, x)], {"weight": tokens.sum(axis=0)}

    return np.concatenate([before, sequence(x)], axis=1).swapaxes(1, 2), back


ATTENTION: Final[dict[str, Definition]] = {"attention": attention, "positions": positions, "token": token}

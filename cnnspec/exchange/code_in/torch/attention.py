"""Attention that PyTorch code writes out: queries by keys, a softmax, that times values, a projection.

Each factor is followed back to the linear layer that made it. These layers then become one ``attention``;
whatever is not exactly that, as another order of axes or a mask, is refused.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from math import prod, sqrt
from typing import Any

from cnnspec.exchange.code_in.flow import Tensor
from cnnspec.exchange.code_in.trace import ModelArray, NotFollowed, Trace


@dataclass(frozen=True)
class TorchFactor:
    """Queries, keys or values: some of what a linear layer makes of ``source``, in heads."""

    trace: Trace
    source: str
    layer: str
    """The linear layer, a convolution of one pixel here."""
    rows: tuple[int, int]
    heads: int
    size: int
    by: float
    path: tuple[str, ...]
    """The layers that make it, which the attention stands for."""

    def array(self, name: str) -> ModelArray | None:
        found = self.trace.weights.get(f"{self.trace.owner_of(self.layer)}.{name}")
        if found is None or name == "bias":
            return found
        return replace(found, turn=lambda array: array.reshape(len(array), -1), shape=found.shape[:2])


@dataclass(eq=False)
class TorchScores:
    """Products of queries and keys, or after a softmax the shares of the values."""

    query: TorchFactor
    key: TorchFactor
    by: float
    is_shares: bool = False
    """Whether they went through a softmax."""

    def scaled(self, by: float) -> TorchScores:
        if self.is_shares:
            raise NotFollowed("the shares of an attention are multiplied, which has no counterpart here")
        return replace(self, by=self.by * by)

    def shares(self, dim: Any) -> TorchScores:
        axes = 3 + (self.query.heads > 1)
        if self.is_shares or dim not in (-1, axes - 1):
            raise NotFollowed("a softmax of an attention along another axis than the keys has no counterpart")
        return replace(self, is_shares=True)

    def dropped(self) -> TorchScores:
        self.query.trace.note(
            "framework-differs", "the dropout within an attention is not carried: in use it changes nothing"
        )
        return self


@dataclass(frozen=True)
class Attended:
    """What attention finds, before the projection that is a part of our layer."""

    scores: TorchScores
    values: TorchFactor


def product(first: Any, second: Any) -> Any:
    """``first @ second`` of queries and keys, or of shares and values."""
    if not isinstance(first, TorchScores):
        query, key = factor(first), factor(second, turned=True)
        if (query.heads, query.size) != (key.heads, key.size):
            raise NotFollowed("the queries and keys of this product have different sizes")
        return TorchScores(query, key, query.by * key.by)
    if not first.is_shares:
        raise NotFollowed("products of queries and keys are multiplied without a softmax")
    return attended(first, factor(second))


def factor(x: Any, *, turned: bool = False) -> TorchFactor:
    """Follows a tensor N x heads x positions x values back; ``turned`` has the last two exchanged."""
    if not isinstance(x, Tensor) or len(x.view) not in (3, 4) or (groups := x.own_groups()) is None:
        raise _no_attention()
    batch, *lead, positions, values = x.view
    if turned:
        positions, values = values, positions
    heads = lead[0] if lead else ()
    if (batch, positions, (*heads, *values)) != (groups[0], sum(groups[2:], ()), groups[1]):
        raise _no_attention()
    sizes = [prod(x.atoms[n] for n in group) for group in (heads, values)]
    return _followed(x.trace, x.node, sizes)


def _no_attention() -> NotFollowed:
    return NotFollowed(
        "a matrix product of tensors has no counterpart here but of queries, keys and values of attention",
        "they are N x heads x positions x values, made by linear layers: q @ k.transpose(-2, -1)",
    )


def _followed(trace: Trace, node: str, sizes: Sequence[int]) -> TorchFactor:
    by, rows, path = 1.0, None, [node]
    while (layer := _layer(trace, node)).word in ("scale", "identity", "slice"):
        if layer.word == "slice" and rows is None:
            rows = (layer.start, layer.stop)
        elif layer.word == "scale" and layer.by is not None and not layer.shift:
            by *= layer.by
        elif layer.word != "identity":
            raise _no_attention()
        (node,) = trace.inputs[node]
        path.append(node)
    if layer.word != "conv":
        raise _no_attention()
    (source,) = trace.inputs[node]
    if trace.shapes[source][:-1] != trace.shapes[node][:-1]:
        raise _no_attention()
    if set(layer.kernel) != {1} or layer.groups != 1 or set(layer.stride) != {1}:
        raise _no_attention()
    heads, size = sizes
    return TorchFactor(trace, source, node, rows or (0, trace.shapes[node][-1]), heads, size, by, tuple(path))


def _layer(trace: Trace, node: str) -> Any:
    if node not in trace.made:
        raise _no_attention()
    return trace.made[node].layer


def attended(scores: TorchScores, values: TorchFactor) -> Tensor:
    """The values' means by their shares: N x heads x positions x values, of a layer that is not made yet."""
    query, key = scores.query, scores.key
    trace, width = query.trace, query.heads * query.size
    if values.source != key.source or (values.heads, values.size) != (query.heads, query.size):
        raise NotFollowed("the keys and values of this attention are of different layers or sizes")
    if trace.shapes[query.source][-1] != width:
        raise NotFollowed(
            f"{query.heads} heads of {query.size} values are not as wide as "
            f"{trace.shapes[query.source][-1]} channels"
        )
    label = f"attention {len(trace.pending) + 1}"
    trace.shapes[label] = trace.shapes[query.source]
    trace.pending[label] = Attended(scores, values)
    found = Tensor.of(trace, label)
    batch, _, *spatial = found.sizes
    if query.heads == 1:
        return found.reshaped([batch, width, prod(spatial)]).permuted([0, 2, 1])
    return found.reshaped([batch, query.heads, query.size, prod(spatial)]).permuted([0, 1, 3, 2])


def dot_product(
    query: Any, key: Any, value: Any, attn_mask: Any = None, dropout_p: float = 0.0, is_causal: bool = False,
    scale: Any = None, enable_gqa: bool = False,
) -> Tensor:  # fmt: skip
    """``F.scaled_dot_product_attention``."""
    if attn_mask is not None or is_causal or enable_gqa:
        raise NotFollowed("attention with a mask, or with shared keys, has no counterpart here")
    if dropout_p:
        raise NotFollowed("the dropout of this attention is at work in use too", "give 0.0 in use")
    first, second = factor(query), factor(key)
    by = (1 / sqrt(first.size) if scale is None else float(scale)) * first.by * second.by
    if (first.heads, first.size) != (second.heads, second.size):
        raise NotFollowed("the queries and keys of this attention have different sizes")
    return attended(TorchScores(first, second, by, is_shares=True), factor(value))


def projected(x: Tensor, weight: ModelArray, bias: ModelArray | None) -> str:
    """The attention, now that the linear layer behind it is known."""
    trace, found = x.trace, x.trace.pending[x.node]
    query, key, values = found.scores.query, found.scores.key, found.values
    if x.last() is None or weight.shape != (x.sizes[-1],) * 2:
        raise NotFollowed("the projection behind this attention does not keep its channels")
    options: dict[str, Any] = {"heads": query.heads}
    by = found.scores.by * values.by * sqrt(query.size)
    if abs(by - 1) > 1e-6:
        if abs(by - sqrt(query.size)) > 1e-6:
            raise NotFollowed("an attention is scaled by √d of its heads, or not at all, here")
        options["scaled"] = False
    inputs = [query.source] if query.source == key.source else [query.source, key.source]
    options |= {"to": key.source} if len(inputs) == 2 else {}
    weights = {**_arrays(trace, (query, key, values), bias), "out_proj.weight": weight}
    options["bias"] = "in_proj_bias" in weights
    trace.withdraw([*query.path, *key.path, *values.path])
    name = weight.key.rpartition(".")[0].rpartition(".")[0]
    return trace.add("attention", inputs, options, name, weights)


def _arrays(
    trace: Trace, factors: Sequence[TorchFactor], bias: ModelArray | None
) -> dict[str, ModelArray | None]:
    """The arrays of the three projections as our layer has them; biases that are not there stay 0."""
    width = factors[0].heads * factors[0].size
    found: dict[str, ModelArray | None] = {}
    pieces = [(each.array("weight"), each.rows) for each in factors]
    if len({array.shape[1] for array, _ in pieces if array}) == 1:
        found["in_proj_weight"] = _joined(pieces)
    else:
        found |= {f"{name}_proj_weight": _joined([each]) for name, each in zip("qkv", pieces, strict=True)}
    biases = [each.array("bias") for each in factors]
    if any([*biases, bias]):
        missing = width * (sum(each is None for each in biases) + (bias is None))
        if missing:
            trace.note(
                "framework-differs",
                "some projections of an attention have a bias and some none; here all or none have: "
                f"{missing:,} parameters more",
            )
        none = ModelArray(f"=0 {factors[0].layer}", (width,))
        parts = [
            (none, (0, width)) if array is None else (array, each.rows)
            for array, each in zip(biases, factors, strict=True)
        ]
        found |= {"in_proj_bias": _joined(parts), "out_proj.bias": bias or none}
    return found


def _joined(pieces: Sequence[tuple[ModelArray | None, tuple[int, int]]]) -> ModelArray:
    """Rows of arrays one below the other; one array where these are all its rows in order."""
    arrays = [array for array, _ in pieces if array is not None]
    assert len(arrays) == len(pieces)
    rows = [n for _, (start, stop) in pieces for n in (start, stop)]
    first = arrays[0]
    if len({array.key for array in arrays}) == 1 and rows == _in_order(rows) and rows[-1] == first.shape[0]:
        return first
    key = " + ".join(
        f"{array.key}[{start}:{stop}]" for array, (_, (start, stop)) in zip(arrays, pieces, strict=True)
    )
    count = sum(stop - start for _, (start, stop) in pieces)
    parts = tuple((array, *where) for array, (_, where) in zip(arrays, pieces, strict=True))
    return replace(first, key=key, shape=(count, *first.shape[1:]), parts=parts)


def _in_order(rows: Sequence[int]) -> list[int]:
    return list(_ends(0, [b - a for a, b in zip(rows[::2], rows[1::2], strict=True)]))


def _ends(at: int, counts: Sequence[int]) -> Iterator[int]:
    for count in counts:
        yield at
        at += count
        yield at

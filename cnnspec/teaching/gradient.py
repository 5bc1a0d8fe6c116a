"""The backward pass by hand: each layer's definition run backward on symbols, then the optimizer's step.

δ stands for the gradient of the error at a layer's output. A layer computes as in prediction: batch norm goes
by its running statistics, dropout lets everything through.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

import numpy as np

from cnnspec.backends.numpy.optimizers import make_optimizer
from cnnspec.formula import Formula, Number, Product, Symbol, exact, formula, total
from cnnspec.network.graph import Node
from cnnspec.teaching.handwriting import PARTIAL, split, tidy
from cnnspec.teaching.symbols import Array, Cell, cells
from cnnspec.teaching.working import (
    NOT_WRITTEN,
    Values,
    input_cells,
    products,
    sources,
    weight_cells,
    writing_out,
)

MOST_WRITTEN: Final = 100_000
"""Multiplies of a layer whose gradient is written out; that of a larger one is computed only."""

NUMBERS_ONLY: Final = {*NOT_WRITTEN, "layernorm", "groupnorm", "instancenorm", "rmsnorm", "l2norm"}
"""Layers whose gradients are given as numbers: every value of a norm's input moves every output, twice."""


@dataclass(frozen=True)
class Error:
    """What the output is compared with: the error's formula, and δ at the node where it enters."""

    node: Node
    formula: Formula | None
    delta: Array
    """Formulas, C x H x W."""


@dataclass(frozen=True)
class LayerGradient:
    """One layer: δ at its output, the gradients of its weights by short name and of its inputs, C x H x W.

    The arrays hold formulas, or numbers where ``written`` is false: no line holds the layer's sums.
    """

    node: Node
    delta: Array
    weights: Mapping[str, Array]
    inputs: Sequence[Array]
    written: bool = True


def upstream(node: Node, given: Array) -> Error:
    """δ at a node's output as given, H x W x C."""
    return Error(node, None, _delta(np.moveaxis(np.asarray(given, float), -1, 0)))


def cross_entropy(values: Values, target: int) -> Error:
    """−ln of the share that the softmax gives to the target; δ at the softmax's input is y − t.

    Raises ValueError for a class that there is not, and for an output that is no vector.
    """
    network = values.network
    node = network.logits()
    z = values.maps[node.index].astype(float)
    if z.ndim > 1:
        raise ValueError(f"a class is compared with a vector, and {node.name} gives a map")
    if not 0 <= target < len(z):
        raise ValueError(f"class {target} is none of the {len(z)}, 0 to {len(z) - 1}")
    shares = np.exp(z - z.max()) / np.exp(z - z.max()).sum()
    y = cells("y", shares, 0)
    wanted = [Number(int(n == target)) for n in range(len(z))]
    delta = np.array([share - one for share, one in zip(y, wanted, strict=True)], object)
    return Error(node, -y[target].log(), delta)


def squared_error(values: Values, target: Array) -> Error:
    """The mean of (y − t)² over all values; δ is 2(y − t)/n. ``target`` is H x W x C as the output."""
    network = values.network
    node = network.nodes[network.outputs[0].node]
    wanted = np.moveaxis(np.asarray(target, float), -1, 0)
    if wanted.shape != values.maps[node.index].shape:
        raise ValueError("the target has another shape than the output")
    raised = min(1, wanted.ndim - 1)
    y, t = cells("y", values.maps[node.index], raised), cells("t", wanted, raised)
    differences = y - t
    squares, count = [one**2 for one in differences.ravel()], differences.size
    if count == 1:
        return Error(node, total(squares), np.asarray(2 * differences))
    return Error(node, total(squares) / count, np.asarray(2 * differences / count))


def _delta(array: Array) -> Array:
    return cells("δ", array, min(1, array.ndim - 1))


def numbers(array: Array) -> Array:
    """The values of an array of formulas, or of numbers."""
    if array.dtype != object:
        return array.astype(float)
    return np.vectorize(lambda one: float(formula(one).value), otypes=[float])(array) if array.size else array


@dataclass(frozen=True)
class Backward:
    """The layers from the error back to the input, and the input's gradient, C x H x W.

    Where a value is used several times, its gradient is the sum over the uses.
    """

    layers: Sequence[LayerGradient]
    input: Array


def backward(values: Values, error: Error) -> Backward:
    """The chain rule, layer by layer. Raises NotWritten where a layer computes with infinite numbers."""
    arriving: dict[int, Array] = {error.node.index: numbers(error.delta)}
    layers = []
    for node in reversed(values.network.layers):
        if node.index not in arriving:
            continue
        with writing_out(node):
            found = _layer(values, node, arriving[node.index])
        layers.append(found)
        for source, array in zip(sources(node), found.inputs, strict=True):
            flowing = numbers(array)
            arriving[source] = arriving[source] + flowing if source in arriving else flowing
    return Backward(layers, arriving.get(0, np.zeros(values.maps[0].shape)))


def _layer(values: Values, node: Node, delta: Array) -> LayerGradient:
    inputs = [values.maps[index] for index in sources(node)]
    weights = values.of_node(node)
    written = node.word not in NUMBERS_ONLY and products(node) + delta.size <= MOST_WRITTEN
    if written:
        xs = input_cells(inputs, [None] * len(inputs))
        named = {name: weight_cells(name, array, node) for name, array in weights.items()}
        symbols = _delta(delta)
    else:
        xs = [array.astype(float) for array in inputs]
        named = {name: array.astype(float) for name, array in weights.items()}
        symbols = delta
    dx, dw = values.call(node, xs, named)[1](symbols[None])
    trained = {name: _written(dw[name]) if written else dw[name] for name in weights if name in dw}
    arrays = [_written(array[0]) if written else array[0] for array in dx[: len(inputs)]]
    return LayerGradient(node, symbols, trained, arrays, written)


def _written(array: Array) -> Array:
    """Each formula tidied, its δ before what it multiplies."""
    found = np.empty(array.shape, object)
    for place in np.ndindex(array.shape):
        found[place] = _delta_first(tidy(formula(array.item(place))))
    return found


def _delta_first(one: Formula) -> Formula:
    if isinstance(one, Product):
        return Product(tuple(sorted(one.factors, key=lambda factor: not _is_delta(factor))))
    return one.rebuilt(_delta_first)


def _is_delta(one: Formula) -> bool:
    return isinstance(one, Cell) and one.name.startswith("δ")


def summed(values: Values, layers: Sequence[LayerGradient]) -> dict[str, tuple[Array, Array, int]]:
    """By a weight's full name its symbols, its gradient, and of how many uses that is the sum."""
    found: dict[str, tuple[Array, Array, int]] = {}
    for layer in layers:
        arrays = values.of_node(layer.node)
        names = {weight.name: name for name, weight in layer.node.weights.items()}
        for short, gradient in layer.weights.items():
            name = names[short]
            if layer.node.transposed(name):
                gradient = gradient.swapaxes(0, 1)
                arrays[short] = arrays[short].swapaxes(0, 1)
            if name in found:
                cell, others, uses = found[name]
                found[name] = cell, others + cells(f"g^{uses + 1}", numbers(gradient), 0), uses + 1
            else:
                cell = weight_cells(short, arrays[short], layer.node)
                found[name] = cell, cells("g^1", numbers(gradient), 0), 1
    return found


@dataclass(frozen=True)
class WeightUpdate:
    """One weight's step: its symbol, and the formula of its new value."""

    weight: Cell
    formula: Formula


Updates = Mapping[str, Sequence[WeightUpdate]]
"""The steps of every weight by its full name."""


class Descent:
    """An optimizer's steps on a model's weights, written out.

    ``setting`` is the recipe's optimizer; the rule is the one that trains, run on symbols. The state it keeps
    between steps (velocities, running means) is zero at first.
    """

    def __init__(self, setting: Any, rate: float) -> None:
        self.setting, self.rate, self.count = setting, rate, 0
        self.state: dict[str, dict[str, Array]] = {}

    def step(self, values: Values, layers: Sequence[LayerGradient]) -> Updates:
        """The updates of every weight that has a gradient, by the weight's full name."""
        found = {
            name: self._updates(name, cell, gradient)
            for name, (cell, gradient, _) in summed(values, layers).items()
        }
        self.count += 1
        return found

    def _updates(self, name: str, weights: Array, gradient: Array) -> list[WeightUpdate]:
        flat = weights.ravel()
        slopes = [
            Cell(PARTIAL + cell.name, formula(slope).value, ())
            for cell, slope in zip(flat, gradient.ravel().tolist(), strict=True)
        ]
        moved = flat.copy()
        optimizer = make_optimizer(self.setting, moved)
        optimizer.count = self.count
        kept = self.state.get(name, {})
        for kind in optimizer.state:
            values = kept.get(kind, np.zeros(flat.shape))
            known = [_state(kind, *pair) for pair in zip(flat, values, strict=True)]
            optimizer.state[kind][...] = _array(known)
        optimizer.update(_array(slopes), Symbol("η", exact(self.rate)))  # type: ignore[arg-type]
        self.state[name] = {kind: numbers(array) for kind, array in optimizer.state.items()}
        return [WeightUpdate(cell, tidy(new)) for cell, new in zip(flat, moved, strict=True)]


def _array(items: Sequence[Any]) -> Array:
    found = np.empty(len(items), object)
    found[:] = items
    return found


def _state(kind: str, weight: Cell, value: float) -> Cell:
    base = split(weight.name)[0]
    name = {"velocity": "v", "mean": "m", "square": "s"}[kind]
    return Cell(weight.name.replace(base, name, 1), value, ())

"""The sum behind one value: a layer's definition, run on symbols that carry the values it reads."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any, Final, Protocol

import numpy as np

from cnnspec.backends.images import as_trained
from cnnspec.backends.numpy.reference import DEFINITIONS
from cnnspec.backends.numpy.reference.definition import Back, LayerCall
from cnnspec.formula import UNASKED, Formula, Number, Product, Sum, Symbol, formula
from cnnspec.layers.base import Family, channels_first
from cnnspec.network.graph import Network, Node
from cnnspec.teaching.handwriting import tidy
from cnnspec.teaching.laws import WRITTEN, Asked
from cnnspec.teaching.symbols import Array, Cell, cells
from cnnspec.teaching.window import filter_at, kernel_of, taps_of

MOST_PRODUCTS: Final = 20_000_000
"""Multiplies of a layer whose values can be worked out by hand: a few seconds."""


NOT_WRITTEN: Final = {"attention": "each is a sum over all positions, weighted by a softmax of sums"}
"""Layers whose values no line can hold, and why."""


class NotWritten(ValueError):
    """A layer whose values are not written out: too large, or of a kind that no line can hold."""


class Runnable(Protocol):
    """What is asked of a model: its network, its weights, how it scales bytes, and the forward pass."""

    @property
    def network(self) -> Network: ...
    @property
    def weights(self) -> Mapping[str, Array]: ...
    @property
    def scaling(self) -> Any: ...
    def forward(self, images: Any, keep: Sequence[str] = ()) -> dict[str, Array]: ...


@dataclass(frozen=True)
class Values:
    """What flows through a network for one sample: maps by node, C x H x W, and weights by layer."""

    network: Network
    maps: Mapping[int, Array]
    weights: Mapping[str, Array]

    @classmethod
    def of(cls, model: Runnable, sample: Array | Mapping[str, Array]) -> Values:
        """The values of every layer for one sample, H x W x C as ``predict`` takes it; of several by name."""
        network = model.network
        given = sample if isinstance(sample, Mapping) else {network.inputs[0].name: sample}
        batch = {name: array[None] for name, array in given.items()}
        names = [node.name for node in network.layers]
        found = model.forward(batch if len(batch) > 1 else next(iter(batch.values())), keep=names)
        read = {name: as_read(array, model.scaling.of_input(name)) for name, array in batch.items()}
        maps = {
            network[name].index: _first(array)
            for name, array in {**found, **read}.items()
            if name in network.by_name
        }
        return cls(network, maps, dict(model.weights))

    def of_node(self, node: Node) -> dict[str, Array]:
        """A node's weights by their short names."""
        found = {}
        for name, weight in node.weights.items():
            array = np.asarray(self.weights[name])
            found[weight.name] = array.swapaxes(0, 1) if node.transposed(name) else array
        return found

    def call(self, node: Node, inputs: Sequence[Array], weights: Mapping[str, Array]) -> tuple[Array, Back]:
        """A node's definition on these inputs, C x H x W each, of which there is one sample."""
        others = node.inputs[len(sources(node)) :]
        random = np.random.default_rng(0)
        call = LayerCall(
            node,
            [array[None] for array in inputs],
            weights,
            False,
            random,
            {},
            list(map(self._notes, others)),
        )
        return DEFINITIONS[node.word](call)

    def _notes(self, index: int) -> dict[str, Array]:
        """What a layer leaves for those that refer to it: the places of a pool's winners."""
        node = self.network.nodes[index]
        notes: dict[str, Array] = {}
        inputs = [self.maps[source][None] for source in node.inputs]
        DEFINITIONS[node.word](
            LayerCall(node, inputs, self.of_node(node), False, np.random.default_rng(0), notes, [])
        )
        return notes


def as_read(array: Array, scaling: Any) -> Array:
    """What the first layer reads: bytes are scaled, and numbers from 0 to 1 once pixels were learned from."""
    if array.dtype == "uint8":
        array = array * scaling.factor + scaling.shift
    elif scaling.learned == "bytes":
        array = as_trained(array, scaling)
    return array.astype("float32")


def _first(array: Array) -> Array:
    """The first sample, its channels first."""
    return np.moveaxis(np.asarray(array[0]), -1, 0)


@dataclass(frozen=True)
class Working:
    """One value and the formula that gives it.

    ``place`` is (channel, row, column) from 0; ``taps`` are the input places of its window, those in the
    padding too; ``terms`` the parts of the sum by input channel, where there are several.
    """

    node: Node
    place: tuple[int, ...]
    formula: Formula
    inputs: Array
    taps: tuple[tuple[int, ...], ...]
    kernel: Array | None
    computed: float | None = None
    """What the layer computes, where this is another value: that by the kernel turned."""

    @property
    def named(self) -> tuple[Symbol, ...]:
        """Sums that the formula only names, as the mean of a norm, each with its meaning."""
        return tuple(one for one in self.formula.symbols() if one.meaning)

    @property
    def channels(self) -> tuple[tuple[int, Formula], ...]:
        """The products of each input channel, if several are summed."""
        found: dict[int, list[Formula]] = {}
        for term in self._terms:
            source = _input_cell(term)
            if source is not None:
                found.setdefault(source.place[0], []).append(term)
        return tuple((n, Sum(tuple(terms))) for n, terms in found.items()) if len(found) > 1 else ()

    @property
    def rest(self) -> tuple[Formula, ...]:
        """What belongs to no input channel: the bias. Weights that lie on the padding add nothing."""
        return tuple(term for term in self._terms if not _cells(term, "xw"))

    @property
    def _terms(self) -> tuple[Formula, ...]:
        summed = isinstance(self.formula, Sum) and self.inputs.ndim > 1
        return self.formula.terms if summed and isinstance(self.formula, Sum) else ()


def _input_cell(term: Formula) -> Cell | None:
    return next(iter(_cells(term, "x")), None)


def _cells(term: Formula, letters: str) -> list[Cell]:
    return [one for one in term.symbols() if isinstance(one, Cell) and one.name[0] in letters]


def working(values: Values, node: Node, place: tuple[int, ...], turned: bool = False) -> Working:
    """How the value at a place, (channel, row, column) from 0, comes about.

    ``turned`` is for the convolution of mathematics, whose kernel is turned by half a turn; the layers of
    networks leave that out and compute cross-correlations.

    Raises NotWritten for a layer of more than 20 million multiplies, and for those in ``NOT_WRITTEN``.
    """
    if node.word in NOT_WRITTEN:
        raise NotWritten(f"the values of {node.word} are not written out: {NOT_WRITTEN[node.word]}")
    if products(node) > MOST_PRODUCTS:
        raise NotWritten(f"{node.name} has {products(node):,} multiplies: too many to be written out")
    if turned and node.word not in ("conv", "depthwise"):
        raise NotWritten(f"{node.name} has no kernel that a convolution would turn")
    inputs = [values.maps[index] for index in sources(node)]
    weights = values.of_node(node)
    reads, moves = _concerned(values, node, inputs, weights, place)
    with writing_out(node):
        result = _formula(values, node, place, reads, moves, turned)
        if result is UNASKED:  # a weight that moves nothing on the numbers that were tried
            result = _formula(values, node, place, [np.ones_like(one) for one in reads], _all(moves), turned)
    taps, kernel = taps_of(node, inputs[0], place), kernel_of(node, weights, place)
    computed = None
    if turned and kernel is not None:
        kernel, computed = _turn(kernel, 1), float(values.maps[node.index][place])
    return Working(node, place, tidy(_connected(result)), inputs[0], taps, kernel, computed)


def _turn(weights: Array, first: int) -> Array:
    """Kernels turned by half a turn: reversed along their axes from the ``first`` on."""
    return np.flip(weights, tuple(range(first, weights.ndim)))


def _connected(formula: Formula) -> Formula:
    """A sum without the inputs that a table of connections leaves out: the definition takes each 0 times."""
    if not isinstance(formula, Sum):
        return formula
    kept = (term for term in formula.terms if not (_input_cell(term) and _has_no_weight(term)))
    return Sum(tuple(kept), formula.value)


def _has_no_weight(term: Formula) -> bool:
    factors = term.factors if isinstance(term, Product) else ()
    return any(isinstance(one, Number) and not one.value for one in factors)


def all_workings(values: Values, node: Node) -> Array:
    """The formulas of all values of a layer, C x H x W: for small maps, quicker than each by ``working``."""
    inputs, weights = [values.maps[index] for index in sources(node)], values.of_node(node)
    xs = input_cells(inputs, [None] * len(inputs))
    if node.word not in PICKS:
        named = {name: weight_cells(name, array, node) for name, array in weights.items()}
        found = values.call(node, xs, named)[0][0]
        return _each(found, lambda place: tidy(formula(found[place])))
    return _each(np.empty(channels_first(node.output)), lambda place: _picked(values, node, xs, place))


def _each(like: Array, make: Callable[[tuple[int, ...]], Formula]) -> Array:
    made = np.empty(like.shape, object)
    for place in np.ndindex(like.shape):
        made[place] = make(place)
    return made


def _picked(values: Values, node: Node, xs: list[Array], place: tuple[int, ...]) -> Formula:
    """The law of a pool that chooses, of what its window sees."""
    taps = [
        tap
        for tap in taps_of(node, xs[0], place)
        if all(0 <= n < size for n, size in zip(tap, xs[0].shape[1:], strict=True))
    ]
    read = [xs[0][(place[0], *tap)] for tap in taps]
    return WRITTEN[node.word](Asked(node.layer, place, xs, read, {}))


@contextmanager
def writing_out(node: Node) -> Iterator[None]:
    """Turns what no fraction can hold, as log 0 or exp 900, into NotWritten."""
    try:
        yield
    except ArithmeticError:
        raise NotWritten(f"{node.name} computes with numbers that have no end, or none at all") from None


def _formula(
    values: Values, node: Node, place: tuple[int, ...], reads: list[Array], moves: Mapping[str, Array],
    turned: bool,
) -> Formula:  # fmt: skip
    """The value as a formula of the inputs and weights that are wanted."""
    inputs, weights = [values.maps[index] for index in sources(node)], values.of_node(node)
    symbols = input_cells(inputs, reads)
    if turned:
        first = len(weights["weight"].shape) - len(place) + 1
        moves = {**moves, "weight": _turn(moves["weight"], first)}
    named = {name: weight_cells(name, array, node, moves[name]) for name, array in weights.items()}
    if turned:
        named["weight"] = _turn(named["weight"], first)
    if node.word in WRITTEN:
        read = [x for array, which in zip(symbols, reads, strict=True) for x in array[which]]
        moving = {name: list(array[moves[name]]) for name, array in named.items()}
        return WRITTEN[node.word](Asked(node.layer, place, symbols, read, moving))
    return formula(values.call(node, symbols, named)[0][(0, *place)])


def _all(moves: Mapping[str, Array]) -> dict[str, Array]:
    return {name: np.ones_like(one) for name, one in moves.items()}


def input_cells(inputs: Sequence[Array], wanted: Sequence[Array | None]) -> list[Array]:
    """Symbols for a layer's inputs: x, or xa, xb, … where it has several."""
    names = ["x"] if len(inputs) == 1 else [f"x{chr(ord('a') + n)}" for n in range(len(inputs))]
    return [
        cells(name, array, min(1, array.ndim - 1), which)
        for name, array, which in zip(names, inputs, wanted, strict=True)
    ]


def products(node: Node) -> int:
    return int(node.layer.multiplies(node.input_shapes))


def sources(node: Node) -> Sequence[int]:
    """The nodes whose values a layer reads; of an unpool's pool it takes the places alone."""
    layer = node.layer
    return node.inputs[:1] if layer.references and not layer.reads_references else node.inputs


def weight_cells(name: str, array: Array, node: Node, wanted: Array | None = None) -> Array:
    """Symbols for a node's weights by their short name: w and b, or γ and β of a norm."""
    base = {"weight": "w", "bias": "b", "running_mean": "μ", "running_var": "σ²"}.get(name, name)
    if node.layer.family is Family.NORM:
        base = {"w": "γ", "b": "β"}.get(base, base)
    return cells(base, array, 2 if array.ndim > 2 else 0, wanted)


def _concerned(
    values: Values, node: Node, inputs: list[Array], weights: Mapping[str, Array], place: tuple[int, ...]
) -> tuple[list[Array], dict[str, Array]]:
    """Which input values and weights enter a value: where a change of it moves them, on random numbers.

    A pool compares all of its window, though only one value passes.
    """
    draw = np.random.default_rng(0).uniform
    xs = [draw(0.5, 1.0, array.shape) for array in inputs]
    ws = {name: draw(0.5, 1.0, array.shape) for name, array in weights.items()}
    y, back = values.call(node, xs, ws)
    one = np.zeros_like(y)
    one[(0, *place)] = 1
    dx, dw = back(one)
    reads = [np.asarray(gradient[0] != 0) for gradient in dx[: len(inputs)]]
    if node.word in CHOOSES:
        reads = [np.ones_like(read) for read in reads]
    if node.word in WRITTEN and inputs[0].shape == y.shape[1:]:
        reads[0][place] = True
    if node.word in PICKS:
        reads[0][...] = False
        for tap in taps_of(node, inputs[0], place):
            if all(0 <= n < size for n, size in zip(tap, inputs[0].shape[1:], strict=True)):
                reads[0][(place[0], *tap)] = True
    moves = {name: dw[name] != 0 if name in dw else np.ones(ws[name].shape, bool) for name in ws}
    if node.word != "upconv" and (where := filter_at(node, place[0])) is not None:
        moves["weight"][where] = True  # those on the padding too
    moves |= {name: np.ones_like(one) for name, one in moves.items() if node.word in CHOOSES}
    return reads, moves


CHOOSES: Final = frozenset({"max", "maximum", "minimum", "l2norm", "prelu"})
"""Layers of which all values are written: which of them pass depends on the numbers."""
PICKS: Final = frozenset({"maxpool", "minpool", "medianpool", "globalmaxpool"})

"""Arrays that tally the arithmetic done on them, and a layer's definition run on any arrays."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Sequence
from math import prod
from typing import Any

import numpy as np
from cases.registry import Case
from cases.single import POSITIVE

from cnnspec.backends.numpy.layout import Array
from cnnspec.backends.numpy.reference import DEFINITIONS
from cnnspec.backends.numpy.reference.definition import LayerCall
from cnnspec.layers.base import Shape, Shapes
from cnnspec.layers.pool import Adaptive, Pool
from cnnspec.network.graph import Node

OPERATIONS: dict[str, tuple[str, ...]] = {
    "add": ("additions",), "subtract": ("additions",), "multiply": ("multiplications",),
    "divide": ("divisions",), "exp": ("exponentials",), "expm1": ("exponentials", "additions"),
    "tanh": ("hyperbolic tangents",), "erf (vectorized)": ("error functions",), "sqrt": ("roots",),
    "power": ("powers",), "maximum": ("comparisons",),
    "greater": ("comparisons",), "less": ("comparisons",), "clip": ("comparisons", "comparisons"),
    "minimum": ("comparisons",), "log": ("logarithms",), "log1p": ("logarithms", "additions"),
    "negative": (), "isnan": (), "absolute": (),
}  # fmt: skip
"""NumPy's function -> what one value of its result takes. A function not here is an error."""


class Counted(np.ndarray):
    """Data: every operation on it, or on what it became, is tallied; one on weights alone is not."""

    tally: Counter[str]

    def __array_finalize__(self, source: Any) -> None:
        self.tally = source.tally if isinstance(source, Counted) else Counter()

    def _counted(self, result: Any) -> Any:
        if isinstance(result, list | tuple):
            return type(result)(map(self._counted, result))
        if not isinstance(result, np.ndarray) or result.dtype.kind not in "fO":
            return result
        found = result.view(Counted)
        found.tally = self.tally
        return found

    def __array_ufunc__(self, ufunc: Any, method: str, *inputs: Any, out: Any = (), **options: Any) -> Any:
        plain, into = ([_bare(x) for x in arrays] for arrays in (inputs, out))
        result = getattr(ufunc, method)(*plain, **options, **({"out": tuple(into)} if out else {}))
        if ufunc is np.matmul:
            self._products(result.size * plain[0].shape[-1], result.size)
        elif any(x.dtype.kind in "fO" for x in map(np.asarray, plain)):
            times = np.size(result) if method == "__call__" else np.size(plain[0]) - np.size(result)
            for operation in OPERATIONS[ufunc.__name__]:
                self.tally[operation] += times
        return self._counted(result)

    def __array_function__(self, function: Any, types: Any, args: Any, kwargs: Any) -> Any:
        if function is np.einsum:
            subscripts, *arrays = args
            result = np.einsum(subscripts, *map(_bare, arrays))
            there = [np.ones(x.shape) if isinstance(x, Counted) else np.not_equal(x, 0) * 1.0 for x in arrays]
            self._products(int(np.einsum(subscripts, *there).sum()), result.size)
            return self._counted(result)
        if function is np.argsort:
            length = args[0].shape[kwargs["axis"]]
            self.tally["comparisons"] += args[0].size * (length - 1) // 2
            return np.argsort(_bare(args[0]), *args[1:], **kwargs)
        return self._counted(super().__array_function__(function, types, args, kwargs))

    def argsort(self, *args: Any, **kwargs: Any) -> Any:
        raise AssertionError("count the comparisons of np.argsort")

    def _products(self, count: int, sums: int) -> None:
        """So many products, added up to so many sums."""
        self.tally["multiplications"] += count
        self.tally["additions"] += count - sums


def _bare(x: Any) -> Any:
    return x.view(np.ndarray) if isinstance(x, Counted) else x


def define(case: Case, inputs: Sequence[Array], pooled: Array | None = None) -> Array:
    """A layer by its definition, samples x height x width x channels; unpool's pool reads ``pooled``."""
    random = np.random.default_rng(1)
    weights = {weight.name: 0.5 + random.random(weight.shape) for weight in case.layer.arrays(case.inputs)}
    places: dict[str, Array] = {}
    if case.pool is not None and pooled is not None:
        pool, shape = case.pool
        _define(Node(1, "pool", pool, (0,), (shape,), pool.shape((shape,))), [pooled], {}, places, [])
    node = Node(1, "it", case.layer, (0,), case.inputs, case.layer.shape(case.inputs))
    return _define(node, inputs, weights, {}, [places])


def _define(
    node: Node, inputs: Sequence[Array], weights: dict[str, Array], notes: dict[str, Array],
    referred: list[dict[str, Array]],
) -> Array:  # fmt: skip
    maps = [np.moveaxis(x, -1, 1) for x in inputs]
    call = LayerCall(node, maps, weights, False, np.random.default_rng(0), notes, referred)
    with np.errstate(all="ignore"):  # roots and logarithms of negative values are no numbers
        return np.moveaxis(DEFINITIONS[node.word](call)[0], 1, -1)


def operations(case: Case) -> Counter[str]:
    """What the definition takes for one sample, taps on padding included."""
    tally: Counter[str] = Counter()
    random = np.random.default_rng(0)
    case = _with_padding_as_pixels(case)
    inputs = [random.standard_normal((1, *shape)).view(Counted) for shape in case.inputs]
    for data in inputs:
        data.tally = tally
    define(case, inputs, random.standard_normal((1, *case.pool[1])) if case.pool else None)
    if isinstance(case.layer, Adaptive):
        tally["comparisons" if case.layer.word == "maxpool" else "additions"] -= _missing(
            case.layer, case.inputs
        )
    return tally


def _missing(layer: Adaptive, inputs: Shapes) -> int:
    """Where the windows of an adaptive pool are shorter than the longest: its definition fills them up."""
    lengths = []
    for axis in layer.adaptive(inputs):
        i, n = axis.size, axis.count
        lengths.append([-(-(o + 1) * i // n) - o * i // n for o in range(n)])
    longest = prod(max(each) * len(each) for each in lengths)
    return inputs[0][-1] * (longest - prod(map(sum, lengths)))


def _with_padding_as_pixels(case: Case) -> Case:
    """A pool over a map that is as large as all its windows together."""
    layer, (*_, channels) = case.layer, case.inputs[0]
    if not isinstance(layer, Pool) or getattr(layer, "to", None) is not None:
        return case
    sizes = [(axis.count - 1) * axis.stride + axis.reach for axis in layer.axes(case.inputs)]
    plain = layer.model_copy(update={"padding": (0,), "rounding": "floor"})
    return Case(case.name, plain, ((*sizes, channels),))


def sights(case: Case) -> Iterator[dict[Shape, set[Shape]]]:
    """For each input, which of its places change a place of the output when they are poked."""
    random = np.random.default_rng(0)
    for which, shape in enumerate(case.inputs):
        which = 0 if case.pool else which  # the pool that unpool refers to says where these values go
        places = list(np.ndindex(shape[:-1]))
        draws = 200 if case.pool else 1
        count = 2 * draws * len(places)
        plain = [np.repeat(random.standard_normal((1, *size)), count, axis=0) for size in case.inputs]
        if case.layer.word in POSITIVE:
            plain = [np.abs(x) for x in plain]
        poked = [x.copy() for x in plain]
        for n in range(count):
            poked[which][n, *places[n // 2 % len(places)]] = 50 if n % 2 else -50
        pooled = random.standard_normal((count, *case.pool[1])) if case.pool else None
        changed = (define(case, poked, pooled) != define(case, plain, pooled)).any(axis=-1)
        seen: dict[Shape, set[Shape]] = {place: set() for place in np.ndindex(changed.shape[1:])}
        for n, *place in np.argwhere(changed):
            seen[tuple(place)].add(places[n // 2 % len(places)])
        yield seen

"""What is asked for: the laws of each answer, from the layer itself or written down as lecturers do."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from fractions import Fraction

import numpy as np

from cnnspec.analysis.explain import as_dense
from cnnspec.analysis.report import Row
from cnnspec.formula import Call, Formula, Number, Symbol, ceil, product, total
from cnnspec.layers.base import Slide
from cnnspec.layers.writing import sentence
from cnnspec.network.graph import Node
from cnnspec.teaching.gradient import backward, upstream
from cnnspec.teaching.handwriting import tidy
from cnnspec.teaching.quiz.results import ONE, Result, number, rewritten, shape
from cnnspec.teaching.quiz.scene import Scene
from cnnspec.teaching.working import all_workings


def output_shape(scene: Scene) -> Result:
    return shape(scene.layer.output(scene.node.input_shapes))


def same_zeros(scene: Scene) -> Result:
    axis = scene.layer.axes(scene.node.input_shapes)[0]
    i, k, s, d = axis.symbols()
    reach = k if axis.dilation == 1 else d * (k - 1) + 1
    return number((Symbol("o", axis.count, "output") - 1) * s + reach - i)


def reach(scene: Scene) -> Result:
    _, k, _, d = scene.layer.axes(scene.node.input_shapes)[0].symbols()
    return number(d * (k - 1) + 1)


def count(name: str) -> Callable[[Scene], Result]:
    return lambda scene: number(getattr(scene.layer, name)(scene.node.input_shapes))


def outputs(scene: Scene) -> Result:
    laws = all_workings(scene.values, scene.node)[0]
    rows, columns = laws.shape
    names = tuple(f"y_{row + 1}{column + 1}" for row in range(rows) for column in range(columns))
    return Result(tuple(laws.ravel()), names, "matrix", columns, _decimals(scene), by_hand=True)


def _decimals(scene: Scene) -> int:
    return 2 if scene.node.word == "avgpool" else 0


def place(scene: Scene) -> tuple[int, int]:
    rows, columns, _ = scene.node.output
    pick = scene.pick("place")
    return pick.randrange(rows), pick.randrange(columns)


def one_output(scene: Scene) -> Result:
    rows, columns, _ = scene.node.output
    row, column = place(scene)
    law = all_workings(scene.values, scene.node)[0, min(row, rows - 1), min(column, columns - 1)]
    return number(law, _decimals(scene), by_hand=True)


def chain(scene: Scene) -> list[tuple[str, Slide]]:
    """The windows from the input to the layer; none where branches meet, or sides differ."""
    found: list[tuple[str, Slide]] = []
    node = scene.node
    while node.inputs:
        windows = set(node.layer.window(node.input_shapes)) if len(node.output) == 3 else set()
        slide = windows.pop() if len(windows) == 1 else None
        if len(node.inputs) != 1 or not isinstance(slide, Slide):
            return []
        if (slide.kernel, slide.stride) != (1, 1):
            found.insert(0, (sentence(node.layer), slide))
        node = scene.network.nodes[node.inputs[0]]
    return found


def start(scene: Scene) -> Node:
    """The input that a chain of layers begins with."""
    node = scene.node
    while node.inputs:
        node = scene.network.nodes[node.inputs[0]]
    return node


def field(scene: Scene) -> Result:
    terms: list[Formula] = [Number(1)]
    strides: list[Formula] = []
    for n, (_, slide) in enumerate(chain(scene), 1):
        k = Symbol(f"k_{n}", slide.kernel, "kernel")
        reach: Formula = (
            k - 1 if slide.dilation == 1 else Symbol(f"d_{n}", slide.dilation, "dilation") * (k - 1)
        )
        terms.append(product((reach, *(strides or [ONE]))))
        if slide.stride > 1:
            strides.append(Symbol(f"s_{n}", slide.stride, "stride"))
    return number(total(terms), by_hand=True)


def dense_weights(scene: Scene) -> Result:
    dense = as_dense(scene.analysis, scene.node.name)
    assert dense is not None
    return number(dense.weights)


def length(scene: Scene) -> Result:
    return number(scene.layer.output(scene.node.input_shapes)[0])


def units(scene: Scene) -> int:
    """Of the dense layer behind it, or of any."""
    for node in scene.network.layers:
        if node.word == "dense" and scene.node.index in node.inputs:
            return int(node.layer.options()["units"])
    return scene.pick("units").choice((10, 32, 64, 84, 120, 128, 256, 512))


def dense_params(scene: Scene) -> Result:
    n = Symbol("n_out", units(scene), "units")
    return number(product((*scene.layer.output(scene.node.input_shapes)[0].parts(), n)) + n)


def trained(scene: Scene) -> Result:
    """What a norm learns: nothing where it is frozen, or does not scale and shift."""
    return _a_channel(scene, 0 if scene.layer.frozen else _scaled(scene))


def untrained(scene: Scene) -> Result:
    """The running mean and variance, and scale and shift where they are frozen."""
    return _a_channel(scene, 2 + (_scaled(scene) if scene.layer.frozen else 0))


def stored(scene: Scene) -> Result:
    return _a_channel(scene, 2 + _scaled(scene))


def _scaled(scene: Scene) -> int:
    return 2 if scene.layer.affine else 0


def _a_channel(scene: Scene, count: int) -> Result:
    return number(product((count, Symbol("C", scene.input[-1], "channels"))))


def normed(scene: Scene) -> dict[str, int]:
    pick = scene.pick("norm")
    return {
        "x": pick.randint(4, 9), "μ": pick.randint(1, 3), "σ²": pick.choice((4, 16)),
        "γ": pick.choice((2, 3)), "β": pick.randint(1, 5),
    }  # fmt: skip


def norm(scene: Scene) -> Result:
    x, mean, variance, scale, shift = (Symbol(*pair) for pair in normed(scene).items())
    return number(scale * (x - mean) / Call("sqrt", (variance,)) + shift, 2)


def scores(scene: Scene) -> tuple[list[int], int]:
    pick = scene.pick("scores")
    scores = [pick.randint(-1, 3) for _ in range(scene.input[0])]
    return scores, pick.randrange(len(scores))


def _share(scene: Scene) -> Formula:
    given, target = scores(scene)
    powers = [Call("exp", (Symbol(f"z_{n}", score),)) for n, score in enumerate(given, 1)]
    return powers[target] / total(powers)


def share(scene: Scene) -> Result:
    return number(_share(scene), 3)


def loss(scene: Scene) -> Result:
    return number(-Call("log", (_share(scene),)), 3)


def slope(scene: Scene) -> Result:
    return number(_share(scene) - 1, 3)


def tap(scene: Scene) -> tuple[int, int]:
    pick = scene.pick("tap")
    rows, columns = scene.layer.kernel * (2 if len(scene.layer.kernel) == 1 else 1)
    return pick.randrange(rows), pick.randrange(columns)


def delta(scene: Scene) -> list[list[int]]:
    rows, columns, _ = scene.node.output
    return scene.matrix("delta", rows, columns, 1, 4)


def weight_slope(scene: Scene, opposite: bool = False) -> Result:
    """Of the weight that is asked about, or of the one across the filter's middle."""
    error = upstream(scene.node, np.array(delta(scene), float)[..., None])
    (layer,) = backward(scene.values, error).layers
    row, column = tap(scene)
    slopes = layer.weights["weight"][0, 0, :: -1 if opposite else 1, :: -1 if opposite else 1]
    return number(slopes[row, column], by_hand=True)


def input_slopes(scene: Scene) -> Result:
    error = upstream(scene.node, np.array(delta(scene), float)[..., None])
    found = backward(scene.values, error).layers[0].inputs[0][0]
    rows, columns = found.shape
    names = tuple(f"∂E/∂x_{row + 1}{column + 1}" for row in range(rows) for column in range(columns))
    laws = tuple(tidy(one) for one in found.ravel())
    return Result(laws, names, "matrix", columns, _decimals(scene), by_hand=True)


def step(scene: Scene) -> tuple[int, int, Fraction]:
    pick = scene.pick("step")
    return pick.randint(-2, 3), pick.choice((-8, -4, 2, 5, 8)), Fraction(pick.choice((1, 2, 5)), 10)


def update(scene: Scene) -> Result:
    w, g, rate = step(scene)
    return number(Symbol("w", w) - Symbol("η", rate) * Symbol("g", g), 2)


def padding(scene: Scene) -> Result:
    axis = scene.layer.axes(scene.node.input_shapes)[0]
    i, k, s, d = axis.symbols()
    steps: Formula = k - 1 if axis.dilation == 1 else d * (k - 1)
    if axis.stride == 1 and axis.count == axis.size:
        return number(steps / 2)
    reach, o = k if axis.dilation == 1 else steps + 1, Symbol("o", axis.count, "output")
    if axis.stride == 1:
        return number((o - 1 + reach - i) / 2)
    return number(ceil(((o - 1) * s + reach - i) / 2))


def weights_saved(scene: Scene) -> Result:
    k = Symbol("k", scene.layer.kernel[0], "kernel")
    channels = Symbol("C", scene.input[-1], "input channels"), Symbol("F", scene.layer.filters, "filters")
    n = Symbol("n", (scene.layer.kernel[0] - 1) // 2, "layers")
    return number(product((k, k, *channels)) - product((n, 3, 3, *channels)))


def smaller(scene: Scene) -> Iterator[Row]:
    """The layers of the network with fewer parameters."""
    most = scene.row.params
    for row in scene.analysis.rows:
        if 0 < row.params < most and row.kind != "batchnorm" and not row.node.sharing:
            yield row


def other_row(scene: Scene) -> Row:
    return scene.pick("other").choice(list(smaller(scene)))


def more_params(scene: Scene) -> Result:
    def primed(one: Formula) -> Formula | None:
        return Symbol(one.name + "'", one.value, one.meaning) if isinstance(one, Symbol) else None

    return number(scene.row.laws.params - rewritten(other_row(scene).laws.params, primed))

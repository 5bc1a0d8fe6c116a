"""The answers of quiz questions once more, by plain loops: nothing here asks the program."""

from __future__ import annotations

import re
import shlex
from collections.abc import Callable, Sequence
from functools import lru_cache
from itertools import pairwise
from math import exp, log, prod
from typing import Any, Final

import cnnspec
from cnnspec.network.graph import Node
from cnnspec.teaching.quiz.question import Question

Numbers = list[float]


def layer_of(question: Question) -> Node:
    node: Node = _network(question)[question.layer]
    return node


def _network(question: Question) -> Any:
    return _read(question.spec)


@lru_cache(maxsize=64)
def _read(spec: str) -> Any:
    return cnnspec.parse(spec.removeprefix("-e ").strip('"')) if ";" in spec else cnnspec.load(spec)


def options(command: str) -> dict[str, str]:
    """What a command gives by ``--weights NAME=VALUE`` and other options."""
    words, found = shlex.split(command), {}
    for word, value in pairwise(words):
        if word == "--weights":
            name, _, value = value.partition("=")
            found[name] = value
        elif word.startswith("--"):
            found[word] = value
    return found


def two(sizes: Sequence[int]) -> tuple[int, int]:
    return (sizes[0], sizes[-1])


class Window:
    """A window along rows and columns: its places, by trying them."""

    def __init__(self, layer: Any, input: Sequence[int], padding: Any = None) -> None:
        self.kernel, self.stride = two(layer.kernel), two(layer.stride or layer.kernel)
        self.dilation = two(getattr(layer, "dilation", (1,)))
        self.padding = layer.padding if padding is None else padding
        self.ceil = getattr(layer, "rounding", "floor") == "ceil"
        self.input = input

    def starts(self, axis: int) -> list[int]:
        size, step = self.input[axis], self.dilation[axis]
        before, after = self.ends(axis)
        found, start = [], -before
        while start + step * (self.kernel[axis] - 1) < size + after:
            found.append(start)
            start += self.stride[axis]
        is_cut = found and found[-1] + step * (self.kernel[axis] - 1) < size + after - 1
        return [*found, start] if self.ceil and is_cut and start < size else found

    def ends(self, axis: int) -> tuple[int, int]:
        if self.padding == "same":
            wanted = len(range(0, self.input[axis], self.stride[axis]))
            zeros = next(n for n in range(1000) if len(self._starts(axis, n)) == wanted)
            return zeros // 2, zeros - zeros // 2
        if self.padding == "valid":
            return 0, 0
        return (two(self.padding)[axis],) * 2

    def _starts(self, axis: int, zeros: int) -> list[int]:
        reach = self.dilation[axis] * (self.kernel[axis] - 1) + 1
        return list(range(0, self.input[axis] + zeros - reach + 1, self.stride[axis]))

    def taps(self, row: int, column: int) -> list[tuple[int, int, int, int]]:
        """Row and column in the input, and in the kernel, for a start."""
        return [
            (row + a * self.dilation[0], column + b * self.dilation[1], a, b)
            for a in range(self.kernel[0])
            for b in range(self.kernel[1])
        ]

    @property
    def shape(self) -> tuple[int, int]:
        return len(self.starts(0)), len(self.starts(1))


def output_size(question: Question) -> Numbers:
    node = layer_of(question)
    layer: Any = node.layer
    channels = layer.filters if node.word == "conv" else node.input_shapes[0][-1]
    return [*Window(layer, node.input_shapes[0]).shape, channels]


def zeros(question: Question) -> Numbers:
    node = layer_of(question)
    return [sum(Window(node.layer, node.input_shapes[0]).ends(0))]


def reach(question: Question) -> Numbers:
    node = layer_of(question)
    rows = [tap[0] for tap in Window(node.layer, node.input_shapes[0]).taps(0, 0)]
    return [max(rows) - min(rows) + 1]


def params_of(node: Node) -> int:
    layer: Any = node.layer
    channels = node.input_shapes[0][-1]
    if node.word == "dense":
        return sum(channels + layer.bias for _ in range(layer.units))
    if node.word in ("maxpool", "avgpool"):
        return 0
    is_plain = node.word in ("conv", "depthwise") and len(node.output) == 3
    if not is_plain or layer.options().keys() & {"connections", "multiplier"}:
        return sum(prod(weight.shape) for weight in node.weights.values() if not weight.buffer)
    filters = layer.filters if node.word == "conv" else channels
    depth = channels // layer.groups if node.word == "conv" else 1
    rows, columns = two(layer.kernel)
    return sum(
        sum(1 for _ in range(rows * columns) for _ in range(depth)) + layer.bias for _ in range(filters)
    )


def multiplies(question: Question) -> Numbers:
    node = layer_of(question)
    layer: Any = node.layer
    if node.word == "dense":
        return [(params_of(node) - layer.bias * node.output[-1]) * prod(node.output[:-1])]
    rows, columns = Window(node.layer, node.input_shapes[0]).shape
    weights = params_of(node) - layer.bias * node.output[-1]
    return [sum(weights for _ in range(rows) for _ in range(columns))]


def maps(question: Question, name: str) -> list[Any]:
    return [rows for key, rows in question.given.items() if key.startswith(name)]


def outputs(question: Question) -> list[Numbers]:
    """Rows of the output, by the definition."""
    node = layer_of(question)
    layer: Any = node.layer
    window = Window(layer, node.input_shapes[0])
    return [
        [_value(question, layer, window, row, column) for column in window.starts(1)]
        for row in window.starts(0)
    ]


def _value(question: Question, layer: Any, window: Window, row: int, column: int) -> float:
    inputs, filters = maps(question, "input"), maps(question, "filter")
    total, seen = 0.0, []
    for channel, values in enumerate(inputs):
        for y, x, a, b in window.taps(row, column):
            if 0 <= y < len(values) and 0 <= x < len(values[0]):
                seen.append(values[y][x])
                total += values[y][x] * (filters[channel][a][b] if filters else 1)
    if layer.word == "maxpool":
        return float(max(seen))
    if layer.word == "avgpool":
        return total / (len(window.taps(0, 0)) if layer.count_padding else len(seen))
    return float(total + question.given.get("bias", [[0]])[0][0])


def output(question: Question) -> Numbers:
    return [value for row in outputs(question) for value in row]


def place_in(question: Question) -> tuple[int, int]:
    found = re.search(r"in row (\d+), column (\d+)", question.text)
    assert found
    return int(found[1]) - 1, int(found[2]) - 1


def value(question: Question) -> Numbers:
    row, column = place_in(question)
    return [outputs(question)[row][column]]


def field(question: Question) -> Numbers:
    """The rows that one value sees, followed back layer by layer."""
    network = _network(question)
    node, rows = network[question.layer], {0}
    while node.inputs:
        if hasattr(node.layer, "kernel"):
            window = Window(node.layer, node.input_shapes[0])
            rows = {
                row * window.stride[0] + a * window.dilation[0]
                for row in rows
                for a in range(window.kernel[0])
            }
        node = network.nodes[node.inputs[0]]
    return [max(rows) - min(rows) + 1]


def dense_weights(question: Question) -> Numbers:
    node = layer_of(question)
    count = 1
    for size in (*node.input_shapes[0], *node.output):
        count = sum(count for _ in range(size))
    return [count]


def length(question: Question) -> Numbers:
    rows, columns, channels = layer_of(question).input_shapes[0]
    return [sum(1 for _ in range(rows) for _ in range(columns) for _ in range(channels))]


def dense_params(question: Question) -> Numbers:
    (inputs,) = length(question)
    found = re.search(r"dense layer of ([\d,]+) unit", question.text)
    assert found
    return [sum(inputs + 1 for _ in range(int(found[1].replace(",", ""))))]


def normed(question: Question) -> Numbers:
    given = {name: float(text) for name, text in options(question.command).items() if name != "-e"}
    x, mean, variance = given["--input"], given["batchnorm1.running_mean"], given["batchnorm1.running_var"]
    return [(x - mean) / variance**0.5 * given["batchnorm1.weight"] + given["batchnorm1.bias"]]


def scores(question: Question) -> tuple[Numbers, int]:
    given = options(question.command)
    return [float(word) for word in given["--input"].split()], int(given["--target"])


def share(question: Question) -> Numbers:
    given, target = scores(question)
    powers = [exp(score) for score in given]
    return [powers[target] / sum(powers)]


def weight_slope(question: Question) -> Numbers:
    """δ times what the weight met, at every position."""
    (inputs,), node, tap = maps(question, "input"), layer_of(question), place_in(question)
    window, total = Window(node.layer, node.input_shapes[0]), 0.0
    for row, deltas in zip(window.starts(0), question.given["δ"], strict=True):
        for column, delta in zip(window.starts(1), deltas, strict=True):
            total += sum(delta * inputs[y][x] for y, x, *at in window.taps(row, column) if tuple(at) == tap)
    return [total]


def norm_numbers(question: Question) -> tuple[int, int]:
    """How many numbers of a norm are trained, and how many are not: told by the words of its line."""
    layer: Any = layer_of(question).layer
    trained = untrained = 0
    for _ in range(layer_of(question).input_shapes[0][-1]):
        untrained += len(("running mean", "running variance"))
        for _ in ("scale", "shift") if layer.affine else ():
            trained, untrained = trained + (not layer.frozen), untrained + layer.frozen
    return trained, untrained


def input_slopes(question: Question) -> Numbers:
    """δ goes to the one largest value of each window."""
    (inputs,), node = maps(question, "input"), layer_of(question)
    window = Window(node.layer, node.input_shapes[0])
    found = [[0.0 for _ in line] for line in inputs]
    for row, deltas in zip(window.starts(0), question.given["δ"], strict=True):
        for column, delta in zip(window.starts(1), deltas, strict=True):
            taps = window.taps(row, column)
            inside = [tap for tap in taps if 0 <= tap[0] < len(inputs) and 0 <= tap[1] < len(inputs[0])]
            y, x, _, _ = max(inside, key=lambda tap: inputs[tap[0]][tap[1]])
            assert [inputs[tap[0]][tap[1]] for tap in inside].count(inputs[y][x]) == 1, "a tie"
            found[y][x] += delta
    return [slope for line in found for slope in line]


def update(question: Question) -> Numbers:
    given = options(question.command)
    rate = float(given["--optimizer"].partition("rate=")[2])
    return [float(given["dense1"]) - rate * float(given["--upstream"])]


def padding(question: Question) -> Numbers:
    return [amount for amount in range(100) if gives(question, amount)]


def gives(question: Question, padding: float) -> bool:
    """Whether a padding on every side gives the output that is asked for."""
    node = layer_of(question)
    return Window(node.layer, node.input_shapes[0], (int(padding),)).shape == node.output[:2]


def saved(question: Question) -> Numbers:
    node = layer_of(question)
    layer: Any = node.layer
    small = cnnspec.parse(f"input 99x99x{layer.filters}; conv {layer.filters} 3x3 bias=no").layers[0]
    count, reached = 0, 1
    while reached < layer.kernel[0]:
        count, reached = count + 1, reached + 2
    return [params_of(node) - count * params_of(small)]


def more_params(question: Question) -> Numbers:
    network = _network(question)
    names = re.findall(r"(?:has|than) ([\w.]+) \(", question.text)
    first, second = (params_of(network[name]) for name in names)
    return [first - second]


BY_HAND: Final[dict[str, Callable[[Any], Numbers]]] = {
    "shape": output_size, "zeros": zeros, "reach": reach, "params": lambda one: [params_of(layer_of(one))],
    "trained": lambda one: [norm_numbers(one)[0]],
    "multiplies": multiplies, "output": output, "value": value, "field": field,
    "dense-weights": dense_weights, "length": length, "dense-params": dense_params, "normed": normed,
    "share": share, "buffers": lambda one: [norm_numbers(one)[1]],
    "stored": lambda one: [sum(norm_numbers(one))],
    "loss": lambda one: [-log(share(one)[0])], "slope": lambda one: [share(one)[0] - 1],
    "weight-slope": weight_slope, "input-slopes": input_slopes, "update": update, "padding": padding,
    "saved": saved, "more-params": more_params,
}  # fmt: skip
"""For each thing that is asked, how it is found here."""

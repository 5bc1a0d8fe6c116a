"""What a question is about: a layer with what flows into it, drawn at random or taken from a network."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace
from functools import cached_property
from math import prod
from random import Random
from typing import Any, Final

import numpy as np

from cnnspec.analysis.report import Analysis, Row, analyze
from cnnspec.layers.base import Layer, channels_first, show
from cnnspec.layers.window import per_axis
from cnnspec.layers.writing import sentence
from cnnspec.network.graph import Network, Node, Output
from cnnspec.records import record
from cnnspec.teaching.symbols import Array
from cnnspec.teaching.working import Values

Matrix = Sequence[Sequence[int]]


@record
class Scene:
    """A layer in its network; ``spec`` is its text or its file's name, ``seed`` gives the numbers in it."""

    spec: str
    network: Network
    node: Node
    seed: int
    level: int
    drawn: bool = True
    """Whether it was made for the question alone, and its spec is its text."""

    @property
    def layer(self) -> Any:
        return self.node.layer

    @property
    def input(self) -> tuple[int, ...]:
        return self.node.input_shapes[0]

    @cached_property
    def analysis(self) -> Analysis:
        return analyze(self.network)

    @property
    def row(self) -> Row:
        return self.analysis[self.node.name]

    @property
    def alone(self) -> Scene:
        """The layer as a network of its own, in which it has numbers to compute with."""
        start = replace(self.network.nodes[0], output=self.input)
        node = replace(self.node, index=1, inputs=(0,), share=None, tied=None)
        network = replace(self.network, nodes=(start, node), outputs=(Output("output", 1),))
        return replace(self, node=node, network=network)

    def seeded(self, seed: int) -> Scene:
        """The same with other numbers; what is known of the network stays known."""
        scene = replace(self, seed=seed)
        if "analysis" in self.__dict__:
            object.__setattr__(scene, "analysis", self.analysis)
        return scene

    def pick(self, salt: str = "") -> Random:
        """Numbers of this scene's own."""
        return Random(f"{self.seed} {salt}")

    def changed(self, **options: Any) -> Scene:
        """The same with another layer in its place; raises LayerError where that does not fit."""
        layer = self.layer.model_copy(update=options)
        return self.with_layer(layer)

    def with_layer(self, layer: Layer) -> Scene:
        output = layer.shape(self.node.input_shapes)
        node = replace(self.node, layer=layer, output=output)
        nodes = tuple(node if one.index == node.index else one for one in self.network.nodes)
        return replace(self, node=node, network=replace(self.network, nodes=nodes))

    @property
    def title(self) -> str:
        return self.network.name or ("the network" if self.spec.startswith("-e ") else self.spec)

    @property
    def told(self) -> str:
        """``A map of 32x32x3 goes into a convolution with 16 filters of 3x3, stride 2.``"""
        if self.drawn:
            what = (
                "is flattened"
                if self.node.word == "flatten"
                else f"goes into {words(self.layer, self.input)}"
            )
            return f"{what_flows(self.input)} {what}."
        where = f"In {self.title}, {self.node.name} is {words(self.layer, self.input)}"
        return f"{where}. {what_flows(self.input)} goes into it."

    def command(self, verb: str, *options: str) -> str:
        """What shows it on the command line."""
        named = f'-e "{self.spec}"' if self.drawn else self.spec
        return " ".join([f"cnnspec {verb} {named} {self.node.name}", *options])

    def running(self, verb: str, *options: str) -> str:
        """What computes with the layer alone."""
        text = f"input {show(self.input)}; {sentence(self.layer)}"
        return " ".join([f'cnnspec {verb} -e "{text}"', *options])

    # Numbers to compute with ---------------------------------------------------------

    @cached_property
    def values(self) -> Values:
        """Small whole numbers for the input and the weights of a layer that is ``alone``.

        Those that a pool reads are all different, so that each window has one largest.
        """
        shape = channels_first(self.input)
        given = self._different(shape) if self.node.word in POOLS else self._whole("input", shape, -1, 4)
        maps = {self.node.inputs[0]: given}
        weights = {
            f"{self.node.name}.{weight.name}": self._whole(weight.name, weight.shape, *RANGES[weight.name])
            for weight in self.layer.arrays(self.node.input_shapes)
        }
        return Values(self.network, maps, weights)

    def _different(self, shape: Sequence[int]) -> Array:
        numbers = range(max(10, prod(shape) + 2))
        return np.array(self.pick("input").sample(numbers, prod(shape)), float).reshape(shape)

    def _whole(self, name: str, shape: Sequence[int], low: int, high: int) -> Array:
        pick = self.pick(name)
        return np.array([pick.randint(low, high) for _ in range(prod(shape))], float).reshape(shape)

    def matrix(self, name: str, rows: int, columns: int, low: int, high: int) -> list[list[int]]:
        """A matrix of small whole numbers under a name."""
        return whole(self._whole(name, (rows, columns), low, high))


def whole(array: Array) -> list[list[int]]:
    return [[int(value) for value in row] for row in array.reshape(array.shape[0], -1)]


def what_flows(shape: Sequence[int]) -> str:
    return f"A map of {show(tuple(shape))}" if len(shape) > 1 else f"A vector of {shape[0]:,} values"


RANGES: Final = {"weight": (-1, 2), "bias": (1, 3)}
POOLS: Final = ("maxpool", "avgpool")


# Layers in words -----------------------------------------------------------------


def words(layer: Any, shape: Sequence[int], leave_padding: bool = False) -> str:
    """A layer as a lecturer says it; in the language's own words where it has options of a rare kind."""
    told = KINDS.get(layer.word)
    rank = len(shape) - 1
    if told is None or set(layer.options()) - SAID:
        return f"the layer {sentence(layer)}"
    return ", ".join([told(layer, rank), *_options(layer, rank, leave_padding)])


def _many(count: int, what: str) -> str:
    return f"{count:,} {what}" + ("" if count == 1 else "s")


def _size(option: str, sizes: Sequence[int], rank: int) -> str:
    return show(per_axis(option, tuple(sizes), rank))


KINDS: Final[dict[str, Callable[[Any, int], str]]] = {
    "conv": lambda one, rank: (
        f"a convolution with {_many(one.filters, 'filter')} of {_size('kernel', one.kernel, rank)}"
    ),
    "depthwise": lambda one, rank: f"a depthwise convolution of {_size('kernel', one.kernel, rank)}",
    "maxpool": lambda one, rank: f"max pooling with a window of {_size('kernel', one.kernel, rank)}",
    "avgpool": lambda one, rank: f"average pooling with a window of {_size('kernel', one.kernel, rank)}",
    "dense": lambda one, rank: f"a dense layer of {_many(one.units, 'unit')}",
    "batchnorm": lambda one, rank: "batch normalisation",
    "flatten": lambda one, rank: "flatten",
}
"""Layers that questions are asked of, in words."""
SAID: Final = {
    "filters", "kernel", "stride", "padding", "dilation", "groups", "bias", "units", "count_padding",
    "weights", "init",
}  # fmt: skip


def _options(layer: Any, rank: int, leave_padding: bool) -> list[str]:
    found = []
    if hasattr(layer, "stride"):
        stride = per_axis("stride", layer.stride or layer.kernel, rank)
        found += [f"stride {stride[0] if len(set(stride)) == 1 else show(stride)}"]
        found += [] if leave_padding else [_padding(layer.padding)]
    if max(getattr(layer, "dilation", (1,))) > 1:
        found.append(f"dilation {show(layer.dilation)}")
    if getattr(layer, "groups", 1) > 1:
        found.append(f"in {layer.groups} groups")
    if not getattr(layer, "bias", True):
        found.append("no bias")
    if not getattr(layer, "count_padding", True):
        found.append("each mean over the pixels of the map alone")
    elif layer.word == "avgpool" and layer.padding not in ("valid", (0,)):
        found.append("the zeros counted in each mean")
    return found


def _padding(padding: Any) -> str:
    if isinstance(padding, str):
        return "no padding (valid)" if padding == "valid" else f"padding {padding}"
    if set(padding) == {0}:
        return "no padding"
    return f"padding {padding[0]} on every side" if len(padding) == 1 else f"padding {show(padding)}"

"""One layer of the roll as a network of its own, so that laws can run it on any backend."""

from __future__ import annotations

from dataclasses import dataclass
from math import prod

import numpy as np
from cases.registry import Case

from cnnspec.backends.numpy.engine import NumpyEngine
from cnnspec.backends.numpy.layout import Array
from cnnspec.backends.numpy.losses import Loss
from cnnspec.layers.base import Layer, Shape
from cnnspec.layers.borders import Slice
from cnnspec.layers.reshape import Reshape
from cnnspec.network.graph import InputLayer, Network, Node, Output

POSITIVE = {"log", "sqrt"}
"""Layers that have no value below 0."""


class Toward(Loss):
    """The sum of output times target: its gradient is the target itself, whatever that is."""

    def measure(self) -> None:
        self.value = float(np.vdot(self.output, self.target))
        np.copyto(self.flat_gradient, self.target)


class Builder:
    """A network, node by node."""

    def __init__(self, shape: Shape) -> None:
        self.nodes = [Node(0, "input", InputLayer(), (), (), shape)]

    def add(self, name: str, layer: Layer, *sources: int) -> int:
        inputs = tuple(self.nodes[source].output for source in sources)
        index = len(self.nodes)
        self.nodes.append(Node(index, name, layer, sources, inputs, layer.shape(inputs)))
        return index

    def network(self, *outputs: int) -> Network:
        names = ("output", *(f"head{n}" for n in range(1, len(outputs))))
        return Network(
            "single",
            tuple(self.nodes),
            tuple(Output(name, n) for name, n in zip(names, outputs, strict=True)),
        )


def network_of(case: Case) -> Network:
    """The case's layer, named ``layer``; several inputs are cut out of one vector, as channel-first maps."""
    if case.pool:
        pool, shape = case.pool
        return _unpooling(case, pool, shape)
    if len(case.inputs) == 1:
        builder = Builder(case.inputs[0])
        return builder.network(builder.add("layer", case.layer, 0))
    builder = Builder((sum(map(prod, case.inputs)),))
    sources, start = [], 0
    for n, shape in enumerate(case.inputs):
        piece = builder.add(f"piece{n}", Slice(start=start, stop=start + prod(shape)), 0)
        sources.append(builder.add(f"shaped{n}", Reshape(to=shape), piece))
        start += prod(shape)
    return builder.network(builder.add("layer", case.layer, *sources))


def _unpooling(case: Case, pool: Layer, shape: Shape) -> Network:
    """The pool's input and the map to be unpooled, side by side."""
    pooled = case.inputs[0]
    builder = Builder((prod(shape) + prod(pooled),))
    first = builder.add("piece0", Slice(start=0, stop=prod(shape)), 0)
    second = builder.add("piece1", Slice(start=prod(shape), stop=prod(shape) + prod(pooled)), 0)
    source = builder.add("pool1", pool, builder.add("shaped0", Reshape(to=shape), first))
    return builder.network(
        builder.add("layer", case.layer, builder.add("shaped1", Reshape(to=pooled), second), source)
    )


@dataclass
class Run:
    """What one step gave: output, gradient by the input, gradients by the weights."""

    output: Array
    input_gradient: Array
    gradients: dict[str, Array]


def model_of(case: Case, *, reference: bool = False, dtype: str = "float64", seed: int = 3) -> NumpyEngine:
    """A model of the case with weights that are all different from zero."""
    model = NumpyEngine(
        network_of(case), seed=seed, dtype=dtype, kernels="reference" if reference else "fast"
    )
    random = np.random.default_rng(seed)
    for name, values in model.weights.items():
        values[...] = random.standard_normal(values.shape)
        if name.endswith("running_var"):
            values[...] = 0.5 + random.random(values.shape)
    return model


def run(model: NumpyEngine, images: Array, direction: Array) -> Run:
    """One forward and backward pass with ``direction`` as the gradient of the output."""
    program = model.compile(len(images), True, loss=Toward, input_gradient=True)
    program.load(images, direction)
    program.forward()
    output = program.result().copy()
    program.backward()
    gradients = {name: values.copy() for name, values in model.gradients.items()}
    return Run(output, program.input_gradient().copy(), gradients)


def data(model: NumpyEngine, batch: int, seed: int = 5) -> tuple[Array, Array]:
    """Images and a gradient for the output."""
    random = np.random.default_rng(seed)
    network = model.network
    images = random.standard_normal((batch, *network.input)).astype(model.dtype)
    if network.layers[-1].word in POSITIVE:
        images = np.abs(images) + np.asarray(0.1, model.dtype)
    return images, random.standard_normal((batch, *network.output)).astype(model.dtype)

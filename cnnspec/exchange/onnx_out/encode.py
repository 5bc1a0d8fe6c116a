"""A network as an ONNX file: one node a layer where ONNX has the layer, our names kept, the batch left open.

Tensors are N x channels x height x width there. Every initializer that is a weight has our name, shape and
values, so the file gives the weights back as they are; what ONNX wants in another shape is reshaped in the
graph. ``WRITERS`` says how each layer is written; the opset is the lowest that knows all operators used.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Final

import numpy as np
from onnx import TensorProto, checker, helper, numpy_helper, shape_inference

from cnnspec import resources
from cnnspec.exchange.onnx_out.arithmetic import ARITHMETIC
from cnnspec.exchange.onnx_out.attention import ATTENTION
from cnnspec.exchange.onnx_out.layer import CannotSay, LayerWriter
from cnnspec.exchange.onnx_out.words import TABLE
from cnnspec.exchange.trade import Arrays, unsupported
from cnnspec.layers.base import Shape, channels_first
from cnnspec.network.graph import Network, Node
from cnnspec.network.write import write

BATCH: Final = "N"
"""The name of the open size of the batch."""
SPEC: Final = "cnnspec.spec"
"""The key of the metadata that holds the spec."""
LEAST_OPSET: Final = 7
"""The first with today's broadcasting."""
LEAST_IR: Final = 4
"""The first whose initializers need not be inputs."""
LARGEST: Final = 2_000_000_000
"""Bytes that protobuf can hold in one file."""


WRITERS: Final = TABLE | ARITHMETIC | ATTENTION
"""By the word of a layer, how it is written."""


class GraphWriter:
    """The nodes and constants written so far."""

    def __init__(self, network: Network, arrays: Arrays) -> None:
        self.network, self.arrays = network, arrays
        self.nodes: list[Any] = []
        self.given: set[str] = set()
        """The tensors that the nodes give."""
        self.constants: dict[str, Any] = {}
        self.opset = LEAST_OPSET
        self.places = self.values = 0
        """What of the room for layers that are written out is taken."""
        outputs = {output.node: output.name for output in reversed(network.outputs)}
        taken = set(network.by_name)
        self.names = [
            name
            if (name := outputs.get(node.index, node.name)) == node.name or name not in taken
            else node.name
            for node in network.nodes
        ]
        """The tensor that each node gives: an output is called by the output's name."""

    def add(
        self, kind: str, inputs: Sequence[str], outputs: Sequence[str], since: int, **attributes: Any
    ) -> None:
        """A node; ``since`` is the first opset that knows this form of the operator."""
        self.opset = max(self.opset, since)
        self.given.update(outputs)
        given = {name: value for name, value in attributes.items() if value is not None}
        self.nodes.append(helper.make_node(kind, list(inputs), list(outputs), name=outputs[0], **given))

    def constant(self, name: str, values: Any) -> str:
        """An initializer of this name."""
        if name not in self.constants:
            self.constants[name] = numpy_helper.from_array(np.asarray(values, order="C"), name)
        return name


def encoded(network: Network, weights: Arrays, text: str = "") -> bytes:
    """The file of a network with these weights; equal ones make equal files.

    ``text`` is the spec that the file tells of, the flat one unless given. Raises SpecError with every layer
    that ONNX cannot say, or where the weights are too many for one file.
    """
    size = sum(np.asarray(values).nbytes for values in weights.values())
    if size > LARGEST:
        last = network.nodes[-1]
        raise unsupported("ONNX", [(last, f"{size:,} bytes of weights are too many for one file")])
    graph = _graph(network, weights)
    inside = helper.make_graph(
        graph.nodes, network.name or "network",
        [_tensor(graph.names[node.index], node.output) for node in network.inputs],
        [_tensor(graph.names[output.node], network.nodes[output.node].output) for output in network.outputs],
        initializer=list(graph.constants.values()),
    )  # fmt: skip
    opsets = [helper.make_opsetid("", graph.opset)]
    model = helper.make_model(
        inside, opset_imports=opsets, producer_name="cnnspec", producer_version=resources.VERSION,
        ir_version=max(LEAST_IR, helper.find_min_ir_version_for(opsets)),
    )  # fmt: skip
    helper.set_model_props(model, {SPEC: text or write(network)})
    try:
        checker.check_model(model, full_check=size < LARGEST // 2)
    except (checker.ValidationError, shape_inference.InferenceError) as error:
        reason = " ".join(str(error).split())[:200]
        raise unsupported("ONNX", [(network.nodes[-1], f"the file would not be valid: {reason}")]) from error
    return bytes(model.SerializeToString(deterministic=True))


def _graph(network: Network, weights: Arrays) -> GraphWriter:
    graph, faults = GraphWriter(network, weights), list[tuple[Node, str]]()
    for node in network.layers:
        try:
            write_layer = WRITERS.get(node.word)
            if write_layer is None:
                raise CannotSay("no operator of ONNX computes it")
            write_layer(LayerWriter(graph, node))
        except CannotSay as reason:
            faults.append((node, str(reason)))
    if faults:
        raise unsupported("ONNX", faults)
    return graph


def _tensor(name: str, shape: Shape) -> Any:
    return helper.make_tensor_value_info(name, TensorProto.FLOAT, [BATCH, *channels_first(shape)])

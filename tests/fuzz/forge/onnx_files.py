"""ONNX files with other operators, sizes, names, places and texts."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import suppress
from functools import cache
from random import Random
from typing import Any, Final

import cnnspec

from .parts import INTEGERS, any_bytes

SPECS: Final = (
    "input 8x8x2; c: conv 4 3x3 padding=same -> batchnorm -> relu; maxpool 2x2; flatten -> dense 4; softmax",
    "input 8x8x4; a: conv 4 3x3 padding=1; relu; add a; concat { | conv 2 1x1 | maxpool 3x3 stride=1"
    " padding=1 }; upconv 3 2x2 stride=2; globalavgpool",
    "input 9x8x3; depthwise 3x3; groupnorm 3; upsample 2; avgpool 2x2; prelu; dropout 0.5; crop 1; flatten",
)
OPERATORS: Final = (
    "Conv", "Gemm", "Relu", "Add", "Mul", "Concat", "MaxPool", "AveragePool", "Reshape", "Flatten", "Tanh",
    "Constant", "Identity", "Pad", "Slice", "Gather", "Shape", "Unsqueeze", "Loop", "If", "Scan", "Resize",
    "ConstantOfShape", "Range", "Tile", "Expand", "MatMul", "Cast", "Softmax", "BatchNormalization", "", "é",
    "ConvTranspose", "Transpose", "Split", "Squeeze", "Clip", "Div", "Pow", "Where", "Dropout", "Sigmoid",
)  # fmt: skip
PLACES: Final = (
    "x.bin",
    "../x",
    "/etc/passwd",
    "/dev/zero",
    "",
    "a/../../b",
    "samples.npz",
    "\0",
    "run",
    "é" * 300,
)
TEXTS: Final = (
    "",
    "x",
    "input 8",
    "input 8x8x2; relu",
    'use "/etc/passwd"',
    "{" * 200,
    "\x1b[31m",
    "input ?x?x?",
)


@cache
def _whole(which: int, bare: bool) -> Any:
    import onnx

    from cnnspec.exchange.onnx_out.encode import encoded

    network = cnnspec.parse(SPECS[which])
    model = onnx.load_from_string(encoded(network, network.build(seed=0).weights))
    if bare:
        del model.metadata_props[:]
    return model


def onnx_file(random: Random) -> bytes:
    """A file after one that is whole."""
    import onnx
    from google.protobuf.message import DecodeError

    model = onnx.ModelProto()
    model.CopyFrom(_whole(random.randrange(len(SPECS)), random.random() < 0.8))
    for _ in range(random.choice((0, 1, 1, 1, 2, 3))):
        with suppress(DecodeError):  # graphs too deep to be moved
            random.choice(CHANGES)(model, random)
    if random.random() < 0.004:
        return bytes(model.SerializeToString()) + _many(random.choice((10, 60_000, 10**6)))
    data = bytes(model.SerializeToString())
    return any_bytes(data, random) if random.random() < 0.2 else data


def _many(count: int) -> bytes:
    """A graph of so many nodes: one that follows another in the file is merged with it."""
    node = b"\x0a\x0b\x22\x04Relu\x0a\x01x\x12\0"
    body = node * count
    size, length = len(body), b""
    while size > 127:
        length, size = length + bytes([size & 127 | 128]), size >> 7
    return b"\x3a" + length + bytes([size]) + body


def _node(model: Any, random: Random) -> Any:
    return random.choice(model.graph.node) if model.graph.node else model.graph.node.add()


def _operator(model: Any, random: Random) -> None:
    node = _node(model, random)
    node.op_type = random.choice(OPERATORS)
    if random.random() < 0.2:
        node.domain = random.choice(("com.microsoft", "ai.onnx", "\u202e", "x"))


def _wires(model: Any, random: Random) -> None:
    """Names of inputs and outputs changed: circles, twins, none, many."""
    one, other = _node(model, random), _node(model, random)
    names = [
        *one.output,
        *other.output,
        "",
        "nowhere",
        "input",
        *(each.name for each in model.graph.initializer),
    ]
    ends = random.choice((one.input, one.output))
    if ends and random.random() < 0.7:
        ends[random.randrange(len(ends))] = random.choice(names)
    else:
        ends.extend([random.choice(names)] * random.choice((1, 1, 2, 300)))


def _more_or_less(model: Any, random: Random) -> None:
    nodes = model.graph.node
    what = random.randrange(3)
    if what == 0 and nodes:
        del nodes[random.randrange(len(nodes))]
    elif what == 1:
        nodes.extend([_node(model, random)] * random.choice((1, 3, 500)))
    elif nodes:
        kept = list(nodes)
        random.shuffle(kept)
        del nodes[:]
        nodes.extend(kept)


def _attribute(model: Any, random: Random) -> None:
    node = _node(model, random)
    if not node.attribute or random.random() < 0.2:
        more = node.attribute.add()
        more.name, more.type, more.i = random.choice(("axis", "group", "x", "")), random.randrange(12), 7
        return
    found = random.choice(node.attribute)
    what = random.randrange(4)
    if what == 0:
        found.i = _number(random)
    elif what == 1:
        del found.ints[:]
        found.ints.extend(_number(random) for _ in range(random.choice((0, 1, 2, 4, 900))))
    elif what == 2:
        found.name = random.choice(("axis", "pads", "strides", "kernel_shape", "perm", "value", "body", "é"))
    else:
        found.type = random.randrange(15)


def _number(random: Random) -> int:
    return max(-(2**63), min(2**63 - 1, random.choice(INTEGERS)))


def _tensor(model: Any, random: Random) -> None:
    """A weight of another size, kind or place."""
    if not model.graph.initializer:
        return
    tensor = random.choice(model.graph.initializer)
    what = random.randrange(6)
    if what == 0:
        tensor.data_type = random.randrange(32)
    elif what == 1 and tensor.dims:
        tensor.dims[random.randrange(len(tensor.dims))] = random.choice((10**12, _number(random)))
    elif what == 2:
        tensor.dims.extend([1] * random.choice((1, 70)))
    elif what == 3:
        tensor.raw_data = any_bytes(tensor.raw_data, random)
    elif what == 4:
        tensor.data_location = 1
        said = {
            "location": random.choice(PLACES),
            "offset": str(_number(random)),
            "length": str(_number(random)),
        }
        for key, value in random.sample(sorted(said.items()), random.randrange(1, 4)):
            entry = tensor.external_data.add()
            entry.key, entry.value = key, value
    else:
        tensor.name = random.choice(("", "x", *(each.name for each in model.graph.initializer)))


def _input(model: Any, random: Random) -> None:
    if not model.graph.input or random.random() < 0.1:
        model.graph.input.add().name = random.choice(("", "x", "more"))
        return
    dims = random.choice(model.graph.input).type.tensor_type.shape.dim
    if dims and random.random() < 0.8:
        size = random.choice(dims)
        size.dim_value = random.choice((10**12, _number(random)))
    else:
        dims.add().dim_param = random.choice(("N", "", "\u202e"))


def _words(model: Any, random: Random) -> None:
    """Versions, the spec it tells of, functions that call themselves, graphs in graphs."""
    what = random.randrange(4)
    if what == 0 and model.opset_import:
        random.choice(model.opset_import).version = _number(random)
    elif what == 1:
        entry = model.metadata_props.add()
        entry.key, entry.value = random.choice(("cnnspec.spec", "x")), random.choice(TEXTS)
    elif what == 2:
        function = model.functions.add()
        function.name, function.domain = "F", "own"
        function.node.add().op_type = "F"
        function.node[0].domain = "own"
        _node(model, random).op_type = "F"
        _node(model, random).domain = "own"
        model.opset_import.add().domain = "own"
    else:
        graph = model.graph
        for _ in range(random.choice((1, 30, 90))):
            inner = graph.node.add()
            inner.op_type, body = "If", inner.attribute.add()
            body.name, body.type = "then_branch", 5
            graph = body.g


CHANGES: Final[tuple[Callable[[Any, Random], None], ...]] = (
    _operator, _wires, _more_or_less, _attribute, _attribute, _tensor, _tensor, _input, _words,
)  # fmt: skip

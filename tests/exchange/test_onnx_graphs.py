"""Graphs made node by node: what comes in computes what ONNX Runtime computes."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import cnnspec

onnx = pytest.importorskip("onnx")
from onnx import TensorProto, helper, numpy_helper  # noqa: E402

from cnnspec.exchange.onnx_in.read import read  # noqa: E402

pytestmark = pytest.mark.torch
Shapes = Mapping[str, tuple[Any, ...]]
MAP: Shapes = {"x": ("N", 4, 6, 5)}
TWO: Shapes = {"x": ("N", 4, 6, 5), "z": ("N", 4, 6, 5)}


def node(kind: str, inputs: str = "x", output: str = "y", **more: Any) -> Any:
    return helper.make_node(kind, inputs.split(), output.split(), **more)


def graph_file(
    place: Path, nodes: list[Any], shapes: Shapes, constants: Mapping[str, Any], opset: int
) -> Path:
    values = [numpy_helper.from_array(np.asarray(each), name) for name, each in constants.items()]
    given = [helper.make_tensor_value_info(name, TensorProto.FLOAT, shape) for name, shape in shapes.items()]
    ends = [name for each in nodes for name in each.output if name.startswith("y")]
    made = [helper.make_tensor_value_info(name, TensorProto.FLOAT, None) for name in ends]
    graph = helper.make_graph(nodes, "g", given, made, initializer=values)
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", opset)], ir_version=9)
    place.write_bytes(model.SerializeToString())
    return place


def compared(place: Path) -> str:
    """The spec, after the network and ONNX Runtime gave the same numbers."""
    runtime = pytest.importorskip("onnxruntime")
    session, rng = (
        runtime.InferenceSession(str(place), providers=["CPUExecutionProvider"]),
        np.random.default_rng(0),
    )
    model = cnnspec.from_onnx(place)
    x = {
        each.name: rng.uniform(0.1, 2, (2, *each.shape[1:])).astype("float32")
        for each in session.get_inputs()
    }
    wanted = session.run(None, x)
    names = [each.name for each in model.network.inputs]
    found = model.forward({n: np.moveaxis(each, 1, -1) for n, each in zip(names, x.values(), strict=True)})
    for output, values in zip(model.network.outputs, wanted, strict=True):
        ours = found[output.name]
        ours = np.moveaxis(ours, -1, 1) if np.moveaxis(ours, -1, 1).shape == values.shape else ours
        assert np.abs(ours.reshape(values.shape) - values).max() < 1e-5
    text: str = read(place).text
    return text


K = np.random.default_rng(1).standard_normal((4, 4, 3, 3)).astype("float32")
F: Any = np.float32
ROWS: dict[str, tuple[list[Any], Shapes, dict[str, Any], str]] = {
    "a sum of two inputs": ([node("Add", "x z")], TWO, {}, "input x 6x5x4\ninput z 6x5x4\n"),
    "a vector's and a map's chain": (
        [node("Conv", "x k", "a", pads=[1] * 4), node("GlobalAveragePool", "z", "b"), node("Mul", "a b")],
        TWO, {"k": K}, "multiply",
    ),
    "three, joined by rows": ([node("Concat", "x z x", axis=2)], TWO, {}, "transpose"),
    "weights used twice": (
        [node("Conv", "x k", "a"), node("Relu", "a", "c"), node("Conv", "z k", "b"), node("Sub", "c b")],
        TWO, {"k": K}, "share=",
    ),
    "two outputs": (
        [node("Relu", "x", "a"), node("Sigmoid", "a", "y"), node("Tanh", "a", "y2")], MAP, {}, "head y2",
    ),
    "logarithms of shares": ([node("LogSoftmax", axis=1)], MAP, {}, "subtract"),
    "shares along rows": ([node("Softmax", axis=2)], MAP, {}, "transpose"),
    "lengths": ([node("ReduceL2", "x", axes=[1])], MAP, {}, "square"),
    "logarithms of sums": ([node("ReduceLogSumExp", "x", axes=[1])], MAP, {}, "exp"),
    "the mean of rows": ([node("ReduceMean", "x", axes=[3], keepdims=0)], MAP, {}, "mean"),
    "a size": (
        [node("Resize", "x e e s", mode="linear", coordinate_transformation_mode="align_corners")],
        {"x": (2, 4, 6, 5)}, {"e": np.zeros(0, "float32"), "s": [2, 4, 9, 11]},
        "upsample to=9x11 mode=bilinear align=corners",
    ),
    "a factor of one and a half": (
        [node("Resize", "x e s", mode="cubic", coordinate_transformation_mode="half_pixel")],
        MAP, {"e": np.zeros(0, "float32"), "s": F([1, 1, 1.5, 1.5])}, "upsample 1.5 mode=bicubic",
    ),
    "a number at one end": ([node("Max", "x c")], MAP, {"c": F(0.5)}, "hardtanh 0.5 no"),
    "positions": ([node("Add", "x p")], MAP, {"p": F(np.arange(120).reshape(1, 4, 6, 5))}, "positions"),
    "a token": (
        [node("Reshape", "x s", "a"), node("Transpose", "a", "b", perm=[0, 2, 1]),
         node("Concat", "t b", "c", axis=1), node("Transpose", "c", perm=[0, 2, 1])],
        {"x": (2, 4, 6, 5)}, {"s": [2, 4, 30], "t": F(np.ones((2, 1, 1)) * np.arange(4))}, "token",
    ),
    "a transposed convolution to a size": (
        [node("ConvTranspose", "x k", strides=[2, 2], output_shape=[12, 11])], MAP, {"k": K}, "upconv",
    ),
}  # fmt: skip


@pytest.mark.parametrize("what", ROWS)
def test_a_graph_comes_in_and_computes_the_same(what: str, tmp_path: Path) -> None:
    nodes, shapes, constants, said = ROWS[what]
    assert said in compared(graph_file(tmp_path / "g.onnx", nodes, shapes, constants, 13))


def test_inputs_that_differ_in_samples_are_refused(tmp_path: Path) -> None:
    place = graph_file(tmp_path / "g.onnx", [node("Add", "x z")], {"x": (3, 5), "z": (1, 5)}, {}, 13)
    with pytest.raises(cnnspec.SpecError, match="different numbers of samples: x 3, z 1"):
        cnnspec.from_onnx(place)


def test_a_choice_of_too_many_values_is_refused(tmp_path: Path) -> None:
    """The indices of a Gather were followed without a bound."""
    many = {"i": np.zeros(10_000_000, "int64")}
    place = graph_file(tmp_path / "g.onnx", [node("Gather", "x i", axis=1)], MAP, many, 13)
    with pytest.raises(cnnspec.SpecError, match="300,000,000 values"):
        cnnspec.from_onnx(place)


@pytest.mark.parametrize("groups", [0, -1])
@pytest.mark.parametrize("kind", ["Conv", "ConvTranspose"])
def test_groups_that_are_none_are_refused(kind: str, groups: int, tmp_path: Path) -> None:
    place = graph_file(tmp_path / "g.onnx", [node(kind, "x k", group=groups)], MAP, {"k": K}, 13)
    with pytest.raises(cnnspec.SpecError, match=f"channels in {groups} groups"):
        cnnspec.from_onnx(place)

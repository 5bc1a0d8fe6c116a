"""ONNX files as specs: what we wrote comes back, what others wrote computes the same, the rest is refused."""

from __future__ import annotations

import os
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import cnnspec
from cnnspec.cli.main import run
from cnnspec.diagnostics import SpecError
from cnnspec.network.graph import Network
from cnnspec.resources import example_names

onnx = pytest.importorskip("onnx")
from onnx import TensorProto, helper, numpy_helper  # noqa: E402

pytestmark = pytest.mark.torch

LARGE = 8_000_000
MOST_COMPUTED = 30_000_000
"""Multiplies up to which a network is run; of a larger one the weights are compared."""
SPEC = "input 8x8x2; c: conv 3 3x3 -> relu; flatten -> dense 4"


def exported(network: Network, text: str = "", *, bare: bool = False) -> tuple[bytes, Any]:
    """The file of a network with weights of seed 0, ``bare`` of its own spec; and the model."""
    from cnnspec.exchange.onnx_out.encode import encoded

    model = network.build(seed=0)
    data = encoded(network, model.weights, text)
    if bare:
        stripped = onnx.load_from_string(data)
        del stripped.metadata_props[:]
        data = stripped.SerializeToString()
    return data, model


def graph_of(
    nodes: list[Any], constants: dict[str, Any] | None = None, shape: tuple[Any, ...] = ("N", 3, 8, 8)
) -> Any:
    """A model of nodes from x to y."""
    tensors = [
        numpy_helper.from_array(np.asarray(values), name) for name, values in (constants or {}).items()
    ]
    x = helper.make_tensor_value_info("x", TensorProto.FLOAT, shape)
    y = helper.make_tensor_value_info("y", TensorProto.FLOAT, None)
    graph = helper.make_graph(nodes, "g", [x], [y], initializer=tensors)
    return helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)])


def flat(network: Network) -> Network:
    """Without the groups of blocks and repeats, and the recipe."""
    return replace(network, nodes=tuple(replace(node, groups=()) for node in network.nodes))


def refusal(path: Path) -> str:
    with pytest.raises(SpecError) as found:
        cnnspec.from_onnx(path)
    assert {each.code for each in found.value.diagnostics} == {"cannot-import"}
    return " ".join(" ".join([each.message, *each.notes]) for each in found.value.diagnostics)


FOLDED = ("lenet1998", "convnext_mnist")
"""A table of connections is a whole kernel elsewhere; a scale becomes part of the convolution before it."""


@pytest.mark.parametrize("name", example_names())
def test_every_example_comes_back(name: str, tmp_path: Path) -> None:
    """With its own spec the same in every figure; without it the same network, if a word says each node."""
    network = cnnspec.load(name)
    analysis = cnnspec.analyze(network)
    if analysis.totals.params > LARGE:
        pytest.skip("the same layers as in smaller ones")
    for bare in (False, True):
        data, model = exported(network, bare=bare)
        place = tmp_path / "net.onnx"
        place.write_bytes(data)
        if bare and name in ("segnet", "segnet_digits"):
            assert "unpool1" in refusal(place)
            continue
        found = cnnspec.from_onnx(place)
        if analysis.totals.multiplies < MOST_COMPUTED:
            rng = np.random.default_rng(0)
            x = {
                node.name: rng.standard_normal((1, *node.output)).astype("float32") for node in network.inputs
            }
            assert np.abs(found.predict(x) - model.predict(x)).max() < 1e-5
        else:
            pairs = zip(found.weights.values(), model.weights.values(), strict=True)
            assert all(np.array_equal(one, other) for one, other in pairs)
        if name not in FOLDED or not bare:
            again = cnnspec.analyze(found.network).totals
            assert (again.params, again.multiplies) == (analysis.totals.params, analysis.totals.multiplies)
        if not bare:
            assert exported(found.network)[0] == data
            assert found.network == flat(network)
            assert cnnspec.analyze(found.network).totals == analysis.totals


def test_a_spec_that_the_file_does_not_compute_is_not_believed(tmp_path: Path) -> None:
    data, _ = exported(cnnspec.parse(SPEC), SPEC.replace("conv 3", "conv 4"))
    (tmp_path / "net.onnx").write_bytes(data)
    assert cnnspec.from_onnx(tmp_path / "net.onnx").network.layers[0].output == (6, 6, 3)


def test_import_writes_a_spec_and_its_weights(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    data, model = exported(cnnspec.parse(SPEC), bare=True)
    place = tmp_path / "net.onnx"
    place.write_bytes(data)
    target = str(tmp_path / "a.cnn")
    assert run(["import", str(place), "-o", target]) == 0
    assert run(["import", str(place), "-o", target]) == 2
    assert 'a.cnn" is there; --force writes over it' in " ".join(capsys.readouterr().err.split())
    assert run(["import", str(place), "-o", target, "--force"]) == 0
    found = cnnspec.load(target).build().load(tmp_path / "a.safetensors")
    x = np.ones((1, 8, 8, 2), "float32")
    assert np.abs(found.predict(x) - model.predict(x)).max() < 1e-6


def test_every_spec_may_be_a_file_of_onnx(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    data, model = exported(cnnspec.parse(SPEC), bare=True)
    place = tmp_path / "net.onnx"
    place.write_bytes(data)
    assert run(["analyze", str(place), "--only", "totals.params"]) == 0
    assert int(capsys.readouterr().out) == 57 + 436
    assert run(["run", str(place), "--input", "ones", "--format", "json"]) == 0
    streams = capsys.readouterr()
    assert "random weights" not in streams.err
    assert f"{model.predict(np.ones((1, 8, 8, 2)))[0, 0]:.4f}"[:6] in streams.out
    assert run(["export", str(place), "-o", str(tmp_path / "again.onnx")]) == 0
    x = np.ones((1, 8, 8, 2), "float32")
    again = cnnspec.from_onnx(tmp_path / "again.onnx")
    assert np.abs(again.predict(x) - model.predict(x)).max() < 1e-6
    assert cnnspec.load(place).layers


def test_a_file_with_an_open_size_wants_one(tmp_path: Path) -> None:
    kernel = np.ones((1, 3, 3, 3), "float32")
    place = tmp_path / "open.onnx"
    model = graph_of([helper.make_node("Conv", ["x", "w"], ["y"])], {"w": kernel}, ("N", 3, "h", "w"))
    place.write_bytes(model.SerializeToString())
    assert "x is 3 x ? x ?" in refusal(place)
    assert cnnspec.from_onnx(place, (9, 8, 3)).network.output == (7, 6, 1)
    assert run(["import", str(place), "--input", "9x8x3", "-o", str(tmp_path / "o.cnn")]) == 0
    assert run(["import", str(place), "--input", "9x8xq", "-o", "-"]) == 2


def node(kind: str, inputs: str = "x", output: str = "y", **more: Any) -> Any:
    return helper.make_node(kind, inputs.split(), [output], **more)


@pytest.mark.parametrize("nodes", [
    [node("Div", "c x")], [node("Div", "x z")], [node("Max", "x k")], [node("Min", "x k")],
    [node("Sub", "c x")],
], ids=["one over", "by zero", "max a channel", "min a channel", "less than"])  # fmt: skip
def test_a_constant_is_a_factor_or_a_term_alone(nodes: list[Any], tmp_path: Path) -> None:
    """1/x came in as x."""
    runtime, values = pytest.importorskip("onnxruntime"), np.random.default_rng(0).uniform(1, 2, (1, 3, 8, 8))
    constants = {
        "c": np.float32(3), "z": np.array([[[1]], [[0]], [[2]]], "float32"),
        "k": np.array([[[0.5]], [[1.5]], [[1.2]]], "float32"),
    }  # fmt: skip
    place, x = tmp_path / "x.onnx", values.astype("float32")
    place.write_bytes(graph_of(nodes, constants).SerializeToString())
    try:
        model = cnnspec.from_onnx(place)
    except SpecError:
        return
    session = runtime.InferenceSession(str(place), providers=["CPUExecutionProvider"])
    (wanted,) = session.run(None, {session.get_inputs()[0].name: x})
    np.testing.assert_allclose(np.moveaxis(model.predict(np.moveaxis(x, 1, -1)), -1, 1), wanted, rtol=1e-5)


BIG: dict[str, Any] = {"s": np.array([10**6, 10**6]), "t": np.array([1, 1, 9, 9])}
BROKEN: dict[str, tuple[list[Any], str]] = {
    "nothing gives it": ([node("Relu", "nowhere", name="r")], "r (Relu) .* reads nowhere"),
    "a circle": (
        [node("Add", "x b", "a", name="one"), node("Relu", "a", "b", name="two")], "one (Add) .* reads b",
    ),
    "an unknown operator": ([node("Frobnicate", name="f")], "f (Frobnicate) .* no such"),
    "another domain": ([node("Relu", name="f", domain="com.acme")], "f (com.acme.Relu) .* of ONNX itself"),
    "an attribute": ([node("Relu", name="r", slope=0.5)], "r (Relu) .* attribute slope"),
    "a huge constant": (
        [node("ConstantOfShape", "s", "c", name="big"), node("Add", "x c")], "big .* 1000000, 1000000",
    ),
    "a huge step": ([node("Tile", "x t", name="t")], "y (output) .* no word"),
    "a name given twice": ([node("Relu"), node("Relu")], "gives y, which is there already"),
}  # fmt: skip


@pytest.mark.parametrize("what", BROKEN)
def test_what_is_broken_is_told_by_node(what: str, tmp_path: Path) -> None:
    nodes, said = BROKEN[what]
    place = tmp_path / "x.onnx"
    place.write_bytes(graph_of(nodes, BIG).SerializeToString())
    parts = said.split(" .* ")
    assert [part for part in parts if part not in refusal(place)] == []
    assert run(["import", str(place), "-o", str(tmp_path / "x.cnn")]) == 1
    assert [each.name for each in tmp_path.iterdir()] == ["x.onnx"]


def test_every_cut_and_many_flips_of_a_file_are_read_or_refused(tmp_path: Path) -> None:
    data, _ = exported(cnnspec.parse(SPEC))
    place, rng = tmp_path / "x.onnx", np.random.default_rng(0)
    for turn in range(300):
        cut = bytearray(data[: rng.integers(1, len(data))] if turn % 2 else data)
        for _ in range(turn % 3):
            cut[rng.integers(len(cut))] = rng.integers(256)
        place.write_bytes(cut)
        try:
            cnnspec.from_onnx(place)
        except SpecError:
            continue


def with_external(place: str, **more: str) -> Any:
    model = graph_of([helper.make_node("Conv", ["x", "w"], ["y"])], {"w": np.ones((1, 3, 3, 3), "float32")})
    tensor = model.graph.initializer[0]
    tensor.ClearField("raw_data")
    tensor.data_location = TensorProto.EXTERNAL
    for key, value in {"location": place, **more}.items():
        entry = tensor.external_data.add()
        entry.key, entry.value = key, value
    return model


def test_values_in_a_file_beside_are_read_and_others_are_not(tmp_path: Path) -> None:
    inside = tmp_path / "in"
    inside.mkdir()
    values = np.arange(30, dtype="float32")
    (inside / "w.bin").write_bytes(values.tobytes())
    (tmp_path / "secret.bin").write_bytes(values.tobytes())
    (inside / "link.bin").symlink_to(tmp_path / "secret.bin")
    os.mkfifo(inside / "pipe.bin")
    place = inside / "x.onnx"
    place.write_bytes(with_external("w.bin", offset="12").SerializeToString())
    assert cnnspec.from_onnx(place).weights["conv1.weight"].ravel()[0] == 3
    for location, said in (
        ("../secret.bin", "outside"), (str(tmp_path / "secret.bin"), "outside"), ("link.bin", "link"),
        ("pipe.bin", "regular"), ("none.bin", "cannot be read"), ("", "outside"),
    ):  # fmt: skip
        place.write_bytes(with_external(location).SerializeToString())
        assert said in refusal(place)
    place.write_bytes(with_external("w.bin", offset="40").SerializeToString())
    assert "not whole" in refusal(place)


def in_a_row(constants: list[Any], make: Callable[[int], list[Any]]) -> Any:
    """A model of 40 dense layers, each with a matrix of 250 kB that ``make`` gives it."""
    names = ["x", *(f"t{n}" for n in range(39)), "y"]
    dense = [[*make(n), helper.make_node("Gemm", [names[n], f"w{n}"], [names[n + 1]])] for n in range(40)]
    model = graph_of([node for nodes in dense for node in nodes], shape=("N", 250))
    model.graph.initializer.extend(constants)
    return model


def test_values_that_are_named_again_and_again_are_refused(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from cnnspec.exchange.onnx_in import file

    (tmp_path / "w.bin").write_bytes(bytes(250_000))
    tensors = []
    for n in range(40):
        tensors.append(
            TensorProto(name=f"w{n}", data_type=1, dims=[250, 250], data_location=TensorProto.EXTERNAL)
        )
        entry = tensors[-1].external_data.add()
        entry.key, entry.value = "location", "w.bin"
    named = in_a_row(tensors, lambda n: [])
    made = in_a_row(
        [helper.make_tensor("s", 7, [2], [250, 250])],
        lambda n: [helper.make_node("ConstantOfShape", ["s"], [f"w{n}"])],
    )
    place = tmp_path / "x.onnx"
    for model in (named, made):
        place.write_bytes(model.SerializeToString())
        monkeypatch.setattr(file, "UNFOLDED", 60_000_000)
        assert len(cnnspec.from_onnx(place).weights) == 40
        monkeypatch.setattr(file, "UNFOLDED", 1_000_000)
        assert "its weights and constants come to more than" in refusal(place)


def test_an_input_of_impossible_size_is_refused(tmp_path: Path) -> None:
    (tmp_path / "x.onnx").write_bytes(graph_of([node("Relu")], shape=("N", 3, 10**12, 9)).SerializeToString())
    assert "x has 1000000000000 x 9 x 3 values" in refusal(tmp_path / "x.onnx")


@pytest.mark.parametrize("reads_places", [False, True])
def test_places_of_a_huge_pool_are_kept_only_for_who_reads_them(reads_places: bool, tmp_path: Path) -> None:
    """An array of 512 TiB was asked for."""
    larger = helper.make_node("Resize", ["x", "", "scales"], ["w"], mode="nearest")
    pool = helper.make_node("MaxPool", ["w"], ["z", "places"], kernel_shape=[2, 2])
    end = helper.make_node("MaxUnpool", ["z", "places"], ["y"], kernel_shape=[2, 2])
    ends = [end] if reads_places else [helper.make_node("Relu", ["z"], ["y"])]
    path = tmp_path / "x.onnx"
    scales = np.array([1, 1, 1024, 1024], np.float32)
    path.write_bytes(graph_of([larger, pool, *ends], {"scales": scales}).SerializeToString())
    if reads_places:
        assert "too many to follow" in refusal(path)
    else:
        assert cnnspec.from_onnx(path).network.nodes[-1].output[-1] == 3


def test_a_million_nodes_are_counted_before_they_are_parsed(tmp_path: Path) -> None:
    one = node("Relu").SerializeToString()
    field = bytes([0x0A, len(one)]) + one
    body = field * 1_000_000
    length = len(body)
    head = bytearray([0x3A])
    while length > 0x7F:
        head.append(length & 0x7F | 0x80)
        length >>= 7
    (tmp_path / "x.onnx").write_bytes(bytes(head) + bytes([length]) + body)
    assert "more than 20,000 nodes" in refusal(tmp_path / "x.onnx")

"""Networks with several inputs: read, written, analysed, drawn, run and trained."""

from __future__ import annotations

import json

import numpy as np
import pytest
from tools import Command, built, codes, known

import cnnspec
from cnnspec.analysis.field import field
from cnnspec.backends.numpy.engine import NumpyEngine
from cnnspec.network.as_json import from_json, to_json
from cnnspec.network.write import write
from cnnspec.views.documents.as_json import document

TWO = """
input left 8x8x1
input right 8x8x1
from left
a: conv 4 3x3 -> relu
from right
conv 4 3x3 -> relu
concat a -> flatten -> dense 3
"""
IMAGE_AND_CODE = (
    "input image 8x8x2; input code 5; from code; dense 2*8*8 -> c: reshape 8x8x2; from image; add c"
)


def test_both_inputs_come_first() -> None:
    network = cnnspec.parse(TWO)
    assert ["left", "right"] == [node.name for node in network.inputs]
    assert [("left",), ("right",)] == [node.path for node in network.inputs]
    assert 7 == len(network.layers)
    assert "left 8x8x1, right 8x8x1" == network.input_text


def test_one_input_may_have_a_name() -> None:
    network = cnnspec.parse("input photo 8x8x1; conv 2 3x3 padding=1; concat photo")
    assert (8, 8, 3) == network.output
    assert "input photo 8x8x1" == write(network).splitlines()[0]


@pytest.mark.parametrize(
    "text", [TWO, IMAGE_AND_CODE, "input a 4; input b 4; add a b -> relu", "input a 4; relu"]
)
def test_written_and_read_again(text: str) -> None:
    network = cnnspec.parse(text)
    assert network.nodes == cnnspec.parse(write(network)).nodes
    assert network == from_json(json.loads(json.dumps(to_json(network))))


@pytest.mark.parametrize(
    "text, code",
    [
        ("input 4; input 5; relu", "repeated-input"), ("input a 4; input 5; from a; relu", "repeated-input"),
        ("input a 4; input a 5; from a; relu", "repeated-input"),
        ("input a 4; relu; input b 5; relu", "repeated-input"), ("input a 4; input b 4; relu", "which-input"),
        ("input a 4; input b 4; dense C", "which-input"), ("input a 4; input b 4; add a", "which-input"),
        ("input a 4; input b 4; add { | from b | }", "which-input"), ("input C 4; relu", "reserved-name"),
        ("block u { relu }; input a 4; input b 4; u", "which-input"), ("input left; relu", "wrong-input"),
        ("input a 4; input b 4; head h { relu }; from a; relu", "which-input"),
    ],
)  # fmt: skip
def test_what_is_wrong_is_told_once(text: str, code: str) -> None:
    assert [code] == codes(text)


@pytest.mark.parametrize(
    "text",
    ["add a b", "add { | from a -> relu | from b }", "from b; u; add a", "from b; add a", "concat a b a"],
)
def test_nothing_has_to_be_chosen_where_all_is_named(text: str) -> None:
    found = built(f"block u {{ relu }}; input a 4; input b 4; {text}")
    assert () == found.diagnostics
    assert {0, 1} == {n for node in known(found.network).layers for n in node.inputs if n < 2}


def test_json_names_them() -> None:
    found = document(cnnspec.analyze(TWO))
    assert None is found["input"]
    assert [{"name": "left", "shape": [8, 8, 1]}, {"name": "right", "shape": [8, 8, 1]}] == found["inputs"]
    alone = document(cnnspec.analyze("input x 8x8x1; relu"))
    assert [8, 8, 1] == alone["input"]
    assert "inputs" not in alone


def test_receptive_fields_are_of_the_input_that_is_seen() -> None:
    small = cnnspec.analyze(
        "input a 9x9x1; input b 5x5x1; from b; c: conv 1 3x3 stride=2; from a; conv 1 5x5 stride=4; add c"
    )
    assert [(3, 3), (5, 5), None] == [row.receptive_field and row.receptive_field.size for row in small.rows]
    both = cnnspec.analyze(IMAGE_AND_CODE)
    assert (1, 1) == known(both["add1"].receptive_field).size


def test_the_field_of_a_unit_is_in_the_input_that_it_sees() -> None:
    network = cnnspec.parse(TWO)
    seen = field(network, "conv1", (2, 3))
    assert ("right", (range(2, 5), range(3, 6))) == (seen.input.name, tuple(map(_as_range, seen.pixels)))
    assert "left" == field(network, "concat1", (0, 0)).input.name


def _as_range(pixels: object) -> range:
    places = list(pixels)  # type: ignore[call-overload]
    return range(places[0], places[-1] + 1)


# Engine ---------------------------------------------------------------------------------


def images(*names: str, count: int = 5) -> dict[str, np.ndarray]:
    random = np.random.default_rng(1)
    return {name: random.random((count, 8, 8, 1), np.float32) for name in names}


@pytest.mark.parametrize("batch", [1, 2, 5])
def test_predictions_agree_with_the_reference(batch: int) -> None:
    network, given = cnnspec.parse(TWO), images("left", "right")
    fast, slow = network.build(), network.build(kernels="reference")
    assert np.allclose(fast.predict(given, batch=batch), slow.predict(given), atol=1e-5)
    swapped = {"right": given["left"], "left": given["right"]}
    assert not np.allclose(fast.predict(given), fast.predict(swapped))


def test_bytes_and_floats_may_go_together() -> None:
    model = cnnspec.parse(TWO).build()
    given = images("left", "right")
    given["right"] = np.rint(given["right"] * 255).astype(np.uint8)
    scaled = {**given, "right": given["right"].astype(np.float32) / 255}
    assert np.allclose(model.predict(given), model.predict(scaled), atol=1e-5)


@pytest.mark.parametrize(
    "change, said",
    [
        (lambda given: given["left"], "takes several inputs by name"),
        (lambda given: {"left": given["left"]}, "the input right is missing"),
        (lambda given: {**given, "middle": given["left"]}, "there is no input middle"),
        (lambda given: {**given, "right": given["right"][:2]}, "as many of each"),
        (lambda given: {**given, "right": given["right"][:, :4]}, "the input right takes N x 8 x 8 x 1"),
    ],
)  # fmt: skip
def test_what_does_not_fit_is_told(change: object, said: str) -> None:
    with pytest.raises(ValueError, match=said):
        cnnspec.parse(TWO).build().predict(change(images("left", "right")))  # type: ignore[operator]


def test_gradients_agree_with_differences() -> None:
    engine = NumpyEngine(cnnspec.parse(TWO), dtype=np.float64)
    given = {name: values.astype(float) for name, values in images("left", "right", count=3).items()}
    labels = np.array([0, 1, 2])
    program = engine.compile(3, True, input_gradient=True)
    program.step(given, labels)
    found = {name: program.input_gradient(name).copy() for name in given}

    def loss(name: str, by: float) -> float:
        moved = {**given, name: given[name].copy()}
        moved[name][1, 2, 3, 0] += by
        program.load(moved, labels)
        program.forward()
        return program.loss()

    for name, values in found.items():
        assert np.isclose(values[1, 2, 3, 0], (loss(name, 1e-6) - loss(name, -1e-6)) / 2e-6, atol=1e-7)


def test_data_with_one_input_are_refused_before_the_first_step() -> None:
    network = cnnspec.parse(TWO)
    data = (np.zeros((9, 8, 8, 1), np.uint8), np.arange(9) % 3)
    with pytest.raises(cnnspec.SpecError, match="left 8x8x1, right 8x8x1"):
        network.build().fit(data, epochs=1)


# Commands -------------------------------------------------------------------------------


def test_run_takes_each_by_its_name(command: Command) -> None:
    spec = "input a 2; input b 2; add a b"
    code, out, _ = command("run", "-e", spec, "--input", "a=1 2", "--input", "b=10 20", "--format", "json")
    assert (0, [11, 22]) == (code, json.loads(out)[0]["values"])
    for wrong in (["a=1 2"], ["1 2"], ["a=1 2", "c=1 2"], ["a=1 2", "a=1 2"]):
        code, _, err = command("run", "-e", spec, *(part for item in wrong for part in ("--input", item)))
        assert (2, True) == (code, "input" in err)


def test_the_table_names_them(command: Command) -> None:
    code, out, _ = command("analyze", "-e", TWO.strip().replace("\n", "; "))
    assert 0 == code
    assert "inputs left 8x8x1, right 8x8x1 · 7 layers" in out
    assert "conv 4 3x3 ← right" in out


@pytest.mark.parametrize("style", ["graph", "volumes"])
def test_pictures_have_two_roots(style: str) -> None:
    drawn = cnnspec.parse(TWO).draw(style=style)
    assert all(name in drawn for name in ("left", "right", "concat"))

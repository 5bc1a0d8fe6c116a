"""``run``: the lectures' forward passes by one command each, every way to give numbers, every fault."""

from __future__ import annotations

import io
import json
import sys
from math import prod
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from cnnspec.cli.inputs import weight_array
from cnnspec.cli.main import run
from cnnspec.cli.matrices import matrix, numbers
from cnnspec.formula import Number
from cnnspec.layers.base import Shape, Weight
from cnnspec.layers.kernels import KERNELS
from cnnspec.resources import mistake_text
from cnnspec.views.terminal.arrays import NumberFormat, render
from cnnspec.views.terminal.paint import Terminal

POOLED = "1 1 2 5; 5 7 7 8; 3 1 1 0; 1 2 3 4"
QUIZ = "12 20 30 0; 20 12 2 0; 0 70 5 2; 8 2 90 3"
NINE = "0 1 2; 3 4 5; 6 7 8"
KERNEL = ["--weights", "conv1=0 1; 2 3"]


def values(arguments: list[str], capsys: pytest.CaptureFixture[str]) -> list[list[float]]:
    """The last layer's map of one channel, as rows."""
    assert run(["run", *arguments, "--format", "json"]) == 0
    layer = json.loads(capsys.readouterr().out)[-1]
    found: list[list[float]] = np.asarray(layer["values"])[..., 0].tolist()
    return found


def text(arguments: list[str], capsys: pytest.CaptureFixture[str]) -> str:
    assert run(["run", *arguments]) == 0
    return capsys.readouterr().out


@pytest.mark.parametrize(
    ("spec", "given", "weights", "result"),
    [
        ("input 4x4x1; maxpool 2x2 stride=1", POOLED, [], [[7, 7, 8], [7, 7, 8], [3, 3, 4]]),
        ("input 4x4x1; maxpool 2x2", POOLED, [], [[7, 8], [3, 4]]),
        ("input 4x4x1; avgpool 2x2", POOLED, [], [[3.5, 5.5], [1.75, 2]]),
        ("input 4x4x1; avgpool 2x2", QUIZ, [], [[16, 8], [20, 25]]),
        ("input 4x4x1; maxpool 2x2", QUIZ, [], [[20, 30], [70, 90]]),
        ("input 3x3x1; conv 1 2x2", NINE, KERNEL, [[19, 25], [37, 43]]),
        (
            "input 3x3x1; conv 1 2x2 padding=1", NINE, KERNEL,
            [[0, 3, 8, 4], [9, 19, 25, 10], [21, 37, 43, 16], [6, 7, 8, 0]],
        ),
        ("input 3x3x1; conv 1 2x2 padding=1 stride=3x2", NINE, KERNEL, [[0, 8], [6, 8]]),
        (
            "input 3x3x2; conv 1 2x2", "0 1 2; 3 4 5; 6 7 8 | 1 2 3; 4 5 6; 7 8 9",
            ["--weights", "conv1=0 1; 2 3 | 1 2; 3 4"], [[56, 72], [104, 120]],
        ),
    ],
)  # fmt: skip
def test_the_lectures_examples(
    spec: str, given: str, weights: list[str], result: list[list[float]], capsys: pytest.CaptureFixture[str]
) -> None:
    assert values(["-e", spec, "--input", given, *weights], capsys) == result


def picture_of_an_x() -> str:
    picture = -np.ones((9, 9), int)
    for place in range(1, 8):
        picture[place, place] = picture[place, 8 - place] = 1
    return "; ".join(" ".join(map(str, row)) for row in picture)


def test_x_s_and_o_s(capsys: pytest.CaptureFixture[str]) -> None:
    page = text(
        ["xs_and_os", "--input", picture_of_an_x(), "--decimals", "2", "--cut",
         "--layer", "relu1", "--layer", "maxpool1", "--layer", "maxpool2"],
        capsys,
    )  # fmt: skip
    for line in (
        "0.77 0.00 0.11 0.33 0.55 0.00 0.33",
        "1.00 0.33 0.55 0.33    0.55 0.33 0.55 0.33    0.33 0.55 1.00 0.77",
        "0.33 0.55 0.11 0.77    0.33 0.11 0.11 0.33    0.77 0.33 0.55 0.33",
        "1.00 0.55    1.00 0.55    0.55 1.00",
    ):
        assert line in page
    assert (
        "1.00 0.55"
        == text(["xs_and_os", "--input", picture_of_an_x(), "--decimals", "2", "--cut"], capsys)
        .splitlines()[-1]
        .strip()
    )


@pytest.mark.parametrize("kernel", KERNELS)
def test_kernels_with_a_name_on_a_flat_picture(kernel: str, capsys: pytest.CaptureFixture[str]) -> None:
    """A flat picture stays under a blur, grows by 16 under the lecture's sharpening, and has no lines."""
    size = 5 if kernel == "gaussian" else 3
    spec = f"input {size + 2}x{size + 2}x1; conv 1 {size}x{size}"
    found = values(["-e", spec, "--input", "ones", "--weights", f"conv1={kernel}"], capsys)
    sums = {"blur": 1, "gaussian": 1, "identity": 1, "sharpen": 16, "sharpen5": 1, "emboss": 1}
    assert found == [[sums.get(kernel, 0)] * 3] * 3
    assert found == values(["-e", f"{spec} weights={kernel}", "--input", "ones"], capsys)
    assert f"`{kernel}`" in mistake_text("weights-unlike-layer")


def test_one_kernel_serves_every_channel_alone(capsys: pytest.CaptureFixture[str]) -> None:
    page = text(["-e", "input 3x3x2; depthwise 3x3 bias=no", "--input", f"{NINE} | {NINE}",
                 "--weights", "depthwise1=blur"], capsys)  # fmt: skip
    assert page.splitlines()[-1].split() == ["4", "4"]


def test_bias_and_vectors(capsys: pytest.CaptureFixture[str]) -> None:
    page = text(["-e", "input 3; dense 2", "--input", "1 2 3", "--weights", "dense1=1 0 0; 0 1/2 0",
                 "--weights", "dense1.bias=10 20"], capsys)  # fmt: skip
    assert page.splitlines()[-1].split() == ["11", "21"]


def test_one_axis(capsys: pytest.CaptureFixture[str]) -> None:
    page = text(
        ["-e", "input 5x1; conv 1 2 bias=no", "--input", "1 2 3 4 5", "--weights", "conv1=1 -1"], capsys
    )
    assert "4x1" in page


def test_all_layers_and_chosen_ones(capsys: pytest.CaptureFixture[str]) -> None:
    spec = ["-e", "input 3x3x1; conv 1 2x2; relu; flatten", "--input", "count", *KERNEL]
    assert [
        line.split()[0]
        for line in text([*spec, "--all"], capsys).splitlines()
        if "x" in line or "flatten" in line
    ]
    chosen = text([*spec, "--layer", "conv1", "--layer", "input"], capsys)
    assert "input   3x3x1" in chosen
    assert "relu" not in chosen


def test_files_of_numbers(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    np.save(tmp_path / "x.npy", np.arange(9.0).reshape(3, 3))
    (tmp_path / "x.txt").write_text("0 1 2\n3 4 5\n6 7 8\n")
    np.save(tmp_path / "w.npy", np.arange(4.0).reshape(1, 1, 2, 2))
    for name in ("x.npy", "x.txt"):
        found = values(
            ["-e", "input 3x3x1; conv 1 2x2", "--input", str(tmp_path / name),
             "--weights", f"conv1={tmp_path / 'w.npy'}"], capsys,
        )  # fmt: skip
        assert found == [[19, 25], [37, 43]]


def test_a_batch_shows_its_first_sample_and_saves_all(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    np.save(tmp_path / "x.npy", np.arange(18.0).reshape(2, 3, 3, 1))
    arguments = ["-e", "input 3x3x1; conv 1 2x2", "--input", str(tmp_path / "x.npy"), *KERNEL]
    assert values(arguments, capsys) == [[19, 25], [37, 43]]
    assert run(["run", *arguments, "-o", str(tmp_path / "y.npy")]) == 0
    assert np.load(tmp_path / "y.npy").shape == (2, 2, 2, 1)
    assert run(["run", *arguments, "--all", "-o", str(tmp_path / "y.npz")]) == 0
    assert list(np.load(tmp_path / "y.npz")) == ["conv1"]


def test_a_picture_in_and_out(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    image = pytest.importorskip("PIL.Image")
    pixels = np.zeros((5, 5), np.uint8)
    pixels[:, 2:] = 255
    image.fromarray(pixels).save(tmp_path / "x.png")
    arguments = ["-e", "input 5x5x1; conv 1 3x3", "--input", str(tmp_path / "x.png"),
                 "--weights", "conv1=vertical-lines"]  # fmt: skip
    assert values(arguments, capsys) == [[12, 12, 0]] * 3
    assert run(["run", *arguments, "-o", str(tmp_path / "y.png")]) == 0
    assert np.asarray(image.open(tmp_path / "y.png")).tolist() == [[255, 255, 0]] * 3
    assert "black is 0, white is 12" in capsys.readouterr().err


def test_filters_side_by_side_are_each_on_their_own_scale(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    image = pytest.importorskip("PIL.Image")
    spec = 'input 3x3x1; conv 4 1x1 bias=no weights="1 | 10 | -1 | 0.1"'
    assert run(["run", "-e", spec, "--input", NINE, "-o", str(tmp_path / "y.png")]) == 0
    pixels = np.asarray(image.open(tmp_path / "y.png"))
    assert pixels.shape == (3, 12)
    ramp = np.rint(255 * np.arange(9).reshape(3, 3) / 8)
    np.testing.assert_array_equal(pixels[:, :3], ramp)
    np.testing.assert_array_equal(pixels[:, 3:6], ramp)
    np.testing.assert_allclose(pixels[:, 6:9], 255 - ramp, atol=1)
    np.testing.assert_allclose(pixels[:, 9:], 0.8 * ramp, atol=1)
    assert "channel 1: black is 0, white is 80" in capsys.readouterr().err


def test_a_checkpoint(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:

    from cnnspec.cli.spec import load_network

    text_of_spec = "input 3x3x1; conv 1 2x2"
    model = load_network(None, text_of_spec).build()
    model.weights["conv1.weight"][...] = np.arange(4.0).reshape(1, 1, 2, 2)
    model.save(tmp_path / "w.safetensors")
    arguments = ["-e", text_of_spec, "--input", "count", "--weights", str(tmp_path / "w.safetensors")]
    assert values(arguments, capsys) == [[19, 25], [37, 43]]
    assert "random" not in capsys.readouterr().err
    (tmp_path / "w.safetensors").rename(tmp_path / "weights.safetensors")
    assert values([*arguments[:-1], str(tmp_path)], capsys) == [[19, 25], [37, 43]]


def test_random_weights_are_told_and_depend_on_the_seed(capsys: pytest.CaptureFixture[str]) -> None:
    spec = ["run", "-e", "input 3x3x1; conv 1 2x2 -> batchnorm", "--input", "count"]
    pages = []
    for seed in ("0", "0", "1"):
        assert run([*spec, "--seed", seed]) == 0
        streams = capsys.readouterr()
        assert f"random weights (seed {seed}): conv1.weight;" in streams.err
        pages.append(streams.out)
    assert pages[0] == pages[1] != pages[2]


@pytest.mark.parametrize(
    ("arguments", "complaint"),
    [
        (["--input", "1 2; 3"], "rows of 1 and 2 numbers"),
        (["--input", "1 2; 3 4"], "is 2x2x1, the network takes 3x3x1"),
        (["--input", "nonsense"], '"nonsense" is not a number'),
        (["--input", "[[null,{}],[1,2]]"], '"{}" is not a number'),
        (["--input", "[" * 100_000], "a bracket is never closed"),
        (["--input", "1e999999999 2; 3 4"], '"1e999999999" is not a number that a float can hold'),
        (["--input", f"1/{'9' * 5000} 2; 3 4"], '"1/99999'),
        (["--input", f"{'9' * 4000}/1 2; 3 4"], "is not a number"),
        (["--input", "nan 2; 3 4"], '"nan" is not a number'),
        (["--input", "[1 2; 3 4]/0"], "divided by 0"),
        (["--input", "1 " * 300], "the input is 1x300x1"),
        (["--input", "/dev/zero"], "not a regular file"),
        (["--input", "nothing.npy"], "cannot be read"),
        (["--input", "nothing.png"], "nothing.png"),
        (["--input", "count", "--weights", "conv2=1"], 'did you mean "conv1.weight"?'),
        (["--input", "count", "--weights", "conv1=1 2 3"], "3 numbers, but the filter is 2x2"),
        (["--input", "count", "--weights", "conv1=bluur"], "there is no kernel bluur; did you mean blur?"),
        (["--input", "count", "--weights", "nothing.safetensors"], "cannot be read"),
        (["--input", "count", "--layer", "conv9"], 'did you mean "conv1"?'),
        (["--input", "count", "-o", "x.txt"], "must end in .npy, .npz or .png"),
        (["--input", "count", "-o", "/dev/null/x.npy"], "cannot be written"),
        (["--input", "[[0, 1], [3, 4, 5], [6, 7, 8]]"], "its lists are not equally long"),
        (["--input", "[[0, 1, 2], [3, 4, 5]"], "a bracket is never closed"),
        (["--input", "[[0 1 ... 8]]"], "print all of them"),
        (["--input", '{"a": 1}'], "is not what run --format json prints"),
        (["--input", "digits:5000"], "the train set has 1,438 samples"),
        ([], '--input "0 1 2; 3 4 5; 6 7 8"  3 rows of 3'),
    ],
)
def test_what_cannot_be_used_is_told(
    arguments: list[str], complaint: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert run(["run", "-e", "input 3x3x1; conv 1 2x2", *arguments]) in (1, 2)
    streams = capsys.readouterr()
    assert complaint in streams.err
    assert "Traceback" not in streams.err
    assert streams.out == ""


@pytest.mark.parametrize(
    "shape", ["3x4x1", "2x3x2", "3x3x3", "4x1", "6", "2x2x3x1", "28x28x3", "16x112x112x3"]
)
def test_what_an_input_can_be_is_told_and_true(shape: str, capsys: pytest.CaptureFixture[str]) -> None:
    spec = f"input {shape}; relu"
    assert run(["run", "-e", spec]) == 2
    said = capsys.readouterr().err
    assert f"no --input given; for the input {shape} it can be" in said
    assert ("photo.png" in said) == (shape in ("3x4x1", "3x3x3", "28x28x3"))
    assert all(word in said for word in ("samples.npy", "random"))
    example = next(line for line in said.splitlines() if "--input" in line and '"' in line).split('"')[1]
    if "…" not in example:
        assert run(["run", "-e", spec, "--input", example]) == 0, example
    assert ("…" in example) == (shape in ("3x3x3", "28x28x3", "16x112x112x3", "2x2x3x1"))


def test_a_file_that_is_no_array(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (tmp_path / "x.npy").write_bytes(b"not an array")
    np.save(tmp_path / "words.npy", np.array([["a", "b"]]))
    for name in ("x.npy", "words.npy"):
        assert run(["run", "-e", "input 3x3x1; relu", "--input", str(tmp_path / name)]) == 2
        assert name in capsys.readouterr().err


def test_matrices_as_text() -> None:
    assert matrix("1 2; 3 4").tolist() == [[[1, 2], [3, 4]]]
    assert matrix("1,2\n3,4\n").tolist() == [[[1, 2], [3, 4]]]
    assert matrix("1 | 2").tolist() == [[[1]], [[2]]]
    assert matrix("[2 4]/2").tolist() == [[[1, 2]]]
    assert matrix("1/4 −1").tolist() == [[[0.25, -1]]]
    lists, say_their_shape = numbers("[[1, 2], [3, 4]]")
    assert say_their_shape
    assert lists.tolist() == [[1, 2], [3, 4]]


def filled(numbers: str, shape: Shape) -> Any:
    return weight_array(numbers, Weight("weight", shape, Number(prod(shape))))


def test_weights_fill_by_count_by_kernel_or_by_number() -> None:
    assert filled("1 2; 3 4", (1, 1, 2, 2)).ravel().tolist() == [1, 2, 3, 4]
    assert filled("1 2; 3 4", (2, 3, 2, 2)).sum() == 60
    assert filled("[[1, 2], [3, 4]]", (2, 3, 2, 2)).sum() == 60
    assert filled("3", (2, 2)).tolist() == [[3, 3], [3, 3]]
    with pytest.raises(ValueError, match="2 numbers in place of 3"):
        filled("1 2", (3,))


@pytest.mark.parametrize(
    ("spec", "kernels"),
    [
        ("input 1x1x3; upconv 2 2x2", "1 2; 3 4 | 5 6; 7 8"),
        ('input 3x3x2; conv 2 2x2 connections="0 1; 1"', "1 2; 3 4"),
        ('input 3x3x2; conv 2 2x2 connections="0 1; 1"', "1 2; 3 4 | 5 6; 7 8 | 0 1; 1 0"),
    ],
)
def test_weights_mean_the_same_in_a_spec_and_beside_it(
    spec: str, kernels: str, capsys: pytest.CaptureFixture[str]
) -> None:
    beside = [spec, "--weights", f"{spec.split()[2]}1={kernels}"]
    found = [
        json.loads(text(["-e", *words, "--input", "ones", "--format", "json"], capsys))[-1]["values"]
        for words in (beside, [f'{spec} weights="{kernels}"'])
    ]
    assert found[0] == found[1]


def test_numbers_have_as_many_decimals_as_they_need() -> None:
    assert NumberFormat().texts(np.array([1.0, 2.0, -0.0])) == ["1", "2", "0"]
    assert NumberFormat().texts(np.array([1.5, 2.0])) == ["1.5", "2.0"]
    assert NumberFormat(2).texts(np.array([5 / 9, np.nan])) == ["0.56", "nan"]
    assert NumberFormat(2, cut=True).texts(np.array([5 / 9, -1 / 9, 1.0], np.float32)) == [
        "0.55",
        "-0.11",
        "1.00",
    ]


def test_large_maps_are_cut_and_say_so() -> None:
    lines = render(np.arange(30 * 30 * 9, dtype=float).reshape(30, 30, 9), terminal=Terminal(80))
    assert all(len(line) <= 140 for line in lines)
    assert "… and 1 more channels" in lines[-1]
    whole = render(np.arange(30 * 30.0).reshape(30, 30, 1), terminal=Terminal(80), full=True)
    assert len(whole) == 30
    assert "899" in whole[-1]


def test_volumes_are_shown_slice_by_slice() -> None:
    lines = render(np.arange(8.0).reshape(2, 2, 2, 1))
    assert [line.strip() for line in lines] == ["depth 0", "0 1", "2 3", "depth 1", "4 5", "6 7"]


def test_a_map_fills_a_vector_channel_by_channel(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    np.save(tmp_path / "x.npy", np.array([[[1.0, 10], [2, 20]], [[3, 30], [4, 40]]]))
    page = text(["-e", "input 8; identity", "--input", str(tmp_path / "x.npy")], capsys)
    assert page.splitlines()[-1].split() == ["1", "2", "3", "4", "10", "20", "30", "40"]


def test_json_has_no_word_for_what_is_no_number(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    np.save(tmp_path / "x.npy", np.array([[[np.nan], [1.0]]]))
    assert values(["-e", "input 1x2x1; identity", "--input", str(tmp_path / "x.npy")], capsys) == [[None, 1]]


def test_weights_that_are_not_given_begin_as_the_recipe_says(capsys: pytest.CaptureFixture[str]) -> None:
    spec = "input 2x2x1; conv 1 2x2; train { initial ones }"
    assert values(["-e", spec, "--input", "1 2; 3 4"], capsys) == [[10]]


@pytest.mark.parametrize(
    "written",
    [
        "[[0,1,2],[3,4,5],[6,7,8]]",
        "[[0/1, 1, 4/2], [3, 4, 5], [6, 7, 8]]",
        "((0, 1, 2), (3, 4, 5), (6, 7, 8))",
        "[[0. 1. 2.]\n [3. 4. 5.]\n [6. 7. 8.]]",
        "array([[0, 1, 2],\n       [3, 4, 5],\n       [6, 7, 8]], dtype=float32)",
        "tensor([[[0., 1., 2.],\n         [3., 4., 5.],\n         [6., 7., 8.]]])",
        "np.array([[[0], [1], [2]], [[3], [4], [5]], [[6], [7], [8]]])",
    ],
)
def test_lists_are_read_as_json_python_numpy_and_pytorch_print_them(
    written: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "x.txt").write_text(written)
    for given in (written, str(tmp_path / "x.txt")):
        found = values(["-e", "input 3x3x1; conv 1 2x2", "--input", given, *KERNEL], capsys)
        assert found == [[19, 25], [37, 43]]


def test_channels_that_come_first_are_read_and_said(capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["run", "-e", "input 1x2x3; identity", "--input", "[[[1, 2]], [[3, 4]], [[5, 6]]]"]) == 0
    streams = capsys.readouterr()
    assert "read as channels x height x width" in streams.err
    assert streams.out.splitlines()[-1].split() == ["1", "2", "3", "4", "5", "6"]


def test_what_run_prints_as_json_is_an_input(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    spec = ["-e", "input 3x3x1; conv 1 2x2; relu", "--input", "count", *KERNEL]
    assert run(["run", *spec, "--all", "--format", "json"]) == 0
    printed = capsys.readouterr().out
    (tmp_path / "out.json").write_text(printed)
    again = ["-e", "input 2x2x1; identity", "--input"]
    assert values([*again, str(tmp_path / "out.json")], capsys) == [[19, 25], [37, 43]]
    monkeypatch.setattr(sys, "stdin", io.StringIO(printed))
    assert values([*again, "-"], capsys) == [[19, 25], [37, 43]]


def test_numbers_longer_than_a_name_of_a_file_are_numbers(capsys: pytest.CaptureFixture[str]) -> None:
    many = str(np.arange(784.0).reshape(28, 28).tolist())
    assert "784" in text(["-e", "input 28x28x1; flatten", "--input", many], capsys)


def test_a_sample_of_a_data_set_is_an_input(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    pytest.importorskip("sklearn")
    for given, said in (
        ("digits:3", "train sample 3 of digits: "),
        ("digits:test:3", "test sample 3 of digits: "),
    ):
        assert run(["run", "-e", "input 8x8x1; identity", "--input", given]) == 0
        streams = capsys.readouterr()
        assert said in streams.err
        assert "8x8x1" in streams.out
    assert run(["run", "-e", "input 28x28x1; identity", "--input", "digits:3"]) == 0
    assert "28x28x1" in capsys.readouterr().out  # the digits are resized in training, too
    images = np.random.default_rng(0).integers(0, 256, (4, 8, 8), np.uint8)
    np.savez(tmp_path / "own.npz", x_train=images, y_train=[0, 1, 0, 1], x_test=images, y_test=[0, 1, 0, 1])
    own = ["run", "-e", "input 28x28x1; identity", "--input", f"{tmp_path / 'own.npz'}:3"]
    assert run(own) == 2
    said = " ".join(capsys.readouterr().err.split())
    assert "is 8x8x1, the network takes 28x28x1" in said
    assert "--resize brings it to that size" in said
    assert run([*own, "--resize"]) == 0


def test_an_open_input_takes_the_size_of_what_is_given(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    image = pytest.importorskip("PIL.Image")
    image.fromarray(np.zeros((5, 7, 3), np.uint8)).save(tmp_path / "x.png")
    np.save(tmp_path / "x.npy", np.zeros((4, 6, 2)))
    for spec, given, shape in (
        ("input ?x?x3; identity", tmp_path / "x.png", "5x7x3"),
        ("input ?x?x1; identity", tmp_path / "x.png", "5x7x1"),
        ("input ?x?x?; identity", tmp_path / "x.npy", "4x6x2"),
        ("input ?x?x1; identity", "1 2; 3 4; 5 6", "3x2x1"),
        ("input ?x?x1; identity", "[[1, 2, 3]]", "1x3x1"),
        ("input ?x1; identity", "1 2 3", "3x1"),
    ):
        assert run(["run", "-e", spec, "--input", str(given)]) == 0
        assert shape in capsys.readouterr().out

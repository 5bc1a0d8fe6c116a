"""What five lecture texts ask, and the answers: shapes, parameters and multiplies from specs.

The numbers of the tests' names follow the questions' order in the texts. Where a
slide slips, the true number stands here and the slip is named.
"""

from __future__ import annotations

import pytest
from tools import known

import cnnspec
from cnnspec.analysis.report import Analysis


def rows(text: str) -> Analysis:
    return cnnspec.analyze(cnnspec.parse(text))


# spec, params a layer, output of the last layer, total
COUNTS = {
    "01 one filter": ("input 32x32x3; conv 1 3x3 padding=same", [28], (32, 32, 1)),
    "02 sixteen filters": ("input 32x32x3; conv 16 3x3 padding=same", [448], (32, 32, 16)),
    "03 network C": (
        "input 32x32x3; conv 8 3x3 padding=same; conv 16 5x5 stride=2 padding=same;"
        "flatten; dense 512; dense 4",
        [224, 3_216, 0, 2_097_664, 2_052],
        (4,),
    ),
    "06 no pooling": (
        "input 28x28x1; conv 28 3x3; flatten; dense 16; dense 10",
        [280, 0, 302_864, 170],
        (10,),
    ),
    "07 three convolutions": (
        "input 28x28x1; conv 32 3x3; conv 64 3x3; conv 64 3x3",
        [320, 18_496, 36_928],
        (22, 22, 64),
    ),
    "08 and a dense layer after it": ("input 22x22x64; flatten; dense 512", [0, 15_860_224], (512,)),
    "24 quiz 3-2": ("input 224x224x3; conv 64 3x3", [1_792], (222, 222, 64)),
    "26 LeNet": (
        "input 28x28x1; conv 6 5x5 padding=2; maxpool 2x2; conv 16 5x5; maxpool 2x2; flatten;"
        "dense 120; dense 84; dense 10",
        [156, 0, 2_416, 0, 0, 48_120, 10_164, 850],
        (10,),
    ),
    "27 one layer": ("input 28x28x1; flatten; dense 10", [0, 7_850], (10,)),
    "29 MNIST CNN": (
        "input 28x28x1; conv 32 5x5 padding=same; maxpool 2x2; conv 64 5x5 padding=same; maxpool 2x2;"
        "flatten; dense 1024; dense 10",
        [832, 0, 51_264, 0, 0, 3_212_288, 10_250],
        (10,),
    ),
    "30 two filters": ("input 7x7x3; conv 2 3x3 stride=2", [56], (3, 3, 2)),
}


@pytest.mark.parametrize("question", COUNTS)
def test_parameters_and_shape(question: str) -> None:
    spec, params, output = COUNTS[question]
    report = rows(spec)
    assert params == [row.params for row in report.rows]
    assert sum(params) == report.totals.params
    assert output == report.rows[-1].output


# spec, output: the size law on small maps
SHAPES = {
    "09 nine positions": ("input 5x5x1; conv 1 3x3", (3, 3, 1)),
    "09 with a margin of one": ("input 5x5x1; conv 1 3x3 padding=1", (5, 5, 1)),
    "09 stride two": ("input 5x5x1; conv 1 3x3 stride=2", (2, 2, 1)),
    "10 padding same keeps the size": ("input 28x28x1; conv 32 3x3 padding=same", (28, 28, 32)),
    "12 p = (k - 1)/2 keeps the size": ("input 31x17x2; conv 4 7x5 padding=(3, 2)", (31, 17, 4)),
    "17 zeros around": ("input 3x3x1; conv 1 2x2 padding=1", (4, 4, 1)),
    "17 strides 3 and 2": ("input 3x3x1; conv 1 2x2 padding=1 stride=(3, 2)", (2, 2, 1)),
    "19 a kernel along one axis": ("input 320x280x1; conv 1 2x1", (319, 280, 1)),
    "20 one 5x5 layer": ("input 32x32x1; conv 1 5x5", (28, 28, 1)),
    "20 seven 5x5 layers": ("input 32x32x1; repeat 7 { conv 1 5x5 }", (4, 4, 1)),
    "21 quiz 1": ("input 7x7x1; conv 1 3x3 stride=2", (3, 3, 1)),
    "04 max pool stride 1": ("input 4x4x1; maxpool 2x2 stride=1", (3, 3, 1)),
    "04 max pool stride 2": ("input 4x4x1; maxpool 2x2", (2, 2, 1)),
    "33 the odd edge is kept": (
        "input 7x7x3; maxpool 2x2 rounding=ceil; maxpool 2x2 rounding=ceil",
        (2, 2, 3),
    ),
    "25 an even kernel with total padding k - 1": ("input 8x8x1; conv 1 2x2 padding=(1, 0, 1, 0)", (8, 8, 1)),
}


@pytest.mark.parametrize("question", SHAPES)
def test_shape(question: str) -> None:
    spec, output = SHAPES[question]
    assert output == cnnspec.parse(spec).output


def test_03_network_c_in_total() -> None:
    assert 2_103_156 == rows(COUNTS["03 network C"][0]).totals.params


@pytest.mark.parametrize(
    "name, params", [("pooling_none", 303_314), ("pooling_average", 29_138), ("pooling_max", 29_138)]
)
def test_06_the_pooling_exercise(name: str, params: int) -> None:
    assert params == cnnspec.analyze(cnnspec.load(name)).totals.params


def test_08_the_last_map_has_30976_values_where_the_slide_prints_the_parameters() -> None:
    report = rows("input 28x28x1; conv 32 3x3; conv 64 3x3; conv 64 3x3; flatten")
    assert (30_976,) == report.rows[-1].output
    assert 36_928 == report.rows[-2].params


def test_11_weights_of_a_dense_layer_on_an_image() -> None:
    report = rows("input 128x128x3; flatten; dense 64 bias=no")
    assert (49_152,) == report.rows[0].output
    assert 3_145_728 == report.rows[1].params
    assert 1_728 == rows("input 3x3x3; conv 64 3x3 bias=no").totals.params


def test_13_three_small_kernels_see_what_one_large_one_sees() -> None:
    three = rows("input 32x32x8; repeat 3 { conv 8 3x3 bias=no }")
    one = rows("input 32x32x8; conv 8 7x7 bias=no")
    assert 7 == known(three.rows[-1].receptive_field).size[0] == known(one.rows[-1].receptive_field).size[0]
    assert (27 * 8**2, 49 * 8**2) == (three.totals.params, one.totals.params)


def test_16_a_photograph_into_a_hundred_units() -> None:
    assert 3_600_000_000 == rows("input 3000x4000x3; flatten; dense 100 bias=no").totals.params


def test_19_a_sparse_connection_against_a_dense_one() -> None:
    from cnnspec.analysis.explain import as_dense

    network = cnnspec.parse("input 320x280x1; edge: conv 1 2x1 bias=no")
    analysis = cnnspec.analyze(network)
    row = analysis.rows[0]
    assert 2 == row.params
    assert 267_960 == row.multiplies + row.additions
    assert 8_003_072_000 == int(known(as_dense(analysis, "edge")).weights)


def test_23_multiplications_of_quiz_3() -> None:
    assert 85_162_752 == rows("input 224x224x3; conv 64 3x3").totals.multiplies


def test_28_a_hidden_layer() -> None:
    assert 101_770 == cnnspec.analyze(cnnspec.load("mnist_mlp")).totals.params


def test_31_which_inputs_feed_a_unit() -> None:
    from cnnspec.analysis.field import field

    seen = field(cnnspec.parse("input 9x9x1; c: conv 1 3x2 stride=(2, 3)"), "c", (1, 2))
    assert [(2, 4), (6, 7)] == list(seen.clipped)


def test_a_separable_layer_costs_a_seventh() -> None:
    assert 4_608 == rows("input 8x8x16; conv 32 3x3 bias=no").totals.params
    parts = rows("input 8x8x16; depthwise 3x3 bias=no; conv 32 1x1 bias=no")
    assert [144, 512] == [row.params for row in parts.rows]
    assert 656 == parts.totals.params

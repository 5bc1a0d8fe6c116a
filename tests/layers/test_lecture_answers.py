"""What the lectures ask about single layers, with the working a student would write."""

from __future__ import annotations

import pytest

from cnnspec.layers.base import Layer, Shape
from cnnspec.layers.registry import LAYERS


def layer(word: str, **options: object) -> Layer:
    return LAYERS[word].model_validate(options)


@pytest.mark.parametrize(
    ("made", "shape", "output", "working"),
    [
        (layer("conv", filters=1, kernel=3, padding="same"), (32, 32, 3), (32, 32, 1), "1·(3·3·3) + 1 = 28"),
        (layer("conv", filters=16, kernel=3, padding="same"), (32, 32, 3), (32, 32, 16),
         "16·(3·3·3) + 16 = 448"),
        (layer("conv", filters=8, kernel=3, padding="same"), (32, 32, 3), (32, 32, 8), "8·(3·3·3) + 8 = 224"),
        (layer("conv", filters=16, kernel=5, stride=2, padding="same"), (32, 32, 8), (16, 16, 16),
         "16·(5·5·8) + 16 = 3,216"),
        (layer("dense", units=512), (4096,), (512,), "4,096·512 + 512 = 2,097,664"),
        (layer("dense", units=4), (512,), (4,), "512·4 + 4 = 2,052"),
        (layer("conv", filters=32, kernel=3), (28, 28, 1), (26, 26, 32), "32·(3·3·1) + 32 = 320"),
        (layer("conv", filters=64, kernel=3), (26, 26, 32), (24, 24, 64), "64·(3·3·32) + 64 = 18,496"),
        (layer("conv", filters=64, kernel=3), (24, 24, 64), (22, 22, 64), "64·(3·3·64) + 64 = 36,928"),
        (layer("dense", units=512), (30976,), (512,), "30,976·512 + 512 = 15,860,224"),
        (layer("conv", filters=64, kernel=3), (224, 224, 3), (222, 222, 64), "64·(3·3·3) + 64 = 1,792"),
        (layer("conv", filters=6, kernel=5, padding=2), (28, 28, 1), (28, 28, 6), "6·(5·5·1) + 6 = 156"),
        (layer("conv", filters=16, kernel=5), (14, 14, 6), (10, 10, 16), "16·(5·5·6) + 16 = 2,416"),
        (layer("dense", units=120), (400,), (120,), "400·120 + 120 = 48,120"),
        (layer("dense", units=84), (120,), (84,), "120·84 + 84 = 10,164"),
        (layer("dense", units=10), (84,), (10,), "84·10 + 10 = 850"),
        (layer("dense", units=10), (784,), (10,), "784·10 + 10 = 7,850"),
        (layer("conv", filters=32, kernel=5, padding="same"), (28, 28, 1), (28, 28, 32),
         "32·(5·5·1) + 32 = 832"),
        (layer("conv", filters=64, kernel=5, padding="same"), (14, 14, 32), (14, 14, 64),
         "64·(5·5·32) + 64 = 51,264"),
        (layer("dense", units=1024), (3136,), (1024,), "3,136·1,024 + 1,024 = 3,212,288"),
        (layer("conv", filters=2, kernel=3, stride=2), (7, 7, 3), (3, 3, 2), "2·(3·3·3) + 2 = 56"),
        (layer("subsample", kernel=2), (28, 28, 6), (14, 14, 6), "2·6 = 12"),
        (layer("subsample", kernel=2), (10, 10, 16), (5, 5, 16), "2·16 = 32"),
        (layer("conv", filters=16, kernel=5, connections="lenet1998"), (14, 14, 6), (10, 10, 16),
         "60·(5·5) + 16 = 1,516"),
        (layer("conv", filters=120, kernel=5), (5, 5, 16), (1, 1, 120), "120·(5·5·16) + 120 = 48,120"),
        (layer("conv", filters=32, kernel=3, bias=False), (14, 14, 16), (12, 12, 32), "32·(3·3·16) = 4,608"),
        (layer("depthwise", kernel=3, bias=False), (14, 14, 16), (12, 12, 16), "16·(3·3) = 144"),
        (layer("conv", filters=32, kernel=1, bias=False), (12, 12, 16), (12, 12, 32), "32·(1·1·16) = 512"),
        (layer("batchnorm"), (12, 12, 32), (12, 12, 32), "2·32 = 64"),
        (layer("prelu"), (12, 12, 32), (12, 12, 32), "32"),
        (layer("maxpool", kernel=2), (28, 28, 6), (14, 14, 6), "0"),
        (layer("dropout"), (128,), (128,), "0"),
    ],
)  # fmt: skip
def test_parameters_with_their_working(made: Layer, shape: Shape, output: Shape, working: str) -> None:
    assert made.shape((shape,)) == output
    assert made.params((shape,)).worked() == working


def test_law_of_parameters_is_written_as_in_the_lectures() -> None:
    assert layer("conv", filters=16, kernel=3).params(((32, 32, 3),)).law() == "F·(k_h·k_w·C) + F"
    assert layer("dense", units=10).params(((84,),)).law() == "n_in·n_out + n_out"


def test_law_of_size_is_written_as_in_the_lectures() -> None:
    conv = layer("conv", filters=6, kernel=5, padding=2)
    assert conv.output(((28, 28, 1),))[0].law() == "⌊(i + 2p − k)/s⌋ + 1"
    assert conv.output(((28, 28, 1),))[0].worked() == "⌊(28 + 2·2 − 5)/1⌋ + 1 = 28"
    dilated = layer("conv", filters=6, kernel=5, dilation=2)
    assert dilated.output(((28, 28, 1),))[0].law() == "⌊(i − d·(k − 1) − 1)/s⌋ + 1"


@pytest.mark.parametrize(
    ("made", "shape", "output"),
    [
        (layer("conv", filters=1, kernel=3), (5, 5, 1), (3, 3, 1)),
        (layer("conv", filters=1, kernel=3, padding=1), (5, 5, 1), (5, 5, 1)),
        (layer("conv", filters=1, kernel=3, stride=2), (5, 5, 1), (2, 2, 1)),
        (layer("conv", filters=1, kernel=3, stride=2), (7, 7, 1), (3, 3, 1)),
        (layer("conv", filters=1, kernel=2, padding=1), (3, 3, 1), (4, 4, 1)),
        (layer("conv", filters=1, kernel=2, padding=1, stride=(3, 2)), (3, 3, 1), (2, 2, 1)),
        (layer("conv", filters=1, kernel=5), (32, 32, 1), (28, 28, 1)),
        (layer("maxpool", kernel=2, stride=1), (4, 4, 1), (3, 3, 1)),
        (layer("avgpool", kernel=2), (4, 4, 1), (2, 2, 1)),
        (layer("maxpool", kernel=2, rounding="ceil"), (7, 7, 3), (4, 4, 3)),
        (layer("maxpool", kernel=2, rounding="ceil"), (4, 4, 3), (2, 2, 3)),
        (layer("conv", filters=96, kernel=11, stride=4), (227, 227, 3), (55, 55, 96)),
        (layer("conv", filters=96, kernel=11, stride=4), (224, 224, 3), (54, 54, 96)),
        (layer("conv", filters=64, kernel=11, stride=4, padding=2), (224, 224, 3), (55, 55, 64)),
        (layer("upconv", filters=512, kernel=2, stride=2), (28, 28, 1024), (56, 56, 512)),
        (layer("crop", to=56), (64, 64, 512), (56, 56, 512)),
    ],
)
def test_sizes(made: Layer, shape: Shape, output: Shape) -> None:
    assert made.shape((shape,)) == output


def test_seven_5x5_layers_leave_4x4_of_32x32() -> None:
    conv = layer("conv", filters=1, kernel=5)
    shape: Shape = (32, 32, 1)
    for _ in range(7):
        shape = conv.shape((shape,))
    assert shape == (4, 4, 1)


def test_multiplications_of_64_kernels_on_224x224x3() -> None:
    working = layer("conv", filters=64, kernel=3).multiplies(((224, 224, 3),)).worked()
    assert working == "222·222·64·(3·3·3) = 85,162,752"


def test_two_multiplications_and_an_addition_for_each_output() -> None:
    edge = layer("conv", filters=1, kernel=(2, 1), bias=False)
    inputs = ((320, 280, 1),)
    assert edge.shape(inputs) == (319, 280, 1)
    assert int(edge.params(inputs)) == 2
    assert int(edge.multiplies(inputs)) + int(edge.additions(inputs)) == 267_960


def test_three_small_kernels_against_one_large() -> None:
    channels = 10
    small = layer("conv", filters=channels, kernel=3, bias=False).params(((9, 9, channels),))
    large = layer("conv", filters=channels, kernel=7, bias=False).params(((9, 9, channels),))
    assert (3 * int(small), int(large)) == (27 * channels**2, 49 * channels**2)


def test_batch_norm_has_four_numbers_a_channel_and_trains_half() -> None:
    norm, inputs = layer("batchnorm"), ((56, 56, 64),)
    assert (int(norm.params(inputs)), int(norm.buffers(inputs))) == (128, 128)
    assert [(weight.name, weight.shape, weight.buffer) for weight in norm.arrays(inputs)] == [
        ("weight", (64,), False),
        ("bias", (64,), False),
        ("running_mean", (64,), True),
        ("running_var", (64,), True),
    ]


def test_transposed_convolution_is_counted_over_its_input() -> None:
    up = layer("upconv", filters=64, kernel=2, stride=2)
    assert up.multiplies(((56, 56, 128),)).worked() == "56·56·128·(2·2·64) = 102,760,448"
    grouped = layer("upconv", filters=64, kernel=3, stride=2, padding=1, output_padding=1, groups=4)
    assert grouped.output(((8, 8, 16),))[0].worked() == "2·(8 − 1) + 3 − 2·1 + 1 = 16"
    assert grouped.multiplies(((8, 8, 16),)).worked() == "8·8·16·(3·3·(64/4)) = 147,456"


def test_lrn_of_alexnet_has_no_parameters() -> None:
    assert int(layer("lrn", size=5, k=2.0).params(((55, 55, 96),))) == 0

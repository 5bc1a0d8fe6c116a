"""What a layer says about shapes it cannot take: code, fact, working, cure, the option at fault."""

from __future__ import annotations

import pytest
from cases.registry import CASES, Case

from cnnspec.diagnostics import LayerError
from cnnspec.layers.avgpool import AvgPool
from cnnspec.layers.base import Shape, Shapes
from cnnspec.layers.other_pools import Unpool
from cnnspec.layers.pool import MaxPool
from cnnspec.layers.registry import LAYERS


def misfit(word: str, options: dict[str, object], *inputs: tuple[int, ...]) -> LayerError:
    with pytest.raises(LayerError) as caught:
        LAYERS[word].model_validate(options).shape(inputs)
    return caught.value


@pytest.mark.parametrize(
    ("word", "options", "inputs", "code", "message", "option"),
    [
        ("conv", {"filters": 6, "kernel": 9}, ((5, 5, 1),), "window-larger-than-input",
         "the conv window is 9 pixels long, the input's height is only 5", "kernel"),
        ("conv", {"filters": 6, "kernel": (1, 3), "dilation": 4}, ((5, 5, 1),), "window-larger-than-input",
         "the conv window is 9 pixels long, the input's width is only 5", "kernel"),
        ("maxpool", {"kernel": 2}, ((4, 1, 3),), "window-larger-than-input",
         "the maxpool window is 2 pixels long, the input's width is only 1", "kernel"),
        ("conv", {"filters": 6, "kernel": (3, 3)}, ((16, 2),), "wrong-number-of-sizes",
         "kernel 3x3 names 2 axes, but the input has 1", "kernel"),
        ("conv", {"filters": 6, "kernel": 3, "padding": (1, 2, 3)}, ((9, 9, 2),), "wrong-number-of-sizes",
         "padding 1x2x3 names 3 axes, but the input has 2", "padding"),
        ("conv", {"filters": 6, "kernel": 3}, ((784,),), "needs-a-map",
         "conv needs a map with 1 to 3 spatial axes, not 784", None),
        ("globalavgpool", {}, ((784,),), "needs-a-map",
         "globalavgpool needs a map with 1 to 3 spatial axes, not 784", None),
        ("maxpool", {"kernel": 2}, ((2, 2, 2, 2, 2),), "needs-a-map",
         "maxpool needs a map with 1 to 3 spatial axes, not 2x2x2x2x2", None),
        ("dense", {"units": 10}, ((7, 7, 64),), "needs-a-vector",
         "dense needs a vector, not the map 7x7x64", None),
        ("conv", {"filters": 6, "kernel": 1, "groups": 4}, ((5, 5, 6),), "groups-do-not-divide",
         "6 input channels cannot be cut into 4 equal groups", "groups"),
        ("conv", {"filters": 6, "kernel": 1, "groups": 4}, ((5, 5, 8),), "groups-do-not-divide",
         "6 filters cannot be cut into 4 equal groups", "groups"),
        ("upconv", {"filters": 6, "kernel": 2, "groups": 4}, ((5, 5, 8),), "groups-do-not-divide",
         "6 filters cannot be cut into 4 equal groups", "groups"),
        ("groupnorm", {"groups": 4}, ((5, 5, 6),), "groups-do-not-divide",
         "6 channels cannot be cut into 4 equal groups", "groups"),
        ("shuffle", {"groups": 4}, ((5, 5, 6),), "groups-do-not-divide",
         "6 channels cannot be cut into 4 equal groups", "groups"),
        ("conv", {"filters": 1, "kernel": 1, "connections": "0 6"}, ((5, 5, 6),), "connection-to-no-channel",
         "the connections name channel 6, but the last one there is 5", "connections"),
        ("conv", {"filters": 3, "kernel": 3, "weights": "edge | blur"}, ((5, 5, 1),), "weights-unlike-layer",
         "the weights do not fit: 2 of 3x3, but there are 3 filters of 3x3", "weights"),
        ("conv", {"filters": 1, "kernel": 3, "weights": "1 2; 3 4"}, ((5, 5, 1),), "weights-unlike-layer",
         "the weights do not fit: 2x2, but the filter is 3x3", "weights"),
        ("dense", {"units": 2, "weights": "1 0 0"}, ((4,),), "weights-unlike-layer",
         "the weights do not fit: 3 numbers, but 2 units read 4 values each", "weights"),
        ("maxpool", {"kernel": 2, "padding": 2}, ((5, 5, 6),), "window-sees-only-padding",
         "a maxpool window of 2 along the height lies on padding alone", "padding"),
        ("upconv", {"filters": 1, "kernel": 2, "padding": 3}, ((3, 3, 1),), "padding-larger-than-output",
         "upconv cuts 6 pixels off an output of only 4 along the height", "padding"),
        ("upconv", {"filters": 1, "kernel": 3, "stride": 2, "output_padding": 2}, ((3, 3, 1),),
         "output-padding-too-large", "output padding 2 is not smaller than the stride 2", "output_padding"),
        ("reshape", {"to": (7, 7, 64)}, ((400,),), "reshape-changes-the-count",
         "400 cannot be reshaped to 7x7x64: the numbers of values differ", "to"),
        ("slice", {"start": 2, "stop": 9}, ((4, 4, 8),), "slice-out-of-range",
         "slice takes channels 2 to 8, the last one there is 7", "stop"),
        ("pad", {"amount": 3, "mode": "reflect"}, ((3, 9, 1),), "reflection-too-wide",
         "the height of 3 cannot be mirrored 3 pixels outwards", "amount"),
        ("crop", {"amount": 2}, ((4, 9, 1),), "crop-larger-than-input",
         "crop takes 4 pixels off a height of 4: nothing is left", "amount"),
        ("crop", {"to": (4, 10)}, ((4, 9, 1),), "crop-larger-than-input",
         "a width of 9 cannot be cropped to 10", "to"),
        ("upsample", {"scale": (2, 2)}, ((4, 1),), "wrong-number-of-sizes",
         "scale 2x2 names 2 axes, but the input has 1", "scale"),
        ("add", {}, ((56, 56, 64), (28, 28, 128)), "shapes-do-not-match",
         "add cannot join 56x56x64 with 28x28x128", None),
        ("multiply", {}, ((4, 4, 2), (4, 2)), "shapes-do-not-match",
         "multiply cannot join 4x4x2 with 4x2", None),
        ("concat", {}, ((8, 8, 4), (8, 1, 4)), "shapes-do-not-match",
         "concat cannot join 8x8x4 with 8x1x4", None),
        ("concat", {}, ((8, 8, 4), (4,)), "shapes-do-not-match", "concat cannot join 8x8x4 with 4", None),
    ],
)  # fmt: skip
def test_misfit(
    word: str, options: dict[str, object], inputs: Shapes, code: str, message: str, option: str | None
) -> None:
    found = misfit(word, options, *inputs)
    assert (found.code, found.message, found.option) == (code, message, option)
    assert found.help


def test_unequal_shapes_are_named_axis_by_axis() -> None:
    found = misfit("add", {}, (56, 56, 64), (28, 28, 128))
    assert found.notes == (
        "the heights differ: 56 and 28",
        "the widths differ: 56 and 28",
        "the channels differ: 64 and 128",
    )


@pytest.mark.parametrize(
    ("word", "inputs", "cure"),
    [
        ("add", ((28, 28, 64), (28, 28, 128)),
         "bring the others to 28x28x64, for instance with conv 64 1x1, or use concat"),
        ("add", ((56, 56, 64), (28, 28, 128)),
         "bring 56x56x64 to 28x28x128, for instance with conv 128 1x1 stride=2"),
        ("add", ((28, 28, 16), (26, 26, 16)),
         "pad the convolutions of the smaller path, for instance with padding=same"),
        ("concat", ((28, 30, 4), (28, 28, 4)), "cut 28x30x4 down with crop to=28x28"),
        ("multiply", ((56, 56, 32), (1, 1, 8)), "bring 1x1x8 to 1x1x32, for instance with conv 32 1x1"),
        ("add", ((56, 56, 32), (7, 7, 8)), "bring 7x7x8 to the larger size, for instance with upsample 8"),
        ("add", ((8,), (4,)), "bring the others to 8, for instance with dense 8, or use concat"),
        ("add", ((9, 4), (5, 4)), "bring 9x4 to 5x4, for instance with conv 4 1 stride=2"),
        ("concat", ((64, 64, 512), (56, 56, 512)), "cut 64x64x512 down with crop to=56x56"),
        ("concat", ((28, 28, 64), (56, 56, 32)),
         "bring 28x28x64 to the larger size, for instance with upsample 2"),
        ("concat", ((28, 30, 64), (30, 28, 64)), "give the paths the same strides and padding"),
        ("concat", ((8, 8, 4), (4,)), "flatten the maps, or reshape the vector, before they meet"),
    ],
)  # fmt: skip
def test_paths_that_do_not_meet_get_the_cure_that_fits(word: str, inputs: Shapes, cure: str) -> None:
    assert misfit(word, {}, *inputs).help[0] == cure


def test_a_vector_needs_flatten_and_says_how_long_it_will_be() -> None:
    found = misfit("dense", {"units": 10}, (7, 7, 64))
    assert found.notes == ("flattened, 7x7x64 is a vector of 3,136 values",)
    assert found.help == ("put flatten before it",)


def test_reshape_shows_both_counts() -> None:
    found = misfit("reshape", {"to": (7, 7, 64)}, (5, 5, 16))
    assert found.notes == ("in: 5·5·16 = 400", "out: 7·7·64 = 3,136")


def test_groups_show_the_rest_and_the_divisors() -> None:
    found = misfit("shuffle", {"groups": 5}, (5, 5, 12))
    assert found.notes == ("12 = 2·5 + 2",)
    assert found.help == ("take a number of groups that divides 12: 1, 2, 3, 4, 6, 12",)
    found = misfit("conv", {"filters": 16, "kernel": 1, "groups": 4}, (5, 5, 6))
    assert found.help == ("take a number of groups that divides 6 and 16: 1, 2",)


def test_unpool_wants_a_pool_that_remembers() -> None:
    unpool = Unpool(pool="pool1")
    with pytest.raises(LayerError) as caught:
        unpool.bind((AvgPool(kernel=2), ((4, 4, 2),)))
    assert caught.value.code == "unpool-needs-a-pool"
    assert (
        caught.value.message
        == "unpool needs a maxpool or minpool, whose places it uses, but pool1 is avgpool"
    )
    with pytest.raises(LayerError, match="unpool needs a pool whose places it uses"):
        unpool.shape(((2, 2, 2), (2, 2, 2)))


def test_unpool_wants_the_shape_its_pool_gave() -> None:
    unpool = Unpool(pool="pool1").bind((MaxPool(kernel=2), ((4, 4, 2),)))
    with pytest.raises(LayerError) as caught:
        unpool.shape(((2, 2, 3), (2, 2, 2)))
    assert caught.value.message == "unpool got 2x2x3, but pool1 gave 2x2x2"


@pytest.mark.parametrize("case", [case for case in CASES if len(case.inputs) == 1], ids=repr)
def test_any_shape_is_taken_or_refused_with_a_cure(case: Case) -> None:
    """Whatever flows in, a layer answers or states a misfit; nothing else escapes."""
    for shape in ((1,), (6,), (3, 2), (1, 1, 1), (2, 9, 4), (1, 2, 3, 4)):
        cures, given = shape_or_cures(case, shape)
        assert cures or given
        if given:
            assert min(given) >= 1
            assert int(case.layer.params((shape,))) >= 0
            assert len(case.layer.window((shape,))) == len(shape) - 1


def shape_or_cures(case: Case, shape: Shape) -> tuple[tuple[str, ...], Shape]:
    try:
        return (), case.layer.shape((shape,))
    except LayerError as refusal:
        return refusal.help, ()

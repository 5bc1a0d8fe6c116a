"""Folding: equal turns become xN, and nothing that differs does."""

from collections.abc import Iterator, Sequence
from dataclasses import replace
from typing import Any

import pytest

import cnnspec
from cnnspec.analysis.fold import Block, Leaf, Repeated, Segment, fold
from cnnspec.network.graph import Network, Output


def outline(text: str, **options: Any) -> list[Any]:
    network = cnnspec.parse(text)
    segments = fold(network, **options)
    assert network.layers == tuple(node for segment in segments for node in segment.nodes)
    return [told(segment) for segment in segments]


def told(segment: Segment) -> Any:
    if isinstance(segment, Leaf):
        return segment.node.name
    inner = [told(each) for each in segment.segments]
    return (segment.title, inner) if isinstance(segment, Block) else (segment.times, inner)


def test_equal_turns_fold() -> None:
    found = outline("input 8x8x4; repeat 3 { conv 4 3x3 padding=1 -> relu }")
    assert [(3, ["conv1", "relu1"])] == found


def test_all_turns_are_kept_behind_the_fold() -> None:
    (segment,) = fold(cnnspec.parse("input 8x8x4; repeat 3 { conv 4 3x3 padding=1 -> relu }"))
    assert isinstance(segment, Repeated)
    names = [[node.name for node in turn] for turn in segment.turns]
    assert [["conv1", "relu1"], ["conv2", "relu2"], ["conv3", "relu3"]] == names


def test_the_first_turn_with_other_channels_stays_apart() -> None:
    found = outline("input 8x8x3; repeat 3 { conv 4 3x3 padding=1 }; conv 1 1x1")
    assert ["conv1", (2, ["conv2"]), "conv4"] == found


def test_turns_that_shrink_the_map_do_not_fold() -> None:
    found = outline("input 16x16x1; repeat 2 { conv 1 3x3 }")
    assert ["conv1", "conv2"] == found


def test_other_options_do_not_fold() -> None:
    text = "block unit d { conv 4 3x3 padding=d dilation=d }; input 9x9x4; unit 1; unit 2; unit 2"
    found = outline(text)
    assert [("unit", ["unit1.conv1"]), (2, [("unit", ["unit2.conv1"])])] == found


def test_instances_written_out_fold_like_turns() -> None:
    text = "block unit { conv 4 3x3 padding=1 -> relu }; input 9x9x4; unit; repeat 2 { unit }"
    assert [(3, [("unit", ["unit1.conv1", "unit1.relu1"])])] == outline(text)


def test_equal_layers_without_a_repeat_stay_as_written() -> None:
    assert ["conv1", "conv2"] == outline("input 9x9x4; conv 4 3x3 padding=1; conv 4 3x3 padding=1")


def test_residual_blocks_fold_and_their_projection_does_not() -> None:
    text = """
    block unit width stride=1 {
      add {
        | conv width 3x3 padding=1 stride=stride
        | if stride != 1 or C != width { conv width 1x1 stride=stride }
      }
    }
    input 16x16x4; unit 8 stride=2; repeat 3 { unit 8 }
    """
    first, rest = outline(text)
    assert "unit" == first[0]
    assert (3, [("unit", ["unit2.conv1", "unit2.add1"])]) == rest


def with_last_reading(text: str, *sources: str) -> Network:
    """The network with its last layer reading other layers, as an import may give it."""
    network = cnnspec.parse(text)
    inputs = tuple(network[name].index for name in sources)
    last = replace(network.nodes[-1], inputs=inputs)
    return Network(network.name, (*network.nodes[:-1], last), network.outputs)


def test_a_turn_read_from_outside_is_not_hidden() -> None:
    text = "input 8x8x4; repeat 4 { conv 4 3x3 padding=1 }; add { | | identity }"
    plain = [told(segment) for segment in fold(with_last_reading(text, "conv4", "identity1"))]
    assert [(4, ["conv1"]), "identity1", "add1"] == plain
    skipped = [told(segment) for segment in fold(with_last_reading(text, "conv2", "identity1"))]
    assert [(2, ["conv1"]), (2, ["conv3"]), "identity1", "add1"] == skipped


def test_a_result_taken_from_inside_is_not_hidden() -> None:
    network = cnnspec.parse("input 8x8x4; repeat 4 { conv 4 3x3 padding=1 }")
    outputs = (*network.outputs, Output("early", network["conv3"].index))
    found = fold(Network(network.name, network.nodes, outputs))
    assert [(3, ["conv1"]), "conv4"] == [told(segment) for segment in found]


def test_a_long_skip_into_every_turn_folds() -> None:
    text = "input 8x8x4; stem: conv 4 1x1; repeat 3 { conv 4 3x3 padding=1 -> add stem }"
    assert ["stem", (3, ["conv1", "add1"])] == outline(text)


def test_turns_beside_each_other_do_not_fold() -> None:
    text = "input 8x8x4; stem: conv 4 1x1; repeat 2 { from stem -> conv 4 3x3 padding=1 }"
    assert ["stem", "conv1", "conv2"] == outline(text)


def test_dense_connections_do_not_fold() -> None:
    found = outline("input 8x8x4; repeat 2 { concat { | | conv 4 1x1 } }")
    assert ["conv1", "concat1", "conv2", "concat2"] == found


def test_nothing_folds_when_it_is_turned_off() -> None:
    found = outline("input 8x8x4; repeat 3 { conv 4 3x3 padding=1 -> relu }", repeats=False)
    assert ["conv1", "relu1", "conv2", "relu2", "conv3", "relu3"] == found


def test_repeats_within_repeats_fold_inside_out() -> None:
    found = outline("input 8x8x4; repeat 2 { repeat 3 { conv 4 3x3 padding=1 }; relu }")
    assert [(2, [(3, ["conv1"]), "relu1"])] == found


@pytest.mark.parametrize("name, times", [("resnet50", [2, 3, 5, 2]), ("resnet152", [2, 7, 35, 2])])
def test_resnets_fold_by_stage(name: str, times: list[int]) -> None:
    stages = [segment for segment in fold(cnnspec.load(name)) if isinstance(segment, Block)]
    found = [each.times for stage in stages for each in stage.segments if isinstance(each, Repeated)]
    assert times == found


def test_what_is_shown_times_its_number_is_the_whole() -> None:
    """The parameters of the shown turn times N are those of all turns."""
    for name in ("resnet50", "mobilenet_v1", "mobilenet_v2", "densenet121", "unet"):
        report = cnnspec.analyze(cnnspec.load(name))
        for segment in repeated(fold(report.network)):
            sums = {sum(report[node.name].params for node in turn) for turn in segment.turns}
            assert 1 == len(sums)


def repeated(segments: Sequence[Segment]) -> Iterator[Repeated]:
    for segment in segments:
        if isinstance(segment, Repeated):
            yield segment
        if not isinstance(segment, Leaf):
            yield from repeated(segment.segments)


GROWING = """
block unit { concat { | | conv 8 3x3 padding=1 } }
input 9x9x4; repeat 5 { unit }; conv 4 1x1
"""


def test_turns_that_grow_by_the_same_number_fold_where_that_is_wanted() -> None:
    network = cnnspec.parse(GROWING)
    assert [5, "conv6"] != outline(GROWING)
    first, last = fold(network, growing=True)
    assert isinstance(first, Repeated)
    assert (first.times, first.grows, first.label) == (5, (4, 44), "×5, 4→44")
    assert network.layers == (*first.nodes, *last.nodes)
    widths = [turn[-1].output[-1] for turn in first.turns]
    assert widths == [12, 20, 28, 36, 44]


def test_what_is_folded_as_growing_is_equal_but_for_channels() -> None:
    network = cnnspec.load("densenet121")
    found = [segment for segment in fold(network, growing=True) if isinstance(segment, Repeated)]
    assert [segment.label for segment in found] == [
        "×6, 64→256", "×12, 128→512", "×24, 256→1024", "×16, 512→1024",
    ]  # fmt: skip
    for segment in found:
        for one, two in zip(segment.turns, segment.turns[1:], strict=False):
            for a, b in zip(one, two, strict=True):
                assert a.layer == b.layer
                assert a.output[:-1] == b.output[:-1]
                assert b.output[-1] - a.output[-1] in (0, 32)


@pytest.mark.parametrize(
    "text",
    [
        "input 9x9x4; repeat 3 { conv 2*C 1x1 }",
        "input 9x9x3; repeat 2 { conv 4 3x3 padding=1 }",
        "block unit { concat { | | conv 8 3x3 padding=1 } -> maxpool 2x2 }; input 32x32x4; repeat 3 { unit }",
        "block unit { concat { | | conv C 3x3 padding=1 } }; input 9x9x4; repeat 3 { unit }",
    ],
)
def test_turns_that_differ_in_more_do_not_fold_as_growing(text: str) -> None:
    assert fold(cnnspec.parse(text), growing=True) == fold(cnnspec.parse(text))


def test_growth_that_changes_ends_the_fold() -> None:
    text = """
    block unit n { concat { | | conv n 3x3 padding=1 } }
    input 9x9x4; repeat 3 { unit 8 }; repeat 3 { unit 4 }
    """
    found = [
        segment.label for segment in fold(cnnspec.parse(text), growing=True) if isinstance(segment, Repeated)
    ]
    assert found == ["×3, 4→28", "×3, 28→40"]

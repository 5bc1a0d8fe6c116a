"""Receptive fields: published figures, exact pixels against set propagation, misaligned branches."""

from collections.abc import Iterable
from fractions import Fraction

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from tools import known

import cnnspec
from cnnspec.analysis.cost import Row
from cnnspec.analysis.field import field
from cnnspec.analysis.receptive_field import ReceptiveField, Track, merge, tracks_of
from cnnspec.analysis.report import Analysis
from cnnspec.diagnostics import LayerError, SpecError
from cnnspec.layers.base import Everything, Slide, Spread, Stretch, Window, spatial
from cnnspec.network.graph import Network


def rows(text: str) -> dict[str, Row]:
    return cnnspec.analyze(cnnspec.parse(text)).by_name


def seen_by(text: str, name: str) -> ReceptiveField:
    return known(rows(text)[name].receptive_field)


def sizes(analysis: Analysis, kind: str) -> list[int]:
    return [known(row.receptive_field).size[0] for row in analysis.rows if row.kind == kind]


def last_map(name: str) -> ReceptiveField:
    """The last map of an example before everything flows together."""
    found = [row.receptive_field for row in cnnspec.analyze(cnnspec.load(name)).rows]
    return [each for each in found if each is not None and each.jump[0]][-1]


LENET = """
input 28x28x1
conv1: conv 6 5x5 padding=2 -> relu -> maxpool 2x2
conv2: conv 16 5x5 -> relu -> maxpool 2x2
flatten
dense 10
"""


def test_the_first_window_with_padding_starts_before_the_image() -> None:
    found = seen_by(LENET, "conv1")
    assert (5, 5) == found.size
    assert (1, 1) == found.jump
    assert (-2, -2) == found.start


def test_lenet_sees_sixteen_pixels_four_apart() -> None:
    found = seen_by(LENET, "maxpool2")
    assert ((16, 16), (4, 4)) == (found.size, found.jump)


def test_a_vector_has_no_field_of_its_own() -> None:
    found = rows(LENET)
    assert found["flatten1"].receptive_field is None
    assert found["dense1"].receptive_field is None


@pytest.mark.parametrize(
    "name, size, jump",
    [
        ("alexnet", 195, 32),
        ("vgg11", 150, 32), ("vgg13", 156, 32), ("vgg16", 212, 32), ("vgg19", 268, 32),
        ("googlenet_torchvision", 379, 32), ("googlenet", 715, 32),
        ("resnet18", 435, 32), ("resnet34", 899, 32), ("resnet50", 427, 32), ("resnet50_paper", 483, 32),
        ("resnet101", 971, 32), ("resnet152", 1451, 32), ("densenet121", 2071, 32),
        ("mobilenet_v1", 315, 32), ("mobilenet_v2", 491, 32),
    ],
)  # fmt: skip
def test_networks_see_what_is_published(name: str, size: int, jump: int) -> None:
    found = last_map(name)
    assert (size, size) == found.size
    assert (jump, jump) == found.jump
    assert ((size,), (size,)) == found.sizes


def test_alexnet_along_the_way() -> None:
    analysis = cnnspec.analyze(cnnspec.load("alexnet"))
    seen = [known(row.receptive_field).size[0] for row in analysis.rows if row.kind in ("conv", "maxpool")]
    assert [11, 19, 51, 67, 99, 131, 163, 195] == seen


def test_vgg_along_the_way() -> None:
    assert [6, 16, 44, 100, 212] == sizes(cnnspec.analyze(cnnspec.load("vgg16")), "maxpool")


def test_unet_sees_188_or_204_by_position() -> None:
    found = last_map("unet")
    assert ((188, 204), (188, 204)) == found.sizes
    assert (204, 204) == found.size
    assert (1, 1) == found.jump


def test_a_global_pool_sees_everything_from_every_place() -> None:
    found = seen_by("input 8x8x3; conv 4 3x3 padding=1; globalavgpool", "globalavgpool1")
    assert ((10, 10), (0, 0), (-1, -1)) == (found.size, found.jump, found.start)


def test_a_gate_makes_every_place_see_the_whole_map() -> None:
    text = "input 8x8x4; conv 4 3x3 padding=1; multiply { | | globalavgpool -> conv 4 1x1 -> sigmoid }"
    found = seen_by(text, "multiply1")
    assert ((10, 10), (0, 0)) == (found.size, found.jump)


def test_upsampling_halves_the_jump() -> None:
    found = seen_by("input 8x8x1; upsample 2", "upsample1")
    assert (Fraction(1, 2), Fraction(1, 2)) == found.jump
    assert (1, 1) == found.size


def test_places_that_see_nothing_are_empty() -> None:
    found = seen_by("input 4x4x1; upconv 1 1x1 stride=2", "upconv1")
    assert ((0, 1), (0, 1)) == found.sizes


def test_axes_are_apart() -> None:
    found = seen_by("input 9x21x1; conv 1 3x5 stride=(1, 2) padding=(0, 2)", "conv1")
    assert ((3, 5), (1, 2), (0, -2)) == (found.size, found.jump, found.start)


def test_one_and_three_axes() -> None:
    assert (7,) == seen_by("input 100x1; conv 1 7", "conv1").size
    assert (2, 3, 4) == seen_by("input 9x9x9x1; conv 1 2x3x4", "conv1").size


def test_branches_of_different_speed_are_told_place_by_place() -> None:
    strided, cropped = Track(2, ((0, 0),)), Track(1, ((0, 0),))
    together = merge((strided, cropped), 4)
    assert [(0, 0), (1, 2), (2, 4), (3, 6)] == [together.at(n) for n in range(4)]


def test_the_work_does_not_grow_with_the_map() -> None:
    small, large = (
        seen_by(f"input {size}x{size}x1; conv 1 3x3; upconv 1 4x4 stride=2", "upconv1") for size in (9, 900)
    )
    assert small.tracks == large.tracks


# Exact pixels --------------------------------------------------------------------


def test_one_unit_of_lenet() -> None:
    found = field(cnnspec.parse(LENET), "maxpool2", (0, 4))
    assert ((-2, 13), (14, 29)) == found.unclipped
    assert ((0, 13), (14, 27)) == found.clipped


def test_dilation_leaves_holes() -> None:
    found = field(cnnspec.parse("input 9x9x1; conv 1 3x3 dilation=3"), "conv1", (1, 2))
    assert ((1, 4, 7), (2, 5, 8)) == found.pixels
    assert ((1, 7), (2, 8)) == found.clipped


def test_padding_by_mirror_sees_real_pixels() -> None:
    mirrored = field(cnnspec.parse("input 9x9x1; pad 2 mode=reflect"), "pad1", (0, 12))
    assert ((2,), (6,)) == mirrored.pixels
    repeated = field(cnnspec.parse("input 9x9x1; pad 2 mode=replicate"), "pad1", (0, 12))
    assert ((0,), (8,)) == repeated.pixels
    assert ((), ()) == field(cnnspec.parse("input 9x9x1; pad 2"), "pad1", (0, 12)).pixels


def test_a_unit_of_a_vector_sees_everything() -> None:
    found = field(cnnspec.parse(LENET), "dense1")
    assert tuple(range(28)) == found.pixels[0]


def test_dropped_pixels_are_seen_by_nobody() -> None:
    found = field(cnnspec.parse("input 8x8x1; conv 1 3x3 stride=2; flatten; dense 1"), "dense1")
    assert ((0, 6), (0, 6)) == found.clipped


def test_unknown_layers_and_places_are_refused_with_the_reason() -> None:
    network = cnnspec.parse(LENET)
    with pytest.raises(LayerError, match="no layer conv3") as told:
        field(network, "conv3", (0, 0))
    assert ("did you mean conv2?",) == told.value.help or ("did you mean conv1?",) == told.value.help
    with pytest.raises(LayerError, match="lies outside the width"):
        field(network, "conv1", (0, 28))
    with pytest.raises(LayerError, match="needs 2 numbers"):
        field(network, "conv1", (0,))
    with pytest.raises(LayerError, match="is a vector"):
        field(cnnspec.parse("input 784; dense 10"), "dense1")


def forward_sets(network: Network) -> list[list[list[set[int]]]]:
    """For each node and axis, the set of input pixels of each position, by the definition of each window."""
    done: list[list[list[set[int]]]] = []
    for node in network.nodes:
        if not node.inputs:
            done.append([[{i} for i in range(size)] for size in spatial(node.output)])
            continue
        axes: list[list[set[int]]] = [[set() for _ in range(size)] for size in spatial(node.output)]
        for which, source in enumerate(node.inputs):
            windows = node.layer.window(node.input_shapes, which)
            for axis, (window, before) in enumerate(zip(windows, done[source], strict=True)):
                for position, seen in enumerate(axes[axis]):
                    for place in looked_at(window, position, len(before)):
                        seen |= before[place]
        done.append(axes)
    return done


def looked_at(window: Window, position: int, size: int) -> Iterable[int]:
    match window:
        case Slide():
            taps = (
                position * window.stride - window.before + j * window.dilation for j in range(window.kernel)
            )
            return [place for place in taps if 0 <= place < size]
        case Spread():
            reached = (position + window.before - j * window.dilation for j in range(window.kernel))
            sources = (divmod(place, window.stride) for place in reached)
            return [source for source, rest in sources if rest == 0 and 0 <= source < size]
        case Stretch(reads="nearest"):
            return [position * window.inputs // window.outputs]
        case Stretch(reads="area"):
            ratio = Fraction(window.inputs, window.outputs)
            return range((position * ratio).__floor__(), ((position + 1) * ratio).__ceil__())
        case Stretch():
            ratio, half = Fraction(window.inputs, window.outputs), Fraction(1, 2)
            centre = position * ratio if window.corners else (position + half) * ratio - half
            low = centre.__floor__()
            more = 1 if window.reads == "cubic" else 0
            near = {low} if centre == low else set(range(low - more, low + more + 2))
            return sorted({min(max(place, 0), size - 1) for place in near})
        case Everything():
            return range(size)


numbers = st.integers
MODES = st.sampled_from(["nearest", "bilinear", "bicubic"])
STEPS = st.one_of(
    st.builds(
        "conv 1 {}x{} stride={} padding={} dilation={}".format,
        numbers(1, 4), numbers(1, 4), numbers(1, 3), numbers(0, 2), numbers(1, 2),
    ),
    st.builds("conv 1 {} padding=same stride={}".format, numbers(1, 5), numbers(1, 2)),
    st.builds("maxpool {} rounding=ceil".format, numbers(2, 3)),
    st.builds("avgpool to={}".format, numbers(1, 7)),
    st.builds("upsample to={} mode={}".format, numbers(1, 9), MODES),
    st.builds("upsample {} mode={}".format, st.sampled_from([0.5, 1.5, 2.25]), MODES),
    st.builds("upsample to={} mode=bilinear align=corners".format, numbers(1, 9)),
    st.builds("upconv 1 {} stride={}".format, numbers(1, 4), numbers(1, 3)),
    st.builds("upsample {}".format, numbers(1, 3)),
    st.builds("upsample {} mode=bilinear".format, numbers(2, 3)),
    st.builds("pad {}".format, numbers(1, 2)),
    st.builds("crop {}".format, numbers(1, 2)),
    st.builds(
        "concat {{ | | conv 1 {} padding=same -> conv 1 {} padding=same }}".format,
        numbers(1, 5), numbers(1, 4),
    ),
    st.builds("add {{ | conv 1 3 padding=1 stride={0} | conv 1 1 stride={0} }}".format, numbers(1, 3)),
    st.just("concat { | pad (2, 0, 0, 2) -> conv 1 3 | conv 1 2 padding=(0, 1, 1, 0) }"),
    st.just("concat { | maxpool 2 -> upconv 1 2 stride=2 | crop (0, 1, 1, 0) -> pad (1, 0, 0, 1) }"),
)  # fmt: skip


@settings(max_examples=150, deadline=None)
@given(st.lists(STEPS, min_size=1, max_size=5), numbers(5, 19), numbers(5, 19), st.data())
def test_exact_pixels_equal_set_propagation_on_random_graphs(
    steps: list[str], height: int, width: int, data: st.DataObject
) -> None:
    try:
        network = cnnspec.parse("; ".join((f"input {height}x{width}x1", *steps)))
    except SpecError:
        return
    known = forward_sets(network)
    node = data.draw(st.sampled_from(network.layers))
    place = tuple(data.draw(numbers(0, size - 1)) for size in spatial(node.output))
    found = field(network, node.name, place)
    expected = tuple(tuple(sorted(axis[at])) for axis, at in zip(known[node.index], place, strict=True))
    if not all(expected):
        assert not all(found.pixels)
    elif any(not seen for axes in known for axis in axes for seen in axis):
        # A branch that sees no row at a place sees no column there either; the sets know each axis alone.
        assert all(set(pixels) <= set(axis) for pixels, axis in zip(found.pixels, expected, strict=True))
    else:
        assert expected == found.pixels


def test_a_branch_that_sees_no_row_adds_no_column() -> None:
    network = cnnspec.parse("input 6x6x1; concat { | | crop (0, 1, 1, 0) -> pad (1, 0, 0, 1) }")
    assert ((0,), (1,)) == field(network, "concat1", (0, 1)).pixels
    assert ((0, 1), (1, 2)) == field(network, "concat1", (1, 1)).pixels


@settings(max_examples=100, deadline=None)
@given(st.lists(STEPS.filter(lambda step: "to=" not in step), min_size=1, max_size=4))
def test_unclipped_intervals_are_the_exact_ones_far_from_the_edges(steps: list[str]) -> None:
    """In a map so large that no edge is near, the closed form and the sets say the same."""
    try:
        network = cnnspec.parse("; ".join(("input 480x480x1", *steps)))
    except SpecError:
        return
    known, tracks = forward_sets(network), tracks_of(network)
    middle = len(known[-1][0]) // 2
    for position in range(max(0, middle - 3), min(len(known[-1][0]), middle + 4)):
        seen, found = known[-1][0][position], tracks[-1][0].at(position)
        if found is None or (found[0] >= 150 and found[1] < 330):
            assert ((min(seen), max(seen)) if seen else None) == found

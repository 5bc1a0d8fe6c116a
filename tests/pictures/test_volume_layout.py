"""The volume picture of every example: boxes apart, labels apart, nothing cut, wires around boxes."""

from __future__ import annotations

import re
import time
from collections.abc import Iterable
from itertools import combinations, pairwise
from math import log
from typing import Any

import pytest
from drawn import SVG, Page, Rect, draw_volumes, example, network, outline, plan_of, points_of, rect_of

from cnnspec.layers.base import Layer
from cnnspec.layers.facts import Picture
from cnnspec.layers.registry import LAYERS
from cnnspec.network.graph import Network, Node
from cnnspec.resources import example_names
from cnnspec.views.pictures.choices import Choices
from cnnspec.views.pictures.volumes.body import STROKES
from cnnspec.views.pictures.volumes.compose import compose
from cnnspec.views.pictures.volumes.row import TIGHT
from cnnspec.views.pictures.volumes.solids import solids_of

TEXTS = {
    "stage": """
        block bottleneck width {
          add { | conv width 1x1 -> relu -> conv width 3x3 padding=1 -> relu -> conv 4*width 1x1
                | if C != 4*width { conv 4*width 1x1 } }
          relu
        }
        input 56x56x64; bottleneck 64; bottleneck 64; bottleneck 64""",
    "inception": """
        input 28x28x192
        concat {
          | conv 64 1x1
          | conv 96 1x1 -> conv 128 3x3 padding=1
          | conv 16 1x1 -> conv 32 5x5 padding=2
          | maxpool 3x3 stride=1 padding=1 -> conv 32 1x1
        }
        multiply { | | globalavgpool -> conv 16 1x1 -> relu -> conv 256 1x1 -> sigmoid }""",
    "one axis": "input 16000x1; conv 8 9 stride=4; maxpool 4; conv 16 9; flatten; dense 10",
    "three axes": "input 16x112x112x3; conv 8 3x3x3; maxpool 2x2x2; conv 16 3x3x3; flatten; dense 10",
    "to itself": "input 28x28x1; conv 6 3x3 -> maxpool 2x2 -> flatten; add { | | }; dense 5",
    "vector": "input 784; dense 128 -> relu; dense 10 -> softmax",
    "alone": "input 5x5x1",
    "side heads": """
        input 32x32x3; conv 8 3x3 padding=1; maxpool 2x2
        head early { globalavgpool; flatten; dense 10 }
        conv 16 3x3 padding=1; maxpool 2x2
        head later { conv 4 1x1; globalavgpool; flatten; dense 10 }
        conv 32 3x3 padding=1; globalavgpool; flatten; dense 10""",
    "long skips": """
        input 32x32x8; a: conv 8 3x3 padding=1; b: conv 8 3x3 padding=1; c: conv 8 3x3 padding=1
        add a; d: conv 8 3x3 padding=1; add b; conv 8 3x3 padding=1; add c; add a""",
    "repeats": """
        input 32x32x16
        repeat 15 { conv 16 3x3 padding=1; conv 32 1x1; conv 16 1x1; conv 48 3x3 padding=1; conv 16 1x1 }
        maxpool 2x2; repeat 9 { conv 64 3x3 padding=1; repeat 7 { conv 32 1x1; conv 64 1x1 } }; conv 8 1x1""",
    "nested": """
        input 32x32x8
        add { | | add { | conv 8 3x3 padding=1 | conv 8 1x1 } -> concat { | | conv 8 1x1 } -> conv 8 1x1 }""",
}
DEPTHS = [None, 0]


def _networks() -> list[tuple[str, str]]:
    return [("example", name) for name in example_names()] + [("text", name) for name in TEXTS]


def _network(kind: str, name: str) -> Network:
    return example(name) if kind == "example" else network(TEXTS[name])


@pytest.fixture(scope="module", params=_networks(), ids=lambda case: case[1].replace(" ", "-"))
def page(request: pytest.FixtureRequest) -> Page:
    return Page(draw_volumes(_network(*request.param)))


def solids(page: Page) -> dict[str, Rect]:
    return {group.attrib["data-name"]: outline(group) for group in page.groups("solid")}


def fronts(page: Page) -> list[Rect]:
    """The faces towards the reader: the rectangles of each solid."""
    found = []
    for group in page.groups("solid"):
        rects = [rect_of(element) for element in group.iter(f"{SVG}rect")]
        found.append(rects[-1] if rects and not page_is_slabs(rects) else outline(group))
    return found


def page_is_slabs(rects: list[Rect]) -> bool:
    return len(rects) > 1 and all(a.right == b.left for a, b in pairwise(rects))


def test_front_faces_do_not_overlap(page: Page) -> None:
    assert [] == [(a, b) for a, b in combinations(fronts(page), 2) if a.meets(b)]


def test_solids_overlap_only_within_a_group(page: Page) -> None:
    """Maps that stand together hide each other's sides and no more; all others lie apart."""
    for one, other in combinations(solids(page).values(), 2):
        if one.meets(other):
            assert abs((one.top + one.bottom) - (other.top + other.bottom)) < 1
            assert abs((one.bottom - one.top) - (other.bottom - other.top)) < 1


def test_labels_do_not_meet(page: Page) -> None:
    words = page.loose_words()
    assert [] == [(a.text, b.text) for a, b in combinations(words, 2) if a.rect.meets(b.rect)]


def test_labels_stand_clear_of_solids(page: Page) -> None:
    boxes = solids(page).values()
    assert [] == [w.text for w in page.loose_words() if any(box.meets(w.rect) for box in boxes)]


def test_nothing_is_cut(page: Page) -> None:
    assert [] == [word.text for word in page.all_words() if not page.rect.holds(word.rect)]
    dx, dy = page.shift
    for rect in solids(page).values():
        assert page.rect.holds(Rect(rect.left + dx, rect.top + dy, rect.right + dx, rect.bottom + dy))


def test_wires_go_around_solids(page: Page) -> None:
    boxes = solids(page)
    for group in page.groups("edge"):
        tail, head = group.attrib["data-name"].split()
        path = group.find(f"{SVG}path")
        assert path is not None
        others = [rect for key, rect in boxes.items() if key not in (tail, head)]
        crossed = [p for p in points_of(path.attrib["d"]) if any(rect.has(*p, inside=1) for rect in others)]
        assert crossed == [], f"{tail} -> {head}"


def test_arcs_do_not_run_along_one_another(page: Page) -> None:
    """Where two wires share a line they come from the same solid, or lead to the same."""
    levels = []
    for group in page.groups("edge"):
        path = group.find(f"{SVG}path")
        assert path is not None
        points = points_of(path.attrib["d"])
        for (x1, y1), (x2, y2) in pairwise(points):
            if y1 == y2 and x2 - x1 > 1:
                levels.append((group.attrib["data-name"].split(), y1, x1, x2))
    for (a, y, left, right), (b, other, start, end) in combinations(levels, 2):
        is_shared = a[0] == b[0] or a[1] == b[1]
        assert is_shared or abs(y - other) > 1 or min(right, end) - max(left, start) < 1


def test_wires_keep_clear_of_labels(page: Page) -> None:
    words = page.loose_words()
    for group in page.groups("edge"):
        path = group.find(f"{SVG}path")
        assert path is not None
        for point in points_of(path.attrib["d"]):
            assert [] == [word.text for word in words if word.rect.has(*point)]


@pytest.mark.parametrize("name", ["resnet50", "googlenet", "mobilenet_v2", "densenet121"])
def test_blocks_as_one_solid_lie_apart_too(name: str) -> None:
    page = Page(draw_volumes(example(name), choices=Choices(depth=0)))
    test_front_faces_do_not_overlap(page)
    test_labels_do_not_meet(page)
    test_nothing_is_cut(page)


def test_a_name_may_be_long() -> None:
    page = Page(draw_volumes(network("network " + "N" * 300 + "\ninput 8x8x1; conv 2 3x3")))
    test_nothing_is_cut(page)


def test_many_side_heads_are_placed_in_no_time() -> None:
    head = "conv 4 1x1; conv 4 1x1; conv 4 1x1; globalavgpool; flatten; dense 10"
    text = "; ".join(f"conv 8 3x3 padding=1; head h{n} {{ {head} }}" for n in range(25))
    net = network(f"input 32x32x3; {text}; conv 4 1x1")
    start = time.perf_counter()
    page = Page(draw_volumes(net, choices=Choices(fold=False)))
    assert time.perf_counter() - start < 5
    test_front_faces_do_not_overlap(page)


def _told(text: str, **choices: Any) -> list[str]:
    """The texts of a volume picture."""
    page = Page(draw_volumes(network(text) if "input" in text else example(text), choices=Choices(**choices)))
    return [found.text or "" for found in page.root.iter(f"{SVG}text")]


def test_a_repeat_of_several_solids_is_counted_once() -> None:
    """Not ``15 × conv | 15 × conv``, which would be another network."""
    group = (
        "conv 16 3x3 padding=1; relu; conv 32 3x3 padding=1; relu; conv 16 1x1; relu; conv 16 3x3 padding=1"
    )
    texts = _told(f"input 32x32x16; repeat 15 {{ {group} }}")
    assert texts.count("×15") == 1
    assert not [text for text in texts if "15 ×" in text]
    assert texts.count("conv 3×3") == 3


def test_repeats_in_repeats_have_a_brace_each() -> None:
    outer = "conv 16 3x3 padding=1; repeat 11 { conv 8 1x1; conv 16 3x3 padding=1 }"
    texts = _told(f"input 32x32x16; repeat 12 {{ {outer} }}")
    assert (texts.count("×12"), texts.count("×11")) == (1, 1)


def test_a_group_that_is_all_under_one_label_is_counted_there() -> None:
    wide = "conv 100 3x3 padding=1; conv 100 1x1"
    tail = "; ".join("conv 100 3x3 stride=2 padding=1" for _ in range(5)) + "; conv 64 1x1" * 12
    texts = _told(f"input 64x64x100; repeat 20 {{ {wide} }}; {tail}")
    assert any("20 × (conv 3×3, conv 1×1)" in text for text in texts)
    assert "×20" not in texts


def test_channels_of_solids_that_stand_together_are_told() -> None:
    """GoogLeNet has no room for its pools beside what follows them."""
    assert "28×28×192 → 256 → 480" in _told("googlenet")


def test_pools_stand_under_their_own_size() -> None:
    """VGG's pool of 64 channels stood under the label of the convolutions of 128."""
    texts = _told("vgg16")
    assert texts[texts.index("112×112×64") + 1] == "maxpool 2×2"
    assert texts[texts.index("112×112×128") + 1] == "2 × conv 3×3"


def test_compressed_vectors_are_not_told_to_be_to_scale() -> None:
    note = " ".join(_told("mnist_mlp")[-3:])
    assert "width to scale, thickness to scale; vectors as length^0." in note


def test_results_have_their_names() -> None:
    texts = _told("input 28x28x1; conv 8 3x3; head side { flatten; dense 4 }; conv 16 3x3; flatten; dense 10")
    assert {"side", "output"} <= set(texts)
    assert "output" not in _told("lenet")


def _sums(nodes: Iterable[Node]) -> int:
    return sum(node.word == "add" for node in nodes)


RESNETS = ["mobilenet_v2", *(name for name in example_names() if "resnet" in name)]
UNFOLDED = [name for name in RESNETS if name not in ("resnet101", "resnet152")]
"""Those of more blocks are drawn as stages, and say so."""


@pytest.mark.parametrize(
    ("name", "fold"), [(name, True) for name in RESNETS] + [(name, False) for name in UNFOLDED]
)
def test_every_shortcut_of_a_resnet_is_drawn(name: str, fold: bool) -> None:
    """As an arc over a block, or as a way of its own to a sum."""
    net = example(name)
    scene, note = compose(net, Choices(fold=fold))
    told = 0
    for box in scene.boxes.values():
        solid = box.solid
        if solid.block:
            assert not _sums(solid.nodes) or solid.shortcut, solid.operation
            told += _sums(solid.stands_for)
        elif solid.sign:
            assert len(solid.before) > 1
            told += len(solid.stands_for)
    assert told == _sums(net.nodes) > 0
    arcs = draw_volumes(net, choices=Choices(fold=fold)).count('class="shortcut"')
    assert arcs == sum(box.solid.shortcut for box in scene.boxes.values())
    assert ("An arc over a block is its shortcut." in note) == (arcs > 0)


def test_a_block_without_a_shortcut_has_none() -> None:
    assert 'class="shortcut"' not in draw_volumes(example("vgg16"), choices=Choices(depth=0))


def test_windows_are_drawn_wherever_one_slides() -> None:
    """AlexNet's first pool had an arrow, as its window is small on the map."""
    for name in ("alexnet", "vgg16"):
        scene, _ = compose(example(name), Choices())
        boxes = sorted(scene.boxes.values(), key=lambda box: box.x)
        moved = [
            (a.solid.key, b.solid.key) for a, b in pairwise(boxes)
            if b.solid.window and a.solid.is_map and b.solid.is_map and b.x - a.x - a.t > TIGHT + 1
        ]  # fmt: skip
        assert scene.cones == moved
        assert len(moved) >= 8
    assert "The smallest windows are enlarged." in " ".join(_told("vgg16")[-2:])
    assert "enlarged" not in " ".join(_told("input 16x16x4; conv 48 9x9; conv 48 5x5")[-2:])


def test_maps_of_one_axis_are_flat_strips() -> None:
    net = network(TEXTS["one axis"])
    scene, note = compose(net, Choices())
    strips = [box for box in scene.boxes.values() if box.solid.is_map]
    assert [(box.dx, box.dy) for box in strips] == [(0.0, 0.0)] * 4
    assert [box.h for box in strips] == sorted((box.h for box in strips), reverse=True)
    assert len(scene.cones) == 3
    assert "Strips, which are maps of one axis: length (downward) as size^" in note
    assert "height" not in note


def test_maps_of_three_axes_have_their_depth_from_left_to_right() -> None:
    scene, note = compose(network(TEXTS["three axes"]), Choices())
    maps = [box for box in scene.boxes.values() if box.solid.is_map]
    assert [box.t for box in maps] == sorted((box.t for box in maps), reverse=True)
    first = maps[0]
    scale = (log(first.t) - log(first.h)) / (log(16) - log(112))
    for box in maps:
        depth, height = box.solid.shape[:2]
        assert log(box.t / box.h) == pytest.approx(scale * log(depth / height))
    assert "depth (left to right), height and (foreshortened) width" in note
    assert "channels are told, not drawn" in note


@pytest.mark.parametrize("name", ["lenet", "alexnet", "vgg16", "one axis"])
def test_the_note_tells_how_each_axis_is_drawn(name: str) -> None:
    """The exponents of the note are those of the drawn boxes."""
    scene, note = compose(network(TEXTS[name]) if name in TEXTS else example(name), Choices())
    maps = [box for box in scene.boxes.values() if box.solid.is_map]
    told = [float(found[1] or 1) for found in re.finditer(r"(?:size\^([\d.]+)|to scale)", note)]
    for one, other in combinations(maps, 2):
        ratio = one.solid.shape[0] / other.solid.shape[0]
        assert log(one.h / other.h) == pytest.approx(told[0] * log(ratio), abs=0.03)


def test_a_flatten_is_told_with_the_length_it_gives() -> None:
    assert "flatten 400" in _told("lenet")
    assert "flatten 9216" in _told("alexnet")
    assert not [text for text in _told("resnet50") if "flatten" in text], "1×1×2048 is a vector before"


def test_networks_that_climb_with_pooling_indices_are_drawn_as_a_u() -> None:
    scene, _ = compose(example("segnet"), Choices())
    wires = [wire for wire in scene.wires if wire.text == "pooling indices"]
    assert len(wires) == 4
    assert all(wire.points[0][1] == wire.points[-1][1] for wire in wires)


@pytest.mark.parametrize("name", sorted(set(example_names()) - {"wavenet"}))
def test_texts_of_volumes_can_be_read_on_a_slide(name: str) -> None:
    """At 900 by 430 points no text is below 8."""
    page = Page(draw_volumes(example(name)))
    sizes = [float(item.attrib["font-size"]) for item in page.root.iter(f"{SVG}text")]
    assert min(sizes) * min(900 / page.rect.right, 430 / page.rect.bottom) >= 8


@pytest.mark.parametrize("kind", [kind for kind in LAYERS.values() if kind.picture is Picture.SIGN])
def test_every_merge_has_its_own_sign(kind: type[Layer]) -> None:
    """A difference was drawn as a sum."""
    drawn = draw_volumes(network(f"input 8x8x4; a: conv 4 1x1; conv 4 1x1; {kind.word} a"))
    page = Page(drawn)
    group = next(g for g in page.groups("solid") if g.find(f"{SVG}circle") is not None)
    lines = [tuple(item.get(f"{end}{n}") for end in "xy" for n in "12") for item in group.iter(f"{SVG}line")]
    assert len(lines) == len(STROKES[kind.sign])
    assert (kind.sign in [word.text for word in page.all_words()]) == kind.sign.isalpha()
    assert len({str(strokes) for strokes in STROKES.values()}) == len(STROKES)


def test_a_block_has_the_colour_of_its_card() -> None:
    net, choices = example("vit_b16"), Choices(depth=0)
    cards = {card.rows[0].layer: card.rows[0].family for card in plan_of(net, choices).cards}
    block = next(solid for solid in solids_of(net, choices) if solid.block)
    assert block.family is cards[block.layer]

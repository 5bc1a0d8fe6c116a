"""How a graph is laid out: by the spec's order, the same everywhere, whatever is installed, in no time."""

from __future__ import annotations

import subprocess
import sys
import time
from itertools import pairwise

import pytest
from drawn import Page, Rect, example, network, outline, plan_of, points_of

import cnnspec
from cnnspec.resources import example_names
from cnnspec.views.pictures import svg
from cnnspec.views.pictures.channel import BELOW, STRAIGHT, route
from cnnspec.views.pictures.choices import Choices
from cnnspec.views.pictures.draw import picture, render
from cnnspec.views.pictures.look import Look
from cnnspec.views.pictures.plan import Link
from cnnspec.views.pictures.structure import Framed, Parallel, Run, cards_of, structure_of
from cnnspec.views.pictures.u_shape import rungs_of


def cards_on(page: Page) -> dict[str, Rect]:
    return {group.attrib["data-name"]: outline(group) for group in page.groups("card")}


@pytest.mark.parametrize("name", example_names())
def test_structure_holds_every_card_once_and_in_order(name: str) -> None:
    plan = plan_of(example(name))
    run = structure_of(plan)
    found = [key for item in run for key in cards_of(item)]
    assert sorted(found) == sorted(card.key for card in plan.cards)
    home = {key: n for n, item in enumerate(run) for key in cards_of(item)}
    assert all(home[link.tail] <= home[link.head] for link in plan.links)


@pytest.mark.parametrize("name", example_names())
def test_every_edge_ends_at_its_cards(name: str) -> None:
    page = Page(render(example(name)))
    cards = cards_on(page)
    for group in page.groups("edge"):
        tail, head = (cards[key] for key in group.attrib["data-name"].split())
        path = group[0].attrib["d"]
        start, *_, end = points_of(path)
        for (x, y), card in ((start, tail), (end, head)):
            assert card.left - 1 <= x <= card.right + 1
            assert card.top - 1 <= y <= card.bottom + 5


TWELVE = "input 8x8x12; concat {\n" + "\n".join(f"| conv {n} 1x1" for n in range(1, 13)) + "\n}"


def test_twelve_branches_stand_side_by_side_in_order() -> None:
    cards = cards_on(Page(render(network(TWELVE))))
    branches = [cards[f"n{n}"] for n in range(1, 13)]
    assert len({rect.top for rect in branches}) == 1
    assert all(a.right < b.left for a, b in pairwise(branches))


@pytest.mark.parametrize(
    ("paths", "order"),
    [
        ("| | conv 4 1x1 | conv 5 1x1", ["skip", "n1", "n2"]),
        ("| conv 4 1x1 | | conv 5 1x1", ["n1", "skip", "n2"]),
        ("| conv 4 1x1 | conv 5 1x1 |", ["n1", "n2", "skip"]),
    ],
)
def test_an_empty_path_keeps_its_place_among_the_others(paths: str, order: list[str]) -> None:
    page = Page(render(network(f"input 8x8x3; concat {{ {paths} }}")))
    cards = cards_on(page)
    places = {key: (cards[key].left + cards[key].right) / 2 for key in ("n1", "n2")}
    edge = next(g for g in page.groups("edge") if g.get("data-name") == "n0 n3")
    middle = (cards["n1"].top + cards["n1"].bottom) / 2
    places["skip"] = next(x for x, y in points_of(edge[0].attrib["d"]) if abs(y - middle) < 4)
    assert sorted(places, key=places.__getitem__) == order


@pytest.mark.parametrize(("paths", "side"), [("| | conv 3 1x1", -1), ("| conv 3 1x1 |", 1)])
def test_a_skip_runs_on_the_side_where_the_spec_has_it(paths: str, side: int) -> None:
    page = Page(render(network(f"input 8x8x3; conv 3 1x1; add {{ {paths} }}")))
    card = cards_on(page)["n2"]
    edge = next(g for g in page.groups("edge") if g.get("data-name") == "n1 n3")
    xs = [x for x, y in points_of(edge[0].attrib["d"]) if card.top < y < card.bottom]
    assert xs
    assert all((x > card.right) if side > 0 else (x < card.left) for x in xs)


@pytest.mark.parametrize("name", ["unet", "segnet", "unet_digits", "segnet_digits"])
@pytest.mark.parametrize("depth", [None, 0])
def test_encoder_decoders_are_a_u(name: str, depth: int | None) -> None:
    """Down on the left, up on the right, and each long skip level."""
    choices = Choices(depth=depth)
    plan = plan_of(example(name), choices)
    rungs, bottom = rungs_of(plan, structure_of(plan))
    assert len(rungs) > 1
    cards = cards_on(Page(render(example(name), Look(choices=choices))))
    left = [cards[key] for rung in rungs for item in rung.left for key in cards_of(item)]
    right = [cards[key] for rung in rungs for item in rung.right for key in cards_of(item)]
    assert bottom
    assert max(rect.right for rect in left) < min(rect.left for rect in right)
    for arm in (left, [cards[next(cards_of(rung.right[0]))] for rung in rungs]):
        assert all(a.top < b.top for a, b in pairwise(arm))


@pytest.mark.parametrize("name", ["resnet50", "googlenet", "dncnn", "wavenet", "densenet121"])
def test_other_networks_are_none(name: str) -> None:
    plan = plan_of(example(name))
    assert rungs_of(plan, structure_of(plan)) == ([], structure_of(plan))


def test_what_is_neither_in_series_nor_parallel_stands_in_a_row() -> None:
    net = network(
        "input 8x8x4; a: conv 4 1x1; from input; b: conv 4 1x1; add a; c: relu; "
        "from b; add a; d: conv 4 1x1; add c"
    )
    tangled = [item for item in structure_of(plan_of(net)) if not isinstance(item, Parallel | Framed)]
    assert len(tangled) == len(plan_of(net).cards)
    page = Page(render(net))
    rects = [*cards_on(page).values()]
    assert not any(a.meets(b) for n, a in enumerate(rects) for b in rects[:n])


def test_heads_stand_beside_the_way_to_the_main_output() -> None:
    run: Run = structure_of(plan_of(example("googlenet"), Choices(depth=0)))
    forks = [item for item in run if isinstance(item, Parallel)]
    assert [len(fork.paths) for fork in forks] == [2, 2]
    assert isinstance(run[-1], str)


def test_an_edge_goes_straight_where_it_can_and_shares_a_track_where_it_cannot() -> None:
    a, b, c = Link("a", "c"), Link("b", "c"), Link("a", "d")
    height, ways = route([(0.0, frozenset({a}))], [(0.0, frozenset({a}))])
    assert (height, ways) == (STRAIGHT, {a: [(0.0, 0.0), (0.0, STRAIGHT)]})
    height, ways = route([(-50.0, frozenset({a})), (50.0, frozenset({b}))], [(0.0, frozenset({a, b}))])
    assert {y for way in ways.values() for _, y in way[1:3]} == {height - BELOW}
    height, ways = route([(0.0, frozenset({a, c}))], [(-9.0, frozenset({a})), (9.0, frozenset({c}))])
    assert ways[a][1] == ways[c][1]


def test_tracks_that_would_meet_lie_on_levels() -> None:
    a, b = Link("a", "c"), Link("b", "d")
    _, ways = route(
        [(0.0, frozenset({a})), (30.0, frozenset({b}))], [(40.0, frozenset({a})), (70.0, frozenset({b}))]
    )
    assert ways[a][1][1] != ways[b][1][1]


def test_nothing_else_need_be_installed() -> None:
    """No Graphviz is looked for or loaded: the picture is the same with and without one."""
    code = (
        "import sys; sys.modules['pygraphviz'] = sys.modules['graphviz'] = None\n"
        "import subprocess; subprocess.Popen = None\n"
        "import cnnspec; print(cnnspec.draw('googlenet'), end='')"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout == render(example("googlenet"))


@pytest.mark.parametrize("name", example_names())
@pytest.mark.parametrize("style", ["graph", "volumes"])
def test_every_example_in_every_format(name: str, style: str) -> None:
    look = Look(style=style, scale=0.5)
    assert picture(example(name), "svg", look).startswith(b"<svg ")
    assert picture(example(name), "png", look).startswith(b"\x89PNG")
    assert picture(example(name), "pdf", look).startswith(b"%PDF")


@pytest.mark.parametrize("style", ["graph", "volumes"])
def test_png_needs_a_converter(style: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(svg, "can_convert", lambda: False)
    assert picture(example("lenet"), "svg", Look(style=style)).startswith(b"<svg ")
    with pytest.raises(svg.NoConverter, match="pip install"):
        picture(example("lenet"), "png", Look(style=style))


def test_resnet152_is_drawn_in_under_a_second() -> None:
    network = example("resnet152")

    def seconds() -> float:
        start = time.perf_counter()
        render(network)
        render(network, Look(style="volumes"))
        return time.perf_counter() - start

    assert min(seconds() for _ in range(3)) < 1


def test_resnet152_unfolded_stays_a_page() -> None:
    page = Page(render(example("resnet152"), Look(choices=Choices(fold=False))))
    assert 0.4 < page.rect.right / page.rect.bottom < 3


def test_pictures_are_the_same_every_time() -> None:
    assert render(example("googlenet")) == render(example("googlenet"))
    volumes = Look(style="volumes")
    assert render(example("googlenet"), volumes) == render(example("googlenet"), volumes)


def test_a_tangle_is_laid_out_in_bounded_time() -> None:
    """Thirty layers that each read all before them."""
    layers = "\n".join(
        f"concat {' '.join(f'l{source}' for source in range(n))}\nl{n + 1}: conv 4 3x3 padding=1"
        for n in range(1, 29)
    )
    network = cnnspec.parse(f"input 32x32x4\nl0: conv 4 3x3\nl1: conv 4 3x3 padding=1\n{layers}")
    start = time.perf_counter()
    assert len(Page(render(network)).groups("card")) == len(plan_of(network).cards)
    assert time.perf_counter() - start < 2


def test_a_merge_of_many_paths_has_volumes() -> None:
    paths = "\n".join("| conv 4 3x3 padding=1" for _ in range(26))
    network = cnnspec.parse(f"input 32x32x4\nconcat {{\n{paths}\n}}")
    assert picture(network, "svg", Look(style="volumes")).startswith(b"<svg ")


def test_a_fork_at_the_very_beginning_of_a_level_is_none_of_its_own() -> None:
    """There is nothing that leads down to it."""
    inner = "concat { | conv 4 1x1 | conv 4 3x3 padding=1 -> conv 4 3x3 padding=1 -> conv 4 3x3 padding=1 }"
    net = network(
        f"input 16x16x1; conv 4 3x3 padding=1; concat {{ | crop 0 | {inner} -> conv 4 1x1 -> conv 4 1x1 }}"
    )
    assert "<svg" in render(net)
    plan = plan_of(net)
    assert rungs_of(plan, structure_of(plan))[0] == []

"""Every example in both styles and at all sizes: read with ease, or the fold is told; nothing in the way."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import combinations, pairwise
from unittest import mock

import pytest
from drawn import (
    SVG,
    Page,
    Rect,
    Word,
    example,
    network,
    outline,
    plan_of,
    points_of,
    rect_of,
    word_of,
    words_in,
)

from cnnspec.analysis import fold
from cnnspec.diagnostics import Diagnostic, LayerError
from cnnspec.resources import example_names
from cnnspec.views.pictures import faulty, planning
from cnnspec.views.pictures.choices import EVERYTHING, Choices
from cnnspec.views.pictures.fitting import Subject, View, fit, told
from cnnspec.views.pictures.look import Look
from cnnspec.views.pictures.overview import STAGES, WHOLE, segments_of, steps
from cnnspec.views.pictures.sizes import LEAST, SIZES, measure
from cnnspec.views.pictures.structure import Framed, Parallel, Run, cards_of, structure_of
from cnnspec.views.pictures.u_shape import rungs_of

STYLES = ("graph", "volumes")


def look_for(style: str, size: str, **others: object) -> Look:
    room = SIZES[size]
    return Look(style, size=room, titled=not room.bare, legend=not room.bare, **others)  # type: ignore[arg-type]


def test_a_picture_that_is_fitted_folds_its_network_once(monkeypatch: pytest.MonkeyPatch) -> None:
    """Blocks in blocks are tried at every depth: 700 layers took 4.7 s."""
    folders = mock.Mock(side_effect=fold._Folder)
    monkeypatch.setattr(fold, "_Folder", folders)
    inner = "block a { conv 4 1x1; relu }; block b { a; conv 4 3x3 padding=1; sigmoid; a }"
    layers = "; ".join(f"conv {n} 1x1; b" for n in range(5, 45))
    fit(Subject(network(f"{inner}; input 9x9x4; {layers}")), look_for("graph", "slide"))
    assert 0 < folders.call_count <= 2


def test_depths_without_room_are_not_all_planned(monkeypatch: pytest.MonkeyPatch) -> None:
    """Forty blocks within one another were planned 76 times."""
    plans = mock.Mock(side_effect=planning.Planner)
    monkeypatch.setattr(faulty, "Planner", plans)
    blocks = "; ".join(
        f"block b{n} {{ conv {n + 4} 3x3 padding=1; b{n - 1}; conv {n + 4} 1x1 }}" for n in range(1, 40)
    )
    nested = f"block b0 {{ conv 8 1x1; conv 9 1x1 }}; {blocks}; input 9x9x4; b39; conv 3 1x1"
    fit(Subject(network(nested)), look_for("graph", "slide"))
    assert 0 < plans.call_count <= 30


@pytest.mark.parametrize("size", SIZES)
@pytest.mark.parametrize("style", STYLES)
@pytest.mark.parametrize("name", example_names())
def test_pictures_are_read_where_they_are_shown(name: str, style: str, size: str) -> None:
    subject, look = Subject(example(name)), look_for(style, size)
    found = fit(subject, look)
    svg = found.drawn()
    assert measure(svg).text_at(SIZES[size]) >= LEAST - 0.01
    assert measure(svg).text_at(SIZES[size]) >= found.text - 0.01
    assert bool(told(found, subject, look)) == (found.choices != EVERYTHING)
    page = Page(svg)
    _nothing_is_cut(page)
    if style == "graph":
        _graph_is_clear(page)
        _branches_are_in_order(name, found, page)
    else:
        _volumes_are_clear(page)


def _nothing_is_cut(page: Page) -> None:
    assert [] == [word.text for word in page.all_words() if not page.rect.holds(word.rect)]
    dx, dy = page.shift
    for kind in ("card", "frame", "solid"):
        for group in page.groups(kind):
            r = outline(group)
            assert page.rect.holds(Rect(r.left + dx, r.top + dy, r.right + dx, r.bottom + dy))
    for x, y in (point for _, points in _edges(page) for point in points):
        assert page.rect.has(x + dx, y + dy)


def _edges(page: Page) -> Iterator[tuple[str, list[tuple[float, float]]]]:
    for group in page.groups("edge"):
        path = group.find(f"{SVG}path")
        assert path is not None
        yield group.attrib["data-name"], points_of(path.attrib["d"])


def _crossed(page: Page, words: list[Word]) -> list[tuple[str, str]]:
    rects = [(word.text, word.rect) for word in words]
    return [
        (name, text) for name, points in _edges(page) for text, rect in rects
        if any(rect.has(x, y) for x, y in points)
    ]  # fmt: skip


def _graph_is_clear(page: Page) -> None:
    cards = {group.attrib["data-name"]: outline(group) for group in page.groups("card")}
    assert [] == [(a, b) for (a, one), (b, other) in combinations(cards.items(), 2) if one.meets(other)]
    frames = [rect_of(group.findall(f"{SVG}rect")[0]) for group in page.groups("frame")]
    for one, other in combinations(frames, 2):
        assert one.holds(other) or other.holds(one) or not one.meets(other)
    cut = [word.text for group in page.groups("card") for word in words_in(group) if word.text[-1:] == "…"]
    assert cut == []
    titles = [word for group in page.groups("frame-title") for word in words_in(group)]
    assert [] == [word.text for word in titles if any(card.meets(word.rect) for card in cards.values())]
    assert [] == _crossed(page, titles)
    for name, points in _edges(page):
        others = [rect for key, rect in cards.items() if key not in name.split()]
        assert not any(rect.has(*point, inside=2) for rect in others for point in points), name


def _volumes_are_clear(page: Page) -> None:
    words = page.loose_words()
    assert [] == [(a.text, b.text) for a, b in combinations(words, 2) if a.rect.meets(b.rect)]
    boxes = {group.attrib["data-name"]: outline(group) for group in page.groups("solid")}
    met = [(word.text, key) for word in words for key, box in boxes.items() if box.meets(word.rect)]
    assert met == []
    texts = [word_of(text) for group in page.groups("edge") for text in group.iter(f"{SVG}text")]
    assert [] == [text.text for text in texts if any(box.meets(text.rect) for box in boxes.values())]
    assert [] == _crossed(page, words)


def _branches_are_in_order(name: str, found: View, page: Page) -> None:
    plan = plan_of(example(name), found.choices)
    run = structure_of(plan)
    cards = {group.attrib["data-name"]: outline(group) for group in page.groups("card")}
    if not rungs_of(plan, run)[0]:
        for fork in _forks(run):
            paths = [[cards[key] for item in path for key in cards_of(item)] for path in fork.paths if path]
            for left, right in pairwise(paths):
                assert max(card.right for card in left) < min(card.left for card in right)


def _forks(run: Run) -> Iterator[Parallel]:
    for item in run:
        if isinstance(item, Framed):
            yield from _forks(item.run)
        elif isinstance(item, Parallel):
            yield item
            for path in item.paths:
                yield from _forks(path)


# How the view is chosen ------------------------------------------------------------


def test_views_go_from_all_layers_to_one_thing() -> None:
    views = [*steps(example("resnet50"), EVERYTHING)]
    assert views[0] == EVERYTHING
    assert [view.depth for view in views] == [None, 2, 2, 1, 1, 0, 0, 0, 0]
    assert [view.stages for view in views[-2:]] == [STAGES, WHOLE]
    counts = [len(plan_of(example("resnet50"), view).cards) for view in views]
    assert counts == sorted(counts, reverse=True)
    assert counts[-1] == 2


def test_what_is_told_to_be_shown_is_shown() -> None:
    subject = Subject(example("resnet50"))
    for choices in (Choices(depth=2), Choices(fold=False)):
        look = look_for("graph", "slide", choices=choices)
        found = fit(subject, look)
        assert found.choices == choices
        assert "without --depth and --no-fold" in told(found, subject, look)


def test_more_room_shows_more() -> None:
    shown = [
        len(Page(fit(Subject(example("resnet50")), look_for("graph", size)).drawn()).groups("card"))
        for size in ("column", "slide", "poster")
    ]
    assert shown == sorted(set(shown))


def test_the_most_detailed_view_that_fits_is_drawn() -> None:
    subject, look = Subject(example("resnet50")), look_for("graph", "slide")
    views = [*steps(example("resnet50"), EVERYTHING)]
    chosen = views.index(fit(subject, look).choices)
    for finer in [Choices(depth=3), *views[1:chosen]]:
        plain = fit(subject, look_for("graph", "slide", choices=finer))
        assert not plain.is_readable


def test_stages_hold_maps_of_about_one_size() -> None:
    found = segments_of(example("unet"), Choices(depth=0, stages=STAGES))
    assert [segment.nodes[-1].output[0] for segment in found] == [568, 280, 136, 64, 28, 52, 100, 196, 388]


def test_the_block_that_stands_most_often_is_unrolled_beside() -> None:
    plan = plan_of(example("resnet50"), Choices(depth=1, inset=True))
    assert plan.inset
    frames = [cluster.heading for cluster in plan.inset.root.walk() if cluster.heading]
    assert frames == ["bottleneck, one of 16"]
    assert [card.rows[0].name for card in plan.inset.cards] == [
        "14×14×1024",
        "conv1",
        "conv2",
        "conv3",
        "add1",
    ]
    assert {card.key for card in plan.inset.cards}.isdisjoint(card.key for card in plan.cards)
    assert {(link.tail, link.head) for link in plan.inset.links} >= {
        (plan.inset.cards[0].key, plan.inset.cards[-1].key)
    }


def test_what_stands_once_has_no_inset() -> None:
    net = network("block a { conv 8 3x3 -> relu -> conv 8 3x3 }; input 32x32x3; a; maxpool 2x2")
    assert plan_of(net, Choices(depth=0, inset=True)).inset is None


def test_a_room_without_a_height_is_as_high_as_is_needed() -> None:
    from cnnspec.views.pictures.sizes import size_of

    size = size_of(None, "12cm", None)
    svg = fit(Subject(example("vgg19")), Look(size=size)).drawn()
    assert measure(svg).text_at(size) >= LEAST
    assert len(Page(svg).groups("card")) == len(plan_of(example("vgg19")).cards)


@pytest.mark.parametrize("style", STYLES)
def test_no_room_is_refused(style: str) -> None:
    from cnnspec.views.pictures.sizes import size_of

    with pytest.raises(LayerError, match="no room for a picture"):
        fit(Subject(example("lenet")), Look(style, size=size_of(None, "1cm", "1cm")))


@pytest.mark.parametrize("style", STYLES)
def test_errors_without_a_network_are_drawn_whatever_room_they_have(style: str) -> None:
    faults = [Diagnostic("unknown-word", f"there is no layer or block called layer{n}") for n in range(40)]
    page = Page(fit(Subject(None, tuple(faults)), Look(style, size=SIZES["slide"])).drawn())
    assert "layer0" in " ".join(word.text for word in page.all_words())

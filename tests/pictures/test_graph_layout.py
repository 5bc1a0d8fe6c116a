"""The graph picture of every example: nothing overlaps, nothing is cut, texts fit, edges keep clear."""

from __future__ import annotations

import re
from itertools import combinations, pairwise

import pytest
from drawn import SVG, Page, example, outline, points_of, rect_of, words_in

from cnnspec.resources import example_names
from cnnspec.views.pictures.choices import Choices
from cnnspec.views.pictures.draw import render
from cnnspec.views.pictures.look import Look

LOOKS = {
    "plain": Look(),
    "sideways": Look(direction="LR"),
    "sideways, two rows": Look(direction="LR", columns=2),
    "five columns": Look(columns=5),
    "unfolded": Look(choices=Choices(fold=False, join=False)),
    "collapsed": Look(choices=Choices(depth=0)),
    "hot": Look(theme="dark", choices=Choices(heat="multiplies")),
}
CASES = [(name, "plain") for name in example_names()] + [
    (name, look)
    for name in ("lenet", "resnet18", "googlenet", "unet", "vgg16")
    for look in LOOKS
    if look != "plain"
]


@pytest.fixture(scope="module", params=CASES, ids=lambda case: "-".join(case))
def page(request: pytest.FixtureRequest) -> Page:
    name, look = request.param
    return Page(render(example(name), LOOKS[look]))


def test_cards_do_not_overlap(page: Page) -> None:
    cards = [(group.get("data-name"), outline(group)) for group in page.groups("card")]
    assert [] == [(a, b) for (a, one), (b, other) in combinations(cards, 2) if one.meets(other)]


def test_texts_fit_their_cards(page: Page) -> None:
    for group in page.groups("card"):
        frame = rect_of(group.findall(f"{SVG}rect")[-1])
        assert [] == [word.text for word in words_in(group) if not frame.holds(word.rect)]


def test_texts_of_a_card_do_not_meet(page: Page) -> None:
    for group in page.groups("card"):
        words = words_in(group)
        assert [] == [(a.text, b.text) for a, b in combinations(words, 2) if a.rect.meets(b.rect)]


def test_nothing_is_cut(page: Page) -> None:
    assert [] == [word.text for word in page.all_words() if not page.rect.holds(word.rect)]
    inner = outline(page.drawing)
    dx, dy = page.shift
    assert inner.left + dx >= 0
    assert inner.top + dy >= 0
    assert inner.right + dx <= page.rect.right
    assert inner.bottom + dy <= page.rect.bottom


def test_frames_nest_or_lie_apart(page: Page) -> None:
    frames = [rect_of(group.findall(f"{SVG}rect")[0]) for group in page.groups("frame")]
    for one, other in combinations(frames, 2):
        assert one.holds(other) or other.holds(one) or not one.meets(other)


def test_frame_titles_fit_and_stand_clear(page: Page) -> None:
    cards = [outline(group) for group in page.groups("card")]
    titles = [word for group in page.groups("frame-title") for word in words_in(group)]
    frames = [rect_of(group.findall(f"{SVG}rect")[0]) for group in page.groups("frame")]
    for frame, word in zip(frames, titles, strict=True):
        assert frame.holds(word.rect)
        assert not any(card.meets(word.rect) for card in cards)
    assert [] == [(a.text, b.text) for a, b in combinations(titles, 2) if a.rect.meets(b.rect)]


def test_edges_do_not_cross_cards(page: Page) -> None:
    cards = {group.get("data-name"): outline(group) for group in page.groups("card")}
    for group in page.groups("edge"):
        tail, head = group.attrib["data-name"].split()
        path = group.find(f"{SVG}path")
        assert path is not None
        others = [rect for key, rect in cards.items() if key not in (tail, head)]
        crossed = [p for p in points_of(path.attrib["d"]) if any(rect.has(*p, inside=2) for rect in others)]
        assert crossed == [], f"{tail} -> {head}"


def test_edges_are_level_or_upright_and_cross_no_text(page: Page) -> None:
    titles = [word for group in page.groups("frame-title") for word in words_in(group)]
    for group in page.groups("edge"):
        path = group.find(f"{SVG}path")
        assert path is not None
        points = points_of(path.attrib["d"])
        crossed = [word.text for word in titles if any(word.rect.has(*point) for point in points)]
        assert crossed == [], group.attrib["data-name"]
        corners = [
            tuple(map(float, pair.split())) for pair in re.findall(r"[ML]([-\d. ]+)", path.attrib["d"])
        ]
        ends = [(a, b) for a, b in pairwise(corners) if min(abs(a[0] - b[0]), abs(a[1] - b[1])) > 9]
        assert ends == [], group.attrib["data-name"]


def test_skips_within_a_frame_stay_in_it(page: Page) -> None:
    frames = [rect_of(group.findall(f"{SVG}rect")[0]) for group in page.groups("frame")]
    cards = {group.get("data-name"): outline(group) for group in page.groups("card")}
    for group in page.groups("edge"):
        tail, head = (cards[key] for key in group.attrib["data-name"].split())
        path = group.find(f"{SVG}path")
        assert path is not None
        for frame in frames:
            if frame.holds(tail) and frame.holds(head):
                assert all(frame.has(*point) for point in points_of(path.attrib["d"]))

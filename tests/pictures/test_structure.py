"""What the pictures show, without coordinates: compared with golden files, and with themselves."""

from __future__ import annotations

import re
from collections import Counter

import pytest
from drawn import SVG, Page, example, network, plan_of, words_in
from told import GOLDEN, GRAPHS, tellings

from cnnspec.layers.base import Family
from cnnspec.network.graph import Network
from cnnspec.resources import example_names
from cnnspec.views.pictures import dot
from cnnspec.views.pictures.choices import Choices
from cnnspec.views.pictures.draw import render
from cnnspec.views.pictures.paint import entries_of
from cnnspec.views.pictures.palette import LIGHT
from cnnspec.views.pictures.plan import CardRow, Cluster, Plan
from cnnspec.views.pictures.planning import HEATS


@pytest.mark.parametrize("name", sorted(tellings()))
def test_structure_is_as_recorded(name: str) -> None:
    """After a change on purpose: ``python tests/pictures/told.py``."""
    assert tellings()[name] == (GOLDEN / name).read_text(encoding="utf-8")


def _texts(row: CardRow) -> list[str]:
    if row.main:
        return [text for text in (row.heading, row.shape, row.text, row.figure) if text]
    return [text for text in (row.text, row.right) if text]


@pytest.mark.parametrize("name", GRAPHS)
def test_svg_says_what_the_plan_says(name: str) -> None:
    plan, page = plan_of(example(name)), Page(render(example(name)))
    drawn = {g.get("data-name"): [word.text for word in words_in(g)] for g in page.groups("card")}
    assert drawn == {card.key: [text for row in card.rows for text in _texts(row)] for card in plan.cards}
    edges = Counter(g.get("data-name") for g in page.groups("edge"))
    assert edges == Counter(f"{link.tail} {link.head}" for link in plan.links)
    frames = [words_in(g)[0].text for g in page.groups("frame-title")]
    assert frames == [frame.heading.strip() for frame in plan.root.walk()][1:]


@pytest.mark.parametrize("name", GRAPHS)
def test_dot_says_what_the_plan_says(name: str) -> None:
    plan, text = plan_of(example(name)), dot.write(plan_of(example(name)))
    links = re.findall(r"^  (\w+) -> (\w+) ", text, re.M)
    assert links == [(link.tail, link.head) for link in plan.links]
    labels = dict(re.findall(r'^  (\w+) \[label="((?:[^"\\]|\\.)*)"', text, re.M))
    assert list(labels) == [card.key for card in plan.cards]
    for card in plan.cards:
        assert labels[card.key].count("|") == len(card.rows) - 1
        for row in card.rows:
            assert all(dot.record(part) in labels[card.key] for part in _texts(row)[:2])
    assert text.count("subgraph cluster_") == len(list(plan.root.walk())) - 1


@pytest.mark.parametrize("name", example_names())
@pytest.mark.parametrize("choices", [Choices(), Choices(fold=False), Choices(depth=0), Choices(join=False)])
def test_cards_and_frames_hold_every_layer_once(name: str, choices: Choices) -> None:
    net = example(name)
    plan = plan_of(net, choices)
    keys = [key for frame in plan.root.walk() for key in frame.cards]
    assert sorted(keys) == sorted(card.key for card in plan.cards)
    assert _layers(plan) == len(net.nodes)
    assert {key for link in plan.links for key in (link.tail, link.head)} <= set(keys)


def _layers(plan: Plan) -> int:
    """The layers that a plan stands for, ×N and blocks counted."""
    cards = {card.key: card for card in plan.cards}

    def count(frame: Cluster, times: int) -> int:
        total = 0
        for key in frame.cards:
            card = cards[key]
            if card.kind == "block":
                total += times * card.rows[0].times * int(card.rows[0].text.split()[0])
            elif card.kind == "layers":
                total += times * card.rows[0].times * len(card.rows)
        return total + sum(count(inner, times * inner.times) for inner in frame.clusters)

    return count(plan.root, 1)


@pytest.mark.parametrize("name", example_names())
@pytest.mark.parametrize("heat", HEATS)
@pytest.mark.parametrize("fold", [True, False])
def test_heat_shares_add_up(name: str, heat: str, fold: bool) -> None:
    plan = plan_of(example(name), Choices(fold=fold, heat=heat))
    amount = sum(map(HEATS[heat], example(name).nodes))
    shares = [row.share or 0 for card in plan.cards for row in card.rows]
    assert sum(shares) == pytest.approx(1 if amount else 0)


def test_a_head_is_named_beside_the_main_output() -> None:
    plan = plan_of(example("googlenet"))
    outputs = {card.rows[0].name: card.rows[0].text for card in plan.cards if card.kind == "output"}
    assert outputs == {"output": "", "aux1": "weight 0.3", "aux2": "weight 0.3"}


def test_equal_turns_are_drawn_once_and_others_not() -> None:
    net = network("input 8x8x4; repeat 3 { conv 4 3x3 padding=1 -> relu }; repeat 2 { conv 4 3x3 }")
    rows = [card.rows[0] for card in plan_of(net).cards if card.rows[0].family is Family.CONV]
    assert [(row.name, row.times) for row in rows] == [("conv1", 3), ("conv4", 1), ("conv5", 1)]
    unfolded = plan_of(net, Choices(fold=False))
    assert [row.times for card in unfolded.cards for row in card.rows[:1]] == [1] * 6


def test_an_activation_of_a_layer_that_is_read_elsewhere_too_has_its_own_card() -> None:
    net = network("input 8x8x4; a: conv 4 3x3 padding=1; relu; conv 4 3x3 padding=1; add a")
    rows = [[row.text or row.name for row in card.rows] for card in plan_of(net).cards]
    assert rows == [["input"], ["conv 4 3×3 pad 1"], ["relu1"], ["conv 4 3×3 pad 1"], ["add1"]]


def test_tooltips_carry_the_arithmetic() -> None:
    page = Page(render(example("lenet")))
    titles = [title.text for title in page.root.iter(f"{SVG}title")]
    conv1 = next(title for title in titles if title and title.startswith("conv1:"))
    assert conv1.splitlines() == [
        "conv1: conv 6 5×5 pad 2",
        "28×28×1 → 28×28×6",
        "output: ⌊(i + 2p − k)/s⌋ + 1 = ⌊(28 + 2·2 − 5)/1⌋ + 1 = 28",
        "parameters: F·(k_h·k_w·C) + F = 6·(5·5·1) + 6 = 156",
        "multiplies: o_h·o_w·F·(k_h·k_w·C) = 28·28·6·(5·5·1) = 117,600",
    ]


@pytest.mark.parametrize("name", example_names())
def test_no_text_of_an_example_is_shortened(name: str) -> None:
    page = Page(render(example(name)))
    assert [] == [word.text for group in page.groups("card") for word in words_in(group) if "…" in word.text]


def test_an_empty_name_and_odd_characters_do_no_harm() -> None:
    assert isinstance(network("input 3x3x1"), Network)
    page = Page(render(network("input 3x3x1")))
    assert [g.get("data-name") for g in page.groups("card")] == ["n0"]


def test_the_scale_of_heat_ends_at_the_hottest() -> None:
    """It went to 100 % where the largest share was 18."""
    plan = plan_of(example("resnet50"), Choices(heat="params"))
    texts = list(entries_of(plan.shown, plan.heat, LIGHT))
    assert texts[0] == "0 % of parameters"
    assert texts[-1] == "18.5 %"
    hottest = max(plan.cards, key=lambda card: card.rows[0].share or 0)
    assert LIGHT.heat[-1] in next(line for line in dot.write(plan).splitlines() if hottest.key in line)


def test_turns_that_grow_are_drawn_once_from_the_first_to_the_last() -> None:
    plan = plan_of(example("densenet121"))
    assert [frame.heading for frame in plan.root.walk() if frame.times > 1] == [
        "dense_layer ×6, 64→256", "dense_layer ×12, 128→512",
        "dense_layer ×24, 256→1024", "dense_layer ×16, 512→1024",
    ]  # fmt: skip
    cards = {card.rows[0].name: card.rows[0] for card in plan.cards[3:7]}
    assert (cards["conv1"].shape, cards["conv1"].figure) == ("56×56×128", "8,192–28,672")
    assert (cards["concat1"].shape, cards["conv2"].figure) == ("56×56×96→256", "36,864")
    collapsed = plan_of(example("densenet121"), Choices(depth=0)).cards
    row = next(card.rows[0] for card in collapsed if card.rows[0].times == 24)
    assert (row.heading, row.shape) == ("dense_layer ×24, 256→1024", "14×14×1024")

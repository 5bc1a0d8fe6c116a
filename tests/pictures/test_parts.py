"""The parts pictures are made of: widths, colours, curves, scales, forks, sizes of windows."""

from __future__ import annotations

from typing import Any

import pytest
from drawn import network, plan_of

from cnnspec.layers.base import Family
from cnnspec.views.pictures.choices import EVERYTHING, Choices
from cnnspec.views.pictures.dot import quoted, record
from cnnspec.views.pictures.font import SLACK, shorten, text_width, wrap
from cnnspec.views.pictures.palette import DARK, LIGHT, Theme
from cnnspec.views.pictures.plan import Card
from cnnspec.views.pictures.svg import SvgWriter, number
from cnnspec.views.pictures.volumes.scene import power
from cnnspec.views.pictures.volumes.solids import solids_of
from cnnspec.views.pictures.volumes.tree import Fork, lanes_in, runs
from cnnspec.views.pictures.volumes.words import operations_text
from cnnspec.views.pictures.wording import layer_text, rounded_text


@pytest.mark.parametrize(
    ("text", "bold", "thousandths"),
    [
        ("conv", False, 2112),
        ("conv", True, 2334),
        ("28×28×6", False, 3948),
        ("", True, 0),
        ("flatten", False, 2724),
    ],
)
def test_widths_are_those_of_helvetica(text: str, bold: bool, thousandths: int) -> None:
    """Sums of the advance widths in Adobe's metrics for Helvetica and Helvetica Bold."""
    assert text_width(text, 1000, bold) == pytest.approx(thousandths * SLACK)


def test_shortened_text_fits_and_says_so() -> None:
    short = shorten("a very long name for a layer", 60, 10)
    assert short.endswith("…")
    assert text_width(short, 10) <= 60
    assert shorten("short", 60, 10) == "short"


def test_wrapped_lines_fit_and_lose_nothing() -> None:
    text = "the conv window is 40 pixels long and " + "x" * 80
    lines = wrap(text, 120, 10)
    assert all(text_width(line, 10) <= 120 for line in lines)
    assert "".join(lines).replace(" ", "") == text.replace(" ", "")


def _luminance(color: str) -> float:
    parts = (int(color[n : n + 2], 16) / 255 for n in (1, 3, 5))
    r, g, b = (c / 12.92 if c <= 0.03928 else ((c + 0.055) / 1.055) ** 2.4 for c in parts)
    return 0.2126 * r + 0.7152 * g + 0.0722 * b


def _contrast(one: str, other: str) -> float:
    low, high = sorted((_luminance(one), _luminance(other)))
    return (high + 0.05) / (low + 0.05)


@pytest.mark.parametrize("theme", [LIGHT, DARK], ids=lambda theme: theme.name)
def test_texts_can_be_read_on_every_fill(theme: Theme) -> None:
    """WCAG 2.1 asks for a contrast of 4.5 to 1; cards write their second line a little fainter than ink."""
    for fill in [
        theme.page,
        theme.frame_fill,
        theme.fault.fill,
        *(tone.fill for tone in theme.families.values()),
    ]:
        assert _contrast(theme.ink, fill) >= 7
        assert _contrast(theme.second, fill) >= 4.5
    assert _contrast(theme.faint, theme.page) >= 4.5
    assert _contrast(theme.faint, theme.frame_fill) >= 4.5
    for share in (0, 0.06, 0.25, 0.56, 1):
        assert _contrast(theme.second, theme.heat_at(share)) >= 4.5


def test_heat_grows_from_the_first_colour_to_the_last() -> None:
    assert (LIGHT.heat_at(0), LIGHT.heat_at(1), LIGHT.heat_at(2)) == (
        LIGHT.heat[0],
        LIGHT.heat[-1],
        LIGHT.heat[-1],
    )


def test_a_power_is_linear_while_that_stays_readable() -> None:
    sides = power([5, 10, 28], 140, 10)
    assert (sides(28), sides(14), sides.description) == (140, 70, "to scale")
    steep = power([7, 224], 160, 16)
    assert (steep(224), steep(7)) == pytest.approx((160, 16))
    assert steep.description == "as size^0.66"
    assert power([], 10, 1)(1) == 10


def test_forks_nest_and_skips_are_counted() -> None:
    #  0 ─┬─ 1 ─┬─ 3 ── 4          0 also feeds 4 directly
    #     └─ 2 ─┘
    run = runs({0: [], 1: [0], 2: [0], 3: [1, 2], 4: [3, 0]})
    assert run == (0, Fork(0, 4, ((Fork(0, 3, ((1,), (2,)), 0), 3),), 1), 4)
    assert lanes_in(run) == 2


def test_tangled_paths_come_in_a_row() -> None:
    #  1 and 2 both feed 3 and 4, which meet in 5
    run = runs({0: [], 1: [0], 2: [0], 3: [1, 2], 4: [2, 1], 5: [3, 4]})
    assert run == (0, Fork(0, 5, ((1, 2, 3, 4),), 0), 5)


def test_several_results_meet_at_the_end() -> None:
    run = runs({0: [], 1: [0], 2: [0]})
    assert run == (0, Fork(0, -1, ((1,), (2,)), 0))
    assert lanes_in(run) == 1


def test_silent_layers_belong_to_their_solid_and_slabs_to_their_concat() -> None:
    net = network("""input 16x16x3
        a: conv 8 3x3 padding=1 -> batchnorm -> relu
        maxpool 2x2
        conv 16 3x3 padding=1
        upconv 8 2x2 stride=2
        concat a""")
    solids = solids_of(net, EVERYTHING)
    assert [solid.operation for solid in solids] == ["input", "conv 3×3", "maxpool 2×2", "conv 3×3", "concat"]
    assert [node.word for node in solids[1].nodes] == ["conv", "batchnorm", "relu"]
    assert solids[-1].slabs == [(8, Family.CONV), (8, Family.MERGE)]
    assert set(solids[-1].before) == {solids[1].key, solids[3].key}
    assert solids[-1].carried == {solids[3].key: "upconv 2×2/2"}


def test_blocks_become_one_solid_where_there_are_too_many() -> None:
    net = network("block b { conv 4 3x3 padding=1; conv 4 3x3 padding=1 }\ninput 8x8x4\nrepeat 30 { b }")
    assert [(s.operation, [turns.times for turns in s.turns]) for s in solids_of(net, EVERYTHING)] == [
        ("input", []),
        ("conv 3×3", [30]),
        ("conv 3×3", [30]),
    ]
    unfolded = solids_of(net, Choices(fold=False))
    assert [s.operation for s in unfolded] == ["input", *["b"] * 30]


def test_words_are_short_and_plain() -> None:
    net = network(
        "input 8x8x4; conv 8 3x3 stride=2 padding=same bias=no groups=2; maxpool 2x2 rounding=ceil"
        '; conv 1 1x1 weights="1"; conv 2 2x2 weights="1 2; 3 4 | 5 6; 7 8" -> upconv 1 3x3 weights=blur'
    )
    texts = [layer_text(node.layer) for node in net.layers]
    assert texts[:2] == ["conv 8 3×3/2 pad same groups 2 no bias", "maxpool 2×2 ceil"]
    assert texts[2:] == ["conv 1 1×1 weights 1", "conv 2 2×2 weights given", "upconv 1 3×3 weights blur"]
    assert [rounded_text(n) for n in (7, 999, 1500, 4_089_184_256)] == ["7", "999", "1.5 k", "4.09 G"]


def test_dot_texts_are_escaped() -> None:
    assert quoted('a "b" & \\') == '"a \\"b\\" &amp; \\\\"'
    assert record("{a|b} <c>") == "\\{a\\|b\\} \\<c\\>"


def test_svg_texts_are_escaped_and_numbers_are_short() -> None:
    paper = SvgWriter(LIGHT)
    paper.text(1, 2.5, "a < b & \x00", size=10)
    assert ">a &lt; b &amp; �</text>" in paper.document(10, 10, title='"quoted" <title>')
    assert [number(v) for v in (1.0, -0.001, 2.345, 0.1)] == ["1", "0", "2.35", "0.1"]


def test_what_a_group_does_is_told_with_its_rhythm() -> None:
    def told(text: str, **choices: Any) -> str:
        return operations_text(solids_of(network(text), Choices(**choices))[1:])

    assert told("input 8x8x4; conv 4 3x3; conv 4 3x3; maxpool 2x2") == "2 × conv 3×3, maxpool 2×2"
    pair = "depthwise 3x3 padding=1; conv 4 1x1"
    assert told(f"input 8x8x4; repeat 40 {{ {pair} }}") == "40 × (depthwise 3×3, conv 1×1)"
    assert told(f"input 8x8x4; repeat 5 {{ {pair} }}") == "5 × (depthwise 3×3, conv 1×1)"
    assert told("input 8x8x4; repeat 50 { conv 4 1x1 }; conv 4 3x3") == "50 × conv 1×1, conv 3×3"


def test_cards_are_measured_without_comparing_them(monkeypatch: pytest.MonkeyPatch) -> None:
    drawn = plan_of(network("input 8x8x4; repeat 3 { add { | conv 4 1x1 | }; relu }"))
    monkeypatch.setattr(Card, "__eq__", lambda *_: pytest.fail("each with each takes long for many"))
    assert {card.key for card in drawn.cards} == set(drawn.sizes())

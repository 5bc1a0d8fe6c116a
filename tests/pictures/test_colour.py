"""Families that can touch are told apart: by those who see all colours, by those who do not, and in grey.

Differences are CIE76: Euclidean distances in CIELAB under D65. Colour blindness is simulated in linear RGB
by the matrices of Viénot, Brettel and Mollon, "Digital video colourmaps for checking the legibility of
displays by dichromats" (Color Research and Application 24, 1999), and of Machado, Oliveira and Fernandes,
"A physiologically-based model for simulation of color vision deficiency" (IEEE TVCG 15, 2009), severity 1.
"""

from __future__ import annotations

from itertools import combinations, product

import numpy as np
import pytest
from drawn import SVG, Page, draw_volumes, example, plan_of

from cnnspec.layers.base import Family
from cnnspec.layers.facts import Picture
from cnnspec.layers.registry import LAYERS
from cnnspec.resources import example_names
from cnnspec.views.pictures.palette import DARK, LIGHT, Theme, rgb
from cnnspec.views.pictures.volumes.body import shades
from cnnspec.views.pictures.wording import own_name

APART = 12.0
VISIONS = {
    "all cones": np.eye(3),
    "protanopia, 1999": [[0.11238, 0.88762, 0], [0.11238, 0.88762, 0], [0.00401, -0.00401, 1]],
    "deuteranopia, 1999": [[0.29275, 0.70725, 0], [0.29275, 0.70725, 0], [-0.02234, 0.02234, 1]],
    "protanopia, 2009": [
        [0.152286, 1.052583, -0.204868], [0.114503, 0.786281, 0.099216], [-0.003882, -0.048116, 1.051998],
    ],
    "deuteranopia, 2009": [
        [0.367322, 0.860646, -0.227968], [0.280085, 0.672501, 0.047413], [-0.011820, 0.042940, 0.968881],
    ],
    "grey": [[0.2126, 0.7152, 0.0722]] * 3,
}  # fmt: skip
TO_XYZ = np.array([
    [0.4124564, 0.3575761, 0.1804375], [0.2126729, 0.7151522, 0.0721750], [0.0193339, 0.1191920, 0.9503041],
])  # fmt: skip
Pair = tuple[Family, Family]


def lab(color: str, vision: str) -> np.ndarray:
    """CIELAB of an sRGB colour as it is seen."""
    coded = np.array(rgb(color)) / 255
    linear = np.where(coded <= 0.04045, coded / 12.92, ((coded + 0.055) / 1.055) ** 2.4)
    seen = np.clip(np.array(VISIONS[vision]) @ linear, 0, 1)
    share = TO_XYZ @ seen / TO_XYZ.sum(axis=1)
    f = np.where(share > 216 / 24389, np.cbrt(share), (24389 / 27 * share + 16) / 116)
    return np.array([116 * f[1] - 16, 500 * (f[0] - f[1]), 200 * (f[1] - f[2])])


def apart(theme: Theme, pair: Pair, vision: str) -> float:
    one, other = (lab(theme.tone(family).fill, vision) for family in pair)
    return float(np.linalg.norm(one - other))


def families(*pictures: Picture) -> set[Family]:
    return {kind.family for kind in LAYERS.values() if kind.picture in pictures}


def on_cards() -> set[Pair]:
    """A strip stands under any layer but an input, and beside any other strip."""
    strips, others = families(Picture.STRIP), set(Family) - {Family.INPUT}
    return {(one, other) for one, other in product(strips, others) if one != other}


def among_volumes() -> set[Pair]:
    """Maps that keep their size stand against convolutions; slabs of a concat against one another."""
    slabs = families(Picture.SLAB, Picture.STACK) | {Family.MERGE}
    boxes = families(Picture.BOX) | slabs
    return {(Family.CONV, other) for other in boxes - {Family.CONV}} | set(combinations(sorted(slabs), 2))


def test_lab_is_that_of_the_standard() -> None:
    """Pure red, green and blue of sRGB under D65."""
    known = {
        "#ff0000": (53.24, 80.09, 67.20),
        "#00ff00": (87.73, -86.18, 83.18),
        "#0000ff": (32.30, 79.19, -107.86),
    }
    for color, values in known.items():
        assert lab(color, "all cones") == pytest.approx(values, abs=0.02)


@pytest.mark.parametrize("theme", [LIGHT, DARK], ids=lambda theme: theme.name)
@pytest.mark.parametrize("vision", [name for name in VISIONS if name != "grey"])
def test_families_that_can_touch_differ(theme: Theme, vision: str) -> None:
    pairs = on_cards() | among_volumes()
    assert len(pairs) > 50
    assert {pair: apart(theme, pair, vision) for pair in pairs if apart(theme, pair, vision) < APART} == {}


@pytest.mark.parametrize("theme", [LIGHT, DARK], ids=lambda theme: theme.name)
def test_in_grey_solids_differ_by_their_shade_or_their_hatching(theme: Theme) -> None:
    for pair in among_volumes():
        hatches = {theme.tone(family).hatch for family in pair}
        assert len(hatches) == 2 or apart(theme, pair, "grey") >= APART, pair


@pytest.mark.parametrize("name", sorted(example_names()))
def test_in_grey_a_word_tells_every_row_of_a_card(name: str) -> None:
    """The layer's word, or a name that is made from it."""
    net = example(name)
    words = {own_name(node): node.word for node in net.nodes}
    for card in plan_of(net).cards:
        for row in card.rows if card.kind == "layers" else ():
            stem = row.name.rstrip("0123456789")
            assert row.family is Family.INPUT or row.text or stem in words[row.name], row


@pytest.mark.parametrize("theme", [LIGHT, DARK], ids=lambda theme: theme.name)
def test_solids_have_the_fills_and_hatchings_that_are_measured(theme: Theme) -> None:
    for family in Family:
        assert shades(theme, theme.tone(family))[0] == theme.tone(family).fill
    page = Page(draw_volumes(example("vgg16"), theme=theme))
    hatched = [
        g for g in page.groups("solid") if any(p.get("stroke-width") == "0.7" for p in g.iter(f"{SVG}path"))
    ]
    plain = [g for g in page.groups("solid") if g not in hatched]
    fills = [
        {element.get("fill") for group in groups for element in group.iter(f"{SVG}rect")}
        for groups in (hatched, plain)
    ]
    assert fills == [
        {theme.tone(family).fill for family in kinds}
        for kinds in ((Family.POOL, Family.DENSE), (Family.CONV, Family.INPUT))
    ]

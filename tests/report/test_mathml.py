"""Formulas as MathML: read back as arithmetic, they give the number they were made for."""

from __future__ import annotations

from fractions import Fraction
from math import ceil, floor
from xml.etree import ElementTree

import pytest

import cnnspec
from cnnspec.formula import Formula, Product, Sum, Symbol, maximum
from cnnspec.formula import floor as floor_of
from cnnspec.resources import example_path
from cnnspec.views.documents.report import mathml
from cnnspec.views.workings import board

SIGNS = {"·": "*", "−": "-", "⌊": "floor(", "⌋": ")", "⌈": "ceil(", "⌉": ")"}


def arithmetic(part: ElementTree.Element) -> str:
    """MathML as Python."""
    inside = [arithmetic(child) for child in part]
    text = part.text or ""
    match part.tag:
        case "mn":
            return f"Fraction({text.replace(',', '')})"
        case "mo" | "mi":
            return SIGNS.get(text, text)
        case "mfrac":
            return f"(({inside[0]})/({inside[1]}))"
    return "".join(inside)


def worked(law: Formula) -> Fraction:
    tree = ElementTree.fromstring(f"<math>{law.write(mathml.NUMBERS)}</math>")
    names = {"Fraction": Fraction, "floor": floor, "ceil": ceil, "max": max, "min": min}
    return Fraction(eval(arithmetic(tree), names))


@pytest.mark.parametrize("name", ["lenet", "alexnet", "googlenet", "unet", "mobilenet_v2", "xs_and_os"])
def test_every_working_of_a_network_gives_its_number(name: str) -> None:
    analysis = cnnspec.analyze(cnnspec.load(example_path(name)))
    laws = [
        entry.law
        for passage in board(analysis, analysis.rows, brief=False).passages
        for entry in passage.entries
        if entry.law is not None
    ]
    assert laws
    for law in laws:
        assert law.value == worked(law), law


def test_names_have_their_subscripts_and_numbers_stand_before_names() -> None:
    p, k = Symbol("p", 2), Symbol("k_h", 5)
    assert "<mn>2</mn><mi>p</mi><mo>−</mo><msub><mi>k</mi><mi>h</mi></msub>" == (2 * p - k).write(mathml.LAW)


def test_an_equation_has_law_numbers_and_result_and_says_nothing_twice() -> None:
    i = Symbol("i", 5)
    sides = mathml.equation(floor_of(i / 2) + 1)
    assert 3 == len(sides)
    assert "<math><mrow><mo>=</mo><mn>3</mn></mrow></math>" == sides[2]
    assert 2 == len(mathml.equation(i))


@pytest.mark.parametrize(
    ("law", "value"),
    [
        ((Symbol("a", 2) + 3) * (Symbol("b", 4) - 1), 15),
        (Symbol("a", 2) - (Symbol("b", 4) - 1), -1),
        (3 - Symbol("a", 2) * (0 - Symbol("b", 5)), 13),
        (maximum(Symbol("a", -2), Symbol("b", -4)) + 1, -1),
        ((Symbol("a", 1) / 3) * 2, Fraction(2, 3)),
    ],
)
def test_parentheses_are_kept_where_they_matter(law: Product | Sum, value: Fraction | int) -> None:
    assert value == law.value == worked(law)


def test_names_cannot_become_markup() -> None:
    assert "<mi>&lt;b&gt;</mi>" == mathml.LAW.name("<b>")

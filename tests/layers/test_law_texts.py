"""A law, its working and its value say the same, and its LaTeX is well formed."""

from __future__ import annotations

import re
from collections.abc import Iterator
from fractions import Fraction
from math import ceil, floor

import pytest
from cases.registry import CASES, Case

from cnnspec.formula import Formula, Symbol

each_case = pytest.mark.parametrize("case", CASES, ids=repr)


def laws(case: Case) -> Iterator[Formula]:
    layer, inputs = case.layer, case.inputs
    yield from layer.output(inputs)
    yield from (layer.params(inputs), layer.buffers(inputs))
    yield from (layer.multiplies(inputs), layer.additions(inputs))
    yield from (item.count for item in layer.elementwise(inputs))
    yield from (weight.size for weight in layer.arrays(inputs))


def evaluate(text: str, names: dict[str, object]) -> Fraction:
    """The value of a law or a working as printed."""
    text = re.sub(r"(?<=\d),(?=\d{3})", "", text)
    for sign, python in (("⌊", "floor("), ("⌋", ")"), ("⌈", "ceil("), ("⌉", ")"), ("·", "*"), ("−", "-")):
        text = text.replace(sign, python)
    text = re.sub(r"(?<![\w])(\d+)(?=[A-Za-z])", r"\1*", text)
    text = re.sub(r"(?<![\w])(\d+)(?![\w])", r"Fraction(\1)", text)
    known = {"floor": floor, "ceil": ceil, "max": max, "min": min, "Fraction": Fraction}
    return Fraction(eval(text, {"__builtins__": {}}, known | names))


def all_symbols(formula: Formula) -> Iterator[Symbol]:
    if isinstance(formula, Symbol):
        yield formula
    for part in formula.parts():
        yield from all_symbols(part)


@each_case
def test_working_adds_up(case: Case) -> None:
    for law in laws(case):
        left, _, right = law.worked().rpartition(" = ")
        assert evaluate(left or right, {}) == evaluate(right, {}) == law.value


@each_case
def test_law_with_its_symbols_gives_the_value(case: Case) -> None:
    for law in laws(case):
        names: dict[str, object] = {symbol.name: Fraction(symbol.value) for symbol in all_symbols(law)}
        assert evaluate(law.law(), names) == law.value


@each_case
def test_a_name_has_one_value_in_a_law(case: Case) -> None:
    for law in laws(case):
        pairs = {(symbol.name, symbol.value) for symbol in all_symbols(law)}
        assert len({name for name, _ in pairs}) == len(pairs)
        assert all(symbol.meaning for symbol in all_symbols(law))


@each_case
def test_latex_is_balanced(case: Case) -> None:
    for law in laws(case):
        for text in (law.latex(), law.latex_worked()):
            assert text.count("{") == text.count("}")
            assert text.count(r"\left") == text.count(r"\right")
            assert not re.search(r"[·−⌊⌋⌈⌉]", text)


@each_case
def test_counts_are_whole_and_not_negative(case: Case) -> None:
    for law in laws(case):
        assert int(law) >= 0

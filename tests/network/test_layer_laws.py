"""Laws over every layer: solving inverts its shape, and what is written is read as the same layer."""

from __future__ import annotations

from itertools import islice
from typing import Any

import pytest
from cases.registry import CASES, Case

import cnnspec
from cnnspec.binding.values import OpenValue
from cnnspec.elaborate.candidates import Tries, solutions
from cnnspec.layers.registry import LAYERS
from cnnspec.network.assemble import NamedLayer, assemble
from cnnspec.network.write import write
from cnnspec.text import Source

PLACE = Source("spec.cnn", "?").span(0, 1)


def solvable(case: Case) -> list[str]:
    """The options that are whole numbers, sizes or choices of words, and given."""
    whole = (int, tuple, str)
    return [
        name
        for name, value in case.layer.options().items()
        if isinstance(value, whole)
        and not isinstance(value, bool)
        and not (isinstance(value, tuple) and any(isinstance(part, float) for part in value))
        and name not in ("connections", "init", "weights", "order")
    ]


def one_axis(value: Any) -> bool:
    return not isinstance(value, tuple) or len(set(value)) == 1


INVERTED = [
    (case, name)
    for case in CASES
    if not case.layer.references and case.layer.shape(case.inputs)
    for name in solvable(case)
    if one_axis(getattr(case.layer, name))
]


@pytest.mark.parametrize("case, name", INVERTED, ids=lambda value: str(value))
def test_solving_inverts_the_shape(case: Case, name: str) -> None:
    shape = case.layer.shape(case.inputs)
    trial = case.layer.options() | {name: OpenValue(PLACE, (PLACE,))}
    kind = type(case.layer)
    found = list(islice(solutions(kind, trial, case.inputs, shape, shape.__eq__, Tries(10_000)), 50))
    assert found
    for way in found:
        assert shape == kind(**way).shape(case.inputs)
    effects = [kind(**way).window(case.inputs) for way in found]
    assert case.layer.window(case.inputs) in effects


@pytest.mark.parametrize("case", [case for case in CASES if len(case.inputs) == 1], ids=str)
def test_every_layer_is_written_and_read_the_same(case: Case) -> None:
    network = assemble("", case.inputs[0], [NamedLayer("it", case.layer, ["input"])])
    again = cnnspec.parse(write(network))
    assert (case.layer, network.output) == (again.layers[0].layer, again.output)


ALIKE = [case for case in CASES if len(case.inputs) > 1 and not case.pool and len(set(case.inputs)) == 1]


@pytest.mark.parametrize("case", ALIKE, ids=str)
def test_every_merge_is_written_and_read_the_same(case: Case) -> None:
    relus = [NamedLayer(f"r{n}", LAYERS["relu"](), ["input"]) for n in range(len(case.inputs))]
    merge = NamedLayer("it", case.layer, [relu.name for relu in relus])
    network = assemble("", case.inputs[0], [*relus, merge])
    assert network == cnnspec.parse(write(network))

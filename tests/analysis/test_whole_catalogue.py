"""Every layer of the catalogue through every analysis: nothing breaks, and sums agree."""

from __future__ import annotations

from fractions import Fraction
from math import prod

import pytest
from cases.registry import CASES, Case

from cnnspec.analysis.conventions import CONVENTIONS
from cnnspec.analysis.explain import TOPICS, as_dense, explain
from cnnspec.analysis.field import field
from cnnspec.analysis.fold import fold
from cnnspec.analysis.padding import pairs_of
from cnnspec.analysis.positions import sources
from cnnspec.analysis.report import analyze
from cnnspec.layers.base import Slide, Spread, spatial
from cnnspec.layers.reshape import Identity
from cnnspec.network.graph import InputLayer, Network, Node, Output


def network_of(case: Case) -> Network:
    """The layer alone, reading stand-ins of its inputs' shapes."""
    nodes = [Node(0, "input", InputLayer(), (), (), case.inputs[0])]
    for which, shape in enumerate(case.inputs):
        nodes.append(Node(which + 1, f"in{which}", Identity(), (0,), (shape,), shape))
    shape = case.layer.shape(case.inputs)
    reads = tuple(range(1, len(nodes)))
    nodes.append(Node(len(nodes), "it", case.layer, reads, case.inputs, shape))
    return Network(case.name, tuple(nodes), (Output("output", len(nodes) - 1),))


@pytest.mark.parametrize("case", CASES, ids=repr)
def test_the_whole_analysis(case: Case) -> None:
    network = network_of(case)
    report = analyze(network, batch=3)
    row = report["it"]
    assert case.layer.word == row.kind
    assert row.params == row.trainable + row.frozen
    assert row.flops == row.multiplies + row.additions + row.elementwise
    assert 12 * prod(row.output) == row.activation_bytes
    assert report.totals.peak_activation_bytes >= 12 * prod(row.output)
    assert all(explain(report, "it", topic).steps for topic in TOPICS)
    assert network.layers == tuple(node for segment in fold(network) for node in segment.nodes)
    assert all(item.severity != "error" for item in report.diagnostics)
    assert (as_dense(report, "it") is None) == (row.multiplies == 0)


@pytest.mark.parametrize("case", CASES, ids=repr)
def test_every_convention_gives_a_whole_number(case: Case) -> None:
    for name in CONVENTIONS:
        flops = analyze(network_of(case), convention=name)["it"].flops
        assert isinstance(flops, int)
        assert flops >= 0


@pytest.mark.parametrize("case", CASES, ids=repr)
def test_leaving_padding_out_never_adds(case: Case) -> None:
    network = network_of(case)
    plain, real = analyze(network)["it"], analyze(network, exclude_padding=True)["it"]
    assert real.multiplies <= plain.multiplies
    assert real.additions <= plain.additions
    assert (real.params, real.elementwise) == (plain.params, plain.elementwise)
    assert int(real.laws.multiplies) == real.multiplies


@pytest.mark.parametrize("case", CASES, ids=repr)
def test_pairs_of_places_and_taps_are_those_of_a_plain_loop(case: Case) -> None:
    shape = case.layer.shape(case.inputs)
    if len(shape) != len(case.inputs[0]):
        return
    sizes = zip(case.layer.window(case.inputs), spatial(case.inputs[0]), spatial(shape), strict=True)
    for window, size, outputs in sizes:
        if isinstance(window, Slide | Spread) and getattr(window, "outside", "zeros") == "zeros":
            found = sum(len(list(sources(window, [at], size))) for at in range(outputs))
            assert found == pairs_of(window, size, outputs)


@pytest.mark.parametrize("case", [case for case in CASES if len(set(case.inputs)) == 1], ids=repr)
def test_the_receptive_field_holds_every_pixel_that_is_seen(case: Case) -> None:
    """What one unit really sees lies within the unclipped interval of the table."""
    network = network_of(case)
    found = analyze(network)["it"].receptive_field
    if not spatial(network.input):
        assert found is None
        return
    at = tuple(size // 2 for size in spatial(network.nodes[-1].output))
    if len(at) != len(spatial(network.input)):
        at = ()
    seen = field(network, "it", at)
    assert all(
        0 <= row < size
        for axis, size in zip(seen.pixels, spatial(network.input), strict=True)
        for row in axis
    )
    outside = any(getattr(window, "outside", "zeros") != "zeros" for window in case.layer.window(case.inputs))
    for span, clipped in zip(seen.unclipped, seen.clipped, strict=True):
        if clipped is not None and not outside and span is not None:
            assert span[0] <= clipped[0]
            assert clipped[1] <= span[1]
    if found is not None:
        assert all(isinstance(jump, int | Fraction) for jump in found.jump)

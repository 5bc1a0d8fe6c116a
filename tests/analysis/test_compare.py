"""Two networks compared: alignment, changes, totals, and the line that sums up."""

import json

import pytest
from tools import known

import cnnspec
from cnnspec.analysis.compare import Comparison, compare
from cnnspec.views.terminal import comparison as view
from cnnspec.views.terminal.paint import Terminal


def pairs(before: str, after: str) -> tuple[Comparison, list[tuple[str, str | None, str | None]]]:
    found = compare(*(cnnspec.analyze(cnnspec.parse(text)) for text in (before, after)))
    return found, [
        (pair.status, pair.before.name if pair.before else None, pair.after.name if pair.after else None)
        for pair in found.pairs
    ]


BASE = "input 28x28x1; conv 6 5x5 padding=2 -> relu -> maxpool 2x2; conv 16 5x5 -> relu; flatten; dense 10"


def test_a_network_equals_itself() -> None:
    found, told = pairs(BASE, BASE)
    assert found.is_same
    assert {"same"} == {status for status, *_ in told}
    assert "the same layers, the same figures" == found.summary


def test_a_layer_put_in_between_changes_nothing_else() -> None:
    after = BASE.replace("maxpool 2x2", "conv 6 3x3 padding=1 -> relu -> maxpool 2x2")
    found, told = pairs(BASE, after)
    assert [("added", None, "conv2"), ("added", None, "relu2")] == [
        each for each in told if each[0] != "same"
    ]
    assert ("same", "conv2", "conv3") in told
    assert 2 == found.count("added")
    assert found.summary.startswith("layers: 2 added · params +330 (+")


def test_an_option_that_differs_is_named() -> None:
    found, told = pairs(BASE, BASE.replace("16 5x5", "16 3x3"))
    assert ["conv2", "relu2", "flatten1", "dense1"] == [
        name for status, _, name in told if status == "changed"
    ]
    conv = next(pair for pair in found.pairs if pair.name == "conv2")
    changes = {change.what: (change.before, change.after) for change in conv.changes}
    assert ((5, 5), (3, 3)) == changes["kernel"]
    assert ((10, 10, 16), (12, 12, 16)) == changes["output"]
    assert 16 * 6 * (9 - 25) == conv.delta("params")


def test_removed_layers_stand_where_they_stood() -> None:
    _, told = pairs(BASE, BASE.replace(" -> relu -> maxpool", " -> maxpool"))
    assert ("removed", "relu1", None) == told[1]


def test_names_hold_layers_together() -> None:
    before = "input 8x8x4; a: conv 4 3x3; b: conv 8 3x3"
    after = "input 8x8x4; b: conv 16 3x3; a: conv 5 3x3"
    _, told = pairs(before, after)
    assert ("changed", "b", "b") in told
    assert ("changed", "a", "a") in told


def test_another_kind_is_another_layer() -> None:
    _, told = pairs("input 8x8x4; maxpool 2x2", "input 8x8x4; avgpool 2x2")
    assert [("removed", "maxpool1", None), ("added", None, "avgpool1")] == sorted(told, reverse=True)


def test_another_input_is_told_even_where_no_layer_minds() -> None:
    found, _ = pairs("input 8x8x4; globalavgpool", "input 9x9x4; globalavgpool")
    change = known(found.input)
    assert ((8, 8, 4), (9, 9, 4)) == (change.before, change.after)
    assert not found.is_same
    assert " input 8x8x4 → 9x9x4" in view.render(found)


def test_totals_are_those_of_the_reports() -> None:
    found, _ = pairs(BASE, BASE.replace("16 5x5", "16 3x3"))
    totals = {change.what: (change.before, change.after) for change in found.totals}
    assert (found.before.totals.params, found.after.totals.params) == totals["params"]
    assert 12 == len(totals)
    assert sum(pair.delta("params") for pair in found.pairs) == totals["params"][1] - totals["params"][0]


@pytest.mark.parametrize("one, two, added", [("resnet50", "resnet101", 170), ("vgg13", "vgg16", 6)])
def test_families_differ_by_their_added_layers(one: str, two: str, added: int) -> None:
    found = compare(cnnspec.analyze(cnnspec.load(one)), cnnspec.analyze(cnnspec.load(two)))
    assert (added, 0, 0) == (found.count("added"), found.count("removed"), found.count("changed"))


def test_very_long_networks_are_aligned_by_name() -> None:
    before = "input 8x8x4; conv 4 1x1; repeat 1700 { conv 4 3x3 padding=1 -> relu }; conv 2 1x1"
    after = "input 8x8x4; conv 5 1x1; repeat 1700 { conv 5 3x3 padding=1 -> relu }; conv 2 1x1 bias=no"
    found, told = pairs(before, after)
    assert {"changed"} == {status for status, *_ in told}
    assert found.count("changed") == 3402


def test_long_networks_of_few_kinds_are_aligned_by_name(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("cnnspec.analysis.compare.SequenceMatcher", None)
    before = "input 8x8x4; repeat 400 { conv 4 3x3 padding=1 -> relu }"
    found, told = pairs(before, before.replace("3x3 padding=1", "1x1"))
    assert found.count("changed") == 400
    assert {"changed", "same"} == {status for status, *_ in told}


def test_the_text_folds_added_blocks_and_can_show_all() -> None:
    found = compare(cnnspec.analyze(cnnspec.load("resnet50")), cnnspec.analyze(cnnspec.load("resnet101")))
    text = view.render(found)
    assert "+  stage3.bottleneck7   10 layers => 14x14x1024" in text
    assert "params            25,557,032 → 44,549,160  +74.3 %" in text
    everything = view.render(found, everything=True)
    assert "stage3.bottleneck7.conv1" in everything
    assert len(everything.splitlines()) > 340


def test_the_text_fits_narrow_and_plain_pages() -> None:
    found, _ = pairs(BASE, BASE.replace("16 5x5", "16 3x3"))
    text = view.render(found, terminal=Terminal(width=50, unicode=False))
    assert text.isascii()
    assert max(map(len, text.splitlines())) <= 50


def test_the_document_says_the_same() -> None:
    found, _ = pairs(BASE, BASE.replace("16 5x5", "16 3x3"))
    document = json.loads(json.dumps(view.document(found)))
    assert "cnnspec/diff/1" == document["schema"]
    assert {"before", "after", "delta"} == set(document["totals"]["params"])
    changed = [layer for layer in document["layers"] if layer["status"] == "changed"]
    assert [[5, 5], [3, 3]] == changed[0]["changes"]["kernel"]

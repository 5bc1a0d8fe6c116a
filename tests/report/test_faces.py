"""What a notebook shows: pictures of networks, tables of analyses, curves of trainings."""

import re
from xml.etree import ElementTree

import pytest
from tools import known

import cnnspec
from cnnspec.resources import example_path
from cnnspec.training.history import EpochRecord, History
from cnnspec.views.documents import html
from cnnspec.views.pictures import fitting
from cnnspec.views.results.curves import nice_ticks

SPEC = "network Net; input 8x8x1; conv 4 3x3 -> relu; flatten; dense 3"


def test_a_network_shows_its_graph() -> None:
    network = cnnspec.parse(SPEC)
    svg = known(network._repr_svg_())
    assert ElementTree.fromstring(svg).tag.endswith("svg")
    assert "conv1" in svg
    assert svg[svg.index("<svg") :] in network._repr_html_()


def test_a_network_too_large_to_draw_shows_its_table(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(fitting, "MOST", 0)
    network = cnnspec.parse(SPEC)
    assert network._repr_svg_() is None
    assert html.render(network) == network._repr_html_()


def test_an_analysis_shows_its_table_and_its_networks_graph() -> None:
    analysis = cnnspec.analyze(cnnspec.parse(SPEC))
    assert html.render(analysis) == analysis._repr_html_()
    assert analysis.network._repr_svg_() == analysis._repr_svg_()


def test_a_large_network_is_drawn_by_its_blocks() -> None:
    network = cnnspec.load(example_path("googlenet"))
    svg = known(network._repr_svg_())
    assert "inception" in svg
    assert svg.count('class="card"') < 60


def test_a_history_shows_its_curves() -> None:
    rows = [
        EpochRecord(1, 1, 2.0, 0.25, 0.1, 10.0, 1.0, 2.2, 0.2),
        EpochRecord(2, 2, 1.0, 0.5, 0.1, 10.0, 1.0, 1.5, 0.4),
    ]
    history = History(rows)
    picture = known(history._repr_svg_())
    tree = ElementTree.fromstring(picture)
    tag = "{http://www.w3.org/2000/svg}"
    assert [("", 2), ("dashed", 2), ("", 2), ("dashed", 2)] == [
        (line.get("class"), len(line.get("points", "").split())) for line in tree.iter(f"{tag}polyline")
    ]
    assert ["loss", "accuracy"] == [
        text.text for text in tree.iter(f"{tag}text") if text.get("class") == "title"
    ]
    page = history._repr_html_()
    assert "2 epochs, finished: loss 1.0000, accuracy 50.00 %, validation 40.00 %, seconds 2.0" in page
    assert picture in page


def test_a_history_without_an_epoch_says_so() -> None:
    assert "no finished epoch (interrupted)" in History(ending="interrupted")._repr_html_()
    assert History()._repr_svg_() is None


@pytest.mark.parametrize(
    ("low", "high"), [(0.0, 1.0), (0.123, 0.124), (3.0, 3.0), (0.0, 0.0), (0.9844, 0.9922), (0.2, 187.0)]
)
def test_ticks_are_round_few_and_around_the_values(low: float, high: float) -> None:
    ticks = nice_ticks(low, high)
    assert ticks[0] <= low + 1e-12
    assert ticks[-1] >= high - 1e-12
    assert 2 <= len(ticks) <= 8
    assert all(len(re.sub(r"[-.0]|e.*", "", f"{tick:g}")) <= 4 for tick in ticks)

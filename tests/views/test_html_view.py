"""The table as HTML: one fragment, well formed, safe, and the same numbers."""

from __future__ import annotations

import re
from xml.etree import ElementTree

import pytest
from showcase import BRANCHES, LENET, analysis_of

from cnnspec.views.documents import html


def fragment(text: str) -> ElementTree.Element:
    return ElementTree.fromstring(f"<div>{html.render(analysis_of(text))}</div>")


@pytest.mark.parametrize("text", [LENET, BRANCHES])
def test_it_is_well_formed_and_every_row_has_every_column(text: str) -> None:
    tree = fragment(text)
    assert {len(row) for row in tree.iterfind(".//tbody/tr")} == {6}
    assert len(tree.findall(".//thead//th")) == 6
    assert {head.get("scope") for head in tree.iterfind(".//thead//th")} == {"col"}
    assert {row[0].get("scope") for row in tree.iterfind(".//tbody/tr")} == {"row"}


def test_nothing_that_is_to_be_read_is_faint() -> None:
    """Black or white letters at 0.75 of their strength have a contrast above 4.5 to 1."""
    assert min(map(float, re.findall(r"opacity: ([.\d]+)", html.STYLE))) >= 0.75


def test_it_holds_the_numbers_and_their_working() -> None:
    cells = {cell.text: cell.get("title") for cell in fragment(LENET).iterfind(".//tbody/tr/td")}
    assert cells["2,416"] == "F·(k_h·k_w·C) + F = 16·(5·5·6) + 16 = 2,416"
    assert "61,706" in html.render(analysis_of(LENET))


def test_budgets_are_told() -> None:
    page = html.render(analysis_of(LENET))
    assert "✓ expect params &lt;= 62k (61,706)" in page
    assert "✗ expect multiplies &lt; 400k (416,520)" in page


def test_a_network_shows_itself_too() -> None:
    network = analysis_of(LENET).network
    assert html.render(network) == html.render(analysis_of(LENET))


def test_names_cannot_smuggle_markup() -> None:
    from dataclasses import replace

    network = replace(analysis_of(LENET).network, name="<script>alert(1)</script>")
    page = html.render(network)
    assert "<script" not in page
    assert "&lt;script&gt;" in page


def test_it_asks_for_nothing_from_outside() -> None:
    assert re.findall(r"https?:|url\(|@import|src=", html.render(analysis_of(LENET))) == []


def test_objects_show_themselves_in_a_notebook() -> None:
    analysis = analysis_of(LENET)
    assert analysis._repr_html_() == html.render(analysis)

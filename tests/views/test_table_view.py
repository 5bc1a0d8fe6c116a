"""The table of layers: goldens at several widths, branches, folds, columns, colour."""

from __future__ import annotations

import re
import time
from itertools import pairwise

import pytest
from showcase import GOLDENS, LENET, SPECS, WIDTHS, analysis_of, pages

from cnnspec.analysis.report import analyze
from cnnspec.layers.registry import LAYERS
from cnnspec.network.assemble import NamedLayer, assemble
from cnnspec.views.documents import markdown
from cnnspec.views.terminal import table
from cnnspec.views.terminal.columns import FIGURES, choose
from cnnspec.views.terminal.paint import Terminal, width_of

ANSI = re.compile(r"\x1b\[[0-9;]*m")


@pytest.mark.parametrize("name", sorted(pages()))
def test_the_table_is_the_kept_one(name: str) -> None:
    """``python tests/views/showcase.py`` writes them anew; look at what changed."""
    assert pages()[name] == (GOLDENS / name).read_text(encoding="utf-8")


@pytest.mark.parametrize("width", [*WIDTHS, 140, 50, 30])
@pytest.mark.parametrize("spec", SPECS)
def test_no_line_is_wider_than_the_page(spec: str, width: int) -> None:
    page = table.render(analysis_of(SPECS[spec]), terminal=Terminal(width))
    too_wide = [line for line in page.splitlines() if width_of(line) > max(width, 40)]
    assert too_wide == []


@pytest.mark.parametrize("width", [20, 40, 60, 80])
def test_numbers_are_never_broken(width: int) -> None:
    page = table.render(analysis_of(LENET), terminal=Terminal(width))
    for number in ("61,706", "48,120", "10,164", "2,416"):
        assert number in page


def test_ascii_pages_are_ascii() -> None:
    for spec in SPECS.values():
        assert table.render(analysis_of(spec), terminal=Terminal(unicode=False)).isascii()


def test_colour_changes_nothing_but_colour() -> None:
    analysis = analysis_of(LENET)
    plain, painted = table.render(analysis), table.render(analysis, terminal=Terminal(color=True))
    assert painted != plain
    bare = "\n".join(line.rstrip() for line in ANSI.sub("", painted).splitlines())
    assert bare == plain.rstrip("\n")


def test_narrow_pages_say_what_they_leave_out() -> None:
    page = table.render(analysis_of(LENET), terminal=Terminal(40))
    assert "no room for operation, receptive-field" in " ".join(page.split())


def test_chosen_columns_all_appear_however_narrow_the_page() -> None:
    page = table.render(analysis_of(LENET), terminal=Terminal(40), columns=tuple(FIGURES))
    titles = next(line for line in page.splitlines() if "params" in line)
    for figure in FIGURES.values():
        assert figure.title in titles


def test_unfolded_tables_show_every_layer() -> None:
    analysis = analysis_of(SPECS["branches"])
    folded, whole = table.render(analysis), table.render(analysis, folded=False)
    assert folded.count("batchnorm2") < whole.count("batchnorm2")
    assert "×3" in folded
    assert "×" not in whole


def test_a_folded_section_adds_up_all_its_turns() -> None:
    analysis = analysis_of(SPECS["branches"])
    page = table.render(analysis)
    turns = sum(row.params for row in analysis.rows if row.name.startswith("residual"))
    line = next(line for line in page.splitlines() if "×3" in line)
    assert f"{turns:,}" in line


def test_budgets_are_marked_kept_or_broken() -> None:
    page = table.render(analysis_of(LENET))
    assert "✓ expect params <= 62k (61,706)" in page
    assert "✗ expect multiplies < 400k (416,520)" in page


def test_unknown_columns_get_a_guess() -> None:
    with pytest.raises(ValueError, match='no column "outptu"; did you mean "output"'):
        choose(["outptu"])


def test_a_batch_widens_shapes_and_memory_but_not_counts() -> None:
    from cnnspec.analysis.report import analyze

    network = analysis_of(LENET).network
    page = table.render(analyze(network, batch=8), columns=("layer", "output", "params", "memory"))
    assert "8x28x28x6" in page
    assert "61,706" in page
    assert "batch N = 8" in page
    assert "150.5 kB" in page


def test_a_block_that_is_nothing_but_another_is_told_with_it() -> None:
    page = table.render(
        analysis_of("block inner { dense 4 -> relu }\nblock outer { inner }\ninput 4\nouter\ndense 2")
    )
    assert "outer1.inner1" in page
    assert "repeat" not in page
    assert "\n   dense1 " in page


def test_a_skip_that_only_reaches_forward_bends_nothing() -> None:
    page = table.render(analysis_of("input 8; a: dense 8; relu; dense 8; add a; relu"))
    assert "├" not in page
    assert "add ← dense1, a" in page


def test_side_heads_stand_under_their_name() -> None:
    page = table.render(analysis_of("input 8; dense 8; head aux { dense 2 -> softmax }; dense 3"))
    assert "aux.dense1" in page
    assert "dense 3 ← dense1" in page


def test_blocks_can_be_closed_and_are_summed_up() -> None:
    analysis = analysis_of(SPECS["branches"])
    closed = table.render(analysis, depth=0)
    assert re.search("├─ conv1 +conv 8 1x1", closed)
    assert "batchnorm1" not in closed
    line = next(line for line in closed.splitlines() if "residual1" in line)
    assert line.split() == ["residual1", "×3", "21", "layers", "32x32x16", "14,016", "14,155,776", "15x15"]
    single = table.render(analysis, depth=0, folded=False)
    assert "7 layers" in next(line for line in single.splitlines() if "residual2" in line)
    assert table.render(analysis, depth=1) == table.render(analysis)


@pytest.mark.parametrize("form", ["table", "markdown"])
def test_shares_of_blocks_and_repeats_add_up(form: str) -> None:
    """ResNet-18's stages hold 1.3, 4.5, 18.0 and 71.8 percent of its parameters."""
    analysis = analyze("resnet18")
    if form == "markdown":
        rows = [
            line.split("|")[-2].strip() for line in markdown.render(analysis, ["layer", "share"]).splitlines()
        ]
        assert rows[-1] == "**100.0%**"
        assert "1.3%" in rows
        return
    page = table.render(analysis, columns=["layer", "share"], depth=1).split("\n\n")[1].splitlines()
    found = [float(line.split()[-1].rstrip("%")) for line in page if line.rstrip().endswith("%")]
    assert found[-1] == 100
    assert sum(found[:-1]) == pytest.approx(100, abs=0.5)


def test_skips_inside_skips_however_deep_are_told_in_linear_time() -> None:
    def seconds(depth: int) -> float:
        relu, add = LAYERS["relu"](), LAYERS["add"]()
        chain = ["input", *(f"relu{n}" for n in range(1, depth + 1))]
        parts = [NamedLayer(name, relu, [before]) for before, name in pairwise(chain)]
        for n in range(depth - 1, 0, -1):
            parts.append(NamedLayer(f"add{n}", add, [parts[-1].name, chain[n]]))
        report = analyze(assemble("deep", (4, 4, 2), parts))
        start = time.process_time()
        text = str(report)
        assert all(part.name in text for part in parts)
        return time.process_time() - start

    small, large = min(seconds(200) for _ in range(3)), seconds(2000)
    assert large < 40 * small

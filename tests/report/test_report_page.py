"""The report: one page, whole, well formed, and nothing from outside."""

import re
from pathlib import Path

import pytest
from reading import read
from tools import Command, known

import cnnspec as package
from cnnspec.cli.main import run
from cnnspec.resources import example_names, example_path
from cnnspec.views.documents.report.style import Colors
from cnnspec.views.pictures import fitting
from cnnspec.views.pictures.palette import DARK, LIGHT

SECTIONS = ["Picture", "Layers", "Cost", "Memory", "Workings", "The spec"]


@pytest.fixture
def report(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Command:
    """Makes the report of a spec: (exit code, page, stderr)."""
    monkeypatch.chdir(tmp_path)

    def make(*arguments: str) -> tuple[int, str, str]:
        code = run(["report", *map(str, arguments), "-o", "page.html"])
        return code, (tmp_path / "page.html").read_text(), capsys.readouterr().err

    return make


def headings(page: str) -> list[str]:
    return re.findall(r"<h2[^>]*>([^<]+)</h2>", page)


@pytest.mark.parametrize("name", example_names())
def test_every_example_has_a_report(report: Command, name: str) -> None:
    code, text, _ = report(name)
    page = read(text)
    assert 0 == code
    assert [] == page.asked_for()
    assert len(page.ids) == len(set(page.ids))
    assert 0 == page.tags["script"]
    assert SECTIONS == [title for title in headings(text) if title != "Messages"]
    network = package.load(example_path(name))
    assert f"{package.analyze(network).totals.params:,}" in page.words
    assert str(len(network.layers)) in page.words


def test_links_within_the_page_lead_somewhere(report: Command) -> None:
    page = read(report("lenet")[1])
    targets = [value[1:] for name, value in page.attributes if name == "href" and value.startswith("#")]
    assert set(targets) <= set(page.ids)
    assert len(SECTIONS) <= len(targets)


def test_workings_are_typeset_and_folded_a_layer_each(report: Command) -> None:
    _, text, _ = report("lenet")
    page = read(text)
    assert 13 == page.tags["details"]
    fold = known(re.search(r"<details[^>]*><summary><b>conv1</b>.*?</details>", text, re.DOTALL))[0]
    assert "<mfrac><mrow><mi>i</mi><mo>+</mo><mn>2</mn><mi>p</mi><mo>−</mo><mi>k</mi></mrow>" in fold
    assert "<math><mrow><mo>=</mo><mn>156</mn></mrow></math>" in fold
    assert "where <math><mi>i</mi></math> input size" in fold


def test_equal_repeats_are_explained_once(report: Command) -> None:
    _, text, _ = report("resnet50")
    assert "told once" not in headings(text)
    assert read(text).tags["details"] < len(package.load(example_path("resnet50")).layers)


def test_both_pictures_take_their_colours_from_the_page(report: Command) -> None:
    _, text, _ = report("lenet")
    pictures = re.findall(r'<div class="picture">(.*?)</div>', text, re.DOTALL)
    assert 2 == len(pictures)
    for picture in pictures:
        assert [] == re.findall(r"#[0-9a-f]{6}\b", picture)
    used = set(re.findall(r"var\((--c\d+)\)", text))
    light, dark = re.findall(r":root\{([^}]*)\}", text)
    for variables in (light, dark):
        assert used <= set(re.findall(r"(--c\d+):#", variables))
    assert (LIGHT.page, DARK.page) == (light[7:14], dark[7:14])


def test_bars_are_shares_of_the_largest(report: Command) -> None:
    _, text, _ = report("lenet")
    widths = [float(width) for width in re.findall(r"--part:([\d.]+)%\"></i>[\d,]+</span>", text)]
    assert {100.0} == {max(widths)}
    row = known(re.search(r'<th scope="row">conv2</th>(.*?)</tr>', text))[1]
    assert ["2,416", "240,000", "6.4 kB"] == re.findall(r"</i>([^<]+)</span>", row)
    assert f"--part:{100 * 2416 / 48120:.2f}%" in row


def test_memory_tells_the_peak_and_the_parts_of_training(report: Command) -> None:
    _, text, _ = report("lenet", "--batch", "2")
    assert "for a batch of 2: 120.1 kB for all outputs, or 47.0 kB at most (in maxpool1)" in text
    assert "the optimizer's state: 246.8 kB" in text
    section = text.split('id="memory"')[1].split("</table>")[0]
    steps = re.findall(r'scope="row">([^<]+)</th><td><span class="bar"><i[^>]*></i>([^<]+)</span>', section)
    assert 14 == len(steps)
    assert ("maxpool1", "47.0 kB") in steps


def test_memory_of_many_layers_is_told_of_those_that_hold_most(report: Command) -> None:
    section = report("vgg16")[1].split('id="memory"')[1].split("</table>")[0]
    assert 17 == section.count('scope="row"')
    assert re.search(r"the other \d+</th><td><span class=\"bar\"><i[^>]*></i>at most [\d.]+ MB<", section)


def test_a_page_has_one_title_and_one_main_part_and_tables_say_what_heads_them(report: Command) -> None:
    """The name stood over both pictures and the table too."""
    _, text, _ = report("lenet")
    page = read(text)
    assert 1 == page.tags["main"] == page.tags["h1"]
    assert 2 == page.words.count("LeNet5"), "the window's title and the page's"
    assert page.tags["th"] == text.count("<th scope=")
    assert "input 28x28x1 · 13 layers" in page.words


def test_workings_can_be_left_out(report: Command) -> None:
    _, text, _ = report("lenet", "--no-workings")
    assert SECTIONS == [*headings(text)[:4], "Workings", headings(text)[4]]
    assert 0 == read(text).tags["details"]
    assert len(text) < 0.8 * len(report("lenet")[1])


def test_training_memory_is_the_same_figure_in_the_table_and_in_its_section(report: Command) -> None:
    _, text, _ = report("lenet")
    assert "594.1 kB to train with momentum" in text
    assert "Training with momentum: 594.1 kB, beside 246.8 kB of parameters" in text


def test_a_spec_with_errors_reports_what_is_known_and_the_messages(report: Command, tmp_path: Path) -> None:
    (tmp_path / "net.cnn").write_text("network Net\ninput 8x8x1\nconv 4 3x3\nconv 2 9x9\ndens 3\n")
    code, text, err = report("net.cnn")
    page = read(text)
    assert 1 == code
    assert "window-larger-than-input" in err
    assert "Messages" == headings(text)[0]
    assert "2 errors; what is known so far" in page.words
    assert "did you mean dense?" in page.words
    assert "40" in page.words
    assert "conv 2 9x9" in text


def test_a_spec_of_which_nothing_is_known_gives_its_messages(report: Command, tmp_path: Path) -> None:
    (tmp_path / "net.cnn").write_text("conv 4 3x3\n")
    code, text, _ = report("net.cnn")
    assert 1 == code
    assert ["Messages", "Picture", "The spec"] == headings(text)
    assert "missing-input" in text
    read(text)


def test_what_a_spec_says_cannot_become_markup(report: Command, tmp_path: Path) -> None:
    (tmp_path / "net.cnn").write_text('# <script>alert(1)</script>\ninput 8x8x1\nconv 4 3x3 # "&<b>\n')
    page = read(report("net.cnn")[1])
    assert 0 == page.tags["script"]
    assert any("<script>alert(1)</script>" in words for words in page.words)


def test_broken_budgets_are_told(report: Command, tmp_path: Path) -> None:
    (tmp_path / "net.cnn").write_text("input 8x8x1\nconv 4 3x3\nexpect params <= 10\nexpect params == 40\n")
    _, text, _ = report("net.cnn")
    assert "<li>✗ <code>params &lt;= 10</code>, it is 40</li>" in text
    assert "<li>✓ <code>params == 40</code>, it is 40</li>" in text
    assert "expectation-broken" in text


def test_a_picture_too_large_to_look_at_is_told(report: Command, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(fitting, "MOST", 0)
    code, text, _ = report("lenet")
    assert 0 == code
    assert "0 can be drawn" in text
    assert 0 == text.count('<div class="picture">')


def test_the_page_does_not_take_the_place_of_the_spec(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "net.html").write_text("input 8x8x1\nconv 4 3x3\n")
    assert 2 == run(["report", "net.html"])
    assert "would overwrite the spec" in capsys.readouterr().err
    assert "input 8x8x1\nconv 4 3x3\n" == (tmp_path / "net.html").read_text()


def test_a_dash_writes_to_stdout(capfdbinary: pytest.CaptureFixture[bytes]) -> None:
    assert 0 == run(["report", "-e", "input 8x8x1; conv 4 3x3", "-o", "-"])
    assert capfdbinary.readouterr().out.startswith(b"<!DOCTYPE html>")


def test_pictures_that_differ_in_more_than_colour_stay_light() -> None:
    colors = Colors()
    assert '<svg fill="#ffffff"/>' == colors.both('<svg fill="#ffffff"/>', "<svg/>")
    assert '<svg fill="var(--c0)"/>' == colors.both('<?xml?>\n<svg fill="#ffffff"/>', '<svg fill="#000000"/>')
    assert ("--c0:#ffffff", "--c0:#000000") == (colors.css(0), colors.css(1))


def test_names_within_pictures_are_kept_apart() -> None:
    svg = '<svg><a id="x"/><b fill="url(#x)"/><use href="#x"/><i fill="#xyz"/></svg>'
    wanted = '<svg><a id="p-x"/><b fill="url(#p-x)"/><use href="#p-x"/><i fill="#xyz"/></svg>'
    assert wanted == Colors().both(svg, svg, "p-")

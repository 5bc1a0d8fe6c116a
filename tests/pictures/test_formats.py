"""Pictures for other programs: TikZ, Mermaid, draw.io, and SVG whose layers can be found by name."""

from __future__ import annotations

import re
import shutil
import subprocess
from pathlib import Path
from xml.etree import ElementTree

import pytest
from drawn import SVG, Page, example, network, outline, plan_of

from cnnspec.cli.main import run
from cnnspec.resources import example_names
from cnnspec.views.pictures.choices import Choices
from cnnspec.views.pictures.draw import picture
from cnnspec.views.pictures.formats import mermaid, tikz
from cnnspec.views.pictures.look import Look

STYLES = ["graph", "volumes"]
ODD = "network 中_λ\ninput 8x8x1; höhe_1: conv 2 3x3; ñ: maxpool 2x2"


def text_of(name: str, form: str, style: str = "graph", **choices: object) -> str:
    look = Look(style, choices=Choices(**choices))  # type: ignore[arg-type]
    return picture(example(name), form, look).decode()


@pytest.mark.parametrize("style", STYLES)
@pytest.mark.parametrize("name", ["lenet", "resnet18", "googlenet", "unet"])
def test_an_svg_has_each_layer_under_its_name(name: str, style: str) -> None:
    page = Page(text_of(name, "svg", style, fold=False))
    found = {g.attrib["id"]: g for g in page.root.iter(f"{SVG}g") if "id" in g.attrib}
    ids = [g.attrib["id"] for g in page.root.iter(f"{SVG}g") if "id" in g.attrib]
    assert len(ids) == len(found), "ids are unique"
    names = {node.name for node in example(name).nodes}
    assert found.keys() <= names | {name.rpartition(".")[0] for name in names}
    if style == "graph":
        assert found.keys() == names
    for group in found.values():
        assert group.findtext(f"{SVG}title")
        assert re.search(r"(layer|layers|input).*, gives [\d×]+", group.findtext(f"{SVG}desc") or "")
        assert outline(group) if style == "volumes" else True


def test_what_a_layer_does_is_described() -> None:
    page = Page(text_of("lenet", "svg"))
    about = {g.attrib["id"]: g.findtext(f"{SVG}desc") for g in page.groups("row")}
    assert about["input"] == "input, gives 28×28×1"
    assert about["conv2"] == "conv layer, reads maxpool1, gives 10×10×16; 2,416 parameters"
    page = Page(text_of("resnet50", "svg", depth=1))
    about = {g.attrib["id"]: g.findtext(f"{SVG}desc") for g in page.groups("row")}
    assert about["stage2.bottleneck1"] == (
        "block of 12 layers, reads stage1.bottleneck3.relu3, gives 28×28×512; 379,392 parameters"
    )


@pytest.mark.parametrize("name", ["lenet", "googlenet", "segnet", "siamese_mnist"])
def test_mermaid_has_every_card_frame_and_link_once(name: str) -> None:
    plan = plan_of(example(name))
    lines = mermaid.write(plan, direction="LR").splitlines()
    assert lines[3] == "flowchart LR"
    keys = [found[1] for line in lines if (found := re.match(r' +(\w+)[(\[]+"', line))]
    assert sorted(keys) == sorted(card.key for card in plan.cards)
    assert sum("-->" in line for line in lines) == len(plan.links)
    opened = [line for line in lines if line.lstrip().startswith("subgraph")]
    assert len(opened) == len(list(plan.root.walk())) - 1 == sum(line.strip() == "end" for line in lines)
    coloured = [
        key for line in lines if re.match(r"  class .* tone", line) for key in line.split()[1].split(",")
    ]
    assert sorted(coloured) == sorted(keys)


def test_signs_that_mermaid_reads_are_entities() -> None:
    text = mermaid.write(plan_of(network("input 8x8x1; a: conv 2 3x3")))
    assert '["<b>a · 6×6×2</b><br>conv 2 3×3 · 20"]' in text
    assert mermaid.escape('"a" <b> #1 `x` _y_') == "#quot;a#quot; #lt;b#gt; #35;1 #96;x#96; #95;y#95;"


@pytest.mark.parametrize("name", ["lenet", "googlenet", "segnet"])
def test_drawio_has_every_card_with_its_rows_and_links_between_them(name: str) -> None:
    plan = plan_of(example(name))
    root = ElementTree.fromstring(text_of(name, "drawio"))
    cells = {cell.attrib["id"]: cell for cell in root.iter("mxCell")}
    assert len(cells) == len(list(root.iter("mxCell")))
    assert all(cell.get("parent", "0") in cells for cell in cells.values())
    edges = [cell for cell in cells.values() if cell.get("edge")]
    assert sorted((e.attrib["source"], e.attrib["target"]) for e in edges) == sorted(
        (link.tail, link.head) for link in plan.links
    )
    for card in plan.cards:
        rows = [cell for cell in cells.values() if cell.get("parent") == card.key]
        assert len(rows) == len(card.rows)
        told = "".join("".join(ElementTree.fromstring(cell.attrib["value"]).itertext()) for cell in rows)
        assert all(text in told for pair in card.pairs for text in pair)


def test_drawio_frames_hold_their_cards() -> None:
    plan = plan_of(example("resnet18"))
    root = ElementTree.fromstring(text_of("resnet18", "drawio"))
    places = {}
    for cell in root.iter("mxCell"):
        if cell.get("vertex"):
            shape = cell.find("mxGeometry")
            assert shape is not None
            x, y, w, h = (float(shape.attrib[name]) for name in ("x", "y", "width", "height"))
            places[cell.attrib["id"]] = (x, y, x + w, y + h)
    for cluster in plan.root.clusters:
        frame = places[cluster.key]
        for key in (key for inner in cluster.walk() for key in inner.cards):
            left, top, right, bottom = places[key]
            assert min(left - frame[0], top - frame[1], frame[2] - right, frame[3] - bottom) > 0


def test_what_means_something_to_tex_is_escaped() -> None:
    text = tikz.escape("50 % of $a_b & {c} #1 ~ ^ \\ 3×3 − 2 → “x”")
    assert text == (
        r"50 \% of \$a\_b \& \{c\} \#1 \textasciitilde{} \textasciicircum{} \textbackslash{} "
        r"3$\times$3 $-$ 2 $\rightarrow$ ``x''"
    )
    assert tikz.escape("höhe 中 λ") == r"höhe \other{中} \other{λ}"


@pytest.mark.parametrize("style", STYLES)
def test_tikz_has_the_texts_of_the_svg(style: str) -> None:
    tex, page = text_of("alexnet", "tex", style), Page(text_of("alexnet", "svg", style))
    words = [word.text for word in page.all_words()]
    assert tex.count(r"\node[") == len(words)
    assert all(f"{{{tikz.escape(word)}}};" in tex for word in words)
    assert r"\definecolor{conv}{HTML}" in tex
    drawn = [item for item in page.root.iter() if item.tag[len(SVG) :] in tikz.PATHS]
    assert tex.count(r"\path[") == len(drawn)


@pytest.mark.slow
@pytest.mark.skipif(not shutil.which("pdflatex"), reason="there is no TeX here (texlive-pictures)")
@pytest.mark.parametrize("style", STYLES)
@pytest.mark.parametrize("name", [*sorted(example_names()), "odd"])
def test_tikz_compiles_to_one_page(name: str, style: str, tmp_path: Path) -> None:
    net = network(ODD) if name == "odd" else example(name)
    (tmp_path / "net.tex").write_bytes(picture(net, "tex", Look(style)))
    command = ["pdflatex", "-interaction=nonstopmode", "-halt-on-error", "net.tex"]
    done = subprocess.run(command, cwd=tmp_path, check=False, capture_output=True, timeout=120)
    said = done.stdout.decode("utf-8", "replace")
    assert done.returncode == 0, said[-2000:]
    assert "(1 page," in said
    assert "Missing character" not in said


def test_what_a_format_cannot_hold_is_refused(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    for form in ("mmd", "drawio"):
        assert run(["draw", "lenet", "--style", "volumes", "-o", f"net.{form}"]) == 2
        assert "holds cards and edges, not volumes; take svg or tex" in " ".join(
            capsys.readouterr().err.split()
        )
    pixels = ["draw", "lenet", "--style", "volumes", "-o", "net.tex", "--input", "random"]
    assert run(pixels) == 2
    assert "made of pixels" in capsys.readouterr().err
    assert run(["draw", "lenet", "-o", "net.mermaid"]) == 2
    assert ".mmd" in capsys.readouterr().err


@pytest.mark.parametrize("ending", ["tex", "mmd", "drawio"])
def test_a_spec_with_errors_is_written_as_far_as_it_is_known(
    ending: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    spec = "input 28x28x1; conv 6 5x5; conv 16 40x40"
    assert run(["draw", "-e", spec, "-o", f"net.{ending}"]) == 1
    assert "window-larger-than-input" in Path(f"net.{ending}").read_text(encoding="utf-8")

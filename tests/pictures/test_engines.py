"""Graphviz wherever it is: both engines lay out the same graph; without one the user is told."""

from __future__ import annotations

import shutil
import time
from importlib.util import find_spec

import pytest
from drawn import Page, example

import cnnspec
from cnnspec.resources import example_names
from cnnspec.views.pictures import dot, engines, svg
from cnnspec.views.pictures.draw import Look, picture, render
from cnnspec.views.pictures.planning import Choices, plan_of

HERE = engines.available()


@pytest.mark.parametrize("engine", HERE)
@pytest.mark.parametrize("name", ["lenet", "resnet18", "googlenet"])
def test_every_engine_places_every_card_frame_and_edge(engine: str, name: str) -> None:
    plan = plan_of(example(name))
    laid = engines.lay_out(dot.write(plan), engine)
    assert sorted(laid.cards) == sorted(card.key for card in plan.cards)
    assert sorted(laid.clusters) == sorted(frame.key for frame in plan.root.walk() if frame is not plan.root)
    assert sorted(s[:2] for s in laid.splines) == sorted((link.tail, link.head) for link in plan.links)
    assert set(laid.labels) == {(link.tail, link.head) for link in plan.links if link.label}


def test_engines_agree_on_texts() -> None:
    pages = [Page(render(example("vgg16"), Look(engine=engine))) for engine in HERE]
    assert len({tuple(word.text for word in page.all_words()) for page in pages}) == 1


@pytest.mark.parametrize("name", example_names())
@pytest.mark.parametrize("style", ["graph", "volumes"])
def test_every_example_in_every_format(name: str, style: str) -> None:
    look = Look(style=style, scale=0.5)
    assert picture(example(name), "svg", look).startswith(b"<svg ")
    assert picture(example(name), "png", look).startswith(b"\x89PNG")
    assert picture(example(name), "pdf", look).startswith(b"%PDF")


@pytest.mark.parametrize("engine", HERE)
def test_png_and_pdf_come_from_graphviz_where_there_is_no_converter(
    engine: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("cnnspec.views.pictures.draw.can_convert", lambda: False)
    assert picture(example("lenet"), "png", Look(engine=engine)).startswith(b"\x89PNG")
    assert picture(example("lenet"), "pdf", Look(engine=engine)).startswith(b"%PDF")


def test_volumes_need_a_converter_for_png(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(svg, "can_convert", lambda: False)
    with pytest.raises(svg.NoConverter, match="pip install"):
        picture(example("lenet"), "png", Look(style="volumes"))


def test_without_graphviz_volumes_and_dot_still_come(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(engines, "available", tuple)
    with pytest.raises(engines.NoEngine, match="install"):
        render(example("lenet"))
    assert picture(example("lenet"), "dot").startswith(b'digraph "LeNet5" {')
    assert picture(example("lenet"), "svg", Look(style="volumes")).startswith(b"<svg ")


@pytest.mark.parametrize("engine", HERE)
def test_control_characters_in_names_are_placed(engine: str) -> None:
    laid = engines.lay_out('digraph { a [label="x\x07y"]; a -> b [label="\x01"] }', engine)
    assert {"a", "b"} == laid.cards.keys()


def test_engines_are_found_as_they_are() -> None:
    assert ("dot" in HERE) == (shutil.which("dot") is not None)
    assert ("pygraphviz" in HERE) == (find_spec("pygraphviz") is not None)


def test_an_engine_that_is_not_there_is_named() -> None:
    with pytest.raises(engines.NoEngine, match="neato is not installed"):
        engines.choose("neato")


def test_a_broken_dot_text_is_told_as_such() -> None:
    if "dot" in HERE:
        with pytest.raises(engines.NoEngine, match="dot failed"):
            engines.run("digraph {", "svg", "dot")


def test_resnet152_folded_is_drawn_in_under_two_seconds() -> None:
    network = example("resnet152")

    def seconds() -> float:
        start = time.perf_counter()
        render(network)
        render(network, Look(style="volumes"))
        return time.perf_counter() - start

    assert min(seconds() for _ in range(3)) < 2


def test_resnet152_unfolded_stays_a_page() -> None:
    page = Page(render(example("resnet152"), Look(choices=Choices(fold=False))))
    assert 0.4 < page.rect.right / page.rect.bottom < 3


def test_pictures_are_the_same_every_time() -> None:
    assert render(example("googlenet")) == render(example("googlenet"))
    volumes = Look(style="volumes")
    assert render(example("googlenet"), volumes) == render(example("googlenet"), volumes)


@pytest.mark.parametrize("engine", HERE)
def test_a_tangle_is_laid_out_roughly_in_bounded_time(engine: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """Thirty layers that each read all before them: every edge would be improved for hours."""
    layers = "\n".join(
        f"concat {' '.join(f'l{source}' for source in range(n))}\nl{n + 1}: conv 4 3x3 padding=1"
        for n in range(1, 29)
    )
    seconds = engines.SECONDS
    monkeypatch.setattr(
        engines, "_CHILD", engines._CHILD.replace(f"{seconds}, {seconds}", f"{seconds // 2}, {seconds // 2}")
    )
    network = cnnspec.parse(f"input 32x32x4\nl0: conv 4 3x3\nl1: conv 4 3x3 padding=1\n{layers}")
    plan = plan_of(network)
    assert len(engines.lay_out(dot.write(plan), engine).cards) == len(plan.cards)


def test_a_merge_of_many_paths_has_volumes() -> None:
    paths = "\n".join("| conv 4 3x3 padding=1" for _ in range(26))
    network = cnnspec.parse(f"input 32x32x4\nconcat {{\n{paths}\n}}")
    assert picture(network, "svg", Look(style="volumes")).startswith(b"<svg ")

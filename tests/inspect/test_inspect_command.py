"""``cnnspec inspect`` as a user calls it: tables, pictures, and what is said when it cannot be done."""

import re
from pathlib import Path

import pytest
from tools import Command

KINDS = ("filters", "maps", "confusion", "mistakes", "neighbours", "curves")
BEGINNINGS = {"png": b"\x89PNG", "svg": b"<svg", "pdf": b"%PDF"}


def texts(path: Path) -> list[str]:
    """What is written in an SVG."""
    return re.findall(r"<text [^>]*>([^<]*)</text>", path.read_text())


@pytest.mark.parametrize(
    ("kind", "said"),
    [
        ("filters", "conv1: 4 filters, 3×3×1"),
        ("maps", "relu1 of test sample 0"),
        ("confusion", " 0  "),
        ("mistakes", "the most confident of"),
        ("neighbours", "nearest training samples in the 16 values of relu2"),
        ("curves", "Bars: 683 params"),
    ],
)
def test_without_a_file_it_prints_a_table(cnnspec: Command, home: Path, kind: str, said: str) -> None:
    code, out, err = cnnspec("inspect", home / "one", kind)
    assert (0, "") == (code, err)
    assert said in out


@pytest.mark.parametrize("format", BEGINNINGS)
@pytest.mark.parametrize("kind", KINDS)
def test_every_kind_is_drawn_in_every_format(
    cnnspec: Command, home: Path, tmp_path: Path, kind: str, format: str
) -> None:
    code, _, err = cnnspec("inspect", home / "one", kind, "-o", f"new/{kind}.{format}")
    assert (0, f"wrote new/{kind}.{format}\n") == (code, err)
    assert (tmp_path / "new" / f"{kind}.{format}").read_bytes().startswith(BEGINNINGS[format])


def test_several_runs_share_one_table_and_one_plot(cnnspec: Command, home: Path, tmp_path: Path) -> None:
    code, out, _ = cnnspec("inspect", home / "one", home / "two", "curves", "-o", "both.svg")
    assert 0 == code
    assert ["network", "one", "two"] == re.findall(r"^ (\w+)", out, re.MULTILINE)
    shown = texts(tmp_path / "both.svg")
    assert {"one", "two", "683", "test accuracy", "validation", "loss", "accuracy"} <= set(shown)
    assert 1 == shown.count("Training")


def test_the_confusion_picture_counts_every_sample(cnnspec: Command, home: Path, tmp_path: Path) -> None:
    cnnspec("inspect", "confusion", home / "one", "-o", "c.svg")
    shown = texts(tmp_path / "c.svg")
    assert any(re.fullmatch(r"\d+\.\d\d % of 60 right, \d+ wrong", text) for text in shown)
    counts = [int(text) for text in shown if text.isdecimal()]
    assert 60 + sum(range(3)) * 2 == sum(counts)


def test_neighbours_say_class_and_distance(cnnspec: Command, home: Path, tmp_path: Path) -> None:
    cnnspec("inspect", home / "one", "neighbours", "--index", 4, "--count", 3, "-o", "n.svg")
    captions = [text for text in texts(tmp_path / "n.svg") if re.fullmatch(r"\d +\d+\.\d\d", text)]
    assert 3 == len(captions)


def test_maps_of_another_layer_and_sample(cnnspec: Command, home: Path) -> None:
    _, out, _ = cnnspec("inspect", home / "one", "maps", "--layer", "conv1", "--index", 7, "--part", "train")
    assert "conv1 of train sample 7 (" in out
    _, out, _ = cnnspec("inspect", home / "one", "maps", "--layer", "dense1")
    assert ": 16 values" in out


def test_maps_of_an_image_file(cnnspec: Command, tmp_path: Path, home: Path) -> None:
    import numpy as np
    from PIL import Image

    Image.fromarray(np.eye(20, dtype=np.uint8) * 255).save(tmp_path / "line.png")
    code, _, err = cnnspec("inspect", home / "one", "maps", "--image", "line.png")
    assert 1 == code
    assert "--resize" in err
    code, out, _ = cnnspec("inspect", home / "one", "maps", "--image", "line.png", "--resize")
    assert (0, True) == (code, out.startswith("relu1 of line.png: 6×6×4"))


def test_filters_with_many_channels_are_drawn(cnnspec: Command, home: Path, tmp_path: Path) -> None:
    (tmp_path / "net.cnn").write_text("input 8x8x1; conv 5 3x3 -> relu -> conv 6 3x3")
    import cnnspec as package

    package.load(tmp_path / "net.cnn").build().save(tmp_path / "w.safetensors")
    arguments = ("inspect", "net.cnn", "filters", "--weights", "w.safetensors", "--layer", "conv2")
    code, _, _ = cnnspec(*arguments, "-o", "f.svg")
    assert 0 == code
    assert any(
        "6 filters, 3×3×5: one column per filter, one row per channel" in text
        for text in texts(tmp_path / "f.svg")
    )


def test_the_same_picture_has_the_same_bytes(cnnspec: Command, home: Path, tmp_path: Path) -> None:
    pages = []
    for name in ("a.svg", "b.svg"):
        cnnspec("inspect", home / "one", "filters", "-o", name)
        pages.append((tmp_path / name).read_bytes())
    assert pages[0] == pages[1]


def test_dark_differs_from_light(cnnspec: Command, home: Path, tmp_path: Path) -> None:
    cnnspec("inspect", home / "one", "curves", "-o", "a.svg", "--theme", "dark")
    assert "#14181f" in (tmp_path / "a.svg").read_text()


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (("{run}", "filtres"), 'there is nothing called "filtres" to inspect; did you mean "filters"?'),
        (("{run}", "neighbors"), 'did you mean "neighbours"?'),
        (("{run}",), "say what to inspect: filters, maps, confusion, mistakes, predictions, neighbours"),
        (("filters",), "name the folder of a run, or a spec that was trained"),
        (("{run}", "filters", "maps"), "one thing at a time: filters, maps"),
        (("{run}", "maps", "--layer", "relu9"), 'there is no layer "relu9"; did you mean "relu'),
        (("{run}", "maps", "--index", "60"), "the test set has 60 samples, 0 to 59; there is no 60"),
        (("{run}", "neighbours", "--index", "99"), "the test set has 60 samples"),
        (("{run}", "filters", "-o", "x.jpg"), '"x.jpg" must end in .png, .svg or .pdf'),
        (("{run}", "filters", "-o", "x.pngg"), "did you mean x.png?"),
        (("{run}", "{run}", "filters"), "filters are of one run; 2 are named"),
        ((".", "filters"), '"." is not the folder of a run'),
        ((".", "curves"), '"." is not the folder of a run'),
        (("lenet", "curves"), "there is no run of LeNet5 under runs/; there are no others here; train one"),
    ],
)  # fmt: skip
def test_wrong_use_is_answered_in_a_line(
    cnnspec: Command, home: Path, arguments: tuple[str, ...], said: str
) -> None:
    given = [argument.format(run=home / "one") for argument in arguments]
    code, out, err = cnnspec("inspect", *given)
    assert (2, "") == (code, out)
    assert said in " ".join(err.split())


def test_a_layer_without_filters_names_those_that_have_some(cnnspec: Command, home: Path) -> None:
    code, _, err = cnnspec("inspect", home / "one", "filters", "--layer", "relu1")
    assert 1 == code
    assert "relu1 has no filters" in err
    assert "layers that have some: conv1, dense1, dense2" in err


def test_without_a_converter_it_says_how_to_get_one(
    cnnspec: Command, home: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("cnnspec.views.pictures.svg.find_spec", lambda name: None)
    code, out, err = cnnspec("inspect", home / "one", "filters", "-o", "f.png")
    assert (1, "") == (code, out)
    assert "PNG and PDF need vl-convert" in err
    assert "pip install vl-convert-python" in err
    assert not (tmp_path / "f.png").exists()
    assert 0 == cnnspec("inspect", home / "one", "filters")[0]
    assert 0 == cnnspec("inspect", home / "one", "filters", "-o", "f.svg")[0]


def test_evaluate_and_inspect_tell_mistakes_alike(cnnspec: Command, home: Path) -> None:
    _, evaluated, _ = cnnspec("evaluate", home / "one", "--worst", 3)
    _, inspected, _ = cnnspec("inspect", home / "one", "mistakes", "--count", 3)
    assert "predicted" in inspected
    assert evaluated.endswith("\n\n" + inspected)


@pytest.mark.parametrize("kind", ["maps", "filters"])
def test_several_layers_are_shown_one_below_the_other(
    cnnspec: Command, home: Path, tmp_path: Path, kind: str
) -> None:
    layers = ("conv1", "dense1")
    one, two = (cnnspec("inspect", home / "one", kind, "--layer", layer)[1] for layer in layers)
    both = [word for layer in layers for word in ("--layer", layer)]
    assert (0, f"{one}\n{two}", "") == cnnspec("inspect", home / "one", kind, *both)
    cnnspec("inspect", home / "one", kind, *both, "-o", "x.svg")
    shown = " ".join(texts(tmp_path / "x.svg"))
    assert all(layer in shown for layer in layers)
    assert ("Feature maps of test sample 0" if kind == "maps" else "Filters") in shown


@pytest.mark.parametrize("words, said", [
    (("neighbours", "--layer", "conv1", "--layer", "dense1"), "neighbours are nearest by one layer; 2 are"),
    (("maps", "--index", "1", "--index", "2"), "maps are of one sample; 2 are named"),
])  # fmt: skip
def test_what_takes_one_says_so(cnnspec: Command, home: Path, words: tuple[str, ...], said: str) -> None:
    code, _, err = cnnspec("inspect", home / "one", *words)
    assert (2, True) == (code, said in err)

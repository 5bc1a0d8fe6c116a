"""The window that steps: each frame covers what the engine's value hangs on, and the picture is true."""

from __future__ import annotations

import io
import re
import runpy
import xml.etree.ElementTree as ElementTree
from pathlib import Path

import numpy as np
import pytest
from tools import Command, known

import cnnspec
from cnnspec.diagnostics import LayerError
from cnnspec.network.graph import Network
from cnnspec.teaching.animation import HOLD, Animation
from cnnspec.teaching.stepping import Stepping, first_moving, stepping
from cnnspec.teaching.working import Values
from cnnspec.views.pictures.film import pngs
from cnnspec.views.pictures.palette import LIGHT
from cnnspec.views.pictures.svg import convert

WINDOWS = [
    "input 5x5x1; conv 1 3x3",
    "input 6x5x2; conv 3 3x2 stride=2x1 padding=(1, 0, 2, 1)",
    "input 9x7x2; conv 2 3x2 dilation=2x3",
    "input 8x8x1; conv 1 2x3 dilation=3x2 stride=2 padding=2",
    "input 6x6x4; conv 4 3x3 groups=2 padding=same stride=2",
    'input 5x5x3; conv 2 3x3 connections="0 2; 1"',
    "input 5x5x2; depthwise 3x3 multiplier=2 padding=full",
    "input 11x2; conv 2 3 stride=2 padding=1",
    "input 3x3x2; upconv 2 3x3 stride=2 padding=1",
    "input 3x4x1; upconv 1 3x2 stride=2x3 dilation=2x1 output_padding=1x2",
    "input 3x3x4; upconv 4 2x4 stride=1x3 groups=2 padding=(0, 1, 1, 0)",
    "input 5x2; upconv 1 3 stride=3",
    "input 5x5x2; maxpool 2x2 rounding=ceil",
    "input 6x7x1; maxpool 3x2 stride=2x1 padding=1x0 dilation=1x2",
    "input 5x6x1; minpool 3x3 padding=1",
    "input 6x6x2; avgpool 3x3 stride=2 padding=1 count_padding=no",
    "input 10x7x1; avgpool to=4x3",
    "input 6x6x2; maxpool to=4x4",
    "input 4x4x2; globalavgpool",
    "input 4x3x1; upsample 2 mode=bilinear",
]
FILTERS = [text for text in WINDOWS if "conv" in text or "depthwise" in text]


def shown(text: str, channel: int | None = None) -> tuple[Stepping, Network, cnnspec.Model]:
    """The last channel of the one layer, with weights and numbers that are all above 0."""
    network = cnnspec.parse(text)
    model, random = network.build(0), np.random.default_rng(1)
    for array in model.weights.values():
        array[...] = random.uniform(0.5, 1, array.shape)
    values = Values.of(model, random.uniform(0.5, 1, network.input).astype("float32"))
    node = first_moving(network)
    return stepping(node, node.output[-1] - 1 if channel is None else channel, values=values), network, model


@pytest.mark.parametrize("text", WINDOWS)
def test_a_frame_covers_exactly_what_the_engines_value_hangs_on(text: str) -> None:
    one, network, model = shown(text)
    places = list(np.ndindex(network.input))
    batch = np.repeat(np.moveaxis(known(one.values).maps[0], 0, -1)[None], len(places) + 1, axis=0)
    for n, place in enumerate(places):
        batch[(n, *place)] += -1e3 if "minpool" in text else 1e3
    found = model.predict(batch)[..., one.channel].reshape(len(places) + 1, -1)
    moved = np.abs(found[:-1] - found[-1]) > 1  # equal samples of a batch may differ in their last bits
    for step, column in zip(one.steps, moved.T, strict=True):
        hangs = {places[n] for n in np.flatnonzero(column)}
        covered = {(*place, channel) for place in one.reads(step) for channel in one.channels}
        assert covered == {(0,) * (3 - len(place)) + place for place in hangs}, step
        met = {(one.tracks[0].index(row), one.tracks[1].index(column)) for row, column in step.cells}
        assert {place for place in met if None not in place} == set(one.reads(step))


@pytest.mark.parametrize("text", FILTERS)
def test_the_kernel_lies_on_the_cells_as_it_is_multiplied(text: str) -> None:
    """Numbers of the map times those of the kernel, cell by cell, are the engine's value."""
    one, _, model = shown(text)
    maps, kernel, result = known(one.maps), known(one.kernel), known(one.result)
    bias = next(array[one.channel] for name, array in model.weights.items() if name.endswith("bias"))
    for step in one.steps:
        whole = bias
        for (row, column), taps in zip(step.cells, kernel.reshape(len(kernel), -1).T, strict=True):
            place = one.tracks[0].index(row), one.tracks[1].index(column)
            whole += 0 if None in place else taps @ maps[:, place[0], place[1]]
        assert result[step.place] == pytest.approx(whole, rel=1e-5)


@pytest.mark.parametrize("text", WINDOWS)
def test_the_sum_under_a_frame_comes_to_its_value(text: str) -> None:
    one, *_ = shown(text, 0)
    for step in one.steps[::3]:
        end = re.split(" = |^= |, from", one.told(step, 5)[-1])
        number = end[1] if end[-1].endswith("values") else end[-1]
        assert float(number.replace("−", "-")) == pytest.approx(known(one.result)[step.place], abs=2e-5)


@pytest.mark.parametrize(
    ("text", "first", "cells", "apart"),
    [
        ("input 4x4x1; conv 1 3x3", 0, 4, 1),
        ("input 5x5x1; conv 1 4x4 padding=2", -2, 9, 1),
        ("input 6x6x1; conv 1 3x3 stride=2 padding=1", -1, 8, 1),
        ("input 2x2x1; upconv 1 3x3", -2, 6, 1),
        ("input 6x6x1; upconv 1 4x4 padding=2", -1, 8, 1),
        ("input 7x7x1; upconv 1 3x3 padding=2", 0, 7, 1),
        ("input 2x2x1; upconv 1 3x3 stride=2", -2, 7, 2),
        ("input 3x3x1; upconv 1 3x3 stride=2 padding=1", -1, 7, 2),
        ("input 3x3x1; upconv 1 3x3 stride=2 padding=1 output_padding=1", -1, 8, 2),
    ],
)
def test_maps_are_padded_as_the_guide_to_convolution_arithmetic_draws_them(
    text: str, first: int, cells: int, apart: int
) -> None:
    """Figures 2.1, 2.2, 2.7, 4.1, 4.2, 4.4 to 4.7; what remains of a division is padded at the far end."""
    track = stepping(first_moving(cnnspec.parse(text))).tracks[0]
    assert (track.first, track.count, track.spacing) == (first, cells, apart)


def test_the_moving_picture_is_every_still_one_in_its_turn() -> None:
    one, *_ = shown("input 4x4x2; conv 1 3x2 padding=1")
    animation = Animation(one, LIGHT)
    moving = animation.moving(0.5)
    root = ElementTree.fromstring(moving)
    frames = [each for each in root.iter() if (each.get("class") or "").split()[:1] == ["f"]]
    delays = [float(known(re.search(r"-?[\d.]+", frame.get("style", "")))[0]) for frame in frames]
    whole = (len(animation) - 1 + HOLD) * 0.5
    assert delays == [pytest.approx(n * 0.5 - whole) for n in range(len(animation))]
    assert f"animation:f {whole:g}s" in moving
    assert "prefers-reduced-motion" in moving
    assert "<script" not in moving
    for n, frame in enumerate(frames):
        (alone,) = [
            each
            for each in ElementTree.fromstring(animation.still(n)).iter()
            if (each.get("class") or "").split()[:1] == ["f"]
        ]
        assert [each.text for each in alone.iter() if each.text] == [
            each.text for each in frame.iter() if each.text
        ]
    names = {each.get("id") for each in root.iter() if each.get("id")}
    assert {known(each.get("href"))[1:] for each in root.iter() if each.tag.endswith("use")} == names


def test_numbers_that_do_not_fit_are_shades() -> None:
    one, *_ = shown("input 40x40x1; conv 1 3x3 stride=8")
    still = Animation(one, LIGHT).still(3)
    assert "data:image/png" in still
    assert "shaded on its own scale" in still
    small, *_ = shown("input 4x4x1; conv 1 3x3")
    assert "data:image/png" not in Animation(small, LIGHT).still(0)


def test_output_values_that_come_later_are_hidden() -> None:
    one, *_ = shown("input 3x3x1; conv 1 2x2")
    covers = [Animation(one, LIGHT).still(n).count(f'fill="{LIGHT.page}"') for n in range(4)]
    assert [count - covers[-1] for count in covers] == [2, 1, 1, 0]


def test_pools_keep_their_padding_apart() -> None:
    one, *_ = shown("input 4x4x1; maxpool 3x3 stride=2 padding=1")
    assert ">−∞</text>" in Animation(one, LIGHT).still(0)


# The command ----------------------------------------------------------------------

LECTURE = ["-e", "input 3x3x1; conv 1 2x2", "--input", "0 1 2; 3 4 5; 6 7 8", "--weights", "conv1=0 1; 2 3"]


def test_one_file_with_the_lectures_sums(command: Command, tmp_path: Path) -> None:
    target = tmp_path / "sum.svg"
    assert command("animate", *LECTURE, "-o", str(target))[0] == 0
    page = target.read_text()
    for line in ("= 0·0 + 1·1 + 3·2 + 4·3 = 19", "= 4·0 + 5·1 + 7·2 + 8·3 = 43"):
        assert f">{line}</text>" in page


def test_without_an_input_the_places_are_told(command: Command, tmp_path: Path) -> None:
    target = tmp_path / "steps.svg"
    command("animate", "-e", "input 7x7x1; conv 1 3x2 dilation=2x1", "-o", str(target), "--most", "3")
    page = target.read_text()
    assert "reads rows 0, 2, 4, columns 2 to 3" in page
    assert "the first 3 of 18 positions" in page


def test_frames_in_a_folder(command: Command, tmp_path: Path) -> None:
    assert command("animate", *LECTURE, "-o", f"{tmp_path}/frames/")[0] == 0
    assert sorted(path.name for path in (tmp_path / "frames").iterdir()) == [
        "0.svg",
        "1.svg",
        "2.svg",
        "3.svg",
    ]


def test_a_gif_holds_every_frame_and_stays_at_the_end(command: Command, tmp_path: Path) -> None:
    pytest.importorskip("vl_convert")
    image = pytest.importorskip("PIL.Image")
    target = tmp_path / "sum.gif"
    assert command("animate", *LECTURE, "--seconds", "0.5", "-o", str(target))[0] == 0
    film = image.open(io.BytesIO(target.read_bytes()))
    times = []
    for n in range(film.n_frames):
        film.seek(n)
        times.append(film.info["duration"])
    assert times == [500, 500, 500, 500 * HOLD]


@pytest.mark.parametrize("spec", ["input 3x3x2; conv 1 2x2 padding=1", "input 40x40x1; conv 1 3x3 stride=8"])
@pytest.mark.parametrize("scale", [1.0, 1.7])
def test_frames_laid_together_are_those_drawn_whole(spec: str, scale: float) -> None:
    pytest.importorskip("vl_convert")
    image = pytest.importorskip("PIL.Image")
    animation = Animation(shown(spec)[0], LIGHT)
    for n, frame in enumerate(pngs(animation.cels(), scale)):
        laid, whole = (
            np.asarray(image.open(io.BytesIO(each)).convert("RGB"), int)
            for each in (frame, convert(animation.still(n), "png", scale))
        )
        assert laid.shape == whole.shape
        assert np.abs(laid - whole).max() <= 3, n  # of 255: edges are rounded once more


def test_png_frames_in_a_folder(command: Command, tmp_path: Path) -> None:
    pytest.importorskip("vl_convert")
    pytest.importorskip("PIL")
    assert command("animate", *LECTURE, "-o", f"{tmp_path}/frames/", "--format", "png")[0] == 0
    files = sorted((tmp_path / "frames").iterdir())
    assert [path.name for path in files] == ["0.png", "1.png", "2.png", "3.png"]
    assert len({path.read_bytes() for path in files}) == 4


def test_a_missing_encoder_is_told(command: Command, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("cnnspec.views.pictures.film.find_spec", lambda name: None)
    code, _, told = command("animate", *LECTURE, "-o", str(tmp_path / "sum.mp4"))
    assert code == 1
    assert "pip install 'cnnspec[video]'" in told
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize(
    ("arguments", "code", "said"),
    [
        (["lenet", "dense1"], 1, "dense1 has no window that moves over a map"),
        (["-e", "input 4; dense 2"], 1, "no window that moves"),
        (["-e", "input 4x4x4x1; conv 1 2"], 1, "moves along three axes"),
        (["-e", "input 6x6x1; p: maxpool 2x2; unpool p", "unpool1"], 1, "no window that moves"),
        (["vgg16"], 1, '-e "input 9x9x3; conv 64 3x3 padding=1"'),
        (["-e", "input 40x40x1; conv 1 3x3"], 1, "--most 100"),
        (["lenet", "conv9"], 2, 'did you mean "conv2"?'),
        (["lenet", "--channel", "6"], 2, "conv1 has 6 output channels: 0 to 5"),
        (["lenet", "-o", "x.gifs"], 2, "did you mean x.gif?"),
        (["lenet", "-o", "x"], 2, "did you mean x/?"),
        (["lenet", "-o", "x/", "--format", "gif"], 2, "-o x/conv1.gif"),
        (["lenet", "-o", "-", "--format", "png"], 2, "a PNG does not move"),
        (["lenet", "--weights", "conv1=1"], 2, "give --input too"),
    ],
)
def test_what_cannot_be_shown_is_told(
    arguments: list[str],
    code: int,
    said: str,
    command: Command,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.chdir(tmp_path)
    found, _, told = command("animate", *arguments)
    assert found == code
    assert said in " ".join(told.split())
    assert not list(tmp_path.iterdir())


make_pictures = runpy.run_path(str(Path(__file__).parents[2] / "docs" / "make_pictures.py"))


COMMANDS = {name: words for name, words in make_pictures["on_pages"]().items() if words[0] == "animate"}


@pytest.mark.parametrize("name", COMMANDS)
def test_the_pictures_of_the_page_are_what_its_commands_draw(
    name: str, command: Command, tmp_path: Path
) -> None:
    pictures = Path(__file__).parents[2] / "docs" / "pictures"
    for theme, ending in (("light", ""), ("dark", "_dark")):
        made = tmp_path / f"{theme}.svg"
        assert command(*COMMANDS[name], "--theme", theme, "-o", str(made))[0] == 0
        assert made.read_bytes() == (pictures / f"{name}{ending}.svg").read_bytes()


def test_a_layer_without_a_window_is_refused_in_python_too() -> None:
    with pytest.raises(LayerError, match="no window"):
        stepping(cnnspec.parse("input 4; dense 2").nodes[1])

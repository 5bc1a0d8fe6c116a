"""Feature maps on the volumes: the engine's own values, each sheet on its own scale."""

from __future__ import annotations

import base64
import re
import struct
import zlib
from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray
from tools import Command, known

import cnnspec
from cnnspec.views.pictures.volumes.compose import SHOWN
from cnnspec.views.results.pixels import SMALLEST, feature_maps, png

SPEC = "input 12x12x1; conv 8 3x3 -> relu -> maxpool 2x2; flatten; dense 4 -> softmax"
BRANCHED = "input 12x12x2; conv 4 3x3 padding=1; add { | conv 4 3x3 padding=1 | }; conv 3 1x1"


def pictures(page: str) -> list[NDArray[np.uint8]]:
    """The grey pictures in an SVG, height x width, dots that were repeated taken once."""
    return [_grey(base64.b64decode(text)) for text in re.findall(r"data:image/png;base64,([^\"]+)", page)]


def words(page: str) -> str:
    return " ".join(re.findall("<text[^>]*>([^<]*)</text>", page))


def _grey(data: bytes) -> NDArray[np.uint8]:
    width, height, depth, kind = struct.unpack(">IIBB", data[16:26])
    assert (depth, kind) == (8, 0)
    start = data.index(b"IDAT") + 4
    rows = zlib.decompress(data[start:])
    return np.frombuffer(rows, np.uint8).reshape(height, width + 1)[:, 1:]


def smaller(picture: NDArray[np.uint8], shape: tuple[int, int]) -> NDArray[np.uint8]:
    times = max(1, SMALLEST // max(shape))
    assert picture.shape == (shape[0] * times, shape[1] * times)
    return picture[::times, ::times]


def test_sheets_hold_what_the_engine_computes(command: Command, tmp_path: Path) -> None:
    x = np.random.default_rng(3).random((12, 12, 1)).astype("float32")
    np.save(tmp_path / "x.npy", x)
    target = tmp_path / "net.svg"
    told = command(
        "draw", "-e", SPEC, "--style", "volumes", "--input", str(tmp_path / "x.npy"), "-o", str(target)
    )[2]
    assert "random weights" in told
    found = pictures(target.read_text())
    most, _ = SHOWN["few"]
    assert len(found) == 1 + most + most + 1
    names = ["relu1", "maxpool1", "softmax1"]
    kept = cnnspec.parse(SPEC).build(0).forward(x[None], keep=names)
    strongest = sorted(np.argsort(-kept["relu1"][0].std(axis=(0, 1)), kind="stable")[:most])
    sheets = [smaller(one, (10, 10)) for one in found[1 : 1 + most]]
    for sheet, channel in zip(reversed(sheets), strongest, strict=True):  # the nearest is drawn last
        values = kept["relu1"][0, ..., channel]
        wanted = 255 * (values - values.min()) / np.ptp(values)
        np.testing.assert_allclose(sheet, wanted, atol=0.51)
    assert np.argmax(smaller(found[-1], (4, 1))) == kept["softmax1"][0].argmax()
    assert "its least value black, its greatest white" in words(target.read_text())


def test_other_networks_have_one_map_on_the_right_face_of_each_solid(
    command: Command, tmp_path: Path
) -> None:
    target = tmp_path / "net.svg"
    command("draw", "-e", BRANCHED, "--style", "volumes", "--input", "random", "-o", str(target))
    page = target.read_text()
    assert len(pictures(page)) == len(re.findall(r'transform="matrix\(1 -', page)) == 4
    assert "The right face of each solid shows what a channel makes of the input" in words(page)


def test_a_volume_shows_the_slice_in_its_middle(command: Command, tmp_path: Path) -> None:
    x, target = np.random.default_rng(1).random((5, 8, 8, 1)).astype("float32"), tmp_path / "net.svg"
    np.save(tmp_path / "x.npy", x)
    given = ["-e", "input 5x8x8x1; conv 2 3x3x3", "--style", "volumes", "-o", str(target)]
    assert command("draw", *given, "--image", str(tmp_path / "x.npy"))[0] == 0
    page = target.read_text()
    wanted = 255 * (x[2, ..., 0] - x[2].min()) / np.ptp(x[2])
    np.testing.assert_allclose(smaller(pictures(page)[0], (8, 8)), wanted, atol=0.51)
    assert "Of each volume it is the slice in the middle." in words(page)
    Path(tmp_path / "x.png").write_bytes(png(np.zeros((8, 8, 1), np.uint8)))
    code, _, told = command("draw", *given, "--image", str(tmp_path / "x.png"))
    assert code == 2
    assert "for what is no map give an array of 5x8x8x1 as a .npy file" in " ".join(told.split())
    assert "--resize" not in told


def test_without_an_input_nothing_is_shown(command: Command, tmp_path: Path) -> None:
    target = tmp_path / "net.svg"
    command("draw", "-e", SPEC, "--style", "volumes", "-o", str(target))
    assert "data:image" not in target.read_text()


def test_a_run_shows_its_trained_maps(command: Command, tmp_path: Path) -> None:
    run, target = str(tmp_path / "run"), tmp_path / "net.svg"
    spec = "input 8x8x1; conv 4 3x3; relu; flatten; dense 10; softmax; train { data digits; epochs 1 }"
    pytest.importorskip("sklearn")
    command("train", "-e", spec, "-o", run)
    given = ["--style", "volumes", "--image", "digits:test:3", "-o", str(target)]
    code, _, told = command("draw", run, *given)
    assert code == 0
    assert "random weights" not in told
    assert "what a channel makes of digits:test:3" in words(target.read_text())


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["--input", "random"], "say --style volumes too"),
        (["--style", "volumes", "--weights", "conv1=1"], "give --input too"),
        (["--style", "volumes", "--input", "1 2; 3 4"], "the network takes 12x12x1"),
    ],
)
def test_what_is_missing_is_told(arguments: list[str], said: str, command: Command, tmp_path: Path) -> None:
    code, _, told = command("draw", "-e", SPEC, *arguments, "-o", str(tmp_path / "net.svg"))
    assert code == 2
    assert said in " ".join(told.split())


def test_maps_of_any_rank_are_pictures() -> None:
    for shape in ((7,), (9, 3), (5, 6, 4), (3, 5, 6, 2)):
        found = feature_maps(np.random.default_rng(0).random(shape), 2)
        assert 1 <= len(found) <= 2
        assert all(one.startswith("data:image/png;base64,") for one in found)
    flat = pictures(f'"{feature_maps(np.full((4, 4, 1), np.nan), 1)[0]}"')
    assert not known(flat)[0].any()

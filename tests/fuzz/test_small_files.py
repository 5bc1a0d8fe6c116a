"""Small files that would fill the memory: what they come to is known, and judged, before it is there."""

from __future__ import annotations

import gzip
from collections.abc import Callable
from functools import partial
from pathlib import Path

import numpy as np
import pytest
from PIL import Image
from tools import fault_of

from cnnspec.backends import weights
from cnnspec.recipe.targets import BinaryTarget, ImageTarget, MaskTarget, TargetSetting
from cnnspec.training.data import faults, load
from cnnspec.training.data.idx import read_labels
from cnnspec.training.data.streamed import StreamedImages

from .forge.samples import header
from .test_found import most_traced

MANY = "samples unfold from"
MOST = 4_000_000
"""Bytes that files here may unfold to; the whole pictures have one million each."""


@pytest.fixture
def desk(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder with a large picture that takes little room, where little may be unfolded."""
    monkeypatch.setattr(faults, "UNFOLDED", MOST)
    Image.new("L", (1000, 1000)).save(tmp_path / "large.png")
    return tmp_path


def copied(desk: Path, *places: str) -> None:
    for place in places:
        (desk / place).parent.mkdir(parents=True, exist_ok=True)
        (desk / place).write_bytes((desk / "large.png").read_bytes())


def table(desk: Path, *head: str) -> str:
    path = desk / "x.csv"
    path.write_text(
        "\n".join(
            [",".join([*head, "y"]), *(",".join(["large.png"] * len(head) + [str(n % 2)]) for n in range(40))]
        )
    )
    return str(path)


def test_a_picture_that_a_table_names_again_and_again_is_decoded_as_it_is_asked_for(desk: Path) -> None:
    path = table(desk, "file")
    for target in (None, BinaryTarget()):
        used = most_traced(partial(load, path, shape=(8, 8, 1), target=target))
        found = load(path, shape=(8, 8, 1), target=target)
        assert isinstance(found.train_images, StreamedImages)
        assert (len(found.train_labels), len(found.test_labels)) == (32, 8)
        assert used < MOST
    assert not found.test_images[:2].any()


def test_a_table_says_in_which_line_a_picture_of_another_size_is_named(desk: Path) -> None:
    path = Path(table(desk, "file"))
    Image.new("L", (9, 8)).save(desk / "small.png")
    path.write_text(path.read_text() + "\nsmall.png,1\n")
    fault = fault_of(load, str(path), shape=(8, 8, 1))
    assert fault.message.endswith("small.png: is 8x9x1, the first sample 1000x1000x1")
    assert fault.notes == (f"it is named in line 42 of {path}",)


def test_pictures_for_several_inputs_are_refused_before_they_are_decoded(desk: Path) -> None:
    path, shape = table(desk, "a", "b"), {"a": (8, 8, 1), "b": (8, 8, 1)}
    refused = partial(fault_of, load, path, shape=shape)
    assert MANY in refused().message
    assert most_traced(refused) < MOST


@pytest.mark.parametrize("target", [MaskTarget, ImageTarget])
def test_pictures_with_others_beside_them_are_refused_before_they_are_decoded(
    desk: Path, target: Callable[..., TargetSetting]
) -> None:
    copied(desk, *(f"{folder}/{n}.png" for folder in ("photos", "others") for n in range(9)))
    wanted = target(path=str(desk / "others"))
    refused = partial(fault_of, load, "images", desk / "photos", shape=(8, 8, 1), target=wanted)
    assert MANY in refused().message
    assert most_traced(refused) < 2 * MOST


def test_a_folder_of_large_pictures_is_decoded_as_they_are_asked_for_or_refused(desk: Path) -> None:
    copied(desk, *(f"d/{'ab'[n % 2]}/{n}.png" for n in range(9)))
    found = load("images", desk / "d", shape=(8, 8, 1))
    assert isinstance(found.train_images, StreamedImages)
    refused = partial(fault_of, load, "images", desk / "d", shape=(8, 8, 1), target=ImageTarget())
    assert MANY in refused().message
    assert most_traced(refused) < MOST


def test_files_that_are_large_themselves_are_read_whole(desk: Path) -> None:
    random = np.random.default_rng(0)
    for n in range(9):
        (desk / f"d/{'ab'[n % 2]}").mkdir(parents=True, exist_ok=True)
        Image.fromarray(random.integers(0, 256, (1000, 1000), np.uint8)).save(
            desk / f"d/{'ab'[n % 2]}/{n}.png"
        )
    assert isinstance(load("images", desk / "d", shape=(8, 8, 1)).train_images, np.ndarray)


def test_labels_of_a_packed_file_count_with_what_each_takes(desk: Path) -> None:
    labels = np.zeros(1_000_000, np.uint8)
    (desk / "labels.gz").write_bytes(gzip.compress(header(labels) + labels.tobytes()))
    assert "claims to unfold" in fault_of(read_labels, desk / "labels.gz").message
    np.savez_compressed(desk / "x.npz", x=labels[:, None], y=labels)
    assert "claims to unfold" in fault_of(load, str(desk / "x.npz"), shape=(1,)).message


def test_narrow_lines_of_a_table_take_little(tmp_path: Path) -> None:
    path = tmp_path / "x.csv"
    path.write_text("0,1\n1,0\n" * 20_000)
    assert most_traced(lambda: load(str(path), shape=(1,))) < 25 * path.stat().st_size


def test_a_long_label_does_not_make_the_others_as_wide(tmp_path: Path) -> None:
    path = tmp_path / "x.csv"
    path.write_text("1,1\n2,1\n" * 1000 + "x" * 10_000 + ",1\n")
    refused = partial(fault_of, load, str(path), shape=(1,))
    assert refused().message.endswith("the label in line 2001 has 10,000 characters; at most 200 are read")
    assert most_traced(refused) < 2_000_000


def test_a_line_of_millions_of_cells_is_refused_before_it_is_parted(tmp_path: Path) -> None:
    path = tmp_path / "x.csv"
    path.write_text("1,1\n2" + ",0" * 2_000_000 + "\n")
    refused = partial(fault_of, load, str(path), shape=(1,))
    assert "a line has 4,000,002 characters; at most 4,000,000 are read" in refused().message
    assert most_traced(refused) < 5 * path.stat().st_size


def test_labels_of_too_many_kinds_are_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("cnnspec.training.data.table.MOST_CLASSES", 9)
    path = tmp_path / "x.csv"
    path.write_text("".join(f"word{n},1,2\n" for n in range(11)))
    assert "more than 9 different values" in fault_of(load, str(path), shape=(2,), label=1).message


def test_weights_that_find_no_memory_to_be_written_in_are_told_so(monkeypatch: pytest.MonkeyPatch) -> None:
    class PanicException(BaseException):
        """As Rust raises it where it finds no memory."""

    def panic(*arrays: object, **named: object) -> bytes:
        raise PanicException("no memory")

    monkeypatch.setattr(weights, "save_arrays", panic)
    with pytest.raises(MemoryError):
        weights.encode({}, {})

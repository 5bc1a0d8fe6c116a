"""NumPy files that are not what they should be: each is refused by its name, before memory is taken."""

import io
import pickle
import zipfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from cnnspec.diagnostics import SpecError
from cnnspec.training.data import numpy_files

IMAGES = np.random.default_rng(0).integers(0, 256, (40, 8, 8), np.uint8)
LABELS = np.arange(40) % 4


def header_of(shape: tuple[int, ...], kind: str = "|u1") -> bytes:
    """The beginning of an .npy file that promises this."""
    file = io.BytesIO()
    np.lib.format.write_array_header_1_0(file, {"descr": kind, "fortran_order": False, "shape": shape})
    return file.getvalue()


def archive(path: Path, **contents: Any) -> Path:
    with zipfile.ZipFile(path, "w") as file:
        for key, content in contents.items():
            file.writestr(f"{key}.npy", content)
    return path


def saved(array: np.ndarray) -> bytes:
    file = io.BytesIO()
    np.save(file, array)
    return file.getvalue()


def fault(read: Callable[[Path], object], path: Path) -> str:
    with pytest.raises(SpecError) as caught:
        read(path)
    (item,) = caught.value.diagnostics
    assert ("data-file", True) == (item.code, str(path) in item.message)
    return item.message.removeprefix(f"{path}: ")


@pytest.mark.parametrize("packed", [zipfile.ZIP_BZIP2, zipfile.ZIP_LZMA])
def test_an_archive_that_unfolds_without_measure_is_refused(tmp_path: Path, packed: int) -> None:
    shape = (20_000, 32, 32)
    with zipfile.ZipFile(tmp_path / "x.npz", "w", packed) as file:
        file.writestr("x.npy", header_of(shape) + bytes(np.prod(shape)))
        file.writestr("y.npy", saved(np.zeros(shape[0], np.uint8)))
    assert (tmp_path / "x.npz").stat().st_size < 5_000
    assert "claims to unfold" in fault(numpy_files.load, tmp_path / "x.npz")


def test_an_archive_packed_in_a_way_that_numpy_does_not_use_is_refused(tmp_path: Path) -> None:
    with zipfile.ZipFile(tmp_path / "x.npz", "w", zipfile.ZIP_LZMA) as file:
        file.writestr("x.npy", saved(IMAGES))
        file.writestr("y.npy", saved(LABELS))
    assert "packed in a way" in fault(numpy_files.load, tmp_path / "x.npz")


@pytest.mark.parametrize("letter", [0x110000, 0xFFFFFFFF, 0xD800])
def test_labels_that_are_no_text_are_refused(tmp_path: Path, letter: int) -> None:
    words = np.frombuffer(np.array([65, letter] * 20, "<u4").tobytes(), "<U1")
    path = archive(tmp_path / "x.npz", x=saved(IMAGES), y=saved(words))
    assert "is damaged" in fault(numpy_files.load, path)


def test_an_archive_gives_what_was_saved(tmp_path: Path) -> None:
    np.savez_compressed(tmp_path / "own.npz", x=IMAGES, y=LABELS, more=np.array([{}], object))
    data = numpy_files.load(tmp_path / "own.npz", test=0.25)
    assert (30, 10) == (len(data.train_labels), len(data.test_labels))


def test_a_single_array_is_no_archive(tmp_path: Path) -> None:
    with (tmp_path / "one.npz").open("wb") as file:
        np.save(file, IMAGES)
    assert "is a single array, not an archive of images and labels" == fault(
        numpy_files.load, tmp_path / "one.npz"
    )


def test_a_pickle_is_not_loaded(tmp_path: Path) -> None:
    (tmp_path / "own.npz").write_bytes(pickle.dumps({"x": [1]}))
    assert "holds Python objects, which are not loaded" == fault(numpy_files.load, tmp_path / "own.npz")


@pytest.mark.parametrize("place", range(60, 1200, 97))
def test_no_flipped_byte_ends_in_an_error_of_its_own(tmp_path: Path, place: int) -> None:
    """What is flipped beside the values changes nothing; all else is told."""
    path = tmp_path / "own.npz"
    np.savez_compressed(path, x=IMAGES, y=LABELS)
    content = bytearray(path.read_bytes())
    content[place] ^= 0xFF
    path.write_bytes(content)
    try:
        data = numpy_files.load(path)
    except SpecError as error:
        said: object = [item.code for item in error.diagnostics]
    else:
        said = int(data.train_images.sum() + data.test_images.sum())
    assert said in (["data-file"], IMAGES.sum())


@pytest.mark.parametrize("shape", [(10**9, 32, 32), (10**15, 10**15), (-1, 8, 8), (39, 8, 8)])
def test_a_header_that_promises_another_size_is_refused_unread(
    tmp_path: Path, shape: tuple[int, ...]
) -> None:
    path = archive(tmp_path / "own.npz", x=header_of(shape) + IMAGES.tobytes(), y=saved(LABELS))
    promised = np.prod(shape, dtype=object)
    assert f"x promises {promised:,} bytes and holds 2,560" == fault(numpy_files.load, path)
    path = tmp_path / "own.npy"
    path.write_bytes(header_of(shape) + IMAGES.tobytes())
    assert f"promises {promised:,} bytes and holds 2,560" == fault(numpy_files.read, path)


def test_an_archive_is_no_single_array(tmp_path: Path) -> None:
    with (tmp_path / "own.npy").open("wb") as file:
        np.savez(file, x=IMAGES)
    assert "is an archive of arrays (.npz), not a single one (.npy)" == fault(
        numpy_files.read, tmp_path / "own.npy"
    )


def test_a_file_of_another_kind_is_no_array(tmp_path: Path) -> None:
    (tmp_path / "own.npy").write_bytes(b"hello")
    assert "is not a .npy file: it does not begin with \\x93NUMPY" == fault(
        numpy_files.read, tmp_path / "own.npy"
    )
    (tmp_path / "own.npy").write_bytes(b"\x93NUMPY\x01\x00\x08\x00{'shape'")
    assert fault(numpy_files.read, tmp_path / "own.npy").startswith("is not a .npy file, or is damaged (")

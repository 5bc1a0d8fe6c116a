"""Folders of images that are decoded as they are asked for: the same bits as when they are loaded whole."""

import os
import shutil
import signal
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import pytest
from tools import Command, fault_of, same

from cnnspec.recipe.models import Normalise
from cnnspec.training.batches import Batches
from cnnspec.training.data import images, load, streamed
from cnnspec.training.data.dataset import Dataset, divide
from cnnspec.training.data.preprocess import flatten
from cnnspec.training.data.streamed import StreamedImages
from cnnspec.training.evaluate import scaling_of
from cnnspec.training.fingerprint import _samples

Image = pytest.importorskip("PIL.Image")
SPEC = """network Bars
input 8x8x1
conv 4 3x3 -> relu -> maxpool 2x2
flatten -> dense 8 -> relu -> dense 3 -> softmax
train { data images "bars" validation=0.2; normalise standard; optimizer sgd rate=0.1; batch 16; epochs 2 }
"""


@pytest.fixture
def place(tmp_path: Path, data: Dataset, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A working folder with a spec and its images: PNG, JPEG, and some that lie on their side."""
    monkeypatch.chdir(tmp_path)
    (tmp_path / "bars.cnn").write_text(SPEC)
    for part, pixels, labels in (
        ("train", data.train_images, data.train_labels),
        ("test", data.test_images[:40], data.test_labels[:40]),
    ):  # fmt: skip
        for n, (image, label) in enumerate(zip(pixels, labels, strict=True)):
            file = tmp_path / "bars" / part / data.names[label] / f"{n:03}.{('png', 'jpg')[n % 2]}"
            file.parent.mkdir(parents=True, exist_ok=True)
            exif = Image.Exif()
            exif[0x0112] = 6 if n % 5 == 0 else 1
            Image.fromarray(image[..., 0]).save(file, exif=exif)
    return tmp_path


@pytest.fixture
def streams(monkeypatch: pytest.MonkeyPatch) -> None:
    """Any folder is too large for memory, and nearly so for what is kept."""
    monkeypatch.setattr(streamed, "IN_MEMORY", 0)
    monkeypatch.setattr(streamed, "KEPT", 50 * 64)


def whole_and_streamed(
    monkeypatch: pytest.MonkeyPatch, kept: int = 50 * 64, **options: object
) -> tuple[Dataset, Dataset]:
    whole = load("bars", shape=(8, 8, 1))
    with monkeypatch.context() as patch:
        patch.setattr(streamed, "IN_MEMORY", 0)
        patch.setattr(streamed, "KEPT", kept)
        found = load("bars", shape=(8, 8, 1))
    assert isinstance(whole.train_images, np.ndarray)
    assert isinstance(found.train_images, StreamedImages)
    return whole, found


def test_samples_are_the_same_in_the_same_order(place: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    whole, found = whole_and_streamed(monkeypatch)
    assert whole.names == found.names
    for part, other in ((whole.train, found.train), (whole.test, found.test)):
        assert part.images.shape == other.images.shape
        np.testing.assert_array_equal(part.labels, other.labels)
        np.testing.assert_array_equal(part.images, np.asarray(other.images))
        np.testing.assert_array_equal(part.images[3:9], other.images[3:9])
        np.testing.assert_array_equal(part.images[::-7], other.images[::-7])
        np.testing.assert_array_equal(part.images[[5, 1, 1]], other.images[[5, 1, 1]])
        np.testing.assert_array_equal(part.images[-1], other.images[-1])
    for one, two in zip(divide(whole, 0.3, 1), divide(found, 0.3, 1), strict=True):
        assert one is not None
        assert two is not None
        assert isinstance(two.images, StreamedImages)
        np.testing.assert_array_equal(one.images, np.asarray(two.images))


def test_batches_are_the_same_from_any_place_on(place: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    whole, found = whole_and_streamed(monkeypatch)
    sides = [Batches(one.train_images, one.train_labels, 16, 3) for one in (whole, found)]
    for epoch, first in ((0, 0), (1, 0), (1, 7)):
        for (one, labels), (two, others) in zip(*(side.epoch(epoch, first) for side in sides), strict=True):
            np.testing.assert_array_equal(one, two)
            np.testing.assert_array_equal(labels, others)


def test_what_is_kept_is_bounded(place: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    _, found = whole_and_streamed(monkeypatch, kept=10 * 64)
    assert isinstance(found.train_images, StreamedImages)
    for _ in range(2):
        np.asarray(found.train_images)
        assert 10 == len(found.train_images.files.kept)


def test_statistics_are_the_same(place: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("cnnspec.training.evaluate.AT_ONCE", 7)
    scalings = [
        scaling_of(Normalise(kind="standard"), one.train_images) for one in whole_and_streamed(monkeypatch)
    ]
    np.testing.assert_array_equal(scalings[0].factor, scalings[1].factor)
    np.testing.assert_array_equal(scalings[0].shift, scalings[1].shift)


def test_a_vector_takes_images_that_are_streamed(place: Path, streams: None) -> None:
    from cnnspec.training.data.fitting import fitted

    found = load("bars", shape=(64,))
    whole = np.asarray(found.train_images)
    made = fitted(found, (64,), 3)
    assert (64,) == made.shape
    np.testing.assert_array_equal(flatten(whole), made.train_images[:])


@pytest.mark.parametrize("more", [(), ("--augment", "shift=1 flip=yes"), ("--workers", "2")])
def test_a_training_has_the_same_weights(
    command: Command, place: Path, monkeypatch: pytest.MonkeyPatch, more: tuple[str, ...]
) -> None:
    assert 0 == command("train", "bars.cnn", "-o", "whole", *more)[0]
    monkeypatch.setattr(streamed, "IN_MEMORY", 0)
    monkeypatch.setattr(streamed, "KEPT", 50 * 64)
    assert 0 == command("train", "bars.cnn", "-o", "streamed", *more)[0]
    assert same(place / "whole", place / "streamed")
    assert 0 == command("train", "bars.cnn", "-o", "parts", "--epochs", 1, *more)[0]
    assert 0 == command("train", "parts", "--resume", "--epochs", 2, *more)[0]
    assert same(place / "whole", place / "parts")
    told = [command("evaluate", run, "--json")[1] for run in ("whole", "streamed")]
    assert told[0] == told[1]


def test_a_run_goes_on_only_with_the_same_files(command: Command, place: Path, streams: None) -> None:
    assert 0 == command("train", "bars.cnn", "-o", "run")[0]
    shutil.copytree("bars", "elsewhere")
    assert 0 == command("train", "run", "--resume", "--epochs", 3, "--data", "elsewhere")[0]
    file = next(Path("bars/train/row").glob("*.png"))
    pixels = np.array(Image.open(file))
    pixels[0, 0] ^= 1
    Image.fromarray(pixels).save(file)
    code, _, err = command("train", "run", "--resume", "--epochs", 4, "--data", "bars")
    assert (1, True) == (code, "the training images have changed" in " ".join(err.split()))


def test_a_digest_follows_from_names_and_bytes_alone(place: Path, streams: None) -> None:
    before = _samples(load("bars", shape=(8, 8, 1)).train)
    os.utime(next(Path("bars/train/row").glob("*.png")))
    shutil.move("bars", "moved")
    assert before == _samples(load("moved", shape=(8, 8, 1)).train)
    next(Path("moved/train/row").glob("*.png")).rename("moved/train/row/zzz.png")
    assert before != _samples(load("moved", shape=(8, 8, 1)).train)


def test_a_digest_is_of_the_beginning_the_middle_and_the_end(tmp_path: Path) -> None:
    def digest() -> bytes:
        return streamed.ImageFiles(
            [file], tmp_path, (8, 8, 1), lambda path: np.zeros((8, 8, 1), np.uint8)
        ).digest(0)

    file, size = tmp_path / "x.bmp", 5 * streamed.BLOCK
    file.write_bytes(bytes(size))
    before = digest()
    for place in (0, size // 2, size - 1):
        file.write_bytes(bytes(place) + b"1" + bytes(size - place - 1))
        assert digest() != before, place


def test_images_of_other_sizes_are_told_before_the_training(place: Path, streams: None) -> None:
    odd = Path("bars/train/row/zzz.png")
    Image.new("L", (9, 8)).save(odd)
    fault = fault_of(load, "bars", shape=(8, 8, 1))
    assert ("data-file", f"{odd}: is 8x9, the first image 8x8") == (fault.code, fault.message)
    assert load("bars", shape=(8, 8, 1), resize=True).train_images[-1].shape == (8, 8, 1)


def test_a_file_that_cannot_be_decoded_is_named(command: Command, place: Path, streams: None) -> None:
    odd = sorted(Path("bars/train/row").glob("*.png"))[3]
    odd.write_bytes(odd.read_bytes()[:-30])
    code, _, err = command("train", "bars.cnn", "-o", "run")
    assert (1, True) == (code, f"error[data-file]: {odd}" in " ".join(err.split()))
    found = load("bars", shape=(8, 8, 1))
    odd.unlink()
    assert "data-missing" == fault_of(lambda: found.train_images[:]).code
    Image.new("L", (9, 8)).save(odd)
    assert "is 8x9x1, the first image 8x8x1" in fault_of(lambda: found.train_images[:]).message


def test_images_come_though_the_processes_are_lost(place: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    whole, found = whole_and_streamed(monkeypatch, kept=0)
    assert isinstance(found.train_images, StreamedImages)
    np.testing.assert_array_equal(whole.train_images[:20], found.train_images[:20])
    processes = found.train_images.files.processes()
    assert processes is not None
    for pid in processes.pids:
        os.kill(pid, signal.SIGKILL)
    np.testing.assert_array_equal(whole.train_images[20:80], found.train_images[20:80])
    np.testing.assert_array_equal(whole.train_images[80:99], found.train_images[80:99])


def test_images_come_where_the_system_cannot_fork(place: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    whole, found = whole_and_streamed(monkeypatch)
    monkeypatch.delattr(os, "fork")
    np.testing.assert_array_equal(whole.train_images, found.train_images[:])


def test_no_process_outlives_its_parent(place: Path) -> None:
    code = (
        "from cnnspec.training.data import load, streamed\nimport time\nstreamed.IN_MEMORY = 0\n"
        "found = load('bars', shape=(8, 8, 1)); found.train_images[:20]\n"
        "print(*found.train_images.files.processes().pids, flush=True); time.sleep(60)"
    )
    with subprocess.Popen(
        [sys.executable, "-c", code], stdout=subprocess.PIPE, text=True,
        env={**os.environ, "PYTHONPATH": str(Path(__file__).parents[2])},
    ) as parent:  # fmt: skip
        assert parent.stdout is not None
        pids = [*map(int, parent.stdout.readline().split())]
        assert pids
        parent.kill()
    until = time.monotonic() + 20
    while any(map(_is_alive, pids)) and time.monotonic() < until:
        time.sleep(0.05)
    assert not any(map(_is_alive, pids))


def _is_alive(pid: int) -> bool:
    """Whether a process runs; one that ended and that nobody has asked after does not."""
    try:
        return ") Z" not in Path(f"/proc/{pid}/stat").read_text()
    except OSError:
        return False


def test_arrays_and_images_to_give_are_loaded_whole(place: Path, streams: None, data: Dataset) -> None:
    from cnnspec.recipe.targets import ImageTarget

    assert isinstance(load("bars", shape=(8, 8, 1), target=ImageTarget()).train_images, np.ndarray)
    np.save("bars/train/row/one.npy", data.train_images[0])
    assert isinstance(images.load(Path("bars"), (8, 8, 1), 0.2, may_stream=True).train_images, np.ndarray)

import gzip
import hashlib
import struct
import sys
import threading
import tracemalloc
from collections.abc import Callable, Iterator
from dataclasses import replace
from functools import partial
from http.server import HTTPServer, SimpleHTTPRequestHandler
from importlib import import_module
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from tools import fault_of, known

from cnnspec.diagnostics import Diagnostic, SpecError
from cnnspec.recipe.models import Data
from cnnspec.training.data import load, load_for, numpy_files, published
from cnnspec.training.data.dataset import Dataset, split
from cnnspec.training.data.fitting import fitted
from cnnspec.training.data.idx import FILES, read_idx, read_labels, read_pair
from cnnspec.training.data.published import PublishedSet


def idx_bytes(values: np.ndarray) -> bytes:
    header = struct.pack(">BBBB", 0, 0, 8, values.ndim) + struct.pack(f">{values.ndim}I", *values.shape)
    return header + values.astype(np.uint8).tobytes()


@pytest.fixture
def pictures() -> tuple[np.ndarray, ...]:
    generator = np.random.default_rng(0)
    return generator.integers(0, 256, (7, 4, 5), np.uint8), np.array([0, 1, 2, 0, 1, 2, 2], np.uint8)


@pytest.fixture
def folder(tmp_path: Path, pictures: tuple[np.ndarray, ...]) -> Path:
    """The four IDX files of a tiny set, two of them packed."""
    images, labels = pictures
    for name, values, packed in (
        ("train-images-idx3-ubyte", images, True), ("train-labels-idx1-ubyte", labels, False),
        ("t10k-images-idx3-ubyte", images[:3], False), ("t10k-labels-idx1-ubyte", labels[:3], True),
    ):  # fmt: skip
        data = idx_bytes(values)
        path = tmp_path / (name + ".gz" if packed else name)
        path.write_bytes(gzip.compress(data) if packed else data)
    return tmp_path


def test_a_folder_of_idx_files_is_read_plain_or_packed(
    folder: Path, pictures: tuple[np.ndarray, ...]
) -> None:
    data = load("idx", folder)
    assert (7, 4, 5, 1) == data.train_images.shape
    np.testing.assert_array_equal(pictures[0], data.train_images[..., 0])
    np.testing.assert_array_equal(pictures[1][:3], data.test_labels)
    assert ("0", "1", "2") == data.names


def test_a_set_is_found_by_the_environment_in_a_folder_of_its_name_or_bare(
    folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("CNNSPEC_DATA", str(folder))
    assert 7 == len(load("mnist").train_labels)
    within = tmp_path / "home" / "fashion-mnist"
    within.mkdir(parents=True)
    for path in folder.glob("*ubyte*"):
        path.rename(within / path.name)
    monkeypatch.setenv("CNNSPEC_DATA", str(within.parent))
    assert "fashion_mnist" == load("fashion_mnist").name


def test_a_given_folder_without_the_set_is_an_error_with_the_cure(tmp_path: Path) -> None:
    fault = fault_of(load, "mnist", tmp_path)
    assert "data-missing" == fault.code
    assert f"{tmp_path} does not hold mnist" == fault.message
    assert "train-images-idx3-ubyte" in fault.help[0]


@pytest.mark.parametrize(
    "change, message",
    [
        (lambda data: data[:-5], "ends at byte 151 of 156"),
        (lambda data: data[:9], "ends at byte 9, within its header"),
        (lambda data: data[:3], "ends at byte 3, within its first number"),
        (lambda data: data + b"x", "goes on after its last value, at byte 156"),
        (lambda data: b"\x89PNG" + data[4:], "is not an IDX file: it begins with bytes 89 50 4e 47"),
        (lambda data: b"\0\0\x0d\3" + data[4:], "byte 2 says type 0x0d; only unsigned bytes (0x08) are read"),
        (lambda data: b"\0\0\x08\1" + data[4:], "holds labels, not images"),
        (
            lambda data: data[:4] + b"\xff" * 12 + data[16:],
            "claims 4,294,967,295·4,294,967,295·4,294,967,295",
        ),
    ],
)
@pytest.mark.parametrize("packed", [False, True])
def test_a_damaged_file_is_named_with_its_byte(
    tmp_path: Path,
    pictures: tuple[np.ndarray, ...],
    change: Callable[[bytes], bytes],
    message: str,
    packed: bool,
) -> None:
    path = tmp_path / "images"
    data = change(idx_bytes(pictures[0]))
    path.write_bytes(gzip.compress(data) if packed else data)
    fault = fault_of(read_idx, path, "images")
    assert "data-file" == fault.code
    assert fault.message.startswith(f"{path}: {message}")


def test_more_than_the_memory_holds_is_told_of_the_file(
    tmp_path: Path, pictures: tuple[np.ndarray, ...], monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / "train-images-idx3-ubyte"
    path.write_bytes(idx_bytes(pictures[0]))

    def full(*_: object) -> None:
        raise MemoryError

    monkeypatch.setattr(np, "empty", full)
    fault = fault_of(read_idx, path, "images")
    assert f"{path}: promises more values than the memory that is left can hold" == fault.message


def test_a_packed_file_is_unfolded_into_its_values_alone(tmp_path: Path) -> None:
    """Not beside a copy of them."""
    values = np.zeros((8, 1000, 1000), np.uint8)
    path = tmp_path / "train-images-idx3-ubyte.gz"
    path.write_bytes(gzip.compress(idx_bytes(values), 1))
    tracemalloc.start()
    try:
        read_idx(path, "images")
        assert tracemalloc.get_traced_memory()[1] < 1.5 * values.size
    finally:
        tracemalloc.stop()


def test_a_cut_gzip_file_is_named(tmp_path: Path, pictures: tuple[np.ndarray, ...]) -> None:
    path = tmp_path / "images.gz"
    path.write_bytes(gzip.compress(idx_bytes(pictures[0]))[:-20])
    assert "is damaged or cut short" in fault_of(read_idx, path, "images").message


def test_swapped_files_are_recognised(folder: Path) -> None:
    labels = folder / "train-labels-idx1-ubyte"
    assert "holds labels, not images" in fault_of(read_pair, labels, labels).message
    fault = fault_of(read_labels, folder / "t10k-images-idx3-ubyte")
    assert "holds images, not labels" in fault.message
    assert ("give the labels file here; images and labels may be swapped",) == fault.help


def test_unlike_numbers_and_wrong_labels_are_named(folder: Path) -> None:
    images = folder / "train-images-idx3-ubyte.gz"
    fault = fault_of(read_pair, images, folder / "t10k-labels-idx1-ubyte.gz")
    assert "holds 3 labels for 7 images" in fault.message
    fault = fault_of(read_pair, images, folder / "train-labels-idx1-ubyte", 2)
    assert "byte 10 holds label 2; labels are 0 to 1" in fault.message


def test_a_class_that_is_only_tested_is_named_with_its_byte(folder: Path) -> None:
    (folder / "t10k-labels-idx1-ubyte.gz").write_bytes(gzip.compress(idx_bytes(np.array([0, 7, 1]))))
    fault = fault_of(load, "idx", folder)
    assert ("data-file", True) == (fault.code, "byte 9 holds label 7; labels are 0 to 2" in fault.message)


@pytest.mark.parametrize("shape", [(0, 4, 5), (3, 0, 5)])
def test_a_part_without_images_is_named(folder: Path, shape: tuple[int, ...]) -> None:
    (folder / "t10k-images-idx3-ubyte").write_bytes(idx_bytes(np.zeros(shape)))
    (folder / "t10k-labels-idx1-ubyte.gz").write_bytes(gzip.compress(idx_bytes(np.zeros(shape[0]))))
    said = f"holds no images: its header says {'·'.join(map(str, shape))}"
    assert said in fault_of(load, "idx", folder).message


def test_the_other_sets_files_are_not_taken_for_this_one(
    folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    digest = hashlib.sha256((folder / "t10k-labels-idx1-ubyte.gz").read_bytes()).hexdigest()
    monkeypatch.setitem(published.FASHION.sums, "t10k-labels-idx1-ubyte", digest)
    assert "data-missing" == fault_of(load, "mnist", folder).code
    assert 7 == len(load("fashion_mnist", folder).train_labels)


class Quiet(SimpleHTTPRequestHandler):
    def log_message(self, *arguments: object) -> None:
        pass


@pytest.fixture
def served(tmp_path: Path, pictures: tuple[np.ndarray, ...]) -> Iterator[tuple[PublishedSet, Path]]:
    """A server of a tiny set, and the set that names it and a dead source before it."""
    site = tmp_path / "site"
    site.mkdir()
    sums = {}
    images, labels = pictures
    for name, values in zip(FILES, (images, labels, images, labels), strict=True):
        data = gzip.compress(idx_bytes(values))
        (site / f"{name}.gz").write_bytes(data)
        sums[name] = hashlib.sha256(data).hexdigest()
    server = HTTPServer(("127.0.0.1", 0), partial(Quiet, directory=str(site)))
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    good = f"http://127.0.0.1:{server.server_port}/"
    yield published.PublishedSet("tiny", (good + "absent/", good), sums, tuple("012")), site
    server.shutdown()
    thread.join()
    server.server_close()


def test_a_download_is_checked_kept_and_reported(served: tuple[PublishedSet, Path], tmp_path: Path) -> None:
    which, site = served
    seen = []
    paths = published.fetch(which, tmp_path / "cache", lambda *step: seen.append(step))
    assert [f"{name}.gz" for name in FILES] == [path.name for path in paths]
    assert seen[0] == (paths[0].name, paths[0].stat().st_size, paths[0].stat().st_size)
    for path in site.iterdir():
        path.unlink()
    assert paths == published.fetch(which, tmp_path / "cache")


def test_a_damaged_file_in_the_cache_is_fetched_again(
    served: tuple[PublishedSet, Path], tmp_path: Path
) -> None:
    which, _ = served
    paths = published.fetch(which, tmp_path / "cache")
    whole = paths[1].read_bytes()
    paths[1].write_bytes(whole[:-1])
    published.fetch(which, tmp_path / "cache")
    assert whole == paths[1].read_bytes()


def test_a_download_with_another_sum_is_refused_and_nothing_is_kept(
    served: tuple[PublishedSet, Path], tmp_path: Path
) -> None:
    which, site = served
    (site / "train-images-idx3-ubyte.gz").write_bytes(b"an error page")
    fault = fault_of(published.fetch, which, tmp_path / "cache")
    assert "data-missing" == fault.code
    assert "SHA-256" in fault.notes[1]
    assert not list((tmp_path / "cache").glob("*"))


if find_spec("sklearn"):

    def test_digits_have_a_fixed_split_and_grow_to_the_networks_input() -> None:
        data = load_for(Data(name="digits"), (28, 28, 1), 10)
        assert ((1438, 28, 28, 1), (359, 28, 28, 1)) == (data.train_images.shape, data.test_images.shape)
        assert 255 == load("digits").train_images.max()


def test_digits_without_scikit_learn_say_how_to_get_it(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "sklearn.datasets", None)
    fault = fault_of(load, "digits")
    assert "pip install 'cnnspec[digits]'" in fault.help


def test_an_archive_with_keras_keys_is_read(tmp_path: Path, pictures: tuple[np.ndarray, ...]) -> None:
    images, labels = pictures
    path = tmp_path / "set.npz"
    np.savez(path, x_train=images, y_train=labels[:, None], x_test=images[:2], y_test=labels[:2])
    data = load(str(path))
    assert ((7, 4, 5, 1), (2, 4, 5, 1), 3) == (data.train_images.shape, data.test_images.shape, data.classes)


@pytest.mark.parametrize(
    "changes, message",
    [
        ({"y_test": None}, "has no y_test"),
        ({"x_train": np.full((7, 4, 5), "a")}, "x_train holds <U1; pixels are numbers 0 to 255"),
        ({"x_train": np.zeros(7, np.uint8)}, "x_train has shape (7,)"),
        ({"y_train": np.zeros(6, int)}, "y_train has shape (6,) for 7 images"),
        ({"y_train": np.zeros(7) + 0.5}, "y_train must be whole numbers from 0, or words. Received: 0.5"),
        ({"x_test": np.zeros((2, 5, 5), np.uint8)}, "x_train holds images 4x5x1, x_test 5x5x1"),
    ],
)
def test_an_archive_that_does_not_fit_is_refused(
    tmp_path: Path, pictures: tuple[np.ndarray, ...], changes: dict[str, np.ndarray | None], message: str
) -> None:
    images, labels = pictures
    whole = {"x_train": images, "y_train": labels, "x_test": images[:2], "y_test": labels[:2]}
    arrays: dict[str, Any] = whole | changes
    path = tmp_path / "set.npz"
    np.savez(path, **{key: value for key, value in arrays.items() if value is not None})
    assert fault_of(load, str(path)).message.startswith(f"{path}: {message}")


def test_no_archive_at_all_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "set.npz"
    path.write_bytes(b"PK\3\4 half an archive")
    assert "data-file" == fault_of(load, str(path)).code
    assert "data-missing" == fault_of(load, str(tmp_path / "absent.npz")).code


def test_a_table_is_read_with_or_without_a_head(tmp_path: Path) -> None:
    path = tmp_path / "set.csv"
    path.write_text("label,a,b,c,d\n" + "".join(f"{n % 3},{n},2,3,4\n" for n in range(10)))
    data = load(str(path), test=0.3)
    assert ((7, 2, 2, 1), (3, 2, 2, 1), 3) == (data.train_images.shape, data.test_images.shape, data.classes)
    together = sorted([*data.train_images[:, 0, 0, 0], *data.test_images[:, 0, 0, 0]])
    assert list(range(10)) == together
    assert (4, 1, 1) == load(str(path), shape=(4, 1, 1)).shape


@pytest.mark.parametrize(
    "text, message",
    [
        ("", "holds no samples"),
        ("0,1,2,3,4\n0,1,2\n", "line 2 has 3 values, the first has 5"),
        ("0,1,2,3,4\n0,1,x,3,4\n", "line 2, value 3 must be a number. Received: x"),
        ("0,1,2,3,256\n", "line 1 holds 256; pixels are 0 to 255"),
    ],
)
def test_a_faulty_table_names_its_line(tmp_path: Path, text: str, message: str) -> None:
    path = tmp_path / "set.csv"
    path.write_text(text)
    assert message in fault_of(load, str(path)).message


@pytest.fixture
def gallery(tmp_path: Path) -> Path:
    image = import_module("PIL.Image")
    for name, value in (("cat", 10), ("dog", 200)):
        (tmp_path / name).mkdir()
        for n in range(5):
            image.new("L", (6, 4), value + n).save(tmp_path / name / f"{n}.png")
    return tmp_path


if find_spec("PIL"):

    def test_folders_are_classes(gallery: Path) -> None:
        data = load("images", gallery, test=0.2)
        assert ("cat", "dog") == data.names
        assert ((8, 4, 6, 1), 2) == (data.train_images.shape, len(data.test_labels))
        assert [bool(n) for n in data.train_labels] == [v > 100 for v in data.train_images[:, 0, 0, 0]]


if find_spec("PIL"):

    def test_images_of_unlike_sizes_are_refused_unless_resized(gallery: Path) -> None:
        import_module("PIL.Image").new("RGB", (3, 3)).save(gallery / "dog" / "odd.png")
        assert "odd.png: is 3x3, the first image 4x6" in fault_of(load, "images", gallery).message
        assert (4, 6, 3) == load("images", gallery, shape=(4, 6, 3), resize=True).shape


if find_spec("PIL"):

    def test_a_broken_image_and_an_empty_folder_are_named(gallery: Path, tmp_path: Path) -> None:
        (gallery / "cat" / "0.png").write_bytes(b"nothing")
        assert "0.png: is not an image" in fault_of(load, "images", gallery).message
        assert "data-missing" == fault_of(load, "images", gallery / "cat").code


def test_an_unknown_name_gets_the_nearest() -> None:
    assert "did you mean mnist?" in fault_of(load, "mnits").help


def test_data_that_do_not_fit_the_network_name_both_shapes(folder: Path) -> None:
    data = load("idx", folder)
    fault = fault_of(fitted, data, (28, 28, 1), 3)
    assert "data-unlike-network" == fault.code
    assert f"images of {data.name} are 4x5x1, the network's input is 28x28x1" == fault.message
    assert "has 3 classes, the network gives 10 outputs" in fault_of(fitted, data, (4, 5, 1), 10).message
    assert (8, 8, 1) == fitted(data, (8, 8, 1), 3, resize_images=True).shape


def faults_of(data: Dataset, shape: tuple[int, ...], outputs: tuple[int, ...]) -> tuple[Diagnostic, ...]:
    with pytest.raises(SpecError) as caught:
        fitted(data, shape, outputs)
    return caught.value.diagnostics


def test_all_that_does_not_fit_is_told_at_once(folder: Path) -> None:
    faults = faults_of(load("idx", folder), (28, 28, 1), (10,))
    assert ["has 3 classes", "are 4x5x1"] == [
        part for fault, part in zip(faults, ["has 3 classes", "are 4x5x1"], strict=True)
        if part in fault.message
    ]  # fmt: skip


def test_a_network_whose_output_is_a_map_is_told_how_to_end(folder: Path) -> None:
    (fault,) = faults_of(load("idx", folder), (4, 5, 1), (4, 5, 3))
    assert "training takes one class per image, the network's output is a map, 4x5x3" == fault.message
    assert fault.help[0] == "end the network with globalavgpool -> flatten -> dense 3"
    assert (4, 5, 1) == fitted(load("idx", folder), (4, 5, 1), (1, 1, 3)).shape


def test_labels_that_count_from_one_are_noticed(folder: Path) -> None:
    data = load("idx", folder)
    later = replace(
        data, train_labels=data.train_labels + 1, test_labels=data.test_labels + 1, names=tuple("0123")
    )
    (fault,) = faults_of(later, (4, 5, 1), (3,))
    assert ("class 0 never occurs: the labels are 1 to 3",) == fault.notes
    assert ("labels count from 0: take 1 off each of them",) == fault.help
    (fault,) = faults_of(later, (4, 5, 1), (7,))
    assert "end the network with dense 4, or train it on other data" == fault.help[1]


def test_the_cure_of_another_size_is_a_sentence_that_can_be_written(
    tmp_path: Path, pictures: tuple[np.ndarray, ...]
) -> None:
    images, labels = pictures
    np.savez(tmp_path / "own.npz", x=images, y=labels)
    data = numpy_files.load(tmp_path / "own.npz")
    data = replace(data, origin=Data(name="npz", path="own.npz"))
    (fault,) = faults_of(data, (8, 8, 1), (3,))
    assert (
        "begin the network with input 4x5x1",
        'or resize them: data npz "own.npz" resize=yes',
    ) == fault.help
    rows = images.reshape(7, 20)[: len(data.train_labels), :7]
    (fault,) = faults_of(replace(data, train_images=rows), (8, 8, 1), (3,))
    assert "samples of own are 7 values, the network's input is 8x8x1" == fault.message


def test_a_vector_input_takes_images_channel_by_channel(tmp_path: Path) -> None:
    images = np.arange(24, dtype=np.uint8).reshape(2, 2, 2, 3)
    path = tmp_path / "set.npz"
    np.savez(path, x_train=images, y_train=[0, 1], x_test=images, y_test=[0, 1])
    flat = fitted(load(str(path)), (12,), 2)
    assert [0, 3, 6, 9, 1, 4, 7, 10, 2, 5, 8, 11] == flat.train_images[0].tolist()


def test_what_is_held_out_is_a_partition_and_follows_the_seed() -> None:
    labels = np.zeros(100, np.int64)
    kept, held = split(labels, 0.25, 0)
    assert (75, 25) == (len(kept), len(held))
    assert list(range(100)) == sorted([*kept, *held])
    assert held.tolist() == split(labels, 0.25, 0)[1].tolist()
    assert held.tolist() != split(labels, 0.25, 1)[1].tolist()


# How files are called -------------------------------------------------------------


@pytest.mark.parametrize("spelled", [
    lambda name: name.replace("-idx", ".idx"), lambda name: name.upper(),
    lambda name: f"own-{name}", lambda name: f"own-{name.replace('t10k', 'test')}",
])  # fmt: skip
def test_idx_files_are_known_by_the_ways_their_names_are_spelled(
    folder: Path, tmp_path: Path, pictures: tuple[np.ndarray, ...], spelled: Callable[[str], str]
) -> None:
    for path in folder.glob("*ubyte*"):
        path.rename(path.with_name(spelled(path.name)))
    data = load(str(folder))
    assert ("idx", (7, 4, 5, 1)) == (known(data.origin).name, data.train_images.shape)
    np.testing.assert_array_equal(pictures[1], data.train_labels)


def test_one_of_several_sets_is_named_by_what_its_files_begin_with(
    folder: Path, pictures: tuple[np.ndarray, ...]
) -> None:
    for path in list(folder.glob("*ubyte*")):
        for name in ("emnist-digits", "emnist-letters"):
            path.with_name(f"{name}-{path.name.replace('t10k', 'test')}").write_bytes(path.read_bytes())
        path.unlink()
    fault = fault_of(load, str(folder))
    assert (("sets: emnist-digits, emnist-letters",), (f"name one of them: {folder / 'emnist-digits'}",)) == (
        fault.notes, fault.help,
    )  # fmt: skip
    data = load(str(folder / "emnist-digits"))
    assert "emnist-digits" == data.name
    again = load_for(known(data.origin), data.shape, 3)
    np.testing.assert_array_equal(data.train_images, again.train_images)
    (folder / "emnist-digits-train-images-idx3-ubyte.gz").unlink()
    assert "emnist-letters" == load(str(folder)).name
    fault = fault_of(load, str(folder / "emnist-digits"))
    assert ("put train-images-idx3-ubyte there (plain or .gz)",) == fault.help


LETTERS = "emnist-letters: labels 1 to 26 are a to z"
SWAPPED = "{}: EMNIST stores images with rows and columns swapped; they were swapped back"


@pytest.mark.parametrize("division, names, note", [
    ("letters", "abcdefghijklmnopqrstuvwxyz", LETTERS),
    ("balanced", "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabdefghnqrt",
     "emnist-balanced: labels 0 to 46 are 0 to t"),
    ("digits", "012", None),
])  # fmt: skip
def test_emnist_is_turned_upright_and_its_classes_have_names(
    folder: Path, pictures: tuple[np.ndarray, ...], division: str, names: str, note: str | None
) -> None:
    images, labels = pictures
    for part in ("train", "test"):
        where = str(folder / f"emnist-{division}-{part}")
        with open(f"{where}-images-idx3-ubyte", "wb") as file:
            file.write(idx_bytes(images))
        with open(f"{where}-labels-idx1-ubyte", "wb") as file:
            file.write(idx_bytes(labels + (division == "letters")))
    for path in [*folder.glob("t10k*"), *folder.glob("train*")]:
        path.unlink()
    data = load(str(folder))
    for samples in (data.train, data.test):
        np.testing.assert_array_equal(images.transpose(0, 2, 1), samples.images[..., 0])
        np.testing.assert_array_equal(labels, samples.labels)
    assert tuple(names) == data.names
    assert (SWAPPED.format(f"emnist-{division}"), *([note] if note else [])) == data.notes


@pytest.mark.parametrize("shape", [(5, 5, 1), (25,)])
def test_emnist_is_turned_upright_in_a_table_too(tmp_path: Path, shape: tuple[int, ...]) -> None:
    images = np.random.default_rng(0).integers(0, 256, (52, 5, 5), np.uint8)
    rows = [f"{n % 26 + 1},{','.join(map(str, image.ravel()))}" for n, image in enumerate(images)]
    (tmp_path / "emnist-letters-train.csv").write_text("\n".join(rows))
    data = load(str(tmp_path / "emnist-letters-train.csv"), shape=shape, test=0)
    np.testing.assert_array_equal(images.transpose(0, 2, 1).reshape(52, *shape), data.train_images)
    assert (tuple("abcdefghijklmnopqrstuvwxyz"), 25) == (data.names, data.train_labels.max())
    name = "emnist-letters-train"
    assert (SWAPPED.format(name), LETTERS.replace("emnist-letters", name)) == data.notes[-2:]


def test_a_folder_of_tables_is_told_to_give_one(tmp_path: Path) -> None:
    (tmp_path / "train.csv").write_text("0,1,2\n")
    fault = fault_of(load, str(tmp_path))
    assert (f"give a file: {tmp_path / 'train.csv'}",) == fault.help

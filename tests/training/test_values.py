"""Files of a user's own, in the forms they come in."""

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from tools import fault_of

from cnnspec.recipe.models import Data
from cnnspec.training.data import load_for, numpy_files, table
from cnnspec.training.data import values as arrays
from cnnspec.training.data.arrays import ConvertedArrays, dataset_of
from cnnspec.training.data.arrays import samples as read
from cnnspec.training.data.dataset import Dataset
from cnnspec.training.data.fitting import fitted


def samples(where: str, arrays: dict[str, Any], shape: tuple[int, ...] | None = None) -> ConvertedArrays:
    """Arrays by name, images and labels by turns."""
    names = list(arrays)
    images = [{name: arrays[name]} for name in names[::2]]
    return read(where, images, {name: arrays[name] for name in names[1::2]}, shape)


IMAGES = np.random.default_rng(0).integers(0, 256, (6, 4, 5), np.uint8)
IMAGES[0, 0, :2] = 0, 255
LABELS = np.array([0, 1, 2, 0, 1, 2])


def saved(path: Path, **arrays: Any) -> Path:
    np.savez(path, **arrays)
    return path


def written(path: Path, text: str) -> Path:
    path.write_text(text)
    return path


def images_of(data: Dataset) -> list[list[int]]:
    """All images, in the order of their first pixel's neighbours, whichever part they are in."""
    both = np.concatenate([data.train_images, data.test_images])
    return sorted(image.ravel().tolist() for image in both)


# Archives --------------------------------------------------------------------------


@pytest.mark.parametrize("kind", ["float16", "float32", "float64"])
@pytest.mark.parametrize("factor, shift, said", [
    (1 / 255, 0, "pixels: 0 to 1 became bytes 0 to 255; normalise scales them again"),
    (2 / 255, -1, "pixels: -1 to 1 became bytes 0 to 255; normalise scales them again"),
    (1, 0, None),
])  # fmt: skip
def test_floats_that_are_bytes_on_a_usual_scale_are_read_exactly(
    factor: float, shift: int, said: str | None, kind: str
) -> None:
    floats = (IMAGES * factor + shift).astype(kind)
    found = samples("set", {"x": floats, "y": LABELS})
    np.testing.assert_array_equal(IMAGES[..., None], found.images[0])
    assert (() if said is None else (said,)) == found.notes


def test_what_lies_between_two_bytes_is_rounded_and_told() -> None:
    found = samples("set", {"x": IMAGES / 255 * 0.99, "y": LABELS})
    np.testing.assert_array_equal(np.rint(IMAGES * 0.99)[..., None], found.images[0])
    told = "pixels: 0 to 1 became bytes 0 to 255, rounded to the nearest; normalise scales them again"
    assert told == found.notes[0]


@pytest.mark.parametrize("values, cure", [
    (IMAGES / 127.5 * 0.99 - 0.99, "x = np.rint((x + 1) * 127.5).astype('uint8')"),
    (IMAGES * 0.99, "x = np.rint(x).astype('uint8')"),
    ((IMAGES - 130.0) / 60, "undo the scaling before saving, or spread them: x = np.rint((x - x.min())"),
    (IMAGES.astype(int) * 2, "undo the scaling before saving"),
])  # fmt: skip
def test_floats_on_no_scale_are_no_pixels_and_train_as_they_are(values: np.ndarray, cure: str) -> None:
    fault = fault_of(arrays.pixels, "set", {"x": values})
    assert "data-file" == fault.code
    assert fault.help[0].startswith(cure)
    found = samples("set", {"x": values, "y": LABELS})
    np.testing.assert_array_equal(values.astype(np.float32)[..., None], found.images[0])
    told = f"x: numbers from {values.min():.4g} to {values.max():.4g}, taken as they are"
    assert found.notes == (f"{told}; normalise standard scales them",)


@pytest.mark.parametrize("odd", [np.nan, np.inf])
def test_what_is_no_number_is_refused_with_its_place(odd: float) -> None:
    values = IMAGES / 255
    values[2, 0, 3] = odd
    said = f"set: x[2, 0, 3] is {odd}; pixels are numbers 0 to 255, or 0 to 1 as floats"
    assert said == fault_of(samples, "set", {"x": values, "y": LABELS}).message


def test_the_parts_of_an_archive_share_their_scale() -> None:
    dark = np.zeros((2, 4, 5))
    dark[0, 0, 0] = 1
    found = samples("set", {"x": IMAGES.astype(float), "y": LABELS, "v": dark, "w": LABELS[:2]})
    assert 1 == found.images[1].max()


@pytest.mark.parametrize("labels, names", [
    (LABELS[:, None], "012"),
    (LABELS.astype(float), "012"),
    (LABELS.astype(str), "012"),
    (np.eye(4)[LABELS], "0123"),
    (np.eye(3, dtype=bool)[LABELS], "012"),
    (np.array(["ant", "bee", "cat"])[LABELS], ("ant", "bee", "cat")),
    (np.array([b"ant", b"bee", b"cat"])[LABELS], ("ant", "bee", "cat")),
])  # fmt: skip
def test_labels_are_numbers_words_or_one_hot_rows(labels: np.ndarray, names: str | tuple[str, ...]) -> None:
    found = samples("set", {"x": IMAGES, "y": labels})
    np.testing.assert_array_equal(LABELS, found.labels[0])
    assert tuple(names) == found.names


@pytest.mark.parametrize("labels, message, cure", [
    (LABELS - 1, "y must be whole numbers from 0, or words. Received: -1", "y = np.unique(y, return_i"),
    (LABELS / 2, "y must be whole numbers from 0, or words. Received: 0.5", "y = np.unique(y, return_i"),
    (np.eye(3)[LABELS] * 0.5, "y has shape (6, 3); its rows are not one-hot", "y = y.argmax(1)"),
])  # fmt: skip
def test_labels_of_no_form_are_refused_with_the_cure(labels: np.ndarray, message: str, cure: str) -> None:
    fault = fault_of(samples, "set", {"x": IMAGES, "y": labels})
    assert fault.message.startswith(f"set: {message}")
    assert cure in fault.help[0]


def test_words_are_numbered_over_all_parts() -> None:
    found = samples(
        "set", {"x": IMAGES[:2], "y": np.array(["b", "c"]), "v": IMAGES[:1], "w": np.array(["a"])}
    )
    assert (("a", "b", "c"), [1, 2], [0]) == (found.names, found.labels[0].tolist(), found.labels[1].tolist())


def test_an_archive_without_a_test_part_is_split_always_the_same(tmp_path: Path) -> None:
    path = saved(tmp_path / "own.npz", X=IMAGES, y=LABELS)
    data = numpy_files.load(path, None, 0.5)
    assert (3, 3) == (len(data.train_labels), len(data.test_labels))
    assert sorted(image.ravel().tolist() for image in IMAGES) == images_of(data)
    np.testing.assert_array_equal(data.test_images, numpy_files.load(path, None, 0.5).test_images)
    assert ("no test part: 3 of 6 samples are held out for testing",) == data.notes


@pytest.mark.parametrize("channels", [1, 3])
def test_channels_that_stand_first_are_moved_and_that_is_told(channels: int) -> None:
    first = np.random.default_rng(1).integers(0, 256, (6, channels, 28, 20), np.uint8)
    found = samples("set", {"x": first, "y": LABELS}, (28, 20, channels))
    np.testing.assert_array_equal(first.transpose(0, 2, 3, 1), found.images[0])
    told = f"x: N x C x H x W was read as N x H x W x C, 28x20x{channels}; to save it so: x.transpose(0,"
    assert found.notes[0].startswith(told)
    assert (6, channels, 28, 20) == samples("set", {"x": first, "y": LABELS}, (channels, 28, 20)).images[
        0
    ].shape


def test_rows_of_values_fill_a_grey_map_or_stay_a_vector() -> None:
    rows = IMAGES.reshape(6, 20)
    assert (6, 4, 5, 1) == samples("set", {"x": rows, "y": LABELS}, (4, 5, 1)).images[0].shape
    assert (6, 20) == samples("set", {"x": rows, "y": LABELS}, (20,)).images[0].shape


def test_pickled_objects_are_refused_with_the_cure(tmp_path: Path) -> None:
    path = saved(tmp_path / "own.npz", x=IMAGES, y=np.array(["a", 1, None] * 2, object))
    fault = fault_of(numpy_files.load, path)
    assert (f"{path}: holds Python objects, which are not loaded", True) == (
        fault.message, "y.astype(str)" in fault.help[0],
    )  # fmt: skip


# Tables ----------------------------------------------------------------------------

ROWS = [(n % 3, n, 20 + n, 30) for n in range(10)]


def table_of(path: Path, head: str, order: tuple[int, ...], word: Callable[[int], str] = str) -> Path:
    """ROWS as a file whose columns stand in this order; 0 is the label."""
    lines = [",".join(word(row[n]) if n == 0 else str(row[n]) for n in order) for row in ROWS]
    return written(path, "\n".join([*([head] if head else []), *lines]) + "\n")


@pytest.mark.parametrize("head, order, said", [
    ("a,b,c,label", (1, 2, 3, 0), "label: column 4 (label)"),
    ("a,Class,b,c", (1, 0, 2, 3), "label: column 2 (Class)"),
    ('a,b,"target",c', (1, 2, 0, 3), "label: column 3 (target)"),
    ("y,a,b,c", (0, 1, 2, 3), "label: column 1 (y)"),
    ("label,1x1,2,3", (0, 1, 2, 3), "label: column 1 (label)"),
    ("sex,a,b,c", (0, 1, 2, 3), "label: column 1 (sex)"),
    ("", (0, 1, 2, 3), "label: column 1"),
])  # fmt: skip
def test_the_head_of_a_table_says_which_column_is_the_label(
    tmp_path: Path, head: str, order: tuple[int, ...], said: str
) -> None:
    data = table.load(table_of(tmp_path / "own.csv", head, order), (3,), 0.2)
    assert (8, 2, (3,)) == (len(data.train_labels), len(data.test_labels), data.shape)
    assert said == data.notes[0]
    assert [list(row[1:]) for row in ROWS] == images_of(data)
    assert (data.train_images[:, 0] % 3).tolist() == data.train_labels.tolist()


@pytest.mark.parametrize("label", ["kind", 4])
def test_the_column_of_the_label_can_be_named_or_counted(tmp_path: Path, label: int | str) -> None:
    path = table_of(tmp_path / "own.csv", "class,b,c,kind", (1, 2, 3, 0))
    assert "label: column 4 (kind)" == table.load(path, (3,), 0.2, label).notes[0]


def test_a_column_that_is_not_there_is_answered_with_those_that_are(tmp_path: Path) -> None:
    path = table_of(tmp_path / "own.csv", "a,b,c,kind", (1, 2, 3, 0))
    fault = fault_of(table.load, path, None, 0.2, "knid")
    assert f"{path}: has no column knid" == fault.message
    assert ("its columns: a, b, c, kind",) == fault.notes
    assert ("did you mean label=kind?",) == fault.help


def test_words_become_classes_by_the_alphabet(tmp_path: Path) -> None:
    path = table_of(tmp_path / "own.csv", "label,a,b,c", (0, 1, 2, 3), lambda n: ("dog", "ant", "cow")[n])
    data = table.load(path, (3,), 0.2)
    assert ("ant", "cow", "dog") == data.names
    assert "classes: ant, cow, dog" == data.notes[1]
    words = [data.names[label] for label in data.train_labels]
    assert [("dog", "ant", "cow")[n % 3] for n in data.train_images[:, 0]] == words


def test_a_table_may_be_parted_by_semicolons_and_scaled_to_one(tmp_path: Path) -> None:
    lines = [f"{n % 2};{n / 255};{1.0};0;0" for n in range(10)]
    data = table.load(written(tmp_path / "own.csv", "\n".join(lines)), None, 0.2)
    assert ((2, 2, 1), 255) == (data.shape, data.train_images.max())


@pytest.mark.parametrize("text, message", [
    ("label,a,b,c\n0,1,2,3\n0,1,,3\n", "line 3, value 3 (b) must be a number. Received: nothing"),
    ("0,1,2\n,1,2\n", "line 2 has no label in column 1"),
    ("0.5,1,2\n1,1,2\n", "the label must be whole numbers from 0, or words. Received: 0.5"),
    ("label\n1\n2\n", "has one label per line and no pixels"),
    ("0,1,2\n1,1_0,2\n", "line 2, value 2 must be a number. Received: 1_0"),
    ("0,1,2\n1,²,2\n", "line 2, value 2 must be a number. Received: ²"),
    ("0,1,2\n1,٣,2\n", "line 2, value 2 must be a number. Received: ٣"),
    ("0,1,2\n1,nan,2\n", "line 2 holds nan; pixels are 0 to 255"),
    (f"0,1,2\n1,{'1' * 5000},2\n", "line 2 holds inf; pixels are 0 to 255"),
    ("0,1,2\n1,1e300,2\n", "line 2 holds inf; pixels are 0 to 255"),
    (f"0,1,2\n{'1' * 30},1,2\n", "the label holds 1.11111111111111e+29; labels are 0 to 65,535 at most"),
    (f"0,1,2\n{'1' * 5000},1,2\n", "the label in line 2 has 5,000 characters; at most 200 are read"),
    ("0,1.5,2\n1,1,2\n", "the table holds float32 from 1 to 2, and not all are bytes"),
])  # fmt: skip
def test_a_faulty_line_is_named(tmp_path: Path, text: str, message: str) -> None:
    assert message in fault_of(table.load, written(tmp_path / "own.csv", text), None, 0.2).message


def test_numbers_may_be_quoted_and_labels_end_in_point_zero(tmp_path: Path) -> None:
    lines = [f'"{n % 2}.0","{n}","7"' for n in range(10)]
    data = table.load(written(tmp_path / "own.csv", "\n".join(lines)), (2,), 0.2)
    assert (("0", "1"), 8) == (data.names, len(data.train_labels))
    assert (data.train_images[:, 0] % 2).tolist() == data.train_labels.tolist()


def test_a_number_that_only_python_takes_is_a_word(tmp_path: Path) -> None:
    lines = [f"{n % 2}_0,{n},7" for n in range(10)]
    assert ("0_0", "1_0") == table.load(written(tmp_path / "own.csv", "\n".join(lines)), (2,), 0.2).names


@pytest.mark.parametrize("label", [65_536, 10**9, 2**62, 1e30])
def test_a_label_far_beyond_all_classes_takes_no_memory(label: float) -> None:
    labels = np.array([0, 1, label])
    fault = fault_of(dataset_of, np.zeros((3, 2, 2), np.uint8), labels)
    assert f"labels holds {label:.15g}; labels are 0 to 65,535 at most" in fault.message
    assert ("number the classes: labels = np.unique(labels, return_inverse=True)[1]",) == fault.help


def test_a_slip_that_makes_words_of_all_labels_is_seen_among_the_classes(tmp_path: Path) -> None:
    path = written(tmp_path / "own.csv", "".join(f"{label},1,2\n" for label in ("0", "1", "²", "0", "1")))
    fault = fault_of(fitted, table.load(path, (2,), 0.2), (2,), 2)
    assert ("own has 3 classes, the network gives 2 outputs", ("its classes: 0, 1, ²",)) == (
        fault.message, fault.notes,
    )  # fmt: skip


GREYS = [(n * 7 % 256, n * 5 % 256, n * 3 % 256) for n in range(40)]


def rows_of(order: str, corner: int | None = None) -> list[str]:
    """40 samples of three classes: i counts them, l is the label, p pixels; a corner is a first pixel."""
    lines = []
    for n, pixels in enumerate(GREYS):
        pixels = pixels if corner is None else (corner, *pixels[1:])
        cells: dict[str, Sequence[object]] = {
            "i": [n],
            "l": [n % 3],
            "w": [("ant", "bee", "cat")[n % 3]],
            "p": pixels,
        }
        lines.append(",".join(str(cell) for key in order for cell in cells[key]))
    return lines


@pytest.mark.parametrize("head, order, notes", [
    (",label,a,b,c", "ilp", ["label: column 2 (label)", "left out: column 1, which has no name"]),
    ("Unnamed: 0,a,b,c,class", "ipl", ["label: column 5 (class)", "left out: column 1, which has no name"]),
    ("id,label,a,b,c", "ilp", ["label: column 2 (label)",
                               "left out: column 1 (id), which numbers the samples"]),
    (",kind,a,b,c", "ilp", ["label: column 2 (kind)", "left out: column 1, which has no name"]),
    ("", "ilp", ["label: column 2", "left out: column 1, which counts the lines"]),
    ("", "ipl", ["label: column 5, the last, as column 2 holds no classes",
                 "left out: column 1, which counts the lines"]),
    ("", "pl", ["label: column 4, the last, as column 1 holds no classes"]),
    ("a,b,c,kind", "pl", ["label: column 4 (kind), the last, as column 1 holds no classes"]),
    ("", "pw", ["label: column 4, the last, as column 1 holds no classes", "classes: ant, bee, cat"]),
    ("label,a,b,c", "lp", ["label: column 1 (label)"]),
    ("", "lp", ["label: column 1"]),
])  # fmt: skip
def test_an_index_is_left_out_and_a_label_may_stand_last(
    tmp_path: Path, head: str, order: str, notes: list[str]
) -> None:
    lines = rows_of(order)
    data = table.load(written(tmp_path / "own.csv", "\n".join([head, *lines] if head else lines)), (3,), 0)
    assert (notes, (3,), 3) == (list(data.notes), data.shape, data.classes)
    assert [n % 3 for n in range(40)] == data.train_labels.tolist()
    assert [list(pixels) for pixels in GREYS] == data.train_images.tolist()


@pytest.mark.parametrize("corner", [0, 255])
def test_a_dark_or_bright_corner_is_no_label(tmp_path: Path, corner: int) -> None:
    path = written(tmp_path / "own.csv", "\n".join(rows_of("pl", corner)))
    assert [n % 3 for n in range(40)] == table.load(path, (3,), 0).train_labels.tolist()


@pytest.mark.parametrize("first, order", [(True, "ilp"), (False, "lp"), (False, "pl")])
def test_a_head_may_count_the_columns(tmp_path: Path, first: bool, order: str) -> None:
    """As pandas writes an array: 0, 1, 2 … and an index before them or none."""
    lines = [f"{line}{',9' * 12}" if order[-1] == "p" else f"{'9,' * 12}{line}" for line in rows_of(order)]
    width = lines[0].count(",") + 1 - first
    head = ("," if first else "") + ",".join(map(str, range(width)))
    data = table.load(written(tmp_path / "own.csv", "\n".join([head, *lines])), (15,), 0)
    assert ([n % 3 for n in range(40)], (15,)) == (data.train_labels.tolist(), data.shape)


def test_a_table_of_ten_digits_in_a_row_has_no_index(tmp_path: Path) -> None:
    path = written(tmp_path / "own.csv", "\n".join(f"{n},0,{20 * n},7" for n in range(10)))
    assert (list(range(10)), (3,)) == ((data := table.load(path, (3,), 0)).train_labels.tolist(), data.shape)


@pytest.mark.parametrize("encoding", ["utf-16", "utf-16-le", "utf-16-be", "utf-8-sig"])
def test_a_table_as_other_systems_write_text(tmp_path: Path, encoding: str) -> None:
    text = ("\ufeff" if encoding[-2:] in ("le", "be") else "") + "\r\n".join(rows_of("wp"))
    (tmp_path / "own.csv").write_bytes(text.encode(encoding))
    assert ("ant", "bee", "cat") == table.load(tmp_path / "own.csv", (3,), 0).names


def test_classes_that_do_not_fit_ask_for_the_column_of_the_label(tmp_path: Path) -> None:
    path = written(tmp_path / "own.csv", "\n".join(rows_of("lp")))
    fault = fault_of(load_for, Data(name="csv", path=str(path)), (3,), 10)
    assert f'or say which column holds the label: data csv "{path}" label=COLUMN' == fault.help[1]

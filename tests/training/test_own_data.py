"""A user's own data, from the file to the answer, as commands."""

import json
from collections.abc import Iterable
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from tools import Command, archive

from cnnspec.training.data.dataset import Dataset

VECTOR = "network V; input 64; dense 3 -> softmax; train { batch 16; epochs 1 }"


@pytest.fixture
def place(tmp_path: Path, data: Dataset, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A working folder with samples in an archive and in a table."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.delenv("CNNSPEC_DATA", raising=False)
    archive("bars.npz", data)
    write_table(Path("bars.csv"), data.train_images, data.train_labels)
    return tmp_path


@pytest.fixture
def cnnspec(place: Path, command: Command) -> Command:
    return command


def write_table(path: Path, images: Iterable[np.ndarray], labels: Iterable[object], head: str = "") -> None:
    rows = [",".join(map(str, [label, *image.ravel()])) for image, label in zip(images, labels, strict=True)]
    path.write_text(head + "\n".join(rows) + "\n")


@pytest.mark.parametrize("file", ["bars.npz", "bars.csv"])
def test_a_network_of_a_vector_takes_images(cnnspec: Command, place: Path, data: Dataset, file: str) -> None:
    code, out, err = cnnspec("train", "-e", VECTOR, "--data", file, "-o", "run")
    assert (0, "test accuracy" in out) == (code, True), err
    code, out, _ = cnnspec("evaluate", "run", "--json")
    assert (0, json.loads(Path("run/run.json").read_text())["test"]["accuracy"]) == (
        code, json.loads(out)["accuracy"],
    )  # fmt: skip
    np.save("image.npy", data.test_images[0, ..., 0])
    _, out, _ = cnnspec("predict", "run", "image.npy", "--index", 0, "--json")
    file_answer, sample_answer = json.loads(out)["images"]
    if file == "bars.npz":
        assert file_answer["classes"] == sample_answer["classes"]
    np.save("rows.npy", data.test_images[:2].reshape(2, 64))
    _, out, _ = cnnspec("predict", "run", "rows.npy", "--json")
    assert [file_answer["classes"], "rows.npy[1]"] == [
        json.loads(out)["images"][0]["classes"], json.loads(out)["images"][1]["image"],
    ]  # fmt: skip
    for what in ("maps", "mistakes", "neighbours", "confusion"):
        code, _, err = cnnspec("inspect", "run", what)
        assert 0 == code, err


def test_the_samples_are_counted_as_they_are_used(cnnspec: Command) -> None:
    spec = VECTOR.replace("epochs 1", "epochs 1; data npz 'bars.npz' validation=0.1".replace("'", '"'))
    _, _, err = cnnspec("train", "-e", spec, "-o", "run")
    assert "V on bars: 180 training, 20 validation, 100 test images, epochs 1" in err


def test_what_was_read_otherwise_than_it_stands_is_told(cnnspec: Command, place: Path, data: Dataset) -> None:
    np.savez("own.npz", x=data.train_images[..., 0] / 255, y=np.array(data.names)[data.train_labels])
    code, _, err = cnnspec("train", "-e", VECTOR, "--data", "own.npz", "-o", "run")
    assert 0 == code, err
    assert "note: pixels: 0 to 1 became bytes 0 to 255" in err
    assert "note: classes: column, neither, row" in err
    assert "note: no test part: 40 of 200 samples are held out for testing" in err
    write_table(Path("own.csv"), data.train_images, data.train_labels, "kind" + ",x" * 64 + "\n")
    _, _, err = cnnspec("train", "-e", VECTOR, "--data", "own.csv", "-o", "other")
    assert "note: label: column 1 (kind)" in err


def test_a_network_whose_output_is_a_map_is_told_how_to_end(cnnspec: Command) -> None:
    code, _, err = cnnspec("train", "-e", "input 8x8x1; conv 3 1x1", "--data", "bars.npz")
    assert (1, True) == (code, "end the network with globalavgpool -> flatten -> dense 3" in err)


if find_spec("PIL"):
    from PIL import Image

    def save(path: Path, image: np.ndarray) -> None:
        path.parent.mkdir(parents=True, exist_ok=True)
        Image.fromarray(image).save(path)

    @pytest.fixture
    def photos(cnnspec: Command, place: Path, data: Dataset) -> None:
        """A run whose images end in dark pixels, and a page of paper with a bar on it."""
        cnnspec("train", "-e", VECTOR, "--data", "bars.npz", "-o", "run")
        page = np.full((90, 80), 200, np.uint8)
        page[20:24, 10:60] = 60
        save(place / "photos" / "one.png", page)
        save(place / "photos" / "dark" / "two.png", 255 - page)
        (place / "photos" / "notes.txt").write_text("no picture")

    def test_a_folder_means_all_pictures_in_it(cnnspec: Command, photos: None, place: Path) -> None:
        code, out, err = cnnspec("predict", "run", "photos", "--center", "--json")
        assert 0 == code, err
        assert [str(Path("photos/dark/two.png")), str(Path("photos/one.png"))] == [
            answer["image"] for answer in json.loads(out)["images"]
        ]
        (place / "empty").mkdir()
        code, _, err = cnnspec("predict", "run", "empty")
        assert (2, True) == (code, '"empty" holds no images' in err)

    def test_a_drawing_dark_on_bright_is_inverted_and_that_is_told(cnnspec: Command, photos: None) -> None:
        _, dark, err = cnnspec("predict", "run", "photos/one.png", "--center", "--json")
        assert "note: photos/one.png is dark on bright and was inverted; --no-invert keeps it" in err
        _, bright, err = cnnspec("predict", "run", "photos/dark/two.png", "--center", "--json")
        assert "note" not in err
        assert json.loads(dark)["images"][0]["classes"] == json.loads(bright)["images"][0]["classes"]
        _, _, err = cnnspec("predict", "run", "photos/one.png", "--center", "--no-invert")
        assert "note: nothing stands out from the background in photos/one.png" in err

    def test_a_bright_border_is_noticed_where_the_training_images_have_a_dark_one(
        cnnspec: Command, photos: None
    ) -> None:
        _, _, err = cnnspec("predict", "run", "photos/one.png", "--resize")
        said = " ".join(err.split())
        assert "the border of photos/one.png is bright, that of the training images dark: --invert?" in said
        assert "note" not in cnnspec("predict", "run", "photos/one.png", "--resize", "--invert")[2]
        _, _, err = cnnspec("inspect", "run", "maps", "--image", "photos/one.png", "--resize")
        assert "the border of one.png is bright" in err

    def test_a_bright_border_is_right_where_the_training_images_have_one(
        cnnspec: Command, photos: None, data: Dataset
    ) -> None:
        np.savez("paper.npz", x=255 - data.train_images, y=data.train_labels)
        cnnspec("train", "-e", VECTOR, "--data", "paper.npz", "-o", "bright")
        code, _, err = cnnspec("predict", "bright", "photos/one.png", "--resize")
        assert (0, "") == (code, err)

    @pytest.mark.parametrize("name, told", [("mnist", True), ("bars", False)])
    def test_an_old_record_knows_borders_by_the_name_of_the_set(
        cnnspec: Command, photos: None, name: str, told: bool
    ) -> None:
        record = Path("run/run.json")
        old = json.loads(record.read_text()) | {"set": name}
        assert old.pop("dark_borders") is True
        record.write_text(json.dumps(old))
        _, _, err = cnnspec("predict", "run", "photos/one.png", "--resize")
        assert told == ("that of the training images dark: --invert?" in " ".join(err.split()))

    def test_a_run_trained_with_resize_takes_pictures_of_any_size(cnnspec: Command, place: Path) -> None:
        for name, value in (("bright", 220), ("dark", 30)):
            for n in range(6):
                save(place / "own" / name / f"{n}.png", np.full((12 + n, 20, 3), value + n, np.uint8))
        spec = 'input 8x8x1; flatten -> dense 2 -> softmax; train { data images "own" resize=yes; epochs 1 }'
        code, _, err = cnnspec("train", "-e", spec, "-o", "run")
        assert 0 == code, err
        code, out, err = cnnspec("predict", "run", "own", "--json")
        assert (0, 12) == (code, len(json.loads(out)["images"])), err


@pytest.mark.parametrize("sentence", [
    'data "own/bars.npz"', 'data path="own/bars.npz"', 'data npz "own/bars.npz"', 'data files "own/bars.npz"',
])  # fmt: skip
def test_a_path_in_a_spec_is_beside_it_and_gives_its_kind(
    cnnspec: Command, place: Path, monkeypatch: pytest.MonkeyPatch, sentence: str
) -> None:
    (place / "specs" / "own").mkdir(parents=True)
    Path("bars.npz").rename("specs/own/bars.npz")
    Path("specs/v.cnn").write_text(VECTOR.replace("epochs 1", f"epochs 1; {sentence}").replace("; ", "\n"))
    code, _, err = cnnspec("train", "specs/v.cnn", "-o", "run")
    assert (0, True) == (code, "V on bars: 200 training" in err), err
    assert 0 == cnnspec("evaluate", "specs/v.cnn", "--weights", "run/weights.safetensors")[0]
    (place / "elsewhere").mkdir()
    monkeypatch.chdir("elsewhere")
    assert 0 == cnnspec("evaluate", "../run")[0]
    code, _, err = cnnspec("train", "../run", "--resume", "--epochs", 2)
    assert 0 == code, err
    assert 0 == cnnspec("predict", "../run", "--index", 1)[0]


@pytest.mark.parametrize("option", [["--data", "bars.csv"], ["--data", "csv", "--data-dir", "bars.csv"]])
def test_a_run_finds_data_named_on_the_command_line_from_anywhere(
    cnnspec: Command, place: Path, monkeypatch: pytest.MonkeyPatch, option: list[str]
) -> None:
    assert 0 == cnnspec("train", "-e", VECTOR, *option, "-o", "run")[0]
    (place / "elsewhere").mkdir()
    monkeypatch.chdir("elsewhere")
    code, _, err = cnnspec("evaluate", "../run")
    assert 0 == code, err
    Path("../bars.csv").rename("../gone.csv")
    code, _, err = cnnspec("evaluate", "../run")
    assert (1, True) == (code, f"{place / 'bars.csv'} cannot be read" in " ".join(err.split())), err


def test_the_column_of_the_label_stands_in_the_recipe(cnnspec: Command, place: Path, data: Dataset) -> None:
    write_table(Path("own.csv"), data.train_images, data.train_labels, "kind" + ",label" * 64 + "\n")
    spec = VECTOR.replace("epochs 1", 'epochs 1; data csv path="own.csv" label=kind')
    code, _, err = cnnspec("train", "-e", spec, "-o", "run")
    assert (0, True) == (code, "note: label: column 1 (kind)" in err), err
    assert 0 == cnnspec("evaluate", "run")[0]


def test_a_path_without_quotes_gets_them(cnnspec: Command) -> None:
    code, out, _ = cnnspec("check", "-e", "input 4; dense 2; train { data own/split validation=0.1 }")
    assert (1, True) == (code, 'fix: write "own/split"' in out)
    assert 'train { data "own/split" validation=0.1 }' in out


def test_a_file_of_no_known_kind_is_not_said_to_be_missing(cnnspec: Command, place: Path) -> None:
    (place / "own.txt").write_text("1 2 3")
    code, _, err = cnnspec("train", "-e", VECTOR, "--data", "own.txt")
    assert (1, True) == (code, "own.txt is not of a known kind" in err)


@pytest.fixture
def trained(cnnspec: Command, place: Path) -> None:
    cnnspec("train", "-e", VECTOR, "--data", "bars.npz", "-o", "run")


@pytest.mark.parametrize("values, said", [
    (np.full((8, 8), "a"), "holds <U1; pixels are numbers 0 to 255"),
    (np.zeros((8, 8), [("a", "i4")]), "holds [('a', '<i4')]; pixels are numbers 0 to 255"),
    (np.zeros((8, 8), "M8[s]"), "holds datetime64[s]; pixels are numbers 0 to 255"),
    (np.ones((8, 8), complex), "holds complex128; pixels are numbers 0 to 255"),
    (np.zeros((0, 8, 8), np.uint8), "holds no images: its shape is (0, 8, 8)"),
    (np.full((8, 8), np.nan), "value [0, 0] is nan; pixels are numbers 0 to 255, or 0 to 1 as floats"),
    (np.full((8, 8), -2), "holds int64 from -2 to -2; pixels are whole numbers 0 to 255"),
    (np.zeros((1, 1, 8, 8, 1)), "has shape (1, 1, 8, 8, 1); an image is (height, width[, channels])"),
    (np.uint8(3), "has shape (); an image is (height, width[, channels])"),
])  # fmt: skip
def test_an_array_that_is_no_picture_is_refused_by_its_name(
    cnnspec: Command, trained: None, values: np.ndarray | np.uint8, said: str
) -> None:
    np.save("own.npy", values)
    code, out, err = cnnspec("predict", "run", "own.npy")
    assert (1, "", f"error[data-file]: own.npy: {said}") == (
        code,
        out,
        " ".join(err.split("\n\n")[0].split()).split(" = help")[0],
    )


@pytest.mark.parametrize("content, said", [
    (b"hello", "is not a .npy file"), (b"PK\x03\x04....", "is an archive of arrays (.npz), not a single one"),
    (b"\x93NUMPY\x01\x00v\x00{'descr': '|u1', 'fortran_order': False, 'shape': (100000000000, 8), }"
     .ljust(127) + b"\n", "promises 800,000,000,000 bytes and holds 0"),
])  # fmt: skip
def test_a_file_that_is_no_array_is_refused_by_its_name(
    cnnspec: Command, trained: None, content: bytes, said: str
) -> None:
    Path("own.npy").write_bytes(content)
    code, _, err = cnnspec("predict", "run", "own.npy")
    assert (1, True) == (code, f"own.npy: {said}" in err), err
    code, _, err = cnnspec("run", "-e", "input 8x8x1; conv 1 3x3", "--input", "own.npy")
    assert (2, True) == (code, f"own.npy: {said}" in err), err


@pytest.mark.parametrize("one, other", [
    (np.eye(8) > 0, np.eye(8, dtype=np.uint8) * 255), (np.eye(8) * 0.6, np.eye(8, dtype=np.uint8) * 153),
    (np.eye(8) * 254.7, np.eye(8, dtype=np.uint8) * 255),
])  # fmt: skip
def test_pixels_of_any_kind_of_number_give_the_same_answer(
    cnnspec: Command, trained: None, one: np.ndarray, other: np.ndarray
) -> None:
    np.save("one.npy", one)
    np.save("other.npy", other)
    code, out, _ = cnnspec("predict", "run", "one.npy", "other.npy", "--json")
    first, second = json.loads(out)["images"]
    assert (0, first["classes"]) == (code, second["classes"])


def test_a_name_does_not_drive_the_terminal(cnnspec: Command, trained: None) -> None:
    np.save("own\x1b[31m.npy", np.eye(8))
    code, out, _ = cnnspec("predict", "run", "own\x1b[31m.npy")
    assert (0, True, False) == (code, "own�[31m.npy" in out, "\x1b" in out)


def test_what_a_system_hides_in_a_folder_is_no_picture(cnnspec: Command, trained: None) -> None:
    Path("many").mkdir()
    np.save("many/own.npy", np.eye(8))
    Path("many/._own.npy").write_bytes(b"\0\5macos")
    Path("many/more.png").mkdir()
    code, out, err = cnnspec("predict", "run", "many", "--json")
    assert (0, ["many/own.npy"]) == (code, [one["image"] for one in json.loads(out)["images"]]), err


# Classes by name -------------------------------------------------------------------

LEARNT = "network Two; input 8x8x1; flatten; dense 2; train { batch 8; optimizer adam rate=0.05; epochs 20 }"


def halves(names: tuple[str, ...], tmp: Path, count: int = 12) -> None:
    """Folders, a table of words, an archive of words. dash is bright on the left, all else on the right."""
    images, labels = [], []
    for n in range(count * len(names)):
        image, name = np.zeros((8, 8), np.uint8), names[n % len(names)]
        image[:, :4] = 200 + n if name == "dash" else 0
        image[:, 4:] = 0 if name == "dash" else 200 + n
        images.append(image)
        labels.append(name)
        if find_spec("PIL"):
            save(tmp / "folders" / name / f"{n:03}.png", image)
    write_table(tmp / "words.csv", images, labels)
    np.savez(tmp / "words.npz", x=images, y=labels)


@pytest.mark.parametrize("kind", [*["folders"] * bool(find_spec("PIL")), "words.csv", "words.npz"])
def test_classes_of_other_data_are_matched_by_name(cnnspec: Command, place: Path, kind: str) -> None:
    for name, classes in (("one", ("bar", "dash")), ("other", ("dash", "zebra")), ("wrong", ("ant", "bee"))):
        (place / name).mkdir()
        halves(classes, place / name)
    code, _, err = cnnspec("train", "-e", LEARNT, "--data", f"one/{kind}", "-o", "run")
    assert 0 == code, err
    for options in ([], ["--weights", "run/weights.safetensors"]):
        model = ["-e", LEARNT] if options else ["run"]
        code, out, err = cnnspec("evaluate", *model, *options, "--data", f"other/{kind}", "--part", "train",
                                 "--json")  # fmt: skip
        found = json.loads(out)
        assert (0, ["bar", "dash"]) == (code, [row["name"] for row in found["classes"]]), err
        assert "zebra is not among the classes learned (bar, dash): left out" in " ".join(err.split())
        assert [[0, 0], [0, found["samples"]]] == found["confusion"]
        code, _, err = cnnspec("evaluate", *model, *options, "--data", f"wrong/{kind}")
        assert (1, True) == (code, "among those that were learned" in err), err
    code, out, _ = cnnspec("predict", "run", "--data", f"other/{kind}", "--index", 0, "--json")
    (answer,) = json.loads(out)["images"]
    assert (0, "dash", "dash") == (code, answer["label"], answer["classes"][0]["class"])
    code, out, _ = cnnspec("inspect", "run", "confusion", "--data", f"other/{kind}")
    assert (0, True) == (code, "dash" in out and "zebra" not in out)


# Parts and nested folders ----------------------------------------------------------

if find_spec("PIL"):

    def test_nested_images_are_trained_on_from_end_to_end(cnnspec: Command, place: Path) -> None:
        for name, column in (("bar", 0), ("dash", 4)):
            for n in range(40):
                image = np.zeros((8, 8), np.uint8)
                image[:, column : column + 4] = 200 + n
                save(place / "own" / name / ("" if n % 4 else "more/deep") / f"{n}.png", image)
        (place / "own" / "bar" / "notes.txt").write_text("by hand")
        code, out, err = cnnspec("train", "-e", LEARNT, "--data", "own", "-o", "run")
        assert (0, True) == (code, "Two on own: 64 training, 16 test images" in " ".join(err.split())), err
        assert "note: left out: 1 file not of images by their endings (bar/notes.txt)" in " ".join(
            err.split()
        )
        assert "note: no test part: 16 of 80 samples are held out for testing" in " ".join(err.split())
        code, out, _ = cnnspec("evaluate", "run", "--json")
        assert (0, 16, 1) == (code, json.loads(out)["samples"], json.loads(out)["accuracy"])
        code, out, _ = cnnspec("predict", "run", "own", "--json")
        answers = json.loads(out)["images"]
        assert 80 == len(answers)
        for answer in answers:
            assert Path(answer["image"]).parts[1] == answer["classes"][0]["class"]

    @pytest.fixture
    def parted(place: Path) -> str:
        """Folders of parts: 12 images to train on, 4 to validate by, 6 to test on."""
        for part, count in (("train", 6), ("val", 2), ("test", 3)):
            for name, column in (("bar", 0), ("dash", 4)):
                for n in range(count):
                    image = np.zeros((8, 8), np.uint8)
                    image[:, column : column + 4] = 200 + n
                    save(place / "own" / part / name / f"{n}.png", image)
        return LEARNT.replace("epochs 20", 'epochs 3; data images "own"')

    def test_a_validation_part_is_validated_by(cnnspec: Command, parted: str, place: Path) -> None:
        spec = parted.replace("epochs 3", "epochs 3; stop 3")
        code, _, err = cnnspec("train", "-e", spec, "-o", "run")
        assert (0, False) == (code, "stop-without-validation" in err), err
        assert "Two on own: 12 training, 4 validation, 6 test images" in " ".join(err.split())
        rows = [json.loads(line) for line in Path("run/metrics.jsonl").read_text().splitlines()]
        assert all(row["validation_loss"] is not None for row in rows)
        assert Path("run/best.safetensors").exists()
        assert 6 == json.loads(cnnspec("evaluate", "run", "--json")[1])["samples"]
        _, out, _ = cnnspec("inspect", "run", "data")
        assert ["training", "validation", "test"] == [
            word for word in out.split() if word in ("training", "validation", "test")
        ][-3:]
        save(place / "own" / "val" / "bar" / "9.png", np.zeros((8, 8), np.uint8))
        code, _, err = cnnspec("train", "run", "--resume", "--epochs", 4)
        assert (1, True) == (code, "run-differs" in err and "validation" in err), err

    def test_a_share_beside_a_validation_part_is_said_to_do_nothing(cnnspec: Command, parted: str) -> None:
        spec = parted.replace('"own"', '"own" validation=0.5')
        code, _, err = cnnspec("train", "-e", spec, "-o", "run")
        said = "the data hold a validation part, which is used in place of validation=0.5"
        assert (0, True, True) == (
            code, said in " ".join(err.split()), "12 training, 4 validation, 6 test" in err,
        )  # fmt: skip

    def test_early_stopping_without_any_validation_part_is_warned_of_when_the_data_are_known(
        cnnspec: Command, parted: str, place: Path
    ) -> None:
        (place / "own" / "val").rename(place / "val")
        _, _, err = cnnspec("train", "-e", parted.replace("epochs 3", "epochs 3; stop 3"), "-o", "run")
        assert 1 == err.count("warning[stop-without-validation]")


@pytest.mark.parametrize("names", [("x_val", "y_val"), ("val_images", "val_labels"), ("X_valid", "y_valid")])
def test_an_archive_may_hold_a_validation_part(
    cnnspec: Command, place: Path, data: Dataset, names: tuple[str, ...]
) -> None:
    more: dict[str, Any] = dict(zip(names, (data.test_images[:30], data.test_labels[:30]), strict=True))
    np.savez("own.npz", x_train=data.train_images, y_train=data.train_labels, **more, ids=np.arange(3),
             x_test=data.test_images, y_test=data.test_labels)  # fmt: skip
    code, _, err = cnnspec("train", "-e", VECTOR, "--data", "own.npz", "-o", "run")
    said = " ".join(err.split())
    assert (0, True) == (code, "V on own: 200 training, 30 validation, 100 test images" in said), err
    usual = "x_train y_train x_val y_val x_test y_test"
    assert f"note: left out: ids; arrays are looked for by names as {usual}" in said

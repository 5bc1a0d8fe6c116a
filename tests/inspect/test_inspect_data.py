"""``cnnspec inspect SPEC data|augmented``: what a network learns from, before and after training."""

import re
from pathlib import Path

import numpy as np
import pytest
from tools import Command

from cnnspec.recipe.models import Augment, Recipe
from cnnspec.training import inspection
from cnnspec.training.augment import Augmenter
from cnnspec.training.data import Dataset


@pytest.fixture
def spec(home: Path, tmp_path: Path) -> Path:
    """The spec with augmentation, beside no run."""
    text = (home / "bars.cnn").read_text()
    path = tmp_path / "changed.cnn"
    path.write_text(text.replace("epochs 2", "epochs 2; augment shift=1 flip=yes"))
    return path


def samples(count: int = 12, classes: int = 3, shape: tuple[int, ...] = (6, 4, 1)) -> Dataset:
    images = np.random.default_rng(0).integers(0, 256, (count, *shape), np.uint8)
    labels = np.arange(count) % classes
    return Dataset("some", images, labels, images[:3], labels[:3], tuple("abcdefgh"[:classes]))


def test_the_counts_are_those_of_the_parts(cnnspec: Command, home: Path) -> None:
    code, out, err = cnnspec("inspect", home / "bars.cnn", "data")
    assert (0, "") == (code, err)
    assert "160 training and 60 test images 8x8x1, 3 classes" in out
    assert ["class", "training", "validation", "test"] == out.splitlines()[2].split()
    assert ["total", "144", "16", "60"] == out.splitlines()[-1].split()


def test_a_run_has_the_same_data(cnnspec: Command, home: Path) -> None:
    assert cnnspec("inspect", home / "bars.cnn", "data") == cnnspec("inspect", home / "one", "data")


@pytest.mark.parametrize("kind", ["data", "augmented"])
@pytest.mark.parametrize("format", ["png", "svg", "pdf"])
def test_they_are_drawn(cnnspec: Command, spec: Path, tmp_path: Path, kind: str, format: str) -> None:
    assert (0, "", f"wrote x.{format}\n") == cnnspec("inspect", spec, kind, "-o", f"x.{format}")
    assert (tmp_path / f"x.{format}").stat().st_size > 1000


def test_a_drawing_says_what_was_changed(cnnspec: Command, spec: Path, tmp_path: Path) -> None:
    cnnspec("inspect", spec, "augmented", "-o", "x.svg", "--count", 4)
    shown = re.findall(r"<text [^>]*>([^<]*)</text>", (tmp_path / "x.svg").read_text())
    assert "augment shift=1 flip=yes" in shown
    assert {"0", "1", "2"} <= set(shown)


def test_the_table_of_changes(cnnspec: Command, spec: Path) -> None:
    code, out, _ = cnnspec("inspect", "augmented", spec, "--index", 5, "--index", 7)
    assert 0 == code
    assert "augment shift=1 flip=yes" == out.splitlines()[0]
    assert 2 == len(re.findall(r"^ \d +\d+\.\d % +\d+\.\d %$", out, re.MULTILINE))


@pytest.mark.parametrize(
    ("arguments", "code", "said"),
    [
        (("bars", "augmented"), 1, "changes no images"),
        (("bars", "one", "data"), 2, "data of one spec or run; 2 are named"),
        (("changed", "augmented", "--index", "160"), 2, "the train set has 160 samples, 0 to 159; there"),
        (("bars", "augmentation"), 2, 'did you mean "augmented"?'),
    ],
)
def test_what_cannot_be_shown(
    cnnspec: Command, home: Path, spec: Path, arguments: tuple[str, ...], code: int, said: str
) -> None:
    names = {"bars": home / "bars.cnn", "one": home / "one", "changed": spec}
    found, _, err = cnnspec("inspect", *(names.get(word, word) for word in arguments))
    assert code == found
    assert said in " ".join(err.split())


def test_the_changes_are_those_of_training() -> None:
    data, setting = samples(), Augment(shift=1, rotate=20)
    shown = inspection.augmented_samples(data, setting, [4], 3, seed=9)
    ((name, (original, *made)),) = shown.rows
    assert "b" == name
    np.testing.assert_array_equal(original, data.train_images[4])
    images = np.stack([data.train_images[4]] * 3)
    change = Augmenter(setting, images.shape[1:])
    np.testing.assert_array_equal(made, change(images, np.random.default_rng(9)))


def test_samples_are_of_their_class() -> None:
    data = samples()
    shown = inspection.samples_of_each_class(data, "train", 2)
    assert ["a", "b", "c"] == [name for name, _ in shown.rows]
    np.testing.assert_array_equal(shown.rows[1][1], data.train_images[[1, 4]])
    assert {"training": (4, 4, 4), "test": (1, 1, 1)} == inspection.class_counts(data, Recipe())


def test_a_sample_of_a_part_is_shown_by_its_number(cnnspec: Command, home: Path, tmp_path: Path) -> None:
    with np.load(home / "bars.npz") as arrays:
        labels = arrays["y_train"]
    asked = ("inspect", home / "bars.cnn", "data", "--part", "train", "--index", 159, "--index", 60)
    code, out, _ = cnnspec(*asked)
    assert (0, f"train sample 159 is {labels[159]}\ntrain sample 60 is {labels[60]}\n") == (code, out)
    cnnspec(*asked, "-o", "x.svg")
    shown = re.findall(r"<text [^>]*>([^<]*)</text>", (tmp_path / "x.svg").read_text())
    assert {f"159: {labels[159]}", f"60: {labels[60]}"} <= set(shown)
    code, _, err = cnnspec(*asked[:3], "--index", 159)
    assert (2, True) == (code, "the test set has 60 samples, 0 to 59; there is no 159" in err)

"""Parts of the data that would be empty, and labels of no class: told before the first step."""

import pickle
from collections.abc import Callable
from copy import copy
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from cnnspec.cli.main import run
from cnnspec.diagnostics import SpecError
from cnnspec.model import Model
from cnnspec.training import data as loading
from cnnspec.training.data.dataset import Dataset, Part, split
from cnnspec.training.data.fitting import fitted, match_classes

LABELS = np.arange(40) % 4
IMAGES = np.random.default_rng(0).integers(0, 256, (40, 8, 8), np.uint8)
SPEC = "input 8x8x1; flatten; dense 4; train { data DATA; batch 16; epochs 1 }"


@pytest.fixture
def files(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    np.savez("own.npz", x_train=IMAGES, y_train=LABELS, x_test=IMAGES[:10], y_test=LABELS[:10])
    np.savez("one.npz", x_train=IMAGES[:1], y_train=LABELS[3:4], x_test=IMAGES[:10], y_test=LABELS[:10])
    rows = [",".join(map(str, [label, *image.ravel()])) for image, label in zip(IMAGES, LABELS, strict=True)]
    (tmp_path / "own.csv").write_text("\n".join(rows))
    return tmp_path


@pytest.mark.parametrize("asked, said, cure", [
    ('npz "one.npz" validation=0.6', "validation=0.6 of 1 sample leaves none to train on", "leave v"),
    ('npz "own.npz" validation=0.99', "validation=0.99 of 40 samples leaves none to train on", "n=0.2"),
    ('npz "own.npz" validation=0.001', "validation=0.001 of 40 samples is none of them", "validation=0.2"),
    ('csv "own.csv" test=0.999', "test=0.999 of 40 samples leaves none to train on", "test=0.2"),
    ('csv "own.csv" test=0', "test=0 of 40 samples is none of them", "test=0.2"),
    ('csv "own.csv" test=0.01', "test=0.01 of 40 samples is none of them", "test=0.2"),
])  # fmt: skip
def test_a_share_that_leaves_a_part_empty_is_told_before_the_first_step(
    files: Path, capsys: pytest.CaptureFixture[str], asked: str, said: str, cure: str
) -> None:
    code = run(["train", "-e", SPEC.replace("DATA", asked), "-o", "run"])
    told = capsys.readouterr().err
    assert (1, True, True) == (code, f"error[no-samples-left]: {said}\n" in told, cure in told), told
    assert not (files / "run" / "metrics.jsonl").exists()


def test_the_share_that_is_offered_leaves_some() -> None:
    for count in range(2, 40):
        with pytest.raises(SpecError) as caught:
            split(np.zeros(count, np.int64), 0.999, 0)
        share = float(caught.value.diagnostics[0].help[0].rpartition("=")[2])
        kept, out = split(np.zeros(count, np.int64), share, 0)
        assert (True, True) == (len(kept) > 0, len(out) > 0), count


def test_all_samples_of_a_file_may_be_taken_from_python(files: Path) -> None:
    data = loading.load("own.csv", test=0)
    assert (40, 0) == (len(data.train_labels), len(data.test_labels))


def test_nothing_at_all_is_not_trained_on() -> None:
    with pytest.raises(SpecError, match="there are no samples to train on"):
        split(np.empty(0, np.int64), 0.0, 0)


@pytest.mark.parametrize("change, said", [
    ({"train_labels": LABELS - 1}, "the training labels of own must be whole numbers from 0. Received: -1"),
    ({"test_labels": LABELS * 0.5}, "the test labels of own must be whole numbers from 0. Received: float64"),
    ({"test_labels": LABELS + 3}, "a test label of own is 6, and 4 classes have names"),
    ({"train_labels": LABELS[:9]}, "own has 40 training images and labels of shape (9,)"),
])  # fmt: skip
def test_labels_of_a_dataset_made_by_hand_are_looked_at(change: dict[str, Any], said: str) -> None:
    data = Dataset("own", IMAGES[..., None], LABELS, IMAGES[..., None], LABELS, tuple("abcd"))
    assert data is fitted(data, (8, 8, 1), 4)
    with pytest.raises(SpecError) as caught:
        fitted(replace(data, **change), (8, 8, 1), 4)
    assert [("data-unlike-network", said)] == [(item.code, item.message) for item in caught.value.diagnostics]


@pytest.mark.parametrize("labels", [LABELS - 1, LABELS - 0.5])
def test_labels_that_are_no_classes_are_refused_by_fit_and_evaluate(
    model_of: Callable[..., Model], labels: np.ndarray
) -> None:
    model = model_of(spec="input 8x8x1; flatten; dense 4")
    for use in (model.fit, model.evaluate):
        with pytest.raises(SpecError, match="labels must be whole numbers from 0"):
            use((IMAGES, labels))


def test_names_do_not_drive_a_terminal() -> None:
    names = ("cat\x1b[31m", "a\u202eb", "سگ\u200cها", "naïve 🐈")
    data = Dataset("own\x07", IMAGES, LABELS, IMAGES, LABELS, names, notes=("label: \x1b[31mcat",))
    assert ("cat�[31m", "a�b", "سگ\u200cها", "naïve 🐈") == data.names
    assert ("own�", ("label: �[31mcat",)) == (data.name, data.notes)


@pytest.mark.parametrize("part", ["train", "test"])
def test_an_empty_part_is_not_judged(model_of: Callable[..., Model], part: Part) -> None:
    empty: dict[str, Any] = {f"{part}_images": IMAGES[:0, ..., None], f"{part}_labels": LABELS[:0]}
    data = replace(
        Dataset("own", IMAGES[..., None], LABELS, IMAGES[..., None], LABELS, tuple("abcd")), **empty
    )
    with pytest.raises(SpecError, match="there are no samples to judge on"):
        model_of(spec="input 8x8x1; flatten; dense 4").evaluate(data, part=part)


@pytest.mark.parametrize("given", [None, IMAGES, (IMAGES, LABELS, LABELS), 3])
def test_what_is_no_pair_is_not_taken_for_one(model_of: Callable[..., Model], given: Any) -> None:
    with pytest.raises(TypeError, match="data must be a Dataset, the name or path of one, or a pair"):
        model_of().fit(given)


def test_a_part_that_there_is_not_is_no_other(model_of: Callable[..., Model]) -> None:
    part: Any = "validation"
    with pytest.raises(ValueError, match=r"parts test and train\. Received: validation"):
        model_of(spec="input 8x8x1; flatten; dense 4").evaluate((IMAGES, LABELS), part=part)


def test_lists_and_paths_are_taken_from_python(model_of: Callable[..., Model], files: Path) -> None:
    model = model_of("epochs 1", spec="input 8x8x1; flatten; dense 4")
    labels: Any = list(LABELS)
    data = Dataset("own", IMAGES[..., None], labels, IMAGES[..., None], labels, tuple("abcd"))
    lists: Any = IMAGES.tolist(), LABELS.tolist()
    assert model.evaluate(data).loss == model.evaluate(*lists).loss
    assert 10 == model.evaluate(files / "own.npz").samples
    with pytest.raises(SpecError, match="lists of unlike length"):
        model.fit(([[[1]], [[1, 2]]], [0, 1]))


# Classes by name -------------------------------------------------------------------


def named(names: str, labels: np.ndarray = LABELS) -> Dataset:
    return Dataset("own", IMAGES[..., None], labels, IMAGES[:9, ..., None], labels[:9], tuple(names))


@pytest.mark.parametrize("learned, names, places, note", [
    ("abcd", "abcd", [0, 1, 2, 3], None),
    ("dcba", "abcd", [3, 2, 1, 0], None),
    ("abcdef", "abcd", [0, 1, 2, 3], None),
    ("dxbac", "abcd", [3, 2, 4, 0], None),
    ("badx", "abcd", [1, 0, None, 2], "c is not among the classes learned (b, a, d, x): left out"),
    ("a", "abcd", [0, None, None, None], "b, c, d are not among the classes learned (a): left out"),
    ("wxyz", "0123", [0, 1, 2, 3], "the labels of own are numbers, taken as the places of w, x, y, z"),
    ("vwxyz", "0123", [0, 1, 2, 3], "the labels of own are numbers, taken as the places of v, w, x, y, z"),
    ("0123", "wxyz", [0, 1, 2, 3], "the classes learned are numbers: w, x, y, z are taken as 0 to 3"),
    ("0123456789", "0123", [0, 1, 2, 3], None),
    ("012", "0123", [0, 1, 2, None], "3 is not among the classes learned (0, 1, 2): left out"),
])  # fmt: skip
def test_classes_are_matched_by_name(
    learned: str, names: str, places: list[int | None], note: str | None
) -> None:
    data = named(names)
    found = match_classes(data, tuple(learned))
    assert (() if note is None else (note,)) == found.notes
    assert (tuple(names) if learned.isdigit() and not names.isdigit() else tuple(learned)) == found.names
    for part in ("train", "test"):
        images, labels = data.part(part)
        kept = np.array([places[label] is not None for label in labels])
        np.testing.assert_array_equal(images[kept], found.part(part).images)
        assert [places[label] for label in labels[kept]] == found.part(part).labels.tolist()


def test_no_class_in_common_is_an_error() -> None:
    with pytest.raises(SpecError) as caught:
        match_classes(named("abcd"), tuple("wxyz"))
    (fault,) = caught.value.diagnostics
    assert "no class of own is among those that were learned" == fault.message
    assert ("learned: w, x, y, z", "own: a, b, c, d") == fault.notes


def test_a_model_knows_the_classes_it_learned_and_they_travel_with_its_weights(
    model_of: Callable[..., Model], tmp_path: Path
) -> None:
    spec = "input 8x8x1; flatten; dense 4"
    model = model_of("epochs 1", spec=spec)
    assert () == model.classes
    model.fit(named("abcd"))
    assert tuple("abcd") == model.classes == copy(model).classes == pickle.loads(pickle.dumps(model)).classes
    model.save(tmp_path / "own.safetensors")
    other = model_of(spec=spec).load(tmp_path / "own.safetensors")
    turned = named("dcba", 3 - LABELS)
    expected = model.evaluate(named("abcd"))
    for found in (model.evaluate(turned), other.evaluate(turned), other.evaluate((IMAGES[:9], LABELS[:9]))):
        np.testing.assert_array_equal(expected.confusion, found.confusion)
        assert tuple("abcd") == found.names
    assert ("e is not among the classes learned (a, b, c, d): left out",) == model.evaluate(
        named("abce")
    ).notes
    assert 40 == model.evaluate((IMAGES, np.array(list("dcba"))[LABELS])).samples


def test_files_named_in_python_are_read_as_the_recipe_says(
    model_of: Callable[..., Model], files: Path
) -> None:
    """``resize``, ``test`` and ``label`` of the recipe hold for a path given to fit and evaluate."""
    np.savez("small.npz", x=IMAGES, y=LABELS)
    model = model_of("epochs 1; data npz path=\"small.npz\" resize=yes test=0.5",
                     spec="input 5x6x1; flatten; dense 4")  # fmt: skip
    assert "finished" == model.fit("small.npz").ending
    assert 20 == model.evaluate("small.npz").samples

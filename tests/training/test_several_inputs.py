"""Networks with several inputs, from every kind of data to every command, as those with one."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray
from tools import Command, fault_of

import cnnspec
from cnnspec.backends.images import joined, parted
from cnnspec.recipe.models import Augment
from cnnspec.recipe.targets import NumbersTarget
from cnnspec.training.augment import augmenter_of
from cnnspec.training.data import load, load_for
from cnnspec.training.data import scenes as made
from cnnspec.training.data.dataset import Dataset

Image = pytest.importorskip("PIL.Image")
Array = NDArray[Any]
COUNT = 48
RANDOM = np.random.default_rng(0)
LEFT, RIGHT = (RANDOM.integers(0, 256, (COUNT, 6, 6, 1), np.uint8) for _ in range(2))
SAME = (np.arange(COUNT) % 2 == 0).astype(np.uint8)
RIGHT[SAME == 1] = LEFT[SAME == 1]
PAIRS = {"left": LEFT, "right": RIGHT}
SPEC = """network Pair
input left 6x6x1
input right 6x6x1
from left
a: conv 3 3x3 -> relu -> flatten
b: dense 4
from right
conv 3 3x3 share=a -> relu -> flatten
c: dense 4 share=b
subtract b -> abs
dense 1 -> sigmoid
"""
MIXED = "input photo 6x6x1; input facts 2; from photo; flatten; concat facts; dense 1"


def save_picture(path: Path, image: Array) -> None:
    Image.fromarray(image[..., 0]).save(path)


def flat(model: cnnspec.Model) -> Array:
    return np.concatenate([values.ravel() for values in model.weights.values()])


def fitted(spec: str = SPEC, data: Any = (PAIRS, SAME), **changes: Any) -> cnnspec.Model:
    model = cnnspec.parse(spec).build()
    given: dict[str, Any] = {"target": "binary", "epochs": 2, "batch": 16}
    model.fit(data, **given | changes)
    return model


# In Python ---------------------------------------------------------------------------------


def test_pairs_by_name_are_learned_judged_and_predicted() -> None:
    model = fitted(epochs=40, rate=0.02)
    found = model.evaluate((PAIRS, SAME))
    assert found.figures["accuracy"] > 0.95
    assert model.evaluate(PAIRS, SAME).loss == found.loss
    answers = model.predict(PAIRS)[:, 0]
    np.testing.assert_allclose(answers, model.predict(joined(PAIRS))[:, 0])
    assert ((answers > 0.5) == SAME).mean() == found.accuracy


def test_records_are_the_same_samples_as_arrays_by_name() -> None:
    whole = joined(PAIRS)
    assert {name: values.tolist() for name, values in parted(whole).items()} == {
        name: values.tolist() for name, values in PAIRS.items()
    }
    target = cnnspec.Recipe().changed(target="binary").target
    assert target
    data = Dataset("own", PAIRS, SAME[:, None], PAIRS, SAME[:, None], ("same",), target=target)  # type: ignore[arg-type]
    np.testing.assert_array_equal(flat(fitted(data=data)), flat(fitted()))
    assert "left 6x6x1, right 6x6x1" in repr(data)


def test_two_workers_have_the_gradient_of_one() -> None:
    np.testing.assert_allclose(flat(fitted(workers=2)), flat(fitted()), atol=1e-5)


def test_a_run_goes_on_to_the_same_bits(tmp_path: Path) -> None:
    fitted(folder=tmp_path / "run", epochs=1)
    model = fitted(folder=tmp_path / "run", epochs=3, resume=True)
    np.testing.assert_array_equal(flat(model), flat(fitted(epochs=3)))
    other = {"left": LEFT, "right": LEFT}
    fault = fault_of(fitted, data=(other, SAME), folder=tmp_path / "run", epochs=4, resume=True)
    assert "the training images have changed" in fault.message


def test_pictures_are_changed_each_by_itself_and_vectors_stay() -> None:
    facts = RANDOM.random((COUNT, 2)).astype(np.float32) * 9 - 4
    data = ({"photo": LEFT, "facts": facts}, facts[:, :1])
    images = joined(data[0])
    change = augmenter_of(Augment(shift=2), NumbersTarget(), images, data[1])
    assert change
    changed, _ = change(images, data[1], np.random.default_rng(0))
    np.testing.assert_array_equal(changed["facts"], facts)
    assert (changed["photo"] != LEFT).any()
    both = augmenter_of(Augment(shift=2), NumbersTarget(), joined({"a": LEFT, "b": LEFT}), data[1])
    assert both
    moved, _ = both(joined({"a": LEFT, "b": LEFT}), data[1], np.random.default_rng(0))
    assert (moved["a"] != moved["b"]).any()
    fitted(MIXED, data, target="numbers", augment="shift=2")


def test_each_input_is_scaled_as_its_numbers_ask_and_so_everywhere(tmp_path: Path) -> None:
    """Bytes of a picture to 0..1, measured numbers by their mean and deviation."""
    facts = (RANDOM.standard_normal((COUNT, 2)) * (1, 50) + (3, -200)).astype(np.float32)
    targets = (facts - facts.mean(0)) / facts.std(0)
    inputs = {"photo": LEFT, "facts": facts}
    model = fitted(
        MIXED, (inputs, targets.sum(1)), target="numbers", normalise="standard", epochs=60, rate=0.05,
        folder=tmp_path / "run",
    )  # fmt: skip
    assert model.evaluate((inputs, targets.sum(1))).figures["R²"] > 0.9
    scaling = model.scaling.of_input("facts")
    np.testing.assert_allclose(facts * scaling.factor + scaling.shift, targets, atol=1e-5)
    model.save(tmp_path / "w.safetensors")
    for path in (tmp_path / "w.safetensors", tmp_path / "run"):
        again = cnnspec.parse(MIXED).build().load(path)
        np.testing.assert_array_equal(again.predict(inputs), model.predict(inputs))
    as_floats = inputs | {"photo": (LEFT / 255).astype(np.float32)}
    np.testing.assert_allclose(model.predict(as_floats), model.predict(inputs), atol=1e-5)


def test_inputs_alike_are_scaled_alike_so_that_shared_weights_see_one_scale() -> None:
    model = fitted(data=({"left": LEFT, "right": RIGHT // 2}, SAME), normalise="standard")
    one, other = (model.scaling.of_input(name) for name in PAIRS)
    assert (one.factor, one.shift) == (other.factor, other.shift)


# What does not fit ------------------------------------------------------------------------


@pytest.mark.parametrize(
    "inputs, message",
    [
        (LEFT, "the network takes several inputs: left 6x6x1, right 6x6x1"),
        ({"left": LEFT}, "the input right is missing"),
        ({**PAIRS, "middle": LEFT}, "the network has no input middle"),
        ({"left": LEFT, "right": RIGHT[:9]}, "each sample has all inputs, and left has 48, right has 9"),
        ({"left": LEFT, "right": RIGHT[:, 1:]}, "a sample of samples is left 6x6x1, right 5x6x1;"),
        ({"left": LEFT, "right": RIGHT * np.nan}, "samples: right[0, 0, 0, 0] is nan"),
    ],
)
def test_inputs_that_do_not_fit_are_told_before_the_first_step(inputs: Any, message: str) -> None:
    assert message in fault_of(fitted, data=(inputs, SAME)).message


def test_other_faults_of_several_inputs() -> None:
    one = cnnspec.parse("input 6x6x1; flatten; dense 1").build()
    assert "the network takes one input, 6x6x1" in fault_of(one.fit, (PAIRS, SAME), target="binary").message
    spec = SPEC.replace("dense 1 -> sigmoid", "dense 36; reshape 6x6x1")
    assert "need targets" in fault_of(fitted, spec, (PAIRS, None), target="image").message
    model = fitted(spec, (PAIRS, RIGHT), target="image")
    assert model.evaluate((PAIRS, RIGHT)).target == "image"
    fault = fault_of(fitted, spec, (PAIRS, RIGHT), target="image", augment="shift=1")
    assert "augment moves one image with its target, and a sample has left, right" in fault.message
    with pytest.raises(cnnspec.SpecError) as caught:
        fitted(normalise="mean=(0.1,0.2)")
    assert [one.message for one in caught.value.diagnostics] == [
        f"normalise mean has 2 numbers, and the input {name} has 1 channel" for name in PAIRS
    ]
    shape = cnnspec.parse(SPEC).sample
    assert "left 6x6x1, right 6x6x1" in fault_of(load, "digits_scene", shape=shape).message
    setting = cnnspec.Recipe().changed(data="digits").data
    assert "a sample of digits is one image, 8x8x1" in fault_of(load_for, setting, shape, 10).message


# Files -------------------------------------------------------------------------------------


def test_an_archive_has_an_array_for_each(tmp_path: Path) -> None:
    path, shape = tmp_path / "own.npz", cnnspec.parse(SPEC).sample
    np.savez(path, left=LEFT, right=RIGHT, y=SAME)
    target = cnnspec.Recipe().changed(target="binary").target
    data = load(str(path), shape=shape, target=target)
    assert ((38, 1), {"left": (6, 6, 1), "right": (6, 6, 1)}) == (data.train_labels.shape, data.shape)
    parts: dict[str, Any] = {
        f"{name}_{part}": values for name, values in PAIRS.items() for part in ("train", "test")
    }
    np.savez(path, **parts, y_train=SAME, y_test=SAME)
    data = load(str(path), shape=shape, target=target)
    np.testing.assert_array_equal(data.test_images["right"], RIGHT)
    np.savez(path, left=LEFT, y=SAME)
    fault = fault_of(load, str(path), shape=shape, target=target)
    assert "own.npz: has no right" in fault.message
    assert "it holds left, y" in fault.notes
    np.savez(path, left=LEFT, right=RIGHT[:40], y=SAME)
    assert "left has 48, right has 40" in fault_of(load, str(path), shape=shape, target=target).message


def table(folder: Path, text: str) -> str:
    for n in range(8):
        for name, images in PAIRS.items():
            save_picture(folder / f"{name}{n}.png", images[n])
    (folder / "pairs.csv").write_text(text)
    return str(folder / "pairs.csv")


ROWS = "".join(f"left{n}.png,right{n}.png,{SAME[n]}\n" for n in range(8))


@pytest.mark.parametrize("head", ["left,right,same\n", ""])
def test_a_table_has_a_column_of_files_for_each(tmp_path: Path, head: str) -> None:
    target = cnnspec.Recipe().changed(target="binary").target
    data = load(table(tmp_path, head + ROWS), shape=cnnspec.parse(SPEC).sample, target=target, test=0.25)
    both = np.concatenate([data.train_images, data.test_images])
    assert {values.tobytes() for values in both["left"]} == {values.tobytes() for values in LEFT[:8]}
    for sample, label in zip(both, np.concatenate([data.train_labels, data.test_labels]), strict=True):
        assert (sample["left"] == sample["right"]).all() == label[0]


def test_a_vector_takes_the_other_columns(tmp_path: Path) -> None:
    rows = "".join(f"left{n}.png,{n},{n * 0.25},{n % 3}\n" for n in range(8))
    target = cnnspec.Recipe().changed(target='numbers "score"').target
    data = load(
        table(tmp_path, f"photo,age,height,score\n{rows}"), shape=cnnspec.parse(MIXED).sample, target=target
    )
    assert {"photo": (6, 6, 1), "facts": (2,)} == data.shape
    assert data.train_images["facts"].dtype == np.float32
    assert [[0, 0]] == [row.tolist() for row in data.train_images["facts"] if row[0] == 0]


@pytest.mark.parametrize(
    "text, message, note",
    [
        (f"a,b,same\n{ROWS.replace('right3.png', 'gone.png')}", "gone.png", "line 5 of"),
        (f"left,b,same\n{ROWS}", "has no column right, and the network takes left 6x6x1", "left, b, same"),
        ("left,right\nleft0.png,right0.png\n", "has no column for the target", ""),
        (f"left,right,same\n{ROWS}left1.png,right1.png,x\n", "line 10, same must be a number", ""),
    ],
)
def test_tables_that_do_not_fit_are_told_with_their_place(
    tmp_path: Path, text: str, message: str, note: str
) -> None:
    target = cnnspec.Recipe().changed(target="binary").target
    fault = fault_of(load, table(tmp_path, text), shape=cnnspec.parse(SPEC).sample, target=target)
    assert message in fault.message
    assert note in " ".join(fault.notes)


# Pairs of digits ---------------------------------------------------------------------------


def test_pairs_of_digits_are_the_same_each_time_and_half_alike(monkeypatch: pytest.MonkeyPatch) -> None:
    pytest.importorskip("sklearn")
    monkeypatch.setattr(made, "PAIRS", 200)
    monkeypatch.setattr(made, "TEST_PAIRS", 100)
    one, other = load("digits_pairs"), load("digits_pairs", shape={"a": (8, 8, 1), "b": (8, 8, 1)})
    assert ({"left": (28, 28, 1), "right": (28, 28, 1)}, ["a", "b"]) == (one.shape, [*other.shape])
    assert one.train_labels.mean() == one.test_labels.mean() == 0.5
    digits = load("digits")
    known = {
        image.tobytes(): label for image, label in zip(digits.train_images, digits.train_labels, strict=True)
    }
    for sample, label in zip(other.train_images, other.train_labels, strict=True):
        assert (known[sample["a"].tobytes()] == known[sample["b"].tobytes()]) == label[0]
    for shape in ((28, 28, 1), {"a": (8, 8, 3), "b": (8, 8, 3)}, {"a": (8, 8, 1), "b": (6, 8, 1)}):
        message = fault_of(load, "digits_pairs", shape=shape).message
        assert "digits_pairs gives two grey pictures of one size a sample" in message


# Commands ----------------------------------------------------------------------------------


def test_every_command_takes_them(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, command: Command) -> None:
    monkeypatch.chdir(tmp_path)
    parts: dict[str, Any] = {
        f"{name}_{part}": values for name, values in PAIRS.items() for part in ("train", "test")
    }
    np.savez("own.npz", **parts, y_train=SAME, y_test=SAME)
    recipe = 'train { data npz "own.npz"; target binary "same"; batch 16; epochs 2; augment shift=1 }'
    Path("pair.cnn").write_text(SPEC + recipe)
    for words in (
        "train pair.cnn -o run", "train pair.cnn -o long --epochs 3 --workers 2", "evaluate run",
        "train run --resume --epochs 3", "report run -o page.html", "predict run --index 3",
        "run pair.cnn --weights run --input own.npz:test:3",
        *(f"inspect run {what} -o {what}.svg" for what in (
            "mistakes", "predictions", "data", "maps", "neighbours", "augmented", "confusion", "curves",
            "filters",
        )),
    ):  # fmt: skip
        code, _, err = command(*words.split())
        assert code == 0, (words, err)
    found = json.loads(command("evaluate", "run", "--format", "json")[1])
    assert found["worst"][0]["answer"] in ("same", "not same")
    assert "same → " in Path("mistakes.svg").read_text(encoding="utf-8")
    save_picture(Path("a.png"), LEFT[3])
    save_picture(Path("b.png"), RIGHT[3])
    given = json.loads(command("predict", "run", "left=a.png", "right=b.png", "--format", "json")[1])
    sample = json.loads(command("predict", "run", "--index", "3", "--format", "json")[1])
    assert given["images"][0]["answers"] == sample["images"][0]["answers"]
    for wrong in ("a.png", "left=a.png", "left=gone.png right=b.png"):
        assert command("predict", "run", *wrong.split())[0] == 2

"""A model through its life: copied, pickled, shared by threads, given weights, saved and found again."""

from __future__ import annotations

import copy
import gc
import os
import pickle
import signal
import threading
import warnings
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any
from weakref import ref

import numpy as np
import pytest
from cases.registry import CASES, Case
from cases.single import data, model_of, run
from safetensors.numpy import save_file

import cnnspec
from cnnspec.backends.contract import Scaling
from cnnspec.backends.numpy.engine import REMEMBERED, NumpyEngine
from cnnspec.model import Model, build

SPEC = "input 6x5x2; conv 3 3x3 -> batchnorm -> relu -> flatten -> dropout 0.5 -> dense 4 -> softmax"


def model(seed: int = 0, **options: Any) -> Model:
    return build(cnnspec.parse(SPEC), seed=seed, **options)


def engine() -> NumpyEngine:
    return NumpyEngine(cnnspec.parse(SPEC))


def images(count: int) -> np.ndarray:
    return np.random.default_rng(7).standard_normal((count, 6, 5, 2)).astype(np.float32)


def same(one: Model, other: Model) -> bool:
    """Whether all weights are equal."""
    return all(np.array_equal(values, other.weights[name]) for name, values in one.weights.items())


def again(one: Model) -> Model:
    found: Model = pickle.loads(pickle.dumps(one))
    return found


@pytest.mark.parametrize("copied", [copy.deepcopy, copy.copy, again])
@pytest.mark.parametrize("options", [{}, {"kernels": "reference"}, {"kernels": "winograd4"}], ids=repr)
def test_a_copy_is_whole_and_apart(copied: Any, options: dict[str, bool]) -> None:
    one = model(**options)
    one.scaling = Scaling(2.0, -1.0)
    before = one.predict(images(3))
    other = copied(one)
    np.testing.assert_array_equal(before, other.predict(images(3)))
    mine: Any = one.engine
    theirs: Any = other.engine
    assert (one.scaling, mine.kernels, one.seed) == (other.scaling, theirs.kernels, other.seed)
    assert mine.random.random() == theirs.random.random()
    theirs.flat[:] = 0
    assert not any(other.weights[name].any() for name in theirs.gradients)
    np.testing.assert_array_equal(before, one.predict(images(3)))
    np.testing.assert_array_equal(np.full((3, 4), 0.25), other.predict(images(3)))


def test_a_copy_can_be_trained() -> None:
    other = copy.deepcopy(engine())
    before = other.predict(images(5))
    other.compile(5, True).step(images(5), np.arange(5) % 4)
    other.flat -= other.flat_gradient
    assert np.abs(before - other.predict(images(5))).max() > 1e-3


def test_threads_share_one_model() -> None:
    one = model()
    inputs = [images(64) * n for n in range(1, 9)]
    expected = [one.predict(each) for each in inputs]
    with ThreadPoolExecutor(4) as pool:
        found = list(pool.map(one.predict, inputs * 30))
    for n, each in enumerate(found):
        np.testing.assert_array_equal(expected[n % 8], each)


def test_weights_that_are_assigned_count_at_once() -> None:
    one, other = model(seed=1), model(seed=2)
    one.predict(images(3))
    for name in other.weights:
        one.weights[name] = other.weights[name].tolist()
    np.testing.assert_array_equal(other.predict(images(3)), one.predict(images(3)))
    assert same(one, other)


def test_weights_are_assigned_whole_or_not_at_all() -> None:
    one = model()
    with pytest.raises(ValueError, match=r"conv1.weight is 3x2x3x3, not 3x3x2x3"):
        one.weights["conv1.weight"] = np.zeros((3, 3, 2, 3))
    with pytest.raises(ValueError, match=r"conv1.bias is 3, not one number"):
        one.weights["conv1.bias"] = 0  # type: ignore[assignment]
    with pytest.raises(KeyError, match=r"did you mean conv1.weight"):
        one.weights["conv1.weigth"] = np.zeros((3, 2, 3, 3))
    with pytest.raises(TypeError, match=r"conv1.bias cannot be taken out"):
        del one.weights["conv1.bias"]
    with pytest.raises(TypeError, match="cannot be taken out"):
        one.weights.clear()
    assert 8 == len(one.weights)
    assert "conv1.weight: 3x2x3x3" in repr(one.weights)


def test_weights_are_updated_all_or_none() -> None:
    one = build(cnnspec.parse("input 4; dense 2"))
    before = {name: values.copy() for name, values in one.weights.items()}
    for wrong in (np.ones(3), np.ones(2, complex)):
        with pytest.raises((ValueError, TypeError), match=r"dense1\.bias"):
            one.weights.update({"dense1.weight": np.ones((2, 4)), "dense1.bias": wrong})
    with pytest.raises(KeyError, match="dense9"):
        one.weights.update({"dense1.weight": np.ones((2, 4))}, **{"dense9.bias": np.ones(2)})
    for name, values in one.weights.items():
        np.testing.assert_array_equal(values, before[name])
    one.weights.update({"dense1.weight": np.ones((2, 4))})
    assert (one.weights["dense1.weight"] == 1).all()


def test_a_process_forked_while_a_thread_predicts_can_predict() -> None:
    one = build(cnnspec.parse("input 64x64x8; conv 32 3x3 -> conv 8 3x3"))
    images = np.ones((8, 64, 64, 8), np.float32)
    over = threading.Event()

    def predict() -> None:
        while not over.is_set():
            one.predict(images)

    thread = threading.Thread(target=predict)
    thread.start()
    try:
        while one.engine._lock.acquire(blocking=False):  # type: ignore[attr-defined]
            one.engine._lock.release()  # type: ignore[attr-defined]
        with warnings.catch_warnings():
            warnings.simplefilter(
                "ignore", DeprecationWarning
            )  # of forking with threads, from Python 3.12 on
            child = os.fork()
        if child == 0:
            signal.alarm(10)
            found = one.predict(images[:1])
            os._exit(int(not np.isfinite(found).all()))
        assert 0 == os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])
    finally:
        over.set()
        thread.join()


def test_few_programs_are_remembered() -> None:
    one = engine()
    training = one.compile(8, True)
    for count in range(1, 20):
        one.predict(images(count))
    assert REMEMBERED == sum(not program.training for program in one._programs.values())
    assert training is one.compile(8, True)
    newest = one.compile(19)
    one.compile(16)
    one.predict(images(2))
    assert newest is one.compile(19)


KINDS = [np.uint8, np.int8, np.int32, np.int64, np.uint16, np.uint64, list]


@pytest.mark.parametrize("kind", KINDS)
def test_whole_numbers_of_any_kind_are_bytes(kind: Any) -> None:
    one = build(cnnspec.parse("input 2x2x2; identity"))
    raw = np.arange(8, dtype=np.uint8).reshape(1, 2, 2, 2)
    given = raw.tolist() if kind is list else raw.astype(kind)
    np.testing.assert_array_equal(one.predict(raw), one.predict(given))
    assert isinstance(one.engine, NumpyEngine)
    program = one.engine.compile(1)
    program.load(given)
    program.forward()
    np.testing.assert_array_equal(one.predict(raw), program.result())


def test_truths_are_black_and_white() -> None:
    one = build(cnnspec.parse("input 2x2x1; identity"))
    np.testing.assert_array_equal([[[[0], [1]], [[1], [0]]]], one.predict([[[False, True], [True, False]]]))


@pytest.mark.parametrize("kind", [np.float16, np.float32, np.float64])
def test_floats_are_taken_as_they_are(kind: Any) -> None:
    one = build(cnnspec.parse("input 2; identity"))
    np.testing.assert_array_equal([[-3, 200]], one.predict(np.array([[-3, 200]], kind)))


@pytest.mark.parametrize(
    "given, why",
    [
        (np.array([[0, 256]]), "bytes 0 to 255, or floats 0 to 1; these are int64 from 0 to 256"),
        (np.array([[-1, 5]], np.int8), "from -1 to 5"),
        (np.array([[1j, 2]]), "these hold complex128"),
        (np.array([["a", "b"]]), "these hold <U1"),
        (np.array([[None, 1]]), "these hold object"),
        (np.zeros(2), r"this network takes N x 2, not \(2,\); give one image as image\[None\]"),
        (np.zeros((1, 3)), r"this network takes N x 2, not \(1, 3\)$"),
        (np.float64(3), "this network takes N x 2"),
    ],
    ids=str,
)
def test_what_is_no_image_is_refused(given: Any, why: str) -> None:
    with pytest.raises(ValueError, match=why):
        build(cnnspec.parse("input 2; identity")).predict(given)


@pytest.mark.parametrize("batch", [0, -1])
def test_a_batch_holds_an_image(batch: int) -> None:
    with pytest.raises(ValueError, match=f"at least 1, not {batch}"):
        model().predict(images(1), batch=batch)


def test_a_single_grey_image_is_told_from_a_batch() -> None:
    with pytest.raises(ValueError, match="give one image as"):
        build(cnnspec.parse("input 4x4x1; flatten")).predict(np.zeros((4, 4)))


def test_a_folder_is_no_file_of_weights(tmp_path: Path) -> None:
    with pytest.raises(IsADirectoryError, match="weights are one file; name it, as in"):
        model().save(tmp_path)
    with pytest.raises(FileNotFoundError, match=r"holds no weights.safetensors"):
        model().load(tmp_path)
    with pytest.raises(IsADirectoryError, match=r"a folder without a spec.cnn"):
        cnnspec.load(tmp_path)


@pytest.mark.parametrize("name", ["x.npz", "x.pt", "x.h5", "X.ONNX"])
def test_endings_of_other_formats_are_refused(name: str, tmp_path: Path) -> None:
    with pytest.raises(ValueError, match=r"(?i)name the file x.safetensors"):
        model().save(tmp_path / name)
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize("name", ["weights", "weights.v1", "weights.safetensors"])
def test_other_endings_are_the_users_own(name: str, tmp_path: Path) -> None:
    one = model()
    one.save(tmp_path / name)
    assert same(one, model(seed=3).load(tmp_path / name))


def test_the_folder_of_a_run_gives_its_newest_weights(tmp_path: Path) -> None:
    (tmp_path / "checkpoints").mkdir()
    for step in (10, 200):
        save_file(dict(model(seed=step).weights), tmp_path / f"checkpoints/step-{step:09}.safetensors")
    assert same(model(seed=200), model().load(tmp_path))
    model(seed=3).save(tmp_path / "weights.safetensors")
    assert same(model(seed=3), model().load(tmp_path))


def test_the_folder_of_a_run_gives_its_network(tmp_path: Path) -> None:
    (tmp_path / "spec.cnn").write_text(SPEC)
    assert cnnspec.parse(SPEC).output == cnnspec.load(tmp_path).output


@pytest.mark.parametrize(
    "sentence, factor, shift",
    [("unit", 1 / 255, 0), ("none", 1, 0), ("mean=0.25 std=0.5", 1 / 127.5, -0.5), ("standard", 1 / 255, 0)],
)
def test_foreign_weights_see_pixels_as_the_recipe_has_them(
    sentence: str, factor: float, shift: float, tmp_path: Path
) -> None:
    network = cnnspec.parse(f"input 4; dense 2; train {{ normalise {sentence} }}")
    save_file(dict(build(network).weights), tmp_path / "foreign.safetensors")
    scaling = build(network, seed=1).load(tmp_path / "foreign.safetensors").scaling
    assert (factor, shift) == (scaling.factor, scaling.shift)


@pytest.mark.parametrize("case", CASES, ids=repr)
def test_a_model_and_its_programs_are_freed_when_nobody_holds_them(case: Case) -> None:
    gc.disable()
    try:
        model = model_of(case)
        run(model, *data(model, 2))
        memories = [ref(program.memory) for program in (model.compile(1), model.compile(2, training=True))]
        held: list[ref[Any]] = [ref(model), *memories]
        del model
        assert [None] * 3 == [reference() for reference in held]
    finally:
        gc.enable()

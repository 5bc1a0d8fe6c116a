"""What an engine promises, and that training asks for nothing else: run on NumPy's engine and on a toy.

Another engine joins by a line in ``ENGINES``.
"""

import copy
import json
import os
import signal
import subprocess
import sys
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from import_graph import graph
from tools import known, same
from training.toy import ToyEngine

import cnnspec
from cnnspec.backends.contract import BatchResult, Engine, Scaling, TrainingSession
from cnnspec.diagnostics import SpecError
from cnnspec.model import BACKENDS, Model
from cnnspec.recipe.models import Recipe
from cnnspec.training.batches import Batches
from cnnspec.training.callback import Callback, TrainingProgress
from cnnspec.training.checkpoint import CheckpointManager, read
from cnnspec.training.data.dataset import Dataset
from cnnspec.training.evaluate import probabilities
from cnnspec.training.loop import evaluate, fit
from cnnspec.training.run import Run, take_weights

ENGINES: dict[str, Callable[[], Callable[..., Engine]]] = {"toy": lambda: ToyEngine, **BACKENDS}
NAMES = ["toy", "numpy", pytest.param("torch", marks=pytest.mark.torch)]
SPEC = "input 6x4x1; flatten -> dense 3 -> softmax"


@pytest.fixture(params=NAMES)
def engine_of(request: pytest.FixtureRequest) -> Callable[..., Engine]:
    """A fresh engine of the small network: ``engine_of("epochs 2", seed=1)``."""

    def make(recipe: str = "", seed: int = 0) -> Engine:
        optimizer = "" if "optimizer" in recipe else "optimizer sgd rate=0.3 momentum=0.9; "
        network = cnnspec.parse(f"{SPEC}\ntrain {{ batch 16; {optimizer}{recipe} }}")
        return ENGINES[request.param]()(network, seed=seed, initial=network.training_recipe.initial)

    return make


def bands(count: int, seed: int) -> tuple[np.ndarray, np.ndarray]:
    """6x4 pictures whose first, second or third pair of rows is bright, under noise."""
    generator = np.random.default_rng(seed)
    images = generator.integers(0, 90, (count, 6, 4, 1), np.uint8)
    labels = generator.integers(0, 3, count)
    for image, label in zip(images, labels, strict=True):
        image[2 * label : 2 * label + 2] += 60
    return images, labels


@pytest.fixture(scope="module")
def data() -> Dataset:
    return Dataset("bands", *bands(200, 0), *bands(100, 1), names=("top", "middle", "bottom"))


def guessed(data: Dataset) -> Dataset:
    """The same images with labels that have nothing to do with them."""
    return replace(data, train_labels=np.random.default_rng(2).permutation(data.train_labels))


def weights(engine: Engine) -> dict[str, np.ndarray]:
    return {name: values.copy() for name, values in engine.weights.items()}


class Stopper(Callback):
    """Interrupts the training at a step, as Ctrl-C would."""

    every = 0.0

    def __init__(self, step: int) -> None:
        self.left = step

    def step(self, now: TrainingProgress) -> None:
        self.left -= 1
        if self.left == 0:
            os.kill(os.getpid(), signal.SIGINT)


# Predicting -------------------------------------------------------------------------


def test_weights_have_the_names_and_shapes_that_the_network_declares(
    engine_of: Callable[..., Engine],
) -> None:
    engine = engine_of()
    declared = {name: weight.shape for node in engine.network.layers for name, weight in node.weights.items()}
    assert declared == {name: values.shape for name, values in engine.weights.items()}
    assert {np.dtype(engine.dtype)} == {values.dtype for values in engine.weights.values()}


def test_what_is_assigned_is_copied_in_and_counts_at_once(
    engine_of: Callable[..., Engine], data: Dataset
) -> None:
    engine, given = engine_of(), np.zeros((3, 24), np.float32)
    engine.weights["dense1.weight"] = given
    engine.weights.update({"dense1.bias": np.log(np.array([1, 2, 7], np.float32))})
    given += 1
    found = engine.forward(data.test_images)["output"]
    np.testing.assert_allclose(found, np.tile([0.1, 0.2, 0.7], (100, 1)), rtol=1e-5)


def test_a_copy_has_weights_of_its_own(engine_of: Callable[..., Engine], data: Dataset) -> None:
    engine = engine_of()
    before = engine.forward(data.test_images)["output"]
    other = copy.copy(engine)
    assert same(weights(engine), weights(other))
    other.weights["dense1.bias"] = np.ones(3) * [1, 2, 3]
    np.testing.assert_array_equal(before, engine.forward(data.test_images)["output"])


def test_bytes_are_scaled_floats_are_taken_as_they_are(
    engine_of: Callable[..., Engine], data: Dataset
) -> None:
    engine = engine_of("normalise mean=0.25 std=0.5")
    floats = ((data.test_images / 255 - 0.25) / 0.5).astype(np.float32)
    expected = engine.forward(floats)["output"]
    np.testing.assert_allclose(expected, engine.forward(data.test_images)["output"], rtol=1e-4)
    engine.scaling = Scaling(0.0, np.array([1.0]))
    ones = engine.forward(np.ones_like(floats))["output"]
    np.testing.assert_allclose(ones, engine.forward(data.test_images)["output"], rtol=1e-5)


def test_outputs_do_not_depend_on_the_batch_and_layers_are_kept(
    engine_of: Callable[..., Engine], data: Dataset
) -> None:
    engine = engine_of()
    whole = engine.forward(data.test_images, keep=["flatten1", "dense1"], batch=100)
    parts = engine.forward(data.test_images, keep=["flatten1", "dense1"], batch=7)
    assert {"output": (100, 3), "flatten1": (100, 24), "dense1": (100, 3)} == {
        name: values.shape for name, values in whole.items()
    }
    for name, values in whole.items():
        np.testing.assert_allclose(values, parts[name], rtol=1e-5, atol=1e-6)


def test_the_seed_decides_the_weights(engine_of: Callable[..., Engine]) -> None:
    first, again, other = (weights(engine_of(seed=seed)) for seed in (3, 3, 4))
    assert same(first, again)
    assert not same(first, other)


# A session --------------------------------------------------------------------------


def session_of(engine: Engine, data: Dataset, recipe: str = "sgd rate=0.1") -> TrainingSession:
    batches = Batches(data.train_images, data.train_labels, 20, engine.seed)
    return engine.train(Recipe().changed(optimizer=recipe), batches)


def steps(session: TrainingSession, first: int, count: int, rate: float = 0.1) -> BatchResult:
    """So many steps of the first epoch, from batch ``first`` on."""
    with session.running():
        batches = session.epoch(0, first)
        for step in range(first, first + count):
            found = session.backward(*next(batches), step)
            session.update(rate)
    return found


def test_a_step_goes_against_the_gradient(engine_of: Callable[..., Engine], data: Dataset) -> None:
    engine = engine_of()
    session, before = session_of(engine, data), weights(engine)
    found = session.backward(data.train_images[:20], data.train_labels[:20], 0)
    assert (20, True, True) == (found.samples, 0 <= found.correct <= 20, found.loss > 0)
    gradients = {name: values.copy() for name, values in session.gradients.items()}
    session.update(0.5)
    assert gradients.keys() == before.keys()
    for name, gradient in gradients.items():
        assert gradient.any()
        np.testing.assert_allclose(engine.weights[name], before[name] - 0.5 * gradient, atol=1e-6)


def test_a_session_goes_on_from_its_state_to_the_same_bits(
    engine_of: Callable[..., Engine], data: Dataset
) -> None:
    straight, broken, resumed = engine_of(seed=1), engine_of(seed=1), engine_of(seed=1)
    momentum = "sgd rate=0.1 momentum=0.9"
    steps(session_of(straight, data, momentum), 0, 6)
    first = session_of(broken, data, momentum)
    steps(first, 0, 2)
    state, second = json.loads(json.dumps(first.state)), session_of(resumed, data, momentum)
    second.check(state)
    resumed.weights.update(weights(broken))
    second.restore({name: values.copy() for name, values in first.arrays.items()}, state)
    steps(second, 2, 4)
    assert same(weights(straight), weights(resumed))


@pytest.mark.parametrize("harm", [dict.clear, lambda state: state.update({name: [] for name in state})])
def test_a_state_that_is_none_is_refused(
    engine_of: Callable[..., Engine], data: Dataset, harm: Callable[[dict[str, Any]], object]
) -> None:
    session = session_of(engine_of(), data)
    state = session.state
    harm(state)
    with pytest.raises((KeyError, TypeError, ValueError, OverflowError)):
        session.check(state)


def test_class_weights_turn_the_gradient(engine_of: Callable[..., Engine], data: Dataset) -> None:
    found = []
    for class_weights in (None, (1.0, 1.0, 1.0), (9.0, 1.0, 1.0)):
        engine = engine_of()
        batches = Batches(data.train_images, data.train_labels, 20, 0)
        session = engine.train(Recipe(), batches, class_weights)
        session.backward(data.train_images[:20], data.train_labels[:20], 0)
        found.append(session.gradients["dense1.bias"].copy())
    np.testing.assert_allclose(found[0], found[1], atol=1e-7)
    assert found[2][0] < found[0][0], "the bias of the class that counts more is raised"


# The training loop ------------------------------------------------------------------


@pytest.mark.parametrize("recipe", ["epochs 5", "epochs 5; workers 2", "epochs 5; clip 1; augment shift=0.1"])
def test_it_learns(engine_of: Callable[..., Engine], data: Dataset, recipe: str) -> None:
    engine = engine_of(recipe)
    history = fit(engine, data)
    assert ("finished", [13, 26, 39, 52, 65]) == (history.ending, [row.step for row in history.rows])
    assert history.rows[-1].loss < 0.5 * history.rows[0].loss
    found = evaluate(engine, data)
    assert found.accuracy > 0.9
    assert found.confusion.sum() == found.samples == 100
    np.testing.assert_array_equal(
        engine.forward(data.test_images)["output"], probabilities(engine, data.test_images)
    )


def test_a_run_is_kept_and_its_weights_are_found_again(
    engine_of: Callable[..., Engine], data: Dataset, tmp_path: Path
) -> None:
    engine = engine_of("epochs 4; normalise standard")
    history = fit(engine, data, folder=tmp_path)
    assert tmp_path == history.folder
    names = {"spec.cnn", "run.json", "metrics.jsonl", "weights.safetensors", "checkpoints"}
    assert names == {path.name for path in tmp_path.iterdir()}
    assert [26, 39, 52] == [read(path).step for path in CheckpointManager(tmp_path / "checkpoints").paths]
    assert ("bands", 0) == (Run.read(tmp_path).set, Run.read(tmp_path).seed)
    for unfinished in (False, True):
        other = engine_of(seed=5)
        other.scaling = Run.read(tmp_path).pixels
        assert () == take_weights(other, tmp_path)
        assert same(weights(engine), weights(other))
        assert evaluate(engine, data).loss == evaluate(other, data).loss
        if not unfinished:
            (tmp_path / "weights.safetensors").unlink()


@pytest.mark.parametrize("recipe", [
    "epochs 3", "epochs 3; augment shift=1 rotate=5", "epochs 3; data digits validation=0.1; stop 2",
    "epochs 3; workers 3",
])  # fmt: skip
def test_interrupted_and_resumed_it_ends_with_the_same_bits(
    engine_of: Callable[..., Engine], data: Dataset, tmp_path: Path, recipe: str
) -> None:
    straight = engine_of(recipe)
    whole = fit(straight, data, folder=tmp_path / "straight")
    for count in (1, 9, 3):
        history = fit(
            engine_of(recipe), data, folder=tmp_path / "broken", resume=True, callback=Stopper(count)
        )
        assert "interrupted" == history.ending
    resumed = engine_of(recipe)
    history = fit(resumed, data, folder=tmp_path / "broken", resume=True)
    assert same(weights(straight), weights(resumed))
    assert [row.loss for row in whole.rows] == [row.loss for row in history.rows]


def test_a_damaged_checkpoint_gives_way_to_the_one_before(
    engine_of: Callable[..., Engine], data: Dataset, tmp_path: Path
) -> None:
    straight, resumed = engine_of("epochs 3"), engine_of("epochs 3")
    fit(straight, data)
    fit(engine_of("epochs 2"), data, folder=tmp_path)
    newest = CheckpointManager(tmp_path / "checkpoints").paths[-1]
    newest.write_bytes(newest.read_bytes()[:-7])
    history = fit(resumed, data, folder=tmp_path, resume=True)
    assert ["checkpoint-unusable"] == [warning.code for warning in history.warnings]
    assert same(weights(straight), weights(resumed))


def test_a_run_that_was_begun_otherwise_is_not_resumed(
    engine_of: Callable[..., Engine], data: Dataset, tmp_path: Path
) -> None:
    fit(engine_of("epochs 1"), data, folder=tmp_path)
    with pytest.raises(SpecError) as caught:
        fit(engine_of("epochs 2", seed=1), data, folder=tmp_path, resume=True)
    assert f"{tmp_path} cannot be resumed: seed was 0, is 1" == caught.value.diagnostics[0].message


def test_early_stopping_ends_with_the_best_weights(
    engine_of: Callable[..., Engine], data: Dataset, tmp_path: Path
) -> None:
    engine = engine_of("data digits validation=0.3; stop patience=2; epochs 60")
    history = fit(engine, guessed(data), folder=tmp_path)
    losses = [known(row.validation_loss) for row in history.rows]
    assert "stopped early" == history.ending
    assert history.best_epoch == 1 + int(np.argmin(losses)) == len(losses) - 2
    assert same(read(tmp_path / "best.safetensors").weights, weights(engine))


# What can be wrong ------------------------------------------------------------------


def test_weights_that_leave_the_numbers_are_told_with_step_and_rate(
    engine_of: Callable[..., Engine], data: Dataset
) -> None:
    few = replace(data, train_images=data.train_images[:10], train_labels=data.train_labels[:10])
    with np.errstate(all="ignore"), pytest.raises(SpecError) as caught:
        fit(engine_of("epochs 1"), few, rate=1e300)
    (fault,) = caught.value.diagnostics
    assert "loss-not-finite" == fault.code
    assert fault.message.endswith("by step 1 (epoch 1), at a rate of 1e+300")


def test_weights_that_do_not_move_are_told(engine_of: Callable[..., Engine], data: Dataset) -> None:
    black = replace(data, train_images=np.zeros_like(data.train_images))
    (warning, *_) = fit(engine_of("epochs 1"), black).warnings
    assert "weights-not-moving" == warning.code
    assert warning.message.endswith(": dense1.weight")


def test_a_training_that_came_to_nothing_is_told(engine_of: Callable[..., Engine], data: Dataset) -> None:
    (warning,) = fit(engine_of("epochs 1; optimizer sgd rate=50"), guessed(data)).warnings
    assert "no-better-than-guessing" == warning.code


# The face above, and the border below -----------------------------------------------


def test_a_model_stands_on_any_engine(
    engine_of: Callable[..., Engine], data: Dataset, tmp_path: Path
) -> None:
    model, other = Model(engine_of("epochs 3")), Model(engine_of(seed=9))
    assert 3 == len(model.fit(data).rows)
    model.save(tmp_path / "w.safetensors")
    other.load(tmp_path / "w.safetensors")
    np.testing.assert_array_equal(model.predict(data.test_images), other.predict(data.test_images.tolist()))
    assert model.evaluate(data).accuracy == other.evaluate(data.test_images, data.test_labels).accuracy
    assert () == Model(engine_of(seed=2)).begin_from(tmp_path / "w.safetensors")
    assert "<Model : 75 parameters, float32>" == repr(model)


def test_training_imports_nothing_of_an_engine() -> None:
    edges = graph()
    wrong = {
        (name, other)
        for name, others in edges.items()
        for other in others
        if name.startswith("cnnspec.training") and other.startswith("cnnspec.backends.numpy")
    }
    assert set() == wrong
    assert "cnnspec.backends.contract" in edges["cnnspec.training.trainer"]


def test_a_training_on_another_engine_loads_nothing_of_numpys(tmp_path: Path) -> None:
    code = (
        "import sys, cnnspec, numpy as np; from cnnspec.model import Model; from toy import ToyEngine\n"
        f"model = Model(ToyEngine(cnnspec.parse('{SPEC}; train {{ epochs 2 }}')))\n"
        "samples = np.zeros((32, 6, 4, 1), np.uint8), np.arange(32) % 3\n"
        "model.fit(samples, folder='run'); model.evaluate(*samples); model.predict(samples[0])\n"
        "print([name for name in sys.modules if name.startswith('cnnspec.backends.numpy')])"
    )
    path = os.pathsep.join([str(Path(__file__).parent), str(Path(cnnspec.__file__).parent.parent)])
    run = subprocess.run(
        [sys.executable, "-c", code], cwd=tmp_path, env=os.environ | {"PYTHONPATH": path},
        capture_output=True, text=True, check=False,
    )  # fmt: skip
    assert ("[]\n", "") == (run.stdout, run.stderr)

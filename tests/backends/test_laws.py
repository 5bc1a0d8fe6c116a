"""Laws of every layer: fast equals reference, gradients are differences, a batch of n is n batches of one."""

from __future__ import annotations

import tracemalloc
from collections.abc import Callable

import numpy as np
import pytest
from cases.registry import CASES, Case
from cases.single import POSITIVE, Toward, data, model_of, run

from cnnspec.backends.numpy.kernels.table import KERNELS
from cnnspec.backends.numpy.reference import DEFINITIONS
from cnnspec.layers.registry import LAYERS

STATISTICS = {"batchnorm"}
"""Layers whose samples see each other in training."""
RANDOM = {"dropout", "droppath"}
KINKED = {"relu", "leakyrelu", "prelu", "hardswish", "hardsigmoid", "maxpool", "minpool", "medianpool"}

every_case = pytest.mark.parametrize("case", CASES, ids=repr)


def test_every_word_of_the_catalogue_has_a_kernel_and_a_definition() -> None:
    assert set(LAYERS) == set(KERNELS)
    assert set(LAYERS) == set(DEFINITIONS)


@every_case
def test_fast_equals_reference(case: Case) -> None:
    fast, plain = model_of(case), model_of(case, reference=True)
    images, direction = data(fast, 3)
    actual, expected = run(fast, images, direction), run(plain, images, direction)
    np.testing.assert_allclose(actual.output, expected.output, rtol=1e-12, atol=1e-12)
    np.testing.assert_allclose(actual.input_gradient, expected.input_gradient, rtol=1e-10, atol=1e-12)
    assert expected.gradients.keys() == actual.gradients.keys()
    for name, gradient in expected.gradients.items():
        np.testing.assert_allclose(actual.gradients[name], gradient, rtol=1e-10, atol=1e-12, err_msg=name)
    for name, values in plain.weights.items():
        np.testing.assert_allclose(fast.weights[name], values, rtol=1e-12, err_msg=name)


@every_case
def test_prediction_equals_reference(case: Case) -> None:
    fast, plain = model_of(case), model_of(case, reference=True)
    images, _ = data(fast, 2)
    np.testing.assert_allclose(fast.predict(images), plain.predict(images), rtol=1e-12, atol=1e-12)


@every_case
def test_the_shape_is_what_the_layer_says(case: Case) -> None:
    model = model_of(case)
    assert (2, *case.layer.shape(case.inputs)) == model.predict(data(model, 2)[0]).shape


@pytest.mark.parametrize("case", [case for case in CASES if case.layer.word not in RANDOM], ids=repr)
def test_gradients_are_finite_differences(case: Case) -> None:
    model = model_of(case)
    images, direction = data(model, 2)
    images = apart(images) + (9 if case.layer.word in POSITIVE else 0)
    found = run(model, images, direction)

    def loss() -> float:
        return float(np.vdot(run(model, images, direction).output, direction))

    for values, gradient in [(images, found.input_gradient)] + [
        (model.weights[name], gradient) for name, gradient in found.gradients.items()
    ]:
        expected = differences(loss, values, sample_of(values))
        actual = [gradient.flat[n] for n in sample_of(values)]
        np.testing.assert_allclose(actual, expected, rtol=2e-5, atol=2e-6)


def apart(images: np.ndarray) -> np.ndarray:
    """Values at least 0.01 apart from each other and from kinks at 0, 3 and 6, in any order."""
    order = np.argsort(np.argsort(images, axis=None)).reshape(images.shape)
    return (order - images.size // 2 + 0.37) * (8 / images.size + 0.01)


def sample_of(values: np.ndarray) -> list[int]:
    """Up to 40 places, spread over the array."""
    return sorted(set(np.linspace(0, values.size - 1, min(40, values.size)).astype(int).tolist()))


def differences(
    loss: Callable[[], float], values: np.ndarray, places: list[int], step: float = 1e-5
) -> list[float]:
    """(loss(v + step) - loss(v - step))/(2·step) at each place."""
    found = []
    for place in places:
        before = values.flat[place]
        values.flat[place] = before + step
        above = loss()
        values.flat[place] = before - step
        found.append((above - loss()) / (2 * step))
        values.flat[place] = before
    return found


@pytest.mark.parametrize("case", [c for c in CASES if c.layer.word not in STATISTICS | RANDOM], ids=repr)
def test_a_batch_of_n_is_n_batches_of_one(case: Case) -> None:
    model = model_of(case)
    images, direction = data(model, 3)
    together = run(model, images, direction)
    alone = [run(model, images[n : n + 1], direction[n : n + 1]) for n in range(3)]
    np.testing.assert_allclose(together.output, np.concatenate([one.output for one in alone]), atol=1e-12)
    np.testing.assert_allclose(
        together.input_gradient, np.concatenate([one.input_gradient for one in alone]), atol=1e-12
    )
    for name, gradient in together.gradients.items():
        np.testing.assert_allclose(gradient, sum(one.gradients[name] for one in alone), atol=1e-11)


@every_case
def test_the_same_twice_is_the_same_bits(case: Case) -> None:
    """No pass leaves anything behind that the next one sees."""
    model = model_of(case, dtype="float32")
    images, direction = data(model, 2)
    state = model.random.bit_generator.state
    first = run(model, images, direction)
    model.random.bit_generator.state = state
    second = run(model, images, direction)
    assert first.output.tobytes() == second.output.tobytes()
    assert first.input_gradient.tobytes() == second.input_gradient.tobytes()


BUFFERS = 160 << 10
"""Bytes of NumPy's own buffers: 8192 values for each operand of an operation where types meet."""
LARGE = 1 << 18
"""Values of a map large enough that an array of its size stands out."""


def allocated(work: Callable[[], object]) -> int:
    """Bytes that ``work`` takes at its peak beyond what was there, the second time it runs."""
    work()
    tracemalloc.start()
    work()
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    return peak


@every_case
def test_a_pass_allocates_nothing_that_grows_with_the_map(case: Case) -> None:
    model = model_of(case, dtype="float32")
    batch = LARGE // max(np.prod(model.network.input), np.prod(model.network.output)) + 1
    images, direction = data(model, int(batch))
    program = model.compile(len(images), True, loss=Toward, input_gradient=True)
    program.load(images, direction)

    def both() -> None:
        program.forward()  # gradients lie where the backward pass before has read
        program.backward()

    assert allocated(program.forward) < BUFFERS
    assert allocated(both) < BUFFERS
    predicting = model.compile(len(images))
    predicting.load(images)
    assert allocated(predicting.forward) < BUFFERS


def test_toward_is_its_own_gradient() -> None:
    model = model_of(CASES[0])
    images, direction = data(model, 1)
    program = model.compile(1, True, loss=Toward)
    program.load(images, direction)
    program.forward()
    assert program.loss() == pytest.approx(float(np.vdot(program.result(), direction)))

"""Kernels keep weights in an order of their own between predictions: never longer than they are right."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pytest

import cnnspec
from cnnspec.backends.contract import Array
from cnnspec.backends.numpy.engine import NumpyEngine
from cnnspec.backends.numpy.kernels.step import KernelStep

SPECS = {
    "rows": "input 20x20x3; conv 4 3x3",
    "slabs": "input 9x9x64; conv 64 3x3 padding=1",
    "winograd": "input 16x16x128; conv 128 3x3 padding=1",
    "patches": "input 9x9x4; conv 4 3x3 groups=2",
    "depthwise": "input 5x5x8; depthwise 3x3",
    "up": "input 5x5x4; upconv 4 2x2 stride=2",
    "table": "input 9x9x6; conv 16 5x5 connections=lenet1998",
    "positions": "input 5x5x4; layernorm",
    "batch norm": "input 5x5x4; batchnorm",
    "dense": "input 40; dense 10",
    "tied": "input 8; enc: dense 4 -> dense 8 tied=enc",
}  # fmt: skip


@pytest.fixture(params=list(SPECS.values()), ids=list(SPECS))
def engine(request: pytest.FixtureRequest) -> NumpyEngine:
    return NumpyEngine(cnnspec.parse(request.param), seed=1)


def images(engine: NumpyEngine) -> Array:
    return np.random.default_rng(0).standard_normal((2, *engine.network.input)).astype(np.float32)


def expected(engine: NumpyEngine) -> Array:
    """What an engine says that never saw other weights; nothing is lent by this one."""
    fresh = NumpyEngine(engine.network)
    fresh.weights.update(engine.arrays)
    return fresh.predict(images(engine))


def add_one(array: Array) -> None:
    array += 1


def a_view_kept_long(engine: NumpyEngine) -> Iterator[None]:
    view = next(iter(engine.weights.values())).reshape(-1)[1:][::2]
    yield
    add_one(view)
    yield
    add_one(view)
    yield
    del view
    yield


def one_at_a_time(engine: NumpyEngine) -> Iterator[None]:
    for _ in range(3):
        for name in engine.weights:
            engine.weights[name][...] += 1
        yield


def assigned(engine: NumpyEngine) -> Iterator[None]:
    for name in engine.weights:
        engine.weights[name] = np.full(engine.weights[name].shape, 0.5)
    yield


def the_flat_array(engine: NumpyEngine) -> Iterator[None]:
    half = engine.flat[: engine.flat.size // 2]
    yield
    half -= 1
    yield
    del half
    engine.flat -= np.float32(0.5)
    yield
    engine.flat = np.ones_like(engine.flat)
    yield


def a_memoryview(engine: NumpyEngine) -> Iterator[None]:
    bytes_of_it = next(iter(engine.weights.values())).data.cast("B")
    yield
    bytes_of_it[:4] = np.float32(3).tobytes()
    yield


def an_optimizer(engine: NumpyEngine) -> Iterator[None]:
    program = engine.compile(2, training=True, loss="mse")
    yield
    program.step(images(engine), np.zeros((2, *program.network.output), np.float32))
    engine.flat -= np.float32(0.1) * engine.flat_gradient
    yield


def begun_anew(engine: NumpyEngine) -> Iterator[None]:
    engine.initialize("xavier")
    yield


WAYS: list[Callable[[NumpyEngine], Iterator[None]]] = [
    a_view_kept_long, one_at_a_time, assigned, the_flat_array, a_memoryview, an_optimizer, begun_anew,
]  # fmt: skip


@pytest.mark.parametrize("way", WAYS)
def test_whatever_is_written_counts_at_once(engine: NumpyEngine, way: Callable[..., Iterator[None]]) -> None:
    engine.predict(images(engine))
    for _ in way(engine):
        for _ in range(2):
            np.testing.assert_array_equal(expected(engine), engine.predict(images(engine)))


def test_nothing_is_packed_twice(monkeypatch: pytest.MonkeyPatch, engine: NumpyEngine) -> None:
    packed: list[KernelStep] = []
    engine.predict(images(engine))
    (program,) = engine._programs.values()
    for step in program.steps:
        monkeypatch.setattr(step, "refresh", lambda step=step: packed.append(step))
    engine.predict(images(engine))
    assert not packed
    sum(values.sum() for values in engine.weights.values())
    engine.predict(images(engine))
    engine.predict(images(engine))
    assert len(packed) <= len(program.steps)
    held = next(iter(engine.weights.values()))
    engine.predict(images(engine))
    engine.predict(images(engine))
    assert len(packed) > len(program.steps) or not held.size


def test_what_is_lent_is_the_array_itself() -> None:
    engine = NumpyEngine(cnnspec.parse("input 4; dense 2"))
    held = engine.weights["dense1.weight"]
    assert np.shares_memory(held, engine.weights["dense1.weight"])
    assert np.shares_memory(held, engine.flat)
    assert held.flags.writeable
    assert held.flags.c_contiguous


def test_threads_write_and_predict_in_turns() -> None:
    engine = NumpyEngine(cnnspec.parse("input 9x9x4; conv 4 3x3"), initial="zeros")
    inputs = np.ones((1, 9, 9, 4), np.float32)

    def write_and_look(value: int) -> bool:
        engine.weights["conv1.bias"][...] = value
        engine.weights["conv1.weight"][...] = value
        return bool(np.isfinite(engine.predict(inputs)).all())

    with ThreadPoolExecutor(4) as pool:
        assert all(pool.map(write_and_look, range(200)))
    write_and_look(2)
    np.testing.assert_array_equal(engine.predict(inputs), 2 + 2 * 36)


@pytest.mark.skipif(not hasattr(os, "fork"), reason="processes cannot be forked here")
def test_a_forked_process_writes_its_own() -> None:
    engine = NumpyEngine(cnnspec.parse("input 9x9x4; conv 4 3x3"), initial="zeros")
    inputs = np.ones((1, 9, 9, 4), np.float32)
    engine.predict(inputs)
    held = engine.weights["conv1.weight"]
    with engine.loans._lock:  # as if another thread had been lending at this moment
        child = os.fork()
        if child == 0:
            held += 1
            engine.weights["conv1.bias"][...] = 1
            os._exit(not (engine.predict(inputs) == 37).all())
    assert os.waitpid(child, 0)[1] == 0
    assert not engine.predict(inputs).any()

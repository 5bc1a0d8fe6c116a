"""Several threads share the steps of a prediction: the same values, and nothing left behind."""

from __future__ import annotations

import gc
import os
import threading
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from weakref import ref

import numpy as np
import pytest
from cases.registry import CASES, Case
from cases.single import data, model_of, network_of
from cases.special import SPECIAL, kinds, sown
from threadpoolctl import threadpool_limits

import cnnspec
from cnnspec.backends.images import part
from cnnspec.backends.numpy import team as team_module
from cnnspec.backends.numpy import threads
from cnnspec.backends.numpy.engine import NumpyEngine
from cnnspec.backends.numpy.kernels import conv_row, conv_slab, conv_winograd, step, table
from cnnspec.backends.numpy.kernels.conv import ConvStep
from cnnspec.backends.numpy.kernels.conv_row import RowConv
from cnnspec.backends.numpy.kernels.conv_slab import SlabConv
from cnnspec.backends.numpy.kernels.conv_winograd import Winograd4Conv, WinogradConv
from cnnspec.backends.numpy.kernels.step import Choice
from cnnspec.backends.numpy.layout import Array
from cnnspec.backends.numpy.program import Program
from cnnspec.backends.numpy.team import Team, parts
from cnnspec.layers.conv import Conv

NET = """input 20x20x8; conv 16 3x3 padding=1 -> batchnorm -> relu; a: conv 16 3x3 padding=1 -> batchnorm;
    conv 16 3x3 padding=1 -> add a -> relu -> maxpool 2x2 -> flatten -> dense 300 -> dense 10 -> softmax"""


@pytest.fixture(autouse=True)
def everything_is_shared(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(step, "SHARED_BYTES", 0)
    monkeypatch.setattr(threads, "WORTH_SHARING", 0)
    monkeypatch.setattr(threads, "SMALL", 0)
    for name in threads.CHOSEN_BY:
        monkeypatch.delenv(name, raising=False)


def passed(engine: NumpyEngine, images: Array, lanes: int) -> Array:
    """What a program of so many lanes makes of one batch; all at once, and what it made before is gone."""
    program = engine.compile(len(images), lanes=lanes)
    for batch in (np.full_like(images, np.nan), images):
        program.load(batch)
        with np.errstate(all="ignore"):
            program.forward()
    return program.result().copy()


@pytest.mark.parametrize("lanes", [2, 3])
@pytest.mark.parametrize("case", CASES, ids=repr)
def test_lanes_make_what_one_makes(case: Case, lanes: int) -> None:
    engine = model_of(case)
    images, _ = data(engine, 2)
    expected = passed(engine, images, 1)
    np.testing.assert_allclose(passed(engine, images, lanes), expected, rtol=1e-10, atol=1e-12)
    single = model_of(case, dtype="float32")
    images, _ = sown(case, SPECIAL, 0.03)
    np.testing.assert_array_equal(kinds(passed(single, images, lanes)), kinds(passed(single, images, 1)))


SHAPES = [((11, 9, 5), 1, 2), ((40, 6, 3), "same", 1), ((3, 3, 4), 0, 3)]


@pytest.mark.parametrize("kernel", [WinogradConv, Winograd4Conv, SlabConv, RowConv])
@pytest.mark.parametrize("slab", [1, 1 << 20])
@pytest.mark.parametrize("tiles", [1, 1 << 20])
@pytest.mark.parametrize("shape, padding, batch", SHAPES)
def test_lanes_of_many_slabs_and_of_one(
    kernel: type[ConvStep], slab: int, tiles: int, shape: tuple[int, ...], padding: int | str, batch: int,
    monkeypatch: pytest.MonkeyPatch,
) -> None:  # fmt: skip
    monkeypatch.setattr(conv_winograd, "SLAB_BYTES", slab)
    monkeypatch.setattr(conv_winograd, "SLAB_PER_WEIGHT", 0)
    monkeypatch.setattr(conv_winograd, "TILES_OF_A_LANE", tiles)
    monkeypatch.setattr(conv_row, "SLAB_BYTES", slab)
    monkeypatch.setattr(conv_slab, "COLUMNS", slab)
    monkeypatch.setattr(table, "kernel_of", lambda *_: Choice(kernel, "asked for"))
    engine = model_of(Case("", Conv(filters=4, kernel=3, padding=padding), (shape,)))
    images, _ = data(engine, batch)
    images[0, 1, 1, 0] = np.inf
    expected = passed(engine, images, 1)
    assert not np.isfinite(expected).all()
    for lanes in (2, 3, 8):
        np.testing.assert_allclose(passed(engine, images, lanes), expected, rtol=1e-10, atol=1e-12)


def test_the_same_bits_every_time() -> None:
    engine = NumpyEngine(cnnspec.parse(NET), seed=1)
    images = np.random.default_rng(0).standard_normal((5, 20, 20, 8)).astype(np.float32)
    assert len({passed(engine, images, 2).tobytes() for _ in range(30)}) == 1


def test_a_prediction_has_a_lane_for_each_thread_and_blas_one_for_each() -> None:
    engine = NumpyEngine(cnnspec.parse(NET))
    images = np.zeros((2, 20, 20, 8), np.float32)
    for count in (1, 2):
        with threadpool_limits(limits=count, user_api="blas"):
            engine.predict(images[:1])
            assert [*engine._programs.values()][-1].lanes == count
            engine.predict(images, batch=2)
            program = [*engine._programs.values()][-1]
            assert (program.lanes, program.batch, len(program.beside)) == (1, 2 // count, count - 1)
            assert threads._threads() == count


def test_programs_side_by_side_share_packed_weights_and_nothing_else() -> None:
    engine = NumpyEngine(cnnspec.parse(NET))
    first, second = engine._programs_beside(2, (), 2)
    assert first.memory.owned
    assert all(np.shares_memory(*pair) for pair in zip(first.memory.owned, second.memory.owned, strict=True))
    assert second.memory.owned_bytes == 0
    assert second.memory.nbytes == first.memory.nbytes - first.memory.owned_bytes
    assert not np.shares_memory(first.result(), second.result())
    assert engine._programs_beside(2, (), 2) == [first, second]


@pytest.mark.parametrize("case", CASES, ids=repr)
def test_no_layer_writes_in_a_pass_what_programs_share(case: Case) -> None:
    engine = model_of(case)
    images, _ = data(engine, 4)
    expected = engine.predict(images, batch=4)
    programs = engine._programs_beside(2, (), 2)
    assert not any(array.flags.writeable for array in programs[1].memory.owned)
    for n, program in enumerate(programs):
        program.load(part(images, 2 * n, 2))
    for calls in zip(*(program.forward_calls(fresh=False) for program in programs), strict=True):
        for call in calls:
            call.run()
    found = np.concatenate([program.result() for program in programs])
    np.testing.assert_allclose(found, expected, rtol=1e-9, atol=1e-12)


def test_batch_norm_at_the_same_time_gives_the_same_bits() -> None:
    spec = "input 2x2x512; " + "batchnorm; sigmoid; " * 20 + "conv 2 1x1"
    engine = NumpyEngine(cnnspec.parse(spec), seed=1)
    images = np.random.default_rng(0).standard_normal((2, 2, 2, 512)).astype(np.float32)
    with threadpool_limits(limits=2, user_api="blas"):
        assert len({engine.predict(images, batch=2).tobytes() for _ in range(100)}) == 1
        assert [*engine._programs.values()][-1].beside


@pytest.mark.parametrize("samples, batch", [(7, 4), (12, 5), (2, 2), (3, 64), (5, 1), (0, 4)])
def test_samples_are_predicted_once_whoever_takes_them(samples: int, batch: int) -> None:
    engine = NumpyEngine(cnnspec.parse(NET), dtype="float64")
    images = np.random.default_rng(0).standard_normal((samples, 20, 20, 8))
    with threadpool_limits(limits=1, user_api="blas"):
        expected = engine.predict(images, batch=batch)
    engine.weights["conv1.weight"] *= 1.0  # lent to be written: packed anew
    with threadpool_limits(limits=3, user_api="blas"):
        np.testing.assert_allclose(engine.predict(images, batch=batch), expected, rtol=1e-10)


def test_where_one_batch_fails_no_other_is_begun(monkeypatch: pytest.MonkeyPatch) -> None:
    engine, done = NumpyEngine(cnnspec.parse(NET)), list[int]()

    def forward(program: Program, fresh: bool = True) -> None:
        done.append(1)
        if len(done) > 2:
            raise KeyboardInterrupt

    monkeypatch.setattr(Program, "forward", forward)
    with threadpool_limits(limits=2, user_api="blas"), pytest.raises(KeyboardInterrupt):
        engine.predict(np.zeros((1000, 20, 20, 8), np.float32), batch=2)
    assert len(done) < 10
    assert not engine._programs


def test_predictions_at_once_leave_blas_its_threads() -> None:
    engines = [NumpyEngine(cnnspec.parse(NET), seed=n) for n in range(4)]
    images = np.random.default_rng(0).standard_normal((3, 20, 20, 8)).astype(np.float32)
    with threadpool_limits(limits=2, user_api="blas"):
        expected = [engine.predict(images, batch=3) for engine in engines]
        with ThreadPoolExecutor(4) as pool:
            found = list(pool.map(lambda n: engines[n % 4].predict(images, batch=3), range(80)))
        assert threads._threads() == 2
    for n, each in enumerate(found):
        np.testing.assert_array_equal(expected[n % 4], each)


def test_what_one_raises_is_raised_when_all_are_done() -> None:
    done: list[int] = []

    def task(n: int) -> None:
        if n == 3:
            raise KeyError("n")
        done.append(n)

    team = Team()
    for _ in range(20):
        done.clear()
        with pytest.raises(KeyError):
            team.share([partial(task, n) for n in range(6)])
        assert {0, 1, 2, 4, 5} == set(done)


def test_an_interrupt_between_two_tasks_ends_in_a_moment(monkeypatch: pytest.MonkeyPatch) -> None:
    work = team_module.Job.work

    def interrupted(job: team_module.Job) -> None:
        if threading.current_thread() is threading.main_thread():
            next(job._next)  # drawn, and never done
            raise KeyboardInterrupt
        work(job)

    monkeypatch.setattr(team_module.Job, "work", interrupted)
    monkeypatch.setattr(team_module, "PATIENCE", 0.1)
    with pytest.raises(KeyboardInterrupt):
        Team().share([int, int])


def test_tasks_run_at_the_same_time() -> None:
    meeting = threading.Barrier(3, timeout=30)
    Team().share([meeting.wait] * 3)


def test_an_engine_is_freed_though_its_threads_live() -> None:
    engine = NumpyEngine(cnnspec.parse(NET))
    engine.predict(np.zeros((2, 20, 20, 8), np.float32), batch=2)
    gone = ref(engine)
    del engine
    gc.collect()
    assert gone() is None


@pytest.mark.skipif(not hasattr(os, "fork"), reason="processes cannot be forked here")
@pytest.mark.filterwarnings("ignore::DeprecationWarning")
def test_a_forked_process_has_a_team_of_its_own() -> None:
    engine = NumpyEngine(cnnspec.parse(NET))
    images = np.random.default_rng(0).standard_normal((3, 20, 20, 8)).astype(np.float32)
    with threadpool_limits(limits=2, user_api="blas"):
        expected = engine.predict(images, batch=3)
        with threads.threads_of(2, 1):  # as if another thread were predicting at this moment
            child = os.fork()
            if child == 0:
                same = np.array_equal(engine.predict(images, batch=3), expected)
                os._exit(not (same and threads._threads() == 2))
        assert os.waitpid(child, 0)[1] == 0


@pytest.mark.parametrize("size, count", [(7, 2), (3, 8), (1, 1), (0, 2), (16, 4)])
def test_parts_cover_a_range_once(size: int, count: int) -> None:
    found = list(parts(size, count))
    assert [*range(size)] == [n for part in found for n in range(part.start, part.stop)]
    assert len(found) <= count
    if size:
        lengths = {part.stop - part.start for part in found}
        assert max(lengths) - min(lengths) <= 1
        assert min(lengths)


def test_training_and_small_networks_have_one_lane() -> None:
    engine = NumpyEngine(network_of(CASES[0]))
    assert engine.compile(2, training=True, loss="mse", lanes=4).lanes == 1
    assert threads.sharing(9, 2, -1) == (1, 2)


def test_threads_take_steps_samples_or_whole_batches(monkeypatch: pytest.MonkeyPatch) -> None:
    for name, least in (("SMALL", 500), ("WORTH_SHARING", 50), ("WHOLE", 20)):
        monkeypatch.setattr(threads, name, least)
    with threadpool_limits(limits=2, user_api="blas"):
        assert threads.sharing(1, 1, 501) == (2, 1)
        assert threads.sharing(9, 1, 499) == (1, 1)
        assert threads.sharing(9, 5, 51) == (2, 3)
        assert threads.sharing(9, 5, 21) == (2, 5)
        assert threads.sharing(5, 5, 21) == (1, 5)
        assert threads.sharing(9, 5, 19) == (1, 5)
        monkeypatch.setenv("OPENBLAS_NUM_THREADS", "2")
        assert threads.sharing(9, 5, 499) == (1, 5)
        assert threads.sharing(9, 5, 501) == (2, 3)

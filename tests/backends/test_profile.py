"""The profile names every step, its kernel and the reason."""

from __future__ import annotations

import numpy as np
import pytest
from threadpoolctl import threadpool_limits

import cnnspec
from cnnspec.backends.numpy import threads
from cnnspec.backends.numpy.engine import NumpyEngine
from cnnspec.backends.numpy.kernels.table import Kernels
from cnnspec.backends.numpy.profile import measure, peak, profile


def test_every_step_is_timed() -> None:
    network = cnnspec.parse("input 8x8x1; conv 4 3x3 -> relu -> maxpool 2x2 -> flatten -> dense 2 -> softmax")
    program = NumpyEngine(network).compile(3, True)
    random = np.random.default_rng(0)
    program.load(random.standard_normal((3, 8, 8, 1)).astype(np.float32), np.array([0, 1, 0]))
    rows = profile(program, rounds=2)
    assert ["conv1", "maxpool1", "conv1", "relu1", "dense1", "dense1"] == [row.layer for row in rows]
    assert all(row.forward > 0 for row in rows)
    assert all(row.backward > 0 for row in rows)
    conv = rows[0]
    assert conv.kernel == "RowConv"
    assert "overlapping" in conv.reason
    assert conv.multiplies == 3 * 4 * 9 * 36
    assert conv.gflops == 2e-9 * conv.multiplies / conv.forward


def test_predicting_has_no_backward_time() -> None:
    program = NumpyEngine(cnnspec.parse("input 4x4x1; conv 2 3x3")).compile(1)
    assert {0.0} == {row.backward for row in profile(program, rounds=1)}


@pytest.mark.parametrize("kernels, sums", [("fast", "F(2x2, 3x3)"), ("winograd4", "F(4x4, 3x3)")])
def test_the_reason_is_that_of_the_kernel(kernels: Kernels, sums: str) -> None:
    network = cnnspec.parse("input 14x14x128; conv 128 3x3 padding=1")
    (row,) = profile(NumpyEngine(network, kernels=kernels).compile(1), rounds=1)
    assert sums in row.reason


def test_a_pool_that_is_asked_for_places_says_so() -> None:
    program = NumpyEngine(cnnspec.parse("input 4x4x1; p: maxpool 2x2 -> unpool p")).compile(1)
    assert ["a later layer asks where each value was taken from", ""] == [
        step.reason for step in program.steps
    ]


def test_of_a_batch_that_threads_share_one_thread_is_timed(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(threads, "WORTH_SHARING", 0)
    for name in threads.CHOSEN_BY:
        monkeypatch.delenv(name, raising=False)
    with threadpool_limits(limits=2, user_api="blas"):
        found = measure(cnnspec.parse("input 8x8x1; conv 4 3x3 -> relu"), 6, rounds=1)
    assert (found.batch, found.threads) == (3, 2)


def test_the_peak_is_measured() -> None:
    assert peak(rounds=1) > 0.1

"""Small networks use one BLAS thread and give the others back; the user's own choice stands."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np
import pytest
from threadpoolctl import threadpool_info, threadpool_limits

import cnnspec
from cnnspec.backends.numpy import threads
from cnnspec.backends.numpy.kernels import step


def now() -> int:
    """Threads of the library behind NumPy's matrix products at this moment."""
    blas = [library for library in threadpool_info() if library["user_api"] == "blas"]
    own = [library for library in blas if "numpy" in library["filepath"]] or blas
    return int(own[0]["num_threads"])


@pytest.fixture(autouse=True)
def two_threads(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    for name in threads.CHOSEN_BY:
        monkeypatch.delenv(name, raising=False)
    with threadpool_limits(limits=2, user_api="blas"):
        yield


@pytest.fixture
def seen(monkeypatch: pytest.MonkeyPatch) -> list[int]:
    """The numbers of threads in force at each matrix product."""
    numbers: list[int] = []
    matmul = np.matmul

    def counted(*xs: Any, **options: Any) -> Any:
        numbers.append(now())
        return matmul(*xs, **options)

    monkeypatch.setattr(np, "matmul", counted)
    return numbers


def test_a_small_network_uses_one_thread_and_gives_the_others_back() -> None:
    with threads.threads_for(27_000_000):
        assert 1 == now()
    assert 2 == now()


def test_an_error_gives_them_back_too() -> None:
    with pytest.raises(KeyError), threads.threads_for(1):
        raise KeyError
    assert 2 == now()


def test_a_large_network_uses_them_all() -> None:
    with threads.threads_for(10**10):
        assert 2 == now()


def test_the_users_choice_stands(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("OPENBLAS_NUM_THREADS", "2")
    with threads.threads_for(1):
        assert 2 == now()


def predict() -> None:
    cnnspec.parse("input 4x4x1; flatten; dense 2").build().predict(np.zeros((3, 4, 4, 1), np.uint8))


def test_a_small_networks_predictions_use_one_thread(seen: list[int]) -> None:
    predict()
    assert {1} == set(seen)
    assert 2 == now()


def test_a_large_batchs_predictions_use_threads_of_our_own(
    seen: list[int], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(threads, "WORTH_SHARING", 95)
    monkeypatch.setattr(step, "SHARED_BYTES", 0)
    predict()
    assert [1, 1] == seen
    assert 2 == now()

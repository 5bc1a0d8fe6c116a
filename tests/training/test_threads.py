import numpy as np
import pytest

import cnnspec
from cnnspec.backends.numpy import threads


@pytest.fixture
def library(monkeypatch):
    """A stand-in for OpenBLAS that remembers what it was told."""
    told = [4]
    monkeypatch.setattr(threads, "_functions", lambda: (lambda: told[-1], told.append))
    for name in threads.CHOSEN_BY:
        monkeypatch.delenv(name, raising=False)
    return told


def test_a_small_network_uses_one_thread_and_gives_the_others_back(library):
    with threads.threads_for(27_000_000):
        assert [4, 1] == library
    assert [4, 1, 4] == library


def test_an_error_gives_them_back_too(library):
    with pytest.raises(KeyError), threads.threads_for(1):
        raise KeyError
    assert [4, 1, 4] == library


def test_a_large_network_uses_them_all(library):
    with threads.threads_for(10**10):
        assert [4] == library


def test_the_users_choice_stands(library, monkeypatch):
    monkeypatch.setenv("OPENBLAS_NUM_THREADS", "2")
    with threads.threads_for(1):
        assert [4] == library


def test_another_library_is_left_alone(monkeypatch):
    monkeypatch.setattr(threads, "_functions", lambda: None)
    with threads.threads_for(1):
        pass


def test_numpys_own_library_is_found_and_obeys(monkeypatch):
    for name in threads.CHOSEN_BY:
        monkeypatch.delenv(name, raising=False)
    found = threads._functions()
    if found:
        before = found[0]()
        with threads.threads_for(1):
            assert 1 == found[0]()
        assert before == found[0]()


def test_a_small_networks_predictions_use_one_thread(library):
    cnnspec.parse("input 4x4x1; flatten; dense 2").build().predict(np.zeros((3, 4, 4, 1), np.uint8))
    assert [4, 1, 4] == library


def test_a_large_batchs_predictions_use_them_all(library, monkeypatch):
    monkeypatch.setattr(threads, "SMALL", 95)
    cnnspec.parse("input 4x4x1; flatten; dense 2").build().predict(np.zeros((3, 4, 4, 1), np.uint8))
    assert [4] == library

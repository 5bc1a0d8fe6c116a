"""Batches that are made ahead, and who leaves before their end."""

import threading
import time
from dataclasses import replace

import numpy as np
import pytest

from cnnspec.training.batches import Batches

BATCHES = Batches(np.arange(20, dtype=np.uint8).reshape(20, 1), np.arange(20), 4, seed=1)


class Slow:
    """An augmenter that does not answer before it may."""

    def __init__(self):
        self.may = threading.Event()

    def __call__(self, images, drawn):
        self.may.wait(20)
        return images


def test_changed_batches_are_the_plain_ones_changed():
    changed = replace(BATCHES, augmenter=lambda images, drawn: 255 - images)
    for (images, labels), (plain, expected) in zip(changed.epoch(3, 1), BATCHES.epoch(3, 1), strict=True):
        np.testing.assert_array_equal(255 - plain, images)
        np.testing.assert_array_equal(expected, labels)


def test_who_leaves_early_waits_for_no_batch():
    """Else a second Ctrl-C would fall into that wait, and be printed with a traceback."""
    slow = Slow()
    slow.may.set()
    batches = replace(BATCHES, augmenter=slow).epoch(0)
    next(batches)
    slow.may.clear()
    begin = time.monotonic()
    batches.close()
    assert time.monotonic() - begin < 5
    slow.may.set()


def test_an_error_while_changing_is_raised_where_the_batch_is_taken():
    def fail(images, drawn):
        raise KeyError("odd image")

    with pytest.raises(KeyError, match="odd image"):
        next(replace(BATCHES, augmenter=fail).epoch(0))

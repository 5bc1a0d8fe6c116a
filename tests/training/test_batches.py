"""Batches that are made ahead, and who leaves before their end."""

import threading
import time
from collections.abc import Callable
from dataclasses import replace
from typing import Any

import numpy as np
import pytest
from tools import fault_of, same

from cnnspec.model import Model
from cnnspec.training.batches import Batches
from cnnspec.training.callback import Callback
from cnnspec.training.data.dataset import Dataset
from cnnspec.training.trainer import Trainer

BATCHES = Batches(np.arange(20, dtype=np.uint8).reshape(20, 1), np.arange(20), 4, seed=1)


class Slow:
    """An augmenter that does not answer before it may."""

    def __init__(self) -> None:
        self.may = threading.Event()

    def __call__(self, images: Any, labels: Any, drawn: object) -> tuple[Any, Any]:
        self.may.wait(20)
        return images, labels


def test_changed_batches_are_the_plain_ones_changed() -> None:
    def invert(images: Any, labels: Any, drawn: object) -> tuple[Any, Any]:
        return 255 - images, labels

    changed = replace(BATCHES, augmenter=invert)
    for (images, labels), (plain, expected) in zip(changed.epoch(3, 1), BATCHES.epoch(3, 1), strict=True):
        np.testing.assert_array_equal(255 - plain, images)
        np.testing.assert_array_equal(expected, labels)


def test_who_leaves_early_waits_for_no_batch() -> None:
    """Else a second Ctrl-C would fall into that wait, and be printed with a traceback."""
    slow = Slow()
    slow.may.set()
    batches: Any = replace(BATCHES, augmenter=slow).epoch(0)
    next(batches)
    slow.may.clear()
    begin = time.monotonic()
    batches.close()
    assert time.monotonic() - begin < 5
    slow.may.set()


def test_an_error_while_changing_is_raised_where_the_batch_is_taken() -> None:
    def fail(images: Any, labels: Any, drawn: object) -> tuple[Any, Any]:
        raise KeyError("odd image")

    with pytest.raises(KeyError, match="odd image"):
        next(replace(BATCHES, augmenter=fail).epoch(0))


NORMED = "input 8x8x1; flatten -> dense 8 -> batchnorm -> relu -> dense 3"


@pytest.mark.parametrize("changes, said", [
    ({"batch": 1}, "batchnorm1 takes mean and variance over a batch of 1, in which a channel has a single "),
    ({"batch": 3, "workers": 2}, "batchnorm1 takes mean and variance over a batch of 3, shared by 2 workers"),
])  # fmt: skip
def test_a_batch_norm_over_one_value_is_refused_before_the_first_step(
    model_of: Callable[..., Model], data: Dataset, changes: dict[str, int], said: str
) -> None:
    model = model_of(spec=NORMED)
    before = {name: values.copy() for name, values in model.weights.items()}
    fault = fault_of(model.fit, data, **changes)
    assert ("one-value-a-channel", True) == (fault.code, fault.message.startswith(said))
    assert "take a larger batch: --batch 32" == fault.help[0]
    assert same(before, model.weights)


@pytest.mark.parametrize("spec", [
    NORMED.replace("batchnorm", "layernorm"), NORMED.replace("batchnorm", "batchnorm frozen=yes"),
    "input 8x8x1; batchnorm -> flatten -> dense 3",
])  # fmt: skip
def test_a_batch_of_one_is_enough_where_a_channel_has_several_values(
    model_of: Callable[..., Model], data: Dataset, spec: str
) -> None:
    assert np.isfinite(model_of(spec=spec).fit(data, batch=1, epochs=1).loss[0])


@pytest.mark.parametrize("workers, samples, steps, last", [(1, 33, 2, 17), (2, 35, 2, 19), (1, 34, 3, 2)])
def test_last_samples_too_few_for_a_batch_norm_join_the_batch_before(
    model_of: Callable[..., Model], data: Dataset, workers: int, samples: int, steps: int, last: int
) -> None:
    model = model_of(f"epochs 2; workers {workers}", spec=NORMED)
    trainer = Trainer(
        model.engine, replace(data, train_images=data.train_images[:samples],
                              train_labels=data.train_labels[:samples]),
        model.network.training_recipe, Callback(),
    )  # fmt: skip
    seen = [len(labels) for _, labels in trainer.batches.epoch(0)]
    assert (steps, steps, last, samples) == (len(seen), trainer.batches.per_epoch, seen[-1], sum(seen))
    notes = [note.message for note in trainer.notes if note.code == "one-value-a-channel"]
    assert (steps == 2) == bool(notes)
    if notes:
        assert f"of each epoch go{'es' * (last == 17)} with the batch before, of {last} then" in notes[0]

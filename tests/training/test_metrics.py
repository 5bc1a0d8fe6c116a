import json

import numpy as np
import pytest

from cnnspec.training.metrics import evaluation

PROBABILITIES = np.array(
    [[0.7, 0.2, 0.1], [0.1, 0.8, 0.1], [0.6, 0.3, 0.1], [0.25, 0.65, 0.1], [0.05, 0.9, 0.05]], np.float32
)
LABELS = np.array([0, 1, 1, 0, 0])


@pytest.fixture
def found():
    return evaluation(PROBABILITIES, LABELS, ("cat", "dog", "eel"), 0.5)


def test_counts(found):
    assert (5, 2, 0.4, 10.0) == (found.samples, found.correct, found.accuracy, found.images_per_second)
    assert [[1, 2, 0], [1, 1, 0], [0, 0, 0]] == found.confusion.tolist()


def test_the_loss_is_cross_entropy(found):
    assert pytest.approx(-np.log([0.7, 0.8, 0.3, 0.25, 0.05]).mean(), rel=1e-6) == found.loss


def test_precision_and_recall_of_a_class_that_never_occurs_are_zero(found):
    assert pytest.approx([1 / 2, 1 / 3, 0]) == found.precision.tolist()
    assert pytest.approx([1 / 3, 1 / 2, 0]) == found.recall.tolist()


def test_the_surest_error_comes_first(found):
    assert [4, 3, 2] == [mistake.index for mistake in found.worst]
    assert (0, 1) == (found.worst[0].label, found.worst[0].answer)


def test_json_is_plain(found):
    again = json.loads(json.dumps(found.to_json()))
    assert {"name": "dog", "precision": pytest.approx(1 / 3), "recall": 0.5, "samples": 2} == again[
        "classes"
    ][1]
    assert {"index": 4, "label": "cat", "answer": "dog", "probability": pytest.approx(0.9)} == again["worst"][
        0
    ]


def test_a_probability_of_zero_gives_a_finite_loss():
    assert np.isfinite(evaluation(np.array([[1.0, 0.0]], np.float32), np.array([1]), ("a", "b"), 1).loss)

import json

import numpy as np
import pytest

from cnnspec.recipe.models import CrossEntropy, MeanSquaredError
from cnnspec.training.evaluate import Evaluation
from cnnspec.training.figures import cross_entropies
from cnnspec.training.targets import ClassJudge

PROBABILITIES = np.array(
    [[0.7, 0.2, 0.1], [0.1, 0.8, 0.1], [0.6, 0.3, 0.1], [0.25, 0.65, 0.1], [0.05, 0.9, 0.05]], np.float32
)
LABELS = np.array([0, 1, 1, 0, 0])


@pytest.fixture
def found() -> Evaluation:
    judge = ClassJudge(("cat", "dog", "eel"), CrossEntropy())
    for part in (slice(0, 2), slice(2, 5)):
        judge.add(PROBABILITIES[part], PROBABILITIES[part], LABELS[part])
    return judge.result(0.5)


def test_counts(found: Evaluation) -> None:
    assert (5, 2, 0.4, 10.0) == (found.samples, found.correct, found.accuracy, found.images_per_second)
    assert [[1, 2, 0], [1, 1, 0], [0, 0, 0]] == found.confusion.tolist()


def test_cross_entropy(found: Evaluation) -> None:
    expected = -np.log([0.7, 0.8, 0.3, 0.25, 0.05]).mean()
    assert pytest.approx(expected, rel=1e-6) == found.loss == found.to_dict()["loss"]


def test_smoothing_spreads_the_target() -> None:
    targets = np.full((5, 3), 0.1 / 3)
    targets[np.arange(5), LABELS] += 0.9
    expected = -(targets * np.log(PROBABILITIES.astype(float))).sum(1).mean()
    assert pytest.approx(expected, rel=1e-6) == cross_entropies(PROBABILITIES, LABELS, 0.1).mean()


def test_squared_error() -> None:
    outputs = np.array([[1.0, 2.0], [0.0, -1.0]], np.float32)
    judge = ClassJudge(("cat", "dog"), MeanSquaredError())
    judge.add(outputs, outputs, np.array([0, 1]))
    assert (0 + 4 + 0 + 4) / 4 == judge.result(1).loss


def test_precision_and_recall_of_a_class_that_never_occurs_are_zero(found: Evaluation) -> None:
    assert pytest.approx([1 / 2, 1 / 3, 0]) == found.precision.tolist()
    assert pytest.approx([1 / 3, 1 / 2, 0]) == found.recall.tolist()


def test_the_surest_error_comes_first(found: Evaluation) -> None:
    assert [4, 3, 2] == [mistake.index for mistake in found.worst]
    assert (0, 1) == (found.worst[0].label, found.worst[0].answer)


def test_json_is_plain(found: Evaluation) -> None:
    again = json.loads(json.dumps(found.to_dict()))
    assert {"name": "dog", "precision": pytest.approx(1 / 3), "recall": 0.5, "samples": 2} == again[
        "classes"
    ][1]
    assert {"index": 4, "label": "cat", "answer": "dog", "probability": pytest.approx(0.9)} == again["worst"][
        0
    ]


def test_a_probability_of_zero_gives_a_finite_loss() -> None:
    assert np.isfinite(cross_entropies(np.array([[1.0, 0.0]], np.float32), np.array([1]))).all()

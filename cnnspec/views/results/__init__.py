"""What is shown of a trained network: arrays with their names, and nothing that made them."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from numpy.typing import NDArray


@dataclass(frozen=True, eq=False)
class Filters:
    """The kernels of one layer: (filters, height, width, channels)."""

    layer: str
    kernels: NDArray[Any]


@dataclass(frozen=True, eq=False)
class FeatureMaps:
    """What one layer makes of one image: (height, width, channels), or a vector.

    ``image`` is the picture itself, bytes (height, width, channels).
    """

    layer: str
    values: NDArray[Any]
    image: NDArray[Any]
    title: str


@dataclass(frozen=True, eq=False)
class Confusion:
    """``counts[t, p]`` samples of class t were predicted as p, or what else is ``counted``."""

    counts: NDArray[Any]
    names: tuple[str, ...]
    counted: str = "samples"

    @property
    def samples(self) -> int:
        return int(self.counts.sum())

    @property
    def accuracy(self) -> float:
        return float(self.counts.trace()) / max(1, self.samples)


@dataclass(frozen=True, eq=False)
class Misclassified:
    """A sample, its class, the predicted class, and the confidence in that (0 to 1)."""

    image: NDArray[Any]
    index: int
    label: str
    answer: str
    probability: float


@dataclass(frozen=True, eq=False)
class Neighbour:
    """A sample, its class, and its distance from the one that was asked about."""

    image: NDArray[Any]
    index: int
    label: str
    distance: float


@dataclass(frozen=True, eq=False)
class Neighbourhood:
    """One sample (its distance 0), and those nearest to it, the nearest first."""

    sample: Neighbour
    found: tuple[Neighbour, ...]


@dataclass(frozen=True)
class TrainingCurve:
    """A training, one value an epoch. ``params`` and the test's figures are None where unknown.

    There is no accuracy where answers are not just right or wrong.
    """

    name: str
    epochs: tuple[int, ...]
    loss: tuple[float, ...]
    accuracy: tuple[float, ...]
    validation_loss: tuple[float, ...] = ()
    validation_accuracy: tuple[float, ...] = ()
    seconds: float = 0.0
    params: int | None = None
    test_loss: float | None = None
    test_accuracy: float | None = None
    test_figures: tuple[tuple[str, str], ...] = ()
    """Of the test, where there is no accuracy, or others tell more: name and figure, in words."""


@dataclass(frozen=True, eq=False)
class Gallery:
    """Rows of pictures (height, width, channels), each with its name.

    With ``originals`` the first picture of a row is what the others were made from.
    """

    title: str
    note: str
    rows: tuple[tuple[str, tuple[NDArray[Any], ...]], ...]
    originals: bool = False
    heads: tuple[str, ...] = ()
    """What stands over the columns."""
    key: tuple[tuple[str, tuple[int, int, int]], ...] = ()
    """What colours mean: names with red, green and blue."""


@dataclass(frozen=True, eq=False)
class Scatter:
    """Numbers that were predicted against those that were so: (samples, columns) both.

    ``figures`` are what is told of each column.
    """

    names: tuple[str, ...]
    truths: NDArray[Any]
    answers: NDArray[Any]
    figures: tuple[str, ...] = ()


@dataclass(frozen=True)
class SweptTrial:
    """A training of a sweep: its values by setting, its figure and that in words, and why it has none."""

    name: str
    values: Mapping[str, str]
    figure: float | None
    told: str
    epochs: int
    seconds: float
    why: str = ""


@dataclass(frozen=True)
class Sweep:
    """The trials of a sweep, the best first; ``figure`` is what they are compared by."""

    name: str
    settings: tuple[str, ...]
    figure: str
    lower_is_better: bool
    as_percents: bool
    trials: tuple[SweptTrial, ...]

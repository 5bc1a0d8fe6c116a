"""What can be wrong with a training once it runs, said with its place and its cure."""

from __future__ import annotations

from collections.abc import Mapping
from math import log

import numpy as np

from cnnspec.backends.contract import Array
from cnnspec.diagnostics import Diagnostic, SpecError
from cnnspec.training.data.dataset import Labels
from cnnspec.views.terminal.paint import compact

SHOWN = 6
"""Names listed before the rest is only counted."""
FAR, ABOVE = 1.5, 1.1
"""Times the loss, and the accuracy, of guessing."""


def not_finite(loss: float, step: int, epoch: int, rate: float) -> SpecError:
    """The loss became NaN or infinite at a step counted from 1."""
    what = f"the loss became {loss} at step {step:,} (epoch {epoch}), at a rate of {rate:.4g}"
    return SpecError.of("loss-not-finite", what, *_smaller(rate))


def _smaller(rate: float) -> tuple[str, str]:
    return f"take a smaller rate: --rate {rate / 10:.2g}", "or bound the gradient in the recipe: clip 1.0"


def check_weights(weights: Mapping[str, Array], step: int, epoch: int, rate: float) -> None:
    """Raises SpecError when weights or statistics are NaN or infinite after so many steps."""
    names = [name for name, values in weights.items() if not np.isfinite(values).all()]
    if not names:
        return
    when = f"by step {step:,} (epoch {epoch}), at a rate of {rate:.4g}"
    raise SpecError.of("loss-not-finite", f"{_listed(names)} became NaN or infinite {when}", *_smaller(rate))


def guessing(loss: float, accuracy: float, labels: Labels, rate: float) -> Diagnostic | None:
    """A warning when a training ended far above the loss of guessing, and no more often right.

    Guessing is the answer 1/classes for all; ``labels`` are those that were trained on.
    """
    counts = np.bincount(labels)
    expected, often = log(max(1, int(np.count_nonzero(counts)))), float(counts.max()) / len(labels)
    if loss <= FAR * expected or accuracy > often * ABOVE:
        return None
    losses = f"its loss is {compact(loss)}, that of guessing {compact(expected)}"
    right = f"it is right in {100 * accuracy:.1f} % of the samples; the largest class has {100 * often:.1f} %"
    message = f"the network is no better than guessing: {losses}"
    return Diagnostic.warning("no-better-than-guessing", message, *_smaller(rate), notes=(right,))


def without_gradient(gradients: Mapping[str, Array]) -> set[str]:
    """Names of trained weights whose whole gradient is zero."""
    return {name for name, gradient in gradients.items() if not gradient.any()}


def unmoved(weights: Mapping[str, Array], before: Mapping[str, Array]) -> set[str]:
    """Names of those weights that are as they were before."""
    return {name for name, values in before.items() if np.array_equal(weights[name], values)}


def still_weights(names: list[str]) -> Diagnostic:
    message = f"these weights did not move in the first step: {_listed(names)}"
    cure = "their units may be dead; try another initial, a smaller rate, or leakyrelu"
    return Diagnostic.warning("weights-not-moving", message, cure)


def _listed(names: list[str]) -> str:
    more = f" and {len(names) - SHOWN} more" if len(names) > SHOWN else ""
    return ", ".join(names[:SHOWN]) + more

"""What can be wrong with a training once it runs, said with its place and its cure."""

from __future__ import annotations

from collections.abc import Mapping
from math import log
from typing import Final

import numpy as np

from cnnspec.backends.contract import Array
from cnnspec.diagnostics import Diagnostic, Severity, SpecError
from cnnspec.layers.base import show
from cnnspec.network.graph import Network, Node
from cnnspec.training.data.dataset import Labels
from cnnspec.views.terminal.paint import compact

SHOWN = 6
"""Names listed before the rest is only counted."""
FAR, NEAR, ABOVE = 1.5, 0.98, 1.1
"""Times the loss of guessing: far above, and still there; times its accuracy."""
LESS_BENT: Final = (
    "train longer, or begin with other weights: initial glorot",
    "a deep network learns better with relu than with sigmoid or tanh, or with batchnorm behind each layer",
)


def must_join(network: Network, samples: int, batch: int, workers: int) -> bool:
    """Whether the last samples of an epoch are too few for a batch of their own, by what the layers need.

    Each worker takes its part of a batch. Raises SpecError where no batch has enough.
    """
    node = max(network.layers, key=lambda node: node.layer.least_batch(node.input_shapes), default=None)
    least = workers * node.layer.least_batch(node.input_shapes) if node else workers
    if node is None or least == workers:
        return False
    if batch < least:
        raise SpecError([_one_value(node, samples, batch, least, workers)])
    return 0 < samples % batch < least


def _one_value(node: Node, samples: int, batch: int, least: int, workers: int) -> Diagnostic:
    shared = f", shared by {workers} workers" if workers > 1 else ""
    who = f"{node.name} takes mean and variance over a batch of {batch}{shared}"
    larger = f"take a larger batch: --batch {max(least, 32)}" if samples >= least else "give more samples"
    return Diagnostic(
        "one-value-a-channel", f"{who}, in which a channel has a single value", node.span,
        notes=(f"{show(node.input_shapes[0])} flows in; a value alone is its own mean, and becomes 0",),
        help=(larger, "or normalise each sample by itself: layernorm, or groupnorm"),
    )  # fmt: skip


def joined_batches(samples: int, batch: int) -> Diagnostic:
    """That the last samples of each epoch go with the batch before."""
    left = samples % batch
    message = f"the last {left} samples" if left > 1 else "the last sample"
    what = f"{message} of each epoch go{'es' * (left == 1)} with the batch before, of {batch + left} then"
    note = "batchnorm cannot take mean and variance over one value a channel"
    return Diagnostic("one-value-a-channel", what, severity=Severity.NOTE, notes=(note,))


def workers_unused(workers: int) -> Diagnostic:
    """That the recipe's workers are not started, as PyTorch has threads of its own."""
    message = f"workers {workers} is for NumPy: PyTorch shares each batch among threads of its own"
    cure = f"processes that share it: torchrun --nproc-per-node {workers} -m cnnspec train …"
    return Diagnostic("workers-unused", message, severity=Severity.NOTE, help=(cure,))


def process_differs(fault: Diagnostic) -> Diagnostic:
    """That one of the processes that train together has another spec, recipe or data than the first."""
    message = fault.message.replace("cannot be resumed", "trains something else than the first")
    cure = "give every process the same spec, options, data and version of cnnspec"
    return Diagnostic("processes-differ", message, help=(cure,))


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
    """A warning when a training ended at the loss of guessing or above, and no more often right.

    The best guess knows how often each class occurs among ``labels``, those that were trained on.
    """
    counts = np.bincount(labels)
    shares = counts[counts > 0] / len(labels)
    entropy, expected, often = -(shares * np.log(shares)).sum(), log(len(shares)), float(shares.max())
    if not expected or loss <= NEAR * entropy or accuracy > often * ABOVE:
        return None
    cures = _smaller(rate) if loss > FAR * expected else LESS_BENT
    losses = f"its loss is {compact(loss)}, that of guessing {compact(expected)}"
    right = f"it is right in {100 * accuracy:.1f} % of the samples; the largest class has {100 * often:.1f} %"
    message = f"the network is no better than guessing: {losses}"
    return Diagnostic.warning("no-better-than-guessing", message, *cures, notes=(right,))


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

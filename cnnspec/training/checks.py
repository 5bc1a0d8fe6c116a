"""What can be wrong with a training once it runs, said with its place and its cure."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from numpy.typing import NDArray

from cnnspec.diagnostics import Diagnostic, Severity, SpecError

if TYPE_CHECKING:
    from cnnspec.backends.numpy.model import Model

SHOWN = 6
"""Names listed before the rest is only counted."""


def not_finite(loss: float, step: int, epoch: int, rate: float) -> SpecError:
    """The loss left the numbers at a step counted from 1."""
    return SpecError(
        [
            Diagnostic(
                "loss-not-finite",
                f"the loss became {loss} at step {step:,} (epoch {epoch}), at a rate of {rate:.4g}",
                help=(
                    f"take a smaller rate: --rate {rate / 10:.2g}",
                    "or bound the gradient in the recipe: clip 1.0",
                ),
            )
        ]
    )


def without_gradient(model: Model) -> list[str]:
    """Names of trained weights whose whole gradient is zero."""
    return [name for name, gradient in model.gradients.items() if not gradient.any()]


def unmoved(model: Model, before: NDArray[Any]) -> list[str]:
    """Names of trained weights that are as they were in ``before``, a copy of the flat weights."""
    names, start = [], 0
    for name, gradient in model.gradients.items():
        part = slice(start, start + gradient.size)
        if (model.flat[part] == before[part]).all():
            names.append(name)
        start += gradient.size
    return names


def still_weights(names: list[str]) -> Diagnostic:
    more = f" and {len(names) - SHOWN} more" if len(names) > SHOWN else ""
    return Diagnostic(
        "weights-not-moving",
        f"these weights did not move in the first step: {', '.join(names[:SHOWN])}{more}",
        severity=Severity.WARNING,
        help=("their units may be dead; try another initial, a smaller rate, or leakyrelu",),
    )

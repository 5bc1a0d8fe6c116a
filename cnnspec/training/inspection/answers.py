"""What was taken for what, and the mistakes that were made most surely."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from numpy.typing import NDArray

from cnnspec.training.inspection.maps import picture
from cnnspec.views.results import Confusion, Misclassified

if TYPE_CHECKING:
    from cnnspec.training.evaluate import Evaluation


def confusion(found: Evaluation) -> Confusion:
    return Confusion(found.confusion, found.names)


def mistakes(found: Evaluation, images: NDArray[Any], count: int) -> list[Misclassified]:
    """The wrong answers given most surely, with the images they were given to."""
    return [
        Misclassified(
            picture(images[one.index], images.shape[1:]), one.index,
            found.names[one.label], found.names[one.answer], one.probability,
        )
        for one in found.worst[:count]
    ]  # fmt: skip

"""Pictures given on the command line, made fit for a network; what was done, or should be, is told."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final, TypeVar

import click

from cnnspec.cli.console import stderr_console
from cnnspec.text import printable

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    from cnnspec.layers.base import Shape
    from cnnspec.training.run import Run

F = TypeVar("F", bound=Callable[..., Any])

BRIGHT_ON_DARK: Final = ("mnist", "fashion_mnist", "digits")
"""Known sets whose images are so, for records that do not say."""


resize_option = click.option("--resize", is_flag=True, help="Bring the image to the network's input.")


def picture_options(function: F) -> F:
    """Gives a command ``--invert``, ``--center`` and ``--resize``."""
    for option in (
        resize_option,
        click.option(
            "--center", is_flag=True,
            help="Take away the paper, cut out the drawing and centre it as MNIST's digits are.",
        ),
        click.option(
            "--invert/--no-invert", default=None,
            help="The image is dark on bright, as pen on paper, or not; --center sees it by itself.",
        ),
    ):  # fmt: skip
        function = option(function)
    return function


def resizes(run: Run) -> bool:
    """Whether a run was trained on images that were brought to the network's input."""
    return run.recipe.data.resize or bool(run.data and run.data.resize)


@dataclass(frozen=True)
class Fit:
    """How a picture becomes what a network takes."""

    shape: Shape
    run: Run | None
    invert: bool | None
    center: bool
    resize: bool

    def __call__(self, name: str, image: NDArray[np.uint8]) -> NDArray[np.uint8]:
        """One picture as (1, …) of the network's input; raises SpecError where it does not fit."""
        from cnnspec.training.photo import has_bright_border, is_dark_on_bright, prepare

        resizing = self.resize or bool(self.run and resizes(self.run))
        fitted = prepare(image, self.shape, invert=self.invert, center=self.center, resizing=resizing)
        if self.center and self.invert is None and is_dark_on_bright(image):
            _say(f"{name} is dark on bright and was inverted; --no-invert keeps it")
        if not self.center and self.invert is None and self._on_dark and has_bright_border(image):
            _say(f"the border of {name} is bright, that of the training images dark: --invert?")
        if self.center and not fitted.any():
            _say(f"nothing stands out of the paper in {name}")
        return fitted

    @property
    def _on_dark(self) -> bool:
        if self.run is None or self.run.dark_borders is not None:
            return bool(self.run and self.run.dark_borders)
        return self.run.set in BRIGHT_ON_DARK


def _say(text: str) -> None:
    stderr_console().print(f"note: {printable(text)}")

"""Options that say where a picture will be shown: ``--for slide``, ``--width 8.5cm``, ``--no-legend``."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import click

from cnnspec.cli.console import show
from cnnspec.cli.options import Words
from cnnspec.diagnostics import LayerError
from cnnspec.views.pictures.sizes import SIZES, size_of

if TYPE_CHECKING:
    from cnnspec.views.pictures.look import Look


def room_options(command: Callable[..., Any]) -> Callable[..., Any]:
    """Adds the options that ``in_room`` takes."""
    for option in reversed(
        [
            click.option(
                "--for",
                "shown",
                type=Words([*SIZES]),
                help="Where it will be shown: no text gets below 8 pt there, and what is too much is folded. "
                "Slide unless given; paper and column are without title and legend.",
            ),
            click.option(
                "--width", metavar="LENGTH", help="The room's width: 8.5cm, 3.5in, 90mm, 500pt or 640px."
            ),
            click.option("--height", metavar="LENGTH", help="The room's height."),
            click.option("--title/--no-title", default=None, help="Write the name and the costs above."),
            click.option("--legend/--no-legend", default=None, help="Tell what the colours mean."),
        ]
    ):
        command = option(command)
    return command


def in_room(
    look: Look, *, shown: str | None, width: str | None, height: str | None, title: bool | None,
    legend: bool | None,
) -> Look:  # fmt: skip
    """The look for the room that is told; leaves where that is none."""
    try:
        size = size_of(shown, width, height)
    except LayerError as fault:
        show((fault.at(None),))
        raise click.exceptions.Exit(2) from fault
    return replace(
        look, size=size, is_scaled=bool(shown or width or height),
        titled=not size.bare if title is None else title,
        legend=not size.bare if legend is None else legend,
    )  # fmt: skip

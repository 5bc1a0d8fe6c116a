"""What a trained network learned, for the page: curves, filters, confusion, mistakes."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from html import escape
from typing import Final

from cnnspec.views.documents.report.style import Colors
from cnnspec.views.pictures.palette import DARK, LIGHT, Theme
from cnnspec.views.results import Confusion, Filters, Gallery, Misclassified, Scatter, TrainingCurve
from cnnspec.views.results.confusion import confusion
from cnnspec.views.results.curves import measures, panel
from cnnspec.views.results.filters import filters
from cnnspec.views.results.plot import Plot
from cnnspec.views.results.samples import gallery, mistakes
from cnnspec.views.results.scatter import scatter
from cnnspec.views.terminal.paint import compact, percent
from cnnspec.views.terminal.results import cells, columns_of

EPOCHS: Final = "loss", "accuracy", "validation loss", "validation"


@dataclass(frozen=True, eq=False)
class Learned:
    """What is known of one run; what could not be had is None or empty, and ``notes`` say why."""

    curve: TrainingCurve | None = None
    filters: Filters | None = None
    confusion: Confusion | None = None
    mistakes: Sequence[Misclassified] = ()
    wrong: int = 0
    data: str = ""
    notes: Sequence[str] = ()
    predictions: Gallery | Scatter | None = None
    """Of targets other than a class: answers beside what was wanted."""
    headline: tuple[str, str] | None = None
    """The figure that tells most, on the test part, in words."""
    changes: str = ""
    """What the training did otherwise than the recipe of the spec says."""

    @property
    def figure(self) -> tuple[str, str] | None:
        """What tells most of the test part: ``("accuracy", "98.76 %")``."""
        if self.headline or not self.curve:
            return self.headline
        known = self.curve.test_accuracy
        told = (("accuracy", percent(known)),) if known is not None else ()
        return next(iter((*self.curve.test_figures, *told)), None)


def section(learned: Learned, colors: Colors) -> str:
    """Everything that is there, in order."""
    draws: list[Callable[[Theme], Plot]] = []
    if found := learned.filters:
        draws.append(lambda theme: filters(found, theme))
    if counts := learned.confusion:
        draws.append(lambda theme: confusion(counts, theme, learned.data))
    if shown := learned.predictions:
        draws.append(
            lambda theme: gallery(shown, theme) if isinstance(shown, Gallery) else scatter(shown, theme)
        )
    if learned.mistakes:
        draws.append(lambda theme: mistakes(learned.mistakes, learned.wrong, theme))
    parts = [f'<p class="note">{escape(note)}</p>' for note in learned.notes]
    parts += [training(learned.curve, colors)] if learned.curve else []
    return "".join((*parts, *(_with_words(draw, colors) for draw in draws)))


def _with_words(draw: Callable[[Theme], Plot], colors: Colors) -> str:
    """A figure for light and dark, its title and note above it."""
    light, dark = draw(LIGHT), draw(DARK)
    return (
        f'<h3>{escape(light.title)}</h3><p class="note">{escape(light.note)}</p>'
        f'<div class="result">{colors.both(light.drawing(), dark.drawing())}</div>'
    )


def training(curve: TrainingCurve, colors: Colors) -> str:
    """The result in a line, the curves, the epochs as a table."""
    row = {key: text for key, text in cells(curve).items() if text and key != "network"}
    figures = ", ".join(f"{key} {row[key]}" for key in columns_of([row]))
    charts = "".join(
        colors.both(*(panel([curve], what, theme).drawing() for theme in (LIGHT, DARK)))
        for what in measures([curve])
    )
    return (
        f'<p>{escape(figures)}</p><div class="charts">{charts}</div>'
        f"<details><summary><b>Every epoch</b></summary>{epochs(curve)}</details>"
    )


def epochs(curve: TrainingCurve) -> str:
    """The figures of every epoch as a table."""
    every = (curve.loss, curve.accuracy, curve.validation_loss, curve.validation_accuracy)
    titles = ["epoch", *(title for title, values in zip(EPOCHS, every, strict=True) if values)]
    head = "".join(f'<th scope="col">{title}</th>' for title in titles)
    columns = [values for values in every if values]
    rows = ""
    for n, epoch in enumerate(curve.epochs):
        cells = "".join(f"<td>{compact(column[n])}</td>" for column in columns)
        rows += f'<tr><th scope="row">{epoch}</th>{cells}</tr>'
    return f'<div class="scroll"><table class="epochs"><tr>{head}</tr>{rows}</table></div>'

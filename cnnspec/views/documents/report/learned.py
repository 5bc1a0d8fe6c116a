"""What a trained network learned, for the page: curves, filters, confusion, mistakes."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from html import escape
from typing import TYPE_CHECKING, Final

import numpy as np

from cnnspec.views.documents.report import lines, png
from cnnspec.views.results import Confusion, Curve, Filters, Mistake
from cnnspec.views.terminal.learned import COLUMNS, cells
from cnnspec.views.terminal.paint import compact

if TYPE_CHECKING:
    from numpy.typing import NDArray

MOST_FILTERS, MOST_CHANNELS, MOST_CLASSES = 96, 8, 30
TILE: Final = 56
EPOCHS: Final = "epoch", "loss", "accuracy", "validation loss", "validation"


@dataclass(frozen=True, eq=False)
class Learned:
    """What is known of one run; what could not be had is None or empty, and ``notes`` say why."""

    curve: Curve | None = None
    filters: Filters | None = None
    confusion: Confusion | None = None
    mistakes: Sequence[Mistake] = ()
    wrong: int = 0
    data: str = ""
    notes: Sequence[str] = ()


def section(learned: Learned) -> str:
    """Everything that is there, in order."""
    parts = [f'<p class="note">{escape(note)}</p>' for note in learned.notes]
    if learned.curve:
        parts.append(training(learned.curve))
    if learned.filters:
        parts.append(filters(learned.filters))
    if learned.confusion:
        parts.append(confusion(learned.confusion, learned.data))
    if learned.mistakes:
        parts.append(mistakes(learned.mistakes, learned.wrong))
    return "".join(parts)


def training(curve: Curve) -> str:
    """The result in a line, the curves, the epochs as a table."""
    row = {key: text for key, text in cells(curve).items() if text and key != "network"}
    told = ", ".join(f"{key} {row[key]}" for key in COLUMNS if key in row)
    return (
        f'<p>{escape(told)}</p><div class="charts">{lines.panels([curve])}</div>'
        f'<p class="note">{_strokes(curve)}</p>'
        f"<details><summary><b>Every epoch</b></summary>{epochs(curve)}</details>"
    )


def _strokes(curve: Curve) -> str:
    parts = ["line: training"]
    parts += ["dashes: validation"] if curve.validation_loss else []
    parts += ["diamond: test"] if curve.test_accuracy is not None else []
    return ", ".join(parts)


def epochs(curve: Curve) -> str:
    """The figures of every epoch as a table."""
    titles = EPOCHS if curve.validation_loss else EPOCHS[:3]
    head = "".join(f"<th>{title}</th>" for title in titles)
    columns: list[Sequence[float]] = [curve.loss, curve.accuracy]
    if curve.validation_loss:
        columns += [curve.validation_loss, curve.validation_accuracy]
    rows = "".join(
        f"<tr><td>{epoch}</td>{''.join(f'<td>{compact(column[n])}</td>' for column in columns)}</tr>"
        for n, epoch in enumerate(curve.epochs)
    )
    return f'<div class="scroll"><table class="share"><tr>{head}</tr>{rows}</table></div>'


def filters(shown: Filters) -> str:
    """The kernels of the first layer, orange below 0 and blue above; three channels as colours."""
    count, height, width, channels = shown.kernels.shape
    kernels = np.nan_to_num(shown.kernels)
    reach = float(np.abs(kernels).max())
    tiles = []
    for n, kernel in enumerate(kernels[:MOST_FILTERS]):
        text = f"filter {n}"
        if channels == 3:
            tiles.append(png.image(png.colored(kernel), text, TILE))
            continue
        for channel in range(min(channels, MOST_CHANNELS)):
            named = text if channels == 1 else f"{text}, channel {channel}"
            tiles.append(png.image(png.signed(kernel[..., channel], reach), named, TILE))
    scale = "each over its own range" if channels == 3 else f"orange −{reach:.2g}, blue {reach:.2g}"
    cut = f", the first {MOST_FILTERS}" if count > MOST_FILTERS else ""
    return (
        f"<h3>Filters of {escape(shown.layer)}</h3>"
        f'<p class="note">{count} filters, {height}×{width}×{channels}{cut}; {scale}</p>'
        f'<div class="tiles">{"".join(tiles)}</div>'
    )


def confusion(shown: Confusion, data: str) -> str:
    """Classes down, what they were taken for across."""
    head = f"<h3>What was taken for what{escape(f' ({data})' if data else '')}</h3>"
    wrong = shown.samples - int(shown.counts.trace())
    said = f"{100 * shown.accuracy:.2f} % of {shown.samples:,} right, {wrong:,} wrong"
    if len(shown.names) > MOST_CLASSES:
        return f'{head}<p class="note">{said}; too many classes for a matrix</p>'
    names = "".join(f"<th>{escape(name)}</th>" for name in shown.names)
    shares = shown.counts / np.maximum(shown.counts.sum(1, keepdims=True), 1)
    off = np.where(np.eye(len(shares), dtype=bool), 0, shares)
    worst = float(off.max(initial=0)) or 1.0
    rows = "".join(
        f"<tr><th>{escape(name)}</th>{_cells(shown.counts[n], shares[n], n, worst)}</tr>"
        for n, name in enumerate(shown.names)
    )
    return (
        f'{head}<p class="note">{said}; classes down, answers across</p>'
        f'<div class="scroll"><table class="confusion">'
        f"<thead><tr><td></td>{names}</tr></thead><tbody>{rows}</tbody></table></div>"
    )


def _cells(counts: NDArray[np.int64], shares: NDArray[np.float64], right: int, worst: float) -> str:
    found = []
    for n, (count, share) in enumerate(zip(counts, shares, strict=True)):
        tone, part = ("conv", 55 * share) if n == right else ("bad", 55 * (share / worst) ** 0.5)
        style = f' style="--tone:var(--{tone});--part:{part:.0f}%"' if count else ""
        found.append(f"<td{style}>{f'{count:,}' if count else ''}</td>")
    return "".join(found)


def mistakes(shown: Sequence[Mistake], wrong: int) -> str:
    """The surest wrong answers, as pictures."""
    tiles = "".join(
        f"<figure>{png.image(png.sample(one.image), f'sample {one.index}', 72)}"
        f"<b>{escape(one.label)} → {escape(one.answer)}</b><br>{100 * one.probability:.1f} %</figure>"
        for one in shown
    )
    kind = "" if shown[0].image.shape[2] == 3 else " samples"
    return (
        f'<h3>Mistakes</h3><p class="note">{len(shown)} of {wrong:,}, the surest first: '
        f'class → answer</p><div class="tiles{kind}">{tiles}</div>'
    )

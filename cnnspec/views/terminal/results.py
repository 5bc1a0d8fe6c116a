"""What a network learned and what from, as tables: training, filters, confusion, mistakes, samples."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any, Final

from cnnspec.views.terminal.grid import Column, TableRow, draw, fit
from cnnspec.views.terminal.paint import Terminal, compact, percent, wrap

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from cnnspec.views.results import Confusion, FeatureMaps, Filters, Gallery, Neighbourhood, TrainingCurve

MOST: Final = 32
"""Filters or channels listed; a picture shows more."""
MOST_PAIRS: Final = 10
"""Confusions listed where the page is too narrow for the matrix."""
COLUMNS: Final = (
    "network", "params", "epochs", "loss", "accuracy", "validation", "test loss", "test accuracy", "seconds",
)  # fmt: skip


def cells(curve: TrainingCurve) -> dict[str, str]:
    """The figures of a training by COLUMNS, of its last epoch; nothing where there is none."""
    values = curve.validation_accuracy
    return {
        "network": curve.name,
        "params": "" if curve.params is None else f"{curve.params:,}",
        "epochs": str(len(curve.epochs)),
        "loss": compact(curve.loss[-1]),
        "accuracy": percent(curve.accuracy[-1]),
        "validation": percent(values[-1]) if values else "",
        "test loss": "" if curve.test_loss is None else compact(curve.test_loss),
        "test accuracy": "" if curve.test_accuracy is None else percent(curve.test_accuracy),
        "seconds": f"{curve.seconds:.1f}",
    }


def curves(shown: Sequence[TrainingCurve], terminal: Terminal) -> list[str]:
    """Several trainings, one a line; a single one, epoch by epoch."""
    if len(shown) == 1:
        return _epochs(shown[0], terminal)
    rows = [cells(curve) for curve in shown]
    ranks = {"seconds": 4, "loss": 3, "epochs": 2, "accuracy": 1}
    used = [key for key in COLUMNS if any(row[key] for row in rows)]
    columns = [
        Column(
            key, key, right=key != "network", least=8 if key == "network" else None, rank=ranks.get(key, 0)
        )
        for key in used
    ]
    return _table(columns, [TableRow({key: row[key] for key in used}) for row in rows], terminal)


def _epochs(curve: TrainingCurve, terminal: Terminal) -> list[str]:
    keys = ["epoch", "loss", "accuracy"] + (
        ["validation loss", "validation"] if curve.validation_loss else []
    )
    columns = [Column(key, key, right=True, rank=int(n > 2)) for n, key in enumerate(keys)]
    lines = []
    for n, epoch in enumerate(curve.epochs):
        line = {"epoch": str(epoch), "loss": compact(curve.loss[n]), "accuracy": percent(curve.accuracy[n])}
        if curve.validation_loss:
            line["validation loss"] = compact(curve.validation_loss[n])
            line["validation"] = percent(curve.validation_accuracy[n])
        lines.append(TableRow(line))
    head = [
        terminal.text(f"{curve.name}: {curve.params:,} params" if curve.params is not None else curve.name),
        "",
    ]
    tail = [] if curve.test_accuracy is None else ["", f"test accuracy {percent(curve.test_accuracy)}"]
    return [*head, *_table(columns, lines, terminal), *tail]


def filters(shown: Filters, terminal: Terminal) -> list[str]:
    """Of each filter: least, greatest, mean, length."""
    count, height, width, channels = shown.kernels.shape
    head = terminal.text(f"{shown.layer}: {count} filters, {height}×{width}×{channels}")
    return [head, "", *_figures(shown.kernels, "filter", terminal)]


def maps(shown: FeatureMaps, terminal: Terminal) -> list[str]:
    """Of each channel: least, greatest, mean, length."""
    flow = terminal.text("×").join(map(str, shown.values.shape))
    about = f" of {shown.title}" if shown.title else ""
    values = shown.values
    if values.ndim == 1:
        head = f"{shown.layer}{about}: {values.size} values"
        return [terminal.text(head), "", *_figures(values.reshape(1, -1), "", terminal)]
    channels = values.reshape(-1, values.shape[-1]).T
    return [terminal.text(f"{shown.layer}{about}: {flow}"), "", *_figures(channels, "channel", terminal)]


def _figures(values: NDArray[Any], what: str, terminal: Terminal) -> list[str]:
    """A line for each of ``values`` along their first axis."""
    keys = ("least", "greatest", "mean", "length", "zeros")
    columns = [Column("n", what, right=True)]
    columns += [Column(key, key, right=True, rank=n) for n, key in enumerate(keys)]
    lines = []
    for n, one in enumerate(values[:MOST]):
        length = float((one.astype(float) ** 2).sum()) ** 0.5
        numbers = (float(one.min()), float(one.max()), float(one.mean()), length)
        line = {
            key: terminal.text(f"{number:.4g}".replace("-", "−"))
            for key, number in zip(keys, numbers, strict=False)
        }
        lines.append(
            TableRow({"n": str(n) if what else "", **line, "zeros": percent(float((one == 0).mean()), 0)})
        )
    more = len(values) - MOST
    return [*_table(columns, lines, terminal), *([f" and {more} more"] if more > 0 else [])]


def neighbours(shown: Sequence[Neighbourhood], layer: str, size: int, terminal: Terminal) -> list[str]:
    """A line a sample: its class, and classes, places and distances of the nearest training samples."""
    most = max(len(one.found) for one in shown)
    columns = [Column("sample", "test sample", right=True), Column("label", "class", least=4)]
    columns += [Column(str(n), f"nearest {n + 1}" if not n else str(n + 1), rank=n) for n in range(most)]
    lines = []
    for one in shown:
        found = {
            str(n): f"{near.label} ({near.index}, {near.distance:.2f})" for n, near in enumerate(one.found)
        }
        styles = {str(n): ("bad",) for n, near in enumerate(one.found) if near.label != one.sample.label}
        lines.append(TableRow({"sample": str(one.sample.index), "label": one.sample.label, **found}, styles))
    head = f"nearest training samples in the {size:,} values of {layer}: class (place, distance)"
    return [head, "", *_table(columns, lines, terminal)]


# Judged on samples ------------------------------------------------------------


def confusion(shown: Confusion, terminal: Terminal) -> list[str]:
    """The confusion matrix; numbers off the diagonal stand out, zeros are dots."""
    columns = [Column("name", "", least=4)]
    columns += [Column(str(n), name[:6], right=True, rank=1) for n, name in enumerate(shown.names)]
    dot = terminal.text("·")[:1].replace("*", ".")
    lines: list[TableRow] = []
    for n, row in enumerate(shown.counts):
        cells = {str(k): f"{count:,}" if count else dot for k, count in enumerate(row)}
        styles = {str(k): ("good",) if k == n else ("bad",) if row[k] else ("dim",) for k in range(len(row))}
        lines.append(TableRow({"name": shown.names[n], **cells}, styles))
    fitted = fit(columns, lines, terminal.width)
    return draw(fitted, lines, terminal) if not fitted.dropped else _likeliest(shown, terminal)


def _likeliest(shown: Confusion, terminal: Terminal) -> list[str]:
    """Where the matrix does not fit: its largest numbers off the diagonal."""
    pairs = [
        (int(count), n, k)
        for n, row in enumerate(shown.counts)
        for k, count in enumerate(row)
        if n != k and count
    ]
    pairs.sort(key=lambda pair: (-pair[0], pair[1:]))
    arrow = terminal.text("→")
    return [f" {shown.names[n]} {arrow} {shown.names[k]}: {count:,}" for count, n, k in pairs[:MOST_PAIRS]]


def classes(rows: Sequence[tuple[str, float, float, int]], terminal: Terminal) -> list[str]:
    """Of each class: its name, precision and recall (0 to 1), and how many samples it has."""
    columns = [Column("name", "class", least=4)]
    keys = ("recall", "precision", "images")
    columns += [Column(key, key, right=True, rank=n) for n, key in enumerate(keys)]
    lines = [
        TableRow({"name": name, "precision": percent(p), "recall": percent(r), "images": f"{n:,}"})
        for name, p, r, n in rows
    ]
    return _table(columns, lines, terminal)


def mistakes(shown: Sequence[tuple[int, str, str, float]], total: int, terminal: Terminal) -> list[str]:
    """Of the most confident wrong answers: sample, true class, predicted class, confidence (0 to 1)."""
    columns = [
        Column("index", "index", right=True),
        Column("label", "class", least=4, rank=1),
        Column("answer", "predicted", least=4),
        Column("confidence", "confidence", right=True, rank=2),
    ]
    lines = [
        TableRow({"index": str(index), "label": label, "answer": answer, "confidence": percent(probability)})
        for index, label, answer, probability in shown
    ]
    head = f"the most confident of {total:,} mistakes"
    return [*wrap(head, terminal.width), "", *_table(columns, lines, terminal)]


# The data ---------------------------------------------------------------------


def counts(names: Sequence[str], parts: Mapping[str, Sequence[int]], terminal: Terminal) -> list[str]:
    """Samples of each class, a column a part, and their sums."""
    columns = [Column("class", "class", least=5), *(Column(part, part, right=True) for part in parts)]
    lines = [
        TableRow({"class": name, **{part: f"{found[n]:,}" for part, found in parts.items()}})
        for n, name in enumerate(names)
    ]
    total = TableRow({"class": "total", **{part: f"{sum(found):,}" for part, found in parts.items()}})
    return _table(columns, [*lines, total], terminal)


def changes(shown: Gallery, terminal: Terminal) -> list[str]:
    """Of each sample: the mean change of a pixel, as a share of its range, least and greatest."""
    columns = [
        Column("class", "class", least=5),
        Column("least", "least change", right=True),
        Column("greatest", "greatest change", right=True),
    ]
    lines = []
    for name, (original, *made) in shown.rows:
        shares = [float(abs(one.astype(float) - original).mean()) / 255 for one in made]
        ends = {"least": f"{100 * min(shares):.1f} %", "greatest": f"{100 * max(shares):.1f} %"}
        lines.append(TableRow({"class": name, **ends}))
    head = [
        terminal.text(shown.title),
        terminal.text("mean change of a pixel; the pictures: -o FILE.png"),
        "",
    ]
    return [*head, *_table(columns, lines, terminal)]


def _table(columns: Sequence[Column], lines: Sequence[TableRow], terminal: Terminal) -> list[str]:
    return draw(fit(columns, lines, terminal.width), lines, terminal)

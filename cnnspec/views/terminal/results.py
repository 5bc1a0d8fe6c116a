"""What a network learned and what from, as tables: training, filters, confusion, mistakes, samples."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import TYPE_CHECKING, Any, Final

from cnnspec.views.terminal.grid import Column, TableRow, draw, fit, table
from cnnspec.views.terminal.paint import Terminal, compact, cut, percent, width_of, wrap

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from cnnspec.views.results import Confusion, FeatureMaps, Filters, Gallery, Neighbourhood, TrainingCurve

MOST: Final = 32
"""Filters or channels listed; a picture shows more."""
SHORTEST: Final = 5
"""Letters to which names over a matrix are cut; sooner they are numbered."""
MOST_PAIRS: Final = 10
"""Confusions listed where the page is too narrow for the matrix."""


def cells(curve: TrainingCurve) -> dict[str, str]:
    """The figures of a training by name, of its last epoch; nothing where there is none."""
    values = curve.validation_accuracy
    return {
        "network": curve.name,
        "params": "" if curve.params is None else f"{curve.params:,}",
        "epochs": str(len(curve.epochs)),
        "loss": compact(curve.loss[-1]),
        "accuracy": percent(curve.accuracy[-1]) if curve.accuracy else "",
        "validation": percent(values[-1]) if values else "",
        "test loss": "" if curve.test_loss is None else compact(curve.test_loss),
        "test accuracy": "" if curve.test_accuracy is None else percent(curve.test_accuracy),
        "seconds": f"{curve.seconds:.1f}",
        **{f"test {name}": text for name, text in curve.test_figures},
    }


def columns_of(rows: Sequence[Mapping[str, str]]) -> list[str]:
    """The figures that any of some trainings has, in order; seconds last."""
    keys = dict.fromkeys(key for row in rows for key in row if key != "seconds")
    return [key for key in (*keys, "seconds") if any(row.get(key) for row in rows)]


def curves(shown: Sequence[TrainingCurve], terminal: Terminal) -> list[str]:
    """Several trainings, one a line; a single one, epoch by epoch."""
    if len(shown) == 1:
        return _epochs(shown[0], terminal)
    rows = [cells(curve) for curve in shown]
    ranks = {"seconds": 4, "loss": 3, "epochs": 2, "accuracy": 1}
    used = columns_of(rows)
    rows = [{key: row.get(key, "") for key in used} for row in rows]
    columns = [_name("network", 8), *(_number(key, ranks.get(key, 0)) for key in used[1:])]
    return _table(columns, rows, terminal)


def _epochs(curve: TrainingCurve, terminal: Terminal) -> list[str]:
    texts = {
        "epoch": map(str, curve.epochs),
        "loss": map(compact, curve.loss),
        "accuracy": map(percent, curve.accuracy),
        "validation loss": map(compact, curve.validation_loss),
        "validation": map(percent, curve.validation_accuracy),
    }
    names = {"accuracy": curve.accuracy, "validation loss": curve.validation_loss}
    names["validation"] = curve.validation_accuracy
    keys = [key for key in texts if names.get(key, curve.epochs)]
    columns = [_number(key, int(n > 2)) for n, key in enumerate(keys)]
    lines = [dict(zip(keys, line, strict=True)) for line in zip(*(texts[key] for key in keys), strict=True)]
    head = f"{curve.name}: {curve.params:,} params" if curve.params is not None else curve.name
    accuracy = {} if curve.test_accuracy is None else {"accuracy": percent(curve.test_accuracy)}
    tested = accuracy | dict(curve.test_figures)
    tail = ["", *(terminal.text(f"test {name} {text}") for name, text in tested.items())] if tested else []
    return [terminal.text(head), "", *_table(columns, lines, terminal), *tail]


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
    columns = [Column("n", what, right=True), *(_number(key, n) for n, key in enumerate(keys))]
    lines = []
    for n, one in enumerate(values[:MOST]):
        length = float((one.astype(float) ** 2).sum()) ** 0.5
        numbers = (float(one.min()), float(one.max()), float(one.mean()), length)
        texts = [terminal.text(f"{number:.4g}".replace("-", "−")) for number in numbers]
        texts.append(percent(float((one == 0).mean()), 0))
        lines.append({"n": str(n) if what else "", **dict(zip(keys, texts, strict=True))})
    more = len(values) - MOST
    return [*_table(columns, lines, terminal), *([f" and {more} more"] if more > 0 else [])]


def neighbours(shown: Sequence[Neighbourhood], layer: str, size: int, terminal: Terminal) -> list[str]:
    """A line a sample: its class, and classes, places and distances of the nearest training samples."""
    most = max(len(one.found) for one in shown)
    columns = [Column("sample", "test sample", right=True), Column("label", "class", least=4, middle=True)]
    columns += [Column(str(n), f"nearest {n + 1}" if not n else str(n + 1), rank=n) for n in range(most)]
    lines = []
    for one in shown:
        cells = {"sample": str(one.sample.index), "label": one.sample.label}
        cells |= {
            str(n): f"{near.label} ({near.index}, {near.distance:.2f})" for n, near in enumerate(one.found)
        }
        styles = {str(n): ("bad",) for n, near in enumerate(one.found) if near.label != one.sample.label}
        lines.append(TableRow(cells, styles))
    head = f"nearest training samples in the {size:,} values of {layer}: class (place, distance)"
    return [*wrap(head, terminal.width), "", *_table(columns, lines, terminal)]


# Judged on samples ------------------------------------------------------------


def confusion(shown: Confusion, terminal: Terminal) -> list[str]:
    """The confusion matrix; numbers off the diagonal stand out, zeros are dots."""
    dot = terminal.text("·")[:1].replace("*", ".")
    for titles, names in _headings(shown.names, terminal):
        columns = [Column("name", "", least=max(map(width_of, titles)), middle=True)]
        columns += [Column(str(n), title, right=True, rank=1) for n, title in enumerate(titles)]
        lines: list[TableRow] = []
        for n, row in enumerate(shown.counts):
            cells = {str(k): f"{count:,}" if count else dot for k, count in enumerate(row)}
            styles = {str(k): ("bad",) if count else ("dim",) for k, count in enumerate(row)}
            lines.append(TableRow({"name": names[n], **cells}, {**styles, str(n): ("good",)}))
        fitted = fit(columns, lines, terminal.width)
        if not fitted.dropped:
            return draw(fitted, lines, terminal)
    return _likeliest(shown, terminal)


def _headings(names: Sequence[str], terminal: Terminal) -> Iterator[tuple[list[str], list[str]]]:
    """(titles of columns, names of rows), the clearest first: names as long as may be, then numbers."""
    whole = max(map(width_of, names))
    for width in range(whole, min(whole, SHORTEST) - 1, -1):
        titles = [cut(name, width, terminal, middle=True) for name in names]
        if len(set(titles)) == len(set(names)):
            yield titles, list(names)
    yield [str(n) for n in range(len(names))], [f"{n} {name}" for n, name in enumerate(names)]


def _likeliest(shown: Confusion, terminal: Terminal) -> list[str]:
    """Where the matrix does not fit: its largest numbers off the diagonal."""
    names, n = shown.names, len(shown.names)
    pairs = [(-int(shown.counts[t, p]), t, p) for t in range(n) for p in range(n) if t != p]
    found = [(names[t], names[p], -less) for less, t, p in sorted(pairs)[:MOST_PAIRS] if less]
    head = "no room for the matrix; " + ("the most frequent mistakes:" if found else "there are no mistakes")
    lines = [f" {true} → {answer}: {count:,}" for true, answer, count in found]
    return [terminal.text(line) for line in (*wrap(head, terminal.width), *lines)]


def classes(rows: Sequence[tuple[str, float, float, int]], terminal: Terminal) -> list[str]:
    """Of each class: its name, precision and recall (0 to 1), and how many samples it has."""
    keys = ("recall", "precision", "images")
    columns = [_name("class", 4), *(_number(key, n) for n, key in enumerate(keys))]
    lines = [
        {"class": name, "precision": percent(p), "recall": percent(r), "images": f"{n:,}"}
        for name, p, r, n in rows
    ]
    return _table(columns, lines, terminal)


def figures(
    names: Sequence[str], details: Mapping[str, Sequence[float]], title: str, terminal: Terminal,
    text: Callable[[str, float], str],
) -> list[str]:  # fmt: skip
    """The figures of each class, question or column, a line each; ``text`` writes them."""
    columns = [_name(title, 4), *(_number(key, n) for n, key in enumerate(details))]
    lines = [
        {title: name, **{key: text(key, values[n]) for key, values in details.items()}}
        for n, name in enumerate(names)
    ]
    return _table(columns, lines, terminal)


def hardest(
    shown: Sequence[tuple[int, float]], figure: str, total: int, terminal: Terminal,
    text: Callable[[str, float], str],
) -> list[str]:  # fmt: skip
    """Of the samples with the worst figure: number and figure."""
    lines = [{"sample": str(index), figure: text(figure, value)} for index, value in shown]
    head = f"the hardest of {total:,} samples"
    return [*wrap(head, terminal.width), "", *_table([_number("sample"), _number(figure)], lines, terminal)]


def mistakes(shown: Sequence[tuple[int, str, str, float]], total: int, terminal: Terminal) -> list[str]:
    """Of the most confident wrong answers: sample, true class, predicted class, confidence (0 to 1)."""
    columns = [_number("index"), _name("class", 4, 1), _name("predicted", 4), _number("confidence", 2)]
    lines = [
        {"index": str(index), "class": label, "predicted": answer, "confidence": percent(probability)}
        for index, label, answer, probability in shown
    ]
    head = f"the most confident of {total:,} mistakes"
    return [*wrap(head, terminal.width), "", *_table(columns, lines, terminal)]


# The data ---------------------------------------------------------------------


def counts(names: Sequence[str], parts: Mapping[str, Sequence[int]], terminal: Terminal) -> list[str]:
    """Samples of each class, a column a part, and their sums."""
    columns = [_name("class", 5), *map(_number, parts)]
    lines = [
        {"class": name, **{part: f"{found[n]:,}" for part, found in parts.items()}}
        for n, name in enumerate(names)
    ]
    lines.append({"class": "total", **{part: f"{sum(found):,}" for part, found in parts.items()}})
    return _table(columns, lines, terminal)


def changes(shown: Gallery, terminal: Terminal) -> list[str]:
    """Of each sample: the mean change of a pixel, as a share of its range, least and greatest."""
    columns = [_name("class", 5), _number("least change"), _number("greatest change")]
    lines = []
    for name, (original, *made) in shown.rows:
        shares = [float(abs(one.astype(float) - original).mean()) / 255 for one in made]
        ends = {"least change": percent(min(shares), 1), "greatest change": percent(max(shares), 1)}
        lines.append({"class": name, **ends})
    note = "mean change of a pixel; the pictures: -o FILE.png"
    return [terminal.text(shown.title), note, "", *_table(columns, lines, terminal)]


def _name(title: str, least: int, rank: int = 0) -> Column:
    return Column(title, title, least=least, rank=rank, middle=True)


def _number(title: str, rank: int = 0) -> Column:
    return Column(title, title, right=True, rank=rank)


def _table(
    columns: Sequence[Column], lines: Sequence[TableRow | dict[str, str]], terminal: Terminal
) -> list[str]:
    rows = [line if isinstance(line, TableRow) else TableRow(line) for line in lines]
    return table(columns, rows, terminal)

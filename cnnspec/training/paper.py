"""A drawing parted from its paper: uneven light, noise, specks and the rim of the picture taken away."""

from __future__ import annotations

from typing import Final, TypeAlias

import numpy as np
from numpy.typing import NDArray

Floats: TypeAlias = NDArray[np.float32]
Mask: TypeAlias = NDArray[np.bool_]

DEGREES: Final = (0, 0, 1, 1, 2, 2, 2)
"""Of the surface of light, refined step by step, so that the drawing does not bend it."""
COARSE: Final = 64
"""Pixels of a side from which the light is told."""
DEVIATION: Final = 1.4826
"""Of the normal distribution, by the median of its distances from the middle."""
SURE: Final = 6
"""Deviations of the noise by which a stroke stands out at least."""
INK: Final = 0.15
"""Share of the ink's height from which a pixel belongs to the drawing, if it hangs on to a stroke."""
SPECK: Final = 0.1
"""Share of the largest part below which a part is a speck."""


def unlit(grey: Floats) -> Floats:
    """How much each pixel stands out of the paper, whose light is a smooth surface."""
    rows = np.linspace(-1, 1, grey.shape[0], dtype=np.float64)
    columns = np.linspace(-1, 1, grey.shape[1], dtype=np.float64)
    pick = [np.unique(np.linspace(0, size - 1, min(size, COARSE)).astype(int)) for size in grey.shape]
    some = _smoothed(grey)[np.ix_(*pick)].ravel()
    at, across = (part.ravel() for part in np.meshgrid(rows[pick[0]], columns[pick[1]], indexing="ij"))
    off = some - np.median(some)
    surface = np.zeros(6)
    for degree in DEGREES:
        paper = np.abs(off) <= max(2.5 * np.median(np.abs(off)), 1.0)
        terms = _terms(at, across, degree)
        surface, *_ = np.linalg.lstsq(terms[paper], some[paper], rcond=None)
        off = some - terms @ surface
    whole = _terms(*np.meshgrid(rows, columns, indexing="ij"), DEGREES[-1])
    return (grey - whole @ surface).astype(np.float32)


def _terms(rows: NDArray[np.float64], columns: NDArray[np.float64], degree: int) -> NDArray[np.float64]:
    powers = [(n, k) for n in range(degree + 1) for k in range(degree + 1 - n)]
    return np.stack([rows**n * columns**k for n, k in powers], -1)


def _smoothed(grey: Floats) -> Floats:
    """Means over 3x3 pixels, the edges repeated."""
    rows = np.pad(grey, 1, mode="edge")
    sums = rows[:-2] + rows[1:-1] + rows[2:]
    means: Floats = (sums[:, :-2] + sums[:, 1:-1] + sums[:, 2:]) / 9
    return means


def drawing(raised: Floats) -> tuple[Floats, Mask]:
    """The ink, 0 to 1, and where it is, from heights above the paper; nothing where there is only noise."""
    noise = DEVIATION * float(np.median(np.abs(raised)))
    if noise > 1:
        raised, noise = _smoothed(raised), noise / 3
    strong = raised > max(_parting(raised), SURE * noise, 1.0)
    if not strong.any():
        return np.zeros_like(raised), strong
    height = float(np.percentile(raised[strong], 75))
    found = _parts(raised > max(INK * height, 3 * noise), strong)
    near = _smoothed(found.astype(np.float32)) > 0
    ink = np.clip((raised - 3 * noise) / max(height - 3 * noise, 1e-3), 0, 1) * near
    return ink.astype(np.float32), found


def _parting(values: Floats) -> float:
    """The threshold between paper and ink: of the most variance between the two (Otsu 1979)."""
    counts, edges = np.histogram(np.clip(values, 0, None), 256)
    middles = (edges[:-1] + edges[1:]) / 2
    below, above = counts.cumsum(), counts[::-1].cumsum()[::-1]
    sums = counts * middles
    low = sums.cumsum() / np.maximum(below, 1)
    high = sums[::-1].cumsum()[::-1] / np.maximum(above, 1)
    between = below[:-1] * above[1:] * (low[:-1] - high[1:]) ** 2
    return float(edges[1 + int(between.argmax())])


def _parts(mask: Mask, strong: Mask) -> Mask:
    """The connected parts of a mask that hold a strong pixel, without specks and the picture's rim."""
    labels = _labelled(mask)
    sizes = np.bincount(labels.ravel())
    sizes[0] = 0
    held = np.zeros(len(sizes), bool)
    held[labels[strong & mask]] = True
    sizes = np.where(held, sizes, 0)
    rim = np.zeros(len(sizes), bool)
    rim[np.concatenate([labels[0], labels[-1], labels[:, 0], labels[:, -1]])] = True
    inside = np.where(rim, 0, sizes)
    if inside.max(initial=0) >= sizes.max(initial=0) * SPECK:
        sizes = inside
    kept: Mask = (sizes >= max(1, SPECK * sizes.max(initial=0)))[labels]
    return kept


def _labelled(mask: Mask) -> NDArray[np.int64]:
    """For each pixel the number of its connected part, 0 off the mask: runs of rows, joined by touch."""
    labels = np.zeros(mask.shape, np.int64)
    roots = [0]

    def root(label: int) -> int:
        while roots[label] != label:
            roots[label] = roots[roots[label]]
            label = roots[label]
        return label

    before: list[tuple[int, int, int]] = []
    for y, row in enumerate(mask):
        ends = np.flatnonzero(np.diff(np.concatenate([[False], row, [False]])))
        runs = []
        for start, stop in ends.reshape(-1, 2).tolist():
            touching = [root(label) for a, b, label in before if a <= stop and start <= b]
            label = min(touching, default=len(roots))
            if label == len(roots):
                roots.append(label)
            for other in touching:
                roots[other] = label
            labels[y, start:stop] = label
            runs.append((start, stop, label))
        before = runs
    return np.array([root(label) for label in range(len(roots))])[labels]

"""A picture made fit for a network that learned from MNIST-like images.

What is not the drawing goes where that is asked for: paper, uneven light, noise, specks, the picture's rim.
"""

from __future__ import annotations

from math import isqrt
from typing import Final, TypeAlias

import numpy as np
from numpy.typing import NDArray

from cnnspec.diagnostics import SpecError
from cnnspec.layers.base import Shape, show
from cnnspec.training.data.faults import unlike
from cnnspec.training.data.preprocess import Bytes, fit_images, resize

Floats: TypeAlias = NDArray[np.float32]
Mask: TypeAlias = NDArray[np.bool_]

BOX: Final = 20 / 28
"""MNIST's digits fill a box of 20 pixels in an image of 28."""
STROKE: Final = 2.0
"""Pixels that a stroke is wide at least, in an image of 28; MNIST's are 2 to 4."""
LOOKED_AT: Final = 1000
"""Images of a training set that tell what its borders are like."""
DARK: Final = 63
NEARLY_ALL: Final = 0.9
AT_MOST: Final = 512
"""Pixels of the longer side that are looked at."""
LIGHT_DEGREES: Final = (0, 0, 1, 1, 2, 2, 2)
"""Of the polynomial that models the light, raised step by step, so that the drawing does not bend it."""
LIGHT_SAMPLES: Final = 64
"""Pixels along a side from which the light is estimated."""
DEVIATION: Final = 1.4826
"""Standard deviation of normal noise over its median absolute deviation."""
NOISE_DEVIATIONS: Final = 6
"""Standard deviations of the noise by which a stroke stands out at least."""
INK: Final = 0.15
"""Share of the ink's height from which a pixel belongs to the drawing, if it hangs on to a stroke."""
SPECK: Final = 0.1
"""Share of the largest part below which a part is a speck."""


def prepare(
    image: Bytes, shape: Shape, *, invert: bool | None = None, center: bool = False, resizing: bool = False
) -> Bytes:
    """One image (height, width, channels) as (1, …) of the network's input ``shape``.

    ``invert`` turns dark on bright into bright on dark; ``center`` takes away the
    paper and its light, cuts out the drawing, brings it to MNIST's box and its centre
    of mass to the middle, and inverts where that is needed unless ``invert`` says;
    ``resizing`` allows another size. Raises SpecError when it does not fit.
    """
    if invert or (center and invert is None and is_dark_on_bright(image)):
        image = 255 - image
    if center:
        image = center_drawing(image, *_size_for(image, shape))
    fitted = fit_images(image[None], shape, resizing=resizing)
    if fitted.shape[1:] != shape:
        other_size = not resizing and fit_images(image[None], shape, resizing=True).shape[1:] == shape
        cures = ("allow another size: --resize", "or cut out and centre the drawing: --center")
        raise _unlike(image, shape, *cures if other_size else ())
    return fitted


def _size_for(image: Bytes, shape: Shape) -> tuple[int, int]:
    """Height and width of the map that a drawing is centred in: for a vector, the square that fills it."""
    channels = image.shape[2]
    if len(shape) == 3 and shape[2] == channels:
        return shape[0], shape[1]
    side = isqrt(shape[0] // channels)
    if len(shape) > 1 or side * side * channels != shape[0]:
        raise _unlike(image, shape)
    return side, side


def _unlike(image: Bytes, shape: Shape, *cures: str) -> SpecError:
    wanted = (
        f"the network's input is {show(shape)}" if len(shape) > 1 else f"the network takes {shape[0]} values"
    )
    return unlike(f"the image is {show(image.shape)}, {wanted}", *cures)


def has_bright_border(image: Bytes) -> bool:
    """Whether the picture ends in bright pixels, as paper does, and not in dark ones, as MNIST's."""
    return bool(_borders(image[None])[0] > 127)


def have_dark_borders(images: Bytes) -> bool:
    """Whether nearly all images end in dark pixels, as MNIST's do; vectors are taken as squares of grey."""
    images = images[:LOOKED_AT]
    if images.ndim == 2 and isqrt(images.shape[1]) ** 2 == images.shape[1]:
        images = images.reshape(len(images), isqrt(images.shape[1]), -1, 1)
    return (
        images.ndim == 4
        and images.dtype == np.uint8
        and bool((_borders(images) <= DARK).mean() >= NEARLY_ALL)
    )


def _borders(images: Bytes) -> NDArray[np.float64]:
    """How bright each image (n, height, width, channels) is along its border: the median."""
    grey = images.max(3)
    edges = np.concatenate([grey[:, 0], grey[:, -1], grey[:, :, 0], grey[:, :, -1]], 1)
    medians: NDArray[np.float64] = np.median(edges, 1)
    return medians


def is_dark_on_bright(image: Bytes) -> bool:
    """Whether what stands out of the paper is darker than it."""
    raised = remove_illumination(_downsample(image).mean(2))
    spread = 3 * np.median(np.abs(raised)) + 1
    darker, brighter = np.clip(-raised - spread, 0, None), np.clip(raised - spread, 0, None)
    return bool((darker**2).sum() > (brighter**2).sum())


def center_drawing(image: Bytes, height: int, width: int) -> Bytes:
    """A bright drawing in MNIST's manner: no paper, its box and scale, its centre of mass in the middle."""
    values = _downsample(image)
    raised = np.stack([remove_illumination(channel) for channel in np.moveaxis(values, 2, 0)], 2)
    ink, found = separate_ink(raised.max(2))
    canvas = np.zeros((height, width, image.shape[2]), np.uint8)
    if not found.any():
        return canvas
    share = raised.clip(0) / raised.max(2, keepdims=True).clip(1e-6)
    rows, columns = np.flatnonzero(found.any(1)), np.flatnonzero(found.any(0))
    cut = (ink[..., None] * share)[rows[0] : rows[-1] + 1, columns[0] : columns[-1] + 1]
    cut = _thicken(cut, STROKE * max(cut.shape[0] / height, cut.shape[1] / width) / BOX)
    scale = min(height * BOX / cut.shape[0], width * BOX / cut.shape[1])
    size = [max(1, round(side * scale)) for side in cut.shape[:2]]
    (small,) = resize(np.rint(255 * cut).astype(np.uint8)[None], *size)
    if not small.any():  # what noise was taken for ink has no height of its own
        return canvas
    small = np.rint(small * (255 / small.max())).astype(np.uint8)
    top, left = _top_left(small.max(2), height, width)
    canvas[top : top + small.shape[0], left : left + small.shape[1]] = small
    return canvas


def _thicken(cut: Floats, wanted: float) -> Floats:
    """Strokes made as wide as wanted, where they are narrower: a thin pen is lost when it is shrunk."""
    body = np.pad(cut.max(2) > 0.5, 1)
    inner = body.copy()
    for axis in (0, 1):
        inner &= np.roll(body, 1, axis) & np.roll(body, -1, axis)
    wide = 2 * body.sum() / max(1, body.sum() - inner.sum())
    steps = max(0, round((wanted - wide) / 2))
    cut = np.pad(cut, ((steps, steps), (steps, steps), (0, 0)))
    reached = 0
    while reached < steps:  # thrice as far each time
        step = min(2 * reached + 1, steps - reached)
        for axis in (0, 1):
            cut = np.maximum(cut, np.maximum(np.roll(cut, step, axis), np.roll(cut, -step, axis)))
        reached += step
    return cut


def _downsample(image: Bytes) -> Floats:
    """The image as floats, averaged over squares where it is larger than need be."""
    factor = -(-max(image.shape[:2]) // AT_MOST)
    down, across = (min(factor, size) for size in image.shape[:2])
    rows, columns = image.shape[0] // down, image.shape[1] // across
    blocks = image[: rows * down, : columns * across].reshape(rows, down, columns, across, -1)
    means: Floats = blocks.mean((1, 3), dtype=np.float32)
    return means


def _top_left(grey: NDArray[np.uint8], height: int, width: int) -> tuple[int, int]:
    """Where the drawing's top left goes so that its centre of mass is in the middle, all of it inside."""
    weight = grey.astype(np.float64)
    total = weight.sum()
    places = []
    for axis, size in ((0, height), (1, width)):
        middle = (weight.sum(1 - axis) @ np.arange(grey.shape[axis])) / total
        places.append(int(np.clip(round((size - 1) / 2 - middle), 0, size - grey.shape[axis])))
    return places[0], places[1]


# The drawing on its paper -----------------------------------------------------------


def remove_illumination(grey: Floats) -> Floats:
    """How much each pixel stands out of the paper, whose light is a smooth surface."""
    rows = np.linspace(-1, 1, grey.shape[0], dtype=np.float64)
    columns = np.linspace(-1, 1, grey.shape[1], dtype=np.float64)
    pick = [np.unique(np.linspace(0, size - 1, min(size, LIGHT_SAMPLES)).astype(int)) for size in grey.shape]
    some = _smooth(grey)[np.ix_(*pick)].ravel()
    at, across = (part.ravel() for part in np.meshgrid(rows[pick[0]], columns[pick[1]], indexing="ij"))
    off = some - np.median(some)
    surface = np.zeros(6)
    for degree in LIGHT_DEGREES:
        paper = np.abs(off) <= max(2.5 * np.median(np.abs(off)), 1.0)
        terms = _powers(at, across, degree)
        surface, *_ = np.linalg.lstsq(terms[paper], some[paper], rcond=None)
        off = some - terms @ surface
    whole = _powers(*np.meshgrid(rows, columns, indexing="ij"), LIGHT_DEGREES[-1])
    return (grey - whole @ surface).astype(np.float32)


def _powers(rows: NDArray[np.float64], columns: NDArray[np.float64], degree: int) -> NDArray[np.float64]:
    powers = [(n, k) for n in range(degree + 1) for k in range(degree + 1 - n)]
    return np.stack([rows**n * columns**k for n, k in powers], -1)


def _smooth(grey: Floats) -> Floats:
    """Means over 3x3 pixels, the edges repeated."""
    rows = np.pad(grey, 1, mode="edge")
    sums = rows[:-2] + rows[1:-1] + rows[2:]
    means: Floats = (sums[:, :-2] + sums[:, 1:-1] + sums[:, 2:]) / 9
    return means


def separate_ink(raised: Floats) -> tuple[Floats, Mask]:
    """The ink, 0 to 1, and where it is, from heights above the paper; nothing where there is only noise."""
    noise = DEVIATION * float(np.median(np.abs(raised)))
    if noise > 1:
        raised, noise = _smooth(raised), noise / 3
    strong = raised > max(_otsu_threshold(raised), NOISE_DEVIATIONS * noise, 1.0)
    if not strong.any():
        return np.zeros_like(raised), strong
    height = float(np.percentile(raised[strong], 75))
    found = _strong_components(raised > max(INK * height, 3 * noise), strong)
    near = _smooth(found.astype(np.float32)) > 0
    ink = np.clip((raised - 3 * noise) / max(height - 3 * noise, 1e-3), 0, 1) * near
    return ink.astype(np.float32), found


def _otsu_threshold(values: Floats) -> float:
    """The threshold between paper and ink: of the most variance between the two (Otsu 1979)."""
    counts, edges = np.histogram(np.clip(values, 0, None), 256)
    middles = (edges[:-1] + edges[1:]) / 2
    below, above = counts.cumsum(), counts[::-1].cumsum()[::-1]
    sums = counts * middles
    low = sums.cumsum() / np.maximum(below, 1)
    high = sums[::-1].cumsum()[::-1] / np.maximum(above, 1)
    between = below[:-1] * above[1:] * (low[:-1] - high[1:]) ** 2
    return float(edges[1 + int(between.argmax())])


def _strong_components(mask: Mask, strong: Mask) -> Mask:
    """The connected parts of a mask that hold a strong pixel, without specks and the picture's rim."""
    labels = _label_components(mask)
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


def _label_components(mask: Mask) -> NDArray[np.int64]:
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

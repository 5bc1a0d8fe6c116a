"""What is given as images, by the one scale of pixels: bytes 0 to 255, or floats 0 to 1.

Whole numbers from 0 to 255 are bytes, whatever their type; truths are black and white. Floats on
another scale are brought to bytes where that is known to be right, as the files of a data set may
be. A network that never learned from pixels takes floats as they are.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from typing import Any, Final, NamedTuple

import numpy as np
from numpy.typing import ArrayLike, NDArray

from cnnspec.backends.contract import Array, Images, Scaling
from cnnspec.layers.base import SampleShape, Shape
from cnnspec.network.graph import Network

AT_ONCE: Final = 1 << 22
"""Values converted together."""


def _in_parts(values: Array) -> Iterator[slice]:
    step = max(1, AT_ONCE // max(1, values[:1].size))
    return (slice(start, start + step) for start in range(0, len(values), step))


class PixelScale(NamedTuple):
    """Bytes written as floats from ``low`` to ``high``: byte = (value - low)·factor."""

    low: float
    high: float
    factor: float
    rounding: str
    """The line of NumPy that makes bytes of an array ``{0}`` on this scale."""

    def holds(self, values: Array) -> bool:
        """Whether each value is a byte on the scale, to within the rounding of its own type."""
        bound = max(1e-3, 256 * float(np.finfo(values.dtype).eps)) if values.dtype.kind == "f" else 1e-3
        parts = (self._scaled(values[part]) for part in _in_parts(values))
        return all(bool((np.abs(part - np.rint(part)) <= bound).all()) for part in parts)

    def to_bytes(self, values: Array) -> NDArray[np.uint8]:
        """The values as bytes, each rounded to the nearest."""
        result = np.empty(values.shape, np.uint8)
        for part in _in_parts(values):
            result[part] = np.rint(self._scaled(values[part]))
        return result

    def _scaled(self, values: Array) -> NDArray[np.float32]:
        return (values.astype(np.float32) - np.float32(self.low)) * np.float32(self.factor)


SCALES: Final = (
    PixelScale(0, 1, 255, "{0} = np.rint({0} * 255).astype('uint8')"),
    PixelScale(-1, 1, 127.5, "{0} = np.rint(({0} + 1) * 127.5).astype('uint8')"),
    PixelScale(0, 255, 1, "{0} = np.rint({0}).astype('uint8')"),
)


def scale_of(low: float, high: float) -> PixelScale | None:
    """The first scale that values from ``low`` to ``high`` may be on."""
    return next((each for each in SCALES if each.low <= low and high <= each.high), None)


def odd_value(values: Array, name: str) -> str:
    """The first value that is NaN or infinite, with its place; nothing where all are numbers."""
    if values.dtype.kind != "f" or np.isfinite(values).all():
        return ""
    place = np.argwhere(~np.isfinite(values))[0]
    return f"{name}[{', '.join(map(str, place))}] is {values[tuple(place)]}"


def pixels(images: ArrayLike) -> Array:
    """Images as bytes or floats; raises ValueError, with the cure, where they are neither."""
    given = np.asarray(images)
    if given.dtype == np.uint8 or given.dtype.kind == "f":
        return given
    if given.dtype.kind == "b":
        return given.astype(np.uint8) * np.uint8(255)
    if given.dtype.kind not in "iu":
        raise ValueError(f"images are bytes 0 to 255, or floats; these hold {given.dtype}")
    if given.size and (given.min() < 0 or given.max() > 255):
        raise ValueError(
            f"images are bytes 0 to 255, or floats 0 to 1; these are {given.dtype} from {given.min()} to "
            f"{given.max()}"
        )
    return given.astype(np.uint8)


def as_trained(images: Array, scaling: Scaling) -> Array:
    """Floats as a network takes them that learned from pixels: bytes, or scaled as bytes are.

    Raises ValueError, with the cure, where they are on another scale than 0 to 1.
    """
    if images.dtype.kind != "f" or not images.size:
        return images
    if odd := odd_value(images, "images"):
        raise ValueError(f"{odd}; pixels are bytes 0 to 255, or floats 0 to 1")
    low, high = float(images.min()), float(images.max())
    scale = scale_of(low, high)
    if scale and scale.low == 0 and scale.holds(images):
        return scale.to_bytes(images)
    if low >= 0 and high <= 1:
        return np.asarray(255.0 * images * scaling.factor + scaling.shift)
    cure: Any = f"; {scale.rounding.format('images')} makes bytes of them" if scale else ""
    raise ValueError(
        f"this network learned from pixels, bytes 0 to 255 or floats 0 to 1; these go from {low:.4g} to "
        f"{high:.4g}{cure}"
    )


def samples(images: ArrayLike, shape: Shape, name: str) -> Array:
    """Images N x H x W x C as ``pixels`` gives them; a missing channel axis of one is added.

    ``name`` is the network's, for the message of the ValueError that other shapes raise.
    """
    found = pixels(images)
    for candidate in (found.shape[1:], (*found.shape[1:], 1)):
        if found.ndim and candidate == shape:
            return found.reshape(-1, *shape)
    wanted = " x ".join(map(str, shape))
    single = found.shape in (shape, shape[:-1] if shape[-1] == 1 else shape)
    hint = "; give one image as image[None]" if single else ""
    raise ValueError(f"{name or 'this network'} takes N x {wanted}, not {found.shape}{hint}")


def inputs(images: ArrayLike | Mapping[str, ArrayLike], network: Network) -> Images:
    """What is given for a network, as ``samples`` has it; raises ValueError where it does not fit."""
    images = parted(images) if is_joined(images) else images
    if len(network.inputs) == 1 and not isinstance(images, Mapping):
        return samples(images, network.input, network.name)
    wanted = ", ".join(f'"{node.name}": N x {" x ".join(map(str, node.output))}' for node in network.inputs)
    if not isinstance(images, Mapping):
        raise ValueError(f"{network.name or 'this network'} takes several inputs by name: {{{wanted}}}")
    names = [node.name for node in network.inputs]
    if odd := [name for name in images if name not in names]:
        raise ValueError(f"there is no input {odd[0]}; there is {' and '.join(names)}")
    if missing := [name for name in names if name not in images]:
        raise ValueError(f"the input {missing[0]} is missing: {{{wanted}}}")
    found = {
        node.name: samples(images[node.name], node.output, f"the input {node.name}")
        for node in network.inputs
    }
    counts = {name: len(values) for name, values in found.items()}
    if len(set(counts.values())) > 1:
        told = ", ".join(f"{count} of {name}" for name, count in counts.items())
        raise ValueError(f"each sample has all inputs, so there must be as many of each; there are {told}")
    return found


# Several inputs ----------------------------------------------------------------------


def is_joined(images: object) -> bool:
    """Whether images are records, a field an input."""
    return isinstance(images, np.ndarray | np.void) and images.dtype.names is not None


def joined(arrays: Mapping[str, Array]) -> Array:
    """Several inputs, as many of each, as one array of records: a sample is an item, an input a field."""
    kinds = [(name, values.dtype, values.shape[1:]) for name, values in arrays.items()]
    found = np.empty(len(next(iter(arrays.values()))), kinds)
    for name, values in arrays.items():
        found[name] = values
    return found


def parted(images: Any) -> dict[str, Array]:
    """Each input of records by its name; views of them."""
    return {name: images[name] for name in images.dtype.names}


def by_name(images: Any, network: Network) -> Mapping[str, Any]:
    """The inputs by name, however they are held; one that has none is the network's first."""
    found = parted(images) if is_joined(images) else images
    return found if isinstance(found, Mapping) else {network.nodes[0].name: found}


def each(images: Array, change: Callable[[str, Array], Array]) -> Array:
    """Images changed: those of each input, by its name, where there are several (else it is empty)."""
    if not is_joined(images):
        return change("", images)
    return joined({name: change(name, values) for name, values in parted(images).items()})


def sample_shape(images: Array) -> SampleShape:
    """The shape of a sample; of records by input."""
    if not is_joined(images):
        return tuple(images.shape[1:])
    return {name: values.shape[1:] for name, values in parted(images).items()}


def count(images: Images) -> int:
    """How many samples there are."""
    return len(next(iter(images.values())) if isinstance(images, Mapping) else images)


def part(images: Images, start: int, size: int) -> Images:
    """``size`` samples from a place on; where fewer are left, they are repeated."""
    if isinstance(images, Mapping):
        return {name: _part(values, start, size) for name, values in images.items()}
    return _part(images, start, size)


def _part(images: Array, start: int, size: int) -> Array:
    chunk = images[start : start + size]
    return np.resize(chunk, (size, *chunk.shape[1:])) if len(chunk) < size else chunk

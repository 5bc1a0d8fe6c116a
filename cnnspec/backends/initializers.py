"""How weights begin, by the names of the recipe, of Keras and of PyTorch.

Each draws float64 values from the model's generator, so the same seed gives
the same network on every machine.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping
from math import prod, sqrt
from typing import Final, TypeAlias

import numpy as np
from numpy.random import Generator

from cnnspec.backends.contract import Array
from cnnspec.diagnostics import LayerError, nearest
from cnnspec.layers.base import INITIAL_SYNONYMS, Weight
from cnnspec.network.graph import Network

Initializer: TypeAlias = Callable[[Generator, Weight], Iterator[Array]]
"""The values of a weight, part after part in the order of its memory, so that few of them are held twice."""
PART: Final = 1 << 18
"""Values of a part: 2 MB of them."""

TRUNCATED_DEVIATION: Final = 0.87962566103423978
"""Standard deviation of a normal distribution cut at two deviations; dividing by it restores 1."""


def normal(variance: Callable[[Weight], float]) -> Initializer:
    def draw(random: Generator, weight: Weight) -> Iterator[Array]:
        deviation = sqrt(variance(weight))
        return (random.standard_normal(count) * deviation for count in _parts(weight))

    return draw


def _parts(weight: Weight) -> Iterator[int]:
    """How many values each part has."""
    size = prod(weight.shape)
    return (min(PART, size - start) for start in range(0, size, PART))


def uniform(variance: Callable[[Weight], float]) -> Initializer:
    def draw(random: Generator, weight: Weight) -> Iterator[Array]:
        limit = sqrt(3 * variance(weight))
        return (random.uniform(-limit, limit, count) for count in _parts(weight))

    return draw


def truncated(variance: Callable[[Weight], float]) -> Initializer:
    """A normal distribution without its tails, two deviations out, at the same variance."""

    def draw(random: Generator, weight: Weight) -> Iterator[Array]:
        values = random.standard_normal(weight.shape)
        while (outside := np.abs(values) > 2).any():
            values[outside] = random.standard_normal(int(outside.sum()))
        yield values * (sqrt(variance(weight)) / TRUNCATED_DEVIATION)

    return draw


def he(weight: Weight) -> float:
    """2/fan_in: keeps the variance through ReLU (He et al. 2015)."""
    return 2 / max(1, weight.fan_in)


def glorot(weight: Weight) -> float:
    """2/(fan_in + fan_out): between forward and backward (Glorot, Bengio 2010)."""
    return 2 / max(1, weight.fan_in + weight.fan_out)


def lecun(weight: Weight) -> float:
    """1/fan_in (LeCun et al. 1998)."""
    return 1 / max(1, weight.fan_in)


def pytorch(weight: Weight) -> float:
    """1/(3·fan_in): PyTorch's default for conv and linear, weights and biases alike."""
    return 1 / (3 * max(1, weight.fan_in))


def constant(value: float) -> Initializer:
    return lambda random, weight: (np.full(count, value) for count in _parts(weight))


def orthogonal(random: Generator, weight: Weight) -> Iterator[Array]:
    """Rows (or columns, where there are fewer) at right angles (Saxe et al. 2014)."""
    rows, columns = weight.shape[0], prod(weight.shape[1:])
    values = random.standard_normal((max(rows, columns), min(rows, columns)))
    q, r = np.linalg.qr(values)
    q *= np.sign(np.diag(r))
    yield q if rows >= columns else q.T


INITIALIZERS: Final[dict[str, Initializer]] = {
    **{
        rule.__name__ + how: draw(rule)
        for rule in (he, glorot, lecun)
        for how, draw in (("", normal), ("_uniform", uniform), ("_truncated", truncated))
    },
    "orthogonal": orthogonal,
    "normal": normal(lambda weight: 0.05**2),
    "uniform": uniform(lambda weight: 0.05**2 / 3),
    "truncated_normal": truncated(lambda weight: 0.05**2),
    "pytorch": uniform(pytorch),
    "zeros": constant(0),
    "ones": constant(1),
}
"""Plain names draw from the normal distribution; ``normal`` and ``uniform`` are Keras's, 0.05 wide."""


def initializer(name: str) -> Initializer:
    """The initialiser of a name in any of its spellings (``HeNormal``, ``kaiming_normal_``, ``he``)."""
    spaced = "".join(f"_{letter.lower()}" if letter.isupper() else letter for letter in name)
    plain = spaced.strip("_").replace("-", "_")
    plain = INITIAL_SYNONYMS.get(plain, plain)
    if plain not in INITIALIZERS:
        meant = nearest(plain, [*INITIALIZERS, *INITIAL_SYNONYMS])
        cure = f"did you mean {meant}?" if meant else f"it can be {', '.join(INITIALIZERS)}"
        message = f"there is no initialiser {name}"
        raise LayerError("unknown-initializer", message, help=(cure,), option="init")
    return INITIALIZERS[plain]


def begin_all(arrays: Mapping[str, Array], network: Network, random: Generator, initial: str) -> None:
    """Fills the weights of a network, by name: each as its layer says, else as ``initial`` does."""
    for node in network.layers:
        chosen = getattr(node.layer, "init", None) or initial
        for name, weight in node.own_weights.items():
            begin(arrays[name], weight, random, chosen)


def begin(out: Array, weight: Weight, random: Generator, name: str) -> None:
    """Fills ``out`` with a weight's first values: the spec's, its constant, or drawn as ``name`` says.

    A bias begins at zero, unless the initialiser is PyTorch's, which draws it.
    """
    if weight.given:
        out[...] = np.reshape(weight.given.numbers, weight.given.shape)
    elif weight.initial == "fan" or (name == "pytorch" and weight.name == "bias" and weight.fan_in):
        fill(out, initializer(name)(random, weight))
    elif weight.initial == "normal":
        fill(out, (random.standard_normal(count) * weight.value for count in _parts(weight)))
    else:
        out[...] = {"zeros": 0.0, "ones": 1.0}.get(weight.initial, weight.value)


def fill(out: Array, parts: Iterable[Array]) -> None:
    """Copies parts into an array, which lies in one piece, one after the other."""
    flat, start = out.reshape(-1), 0
    for part in parts:
        flat[start : start + part.size] = part.ravel()
        start += part.size

"""All layer cases: for every word of the catalogue, plain and nasty uses.

Laws run over ``CASES``: shapes, counts, kernels of every backend, exports. A new layer
joins all of them by rows in ``sliding`` or ``others``.
"""

from __future__ import annotations

from dataclasses import dataclass

from cases.others import OTHERS
from cases.sliding import SLIDING

from cnnspec.layers.base import Layer, Shape, Shapes
from cnnspec.layers.other_pools import MinPool, Unpool
from cnnspec.layers.pool import MaxPool, Pool
from cnnspec.layers.registry import LAYERS


@dataclass(frozen=True)
class Case:
    """A layer on small inputs that it accepts.

    ``pool`` is set for unpool alone: the pool whose places it uses, and the shape that pool reads.
    """

    name: str
    layer: Layer
    inputs: Shapes
    pool: tuple[Pool, Shape] | None = None

    def __repr__(self) -> str:
        return self.name


_UNPOOLS: list[tuple[str, Pool, Shape]] = [
    ("of 2x2", MaxPool(kernel=2), (4, 6, 2)),
    ("with a lost row", MaxPool(kernel=2), (5, 6, 2)),
    ("padded", MaxPool(kernel=2, padding=1), (4, 4, 1)),
    ("ceil", MaxPool(kernel=2, rounding="ceil"), (5, 3, 2)),
    ("overlapping", MaxPool(kernel=3, stride=2), (5, 7, 2)),
    ("of minpool", MinPool(kernel=2), (4, 4, 2)),
    ("one axis", MaxPool(kernel=3), (7, 2)),
    ("three axes", MaxPool(kernel=2), (2, 4, 3, 2)),
]


def _unpool(name: str, pool: Pool, shape: Shape) -> Case:
    layer = Unpool(pool="pool1").bind((pool, (shape,)))
    pooled = pool.shape((shape,))
    return Case(f"unpool {name}", layer, (pooled, pooled), (pool, shape))


CASES: tuple[Case, ...] = (
    *(
        Case(f"{word} {name}", LAYERS[word].model_validate(options), inputs)
        for word, rows in (SLIDING | OTHERS).items()
        for name, options, inputs in rows
    ),
    *(_unpool(*row) for row in _UNPOOLS),
)

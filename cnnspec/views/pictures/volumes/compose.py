"""Which composition suits a network: a row, a U, or stacks of sheets in a row."""

from __future__ import annotations

from typing import Final

from cnnspec.network.graph import Network
from cnnspec.views.pictures.planning import Choices
from cnnspec.views.pictures.volumes.ladder import is_ladder, place_ladder
from cnnspec.views.pictures.volumes.row import Row
from cnnspec.views.pictures.volumes.scale import scale_for
from cnnspec.views.pictures.volumes.scene import Scene
from cnnspec.views.pictures.volumes.solids import Solid, solids_of
from cnnspec.views.pictures.volumes.stacks import are_stacks, place_stacks
from cnnspec.views.pictures.volumes.tree import lanes_in, runs

TALLEST: Final = 168.0
LOWEST: Final = 16.0
THICK: Final = (4.0, 60.0)
THINNEST, ROOM = 18.0, 1250.0
"""The thickest map of a crowded picture, and the pixels that the maps share."""
SLANT: Final = (0.30, 0.24)


def compose(network: Network, choices: Choices) -> tuple[Scene, str]:
    """The placed solids of a network, and the note about their scale."""
    solids = solids_of(network, choices)
    by_key: dict[int, Solid] = {solid.key: solid for solid in solids}
    if are_stacks(solids):
        return place_stacks(solids)
    if is_ladder(solids):
        return place_ladder(solids)
    tree = runs({solid.key: solid.before for solid in solids})
    maps = sum(solid.is_map for solid in solids)
    thick = (THICK[0], max(THINNEST, min(THICK[1], ROOM / max(1, maps))))
    tallest = TALLEST / (0.6 + 0.4 * lanes_in(tree))
    scale = scale_for(solids, most=tallest, least=LOWEST, thick=thick, slant=SLANT)
    return Row(by_key, scale).place(tree), scale.note

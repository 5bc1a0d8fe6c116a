"""How a picture looks."""

from __future__ import annotations

from dataclasses import dataclass

from cnnspec.network.graph import Network
from cnnspec.views.pictures.choices import EVERYTHING, Choices
from cnnspec.views.pictures.sizes import Room
from cnnspec.views.pictures.volumes.scene import Maps


@dataclass(frozen=True, slots=True)
class Look:
    """How a picture looks. ``direction`` (TB, LR) and ``columns`` are the graph's."""

    style: str = "graph"
    theme: str = "light"
    direction: str = "TB"
    columns: int | None = None
    scale: float = 2.0
    """Resolution of a PNG, in dots per pixel."""
    choices: Choices = EVERYTHING
    titled: bool = True
    """Whether the name and what the network costs are told."""
    legend: bool = True
    """Whether it is told what colours mean."""
    size: Room | None = None
    """The room it shall be read in: what it shows, and how it stands, are chosen for that."""
    is_scaled: bool = False
    """Whether it is made as large as ``size`` allows, rather than as it comes."""
    maps: Maps | None = None
    """Feature maps to show on volumes, of what ``shown`` names."""
    shown: str = ""
    since: Network | None = None
    """An older network: the picture shows what changed since."""

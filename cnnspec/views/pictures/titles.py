"""What blocks and repeats are called in a picture, and which colour stands for them."""

from __future__ import annotations

from collections.abc import Sequence

from cnnspec.analysis.fold import Block
from cnnspec.layers.base import Family
from cnnspec.network.graph import Node


def instance_title(block: Block, times: int = 1) -> str:
    """``stage2``; ``a3 · inception`` where it, or its side head, has a name; the bare title for many."""
    node = block.nodes[0]
    if times > 1 or block.group not in node.groups:
        return block.title
    depth = node.groups.index(block.group)
    inner = sum(group.repeat is None for group in node.groups[depth + 1 :])
    name = node.path[-2 - inner] if len(node.path) > 1 + inner else block.title
    outer = sum(group.repeat is None for group in node.groups[:depth])
    if not outer and len(node.path) > 2 + inner:
        name = node.path[-3 - inner]
    return name if name.startswith(block.title) else f"{name} · {block.title}"


def block_path(block: Block) -> str:
    """The full name of a block: ``stage1.bottleneck2``."""
    node = block.nodes[0]
    if block.group not in node.groups:
        return block.title
    inner = sum(group.repeat is None for group in node.groups[node.groups.index(block.group) + 1 :])
    return ".".join(node.path[: len(node.path) - 1 - inner])


def heaviest(nodes: Sequence[Node]) -> Family:
    """The family that costs most parameters: the colour of a collapsed block."""
    weights: dict[Family, int] = {}
    for node in nodes:
        family = node.layer.family
        weights[family] = weights.get(family, 0) + node.own_params
    return max(weights, key=lambda family: weights[family])

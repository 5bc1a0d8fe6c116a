"""Blocks that were expanded before, copied: the same block, values and shape give the same layers.

A deep network uses a few blocks many times. The second expansion is recorded;
from the third on it is copied with new names, places and groups. What reaches
outside the block, or has a fault, is expanded the long way each time.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from cnnspec.elaborate.elaborator import Elaborator
from cnnspec.elaborate.scope import Context, Definition, Frame
from cnnspec.network.graph import Group, Node

ENTRY = -1
"""Stands for the node that flows in."""


@dataclass(frozen=True, slots=True)
class Part:
    """One node of a block: places count from the block's first node, names from its prefix."""

    name: str
    path: tuple[str, ...]
    node: Node
    inputs: tuple[int, ...]
    groups: int


@dataclass(frozen=True, slots=True)
class Template:
    """A recorded expansion."""

    parts: tuple[Part, ...]
    groups: tuple[tuple[Group, ...], ...]
    """The different enclosings of the parts, without those around the block."""
    labels: tuple[tuple[str, int], ...]
    end: int
    steps: int
    first_group: int
    group_count: int
    blocks: frozenset[Definition]


@dataclass(slots=True)
class Mark:
    """The state before an expansion."""

    key: Any
    nodes: int
    entry: int
    steps: int
    groups: int
    faults: int
    heads: int
    claims: int
    solved: int
    labels: int
    blocks: int


class Recorder:
    """The templates of one elaboration."""

    def __init__(self) -> None:
        self.templates: dict[Any, Template | None] = {}
        self.expanded: list[Definition] = []

    def begin(
        self, elaborator: Elaborator, context: Context, definition: Definition, values: dict[str, Any]
    ) -> Mark | None:
        """A mark to record from; None where nothing should be recorded."""
        self.expanded.append(definition)
        if elaborator.current is None or elaborator.guessed or elaborator.current in elaborator.doubtful:
            return None
        given = tuple(values.values())
        shape = elaborator.nodes[elaborator.current].output
        key = (definition, given, tuple(map(type, given)), shape, context.depth, elaborator.lets)
        return Mark(
            key,
            len(elaborator.nodes),
            elaborator.current,
            elaborator.steps,
            elaborator.groups,
            len(elaborator.faults.items),
            len(elaborator.heads),
            len(elaborator.claims),
            len(elaborator.solved),
            len(elaborator.labels),
            len(self.expanded) - 1,
        )

    def copy(self, elaborator: Elaborator, mark: Mark, frame: Frame, context: Context) -> bool:
        """Copies a recorded expansion, if there is one that fits here."""
        template = self.templates.get(mark.key)
        if (
            template is None
            or not template.blocks.isdisjoint(context.frame.blocks)
            or elaborator.has_dotted_labels
        ):
            return False
        self.expanded.extend(template.blocks)
        elaborator.step(frame.calls[-1].word_span, template.steps)
        _Copy(elaborator, template, mark, frame, context).run()
        return True

    def end(self, elaborator: Elaborator, mark: Mark, frame: Frame, context: Context) -> None:
        """Records an expansion that happened for the second time."""
        if mark.key not in self.templates:
            self.templates[mark.key] = None
        elif self.templates[mark.key] is None and _is_closed(elaborator, mark):
            blocks = frozenset(self.expanded[mark.blocks :])
            self.templates[mark.key] = _record(elaborator, mark, frame, context, blocks)


def _is_closed(elaborator: Elaborator, mark: Mark) -> bool:
    """Whether only nodes and labels were added, and of what lies outside only the entry was read."""
    unchanged = (
        elaborator.current is not None
        and len(elaborator.faults.items) == mark.faults
        and len(elaborator.heads) == mark.heads
        and len(elaborator.claims) == mark.claims
        and len(elaborator.solved) == mark.solved
        and not elaborator.unsolved
    )
    return unchanged and all(
        source >= mark.nodes or source == mark.entry
        for node in elaborator.nodes[mark.nodes :]
        for source in node.inputs
    )


def _record(
    elaborator: Elaborator, mark: Mark, frame: Frame, context: Context, blocks: frozenset[Definition]
) -> Template | None:
    around, prefix, depth = len(context.groups), len(frame.prefix), len(frame.path)
    start = mark.nodes
    enclosings: dict[tuple[Group, ...], int] = {}
    parts = tuple(
        Part(
            node.name[prefix:],
            node.path[depth:],
            node,
            tuple(_local(source, mark) for source in node.inputs),
            enclosings.setdefault(node.groups[around:], len(enclosings)),
        )
        for node in elaborator.nodes[start:]
    )
    labels = list(elaborator.labels.items())[mark.labels :]
    if any(place is None or (place < start and place != mark.entry) for _, place in labels):
        return None
    assert elaborator.current is not None
    if elaborator.current < start and elaborator.current != mark.entry:
        return None
    return Template(
        parts,
        tuple(enclosings),
        tuple((name[prefix:], _local(place or 0, mark)) for name, place in labels),
        _local(elaborator.current, mark),
        elaborator.steps - mark.steps,
        mark.groups,
        elaborator.groups - mark.groups,
        blocks,
    )


def _local(place: int, mark: Mark) -> int:
    return ENTRY if place == mark.entry and place < mark.nodes else place - mark.nodes


class _Copy:
    """One copy of a template in the making."""

    def __init__(
        self, elaborator: Elaborator, template: Template, mark: Mark, frame: Frame, context: Context
    ) -> None:
        self.elaborator, self.template, self.frame, self.mark = elaborator, template, frame, mark
        shift = elaborator.groups - template.first_group
        self.enclosings = [
            context.groups + tuple(_shifted(group, shift) for group in groups) for groups in template.groups
        ]

    def run(self) -> None:
        elaborator, frame, start, entry = self.elaborator, self.frame, self.mark.nodes, self.mark.entry
        nodes, taken, prefix, path = elaborator.nodes, elaborator.names.taken, frame.prefix, frame.path
        index = start
        for part in self.template.parts:
            node = part.node
            name = prefix + part.name
            inputs = tuple([entry if place < 0 else start + place for place in part.inputs])
            nodes.append(
                Node(
                    index,
                    name,
                    node.layer,
                    inputs,
                    node.input_shapes,
                    node.output,
                    node.span,
                    path + part.path,
                    self.enclosings[part.groups],
                )
            )
            taken.add(name)
            index += 1
        for label, place in self.template.labels:
            elaborator.labels[prefix + label] = entry if place < 0 else start + place
        elaborator.groups += self.template.group_count
        end = self.template.end
        elaborator.current = entry if end < 0 else start + end


def _shifted(group: Group, shift: int) -> Group:
    repeat = None if group.repeat is None else group.repeat + shift
    return Group(group.title, group.instance + shift, group.turn, group.turns, repeat)

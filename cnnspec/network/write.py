"""A network as a flat spec: text that reads and elaborates to the same graph.

Blocks and repeats are written out; a name inside one keeps its dots
(``stage1.conv2: conv …``), so weights keep their names too.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from itertools import chain, count
from typing import Final

from cnnspec.binding.values import format_value
from cnnspec.layers.base import show
from cnnspec.layers.writing import NAME, OPERATORS, number_text, sentence, value_text
from cnnspec.network.expectation import Expectation
from cnnspec.network.graph import Network, Node
from cnnspec.recipe.base import SettingModel
from cnnspec.recipe.models import Recipe


def write(network: Network) -> str:
    """The spec of a network, one layer a line; raises ValueError where a name cannot be written."""
    return "".join(f"{line}\n" for line in _lines(network))


def _lines(network: Network) -> Iterator[str]:
    if network.name:
        yield f"network {_checked(network.name)}"
        yield ""
    for node in network.inputs:
        named = "" if [node.name for node in network.inputs] == ["input"] else f"{_checked(node.name)} "
        yield f"input {named}{show(node.output)}"
    yield from _chain(network)
    yield from _ends(network)
    for expectation in network.expectations:
        yield from _expectation(expectation)
    if network.recipe is not None:
        yield ""
        yield from recipe_lines(network.recipe)


def _chain(network: Network) -> Iterator[str]:
    labelled, current = labels_needed(network), 0 if len(network.inputs) == 1 else -1
    for node in network.layers:
        if node.inputs[0] != current:
            yield f"from {_checked(network.nodes[node.inputs[0]].name)}"
        label = f"{_checked(node.name)}: " if node.name in labelled else ""
        yield label + _sentence(node, network)
        current = node.index


def _ends(network: Network) -> Iterator[str]:
    """The side heads, and where the main chain ends when that is not the last layer."""
    main, *heads = network.outputs
    if main.node != len(network.nodes) - 1:
        yield f"from {network.nodes[main.node].name}"
    for head in heads:
        weight = "" if head.weight == 1 else f" weight={number_text(head.weight)}"
        yield f"head {_checked(head.name)}{weight} {{ from {network.nodes[head.node].name} }}"


def _sentence(node: Node, network: Network) -> str:
    others = [network.nodes[n].name for n in node.inputs[1:]]
    references = dict(zip(node.layer.references, others, strict=False))
    merged = others[len(references) :]
    _checked(node.share or node.tied or node.word)
    parts = [sentence(node.layer, references), *map(_checked, merged), node.sharing]
    return " ".join(filter(None, parts))


def _expectation(expectation: Expectation) -> Iterator[str]:
    for name, value in expectation.constants:
        yield f"let {name} = {format_value(value)}"
    yield f"expect {expectation.text}"


def _checked(name: str) -> str:
    if not NAME.fullmatch(name) or name in OPERATORS:
        raise ValueError(f'"{name}" cannot be a name in a spec')
    return name


def recipe_lines(recipe: Recipe) -> Iterator[str]:
    """The lines of ``train { }``: what differs from the defaults."""
    yield "train {"
    for word, field in Recipe.model_fields.items():
        value = getattr(recipe, word)
        if value is not None and value != field.default:
            text = sentence(value) if isinstance(value, SettingModel) else f"{word} {value_text(value)}"
            yield f"  {text}"
    yield "}"


FEW: Final = 100
"""Numbers that are tried one after the other to tell equal names apart."""


def legal_name(name: str, taken: set[str]) -> str:
    """A name in the language as near as may be to a foreign one, different from those taken; it is added."""
    parts = [re.sub(r"\W", "_", part) for part in re.split(r"[./]", name) if part]
    legal = ".".join(f"_{part}" if part[0].isdigit() else part for part in parts) or "layer"
    legal = f"{legal}_" if legal in OPERATORS or legal == "input" else legal
    numbers, found = chain(range(2, FEW), count(len(taken) + 2)), legal
    while found in taken:
        found = f"{legal}_{next(numbers)}"
    taken.add(found)
    return found


# Labels --------------------------------------------------------------------------


def labels_needed(network: Network) -> set[str]:
    """The names that have to be written: those read from afar, and those no automatic name would give."""
    needed = _read_from_afar(network)
    for _ in range(3):
        wrong = _misnamed(network, needed)
        if not wrong:
            return needed
        needed |= wrong
    return {node.name for node in network.layers}


def _read_from_afar(network: Network) -> set[str]:
    nodes = network.nodes
    read = {nodes[output.node].name for output in network.outputs[1:]}
    if network.outputs[0].node != len(nodes) - 1:
        read.add(nodes[network.outputs[0].node].name)
    for node in network.layers:
        far = node.inputs if node.inputs[0] != node.index - 1 else node.inputs[1:]
        read |= {nodes[n].name for n in far}
        read |= {name for name in (node.share, node.tied) if name}
    return read - {node.name for node in network.inputs}


def _misnamed(network: Network, labelled: set[str]) -> set[str]:
    """The layers that would get another name than theirs if only these were labelled."""
    counts: dict[str, int] = {}
    wrong = set()
    for node in network.layers:
        if node.name in labelled:
            continue
        count = counts.get(node.word, 0) + 1
        while f"{node.word}{count}" in labelled:
            count += 1
        if node.name == f"{node.word}{count}":
            counts[node.word] = count
        else:
            wrong.add(node.name)
    return wrong

"""What a card says: a layer in short form, its shape and size, and the arithmetic behind them."""

from __future__ import annotations

from collections.abc import Sequence
from functools import lru_cache
from typing import Any, Final

from cnnspec.analysis.cost import cost_of
from cnnspec.formula import Symbol
from cnnspec.layers.base import Layer, Shape
from cnnspec.network.graph import Network, Node

_SHORT: Final = {
    "padding": "pad",
    "epsilon": "ε",
    "output_padding": "output pad",
    "rounding": "",
}


def shape_text(shape: Shape) -> str:
    """``28×28×6``."""
    return "×".join(map(str, shape))


@lru_cache(maxsize=8192)
def layer_text(layer: Layer) -> str:
    """``conv 16 5×5/2 pad 1 no bias``; the number after the stroke is the stride."""
    options = layer.options()
    words = [layer.word]
    for name in layer.positional:
        if name not in options:
            break
        words.append(_value(options.pop(name)))
    stride = options.get("stride")
    if isinstance(stride, tuple) and len(set(stride)) == 1 and words[-1][-1:].isdecimal():
        words[-1] += f"/{options.pop('stride')[0]}"
    return " ".join((*words, *(_option(name, value) for name, value in options.items())))


def operation_text(node: Node) -> str:
    """``conv 5×5``, ``maxpool 2×2``, ``dense``: what was done, without the counts that the shape shows."""
    options = node.layer.options()
    size = options.get("kernel") or options.get("window") or options.get("scale") or ""
    if isinstance(size, tuple):
        rank = len(node.output) - 1
        size = "×".join(map(str, size * rank if len(size) == 1 else size))
    stride = options.get("stride")
    extra = f"/{max(stride)}" if isinstance(stride, tuple) and max(stride) > 1 and size else ""
    if "amount" in type(node.layer).model_fields:
        return layer_text(node.layer)
    return " ".join(filter(None, (node.word, f"{size}{extra}")))


def _option(name: str, value: Any) -> str:
    if isinstance(value, bool):
        return name if value else f"no {name}"
    if isinstance(value, str) and " " in value:
        return f"{name} given"
    return f"{_SHORT.get(name, name.replace('_', ' '))} {_value(value)}".strip()


def _value(value: Any) -> str:
    if isinstance(value, float):
        return f"{value:g}"
    if isinstance(value, tuple) and all(isinstance(part, int) for part in value):
        return str(value[0]) if len(value) == 1 else "×".join(map(str, value))
    return str(value)


def rounded_text(count: float) -> str:
    """``61.7 k``, ``4.09 G``: three digits and a decimal prefix."""
    for size, letter in ((1e12, "T"), (1e9, "G"), (1e6, "M"), (1e3, "k")):
        if count >= size:
            return f"{count / size:.3g} {letter}"
    return f"{count:g}"


def own_name(node: Node) -> str:
    """The last part of a dotted name; its place in the picture says the rest."""
    return node.name.rpartition(".")[2]


def is_automatic(node: Node) -> bool:
    """Whether a layer's name says no more than its word: ``pool1``, not ``skip``."""
    return own_name(node).rstrip("0123456789") in node.word


def weights_of(node: Node, before: str) -> str:
    """Whose weights a layer uses, where they are not its own."""
    if node.share:
        return f"{before}weights of {_seen_from(node, node.share)}"
    return f"{before}weights of {_seen_from(node, node.tied)}, transposed" if node.tied else ""


def _seen_from(node: Node, name: str) -> str:
    """A layer's name without the blocks that both lie in."""
    own, parts = node.name.split("."), name.split(".")
    while len(parts) > 1 and own[0] == parts[0]:
        own, parts = own[1:], parts[1:]
    return ".".join(parts)


def arithmetic(node: Node) -> str:
    """Every number of a layer with its law and its working, one a line."""
    head = f"{node.name}: {layer_text(node.layer)}" + weights_of(node, ", ")
    if not node.inputs:
        return f"{node.name}: {shape_text(node.output)}"
    laws = cost_of(node.layer, node.input_shapes).laws
    flow = " and ".join(shape_text(shape) for shape in node.input_shapes)
    lines = [head, f"{flow} → {shape_text(node.output)}"]
    axes = [law for law in laws.output if not isinstance(law, Symbol)]
    lines += dict.fromkeys(f"output: {law.law()} = {law.worked()}" for law in axes)
    for what, law in (("parameters", laws.params), ("multiplies", laws.multiplies)):
        if law.value:
            lines.append(f"{what}: {law.law()} = {law.worked()}")
    return "\n".join(lines)


def block_text(nodes: Sequence[Node]) -> str:
    """The layers of a block, one a line."""
    return "\n".join(f"{node.name}: {layer_text(node.layer)}" for node in nodes[:40])


def described(nodes: Sequence[Node], network: Network) -> str:
    """What a layer, or a block, does: ``conv layer, reads input, gives 28×28×6; 156 parameters``."""
    first, last = nodes[0], nodes[-1]
    inside = {node.index for node in nodes}
    read = dict.fromkeys(network.nodes[i].name for node in nodes for i in node.inputs if i not in inside)
    kind = f"block of {len(nodes)} layers" if len(nodes) > 1 else f"{first.word} layer" if read else "input"
    reads = f", reads {' and '.join(read)}" if read else ""
    params = sum(node.own_params for node in nodes)
    has = f"; {params:,} parameter{'s' * (params > 1)}" if params else ""
    return f"{kind}{reads}, gives {shape_text(last.output)}{has}"

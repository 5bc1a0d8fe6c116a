"""A network as Keras 3 code: the functional form, one function a block, channels last."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterator
from keyword import iskeyword
from typing import Final

from cnnspec.exchange.code_out.blueprint import Blueprint
from cnnspec.exchange.code_out.body import Body, Turn, note_of
from cnnspec.exchange.code_out.calls import Texts, assigned, call, literal, numbers, wrapped
from cnnspec.exchange.code_out.keras.helpers import HELPERS, LOADER, WITH_ATTENTION
from cnnspec.exchange.code_out.keras.words import CANNOT, WORDS, say
from cnnspec.exchange.code_out.parts import BlockItem, Design, LayerItem, Loop, Single, Value
from cnnspec.exchange.code_out.pytorch.module import about, commented, drawn, sayings_of, taken
from cnnspec.exchange.trade import unsupported
from cnnspec.layers.base import Shape
from cnnspec.network.graph import Network, Node

RESERVED: Final = frozenset(
    {"name", "keras", "layers", "ops", "np", "n", "model", "inputs", "initializers", "make_model", *HELPERS,
     "load_weights", "set_arrays", "arranged", "layers_of", "attention_arrays"}
)  # fmt: skip
PASSED: Final = ("relu", "leakyrelu", "elu", "gelu", "silu", "sigmoid", "tanh", "hardswish", "hardsigmoid",
                 "dropout", "identity")  # fmt: skip
"""Layers behind which a vector still has the order of its flattening."""


class KerasTarget:
    """How statements look in a function of the functional form."""

    def __init__(self, blueprint: Blueprint, design: Design, is_root: bool) -> None:
        self.blueprint, self.is_root = blueprint, is_root
        self.used = {item.uses for item in design.first.items if not isinstance(item, Loop)}
        turns = (item.turns[0] for item in design.first.items if isinstance(item, Loop))
        self.used |= {item.uses for turn in turns for item in turn}
        self.used |= {item.tied for item in _singles(design) if isinstance(item, LayerItem)}

    def leaf(
        self, item: LayerItem, arguments: list[str], reads: list[str], out: str, turn: Turn
    ) -> list[str]:
        saying = item.saying
        if not saying.make:
            use = saying.use.format(*reads, x=reads[0])
            return assigned(out, use, turn.indent, note_of(item))
        arguments = [*arguments, f"name={self._name(item, turn)}"]
        arguments = [held(item.tied), *arguments] if item.tied else arguments
        if item.uses or item.name in self.used:
            layer = held(item.uses or item.name)
            use = saying.use.format(*reads, x=reads[0], m=layer)
            made = [] if item.uses else call(f"{layer} = {saying.make}", arguments, "", turn.indent)
            return [*made, *assigned(out, use, turn.indent, note_of(item))]
        before, _, behind = saying.use.partition("{m}")
        before, behind = (text.format(*reads, x=reads[0]) for text in (before, behind))
        lines = call(f"{out} = {before}{saying.make}", arguments, behind, turn.indent, note_of(item))
        if len(lines) == 1 or not (before.endswith("(") and behind.endswith(")")):
            return lines
        inner = call(saying.make, arguments, behind[:-1], turn.indent + 4)
        pad = " " * turn.indent
        return [f"{pad}{out} = {before}", *inner, commented(f"{pad})", note_of(item))]

    def use(self, item: BlockItem, arguments: Texts, reads: Texts, out: str, turn: Turn) -> Texts:
        assert item.scope.design is not None
        if item.uses or item.name in self.used:
            return self._shared(item, arguments, reads, out, turn)
        inner = [*reads, self._name(item, turn), *arguments]
        return call(f"{out} = {snake(item.scope.design.name)}", inner, "", turn.indent, note_of(item))

    def _shared(self, item: BlockItem, arguments: Texts, reads: Texts, out: str, turn: Turn) -> Texts:
        """A block that is used again: a model of its own."""
        assert item.scope.design is not None
        model, pad, made = held(item.uses or item.name), " " * turn.indent, []
        if not item.uses:
            start, name = f"{model}_inputs", self._name(item, turn)
            made.append(f"{pad}{start} = keras.Input({reads[0]}.shape[1:])")
            inner = [start, name, *arguments]
            made += call(f"{model}_outputs = {snake(item.scope.design.name)}", inner, "", turn.indent)
            made += call(
                f"{model} = keras.Model", [start, f"{model}_outputs", f"name={name}"], "", turn.indent
            )
        return [*made, commented(f"{pad}{out} = {model}({', '.join(reads)})", note_of(item))]

    def _name(self, item: LayerItem | BlockItem, turn: Turn) -> str:
        text = turn.name_of(item)
        if self.is_root:
            return text.replace(".", "_")
        inside = text[2:-1] if text.startswith("f") else text[1:-1].replace(".", "_")
        return f'f"{{name}}_{inside}"'


def held(name: str) -> str:
    """The variable of a layer or a model that is used several times."""
    return f"{name.replace('.', '_')}_layer"


def _far(blueprint: Blueprint) -> Iterator[tuple[Node, str]]:
    """The layers whose weights belong to one that no variable at their place holds."""
    for design in blueprint.designs:
        plain = {item.name for item in design.first.items if not isinstance(item, Loop)}
        for item in _singles(design):
            node = item.node if isinstance(item, LayerItem) else item.scope.nodes[0]
            many = isinstance(item, BlockItem) and (len(item.scope.inputs), len(item.scope.outputs)) != (1, 1)
            if item.uses and (item.uses not in plain or many):
                yield node, f"the weights of {item.uses} lie within a block or a loop"
            if isinstance(item, LayerItem) and item.tied and item.tied not in plain:
                yield node, f"the weight of {item.tied} lies within a block or a loop"


def _singles(design: Design) -> list[Single]:
    """The items of a design, of its loops those of the first turn."""
    items = design.first.items
    return [one for item in items for one in (item.turns[0] if isinstance(item, Loop) else [item])]


def snake(name: str) -> str:
    found = re.sub(r"(?<=[a-z0-9])(?=[A-Z])", "_", name).lower()
    return f"{found}_block" if iskeyword(found) else found


def reads_of(network: Network, node: Node) -> tuple[Value, ...]:
    """What a layer reads; unpool the input of its pool, in which the places are found again."""
    if node.word == "unpool":
        return Value(node.inputs[0]), Value(network.nodes[node.inputs[1]].inputs[0])
    return tuple(map(Value, node.inputs))


def flattened(network: Network) -> dict[str, Shape]:
    """The dense layers that read a flattened map, and its shape."""
    found, begun = dict[str, Shape](), list[Node]()  # for each node, the last before it that is not passed
    for node in network.nodes:
        begun.append(begun[node.inputs[0]] if node.word in PASSED else node)
    for node in network.layers:
        source = begun[node.inputs[0]]
        if node.word == "dense" and source.word == "flatten" and is_reordered(source) and not node.share:
            found[node.name.replace(".", "_")] = source.input_shapes[0]
    return found


def is_reordered(flatten: Node) -> bool:
    """Whether a flatten gives another order in Keras than here."""
    shape = flatten.input_shapes[0]
    return len(shape) > 1 and shape[-1] > 1 and any(size > 1 for size in shape[:-1])


def _unread_orders(network: Network) -> Iterator[Node]:
    """The flattens whose order reaches something else than a dense layer."""
    for node in network.layers:
        if node.word == "flatten" and is_reordered(node):
            front = [node.index]
            while front:
                place = front.pop()
                readers = [network.nodes[n] for n in network.readers[place]]
                if not readers or any(r.word not in (*PASSED, "dense") for r in readers):
                    yield node
                    break
                front += [r.index for r in readers if r.word in PASSED]


def _turned_orders(network: Network) -> Iterator[Node]:
    """The layers with a transposed weight whose rows or columns are in the order of a flatten in Keras."""
    orders = flattened(network)
    for node in network.layers:
        if node.tied and orders.keys() & {name.replace(".", "_") for name in (node.name, node.tied)}:
            yield node


def design_lines(
    blueprint: Blueprint, design: Design, network: Network, reserved: frozenset[str]
) -> Iterator[str]:
    """The function of a design; ``reserved`` are names that no variable of it may have."""
    is_root = design.first is blueprint.root
    body = Body(blueprint, design, KerasTarget(blueprint, design, is_root), reserved)
    inputs = body.inputs()
    if is_root:
        yield "def make_model():"
        yield from about(design, network, 4)
        if len(inputs) == 1:
            yield f"    {inputs[0]} = inputs = keras.Input({literal(network.input)})"
        for name, node in zip(inputs, network.inputs, strict=True) if len(inputs) > 1 else ():
            yield f"    {name} = keras.Input({literal(node.output)}, name={literal(node.name)})"
        if len(inputs) > 1:
            yield f"    inputs = [{', '.join(inputs)}]"
    else:
        arguments = [*inputs, "name", *(parameter.name for parameter in design.parameters)]
        yield from call(f"def {snake(design.name)}", arguments, ":")
        yield from about(design, network, 4)
    yield from body.lines(4)
    results = ", ".join(body.results())
    if not is_root:
        yield f"    return {results}"
        return
    title = f', name="{network.name}"' if network.name else ""
    outputs = f"[{results}]" if len(network.outputs) > 1 else results
    made = f"keras.Model(inputs, {outputs}{title})"
    if given := _given(network):
        yield f"    model = {made}"
        yield from given
        yield "    return model"
    else:
        yield f"    return {made}"


def _given(network: Network) -> list[str]:
    """Statements for weights that the spec gives."""
    lines = []
    for node in network.layers:
        for name, weight in node.weights.items():
            if given := weight.given:
                shapes = [literal(weight.shape), literal(given.shape)]
                lines += wrapped("set_values", ["model", literal(name), *shapes], numbers(given), 4)
    return lines


GIVEN: Final = '''\
def set_values(model, name, shape, given, text):
    """Begins an array at numbers in cnnspec's order; an axis given as 1 serves every place along it."""
    values = np.array([float(word) for word in text.split()], "float32").reshape(given)
    set_arrays(model, {name: np.broadcast_to(values, shape)})
'''
MAIN: Final = """\
if __name__ == "__main__":
    make_model().summary()
"""


def code(network: Network) -> str:
    """The file; raises SpecError with every layer that cannot be said."""
    said, faults = sayings_of(network, {**WORDS, **CANNOT}, say)
    stray = [(node, "Keras flattens in another order, and what reads it is no dense layer")
             for node in _unread_orders(network)]  # fmt: skip
    stray += [(node, f"Keras flattens in another order, in which the weight of {node.tied} is")
              for node in _turned_orders(network)]  # fmt: skip
    twins = Counter(node.name.replace(".", "_") for node in network.layers)
    taken = [(node, "its name with _ for . is another layer's") for node in network.layers
             if twins[node.name.replace(".", "_")] > 1]  # fmt: skip
    if faults or stray or taken:
        raise unsupported("Keras", [*faults, *stray, *taken])
    blueprint = drawn("Keras", network, said, lambda node: reads_of(network, node), RESERVED)
    if far := list(_far(blueprint)):
        raise unsupported("Keras", far)
    reserved = RESERVED.union(snake(design.name) for design in blueprint.designs)
    functions = ["\n".join(design_lines(blueprint, d, network, reserved)) for d in blueprint.designs]
    helpers = dict.fromkeys(name for saying in said.values() for name in saying.helpers)
    tail = [GIVEN.strip()] if _given(network) else []
    body = [*(HELPERS[name].strip() for name in helpers), *functions, _loader(network), *tail, MAIN.strip()]
    text = "\n\n\n".join(body)
    return "\n".join(_head(network, text)) + "\n\n" + text + "\n"


def _loader(network: Network) -> str:
    rows = [f"    {literal(name)}: {literal(shape)}," for name, shape in flattened(network).items()]
    table = ["FLATTENED = {", *rows, "}"] if rows else ["FLATTENED = {}"]
    why = [
        "# Flatten runs row, column, channel in Keras, but channel, row, column in cnnspec:",
        "# the weights of these layers are put into Keras's order when they are taken.",
    ]
    has_attention = any(node.word == "attention" for node in network.layers)
    loader = WITH_ATTENTION if has_attention else LOADER
    return "\n".join([*(why if rows else []), *table, *([""] * 2 if has_attention else []), loader.strip()])


def _head(network: Network, text: str) -> Iterator[str]:
    yield f'"""{network.name or "A network"} in Keras 3, as cnnspec wrote it.'
    yield ""
    yield taken(network, tuple)
    yield "Shapes in comments are height x width x channels, those of one sample."
    if len(network.outputs) > 1:
        yield f"It gives {', '.join(output.name for output in network.outputs)}, in this order."
    yield '"""'
    yield ""
    yield "import keras"
    yield "import numpy as np"
    names = [name for name in ("initializers", "layers", "ops") if re.search(rf"\b{name}\.", text)]
    yield f"from keras import {', '.join(names)}"
    yield ""

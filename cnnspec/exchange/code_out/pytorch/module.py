"""A network as PyTorch code: one file, whose parameters have the names and layouts of our weights."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from math import prod
from typing import Any, Final, NamedTuple

from cnnspec.exchange.code_out.blueprint import Blueprint
from cnnspec.exchange.code_out.body import Body, Turn, note_of, written
from cnnspec.exchange.code_out.calls import Texts, call, wrapped
from cnnspec.exchange.code_out.parts import BlockItem, Design, Expression, LayerItem, Loop, Value
from cnnspec.exchange.code_out.pytorch.helpers import HELPERS
from cnnspec.exchange.code_out.pytorch.words import CANNOT, WORDS, say
from cnnspec.exchange.code_out.sayings import Place, Saying, Wordless
from cnnspec.exchange.trade import unsupported
from cnnspec.layers.base import channels_first, show
from cnnspec.network.graph import Network, Node

RESERVED: Final = frozenset({"self", "torch", "nn", "F", "n", "load_file", "load_weights", "model", *HELPERS})

LOADER: Final = '''\
def load_weights(model, path):
    """Takes the weights that cnnspec saved; names and layouts are the same."""
    from safetensors.torch import load_file

    missing, unexpected = model.load_state_dict(load_file(path), strict=False)
    missing = [name for name in missing if not name.endswith("num_batches_tracked")]
    if missing or unexpected:
        raise ValueError(f"weights of another network: {missing} {unexpected}")
    return model.eval()
'''
MAIN: Final = """\
if __name__ == "__main__":
    model = {name}().eval()
{images}
    print({show})
"""


def sayings_of(
    network: Network, words: dict[str, Any], say: Any
) -> tuple[dict[int, Saying], list[tuple[Node, str]]]:
    """What every layer is called, and the layers that cannot be said, each with the reason."""
    said: dict[int, Saying] = {}
    faults = []
    for node in network.layers:
        try:
            if node.word not in words:
                raise Wordless("there is no translation for it yet")
            said[node.index] = say(Place(node, network.nodes, network.readers))
        except Wordless as reason:
            faults.append((node, str(reason)))
    return said, faults


def reads_of(node: Node) -> tuple[Value, ...]:
    """What a layer reads: outputs, and for unpool the places that a pool remembers."""
    if node.word == "unpool":
        return Value(node.inputs[0]), Value(node.inputs[1], "places")
    return tuple(map(Value, node.inputs))


class PyTorch:
    """How statements look in ``forward``."""

    def leaf(
        self, item: LayerItem, arguments: list[str], reads: list[str], out: str, turn: Turn
    ) -> list[str]:
        use = item.saying.use.format(*reads, m=member(item, turn), x=reads[0], w=f"self.{item.tied}")
        return [commented(f"{' ' * turn.indent}{out} = {use}", note_of(item))]

    def use(self, item: BlockItem, arguments: Texts, reads: Texts, out: str, turn: Turn) -> Texts:
        made = f"{member(item, turn)}({', '.join(reads)})"
        return [commented(f"{' ' * turn.indent}{out} = {made}", note_of(item))]


class Making:
    """How statements look in ``__init__``."""

    def leaf(
        self, item: LayerItem, arguments: list[str], reads: list[str], out: str, turn: Turn
    ) -> list[str]:
        if not item.saying.make or item.uses:
            return []
        lines = self._made(item, item.saying.make, arguments, turn)
        own = member(item, turn)
        return [*lines, *(line for text in item.saying.after for line in statement(text.format(m=own), turn))]

    def use(self, item: BlockItem, arguments: Texts, reads: Texts, out: str, turn: Turn) -> Texts:
        assert item.scope.design is not None
        return [] if item.uses else self._made(item, item.scope.design.name, arguments, turn)

    def _made(self, item: LayerItem | BlockItem, make: str, arguments: list[str], turn: Turn) -> list[str]:
        if turn.loop is None:
            return call(f"self.{item.name} = {make}", arguments, indent=turn.indent)
        name, inner = turn.name_of(item), f"{make}({', '.join(arguments)})"
        return call("self.add_module", [name, inner], indent=turn.indent)


def member(item: LayerItem | BlockItem, turn: Turn) -> str:
    if turn.loop is None or item.uses:
        return f"self.{item.uses or item.name}"
    return f"getattr(self, {turn.name_of(item)})"


def statement(text: str, turn: Turn) -> list[str]:
    head, _, inside = text.removesuffix(")").partition("(")
    values = re.fullmatch(r'(.*), (\([\d, ]*\)), "([^"]*)"', inside)
    if values is None:
        return [" " * turn.indent + text]
    return wrapped(head, [values[1], values[2]], values[3], turn.indent)


def commented(line: str, comment: str) -> str:
    return f"{line}  # {comment}" if comment else line


def design_lines(blueprint: Blueprint, design: Design, network: Network) -> Iterator[str]:
    """The class of a design."""
    yield f"class {design.name}(nn.Module):"
    yield from about(design, network)
    yield ""
    parameters = [parameter.name for parameter in design.parameters]
    yield from call("def __init__", ["self", *parameters], ":", indent=4)
    yield "        super().__init__()"
    yield from holders(design)
    making = Body(blueprint, design, Making(), RESERVED)
    making.inputs()
    for name in _bounds_of(design):
        yield f"        self.{name} = {name}"
    yield from without_empty_loops(making.lines(8))
    yield ""
    body = Body(blueprint, design, PyTorch(), RESERVED, "self.")
    yield from call("def forward", ["self", *body.inputs()], ":", indent=4)
    yield from body.lines(8)
    yield f"        return {', '.join(body.results())}"


def _bounds_of(design: Design) -> list[str]:
    """The parameters that say how long loops are, which ``forward`` reads again."""
    slots, found = iter(design.slots), []
    for item in design.first.items:
        own = [next(slots) for _ in item.slots]
        if isinstance(item, Loop):
            found += [slot.parameter for slot in own[:2] if isinstance(slot, Expression)]
    return list(dict.fromkeys(found))


def holders(design: Design) -> Iterator[str]:
    """Modules that hold others whose names have dots."""
    made: set[str] = set()
    for item in design.first.items:
        if isinstance(item, LayerItem) and item.saying.make and not item.uses:
            parts = item.name.split(".")[:-1]
            for n in range(1, len(parts) + 1):
                if (name := ".".join(parts[:n])) not in made:
                    made.add(name)
                    yield f"        self.{name} = nn.Module()"


def without_empty_loops(lines: list[str]) -> Iterator[str]:
    for n, line in enumerate(lines):
        indent = len(line) - len(line.lstrip())
        following = lines[n + 1] if n + 1 < len(lines) else ""
        empty = line.lstrip().startswith("for ") and not following.startswith(" " * (indent + 1))
        moved = re.fullmatch(r"\w+ = \w+", line.strip())
        if not empty and not moved:
            yield line


def about(design: Design, network: Network, indent: int = 4) -> Iterator[str]:
    scope = design.first
    nodes = network.nodes
    flow = " and ".join(show(nodes[value.node].output) for value in scope.inputs if not value.kind)
    out = " and ".join(show(nodes[value.node].output) for value in scope.outputs if not value.kind)
    where = f", as in {'.'.join(scope.path)}" if len(design.scopes) > 1 else ""
    yield f'{" " * indent}"""{flow} -> {out}{where}."""'


def drawn(title: str, network: Network, said: dict[int, Saying], reads: Any, reserved: Any) -> Blueprint:
    """The parts of a network; raises SpecError for weights that no program can share so."""
    blueprint = Blueprint(network, said, reads, reserved)
    if blueprint.faults:
        raise unsupported(title, blueprint.faults)
    return blueprint


class SpokenLayer(NamedTuple):
    """A layer in PyTorch's words; see ``Saying``."""

    make: str
    use: str
    places: bool


class SpokenNetwork(NamedTuple):
    """A network in PyTorch's words: each layer by its node's number, and the functions that they call."""

    layers: Mapping[int, SpokenLayer]
    helpers: str


def spoken(network: Network) -> SpokenNetwork:
    """Each layer by itself, for those who run it; raises SpecError with every layer that cannot be said."""
    said, faults = sayings_of(network, {**WORDS, **CANNOT}, say)
    if faults:
        raise unsupported("PyTorch", faults)
    layers = {}
    for index, saying in said.items():
        values = [argument.value for argument in saying.arguments]
        made = f"{saying.make}({', '.join(written(saying.arguments, values))})" if saying.make else ""
        layers[index] = SpokenLayer(made, saying.use, saying.outputs == 2)
    names = dict.fromkeys(name for saying in said.values() for name in saying.helpers)
    return SpokenNetwork(layers, "\n\n".join(HELPERS[name] for name in names))


def code(network: Network) -> str:
    """The file; raises SpecError with every layer that cannot be said."""
    said, faults = sayings_of(network, {**WORDS, **CANNOT}, say)
    if faults:
        raise unsupported("PyTorch", faults)
    blueprint = drawn("PyTorch", network, said, reads_of, RESERVED)
    classes = ["\n".join(design_lines(blueprint, design, network)) for design in blueprint.designs]
    helpers = dict.fromkeys(name for saying in said.values() for name in saying.helpers)
    parts = [
        *(HELPERS[name].strip() for name in helpers),
        *classes,
        LOADER.strip(),
        _main(blueprint, network),
    ]
    body = "\n\n\n".join(parts)
    head = [f'"""{_title(network)}', "", *_shapes(network), '"""', "", "import torch"]
    head[-1:] = ["import math", "", "import torch"] if "math." in body else head[-1:]
    head += [] if not re.search(r"\bF\.", body) else ["import torch.nn.functional as F"]
    return "\n".join([*head, "from torch import nn"]) + "\n\n\n" + body + "\n"


def _title(network: Network) -> str:
    return f"{network.name or 'A network'} in PyTorch, as cnnspec wrote it."


def parameters_of(network: Network) -> int:
    return sum(prod(weight.shape) for weight in network.weights.values() if not weight.buffer)


def taken(network: Network, order: Any) -> str:
    """A sentence on the inputs and the parameters."""
    shapes = [f"N x {' x '.join(map(str, order(node.output)))}" for node in network.inputs]
    if len(shapes) > 1:
        shapes = [f"{node.name}, {shape}," for node, shape in zip(network.inputs, shapes, strict=True)]
    return f"It takes {' and '.join(shapes)} and has {parameters_of(network):,} parameters."


def _shapes(network: Network) -> Iterator[str]:
    yield taken(network, channels_first)
    yield "Shapes in comments are height x width x channels, those of one sample."
    if len(network.outputs) > 1:
        yield f"It gives {', '.join(output.name for output in network.outputs)}, in this order."


def _main(blueprint: Blueprint, network: Network) -> str:
    many = len(network.outputs) > 1
    names = (
        ["images"] if len(network.inputs) == 1 else [node.name.replace(".", "_") for node in network.inputs]
    )
    sizes = [", ".join(map(str, channels_first(node.output))) for node in network.inputs]
    images = [f"    {name} = torch.zeros(1, {size})" for name, size in zip(names, sizes, strict=True)]
    call = f"model({', '.join(names)})"
    shown = f"[tuple(output.shape) for output in {call}]" if many else f"tuple({call}.shape)"
    assert blueprint.root.design is not None
    return MAIN.format(name=blueprint.root.design.name, images="\n".join(images), show=shown).strip()

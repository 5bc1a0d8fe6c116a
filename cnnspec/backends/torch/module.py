"""A network as one PyTorch module: a straight line of statements, one a layer, made from a table's words."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from functools import cache
from typing import Any, Final, NamedTuple, Protocol, TypeAlias

import torch
import torch.nn.functional as F  # noqa: N812 - as everyone names it
from torch import Tensor, nn

from cnnspec.network.graph import Network, Node


class LayerText(Protocol):
    """A layer in PyTorch's words: what makes its module, if it has one, and the expression of its output.

    ``use`` has ``{m}`` for the module, ``{x}`` for the first input, ``{0}``, ``{1}`` … for each, ``{w}`` for
    the module it is tied to. ``places`` says that a pool gives its places too.
    """

    @property
    def make(self) -> str: ...
    @property
    def use(self) -> str: ...
    @property
    def places(self) -> bool: ...


class NetworkText(Protocol):
    """A whole network so: each layer by its node's number, and the functions that they call."""

    @property
    def layers(self) -> Mapping[int, LayerText]: ...
    @property
    def helpers(self) -> str: ...


Speak: TypeAlias = Callable[[Network], NetworkText]
"""Puts a network into PyTorch's words; raises SpecError with every layer that has none."""
LIBRARY: Final[Mapping[str, Any]] = {"torch": torch, "nn": nn, "F": F, "math": math}


OVERWRITING: Final = {nn.ReLU: "torch.relu_({})", nn.ReLU6: "F.relu6({}, inplace=True)"}
"""Modules, and what does the same in the place of the input: a sixth of LeNet's step."""
FORGETFUL: Final = frozenset({"conv", "depthwise", "dense", "batchnorm", "add"})
"""Layers whose backward pass does not read their output."""


class Statement(NamedTuple):
    """One line: what it assigns to, what it reads, and the expression between."""

    node: Node
    gives: str
    reads: tuple[str, ...]
    expression: str


class NetworkModule(nn.Module):  # type: ignore[misc]
    """The network; maps are N x C x H x W, and weights have any content until they are set.

    No word of a spec is part of the code that runs: variables and modules are called by number.
    """

    def __init__(self, network: Network, text: NetworkText) -> None:
        super().__init__()
        self.network = network
        self.namespace: dict[str, Any] = dict(LIBRARY)
        exec(text.helpers, self.namespace)
        for node in network.layers:
            if text.layers[node.index].make and not node.share:
                module = self._made(text.layers[node.index].make)
                module.requires_grad_(not getattr(node.layer, "frozen", False))
                self.add_module(self._module_of(node), module)
        self.to_empty(device="cpu")
        self.namespace |= self._modules
        self.statements = [self._statement(node, text.layers[node.index]) for node in network.layers]
        self.run = cache(self._run)

    def _made(self, make: str) -> nn.Module:
        """A module without its weights: nothing is drawn that is set afterwards.

        Of its own alone: to scale drawn numbers that are not there PyTorch loads its compiler, in a second.
        What others draw leaves the generator as it was.
        """
        with torch.device("meta" if make.startswith("nn.") else "cpu"), torch.random.fork_rng(devices=[]):
            return eval(make, self.namespace)

    def arrays(self) -> dict[str, Tensor]:
        """All weights and buffers by the names that the network gives them."""
        found = {}
        for node in self.network.layers:
            for name, weight in node.own_weights.items():
                module = self.namespace[self._module_of(node)]
                path, _, last = weight.name.rpartition(".")
                found[name] = getattr(module.get_submodule(path), last)
        return found

    def forward(self, *inputs: Tensor, wanted: tuple[int, ...]) -> tuple[Tensor, ...]:
        """The outputs of the nodes with these numbers; only what they depend on is worked out."""
        values: tuple[Tensor, ...] = self.run(wanted)(*inputs)
        return values

    def needed(self, wanted: Sequence[int]) -> list[Statement]:
        """The statements that some nodes depend on, in order."""
        alive = set(wanted)
        for node in reversed(self.network.nodes):
            if node.index in alive:
                alive.update(node.inputs)
        return [statement for statement in self.statements if statement.node.index in alive]

    def _run(self, wanted: tuple[int, ...]) -> Callable[..., tuple[Tensor, ...]]:
        """A function of the inputs that forgets each map after its last reader."""
        statements = self.needed(wanted)
        last: dict[str, int] = {}
        for n, statement in enumerate(statements):
            last |= dict.fromkeys((*statement.reads, *statement.gives.split(", ")), n)
        results = [f"v{index}" for index in wanted]
        lines = [f"def forward({', '.join(f'v{node.index}' for node in self.network.inputs)}):"]
        for n, statement in enumerate(statements):
            dead = [name for name, at in last.items() if at == n and name not in results]
            expression = self._in_place(statement, dead) or statement.expression
            lines.append(f"    {statement.gives} = {expression}")
            lines += [f"    del {', '.join(dead)}"] if dead else []
        lines.append(f"    return {', '.join(results)},")
        exec("\n".join(lines), self.namespace)
        made: Callable[..., tuple[Tensor, ...]] = self.namespace["forward"]
        return made

    def _in_place(self, statement: Statement, dead: Sequence[str]) -> str:
        """A ReLU that writes over a map which nobody reads later, nor the backward pass of what made it."""
        function = OVERWRITING.get(type(self.namespace.get(self._module_of(statement.node))))
        made_by = self.network.nodes[statement.node.inputs[0]].word
        if function is None or made_by not in FORGETFUL or statement.reads[0] not in dead:
            return ""
        return function.format(statement.reads[0])

    def _statement(self, node: Node, text: LayerText) -> Statement:
        reads = [f"v{index}" for index in node.inputs]
        if node.word == "unpool":
            reads[1] = f"p{node.inputs[1]}"
        tied = self._module_of(self.network[node.tied]) if node.tied else ""
        expression = text.use.format(*reads, x=reads[0], m=self._module_of(node), w=tied)
        gives = f"v{node.index}, p{node.index}" if text.places else f"v{node.index}"
        return Statement(node, gives, tuple(reads), expression)

    def _module_of(self, node: Node) -> str:
        return f"m{self.network[node.share].index if node.share else node.index}"

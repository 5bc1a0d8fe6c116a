"""Memory in bytes: all activations, their peak with buffers reused, and training.

The rules, so that a figure can be checked by hand:

- Every value is a float32, 4 bytes. ``activation_bytes`` is the sum of all layers' outputs.
- Peak: layers run in order; a buffer is free as soon as nothing later reads it; the
  input and a layer's output stand side by side while it runs. Flatten, reshape,
  identity and dropout (which does nothing at inference) share their input's buffer.
  Activations, batch, layer and group norm, add and multiply write over an input
  that nothing else reads. The network's own input is never written over.
- A pool that an unpool names remembers places, from when it runs to the last such
  unpool: for each value of its output the number of the tap that won, one byte for
  windows of up to 256 taps. Its output is needed only by what reads the values.
- Training: the input, the network's outputs, and each output that the backward pass
  reads are kept, and nothing else of the maps: convolutions, dense layers, norms and
  most curves read their input; ReLU, sigmoid, tanh and softmax their output; sums,
  means and moved values neither (``Keeps`` of each layer). A ReLU that a max pool alone
  reads is computed behind it, on fewer values: the same result. Max pools keep places as
  above, dropout what it drew for each value, attention and LRN what they made on their
  way, and the loss one value for each of an output: its target or its share.
- To these comes what the backward pass needs at its peak, beyond what it has read and
  given back: gradients of the activations, of those alone that depend on a trained
  weight (an elementwise layer's lies in the place of its output's), and room to compute
  in: of a convolution with a window its patches, at most as much as input, output and
  weights together or ``ROOM_BYTES``.
- Last one gradient a trainable parameter, one more where several layers use it, and the
  optimizer's state: none for SGD, one value a parameter for momentum and RMSprop, two
  for both together and for Adam. The parameters themselves are ``weight_bytes``.
- The NumPy backend needs 0.85 to 1.15 times as much for every example at the batch of
  its recipe, or the largest that 2 GB allow.
"""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Mapping, Sequence
from functools import cached_property
from math import prod
from typing import Final

from cnnspec.analysis.cost import FLOAT_BYTES, Cost, bytes_of, cost_of
from cnnspec.layers.base import Slide
from cnnspec.layers.facts import Keeps, Storage
from cnnspec.network.graph import Network, Node
from cnnspec.records import record

OPTIMIZER_STATES: Final = {
    "sgd": 0, "momentum": 1, "rmsprop": 1, "rmsprop with momentum": 2, "adam": 2, "adamw": 2,
}  # fmt: skip
"""Values an optimizer keeps for each trainable parameter."""
MAX_POOLS: Final = {"maxpool", "globalmaxpool"}
ROOM_BYTES: Final = 2_000_000
"""So much every kernel may compute in."""
WITH_MOMENTUM: Final = {"sgd": "momentum", "rmsprop": "rmsprop with momentum"}
"""What an optimizer that may have momentum is called then: it keeps one value more."""


@record
class LiveMemory:
    """What lies in memory while one layer runs."""

    node: Node
    buffer: int
    """Index of the node whose buffer the output lies in; its own unless it shares one."""
    live: tuple[int, ...]
    """Buffers in memory, by the node that opened them."""
    places: tuple[int, ...]
    """Pools whose places are in memory."""
    live_bytes: int


@record
class Training:
    """The parts of a training step's memory, in bytes."""

    optimizer: str
    weight_bytes: int
    saved_activation_bytes: int
    """What is kept once the forward pass has run."""
    backward_bytes: int
    """Gradients of activations and room to compute in, at the peak, less what was given back by then."""
    weight_gradient_bytes: int
    optimizer_state_bytes: int

    @property
    def total(self) -> int:
        """All but the parameters themselves."""
        gradients = self.backward_bytes + self.weight_gradient_bytes
        return self.saved_activation_bytes + gradients + self.optimizer_state_bytes


@record
class Memory:
    """The memory of a network for a batch; all figures are bytes of the whole batch."""

    network: Network
    batch: int = 1

    @cached_property
    def activation_bytes(self) -> int:
        """The outputs of all layers, the input apart."""
        return self.batch * sum(self._sizes[node.index] for node in self.network.layers)

    @property
    def buffers(self) -> tuple[int, ...]:
        """For each node, the node whose buffer its output lies in."""
        return self._shared[0]

    @cached_property
    def peak_bytes(self) -> int:
        return max(live for _, live in self._sweep)

    @cached_property
    def peak(self) -> LiveMemory:
        """The first layer during which most memory is in use."""
        place = max(self._sweep, key=lambda pair: (pair[1], -pair[0]))[0]
        return self.step(place)

    def step(self, index: int) -> LiveMemory:
        """What is in memory while node ``index`` runs."""
        death = self._deaths
        live = tuple(
            opened
            for opened in range(self._oldest[index], index + 1)
            if opened == self.buffers[opened] and death[opened] >= index
        )
        places = tuple(pool for pool, last in self._places.items() if pool <= index <= last)
        nodes = self.network.nodes
        size = self.batch * sum(self._sizes[opened] for opened in live)
        size += sum(self.remembered_bytes(nodes[pool]) for pool in places)
        return LiveMemory(nodes[index], self.buffers[index], live, places, size)

    def training(self, optimizer: str | None = None) -> Training:
        """The memory of a training step; the recipe's optimizer, or Adam, when none is named."""
        name = known_optimizer(optimizer) or optimizer_of(self.network)
        nodes = self.network.nodes
        costs = [cost_of(node.layer, node.input_shapes) for node in nodes]
        own = [
            (node.own_params if node.tied else cost.params, cost.frozen)
            for node, cost in zip(nodes, costs, strict=True)
            if not node.share
        ]
        trainable = FLOAT_BYTES * sum([params for params, frozen in own if not frozen])
        saved = sum(size for node in nodes for size in self.kept(node).values())
        return Training(
            optimizer=name,
            weight_bytes=FLOAT_BYTES * sum([params for params, _ in own]),
            saved_activation_bytes=saved,
            backward_bytes=self._backward_peak(saved, costs) - saved,
            weight_gradient_bytes=trainable + self._apart_bytes,
            optimizer_state_bytes=OPTIMIZER_STATES[name] * trainable,
        )

    @property
    def _apart_bytes(self) -> int:
        """Of weights that several layers use the gradient of one use, before it is added."""
        uses = Counter(name for node in self.network.layers for name in node.weights)
        sizes = {
            name: prod(weight.shape)
            for node in self.network.layers
            for name, weight in node.weights.items()
            if uses[name] > 1 and not (weight.buffer or getattr(node.layer, "frozen", False))
        }
        return FLOAT_BYTES * sum(sizes.values())

    def kept(self, node: Node) -> dict[str, int]:
        """Bytes that are kept for the backward pass and the loss once a node has run, by what they are."""
        size, keeps = self.batch * self._sizes[node.index], node.layer.keeps
        by_name = {
            "output": self._kept_output(node.index),
            "places": self.places_bytes(node),
            "drawn": size * (keeps is Keeps.DRAWN),
            "made on the way": self.intermediate_bytes(node),
            "the loss": size * sum(output.node == node.index for output in self.network.outputs),
        }
        return {name: kept for name, kept in by_name.items() if kept}

    def _kept_output(self, index: int) -> int:
        """Bytes of an output that the backward pass reads, none of others."""
        where = self._late.get(index, index)
        return self.batch * self._sizes[where] if index in self._read_back else 0

    def room_bytes(self, node: Node) -> int:
        """Bytes that a convolution with a window computes in: its patches, or what they are cut to."""
        patches = self.batch * FLOAT_BYTES * cost_of(node.layer, node.input_shapes).patches
        if not patches:
            return 0
        weights = FLOAT_BYTES * sum(prod(weight.shape) for weight in node.weights.values())
        made = self.batch * self._sizes[node.index]
        given = self.batch * self._sizes[node.inputs[0]]
        return min(max(patches, made), max(ROOM_BYTES, given + made + weights))

    def places_bytes(self, node: Node) -> int:
        """Bytes of the places of a pool that its backward pass reads, none of another layer."""
        return self._bytes_of_places(node) if node.layer.keeps is Keeps.PLACES else 0

    def remembered_bytes(self, node: Node) -> int:
        """Bytes of the places that a node remembers; none unless a later layer needs them."""
        return self._bytes_of_places(node) if node.index in self._places else 0

    def _bytes_of_places(self, node: Node) -> int:
        return self.batch * place_bytes(node) * prod(node.output)

    def intermediate_bytes(self, node: Node) -> int:
        """Bytes of what a node makes on the way to its output, and its backward pass needs."""
        return self.batch * FLOAT_BYTES * cost_of(node.layer, node.input_shapes).intermediate

    @cached_property
    def _sizes(self) -> tuple[int, ...]:
        """For each node the bytes of its output, one sample."""
        return tuple([bytes_of(node.output) for node in self.network.nodes])

    @cached_property
    def _last_readers(self) -> list[int]:
        """For each node the last that reads its values; the node itself where none does."""
        last = list(range(len(self.network.nodes)))
        for node in self.network.nodes:
            for source in values_read(node):
                last[source] = node.index
        return last

    @cached_property
    def _read_back(self) -> dict[int, int]:
        """For each output that is kept the last step, going back, that reads it; of a view its source.

        The inputs and outputs of the network are kept to the end: 0.
        """
        nodes = self.network.nodes
        source = list(range(len(nodes)))
        for node in nodes:
            if node.layer.storage is Storage.VIEW:
                source[node.index] = source[node.inputs[0]]
        read = {source[output.node]: 0 for output in self.network.outputs}
        for node in nodes:
            own = (node.index,) if not node.inputs or node.layer.keeps.of_output else ()
            for index in (*own, *(values_read(node) if node.layer.keeps.of_input else ())):
                step = node.index if nodes[source[index]].inputs else 0
                read[source[index]] = min(read.get(source[index], step), step)
        return read

    @cached_property
    def _late(self) -> dict[int, int]:
        """For each activation that is computed behind the max pool which alone reads it, that pool."""
        nodes, readers = self.network.nodes, self.network.readers
        results = {output.node for output in self.network.outputs}
        return {
            node.index: readers[node.index][0]
            for node in nodes
            if node.layer.rises and len(readers[node.index]) == 1 and node.index not in results
            and nodes[readers[node.index][0]].word in MAX_POOLS
            and readers[node.index][0] not in self._places
        }  # fmt: skip

    def _backward_peak(self, saved: int, costs: Sequence[Cost]) -> int:
        """Most bytes in use at once going backward, the parameters' gradients and states apart.

        A gradient lives from the first reader that adds to it until its own layer has
        used it. What depends on no trained weight, as the input, has none.
        """
        trained: list[bool] = []
        for node, cost in zip(self.network.nodes, costs, strict=True):
            own = cost.params > cost.frozen
            trained.append(own or any(trained[source] for source in values_read(node)))
        sizes = [self.batch * size * moved for size, moved in zip(self._sizes, trained, strict=True)]
        opening: list[list[int]] = [[] for _ in sizes]
        for index, last in enumerate(self._last_readers):
            opening[last].append(index)
        closing: defaultdict[int, int] = defaultdict(int)
        for index, step in self._read_back.items():
            closing[step] += self._kept_output(index)
        in_use = peak = saved
        for node in reversed(self.network.nodes[1:]):
            ending, begun = sizes[node.index], [sizes[source] for source in opening[node.index]]
            if node.layer.storage is not Storage.OWN and ending in begun[:1]:
                ending, begun = 0, begun[1:]  # the gradient of the output becomes that of the input
            in_use += sum(begun)
            peak = max(peak, in_use + self.room_bytes(node))
            in_use -= ending + closing[node.index] + self.places_bytes(node) + self.intermediate_bytes(node)
            in_use -= self.batch * self._sizes[node.index] * (node.layer.keeps is Keeps.DRAWN)
        return peak

    @cached_property
    def _places(self) -> dict[int, int]:
        """For each node whose places are needed, the last node that needs them."""
        return {
            source: node.index
            for node in self.network.nodes
            for source in node.inputs[len(values_read(node)) :]
        }

    @cached_property
    def _oldest(self) -> tuple[int, ...]:
        """For each step, the first buffer that is still needed then or later: where to begin to look."""
        oldest = list(range(len(self.network.nodes) + 1))
        for opened, death in self._deaths.items():
            oldest[death] = min(oldest[death], opened)
        for step in range(len(oldest) - 2, -1, -1):
            oldest[step] = min(oldest[step], oldest[step + 1])
        return tuple(oldest)

    @property
    def _deaths(self) -> dict[int, int]:
        """For each buffer, the last step that needs it."""
        return self._shared[1]

    @cached_property
    def _shared(self) -> tuple[tuple[int, ...], dict[int, int]]:
        return _share(self.network, self._last_readers)

    @cached_property
    def _sweep(self) -> tuple[tuple[int, int], ...]:
        """(node index, bytes in use while it runs) for every node, in one pass."""
        (buffers, deaths), places, batch = self._shared, self._places, self.batch
        closing: defaultdict[int, int] = defaultdict(int)
        in_use, found = 0, []
        for index, node in enumerate(self.network.nodes):
            if index in places:
                size = self.remembered_bytes(node)
                in_use += size
                closing[places[index]] += size
            if buffers[index] == index:
                size = batch * self._sizes[index]
                in_use += size
                closing[deaths[index]] += size
            found.append((index, in_use))
            in_use -= closing.pop(index, 0)
        return tuple(found)


def known_optimizer(name: str | None) -> str | None:
    """The name itself; ValueError when an optimizer's state is not known."""
    if name is not None and name not in OPTIMIZER_STATES:
        raise ValueError(
            f"the memory of optimizer {name} is not known; known are {', '.join(OPTIMIZER_STATES)}"
        )
    return name


def optimizer_of(network: Network) -> str:
    """The recipe's optimizer by the name of its state; Adam without a recipe."""
    optimizer = getattr(network.recipe, "optimizer", None)
    kind = str(getattr(optimizer, "kind", "adam"))
    return WITH_MOMENTUM[kind] if getattr(optimizer, "momentum", 0.0) else kind


def values_read(node: Node) -> tuple[int, ...]:
    """The inputs whose values a node reads: not those it only refers to, as an unpool to its pool."""
    references = node.layer.references
    if not references or node.layer.reads_references:
        return node.inputs
    return node.inputs[: len(node.inputs) - len(references)]


def place_bytes(node: Node) -> int:
    """Bytes that hold the number of a tap in a pool's window."""
    window = node.layer.window(node.input_shapes)
    taps = prod(axis.kernel for axis in window if isinstance(axis, Slide))
    return next((size for size in (1, 2, 4) if taps <= 256**size), 8)


def _share(network: Network, last_readers: Sequence[int]) -> tuple[tuple[int, ...], dict[int, int]]:
    """For each node the buffer that its output lies in, and for each buffer the last step that needs it.

    A result of the network is needed to the end.
    """
    needed_until = list(last_readers)
    for output in network.outputs:
        needed_until[output.node] = len(network.nodes)
    buffers: list[int] = []
    deaths: dict[int, int] = {}
    for node in network.nodes:
        is_own, until = node.layer.storage is Storage.OWN, needed_until[node.index]
        buffer = node.index if is_own else _buffer(node, network, buffers, deaths)
        buffers.append(buffer)
        if until >= deaths.get(buffer, 0):
            deaths[buffer] = until
    return tuple(buffers), deaths


def _buffer(node: Node, network: Network, buffers: Sequence[int], deaths: Mapping[int, int]) -> int:
    """The buffer that the node's output lies in: an input's, or one of its own."""
    storage = node.layer.storage
    if storage is Storage.IN_PLACE:
        for source, shape in zip(node.inputs, node.input_shapes, strict=True):
            buffer = buffers[source]
            if network.nodes[buffer].inputs and shape == node.output and deaths[buffer] <= node.index:
                return buffer
    return buffers[node.inputs[0]] if storage.is_view else node.index

"""The validated network: a frozen graph in topological order.

Every spec, import and builder ends here, and every analysis, view and backend
begins here. The inputs come first; each later node names the nodes it reads.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import field
from functools import cached_property
from itertools import takewhile
from os import PathLike
from typing import TYPE_CHECKING, Any, ClassVar, Final, NamedTuple

from cnnspec.diagnostics import Diagnostic, nearest
from cnnspec.layers.base import Family, Layer, SampleShape, Shape, Shapes, Weight, show
from cnnspec.records import record
from cnnspec.text import Span
from cnnspec.upward import upward

if TYPE_CHECKING:
    from numpy.typing import DTypeLike

    from cnnspec.recipe.models import Recipe
    from cnnspec.upward import Model


class InputLayer(Layer):
    """The input itself: no operation, no weights; its shape is the node's."""

    word: ClassVar[str] = "input"
    family: ClassVar[Family] = Family.INPUT
    arity: ClassVar[tuple[int, int | None]] = (0, 0)


TIES: Final = {"dense": "dense", "conv": "upconv", "upconv": "conv"}
"""By the word of a layer, the word of those whose weight it can use transposed: see ``Node.tied``."""


class Group(NamedTuple):
    """A block instance, or one turn of a repeat, that a node lies in.

    ``turn`` counts from 0 within ``turns``; a block instance outside a repeat
    has ``turns`` 1. ``instance`` tells two groups of equal title apart.
    """

    title: str
    instance: int
    turn: int = 0
    turns: int = 1
    repeat: int | None = None
    """Equal for all turns of one repeat; None for a block instance."""

    def moved(self, by: int) -> Group:
        """The same group of what is numbered so much later."""
        repeat = None if self.repeat is None else self.repeat + by
        return self._replace(instance=self.instance + by, repeat=repeat)


@record
class Node:
    """One layer in its place."""

    index: int
    name: str
    layer: Layer
    inputs: tuple[int, ...]
    input_shapes: Shapes
    output: Shape
    span: Span | None = field(default=None, compare=False)
    path: tuple[str, ...] = ()
    groups: tuple[Group, ...] = ()
    """The enclosing groups, outermost first."""
    share: str | None = None
    """The layer whose weights it uses; None where it has its own, or none."""
    tied: str | None = None
    """The layer whose ``weight`` it uses transposed, with other arrays of its own."""

    @property
    def word(self) -> str:
        return self.layer.word

    @property
    def weights(self) -> dict[str, Weight]:
        """The layer's arrays by their full names, as ``conv1.weight``; another's names where it shares."""
        owner = self.share or self.name
        return {
            f"{self.tied if self.tied and weight.name == 'weight' else owner}.{weight.name}": weight
            for weight in self.layer.arrays(self.input_shapes)
        }

    def transposed(self, name: str) -> bool:
        """Whether its array of this full name is another's with the first two axes the other way round.

        Those of conv and upconv have them so already.
        """
        return self.tied is not None and TIES[self.word] == self.word and name == f"{self.tied}.weight"

    @property
    def own_weights(self) -> dict[str, Weight]:
        """Those of its arrays that are no other layer's: they are counted and stored with it."""
        if self.share:
            return {}
        return {
            name: weight for name, weight in self.weights.items() if not self.tied or weight.name != "weight"
        }

    @property
    def own_params(self) -> int:
        """Parameters that are counted with it."""
        if not (self.share or self.tied):
            return int(self.layer.params(self.input_shapes))
        return sum(int(weight.size) for weight in self.own_weights.values() if not weight.buffer)

    @property
    def sharing(self) -> str:
        """``share=a`` or ``tied=a``, as it is written; nothing where the weights are its own."""
        if self.share:
            return f"share={self.share}"
        return f"tied={self.tied}" if self.tied else ""

    def __repr__(self) -> str:
        flow = " + ".join(map(show, self.input_shapes))
        return f"<{self.name}: {self.word} {flow} -> {show(self.output)}>"


@record
class Output:
    """A result of the network: the main one is named ``output``, a side head by its name."""

    name: str
    node: int
    weight: float = 1.0


@record
class Network:
    """A network whose every shape is known and fits.

    The inputs, mostly one, are the first nodes.

    ``outputs`` lists the main output first, then the side heads. ``recipe`` is the
    validated ``train { }``, None without one (``training_recipe`` then has the
    defaults); ``expectations`` are the budgets as written.
    """

    name: str
    nodes: tuple[Node, ...]
    outputs: tuple[Output, ...]
    recipe: Recipe | None = None
    expectations: tuple[Any, ...] = ()
    warnings: tuple[Diagnostic, ...] = field(default=(), compare=False)

    @property
    def input(self) -> Shape:
        """The shape of the input; of the first, where there are several."""
        return self.nodes[0].output

    @cached_property
    def inputs(self) -> tuple[Node, ...]:
        """The inputs: one, named ``input``, or those that have names."""
        return tuple(takewhile(lambda node: not node.inputs, self.nodes))

    @property
    def sample(self) -> SampleShape:
        """What a sample is: the shape of the input, or by name those of several."""
        return self.input if len(self.inputs) == 1 else {node.name: node.output for node in self.inputs}

    @property
    def input_text(self) -> str:
        """``28x28x1``, or ``left 28x28x1, right 28x28x1``."""
        return show(self.sample)

    @property
    def output(self) -> Shape:
        return self.nodes[self.outputs[0].node].output

    def logits(self, output: Output | None = None, end: str = "softmax") -> Node:
        """The node before the softmax, or other ``end``, of an output (else the main one), or its own."""
        node = self.nodes[(output or self.outputs[0]).node]
        return self.nodes[node.inputs[0]] if end and node.word == end else node

    @property
    def layers(self) -> tuple[Node, ...]:
        """The nodes after the inputs."""
        return self.nodes[len(self.inputs) :]

    @cached_property
    def training_recipe(self) -> Recipe:
        """How it is trained: the recipe, or the default one."""
        from cnnspec.recipe.models import Recipe  # only those who train pay for it

        return self.recipe or Recipe()

    @cached_property
    def readers(self) -> tuple[tuple[int, ...], ...]:
        """For each node, the nodes that read it."""
        lists: list[list[int]] = [[] for _ in self.nodes]
        for node in self.nodes:
            for source in node.inputs:
                lists[source].append(node.index)
        return tuple(map(tuple, lists))

    @cached_property
    def weights(self) -> dict[str, Weight]:
        """All arrays by their full names, each once."""
        return {name: weight for node in self.layers for name, weight in node.own_weights.items()}

    @cached_property
    def by_name(self) -> dict[str, Node]:
        return {node.name: node for node in self.nodes}

    def __getitem__(self, name: str) -> Node:
        """The node of a name; KeyError, with the nearest name, when there is none."""
        if name not in self.by_name:
            guess = nearest(name, self.by_name)
            raise KeyError(f"no layer is called {name}" + (f"; did you mean {guess}?" if guess else ""))
        return self.by_name[name]

    def __repr__(self) -> str:
        name = f" {self.name}" if self.name else ""
        return f"<Network{name}: {self.input_text} -> {len(self.layers)} layers -> {show(self.output)}>"

    def _repr_html_(self) -> str:
        """The picture, for notebooks; the table where nothing can lay it out."""
        return str(upward("network_html")(self))

    def _repr_svg_(self) -> str | None:
        """The picture as SVG; None where nothing can lay it out."""
        drawn: str | None = upward("network_svg")(self)
        return drawn

    def draw(self, path: str | PathLike[str] | None = None, **options: Any) -> str:
        """The picture as SVG, written to ``path`` too; see ``cnnspec.draw``."""
        return str(upward("draw")(self, path, **options))

    def explain(self, layer: str | None = None, about: str | Sequence[str] = ()) -> Any:
        """Every number with its working, to be printed; see ``cnnspec.explain``."""
        return upward("explain")(self, layer, about)

    def diff(self, other: Network | str | PathLike[str]) -> Any:
        """What another network changes, to be printed; see ``cnnspec.diff``."""
        return upward("diff")(self, other)

    def quiz(
        self, count: int = 10, seed: int = 0, topics: Sequence[str] = (), level: str = "medium"
    ) -> tuple[Any, ...]:
        """Questions on its layers, each with its right answer and named wrong ones; see ``cnnspec.quiz``."""
        questions: tuple[Any, ...] = upward("quiz")(self, count=count, seed=seed, topics=topics, level=level)
        return questions

    def report(self, path: str | PathLike[str] | None = None) -> str:
        """One self-contained HTML page, written to ``path`` too; see ``cnnspec.report``."""
        return str(upward("report")(self, path))

    def build(
        self, seed: int | None = None, backend: str = "numpy", *,
        initial: str | None = None, dtype: DTypeLike = "float32", **options: Any,
    ) -> Model:  # fmt: skip
        """A model with fresh weights, that runs and trains on the backend ``numpy`` or ``torch``.

        On ``onnxruntime`` it predicts alone.

        ``seed`` fixes all that is random and ``initial`` how weights begin; the
        recipe says them where they are not given. ``options`` are the backend's: NumPy's
        ``kernels`` may be ``direct``, without Winograd's sums, ``winograd4``, with more of them,
        faster, to 1e-4, or ``reference``, the plain definitions, slowly; PyTorch's ``device``
        may be ``cpu``, ``cuda``, ``cuda:1``, ``mps`` or ``auto``, and ``bf16`` and ``compiled`` are
        for GPUs. The same seed gives both the same weights.
        Raises LayerError for an initialiser that is not known, ValueError for other kernels and
        backends, SpecError where PyTorch or the device is missing or has no words for a layer.
        """
        made: Model = upward("build")(self, seed, backend, initial=initial, dtype=dtype, **options)
        return made

"""The layers that another program's model leaves behind, its arrays, and what cannot be followed."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any, Final, TypeAlias

from cnnspec.binding.refusals import Refusal
from cnnspec.diagnostics import Diagnostic, LayerError, Severity
from cnnspec.layers.base import Shape
from cnnspec.layers.registry import LAYERS
from cnnspec.network.assemble import NamedLayer
from cnnspec.network.graph import Group
from cnnspec.network.made_layers import MadeLayer, completed, make_layer
from cnnspec.network.write import legal_name
from cnnspec.text import Span, nameless

BATCH: Final = 1_000_003
"""Stands for the number of samples where code is read: a prime, so that no view mixes it with other sizes."""
MOST_LAYERS: Final = 5_000
Sizes: TypeAlias = tuple[int, ...]


FAULTS: Final = (TypeError, ValueError, LookupError, ArithmeticError, AttributeError, AssertionError)
"""What reading a call may end in where its arguments fit nothing."""


class NotFollowed(Exception):
    """What the reader cannot follow, or the language cannot say; whoever knows the place adds it."""

    def __init__(
        self, message: str, *help: str, code: str = "code-not-followed", notes: tuple[str, ...] = ()
    ) -> None:
        super().__init__(message)
        self.message, self.help, self.code, self.notes = nameless(message), help, code, notes
        self.span: Span | None = None

    def diagnostic(self) -> Diagnostic:
        return Diagnostic(self.code, self.message, self.span, notes=self.notes, help=self.help)


@dataclass(frozen=True)
class ModelArray:
    """An array of the model by its name there, and a change of it on its way to ours."""

    key: str
    shape: Sizes
    turn: Callable[[Any], Any] | None = None
    init: str = ""
    """How its values begin, by our name; nothing where the code does not say."""
    frozen: bool = False
    value: float | None = None
    """What all of its values begin at, where the code says it."""
    tied: bool = False
    """Whether it is another layer's, used transposed."""
    given: str = ""
    """Its values as a spec says them, where the code gives them in our words."""
    parts: tuple[tuple[ModelArray, int, int], ...] = ()
    """Arrays, and rows of each from where to where, that this is one below the other."""

    def turned(self, turn: Callable[[Any], Any]) -> ModelArray:
        return replace(self, turn=turn)

    def values(self, arrays: Mapping[str, Any]) -> Any:
        import numpy as np

        if self.parts:
            return np.concatenate([one.values(arrays)[start:stop] for one, start, stop in self.parts])
        if self.key.startswith("="):
            return np.full(self.shape, float(self.key[1]), "float32")
        found = arrays[self.key]
        return found if self.turn is None else self.turn(found)


def _kept(word: str, weights: Mapping[str, ModelArray], used: Mapping[str, str]) -> dict[str, Any]:
    """What the arrays of a layer say of it: that they stay as they are, and how its own weight begins."""
    fields, found = LAYERS[word].model_fields, dict[str, Any]()
    for option, begins in (("init", "init"), ("weights", "given")):
        said = [getattr(one, begins) for one in weights.values() if not one.tied and one.key not in used]
        if any(said) and option in fields:
            found[option] = next(filter(None, said))
    if (
        weights
        and "frozen" in fields
        and all(one.frozen for key, one in weights.items() if not key.startswith("running"))
    ):
        found["frozen"] = True
    return found


def told(value: Any) -> str:
    """A value of the code as a message shows it."""
    values = value if isinstance(value, tuple | list) else [value]
    is_plain = all(isinstance(one, bool | int | float | str | tuple | list | None) for one in values)
    return nameless(repr(value))[:40] if is_plain else "what the code makes there"


def _said(word: str, options: Mapping[str, Any], refusal: Refusal) -> str:
    """Why a layer cannot have these options."""
    if refusal.option is None:
        return refusal.message(word, "these options")
    return refusal.message(f"{refusal.option} of {word}", told(options.get(refusal.option)))


class _Shapes(dict[str, Shape]):
    """Shapes by layer; raises NotFollowed for one that another stands for."""

    def __missing__(self, key: str) -> Shape:
        raise NotFollowed("the queries, keys or values of an attention are read otherwise too")


@dataclass
class Trace:
    """The layers so far, in order; ``here`` is where the model's code is, and ``scope`` the module."""

    parts: list[NamedLayer] = field(default_factory=list)
    shapes: dict[str, Shape] = field(default_factory=lambda: _Shapes())
    made: dict[str, MadeLayer] = field(default_factory=dict)
    inputs: dict[str, tuple[str, ...]] = field(default_factory=dict)
    weights: dict[str, ModelArray] = field(default_factory=dict)
    used: dict[str, str] = field(default_factory=dict)
    """Keys of parameters, and the layers that have them."""
    taken: set[str] = field(default_factory=lambda: {"input"})
    numbers: dict[str, int] = field(default_factory=dict)
    """By the word, the number that its next layer may have."""
    here: Span | None = None
    prefer: str = ""
    """The name for a layer that comes from a module of its own without weights."""
    scope: list[tuple[str, Group | None]] = field(default_factory=list)
    notes: list[Diagnostic] = field(default_factory=list)
    batch: int = BATCH
    pending: dict[str, Any] = field(default_factory=dict)
    """Layers that are made when the one behind them is known, which is a part of them."""

    def start(self, shapes: Mapping[str, Shape]) -> None:
        """The inputs by name: one is named ``input``."""
        self.shapes.update(shapes)
        self.taken |= set(shapes)

    def note(self, code: str, message: str, *help: str) -> None:
        if all(note.message != message for note in self.notes):
            self.notes.append(Diagnostic(code, message, self.here, Severity.NOTE, help=help))

    def add(
        self, word: str, inputs: Sequence[str], options: Mapping[str, Any] | None = None, name: str = "",
        weights: Mapping[str, ModelArray | None] | None = None, between: str | None = None,
    ) -> str:  # fmt: skip
        """A layer of ours; raises NotFollowed where it cannot be made, or does not take these shapes.

        ``between`` is the name, or none, of one that only brings a tensor into the order a layer reads.
        """
        if len(self.parts) >= MOST_LAYERS:
            raise NotFollowed(f"the model has more than {MOST_LAYERS:,} layers", code="network-too-large")
        owned = {key: one for key, one in (weights or {}).items() if one is not None}
        chosen = {**dict(options or {}), **_kept(word, owned, self.used)}
        made = make_layer(LAYERS[word], chosen)
        if not isinstance(made, MadeLayer):
            raise NotFollowed(_said(word, chosen, made[0]))
        if any(one in self.pending for one in inputs):
            raise NotFollowed("this attention has no linear layer right behind it, which ours has")
        shapes = tuple(self.shapes[one] for one in inputs)
        try:
            if made.layer.references:
                named = inputs[1:]
                made = completed(
                    made,
                    tuple((self.made[n].layer, tuple(self.shapes[i] for i in self.inputs[n])) for n in named),
                )
            shape = made.shape(shapes)
        except LayerError as error:
            raise self._misfit(error) from error
        label = self._label(word, name or (self.prefer if between is None else between))
        self.made[label], self.shapes[label], self.inputs[label] = made, shape, tuple(inputs)
        groups = tuple(group for _, group in self.scope if group)
        tied = self._tied([owned.pop(key) for key, one in [*owned.items()] if one.tied])
        share = self._shared(owned)
        self.parts.append(NamedLayer(label, made.layer, tuple(inputs), self.here, groups, share, tied))
        if share is None:
            for key, parameter in owned.items():
                self.used[parameter.key] = f"{label}.{key}"
                self.weights[f"{label}.{key}"] = parameter
        return label

    def owner_of(self, label: str) -> str:
        """The layer whose weights a layer uses."""
        return next((part.share or label for part in self.parts if part.name == label), label)

    def withdraw(self, labels: Sequence[str]) -> None:
        """Takes layers out that others stand for; raises NotFollowed where one is read otherwise too."""
        gone = set(labels)
        rest = [part for part in self.parts if part.name not in gone]
        if any(gone & {*part.inputs} or part.share in gone for part in rest):
            raise NotFollowed("the queries, keys or values of this attention are read otherwise too")
        self.parts = rest
        for label in gone & self.made.keys():
            for held in (self.made, self.shapes, self.inputs):
                del held[label]
            self.taken.discard(label)
        self.used = {key: name for key, name in self.used.items() if name.rpartition(".")[0] not in gone}
        self.weights = {n: one for n, one in self.weights.items() if n.rpartition(".")[0] not in gone}

    def _misfit(self, error: LayerError) -> NotFollowed:
        found = error.at(None)
        return NotFollowed(found.message, *found.help, code=found.code, notes=found.notes)

    def _tied(self, weights: Sequence[ModelArray]) -> str | None:
        """The layer whose weight these are, used transposed; None where there is none."""
        if lost := [one.key for one in weights if one.key not in self.used]:
            raise NotFollowed(f"{lost[0]} is used transposed before the layer that it belongs to")
        return next((self.used[one.key].removesuffix(".weight") for one in weights), None)

    def _shared(self, weights: Mapping[str, ModelArray]) -> str | None:
        """The layer whose weights these are already; None for new ones."""
        known = {key: self.used[one.key] for key, one in weights.items() if one.key in self.used}
        if not known:
            return None
        owners = {name.removesuffix(f".{key}") for key, name in known.items()}
        (owner,) = owners if len(owners) == 1 else ("",)
        if len(known) != len(weights) or any(name != f"{owner}.{key}" for key, name in known.items()):
            raise NotFollowed(
                f"{next(iter(weights.values())).key} is used by two layers, which share only some weights"
            )
        return owner

    def _label(self, word: str, name: str) -> str:
        if name and name not in self.taken:
            return legal_name(name, self.taken)
        prefix = f"{self.scope[-1][0]}." if self.scope and self.scope[-1][0] else ""
        number = self.numbers.get(prefix + word, 1)
        while legal_name(f"{prefix}{word}{number}", set()) in self.taken:
            number += 1
        self.numbers[prefix + word] = number + 1
        return legal_name(f"{prefix}{word}{number}", self.taken)

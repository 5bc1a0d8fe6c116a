"""The reference of the language's words: layers, and the settings of a recipe; made from their models."""

from __future__ import annotations

import inspect
from collections.abc import Iterable, Iterator
from dataclasses import replace
from functools import cache
from types import NoneType
from typing import Any, Final, Literal, get_args, get_origin

from cnnspec.diagnostics import any_of
from cnnspec.layers.base import AXES, AXIS_NAMES, Family, Shape
from cnnspec.layers.registry import LAYERS
from cnnspec.layers.writing import SIDES, SentenceModel, Unit, value_text
from cnnspec.network.graph import Node
from cnnspec.recipe.base import spec_with
from cnnspec.recipe.models import Recipe
from cnnspec.recipe.words import CHOICE_SYNONYMS, OPTION_SYNONYMS, SETTINGS, SYNONYMS, models_of
from cnnspec.records import record

FAMILIES: Final[dict[Family, str]] = {
    Family.CONV: "Convolution",
    Family.DENSE: "Fully connected",
    Family.ATTENTION: "Attention",
    Family.POOL: "Pooling",
    Family.ACTIVATION: "Activation",
    Family.NORM: "Normalisation",
    Family.ARITHMETIC: "Arithmetic",
    Family.DROPOUT: "Regularisation",
    Family.MERGE: "Merging branches",
    Family.RESHAPE: "Rearranging",
    Family.RESAMPLE: "Resampling",
}
WHOLE: Final = ("train", "recipe", "training", "fit")
"""Words that mean the recipe itself."""
SYNONYM_TABLES: Final = (SYNONYMS, OPTION_SYNONYMS, CHOICE_SYNONYMS)
MOST_WORDS: Final = 8
"""Words that an option's kind names one by one."""

# Entries ---------------------------------------------------------------------------


@record
class OptionEntry:
    """What there is to say about an option."""

    name: str
    kind: str
    default: str
    """``required`` where it must be given, nothing where leaving it out means something else."""
    meaning: str
    positional: bool

    @property
    def kind_and_default(self) -> str:
        if self.default == "required":
            return f"{self.kind}, required"
        return f"{self.kind} = {self.default}" if self.default else self.kind


@record
class WordEntry:
    """What there is to say about a layer, a setting, or one kind of a setting."""

    word: str
    kind: str
    """``adam``; empty where there is only one kind."""
    section: str
    """The title of a layer's family, or what a setting means."""
    summary: str
    """Empty for a setting of a single value."""
    details: str
    options: tuple[OptionEntry, ...]
    example: str
    spec: str
    """A one-line spec that the example stands in."""


def entry(model: type[SentenceModel], section: str) -> WordEntry:
    """The entry of a layer or a sentence of the recipe."""
    summary, _, details = inspect.cleandoc(model.__doc__ or "").replace("``", "").partition("\n\n")
    fields = model.option_fields()
    names = dict.fromkeys((*model.positional, *fields))
    word, _, kind = model.title().partition(" ")
    return WordEntry(
        word, kind, section, " ".join(summary.split()), " ".join(details.split()),
        tuple(folded(option_of(name, fields[name], name in model.positional)) for name in names),
        model.sentence(), model.spec(),
    )  # fmt: skip


def layer_entries() -> dict[str, WordEntry]:
    """The entry of each layer, in the order of the families."""
    order = list(FAMILIES)
    layers = sorted(LAYERS.values(), key=lambda layer: order.index(layer.family))
    return {layer.word: entry(layer, FAMILIES[layer.family]) for layer in layers}


def settings() -> Iterator[WordEntry]:
    """All sentences of a recipe, in its order."""
    for word, field in Recipe.model_fields.items():
        meaning = field.description or ""
        yield from (entry(model, meaning) for model in models_of(SETTINGS[word]))
        if SETTINGS[word] is None:
            example = f"{word} {(field.examples or ['?'])[0]}"
            yield WordEntry(
                word, "", meaning, "", "", (option_of(word, field, True),), example, spec_with(example)
            )


def find(word: str) -> tuple[WordEntry, ...]:
    """The sentences of the recipe that a word means: a setting, a kind, an option, a choice, or a synonym."""
    word = word.lower().replace("-", "_")
    entries = tuple(settings())
    ranks = list(zip(*map(_names, entries), strict=True))
    for meant in filter(None, (word, *(table.get(word) for table in SYNONYM_TABLES))):
        for names in ranks:
            if found := tuple(one for one, own in zip(entries, names, strict=True) if meant in own):
                return found
    return find(word.replace("_", "")) if "_" in word else ()


def known() -> set[str]:
    """Every word of a recipe, and those that others use."""
    own = (names for one in settings() for names in _names(one))
    return set(WHOLE).union(*SYNONYM_TABLES, *own)


def _names(one: WordEntry) -> tuple[set[str], ...]:
    """The words that lead to an entry: the setting, its kind, its options, the choices of their values."""
    model = SETTINGS[one.word]
    fields = model.model_fields if isinstance(model, type) else {one.word: Recipe.model_fields[one.word]}
    choices = {choice for field in fields.values() for choice in _literals(field.annotation)}
    return {one.word}, {one.kind} - {""}, {option.name for option in one.options}, choices


def _literals(annotation: Any) -> Iterator[str]:
    if get_origin(annotation) is Literal:
        yield from map(str, get_args(annotation))
    elif get_origin(annotation) is not None:
        for part in get_args(annotation):
            yield from _literals(part)


def option_of(name: str, field: Any, positional: bool) -> OptionEntry:
    """The entry of a model's field."""
    value = field.default
    default = "required" if field.is_required() else "" if value is None else value_text(value, name)
    return OptionEntry(name, kind_of(name, field), default, field.description or "", positional)


def folded(option: OptionEntry) -> OptionEntry:
    """A kind of very many words by some of them, and where the others are listed."""
    words = option.kind.replace(" or ", ", ").split(", ")
    if len(words) <= MOST_WORDS:
        return option
    some = ", ".join([word for word in words if "_" not in word][:4])
    return replace(option, kind=f"{some}, … ({len(words)} words: cnnspec layers {option.name})")


# Kinds -----------------------------------------------------------------------------

_PLAIN: Final = {bool: "yes or no", int: "whole number", float: "number", str: "text in quotes"}


def kind_of(name: str, field: Any) -> str:
    """What may be written, with its unit and bounds: ``size``, ``floor or ceil``, ``degrees, 0 to 180``."""
    return _kind(name, field.annotation, tuple(field.metadata))


def _kind(name: str, annotation: Any, limits: tuple[Any, ...]) -> str:
    if hasattr(annotation, "__metadata__"):
        return _kind(name, annotation.__origin__, (*annotation.__metadata__, *limits))
    origin, parts = get_origin(annotation), [part for part in get_args(annotation) if part is not NoneType]
    if origin is Literal:
        return any_of(map(str, parts))
    if origin is tuple:
        return "(number, …)" if float in map(_bare, parts) else "pixels" if name in SIDES else "size"
    if len(parts) == 1:
        return _kind(name, parts[0], limits)
    if parts:
        sizes_first = sorted(parts, key=lambda part: get_origin(_bare(part)) is Literal and name in SIDES)
        return any_of(word for part in sizes_first for word in _kind(name, _bare(part), ()).split(" or "))
    unit = next((str(item) for item in limits if isinstance(item, Unit)), _PLAIN[annotation])
    return ", ".join(filter(None, (unit, _bounds(limits, annotation is int))))


def _bare(annotation: Any) -> Any:
    """An annotation without its bounds."""
    return (
        getattr(annotation, "__origin__", annotation) if hasattr(annotation, "__metadata__") else annotation
    )


def _bounds(limits: Iterable[Any], whole: bool) -> str:
    """``0 to below 1``, ``1 or more``, ``above 0``."""
    names = ("gt", "ge", "lt", "le")
    found = {name: getattr(item, name) for item in limits for name in names if hasattr(item, name)}
    if whole and "gt" in found:
        found["ge"] = found.pop("gt") + 1
    low = f"{found['ge']:g}" if "ge" in found else f"above {found['gt']:g}" if "gt" in found else ""
    if "le" in found or "lt" in found:
        return f"{low} to {found['le']:g}" if "le" in found else f"{low} to below {found['lt']:g}"
    return f"{low} or more" if "ge" in found else low


# Laws ------------------------------------------------------------------------------


@cache
def laws(word: str) -> tuple[Node, tuple[tuple[str, str], ...]]:
    """The last layer of this word in its example, and its laws: (what, law)."""
    from cnnspec.analysis.cost import Laws
    from cnnspec.document import parse

    network = parse(LAYERS[word].spec())
    node = next(node for node in reversed(network.nodes) if node.word == word)
    found = Laws(node.layer, node.input_shapes)
    lines = list(zip(axis_titles(node.output), (axis.law() for axis in found.output), strict=True))
    for what in ("params", "buffers", "multiplies", "additions"):
        law = getattr(found, what)
        if law.value:
            lines.append((what, law.law()))
    lines += [(item.what, item.count.law()) for item in found.elementwise]
    return node, tuple(lines)


def axis_titles(shape: Shape) -> tuple[str, ...]:
    """``height, width, channels``; ``values`` of a vector."""
    if len(shape) == 1:
        return ("values",)
    return (*(AXIS_NAMES[name] for name in AXES[len(shape) - 1]), "channels")

"""The reference of the language's words, made from the layer models themselves."""

from __future__ import annotations

import inspect
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from functools import cache
from types import NoneType
from typing import Any, Final, Literal, get_args, get_origin

from cnnspec.layers.base import AXES, AXIS_NAMES, Family, Layer, Shape, show
from cnnspec.layers.registry import LAYERS, SYNONYMS
from cnnspec.layers.writing import SIDES, value_text
from cnnspec.network.graph import Node
from cnnspec.views.terminal.paint import PLAIN, Terminal, wrap

FAMILIES: Final[dict[Family, str]] = {
    Family.CONV: "Convolution",
    Family.DENSE: "Fully connected",
    Family.POOL: "Pooling",
    Family.ACTIVATION: "Activation",
    Family.NORM: "Normalisation",
    Family.DROPOUT: "Regularisation",
    Family.MERGE: "Merging branches",
    Family.RESHAPE: "Rearranging",
    Family.RESAMPLE: "Resampling",
}

MOST_WORDS: Final = 8
"""Words that an option's kind names one by one."""
WIDEST_KIND: Final = 32
"""Columns that a kind may take beside its meaning."""


@dataclass(frozen=True, slots=True)
class OptionEntry:
    name: str
    kind: str
    default: str
    """``required`` where it must be given, nothing where leaving it out means something else."""
    meaning: str
    positional: bool


@dataclass(frozen=True, slots=True)
class Entry:
    """All there is to say about one word."""

    word: str
    family: str
    summary: str
    details: str
    options: tuple[OptionEntry, ...]
    synonyms: tuple[str, ...]
    example: str


def entry(word: str) -> Entry:
    """The entry of a word of the roll; raises KeyError for any other."""
    layer = LAYERS[word]
    summary, _, details = inspect.cleandoc(layer.__doc__ or "").replace("``", "").partition("\n\n")
    return Entry(
        word,
        FAMILIES[layer.family],
        " ".join(summary.split()),
        " ".join(details.split()),
        tuple(_options(layer)),
        tuple(sorted(synonym for synonym, meant in SYNONYMS.items() if meant == word)),
        layer.spec(),
    )


def by_family() -> dict[str, list[Entry]]:
    """All entries under their family's title, in the order of the roll."""
    found: dict[str, list[Entry]] = {title: [] for title in FAMILIES.values()}
    for word in LAYERS:
        one = entry(word)
        found[one.family].append(one)
    return found


def _options(layer: type[Layer]) -> Iterable[OptionEntry]:
    """Positional ones first, then the layer's own, then those it shares with others."""
    own = [name for name in layer.model_fields if name in layer.__annotations__]
    shared = [name for name in layer.model_fields if name not in own]
    rest = [name for name in (*own, *shared) if name not in layer.positional]
    for name in (*layer.positional, *rest):
        field = layer.model_fields[name]
        if name in layer.derived:
            continue
        yield OptionEntry(
            name,
            _folded(name, kind_of(name, field.annotation)),
            "required" if field.is_required() else default_text(name, field.default),
            field.description or "",
            name in layer.positional,
        )


def _folded(name: str, kind: str) -> str:
    """A kind of very many words by some of them, and where the others are listed."""
    words = kind.replace(" or ", ", ").split(", ")
    if len(words) <= MOST_WORDS:
        return kind
    some = [word for word in words if "_" not in word][:4]
    return f"{', '.join(some)}, … ({len(words)} words: cnnspec layers {name})"


def default_text(name: str, value: Any) -> str:
    return "" if value is None else value_text(value, name)


def kind_of(name: str, annotation: Any) -> str:
    """What may be written: ``whole number``, ``size``, ``floor or ceil``."""
    if annotation in _PLAIN:
        return _PLAIN[annotation]
    origin, parts = get_origin(annotation), get_args(annotation)
    if origin is Literal:
        return any_of(map(str, parts))
    if origin is tuple:
        return "pixels" if name in SIDES else "size"
    if hasattr(annotation, "__metadata__"):
        return kind_of(name, parts[0])
    kinds: list[str] = []
    for part in sorted((part for part in parts if part is not NoneType), key=_is_choice):
        kinds += get_args(part) if _is_choice(part) else [kind_of(name, part)]
    return any_of(kinds) if kinds else "value"


_PLAIN: Final[dict[Any, str]] = {bool: "yes or no", int: "whole number", float: "number", str: "name"}


def _is_choice(annotation: Any) -> bool:
    return get_origin(annotation) is Literal


def any_of(words: Iterable[str]) -> str:
    *first, last = words
    return f"{', '.join(first)} or {last}" if first else last


@cache
def laws(word: str) -> tuple[Node, tuple[tuple[str, str], ...]]:
    """The example's last layer of this word, and its laws: (what, law)."""
    from cnnspec.analysis.cost import Laws
    from cnnspec.elaborate.spec import elaborate
    from cnnspec.syntax.parse import parse
    from cnnspec.text import Source

    network = elaborate(parse(Source("<example>", LAYERS[word].spec()))).network
    assert network is not None
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


def render_list(paper: Terminal = PLAIN) -> str:
    """Every word with its first sentence, family by family."""
    lines: list[str] = []
    longest = max(map(len, LAYERS)) + 2
    for title, entries in by_family().items():
        lines += ["", paper.paint(title, "bold")] if lines else [paper.paint(title, "bold")]
        for one in entries:
            lines += hanging(f"  {one.word}".ljust(longest + 2), one.summary, paper)
    lines += ["", "Options, laws and an example of one: cnnspec layers conv"]
    lines += ["The settings of a recipe: cnnspec layers train"]
    return "\n".join(lines) + "\n"


def render_entry(word: str, paper: Terminal = PLAIN) -> str:
    """One word: how it is written, its options, its laws, an example."""
    one = entry(word)
    lines = [paper.paint(" ".join((word, *_usage(one))), "bold"), ""]
    for paragraph in (one.summary, one.details):
        lines += wrap(paper.text(paragraph), paper.width) if paragraph else []
    if one.options:
        lines += ["", paper.paint("Options", "bold"), *option_lines(one.options, paper)]
    lines += ["", paper.paint("Laws", "bold"), *_law_lines(word, paper)]
    lines += ["", paper.paint("Try it", "bold"), f'  cnnspec explain -e "{one.example}"']
    if one.synonyms:
        lines += ["", *wrap(f"Elsewhere called {', '.join(one.synonyms[:8])}.", paper.width)]
    return "\n".join(lines) + "\n"


def _usage(one: Entry) -> list[str]:
    words = []
    for option in one.options:
        if option.positional:
            words.append(option.name.upper() if option.default == "required" else f"[{option.name.upper()}]")
        elif option.default == "required":
            words.append(f"{option.name}={option.kind}")
    return words


def option_lines(options: Sequence[OptionEntry], paper: Terminal) -> list[str]:
    """Name, kind and meaning side by side; the meaning below where a kind is long or the paper narrow."""
    names = max(len(option.name) for option in options)
    kinds = max((len(kind) for kind in map(_kind, options) if len(kind) <= WIDEST_KIND), default=0)
    beside = names + kinds + 30 <= paper.width
    lines = []
    for option in options:
        name, kind = f"  {option.name.ljust(names)}  ", _kind(option)
        if beside and len(kind) <= kinds:
            lines += hanging(f"{name}{kind.ljust(kinds)}  ", option.meaning, paper)
        else:
            lines += [*hanging(name, kind, paper), *hanging(" " * 6, option.meaning, paper)]
    return lines


def _kind(option: OptionEntry) -> str:
    if option.default == "required":
        return f"{option.kind}, required"
    return f"{option.kind} = {option.default}" if option.default else option.kind


def _law_lines(word: str, paper: Terminal) -> list[str]:
    node, found = laws(word)
    longest = max(len(what) for what, _ in found)
    inputs = " and ".join(show(shape) for shape in node.input_shapes)
    lines = [f"  {paper.text(f'{inputs} → {show(node.output)}')}"]
    for what, law in found:
        lines += hanging(f"  {what.ljust(longest)}  ", law, paper)
    return lines


def hanging(head: str, text: str, paper: Terminal) -> list[str]:
    """A head with its text beside it, later lines under the first."""
    first, *rest = wrap(paper.text(text), max(paper.width - len(head), 20))
    return [head + first, *(" " * len(head) + line for line in rest)]

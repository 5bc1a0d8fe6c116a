"""The reference of ``train { }``, made from the models of its sentences."""

from __future__ import annotations

import inspect
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from types import NoneType
from typing import Any, Final, Literal, get_args, get_origin

from cnnspec.recipe.base import Setting, Unit
from cnnspec.recipe.models import Recipe
from cnnspec.recipe.words import CHOICE_SYNONYMS, OPTION_SYNONYMS, SETTINGS, SYNONYMS
from cnnspec.views.reference import OptionEntry, any_of, default_text, hanging, option_lines
from cnnspec.views.terminal.paint import PLAIN, Terminal, wrap

WHOLE: Final = ("train", "recipe", "training", "fit")
"""Words that mean the recipe itself."""
HEADING: Final = (
    "The recipe of a training: a setting a line, in any order; each may be left out, and is then what stands "
    "after =, or off."
)
SHOWN: Final = 8
"""Choices that the list of all settings names."""
RECIPE: Final = """\
train {
  data mnist validation=0.1
  optimizer adam rate=0.002
  schedule cosine warmup=0.5
  augment shift=2 rotate=10
  batch 64
  epochs 10
  stop patience=3
}"""


@dataclass(frozen=True, slots=True)
class SettingEntry:
    """A sentence of the recipe; ``kind`` is empty where it has only one."""

    word: str
    kind: str
    meaning: str
    summary: str
    details: str
    options: tuple[OptionEntry, ...]
    example: str
    beside: str = ""

    @property
    def spec(self) -> str:
        """The example in the shortest spec that it can stand in."""
        sentences = "; ".join(filter(None, (self.beside, self.example)))
        return f"input 28x28x1; flatten; dense 10 -> softmax; train {{ {sentences} }}"


def settings() -> Iterator[SettingEntry]:
    """All sentences, in the order of the recipe."""
    for word, entry in SETTINGS.items():
        if isinstance(entry, dict):
            yield from (_sentence(word, kind, model) for kind, model in entry.items())
        elif entry is not None:
            yield _sentence(word, "", entry)
        else:
            yield _value(word)


def find(word: str) -> tuple[SettingEntry, ...]:
    """The sentences that a word means: a setting, a kind, an option, a choice, or what others call them."""
    word = word.lower().replace("-", "_")
    for meant in (word, *(table.get(word, "") for table in (SYNONYMS, OPTION_SYNONYMS, CHOICE_SYNONYMS))):
        for words in (_words, _kinds, _options, _choices):
            if found := tuple(one for one in settings() if meant and meant in words(one)):
                return found
    return find(word.replace("_", "")) if "_" in word else ()


def known() -> set[str]:
    """Every word of a recipe, and those that others use."""
    own = (words(one) for one in settings() for words in (_words, _kinds, _options, _choices))
    return set(WHOLE).union(SYNONYMS, OPTION_SYNONYMS, CHOICE_SYNONYMS, *own)


# Entries ---------------------------------------------------------------------------


def _sentence(word: str, kind: str, model: type[Setting]) -> SettingEntry:
    summary, _, details = inspect.cleandoc(model.__doc__ or "").replace("``", "").partition("\n\n")
    shared = [name for name in model.model_fields if name not in model.__annotations__]
    own = [name for name in model.model_fields if name in model.__annotations__]
    rest = [name for name in (*own, *shared) if name not in model.positional]
    names = (*model.positional, *rest) if not kind else [*model.positional, *(n for n in rest if n != "kind")]
    return SettingEntry(
        word, kind, Recipe.model_fields[word].description or "",
        " ".join(summary.split()), " ".join(details.split()),
        tuple(_option(name, model.model_fields[name], name in model.positional) for name in names),
        model.example, model.beside,
    )  # fmt: skip


def _value(word: str) -> SettingEntry:
    field = Recipe.model_fields[word]
    meaning = field.description or ""
    example = f"{word} {(field.examples or ['?'])[0]}"
    return SettingEntry(word, "", meaning, "", "", (_option(word, field, True),), example)


def _option(name: str, field: Any, positional: bool) -> OptionEntry:
    text = default_text(name, field.default)
    return OptionEntry(name, kind_of(field), text, field.description or "", positional)


def kind_of(field: Any) -> str:
    """What may be written, with its unit and bounds: ``degrees, 0 to 180``."""
    return _kind(field.annotation, tuple(field.metadata))


def _kind(annotation: Any, limits: tuple[Any, ...]) -> str:
    if hasattr(annotation, "__metadata__"):
        return _kind(annotation.__origin__, (*annotation.__metadata__, *limits))
    if get_origin(annotation) is Literal:
        return any_of(map(str, get_args(annotation)))
    parts = [part for part in get_args(annotation) if part is not NoneType]
    if len(parts) == 1:
        return _kind(parts[0], limits)
    if parts:
        return any_of(map(_part, parts))
    unit = next((str(item) for item in limits if isinstance(item, Unit)), _PLAIN[annotation])
    return ", ".join(filter(None, (unit, _bounds(limits, annotation is int))))


_PLAIN: Final = {bool: "yes or no", int: "whole number", float: "number", str: "text in quotes"}


def _part(annotation: Any) -> str:
    """One of several kinds, without its bounds."""
    if get_origin(annotation) is tuple:
        return "(number, …)"
    return _kind(
        getattr(annotation, "__origin__", annotation) if hasattr(annotation, "__metadata__") else annotation,
        (),
    )


def _bounds(limits: Iterable[Any], whole: bool) -> str:
    """``0 to below 1``, ``1 or more``, ``above 0``."""
    found = {
        name: getattr(item, name)
        for item in limits
        for name in ("gt", "ge", "lt", "le")
        if hasattr(item, name)
    }
    if whole and "gt" in found:
        found["ge"] = found.pop("gt") + 1
    low = f"{found['ge']:g}" if "ge" in found else f"above {found['gt']:g}" if "gt" in found else ""
    if "le" in found or "lt" in found:
        return f"{low} to {found['le']:g}" if "le" in found else f"{low} to below {found['lt']:g}"
    return f"{low} or more" if "ge" in found else low


# Words -------------------------------------------------------------------------------


def _words(one: SettingEntry) -> set[str]:
    return {one.word}


def _kinds(one: SettingEntry) -> set[str]:
    return {one.kind} - {""}


def _options(one: SettingEntry) -> set[str]:
    return {option.name for option in one.options}


def _choices(one: SettingEntry) -> set[str]:
    """Names that may be given as a value: ``fashion_mnist``, ``glorot``, ``balanced``."""
    model = SETTINGS[one.word]
    fields = model.model_fields if isinstance(model, type) else {one.word: Recipe.model_fields[one.word]}
    return {choice for field in fields.values() for choice in _literals(field.annotation)}


def _literals(annotation: Any) -> Iterator[str]:
    if get_origin(annotation) is Literal:
        yield from map(str, get_args(annotation))
    elif get_origin(annotation) is not None:
        for part in get_args(annotation):
            yield from _literals(part)


# Pages -------------------------------------------------------------------------------


def render_recipe(paper: Terminal = PLAIN) -> str:
    """Every setting in a line or two, and a recipe."""
    lines = [paper.paint("train { }", "bold"), ""]
    lines += wrap(paper.text(HEADING), paper.width)
    lines += ["", paper.paint("Settings", "bold"), *option_lines([_listed(word) for word in SETTINGS], paper)]
    lines += ["", paper.paint("A recipe", "bold"), *(f"  {line}" for line in RECIPE.splitlines())]
    lines += ["", "All of one setting: cnnspec layers augment"]
    return "\n".join(lines) + "\n"


def _listed(word: str) -> OptionEntry:
    """A setting as a line of the list."""
    entry, field = SETTINGS[word], Recipe.model_fields[word]
    meaning = field.description or ""
    if isinstance(entry, dict):
        return OptionEntry(word, any_of(entry), field.default.kind, meaning, True)
    if entry is None:
        kind = kind_of(field)
        choices = kind.split(", ")
        short = ", ".join([*choices[:3], "…"]) if len(choices) > SHOWN else kind
        return OptionEntry(word, short, default_text(word, field.default), meaning, True)
    if not entry.positional:
        return OptionEntry(word, "options", "", meaning, True)
    first = entry.model_fields[entry.positional[0]]
    default = "" if field.default is None else default_text(word, first.default)
    return OptionEntry(word, kind_of(first), default, meaning, True)


def render_setting(word: str, paper: Terminal = PLAIN) -> str:
    """The sentences that a word means, each with its options and an example."""
    found = find(word)
    lines: list[str] = []
    if len(found) > 1:
        lines += [
            paper.paint(found[0].word, "bold"),
            *wrap(paper.text(_capital(found[0].meaning)), paper.width),
            "",
        ]
    for one in found:
        lines += [*_page(one, paper), ""]
    one = found[0]
    lines += [paper.paint("Try it", "bold"), f'  cnnspec train -e "{one.spec}"']
    return "\n".join(lines) + "\n"


def _page(one: SettingEntry, paper: Terminal) -> list[str]:
    heading = " ".join(filter(None, (one.word, one.kind, *_usage(one))))
    lines = [paper.paint(heading, "bold")]
    for paragraph in (one.summary or _capital(one.meaning), one.details):
        lines += wrap(paper.text(paragraph), paper.width) if paragraph else []
    if one.summary:
        lines += option_lines(one.options, paper) if one.options else []
    else:
        lines += hanging("  VALUE  ", _with_default(one.options[0]), paper)
    return [*lines, f"  {paper.paint('for example', 'dim')}  {paper.text(one.example)}"]


def _with_default(option: OptionEntry) -> str:
    return f"{option.kind} = {option.default}" if option.default else option.kind


def _usage(one: SettingEntry) -> Iterator[str]:
    """The values that need no name; a setting of one value must have it."""
    for option in one.options:
        if option.positional:
            yield f"[{option.name.upper()}]" if one.summary else "VALUE"


def _capital(text: str) -> str:
    return f"{text[:1].upper()}{text[1:]}{'' if text.endswith('.') else '.'}"

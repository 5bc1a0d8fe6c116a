"""The reference as pages of text: a list of all layers, a page for each, and the same for the recipe."""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import Final

from cnnspec.diagnostics import any_of
from cnnspec.layers.base import show
from cnnspec.layers.registry import LAYERS, SYNONYMS
from cnnspec.recipe.models import Recipe
from cnnspec.recipe.words import SETTINGS
from cnnspec.views.reference import OptionEntry, WordEntry, find, folded, laws, layer_entries, option_of
from cnnspec.views.sentences import SentenceEntry, block_entries, part_entries, sentence_entries
from cnnspec.views.terminal.paint import PLAIN, Terminal, hanging, wrap

HEADING: Final = (
    "The recipe of a training: one setting per line, in any order. A setting that is left out has the value "
    "after =, or is off."
)
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
WIDEST_KIND: Final = 33
"""Columns that a kind may take beside its meaning."""


def render_layers(terminal: Terminal = PLAIN) -> str:
    """Every layer with its first sentence, family by family; then the blocks and the sentences."""
    lines: list[str] = []
    longest, section = max(map(len, (*LAYERS, *block_entries()))) + 2, ""
    for word, one in layer_entries().items():
        if one.section != section:
            lines += ["", terminal.paint(one.section, "bold")]
        lines += hanging(f"  {word}".ljust(longest + 2), one.summary, terminal)
        section = one.section
    entries = {"Blocks that every spec may use": block_entries(), "Sentences": sentence_entries()}
    entries["Parts of sentences"] = part_entries()
    for title, told in entries.items():
        lines += ["", terminal.paint(title, "bold")]
        for word, each in told.items():
            first = re.split(r"(?<=\.) (?=[A-Z])", each.meaning)[0]
            lines += hanging(f"  {word}".ljust(longest + 2), first, terminal)
    lines += ["", "All of one word, with an example: cnnspec layers repeat"]
    lines += ["The settings of a recipe: cnnspec layers train"]
    return "\n".join(lines[1:]) + "\n"


def render_layer(word: str, terminal: Terminal = PLAIN) -> str:
    """One layer: how it is written, its options, its laws, an example."""
    one = layer_entries()[word]
    lines = [*_head(one, terminal), *_paragraphs(one.summary, one.details, terminal)]
    lines.insert(1, "")
    if one.options:
        lines += ["", terminal.paint("Options", "bold"), *option_lines(one.options, terminal)]
    lines += ["", terminal.paint("Laws", "bold"), *_law_lines(word, terminal)]
    lines += ["", terminal.paint("Try it", "bold"), f'  cnnspec explain -e "{one.spec}"']
    synonyms = sorted(synonym for synonym, meant in SYNONYMS.items() if meant == word)[:8]
    if synonyms:
        lines += ["", *wrap(f"Elsewhere called {', '.join(synonyms)}.", terminal.width)]
    return "\n".join(lines) + "\n"


def render_sentence(one: SentenceEntry, terminal: Terminal = PLAIN) -> str:
    """A sentence of the language, or a block: how it is written, what it means, an example."""
    lines = [terminal.paint(one.usage, "bold"), "", *_paragraphs(one.meaning, "", terminal)]
    if one.text:
        lines += [
            "",
            terminal.paint("It stands for", "bold"),
            *(f"  {line}" for line in one.text.splitlines()),
        ]
    lines += ["", terminal.paint("Try it", "bold"), *_command("analyze", one.spec, terminal)]
    return "\n".join(lines) + "\n"


def _command(verb: str, spec: str, terminal: Terminal) -> list[str]:
    """A command with a spec, which goes on several lines where one is too narrow."""
    if not spec:
        return ["  cnnspec examples googlenet --copy"]
    line = f'  cnnspec {verb} -e "{spec}"'
    if len(line) <= terminal.width:
        return [line]
    first, *rest = re.split(r"; (?![^{]*\})", f'{spec}"')
    return [f'  cnnspec {verb} -e "{first}', *(f"    {sentence}" for sentence in rest)]


def render_recipe(terminal: Terminal = PLAIN) -> str:
    """Every setting in a line or two, and a recipe."""
    settings = option_lines([_summed_up(word) for word in SETTINGS], terminal)
    lines = [terminal.paint("train { }", "bold"), "", *_paragraphs(HEADING, "", terminal)]
    lines += ["", terminal.paint("Settings", "bold"), *settings]
    lines += ["", terminal.paint("A recipe", "bold"), *(f"  {line}" for line in RECIPE.splitlines())]
    lines += ["", "All of one setting: cnnspec layers augment"]
    return "\n".join(lines) + "\n"


def _summed_up(word: str) -> OptionEntry:
    """A setting as a line of the list."""
    kinds, field = SETTINGS[word], Recipe.model_fields[word]
    meaning = field.description or ""
    if isinstance(kinds, dict):
        return OptionEntry(word, any_of(kinds), getattr(field.default, "kind", ""), meaning, True)
    if kinds is None:
        return folded(option_of(word, field, True))
    if not kinds.positional:
        return OptionEntry(word, "options", "", meaning, True)
    first = option_of(kinds.positional[0], kinds.model_fields[kinds.positional[0]], True)
    default = "" if field.default is None else first.default
    return OptionEntry(word, first.kind, default, meaning, True)


def render_setting(word: str, terminal: Terminal = PLAIN) -> str:
    """The sentences that a word means, each with its options and an example."""
    found = find(word)
    lines: list[str] = []
    if len(found) > 1:
        lines += [
            terminal.paint(found[0].word, "bold"),
            *_paragraphs(_capital(found[0].section), "", terminal),
            "",
        ]
    for one in found:
        lines += [*_setting_lines(one, terminal), ""]
    lines += [terminal.paint("Try it", "bold"), f'  cnnspec train -e "{found[0].spec}"']
    return "\n".join(lines) + "\n"


def _setting_lines(one: WordEntry, terminal: Terminal) -> list[str]:
    lines = [*_head(one, terminal), *_paragraphs(one.summary or _capital(one.section), one.details, terminal)]
    if one.summary:
        lines += option_lines(one.options, terminal)
    else:
        lines += hanging("  VALUE  ", one.options[0].kind_and_default, terminal)
    return [*lines, f"  {terminal.paint('for example', 'dim')}  {terminal.text(one.example)}"]


def _head(one: WordEntry, terminal: Terminal) -> list[str]:
    """How it is written: ``conv FILTERS KERNEL``."""
    words = [one.word, one.kind]
    for option in one.options:
        name = option.name.upper() if one.summary else "VALUE"
        needed = option.default == "required" or not one.summary
        if option.positional:
            words.append(name if needed else f"[{name}]")
        elif needed:
            words.append(f"{option.name}={option.kind}")
    return [terminal.paint(" ".join(filter(None, words)), "bold")]


def _paragraphs(summary: str, details: str, terminal: Terminal) -> list[str]:
    texts = filter(None, (summary, details))
    return [line for text in texts for line in wrap(terminal.text(text), terminal.width)]


def option_lines(options: Sequence[OptionEntry], terminal: Terminal) -> list[str]:
    """Name, kind and meaning side by side; the meaning below where a kind is long or the page narrow."""
    names = max((len(option.name) for option in options), default=0)
    lengths = [len(option.kind_and_default) for option in options]
    kinds = max((length for length in lengths if length <= WIDEST_KIND), default=0)
    beside = names + kinds + 30 <= terminal.width
    lines = []
    for option in options:
        name, kind = f"  {option.name.ljust(names)}  ", option.kind_and_default
        if beside and len(kind) <= kinds:
            lines += hanging(f"{name}{kind.ljust(kinds)}  ", option.meaning, terminal)
        else:
            lines += [*hanging(name, kind, terminal), *hanging(" " * 6, option.meaning, terminal)]
    return lines


def _law_lines(word: str, terminal: Terminal) -> list[str]:
    node, found = laws(word)
    longest = max(len(what) for what, _ in found)
    inputs = " and ".join(show(shape) for shape in node.input_shapes)
    lines = [f"  {terminal.text(f'{inputs} → {show(node.output)}')}"]
    for what, law in found:
        lines += hanging(f"  {what.ljust(longest)}  ", law, terminal)
    return lines


def _capital(text: str) -> str:
    return f"{text[:1].upper()}{text[1:]}{'' if text.endswith('.') else '.'}"

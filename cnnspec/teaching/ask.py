"""Plain questions of the common forms, answered by the calculator: a table of forms, no more."""

from __future__ import annotations

import re
from collections.abc import Callable
from difflib import SequenceMatcher
from typing import Final

from cnnspec.analysis.report import Analysis, Row, analyze
from cnnspec.analysis.solve.search import solve
from cnnspec.diagnostics import SpecError, surely
from cnnspec.document import load, parse
from cnnspec.layers.base import show
from cnnspec.layers.registry import LAYERS, SYNONYMS
from cnnspec.layers.writing import sentence
from cnnspec.records import record
from cnnspec.resources import example_names
from cnnspec.syntax.parse import parse_tolerant
from cnnspec.teaching.spoken import SPOKEN, spec_of
from cnnspec.text import Source
from cnnspec.views.terminal import explain
from cnnspec.views.terminal.paint import PLAIN, Terminal, in_bytes
from cnnspec.views.workings import board


@record
class PlainAnswer:
    """The answer in a sentence, its working, and the command that gives both."""

    text: str
    working: str
    command: str


class NotUnderstood(ValueError):
    """A question of none of the forms; the message lists them, the nearest first."""


# What is asked for -----------------------------------------------------------------


@record
class Quantity:
    """Something that is computed of a layer: how it is asked for, and how it is told."""

    topic: str
    """That ``cnnspec explain --about`` knows; a column's name besides."""
    words: re.Pattern[str]
    unit: str
    of: Callable[[Row], int]

    def told(self, row: Row) -> str:
        if self.topic == "shape":
            return show(row.output)
        if self.topic == "receptive-field":
            return show(row.receptive_field.size) if row.receptive_field else "all of the input"
        count = self.of(row)
        return f"{in_bytes(count)}" if self.topic == "memory" else f"{count:,}"


def _field(row: Row) -> int:
    return max(row.receptive_field.size) if row.receptive_field else 0


def _values(row: Row) -> int:
    count = 1
    for size in row.output:
        count *= size
    return count


def _quantity(topic: str, words: str, unit: str, of: Callable[[Row], int]) -> Quantity:
    return Quantity(topic, re.compile(rf"\b(?:{words})"), unit, of)


QUANTITIES: Final = (
    _quantity("receptive-field", "receptive|field|pixels .*\\bsee", "pixels of receptive field", _field),
    _quantity("memory", "memory|bytes|megabytes|mb\\b|storage|space", "of memory",
              lambda row: 4 * _values(row)),
    _quantity("multiplies", "multipl|macs?\\b|flops|operations|computation|compute", "multiplications",
              lambda row: row.multiplies),
    _quantity("params", "param|weights|learn|train", "parameters", lambda row: row.params),
    _quantity("shape", "output|size|shape|dimension|large|big|comes out|values", "values", _values),
)  # fmt: skip
"""In the order in which they are looked for: "the size of the receptive field" asks for the field."""

FORMS: Final = (
    "how many parameters has conv 16 3x3 on 32x32x3",
    "what is the output size of maxpool 2x2 on 28x28x6",
    "how many multiplications has conv 64 3x3 stride 2 padding 1 on 224x224x3",
    "which padding keeps the size of 28x28x1 with conv 6 5x5",
    "how many parameters has vgg16",
    "how many parameters has conv2 of lenet",
    "what is the receptive field of conv2 of lenet",
    "which layer of lenet has most parameters",
    "how much memory does vgg16 need",
    "how many layers has resnet50",
)
"""Examples of what is understood."""
ASKED: Final = (
    "weights", "multiplies", "flops", "macs", "operations", "shape", "dimensions", "network", "input",
    "image", "large", "learn", "train",
)  # fmt: skip
"""Other words of questions, that are known as they are."""

# The forms ---------------------------------------------------------------------------


def ask(question: str, terminal: Terminal = PLAIN) -> PlainAnswer:
    """The answer to a question of one of the forms.

    Raises NotUnderstood for any other, SpecError for a layer that does not fit its input.
    """
    text = _plain(question)
    found = _answered(text, terminal)
    if found is None:
        raise NotUnderstood(_help(question, _meant(text)))
    return found


def _answered(text: str, terminal: Terminal) -> PlainAnswer | None:
    words = (word.replace("-", "") for word in text.split())
    names = list(dict.fromkeys(word for word in words if word in example_names()))
    quantity = next((one for one in QUANTITIES if one.words.search(text)), None)
    if len(names) > 1:
        return _of_several(names, quantity, terminal)
    if names:
        return _of_network(text, names[0], quantity, terminal)
    return _padding(text, terminal) or _of_layer(text, quantity, terminal)


def _plain(question: str) -> str:
    """Small letters, 3x3 for 3 × 3, no signs but those of numbers."""
    text = re.sub(r"(?<=\d)\s*[x×]\s*(?=\d)", "x", question.lower())
    text = re.sub(r"[?!:\"'“”]|,(?!\d{3})|\.(?!\d)", " ", text)
    return re.sub(r"\s+", " ", text).strip()


def _meant(text: str) -> str | None:
    """The question with words that nothing knows put right; None where it is not understood then either."""
    known = (*example_names(), *LAYERS, *SYNONYMS, *SPOKEN, *" ".join(FORMS).split(), *ASKED)
    right = " ".join(
        (word[0].isalpha() and len(word) > 3 and word not in known and surely(word, known)) or word
        for word in text.split()
    )
    try:
        return right if right != text and _answered(right, PLAIN) else None
    except (NotUnderstood, SpecError):
        return right


def _help(question: str, meant: str | None) -> str:
    likeness = {form: SequenceMatcher(None, _plain(question), form).ratio() for form in FORMS}
    nearest = sorted(FORMS, key=likeness.__getitem__, reverse=True)
    guess = f'did you mean "{meant}"? Other questions are:' if meant else "Ask as in:"
    told = f'"{question}" is not understood{";" if meant else "."} {guess}'
    return "\n".join([told, *(f"  {form}" for form in nearest)])


# A network by its name -----------------------------------------------------------------

_MOST: Final = re.compile(r"\b(most|largest|biggest|highest|greatest|fewest|least|smallest|lowest)\b")


def _of_several(names: list[str], quantity: Quantity | None, terminal: Terminal) -> PlainAnswer | None:
    """Each network's answer, in the order of the question; the command sets them side by side."""
    if quantity is None:
        return None
    told = [_whole(analyze(load(name)), name, quantity, terminal).text for name in names]
    return PlainAnswer(" ".join(told), "", f"cnnspec compare {' '.join(names)}")


def _of_network(text: str, name: str, quantity: Quantity | None, terminal: Terminal) -> PlainAnswer | None:
    analysis = analyze(load(name))
    if re.search(r"\bhow many layers\b", text):
        return PlainAnswer(f"{name} has {len(analysis.rows):,} layers.", "", f"cnnspec analyze {name}")
    if quantity is None or (quantity.topic == "shape" and _OF_PADDING.search(text)):
        return None
    if most := _MOST.search(text):
        return _extreme(analysis, name, quantity, most[1], terminal)
    rows = _named(text, analysis)
    if not rows:
        _refuse_missing(text, name, analysis)
        if quantity.topic == "shape" and not _OF_OUTPUT.search(text):
            return _sizes(analysis, name, terminal)
        return _whole(analysis, name, quantity, terminal)
    others = f" So named are also {', '.join(row.name for row in rows[1:4])}." if len(rows) > 1 else ""
    told = f"{rows[0].name} of {name}: {_told(quantity, rows[0])}.{others}"
    return _explained(told, analysis, rows[0], quantity, f"{name} {rows[0].name}", terminal)


def _named(text: str, analysis: Analysis) -> tuple[Row, ...]:
    """The layer that the question names, as conv2 or stage1.basic1.conv1."""
    return next((found for word in text.split() if (found := _rows(word, analysis))), ())


_OF_PADDING: Final = re.compile(r"\b(?:which|what|how much|how many) padding\b|\bpadding (?:for|that|to)\b")
_OF_OUTPUT: Final = re.compile(r"\b(?:output|shape|dimension|comes out|values|last)")
_LAYER: Final = re.compile(r"(?:[\w]+\.)*([a-z_]+)\d+")


def _refuse_missing(text: str, name: str, analysis: Analysis) -> None:
    """Raises NotUnderstood for a layer that the network does not have: the whole is not what was asked."""
    for word in text.split():
        if (layer := _LAYER.fullmatch(word)) and layer[1] in LAYERS:
            kind = [row.name for row in analysis.rows if row.name.rpartition(".")[2].startswith(layer[1])]
            known = kind or [row.name for row in analysis.rows]
            some = ", ".join(known[:8]) + (", …" if len(known) > 8 else "")
            raise NotUnderstood(f"{name} has no layer {word}; it has {some} (cnnspec analyze {name})")


def _sizes(analysis: Analysis, name: str, terminal: Terminal) -> PlainAnswer:
    """How large a network is: parameters and memory."""
    params, memory = (one for topic in ("params", "memory") for one in QUANTITIES if one.topic == topic)
    told = (_whole(analysis, name, one, terminal).text for one in (params, memory))
    return PlainAnswer(" ".join(told), "", f"cnnspec analyze {name}")


def _rows(word: str, analysis: Analysis) -> tuple[Row, ...]:
    return tuple(row for row in analysis.rows if row.name == word or row.name.endswith(f".{word}"))


def _extreme(analysis: Analysis, name: str, quantity: Quantity, most: str, terminal: Terminal) -> PlainAnswer:
    wanted = min if most in ("fewest", "least", "smallest", "lowest") else max
    rows = [row for row in analysis.rows if quantity.of(row)] or list(analysis.rows)
    row = wanted(rows, key=quantity.of)
    equal = [one.name for one in rows if quantity.of(one) == quantity.of(row)]
    others = f", as have {', '.join(equal[1:4])}" if len(equal) > 1 else ""
    of = " (of those that have any)" if wanted is min and len(rows) < len(analysis.rows) else ""
    told = f"{row.name} ({sentence(row.node.layer)}) has the {most}{of}: {_told(quantity, row)}{others}."
    return _explained(told, analysis, row, quantity, f"{name} {row.name}", terminal)


def _whole(analysis: Analysis, name: str, quantity: Quantity, terminal: Terminal) -> PlainAnswer:
    """The totals, with the layers that have most of them."""
    totals, command = analysis.totals, f"cnnspec analyze {name}"
    if quantity.topic in ("params", "multiplies"):
        count = getattr(totals, quantity.topic)
        largest = sorted(analysis.rows, key=quantity.of, reverse=True)[:3]
        parts = [
            f"  {row.name}  {quantity.of(row):,} ({quantity.of(row) / max(count, 1):.0%})" for row in largest
        ]
        working = "\n".join(["most of them in", *parts])
        flops = f", {totals.flops:,} flops in all" if quantity.topic == "multiplies" else ""
        return PlainAnswer(f"{name} has {count:,} {quantity.unit}{flops}.", working, command)
    if quantity.topic == "memory":
        told = (
            f"{name} needs {in_bytes(totals.weight_bytes)} for its weights and "
            f"{in_bytes(totals.activation_bytes)} for all outputs of one sample; "
            f"{in_bytes(totals.training_bytes)} to train."
        )
        return PlainAnswer(told, "", command)
    maps = [row for row in analysis.rows if row.receptive_field]
    row = maps[-1] if quantity.topic == "receptive-field" and maps else analysis.rows[-1]
    told = (
        f"The last layer of {name} {'that has a map ' if row is not analysis.rows[-1] else ''}is {row.name}: "
    )
    return _explained(
        f"{told}{_told(quantity, row)}.", analysis, row, quantity, f"{name} {row.name}", terminal
    )


# A layer with its input ------------------------------------------------------------------


def _of_layer(text: str, quantity: Quantity | None, terminal: Terminal) -> PlainAnswer | None:
    """``conv 16 3x3 on 32x32x3``, in the language's words or as people say it."""
    spec = spec_of(text)
    if spec is None or quantity is None:
        return None
    analysis = analyze(parse(spec))
    row = analysis.rows[-1]
    told = f"{sentence(row.node.layer)} on {show(row.inputs[0])}: {_told(quantity, row)}."
    return _explained(told, analysis, row, quantity, f'-e "{spec}" {row.name}', terminal)


def _padding(text: str, terminal: Terminal) -> PlainAnswer | None:
    """Which padding keeps a size, or gives another."""
    if not _OF_PADDING.search(text):
        return None
    gives = re.search(r"\b(?:gives?|to get|to reach)\s+(\d{1,9})x(\d{1,9})\b", text)
    spec = spec_of((text[: gives.start()] + text[gives.end() :]) if gives else re.sub(r"\bsame\b", "", text))
    if spec is None:
        return None
    spec = re.sub(r" padding=\w+", "", spec)
    filters = analyze(parse(spec)).rows[-1].output[-1]
    sides = parse(spec).inputs[0].output[:-1] if gives is None else (int(gives[1]), int(gives[2]))
    asked = f"{spec} padding=? => {show((*sides, filters))}"
    command = f'cnnspec solve -e "{asked}"'
    solutions = solve([(parse_tolerant(Source("<question>", asked))[0], None)]).solutions
    if not solutions:
        return PlainAnswer(f"No usual padding gives {show(sides)}.", "", command)
    padding = solutions[0][0]
    analysis = analyze(parse(f"{spec} padding={padding}"))
    working = explain.render(board(analysis, analysis.rows[-1:], ("shape",)), terminal)
    return PlainAnswer(f"Padding {padding} on every side gives {show(sides)}.", working, command)


# Telling ---------------------------------------------------------------------------------


def _told(quantity: Quantity, row: Row) -> str:
    told = quantity.told(row)
    return _TOLD.get(quantity.topic, f"{{}} {quantity.unit}").format(told)


_TOLD: Final = {
    "shape": "an output of {}",
    "receptive-field": "a receptive field of {}",
    "memory": "{} for its output",
}


def _explained(
    told: str, analysis: Analysis, row: Row, quantity: Quantity, spec: str, terminal: Terminal
) -> PlainAnswer:
    working = explain.render(board(analysis, (row,), (quantity.topic,)), terminal)
    return PlainAnswer(told, working, f"cnnspec explain {spec} --about {quantity.topic}")

"""What the sentences of the language mean, and the blocks that every spec may use; each with an example."""

from __future__ import annotations

from functools import cache
from typing import Final

from cnnspec.elaborate.blocks import prelude
from cnnspec.network.expectation import FIGURES
from cnnspec.records import record
from cnnspec.syntax.keywords import FORMS
from cnnspec.syntax.parse import comments

MEANINGS: Final = {
    "network": "The name of the network, shown in tables and pictures.",
    "input": "What flows in: height x width x channels. One axis with 4 channels is 64x4, a vector 784; "
    "layers reach it as input. Several inputs have names, and each chain begins with from.",
    "let": "A constant, given once in a file or block. In a repeat each turn gives it anew, from the value "
    "of the turn before, and the last value stays. What a path or a head names is known there alone.",
    "block": "Several layers under one word. A parameter with a value may be left out; labels and constants "
    "inside are the block's own. A parameter may be a word: a layer or block that stands inside under the "
    "parameter's name. A block may use itself where a condition ends it. Behind a label, share=LABEL gives "
    "another use of the block, or another layer of the kind, the same weights.",
    "repeat": "The same layers several times. It is as if they were written one after the other, each with "
    "weights of its own; tables and pictures fold turns that are equal to ×N. as i names the number of the "
    "turn, from 0.",
    "if": "Layers that are there or not. It is decided when the network is built, from constants, "
    "parameters, and C, H and W: the channels, height and width of what flows in there. Another if "
    "may follow else.",
    "from": "Carries on from a labelled layer above it, or from an input.",
    "head": "An extra output, as GoogLeNet has two. The chain goes on as if it were not there; weight is the "
    "share of its loss in the training.",
    "use": "The blocks and constants of a file beside the spec. The example googlenet has such a file.",
    "expect": f"A budget, checked by cnnspec check. It may speak of {', '.join(FIGURES)}.",
    "train": "How the network is trained. Its settings are told by cnnspec layers train.",
}
"""What each sentence means: in a line, then more."""
EXAMPLES: Final = {
    "network": "network Small; input 28x28x1; conv 6 5x5",
    "input": "input left 28x28x1; input right 28x28x1; from left; conv 1 3x3 padding=1; concat right",
    "let": "input 64x4; let d = 1; repeat 4 { conv 4 2 dilation=d; let d = 2*d }",
    "block": "block unit n stride=1 { conv n 3x3 stride=stride }; input 28x28x1; unit 8; unit 16 stride=2",
    "repeat": "input 28x28x1; repeat 3 { conv 8 3x3 padding=1 -> relu }",
    "if": "input 28x28x8; if C != 16 { conv 16 1x1 } else { identity }",
    "from": "input 28x28x1; stem: conv 8 3x3; left: relu; from stem; tanh; concat left",
    "head": "input 28x28x1; conv 8 3x3; head side weight=0.3 { flatten; dense 10 }; flatten; dense 10",
    "use": "",
    "expect": "input 28x28x1; conv 6 5x5; expect params <= 62k",
    "train": "input 28x28x1; flatten; dense 10; train { data mnist; epochs 5 }",
}
"""Specs that the sentences stand in; ``use`` needs a file beside it."""


@record
class SentenceEntry:
    """A sentence of the language, or a block that every spec may use."""

    word: str
    usage: str
    meaning: str
    spec: str
    """Short, and complete; empty where a file is needed beside it."""
    text: str = ""
    """All of a block."""


@cache
def sentence_entries() -> dict[str, SentenceEntry]:
    return {word: SentenceEntry(word, FORMS[word], told, EXAMPLES[word]) for word, told in MEANINGS.items()}


@cache
def block_entries() -> dict[str, SentenceEntry]:
    """The blocks of the prelude that have a comment before them."""
    found = {}
    for word, definition in prelude().blocks.items():
        span = definition.block.span
        before = (each for each in comments(span.source) if span.line - 3 < each.span.line < span.line)
        meaning, spec, *_ = [*(each.text.lstrip("# ") for each in before), "", ""]
        if spec:
            found[word] = SentenceEntry(word, definition.signature.usage, meaning, spec, span.text)
    return found

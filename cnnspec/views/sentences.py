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
    "label": "Names the one layer, or use of a block, behind it. Merges, from, share and tied find it by "
    "that name, tables and pictures show it.",
    "chain": "Feeds the result onward, as a new line and ; do. A line may begin with it.",
    "=>": "A claim: the shape that the layer or block is to give. A wrong one is an error that shows the "
    "working.",
    "?": "A number that is solved from a claimed shape or a budget; cnnspec solve shows all solutions.",
    "|": "Begins a path inside the braces of a merge. All paths begin at the same place; an empty one is the "
    "identity.",
    "share": "Uses the weights of another layer, or of another use of the same block. They are counted once, "
    "moved by the sum of their gradients, and saved once.",
    "tied": "Uses a weight the other way round: a dense that of a dense transposed, an upconv that of a "
    "conv, a conv that of an upconv. A bias is its own.",
    "as": "Names the number of a repeat's turn, from 0.",
    "else": "What is there where the condition before it does not hold.",
    "expression": "A number that is worked out: + - * // % ** (// leaves the rest out, % is the rest, ** a "
    "power), comparisons, and, or, not, parentheses; names of let and of parameters; C, H and W, the "
    "channels, height and width of what flows in there.",
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
    "label": "input 28x28x1; stem: conv 8 3x3 padding=1; relu; add stem",
    "chain": "input 28x28x1; conv 6 5x5 -> relu -> maxpool 2x2",
    "=>": "input 14x14x6; conv 16 5x5 => 10x10x16",
    "?": "input 28x28x1; conv 6 5x5 padding=? => 28x28x6",
    "|": "input 28x28x8; concat { | conv 8 1x1 | conv 8 3x3 padding=1 -> relu }",
    "share": "input 9x9x4; a: conv 4 3x3 padding=1; repeat 2 { relu -> conv 4 3x3 padding=1 share=a }",
    "tied": "input 784; enc: dense 32 -> relu; dense 784 tied=enc",
    "as": "input 64x8; repeat 4 as i { conv 8 2 dilation=2**i padding=(2**i, 0) }",
    "else": "input 28x28x8; if C > 16 { relu } else if H > 20 { conv 16 1x1 } else { identity }",
    "expression": "input 28x28x8; let width = 2**4; conv width // 2 + C 3x3",
}
"""Specs that the sentences stand in; ``use`` needs a file beside it."""


PARTS: Final = {
    "label": "conv1: conv 6 5x5",
    "chain": "conv 6 5x5 -> relu",
    "=>": "conv 16 5x5 => 10x10x16",
    "?": "conv 6 5x5 padding=? => 28x28x6",
    "|": "add { | conv 8 3x3 padding=1 | }",
    "share": "conv 16 3x3 share=LABEL",
    "tied": "dense 784 tied=LABEL",
    "as": "repeat 6 as i { conv 8 2 dilation=2**i }",
    "else": "if C != 16 { conv 16 1x1 } else { identity }",
    "expression": "conv 2*width + 1 3x3",
}
"""Parts of sentences, each as it may look."""
PART_OF: Final = {
    **dict.fromkeys(("+", "*", "/", "//", "%", "**", "and", "or", "not", "c", "h", "w"), "expression"),
    ":": "label", "labels": "label", "arrow": "chain", ";": "chain", "claim": "=>", "unknown": "?",
    "bar": "|", "bars": "|", "path": "|", "branches": "|", "shared": "share", "sharing": "share",
    "tie": "tied", "expressions": "expression",
}  # fmt: skip
"""Other words and signs for them."""


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
    return {word: SentenceEntry(word, form, MEANINGS[word], EXAMPLES[word]) for word, form in FORMS.items()}


@cache
def part_entries() -> dict[str, SentenceEntry]:
    return {word: SentenceEntry(word, form, MEANINGS[word], EXAMPLES[word]) for word, form in PARTS.items()}


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

"""Shipped specs, broken in every way a hand, a disk or a prankster would break them."""

from __future__ import annotations

import re
from collections.abc import Callable
from random import Random
from typing import Final, TypeAlias

from cnnspec.layers.registry import LAYERS, SYNONYMS
from cnnspec.resources import example_names, example_text
from cnnspec.syntax.keywords import FORMS

Mutation: TypeAlias = Callable[[str, Random], str]

TOKENS: Final = re.compile(r"\s+|\w+|->|=>|//|[<>=!]=|.", re.DOTALL)
NUMBER: Final = re.compile(r"\d+(\.\d+)?")
LONGEST: Final = 260_000
"""Characters of a mutated spec: somewhat more than are read."""

NUMBERS: Final = (
    "0", "1", "2", "3", "7", "-1", "0.5", "1.5", "1e999", "1e-999", "999999999", "1000000", "10M", "1G",
    "1000G", "10000000000000000", "2147483648", "9" * 400, "0x10", "1_000", "١٢", "²", "1e5", "64k",
    "00000", "00", "1000000000", "1000000000000000", "50000", "65537", "+5", "--3", ".5", "5.", "1e",
    "1x", "x1",
)  # fmt: skip
SIZES: Final = (
    "0x0", "1x1", "1x1000000", "1000000x1", "1000000x1000000x3", "99999x99999x99999x99999", "3x3x3",
    "1x1x1x1x1", "?x?", "3x?", "?x?x?", "7x7", "224x224x3", "1x2x3x4", "30000x30000x3", "2x2x1000000",
    "101x101", "99999x3",
)  # fmt: skip
OPTIONS: Final = (
    "padding", "stride", "dilation", "groups", "bias", "rounding", "kernel", "to", "place", "mode",
    "rate", "output_padding", "count_padding", "epsilon", "momentum", "alpha", "axis", "sources",
    "from", "scale", "size", "align", "share", "frozen", "weight", "filters", "units", "multiplier",
    "table", "factor", "initial",
)  # fmt: skip
VALUES: Final = (
    "same", "valid", "full", "ceil", "floor", "yes", "no", "?", "C", "H", "W", "D", "-1", "(1, 2)",
    "(1, 2, 3, 4)", "(0, 0)", "()", "(?, ?)", '"text"', '""', "same+1", "not yes", "1 < 2", "((((1))))",
    "C // 0", "C % 0", "1000000000", "10**9", "input", "zeros", "reflect", "bilinear", "nearest",
    "bed_of_nails", "1.5", "99999",
)  # fmt: skip
FRAGMENTS: Final = (
    "repeat 1000000000 { relu }", "repeat 0 { relu }", "repeat -1 { relu }", "repeat 3 { maxpool 2x2 }",
    "add { | | }", "concat { | | | }", "multiply { }", "add { | conv C 3x3 padding=same | }", "add {",
    "}", "{", "|", "block a { a }", "a", "block b x y=x { b x }", "use \"../../../etc/passwd\"",
    "use \"\"", "use \"/dev/zero\"", "use \"blocks/resnet.cnn\"", "head aux { dense 10 }",
    "head aux { head aux { relu } }", "from input", "from nowhere",
    "if C == 3 { relu } else if H > 2 { tanh } else { }", "if ? { relu }", "let C = 3", "let n = n",
    "let n = 10M*10M*10M", "expect params <= 62k", "expect ? == ?",
    "expect params + multiplies * -3 // 0 < output", "expect output == 10", "train { }",
    "train { data mnist; epochs -1; batch 0; optimizer sgd rate=1e999 }", "train { train { } }",
    "input 28x28x1", "input 0x0x0", "input ?x?x3", "input 1000000x1000000x3", "network", "network x",
    "network \"x\"", "conv 6 5x5 padding=? => 28x28x6", "conv ? 3x3 => ?x?x?", "dense ? => 10",
    "=> 1x1x1", "-> -> ->", ";;;", "#", "# why", "conv 99999 99999x99999 padding=99999",
    "conv 3 3x3 dilation=1000000 padding=same", "maxpool 1000x1000 stride=1 padding=500",
    "avgpool 3x3 stride=1000000", "upsample 1000", "upconv 64 1000x1000 stride=1000", "reshape 1x1x1",
    "reshape ?", "lrn 99999999", "groupnorm 0", "shuffle 0", "slice 0 0", "crop 99999", "pad -5",
    "unpool nowhere", "layernorm", "conv 8 3 groups=C", "depthwise 3x3 multiplier=1000000",
    "globalavgpool", "flatten", "softmax", "dropout 2", "dropout ?",
    "repeat 200 { conv 8 3x3 padding=same }", "repeat 40 { add { | relu | } }",
    "repeat 9 { concat { | relu | } }", "repeat 100 { conv C 31x31 padding=15 dilation=9 }",
    "repeat 50 { upsample 2 }", "else { }", "else", "(((", ")))", "1 + + 1", "\"", "?", "?: conv 3",
    "a.b.c: relu", "input: relu", "x: x: relu",
)  # fmt: skip
STRANGE: Final = (
    "\0", "\r", "\r\n", "\ufeff", "\u202e", "\u200b", "\u2028", "\u0085", "\x0b", "\x0c", "\x1b[31m",
    "é", "e\u0301", "卷积", "👩‍👩‍👧", "𝐜𝐨𝐧𝐯", "×", "−", "–", "“", "”", "‘", "≤", "→", "\ud800", "\udfff",
    "\uffff", "\U0010ffff", "ﬁ", "½", "İ", "ß", "\t", "\xa0", "、", "；", "（", "１２",
)  # fmt: skip


BRACES: Final = (
    ("repeat 1 {", "}"), ("add { |", "| }"), ("if 1 == 1 {", "}"), ("let q = (", ")"), ("head h {", "}"),
    ("let q = -", ""), ("let q = not ", ""), ("repeat 2 {", "}"), ("concat { | relu |", "}"), ("{", ""),
    ("", "}"),
)  # fmt: skip


def _tokens(text: str) -> list[str]:
    return TOKENS.findall(text)


def _part(items: list[str], random: Random, most: int = 40) -> tuple[int, int]:
    start = random.randrange(len(items) + 1)
    return start, min(len(items), start + random.randrange(1, most))


def splice(text: str, random: Random) -> str:
    """A run of another spec, in the place of a run of this one."""
    ours, theirs = _tokens(text), _tokens(some_spec(random))
    a, b = _part(ours, random)
    c, d = _part(theirs, random)
    return "".join([*ours[:a], *theirs[c:d], *ours[b:]])


def delete(text: str, random: Random) -> str:
    tokens = _tokens(text)
    a, b = _part(tokens, random, random.choice((2, 3, 10, 100)))
    return "".join([*tokens[:a], *tokens[b:]])


def delete_lines(text: str, random: Random) -> str:
    lines = text.splitlines(keepends=True)
    a, b = _part(lines, random, 8)
    return "".join([*lines[:a], *lines[b:]])


def duplicate(text: str, random: Random) -> str:
    tokens = _tokens(text)
    a, b = _part(tokens, random, random.choice((2, 8, 60)))
    return "".join([*tokens[:b], *tokens[a:b] * random.choice((1, 1, 2, 5, 50)), *tokens[b:]])


def swap_lines(text: str, random: Random) -> str:
    lines = text.splitlines(keepends=True) or [""]
    a, b = random.randrange(len(lines)), random.randrange(len(lines))
    lines[a], lines[b] = lines[b], lines[a]
    return "".join(lines)


def other_number(text: str, random: Random) -> str:
    found = list(NUMBER.finditer(text))
    if not found:
        return text
    match = random.choice(found)
    return text[: match.start()] + random.choice(NUMBERS) + text[match.end() :]


def question(text: str, random: Random) -> str:
    """``?`` in the place of numbers: of one, of some, of all."""
    share = random.choice((0.05, 0.05, 0.3, 1.0))
    return NUMBER.sub(lambda match: "?" if random.random() < share else match[0], text)


def strange(text: str, random: Random) -> str:
    at = random.randrange(len(text) + 1)
    return text[:at] + random.choice(STRANGE) * random.choice((1, 1, 3, 200)) + text[at:]


def bytes_flipped(text: str, random: Random) -> str:
    """As a file is read whose encoding is another, or whose bytes were spoilt."""
    data = bytearray(text.encode("utf-8", "surrogatepass"))
    for _ in range(min(len(data), random.choice((1, 4, 30)))):
        data[random.randrange(len(data))] = random.randrange(256)
    encoding = random.choice(("latin-1", "utf-8", "utf-16-le", "cp1252", "utf-7"))
    return bytes(data).decode(encoding, "replace")


def other_word(text: str, random: Random) -> str:
    tokens = _tokens(text)
    places = [n for n, token in enumerate(tokens) if token.isidentifier()]
    if places:
        tokens[random.choice(places)] = random.choice(WORDS)
    return "".join(tokens)


def misspell(text: str, random: Random) -> str:
    at = random.randrange(len(text) + 1)
    return text[:at] + random.choice(("", chr(random.randrange(32, 127)))) + text[at + 1 :]


def option(text: str, random: Random) -> str:
    """An option that may not be one, behind a sentence."""
    lines = text.splitlines() or [""]
    at = random.randrange(len(lines))
    value = random.choice((*VALUES, *NUMBERS, *SIZES))
    lines[at] += f" {random.choice(OPTIONS)}={value}" * random.choice((1, 1, 1, 2))
    return "\n".join(lines)


def fragment(text: str, random: Random) -> str:
    lines = text.splitlines() or [""]
    at = random.randrange(len(lines) + 1)
    return "\n".join([*lines[:at], random.choice(FRAGMENTS), *lines[at:]])


def other_size(text: str, random: Random) -> str:
    found = list(re.finditer(r"\d+(x\d+)+", text))
    if not found:
        return text
    match = random.choice(found)
    return text[: match.start()] + random.choice(SIZES) + text[match.end() :]


def nest(text: str, random: Random) -> str:
    """Many braces, bars or brackets round a run of lines."""
    lines = text.splitlines() or [""]
    a, b = _part(lines, random, 6)
    opening, closing = random.choice(BRACES)
    depth = random.choice((1, 3, 15, 60, 150, 5000))
    return "\n".join([*lines[:a], opening * depth, *lines[a:b], closing * depth, *lines[b:]])


def long_run(text: str, random: Random) -> str:
    """One thing very often."""
    tokens = _tokens(text) or ["relu"]
    what = random.choice(
        (random.choice(tokens), random.choice(FRAGMENTS) + "\n", "a: relu\n", " x=1", "(", '"', "-> relu",
         "\n", "?", "?x", "let q=?\n")
    )  # fmt: skip
    at = random.randrange(len(text) + 1)
    return text[:at] + what * random.choice((30, 300, 3000, 30_000)) + text[at:]


def fewer(text: str, random: Random) -> str:
    """The first lines alone."""
    lines = text.splitlines(keepends=True)
    return "".join(lines[: random.randrange(len(lines) + 1)])


WORDS: Final = tuple(
    dict.fromkeys((*LAYERS, *SYNONYMS, *FORMS, *OPTIONS, "C", "H", "W", "D", "yes", "no", "input"))
)
MUTATIONS: Final[tuple[Mutation, ...]] = (
    splice, splice, delete, delete_lines, duplicate, swap_lines, other_number, other_number, question,
    strange, bytes_flipped, other_word, other_word, misspell, misspell, option, option, fragment,
    fragment, fragment, other_size, other_size, nest, long_run, fewer,
)  # fmt: skip


def some_spec(random: Random) -> str:
    return example_text(random.choice(example_names()))


def mutant(seed: int) -> str:
    """The broken spec of a number; always the same one."""
    random = Random(seed)
    return mutated(some_spec(random), random)


def mutated(text: str, random: Random) -> str:
    """A text, broken a few times over."""
    for _ in range(random.choice((1, 1, 1, 1, 2, 2, 3, 5))):
        text = random.choice(MUTATIONS)(text, random)
        if len(text) > LONGEST:
            text = text[:LONGEST]
    return text

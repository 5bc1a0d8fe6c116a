"""Specs out of nothing: networks as hands may write them, layers gone too far, any sentence of the grammar.

All by a number: ``generated(7)`` is always the same text.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Iterator
from functools import cache
from random import Random
from typing import Any, Final

from lark import Lark

from cnnspec.layers.registry import LAYERS
from cnnspec.resources import folder

from .far import far
from .mutants import NUMBERS, OPTIONS, SIZES, VALUES, mutated

DEEPEST: Final = 12
"""Rules within rules, after which the shortest ways out are taken."""
LONGEST: Final = 60_000
FAR: Final = 0.02
"""The share of networks that go as far as they can; they take most of the time."""


def generated(number: int) -> str:
    """The spec of a number; one in eight is spoilt by a mutation, too."""
    random = Random(f"generated {number}")
    source = random.random()
    text = far(random) if source < 0.1 else sentences(random) if source < 0.3 else Networks(random).text()
    return mutated(text, random)[:LONGEST] if random.random() < 0.12 else text[:LONGEST]


# Any sentence of the grammar ------------------------------------------------------------


@cache
def _grammar() -> tuple[dict[str, list[list[Any]]], dict[str, float]]:
    """The ways to write each rule, and how deep the shortest of them is."""
    lark = Lark((folder("grammar") / "cnnspec.lark").read_text("utf-8"), parser="lalr", keep_all_tokens=True)
    ways: dict[str, list[list[Any]]] = defaultdict(list)
    for rule in lark.rules:
        ways[str(rule.origin.name)].append(list(rule.expansion))
    depth: dict[str, float] = dict.fromkeys(ways, float("inf"))
    for _ in ways:
        for name, choices in ways.items():
            depth[name] = 1 + min(_deep(choice, depth) for choice in choices)
    return ways, depth


def _deep(choice: list[Any], depth: dict[str, float]) -> float:
    return max((0.0 if symbol.is_term else depth[str(symbol.name)] for symbol in choice), default=0.0)


def sentences(random: Random, start: str = "start") -> str:
    """Random text by the rules of the grammar, whatever it means."""
    ways, depth = _grammar()
    out: list[str] = []
    stack: list[tuple[str, bool, int]] = [(start, False, 0)]
    while stack:
        name, is_term, level = stack.pop()
        if is_term:
            out.append(_terminal(name, random))
            continue
        choices = ways[name]
        if level > DEEPEST or len(stack) > 400:
            least = min(_deep(choice, depth) for choice in choices)
            choices = [choice for choice in choices if _deep(choice, depth) == least]
        stack += [
            (str(symbol.name), symbol.is_term, level + 1) for symbol in reversed(random.choice(choices))
        ]
    return " ".join(out)


def _terminal(name: str, random: Random) -> str:
    words: dict[str, Callable[[], str]] = {
        "LABEL": lambda: f"{random.choice('abcd')}{random.randrange(4)}:",
        "OPTION": lambda: f"{random.choice(OPTIONS)}=",
        "NAME": lambda: random.choice((*LAYERS, "a", "b", "C", "width", "data", "optimizer", "epochs")),
        "SIZE": lambda: random.choice(SIZES), "NUMBER": lambda: random.choice((*NUMBERS[:8], "8", "16")),
        "STRING": lambda: random.choice(('"blocks/resnet.cnn"', '"x"', '""')), "UNKNOWN": lambda: "?",
        "COMPARISON": lambda: random.choice(("==", "<=", ">", "!=")), "PLUS": lambda: "+",
        "MINUS": lambda: "-", "POWER": lambda: "**", "_AS": lambda: "as",
        "TIMES": lambda: random.choice(("*", "//", "%")), "LPAR": lambda: "(",
        "RPAR": lambda: ")", "LBRACE": lambda: "{", "RBRACE": lambda: "}", "BAR": lambda: "|",
        "_CLAIM": lambda: "=>", "_COMMA": lambda: ",", "_ARROW": lambda: "->", "_ELSE": lambda: "else",
        "_NEXT": lambda: random.choice(("\n", ";")),
    }  # fmt: skip
    return words[name]() if name in words else name.lower()


# Networks -------------------------------------------------------------------------------


class Networks:
    """Writes one network; sizes mostly fit, so that much of it comes to be built."""

    def __init__(self, random: Random) -> None:
        self.random = random
        self.lets: list[str] = []
        self.blocks: list[str] = []
        self.labels: list[str] = []
        self.tame = random.random() < 0.6
        """Whether all is meant to fit."""
        self.unknown = 0.0 if self.tame and random.random() < 0.7 else random.choice((0.0, 0.02, 0.2, 0.8))
        self.far = random.random() < FAR
        """Whether it may be wide, long or deep beyond measure; most faults show in small networks, sooner."""
        self.wide = random.choice((1, 2, 2, 2, 2, 2, 2, 3, 3, 5, 30) if self.far else (1, 2, 2, 2, 3))
        self.long = random.choice((1, 1, 2, 2, 2, 3, 3, 4, 8, 40) if self.far else (1, 1, 2, 2, 3))

    def text(self) -> str:
        parts = [*self._constants(), *self._definitions(), *self._inputs()]
        for _ in range(self.random.randint(1, self.long)):
            parts += self._layers(0)
        parts += self._end()
        if not self.tame and self.random.random() < 0.1:
            self.random.shuffle(parts)
        return self.random.choice(("\n", "\n", "\n", "; ")).join(parts) + "\n"

    def _one(self, *choices: str) -> str:
        return self.random.choice(choices)

    def _inputs(self) -> list[str]:
        """One, mostly; or two, each with a chain of the same weights, joined."""
        size = self._input()
        if self.random.random() > 0.08:
            return [f"input {size}"]
        other, kernel = (size, "3x3") if self.tame else (self._input(), self._one("3x3", "1x1", "5"))
        chain = [
            f"from left; one: conv 8 {kernel} padding=same",
            "from right; conv 8 3x3 padding=same share=one",
        ]
        return [f"input left {size}", f"input right {other}", *chain, self._one("concat", "add") + " one"]

    def _input(self) -> str:
        sizes = ["8x8x4", "32x32x4", "28x28x4", "224x224x4"]
        if not self.tame:
            sizes += ["16", "5x7x2", "1x1x1", "65536x65536x3", "64x64x64", "0x0x0"]
        return "?x?x4" if self.random.random() < self.unknown / 4 else self.random.choice(sizes)

    def _constants(self) -> Iterator[str]:
        for number in range(self.random.choice((0, 0, 0, 0, 1, 1, 3, 40 if self.far else 4))):
            name = f"k{number}"
            yield f"let {name}={self._expression(3)}"
            self.lets.append(name)

    def _definitions(self) -> Iterator[str]:
        """Blocks that use those before them: a chain that doubles, once, or many times over."""
        for number in range(self.random.choice((0, 0, 0, 0, 1, 1, 2, 3, 30 if self.far else 4))):
            body = "; ".join(self._layers(2))
            if self.blocks and self.random.random() < 0.7:
                body += f"; {self.blocks[-1]}" * self.random.choice((1, 1, 2))
            name = f"b{number}"
            again = f"if n > 0 {{ {name} n-1 }}" if self.tame else f"if n != 7 {{ {name} {self._number()} }}"
            yield self._one(
                f"block {name} {{ {body} }}", f"block {name} n=2 {{ {body}; conv n 1x1 }}",
                f"block {name} n=2 act=relu {{ {body}; act }}", f"block {name} n=2 {{ {body}; {again} }}",
            )  # fmt: skip
            self.blocks.append(name)

    def _number(self) -> str:
        if self.random.random() < self.unknown:
            return "?"
        if self.tame:
            return self._one("4", "8", "16", "C", "(C * 2)", "2 * 4")
        if self.lets and self.random.random() < 0.2:
            return f"({self.random.choice(self.lets[-6:])})"
        return self._one("1", "2", "3", "4", "8", "16", "64", "C", "(C * 2)", "(C // 2)", "0", "1000000")

    def _expression(self, depth: int) -> str:
        if self.tame:
            return self._one(
                "1", "2 * 3", "(4 + 4) // 2", "2**2", *(f"{name} % 7 + 1" for name in self.lets[-3:])
            )
        if depth == 0 or self.random.random() < 0.3:
            return self._one("1", "2", "3", "64k", "0.5", *self.lets[-3:])
        left, right = self._expression(depth - 1), self._expression(depth - 1)
        operator = self._one("+", "-", "*", "*", "//", "%", "**", "and", "or", "==", "<")
        return self._one(f"{left} {operator} {right}", f"({left}) {operator} ({right})", f"({left}, {right})")

    def _layers(self, depth: int) -> list[str]:
        makers: list[Callable[[int], str]] = [*[self._window] * 6, *[self._plain] * 5]
        makers += [self._use] * (2 * bool(self.blocks)) + [self._odd] * (not self.tame)
        if depth < 4:
            makers += [self._merge, self._merge, self._repeat, self._condition]
            makers += [self._head] * (not self.tame or depth == 0)
        count = self.random.randint(1, 3)
        lines = [self.random.choice(makers)(depth) for _ in range(count)]
        if self.random.random() < 0.15 and not (self.tame and (depth or lines[-1][:2] in ("re", "if", "he"))):
            label = f"l{len(self.labels)}"
            self.labels.append(label)
            lines[-1] = f"{label}: {lines[-1]}"
        if not self.tame and self.random.random() < 0.05:
            lines[-1] += self._one(" => 8x8x8", " => ?x?x?", " => 10", " => ?")
        return lines

    def _window(self, depth: int) -> str:
        if self.tame and not self.unknown:
            end = self._one("", " -> relu", " -> batchnorm -> relu")
            return f"conv {self._number()} {self._one('1x1', '3x3', '5x5')} padding=same{end}"
        side = self._one(
            "1x1", "3x3", "3x3", "5x5", "2x2", "?x?" if self.unknown else "3x3", "1x7", "101x101"
        )
        word = self._one(
            f"conv {self._number()}", f"conv {self._number()}", "maxpool", "avgpool", "depthwise"
        )
        options = f" stride={self._number()}" * (self.random.random() < 0.2)
        options += f" dilation={self._number()}" * (self.random.random() < 0.05)
        padding = "?" if self.random.random() < self.unknown else self._one("same", "same", "same", "1", "0")
        upward = self._one(f"upconv {self._number()} 2x2 stride=2", "upsample 2", "")
        if upward and self.random.random() < 0.1:
            return upward
        return f"{word} {side} padding={padding}{options}" + self._one(
            "", " -> relu", " -> batchnorm -> relu"
        )

    def _plain(self, depth: int) -> str:
        if self.tame:
            return self._one(
                "relu", "batchnorm", "dropout 0.5", "prelu", "groupnorm 2", "maxpool 3x3 stride=1 padding=1"
            )
        return self._one(
            "relu", "batchnorm", "dropout 0.5", "sigmoid", "lrn", "identity", "softmax", "prelu", "layernorm",
            "groupnorm 2", "shuffle 2", "pad 1", "crop 1", "globalavgpool",
            "attention 2", "attention 1 width=3 bias=no", "positions", "token 2", "crop to=1 at=start",
            "flatten",
        )  # fmt: skip

    def _use(self, depth: int) -> str:
        if self.tame:
            return self.random.choice(self.blocks[-3:])
        return self.random.choice(self.blocks[-3:]) + self._one(
            "", "", " n=4", " act=tanh", " act=b0", f" share={self._label()}", " n=?" if self.unknown else ""
        )

    def _odd(self, depth: int) -> str:
        word = self.random.choice(tuple(LAYERS))
        value = self.random.choice((*VALUES, self._number()))
        return self._one(
            f"{word} {self._number()} {self.random.choice(OPTIONS)}={value}", word, f"from {self._label()}"
        )

    def _label(self) -> str:
        return self.random.choice(self.labels) if self.labels else "input"

    def _merge(self, depth: int) -> str:
        paths = [
            "; ".join(self._layers(depth + 1))
            for _ in range(self.random.randint(1 + self.tame, self.wide + self.tame))
        ]
        if self.random.random() < 0.6:
            paths = [f"conv 4 {self._one('1x1', '3x3', '5x5')} padding=same" for _ in paths]
        if self.tame:
            word, ends = self._one("add", "concat", "multiply"), self._one("4", "8")
            return f"{word} {{ {' '.join(f'| {path}; conv {ends} 1x1' for path in paths)} }}"
        paths += [""] * (self.random.random() < 0.3)
        named = f"{self._one('add', 'concat', 'multiply')} {self._label()}"
        if self.labels and self.random.random() < 0.3:
            return named
        return f"{self._one('concat', 'concat', 'add', 'multiply')} {{ | {' | '.join(paths)} }}"

    def _repeat(self, depth: int) -> str:
        if self.tame:
            times = self._one("2", "2", "2", "3", "3", "40" if self.far else "1")
            turn = self._one("", "", f" as t{depth}")
            power = f"; conv 2**(t{depth}%3) 1x1; conv 4 1x1" if turn else ""
            return f"repeat {times}{turn} {{ {'; '.join(self._layers(depth + 2))}{power} }}"
        most = ("50", "1000") if self.far else ("4", "7")
        times = self._one("2", "3", "5", *most, "0", self._number(), self._number())
        turn = self._one("", "", " as t", " as k0", " as C")
        return f"repeat {times}{turn} {{ {'; '.join(self._layers(depth + 1))} }}"

    def _condition(self, depth: int) -> str:
        if self.tame:
            return f"if H > 2 {{ {'; '.join(self._layers(depth + 1))} }}"
        then, otherwise = ("; ".join(self._layers(depth + 1)) for _ in range(2))
        asked = self._one("C == 4", "H > 2", "1 < 2", self._expression(2))
        return f"if {asked} {{ {then} }} else {{ {otherwise} }}"

    def _head(self, depth: int) -> str:
        name = f"h{self.random.randrange(10**6)}" if self.tame else f"h{self.random.randrange(9)}"
        return f"head {name} weight=0.3 {{ {'; '.join(self._layers(depth + 1))}; flatten; dense 10 }}"

    def _end(self) -> Iterator[str]:
        if self.random.random() < 0.6:
            yield f"globalavgpool -> flatten -> dense {self._one('10', self._number())} -> softmax"
        if self.random.random() < 0.3:
            measure = self._one("params", "multiplies", "layers", "params" if self.tame else "output")
            yield f"expect {measure} {'>= 0' if self.tame else f'== {self._expression(1)}'}"
        if self.random.random() < 0.3:
            optimizer = self._one("sgd", "adam", "adamw", "rmsprop")
            settings = (
                "data mnist validation=0.1", f"batch {self._number()}", f"epochs {self._number()}", "clip 1",
                f"optimizer {optimizer} rate={self._one('0.1', '0', '1e9')}",
                "schedule cosine warmup=0.5", "augment shift=2 rotate=10", "stop patience=3", "workers 64",
                "classweights (1, 2)", "loss mse", "initial orthogonal", "normalise standard",
            )  # fmt: skip
            tame = [each for each in settings if "?" not in each and "C" not in each and each[-1] != "9"]
            chosen = self.random.sample(tame if self.tame else list(settings), self.random.randint(0, 6))
            yield f"train {{ {'; '.join(chosen)} }}"

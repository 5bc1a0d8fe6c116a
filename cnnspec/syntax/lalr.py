"""An LALR(1) parser with a contextual lexer, driven by tables that Lark makes of the grammar.

Making the tables takes longer than all else that a small command does, so they are kept beside the
grammar, as Python keeps its bytecode: when a wheel is built, or when a checkout is first used. They are
plain JSON, so reading them runs no code, and whoever could write them could write this file too. They
hold the grammar they were made from: tables of another grammar, or damaged ones, are made again.
"""

from __future__ import annotations

import json
import re
import sys
from collections.abc import Container
from contextlib import suppress
from pathlib import Path
from typing import Any, Final, NamedTuple, TypeAlias
from zlib import crc32

from cnnspec.resources import folder, grammar_text

FORMAT: Final = 1
"""Goes up when the form of the tables changes."""
END: Final = "$END"
WORD: Final = "NAME"
"""The terminal that a keyword is where no keyword may stand."""
KEEP, DROP, SPLICE = "kds"
Rule: TypeAlias = tuple[str, str, str, bool]
"""Its symbol; KEEP, DROP or SPLICE for each part; the builder's method, or none where the
parts are spliced in elsewhere; whether a part that is alone stands for the whole."""


class Token(NamedTuple):
    """A word or a sign of the text, and where it stands."""

    text: str
    start: int
    end: int


class Unexpected(Exception):
    """A text that is not in the language: the place, what was found there, and what may stand there.

    ``kind`` is the terminal that was found, None where no terminal begins; ``expected`` are terminals.
    """

    def __init__(self, at: int, kind: str | None, expected: frozenset[str]) -> None:
        super().__init__(at, kind, expected)
        self.at, self.kind, self.expected = at, kind, expected


class Parser:
    """A parser made from tables, see ``make_tables``."""

    def __init__(self, tables: dict[str, Any]) -> None:
        self._patterns: dict[str, str] = tables["terminals"]
        self._ignored = frozenset(tables["ignored"])
        self._keywords: dict[str, str] = tables["keywords"]
        self._states: list[dict[str, int]] = tables["states"]
        self._rules: list[Rule] = tables["rules"]
        self._final: int = tables["final"]
        self._plain = frozenset(self._patterns).difference(self._keywords.values())
        self._passes = [transparent and marks == KEEP for _, marks, _, transparent in self._rules]
        """Whether a rule leaves the one value it takes as it is, so that nothing but the state changes."""
        self._chains: dict[tuple[int, int, str], int] = {}
        self._scanners: dict[frozenset[str], re.Pattern[str]] = {}

    def parse(self, text: str, builder: object) -> Any:
        """What the builder makes of the text; raises Unexpected.

        The builder has a method for each rule that is not spliced in, which takes the list of its parts;
        it may have one for a terminal, which takes the Token.
        """
        states, values, at = [0], list[Any](), 0
        while True:
            kind, start, at = self._next(text, at, self._states[states[-1]])
            while (action := self._action(states[-1], kind, start)) < 0:
                if self._passes[~action]:
                    states[-1] = self._passed(states[-2], states[-1], kind)
                else:
                    self._reduce(self._rules[~action], states, values, builder)
                if states[-1] == self._final and kind == END:
                    return values[-1]
            states.append(action)
            token = Token(text[start:at], start, at)
            method = getattr(builder, kind, None)
            values.append(method(token) if method else token)

    def _action(self, state: int, kind: str, at: int) -> int:
        """The next state, or ``~n`` to reduce by rule n."""
        row = self._states[state]
        if kind not in row:
            raise Unexpected(at, kind, frozenset(filter(str.isupper, row)))
        return row[kind]

    def _passed(self, below: int, state: int, kind: str) -> int:
        """The state after all rules that leave the value as it is: a number is an atom, a power, a sum."""
        key = (below, state, kind)
        if key not in self._chains:
            while (action := self._states[state].get(kind, 0)) < 0 and self._passes[~action]:
                state = self._states[below][self._rules[~action][0]]
            self._chains[key] = state
        return self._chains[key]

    def _reduce(self, rule: Rule, states: list[int], values: list[Any], builder: object) -> None:
        symbol, marks, method, transparent = rule
        parts: list[Any] = []
        if marks:
            for mark, value in zip(marks, values[-len(marks) :], strict=True):
                if mark == KEEP:
                    parts.append(value)
                elif mark == SPLICE and parts:
                    parts += value
                elif mark == SPLICE:
                    parts = value
            del states[-len(marks) :], values[-len(marks) :]
        whole = parts[0] if transparent and len(parts) == 1 else parts
        values.append(getattr(builder, method)(parts) if method and whole is parts else whole)
        states.append(self._states[states[-1]][symbol])

    def _next(self, text: str, at: int, row: dict[str, int]) -> tuple[str, int, int]:
        """Kind, start and end of the next token; of a kind that the state may take, if there is one."""
        while at < len(text):
            match = self._scanner(self._plain).match(text, at)
            kind = self._kind(match, row)
            if kind not in row and kind not in self._ignored:
                match, kind = self._match_narrowly(text, at, row, match)
            assert match
            if kind in row:
                return kind, at, match.end()
            at = match.end()
        return END, at, at

    def _match_narrowly(
        self, text: str, at: int, row: dict[str, int], found: re.Match[str] | None
    ) -> tuple[re.Match[str], str]:
        """The token among those alone that the state may take; ``found`` is what stands there otherwise."""
        names = (self._plain if WORD in row else frozenset(self._patterns)).intersection(row)
        match = self._scanner(names | self._ignored).match(text, at)
        if match is None:
            raise Unexpected(at, self._kind(found, self._patterns), names)
        return match, self._kind(match, row) or ""

    def _kind(self, match: re.Match[str] | None, known: Container[str]) -> str | None:
        """The terminal that was matched: a keyword before a word, where it is known."""
        if match is None:
            return None
        keyword = self._keywords.get(match[0]) if match.lastgroup == WORD else None
        return keyword if keyword is not None and keyword in known else match.lastgroup

    def _scanner(self, names: frozenset[str]) -> re.Pattern[str]:
        """Matches the first of the terminals; made when it is first needed."""
        if names not in self._scanners:
            groups = (f"(?P<{name}>{text})" for name, text in self._patterns.items() if name in names)
            self._scanners[names] = re.compile("|".join(groups))
        return self._scanners[names]


def make_parser() -> Parser:
    """The parser of the grammar, from the tables that are kept, or else from new ones."""
    path, grammar = tables_path(), grammar_text()
    tables = read_tables(path, grammar)
    if tables is None:
        tables = make_tables(grammar)
        if not sys.dont_write_bytecode:
            keep_tables(tables, path)
    return Parser(tables)


def tables_path() -> Path:
    """Where the tables are kept."""
    return folder("grammar") / "cnnspec.tables"


def read_tables(path: Path, grammar: str) -> dict[str, Any] | None:
    """The tables that are kept; None where there are none of this grammar, or they are damaged."""
    try:
        check, body = path.read_bytes().split(b"\n", 1)
    except (OSError, ValueError):
        return None
    if check != _checksum(body):
        return None
    tables: dict[str, Any] = json.loads(body)
    return tables if tables["format"] == FORMAT and tables["grammar"] == grammar else None


def keep_tables(tables: dict[str, Any], path: Path) -> None:
    """Writes the tables for the next start; where that cannot be done, they are made again then."""
    from cnnspec.files import write_atomically

    body = json.dumps(tables, ensure_ascii=False, separators=(",", ":")).encode()
    with suppress(OSError):
        write_atomically(path, _checksum(body) + b"\n" + body)


def _checksum(body: bytes) -> bytes:
    return b"%08x" % crc32(body)


def make_tables(grammar: str) -> dict[str, Any]:
    """The tables of a grammar in Lark's notation."""
    from lark import Lark
    from lark.grammar import Rule as LarkRule

    lark = Lark(grammar, parser="lalr", lexer="contextual", maybe_placeholders=False)
    lalr, lexer = lark.parser.parser._parse_table, lark.parser.lexer.root_lexer
    patterns = {terminal.name: terminal.pattern for terminal in lexer.terminals}
    word = re.compile(patterns[WORD].to_regexp())
    rules = {rule: n for n, rule in enumerate(lark.rules)}
    states = _numbered(lalr.states, lalr.start_states["start"])

    def action(target: int | LarkRule) -> int:
        return ~rules[target] if isinstance(target, LarkRule) else states[target]

    return {
        "format": FORMAT,
        "grammar": grammar,
        "terminals": {name: pattern.to_regexp() for name, pattern in patterns.items()},
        "keywords": {
            pattern.value: name
            for name, pattern in patterns.items()
            if pattern.type == "str" and word.fullmatch(pattern.value)
        },
        "ignored": sorted(lexer.ignore_types),
        "states": [
            {symbol: action(target) for symbol, (_, target) in sorted(row.items())}
            for row in map(lalr.states.__getitem__, states)
        ],
        "rules": [_rule(rule) for rule in lark.rules],
        "final": states[lalr.end_states["start"]],
    }


def _numbered(rows: dict[int, dict[str, Any]], start: int) -> dict[int, int]:
    """Lark's states with new numbers, which do not change from run to run."""
    numbers = {start: 0}
    pending = [start]
    for state in pending:
        for _, (_, target) in sorted(rows[state].items()):
            if target in rows and target not in numbers:
                numbers[target] = len(numbers)
                pending.append(target)
    return numbers


def _rule(rule: Any) -> Rule:
    spliced = rule.origin.name.startswith("_")
    marks = (
        (DROP if part.filter_out else KEEP) if part.is_term else SPLICE if part.name.startswith("_") else KEEP
        for part in rule.expansion
    )
    method = "" if spliced else rule.alias or rule.origin.name
    return rule.origin.name, "".join(marks), method, rule.options.expand1

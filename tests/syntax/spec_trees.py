"""Random trees of specs, as the parser would build them; places are not meant to be looked at."""

from __future__ import annotations

from dataclasses import fields, is_dataclass
from typing import Any

from hypothesis import strategies as st

from cnnspec.syntax import tree
from cnnspec.text import Source, Span

PLACE = Span(Source("random", ""), 0, 0)
OPERATORS = ("+", "-", "*", "//", "%", "**", "==", "!=", "<", "<=", ">", ">=", "and", "or")
KEYWORDS = ("network", "input", "let", "block", "repeat", "if", "from", "head", "use", "expect", "train")
RESERVED = ("and", "or", "not", "as")

words = st.from_regex(r"[a-z][a-z0-9_]{0,7}", fullmatch=True).filter(lambda word: word not in RESERVED)
layer_words = words.filter(lambda word: word not in (*KEYWORDS, "else"))
option_words = st.one_of(words, st.sampled_from((*KEYWORDS, *RESERVED)))
names = words.map(lambda word: tree.Name(word, PLACE))
dotted = st.lists(words, min_size=1, max_size=3).map(lambda parts: tree.Name(".".join(parts), PLACE))


def number(text: str, value: float) -> tree.NumberLiteral:
    return tree.NumberLiteral(value, text, PLACE)


numbers = st.one_of(
    st.integers(0, 10**6).map(lambda n: number(str(n), n)),
    st.sampled_from(
        [number("62k", 62_000), number("1.5M", 1_500_000), number("5e-4", 5e-4), number("0.25", 0.25)]
    ),
)
sizes = st.lists(st.one_of(st.none(), st.integers(0, 999)), min_size=2, max_size=4).map(
    lambda parts: tree.Size(tuple(parts), PLACE)
)
texts = st.from_regex(r"[a-z/. #;{}-]{0,9}", fullmatch=True).map(lambda text: tree.Text(text, PLACE))
atoms = st.one_of(numbers, sizes, dotted, texts, st.just(tree.QuestionMark(PLACE)))


def _grown(inner: st.SearchStrategy[tree.Expression]) -> st.SearchStrategy[tree.Expression]:
    return st.one_of(
        st.lists(inner, min_size=2, max_size=4).map(lambda items: tree.Tuple(tuple(items), PLACE)),
        st.builds(tree.Unary, st.sampled_from(["-", "not"]), inner, st.just(PLACE)),
        st.builds(tree.Binary, st.sampled_from(OPERATORS), inner, inner, st.just(PLACE)),
    )


expressions: st.SearchStrategy[tree.Expression] = st.recursive(atoms, _grown, max_leaves=6)
options = st.builds(tree.Option, option_words, expressions, st.just(PLACE), st.just(PLACE))
claims = st.one_of(sizes, st.integers(0, 999).map(lambda n: tree.Size((n,), PLACE)))


def several(items: st.SearchStrategy, most: int = 3) -> st.SearchStrategy[tuple[Any, ...]]:
    return st.lists(items, max_size=most).map(tuple)


def layers(paths: st.SearchStrategy) -> st.SearchStrategy[tree.LayerSentence]:
    """Layers whose arguments look like no mistake (``conv 6 5*5``)."""
    return st.builds(
        tree.LayerSentence, layer_words, st.just(PLACE), st.just(PLACE), st.one_of(st.none(), dotted),
        several(st.one_of(numbers, sizes, dotted, st.just(tree.QuestionMark(PLACE)))), several(options),
        paths, st.one_of(st.none(), claims),
    ).filter(lambda layer: all(getattr(each, "text", "") != "x" for each in layer.arguments))  # fmt: skip


parameters = st.builds(tree.Parameter, words, st.one_of(st.none(), expressions), st.just(PLACE))
settings = st.builds(
    tree.Setting, layer_words, several(expressions, 2), several(options, 2), st.just(PLACE), st.just(PLACE)
)
simple = st.one_of(
    layers(st.none()),
    st.builds(tree.Header, names, st.just(PLACE)),
    st.builds(tree.Input, expressions, st.just(PLACE), st.one_of(st.none(), names)),
    st.builds(tree.Let, names, expressions, st.just(PLACE)),
    st.builds(tree.From, dotted, st.just(PLACE)),
    st.builds(tree.Use, texts, st.just(PLACE)),
    st.builds(tree.Expect, expressions, st.just(PLACE)),
    st.builds(tree.Train, several(settings), st.just(PLACE)),
)


def _bodied(inner: st.SearchStrategy[tree.Statement]) -> st.SearchStrategy[tree.Statement]:
    body = several(inner)
    paths = several(st.builds(tree.Path, body, st.just(PLACE)))
    return st.one_of(
        layers(paths),
        st.builds(tree.BlockDefinition, names, several(parameters), body, st.just(PLACE)),
        st.builds(tree.Repeat, expressions, body, st.just(PLACE), st.one_of(st.none(), names)),
        st.builds(tree.If, expressions, body, body, st.just(PLACE)),
        st.builds(tree.Head, names, body, st.just(PLACE), several(options, 2)),
    )


statements: st.SearchStrategy[tree.Statement] = st.recursive(simple, _bodied, max_leaves=8)
specs = several(statements, 6).map(lambda items: tree.Spec(items, PLACE))


def same(a: object, b: object) -> bool:
    """Whether two nodes (or tuples of nodes) say the same; places and comments do not count."""
    if isinstance(a, tuple) and isinstance(b, tuple):
        return len(a) == len(b) and all(map(same, a, b))
    if isinstance(a, Span) and isinstance(b, Span):
        return True
    if type(a) is not type(b) or not is_dataclass(a):
        return type(a) is type(b) and a == b
    return all(same(getattr(a, f.name), getattr(b, f.name)) for f in fields(a) if f.compare)

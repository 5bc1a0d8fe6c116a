"""Every code that is raised has a page, and every page a code that is raised."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator
from itertools import chain
from typing import Final

from import_graph import modules, nodes_of

from cnnspec.resources import mistake_codes

CODE: Final = re.compile(r"[a-z]+(-[a-z0-9]+)+")


def nodes() -> Iterator[ast.AST]:
    return chain.from_iterable(map(nodes_of, modules()))


def constants(node: ast.AST) -> Iterator[str]:
    for part in ast.walk(node):
        if isinstance(part, ast.Constant) and isinstance(part.value, str):
            yield part.value


def takers() -> dict[str, int]:
    """By the name of what takes a ``code``, functions, methods and records: its place among the arguments."""
    found = {"LayerError": 0, "ValueRefused": 0}
    for node in nodes():
        if isinstance(node, ast.FunctionDef):
            names = [one.arg for one in node.args.args]
            names = names[1:] if names[:1] in (["self"], ["cls"]) else names
            if "code" in names:
                found[node.name] = names.index("code")
        elif isinstance(node, ast.ClassDef):
            fields = [
                one.target.id
                for one in node.body
                if isinstance(one, ast.AnnAssign) and isinstance(one.target, ast.Name)
            ]
            if "code" in fields:
                found[node.name] = fields.index("code")
    return found


def raised() -> set[str]:
    """The codes that are written where one is taken."""
    places, found = takers(), set()
    for node in nodes():
        if not isinstance(node, ast.Call):
            continue
        place = places.get(getattr(node.func, "id", getattr(node.func, "attr", "")))
        given = [one.value for one in node.keywords if one.arg == "code"]
        given += node.args[place : place + 1] if place is not None else []
        found |= {text for one in given for text in constants(one) if CODE.fullmatch(text)}
    return found


def test_every_code_that_is_raised_has_a_page() -> None:
    found = raised()
    assert len(found) > 150
    assert found - set(mistake_codes()) == set()


def test_every_page_is_of_a_code_that_is_raised() -> None:
    written = {one.value for one in nodes() if isinstance(one, ast.Constant)}
    assert set(mistake_codes()) - written == set()

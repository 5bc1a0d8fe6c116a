"""What the files of the package import, read from their text."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator, Sequence
from functools import cache
from pathlib import Path

PACKAGE = Path(__file__).parent.parent / "cnnspec"
TABLE = "upward"
"""The one file whose calls reach up."""
ROOMS = "|".join(path.stem for path in PACKAGE.iterdir() if path.stem[:1].isalpha())
A_MODULE = re.compile(rf"cnnspec\.({ROOMS})(\.\w+)*(:\w+)?")
"""A string that names a module."""


def modules() -> list[Path]:
    return sorted(path for path in PACKAGE.rglob("*.py") if path.relative_to(PACKAGE).parts[0] != "_grammar")


@cache
def parsed(path: Path) -> ast.Module:
    return ast.parse(path.read_text("utf-8"))


@cache
def nodes_of(path: Path) -> tuple[ast.AST, ...]:
    """Everything in a file: walked once, as a walk takes longer than reading."""
    return tuple(ast.walk(parsed(path)))


@cache
def imports_of(path: Path) -> tuple[tuple[str, int], ...]:
    """What a file of the package imports, as ``imports`` tells it."""
    return tuple(imports(nodes_of(path), package_of(path)))


def dotted(path: Path) -> str:
    """``cnnspec.views.html``; a package is named by its folder."""
    parts = path.relative_to(PACKAGE.parent).with_suffix("").parts
    return ".".join(parts[:-1] if parts[-1] == "__init__" else parts)


def room(path: Path) -> str:
    """The place in the house that a file belongs to: ``syntax``, ``text`` …"""
    return path.relative_to(PACKAGE).with_suffix("").parts[0]


def imports(nodes: Sequence[ast.AST], package: str = "") -> Iterator[tuple[str, int]]:
    """Every name that a file imports, with its line: inside functions, for type checking and by name too.

    ``nodes`` are all that the file consists of; ``package`` is what relative imports are relative to. A name
    that is computed when the program runs is given as ``?``.
    """
    callers = {"import_module", "__import__"} | {
        alias.asname
        for node in nodes
        if isinstance(node, ast.ImportFrom) and node.module == "importlib"
        for alias in node.names
        if alias.asname and alias.name in ("import_module", "__import__")
    }
    called = {id(node.func) for node in nodes if isinstance(node, ast.Call)}
    for node in nodes:
        if isinstance(node, ast.Import):
            yield from ((alias.name, node.lineno) for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            base = _absolute(node, package)
            yield base, node.lineno
            yield from ((f"{base}.{alias.name}", node.lineno) for alias in node.names)
        elif isinstance(node, ast.Call) and last_name(node.func) in callers:
            yield from ((name, node.lineno) for name in _named(node, package))
        elif last_name(node) in callers and id(node) not in called:
            assert isinstance(node, ast.expr)
            yield "?", node.lineno
        elif isinstance(node, ast.Attribute) and last_name(node.value) == "cnnspec":
            yield f"cnnspec.{node.attr}", node.lineno
        elif isinstance(node, ast.Constant) and A_MODULE.fullmatch(value := str(node.value)):
            yield value.split(":")[0], node.lineno


def last_name(node: ast.AST) -> str:
    """The last name of ``importlib.import_module``."""
    return node.attr if isinstance(node, ast.Attribute) else node.id if isinstance(node, ast.Name) else ""


def _absolute(node: ast.ImportFrom, package: str) -> str:
    above = package.split(".")[: len(package.split(".")) - node.level + 1] if node.level else []
    return ".".join([*above, *([node.module] if node.module else [])])


def _named(call: ast.Call, package: str) -> Iterator[str]:
    """The module of a call of ``import_module``: as far as it stands in the text, else ``?``."""
    given = call.args[0] if call.args else None
    if isinstance(given, ast.JoinedStr):
        given = given.values[0]
    if not isinstance(given, ast.Constant) or not isinstance(given.value, str):
        yield "?"
    elif given.value.startswith("."):
        yield package.split(".")[0] + given.value
    elif not isinstance(call.args[0], ast.JoinedStr) or given.value.count(".") > 1:
        yield given.value
    else:
        yield "?"


def package_of(path: Path) -> str:
    return dotted(path) if path.name == "__init__.py" else dotted(path).rpartition(".")[0]


def without_typing(path: Path) -> ast.Module:
    """A file without what only type checkers read."""
    tree = ast.parse(path.read_text("utf-8"))
    for node in ast.walk(tree):
        if isinstance(node, ast.If) and ast.unparse(node.test) == "TYPE_CHECKING":
            node.body = [ast.Pass()]
    return tree


@cache
def graph() -> dict[str, set[str]]:
    """For each file of the package the others that it imports, wherever; the table of upward calls apart."""
    files = modules()
    names = {dotted(path) for path in files if room(path) != TABLE}
    found = {}
    for path in files:
        read = {(name, line) for name, line in imports_of(path) if name in names}
        leading = {(name.rpartition(".")[0], line) for name, line in read}  # to a module of the package
        found[dotted(path)] = {name for name, _ in read - leading}
    return found


def reached(edges: dict[str, set[str]], name: str) -> set[str]:
    """The files that a file imports, those that they import, and so on."""
    found: set[str] = set()
    waiting = [name]
    while waiting:
        new = edges.get(waiting.pop(), set()) - found
        found |= new
        waiting += new
    return found


def circles(edges: dict[str, set[str]]) -> list[list[str]]:
    """Each set of files of which every one leads to every other, after Tarjan (SIAM J. Comput. 1972)."""
    order: dict[str, int] = {}
    lowest: dict[str, int] = {}
    stack: list[str] = []
    found = []

    def visit(name: str) -> None:
        order[name] = lowest[name] = len(order)
        stack.append(name)
        for other in sorted(edges.get(name, ())):
            if other not in order:
                visit(other)
                lowest[name] = min(lowest[name], lowest[other])
            elif other in stack:
                lowest[name] = min(lowest[name], order[other])
        if lowest[name] == order[name]:
            where = stack.index(name)
            circle = sorted(stack[where:])
            del stack[where:]
            if len(circle) > 1 or name in edges.get(name, ()):
                found.append(circle)

    for name in sorted(edges):
        if name not in order:
            visit(name)
    return found

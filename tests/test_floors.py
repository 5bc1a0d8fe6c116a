"""The house: imports go down only, siblings never import each other, and the lower floors stay light."""

from __future__ import annotations

import ast
import subprocess
import sys
from collections import Counter
from collections.abc import Iterator
from pathlib import Path

import pytest

PACKAGE = Path(__file__).parent.parent / "cnnspec"

FLOORS = {
    "text": 0, "diagnostics": 0, "formula": 0, "notation": 0, "resources": 0, "files": 0, "mistakes": 0,
    "syntax": 1, "layers": 1,
    "binding": 2,
    "recipe": 3,
    "network": 4,
    "elaborate": 5,
    "analysis": 6,
    "document": 7,
    "views": 8, "backends": 8, "exchange": 8,
    "training": 9, "teaching": 9,
    "model": 10, "notebook": 10,
    "cli": 11, "web": 11, "lsp": 11,
}  # fmt: skip
GROUND = 0
HEAVY = {"numpy", "graphviz", "rich", "click", "torch", "matplotlib", "onnx", "PIL", "sklearn"}
LIGHT_UP_TO = 6
FACES = {"__init__", "__main__"}
"""The package's own face may look anywhere; what it loads is tested by running it."""


def modules() -> list[Path]:
    return sorted(path for path in PACKAGE.rglob("*.py") if path.relative_to(PACKAGE).parts[0] != "_grammar")


def room(path: Path) -> str:
    """The place in the house that a file belongs to: ``syntax``, ``text`` …"""
    parts = path.relative_to(PACKAGE).with_suffix("").parts
    return parts[0]


def imports(path: Path) -> Iterator[tuple[str, int]]:
    """Every name imported anywhere in a file, type checking apart, with its line."""
    tree = ast.parse(path.read_text(encoding="utf-8"))
    typing_only = {id(node) for guard in ast.walk(tree) if _is_typing(guard) for node in ast.walk(guard)}
    for node in ast.walk(tree):
        if id(node) in typing_only:
            continue
        if isinstance(node, ast.Import):
            yield from ((alias.name, node.lineno) for alias in node.names)
        elif isinstance(node, ast.ImportFrom) and node.module:
            yield node.module, node.lineno
            yield from ((f"{node.module}.{alias.name}", node.lineno) for alias in node.names)


def _is_typing(node: ast.AST) -> bool:
    return isinstance(node, ast.If) and ast.unparse(node.test) == "TYPE_CHECKING"


def own_imports(path: Path) -> Iterator[tuple[str, int]]:
    """The rooms of the house that a file imports from."""
    for name, line in imports(path):
        parts = name.split(".")
        if parts[0] == "cnnspec" and len(parts) > 1 and parts[1] in FLOORS:
            yield parts[1], line


def test_every_room_has_a_floor() -> None:
    rooms = {room(path) for path in modules()} - FACES
    assert rooms - set(FLOORS) == set()


@pytest.mark.parametrize("path", modules(), ids=lambda path: str(path.relative_to(PACKAGE)))
def test_imports_go_down(path: Path) -> None:
    if room(path) in FACES:
        return
    here = FLOORS[room(path)]
    wrong = [
        f"{path.relative_to(PACKAGE)}:{line} imports {other}"
        for other, line in own_imports(path)
        if other != room(path) and (FLOORS[other] > here or (FLOORS[other] == here and here != GROUND))
    ]
    assert wrong == []


@pytest.mark.parametrize("path", modules(), ids=lambda path: str(path.relative_to(PACKAGE)))
def test_lower_floors_are_light_and_silent(path: Path) -> None:
    if FLOORS.get(room(path), 9) > LIGHT_UP_TO:
        return
    assert {name.split(".")[0] for name, _ in imports(path)} & HEAVY == set()
    calls = {
        ast.unparse(node.func) for node in ast.walk(ast.parse(path.read_text())) if isinstance(node, ast.Call)
    }
    assert calls & {"print", "exit", "sys.exit", "quit", "input"} == set()


def loaded_by(code: str) -> set[str]:
    """The top-level modules loaded by running code in a fresh interpreter."""
    script = f"{code}\nimport sys; print(*sorted({{name.split('.')[0] for name in sys.modules}}))"
    run = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True)
    return set(run.stdout.split())


def test_importing_the_package_is_light() -> None:
    assert loaded_by("import cnnspec") & (HEAVY | {"lark", "pydantic"}) == set()


def test_calculating_loads_nothing_heavy() -> None:
    code = (
        "from cnnspec.text import Source\n"
        "from cnnspec.syntax.parse import parse\n"
        "from cnnspec.elaborate.spec import elaborate\n"
        "from cnnspec.analysis.report import analyze\n"
        "analyze(elaborate(parse(Source('x', 'input 7x7x1; conv 1 3x3'))).network)\n"
    )
    assert loaded_by(code) & HEAVY == set()


def test_every_test_file_has_a_name_of_its_own() -> None:
    names = Counter(path.name for path in Path(__file__).parent.rglob("test_*.py"))
    assert [] == [name for name, count in names.items() if count > 1]

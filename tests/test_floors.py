"""The house: imports go down only, siblings never import each other, and the lower floors stay light."""

from __future__ import annotations

import ast
import os
import subprocess
import sys
from collections import Counter
from pathlib import Path

import pytest
from import_graph import (
    PACKAGE,
    TABLE,
    circles,
    dotted,
    graph,
    imports,
    imports_of,
    last_name,
    modules,
    nodes_of,
    package_of,
    reached,
    room,
    without_typing,
)

from cnnspec.upward import UPWARD, upward

FLOORS = {
    "text": 0, "records": 0, "loading": 0, "diagnostics": 0, "formula": 0, "notation": 0, "resources": 0,
    "files": 0, "mistakes": 0,
    "upward": 0,
    "syntax": 1, "layers": 1,
    "binding": 2,
    "recipe": 3,
    "network": 4,
    "elaborate": 5,
    "analysis": 6,
    "document": 7,
    "views": 8, "backends": 8, "exchange": 8,
    "training": 9, "teaching": 9,
    "model": 10, "notebook": 10, "face": 10,
    "cli": 11, "web": 11, "lsp": 11,
}  # fmt: skip
GROUND = 0
HEAVY = {
    "numpy", "graphviz", "rich", "click", "torch", "matplotlib",
    "onnx", "onnxruntime", "keras", "PIL", "sklearn",
}  # fmt: skip
LIGHT_UP_TO = 6
FACES = {"__init__", "__main__"}
"""The package's own face may look anywhere; what it loads is tested by running it."""
TOP = max(FLOORS.values())


def reaches_up(path: Path, code: str | None = None) -> list[str]:
    """What a file imports from a higher floor, or from a sibling; ``code`` stands for its text."""
    here, found = FLOORS[room(path)], []
    read = imports_of(path) if code is None else imports(tuple(ast.walk(ast.parse(code))), package_of(path))
    for name, line in read:
        place = f"{path.relative_to(PACKAGE)}:{line}"
        own, _, rest = name.partition(".")
        other = rest.split(".")[0]
        if name == "?" and here < TOP:
            found.append(f"{place} imports a name that is computed")
        elif own != "cnnspec" or other in ("", "__version__", room(path)):
            continue
        elif other not in FLOORS:
            found.append(f"{place} reaches through the package's face for {other}")
        elif FLOORS[other] > here or (FLOORS[other] == here and here != GROUND):
            found.append(f"{place} imports {other}")
    return sorted(set(found))


def test_a_class_has_a_name_of_its_own() -> None:
    names = Counter(
        node.name for path in modules() for node in nodes_of(path) if isinstance(node, ast.ClassDef)
    )
    assert [name for name, count in names.items() if count > 1] == []


def test_every_room_has_a_floor() -> None:
    rooms = {room(path) for path in modules()} - FACES
    assert rooms - set(FLOORS) == set()


@pytest.mark.parametrize("path", modules(), ids=lambda path: str(path.relative_to(PACKAGE)))
def test_imports_go_down(path: Path) -> None:
    if room(path) not in {*FACES, TABLE}:
        assert reaches_up(path) == []


@pytest.mark.parametrize(
    "code",
    [
        "from cnnspec.views.documents.html import render",
        "import cnnspec.views.documents.html as page",
        "from cnnspec import views",
        "from ..views import html",
        "from .. import views",
        "def f():\n    from cnnspec.views import html",
        "if TYPE_CHECKING:\n    from cnnspec.views.documents.html import render",
        "if typing.TYPE_CHECKING:\n    import cnnspec.training.history",
        "from importlib import import_module\nimport_module('cnnspec.views.documents.html').render",
        "from importlib import import_module as later\nlater('cnnspec.views.documents.html')",
        "import importlib as il\nil.import_module('cnnspec.views.documents.html')",
        "import importlib\nimportlib.import_module('.views.html', 'cnnspec')",
        "from importlib import import_module\nimport_module(f'cnnspec.backends.{name}')",
        "from importlib import import_module\nimport_module(name)",
        "from importlib import import_module\nlater = import_module\nlater(name)",
        "__import__('cnnspec.views.documents.html')",
        "import pkgutil\npkgutil.resolve_name('cnnspec.views.documents.html:render')",
        "PLACES = {'html': 'cnnspec.views.documents.html'}",
        "from cnnspec import Model",
        "import cnnspec\ncnnspec.Model",
        "from cnnspec.elaborate.spec import elaborate",
    ],
)
def test_every_way_up_is_found(code: str) -> None:
    assert len(reaches_up(PACKAGE / "network" / "graph.py", code)) == 1


def test_a_sibling_is_found_and_what_lies_below_is_not() -> None:
    page = PACKAGE / "views" / "html.py"
    assert reaches_up(page, "from cnnspec.backends.numpy import build") == [
        "views/html.py:1 imports backends"
    ]
    assert reaches_up(page, "import cnnspec\ncnnspec.__version__\nfrom cnnspec.text import Span") == []


CALLS = [
    (path, node.args[0].value if isinstance(node.args[0], ast.Constant) else None)
    for path in modules()
    for node in nodes_of(path)
    if isinstance(node, ast.Call) and last_name(node.func) == TABLE
]


@pytest.mark.parametrize("name", UPWARD)
def test_an_upward_call_is_there_and_goes_up(name: str) -> None:
    """To a higher floor, or to a file of the same room that stands on the caller's: a circle, if imported."""
    assert callable(upward(name))
    callers = {path for path, called in CALLS if called == name}
    assert callers, f"nobody calls {name}"
    target = UPWARD[name].split(":")[0]
    floor = FLOORS[target.split(".")[1]]
    below = reached(graph(), target)
    for path in callers:
        assert floor > FLOORS[room(path)] or dotted(path) in below, f"{path} can import {target} as it is"


def test_every_upward_call_stands_in_the_table() -> None:
    assert {called for _, called in CALLS} <= set(UPWARD)


def test_the_table_imports_nothing_itself() -> None:
    """What it says for type checkers is not run."""
    own = {name for name in modules_of("import cnnspec.upward") if name.startswith("cnnspec")}
    assert own == {"cnnspec", "cnnspec.resources", "cnnspec.upward"}


@pytest.mark.parametrize("path", modules(), ids=lambda path: str(path.relative_to(PACKAGE)))
def test_lower_floors_are_light_and_silent(path: Path) -> None:
    if FLOORS.get(room(path), 9) > LIGHT_UP_TO:
        return
    nodes = tuple(ast.walk(without_typing(path)))
    assert {name.split(".")[0] for name, _ in imports(nodes)} & HEAVY == set()
    calls = {ast.unparse(node.func) for node in nodes if isinstance(node, ast.Call)}
    assert calls & {"print", "exit", "sys.exit", "quit", "input"} == set()


def modules_of(code: str) -> set[str]:
    """All modules loaded by running code in a fresh interpreter."""
    script = f"{code}\nimport sys; print(*sys.modules)"
    run = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True)
    return set(run.stdout.split())


def loaded_by(code: str) -> set[str]:
    """The top-level modules among them."""
    return {name.split(".")[0] for name in modules_of(code)}


def test_circles_are_found() -> None:
    edges = {"a": {"b"}, "b": {"c", "d"}, "c": {"a"}, "d": {"e"}, "e": {"d", "f"}, "f": set()}
    assert sorted(circles(edges)) == [["a", "b", "c"], ["d", "e"]]


def test_no_files_import_each_other_in_a_circle() -> None:
    assert circles(graph()) == []


def test_importing_the_package_is_light() -> None:
    assert loaded_by("import cnnspec") & (HEAVY | {"lark", "pydantic"}) == set()


def test_a_command_reads_pydantic_without_its_plugins_and_with_plain_types() -> None:
    code = (
        "import sys, typing, typing_extensions\n"
        "from unittest import mock\n"
        "from cnnspec.__main__ import main\n"
        "typed = typing.TypedDict, typing_extensions.TypedDict\n"
        "sys.argv = ['cnnspec', 'analyze', 'lenet', '--only', 'params']\n"
        "with mock.patch('sys.exit'): main()\n"
        "import pydantic_core.core_schema as types, pydantic.plugin._loader as loader\n"
        "assert typed == (typing.TypedDict, typing_extensions.TypedDict)\n"
        "print(types.IntSchema.__mro__[1].__module__, loader.get_plugins())\n"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.splitlines() == ["61706", "cnnspec.loading ()"]


UNREAD = {"_hashlib", "hmac", "random", "difflib", "cnnspec.cli.compare"}
"""What others import, and a command that calculates does without."""
BASES = ("base", "facts", "foreign", "kernels", "registry", "window", "writing")
"""Files that each layer needs."""


def test_a_command_that_calculates_reads_no_more_than_it_needs() -> None:
    code = (
        "import sys\n"
        "from cnnspec.__main__ import main\n"
        "sys.argv = ['cnnspec', 'analyze', 'lenet']\n"
        "try: main()\n"
        "except SystemExit: print(*sys.modules, file=sys.stderr)\n"
    )
    writing = {name: value for name, value in os.environ.items() if name != "PYTHONDONTWRITEBYTECODE"}
    for _ in range(2):  # the first may find no tables of the grammar, and keeps them
        done = subprocess.run(
            [sys.executable, "-c", code], capture_output=True, text=True, check=True, env=writing
        )
    read = set(done.stderr.split())
    assert read & UNREAD == set()
    assert {name for name in read if name.startswith("cnnspec.layers.")} == {
        f"cnnspec.layers.{name}" for name in ("activation", "conv", "dense", "flatten", "pool", *BASES)
    }


def test_a_recipe_makes_the_rules_of_its_own_kinds_alone() -> None:
    code = (
        "import cnnspec\n"
        "from cnnspec.recipe.models import AdamW, Recipe, Sgd\n"
        "cnnspec.load('lenet')\n"
        "print('rmsprop' in repr(Recipe.__pydantic_core_schema__))\n"
        "print(*(vars(each).get('__pydantic_complete__') for each in (Sgd, AdamW)))\n"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert ["False", "True False"] == done.stdout.splitlines()


RARE = {
    "curves",
    "other_pools",
    "avgpool",
    "reshape",
    "globalpool",
    "borders",
    "depthwise",
    "attention",
    "merge",
    "norm",
}
"""Files of layers that LeNet does without."""


@pytest.mark.parametrize(
    ("spec", "unread"),
    [
        ("input 7x7x1; conv 1 3x3", RARE | {"pool", "activation", "flatten", "reshape", "dense"}),
        ("input 7x7x1; conv 1 3x3; relu; maxpool 2x2; flatten; dense 2; softmax", RARE),
    ],
)
def test_calculating_loads_nothing_heavy(spec: str, unread: set[str]) -> None:
    code = (
        "from cnnspec.text import Source\n"
        "from cnnspec.syntax.parse import parse\n"
        "from cnnspec.elaborate.spec import elaborate\n"
        "from cnnspec.analysis.report import analyze\n"
        f"analyze(elaborate(parse(Source('x', {spec!r}))).network)\n"
    )
    loaded = modules_of(code)
    assert {name.split(".")[0] for name in loaded} & HEAVY == set()
    layers = {name for name in loaded if name.startswith("cnnspec.layers.")}
    assert layers.isdisjoint({f"cnnspec.layers.{name}" for name in unread})


def test_every_test_file_has_a_name_of_its_own() -> None:
    names = Counter(path.name for path in Path(__file__).parent.rglob("test_*.py"))
    assert [] == [name for name, count in names.items() if count > 1]

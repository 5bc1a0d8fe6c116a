"""Every verb on narrow pages: no line reaches over the side, and no column goes without a word."""

from __future__ import annotations

import re
from collections.abc import Callable
from pathlib import Path
from typing import TypeAlias

import pytest
from tools import too_wide

import cnnspec
from cnnspec.cli.main import VERBS
from cnnspec.resources import mistake_codes
from cnnspec.views.terminal.grid import Column, TableRow, table
from cnnspec.views.terminal.paint import Terminal, cut, folded, width_of

Command: TypeAlias = Callable[..., tuple[int, str, str]]

LONG = "block inception_module_with_a_very_long_name { conv 8 3x3 padding=1; relu; conv 8 1x1 }"
SPEC = (
    f"{LONG}; input 32x32x3; "
    + "; ".join(["inception_module_with_a_very_long_name"] * 3)
    + "; flatten; dense 10"
)
WRONG = "input 28x28x1; conv 6 5x5 pading=2; maxpool 2x2; cnv 16 5x5; dense 10; flatten; dense 10"
UNKNOWN = "input 28x28x1; conv ? ?x? stride=? padding=? => 24x24x6"
COMMANDS = [
    [],
    ["analyze", "-e", SPEC],
    ["analyze", "resnet50"],
    ["analyze", "googlenet", "--depth", "0"],
    ["analyze", "--columns", "list"],
    ["analyze", "-e", WRONG],
    ["explain", "googlenet"],
    ["explain", "lenet", "--as-dense"],
    ["check", "-e", WRONG],
    ["check", "vgg16"],
    ["solve", "-e", UNKNOWN],
    ["solve", "-e", "input 224x224x3; conv 64 ?x? stride=? => ?x?x64; expect params <= 10k"],
    ["compare", "lenet", "googlenet", "-e", SPEC],
    ["diff", "resnet18", "resnet34"],
    ["diff", "googlenet", "googlenet_torchvision"],
    ["diff", "-e", SPEC, "lenet", "--all"],
    ["field", "unet", "conv5"],
    ["field", "lenet", "conv2"],
    ["profile", "-e", SPEC, "--rounds", "1"],
    ["profile", "-e", SPEC, "--rounds", "1", "--training"],
    ["run", "lenet", "--input", "random"],
    ["run", "-e", "input 9x9x1; conv 3 3x3", "--input", "random"],
    ["quiz", "--seed", "1", "--level", "hard", "--count", "17"],
    ["quiz", "lenet", "--seed", "1", "--key"],
    ["quiz", "--topics"],
    ["ask", "how many parameters has conv 16 3x3 on 32x32x3"],
    ["examples"],
    ["layers"],
    ["layers", "conv"],
    ["layers", "train"],
    ["layers", "augment"],
    ["why"],
    *(["why", code] for code in mistake_codes()),
]


@pytest.mark.parametrize("width", [60, 80])
@pytest.mark.parametrize("arguments", COMMANDS, ids=" ".join)
def test_no_line_reaches_over_the_side(
    arguments: list[str],
    width: int,
    command: Callable[..., tuple[int, str, str]],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv("COLUMNS", str(width))
    _, out, err = command(*arguments)
    assert out + err
    assert too_wide(out + err, width) == []


@pytest.mark.parametrize("verb", VERBS)
def test_no_help_reaches_over_the_side(verb: str, command: Command, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("COLUMNS", "80")
    assert too_wide(command(verb, "--help")[1], 80) == []


def test_what_has_no_room_is_said() -> None:
    columns = [Column("name", "name", least=4, middle=True)]
    columns += [Column(title, title, right=True, rank=n) for n, title in enumerate(("params", "share"))]
    lines = [TableRow({"name": "stage1.basic1.conv1", "params": "1,000,000", "share": "12 %"})]
    for width in range(20, 60):
        page = table(columns, lines, Terminal(width))
        shown = page[0].split()
        note = " ".join(page[3:]).removeprefix(" no room for ").split(", ") if len(page) > 3 else []
        assert shown + note == ["name", "params", "share"]
        assert max(map(width_of, page)) <= width


def test_tables_are_drawn_by_what_says_so() -> None:
    """A matrix alone goes by its own fit: it is all there or not at all."""
    for path in Path(cnnspec.__file__).parent.rglob("*.py"):
        text = path.read_text("utf-8")
        if path.name not in ("grid.py", "results.py", "runs.py"):
            assert not re.search(r"terminal\.grid import .*\b(fit|draw)\b", text), path


@pytest.mark.parametrize(
    ("text", "width", "short"),
    [
        ("stage1.basic1.conv1", 11, "stage…conv1"),
        ("stage1.basic1.conv1", 12, "stage1…conv1"),
        ("short", 5, "short"),
        ("ab", 1, "…"),
        ("世界世界世界", 7, "世界…界"),
    ],
)
def test_names_are_cut_in_their_middle(text: str, width: int, short: str) -> None:
    assert cut(text, width, Terminal(), middle=True) == short
    assert width_of(short) <= width


def test_long_lines_are_folded_and_commands_are_not() -> None:
    page = "  a note that is long\n  cnnspec analyze lenet --columns layer\n\x1b[1mbold and short\x1b[0m"
    assert folded(page, 16).splitlines() == [
        "  a note that is",
        "    long",
        "  cnnspec analyze lenet --columns layer",
        "\x1b[1mbold and short\x1b[0m",
    ]


@pytest.mark.parametrize(
    ("width", "heads"), [(60, "filters  kernel  stride  padding"), (100, "filters (line 1)")]
)
def test_solutions_stand_under_their_heads(
    width: int, heads: str, command: Command, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("COLUMNS", str(width))
    lines = command("solve", "-e", UNKNOWN)[1].splitlines()
    assert lines[2].strip().startswith(heads)
    assert lines[3].split()[0].isdecimal()

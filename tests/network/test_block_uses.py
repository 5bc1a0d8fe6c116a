"""The same block used many times."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

import pytest
from tools import built, known

import cnnspec
from cnnspec.elaborate import blocks
from cnnspec.elaborate.elaborator import Elaborator
from cnnspec.network.graph import Group, Network, Node
from cnnspec.network.write import write
from cnnspec.resources import example_names

SPECS = {
    "plain": ("block b n { dense n; relu }\ninput 4\nrepeat 5 { b 4 }", 11),
    "with a label": ("block b { x: relu; tanh; add x }\ninput 4\nrepeat 5 { b }\nl: b\nfrom l.x", 19),
    "nested": ("block a { repeat 2 { b }; b }\nblock b { relu; add { | | } }\ninput 4\nrepeat 5 { a }", 31),
    "by value": ("block b n { dense n }\ninput 4\nb 4\nb 4\nb 5\nb 4\nb 4\nb 5", 7),
    "by the kind of value": ("block b n { if n == 1 { relu } }\ninput 4\nb 1\nb 1\nb yes\nb yes\nb 1", 6),
    "by shape": ("block b { conv C 3x3 }\ninput 19x19x2\nb\nb\nb\nb", 5),
    "empty": ("block b { }\ninput 4\nb\nb\nb\nb\nrelu", 2),
    "the entry as output": ("block b { x: relu; from input }\ninput 4\nb\nb\nb", 4),
    "from outside": ("block b { relu; add s }\ninput 4\ns: relu\nrepeat 4 { b }\n", 10),
    "outside given": ("block b s { relu; add s }\ninput 4\na: relu\nb a\nb a\nb a\nc: relu\nb c", 11),
    "with a head": ("block b { head h { dense 2 }; relu }\ninput 4\nrepeat 4 { b }", 9),
    "a constant between": ("block b { if n == 3 { relu } else { tanh } }\nlet n = 3\ninput 4\nb\nb\nb", 4),
    "claimed": ("block b { dense 4 => 4 }\ninput 4\nb\nb\nb", 4),
    "dotted labels": ("block b { relu; tanh }\ninput 4\nb\nb\nb3.relu1: relu\nb\nb", 10),
    "dotted labels before": ("block b { relu; tanh }\ninput 4\nb1.relu1: relu\nb\nb", 6),
    "turns seen": ("block b { if i % 2 == 0 { relu; tanh } else { gelu } }\ninput 4\nrepeat 4 as i { b }", 7),
    "a constant of each turn": ("block b { dense n }\ninput 4\nrepeat 4 as i { let n = i % 2 + 3; b }", 5),
    "a turn inside": ("block b { repeat 2 as i { dense 4 + i; relu } }\ninput 4\nb\nb 	\nb", 13),
    "kinds in brackets": ("block b p { pad p }\ninput 4x4x1\nb (1, 2)\nb (1, 2)\nb (2, 1)\nb (1, 2)", 5),
    "shared": ("block b { dense 4; relu }\nblock t { b share=a }\ninput 4\na: b\nt\nt\nb share=a\nb", 11),
    "shared inside": ("block b { c: dense 4; dense 4 share=c }\ninput 4\nb\nb\nb", 7),
    "a block given": (
        "block u { relu }\nblock v { tanh; relu }\nblock b f { f; f }\ninput 4\nb u\nb v\nb u\nb v\nb elu", 15
    ),
    "tied": ("block b { dense 4 tied=a; relu }\ninput 4\na: dense 4\nb\nb\nb", 8),
    "two inputs": ("block b { dense 4 }\ninput x 4\ninput y 4\nfrom x\nb\nb\nfrom y\nb\nb", 6),
    "labelled": ("block b { relu }\ninput 4\nx: b\ny: b\nz: b\nadd x", 5),
}  # fmt: skip


@pytest.mark.parametrize("name", SPECS)
def test_every_use_is_expanded(name: str) -> None:
    text, nodes = SPECS[name]
    network = cnnspec.parse(text)
    assert nodes == len(network.nodes)
    flat = replace(network, nodes=tuple(replace(node, groups=()) for node in network.nodes))
    assert flat == cnnspec.parse(write(network))


def plainly(monkeypatch: pytest.MonkeyPatch, read: Callable[[], Network]) -> tuple[Network, Network]:
    """The network twice: as it is read, and with every use of a block expanded by itself."""
    quick = read()
    with monkeypatch.context() as patch:
        patch.setattr(blocks, "_likeness", lambda *_: None)
        return quick, read()


@pytest.mark.parametrize("name", SPECS)
def test_uses_that_are_alike_are_as_if_each_were_expanded(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    quick, plain = plainly(monkeypatch, lambda: cnnspec.parse(SPECS[name][0]))
    assert plain == quick
    assert [places(node) for node in plain.nodes] == [places(node) for node in quick.nodes]


def places(node: Node) -> tuple[int, int] | None:
    return (node.span.start, node.span.end) if node.span else None


def test_examples_are_as_if_each_use_of_a_block_were_expanded(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in example_names():
        quick, plain = plainly(monkeypatch, lambda name=name: cnnspec.load(name))  # type: ignore[misc]
        assert plain == quick


def test_uses_that_are_alike_are_expanded_once(monkeypatch: pytest.MonkeyPatch) -> None:
    made: list[str] = []
    new_group = Elaborator.new_group

    def counted(self: Elaborator, title: str, *turn: int) -> Group:
        made.append(title)
        return new_group(self, title, *turn)

    monkeypatch.setattr(Elaborator, "new_group", counted)
    cnnspec.parse("block b n { dense n; relu }\ninput 4\nb 4\nb 4\nrepeat 5 { b 4 }\nb 5")
    assert ["b", "repeat 5", "b", *["repeat 5"] * 4, "b"] == made


def test_a_constant_defined_in_between_is_seen() -> None:
    text = "block b { pad 1 mode=same }\ninput 4x4x1\nb\nlet same = zeros\nb\nb\nb"
    assert ["wrong-option"] == [item.code for item in built(text).diagnostics]


def test_faults_in_a_later_use_are_found() -> None:
    text = "block b { conv 2 3x3 }\ninput 9x9x2\nrepeat 5 { b }"
    (fault,) = built(text).diagnostics
    assert "window-larger-than-input" == fault.code


def test_every_use_counts_towards_the_limit() -> None:
    text = "block b n { repeat n { relu } }\ninput 4\nrepeat 60 { b 1000 }"
    assert ["network-too-large"] == [item.code for item in built(text).diagnostics]


def test_blocks_may_use_each_other_where_a_condition_ends_it() -> None:
    text = (
        "block b n { if n > 0 { a 0 } else { relu } }\nblock a n { if n > 0 { b 1 } else { tanh } }\n"
        "input 4\nb 1\nb 1\nb 1\na 1"
    )
    network = known(built(text).network)
    assert ["b1.a1.tanh1", "b2.a1.tanh1", "b3.a1.tanh1", "a1.b1.a1.tanh1"] == [
        node.name for node in network.layers
    ]

"""The same block used many times."""

from __future__ import annotations

from dataclasses import replace

import pytest
from tools import built, known

import cnnspec
from cnnspec.network.write import write

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
    "labelled": ("block b { relu }\ninput 4\nx: b\ny: b\nz: b\nadd x", 5),
}  # fmt: skip


@pytest.mark.parametrize("name", SPECS)
def test_every_use_is_expanded(name: str) -> None:
    text, nodes = SPECS[name]
    network = cnnspec.parse(text)
    assert nodes == len(network.nodes)
    flat = replace(network, nodes=tuple(replace(node, groups=()) for node in network.nodes))
    assert flat == cnnspec.parse(write(network))


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

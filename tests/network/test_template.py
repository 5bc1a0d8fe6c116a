"""Copied blocks are what expanding them once more would have given."""

from __future__ import annotations

import pytest

import cnnspec
from cnnspec.elaborate.spec import Elaborated, elaborate
from cnnspec.elaborate.template import Recorder
from cnnspec.network.graph import Network
from cnnspec.resources import example_names
from cnnspec.syntax.parse import parse
from cnnspec.text import Source


class Counter:
    def __init__(self) -> None:
        self.copies = 0


@pytest.fixture
def copies(monkeypatch: pytest.MonkeyPatch) -> Counter:
    """Counts the copies that are made."""
    counter, copy = Counter(), Recorder.copy

    def counted(self: Recorder, *arguments: object) -> bool:
        done = copy(self, *arguments)  # type: ignore[arg-type]
        counter.copies += done
        return done

    monkeypatch.setattr(Recorder, "copy", counted)
    return counter


def both(load, monkeypatch: pytest.MonkeyPatch) -> tuple[Network, Network]:  # type: ignore[no-untyped-def]
    """The network with blocks copied, and with every block expanded."""
    copied = load()
    with monkeypatch.context() as patch:
        patch.setattr(Recorder, "copy", lambda self, *arguments: False)
        return copied, load()


def places(network: Network) -> list[str]:
    """Where each node is written."""
    return [repr(node.span) for node in network.nodes]


@pytest.mark.parametrize("name", example_names())
def test_examples_are_the_same_either_way(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    copied, expanded = both(lambda: cnnspec.load(name), monkeypatch)
    assert expanded == copied
    assert places(expanded) == places(copied)


def test_deep_networks_are_copied(copies: Counter) -> None:
    cnnspec.load("resnet152")
    assert copies.copies > 30


SPECS = {
    "plain": ("block b n { dense n; relu }\ninput 4\nrepeat 5 { b 4 }", 3),
    "with a label": ("block b { x: relu; tanh; add x }\ninput 4\nrepeat 5 { b }\nl: b\nfrom l.x", 3),
    "nested": ("block a { repeat 2 { b }; b }\nblock b { relu; add { | | } }\ninput 4\nrepeat 5 { a }", None),
    "by value": ("block b n { dense n }\ninput 4\nb 4\nb 4\nb 5\nb 4\nb 4\nb 5", None),
    "by the kind of value": ("block b n { if n == 1 { relu } }\ninput 4\nb 1\nb 1\nb yes\nb yes\nb 1", None),
    "by shape": ("block b { conv C 3x3 }\ninput 19x19x2\nb\nb\nb\nb", None),
    "empty": ("block b { }\ninput 4\nb\nb\nb\nb\nrelu", None),
    "the entry as output": ("block b { x: relu; from input }\ninput 4\nb\nb\nb", None),
    "from outside": ("block b { relu; add s }\ninput 4\ns: relu\nrepeat 4 { b }\n", 0),
    "outside given": ("block b s { relu; add s }\ninput 4\na: relu\nb a\nb a\nb a\nc: relu\nb c", 0),
    "with a head": ("block b { head h { dense 2 }; relu }\ninput 4\nrepeat 4 { b }", 0),
    "a constant between": ("block b { if n == 3 { relu } else { tanh } }\nlet n = 3\ninput 4\nb\nb\nb", None),
    "claimed": ("block b { dense 4 => 4 }\ninput 4\nb\nb\nb", 0),
    "dotted labels": ("block b { relu; tanh }\ninput 4\nb\nb\nb3.relu1: relu\nb\nb", None),
    "labelled": ("block b { relu }\ninput 4\nx: b\ny: b\nz: b\nadd x", 1),
}  # fmt: skip


@pytest.mark.parametrize("name", SPECS)
def test_specs_are_the_same_either_way(name: str, monkeypatch: pytest.MonkeyPatch, copies: Counter) -> None:
    text, expected = SPECS[name]
    copied, expanded = both(lambda: cnnspec.parse(text), monkeypatch)
    assert expanded == copied
    assert places(expanded) == places(copied)
    if expected is not None:
        assert expected == copies.copies


def built(text: str) -> Elaborated:
    return elaborate(parse(Source("spec.cnn", text)))


def test_a_constant_defined_in_between_is_seen() -> None:
    text = "block b { pad 1 mode=same }\ninput 4x4x1\nb\nlet same = zeros\nb\nb\nb"
    assert ["wrong-option"] == [item.code for item in built(text).diagnostics]


def test_faults_after_copies_are_still_found() -> None:
    text = "block b { conv 2 3x3 }\ninput 9x9x2\nrepeat 5 { b }"
    (fault,) = built(text).diagnostics
    assert "window-larger-than-input" == fault.code


def test_copies_count_towards_the_limit() -> None:
    text = "block b n { repeat n { relu } }\ninput 4\nrepeat 60 { b 1000 }"
    assert ["network-too-large"] == [item.code for item in built(text).diagnostics]


def test_recursion_behind_a_condition_is_refused_as_ever() -> None:
    text = (
        "block b n { if n > 0 { a 0 } else { relu } }\nblock a n { if n > 0 { b 1 } else { tanh } }\n"
        "input 4\nb 1\nb 1\nb 1\na 1"
    )
    assert ["recursive-block"] == [item.code for item in built(text).diagnostics]

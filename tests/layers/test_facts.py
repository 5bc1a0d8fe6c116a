"""Every layer has decided what memory, pictures, advice and other tools' ways of counting ask of it."""

from __future__ import annotations

from typing import ClassVar

import pytest

from cnnspec.analysis.conventions import CONVENTIONS
from cnnspec.analysis.report import Analysis, analyze
from cnnspec.layers.base import Family, Layer, Weighted
from cnnspec.layers.facts import NOTHING, Effect, Facts, Picture, Storage
from cnnspec.layers.norm import GroupNorm
from cnnspec.layers.registry import LAYERS
from cnnspec.network.assemble import NamedLayer, assemble
from cnnspec.views.documents.as_json import document

NO_FACTS = ("sign", "has_bias", "spec")
FACTS = ["word", *(name for name in vars(Facts) if not name.startswith("_") and name not in NO_FACTS)]
"""A sign goes with a picture that needs one."""

each_class = pytest.mark.parametrize("layer", LAYERS.values(), ids=LAYERS)


def undecided(layer: type[Layer]) -> list[str]:
    """The facts that neither the class nor its family's base states.

    A base has no word. Another layer is none, even when it is inherited from: a new word decides anew.
    """
    stating = [base for base in layer.__mro__ if base is layer or "word" not in vars(base)]
    stating = [base for base in stating if issubclass(base, Layer) and base is not Layer]
    missing = [name for name in FACTS if not any(name in vars(base) for base in stating)]
    tools = {name for name, convention in CONVENTIONS.items() if convention.total is None}
    return missing + sorted(tools - set(layer.counts)) if "counts" not in missing else missing


@each_class
def test_every_fact_is_decided(layer: type[Layer]) -> None:
    assert undecided(layer) == []


@each_class
def test_the_words_of_decisions_are_known(layer: type[Layer]) -> None:
    assert set(layer.counts) == set(NOTHING)
    assert layer.storage in Storage
    assert layer.effect in Effect
    assert (layer.picture is Picture.SIGN) == bool(layer.sign)
    assert layer.word in layer.spec()


def test_tools_with_rules_by_layer_are_those_that_layers_decide_about() -> None:
    assert [name for name, convention in CONVENTIONS.items() if convention.total is None] == list(NOTHING)


class Forgetful(Weighted):
    """A layer whose author thought of its kernel alone."""

    word: ClassVar[str] = "forgetful"
    family: ClassVar[Family] = Family.NORM


class Heir(GroupNorm):
    """A layer that inherits from another one, whose decisions are not its own."""

    word: ClassVar[str] = "heir"
    counts: ClassVar[dict[str, int]] = {"fvcore": 5}


def test_a_layer_that_decides_nothing_is_found_out() -> None:
    assert undecided(Forgetful) == ["storage", "keeps", "effect", "picture", "counts", "example"]


def test_a_new_word_does_not_inherit_the_decisions_of_another() -> None:
    assert undecided(Heir) == ["effect", "calflops", "ptflops", "thop", "torchinfo"]


def counted_like(tool: str, layer: Layer) -> Analysis:
    network = assemble("", (8, 8, 4), [NamedLayer("it", layer, ["input"])])
    return analyze(network, convention=tool)


@pytest.mark.parametrize("tool", NOTHING)
def test_an_undecided_count_is_partial_and_says_so(tool: str) -> None:
    found = counted_like(tool, Forgetful())
    assert found.totals.flops == 0
    assert found.rule.endswith("; partial: no rule for forgetful")
    assert document(found)["uncounted"] == ["forgetful"]


@pytest.mark.parametrize("word", ["minpool", "medianpool", "subsample"])
def test_layers_that_pytorch_lacks_make_a_tools_count_partial(word: str) -> None:
    layer = LAYERS[word].model_validate({"kernel": 2})
    assert [counted_like(tool, layer).uncounted for tool in NOTHING] == [(word,)] * len(NOTHING)
    assert counted_like("paper", layer).uncounted == counted_like("cnnspec", layer).uncounted == ()


def test_what_a_tool_counts_as_nothing_is_no_gap() -> None:
    assert [counted_like(tool, LAYERS["tanh"]()).uncounted for tool in NOTHING] == [()] * len(NOTHING)

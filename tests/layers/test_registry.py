"""The registry of layers is complete, documented, and its answers are remembered rightly."""

from __future__ import annotations

import pickle
from importlib import import_module
from typing import get_args

import pytest
from cases.others import OTHERS
from cases.registry import CASES, Case
from cases.sliding import SLIDING
from pydantic import ValidationError

from cnnspec.diagnostics import nearest
from cnnspec.layers.base import INITIAL_SYNONYMS, Initial, Layer
from cnnspec.layers.conv import Conv
from cnnspec.layers.other_pools import MinPool
from cnnspec.layers.pool import MaxPool
from cnnspec.layers.registry import HOMES, LAYERS, SYNONYMS

each_class = pytest.mark.parametrize("layer", LAYERS.values(), ids=LAYERS)
each_case = pytest.mark.parametrize("case", CASES, ids=repr)


def test_registry_holds_every_word_that_cases_are_written_for() -> None:
    assert set(LAYERS) == {*SLIDING, *OTHERS, "unpool"}


@pytest.mark.parametrize("file", sorted(set(HOMES.values())))
def test_every_layer_of_a_file_is_registered(file: str) -> None:
    found = vars(import_module(f"cnnspec.layers.{file}"))
    own = {name: each for name, each in found.items() if getattr(each, "__module__", "").endswith(file)}
    words = {each.word for name, each in own.items() if name[0] != "_" and "word" in vars(each)}
    assert words == {word for word, home in HOMES.items() if home == file}
    assert all(LAYERS[word].word == word for word in words)


def test_every_word_has_cases_with_names_of_their_own() -> None:
    assert {case.layer.word for case in CASES} == set(LAYERS)
    assert len({case.name for case in CASES}) == len(CASES)


def test_synonyms_lead_to_known_words_and_hide_none() -> None:
    assert set(SYNONYMS.values()) <= set(LAYERS)
    assert set(SYNONYMS).isdisjoint(LAYERS)


@pytest.mark.parametrize(
    ("said", "meant"),
    [
        ("linear", "dense"), ("fc", "dense"), ("fullyconnected", "dense"), ("MaxPooling2D", "maxpool"),
        ("maxpool2d", "maxpool"), ("conv2d", "conv"), ("bn", "batchnorm"), ("batch_norm", "batchnorm"),
        ("lrelu", "leakyrelu"), ("swish", "silu"), ("deconv", "upconv"), ("ConvTranspose2d", "upconv"),
        ("gap", "globalavgpool"), ("cnv", "conv"), ("soft_max", "softmax"),
    ],
)  # fmt: skip
def test_other_tools_words_find_ours(said: str, meant: str) -> None:
    assert nearest(said, LAYERS, SYNONYMS) == meant


@each_class
def test_class_and_options_explain_themselves(layer: type[Layer]) -> None:
    assert layer.__doc__
    assert layer.__doc__ != Layer.__doc__
    assert [name for name, field in layer.option_fields().items() if not field.description] == []


@each_class
def test_positional_options_are_options(layer: type[Layer]) -> None:
    assert len(layer.positional) <= 2
    assert set(layer.positional) | set(layer.references) <= set(layer.option_fields())


@each_class
def test_required_options_are_positional(layer: type[Layer]) -> None:
    required = {name for name, field in layer.option_fields().items() if field.is_required()}
    assert required <= set(layer.positional)


@each_case
def test_options_make_the_layer_again(case: Case) -> None:
    layer = type(case.layer).model_validate(case.layer.options())
    if case.pool is not None:
        layer = layer.bind((case.pool[0], (case.pool[1],)))
    assert layer == case.layer
    assert hash(layer) == hash(case.layer)


@each_case
def test_json_makes_the_layer_again(case: Case) -> None:
    assert type(case.layer).model_validate_json(case.layer.model_dump_json()) == case.layer


def test_a_changed_copy_is_another_layer() -> None:
    few = Conv(filters=4, kernel=(3,))
    assert few.params(((8, 8, 1),)).value == 40
    many = few.model_copy(update={"filters": 8})
    assert hash(few) != hash(many)
    assert many.params(((8, 8, 1),)).value == 80


def test_layers_of_different_words_differ() -> None:
    assert MaxPool(kernel=2) != MinPool(kernel=2)
    assert LAYERS["relu"]() != "relu"


def test_hash_does_not_travel_to_other_processes() -> None:
    layer = Conv(filters=4, kernel=(3,))
    hash(layer)
    assert not hasattr(pickle.loads(pickle.dumps(layer)), "_hash")


def test_equal_questions_get_the_same_answer_object() -> None:
    one, same = Conv(filters=4, kernel=(3,)), Conv(filters=4, kernel=(3,))
    assert one.params(((8, 8, 1),)) is same.params(((8, 8, 1),))


def test_names_of_initialisers_are_those_the_backend_knows() -> None:
    from cnnspec.backends import initializers

    assert set(get_args(Initial)) == {*initializers.INITIALIZERS, *INITIAL_SYNONYMS}


def test_number_of_inputs_is_stated() -> None:
    several = {word: layer.arity for word, layer in LAYERS.items() if layer.arity != (1, 1)}
    merges = ("add", "subtract", "multiply", "divide", "maximum", "minimum", "concat")
    assert several == {"unpool": (2, 2), "attention": (1, 2), **dict.fromkeys(merges, (2, None))}


@pytest.mark.parametrize(
    ("word", "options", "told"),
    [
        ("conv", {"filters": 0, "kernel": 3}, "greater than 0"),
        ("conv", {"filters": 2, "kernel": 0}, "greater than 0"),
        ("conv", {"filters": 2, "kernel": (3, 3, 3, 3)}, "at most 3"),
        ("conv", {"filters": 2, "kernel": 3, "padding": -1}, "greater than or equal to 0"),
        ("conv", {"filters": 2, "kernel": 3, "padding": "half"}, "'same', 'valid' or 'full'"),
        ("conv", {"filters": 2, "kernel": 3, "stride": 0}, "greater than 0"),
        ("conv", {"filters": 2, "kernel": 3, "strides": 2}, "Extra inputs are not permitted"),
        ("conv", {"filters": 2, "kernel": 3, "connections": "0 1"}, "lists 1 filters, but there are 2"),
        ("conv", {"filters": 1, "kernel": 3, "connections": "0 0"}, "lists a channel twice"),
        ("conv", {"filters": 1, "kernel": 3, "connections": "lenet"}, "neither a known table"),
        ("conv", {"filters": 2, "kernel": 3, "connections": "0; 1", "groups": 2}, "cannot be given together"),
        ("conv", {"filters": 2, "kernel": 3, "init": "warm"}, "'he', 'he_uniform'"),
        ("conv", {"filters": 2, "kernel": 3, "weights": "1 2 x"}, '"x" is not a number'),
        (
            "conv",
            {"filters": 2, "kernel": 3, "weights": "blurr"},
            "no kernel blurr; did you mean blur",
        ),
        ("conv", {"filters": 2, "kernel": 3, "weights": "edge | gaussian"}, "rows of 3 and 5 numbers"),
        ("dense", {"units": 2, "weights": "[1 2]/0"}, "divided by 0"),
        ("upconv", {"filters": 2, "kernel": 3, "output_padding": -1}, "greater than or equal to 0"),
        ("dropout", {"rate": 1}, "less than 1"),
        ("maxpool", {"kernel": 2, "rounding": "up"}, "'floor' or 'ceil'"),
        ("crop", {}, "either an amount to cut off or a size"),
        ("crop", {"amount": 1, "to": 2}, "either an amount to cut off or a size"),
        ("slice", {"start": 3, "stop": 3}, "stop must be greater than start"),
        ("relu", {"max": 0}, "greater than 0"),
        ("reshape", {"to": (3, 0, 2)}, "greater than 0"),
        ("upsample", {"scale": 2, "mode": "cubic"}, "'nearest', 'bilinear', 'bicubic' or 'nails'"),
    ],
)
def test_impossible_options_are_refused(word: str, options: dict[str, object], told: str) -> None:
    with pytest.raises(ValidationError, match=told):
        LAYERS[word].model_validate(options)

"""``cnnspec layers train`` and its pages: made from the models, whole, and every example works."""

from __future__ import annotations

import pytest

from cnnspec.cli.main import run
from cnnspec.elaborate.spec import elaborate
from cnnspec.layers.registry import LAYERS
from cnnspec.layers.registry import SYNONYMS as LAYER_SYNONYMS
from cnnspec.recipe.models import Recipe
from cnnspec.recipe.words import SETTINGS
from cnnspec.syntax.parse import parse
from cnnspec.text import Source
from cnnspec.views.reference import WordEntry, find, settings
from cnnspec.views.terminal.paint import Terminal
from cnnspec.views.terminal.reference import RECIPE, render_recipe, render_setting

ENTRIES = list(settings())


def recipe_of(text: str) -> Recipe:
    """The recipe of a spec that gives no diagnostic at all."""
    found = elaborate(parse(Source("example", text)))
    assert () == found.diagnostics
    assert found.network is not None
    return found.network.training_recipe


def told(page: str) -> str:
    return " ".join(page.split())


def name(one: WordEntry) -> str:
    return f"{one.word} {one.kind}".strip()


@pytest.mark.parametrize("one", ENTRIES, ids=name)
def test_every_example_parses_and_says_something(one: WordEntry) -> None:
    assert one.example.startswith(name(one))
    assert one.word in recipe_of(one.spec).model_fields_set


def test_the_whole_recipe_parses() -> None:
    assert Recipe() != recipe_of(f"input 28x28x1\nflatten -> dense 10 -> softmax\n{RECIPE}")


@pytest.mark.parametrize("one", ENTRIES, ids=name)
def test_every_page_tells_every_option(one: WordEntry) -> None:
    page = told(render_setting(one.kind or one.word))
    entry = SETTINGS[one.word]
    model = entry[one.kind] if isinstance(entry, dict) else entry
    fields = model.model_fields if model else {one.word: Recipe.model_fields[one.word]}
    wanted = set(fields) - ({"kind"} if one.kind else set())
    assert wanted == {option.name for option in one.options}
    for option in one.options:
        assert option.kind in page
        assert option.meaning.lower() in page.lower()
    assert one.example in page
    assert f'cnnspec train -e "{one.spec}"' in page


def test_the_list_has_every_setting_with_its_meaning() -> None:
    page = told(render_recipe())
    for word, field in Recipe.model_fields.items():
        assert f" {word} " in page
        assert told(field.description or "") in page


@pytest.mark.parametrize("one", ENTRIES, ids=name)
def test_a_page_keeps_to_its_width(one: WordEntry) -> None:
    page = render_setting(one.kind or one.word, Terminal(80)) + render_recipe(Terminal(80))
    assert [] == [line for line in page.splitlines() if len(line) > 80 and "cnnspec train -e" not in line]


@pytest.mark.parametrize(
    ("word", "facts"),
    [
        ("schedule", ["warmup epochs, 0 or more = 0", "in epochs (not steps; 0.5 is half of one)"]),
        ("rotate", ["rotate degrees, 0 to 180 = 0", "10 turns by -10 to 10 degrees"]),
        ("augment", ["augment alone changes nothing", "elastic pixels, 0 or more", "(Simard et al. 2003)"]),
        ("stop", ["patience whole epochs, 1 or more = 3", "The validation loss is watched", "training loss"]),
        ("clip", ["VALUE number, above 0", "(Pascanu et al. 2013)"]),
        ("normalise", ["mean number or (number, …) = 0"]),
        ("classweights", ["VALUE balanced or (number, …)"]),
        ("data", ["path text in quotes", "share, 0 to below 1 = 0.2"]),
        ("onecycle", ["peak number, above 0 the highest rate"]),
        ("batch", ["VALUE samples, 1 or more = 64"]),
    ],
)  # fmt: skip
def test_units_bounds_defaults_and_sources(word: str, facts: list[str]) -> None:
    page = told(render_setting(word))
    assert [] == [fact for fact in facts if fact not in page]


@pytest.mark.parametrize(
    ("word", "sentences"),
    [
        ("adam", ["optimizer adam"]),
        ("init", ["initial"]),
        ("glorot", ["initial"]),
        ("early_stopping", ["stop"]),
        ("warm-up", ["schedule constant", "schedule exponential", "schedule step", "schedule cosine"]),
        ("momentum", ["optimizer sgd", "optimizer rmsprop"]),
        ("label_smoothing", ["loss crossentropy"]),
        ("validation", ["data"]),
        ("Fashion-MNIST", ["data"]),
        ("weight-decay", [f"optimizer {kind}" for kind in ("sgd", "adam", "adamw", "rmsprop")]),
        ("lr", [f"optimizer {kind}" for kind in ("sgd", "adam", "adamw", "rmsprop")]),
        ("flaten", []),
    ],
)  # fmt: skip
def test_a_word_finds_its_sentences(word: str, sentences: list[str]) -> None:
    assert sentences == [name(one) for one in find(word)]


def test_no_word_of_the_recipe_is_a_layer() -> None:
    words = {one.word for one in ENTRIES} | {one.kind for one in ENTRIES} | {"train"}
    assert set() == words & (set(LAYERS) | set(LAYER_SYNONYMS))


def test_the_command_knows_them(capsys: pytest.CaptureFixture[str]) -> None:
    assert 0 == run(["layers", "train"])
    assert "classweights" in capsys.readouterr().out
    assert 0 == run(["layers", "Validation"])
    assert capsys.readouterr().out.startswith("data [NAME] [PATH]\n")
    assert 2 == run(["layers", "optimzer"])
    assert 'did you mean "optimizer"?' in capsys.readouterr().err
    assert 0 == run(["layers"])
    assert "cnnspec layers train" in capsys.readouterr().out

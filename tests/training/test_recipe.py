from typing import get_args

import pytest

from cnnspec.backends.numpy.initializers import INITIALIZERS, SYNONYMS
from cnnspec.diagnostics import Diagnostic, Severity
from cnnspec.network.recipe import SETTINGS, Recipe, read_recipe
from cnnspec.network.settings import AdamW, CrossEntropy, Data, Initial, OneCycle, Sgd, Step, Stop
from cnnspec.network.values import Word, evaluate
from cnnspec.syntax import tree
from cnnspec.syntax.parse import parse
from cnnspec.text import Source


def read(text: str, image: tuple[int, ...] | None = None) -> tuple[Recipe | None, tuple[Diagnostic, ...]]:
    spec = parse(Source("test", f"train {{ {text} }}"))
    (train,) = spec.statements
    assert isinstance(train, tree.Train)
    return read_recipe(
        train, lambda expression: evaluate(expression, lambda name: Word(name.text), {}), image
    )


def good(text: str) -> Recipe:
    recipe, diagnostics = read(text)
    assert () == diagnostics
    assert recipe is not None
    return recipe


def only_fault(text: str) -> Diagnostic:
    recipe, (diagnostic,) = read(text)
    assert recipe is None
    return diagnostic


def test_an_empty_recipe_is_the_default():
    assert Recipe() == good("")


def test_every_sentence_is_read():
    recipe = good(
        "data fashion_mnist validation=0.1; optimizer sgd rate=0.05 momentum=0.9 nesterov=yes decay=5e-4;"
        "schedule step every=2 factor=0.1 warmup=0.5; batch 32*2; epochs 7; seed 3; initial glorot;"
        "loss crossentropy smoothing=0.1; normalise mean=0.1307 std=(0.3, 0.2); augment shift=2 rotate=10;"
        "classweights balanced; clip 1; stop patience=2"
    )
    assert Data(name="fashion_mnist", validation=0.1) == recipe.data
    assert Sgd(rate=0.05, momentum=0.9, nesterov=True, decay=5e-4) == recipe.optimizer
    assert Step(every=2, factor=0.1, warmup=0.5) == recipe.schedule
    assert (64, 7, 3, 1.0) == (recipe.batch, recipe.epochs, recipe.seed, recipe.clip)
    assert CrossEntropy(smoothing=0.1) == recipe.loss
    assert ("glorot", "balanced") == (recipe.initial, recipe.classweights)
    assert (0.1307, (0.3, 0.2)) == (recipe.normalise.mean, recipe.normalise.std)
    assert Stop(patience=2) == recipe.stop


def test_arguments_may_stand_without_their_name():
    recipe = good(
        'data images "my pictures" validation=0.1; schedule onecycle 0.05; stop 4; initial he_uniform'
    )
    assert Data(name="images", path="my pictures", validation=0.1) == recipe.data
    assert OneCycle(peak=0.05) == recipe.schedule
    assert Stop(patience=4) == recipe.stop


def test_a_hyphen_is_as_good_as_an_underscore():
    assert "fashion_mnist" == good('data "fashion-mnist"').data.name


@pytest.mark.parametrize(
    "text, code, place, message, cure",
    [
        ("bach 3", "unknown-setting", "bach", "train has no setting bach", "did you mean batch?"),
        ("lr 3", "unknown-setting", "lr", "train has no setting lr",
         "it is an option of another: optimizer sgd rate=…"),
        ("workers 0", "wrong-setting", "0", "workers must be greater than or equal to 1. Received: 0", None),
        ("optimizer sdg", "wrong-setting", "sdg",
         "optimizer must be sgd, adam, adamw or rmsprop. Received: sdg", "did you mean sgd?"),
        ("loss cross_entropy", "wrong-setting", "cross_entropy",
         "loss must be crossentropy or mse. Received: cross_entropy", "did you mean crossentropy?"),
        ("optimizer adam lr=1", "unknown-setting-option", "lr", "optimizer adam has no option lr",
         "did you mean rate?"),
        ("optimizer adam kind=1", "unknown-setting-option", "kind", None, None),
        ("optimizer sgd rate=-0.1", "wrong-setting", "-0.1",
         "optimizer rate must be greater than 0. Received: -0.1", None),
        ("batch 6.5", "wrong-setting", "6.5", "batch must be a whole number. Received: 6.5", None),
        ("batch yes", "wrong-setting", "yes", "batch must be a whole number. Received: yes", None),
        ("batch ?", "wrong-setting", "?", "batch must be a whole number. Received: ?", None),
        ("epochs", "wrong-setting", "epochs", "epochs must have one value. Received: nothing", None),
        ("epochs 3 4", "wrong-setting", "epochs 3 4", "epochs must have one value. Received: 3 4", None),
        ("epochs 3 x=1", "unknown-setting-option", "x", "epochs has no option x", None),
        ("optimizer", "wrong-setting", "optimizer",
         "optimizer must say which: sgd, adam, adamw or rmsprop", None),
        ("seed 1; seed 2", "repeated-setting", "seed", "seed is given twice", "keep one of the two"),
        ("optimizer sgd rate=1 rate=2", "repeated-setting", "rate", "rate is given twice", None),
        ("optimizer sgd 0.1", "wrong-setting", "0.1", "optimizer sgd cannot take the value 0.1",
         "give it by name: rate, momentum, nesterov or decay"),
        ("initial galrot", "wrong-setting", "galrot", None, "did you mean glorot?"),
        ("data mnits", "wrong-setting", "mnits", None, "did you mean mnist?"),
        ("data images", "wrong-setting", "data images",
         "data must say where its files are: data images \"path\". Received: data images", None),
        ("normalise standard mean=1", "wrong-setting", "normalise standard mean=1", None, None),
        ("loss mse; classweights balanced", "wrong-setting", "classweights balanced",
         "classweights must go with loss crossentropy. Received: loss mse", None),
        ("augment flip", "wrong-setting", "flip", "augment cannot take the value flip", "write flip=yes"),
        ("augment shift", "wrong-setting", "shift", "augment cannot take the value shift",
         "give it a value: shift=…, as in augment shift=2 rotate=10 scale=0.1"),
        ("augment flip=0.5", "wrong-setting", "0.5", "augment flip must be yes or no. Received: 0.5", None),
        ("clip norm=1", "unknown-setting-option", "norm", "clip has no option norm",
         "its value has no name: clip 1"),
        ("clip", "wrong-setting", "clip", "clip must have one value. Received: nothing", "as in clip 1"),
        ("optimizer rate=0.1", "wrong-setting", "optimizer rate=0.1",
         "optimizer must say which: sgd, adam, adamw or rmsprop", "as in optimizer sgd rate=0.1"),
        ("normalise std=0", "wrong-setting", "0", "normalise std must be greater than 0. Received: 0", None),
        ("normalise mean=x", "wrong-setting", "x",
         "normalise mean must be a number or numbers in brackets, as in (1, 2.5). Received: x", None),
        ("classweights (1, 0)", "wrong-setting", "(1, 0)",
         "classweights must be greater than 0. Received: (1, 0)", None),
        ("data mnist validation=10", "wrong-setting", "10",
         "data validation must be less than 1. Received: 10", "it is a part of 1: 10 % is 0.1"),
        ('data "my.csv"', "wrong-setting", '"my.csv"', None, 'say what it is: data csv "my.csv"'),
        ("weight_decay 0.1", "unknown-setting", "weight_decay", "train has no setting weight_decay",
         "it is an option of another: optimizer sgd decay=…"),
        ("rotate 5", "unknown-setting", "rotate", "train has no setting rotate",
         "it is an option of another: augment rotate=…"),
        ("dropout 0.5", "unknown-setting", "dropout", "train has no setting dropout",
         "dropout is a layer: it stands where its input comes from, outside train { }"),
        ("shuffle yes", "unknown-setting", "shuffle", "train has no setting shuffle",
         "leave it out: the samples are shuffled anew each epoch, always"),
        ("qqq 1", "unknown-setting", "qqq", "train has no setting qqq",
         "cnnspec layers train tells what each one does"),
        ("batch 1 // 0", "division-by-zero", "1 // 0", None, None),
    ],
)  # fmt: skip
def test_a_fault_names_its_own_place_and_the_cure(text, code, place, message, cure):
    fault = only_fault(text)
    assert (code, place) == (fault.code, fault.span.text)
    assert message is None or message == fault.message
    assert cure is None or cure in fault.help


def test_an_option_of_a_sibling_names_its_owner():
    assert ("momentum belongs to optimizer sgd, rmsprop",) == only_fault("optimizer adam momentum=0.9").notes


def test_a_fix_makes_the_recipe_that_was_meant():
    for text, cured in (("clip norm=2", "clip 2"), ('data "a.npz"', 'data npz "a.npz"')):
        fault = only_fault(text)
        (fix,) = fault.fixes
        assert cured == text.replace(fix.span.text, fix.replacement)
        assert good(cured)
    assert good("augment flip=yes").augment.flip


def test_all_faults_are_reported():
    _, diagnostics = read("bach 3; optimizer sgd rate=0 momentum=2; epochs -1")
    assert ["bach", "0", "2", "-1"] == [item.span.text for item in diagnostics]


def test_every_field_says_what_it_means():
    for word, entry in SETTINGS.items():
        models = entry.values() if isinstance(entry, dict) else [entry] if entry else []
        assert Recipe.model_fields[word].description
        for model in models:
            for name, field in model.model_fields.items():
                assert name == "kind" or field.description, (word, name)


def test_the_initialisers_are_those_of_the_backend():
    assert {*INITIALIZERS, *SYNONYMS} == set(get_args(Initial))


def test_the_table_and_the_recipe_have_the_same_words():
    assert list(Recipe.model_fields) == list(SETTINGS)


def test_a_recipe_survives_json():
    recipe = good("optimizer adamw rate=0.01; classweights (1, 2.5); normalise mean=(0.1, 0.2)")
    assert recipe == Recipe.model_validate_json(recipe.model_dump_json())


def test_changes_are_validated_and_none_changes_nothing():
    recipe = good("optimizer adamw; schedule onecycle peak=0.05")
    changed = recipe.changed(rate=0.125, epochs=2, seed=None)
    assert AdamW(rate=0.125) == changed.optimizer
    assert OneCycle(peak=0.125) == changed.schedule
    assert (2, 0) == (changed.epochs, changed.seed)
    with pytest.raises(ValueError, match="greater than 0"):
        recipe.changed(epochs=0)


@pytest.mark.parametrize(
    "text, code, place",
    [
        ("stop", "stop-without-validation", "stop"),
        ("schedule cosine warmup=5", "warmup-too-long", "5"),
        ("epochs 1; schedule constant warmup=2", "warmup-too-long", "2"),
        ("augment", "setting-without-effect", "augment"),
        ("augment shift=2 smooth=3", "setting-without-effect", "3"),
        ("optimizer sgd nesterov=yes", "setting-without-effect", "yes"),
        ("optimizer sgd rate=0.1; schedule onecycle 0.2", "setting-without-effect", "0.1"),
        ("augment shift=15", "augment-too-strong", "15"),
        ("augment elastic=49", "augment-too-strong", "49"),
        ("augment scale=0.6", "augment-too-strong", "0.6"),
        ("optimizer adam rate=0.2", "unusual-setting", "0.2"),
        ("optimizer sgd rate=2", "unusual-setting", "2"),
        ("schedule onecycle peak=0.5", "unusual-setting", "0.5"),
        ("optimizer adamw decay=2", "unusual-setting", "2"),
        ("optimizer adam decay=0.2", "unusual-setting", "0.2"),
        ("schedule exponential 1.5", "unusual-setting", "1.5"),
        ("loss crossentropy smoothing=0.6", "unusual-setting", "0.6"),
        ("data digits validation=0.7", "unusual-setting", "0.7"),
    ],
)  # fmt: skip
def test_what_is_hardly_meant_is_warned_of_at_its_place(text, code, place):
    recipe, (warning,) = read(text, image=(28, 28, 1))
    assert recipe is not None
    assert (code, place, Severity.WARNING) == (warning.code, warning.span.text, warning.severity)
    assert warning.help


@pytest.mark.parametrize(
    "text",
    [
        "data mnist validation=0.1; stop", "schedule cosine warmup=4.5", "augment shift=14 elastic=48",
        "optimizer sgd rate=1 momentum=0.9 nesterov=yes",
        "optimizer sgd rate=0.1; schedule onecycle peak=0.1",
        "optimizer adamw decay=0.5; schedule onecycle 0.05", "loss crossentropy smoothing=0.5",
    ],
)  # fmt: skip
def test_what_is_usual_is_not_warned_of(text):
    assert () == read(text, image=(28, 28, 1))[1]


def test_images_of_unknown_size_are_not_judged():
    assert good("augment shift=40").augment.shift == 40

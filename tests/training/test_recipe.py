from typing import Any, get_args

import numpy as np
import pytest
from tools import known

from cnnspec.analysis.memory import OPTIMIZER_STATES
from cnnspec.backends.initializers import INITIALIZERS
from cnnspec.backends.numpy.optimizers import OPTIMIZERS
from cnnspec.binding.values import Sight, Word, evaluate
from cnnspec.diagnostics import Diagnostic, Severity, SpecError
from cnnspec.layers.base import INITIAL_SYNONYMS
from cnnspec.recipe.models import (
    Adam,
    AdamW,
    Augment,
    CrossEntropy,
    Data,
    Initial,
    Normalise,
    OneCycle,
    Optimizer,
    Recipe,
    Sgd,
    StepDecay,
    Stop,
)
from cnnspec.recipe.read import read_recipe
from cnnspec.recipe.words import SETTINGS
from cnnspec.syntax import tree
from cnnspec.syntax.parse import parse
from cnnspec.text import Source


def read(text: str, image: tuple[int, ...] | None = None) -> tuple[Recipe | None, tuple[Diagnostic, ...]]:
    spec = parse(Source("test", f"train {{ {text} }}"))
    (train,) = spec.statements
    assert isinstance(train, tree.Train)
    return read_recipe(
        train, lambda expression: evaluate(expression, Sight(lambda name: Word(name.text), {})), image
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


def test_an_empty_recipe_is_the_default() -> None:
    assert Recipe() == good("")


def test_every_sentence_is_read() -> None:
    recipe = good(
        "data fashion_mnist validation=0.1; optimizer sgd rate=0.05 momentum=0.9 nesterov=yes decay=5e-4;"
        "schedule step every=2 factor=0.1 warmup=0.5; batch 32*2; epochs 7; seed 3; initial glorot;"
        "loss crossentropy smoothing=0.1; normalise mean=0.1307 std=(0.3, 0.2); augment shift=2 rotate=10;"
        "classweights balanced; clip 1; stop patience=2"
    )
    assert Data(name="fashion_mnist", validation=0.1) == recipe.data
    assert Sgd(rate=0.05, momentum=0.9, nesterov=True, decay=5e-4) == recipe.optimizer
    assert StepDecay(every=2, factor=0.1, warmup=0.5) == recipe.schedule
    assert (64, 7, 3, 1.0) == (recipe.batch, recipe.epochs, recipe.seed, recipe.clip)
    assert CrossEntropy(smoothing=0.1) == recipe.loss
    assert ("glorot", "balanced") == (recipe.initial, recipe.classweights)
    assert (0.1307, (0.3, 0.2)) == (recipe.normalise.mean, recipe.normalise.std)
    assert Stop(patience=2) == recipe.stop


def test_arguments_may_stand_without_their_name() -> None:
    recipe = good(
        'data images "my pictures" validation=0.1; schedule onecycle 0.05; stop 4; initial he_uniform'
    )
    assert Data(name="images", path="my pictures", validation=0.1) == recipe.data
    assert OneCycle(peak=0.05) == recipe.schedule
    assert Stop(patience=4) == recipe.stop


def test_a_hyphen_is_as_good_as_an_underscore() -> None:
    assert "fashion_mnist" == good('data "fashion-mnist"').data.name


@pytest.mark.parametrize(
    "text, code, place, message, cure",
    [
        ("bach 3", "unknown-setting", "bach", "train has no setting bach", "did you mean batch?"),
        ("lr 3", "unknown-setting", "lr", "train has no setting lr",
         "it is an option of another: optimizer sgd rate=…"),
        ("workers 0", "wrong-setting", "0", "workers must be at least 1. Received: 0", None),
        ("optimizer sdg", "wrong-setting", "sdg",
         "optimizer must be sgd, adam, adamw or rmsprop. Received: sdg", "did you mean sgd?"),
        ("loss cross_entropy", "wrong-setting", "cross_entropy",
         "loss must be crossentropy, dice, bce, mse, mae or huber. Received: cross_entropy",
         "did you mean crossentropy?"),
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
         "number 2 of classweights must be greater than 0. Received: (1, 0)",
         "one weight for each class, in their order: classweights (1, 2.5, 1)"),
        ("classweights (1)", "wrong-setting", "(1)",
         "classweights must be balanced or numbers in brackets, as in (1, 2.5). Received: (1)",
         "one weight for each class, in their order: classweights (1, 2.5, 1)"),
        ("data mnist validation=10", "wrong-setting", "10",
         "data validation must be less than 1. Received: 10", "it is a part of 1: 10 % is 0.1"),
        ('data my.csv', "wrong-setting", 'my.csv', None, 'say what it is: data csv "my.csv"'),
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
        ("batch sixty", "wrong-setting", "sixty", "batch must be a whole number. Received: sixty",
         "sixty is not defined here"),
        ("batch 3 - 3", "wrong-setting", "3 - 3", "batch must be at least 1. Received: 0", None),
        ("batch 1 // 0", "division-by-zero", "1 // 0", None, None),
    ],
)  # fmt: skip
def test_a_fault_names_its_own_place_and_the_cure(
    text: str, code: str, place: str, message: str | None, cure: str | None
) -> None:
    fault = only_fault(text)
    assert (code, place) == (fault.code, known(fault.span).text)
    assert message is None or message == fault.message
    assert cure is None or cure in fault.help


def test_an_option_of_a_sibling_names_its_owner() -> None:
    assert ("momentum belongs to optimizer sgd, rmsprop",) == only_fault("optimizer adam momentum=0.9").notes


def test_a_fix_makes_the_recipe_that_was_meant() -> None:
    for text, cured in (("clip norm=2", "clip 2"), ("data a.npz", 'data npz "a.npz"')):
        fault = only_fault(text)
        (fix,) = fault.fixes
        assert cured == text.replace(fix.span.text, fix.replacement)
        assert good(cured)
    assert known(good("augment flip=yes").augment).flip


def test_all_faults_are_reported() -> None:
    _, diagnostics = read("bach 3; optimizer sgd rate=0 momentum=2; epochs -1")
    assert ["bach", "0", "2", "-1"] == [known(item.span).text for item in diagnostics]


def test_every_field_says_what_it_means() -> None:
    for word, entry in SETTINGS.items():
        models = entry.values() if isinstance(entry, dict) else [entry] if entry else []
        assert Recipe.model_fields[word].description
        for model in models:
            for name, field in model.model_fields.items():
                assert name == "kind" or field.description, (word, name)


def test_the_initialisers_are_those_of_the_backend() -> None:
    assert {*INITIALIZERS, *INITIAL_SYNONYMS} == set(get_args(Initial))


def test_the_table_and_the_recipe_have_the_same_words() -> None:
    assert list(Recipe.model_fields) == list(SETTINGS)


def test_a_recipe_survives_json() -> None:
    recipe = good("optimizer adamw rate=0.01; classweights (1, 2.5); normalise mean=(0.1, 0.2)")
    assert recipe == Recipe.model_validate_json(recipe.model_dump_json())


def test_changes_are_validated_and_none_changes_nothing() -> None:
    recipe = good("optimizer adamw; schedule onecycle peak=0.05")
    changed = recipe.changed(rate=0.125, epochs=2, seed=None)
    assert AdamW(rate=0.125) == changed.optimizer
    assert OneCycle(peak=0.125) == changed.schedule
    assert (2, 0) == (changed.epochs, changed.seed)


@pytest.mark.parametrize(
    "changes, field, value",
    [
        ({"optimizer": "adam rate=0.01"}, "optimizer", Adam(rate=0.01)),
        ({"optimizer": {"kind": "sgd", "rate": 0.1}}, "optimizer", Sgd(rate=0.1)),
        ({"optimizer": "sgd momentum=0.9", "rate": 0.3}, "optimizer", Sgd(rate=0.3, momentum=0.9)),
        ({"rate": 1}, "optimizer", Sgd(rate=1.0, momentum=0.5)),
        ({"momentum": 0.9, "decay": 0.1}, "optimizer", Sgd(momentum=0.9, decay=0.1)),
        ({"optimizer": "adam", "beta1": 0.8}, "optimizer", Adam(beta1=0.8)),
        ({"schedule": "step every=2"}, "schedule", StepDecay(every=2)),
        ({"schedule": "onecycle", "rate": 0.2}, "schedule", OneCycle()),
        ({"validation": 0.1}, "data", Data(name="digits", validation=0.1)),
        ({"data": "mnist", "validation": 0.2}, "data", Data(validation=0.2)),
        ({"augment": "shift=2 flip=yes"}, "augment", Augment(shift=2, flip=True)),
        ({"augment": False}, "augment", None),
        ({"stop": 4}, "stop", Stop(patience=4)),
        ({"clip": 1}, "clip", 1.0),
        ({"classweights": [1, 2.5]}, "classweights", (1.0, 2.5)),
        ({"classweights": np.array([1.0, 2.0])}, "classweights", (1.0, 2.0)),
        ({"epochs": np.int64(3)}, "epochs", 3),
        ({"epochs": "2*3"}, "epochs", 6),
        ({"initial": "glorot"}, "initial", "glorot"),
        ({"normalise": "standard"}, "normalise", Normalise(kind="standard")),
    ],
)
def test_a_change_may_be_a_sentence_a_number_or_a_model(
    changes: dict[str, Any], field: str, value: object
) -> None:
    recipe = good("data digits; optimizer sgd momentum=0.5; augment shift=1")
    assert value == getattr(recipe.changed(**changes), field)


@pytest.mark.parametrize(
    "name, told",
    [
        ("lr", "did you mean rate?"),
        ("learning_rate", "did you mean rate?"),
        ("batch_size", "did you mean batch?"),
        ("validation_split", "did you mean validation?"),
        ("early_stopping", "did you mean stop?"),
        ("epoch", "did you mean epochs?"),
        ("weight_decay", "did you mean decay?"),
        ("warmup", 'it is an option of schedule: schedule="constant warmup=…"'),
        ("patience", 'it is an option of stop: stop="patience=…"'),
        ("verbose", "nothing is printed"),
        ("shuffle", "shuffled anew each epoch"),
        ("qqq", "there are data, optimizer"),
    ],
)
def test_a_change_of_what_is_no_setting_says_which_is_meant(name: str, told: str) -> None:
    with pytest.raises(TypeError, match=f"there is no setting {name}") as raised:
        Recipe().changed(**{name: 1})
    assert told in str(raised.value)


@pytest.mark.parametrize(
    "changes, message, cure",
    [
        ({"epochs": 0}, "epochs must be at least 1. Received: 0", None),
        ({"epochs": 2.0}, "epochs must be a whole number. Received: 2.0", None),
        ({"workers": True}, "workers must be a whole number. Received: True", None),
        ({"rate": -1}, "rate must be greater than 0. Received: -1", None),
        ({"rate": "x"}, "rate must be a number. Received: 'x'", None),
        ({"momentum": 0.9}, "optimizer adam has no option momentum; sgd and rmsprop have it",
         'as in optimizer="sgd momentum=…"'),
        ({"optimizer": "sgd", "momentum": 2}, "momentum must be less than 1. Received: 2", None),
        ({"validation": 10}, "validation must be less than 1. Received: 10",
         "it is a part of 1: 10 % is 0.1"),
        ({"augment": True}, "augment must be a sentence of the recipe. Received: True",
         "as in augment='shift=2 rotate=10 scale=0.1'"),
        ({"optimizer": object}, None, "as in optimizer='sgd rate=0.05 momentum=0.9 decay=5e-4'"),
        ({"optimizer": {"kind": "sgd", "lr": 1}},
         "optimizer has no option lr. Received: {'kind': 'sgd', 'lr': 1}", None),
        ({"optimizer": "adam lr=0.1"}, "optimizer adam has no option lr", "did you mean rate?"),
        ({"optimizer": "adam; epochs 3"}, "optimizer must be one sentence. Received: 'adam; epochs 3'",
         "as in optimizer='sgd rate=0.05 momentum=0.9 decay=5e-4'"),
        ({"optimizer": "adam } conv 3"}, "this brace was never opened", None),
        ({"schedule": "cosin"}, None, "did you mean cosine?"),
        ({"clip": "norm=1"}, "clip has no option norm", "its value has no name: clip 1"),
    ],
)  # fmt: skip
def test_a_change_that_cannot_be_is_a_fault_without_a_place(
    changes: dict[str, Any], message: str | None, cure: str | None
) -> None:
    with pytest.raises(SpecError) as raised:
        Recipe().changed(**changes)
    fault = raised.value.diagnostics[0]
    assert (None, ()) == (fault.span, fault.fixes)
    assert message is None or message == fault.message
    assert cure is None or (cure,) == fault.help


def test_what_was_left_out_stays_left_out() -> None:
    changed = good("optimizer adam decay=0.1; batch 5").changed(epochs=3, rate=0.5)
    assert {"optimizer", "batch", "epochs"} == changed.model_fields_set
    assert {"decay", "rate"} == changed.optimizer.model_fields_set


def test_all_changes_that_cannot_be_are_told() -> None:
    with pytest.raises(SpecError) as raised:
        Recipe().changed(epochs=0, batch=-3)
    assert {"epochs", "batch"} == {item.message.split()[0] for item in raised.value.diagnostics}


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
def test_what_is_hardly_meant_is_warned_of_at_its_place(text: str, code: str, place: str) -> None:
    recipe, (warning,) = read(text, image=(28, 28, 1))
    assert recipe is not None
    assert (code, place, Severity.WARNING) == (warning.code, known(warning.span).text, warning.severity)
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
def test_what_is_usual_is_not_warned_of(text: str) -> None:
    assert () == read(text, image=(28, 28, 1))[1]


def test_only_pictures_are_changed() -> None:
    _, (fault,) = read("augment shift=2", image=(784,))
    assert "augment changes pictures, and the input is a vector of 784 values" == fault.message
    assert ("make it one: input 28x28x1, and flatten behind it",) == fault.help
    assert "augment shift=2" == known(fault.span).text
    assert Severity.ERROR == fault.severity


@pytest.mark.parametrize("image, said", [
    ((8, 8, 1), "1 channel"), ((64,), "1 channel"), ((8, 8, 3), "3 channels"),
])  # fmt: skip
def test_the_numbers_of_normalise_are_as_many_as_the_channels(image: tuple[int, ...], said: str) -> None:
    recipe, found = read("normalise mean=(0.1, 0.2) std=(1, 2, 3, 4)", image)
    assert (None, ["(0.1, 0.2)", "(1, 2, 3, 4)"]) == (recipe, [known(fault.span).text for fault in found])
    assert f"normalise mean has 2 numbers, and the input has {said}" == found[0].message
    assert ("give one number for all channels: std=1",) == found[1].help
    assert () == read("normalise mean=(0.1, 0.2) std=0.3", (8, 8, 2))[1]


def test_images_of_unknown_size_are_not_judged() -> None:
    assert known(good("augment shift=40").augment).shift == 40


def test_an_optimizer_has_a_setting_an_engine_and_a_memory() -> None:
    kinds = [one.model_fields["kind"].default for one in get_args(get_args(Optimizer)[0])]
    assert sorted(OPTIMIZERS) == sorted(kinds)
    assert set(kinds) <= OPTIMIZER_STATES.keys()

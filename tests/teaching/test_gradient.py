"""The backward pass by hand: against differences, against training, and as the lectures write it."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
from tools import Command, known

import cnnspec
from cnnspec.recipe.changes import changed
from cnnspec.teaching.gradient import Descent, backward, cross_entropy, squared_error
from cnnspec.teaching.working import Values

LECTURE = ["-e", "input 3x3x1; conv 1 2x2", "--input", "0 1 2; 3 4 5; 6 7 8", "--weights", "conv1=0 1; 2 3"]

NETWORKS = [
    "input 4x4x2; conv 3 3x3 padding=1; silu; maxpool 2x2; flatten; dense 5; tanh; dense 3; softmax",
    "input 4x4x2; depthwise 3x3; gelu; avgpool 2x2; flatten; dense 3; softmax",
    "input 3x3x2; upconv 2 2x2 stride=2; layernorm; sigmoid; globalavgpool; flatten; dense 3; softmax",
    "input 4x4x4; add { | conv 4 1x1 | }; lrn; flatten; dense 3; softmax",
    "input 4x4x2; a: maxpool 2x2; unpool a; flatten; dense 3; softmax",
]


@pytest.fixture(autouse=True)
def wide(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("COLUMNS", "100")


@pytest.mark.parametrize("text", NETWORKS)
def test_the_chain_rule_is_what_differences_measure(text: str) -> None:
    network = cnnspec.parse(text)
    model = network.build(0)
    sample = np.random.default_rng(1).normal(size=network.input).astype("float32")

    def loss(x: np.ndarray) -> float:
        return float(known(cross_entropy(Values.of(model, x), 1).formula).value)

    values = Values.of(model, sample)
    found = np.moveaxis(backward(values, cross_entropy(values, 1)).input, 0, -1)
    for place in list(np.ndindex(sample.shape))[::5]:
        poke = np.zeros_like(sample)
        poke[place] = 1e-2
        difference = (loss(sample + poke) - loss(sample - poke)) / 2e-2
        assert found[place] == pytest.approx(difference, abs=2e-4)


@pytest.mark.parametrize(
    "optimizer", ["sgd rate=0.1 momentum=0.9 nesterov=yes", "adam rate=0.01", "adamw", "rmsprop"]
)
def test_steps_by_hand_are_those_of_training(optimizer: str) -> None:
    text = "input 6; dense 4; tanh; dense 3; softmax"
    network, sample = cnnspec.parse(text), np.arange(6, dtype="float32") / 6
    by_hand, trained = network.build(0), network.build(0)
    setting = changed(network.training_recipe, {"optimizer": optimizer}).optimizer
    descent = Descent(setting, setting.rate)
    for _ in range(3):
        values = Values.of(by_hand, sample)
        for name, steps in descent.step(values, backward(values, cross_entropy(values, 2)).layers).items():
            by_hand.weights[name].ravel()[:] = [float(one.formula.value) for one in steps]
    images = np.repeat(sample[None], 3, axis=0)
    trained.fit((images, np.array([2, 2, 2])), optimizer=optimizer, batch=1, epochs=1, schedule="constant")
    for name, array in trained.weights.items():
        np.testing.assert_allclose(by_hand.weights[name], array, rtol=1e-4, atol=1e-5, err_msg=name)


def test_a_squared_error_is_a_mean() -> None:
    network = cnnspec.parse("input 2; dense 2 bias=no")
    model = network.build(0)
    model.weights["dense1.weight"][...] = [[1, 0], [0, 1]]
    values = Values.of(model, np.array([1, 2], "float32"))
    error = squared_error(values, np.array([0, 0]))
    assert float(known(error.formula).value) == 2.5
    assert [float(one.value) for one in error.delta] == [1, 2]


def test_the_lectures_filter_by_hand(command: Command) -> None:
    page = command("gradient", *LECTURE, "--upstream", "ones", "--optimizer", "sgd rate=0.1")[1]
    assert "∂E/∂w₁₁ = δ₁₁·x₁₁ + δ₁₂·x₁₂ + δ₂₁·x₂₁ + δ₂₂·x₂₂ = 1·0 + 1·1 + 1·3 + 1·4" in page
    assert "= 0 + 1 + 3 + 4 = 8" in page
    assert "w₁₁ ← w₁₁ − η·∂E/∂w₁₁ = 0 − 0.1·8 = −0.8" in page
    assert "∂E/∂b = δ₁₁ + δ₁₂ + δ₂₁ + δ₂₂ = 1 + 1 + 1 + 1 = 4" in page


def test_the_sum_behind_a_value_as_the_lectures_write_it(command: Command) -> None:
    page = command("run", *LECTURE, "--at", "0,0")[1]
    assert "= 0·0 + 1·1 + 3·2 + 4·3" in page
    assert "= 19" in page
    assert "│ 0 1 │ 2    0 1" in page


def test_a_softmax_of_typed_numbers(command: Command) -> None:
    given = ["-e", "input 3; softmax", "--at", "0", "--input"]
    page = command("run", *given, "1 2 3")[1]
    assert "y₁ = exp(x₁)/(exp(x₁) + exp(x₂) + exp(x₃))" in page
    assert "= exp(1)/(exp(1) + exp(2) + exp(3))" in page
    assert (
        "= exp(1 − 900)/(exp(1 − 900) + exp(900 − 900) + exp(3 − 900))"
        in command("run", *given, "1 900 3")[1]
    )
    assert "= 0.3333" in command("run", *given, "-900 -900 -900")[1]
    error = command("gradient", "-e", "input 3; softmax", "--input", "1 2 3", "--target", "1")[1]
    assert "E = −log(y₂) = −log(0.2447) = 1.4076" in error


def test_two_channels_are_summed(command: Command) -> None:
    spec = ["-e", "input 3x3x2; conv 1 2x2", "--input", "0 1 2; 3 4 5; 6 7 8 | 1 2 3; 4 5 6; 7 8 9"]
    page = command("run", *spec, "--weights", "conv1=0 1; 2 3 | 1 2; 3 4", "--at", "0,0")[1]
    assert "channel 0: 0·0 + 1·1 + 3·2 + 4·3 = 19" in page
    assert "channel 1: 1·1 + 2·2 + 4·3 + 5·4 = 37" in page
    assert "y₁₁ = 19 + 37 = 56" in page


def test_padding_is_dashed(command: Command) -> None:
    spec = [
        "-e",
        "input 3x3x1; conv 1 2x2 padding=1",
        "--input",
        "0 1 2; 3 4 5; 6 7 8",
        "--weights",
        "conv1=0 1; 2 3",
    ]
    page = command("run", *spec, "--at", "0,1")[1]
    assert "┄" in page
    assert "= 0·0 + 0·1 + 0·2 + 1·3" in page


def test_weights_on_the_padding_are_not_listed_beside_the_sums_of_channels(command: Command) -> None:
    spec = ["-e", "input 3x3x2; conv 1 3x3 padding=1 bias=no", "--input", "count"]
    page = command("run", *spec, "--weights", "conv1=identity", "--at", "0,0")[1]
    assert "y₁₁ = 0 + 1 = 1" in page


def test_a_table_of_connections_leaves_channels_out(command: Command) -> None:
    spec = ["-e", 'input 2x2x3; conv 2 2x2 bias=no connections="0 2; 1"', "--input", "count"]
    page = command("run", *spec, "--weights", "conv1=1 2; 3 4 | 0 1; 1 0 | 5 6; 7 8", "--at", "0,0")[1]
    assert "channel 2: 2·0 + 5·1 + 8·1 + 11·0 = 13" in page
    assert "channel 1:" not in page
    assert "8 11 │    1 0" in page


def test_the_winner_of_a_pool_gets_the_gradient(command: Command) -> None:
    spec = ["-e", "input 4x4x1; maxpool 2x2", "--input", "1 1 2 5; 5 7 7 8; 3 1 1 0; 1 2 3 4"]
    page = command("gradient", *spec, "--upstream", "1 2; 3 4")[1]
    assert "∂E/∂x₂₂ = δ₁₁ = 1" in page
    assert "∂E/∂x₄₄ = δ₂₂ = 4" in page
    assert "12 are 0" in page


@pytest.mark.parametrize("form", ["markdown", "latex"])
def test_other_formats(form: str, command: Command) -> None:
    page = command("gradient", *LECTURE, "--upstream", "ones", "--format", form)[1]
    assert r"\frac{\partial E}{\partial w_{11}} &= \delta_{11} \cdot x_{11}" in page
    assert page.count(r"\begin{align") == page.count(r"\end{align") > 0
    page = command("run", *LECTURE, "--at", "1,1", "--format", form)[1]
    assert r"y_{22} &= x_{22} \cdot w_{11}" in page


def test_json_has_numbers_and_laws(command: Command) -> None:
    page = json.loads(command("gradient", *LECTURE, "--upstream", "ones", "--json")[1])
    assert page["layers"][0]["weights"]["weight"] == [[[[8, 12], [20, 24]]]]
    assert page["layers"][0]["laws"]["weight"][0].startswith("δ₁₁·x₁₁")
    (value,) = json.loads(command("run", *LECTURE, "--at", "0,0", "--json")[1])
    assert value["value"] == 19
    assert value["window"] == [[0, 0], [0, 1], [1, 0], [1, 1]]


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["gradient", *LECTURE], "say where the gradient begins: --target 3"),
        (["gradient", *LECTURE, "--target", "1", "--upstream", "ones"], "not both"),
        (["gradient", *LECTURE, "--target", "1"], "is compared with a vector"),
        (["gradient", *LECTURE, "--upstream", "1 2 3"], "2x2x1"),
        (["gradient", "-e", "input 2; dense 3", "--input", "1 2", "--target", "7"], "class 7 is none"),
        (["gradient", "-e", "input 2; dense 3", "--target", "1"], "no --input"),
        (["gradient", *LECTURE, "--upstream", "ones", "--optimizer", "sgdd"], "did you mean sgd?"),
        (["gradient", "-e", "input 1; exp", "--input", "900", "--upstream", "1"], "exp1 computes with"),
        (["gradient", "-e", "input 2; log", "--input", "0 1", "--upstream", "ones"], "log1 computes with"),
        (["run", "-e", "input 2; log", "--input", "0 1", "--at", "0"], "log1 computes with"),
        (["run", *LECTURE, "--at", "0,0", "-o", "x.npy"], "leave one out"),
        (["run", *LECTURE, "--at", "5,0"], "5 lies outside 2x2x1"),
        (["run", *LECTURE, "--at", "x"], "is no place in 2x2x1"),
        (["run", *LECTURE, "--format", "latex"], "give --at or --working"),
        (["run", "-e", "input 4x4x4; attention 2", "--input", "ones", "--at", "0,0"], "not written out"),
    ],
)  # fmt: skip
def test_wrong_usage_is_told(arguments: list[str], said: str, command: Command) -> None:
    code, _, err = command(*arguments)
    assert code == 2
    assert said in " ".join(err.split())


def test_the_gradient_of_a_shared_weight_is_the_sum_over_its_uses(command: Command) -> None:
    spec = "input 2; a: dense 2 bias=no; dense 2 bias=no share=a; softmax"
    given = ["-e", spec, "--input", "1 2", "--target", "1", "--weights", "a=1 0; 0 1"]
    page = json.loads(command("gradient", *given, "--optimizer", "sgd rate=1", "--json")[1])
    uses = [np.array(layer["weights"]["weight"]) for layer in page["layers"] if layer["weights"]]
    assert len(uses) == 2
    np.testing.assert_allclose(page["updates"]["a.weight"], (np.eye(2) - uses[0] - uses[1]).ravel())
    assert "a.weight, summed over its 2 uses" in command("gradient", *given)[1]


def test_several_inputs_are_given_by_name(command: Command) -> None:
    spec = "input left 2; input right 2; from right; subtract left; dense 1 bias=no"
    given = ["-e", spec, "--input", "left=1 2", "--input", "right=3 5", "--weights", "dense1=1 1"]
    page = json.loads(command("gradient", *given, "--upstream", "1", "--json")[1])
    assert page["layers"][0]["inputs"] == [[1, 1]]


def test_attention_passes_gradients_on_though_it_is_not_written_out(command: Command) -> None:
    spec = "input 3x3x4; a: conv 4 1x1; relu; attention 2 to=a"
    code, page, _ = command("gradient", "-e", spec, "--input", "ones", "--upstream", "ones", "--json")
    layers = json.loads(page)["layers"]
    assert code == 0
    assert [layer["layer"] for layer in layers] == ["attention1", "relu1", "a"]
    assert len(layers[0]["inputs"]) == 2


def test_the_weights_of_a_run_are_taken(command: Command, tmp_path: Path) -> None:
    run = str(tmp_path / "run")
    command(
        "train", "-e", "input 8x8x1; flatten; dense 10; softmax; train { data digits; epochs 1 }", "-o", run
    )
    _, page, told = command("gradient", run, "--input", "ones", "--target", "1")
    assert "∂E/∂b₂" in page
    assert "random weights" not in told


def test_a_large_layer_is_computed_though_not_written_out(command: Command) -> None:
    page = command("gradient", "-e", "input 64x64x3; conv 32 3x3", "--input", "ones", "--upstream", "ones")[1]
    assert "too large to be written out" in page

"""What questions say: their sentences, the matrices that they show, and the command that answers."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Final

from cnnspec.layers.base import show
from cnnspec.layers.writing import sentence
from cnnspec.teaching.quiz import asked
from cnnspec.teaching.quiz.scene import Matrix, Scene, what_flows, whole, words

Given = Mapping[str, Matrix]
"""Matrices that a question shows, by their names."""


def nothing(scene: Scene) -> Given:
    return {}


# Prompts ---------------------------------------------------------------------------

SIZE: Final = "What is the size of the output (rows x columns x channels)?"
REACH: Final = "How many rows does the kernel reach over, from its first to its last, both counted?"
ZEROS: Final = "How many rows of padding does it add in all, above and below together?"
DENSE: Final = (
    "How many weights, without biases, would a dense layer need to make as many values of the same input?"
)
SLOPES: Final = "δ is the gradient of the error at its output. What is the gradient at its input?"
SHARE: Final = "What share does softmax give to class {}?"
LOSS: Final = "Class {} is the true one. What is the cross entropy behind softmax (natural logarithm)?"
SLOPE: Final = "Class {0} is the true one. What is the gradient of the cross entropy by z of class {0}?"


def without_padding(scene: Scene) -> str:
    layer = words(scene.layer, scene.input, leave_padding=True)
    rows, columns = scene.node.output[:2]
    return f"{what_flows(scene.input)} goes into {layer}. Which padding on every side gives {rows}x{columns}?"


def chain_told(scene: Scene) -> str:
    layers = "; ".join(told for told, _ in asked.chain(scene))
    where = "in this order" if scene.drawn else f"up to {scene.node.name} of {scene.title}"
    sees = "How many pixels of the input, along one side, does one value of the last layer see?"
    return f"The layers {where} are: {layers}. {sees}"


def scores_told(question: str) -> Callable[[Scene], str]:
    def told(scene: Scene) -> str:
        scores, target = asked.scores(scene)
        classes = ", ".join(f"z{'₁₂₃₄₅'[n]} = {score}" for n, score in enumerate(scores))
        return f"The scores of {len(scores)} classes are {classes}. {question.format(target + 1)}"

    return told


def norm_told(scene: Scene) -> str:
    x, mean, variance, scale, shift = asked.normed(scene).values()
    return (
        f"In batch normalisation a channel has the running mean μ = {mean} and variance σ² = {variance}, "
        f"the scale γ = {scale} and the shift β = {shift}. What does x = {x} become in use? Leave ε out."
    )


def step_told(scene: Scene) -> str:
    w, g, rate = asked.step(scene)
    return (
        f"A weight is w = {w}, the gradient of the error by it is g = {g}, and the rate is "
        f"η = {float(rate)}. What is the weight after one step of plain gradient descent?"
    )


def stack_told(scene: Scene) -> str:
    k, filters = scene.layer.kernel[0], scene.layer.filters
    many = ("two", "three", "four")[(k - 1) // 2 - 2]
    return (
        f"One convolution of {k}x{k} with {filters} filters on {scene.input[-1]} channels is replaced by "
        f"{many} of 3x3, one behind the other, with as many filters each. None has a bias. "
        "How many weights are saved?"
    )


def more_told(scene: Scene) -> str:
    rows = (scene.row, asked.other_row(scene))
    told = [f"{row.name} ({sentence(row.node.layer)}, reads {show(row.inputs[0])})" for row in rows]
    return f"In {scene.title}, how many more parameters has {told[0]} than {told[1]}?"


def value_told(scene: Scene) -> str:
    row, column = asked.place(scene)
    return f"{scene.told} Which value stands in row {row + 1}, column {column + 1} of the output?"


def slope_told(scene: Scene) -> str:
    row, column = asked.tap(scene)
    what = f"by the filter's weight in row {row + 1}, column {column + 1}"
    return f"{scene.told} δ is the gradient of the error at its output. What is the gradient {what}?"


def dense_told(scene: Scene) -> str:
    flows = (
        f"{what_flows(scene.input)} is flattened and goes into a dense layer of {asked.units(scene)} units"
    )
    return f"{flows}. How many parameters does the dense layer have?"


# Matrices that are shown, and commands ------------------------------------------------


def maps(scene: Scene) -> dict[str, Matrix]:
    (values,) = scene.values.maps.values()
    if len(values) == 1:
        return {"input": whole(values[0])}
    return {f"input channel {n}": whole(one) for n, one in enumerate(values, 1)}


def _with_filter(scene: Scene) -> dict[str, Matrix]:
    found = maps(scene)
    filters = scene.values.of_node(scene.node).get("weight", [()])[0]
    for n, one in enumerate(filters, 1):
        found["filter" if len(filters) == 1 else f"filter channel {n}"] = whole(one)
    return found


def with_bias(scene: Scene) -> Given:
    bias = scene.values.of_node(scene.node).get("bias")
    return {**_with_filter(scene), **({} if bias is None else {"bias": [[int(bias[0])]]})}


def with_delta(scene: Scene) -> Given:
    return {**_with_filter(scene), "δ": asked.delta(scene)}


def explained(about: str) -> Callable[[Scene], str]:
    return lambda scene: scene.command("explain", f"--about {about}")


def as_dense(scene: Scene) -> str:
    return scene.command("explain", "--as-dense")


def analyzing(scene: Scene) -> str:
    return f"cnnspec analyze {scene.spec}"


def _as_text(matrices: Sequence[Matrix]) -> str:
    return " | ".join("; ".join(" ".join(map(str, row)) for row in one) for one in matrices)


def _numbers(scene: Scene) -> list[str]:
    """The options of a command that give the numbers."""
    given, weights = _with_filter(scene), scene.values.of_node(scene.node)
    found = [f'--input "{_as_text([one for name, one in given.items() if name.startswith("input")])}"']
    if weights:
        filters = _as_text([one for name, one in given.items() if name.startswith("filter")])
        found += [f'--weights {scene.node.word}1="{filters}"']
    if "bias" in weights:
        found += [f"--weights {scene.node.word}1.bias={int(weights['bias'][0])}"]
    return found


def run(scene: Scene) -> str:
    return scene.running("run", *_numbers(scene))


def run_at(scene: Scene) -> str:
    row, column = asked.place(scene)
    return f"{run(scene)} --at {row},{column}"


def backward(scene: Scene) -> str:
    return scene.running(
        "gradient", *_numbers(scene), f'--upstream "{_as_text([asked.delta(scene)])}"', "--full"
    )


def scores_given(scene: Scene) -> str:
    scores, target = asked.scores(scene)
    return scene.running("gradient", f'--input "{_as_text([[scores]])}"', f"--target {target}")


def solving(scene: Scene) -> str:
    layer = sentence(scene.layer.model_copy(update={"padding": (0,)}))
    return f'cnnspec solve -e "input {show(scene.input)}; {layer} padding=? => {show(scene.node.output)}"'


def normalising(scene: Scene) -> str:
    x, mean, variance, scale, shift = asked.normed(scene).values()
    weights = {"weight": scale, "bias": shift, "running_mean": mean, "running_var": variance}
    given = " ".join(f"--weights batchnorm1.{name}={value}" for name, value in weights.items())
    return f'cnnspec run -e "input 1x1x1; batchnorm" --input {x} {given}'


def stepping(scene: Scene) -> str:
    w, g, rate = asked.step(scene)
    network = f'-e "input 1; dense 1 bias=no" --input 1 --weights dense1={w}'
    return f'cnnspec gradient {network} --upstream " {g}" --optimizer "sgd rate={float(rate)}"'


def flattening(scene: Scene) -> str:
    spec = f"input {show(scene.input)}; flatten; dense {asked.units(scene)}"
    return f'cnnspec explain -e "{spec}" dense1 --about params'

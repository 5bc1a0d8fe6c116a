"""Networks as PyTorch and Keras code: every layer decided, the same numbers, readable, equal each time."""

from __future__ import annotations

import re
import shutil
import subprocess
import sys
from dataclasses import replace
from itertools import permutations
from pathlib import Path
from time import process_time
from typing import Any
from unittest import mock

import pytest
from cases.registry import CASES, Case
from cases.single import network_of

import cnnspec
from cnnspec.backends.initializers import INITIALIZERS
from cnnspec.cli.main import run
from cnnspec.diagnostics import SpecError
from cnnspec.exchange.code_in.read import Selection, read_source
from cnnspec.exchange.code_out import blueprint
from cnnspec.exchange.code_out.keras import model as keras
from cnnspec.exchange.code_out.keras import words as keras_words
from cnnspec.exchange.code_out.pytorch import module as pytorch
from cnnspec.exchange.code_out.pytorch import words as pytorch_words
from cnnspec.layers.base import INITIAL_SYNONYMS
from cnnspec.layers.registry import LAYERS
from cnnspec.network.graph import Network
from cnnspec.resources import example_names
from cnnspec.text import Source

pytestmark = [
    pytest.mark.filterwarnings("ignore:__array__ implementation:DeprecationWarning"),
    pytest.mark.filterwarnings("ignore:(?s).*softmax over axis:UserWarning"),
]
CODES = {"pytorch": pytorch.code, "keras": keras.code}


def written(network: Network, target: str) -> str | None:
    """The code; None where it is refused, by layer and reason."""
    try:
        text = CODES[target](network)
    except SpecError as error:
        if any(item.code != "unsupported-in-target" for item in error.diagnostics):
            raise
        return None
    compile(text, "written.py", "exec")
    return text


@pytest.mark.parametrize("word", LAYERS)
def test_every_layer_is_decided(word: str) -> None:
    """A translation, or a reason why there is none."""
    assert word in pytorch_words.WORDS or word in pytorch_words.CANNOT
    assert word in keras_words.WORDS or word in keras_words.CANNOT


@pytest.mark.parametrize("target", CODES)
@pytest.mark.parametrize("word", LAYERS)
def test_every_layer_is_written_or_refused_with_the_reason(word: str, target: str) -> None:
    written(cnnspec.parse(LAYERS[word].spec()), target)


def test_all_that_cannot_be_said_is_named_at_once() -> None:
    network = cnnspec.parse("input 8x8x4; p: medianpool 2x2; conv 4 3x3 dilation=2 stride=2 padding=2")
    with pytest.raises(SpecError) as caught:
        keras.code(network)
    first, second = (item.message for item in caught.value.diagnostics)
    assert first == "Keras cannot say p (medianpool): Keras has no median pool"
    assert "conv1 (conv): Keras has no convolution with both a stride and a dilation" in second


@pytest.mark.parametrize("target", CODES)
@pytest.mark.parametrize("name", example_names())
def test_a_second_export_is_the_first(name: str, target: str) -> None:
    assert CODES[target](cnnspec.load(name)) == CODES[target](cnnspec.load(name))


@pytest.mark.parametrize("target", CODES)
def test_what_is_written_is_clean_and_formatted(target: str, tmp_path: Path) -> None:
    ruff = shutil.which("ruff", path=str(Path(sys.executable).parent))
    if ruff is None:
        pytest.skip("needs ruff")
    for name in example_names():
        (tmp_path / f"{name}.py").write_text(CODES[target](cnnspec.load(name)))
    for command in (["check", "--isolated"], ["format", "--check", "--diff", "--isolated"]):
        done = subprocess.run([ruff, *command, str(tmp_path)], capture_output=True, text=True, check=False)
        assert done.returncode == 0, done.stdout + done.stderr


def test_blocks_are_classes_and_repeats_are_loops() -> None:
    text = pytorch.code(cnnspec.load("resnet50"))
    assert len(re.findall(r"^class ", text, re.MULTILINE)) == 7
    assert "for n in range(2, 2 + self.depth):" in text
    assert "self.stage3 = Stage(channels=512, filters=256, stride=2, depth=5)" in text
    assert len(text.splitlines()) < 200
    dense = pytorch.code(cnnspec.load("densenet121"))
    assert "for n in range(24):" in dense
    assert "DenseLayer(channels=256 + 32 * n)" in dense


@pytest.mark.parametrize("target", ["pytorch", "keras"])
def test_a_chain_of_layers_alike_is_written_in_time(target: str) -> None:
    network = cnnspec.parse("input 28x1" + " -> relu" * 8_000)
    started = process_time()
    CODES[target](network)
    assert process_time() - started < 5


@pytest.mark.parametrize("target", ["pytorch", "keras"])
def test_looking_for_loops_grows_with_the_layers_alone(target: str) -> None:
    """Long skips, one within the other: each layer begins a run of equal ones that is no loop."""
    usual = blueprint.Blueprint.ends

    def counted(levels: int) -> int:
        down = "; ".join(f"a{n}: conv 2 1x1" for n in range(levels))
        up = "; ".join(f"relu; add a{n}" for n in reversed(range(levels)))
        network = cnnspec.parse(f"input 2x2x2; {down}; {up}")
        with mock.patch.object(blueprint.Blueprint, "ends", autospec=True, side_effect=usual) as ends:
            assert written(network, target)
        return ends.call_count

    assert counted(80) < 2.2 * counted(40)


def test_turns_are_looked_at_closely_where_another_follows_by_name_alone() -> None:
    """4,000 layers of nested blocks took four seconds: nearly none of them begins a loop."""
    words = permutations(("relu", "sigmoid", "tanh", "elu"))
    network = cnnspec.parse(f"input 2; {'; '.join(word for some in words for word in some)}")
    usual = blueprint.Blueprint._is_closed
    with mock.patch.object(blueprint.Blueprint, "_is_closed", autospec=True, side_effect=usual) as closed:
        assert written(network, "pytorch")
    assert 0 < closed.call_count < 48


def test_the_command_writes_a_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    assert run(["export", "lenet", "--to", "keras"]) == 0
    assert "keras.Model" in (tmp_path / "lenet.py").read_text()
    assert run(["export", "lenet", "--to", "pytorch", "-o", "net/lenet.py"]) == 0
    assert "class LeNet5(nn.Module)" in (tmp_path / "net/lenet.py").read_text()


@pytest.mark.parametrize("more", [[], ["-o", "lenet.py"]])
def test_a_file_that_says_something_else_stays(
    more: list[str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    asked = ["export", "lenet", "--to", "pytorch", *more]
    assert run(asked) == 0
    assert run(asked) == 0
    (tmp_path / "lenet.py").write_text("mine = 1\n")
    assert run(asked) == 2
    assert (tmp_path / "lenet.py").read_text() == "mine = 1\n"
    assert run([*asked, "--force"]) == 0
    assert "class LeNet5" in (tmp_path / "lenet.py").read_text()


# Numbers -------------------------------------------------------------------------------

SMALL = {
    "alexnet": "", "unet": "input 188x188x1", "segnet": "input 45x60x3", "vgg11": "input 32x32x3",
    "vgg13": "", "vgg16": "input 32x32x3", "vgg19": "", "resnet18": "input 64x64x3", "resnet34": "",
    "resnet50": "input 64x64x3", "resnet50_paper": "", "resnet101": "", "resnet152": "",
    "densenet121": "input 64x64x3", "mobilenet_v1": "input 64x64x3", "mobilenet_v2": "input 64x64x3",
    "googlenet_torchvision": "input 64x64x3", "googlenet": "", "vit_b16": "", "convnext_tiny": "",
}  # fmt: skip
"""Large examples: their input made smaller, or run by hand alone."""


def example(name: str) -> Network:
    """The example, with a smaller input where it has one, and fewer units in its head."""
    from cnnspec.resources import example_path

    text = example_path(name).read_text()
    text = re.sub(r"^input .*$", SMALL[name], text, flags=re.MULTILINE)
    text = re.sub(r" => \S+|^expect .*$", "", text, flags=re.MULTILINE)
    from cnnspec.document import Document

    return Document.from_bytes(text.encode(), name, example_path(name).parent).whole_network


def agree(network: Network, target: str, tmp_path: Path) -> None:
    import numpy as np

    from exchange.code_runs import filled, in_keras, in_pytorch, off, outputs_of

    engine = filled(network)
    random = np.random.default_rng(1)
    images: Any = random.standard_normal((2, *network.input))
    if len(network.inputs) > 1:
        images = {node.name: random.standard_normal((2, *node.output)) for node in network.inputs}
    run_in = in_pytorch if target == "pytorch" else in_keras
    found = run_in(CODES[target](network), engine, images, tmp_path / "w.safetensors")
    assert off(found, outputs_of(engine, images)) < 1e-9


CI = [name for name in example_names() if SMALL.get(name) != ""]
LARGE = [name for name in example_names() if name in SMALL]


@pytest.mark.torch
@pytest.mark.parametrize("target", CODES)
@pytest.mark.parametrize("name", CI)
def test_an_example_computes_the_same(name: str, target: str, tmp_path: Path) -> None:
    pytest.importorskip("torch" if target == "pytorch" else "keras")
    network = example(name) if name in SMALL else cnnspec.load(name)
    agree(network, target, tmp_path)


@pytest.mark.torch
@pytest.mark.slow
@pytest.mark.parametrize("target", CODES)
@pytest.mark.parametrize("name", LARGE)
def test_a_large_example_computes_the_same(name: str, target: str, tmp_path: Path) -> None:
    pytest.importorskip("torch" if target == "pytorch" else "keras")
    agree(cnnspec.load(name), target, tmp_path)


TOWER = "block tower { conv 4 3x3 -> batchnorm -> relu; flatten -> dense 3 }; "
SHARED = {
    "a tower": TOWER + "input l 6x6x2; input r 6x6x2; from l; a: tower; from r; tower share=a; concat a;"
    "dense 2",
    "a layer": "input 6x6x2; c: conv 2 3x3 padding=1 -> relu -> conv 2 3x3 padding=1 share=c -> relu",
    "a layer of turns": "input 6x6x2; c: conv 2 3x3 padding=1; "
    "repeat 3 { relu -> conv 2 3x3 padding=1 share=c }",
    "within a block": "block two { c: conv 2 3x3 padding=1; relu; conv 2 3x3 padding=1 share=c }; "
    "input 6x6x2; a: two; b: two; two share=a",
    "blocks within": "block in { conv 2 1x1 -> relu }; block out { in; in }; "
    "input 6x6x2; a: out; out share=a",
}  # fmt: skip


@pytest.mark.torch
@pytest.mark.parametrize("target", CODES)
@pytest.mark.parametrize("what", SHARED)
def test_shared_weights_compute_and_read_the_same(what: str, target: str, tmp_path: Path) -> None:
    pytest.importorskip("torch" if target == "pytorch" else "keras")
    network = cnnspec.parse(SHARED[what])
    agree(network, target, tmp_path)
    again = read_source(Source("m.py", CODES[target](network)), Selection.of("m.py")).network
    assert [node.name for node in again.inputs] == [node.name for node in network.inputs]
    for figure in ("params", "multiplies"):
        assert getattr(cnnspec.analyze(again).totals, figure) == getattr(
            cnnspec.analyze(network).totals, figure
        )


GIVEN = {
    "each filter": 'input 6x6x2; conv 3 2x2 weights="1 2; 3 4 | 5 6; 7 8 | 0 1; 1/2 0"',
    "all filters": 'input 6x6x2; conv 3 3x3 weights="edge"; upconv 2 2x2 weights="1 2; 3 4"',
    "each upconv filter": 'input 3x3x3; upconv 2 2x2 weights="1 2; 3 4 | 5 6; 7 8"',
    "one number": 'input 6x6x2; conv 3 3x3 weights="0.5"; flatten; dense 4 weights="1 | 2 | 3 | 4"',
    "all numbers": 'input 3x3x2; conv 1 1x1 weights="2 | 3"; flatten; dense 1 weights="1 2 3 4 5 6 7 8 9"',
    "a channel": 'input 6x6x2; depthwise 2x2 weights="1 2; 3 4 | 5 6; 7 8"; depthwise 2x2 weights="3"',
    "a table": 'input 6x6x2; conv 2 2x2 connections="0 1; 1" weights="1 2; 3 4 | 5 6; 7 8 | 0 0; 1 0"',
    "a row": 'input 9x2; conv 2 3 weights="1 0 -1"; depthwise 2 weights="1 2 | 3 4"',
    "a row up": 'input 9x2; upconv 2 2 weights="1 2"',
    "a layer used twice": 'input 6x6x2; c: conv 2 3x3 padding=1 weights="blur"; conv 2 3x3 padding=1 share=c',
    "a turn": 'input 6x6x2; repeat 3 { conv 2 2x2 weights="1 2; 3 4" }',
}


def written_and_read(network: Network, target: str) -> Network:
    return read_source(Source("m.py", CODES[target](network)), Selection.of("m.py")).network


@pytest.mark.parametrize("target", CODES)
@pytest.mark.parametrize("what", GIVEN)
def test_weights_that_a_spec_gives_come_back(what: str, target: str) -> None:
    network = cnnspec.parse(GIVEN[what])
    again = written_and_read(network, target)
    for node, found in zip(network.layers, again.layers, strict=True):
        assert node.weights.keys() == found.weights.keys() or target == "keras"
        assert [weight.given for weight in node.weights.values()] == [
            weight.given for weight in found.weights.values()
        ]


@pytest.mark.torch
@pytest.mark.parametrize("target", CODES)
@pytest.mark.parametrize("what", GIVEN)
def test_a_fresh_model_computes_with_the_weights_of_the_spec(what: str, target: str) -> None:
    import numpy as np

    from exchange.code_runs import fresh

    pytest.importorskip("torch" if target == "pytorch" else "keras")
    network = cnnspec.parse(GIVEN[what])
    images = np.random.default_rng(0).random((2, *network.input), np.float32)
    wanted = network.build().predict(images)
    np.testing.assert_allclose(fresh(CODES[target](network), images), wanted, rtol=1e-5, atol=1e-5)


STILL = [case for case in CASES if "frozen" in type(case.layer).model_fields and network_of(case).weights]


@pytest.mark.parametrize("target", CODES)
@pytest.mark.parametrize("case", STILL, ids=repr)
def test_what_is_not_trained_comes_back_so(case: Case, target: str) -> None:
    frozen = replace(case, layer=case.layer.model_copy(update={"frozen": True}))
    if written(network_of(frozen), target) is None:
        pytest.skip(f"{target} cannot say it")
    try:
        again = written_and_read(network_of(frozen), target)
    except SpecError:
        pytest.skip("it is not read back")
    assert [node.layer.frozen for node in again.layers if node.weights] == [True]  # type: ignore[attr-defined]


UNREAD = "input 8x8x2; block unit { from input; conv 2 3x3 padding=1 -> relu }; unit; unit; unit; conv 3 1x1"


@pytest.mark.parametrize("target", CODES)
def test_a_block_that_nobody_reads_is_called_all_the_same(target: str) -> None:
    text = written(cnnspec.parse(UNREAD), target)
    assert text
    assert text.count("unit1") > 1
    compile(text, "written.py", "exec")


@pytest.mark.parametrize("target", CODES)
def test_a_network_may_have_no_layer(target: str) -> None:
    text = written(cnnspec.parse("input 4x4x1"), target)
    assert text
    compile(text, "written.py", "exec")


@pytest.mark.torch
def test_a_block_that_nobody_reads_changes_nothing(tmp_path: Path) -> None:
    pytest.importorskip("torch")
    agree(cnnspec.parse(UNREAD), "pytorch", tmp_path)


TIED = {
    "dense": "input 4; e: dense 3 -> relu; dense 4 tied=e bias=no -> relu",
    "a frozen dense": "input 4; e: dense 3 frozen=yes -> relu; dense 4 tied=e frozen=yes",
    "an upconv": "input 9x9x2; c: conv 5 3x3 stride=2 padding=1; upconv 2 3x3 stride=2 padding=1 tied=c",
    "an upconv that is cut": "input 8x8x2; c: conv 5 2x2 stride=2 -> relu; upconv 2 2x2 stride=2 tied=c",
    "a padded conv": "input 5x5x3; u: upconv 2 3x3 -> relu; conv 3 3x3 tied=u padding=1x0x0x1",
    "on one axis": "input 9x2; c: conv 5 3 -> relu; upconv 2 3 tied=c",
    "begun": "input 4; e: dense 3 init=he; dense 4 tied=e init=xavier",
    "shared": "input 4; e: dense 3; d: dense 4 tied=e; dense 3; dense 4 share=d",
    "within a block": "block auto { e: dense 3 -> relu; dense 4 tied=e }; input 4; auto; auto; auto",
}  # fmt: skip


@pytest.mark.torch
@pytest.mark.parametrize("target", CODES)
@pytest.mark.parametrize("what", TIED)
def test_tied_weights_compute_and_read_the_same(what: str, target: str, tmp_path: Path) -> None:
    pytest.importorskip("torch" if target == "pytorch" else "keras")
    network = cnnspec.parse(TIED[what])
    agree(network, target, tmp_path)
    again = read_source(Source("m.py", CODES[target](network)), Selection.of("m.py")).network
    ours, theirs = cnnspec.analyze(network).totals, cnnspec.analyze(again).totals
    for figure in ("params", "trainable", "multiplies"):
        assert getattr(theirs, figure) == getattr(ours, figure), figure
    tied = [[(node.word, bool(node.share)) for node in each.layers if node.tied] for each in (again, network)]
    assert tied[0] == tied[1]


def test_a_weight_in_the_order_of_a_flatten_in_keras_is_not_tied_there() -> None:
    text = "input 2x2x3; flatten; e: dense 5; d: dense 12 tied=e -> reshape 2x2x3"
    assert "Tied(F.linear, 12)" in pytorch.code(cnnspec.parse(text))
    with pytest.raises(SpecError, match="Keras flattens in another order"):
        keras.code(cnnspec.parse(text))


def test_a_weight_within_a_loop_or_block_is_reached_or_refused() -> None:
    text = "block k { c: dense 3; relu }; input 4; a: k; dense 4 tied=a.c"
    assert "self.a.c.weight" in pytorch.code(cnnspec.parse(text))
    with pytest.raises(SpecError, match=r"weight of a\.c lies within a block"):
        keras.code(cnnspec.parse(text))


BEGUN = ("input 8x8x16; conv 32 3x3 init=I; depthwise 3x3 multiplier=2 init=I; upconv 24 2x2 stride=2 init=I;"
         "flatten; dense 20 init=I")  # fmt: skip


@pytest.mark.torch
@pytest.mark.parametrize("target", CODES)
@pytest.mark.parametrize("init", [*INITIALIZERS, "he_normal"])
def test_how_weights_begin_goes_out_and_comes_in(init: str, target: str, tmp_path: Path) -> None:
    """As widely spread as here; the names come back where the other has one for that layer's size."""
    pytest.importorskip("torch" if target == "pytorch" else "keras")
    from exchange.code_runs import begun, filled

    network = cnnspec.parse(BEGUN.replace("I", init))
    if (init, target) == ("orthogonal", "keras"):
        with pytest.raises(SpecError, match="orthogonal together"):
            CODES[target](network)
        network = cnnspec.parse(re.sub("depthwise[^;]*;", "", BEGUN).replace("I", init))
    wanted, text = filled(network).weights, CODES[target](network)
    for name, values in begun(text, network).items():
        ours = wanted[name]
        assert values.std() == pytest.approx(ours.std(), rel=0.2, abs=1e-3), name
        assert abs(values).max() < 1.6 * abs(ours).max() + 1e-3, name
    again = read_source(Source("m.py", text), Selection.of("m.py"))
    named = INITIAL_SYNONYMS.get(init, init)
    assert again.text.count(f"init={named}") + ("with these options" in str(again.notes)) >= 3
    assert set(re.findall(r"init=(\w+)", again.text)) == {named}


def test_weights_that_no_part_can_reach_are_refused() -> None:
    text = "block k { c: conv 2 1x1; relu }; input 6x6x2; a: k; conv 2 1x1 share=a.c"
    assert "self.a.c(" in pytorch.code(cnnspec.parse(text))
    with pytest.raises(SpecError, match="within a block"):
        keras.code(cnnspec.parse(text))


@pytest.mark.torch
@pytest.mark.parametrize("target", CODES)
@pytest.mark.parametrize("case", CASES, ids=repr)
def test_a_layer_computes_the_same_or_is_refused(case: object, target: str, tmp_path: Path) -> None:
    pytest.importorskip("torch" if target == "pytorch" else "keras")
    network = network_of(case)  # type: ignore[arg-type]
    if written(network, target) is not None:
        agree(network, target, tmp_path)

"""``explain``, option by option."""

from __future__ import annotations

import json

import pytest

from cnnspec.cli.main import run

SPEC = [
    "-e",
    "input 28x28x1; conv1: conv 6 5x5 padding=2; relu; block two { conv 4 3x3 -> relu }; a: two; two",
]


def printed(arguments: list[str], capsys: pytest.CaptureFixture[str]) -> str:
    assert run(["explain", *arguments]) == 0
    return capsys.readouterr().out


def test_all_layers(capsys: pytest.CaptureFixture[str]) -> None:
    page = printed(SPEC, capsys)
    assert "6·(5·5·1) + 6 = 156" in page
    assert "a.conv1" in page


def test_one_layer(capsys: pytest.CaptureFixture[str]) -> None:
    page = printed([*SPEC, "conv1"], capsys)
    assert "conv1   conv 6 5x5 padding=2" in page
    assert "relu" not in page


@pytest.mark.parametrize(("name", "layers"), [("a", {"a.conv1", "a.relu1"}), ("a.relu1", {"a.relu1"})])
def test_a_block_and_a_layer_inside_one(
    name: str, layers: set[str], capsys: pytest.CaptureFixture[str]
) -> None:
    document = json.loads(printed([*SPEC, name, "--format", "json"], capsys))
    assert {layer["name"] for layer in document["layers"]} == layers


def test_all_layers_of_a_kind(capsys: pytest.CaptureFixture[str]) -> None:
    page = " ".join(printed(["lenet", "conv", "--about", "params"], capsys).split())
    assert "these layers params 156 + 2,416 = 2,572" in page
    assert "dense" not in page


def test_the_end_of_a_name(capsys: pytest.CaptureFixture[str]) -> None:
    page = printed(["resnet50", "bottleneck2.conv2", "--about", "params"], capsys)
    assert "stage1.bottleneck2.conv2" in page
    assert "stage4.bottleneck2.conv2" in page


def test_about_one_topic(capsys: pytest.CaptureFixture[str]) -> None:
    page = printed([*SPEC, "conv1", "--about", "params"], capsys)
    assert "156" in page
    assert "multiplies" not in page


def test_about_two_topics(capsys: pytest.CaptureFixture[str]) -> None:
    page = printed([*SPEC, "conv1", "--about", "params", "--about", "multiplies"], capsys)
    assert "117,600" in page


def test_as_dense(capsys: pytest.CaptureFixture[str]) -> None:
    assert "3,687,936" in printed([*SPEC, "conv1", "--as-dense"], capsys)


@pytest.mark.parametrize(
    ("form", "sign"), [("markdown", "### conv1"), ("latex", r"\paragraph{conv1}"), ("json", '"conv1"')]
)
def test_formats(form: str, sign: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert sign in printed([*SPEC, "--format", form], capsys)


def test_a_batch_widens_memory(capsys: pytest.CaptureFixture[str]) -> None:
    assert "N·" in printed([*SPEC, "conv1", "--about", "memory", "--batch", "8"], capsys)


def test_an_unknown_layer(capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["explain", *SPEC, "convv1"]) == 2
    assert 'did you mean "conv1"?' in capsys.readouterr().err


def test_what_is_known_of_a_broken_spec_is_explained(capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["explain", "-e", "input 9x9x1; conv 2 3x3; conv 4 20x20"]) == 1
    streams = capsys.readouterr()
    assert "2·(3·3·1) + 2 = 20" in streams.out
    assert "window-larger-than-input" in streams.err


def test_a_layer_beyond_the_failure_leaves_the_word_to_the_fault(capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["explain", "-e", "input 9x9x1; conv 2 3x3; conv 4 20x20; relu", "relu1"]) == 1
    assert "window-larger-than-input" in capsys.readouterr().err


def test_repeats_are_told_once_unless_all_are_wanted(capsys: pytest.CaptureFixture[str]) -> None:
    spec = ["-e", "input 8; repeat 3 { dense 8 }", "--about", "params"]
    assert printed(spec, capsys).count("8·8 + 8 = 72") == 1
    assert printed([*spec, "--no-fold"], capsys).count("8·8 + 8 = 72") == 3

"""The top level: a light import, and names that come when they are asked for."""

from __future__ import annotations

import pickle
import subprocess
import sys
from pathlib import Path

import pytest

import cnnspec


def modules_after(code: str) -> set[str]:
    script = f"import sys; {code}; print(*sys.modules)"
    return set(
        subprocess.run(
            [sys.executable, "-c", script], capture_output=True, text=True, check=True
        ).stdout.split()
    )


def test_the_import_is_light() -> None:
    loaded = modules_after("import cnnspec")
    assert not loaded & {"numpy", "pydantic", "lark", "click", "rich", "graphviz", "torch"}


def test_a_network_needs_no_arrays() -> None:
    loaded = modules_after("import cnnspec; cnnspec.parse('input 8x8x1; conv 2 3x3')")
    assert not loaded & {"numpy", "click", "rich", "graphviz", "torch", "cnnspec.recipe.read"}


@pytest.mark.parametrize(
    "end, name", [(" -> softmax", "dense1"), ("", "dense1"), (" -> softmax -> relu", "relu1")]
)
def test_logits_are_what_a_softmax_at_the_end_reads(end: str, name: str) -> None:
    assert name == cnnspec.parse(f"input 4; dense 3{end}").logits().name


def test_weights_have_the_full_names_that_a_model_gives_them() -> None:
    network = cnnspec.parse("input 4x4x2; conv 3 3x3 -> batchnorm -> relu -> flatten -> dense 2")
    assert {"conv1.weight": (3, 2, 3, 3), "conv1.bias": (3,)} == {
        name: weight.shape for name, weight in network["conv1"].weights.items()
    }
    assert tuple(network.build().weights) == tuple(name for node in network.layers for name in node.weights)


def test_each_output_has_logits() -> None:
    network = cnnspec.parse("input 4; dense 3 -> relu; head side { dense 2 -> softmax }; dense 5 -> softmax")
    assert ["dense2", "side.dense1"] == [network.logits(output).name for output in network.outputs]


def test_the_names_of_the_top_level() -> None:
    for name in cnnspec.__all__:
        assert callable(getattr(cnnspec, name))
    assert sorted(cnnspec.__all__) == dir(cnnspec)
    with pytest.raises(AttributeError, match="nothing"):
        cnnspec.nothing  # noqa: B018


def test_parse_raises_every_fault() -> None:
    with pytest.raises(cnnspec.SpecError) as caught:
        cnnspec.parse("input 4x4x1\nconv 0 3x3\nconvv 3\nlet a = 1 //")
    assert 3 == len(caught.value.diagnostics)


@pytest.mark.parametrize(
    "given",
    ["lenet", Path("lenet"), "net.cnn", Path("net.cnn"), "input 28x28x1; conv 6 5x5",
     "input 28x28x1\nflatten", "input 28x28x1 -> flatten", "input 28x28x1"],
)  # fmt: skip
def test_analyze_takes_what_means_a_network(
    given: str | Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    Path("net.cnn").write_text("input 28x28x1\nrelu\n")
    assert (28, 28, 1) == cnnspec.analyze(given).network.input


def test_what_means_no_network_is_refused_with_the_cure() -> None:
    with pytest.raises(FileNotFoundError, match=r"no shipped example; did you mean lenet\?"):
        cnnspec.analyze("lenett")
    with pytest.raises(FileNotFoundError, match=r"cnnspec.parse\(text\) reads a text"):
        cnnspec.load("input 28x28x1; relu")
    with pytest.raises(cnnspec.SpecError, match="a network is expected, not int") as caught:
        cnnspec.analyze(3)  # type: ignore[arg-type]
    assert "cnnspec.load(path)" in str(caught.value)


def test_an_error_shows_what_the_terminal_shows() -> None:
    with pytest.raises(cnnspec.SpecError) as caught:
        cnnspec.parse("input 8x8x1\nconv 3 3x3 stide=2")
    told = str(caught.value).splitlines()
    assert "error[unknown-option]: conv has no option stide" == told[0]
    assert "2 │ conv 3 3x3 stide=2" in told
    assert "  │            ^^^^^" in told
    assert "  = help: did you mean stride?" in told


def test_an_error_travels_between_processes() -> None:
    with pytest.raises(cnnspec.SpecError) as caught:
        cnnspec.parse("input 8x8x1\nconv 0 3x3\nconvv")
    again = pickle.loads(pickle.dumps(caught.value))
    assert str(caught.value) == str(again)
    assert ["wrong-option", "unknown-word"] == [item.code for item in again.diagnostics]

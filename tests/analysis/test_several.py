"""Several networks side by side, in tables and in words."""

from __future__ import annotations

import csv
import json
from pathlib import Path
from typing import TypeAlias

import pytest
from tools import Command

import cnnspec

Run: TypeAlias = Command


@pytest.fixture(autouse=True)
def wide(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("COLUMNS", "100")


CLASSICS = ("lenet", "alexnet", "vgg16", "googlenet", "mobilenet_v2")


def test_the_most_parameters_are_told_with_how_many_times_fewer_the_others_have(command: Run) -> None:
    code, out, _ = command("compare", *CLASSICS)
    told = " ".join(out.split())
    assert code == 0
    assert "Most parameters: VGG16 with 138,357,544; AlexNet has 2.3 times fewer, GoogLeNet 10 times," in told
    assert "Most multiplies: VGG16 with 15,470,264,320; GoogLeNet has 9.7 times fewer" in told
    assert (
        "Without its side heads aux1 and aux2, which only training uses, GoogLeNet has 6,998,552 parameters "
        "and 1,582,671,872 multiplies." in told
    )
    assert command("analyze", *CLASSICS)[1] == out
    assert str(cnnspec.compare(*CLASSICS)) == out


def test_every_form_has_the_same_figures(command: Run) -> None:
    names = ("lenet", "resnet18")
    found = json.loads(command("compare", *names, "--format", "json")[1])
    lines = list(csv.DictReader(command("compare", *names, "--format", "csv")[1].splitlines()))
    for spec, one, line in zip(names, found["networks"], lines, strict=True):
        totals = cnnspec.analyze(spec).totals
        assert one["params"] == int(line["params"]) == totals.params
        for form in ("table", "markdown"):
            assert f"{totals.multiplies:,}" in command("compare", *names, "--format", form)[1]
        assert f"{totals.params:,}".replace(",", "{,}") in command("compare", *names, "--format", "latex")[1]
    assert len(found["sentences"]) == 3


def test_several_inputs_stand_in_every_form(command: Run) -> None:
    names = ("siamese_mnist", "lenet")
    several, one = json.loads(command("compare", *names, "--json")[1])["networks"]
    assert several["input"] is None
    assert [(found["name"], found["shape"]) for found in several["inputs"]] == [
        ("left", [28, 28, 1]), ("right", [28, 28, 1]),
    ]  # fmt: skip
    assert several["inputs"] == json.loads(command("analyze", "siamese_mnist", "--json")[1])["inputs"]
    assert (one["input"], "inputs" in one) == ([28, 28, 1], False)
    lines = list(csv.DictReader(command("compare", *names, "--format", "csv")[1].splitlines()))
    assert lines[0]["input"] == "left 28x28x1, right 28x28x1"


def test_equal_and_empty_networks_are_told_so(command: Run) -> None:
    told = " ".join(command("compare", "lenet", "lenet", "-e", "input 28x28x1; relu")[1].split())
    assert "Most parameters: LeNet5 with 61,706; LeNet5 (2) has as many, network has none." in told
    assert "LeNet5 (2) has as much" in told
    told = command("compare", "-e", "input 3; relu", "-e", "input 3; tanh")[1]
    assert told.count("Most") == told.count("Most memory") == 1


def test_faults_of_any_are_told(command: Run) -> None:
    code, out, err = command("compare", "lenet", "-e", "input 3; relux", "-e", "input 3; dens 4")
    assert (code, out) == (1, "")
    assert "did you mean relu?" in err
    assert "did you mean dense?" in err


@pytest.mark.parametrize(
    "words, told",
    [
        (["compare", "lenet"], "two networks or more"),
        (["compare"], "no SPEC given"),
        (["compare", "-", "-"], "only one SPEC can be standard input"),
        (["analyze", "lenet", "vgg16", "--only", "params"], "are for one network"),
        (["compare", "lenet", "alexnet", "--count-like", "nothing"], "nothing"),
        (["report", "lenet", "alexnet", "-o", "x.pdf"], "must end in .html"),
        (["report", "lenet", "alexnet", "--run", "nowhere"], "nowhere"),
    ],
)
def test_what_cannot_be_compared_is_said(words: list[str], told: str, command: Run) -> None:
    code, _, err = command(*words)
    assert code == 2
    assert told in " ".join(err.split())


def test_a_report_of_several_shows_each(command: Run, tmp_path: Path) -> None:
    page = tmp_path / "both.html"
    assert command("report", "lenet", "lenet1998", "-o", str(page))[0] == 0
    text = page.read_text()
    assert "Side by side" in text
    assert text.count('class="picture"') == 4
    ids = [part.split('"')[0] for part in text.split(' id="')[1:]]
    assert len(ids) == len(set(ids))

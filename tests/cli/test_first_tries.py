"""What newcomers type first, with the words and habits of other programs: each works, or says what would."""

from __future__ import annotations

from pathlib import Path

import pytest

from cnnspec.cli.main import run
from cnnspec.views.pictures import film

VECTOR = ["run", "-e", "input 4; dense 2", "--input", "1,2,3,4"]
QUICK = ["train", "-e", "input 8x8x1; flatten -> dense 10", "--data", "digits", "--epochs", "1", "-o", "run"]
PAIR = ["--weights", "dense1=[[1,0,0,0],[0,1,0,0]]", "--weights"]


@pytest.fixture(autouse=True)
def _inside(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("COLUMNS", "200")
    (tmp_path / "nets" / "more").mkdir(parents=True)
    (tmp_path / "nets" / "one.cnn").write_text("input 28x28x1\nconv 6 5x5\n")
    (tmp_path / "nets" / "more" / "two.cnn").write_text("input 28x28x1\nconv 6 55x55\n")
    (tmp_path / "nothing").mkdir()


@pytest.mark.parametrize(
    "arguments, code, said",
    [
        (["explain", "lenet", "dense1", "--about", "parameters"], 0, "400·120 + 120 = 48,120"),
        (["explain", "lenet", "dense1", "--about", "MACs"], 0, "400·120 = 48,000"),
        (["explain", "lenet", "fc1"], 2, 'did you mean "dense1"?'),
        (["explain", "lenet", "batchnorm1"], 2, 'there is no layer "batchnorm1"'),
        (["analyze", "lenet", "--format", "md"], 0, "| conv1 "),
        (["analyze", "lenet", "--format", "tex"], 0, r"\begin{tabular}"),
        (["analyze", "lenet", "--json"], 0, '"schema": "cnnspec/analysis/1"'),
        (["diff", "lenet", "vgg11", "--json"], 0, '"schema"'),
        (["analyze", "lenet", "--optimizer", "Adam"], 0, "to train with adam"),
        (["analyze", "lenet", "--count-like", "pytorch"], 2, "did you mean torchvision?"),
        (["analyze", "lenet", "--only", "conv1.params"], 0, "156"),
        (["check", "nets"], 1, "window-larger-than-input"),
        (["check", "nothing"], 2, "has no .cnn files"),
        (["field", "lenet", "conv2", "--at", "(3, 4)"], 0, "rows     4 to 17 (14)"),
        (["draw", "lenet", "-o", "net.svg", "--style", "Volumes", "--theme", "DARK"], 0, "wrote net.svg"),
        (["draw", "lenet", "-o", "net.dot", "--direction", "horizontal"], 0, "wrote net.dot"),
        (["report", "lenet", "-o", "lenet.pdf"], 2, "must end in .html; a browser prints it as PDF"),
        (["report", "lenet", "-o", "lenet.png"], 2, "cnnspec draw makes pictures"),
        ([*VECTOR, *PAIR, "dense1.bias=0"], 0, "1 2"),
        ([*VECTOR, *PAIR, "dense1.bias=[10, 20]"], 0, "11 22"),
        ([*QUICK, "--optimizer", "adam rate=0.01", "--augment", "shift=1"], 0, "batch 64, adam"),
        ([*QUICK, "--stop", "3", "--validation", "0.1"], 0, "144 validation"),
        ([*QUICK, "--lr", "0.1", "--batch-size", "32", "--optimizer", "sgd", "--momentum", "0.9"], 0,
         "batch 32, sgd"),
        ([*QUICK, "--momentum", "0.9"], 1, "adam has no option momentum"),
        ([*QUICK, "--optimizer", "adm"], 1, "did you mean adam?"),
        ([*QUICK, "--augment", "shift=2 rotat=3"], 1, "did you mean rotate?"),
        ([*QUICK, "--learning-rate", "fast"], 2, "is not a valid float"),
        (["quiz", "shapes"], 2, '"shapes" is a topic: cnnspec quiz --topic shapes'),
        (["quiz", "padding"], 2, "cnnspec quiz --topic solve-padding"),
        (["quiz", "hard"], 2, '"hard" is a level: cnnspec quiz --level hard'),
        (["quiz", "5"], 2, "cnnspec quiz --count 5"),
        (["animate", "conv1"], 2, "the network comes first: cnnspec animate lenet conv1"),
        (["explain", "maxpool2"], 2, "the network comes first: cnnspec explain lenet maxpool2"),
        (["gradient", "conv1"], 2, "no shipped example \"conv1\"; cnnspec examples lists"),
        (["gradient", "lenet"], 2, "--target 3        the class"),
        (["gradient", "lenet", "--target", "3", "--upstream", "ones"], 2, "not both"),
        (["gradient", "-e", "input", "3x3x1"], 2, 'quotes keep it together: -e "input 3x3x1; …"'),
        (["gradient", "-e", "input 3; softmax", "--input", "1 2 3", "--target", "cat"], 2,
         'Invalid value for --target: "cat" is not a number'),
        (["gradient", "-e", "input 3; softmax", "--input", "1 2 3", "--upstream", "cat"], 2,
         'Invalid value for --upstream: "cat" is not a number'),
        (["compare", "lenet", "vs", "vgg16"], 2, "as in cnnspec compare lenet vgg16"),
        (["ask", "what", "is", "padding"], 2, "cnnspec why padding explains padding."),
        (["ask", "why do we need relu?"], 2, "cnnspec why activation explains activation."),
        (["ask", "receptive field of conv9 in vgg16"], 2, "vgg16 has no layer conv9; it has stage1.conv1"),
        (["help"], 2, "cnnspec COMMAND --help"),
        (["why", "underfitting"], 0, "no-better-than-guessing: "),
        (["why", "1x1"], 0, "depthwise-separable: "),
        (["why", "kernel size"], 0, "kernel: "),
        (["why", "ReLU"], 0, "activation: "),
    ],
)  # fmt: skip
def test_what_is_typed_first(
    arguments: list[str], code: int, said: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert run(arguments) == code
    streams = capsys.readouterr()
    assert said in streams.out + streams.err
    assert "Traceback" not in streams.err


def test_a_run_in_this_folder_is_named_where_none_is_under_runs(capsys: pytest.CaptureFixture[str]) -> None:
    assert run(QUICK) == 0
    capsys.readouterr()
    assert run(["train", "lenet", "--resume"]) == 2
    assert "runs here: run;" in " ".join(capsys.readouterr().err.split())


def test_a_film_of_very_many_frames_draws_the_first_and_says_how_to_have_all(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    drawn: list[int] = []

    def counted(cels: film.Cels, *_: object) -> bytes:
        drawn.append(len(cels.moving))
        return b"GIF"

    monkeypatch.setattr(film, "film", counted)
    assert run(["animate", "lenet", "-o", "all.gif"]) == 0
    assert "the first 100 of 784 positions are drawn; --most 784 draws all" in capsys.readouterr().err
    assert run(["animate", "lenet", "-o", "all.gif", "--most", "784"]) == 0
    assert drawn == [100, 784]

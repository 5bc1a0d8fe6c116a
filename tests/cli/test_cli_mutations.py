"""Whatever is done to a spec, a verb answers: rows, faults, an exit code of 0, 1 or 2, never a crash."""

from __future__ import annotations

import random

import pytest

from cnnspec.cli.main import run
from cnnspec.resources import example_names, example_text

VERBS = (
    ["analyze"],
    ["analyze", "--format", "json"],
    ["analyze", "--depth", "1", "--count-like", "thop"],
    ["analyze", "--format", "markdown", "--batch", "7", "--exclude-padding"],
    ["explain"],
    ["explain", "--as-dense", "--format", "latex", "--no-fold"],
)
PIECES = (
    "conv 3 3x3", "->", ";", "{", "}", "|", "add", "concat { | relu | }", "=>", "?", "0", "-1", "999999999",
    "5x5", "repeat 3 {", "if C > 3 {", "stride=0", "padding=(1,2,3)", "groups=7", "\n", "#", '"', 'use "x"',
    "head a {", "from conv1", "let a =", "unpool p", "slice 5 2", "reshape 3x3", "expect params <", "train {",
)  # fmt: skip
SHORT = [name for name in example_names() if len(example_text(name)) < 1500]


def mutated(text: str, dice: random.Random) -> str:
    """The text with one to four cuts, insertions or doublings at random places."""
    for _ in range(dice.randint(1, 4)):
        place = dice.randrange(len(text) + 1)
        kind = dice.random()
        if kind < 0.35:
            text = text[:place] + text[place + dice.randint(1, 12) :]
        elif kind < 0.7:
            text = f"{text[:place]} {dice.choice(PIECES)} {text[place:]}"
        elif kind < 0.85:
            text = text[:place] + dice.choice('0123456789xX=;{}|->()?"#é\x00\t') + text[place:]
        else:
            other = dice.randrange(len(text) + 1)
            text = text[:place] + text[other : other + 40] + text[place:]
    return text


@pytest.mark.parametrize("seed", range(120))
def test_no_text_makes_a_verb_crash(seed: int, capsys: pytest.CaptureFixture[str]) -> None:
    dice = random.Random(seed)
    text = mutated(example_text(dice.choice(SHORT)), dice)
    code = run([*dice.choice(VERBS), "-e", text])
    streams = capsys.readouterr()
    assert code in (0, 1, 2), f"{text!r}\n{streams.err}"
    assert "Traceback" not in streams.err
    if code == 1:
        assert "error" in streams.err or '"error"' in streams.out

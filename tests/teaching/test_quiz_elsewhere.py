"""Quizzes and workings in other programs: GIFT read by gift-pegjs, every formula typeset by KaTeX."""

from __future__ import annotations

import json
import re
import shutil
import subprocess
from pathlib import Path

import pytest
from tools import Command

from cnnspec.teaching.quiz import exchange, pages
from cnnspec.teaching.quiz.make import LEVELS, TOPICS, quiz

NPM = shutil.which("npm")
pytestmark = [pytest.mark.web, pytest.mark.skipif(not NPM, reason="there is no npm here")]

GIFT = """
const parser = require("gift-pegjs");
const found = parser.parse(require("fs").readFileSync(process.argv[2], "utf8"));
console.log(JSON.stringify(found));
"""
KATEX = """
const katex = require("katex"), lines = JSON.parse(require("fs").readFileSync(process.argv[2], "utf8"));
const wrong = [];
for (const line of lines) {
  try { katex.renderToString(line, {throwOnError: true, strict: "error", displayMode: true}) }
  catch (error) { wrong.push([line, String(error)]) }
}
console.log(JSON.stringify(wrong));
"""


@pytest.fixture(scope="module")
def node(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with both programs in it."""
    folder = tmp_path_factory.mktemp("node")
    install = [
        str(NPM),
        "install",
        "--silent",
        "--no-audit",
        "--no-fund",
        "gift-pegjs@1.0.2",
        "katex@0.16.11",
    ]
    if subprocess.run(install, cwd=folder, check=False, timeout=300).returncode:
        pytest.skip("npm cannot install here")
    return folder


def told(node: Path, script: str, text: str) -> object:
    """What a script says of a text, as JSON."""
    (node / "script.js").write_text(script)
    (node / "text").write_text(text)
    command = ["node", "script.js", "text"]
    return json.loads(subprocess.run(command, cwd=node, capture_output=True, check=True, timeout=300).stdout)


@pytest.mark.parametrize("choices", [4, 0])
def test_gift_is_read_as_it_was_meant(node: Path, choices: int) -> None:
    made = [quiz(count=2 * len(TOPICS), seed=1, level=level, choices=choices) for level in LEVELS]
    for one in made:
        found = told(node, GIFT, exchange.gift(one))
        assert isinstance(found, list)
        kinds = {"MC"} if choices else {"Numerical", "Short"}
        assert {entry["type"] for entry in found} == kinds
        assert len(found) == len(one.questions)
        for entry, question in zip(found, one.questions, strict=True):
            assert question.topic in entry["title"]
            if choices:
                assert [choice["isCorrect"] for choice in entry["choices"]].count(True) == 1
                assert len(entry["choices"]) == 4


def formulas(text: str) -> list[str]:
    """What stands between dollar signs, and in environments of equations."""
    found = re.findall(r"\$\$(.+?)\$\$|\$([^$]+)\$|\\\[(.+?)\\\]", text, re.DOTALL)
    blocks = re.findall(r"\\begin\{align\*\}(.*?)\\end\{align\*\}", text, re.DOTALL)
    return ["".join(one) for one in found] + [rf"\begin{{aligned}}{one}\end{{aligned}}" for one in blocks]


def test_every_formula_is_typeset(node: Path, command: Command) -> None:
    texts = [
        page(quiz(count=3 * len(TOPICS), seed=2, level=level), key)
        for page in (pages.markdown, pages.latex) for level in LEVELS for key in (False, True)
    ]  # fmt: skip
    small = "input 4x4x2; conv 2 3x3 padding=1; batchnorm; relu; maxpool 2x2; flatten; dense 3; softmax"
    asked = [
        ["explain", "lenet"], ["explain", "resnet18"], ["explain", "-e", small],
        ["run", "-e", small, "--input", "random", "--working"],
        ["run", "-e", "input 3; gelu; silu; tanh; elu", "--input", "random", "--working"],
        ["gradient", "-e", small, "--input", "random", "--target", "1", "--optimizer", "adam"],
    ]  # fmt: skip
    texts += [command(*one, "--format", form)[1] for one in asked for form in ("markdown", "latex")]
    lines = [line for text in texts for line in formulas(text)]
    assert len(lines) > 1000
    assert told(node, KATEX, json.dumps(lines)) == []
    assert told(node, KATEX, json.dumps([r"\frac{1}"])) != []

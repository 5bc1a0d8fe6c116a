"""A TeX engine sets what is written for LaTeX: quizzes with their keys, workings, gradients, tables."""

from __future__ import annotations

import shutil
import subprocess
from pathlib import Path

import pytest
from tools import Command

from cnnspec.teaching.quiz import pages
from cnnspec.teaching.quiz.make import LEVELS, TOPICS, quiz

pytestmark = [
    pytest.mark.slow,
    pytest.mark.skipif(not shutil.which("pdflatex"), reason="there is no TeX here (texlive-latex-extra)"),
]

SMALL = "input 4x4x2; conv 2 3x3 padding=1; batchnorm; relu; maxpool 2x2; flatten; dense 3; softmax"
SNIPPETS = [
    ["analyze", "lenet"],
    ["compare", "lenet", "googlenet"],
    ["explain", "lenet"],
    ["explain", "-e", SMALL],
    ["run", "-e", SMALL, "--input", "random", "--working"],
    ["run", "-e", "input 3; gelu; silu; tanh; elu", "--input", "random", "--working"],
    ["gradient", "-e", SMALL, "--input", "random", "--target", "1", "--optimizer", "adam"],
]
PAGE = r"""\documentclass{article}
\usepackage{amsmath}
\usepackage{booktabs}
\begin{document}
%s
\end{document}
"""


def compiled(text: str, folder: Path) -> None:
    """Sets a document; what TeX says is shown where it fails."""
    (folder / "page.tex").write_text(text, encoding="utf-8")
    run = ["pdflatex", "-interaction=nonstopmode", "-halt-on-error", "page.tex"]
    done = subprocess.run(run, cwd=folder, check=False, capture_output=True, timeout=300)
    assert done.returncode == 0, done.stdout.decode("utf-8", "replace")[-2000:]
    assert (folder / "page.pdf").stat().st_size > 1000


@pytest.mark.parametrize("snippet", SNIPPETS, ids=" ".join)
def test_a_snippet_is_set_within_a_document(snippet: list[str], command: Command, tmp_path: Path) -> None:
    code, out, _ = command(*snippet, "--format", "latex")
    assert code == 0
    compiled(PAGE % out, tmp_path)


@pytest.mark.parametrize("level", LEVELS)
@pytest.mark.parametrize("key", [False, True])
def test_an_exam_is_set(level: str, key: bool, tmp_path: Path) -> None:
    compiled(pages.latex(quiz(count=3 * len(TOPICS), seed=4, level=level), key), tmp_path)

"""Networks whose tables are kept as text beside the tests."""

from __future__ import annotations

from pathlib import Path

from cnnspec.analysis.report import Analysis, analyze
from cnnspec.elaborate.spec import elaborate
from cnnspec.syntax.parse import parse
from cnnspec.text import Source
from cnnspec.views.terminal import table
from cnnspec.views.terminal.paint import Terminal

GOLDENS = Path(__file__).parent / "goldens"

LENET = """\
# LeNet-5, as taught today
network LeNet5

input 28x28x1

conv1: conv 6 5x5 padding=2 -> relu -> maxpool 2x2
conv2: conv 16 5x5          -> relu -> maxpool 2x2
flatten
dense 120 -> relu
dense 84  -> relu
dense 10  -> softmax

expect params <= 62k
expect multiplies < 400k
"""

BRANCHES = """\
network Branches
block residual width {
  add {
    | conv width 3x3 padding=1 bias=no -> batchnorm -> relu
      -> conv width 3x3 padding=1 bias=no -> batchnorm
    |
  }
  relu
}
input 32x32x3
stem: conv 16 3x3 padding=1
repeat 3 { residual 16 }
concat {
  | conv 8 1x1
  | maxpool 3x3 stride=1 padding=1 -> conv 8 1x1
}
add { | identity | conv 16 1x1 }
add stem
repeat 2 { relu }
globalavgpool -> flatten -> dense 10 -> softmax
"""

SPECS = {"lenet": LENET, "branches": BRANCHES}
WIDTHS = (100, 80, 60, 40)


def analysis_of(text: str) -> Analysis:
    network = elaborate(parse(Source("showcase.cnn", text))).network
    assert network is not None
    return analyze(network)


def pages() -> dict[str, str]:
    """File name -> what the table says now."""
    found = {}
    for name, text in SPECS.items():
        analysis = analysis_of(text)
        for width in WIDTHS:
            for kind, unicode in (("unicode", True), ("ascii", False)):
                terminal = Terminal(width, color=False, unicode=unicode)
                found[f"{name}-{width}-{kind}.txt"] = table.render(analysis, terminal=terminal)
    return found


def regenerate() -> None:
    for name, page in pages().items():
        (GOLDENS / name).write_text(page, encoding="utf-8")


if __name__ == "__main__":
    regenerate()

"""Counting like other tools: figures that the tools themselves printed.

The exact figures come from running the tools (fvcore 0.1.5, ptflops 0.7.5, thop 0.1.1,
calflops 0.3.2, torchinfo 1.8.0, PyTorch's FlopCounterMode) on the same networks; the
rounded ones from their documentation.
"""

import pytest

import cnnspec
from cnnspec.analysis.conventions import CONVENTIONS
from cnnspec.network.graph import Network

LENET = """
input 28x28x1
conv 6 5x5 padding=2 -> relu -> maxpool 2x2 -> conv 16 5x5 -> relu -> maxpool 2x2
flatten -> dense 120 -> relu -> dense 84 -> relu -> dense 10 -> softmax
"""
VARIED = """
input 16x16x3
conv 8 3x3 padding=1 bias=no -> batchnorm -> leakyrelu -> upconv 4 2x2 stride=2 -> prelu -> avgpool 2x2
conv 8 3x3 groups=2 -> groupnorm 2 -> silu
upsample 2 mode=bilinear -> gelu -> globalavgpool -> flatten -> dense 4 -> sigmoid
"""


def figure(network: Network, convention: str) -> int:
    """The tool's figure; the examples end in a softmax that the tools' models do not have."""
    rows = cnnspec.analyze(network, convention=convention).rows
    return sum(row.flops for row in rows[: -1 if rows[-1].kind == "softmax" and len(rows) > 20 else None])


PRINTED = {
    "lenet": {
        "torchvision": 833_040 // 2, "fvcore": 416_520, "ptflops": 448_672, "thop": 416_549,
        "calflops": 852_166, "torchinfo": 423_038,
    },
    "varied": {
        "torchvision": 232_640 // 2, "fvcore": 159_616, "ptflops": 186_852, "thop": 303_208,
        "calflops": 272_320, "torchinfo": 220_328,
    },
    "resnet50": {
        "torchvision": 8_178_368_512 // 2, "fvcore": 4_111_512_576, "ptflops": 4_132_436_968,
        "thop": 4_133_742_592, "calflops": 8_211_108_352, "torchinfo": 4_089_238_376,
    },
    "vgg16": {"torchvision": 30_940_528_640 // 2, "torchinfo": 15_483_821_032},
    "alexnet": {"torchvision": 1_428_376_960 // 2, "torchinfo": 714_682_664},
    "mobilenet_v2": {
        "torchvision": 601_548_544 // 2, "fvcore": 314_193_216, "calflops": 614_967_488,
        "torchinfo": 300_809_384,
    },
}  # fmt: skip
"""Network -> tool -> the figure it printed (PyTorch counts two flops a multiply-add)."""


@pytest.mark.parametrize("name, tool", [(name, tool) for name, tools in PRINTED.items() for tool in tools])
def test_the_tools_own_figure(name: str, tool: str) -> None:
    texts = {"lenet": LENET, "varied": VARIED}
    network = cnnspec.parse(texts[name]) if name in texts else cnnspec.load(name)
    assert PRINTED[name][tool] == figure(network, tool)


@pytest.mark.parametrize(
    "tool, name, billions",
    [
        ("torchvision", "resnet50", 4.09), ("torchvision", "alexnet", 0.71), ("torchvision", "vgg16", 15.47),
        ("torchvision", "googlenet_torchvision", 1.50), ("torchvision", "densenet121", 2.83),
        ("fvcore", "resnet50", 4.11), ("ptflops", "resnet50", 4.13), ("ptflops", "resnet18", 1.83),
        ("ptflops", "vgg16", 15.52), ("calflops", "vgg16", 30.97), ("calflops", "vgg11", 15.24),
        ("paper", "resnet50_paper", 3.86), ("paper", "mobilenet_v1", 0.57),
    ],
)  # fmt: skip
def test_published_figures(tool: str, name: str, billions: float) -> None:
    assert billions == round(figure(cnnspec.load(name), tool) / 1e9, 2)


@pytest.mark.parametrize(
    "tool, text, flops",
    [
        ("ptflops", "input 64; layernorm", 64),
        ("ptflops", "input 8x8x4; lrn", 8 * 8 * (3 * 4 + 4 + 4)),
        ("calflops", "input 8x8x4; lrn 3", 8 * 8 * (3 * 4 + 4 + 2)),
        ("calflops", "input 6x7x4; upconv 4 1 groups=2", 420),
    ],
)
def test_what_a_tool_printed_for_one_layer(tool: str, text: str, flops: int) -> None:
    assert flops == cnnspec.analyze(text, convention=tool).totals.flops


def test_a_head_that_is_a_mean_is_said_to_count_nothing_in_fvcore() -> None:
    assert "x.mean" in cnnspec.analyze("input 8x8x4; globalavgpool", convention="fvcore").rule


def test_our_own_rule_is_the_first_and_counts_everything() -> None:
    assert "cnnspec" == next(iter(CONVENTIONS))
    network = cnnspec.parse(VARIED)
    plain = cnnspec.analyze(network)
    assert sum(row.multiplies + row.additions + row.elementwise for row in plain.rows) == plain.totals.flops


@pytest.mark.parametrize("name", list(CONVENTIONS))
def test_multiplies_and_parameters_do_not_depend_on_the_tool(name: str) -> None:
    network = cnnspec.parse(VARIED)
    plain, like = cnnspec.analyze(network), cnnspec.analyze(network, convention=name)
    assert plain.totals.multiplies == like.totals.multiplies
    assert plain.totals.params == like.totals.params
    assert CONVENTIONS[name].rule == like.rule


def test_a_transposed_convolution_is_counted_over_input_or_output_as_the_tool_does() -> None:
    network = cnnspec.parse("input 5x5x4; upconv 6 3x3 stride=2 groups=2 bias=no")
    over_input, over_output = 5 * 5 * 4 * 9 * 3, 11 * 11 * 6 * 9 * 2
    assert over_input == figure(network, "fvcore") == figure(network, "torchvision")
    assert over_output == figure(network, "thop") == figure(network, "torchinfo")

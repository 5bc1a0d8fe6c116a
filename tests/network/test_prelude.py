"""The blocks that come with the language, against published figures."""

from __future__ import annotations

import pytest

import cnnspec
from cnnspec.resources import prelude_text
from cnnspec.syntax.format import format_source
from cnnspec.text import Source

# use, input -> output, parameters
BLOCKS = {
    "residual 64": ("56x56x64", (56, 56, 64), 2 * 64 * 64 * 9 + 2 * 128),
    "residual 128 stride=2": ("56x56x64", (28, 28, 128), 64 * 128 * 9 + 128 * 128 * 9 + 64 * 128 + 3 * 256),
    "bottleneck 64": ("56x56x256", (56, 56, 256), 256 * 64 + 64 * 64 * 9 + 64 * 256 + 2 * 128 + 512),
    "bottleneck 128 stride=2": (
        "56x56x256", (28, 28, 512), 256 * 128 + 128 * 128 * 9 + 128 * 512 + 256 * 512 + 2 * 256 + 2 * 1024),
    "separable 32 3x3": ("28x28x16", (28, 28, 32), 144 + 512 + 32),
    "separable 32 5x5 stride=2": ("28x28x16", (14, 14, 32), 400 + 512 + 32),
    "inverted_residual 24": (
        "56x56x24", (56, 56, 24), 24 * 144 + 144 * 9 + 144 * 24 + 2 * (144 + 144 + 24)),
    "inverted_residual 16 expansion=1": ("112x112x32", (112, 112, 16), 32 * 9 + 32 * 16 + 2 * (32 + 16)),
    "squeeze_excite": ("14x14x256", (14, 14, 256), 256 * 16 + 16 + 16 * 256 + 256),
    "inception 64 reduce3=96 three=128 reduce5=16 five=32 pool=32": (
        "28x28x192", (28, 28, 256), 163_696),
    "dense_layer 32": ("56x56x64", (56, 56, 96), 2 * 64 + 64 * 128 + 2 * 128 + 128 * 32 * 9),
    "fire 16 64": ("55x55x96", (55, 55, 128), 11_920),
}  # fmt: skip


@pytest.mark.parametrize("use", BLOCKS)
def test_block(use: str) -> None:
    shape, output, params = BLOCKS[use]
    network = cnnspec.parse(f"input {shape}\n{use}")
    assert (output, params) == (network.output, cnnspec.analyze(network).totals.params)


def test_the_shortcut_is_there_only_where_shapes_change() -> None:
    assert 2 == sum(n.word == "conv" for n in cnnspec.parse("input 8x8x4\nresidual 4").layers)
    assert 3 == sum(n.word == "conv" for n in cnnspec.parse("input 8x8x4\nresidual 8").layers)


def test_the_prelude_is_written_as_fmt_writes() -> None:
    assert prelude_text() == format_source(Source("prelude.cnn", prelude_text()))

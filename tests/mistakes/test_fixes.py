"""Every fix that a mistake offers is applied: the mistake is gone, and the text means what was written."""

from __future__ import annotations

import re

import pytest
from regenerate import page

from cnnspec.diagnostics import Diagnostic, Fix, Severity
from cnnspec.document import Document
from cnnspec.layers.foreign import NEAREST, SAME
from cnnspec.layers.registry import LAYERS, SYNONYMS
from cnnspec.resources import example_names, example_path, example_text, mistake_codes
from cnnspec.text import Source

MEANT = {
    "input 32x32x10; separableconv2d 100 5x5": "input 32x32x10; separable 100 5x5 padding=valid",
    "input 14x14x8; AdaptiveAvgPool2d 1": "input 14x14x8; globalavgpool",
    "input 8x8x8; Dropout2d 0.1": "input 8x8x8; dropout 0.1 channels=yes",
    "input 8x8x8; DepthToSpace 2": "input 8x8x8; pixelshuffle 2 order=dcr",
    "input 8x8x3; reflectionpad2d 2 => 12x12x3": "input 8x8x3; pad 2 mode=reflect => 12x12x3",
    "input 28x28x1; conv 8 3x3 stride=3,2": "input 28x28x1; conv 8 3x3 stride=3x2",
    "input 28x28x1; conv 8 3x3 padding=1,2,1,2": "input 28x28x1; conv 8 3x3 padding=1x2x1x2",
    "input 28x28x1; maxpool 2,3": "input 28x28x1; maxpool 2x3",
    "input 28x28x1; conv 8 5,3": "input 28x28x1; conv 8 5x3",
    "input 28x28x1; conv 8,5": "input 28x28x1; conv 8 5",
    "input 28x28x1; conv 8, 5x5": "input 28x28x1; conv 8 5x5",
    "a: input 28x28x1": "input 28x28x1",
    "input 8x8x1; conv 8 3x3 use_bias=False": "input 8x8x1; conv 8 3x3 bias=no",
    "input 8x8x1; conv 8 3x3 trainable=False": "input 8x8x1; conv 8 3x3 frozen=yes",
    "input 8x8x1; maxpool 2x2 ceil_mode=True": "input 8x8x1; maxpool 2x2 rounding=ceil",
    "input 8x8x1; avgpool 2x2 count_include_pad=false": "input 8x8x1; avgpool 2x2 count_padding=no",
    "input 8x8x1; MaxPool2d 2 strides=2": "input 8x8x1; maxpool 2 strides=2",
    "input 8; linaer 10": "input 8; dense 10",
    "input 8; Dense(10)": "input 8; dense(10)",
    "input 8x8x1; conv 8 3x3 padding='same'": 'input 8x8x1; conv 8 3x3 padding="same"',
    "input 8x8x1; conv 8 3x3 stride=[2, 1]": "input 8x8x1; conv 8 3x3 stride=2x1",
    "input [28, 28, 1]; flatten": "input 28x28x1; flatten",
    "input 8x8x1; conv 8 3x3 same": "input 8x8x1; conv 8 3x3 padding=same",
    "input 8x8x1; upsample 2 bilinear": "input 8x8x1; upsample 2 mode=bilinear",
    "input 8; dropout 50%": "input 8; dropout 0.5",
    "input 8x8x1; stem = conv 8 3x3; relu; concat stem": "input 8x8x1; stem: conv 8 3x3; relu; concat stem",
    "input 8x8x1; conv 3x3 8": "input 8x8x1; conv 8 3x3",
    "input 8x8x1; block b(n, m=2) { conv n*m 3x3 }; b 3": "input 8x8x1; block b n m=2 { conv n*m 3x3 }; b 3",
    "input 8x8x1; upsample scale_factor=2": "input 8x8x1; upsample scale=2",
    "input 8; expect macs < 5M": "input 8; expect multiplies < 5M",
    "input 9x1; let d = 1; repeat 2 { d = 2*d }": "input 9x1; let d = 1; repeat 2 { let d = 2*d }",
    "28x28x1\nconv 6 5x5": "input 28x28x1\nconv 6 5x5",
    "input 8; expect params = 0": "input 8; expect params == 0",
    "input 8x8x1 /* a map */\nconv 6 5x5": "input 8x8x1 # a map\nconv 6 5x5",
}
"""What was written, and what it is with the first fix."""

NO_FIX = {
    "input 8; rrelu": "whose slope is not drawn at random",
    "input 8x8x8; gru 4": "no layer remembers",
    "input 8x8x8; glu": "sigmoid",
    "input 8x8x8; groupconv 4 3x3": "groups=4",
    "input 8x8x8; interpolate 2": "so many times larger, or of a size",
    "input 8x8x8; conv 8 3x3 padding_mode=reflect": "pad 1 mode=reflect",
    "input 8x8x8; conv 8 3x3 in_channels=8": "what flows in is known",
    "input 8x8x8; wire": "did you mean fire?",
    "input 8x8x8; wombat": "cnnspec layers lists every word",
    "input 28x28x1 28x28x1": "give one size",
    "a: input 28x28x1; add a": "what flows in is called input",
    "input 8x8x1; let x = y; let y = 3; conv x 3x3": "move its let above",
    "input 8x8x1; conv 8 3x3 padding=same=2": "an option has one value",
    "0 of 3": "input 28x28x1",
    "input 8; let w = 8; w = 16; dense w": "given once",
    "input 8; repeat i in 3 { relu }": "repeat 3 as i",
    "input 8; softmax axis=1": "channels are always the last",
    "input 8x8x1; repeat 3: conv 8 3x3": "needs braces",
    "input 8x8x1; if C == 1: relu": "needs braces",
    "input 8x8x1 channels=3; relu": "the sentence is complete before it",
    "input 784; linear 784 128": "did you mean dense?",
    "input 8x8x2; batchnorm2d 2": "did you mean batchnorm?",
    "input 8x8x1; for i in 3 { relu }": "repeat",
    "input 8x8x1; relu /* a */ conv 2 3x3": "to the end of its line",
    "input 8; dense 2; train { optimizer momentum }": "optimizer sgd momentum=",
}
"""What was written, and what is said of it; nothing is offered."""

WRITTEN = [*MEANT, *NO_FIX, *(page(code).fails or "" for code in mistake_codes())]


def said_of(text: str) -> tuple[Diagnostic, ...]:
    return Document(Source("spec.cnn", text), lambda name: Source(name, "block unit n { relu }")).findings


def mended(text: str, fix: Fix) -> str:
    return text[: fix.span.start] + fix.replacement + text[fix.span.end :]


@pytest.mark.parametrize("text", MEANT)
def test_the_fix_is_what_was_meant(text: str) -> None:
    (fix,) = next(item.fixes for item in said_of(text) if item.fixes)
    assert MEANT[text] == mended(text, fix)


@pytest.mark.parametrize("text", NO_FIX)
def test_what_has_no_like_here_is_told_without_a_fix(text: str) -> None:
    found = said_of(text)
    assert found
    assert [] == [item.fixes for item in found if item.fixes]
    assert NO_FIX[text] in " ".join(word for item in found for word in (item.message, *item.help))


@pytest.mark.parametrize("text", WRITTEN)
def test_every_fix_cures_its_mistake_and_makes_no_other(text: str) -> None:
    found = said_of(text)
    for item in found:
        for fix in item.fixes:
            after = said_of(mended(text, fix))
            same = [each for each in after if each.code == item.code and each.span and item.span and
                    each.span.start == item.span.start]  # fmt: skip
            before = {each.code for each in found}
            new = {each.code for each in after if each.severity is Severity.ERROR and not each.fixes} - before
            assert ([], set()) == (same, set() if len(found) > 1 else new), mended(text, fix)


@pytest.mark.parametrize("name", example_names())
def test_the_fix_of_a_misspelt_word_gives_the_network_back(name: str) -> None:
    text = example_text(name)

    def read(text: str) -> Document:
        return Document.from_bytes(text.encode(), "spec.cnn", example_path(name).parent)

    network = read(text).network
    for word in sorted(set(re.findall(r"[a-z]+", text)) & set(LAYERS)):
        place = re.search(rf"(?m)(?<=^  )(?<![\w.]){word}\b|(?<=^){word}\b|(?<=-> ){word}\b", text)
        if place is None:
            continue
        slip = text[: place.end()] + text[place.end() - 1 :]
        found = read(slip).diagnostics
        (fix,) = next(item.fixes for item in found if item.fixes)
        assert network == read(mended(slip, fix)).network, slip


def test_a_foreign_word_is_no_other_name_of_a_layer() -> None:
    assert {word.split()[0] for word in (*SAME, *NEAREST)} & {*LAYERS, *SYNONYMS} == set()

"""Advice: each lint where it belongs and not elsewhere, once a place, silenced by comments."""

import pytest
from tools import known

import cnnspec
from cnnspec.analysis.report import analyze
from cnnspec.analysis.silence import silence
from cnnspec.diagnostics import Diagnostic, Severity
from cnnspec.text import Source


def codes(text: str) -> list[str]:
    return [item.code for item in cnnspec.analyze(cnnspec.parse(text)).diagnostics]


def told(text: str, code: str) -> Diagnostic:
    (found,) = [item for item in cnnspec.analyze(cnnspec.parse(text)).diagnostics if item.code == code]
    return found


FINE = [
    "input 28x28x1; conv 6 5x5 padding=2 -> relu -> maxpool 2x2; globalavgpool; flatten; dense 10 -> softmax",
    "input 227x227x3; conv 96 11x11 stride=4",
    "input 224x224x3; conv 64 7x7 stride=2 padding=3",
    "input 56x56x4; conv 8 1x1 stride=2",
    "input 55x55x4; maxpool 2x2 rounding=ceil",
    "input 8x8x4; conv 8 3x3 padding=1 bias=no -> batchnorm",
    "input 8x8x4; a: conv 8 1x1 -> batchnorm -> concat a",
    "input 8x8x4; conv 8 2x2 padding=same stride=2",
    "input 8x8x4; conv 8 1x4 padding=(0, 0, 2, 1)",
    "input 8x8x4; multiply { | | conv 4 1x1 -> softmax }",
    "input 8x8x4; add { | conv 4 3x3 padding=1 | conv 4 5x5 padding=2 | }",
    "input 8x8x4; multiply { | | globalavgpool -> conv 4 1x1 -> sigmoid }",
    "input 9x9x4; conv 4 3x3 -> conv 4 1x1 -> conv 4 1x1",
    "input 9x9x4; conv 4 3x3 -> dropout 0.5 -> conv 4 1x1",
    "input 784; dense 10",
    "input 784; dense 10 -> sigmoid",
    "input 784; dense 10 -> relu; train { loss mse }",
    "input 784; dense 10 -> softmax; train { epochs 1 }",
    "input 20; dense 20 -> layernorm -> dense 10",
    "input 784; a: dense 784 -> dense 784 -> add a -> relu -> dense 10",
]


@pytest.mark.parametrize("text", FINE)
def test_nothing_is_said_of_what_is_fine(text: str) -> None:
    assert [] == codes(text)


@pytest.mark.parametrize(
    "text, lost",
    [
        ("input 224x224x3; conv 96 11x11 stride=4", "the last row and the last column"),
        ("input 5x6x1; maxpool 2x2", "the last row of"),
        ("input 26x26x1; maxpool 3x3", "the last 2 rows and the last 2 columns"),
        ("input 8x7x1; depthwise 3x3 stride=2", "the last row of"),
        ("input 10x1; conv 1 4 stride=4", "the last 2 columns of"),
    ],
)
def test_pixels_that_a_stride_drops_are_counted(text: str, lost: str) -> None:
    found = told(text, "stride-drops-pixels")
    assert Severity.WARNING is found.severity
    assert lost in found.message


def test_the_cures_for_dropped_pixels_are_true() -> None:
    assert (
        "rounding=ceil keeps them in a last window of its own"
        in told("input 5x5x1; maxpool 2x2", "stride-drops-pixels").help
    )
    assert ("an input 3 larger, or 3 more padding at the far end, fits exactly",) == told(
        "input 224x224x3; conv 1 11x11 stride=4", "stride-drops-pixels"
    ).help
    assert [] == codes("input 227x227x3; conv 1 11x11 stride=4")
    assert [] == codes("input 224x224x3; conv 1 11x11 stride=4 padding=(0, 3, 0, 3)")


def test_a_place_is_named_once_however_often_it_is_expanded() -> None:
    text = "block unit { conv 4 3x3 padding=1 -> batchnorm }; input 99x99x4; repeat 7 { unit }"
    found = told(text, "bias-before-batchnorm")
    assert "the same in 6 more layers of this line" in found.notes


@pytest.mark.parametrize(
    "text, code",
    [
        ("input 8x8x4; conv 8 1x1 -> batchnorm", "bias-before-batchnorm"),
        ("input 784; dense 10 -> batchnorm", "bias-before-batchnorm"),
        ("input 784; dense 10 -> relu -> softmax", "activation-before-softmax"),
        ("input 784; dense 10 -> hardswish -> softmax", "activation-before-softmax"),
        ("input 784; dense 10 -> hardsigmoid -> softmax", "activation-before-softmax"),
        ("input 784; dense 10 -> softmax -> sigmoid", "activation-after-softmax"),
        ("input 784; dense 10 -> softmax -> softmax", "activation-after-softmax"),
        ("input 784; dense 10 -> softmax -> dense 10", "softmax-inside"),
        ("input 8x8x4; conv 8 4x4 padding=same", "even-kernel-same"),
        ("input 8x8x4; conv 8 3x2 padding=same", "even-kernel-same"),
        ("input 784; dense 10 -> dropout", "dropout-at-end"),
    ],
)
def test_warnings(text: str, code: str) -> None:
    found = told(text, code)
    assert Severity.WARNING is found.severity
    assert found.help


def test_a_dense_layer_with_most_parameters() -> None:
    found = told("input 28x28x1; conv 8 3x3; flatten; dense 10", "dense-holds-most")
    assert "this dense layer holds 99 % of all parameters: 54,090 of 54,170" == found.message
    assert ("5,408·10 + 10 = 54,090",) == found.notes
    assert Severity.NOTE is found.severity


def test_a_share_of_just_eighty_percent_is_not_most() -> None:
    assert [] == codes("input 7; dense 8 -> relu -> dense 2 bias=no")
    assert ["dense-holds-most"] == codes("input 8; dense 8 -> relu -> dense 2 bias=no")


def test_a_lone_dense_layer_is_no_surprise() -> None:
    assert [] == codes("input 784; dense 10 -> softmax")


def test_layers_whose_field_exceeds_the_input() -> None:
    text = "input 8x8x1; conv 4 5x5 padding=same; conv 4 5x5 padding=same; conv 4 5x5 padding=same"
    found = told(text, "field-exceeds-input")
    assert "this convolution widens a receptive field that already exceeds the input" == found.message
    assert ("conv3 reads values that see 9x9 pixels; the input has 8x8",) == found.notes
    longer = told(f"{text}; conv 4 1x1; conv 4 3x3 padding=1", "field-exceeds-input")
    assert longer.message.startswith("2 convolutions widen")


def test_paths_out_of_step_are_a_note() -> None:
    found = told("input 32x32x4; add { | conv 4 3x3 padding=(2, 0, 2, 0) | }", "branches-misaligned")
    assert Severity.NOTE is found.severity
    assert "path 1 sees pixels -2 to 0, around -1" in found.notes
    strided = "input 32x32x4; add { | conv 4 3x3 stride=2 padding=same | conv 4 1x1 stride=2 }"
    assert ["branches-misaligned"] == codes(strided)
    wider = "input 16x16x4; add { | conv 4 1x1 stride=2 -> crop (0, 4, 0, 4) | crop (0, 12, 0, 12) }"
    notes = told(wider, "branches-misaligned").notes
    assert ("at position 4 along the height:", "path 1 sees pixels 6 to 6, around 6") == notes[:2]


@pytest.mark.parametrize(
    "text",
    [
        "input 16x16x1; a: conv 4 3x3 padding=1 stride=2; conv 4 3x3 stride=2 padding=1; upsample 2; add a",
        "input 32x32x3; a: conv 4 3x3 padding=1 stride=2; b: conv 4 3x3 padding=1 stride=2; "
        "conv 4 3x3 padding=1 stride=2; upsample 2; add b; upsample 2; add a",
        "input 32x32x3; a: conv 4 3x3 padding=1; b: maxpool 2x2; upsample 2 mode=bilinear; add a",
        "input 64x64x3; a: conv 4 3x3; maxpool 2x2; conv 4 3x3 -> upconv 4 2x2 stride=2; "
        "s: identity; from a; crop 2; concat s",
        "input 64x4; let d = 1; repeat 4 { add { | pad (d, 0) -> conv 4 2 dilation=d | }; let d = 2*d }",
        "input 64x4; add { | conv 4 3 padding=(2, 0) | }",
        "input 8x8x4; add { | globalavgpool | conv 4 1x1 }",
    ],
)
def test_paths_that_are_in_step_on_the_whole_are_not_told(text: str) -> None:
    assert "branches-misaligned" not in codes(text)


# Silence --------------------------------------------------------------------------


def spoken(text: str) -> list[str]:
    return [item.code for item in analyze(cnnspec.parse(text)).diagnostics]


def test_a_comment_beside_a_statement_silences_its_line() -> None:
    text = "input 5x5x1\nmaxpool 2x2 # cnnspec: allow stride-drops-pixels\nconv 1 2x2 -> identity\n"
    assert [] == spoken(text)
    assert ["stride-drops-pixels"] == spoken(text + "upsample 5 -> maxpool 3x3")


def test_a_comment_alone_silences_the_file() -> None:
    text = "# cnnspec: allow stride-drops-pixels\ninput 5x5x1\nmaxpool 2x2\nupsample 5 -> maxpool 3x3\n"
    assert [] == spoken(text)


def test_several_codes_and_other_words() -> None:
    both = "input 5x5x1\nmaxpool 2x2 -> conv 4 1x1 -> batchnorm # cnnspec: allow {}\n"
    assert [] == spoken(both.format("stride-drops-pixels, bias-before-batchnorm"))
    assert [] == spoken(both.format("bias-before-batchnorm stride-drops-pixels"))
    assert ["bias-before-batchnorm"] == spoken(both.format("stride-drops-pixels"))
    assert 2 == len(spoken(both.format("something-else")))
    assert 2 == len(spoken(both.replace("cnnspec: allow {}", "allow stride-drops-pixels")))


def test_a_used_file_speaks_for_itself() -> None:
    blocks = "block shrink {\n  maxpool 2x2 # cnnspec: allow stride-drops-pixels\n}\n"
    text = 'use "blocks.cnn"\ninput 5x5x1\nshrink\nupsample 5 -> maxpool 3x3\n'
    found = cnnspec.parse(text, read_use=lambda name: Source(name, blocks))
    (item,) = analyze(found).diagnostics
    place = known(item.span)
    assert ("<inline>", 4) == (place.source.name, place.line)


def test_errors_are_never_silenced() -> None:
    source = Source("spec.cnn", "# cnnspec: allow unknown-word\ninput 5x5x1\n")
    error = Diagnostic("unknown-word", "there is no such word", source.span(30, 35))
    warning = Diagnostic("unknown-word", "there is no such word", source.span(30, 35), Severity.WARNING)
    placeless = Diagnostic("unknown-word", "there is no such word", severity=Severity.WARNING)
    assert (error, placeless) == silence((error, warning, placeless))


TRAINED = "; train { epochs 1 }"


@pytest.mark.parametrize("end", ["relu", "sigmoid", "tanh -> dropout 0.1"])
def test_an_activation_at_the_end_bends_the_scores_of_cross_entropy(end: str) -> None:
    word = end.split()[0]
    found = told(f"input 784; dense 10 -> {end}{TRAINED}", "activation-before-softmax")
    assert f"{word} changes the scores that cross entropy turns into probabilities" == found.message
    assert f"leave out {word} at the end: scores may be negative or large" == found.help[0]


def test_a_softmax_that_is_not_last_is_taken_twice() -> None:
    found = told(f"input 4x4x3; globalavgpool -> softmax -> flatten{TRAINED}", "softmax-inside")
    assert "flatten hides this softmax from cross entropy, which takes another" == found.message
    assert ("put softmax last, after flatten",) == found.help


def test_a_narrow_dense_layer_between_wide_ones_is_a_code() -> None:
    def codes(units: int) -> set[str]:
        text = f"input 784; dense {units} -> dense 128 -> relu -> dense 10"
        return {each.code for each in cnnspec.analyze(cnnspec.parse(text)).diagnostics}

    assert "dense-after-dense" not in codes(32)
    assert "dense-after-dense" in codes(128)


@pytest.mark.parametrize("between", ["", "-> dropout 0.5", "-> batchnorm", "-> reshape 2x8 -> flatten"])
def test_two_dense_layers_with_nothing_bent_between_them(between: str) -> None:
    found = told(f"input 784; one: dense 16 {between} -> two: dense 10", "dense-after-dense")
    assert "no activation stands between one and two" == found.message

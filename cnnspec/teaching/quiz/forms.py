"""The questions: for each topic what is asked, and the laws of the answer."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Final

from cnnspec.records import record
from cnnspec.teaching.quiz import asked
from cnnspec.teaching.quiz import prompts as said
from cnnspec.teaching.quiz.prompts import Given
from cnnspec.teaching.quiz.results import Result
from cnnspec.teaching.quiz.scene import POOLS, Scene


@record
class Form:
    """One kind of question."""

    topic: str
    asks: str
    """What is computed, in a word, for programs."""
    prompt: str | Callable[[Scene], str]
    """The question, behind what the scene tells; a function tells all."""
    result: Callable[[Scene], Result]
    fits: Callable[[Scene], bool]
    command: Callable[[Scene], str]
    given: Callable[[Scene], Given] = said.nothing

    @property
    def shows(self) -> bool:
        """Whether it shows matrices to compute with."""
        return self.given is not said.nothing

    def text(self, scene: Scene) -> str:
        return f"{scene.told} {self.prompt}" if isinstance(self.prompt, str) else self.prompt(scene)


# What fits -----------------------------------------------------------------------

Test = Callable[[Scene], bool]


MOST_CHANNELS: Final = 2
"""Of a map whose numbers are shown."""


def _is(*kinds: str) -> Test:
    return lambda scene: (
        scene.node.word in kinds and len(scene.input) in (1, 3) and getattr(scene.layer, "to", None) is None
    )


def _owns(*kinds: str) -> Test:
    """A layer that shares no other's weights: all that it has are counted with it."""
    return lambda scene: _is(*kinds)(scene) and not scene.node.sharing


def _is_drawn(kind: str) -> Test:
    return lambda scene: scene.drawn and scene.node.word == kind


def _window(test: Callable[[Any], bool], *kinds: str) -> Test:
    """A layer of a window over a map whose options pass a test."""

    def fits(scene: Scene) -> bool:
        is_one = _is(*(kinds or ("conv", *POOLS)))(scene) and len(scene.input) == 3
        return is_one and test(scene.layer)

    return fits


_slides = _window(lambda one: True)
_is_plain = _window(lambda one: not isinstance(one.padding, str))
_is_named = _window(lambda one: one.padding in ("same", "valid"))
_is_same = _window(lambda one: one.padding == "same")
_strides = _window(lambda one: max(one.stride) > 1, "conv")
_dilates = _window(lambda one: max(one.dilation) > 1, "conv")
_is_square = _window(
    lambda one: (
        isinstance(one.padding, tuple)
        and len({*one.padding}) == len({*one.kernel}) == 1
        and one.padding[0] > 0
    ),
    "conv",
)


def _is_solvable(scene: Scene) -> bool:
    """Whether one padding alone gives this output: a stride above 2 can pass over what another adds."""
    if not _is_square(scene):
        return False
    (padding, *_), rows = scene.layer.padding, scene.node.output[0]
    near = (scene.changed(padding=(other,)).node.output[0] for other in (padding - 1, padding + 1))
    return rows not in near


def _flattens(scene: Scene) -> bool:
    return scene.node.word == "flatten" and len(scene.input) == 3


def _is_small(*kinds: str, channels: int = MOST_CHANNELS) -> Test:
    """Numbers that fit on a line, of a layer whose sums are short."""
    return lambda scene: (
        _is(*kinds)(scene)
        and scene.node.output[-1] == 1
        and scene.input[-1] <= channels
        and max(*scene.input[:2], *scene.node.output[:2]) <= 6
    )


def _has_chain(scene: Scene) -> bool:
    """Whether there are a few windows, which do not reach over the whole input."""
    return (
        _slides(scene)
        and 2 <= len(asked.chain(scene)) <= 9
        and asked.field(scene).numbers[0] <= min(asked.start(scene).output[:2])
    )


def _has_other(scene: Scene) -> bool:
    return not scene.drawn and not scene.node.sharing and any(True for _ in asked.smaller(scene))


# The table -------------------------------------------------------------------------

_scored, _normed, _convolved = _is_drawn("softmax"), _is_drawn("batchnorm"), _is_drawn("conv")

ROWS: Final[dict[str, list[tuple[Any, ...]]]] = {
    "shapes": [("shape", said.SIZE, asked.output_shape, _is_plain, said.explained("shape"))],
    "same-and-valid": [
        ("shape", said.SIZE, asked.output_shape, _is_named, said.explained("shape")),
        ("zeros", said.ZEROS, asked.same_zeros, _is_same, said.explained("shape")),
    ],
    "stride": [("shape", said.SIZE, asked.output_shape, _strides, said.explained("shape"))],
    "dilation": [
        ("shape", said.SIZE, asked.output_shape, _dilates, said.explained("shape")),
        ("reach", said.REACH, asked.reach, _dilates, said.explained("receptive-field")),
    ],
    "parameters": [
        ("params", "How many parameters does the layer have?", asked.count("params"),
         _owns("conv", "depthwise", "dense", *POOLS), said.explained("params")),
    ],
    "multiplies": [
        ("multiplies", "How many multiplications does the layer make for one input?",
         asked.count("multiplies"), _is("conv", "depthwise", "dense"), said.explained("multiplies")),
    ],
    "pooling-values": [("output", "What comes out?", asked.outputs, _is_small(*POOLS), said.run, said.maps)],
    "convolution-values": [
        ("output", "What comes out?", asked.outputs, _is_small("conv"), said.run, said.with_bias),
        ("value", said.value_told, asked.one_output, _is_small("conv"), said.run_at, said.with_bias),
    ],
    "receptive-field": [
        ("field", said.chain_told, asked.field, _has_chain, said.explained("receptive-field")),
    ],
    "dense-against-conv": [
        ("dense-weights", said.DENSE, asked.dense_weights, _is("conv"), said.as_dense),
    ],
    "flatten": [
        ("length", "How long is the vector that comes out?", asked.length, _flattens,
         said.explained("shape")),
        ("dense-params", said.dense_told, asked.dense_params, _flattens, said.flattening),
    ],
    "batchnorm": [
        ("trained", "How many trained parameters does it have?", asked.trained, _owns("batchnorm"),
         said.explained("params")),
        ("buffers", "How many numbers does it store that are not trained?", asked.untrained,
         _owns("batchnorm"), said.explained("params")),
        ("stored", "How many numbers does it store in all, trained or not?", asked.stored,
         _owns("batchnorm"), said.explained("params")),
        ("normed", said.norm_told, asked.norm, _normed, said.normalising),
    ],
    "softmax-and-loss": [
        ("share", said.scores_told(said.SHARE), asked.share, _scored, said.scores_given),
        ("loss", said.scores_told(said.LOSS), asked.loss, _scored, said.scores_given),
        ("slope", said.scores_told(said.SLOPE), asked.slope, _scored, said.scores_given),
    ],
    "gradient": [
        ("weight-slope", said.slope_told, asked.weight_slope, _is_small("conv", channels=1), said.backward,
         said.with_delta),
        ("input-slopes", said.SLOPES, asked.input_slopes, _is_small("maxpool"), said.backward,
         said.with_delta),
        ("update", said.step_told, asked.update, _convolved, said.stepping),
    ],
    "solve-padding": [("padding", said.without_padding, asked.padding, _is_solvable, said.solving)],
    "compare": [
        ("saved", said.stack_told, asked.weights_saved, _convolved, said.explained("params")),
        ("more-params", said.more_told, asked.more_params, _has_other,
         said.analyzing),
    ],
}  # fmt: skip
"""A row for each kind of question: what is asked, in words, its result, what it fits, a command, matrices."""

FORMS: Final = tuple(Form(topic, *row) for topic, rows in ROWS.items() for row in rows)

"""Mistakes by name: each is the right law with a term changed, so that a new one is a row.

A mistake is made where its term stands, and counts where it changes the number.
"""

from __future__ import annotations

from typing import Final

from cnnspec.formula import Call, total
from cnnspec.records import record
from cnnspec.teaching.quiz import asked, slips
from cnnspec.teaching.quiz import changes as to
from cnnspec.teaching.quiz.changes import Change, asked_for, law, layer, term
from cnnspec.teaching.quiz.results import call, is_symbol, put, summed, without


@record
class NamedMistake:
    """What is done wrong, what is right instead, and the result that it leads to."""

    name: str
    text: str
    """A clause: ``the bias is forgotten``."""
    cure: str
    """What is right, in a sentence."""
    change: Change


_DEPTH = "A filter is as deep as its input: it has a kernel for each channel."
_SIDES = "A map has height times width times channels values."
_NO_WEIGHTS = "A pool takes the largest value or the mean: it has nothing to learn."
_LARGEST = "Max pooling keeps the largest value of each window, and only that one gets the gradient."
_FOUR = (
    "Running mean and variance are stored, not trained; scale and shift, where a norm has them, "
    "are trained unless it is frozen."
)
_NATURAL = "The cross entropy takes the natural logarithm."
_VALUES = ("output", "value")
_COUNTS = ("params", "multiplies")
_NORM = ("trained", "buffers", "stored")
_KEPT = "With no padding the kernel stays inside the map, and the output is smaller."

MISTAKES: Final = tuple(
    NamedMistake(name, text, cure, change)
    for name, change, text, cure in (
        # Sizes
        ("ceil-for-floor", term(call("floor", lambda x: Call("ceil", x))),
         "the division is rounded up", "A last window that only partly fits is left out: round down."),
        ("floor-for-ceil", term(call("ceil", lambda x: Call("floor", x))),
         "the division is rounded down", "Here it is rounded up: with less, the last window would not fit."),
        ("padding-forgotten", term(summed(to.no_padding)),
         "the padding is forgotten", "Padding makes the map larger at both ends before the kernel slides."),
        ("padding-on-one-side", term(to.one_side),
         "the padding is added on one side only", "Padding p stands on both sides: it adds 2p."),
        ("valid-for-same", layer(to.padded("valid", "same"), "shape"),
         '"same" is taken as no padding',
         '"same" gives the input\'s size divided by the stride, rounded up.'),
        ("same-for-valid",
         layer(to.padded("same", "valid", (0,)), "shape", *_VALUES),
         'no padding is taken as "same"', _KEPT),
        ("stride-ignored", term(to.no_stride, "shape"),
         "the stride is ignored", "With stride s the window moves s pixels at a time: divide by s."),
        ("strides-ignored", term(put(1, "stride"), "field"),
         "the strides of the layers before are ignored",
         "Behind a stride of s neighbours lie s pixels apart, so that a kernel spans s times as much."),
        ("dilation-ignored", term(put(1, "dilation")),
         "the dilation is ignored", "With dilation d the taps lie d pixels apart."),
        ("whole-kernel", term(summed(to.whole_kernel), "shape", "reach", "field", "zeros"),
         "the whole kernel is taken, not k − 1", "Between k taps lie k − 1 steps."),
        ("off-by-one", law(to.no_last_one, "shape", "reach", "field"),
         "the law's + 1 is forgotten", "The first position, or the first pixel, counts as well."),
        ("input-channels-kept", asked_for(to.depth_for_filters, "shape"),
         "the output is given the input's channels", "There are as many output channels as filters."),
        ("last-kernel-only", law(to.last_kernel, "field"),
         "only the last kernel is looked at",
         "Each value that the last kernel sees has itself seen a window of the layer before."),
        ("padding-of-both-sides", term(slips.top(False), "padding"),
         "the padding of both sides together is given", "Half of it stands on each side."),
        ("half-a-kernel", term(to.half_kernel, "padding"),
         "half of the kernel is taken", "Around its middle a kernel reaches (k − 1)/2 taps to each side."),
        ("kernel-for-padding", law(to.last_kernel, "padding"),
         "the kernel's size is given", "Around its middle a kernel reaches (k − 1)/2 taps to each side."),
        ("no-padding", asked_for(lambda posed: posed.having(to.NOTHING), "padding", "zeros"),
         "no padding is taken as enough", _KEPT),
        ("zeros-of-one-side", law(lambda one: Call("ceil", (one / 2,)), "zeros"),
         "only the zeros of one side are counted", "Those above and those below are asked for."),
        ("zeros-twice", law(lambda one: 2 * one, "zeros"),
         "the zeros are counted twice", "The law gives those of both sides together."),
        ("zeros-as-at-stride-1", asked_for(to.zeros_at_stride_one, "zeros"),
         "k − 1 is taken, as at stride 1", "With a stride fewer zeros are enough for the last window."),
        # Counts
        ("bias-forgotten", term(summed(to.no_bias)),
         "the bias is forgotten", "Each filter, or unit, adds a bias of its own."),
        ("one-bias", term(summed(to.one_bias)),
         "the layer is given a single bias", "Each filter, or unit, adds a bias of its own."),
        ("input-channels-forgotten", term(without("input channels", "C_in")),
         "the input's channels are forgotten", _DEPTH),
        ("one-filter", term(put(1, "filters", "C_out"), *_COUNTS, "dense-weights", "saved"),
         "only one filter is counted", "Every filter has weights of its own."),
        ("one-unit", term(put(1, "n_out"), *_COUNTS, "dense-params"),
         "only one unit is counted", "Every unit has weights of its own."),
        ("depth-for-filters", asked_for(to.depth_for_filters, *_COUNTS, "saved"),
         "the filters' depth is taken as their number", _DEPTH),
        ("filters-for-depth", asked_for(to.filters_for_depth, *_COUNTS),
         "the number of filters is taken as their depth", _DEPTH),
        ("one-side-of-kernel", term(without("k_w")),
         "the kernel is counted along one side", "A kernel of k x k has k·k taps."),
        ("weights-at-every-position", asked_for(to.every_position, "params"),
         "the weights are counted anew at every position",
         "All positions use the same weights: count them once."),
        ("positions-forgotten", term(without("o_h", "o_w"), "multiplies", "dense-weights"),
         "the output's positions are forgotten", "There is a sum for each position of the output."),
        ("positions-of-input", asked_for(to.of_input, "multiplies"),
         "the input's positions are counted, not the output's",
         "There is a sum for each position of the output."),
        ("additions-counted", law(lambda one: 2 * one, "multiplies"),
         "the additions are counted too", "Only products are asked for; there are about as many additions."),
        ("biases-multiplied", asked_for(to.with_biases, "multiplies"),
         "the biases are counted too", "A bias is added: it multiplies nothing."),
        ("pool-with-weights", to.pool_params(True, False), "the pool is given weights", _NO_WEIGHTS),
        ("pool-with-bias", to.pool_params(True, True), "the pool is given weights and biases", _NO_WEIGHTS),
        ("pool-with-one-kernel", to.pool_params(False, False), "the pool is given the weights of one kernel",
         _NO_WEIGHTS),
        ("buffers-counted", asked_for(lambda posed: asked.stored(posed.scene), "trained", "buffers"),
         "trained and stored numbers are counted together", _FOUR),
        ("half-stored", asked_for(lambda posed: asked.trained(posed.scene), "stored"),
         "only the trained numbers are counted", _FOUR),
        ("scaled-all-the-same", layer(lambda one: None if one.affine else {"affine": True}, *_NORM),
         "scale and shift are counted", "With affine=no a norm has no scale and no shift."),
        ("trained-all-the-same", layer(lambda one: {"frozen": False} if one.frozen else None, *_NORM),
         "scale and shift are taken as trained", "In a frozen norm nothing is trained: all of it is stored."),
        ("one-number-a-channel", term(to.once_a_channel, *_NORM), "one number a channel is counted", _FOUR),
        ("numbers-of-every-pixel", asked_for(to.every_pixel, *_NORM),
         "every pixel is given numbers of its own", "All pixels of a channel share its numbers."),
        ("flattened-without-channels", term(without("channels"), "length", "dense-params"),
         "the channels are forgotten", "All channels go into the vector: height times width times channels."),
        ("sides-added", term(to.added_sides, "length", "dense-params"),
         "the sides are added, not multiplied", _SIDES),
        ("one-side-of-map", term(without("i_w"), "length", "dense-params", "dense-weights"),
         "only one side of the map is counted", _SIDES),
        ("one-of-several-layers", term(put(1, "layers"), "saved"),
         "only one of the small layers is counted", "Each of the layers has weights of its own."),
        ("left-not-saved", law(lambda one: slips.no_minus(one.parts()[1]), "saved"),
         "what is left is given, not what is saved", "What is saved is the difference of the two."),
        ("nothing-subtracted",
         law(lambda one: total(part for part in one.parts() if part.value > 0), "saved", "more-params"),
         "the smaller one is not subtracted", "The difference is asked for."),
        # Values
        ("kernel-flipped", asked_for(slips.flipped, *_VALUES), "the kernel is flipped",
         "Networks compute cross-correlation: the kernel lies on the input as it is written."),
        ("first-channel-only", term(summed(slips.first_channel), *_VALUES),
         "only the first channel is summed", "The products of all input channels are summed into one value."),
        ("padding-left-out",
         layer(lambda one: {"padding": (0,)} if one.padding not in ("valid", (0,)) else None, *_VALUES),
         "the padding is left out", "The window lies on the padding as well: there are more positions."),
        ("step-of-one", layer(lambda one: {"stride": (1,)}, "output"),
         "the window is moved by one pixel", "The window moves by the stride."),
        ("max-for-average", slips.pooled_as("avgpool", "maxpool"),
         "the largest value is taken, not the mean", "Average pooling takes the mean of each window."),
        ("average-for-max", slips.pooled_as("maxpool", "avgpool"),
         "the mean is taken, not the largest value", _LARGEST),
        ("sum-for-average", term(slips.top(False), *_VALUES),
         "the sum is taken, not the mean", "The mean is the sum divided by the number of values."),
        ("first-for-max", term(call("max", lambda x: x[0]), "output"), "the first value is taken", _LARGEST),
        ("smallest-for-max", term(call("max", lambda x: Call("min", x)), "output"),
         "the smallest value is taken", _LARGEST),
        ("padding-counted", layer(slips.counting(True), *_VALUES),
         "the padding is counted in the mean", "Here each mean is over the pixels of the map alone."),
        ("padding-not-counted", layer(slips.counting(False), *_VALUES),
         "the padding is left out of the mean",
         "Here the zeros count: divide by the size of the whole window."),
        ("deviation-not-rooted", term(call("sqrt", lambda x: x[0]), "normed"),
         "the variance is taken as the deviation", "Divide by the square root of the variance."),
        ("mean-not-subtracted", term(summed(lambda x: [x[0]] if is_symbol(x[0], "x") else None), "normed"),
         "the mean is not subtracted", "First the mean is subtracted, then it is divided by the deviation."),
        ("scale-forgotten", term(without("γ"), "normed"),
         "the scale is forgotten", "The normalised value is multiplied by γ; then β is added."),
        # Losses and gradients
        ("softmax-without-exp", term(call("exp", lambda x: x[0])),
         "softmax is computed without exp", "Softmax divides exp(z) by the sum of all exp(z)."),
        ("softmax-not-divided", term(slips.top(True), "share", "loss"),
         "the power is not divided by the sum", "The shares add up to 1: divide by the sum of all powers."),
        ("own-class-left-out", term(slips.without_own, "share", "loss", "slope"),
         "the class itself is left out of the sum",
         "The sum goes over all classes, the one above it included."),
        ("loss-to-base-10", term(slips.logarithm(10)), "the logarithm is taken to base 10", _NATURAL),
        ("loss-to-base-2", term(slips.logarithm(2)), "the logarithm is taken to base 2", _NATURAL),
        ("minus-forgotten", law(slips.no_minus, "loss"), "the minus is forgotten",
         "The logarithm of a share is negative: the cross entropy is minus that."),
        ("loss-without-log", term(slips.no_log, "loss"),
         "one minus the share is taken", "The cross entropy is minus the logarithm of the share."),
        ("target-not-subtracted", law(lambda one: one.parts()[0], "slope"),
         "the target is not subtracted", "The gradient is the share minus the target, which is 1 here."),
        ("difference-turned", law(slips.turned, "slope"),
         "the share is subtracted from the target", "The gradient is the share minus the target."),
        ("one-position-only", term(summed(slips.first_use), "weight-slope"), "only one position is looked at",
         "The weight is used at every position: its gradient is the sum over all of them."),
        ("weights-for-inputs", asked_for(slips.weights_for_inputs, "weight-slope"),
         "the weights are taken, not the inputs", "The gradient of a product by the weight is the input."),
        ("opposite-corner", asked_for(slips.opposite, "weight-slope"),
         "the inputs are read from the opposite corner",
         "The weight met the input in its own row and column of each window."),
        ("gradient-to-all", asked_for(slips.slopes_for_all, "input-slopes"),
         "every value of a window is given δ", _LARGEST),
        ("gradient-to-first", asked_for(slips.slopes_for_first, "input-slopes"),
         "the first value of each window is given δ", _LARGEST),
        ("gradient-times-input", asked_for(slips.slopes_times_inputs, "input-slopes"),
         "the values are multiplied by δ", "The largest value goes through as it is: its gradient is δ."),
        ("step-uphill", law(slips.uphill, "update"),
         "the step is added", "Descent goes against the gradient: subtract the step."),
        ("rate-forgotten", term(put(1, "η"), "update"),
         "the rate is forgotten", "The step is the rate times the gradient."),
        ("step-for-weight", law(lambda one: one.parts()[1], "update"),
         "the step alone is given", "The step is subtracted from the weight as it was."),
    )
)  # fmt: skip
"""A row for each mistake: its name, what it changes, and what is said of it."""

"""Every fault: its code, its message, the characters it points at, and what it suggests."""

from __future__ import annotations

import pytest
from tools import built, codes, known

from cnnspec.diagnostics import Diagnostic, Severity
from cnnspec.elaborate.spec import elaborate
from cnnspec.syntax.parse import parse_tolerant
from cnnspec.text import Source

INPUT = "input 28x28x1\n"

# spec after the input: code, the characters pointed at, message, help
FAULTS = {
    "convv 6 5x5": ("unknown-word", "convv", "there is no layer or block convv", ("did you mean conv?",)),
    "linear 10": ("unknown-word", "linear", "there is no layer or block linear", ("did you mean dense?",)),
    "block unit { relu }\nunits": (
        "unknown-word", "units", "there is no layer or block units", ("did you mean unit?",)),
    "conv 6 5x5 strid=2": (
        "unknown-option", "strid", "conv has no option strid",
        ("did you mean stride?", "its options: filters, kernel, stride, padding, dilation, groups, bias, "
         "connections, init, weights, frozen")),
    "conv 6 kernel_size=5": (
        "unknown-option", "kernel_size", "conv has no option kernel_size", None),
    "relu slope=1": ("unknown-option", "slope", "relu has no option slope", ("its options: max",)),
    "conv 6 5x5 3": (
        "too-many-arguments", "3", "conv takes 2 values (filters, kernel) without a name. Received: 3",
        ("give the rest by name: stride=3",)),
    "conv 6 5x5 relu": (
        "too-many-arguments", "relu", "conv takes 2 values (filters, kernel) without a name. Received: 3",
        ("relu is a layer of its own: put an arrow before it: conv … -> relu",)),
    "conv 6 5x5 activation=relu": (
        "unknown-option", "activation", "conv has no option activation",
        ("an activation is a layer of its own: conv … -> relu",)),
    "conv 6 5x5 bias=false": (
        "wrong-option", "false", "bias must be yes or no. Received: false", ("did you mean no?",)),
    "flatten 3": ("too-many-arguments", "3", "flatten takes no values without a name. Received: 1", ()),
    "conv 6 5x5 kernel=3": (
        "repeated-option", "kernel=3", "kernel is given twice: by its place and by its name",
        ("keep one of the two",)),
    "conv 6 5x5 stride=1 stride=2": (
        "repeated-option", "stride=2", "stride is given twice", ("keep one of the two",)),
    "conv 6": ("missing-option", "conv 6", "conv needs its kernel",
               ("write conv filters kernel, such as conv 16 3x3",)),
    "conv 0 5x5": ("wrong-option", "0", "filters must be at least 1. Received: 0", ()),
    "conv 6 0x5": ("wrong-option", "0x5", "number 1 of kernel must be at least 1. Received: 0x5", ()),
    "conv 6 5x5 stride=0": ("wrong-option", "0", "stride must be at least 1. Received: 0", ()),
    "conv 6 5x5 stride=1.5": (
        "wrong-option", "1.5", "stride must be a number, or one for each axis. Received: 1.5", ()),
    "conv 6.5 5x5": ("wrong-option", "6.5", "filters must be a whole number. Received: 6.5", ()),
    "conv 6 5x5 bias=1": ("wrong-option", "1", "bias must be yes or no. Received: 1", ("did you mean yes?",)),
    "conv yes 5x5": (
        "wrong-option", "yes", "filters must be a whole number. Received: yes", ()),
    "conv 6 ((1, 2), 2)": ("not-a-number", "(1, 2)", "brackets need numbers. Received: 1x2", ()),
    "conv 6 (yes, 2)": ("not-a-number", "yes", "brackets need numbers. Received: yes", ()),
    "batchnorm epsilon=0": ("wrong-option", "0", "epsilon must be greater than 0. Received: 0", ()),
    "dropout 50": (
        "wrong-option", "50", "rate must be less than 1. Received: 50",
        ("it is a part of 1: 50 % is 0.5",)),
    "conv 6 5x5 bias": (
        "too-many-arguments", "bias", "conv takes 2 values (filters, kernel) without a name. Received: 3",
        ("write bias=yes", "its options: filters, kernel, stride, padding, dilation, groups, bias, "
         "connections, init, weights, frozen")),
    "conv 6 5x5 padding": (
        "too-many-arguments", "padding",
        "conv takes 2 values (filters, kernel) without a name. Received: 3",
        ("give it a value: padding=…, as in conv 16 3x3 padding=1",)),
    "conv 6 5x5 padding=sam": (
        "wrong-option", "sam", "padding must be same, valid, full or numbers. Received: sam",
        ("did you mean same?",)),
    "let width = 3\nconv wdith 5x5": (
        "wrong-option", "wdith", "filters must be a whole number. Received: wdith", ("did you mean width?",)),
    "conv width 5x5": (
        "wrong-option", "width", "filters must be a whole number. Received: width",
        ("width is not defined here",)),
    "conv 6 1x1x1x1": (
        "wrong-option", "1x1x1x1", "kernel must have at most 3 numbers. Received: 1x1x1x1", ()),
    "dropout 1.5": ("wrong-option", "1.5", "rate must be less than 1. Received: 1.5", ()),
    "conv 2*w 5x5": ("unknown-name", "w", "w has no value here", (
        "did you mean W, the width of what flows in here?", "define it before this line: let w = …")),
    "let width = 4\nconv 2*wdith 5x5": (
        "unknown-name", "wdith", "wdith has no value here", ("did you mean width?",)),
    "conv 2*? 5x5": (
        "unsolved-unknown", "?", "the value of this ? cannot be found from the layer alone", None),
    "flatten -> dense H": (
        "unknown-name", "H", "H is not known: 784 flows in here", ("a tensor of this shape has C",)),
    "conv D 5x5": (
        "unknown-name", "D", "D is not known: 28x28x1 flows in here",
        ("a tensor of this shape has H, W, C",)),
    "conv 6 // 0 5x5": ("division-by-zero", "6 // 0", "6 // 0 has no value", ()),
    "conv 6 % (3-3) 5x5": ("division-by-zero", "6 % (3-3)", "6 % 0 has no value", ()),
    "conv 5x5 + 1 3": ("not-a-number", "5x5", "+ needs numbers. Received: 5x5", ()),
    "conv yes*2 3": ("not-a-number", "yes", "* needs numbers. Received: yes", ()),
    "if 3 { relu }": (
        "not-a-condition", "3", "a condition must be yes or no. Received: 3",
        ("compare it: == != < <= > >=",)),
    "repeat 0-1 { relu }": (
        "wrong-repeat", "0-1", "repeat needs a whole number of at least 0. Received: -1", ()),
    "repeat 2.5 { relu }": (
        "wrong-repeat", "2.5", "repeat needs a whole number of at least 0. Received: 2.5", ()),
    "let C = 3": ("reserved-name", "C", "C has a meaning of its own and cannot be a constant",
                  ("choose another name",)),
    "let a = 3\nlet a = 4": (
        "repeated-name", "a", "a already has a value", ("a constant is given once; choose another name",)),
    "a: relu\na: relu": (
        "repeated-label", "a", "the label a is already given", ("labels are unique within their block",)),
    "relu\nadd relu1": (
        "unknown-label", "relu1", "relu1 is a name given automatically, not a label",
        ("write the label before the layer: relu1: …",)),
    "stem: relu\nadd stm": (
        "unknown-label", "stm", "there is no label stm before this line", ("did you mean stem?",)),
    "one: relu\nfrom other": (
        "unknown-label", "other", "there is no label other before this line", ("labels so far: one",)),
    "add later\nlater: relu": (
        "unknown-label", "later", "later is defined further down, on line 3",
        ("a skip only reaches back to layers above it",)),
    "add 3": ("unknown-label", "3", "a label must be a name. Received: 3", ()),
    "add": ("wrong-number-of-inputs", "add", "add merges at least 2 tensors. Received: 1",
            ("name the other one: add stem", "or write the branches: add { | … | … }")),
    "concat { | relu }": (
        "wrong-number-of-inputs", "concat", "concat merges at least 2 tensors. Received: 1",
        ("name the other one: concat stem", "or write the branches: concat { | … | … }")),
    "relu { | | }": (
        "needless-branches", "relu", "relu reads one tensor; it takes no branches",
        ("merge the branches with add, concat or multiply",)),
    "block b { relu }\nb { | | }": (
        "needless-branches", "b", "b is a block; it takes no branches",
        ("merge the branches with add, concat or multiply",)),
    "head a w=3 { flatten }": (
        "unknown-option", "w", "head has no option w", ("its options: weight",)),
    "head a weight=-1 { flatten }": (
        "wrong-option", "-1", "weight must be at least 0. Received: -1", ()),
    "head a { relu }\nhead a { tanh }": (
        "repeated-label", "a", "the name a is already given", ("give each head a name of its own",)),
    "block b n { dense n }\nflatten\nb": (
        "missing-option", "b", "b needs its n", ("write b n",)),
    "block b n=1 { relu }\nb 1 2": (
        "too-many-arguments", "2", "b takes 1 value. Received: 2", ("write b n=1",)),
    "block b size=1 { relu }\nb sise=2": (
        "unknown-option", "sise", "b has no parameter sise", ("did you mean size?",)),
    "block b n=1 { relu }\nb 1 n=2": (
        "repeated-option", "n=2", "n is given twice: by its place and by its name",
        ("keep one of the two",)),
    "block conv n { relu }": (
        "repeated-block", "conv", "conv is a layer; a block needs a name of its own",
        ("choose another name",)),
    "block b { relu }\nblock b { tanh }": (
        "repeated-block", "b", "there are two blocks named b", ("choose another name",)),
    "block b n n { relu }": ("repeated-name", "n", "b has two parameters named n", ("choose another name",)),
    "block b W { relu }": (
        "reserved-name", "W", "W has a meaning of its own and cannot be a parameter",
        ("choose another name",)),
    "input 3": (
        "repeated-input", "input 3", "a network has one input, unless each has a name",
        ("keep one of the two, or give each a name: input left 28x28x1",),
    ),
    "network a\nnetwork b": (
        "repeated-header", "network b", "a spec describes one network", ("keep one of the two",)),
    "train { epochs 2 }\ntrain { epochs 3 }": (
        "repeated-train", "train { epochs 3 }", "a spec has one recipe", ("keep one of the two",)),
    "repeat 2 { input 3 }": (
        "misplaced-statement", "input 3", "input belongs to the file itself, not inside braces",
        ("move it out of the braces",)),
    "repeat 2 { network b }": (
        "misplaced-statement", "network b", "network belongs to the file itself, not inside braces",
        ("move it out of the braces",)),
    "repeat 2 { block b { relu } }": (
        "misplaced-statement", "block b { relu }", "block belongs to the file itself, not inside braces",
        ("move it out of the braces",)),
    "let width = 3\nblock b { conv widht*2 3 }\nb": (
        "unknown-name", "widht", "widht has no value here", ("did you mean width?",)),
    "repeat 2 { expect params < 3 }": (
        "misplaced-statement", "expect params < 3", "expect belongs to the file itself, not inside braces",
        ("move it out of the braces",)),
    "expect parms < 3": ("unknown-figure", "parms", "there is no figure parms", ("did you mean params?",)),
    "expect params": (
        "not-a-condition", "params", "a condition must be yes or no. Received: 1",
        ("compare it: == != < <= > >=",)),
    "flatten -> maxpool 2x2": (
        "needs-a-map", "maxpool 2x2", "maxpool needs a map with 1 to 3 spatial axes, not 784", None),
    "dense 10": ("needs-a-vector", "dense 10", "dense needs a vector, not the map 28x28x1",
                 ("put flatten before it",)),
    "conv 6 5x5 padding=?": (
        "unsolved-unknown", "?", "the value of this ? cannot be found from the layer alone",
        ("claim the layer's shape: => height x width x channels", "or let cnnspec solve find it")),
    "conv 6 5x5 padding=? => 27x27x6": (
        "no-solution", "?", "no padding gives 27x27x6",
        ("the nearest shapes that can be had: 26x26x6, 28x28x6, 24x24x6, 30x30x6",)),
    "conv 6 5x5 => 28x28x6": (
        "wrong-shape", "28x28x6", "conv gives 24x24x6, not 28x28x6",
        ("write => 24x24x6, or change the options", "padding=2 would give 28x28x6")),
}  # fmt: skip


def only(text: str) -> Diagnostic:
    (fault,) = built(text).diagnostics
    return fault


@pytest.mark.parametrize("text", FAULTS)
def test_fault(text: str) -> None:
    code, place, message, help = FAULTS[text]
    fault = only(INPUT + text)
    assert (code, message) == (fault.code, fault.message)
    assert place == (fault.span.text if fault.span else "")
    if help is not None:
        assert help == fault.help


def test_the_shape_that_flowed_in_is_told_with_its_source() -> None:
    fault = only("input 8x8x1\nconv 3 3x3\nmaxpool 7x7")
    assert "6x6x3 flows in from conv1, line 2" in fault.notes


def test_merges_show_where_each_shape_comes_from() -> None:
    fault = only("input 8x8x1\na: conv 3 3x3\nconv 3 3x3\nadd a")
    assert ["4x4x3 from conv1", "6x6x3 from a"] == [label.message for label in fault.labels]
    assert [3, 2] == [label.span.line for label in fault.labels]


def test_a_fault_inside_a_block_names_its_use() -> None:
    fault = only("block b n { conv n 9x9 }\ninput 5x5x1\nb 3")
    assert [("in this use of b", 3)] == [(label.message, label.span.line) for label in fault.labels]


def test_a_fault_in_what_was_given_to_a_block_needs_no_such_label() -> None:
    assert () == only("block b n { relu }\ninput 5x5x1\nb n=1 // 0").labels


def test_a_fault_in_a_repeat_is_told_once() -> None:
    assert "wrong-option" == only("input 4\nrepeat 50 { dense 0 }").code


def test_an_image_written_channels_first_is_suspect() -> None:
    warning = only("input 3x224x224\nconv 6 3x3")
    assert ("channels-first", "warning") == (warning.code, warning.severity)
    assert ("if 3 is the number of channels, write input 224x224x3",) == warning.help
    for fine in ("224x224x3", "3x224x3", "3x3x512", "1x16x4", "8x32x32"):
        assert () == built(f"input {fine}").diagnostics


def test_an_image_without_its_channels_is_explained() -> None:
    fault = only("input 28x28\nconv 6 5x5")
    assert "the input 28x28 is one axis with 28 channels; an image is 28x28x1" in fault.notes


def test_an_option_that_was_computed_shows_its_value() -> None:
    assert ("C - 1 is 0 here",) == only("input 8x8x1\nconv C - 1 3x3").notes


@pytest.mark.parametrize("shape", ["0", "28x0x1", "2x2x2x2x2", "2.5", "same", "(1, 2.5)"])
def test_inputs_that_are_no_shape(shape: str) -> None:
    assert "wrong-input" == only(f"input {shape}\nrelu").code


@pytest.mark.parametrize(
    "text", ["", "# nothing\n", "let a = 3", "relu", "block b { relu }\nb", "from input"]
)
def test_a_spec_needs_an_input(text: str) -> None:
    assert "missing-input" == only(text).code
    assert built(text).network is None


def test_an_input_cannot_hang_on_what_flows_in() -> None:
    assert "unknown-name" == only("input C").code


# Several faults in one run, and no echoes -------------------------------------------


def test_independent_faults_are_all_told() -> None:
    text = "input 8x8x1\nconvv 3 3x3\nconv 3 stride=0\nmaxpool 2x2 foo=1\nflatten\nlet a = 1 // 0\ndense 0"
    assert [
        "unknown-word", "missing-option", "wrong-option",
        "unknown-option", "division-by-zero", "wrong-option",
    ] == codes(text)  # fmt: skip


def test_after_a_misfit_shapes_are_not_judged() -> None:
    assert ["window-larger-than-input"] == codes("input 4x4x1\nmaxpool 9x9\nconv C 7x7 => 3x3x3\ndense W")


def test_after_a_guess_shapes_are_not_judged() -> None:
    assert ["unknown-word"] == codes("input 8x8x1\nconvv 3 3x3\nmaxpool 9x9\ndense 3")
    assert ["wrong-option"] == codes("input 8x8x1\nmaxpool 3x3 stride=0\ndense 3")


def test_after_a_wrong_claim_claims_are_not_judged() -> None:
    assert ["wrong-shape"] == codes("input 8x8x1\nconv 3 3x3 => 8x8x3\nconv 3 3x3 => 6x6x3\nmaxpool 8x8")


def test_a_sound_branch_is_still_judged() -> None:
    text = "input 8x8x1\nstem: conv 3 3x3\nmaxpool 9x9\nfrom stem\nmaxpool 7x7"
    assert ["window-larger-than-input", "window-larger-than-input"] == codes(text)


@pytest.mark.parametrize(
    "head, judged",
    [
        ("network 5Net\ninput 28x28x1", True), ('network "a b"\ninput 28x28x1', True),
        ("network\ninput 28x28x1", True), ("network LeNet-5\ninput 28x28x1", True),
        ("input 28x28x1x", True), ("input [28, 28, 1]", True), ("input 28x28x1,", True),
        ("input 28x28x1; expect params <", True),
        ("input 28x28x1: conv 3 3x3", False), ("input 28x28x1 -> conv 3 3x3 stride=", False),
        ("input 28x28x1; conv 3 3x3 stride=", False), ("input; conv 3 3x3", False),
    ],
)  # fmt: skip
def test_shapes_are_judged_below_a_broken_sentence_that_is_no_layer(head: str, judged: bool) -> None:
    found = codes(f"{head}\nconv 6 5x5 => 3x3x3\n")
    assert judged == ("wrong-shape" in found)
    assert len(found) > judged


def test_a_constant_without_a_value_has_no_echo() -> None:
    uses = "conv n 3x3\nrepeat n { relu }\nhead h weight=n { flatten }\nexpect params < n"
    assert ["division-by-zero"] == codes(f"input 8x8x1\nlet n = 1 // 0\n{uses}")
    lost = "input 4x4x1\nmaxpool 9x9\nlet n = C\nfrom input\nconv n 3x3"
    assert ["window-larger-than-input"] == codes(lost)


def test_a_condition_that_cannot_be_known_says_nothing() -> None:
    assert ["window-larger-than-input"] == codes("input 4x4x1\nmaxpool 9x9\nif C == 1 { dense 3 }")


def test_a_label_of_a_layer_that_failed_is_known_all_the_same() -> None:
    assert ["window-larger-than-input"] == codes("input 4x4x1\na: maxpool 9x9\nfrom input\nadd a")


def test_a_label_inside_a_block_that_failed_is_not_missed() -> None:
    assert ["missing-option"] == codes("block b n { x: dense n }\ninput 4\nb: b\nfrom b.x")


def test_what_hangs_on_an_unreadable_line_is_not_judged() -> None:
    assert ["unknown-label"] != codes("input 8x8x1\nstem: conv 3 3x3 stride=\nfrom input\nadd stem")
    text = "input 8x8x1\nconv 3 3x3 stride=\nmaxpool 3x3 => 1x1x3\ndense 3\nconv 0 3x3"
    assert "wrong-option" == codes(text)[-1]
    assert 2 == len(codes(text))


def test_what_an_unreadable_line_would_have_defined_is_not_missed() -> None:
    assert "missing-input" not in codes("input 8x8x(1\nrelu")
    assert "unknown-word" not in codes("block b w { conv w 3x3 \ninput 4x4x1\nb 3")
    assert codes("network n\n28x28x1, 6 filters\nconv 6 5x5") == ["missing-input"]


SQUEEZE = """input 56x56x32
block se {
  multiply { | | globalavgpool -> conv C//4 1x1 -> relu -> conv C 1x1 -> sigmoid }
}
se"""


@pytest.mark.parametrize(
    ("text", "note", "help"),
    [
        (SQUEEZE, "in conv C 1x1, line 3, C is 8: the channels there",
         "write let channels = C before the paths, and conv channels 1x1 here"),
        ("input 56x56x32; concat { | conv 8 1x1 | globalavgpool -> upsample H }",
         "in upsample H, line 1, H is 1: the height there",
         "write let height = H before the paths, and upsample height here"),
        ("input 56x56x32; concat { | conv 8 1x1 | globalavgpool -> upsample (H, W) -> relu }",
         "in upsample (H, W), line 1, H is 1: the height there",
         "write let height = H before the paths, and upsample (height, width) here"),
    ],
)  # fmt: skip
def test_a_size_read_elsewhere_than_was_meant_is_told(text: str, note: str, help: str) -> None:
    fault = only(text)
    assert (note, help) == (fault.notes[2], fault.help[0])
    assert not any("stride=56" in line for line in fault.help)


def test_a_size_that_fits_is_not_told() -> None:
    fault = only("input 8x8x4; add { | conv 2*C 3x3 padding=1 | }")
    assert ("bring the others to 8x8x8, for instance with conv 8 1x1, or use concat",) == fault.help


# The part that could be known -------------------------------------------------------


def test_the_network_holds_all_nodes_that_could_be_known() -> None:
    network = built("input 9x9x1\nconv 2 3x3\ndense 4\nrelu\nfrom input\nconv 3 3x3").network
    assert network is not None
    assert ["conv1", "conv2"] == [node.name for node in network.layers]


def test_a_partial_network_ends_at_the_last_layer_of_the_main_chain() -> None:
    network = built("input 9\ndense 4\nhead h { dense 2 }\nmaxpool 2x2").network
    assert network is not None
    assert ("dense1", "h") == (network.nodes[network.outputs[0].node].name, network.outputs[1].name)


def test_warnings_travel_with_the_network() -> None:
    network = built("input 9x9x1\nconv 2 ? padding=? => 9x9x2").network
    assert network is not None
    assert ["several-solutions"] == [item.code for item in network.warnings]


@pytest.mark.parametrize("character", "\u202a\u202e\u2066\u2069")
def test_a_line_that_is_shown_in_another_order_is_warned_of(character: str) -> None:
    (found,) = [item for item in built(f"input 8\nrelu # {character}x").diagnostics if item.span]
    assert ("hidden-order", Severity.WARNING, 2, 8) == (
        found.code, found.severity, known(found.span).line, known(found.span).column
    )  # fmt: skip


def test_the_order_of_files_that_are_used_is_looked_at_too() -> None:
    tree, _ = parse_tolerant(Source("net.cnn", 'use "b.cnn"\ninput 8\nunit'))
    used = Source("b.cnn", "block unit { relu } # \u202e")
    (found,) = elaborate(tree, read_use=lambda name: used).diagnostics
    assert ("hidden-order", "b.cnn") == (found.code, known(found.span).source.name)

"""Specs become networks: shapes, names, blocks, repeats, conditions, branches, labels, heads."""

from __future__ import annotations

import pytest
from tools import built

import cnnspec
from cnnspec.analysis.fold import fold
from cnnspec.document import Document
from cnnspec.network.graph import Group, Network
from cnnspec.text import Source


def names(network: Network) -> list[str]:
    return [node.name for node in network.layers]


def test_a_chain_of_layers_infers_every_shape() -> None:
    network = cnnspec.parse("input 28x28x1; conv 6 5x5 padding=2 -> relu -> maxpool 2x2; flatten; dense 10")
    assert [(28, 28, 6), (28, 28, 6), (14, 14, 6), (1176,), (10,)] == [node.output for node in network.layers]
    assert [(0,), (1,), (2,), (3,), (4,)] == [node.inputs for node in network.layers]


def test_the_input_is_node_0() -> None:
    network = cnnspec.parse("input 16x1; conv 4 3")
    assert ("input", (16, 1), ()) == (
        network.nodes[0].name,
        network.nodes[0].output,
        network.nodes[0].input_shapes,
    )


@pytest.mark.parametrize("text, shape", [("784", (784,)), ("16x2", (16, 2)), ("4x8x8x3", (4, 8, 8, 3))])
def test_inputs_have_one_to_four_sizes(text: str, shape: tuple[int, ...]) -> None:
    assert shape == cnnspec.parse(f"input {text}").input


def test_the_header_names_the_network() -> None:
    assert "LeNet5" == cnnspec.parse("network LeNet5\ninput 784\ndense 10").name


def test_unlabelled_layers_count_by_word() -> None:
    network = cnnspec.parse("input 8x8x1; conv 2 3x3; relu; conv 2 3x3; relu")
    assert ["conv1", "relu1", "conv2", "relu2"] == names(network)


def test_automatic_names_keep_off_labels_given_anywhere_in_the_scope() -> None:
    network = cnnspec.parse("input 8x8x1; conv 2 3x3; conv1: conv 2 3x3; conv 2 1x1")
    assert ["conv2", "conv1", "conv3"] == names(network)


def test_blocks_are_scopes_and_names_are_paths() -> None:
    network = cnnspec.parse("block pair n { conv n 3x3 -> relu }\ninput 9x9x1\npair 2\nlast: pair 3\npair 4")
    assert ["pair1.conv1", "pair1.relu1", "last.conv1", "last.relu1", "pair2.conv1", "pair2.relu1"] == names(
        network
    )
    assert ("last", "relu1") == network["last.relu1"].path


def test_blocks_inside_blocks() -> None:
    text = "block a n { b n; relu }\nblock b n k=3 { conv n k }\ninput 9x9x1\na 2"
    assert ["a1.b1.conv1", "a1.relu1"] == names(cnnspec.parse(text))


def test_a_repeat_goes_on_counting() -> None:
    network = cnnspec.parse("input 9x9x2; repeat 3 { conv 2 3x3 padding=1; relu }; conv 4 1x1")
    assert ["conv1", "relu1", "conv2", "relu2", "conv3", "relu3", "conv4"] == names(network)


def test_a_label_in_a_repeat_is_numbered_and_means_the_latest() -> None:
    network = cnnspec.parse("input 9x9x2; repeat 2 { in: relu; conv 2 3x3 padding=1; add in }; add in")
    assert ["in1", "conv1", "add1", "in2", "conv2", "add2", "add3"] == names(network)
    assert (network["add2"].index, network["in2"].index) == network["add3"].inputs


def test_groups_record_blocks_and_turns() -> None:
    network = cnnspec.parse("block unit { relu; relu }\ninput 4x4x1\nrepeat 2 { unit }\ntanh")
    first, second = network["unit1.relu1"].groups, network["unit2.relu1"].groups
    assert [("repeat 2", 0, 2), ("unit", 0, 1)] == [(g.title, g.turn, g.turns) for g in first]
    assert [("repeat 2", 1, 2), ("unit", 0, 1)] == [(g.title, g.turn, g.turns) for g in second]
    assert first[0].repeat == second[0].repeat
    assert isinstance(first[0].repeat, int)
    assert (None, None) == (first[1].repeat, second[1].repeat)
    assert 4 == len({group.instance for node in network.layers for group in node.groups})
    assert first == network["unit1.relu2"].groups
    assert () == network["tanh1"].groups


def test_a_repeat_of_nothing_leaves_the_chain_alone() -> None:
    assert ["relu1"] == names(cnnspec.parse("input 4; repeat 0 { dense 3 }; relu"))


def test_parameters_by_place_by_name_and_by_default() -> None:
    text = "block b filters kernel=3 stride=kernel - 2 { conv filters kernel stride=stride }\ninput 20x20x1\n"
    assert [(18, 18, 4)] == [n.output for n in cnnspec.parse(text + "b 4").layers]
    assert [(6, 6, 4)] == [n.output for n in cnnspec.parse(text + "b 4 5").layers]
    assert [(16, 16, 4)] == [n.output for n in cnnspec.parse(text + "b 4 5 stride=1").layers]
    assert [(9, 9, 2)] == [n.output for n in cnnspec.parse(text + "b kernel=3 filters=2 stride=2").layers]


def test_blocks_may_be_used_before_they_are_defined() -> None:
    assert [(4,)] == [n.output for n in cnnspec.parse("input 3\nb\nblock b { dense 4 }").layers]


def test_the_sizes_of_the_incoming_tensor() -> None:
    network = cnnspec.parse("input 6x8x3; conv 2*C H//2; conv W 1x1; flatten; dense C - 1")
    assert [(4, 6, 6), (4, 6, 6), (144,), (143,)] == [node.output for node in network.layers]


def test_depth_is_the_first_of_three_axes() -> None:
    assert (2, 3, 4, 5) == cnnspec.parse("input 5x3x4x2; if D == 5 and H == 3 { reshape 2x3x4x5 }").output


def test_sizes_are_those_of_the_place_inside_a_branch() -> None:
    network = cnnspec.parse("input 4x4x2; concat { | conv 2*C 1x1 -> conv C 1x1 | conv C 1x1 }")
    assert [(4, 4, 4), (4, 4, 4), (4, 4, 2), (4, 4, 6)] == [node.output for node in network.layers]


@pytest.mark.parametrize(
    "expression, value",
    [
        ("2 + 3*4", 14),
        ("(2 + 3)*4", 20),
        ("7 // 2", 3),
        ("7 % 4", 3),
        ("0 - 7 // 2 + 8", 5),
        ("10 - 2 - 3", 5),
        ("n*n", 25),
        ("-n + 6", 1),
        ("2k - 1999", 1),
    ],
)
def test_arithmetic_is_exact(expression: str, value: int) -> None:
    assert (value,) == cnnspec.parse(f"input 3\nlet n = 5\ndense {expression}").output


@pytest.mark.parametrize(
    "condition, holds",
    [
        ("yes", True),
        ("no", False),
        ("1 == 1 and not 2 < 1", True),
        ("1 > 2 or 2 >= 2", True),
        ("mode == same", True),
        ("valid != mode", True),
        ("3x3 == 3x3", True),
        ("not (1 == 1)", False),
        ("no and 1 // 0 == 1", False),
    ],
)
def test_conditions_are_decided_when_expanded(condition: str, holds: bool) -> None:
    network = cnnspec.parse(f"input 4\nlet mode = same\nif {condition} {{ relu }} else {{ tanh }}")
    assert ["relu1" if holds else "tanh1"] == names(network)


@pytest.mark.parametrize(
    ("text", "span", "help"),
    [
        (
            "input 4x4x3; if c == 3 { relu }",
            "c",
            ("did you mean C, the channels of what flows in here?", "define it before this line: let c = …"),
        ),
        ("input 4x4x3; let stride = 1; if strid != 1 { relu }", "strid", ("did you mean stride?",)),
        ("input 4x4x3; if 3 == foo { relu }", "foo", ("define it before this line: let foo = …",)),
        ("input 4x4x3; if same == same { relu }", "same", ("define it before this line: let same = …",)),
        ("input 4x4x3; if (foo) == same { relu }", "(foo)", ("define it before this line: let foo = …",)),
        ('input 4x4x3; if "a" != foo { relu }', "foo", ("define it before this line: let foo = …",)),
        ("input 4x4x3; b 2; block b n=1 { if n == same { relu } }", "same", None),
        ("input 4x4x3; b; block b m=4 n=m { if same == n { relu } }", "same", None),
        ("input 4x4x3; b; block b { if mode == same { relu } }", "mode", None),
        ("input 4x4x3; let deep = C == wide", "wide", None),
    ],
)
def test_an_undefined_name_in_a_comparison_is_a_fault(
    text: str, span: str, help: tuple[str, ...] | None
) -> None:
    fault = built(text).diagnostics[0]
    assert ("unknown-name", span) == (fault.code, fault.span and fault.span.text)
    assert help is None or help == fault.help


@pytest.mark.parametrize(
    ("text", "layers"),
    [
        ("b same; b valid; b 1; block b padding { if padding == same { relu } else { tanh } }", 3),
        ("b; b 2; block b padding=same { if padding != same { relu } else { tanh } }", 2),
        ("a valid; block a p { b p }; block b mode=3 { if mode == valid { relu } else { tanh } }", 1),
        ("b; block b padding=same { head side { flatten; if padding == same { relu } } }", 2),
    ],
)
def test_a_parameter_that_takes_words_is_compared_with_them(text: str, layers: int) -> None:
    assert layers == len(cnnspec.parse(f"input 4x4x3; {text}").layers)


def test_else_if_takes_the_first_that_holds() -> None:
    text = "input 5\nif C == 1 { relu } else if C == 5 { tanh } else if C == 5 { elu } else { gelu }"
    assert ["tanh1"] == names(cnnspec.parse(text))


def test_let_inside_a_repeat_gives_a_name_anew_each_turn_and_the_last_value_stays() -> None:
    network = cnnspec.parse("let n = 3\ninput 4\nrepeat 2 { let n = C + n; dense n }\ndense n")
    assert [(7,), (14,), (14,)] == [node.output for node in network.layers]


def test_a_turn_of_a_repeat_begins_with_what_the_turn_before_has_named() -> None:
    text = "input 64x4; let d = 1; repeat 4 { conv 4 2 dilation=d; let d = 2*d }"
    network = cnnspec.parse(text)
    assert [(1,), (2,), (4,), (8,)] == [node.layer.dilation for node in network.layers]  # type: ignore[attr-defined]
    assert (49, 4) == network.output
    assert 4 == len(fold(network)), "turns that differ are not drawn as one"
    assert network == cnnspec.parse(Document(Source("a", text)).formatted())


@pytest.mark.parametrize(
    ("text", "outputs"),
    [
        ("let n = 2; repeat 2 { repeat 2 { let n = n + 1; dense n } }", [3, 4, 5, 6]),
        ("let n = 2; repeat 3 { if n < 4 { let n = n + 1 }; dense n }", [3, 4, 4]),
        ("let n = 2; repeat 0 { let n = 9 }; dense n", [2]),
        ("if C == 4 { let n = 3 } else { let n = 5 }; dense n", [3]),
        ("b 3; block b n { repeat 2 { dense n; let n = 2*n } }; dense 1", [3, 6, 1]),
        ("let n = 3; b; dense n; block b { let n = 5; dense n }", [5, 3]),
        ("repeat 2 { let n = C + 1; add { | let m = n; dense m | dense n } }", [5, 5, 5, 6, 6, 6]),
    ],
)
def test_names_hold_on_as_if_the_turns_were_written_out(text: str, outputs: list[int]) -> None:
    assert outputs == [node.output[0] for node in cnnspec.parse(f"input 4; {text}").layers]


@pytest.mark.parametrize(
    "text",
    [
        "let n = 3; if C == 4 { let n = 4 }; dense n",
        "let n = 3; add { | let n = 4; dense 4 | }; dense n",
        "let n = 3; repeat 2 { add { | let n = n + 1; dense 4 | }; dense n }",
        "let n = 3; head side { let n = 4; dense n }; dense n",
        "repeat 2 { let n = 3; let n = 4; dense n }",
        "repeat 2 { let n = C }; let n = 3; dense n",
    ],
)
def test_a_value_that_nobody_would_see_is_refused(text: str) -> None:
    with pytest.raises(cnnspec.SpecError, match="repeated-name"):
        cnnspec.parse(f"input 4; {text}")


def test_branches_begin_where_the_chain_stands_and_an_empty_one_is_the_identity() -> None:
    network = cnnspec.parse("input 4x4x2; s: relu; add { | conv 2 3x3 padding=1 -> tanh | }")
    assert ["s", "conv1", "tanh1", "add1"] == names(network)
    assert (3, 1) == network["add1"].inputs
    assert ((4, 4, 2), (4, 4, 2)) == network["add1"].input_shapes


def test_a_merge_of_two_empty_paths_reads_the_same_tensor_twice() -> None:
    assert (0, 0) == cnnspec.parse("input 4; add { | | }")["add1"].inputs


def test_long_skips_read_the_current_tensor_first() -> None:
    network = cnnspec.parse("input 4x4x2; a: relu; b: tanh; conv 3 1x1; concat a b")
    assert (3, 1, 2) == network["concat1"].inputs
    assert (4, 4, 7) == network.output


def test_a_label_names_a_block_by_its_last_layer() -> None:
    network = cnnspec.parse("block d { dense 4; relu }\ninput 4\nx: d\ntanh\nadd x")
    assert (network["tanh1"].index, network["x.relu1"].index) == network["add1"].inputs


def test_a_label_may_be_handed_to_a_block() -> None:
    network = cnnspec.parse("block up skip { relu; add skip }\ninput 4\nstem: dense 4\nup stem")
    assert (2, 1) == network["up1.add1"].inputs


def test_a_block_sees_the_labels_around_it_and_its_own_first() -> None:
    text = "block b { x: relu; add x }\nblock c { tanh; add x }\ninput 4\nx: dense 4\nb\nc"
    network = cnnspec.parse(text)
    assert (network["b1.x"].index,) * 2 == network["b1.add1"].inputs
    assert network["x"].index == network["c1.add1"].inputs[1]


def test_labels_inside_a_labelled_block_are_reached_by_their_path() -> None:
    network = cnnspec.parse("block e { skip: relu; maxpool 2x2 }\ninput 4x4x1\nenc: e\nfrom enc.skip")
    assert network.outputs[0].node == network["enc.skip"].index


def test_from_carries_on_from_a_label_or_the_input() -> None:
    network = cnnspec.parse("input 4x4x1; a: conv 2 3x3; relu; from a; tanh; from input; conv 3 1x1")
    assert [(0,), (1,), (1,), (0,)] == [node.inputs for node in network.layers]


def test_heads_are_outputs_beside_the_main_chain() -> None:
    network = cnnspec.parse("input 8; a: dense 4; head aux weight=0.3 { dense 2; softmax }; dense 3")
    assert [("output", 4, 1.0), ("aux", 3, 0.3)] == [(o.name, o.node, o.weight) for o in network.outputs]
    assert ["a", "aux.dense1", "aux.softmax1", "dense1"] == names(network)
    assert (1,) == network["dense1"].inputs
    assert (3,) == network.output


def test_a_head_inside_a_block_is_named_by_its_path() -> None:
    network = cnnspec.parse("block b { head aux { dense 2 } }\ninput 8\nb\ndense 3")
    assert ["output", "b1.aux"] == [output.name for output in network.outputs]


def test_unpool_reads_the_named_pool_and_takes_its_window() -> None:
    network = cnnspec.parse("input 9x9x2; p: maxpool 2x2; relu; unpool p")
    assert (2, 1) == network["unpool1"].inputs
    assert (9, 9, 2) == network.output
    assert "p" == network["unpool1"].layer.pool  # type: ignore[attr-defined]


def test_equal_sentences_share_one_layer() -> None:
    network = cnnspec.parse("input 4x4x2; repeat 3 { conv 2 3x3 padding=1 }")
    assert 1 == len({id(node.layer) for node in network.layers})


def test_true_and_1_are_not_confused() -> None:
    assert cnnspec.parse("input 4x4x1; conv 1 1x1 bias=yes").layers[0].layer.bias is True  # type: ignore[attr-defined]
    with pytest.raises(cnnspec.SpecError, match="bias must be yes or no"):
        cnnspec.parse("input 4x4x1; conv 1 1x1 bias=1")


def test_a_layer_that_is_not_there_gets_the_nearest() -> None:
    network = cnnspec.load("lenet")
    with pytest.raises(KeyError, match="no layer is called conv9; did you mean conv2"):
        network["conv9"]
    with pytest.raises(KeyError, match="no layer is called conv9; did you mean conv2"):
        cnnspec.analyze(network)["conv9"]


def test_every_node_knows_its_place() -> None:
    network = cnnspec.parse("input 4\n\ndense 3 -> relu")
    assert [1, 3, 3] == [node.span.line for node in network.nodes if node.span]
    assert ["input 4", "dense 3", "relu"] == [node.span.text for node in network.nodes if node.span]


def test_a_block_of_the_spec_comes_before_one_of_the_prelude() -> None:
    assert ["separable1.relu1"] == names(cnnspec.parse("block separable { relu }\ninput 4\nseparable"))


def test_the_recipe_is_read_with_the_constants_of_the_spec() -> None:
    network = cnnspec.parse("let n = 7\ninput 4\ntrain { epochs n + 1 }")
    assert 8 == network.training_recipe.epochs


def test_expectations_are_kept_as_written() -> None:
    network = cnnspec.parse("let most = 62k\ninput 4\nexpect params  <= most and layers == 0")
    (expectation,) = network.expectations
    assert ("params <= most and layers == 0", (("most", 62000),)) == (expectation.text, expectation.constants)
    assert expectation.holds({"params": 61000, "layers": 0})
    assert not expectation.holds({"params": 63000, "layers": 0})


def test_the_left_side_of_an_expectation_is_what_the_network_has() -> None:
    (expectation,) = cnnspec.parse("input 4\nexpect params // 2 <= 5").expectations
    assert 4 == expectation.actual({"params": 9})


def test_reprs_say_what_flows() -> None:
    assert "<Network N: 8 -> 1 layers -> 3>" == repr(cnnspec.parse("network N\ninput 8\ndense 3"))


def test_a_node_says_what_it_does() -> None:
    network = cnnspec.parse("input 6x6x2; a: conv 3 3x3; from input; concat input")
    assert "<a: conv 6x6x2 -> 4x4x3>" == repr(network["a"])
    assert "<concat1: concat 6x6x2 + 6x6x2 -> 6x6x4>" == repr(network["concat1"])


def test_a_group_is_a_plain_value() -> None:
    assert Group("a", 1) == Group("a", 1, 0, 1, None)

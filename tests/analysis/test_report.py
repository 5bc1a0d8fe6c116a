"""The report: figures to the last digit, laws that are the numbers, budgets, partial networks."""

import subprocess
import sys
import time

import pytest
from tools import known

import cnnspec
from cnnspec.analysis.cost import COUNTS
from cnnspec.analysis.report import Analysis, analyze
from cnnspec.elaborate.spec import elaborate
from cnnspec.layers.base import Slide, Spread, Window
from cnnspec.syntax.parse import parse_tolerant
from cnnspec.text import Source

LENET = """network LeNet5
input 28x28x1
conv1: conv 6 5x5 padding=2 -> relu -> maxpool 2x2
conv2: conv 16 5x5 -> relu -> maxpool 2x2
flatten
dense 120 -> relu
dense 84 -> relu
dense 10 -> softmax
expect params <= 62k
expect multiplies < 400k and params < 1M
expect weight_bytes < 1k * 4
"""


@pytest.fixture(scope="module")
def lenet() -> Analysis:
    return analyze(cnnspec.parse(LENET))


@pytest.mark.parametrize("batch", [0, -1])
def test_a_batch_of_no_samples_is_refused(batch: int) -> None:
    with pytest.raises(ValueError, match="at least 1"):
        analyze("lenet", batch=batch)


def test_lenet_to_the_last_digit(lenet: Analysis) -> None:
    assert 61_706 == lenet.totals.params
    assert 61_706 == lenet.totals.trainable
    assert 0 == lenet.totals.frozen
    assert 416_520 == lenet.totals.multiplies
    assert 416_520 == lenet.totals.additions
    assert 246_824 == lenet.totals.weight_bytes


def test_the_first_row_is_that_of_the_contract(lenet: Analysis) -> None:
    row = lenet["conv1"]
    assert ("conv1", "conv", ("conv1",), 3) == (row.name, row.kind, row.path, row.line)
    assert (((28, 28, 1),), (28, 28, 6)) == (row.inputs, row.output)
    assert (156, 156, 0, 0) == (row.params, row.trainable, row.frozen, row.buffers)
    assert (117_600, 117_600, 0, 235_200) == (row.multiplies, row.additions, row.elementwise, row.flops)
    assert 18_816 == row.activation_bytes


def test_totals_are_the_sums_of_the_rows(lenet: Analysis) -> None:
    for name in (*COUNTS, "elementwise", "flops", "activation_bytes"):
        assert sum(getattr(row, name) for row in lenet.rows) == getattr(lenet.totals, name)


def test_flops_are_the_three_kinds_together(lenet: Analysis) -> None:
    for row in lenet.rows:
        assert row.multiplies + row.additions + row.elementwise == row.flops
        assert int(row.laws.flops) == row.flops


def test_every_number_is_its_law(lenet: Analysis) -> None:
    for row in lenet.rows:
        for name in (
            "params",
            "trainable",
            "frozen",
            "buffers",
            "multiplies",
            "additions",
            "activation_bytes",
        ):
            assert getattr(row, name) == int(getattr(row.laws, name))
        assert row.output == tuple(map(int, row.laws.output))


def test_the_working_of_the_first_question_of_the_lectures() -> None:
    report = analyze(cnnspec.parse("input 32x32x3; conv 1 3x3 padding=same"))
    assert "1·(3·3·3) + 1 = 28" == report["conv1"].laws.params.worked()


def test_frozen_parameters_count_but_are_not_trained() -> None:
    totals = analyze(cnnspec.parse("input 8x8x1; conv 2 3x3 frozen=yes; flatten; dense 3")).totals
    assert (20, 219, 239) == (totals.frozen, totals.trainable, totals.params)


def test_buffers_of_batch_norm_are_apart() -> None:
    totals = analyze(cnnspec.parse("input 8x8x4; batchnorm")).totals
    assert (8, 8) == (totals.params, totals.buffers)


def test_the_batch_multiplies_bytes_of_activations_alone() -> None:
    one, many = analyze(cnnspec.parse(LENET)), analyze(cnnspec.parse(LENET), batch=32)
    assert one.totals.multiplies == many.totals.multiplies
    assert one.totals.weight_bytes == many.totals.weight_bytes
    assert 32 * one.totals.activation_bytes == many.totals.activation_bytes
    assert 32 * one.totals.peak_activation_bytes == many.totals.peak_activation_bytes
    assert 32 * one["conv1"].activation_bytes == many["conv1"].activation_bytes


def test_budgets_are_judged_with_what_the_network_has(lenet: Analysis) -> None:
    kept, broken, computed = lenet.expectations
    assert ("params <= 62k", True, 61_706, None) == (kept.text, kept.holds, kept.actual, kept.diagnostic)
    assert (False, None) == (broken.holds, broken.actual)
    assert (False, 246_824) == (computed.holds, computed.actual)
    told = known(computed.diagnostic)
    assert "expectation-broken" == told.code
    assert "expected weight_bytes < 1k * 4, but the network has 246,824" == told.message
    assert ("weight_bytes = 246,824",) == told.notes
    assert 11 == known(told.span).line
    assert 2 == sum(item.code == "expectation-broken" for item in lenet.findings)
    assert () == tuple(item for item in lenet.diagnostics if item.code == "expectation-broken")


def test_a_network_built_up_to_a_failure_is_analysed_that_far() -> None:
    tree, _ = parse_tolerant(Source("broken", "input 8x8x1; conv 2 3x3; conv 2 9x9; dense 3"))
    report = analyze(known(elaborate(tree).network))
    assert ["conv1"] == [row.name for row in report.rows]
    assert 20 == report.totals.params
    assert report.memory.peak_bytes > 0


def test_an_input_alone_is_a_network() -> None:
    report = analyze(cnnspec.parse("input 8x8x1"))
    assert () == report.rows
    assert 0 == report.totals.params
    assert 256 == report.totals.peak_activation_bytes


def test_an_unknown_convention_is_named_with_the_nearest() -> None:
    with pytest.raises(ValueError, match="did you mean fvcore"):
        analyze(cnnspec.parse("input 8x8x1"), convention="fcvore")


def test_training_is_told_for_any_optimizer() -> None:
    network = cnnspec.parse(LENET)
    plain = analyze(network, optimizer="sgd").totals.training_bytes
    assert 2 * 4 * 61_706 == analyze(network, optimizer="adam").totals.training_bytes - plain
    with pytest.raises(ValueError, match="known are sgd"):
        analyze(network, optimizer="gradschool")


def test_the_report_says_what_it_is(lenet: Analysis) -> None:
    assert "<Analysis LeNet5: 13 layers, 61,706 params, 416,520 multiplies>" == repr(lenet)
    assert "multiply-accumulates" in lenet.rule


def test_nothing_heavy_is_imported() -> None:
    code = (
        "import sys, cnnspec; cnnspec.analyze(cnnspec.load('lenet')).diagnostics;"
        "bad = {'numpy', 'graphviz', 'rich', 'click', 'torch'} & set(sys.modules);"
        "sys.exit(str(bad) if bad else 0)"
    )
    subprocess.run([sys.executable, "-c", code], check=True)


def test_a_command_looks_for_no_plugins() -> None:
    code = (
        "import runpy, sys; sys.argv = ['cnnspec', 'analyze', '-e', 'input 8x8x1; conv 1 3x3'];\n"
        "try: runpy.run_module('cnnspec', run_name='__main__')\n"
        "except SystemExit as end: sys.exit(end.code or 'importlib.metadata' in sys.modules)"
    )
    subprocess.run([sys.executable, "-c", code], check=True, stdout=subprocess.DEVNULL)


def test_ten_thousand_layers_take_linear_time() -> None:
    def seconds(layers: int) -> float:
        network = cnnspec.parse(f"input 8x8x4; repeat {layers} {{ conv 4 3x3 padding=1 -> relu }}")
        start = time.process_time()
        report = analyze(network)
        assert 2 * layers == len(report.rows)
        assert 2048 == report.totals.peak_activation_bytes
        assert () == tuple(item for item in report.diagnostics if item.severity != "note")
        return time.process_time() - start

    seconds(10)
    small, large = min(seconds(500) for _ in range(5)), min(seconds(5000) for _ in range(2))
    assert large < 40 * small


# Taps on real pixels ----------------------------------------------------------------


def counted(text: str) -> tuple[int, ...]:
    """Multiplies and additions of the first layer by looking at every tap."""
    node = cnnspec.parse(text).layers[0]
    windows = node.layer.window(node.input_shapes)
    (height, width, channels), (rows, columns, filters) = node.input_shapes[0], node.output
    down = [real_taps(windows[0], at, height) for at in range(rows)]
    across = [real_taps(windows[1], at, width) for at in range(columns)]
    read = channels // getattr(node.layer, "groups", 1)
    multiplies = additions = 0
    for r in down:
        for c in across:
            multiplies += r * c * read * filters
            terms = r * c * read + (1 if getattr(node.layer, "bias", False) else 0)
            additions += max(0, terms - 1) * filters
    return multiplies, additions


def real_taps(window: Window, at: int, size: int) -> int:
    assert isinstance(window, Slide | Spread)
    if isinstance(window, Slide):
        places = [at * window.stride - window.before + j * window.dilation for j in range(window.kernel)]
        return sum(0 <= place < size for place in places)
    return sum(
        at == i * window.stride - window.before + j * window.dilation
        for i in range(size) for j in range(window.kernel)
    )  # fmt: skip


@pytest.mark.parametrize(
    "layer",
    [
        "conv 4 3x3 padding=1", "conv 4 3x3 padding=1 bias=no", "conv 2 5x3 stride=2 padding=(2, 1, 0, 3)",
        "conv 4 3x3 padding=same stride=2", "conv 4 3x3 dilation=2 padding=2 groups=2",
        "conv 2 3x3 padding=full", "conv 2 2x2 padding=3 bias=no", "conv 4 3x3",
        "upconv 3 3x3 stride=2 padding=1",
        "upconv 3 4x2 stride=(3, 1)",
    ],
)  # fmt: skip
def test_taps_on_padding_are_left_out_exactly(layer: str) -> None:
    text = f"input 7x6x4; {layer}"
    row = analyze(cnnspec.parse(text), exclude_padding=True).rows[0]
    multiplies, additions = counted(text)
    assert multiplies == row.multiplies
    assert additions == row.additions


def test_the_rule_says_when_padding_is_left_out() -> None:
    network = cnnspec.parse("input 28x28x1; conv 6 5x5 padding=2")
    plain, real = analyze(network), analyze(network, exclude_padding=True)
    assert (117_600, 107_736) == (plain.totals.multiplies, real.totals.multiplies)
    assert "134·134·6 = 107,736" == real.rows[0].laws.multiplies.worked()
    assert "taps on padding left out" in real.rule
    assert "taps on padding included" not in real.rule

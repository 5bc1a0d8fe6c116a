"""Every number with its working: the law of each step is the number of the report."""

import pytest
from tools import known

import cnnspec
from cnnspec.analysis.explain import TOPICS, as_dense, explain
from cnnspec.analysis.report import Analysis

TEXT = """
input 28x28x1
conv1: conv 6 5x5 padding=2 -> batchnorm -> relu -> maxpool 2x2
branched: add { | conv 6 3x3 padding=1 | }
flatten
dense 10 -> softmax
"""


@pytest.fixture(scope="module")
def report() -> Analysis:
    return cnnspec.analyze(cnnspec.parse(TEXT))


def worked(report: Analysis, layer: str, topic: str) -> list[str]:
    return [step.law.worked() for step in explain(report, layer, topic).steps if step.law]


@pytest.mark.parametrize("topic", ["params", "multiplies", "additions", "elementwise"])
def test_the_result_is_the_number_of_the_report(report: Analysis, topic: str) -> None:
    for row in report.rows:
        steps = [s for s in explain(report, row.name, topic).steps if not s.note.startswith("a buffer")]
        assert getattr(row, topic) == int(known(steps[-1].law))


def test_the_shape_axis_by_axis(report: Analysis) -> None:
    expected = ["⌊(28 + 2·2 − 5)/1⌋ + 1 = 28", "⌊(28 + 2·2 − 5)/1⌋ + 1 = 28", "6"]
    assert expected == worked(report, "conv1", "shape")
    assert ["14·14·6 = 1,176"] == worked(report, "flatten1", "shape")
    assert ["height", "width", "channels"] == [s.what for s in explain(report, "conv1", "shape").steps]


def test_parameters_array_by_array(report: Analysis) -> None:
    assert ["6·(5·5·1) = 150", "6", "6·(5·5·1) + 6 = 156"] == worked(report, "conv1", "params")
    buffers = [s for s in explain(report, "batchnorm1", "params").steps if s.note]
    assert ["running_mean 6", "running_var 6"] == [step.what for step in buffers]


def test_the_legend_says_what_the_symbols_mean(report: Analysis) -> None:
    legend = {s.name: s.meaning for s in explain(report, "conv1", "multiplies").symbols}
    assert {"o_h", "o_w", "F", "k_h", "k_w", "C"} == set(legend)
    assert "filters" == legend["F"]


def test_the_receptive_field_from_that_of_the_input(report: Analysis) -> None:
    assert ["5 + (2 − 1)·1 = 6", "1·2 = 2", "−2 − 0·1 = −2"] == worked(report, "maxpool1", "receptive-field")
    (step,) = explain(report, "relu1", "receptive-field").steps
    assert "unchanged" == step.note
    (step,) = explain(report, "branched", "receptive-field").steps
    assert "10 pixels: the hull of what its inputs see" == step.note
    assert "whole input" in explain(report, "dense1", "receptive-field").steps[0].note


def test_every_axis_of_the_field_is_worked(report: Analysis) -> None:
    uneven = cnnspec.analyze(cnnspec.parse("input 9x9x1; conv 1 3x5 stride=(1, 2) dilation=(2, 1)"))
    steps = explain(uneven, "conv1", "receptive-field").steps
    assert ["size", "jump", "start"] * 2 == [step.what.split()[0] for step in steps]
    field = known(uneven["conv1"].receptive_field)
    laws = [int(known(step.law)) for step in steps]
    assert [
        field.size[0],
        field.jump[0],
        field.start[0],
        field.size[1],
        field.jump[1],
        field.start[1],
    ] == laws


def test_the_working_of_the_field_is_the_report_everywhere() -> None:
    report = cnnspec.analyze(cnnspec.load("resnet50"))
    for row in report.rows:
        laws = {
            s.what.split()[0]: int(s.law) for s in explain(report, row.name, "receptive-field").steps if s.law
        }
        if laws and row.receptive_field:
            field = row.receptive_field
            assert {"size": field.size[0], "jump": field.jump[0], "start": field.start[0]} == laws


def test_memory_says_where_the_output_lies(report: Analysis) -> None:
    notes = [step.note for step in explain(report, "relu1", "memory").steps if step.note]
    assert ["writes over the buffer of conv1, which nothing else reads any more"] == notes
    assert "18,816 + 4·156·(1 + 2) = 20,688" in worked(report, "conv1", "memory")
    assert ["4·(28·28·6) = 18,816"] == worked(report, "relu1", "memory")[:1]
    for row in report.rows:
        laws = {step.what: step.law for step in explain(report, row.name, "memory").steps}
        assert report.memory.step(row.node.index).live_bytes == int(
            known(laws["in use while it runs, bytes"])
        )


@pytest.mark.parametrize("optimizer", ["sgd", "momentum", "adam"])
def test_what_layers_keep_in_training_adds_up(optimizer: str) -> None:
    report = cnnspec.analyze(cnnspec.parse(TEXT), batch=8, optimizer=optimizer)
    kept = sum(int(known(explain(report, row.name, "memory").result)) for row in report.rows)
    whole = report.training
    the_input = 8 * 4 * 28 * 28
    assert whole.total - whole.backward_bytes == kept + the_input


def test_memory_of_a_batch() -> None:
    many = cnnspec.analyze(cnnspec.parse(TEXT), batch=32)
    assert "32·(4·(28·28·6)) = 602,112" in worked(many, "conv1", "memory")


def test_all_topics_of_all_layers_have_steps(report: Analysis) -> None:
    for row in report.rows:
        found = [explain(report, row.name, topic) for topic in TOPICS]
        assert list(TOPICS) == [each.topic for each in found]
        assert all(each.steps for each in found)


def test_unknown_layers_and_topics_are_key_errors(report: Analysis) -> None:
    with pytest.raises(KeyError):
        explain(report, "conv9", "params")
    with pytest.raises(KeyError):
        explain(report, "conv1", "price")


def test_the_same_map_fully_connected() -> None:
    """The edge detector of the lectures: 2 weights against eight billion."""
    report = cnnspec.analyze(cnnspec.parse("input 280x320x1; conv 1 1x2 bias=no"))
    found = known(as_dense(report, "conv1"))
    assert (2, 267_960) == (found.own_weights, found.own_operations)
    assert 8_003_072_000 == int(found.weights)
    assert int(found.operations) > 16_000_000_000
    assert "280·319·1·(280·320·1) = 8,003,072,000" == found.weights.worked()


def test_a_dense_layer_is_its_own_dense_layer(report: Analysis) -> None:
    assert int(known(as_dense(report, "dense1")).weights) == 11_760
    assert as_dense(report, "relu1") is None

"""What broken and hostile specs once brought down, each kept out by a test."""

from __future__ import annotations

import difflib
import json
import os
import tracemalloc
from collections.abc import Callable
from contextlib import suppress
from functools import partial
from importlib.util import find_spec
from itertools import product
from pathlib import Path
from random import Random
from time import process_time
from typing import Any
from unittest import mock

import numpy as np
import pytest
from tools import Command, built, fault_of

from cnnspec import diagnostics
from cnnspec.analysis.explain import explain
from cnnspec.analysis.memory import Memory
from cnnspec.analysis.receptive_field import spread_from
from cnnspec.analysis.report import analyze
from cnnspec.backends import images, machine
from cnnspec.diagnostics import Cure, Diagnostic, LayerError
from cnnspec.document import parse
from cnnspec.elaborate import branches
from cnnspec.elaborate import layer as elaborate_layer
from cnnspec.elaborate.spec import elaborate
from cnnspec.elaborate.uses import folder_reader
from cnnspec.exchange import TARGETS
from cnnspec.exchange.code_in.notebooks import plain
from cnnspec.exchange.code_in.read import Selection, read_source
from cnnspec.layers.base import Spread
from cnnspec.mistakes import foreign
from cnnspec.syntax.parse import parse_tolerant
from cnnspec.text import Source, Span
from cnnspec.training import checkpoint
from cnnspec.training.data import data, numpy_files
from cnnspec.training.data import table as table_files
from cnnspec.training.data.idx import read_images, read_pair
from cnnspec.training.data.picture import read_image
from cnnspec.training.history import EpochRecord, MetricsFile
from cnnspec.training.inspection import curve_of
from cnnspec.views.documents import indented
from cnnspec.views.documents.report.sections import messages
from cnnspec.views.pictures.draw import picture
from cnnspec.views.pictures.look import Look
from cnnspec.views.pictures.sizes import SIZES
from cnnspec.views.terminal import results
from cnnspec.views.terminal.messages import MOST, render_text
from cnnspec.views.terminal.paint import Terminal

from .commands import checkpoints, driven
from .drive import drive
from .forge.arrays import unfolding, zipped
from .forge.samples import header, unfolding_idx
from .lab import lab
from .limits import Verdict, measured


def printed(*items: Diagnostic) -> str:
    return render_text(items, color=False, width=80, unicode=True)


def test_twenty_thousand_faults_on_one_line_are_told_in_no_time() -> None:
    text = "input 8x8x3; conv 3 3x3 " + " ".join(f"a{n}=1" for n in range(20_000))
    assert [] == drive(text, slowest=8).faults


def test_of_very_many_faults_the_first_are_told_and_all_are_counted() -> None:
    source = Source("net.cnn", "input 8")
    text = printed(*(Diagnostic("unknown-word", f"fault {n}", source.span(0, 5)) for n in range(1234)))
    assert MOST == text.count("┌─ net.cnn")
    assert "… and 1,134 more, not shown" in text
    assert "1234 errors" in text


def test_a_mark_far_along_a_line_stands_under_what_it_means() -> None:
    source = Source("net.cnn", "relu -> " * 4000 + "cnov" + " -> relu" * 4000)
    place = source.text.index("cnov")
    lines = printed(Diagnostic("unknown-word", "no such layer", source.span(place, place + 4))).split("\n")
    shown = next(n for n, line in enumerate(lines) if "cnov" in line)
    assert lines[shown].index("cnov") == lines[shown + 1].index("^^^^")


def test_characters_that_are_none_can_be_drawn() -> None:
    network = parse("network a\ninput 4\nb: relu")
    label = Diagnostic("unknown-word", "\ud800", None)
    for look in (Look(), Look(style="volumes")):
        assert b"?" in picture(
            network, "dot" if look.style == "graph" else "svg", look, name="\ud800", diagnostics=[label]
        )


@pytest.mark.parametrize("layer", ["conv 1 1x1", "relu", "l: relu; conv 1 1x1; add l"])
def test_what_is_in_memory_at_each_step_is_found_in_linear_time(layer: str) -> None:
    network = parse("input 2x2x1\nrepeat 3000 { " + layer + " }")
    memory = Memory(network)
    started = process_time()
    steps = [memory.step(node.index) for node in network.nodes]
    assert process_time() - started < 2
    assert memory.peak_bytes == max(step.live_bytes for step in steps)


def test_a_label_given_ten_thousand_times_is_told_in_no_time() -> None:
    assert [] == drive("input 8\n" + "l: relu\n" * 10_000, slowest=8).faults


LONG = "a" * 40_000


@pytest.mark.parametrize(
    "text",
    [f"conv {LONG} <", f"conv {LONG} x {LONG}!:", f"conv 3 x{LONG}.: 3", f"dense 3 - {'9' * 40_000} -"],
    ids=["a value", "a colon", "a point", "a number"],
)
def test_a_word_as_long_as_a_book_is_told_in_no_time(text: str) -> None:
    started = process_time()
    assert parse_tolerant(Source("", f"input 4x4x1; {text}"))[1]
    assert process_time() - started < 5


def test_a_wide_window_over_a_repeating_pattern_looks_at_its_ends() -> None:
    text = "input 4x4x1; upsample 4; repeat 1000 { conv 1 2001x2001 padding=1000 }"
    assert [] == drive(text, slowest=4).faults
    rows = analyze(parse("input 9x9x1; upsample 2; conv 1 9x9")).rows
    assert [(1, 1), (5, 5)] == [row.receptive_field.size for row in rows if row.receptive_field]


@pytest.mark.parametrize(
    "text",
    [
        "input 8\nrelu\ntrain { " + "; ".join(["epochs 3"] * 15_000) + " }",
        "input 8\nconv (\n" + "\n".join(f"foo{n}" for n in range(20_000)),
        "1x" * 60_000 + "1",
    ],
)
def test_many_faults_and_long_words_take_no_time(text: str) -> None:
    assert [] == drive(text, slowest=8).faults


@pytest.mark.parametrize("name", ["round.cnn", "pipe.cnn", "folder", "missing.cnn", "x" * 300])
def test_what_is_no_file_cannot_be_used(tmp_path: Path, name: str) -> None:
    (tmp_path / "round.cnn").symlink_to(tmp_path / "round.cnn")
    os.mkfifo(tmp_path / "pipe.cnn")
    (tmp_path / "folder").mkdir()
    tree, _ = parse_tolerant(Source("net.cnn", f'use "{name}"\ninput 8\nrelu'))
    (fault,) = elaborate(tree, read_use=folder_reader(tmp_path)).diagnostics
    assert "use-not-found" == fault.code


@pytest.mark.parametrize(
    "text",
    [
        lambda n: "".join(f"block b{i} {{ b{i - 1}; relu; conv 4 1x1 }}\n" for i in range(1, 40)).join(
            ("block b0 { conv 4 1x1 }\n", f"input 4x4x4; repeat {n} {{ b39 }}; conv 8 1x1; b3; b39")
        ),
        lambda n: (
            "input 4x4x4\n" + "concat { | conv 4 1x1 | conv 4 3x3 padding=same | }; conv 4 1x1\n" * 5 * n
        ),
    ],
    ids=["blocks forty deep", "a row of three thousand solids"],
)
def test_pictures_of_volumes_take_their_time_in_proportion(text: Callable[[int], str]) -> None:
    def seconds(n: int) -> float:
        network, started = parse(text(n)), process_time()
        picture(network, "svg", Look(style="volumes"))
        return process_time() - started

    seconds(10)  # loads what draws
    assert seconds(145) < 2 * 5 * min(seconds(29) for _ in range(2))


def test_small_files_that_unfold_to_hundreds_of_megabytes_are_refused(tmp_path: Path) -> None:
    (tmp_path / "x.gz").write_bytes(unfolding_idx(210))
    (tmp_path / "x.npz").write_bytes(zipped([("x", *unfolding(210)), ("y", *unfolding(1))], Random(0)))
    for read, name in ((read_images, "x.gz"), (data, "x.npz")):
        assert (
            "claims to unfold"
            in fault_of(read, tmp_path / name if name == "x.gz" else str(tmp_path / name)).message
        )


@pytest.mark.parametrize(
    "change",
    [{"loss": 1e308}, {"loss": -1.0}, {"accuracy": 1.5}, {"validation_loss": 10**400}, {"rate": None}],
)
def test_epochs_with_figures_that_none_can_have_are_passed_over(
    tmp_path: Path, change: dict[str, Any]
) -> None:
    file = MetricsFile(tmp_path / "metrics.jsonl")
    file.add(EpochRecord(1, 3, 0.5, 0.25, 0.1, 24.0, 1.0))
    line = file.path.read_text()
    file.path.write_text(line + json.dumps(json.loads(line) | {"epoch": 2} | change) + "\n")
    assert [1] == [row.epoch for row in file.rows()]


def test_a_checkpoint_of_another_test_set_may_hold_no_other_arrays(tmp_path: Path) -> None:
    newest = max(name for name in lab().begun if "step-" in name)
    found = checkpoint.read(lab().folder / newest)
    signature = found.state["signature"]
    state = {**found.state, "signature": signature | {"test": signature["test"] | {"samples": 7}}}
    more = {**found.weights, "more": np.zeros(3, np.float32)}
    checkpoint.write(tmp_path / "x", checkpoint.Checkpoint(more, found.optimizer, state))
    assert [] == driven(checkpoints, (tmp_path / "x").read_bytes(), 1).faults


def test_epochs_of_which_one_lacks_an_accuracy_are_shown_without_it() -> None:
    rows = [EpochRecord(n, n, 0.5, 0.25, 0.1, 24.0, 1.0, 0.5, None if n == 2 else 0.5) for n in (1, 2)]
    assert ["epoch", "loss", "accuracy", "validation", "loss"] == results.curves(
        [curve_of(rows, "net")], Terminal(80, False, True)
    )[2].split()


def test_a_head_that_names_fewer_columns_than_there_are_is_no_trouble(tmp_path: Path) -> None:
    (tmp_path / "x.csv").write_text("label\n0,1,2,x,4\n1,5,6,7,8\n")
    assert "line 2, value 4 must be a number" in fault_of(data, str(tmp_path / "x.csv")).message


def test_a_head_may_name_the_label_beyond_the_values(tmp_path: Path) -> None:
    (tmp_path / "x.csv").write_text("id,a,label\n0,1\n1,5\n")
    fault = fault_of(data, str(tmp_path / "x.csv"))
    assert "names column 3 (label), but its lines have 2 values" in fault.message


def test_many_parts_that_cannot_be_read_are_told_in_proportion() -> None:
    tree, faults = parse_tolerant(Source("net.cnn", "input 8x8x4\n" + "else { }\n" * 12_000))
    started = process_time()
    elaborate(tree, extra=faults)
    assert process_time() - started < 6


def most_traced(read: Callable[[], object]) -> int:
    """Bytes that reading takes at most."""
    tracemalloc.start()
    try:
        read()
        return tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()


def test_a_table_is_read_in_a_few_times_its_size(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(images, "AT_ONCE", 40)
    path, random = tmp_path / "x.csv", np.random.default_rng(0)
    values = random.integers(0, 256, (400, 784)) * (random.random((400, 784)) < 0.2)
    lines = [f"{n % 10},{','.join(map(str, line))}" for n, line in enumerate(values.tolist())]
    path.write_text("\n".join(lines))
    read = partial(data, str(path), shape=(28, 28, 1))
    read()
    assert most_traced(read) < 5 * path.stat().st_size


def test_labels_for_other_images_take_no_more_than_their_file(tmp_path: Path) -> None:
    for name, values in (("images", np.zeros((2, 3, 3), np.uint8)), ("labels", np.zeros(10**6, np.uint8))):
        (tmp_path / name).write_bytes(header(values) + values.tobytes())
    used = most_traced(lambda: fault_of(read_pair, tmp_path / "images", tmp_path / "labels"))
    assert used < 2 * 10**6


def test_a_table_beyond_the_limit_or_with_a_character_that_parts_cells_is_refused(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / "x.csv"
    path.write_text("a\x1fb,1,2\n" * 3)
    assert "line 1 holds a control character" in fault_of(data, str(path)).message
    monkeypatch.setattr(table_files, "LARGEST", 20)
    assert "it is larger than 20 bytes" in fault_of(data, str(path)).message


@pytest.mark.parametrize(
    ("sentence", "said"),
    [
        ("conv C ?x? padding=same stride=0", "stride must be at least 1. Received: 0"),
        ("maxpool ? stride=0", "stride must be at least 1. Received: 0"),
        ("conv 8 3x3 padding=? dilation=0", "dilation must be at least 1. Received: 0"),
        ("conv 8 3x3 padding=same stride=?x0", "number 2 of stride must be at least 1. Received: ?x0"),
    ],
)
def test_options_that_no_layer_can_have_are_told_before_others_are_solved(sentence: str, said: str) -> None:
    text = f"input 64x64x8; {sentence} => 8x8x8"
    assert [] == drive(text).faults
    (fault,) = built(text).diagnostics
    assert said == fault.message


def test_patterns_that_double_with_each_layer_are_followed_for_a_while() -> None:
    merged = "multiply { | conv 4 3x3 padding=same | conv 4 1x1 padding=same }"
    network = parse(f"input 5x7x2; repeat 20 {{ repeat 4 {{ {merged} }}; upconv 4 2x2 stride=2 }}")
    started = process_time()
    analyze(network)
    assert process_time() - started < 3


def test_a_large_window_that_spreads_looks_at_the_taps_that_reach_a_place() -> None:
    network = parse(
        "input 8x8x1; upconv 1 1000x1000 stride=1000; repeat 2 { conv 1 3x3 }; upconv 1 999x1 stride=33x1"
    )
    started = process_time()
    analyze(network)
    assert process_time() - started < 1


@pytest.mark.parametrize("dilation", range(1, 7))
def test_an_output_position_sees_the_taps_that_spread_to_it(dilation: int) -> None:
    for kernel, stride, before in product(range(1, 6), range(1, 7), range(3)):
        for position in range(-9, 30):
            reach = [position + before - tap * dilation for tap in range(kernel)]
            seen = [place // stride for place in reach if place % stride == 0]
            assert seen == [*spread_from(Spread(kernel, stride, before, dilation), position)]


@pytest.mark.parametrize("items", [[], [{"a": [1, "\n", {}]}, 2, []]])
def test_items_that_are_made_as_they_are_written_are_laid_out_like_others(items: list[Any]) -> None:
    document = {"schema": "é", "layers": items, "totals": {"x": [1, {"y": 2}]}}
    assert indented(document) == indented(document | {"layers": iter(items)})
    others: list[Any] = [document, items, {}, {"a": {}}, [float("inf"), None, True, '"'], "é"]
    for each in others:
        assert indented(each) == json.dumps(each, indent=2, ensure_ascii=False) + "\n"


def test_what_was_meant_by_a_label_is_looked_for_once_a_place(monkeypatch: pytest.MonkeyPatch) -> None:
    looked_for = []

    def did_you_mean(span: Span, word: str, *more: Any) -> Cure:
        looked_for.append(word)
        return Cure(help=(), fixes=())

    monkeypatch.setattr(branches, "did_you_mean", did_you_mean)
    found = built("input 8x8x4\nblock b { l: relu; add nowhere }\nrepeat 9 { b; add nothing }").diagnostics
    assert ["nowhere", "nothing"] == looked_for
    assert ["unknown-label"] * 2 == [fault.code for fault in found]


def test_json_of_a_large_network_takes_little_more_memory_than_its_text() -> None:
    document = {"layers": [{"output": [n, n], "params": n / 7} for n in range(5000)]}
    tracemalloc.start()
    try:
        size = len(indented(document))
        assert tracemalloc.get_traced_memory()[1] < 4 * size
        json.dumps(document, indent=2)
        assert tracemalloc.get_traced_memory()[1] > 4 * size
    finally:
        tracemalloc.stop()


def test_an_empty_spec_is_reported_on() -> None:
    tree, _ = parse_tolerant(Source("net.cnn", ""))
    assert "missing-input" in messages(elaborate(tree).diagnostics)


@pytest.mark.parametrize(
    "text", ["multiply { | globalavgpool -> flatten | }", "add { | flatten -> dense 4 | relu }"]
)
def test_a_map_merged_with_a_vector_that_comes_first_is_explained(text: str) -> None:
    analysis = analyze(parse("input 8x8x4; conv 4 3x3; " + text))
    told = explain(analysis, analysis.rows[-1].name, "receptive-field")
    assert ["size along the height and the width"] == [step.what for step in told.steps]


@pytest.mark.skipif(not find_spec("PIL"), reason="Pillow is not installed")
@pytest.mark.parametrize("ending", ["png", "tif"])
def test_a_large_picture_takes_a_few_bytes_a_pixel(tmp_path: Path, ending: str) -> None:
    from PIL import Image

    grey = np.zeros((2500, 4000), np.float32 if ending == "tif" else np.uint16)
    options = {"compression": "tiff_deflate"} if ending == "tif" else {"compress_level": 1}
    Image.fromarray(grey).save(path := tmp_path / f"x.{ending}", **options)
    with measured(verdict := Verdict()):
        assert not read_image(path, 3).any()
    assert verdict.memory < 12 * grey.size


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (("explain", "-e", "input 4; repeat 5001 { relu }", "--no-fold"), "5,001 layers would be explained"),
        (
            ("gradient", "-e", "input 2000; dense 1000", "--input", "ones", "--target", "3"),
            "2,004,000 outputs",
        ),
        (("gradient", "lenet", "--input", "ones", "--target", "3", "--steps", "50"), "or fewer steps"),
        (("animate", "-e", "input 100000x100000x3; relu", "--input", "3"), "not enough memory"),
        (("run", "-e", "input 1000000x1000000x9; relu", "--input", "ones"), "not enough memory"),
        (("train", "-e", f"input {10**15}x14x{10**15}; positions", "-o", "new"), "not enough memory"),
        (("profile", "-e", f"input {10**15}x14x{10**15}; relu"), "not enough memory"),
    ],
)
def test_what_would_take_minutes_or_all_memory_is_refused(
    command: Command, arguments: tuple[str, ...], said: str
) -> None:
    code, _, err = command(*arguments)
    assert code in (1, 2)
    assert said in " ".join(err.split())


@pytest.mark.parametrize("text", ['input 8x8x1; conv 1 3x3 weights="1 \udfff"', "input 8x8x1 # \udfff"])
def test_half_of_a_character_is_no_text(text: str) -> None:
    (fault,) = built(text).diagnostics
    assert ("not-text", "\udfff") == (fault.code, fault.span and fault.span.text)
    assert "U+DFFF" in fault.message


@pytest.mark.parametrize(
    "text",
    [
        "input 2x1000000x1; globalavgpool",
        "input 1000000x1; globalmaxpool",
        "input 1000000x1; maxpool to=7",
        "input 1000000x1; minpool 1000 stride=1000",
    ],
)
def test_windows_of_very_many_taps_are_gone_through_at_once(text: str) -> None:
    network = parse(text)
    images, started = np.ones((1, *network.input), np.float32), process_time()
    with measured(verdict := Verdict()):
        assert (network.build().predict(images) == 1).all()
    assert process_time() - started < 1
    assert verdict.memory < 100_000_000


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("input 400x400x4; depthwise 400x400", "a window of 400x400 has 160,000 places; at most 50,000"),
        ("input 10x10x1; upconv 1 300x300 stride=300", "a window of 300x300 has 90,000 places"),
        ("input 40x40x40x1; conv 1 40x40x40", "a window of 40x40x40 has 64,000 places"),
        ("input 1000000x1; conv 1 1000000", "a window of 1000000 has 1,000,000 places"),
        ("input 500000x1; avgpool 250000 stride=1", "250,000 places; at most 200,000"),
        ("input 500000x1; maxpool 250001 stride=50000 padding=125000", "250,001 places"),
        ("input 100000x1; maxpool to=99999", "99,999 windows unlike each other; at most 10,000"),
    ],
)
def test_windows_whose_places_would_each_take_a_step_are_refused(text: str, said: str) -> None:
    model = parse(text).build()
    with measured(verdict := Verdict()):
        fault = fault_of(model.predict, np.ones((1, *model.network.input), np.float32))
    assert said in fault.message
    assert "--backend torch" in fault.help[0]
    assert verdict.memory < 200_000_000


def test_patches_that_the_machine_has_no_memory_for_are_refused_before_they_are_made(
    monkeypatch: pytest.MonkeyPatch, command: Command
) -> None:
    text = "input 100x100x1; upconv 1 200x200"
    monkeypatch.setattr(machine, "free_bytes", lambda: 1_000_000_000)
    with measured(verdict := Verdict()), pytest.raises(MemoryError):
        parse(text).build().predict(np.ones((1, 100, 100, 1), np.float32))
    assert verdict.memory < 100_000_000
    code, _, err = command("run", "-e", text, "--input", "ones")
    assert 2 == code
    assert "not enough memory" in err
    assert not parse("input 9x9x1; relu").build().predict(np.zeros((1, 9, 9, 1), np.float32)).any()


@pytest.mark.parametrize("sentence, left", [("slice 0 0", 0), ("dropout 2", 2**8 - 1)])
def test_a_refused_sentence_is_looked_at_once_however_often_it_stands(
    sentence: str, left: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A block that uses itself placed 39,000 wrong layers, in 5 s."""
    told = mock.Mock(side_effect=elaborate_layer._report_refused)
    monkeypatch.setattr(elaborate_layer, "_report_refused", told)
    found = built(f"block b n {{ {sentence}; if n > 0 {{ b n-1; b n-1 }} }}; input 8x8x4; b 7")
    assert ["wrong-option"] == [fault.code for fault in found.diagnostics]
    assert found.network is not None
    assert (1, 1 + left) == (told.call_count, len(found.network.nodes))


def test_what_is_most_like_a_word_is_looked_for_once(monkeypatch: pytest.MonkeyPatch) -> None:
    matches = mock.Mock(side_effect=difflib.get_close_matches)
    monkeypatch.setattr(difflib, "get_close_matches", matches)
    diagnostics._most_alike.cache_clear()
    found = built("input 8x8x4\n" + "nolayer 3\n" * 500).diagnostics
    assert ["unknown-word"] * 500 == [fault.code for fault in found]
    assert matches.call_count < 10


DIGITS = "9" * 5000
"""More than Python turns into a number at once."""


@pytest.mark.parametrize(
    "words",
    [
        ("train", "lenet", "--loss", DIGITS),
        ("train", "lenet", "--clip", DIGITS),
        ("train", "lenet", "--sweep", f"rate=1,{DIGITS}"),
        ("train", "lenet", "--sweep", f"epochs=1..{DIGITS}"),
        ("train", "-e", "input 2; dense 2", "--data", "t.csv", "--target", DIGITS),
        ("train", "-e", "input 2; dense 2", "--data", f'csv "t.csv" target={DIGITS}'),
        ("gradient", "-e", "input 2; dense 2; softmax", "--input", "1, 2", "--target", DIGITS),
        ("run", "-e", "input 2", "--input", f"mnist:{DIGITS}"),
        ("field", "lenet", "conv1", "--at", f"{DIGITS},1"),
        ("import", "x.pt", "--input", f"{DIGITS}x3"),
        ("analyze", "-e", f'input 8x8x6; conv 3 1x1 table="{DIGITS}; 1; 2"'),
    ],
)
def test_too_many_digits_are_told_like_other_words(
    words: tuple[str, ...], command: Command, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    Path("t.csv").write_text("a,b,t\n1,2,0\n3,4,1\n")
    Path("x.pt").touch()
    code, printed, told = command(*words)
    assert code in (1, 2)
    assert "inside" not in printed + told
    assert "string conversion" not in printed + told


@pytest.mark.parametrize("name", ["COLUMNS", "WORLD_SIZE"])
def test_too_many_digits_around_the_program_are_no_number(
    name: str, command: Command, monkeypatch: pytest.MonkeyPatch
) -> None:
    for variable, value in {"RANK": "0", "MASTER_ADDR": "x", name: DIGITS}.items():
        monkeypatch.setenv(variable, value)
    assert command("analyze", "lenet")[0] == 0


@pytest.mark.parametrize("target", ["pytorch", "keras"])
def test_a_layer_named_by_very_many_digits_is_written_as_code(target: str, command: Command) -> None:
    code, printed, _told = command("export", "-e", f"input 8x8x1; n{DIGITS}: relu", "--to", target, "-o", "-")
    assert code == 0
    assert DIGITS in printed


@pytest.mark.parametrize("arrive, expect", [(999_999_999_989, 2 * 999_999_999_989), (int(DIGITS[:18]), 7)])
def test_a_message_of_huge_counts_is_read_at_once(arrive: int, expect: int) -> None:
    began = process_time()
    foreign.read(f"mat1 and mat2 shapes cannot be multiplied (1x{arrive} and {expect}x10)")
    foreign.read(f"mat1 and mat2 shapes cannot be multiplied (1x{DIGITS} and {DIGITS}x10)")
    assert process_time() - began < 1


def test_what_is_free_is_what_the_machine_tells() -> None:
    free = machine.free_bytes()
    assert free is None or 0 < free < 10**15


@pytest.mark.parametrize(
    "text",
    [
        'input 9x9x2147483648; conv 4 3x3 weights="edge | blur | emboss | sharpen"',
        'input 2147483648; dense 1000000007 weights="2"',
        "input 3x3x2; conv 2 2147483648x3 padding=full",
        "input 3x3x2; conv 2 2 dilation=5 padding=1000000000 bias=no",
        "input 3x3x2; upconv 2 2147483648 bias=no",
        "input 3x3x2; upconv 2 1000000007 dilation=5 stride=3 bias=no",
        "input 2147483648x4x2; upconv 2 3 stride=2 padding=1 dilation=2",
        "input 5x4x2; maxpool 1000000000000000 rounding=ceil",
        "input 5x4x4x2; maxpool 1000000000000000 stride=1 padding=same",
        'input 9x9x2147483648; conv 2 3x3 connections="0 1; 1"',
    ],
)
def test_numbers_that_go_too_far_take_no_longer(text: str) -> None:
    verdict = drive(text, slowest=8)
    assert verdict.built
    assert [] == verdict.faults
    assert verdict.memory < 100_000_000


@pytest.mark.parametrize(
    "text",
    [
        "train { " + "\n" * 60_000, "block " + "\n" * 60_000, "a\n" * 30_000, "block " + "a\n" * 30_000,
        "input 8x8x1\nconv 3 " + "?" * 60_000, "input 8x8x1\nconv 3 " + "?x" * 30_000,
        "input 8x8x1\n" + "let a=?\n" * 7_500,
    ],
    ids=["newlines in braces", "newlines", "words", "words of a block", "unknowns", "sizes", "constants"],
)  # fmt: skip
def test_one_thing_very_often_is_told_in_time(text: str) -> None:
    assert [] == drive(text, slowest=4).faults


def test_blank_lines_of_code_are_gone_over_once() -> None:
    started = process_time()
    assert plain("\n" * 200_000 + "!ls\n") == "\n" * 200_000 + "pass\n"
    assert process_time() - started < 2


def test_a_name_of_very_many_parts_is_refused_before_python_writes_them_out() -> None:
    for text in ("import a" + ".a" * 50_000, "import a" + ".\\\na" * 50_000):
        with measured(verdict := Verdict()):
            fault = fault_of(read_source, Source("m.py", text), Selection.of("m.py"))
        assert "a name of more than 100 parts" in fault.message
        assert verdict.memory < 100_000_000
    numbers = "x = '" + "0.5 " * 500 + "'\n" + "# one. two. " * 20 + "..." * 500
    assert (
        "describes no network" in fault_of(read_source, Source("m.py", numbers), Selection.of("m.py")).message
    )


def test_a_damaged_array_is_told_without_an_address(tmp_path: Path) -> None:
    header = b"__import__('os')"
    data = b"\x93NUMPY\x01\x00" + len(header).to_bytes(2, "little") + header
    (tmp_path / "x.npy").write_bytes(data)
    fault = fault_of(numpy_files.read, tmp_path / "x.npy")
    assert "is not a .npy file, or is damaged (malformed node or string on line 1: …)" in fault.message


def test_very_many_heads_are_laid_out_in_time() -> None:
    text = "input 8; " + "; ".join(f"head h{n} {{ relu }}" for n in range(1000))
    assert [] == drive(text, slowest=8).faults


@pytest.mark.parametrize("target", ["pytorch", "keras"])
@pytest.mark.parametrize(
    "text",
    [
        "input 8; " + "; ".join(f"head h{n} {{ dense {n + 1} }}" for n in range(2000)),
        "input 8; " + "".join(f"block b{n} {{ dense {n + 1} }}; b{n}; " for n in range(1000)),
        "input 2x2x1; concat {" + "| relu" * 3000 + "}",
        "block b x {"
        + "; ".join(f"dense x*{n + 1}+{n * n}" for n in range(600))
        + "}; input 2; b 1; b 2; b 5",
    ],
    ids=["heads", "blocks", "paths", "parameters of a block"],
)
def test_code_of_a_wide_network_is_written_in_time(target: str, text: str) -> None:
    network = parse(text)
    started = process_time()
    TARGETS[target].write(network, {}, text)
    assert process_time() - started < 4


def test_paths_that_meet_are_followed_in_proportion() -> None:
    for word in ("add", "concat"):
        network = parse(f"input 4x4x1; {word} {{" + "| relu" * 4000 + "}")
        started = process_time()
        field = analyze(network).rows[-1].receptive_field
        assert process_time() - started < 4
        assert field is not None
        assert field.size == (1, 1)


@pytest.mark.parametrize("word", ["maximum", "subtract", "add"])
def test_a_merge_that_python_could_not_read_as_one_expression_is_refused(word: str) -> None:
    for count in (100, 101):
        network = parse(f"input 2x2x1; {word} {{" + "| relu" * count + "}")
        if count == 100:
            compile(TARGETS["pytorch"].write(network, {}, ""), "m.py", "exec")
        else:
            said = fault_of(TARGETS["pytorch"].write, network, {}, "").message
            assert "it has 101 inputs; 100 can stand in one expression" in said


LABELS = "; ".join(f"a{n}: relu" for n in range(500))


@pytest.mark.parametrize(
    "text",
    [
        f"input 8x8x1; {LABELS}; add " + " ".join(f"a{n}" for n in range(499)),
        f"input 8x8x1; {LABELS}; " + "; ".join(f"add a{499 - n}" for n in range(500)),
        f"input 8x8x1; {LABELS}; " + "; ".join(f"from a{n}; relu" for n in range(500)),
        "input 100000x1; concat {" + " ".join(f"| maxpool {n + 1}; globalavgpool" for n in range(400)) + "}",
    ],
    ids=["lines side by side", "skips within skips", "ends within ends", "much smaller and larger"],
)
def test_what_nobody_would_draw_is_drawn_coarsely_or_refused_in_time(text: str) -> None:
    network = parse(text)
    for look in (Look(), Look(style="volumes"), Look(size=SIZES["slide"])):
        started = process_time()
        with suppress(LayerError):
            picture(network, "svg", look)
        assert process_time() - started < 4

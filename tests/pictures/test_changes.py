"""What changed between two networks, and where a figure is spent, in both styles."""

from __future__ import annotations

from pathlib import Path

import pytest
from drawn import SVG, Page, example, network

from cnnspec.analysis.compare import Comparison, compare
from cnnspec.analysis.report import analyze
from cnnspec.cli.main import run
from cnnspec.network.graph import Network
from cnnspec.views.pictures.choices import Choices
from cnnspec.views.pictures.draw import render
from cnnspec.views.pictures.faulty import plan_with_faults
from cnnspec.views.pictures.look import Look
from cnnspec.views.pictures.palette import LIGHT
from cnnspec.views.pictures.plan import CardRow, Plan
from cnnspec.views.pictures.planning import HEATS
from cnnspec.views.pictures.volumes.solids import solids_of, views_of

OLD = """network Small
input 28x28x1
conv1: conv 6 5x5 -> batchnorm -> relu
maxpool 2x2
conv2: conv 16 5x5 -> relu
maxpool 2x2
flatten; dense 10"""
NEW = """network Larger
input 28x28x1
conv1: conv 8 3x3 -> relu
maxpool 2x2
add { | conv 8 3x3 padding=1 -> relu | }
conv2: conv 16 5x5 -> relu
flatten; dense 10"""


def compared(old: str, new: str) -> tuple[Network, Comparison]:
    older, newer = (network(text) if "input" in text else example(text) for text in (old, new))
    return newer, compare(analyze(older), analyze(newer))


def plan_of_changes(old: str, new: str, **choices: object) -> Plan:
    newer, comparison = compared(old, new)
    return plan_with_faults("", newer, (), Choices(**choices), comparison)  # type: ignore[arg-type]


def rows(plan: Plan) -> dict[str, CardRow]:
    return {
        row.heading if row.main else f"{card.key} {row.text}": row for card in plan.cards for row in card.rows
    }


def test_layers_are_marked_as_diff_tells_them() -> None:
    plan = plan_of_changes(OLD, NEW)
    found = rows(plan)
    assert (plan.title, plan.subtitle.partition(" ·")[0]) == (
        "Small → Larger", "layers: 7 changed, 3 added, 2 removed",
    )  # fmt: skip
    conv = found["~ conv1"]
    assert (conv.text, conv.shape, conv.figure) == ("conv 6 5×5 → conv 8 3×3", "24×24×6 → 26×26×8", "−76")
    assert (found["input"].status, found["+ add1"].status) == ("same", "added")
    counts = [row.status for row in found.values()]
    assert [counts.count(each) for each in ("changed", "added", "removed")] == [7, 3, 2]


def test_what_was_removed_stands_where_it_stood() -> None:
    plan = plan_of_changes(OLD, NEW)
    gone = next(card for card in plan.cards if card.kind == "removed")
    assert [row.heading for row in gone.rows] == ["− maxpool2"]
    cards = {card.key: card.rows[0].name for card in plan.cards}
    links = [(cards[link.tail], cards[link.head]) for link in plan.links]
    assert ("~ conv2", "− maxpool2") in links
    assert ("− maxpool2", "~ flatten1") in links
    strip = next(card for card in plan.cards if any("− batchnorm" in row.text for row in card.rows))
    assert strip.rows[0].name == "~ conv1"
    order = {card.key: place for place, card in enumerate(plan.cards)}
    assert all(order[link.tail] < order[link.head] for link in plan.links)


def test_removed_blocks_stand_once_beside_the_repeat_they_followed() -> None:
    plan = plan_of_changes("resnet101", "resnet50")
    gone = [card for card in plan.cards if card.kind == "removed"]
    assert [card.rows[0].heading for card in gone] == ["− stage3.bottleneck ×17"]
    assert (gone[0].rows[0].text, gone[0].rows[0].figure) == ("10 layers", "−18,992,128")
    holder = next(cluster for cluster in plan.root.walk() if gone[0].key in cluster.cards)
    assert holder.title == "stage3"


def test_turns_drawn_once_tell_how_many_of_them_are_new() -> None:
    """ResNet-101 repeats 22 bottlenecks where ResNet-50 has 5."""
    found = rows(plan_of_changes("resnet50", "resnet101"))
    assert "17 added of 22" in [row.text for row in found.values()]
    blocks = rows(plan_of_changes("resnet50", "resnet101", depth=0))
    row = next(row for row in blocks.values() if "170 added of" in row.text)
    assert (row.status, row.figure) == ("changed", "+18,992,128")


@pytest.mark.parametrize(
    ("old", "new"), [("resnet50", "resnet50"), ("vgg11", "vgg19"), ("googlenet", "googlenet_torchvision"),
                     ("lenet", "unet"), ("unet", "segnet"), ("resnet50", "densenet121")],
)  # fmt: skip
def test_all_that_differs_is_in_the_plan(old: str, new: str) -> None:
    newer, comparison = compared(old, new)
    plan = plan_with_faults("", newer, (), Choices(fold=False), comparison)
    counts = dict.fromkeys(("same", "changed", "added", "removed"), 0)
    for card in plan.cards:
        for row in card.rows if card.kind != "output" else ():
            layers = int(row.text.split()[0]) * row.times if row.text.endswith("layers") else 1
            counts[row.status] += layers if row.family != "input" else 0
    assert counts == {each: comparison.count(each) for each in counts}  # type: ignore[arg-type]
    order = {card.key: place for place, card in enumerate(plan.cards)}
    assert all(order[link.tail] < order[link.head] for link in plan.links)


def test_the_picture_has_the_marks_and_their_legend() -> None:
    page = Page(render(network(NEW), Look(since=network(OLD))))
    words = [word.text for word in page.all_words()]
    assert {"same", "changed", "added", "removed", "− maxpool2", "Small → Larger"} <= set(words)
    dashed = [item for item in page.root.iter(f"{SVG}rect") if item.get("stroke-dasharray")]
    assert [item.get("stroke") for item in dashed] == [LIGHT.status("removed").line]
    ways = [item for item in page.root.iter(f"{SVG}path") if item.get("stroke-dasharray")]
    assert len(ways) == 2, "to what was removed and from it"


def test_volumes_are_coloured_by_what_changed() -> None:
    newer, comparison = compared(OLD, NEW)
    found = [(solid.operation, solid.status) for solid in next(views_of(newer, Choices(), comparison))]
    assert found == [
        ("input", "same"), ("conv 3×3", "changed"), ("maxpool 2×2", "changed"), ("conv 3×3", "added"),
        ("add", "added"), ("conv 5×5", "changed"), ("dense", "changed"),
    ]  # fmt: skip
    words = " ".join(
        word.text for word in Page(render(newer, Look("volumes", since=network(OLD)))).all_words()
    )
    assert "2 added" in words
    assert "Removed: batchnorm1, maxpool2." in words


@pytest.mark.parametrize("heat", sorted(HEATS))
@pytest.mark.parametrize("name", ["vgg16", "resnet50", "googlenet", "mobilenet_v2", "unet", "densenet121"])
@pytest.mark.parametrize("depth", [None, 0])
def test_shares_of_solids_add_up_to_the_whole(name: str, heat: str, depth: int | None) -> None:
    """Folded or not: a solid that stands for ×N has the share of all."""
    shares = [solid.share for solid in solids_of(example(name), Choices(heat=heat, depth=depth))]
    assert sum(share or 0.0 for share in shares) == pytest.approx(1)


def test_heated_volumes_have_a_scale_and_their_shares() -> None:
    svg = render(example("vgg16"), Look("volumes", choices=Choices(heat="params")))
    words = [word.text for word in Page(svg).all_words()]
    assert {"0 % of parameters", "74.3 %"} <= set(words)
    assert "0.0 %" not in words
    assert "conv" not in words, "families have no legend where colours show a figure"
    assert LIGHT.heat_at(1) in svg
    assert LIGHT.tone(example("vgg16").nodes[1].layer.family).fill not in svg


def test_diff_of_the_command_line(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    Path("old.cnn").write_text(OLD, encoding="utf-8")
    Path("new.cnn").write_text(NEW, encoding="utf-8")
    for ending in ("svg", "tex", "dot", "mmd", "drawio"):
        assert run(["draw", "--diff", "old.cnn", "new.cnn", "-o", f"net.{ending}"]) == 0
        text = Path(f"net.{ending}").read_text(encoding="utf-8")
        assert LIGHT.status("removed").fill[1:].upper() in text.upper()
    assert run(["draw", "--diff", "old.cnn", "new.cnn", "--heat", "params", "-o", "net.svg"]) == 2
    assert "take one of --diff and --heat" in capsys.readouterr().err
    assert run(["draw", "--diff", "nowhere.cnn", "new.cnn", "-o", "net.svg"]) == 2
    assert run(["draw", "--diff", "old.cnn", "-e", "input 4x4x1; conv 3 9x9", "-o", "none.svg"]) == 1
    assert not Path("none.svg").exists()
    assert "window-larger-than-input" in capsys.readouterr().err

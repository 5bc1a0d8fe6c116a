"""A picture told in words: its structure and texts without coordinates, for the golden files."""

from __future__ import annotations

from pathlib import Path

from cnnspec.network.graph import Network
from cnnspec.views.pictures.choices import EVERYTHING
from cnnspec.views.pictures.plan import Cluster, Plan
from cnnspec.views.pictures.volumes.compose import compose
from cnnspec.views.pictures.wording import shape_text

GOLDEN = Path(__file__).parent / "golden"
GRAPHS = ("lenet", "alexnet", "googlenet", "mobilenet_v2", "resnet50", "unet", "vgg16")
VOLUMES = ("lenet", "alexnet", "googlenet", "resnet18", "segnet", "unet", "vgg16")


def tell_plan(plan: Plan) -> str:
    """Frames with their cards, then the links."""
    lines = [f"{plan.title}: {plan.subtitle}"]
    cards = {card.key: card for card in plan.cards}

    def tell(frame: Cluster, indent: str) -> None:
        for key in frame.cards:
            lines.append(f"{indent}{key} {cards[key].kind}")
            for row in cards[key].rows:
                texts = " | ".join(
                    filter(None, (row.heading if row.main else "", row.text, row.shape, row.figure))
                )
                lines.append(f"{indent}    {row.family}: {texts}")
        for inner in frame.clusters:
            lines.append(f"{indent}[{inner.heading}]")
            tell(inner, indent + "  ")

    tell(plan.root, "  ")
    lines += [f"  {link.tail} -> {link.head}" for link in plan.links]
    return "\n".join(lines) + "\n"


def tell_volumes(network: Network) -> str:
    """Solids with their families, labels, and what connects them."""
    scene, note = compose(network, EVERYTHING)
    lines = [note]
    for key, box in scene.boxes.items():
        slabs = "".join(f" [{channels} {family}]" for channels, family in box.solid.slabs)
        times = f" ×{box.solid.times}" if box.solid.times > 1 else ""
        shape = box.solid.sign or shape_text(box.solid.shape)
        lines.append(f"  {key} {shape}{times} {box.solid.family}{slabs}")
    lines += ["  label: " + " | ".join(text for _, text in label.lines) for label in scene.labels]
    lines += [f"  brace: {brace.text}" for brace in scene.braces]
    for kind, pairs in (("cone", scene.cones), ("fan", scene.fans)):
        lines += [f"  {kind} {tail} -> {head}" for tail, head in pairs]
    for wire in scene.wires:
        lines.append(f"  wire {wire.ends[0]} -> {wire.ends[1]}{f'  ({wire.text})' if wire.text else ''}")
    return "\n".join(lines) + "\n"


def tellings() -> dict[str, str]:
    """Name of the golden file -> what it should hold."""
    from drawn import example, plan_of

    found = {f"graph_{name}.txt": tell_plan(plan_of(example(name))) for name in GRAPHS}
    found |= {f"volumes_{name}.txt": tell_volumes(example(name)) for name in VOLUMES}
    return found


if __name__ == "__main__":
    GOLDEN.mkdir(exist_ok=True)
    for name, text in tellings().items():
        (GOLDEN / name).write_text(text, encoding="utf-8")

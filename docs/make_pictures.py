"""Makes the pictures of the README and of the pages: ``python docs/make_pictures.py [FOLDER] [--trained]``.

The same specs give the same files, byte for byte. With ``--trained`` those of trained
networks are made too, which takes some minutes: NumPy's own sums may differ from one machine to another.
"""

from __future__ import annotations

import re
import shlex
import sys
from dataclasses import replace
from pathlib import Path

import cnnspec
from cnnspec.cli.main import run
from cnnspec.files import write_atomically
from cnnspec.resources import example_names, example_path, example_text
from cnnspec.training.data import load_for
from cnnspec.training.shown import predictions
from cnnspec.views.pictures.choices import Choices
from cnnspec.views.pictures.draw import render
from cnnspec.views.pictures.look import Look
from cnnspec.views.pictures.palette import THEMES
from cnnspec.views.pictures.sizes import SIZES
from cnnspec.views.results.samples import gallery

PICTURES: dict[str, tuple[str, Look]] = {
    "lenet_graph": ("lenet", Look(columns=3)),
    "alexnet_heat": ("alexnet", Look(choices=Choices(heat="params"))),
    "googlenet_graph": ("googlenet", Look(size=SIZES["slide"])),
    "resnet50_graph": ("resnet50", Look(size=SIZES["poster"])),
}


TRAINED: dict[str, str] = {"unet_digits_masks": "unet_digits"}
"""Pictures of what a network answers after its own recipe."""
SHOWN = (0, 3, 11, 26)
"""Test samples in them."""


AS_GRAPHS = frozenset({
    "cbam_resnet50", "convnext_mnist", "densenet121", "dncnn", "dncnn_digits", "googlenet", "hourglass",
    "siamese_mnist", "unet_digits", "vit_b16", "vit_tiny_mnist", "wavenet", "wavenet_small",
})  # fmt: skip
"""Examples that the gallery shows as graphs; the others as volumes."""
GALLERY = Path(__file__).parent / "gallery.md"


def gallery_page() -> str:
    """The page of all examples: what each is, with its paper, as its spec says, and its picture."""
    head = (
        "# Gallery\n\nEvery network that comes along, as `cnnspec draw NAME --for slide` shows it, or with "
        "`--style volumes`.\nEach says what it is and which paper it is from; `cnnspec examples NAME` prints "
        "the spec.\n"
    )
    parts = [head]
    for name in example_names():
        about = next(line for line in example_text(name).splitlines() if line.startswith("#"))
        options = "" if name in AS_GRAPHS else " --style volumes"
        parts.append(
            f"## {name}\n\n{about.removeprefix('#').strip()}: `cnnspec draw {name}{options}`\n\n"
            f'<img alt="{name}" src="pictures/gallery/{name}.svg" width="640">\n'
        )
    return "\n".join(parts)


def make_gallery(folder: Path) -> None:
    """The page and its pictures, on a light ground."""
    folder.mkdir(parents=True, exist_ok=True)
    write_atomically(GALLERY, gallery_page())
    for name in example_names():
        style = "graph" if name in AS_GRAPHS else "volumes"
        run(["draw", name, "--style", style, "--for", "slide", "-o", str(folder / f"{name}.svg")])


def on_pages() -> dict[str, list[str]]:
    """The pictures of docs/animate.md and docs/pictures.md, and the commands there, without their ``-o``."""
    pages = ((Path(__file__).parent / f"{name}.md").read_text("utf-8") for name in ("animate", "pictures"))
    found = re.findall(r"^cnnspec (.+) -o pictures/(\w+)\.svg$", "\n".join(pages), re.MULTILINE)
    return {name: shlex.split(command) for command, name in found}


def main(folder: Path, with_trained: bool = False) -> None:
    folder.mkdir(parents=True, exist_ok=True)
    for name, (example, look) in PICTURES.items():
        network = cnnspec.load(example_path(example))
        for theme, ending in (("light", ""), ("dark", "_dark")):
            path = folder / f"{name}{ending}.svg"
            write_atomically(path, render(network, replace(look, theme=theme)))
            print(path)

    for name, command in on_pages().items():
        for theme, ending in (("light", ""), ("dark", "_dark")):
            run([*command, "--theme", theme, "-o", str(folder / f"{name}{ending}.svg")])

    make_gallery(folder / "gallery")

    for name, example in TRAINED.items() if with_trained else ():
        network = cnnspec.load(example_path(example))
        recipe = network.training_recipe
        data = load_for(recipe.data, network.sample, network.output, target=recipe.target)
        model = network.build()
        model.fit(data)
        draw_answers(folder, name, model, data)


def draw_answers(folder: Path, name: str, model: cnnspec.Model, data: cnnspec.Dataset) -> None:
    """Some test samples with what was wanted and what the model answers."""
    answers = predictions(model, data, "test", SHOWN, model.evaluate(data))
    for theme, ending in (("light", ""), ("dark", "_dark")):
        path = folder / f"{name}{ending}.svg"
        write_atomically(path, gallery(answers, THEMES[theme]).drawing())
        print(path)


if __name__ == "__main__":
    given = [argument for argument in sys.argv[1:] if argument != "--trained"]
    main(Path(given[0]) if given else Path(__file__).parent / "pictures", "--trained" in sys.argv)

"""Makes the pictures of the README: ``python docs/make_pictures.py [FOLDER]``.

The same specs and the same Graphviz give the same files, byte for byte.
"""

from __future__ import annotations

import sys
from pathlib import Path

import cnnspec
from cnnspec.files import write_atomically
from cnnspec.resources import example_path
from cnnspec.views.pictures.draw import Look, render
from cnnspec.views.pictures.engines import available
from cnnspec.views.pictures.planning import Choices

ENGINE = "pygraphviz" if "pygraphviz" in available() else None
"""The copy of Graphviz that travels with pygraphviz is the same on every machine."""

PICTURES: dict[str, tuple[str, Look]] = {
    "lenet_graph": ("lenet", Look(engine=ENGINE, columns=3)),
    "lenet_volumes": ("lenet", Look(style="volumes")),
    "alexnet_heat": ("alexnet", Look(engine=ENGINE, choices=Choices(heat="params"))),
    "vgg16_volumes": ("vgg16", Look(style="volumes")),
    "googlenet_graph": ("googlenet", Look(engine=ENGINE, choices=Choices(depth=0))),
    "resnet50_graph": ("resnet50", Look(engine=ENGINE)),
    "unet_volumes": ("unet", Look(style="volumes")),
}


def main(folder: Path) -> None:
    folder.mkdir(parents=True, exist_ok=True)
    for name, (example, look) in PICTURES.items():
        network = cnnspec.load(example_path(example))
        for theme, ending in (("light", ""), ("dark", "_dark")):
            path = folder / f"{name}{ending}.svg"
            write_atomically(path, render(network, _themed(look, theme)))
            print(path)


def _themed(look: Look, theme: str) -> Look:
    return Look(look.style, theme, look.direction, look.columns, look.engine, look.scale, look.choices)


if __name__ == "__main__":
    main(Path(sys.argv[1]) if len(sys.argv) > 1 else Path(__file__).parent / "pictures")

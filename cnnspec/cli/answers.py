"""What ``cnnspec inspect`` answers: for each thing to look at, its table and its picture."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

import click

from cnnspec.cli.options import check_index
from cnnspec.cli.pictures import Fit
from cnnspec.diagnostics import nearest

if TYPE_CHECKING:
    from matplotlib.figure import Figure
    from numpy.typing import NDArray

    from cnnspec.cli.runs import Run
    from cnnspec.model import Model
    from cnnspec.network.graph import Network
    from cnnspec.training.data import Dataset
    from cnnspec.training.data.dataset import Part
    from cnnspec.views.plots.style import Ink
    from cnnspec.views.terminal.paint import Terminal


@dataclass(frozen=True, slots=True)
class Asked:
    """The options as they were given."""

    layer: str | None
    indices: tuple[int, ...]
    image: Path | None
    fit: tuple[bool | None, bool, bool]
    """``--invert``, ``--center``, ``--resize``."""
    count: int | None
    part: Part
    data_name: str | None
    data_dir: Path | None
    weights: Path | None


@dataclass(frozen=True, slots=True)
class Shown:
    """One answer, as a table and as a picture."""

    table: Callable[[Terminal], list[str]]
    plot: Callable[[Ink], Figure]


def model_of(names: Sequence[str], kind: str, asked: Asked) -> tuple[Model, Run | None]:
    from cnnspec.cli import runs

    if len(names) > 1:
        raise click.UsageError(f"{kind} are of one run; {len(names)} are named: {', '.join(names)}")
    return runs.find(names[0], None, asked.weights)


def _known(network: Network, layer: str) -> str:
    """The layer's name, or the only one that ends so; leaves with the nearest one otherwise."""
    ending = [name for name in network.by_name if name == layer or name.endswith(f".{layer}")]
    if layer in network.by_name:
        return layer
    if len(ending) == 1:
        return ending[0]
    guess = nearest(layer, network.by_name)
    known = ", ".join(list(network.by_name)[:8]) + (", …" if len(network.by_name) > 8 else "")
    hint = f'did you mean "{guess}"?' if guess else f"there are {known}"
    raise click.BadParameter(f'there is no layer "{layer}"; {hint}', param_hint="--layer")


def _data(model: Model, run: Run | None, asked: Asked) -> Dataset:
    from cnnspec.cli import runs

    return runs.data_of(model, run, asked.data_name, asked.data_dir)


# One kind each ---------------------------------------------------------------------


def _filters(model: Model, run: Run | None, asked: Asked) -> Shown:
    from cnnspec.training import inspection
    from cnnspec.views.terminal import learned

    found = inspection.filters(model, _known(model.network, asked.layer) if asked.layer else None)
    return Shown(lambda paper: learned.filters(found, paper), _plot("filters", found))


def _maps(model: Model, run: Run | None, asked: Asked) -> Shown:
    from cnnspec.training import inspection
    from cnnspec.views.terminal import learned

    layer = _known(model.network, asked.layer or _first_map(model.network))
    image, title = _image(model, run, asked)
    found = inspection.maps(model, image, layer, title)
    return Shown(lambda paper: learned.maps(found, paper), _plot("maps", found))


def _first_map(network: Network) -> str:
    """The layer that is looked at when none is named: the first activation, else the first layer."""
    from cnnspec.layers.base import Family

    return next(
        (node.name for node in network.layers if node.layer.family is Family.ACTIVATION),
        network.layers[0].name,
    )


def _image(model: Model, run: Run | None, asked: Asked) -> tuple[NDArray[Any], str]:
    """One image as the network takes it, and what it is."""
    if asked.image is not None:
        from cnnspec.training.data.picture import read_image

        shape, name = model.network.input, asked.image.name
        return Fit(shape, run, *asked.fit)(name, read_image(asked.image, shape))[0], name
    data = _data(model, run, asked)
    images, labels = data.part(asked.part)
    index = asked.indices[0] if asked.indices else 0
    check_index(index, len(labels), asked.part)
    return images[index], f"{asked.part} sample {index} ({data.names[int(labels[index])]})"


def _confusion(model: Model, run: Run | None, asked: Asked) -> Shown:
    from cnnspec.training import inspection
    from cnnspec.views.terminal import judged

    result = model.evaluate(_data(model, run, asked), part=asked.part)
    found = inspection.confusion(result)
    return Shown(lambda paper: judged.confusion(found, paper), _plot("confusion", found))


def _mistakes(model: Model, run: Run | None, asked: Asked) -> Shown:
    from cnnspec.training import inspection
    from cnnspec.views.terminal import learned

    data = _data(model, run, asked)
    result = model.evaluate(data, part=asked.part)
    total = len(result.worst)
    found = inspection.mistakes(result, data.part(asked.part).images, asked.count or 24)
    return Shown(lambda paper: learned.mistakes(found, total, paper), _plot("mistakes", found, total))


def _neighbours(model: Model, run: Run | None, asked: Asked) -> Shown:
    from cnnspec.training import inspection
    from cnnspec.views.terminal import learned

    data = _data(model, run, asked)
    for index in asked.indices:
        check_index(index, len(data.test_labels), "test")
    network = model.network
    layer = _known(network, asked.layer) if asked.layer else inspection.last_hidden(network).name
    chosen = asked.indices or inspection.one_of_each(data)
    found = inspection.neighbours(model, data, chosen, asked.count or 8, layer)
    size = inspection.size_of(network, layer)
    return Shown(
        lambda paper: learned.neighbours(found, layer, size, paper), _plot("neighbours", found, layer, size)
    )


def curves(names: Sequence[str], asked: Asked) -> Shown:
    from cnnspec.cli import runs
    from cnnspec.training import inspection
    from cnnspec.views.plots.curves import curves as plot
    from cnnspec.views.terminal import learned

    folders = [folder for name in names for folder in runs.folders_of(name)]
    found = inspection.distinct([inspection.run_curve(folder) for folder in folders], folders)
    return Shown(lambda paper: learned.curves(found, paper), lambda ink: plot(found, ink))


def _plot(name: str, *exhibits: Any) -> Callable[[Ink], Figure]:
    def draw(ink: Ink) -> Figure:
        from cnnspec.views.plots import learned

        made: Figure = getattr(learned, name)(*exhibits, ink)
        return made

    return draw


SHOW: Final[dict[str, Callable[[Model, Run | None, Asked], Shown]]] = {
    "filters": _filters,
    "maps": _maps,
    "confusion": _confusion,
    "mistakes": _mistakes,
    "neighbours": _neighbours,
}

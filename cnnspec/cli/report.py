"""``cnnspec report SPEC -o report.html``: one self-contained page about a network, and its training."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, TypeVar

import click

from cnnspec.cli.console import show, write_result
from cnnspec.cli.options import batch_option, data_options
from cnnspec.cli.spec import documents_of, keep_spec, specs_argument, whole
from cnnspec.diagnostics import SpecError
from cnnspec.document import RUN_SPEC

if TYPE_CHECKING:
    from cnnspec.document import Document
    from cnnspec.model import Model
    from cnnspec.recipe.models import Recipe
    from cnnspec.training.data import Dataset
    from cnnspec.training.evaluate import Evaluation
    from cnnspec.training.run import Run
    from cnnspec.views.documents.report.learned import Learned
    from cnnspec.views.results import Gallery, Scatter

MISTAKES = 24
T = TypeVar("T")


@click.command("report")
@specs_argument
@click.option(
    "--run", type=click.Path(path_type=Path), metavar="DIR", help="The folder of a run of this network."
)
@click.option("-o", "--output", metavar="FILE", help='Where to: NAME.html, unless said; "-" for stdout.')
@batch_option()
@click.option("--workings/--no-workings", default=True, help="With every number's working (the default).")
@data_options
def command(
    specs: tuple[str, ...], inline: tuple[str, ...], run: Path | None, output: str | None, batch: int,
    workings: bool, data_name: str | None, data_dir: Path | None,
) -> int:  # fmt: skip
    """One page about a network: picture, table, cost, memory, and every number with its working.

    With --run, or where SPEC is the folder of a run, also what it learned: curves,
    filters, confusion, mistakes. The page is one file, needs no network and no
    JavaScript, and prints. A spec with errors gets its messages and what is known.
    Of several SPECs the page compares the networks, and shows each.

    \b
    Examples:
      cnnspec report lenet -o lenet.html
      cnnspec report runs/LeNet5-1 -o lenet.html
      cnnspec report alexnet vgg16 resnet50 -o three.html
    """
    from cnnspec.cli import runs
    from cnnspec.views.documents.report.page import render

    if run is None and len(specs) == 1 and not inline and Path(specs[0]).is_dir():
        run, specs = runs.folder_of(specs[0]), ()
    run = run and runs.folder_of(str(run))
    if run is not None and not specs and not inline:
        specs = (str(run / RUN_SPEC),)
    documents = documents_of(specs, inline)
    if len(documents) > 1:
        if run:
            raise click.UsageError("--run tells of one network")
        return _several(documents, output or "networks.html", batch)
    (document,) = documents
    target = _page(output or f"{document.stem}.html")
    keep_spec(document, target, "page")
    learned = None
    if run is not None and document.network and not document.failed:
        learned = _learned(run, document.network.training_recipe, data_name, data_dir)
    write_result(target, render(document, batch=batch, learned=learned, workings=workings))
    if document.failed:
        show(document.errors)
        return 1
    return 0


def _page(target: str) -> str:
    """The target, where it is a page's."""
    if target != "-" and Path(target).suffix.lower() not in (".html", ".htm"):
        cure = "a browser prints it as PDF" if target.endswith(".pdf") else "cnnspec draw makes pictures"
        raise click.UsageError(f'the report is a page: "{target}" must end in .html; {cure}')
    return target


def _several(documents: Sequence[Document], target: str, batch: int) -> int:
    """Networks on one page, side by side and each by itself; leaves where one has errors."""
    from cnnspec.views.documents.report.page import render_several

    for document in documents:
        keep_spec(document, target, "page")
    write_result(_page(target), render_several(whole(documents), batch=batch))
    return 0


def _learned(folder: Path, recipe: Recipe, data_name: str | None, data_dir: Path | None) -> Learned:
    """What the run learned; what cannot be had is left out, and said."""
    from cnnspec.cli import runs, samples
    from cnnspec.training import inspection
    from cnnspec.training.evaluate import figure_text
    from cnnspec.views.documents.report.learned import Learned

    notes: list[str] = []
    model, run = runs.find(str(folder), None, None)

    curve = _tried(notes, lambda: inspection.run_curve(folder))
    filters = _tried(notes, lambda: inspection.filters(model))
    data = _tried(notes, lambda: samples.data_of(model, run, data_name, data_dir))
    changes = _changes(run, recipe) if run else ""
    if data is None:
        return Learned(curve, filters, notes=notes, changes=changes)
    if run and data.name != run.set:
        notes.append(f"It was trained on {run.set}; below it is evaluated on {data.name}, as --data says.")
    result = model.evaluate(data)
    name, value = result.headline
    return Learned(
        curve, filters, inspection.confusion(result) if result.confusion.size else None,
        inspection.mistakes(result, data.test_images, MISTAKES), len(result.worst),
        f"{data.name}, test", notes, _predictions(model, data, result), (name, figure_text(name, value)),
        changes,
    )  # fmt: skip


def _predictions(model: Model, data: Dataset, result: Evaluation) -> Gallery | Scatter | None:
    """Answers beside what was wanted, of targets whose answers can be seen."""
    from cnnspec.training import shown

    if result.target == "numbers":
        return shown.scatter(result)
    if not shown.has_pictures(result.target):
        return None
    places = range(min(shown.ROWS, result.samples))
    return shown.predictions(model, data, "test", places, result)


def _changes(run: Run, recipe: Recipe) -> str:
    """In which settings a run was trained otherwise than its spec says."""
    from cnnspec.network.write import recipe_lines

    trained, written = (dict.fromkeys(map(str.strip, recipe_lines(one))) for one in (run.recipe, recipe))
    new = [line for line in trained if line not in written]
    words = {line.split()[0] for line in new}
    gone = [f"no {line}" for line in written if line not in trained and line.split()[0] not in words]
    return f"Trained otherwise than the recipe below says: {', '.join(new + gone)}." if new or gone else ""


def _tried(notes: list[str], make: Callable[[], T]) -> T | None:
    """What ``make`` gives; where that cannot be had, None, and the reason among the notes."""
    try:
        return make()
    except SpecError as error:
        notes.extend(item.message for item in error.diagnostics)
        return None

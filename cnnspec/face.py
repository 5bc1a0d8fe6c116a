"""What people call in Python beside the methods of a network: a picture, explanations, solutions, a page."""

from __future__ import annotations

from collections.abc import Sequence
from os import PathLike
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal, TypeAlias

from cnnspec.analysis.compare import Comparison
from cnnspec.analysis.compare import compare as layer_by_layer
from cnnspec.analysis.report import Analysis, Row, analyze
from cnnspec.analysis.several import SideBySide, side_by_side
from cnnspec.diagnostics import SpecError, nearest
from cnnspec.document import Document, network_of
from cnnspec.files import write_atomically
from cnnspec.network.graph import Network
from cnnspec.records import record

if TYPE_CHECKING:
    from cnnspec.analysis.solve.search import Answer
    from cnnspec.teaching.quiz.question import Question
    from cnnspec.views.workings import Board

Spec: TypeAlias = str | PathLike[str]
"""A spec's text, a path, the name of a shipped example, or a run's folder."""


def draw(
    network: Network | Spec, path: str | PathLike[str] | None = None, *,
    style: Literal["graph", "volumes"] = "graph", theme: str = "light", **look: Any,
) -> str:  # fmt: skip
    """The picture of a network as SVG; written to ``path`` too where one is given (.svg, .png, .pdf, .tex …).

    ``style`` is ``graph`` (cards and edges) or ``volumes`` (feature maps to scale, as papers
    draw them), ``theme`` ``light`` or ``dark``; ``look`` has the other fields of
    ``cnnspec.views.pictures.look.Look``, such as ``direction="LR"``. Raises NoConverter
    where nothing makes a PNG or PDF of it, ValueError for other endings.

    >>> draw("lenet", style="volumes").startswith("<svg")
    True
    """
    from cnnspec.views.pictures.draw import picture, render
    from cnnspec.views.pictures.formats import FORMATS
    from cnnspec.views.pictures.look import Look

    network, chosen = network_of(network), Look(style, theme, **look)
    if path is not None:
        form = Path(path).suffix.lower().removeprefix(".")
        if form not in FORMATS:
            raise ValueError(f'"{path}" must end in {" or ".join(f".{known}" for known in FORMATS)}')
        write_atomically(Path(path), picture(network, form, chosen))
    return render(network, chosen)


@record
class Workings:
    """The working of every number of some layers; ``print`` shows it as ``cnnspec explain`` does."""

    analysis: Analysis
    rows: tuple[Row, ...]
    about: tuple[str, ...] = ()

    def __str__(self) -> str:
        from cnnspec.views.terminal.explain import render

        return render(self._board())

    def to_markdown(self) -> str:
        """The same for a page, with laws typeset in dollar signs."""
        from cnnspec.views.documents.explain import as_markdown

        return as_markdown(self._board())

    def to_latex(self) -> str:
        """The same for a LaTeX document."""
        from cnnspec.views.documents.explain import as_latex

        return as_latex(self._board())

    def _board(self) -> Board:
        from cnnspec.views.workings import board

        return board(self.analysis, self.rows, self.about)


def explain(network: Network | Spec, layer: str | None = None, about: str | Sequence[str] = ()) -> Workings:
    """Every number of a layer, or of all layers, with its working.

    ``about`` is one or several of ``shape``, ``params``, ``multiplies``, ``receptive-field`` and ``memory``.
    Raises KeyError, with the nearest name, for a layer that is not there.

    >>> print(explain("input 32x32x3; conv 16 3x3", "conv1", about="params"))  # doctest: +ELLIPSIS
    conv1 ...
    """
    analysis = analyze(network)
    rows = analysis.rows if layer is None else analysis.named(layer)
    if not rows and layer is not None:
        guess = nearest(layer, [row.name for row in analysis.rows])
        raise KeyError(f"there is no layer {layer}" + (f"; did you mean {guess}?" if guess else ""))
    return Workings(analysis, rows, (about,) if isinstance(about, str) else tuple(about))


def solve(*specs: Spec, seconds: float = 10.0) -> Answer:
    """What every ``?`` of a spec stands for, the most usual solution first; of several specs, what suits all.

    A spec is its text, a path, or the name of a shipped one. ``answer.unknowns`` are the places of ``?``,
    ``answer.solutions`` the values for them in the same order. Raises SpecError where the spec has other
    faults or asks nothing.

    >>> solve("input 28x28x1; conv 6 5x5 padding=? => 28x28x6").solutions
    ((2,),)
    """
    from cnnspec.analysis.solve.search import solve as search

    documents = [Document.of(spec) for spec in specs]
    for document in documents:
        if document.syntax_errors:
            raise SpecError(document.syntax_errors)
    return search([(document.tree, document.read_use) for document in documents], seconds=seconds)


def diff(one: Network | Spec, other: Network | Spec) -> Comparison:
    """Two networks layer by layer, with their totals; ``print`` shows it as ``cnnspec diff`` does.

    >>> diff("input 28x28x1; conv 6 5x5", "input 28x28x1; conv 6 3x3").is_same
    False
    """
    return layer_by_layer(analyze(one), analyze(other))


def compare(*networks: Network | Spec, **options: Any) -> SideBySide:
    """Networks side by side, by their names; ``print`` shows it as ``cnnspec compare`` does.

    ``options`` are those of ``analyze``, such as ``batch=32``.

    >>> [one.name for one in compare("lenet", "alexnet").ranked("params")]
    ['AlexNet', 'LeNet5']
    """
    found = [network_of(one) for one in networks]
    return side_by_side([(one.name or "network", one) for one in found], **options)


def report(network: Network | Spec, path: str | PathLike[str] | None = None) -> str:
    """One self-contained HTML page: pictures, table, cost, memory, every number with its working.

    It is written to ``path`` too, where one is given. Raises SpecError with every fault of the spec.
    """
    from cnnspec.network.write import write
    from cnnspec.views.documents.report.page import render

    document = Document.of(write(network) if isinstance(network, Network) else network)
    if document.failed:
        raise SpecError(document.errors)
    page = render(document)
    if path is not None:
        write_atomically(Path(path), page)
    return page


def quiz(
    network: Network | Spec | None = None, *, count: int = 10, seed: int = 0, topics: Sequence[str] = (),
    level: Literal["easy", "medium", "hard"] = "medium",
) -> tuple[Question, ...]:  # fmt: skip
    """Questions on a network's layers, or without one on layers of their own, as ``cnnspec quiz`` asks them.

    ``question.text`` asks, ``question.right.text`` answers, ``question.choices`` are what may be chosen, and
    ``question.judged("156")`` tells which of them a reply is, with its mistakes. Raises ValueError for a
    topic that there is not.

    >>> quiz("lenet", count=1, topics=["parameters"])[0].topic
    'parameters'
    """
    from cnnspec.teaching.quiz.make import quiz as make

    given = None if network is None else network_of(network)
    name = network if isinstance(network, str) else "network"
    return make(given, name, count=count, seed=seed, topics=topics, level=level).questions

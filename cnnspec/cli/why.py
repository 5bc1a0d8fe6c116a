"""``cnnspec why``: what a mistake or another program's message means, and what a concept is."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from typing import TYPE_CHECKING, Final, TypeAlias

import click

from cnnspec.cli.console import stdout_console
from cnnspec.cli.options import format_option
from cnnspec.cli.spec import read as read_spec
from cnnspec.diagnostics import suggestion
from cnnspec.layers.base import Family, show
from cnnspec.layers.writing import sentence
from cnnspec.mistakes import concept, concepts, search, titles
from cnnspec.mistakes.foreign import Reading, read
from cnnspec.resources import concept_names, concept_text, mistake_codes, mistake_text

if TYPE_CHECKING:
    from cnnspec.document import Document
    from cnnspec.network.graph import Network, Node

Numbers: TypeAlias = Mapping[str, int]


@click.command("why")
@click.argument("code", nargs=-1)
@click.option("--spec", metavar="SPEC", help="A spec in which to look for the layer that a message means.")
@click.option("-e", "inline", metavar="TEXT", help="The same, given as text.")
@format_option("text", "markdown")
def command(code: tuple[str, ...], spec: str | None, inline: str | None, form: str) -> None:
    """Explain a mistake by its CODE, a concept, or what another program said.

    CODE may also be words to look for. Without it, all concepts and codes are listed.

    \b
    Examples:
      cnnspec why window-larger-than-input
      cnnspec why padding
      cnnspec why "mat1 and mat2 shapes cannot be multiplied (64x256 and 400x120)" --spec lenet
    """
    from cnnspec.views.terminal.paint import listed, render_page

    console = stdout_console()
    terminal = console.terminal()
    document = read_spec(spec, inline) if spec or inline is not None else None
    if not code:
        heads = [terminal.paint(head, "bold") for head in ("Concepts", "Mistakes")]
        lines = [heads[0], *listed(concepts(), terminal), "", heads[1], *listed(titles(), terminal)]
        console.print("\n".join(lines))
        return
    found = _page(" ".join(code), document)
    if not isinstance(found, str):
        console.print("\n".join(listed(found, terminal)))
    elif form == "markdown":
        console.print(found)
    else:
        console.say(render_page(found, terminal))


def _page(words: str, document: Document | None) -> str | dict[str, str]:
    """The page that words mean; the titles of several."""
    wanted = words.rpartition("[")[2].rstrip("]:").lower().replace("_", "-").replace(" ", "-")
    if wanted in mistake_codes():
        return mistake_text(wanted)
    if (name := concept(words)) is not None:
        return _with_mistakes(concept_text(name), name)
    if (message := read(words)) is not None:
        return _told(message, document)
    found = search(words)
    if len(found) == 1:
        return mistake_text(found[0])
    if found:
        pages = titles()
        return {code: pages[code] for code in found}
    raise click.UsageError(f'there is no mistake called "{words}"; {_hint(words, wanted)}')


def _hint(words: str, wanted: str) -> str:
    from cnnspec.views.reference import find

    if setting := find("_".join(words.split())):
        return f"cnnspec layers {setting[0].word} tells of the recipe's {setting[0].word}"
    return suggestion(wanted, (*concept_names(), *mistake_codes()), "cnnspec why lists them all")


def _with_mistakes(page: str, name: str) -> str:
    """A concept's page, with the codes of the mistakes that speak of it."""
    codes = search(name.replace("-", " "))
    return f"{page}\n## Mistakes with it\n\n{', '.join(codes)}\n" if codes else page


def _told(message: Reading, document: Document | None) -> str:
    """What another program's message says, where that is in the spec, and the page about it."""
    page = concept_text(message.page) if message.page in concept_names() else mistake_text(message.page)
    parts = [message.text] if message.text else []
    if document is not None and document.network is not None:
        parts.append(" ".join(_places(message, document.network, document.title)))
    return "\n\n".join([*parts, page])


# Where a message is in a spec ------------------------------------------------------


def _is_dense(node: Node, numbers: Numbers) -> bool:
    if node.layer.family is not Family.DENSE:
        return False
    if "units" in numbers:
        return node.output[-1] == numbers["units"]
    return node.input_shapes[0][-1] in (numbers["arrive"], numbers["expect"])


WHERE: Final[dict[str, Callable[[Node, Numbers], bool]]] = {
    "features": _is_dense,
    "channels": lambda node, numbers: (
        node.layer.family is Family.CONV and node.output[-1] == numbers["filters"]
    ),
    "window": lambda node, numbers: numbers["kernel"] in getattr(node.layer, "kernel", ()),
    "map": lambda node, numbers: (
        hasattr(node.layer, "kernel") and node.input_shapes[0][-1] == numbers["channels"]
    ),
}
"""Which layers a message may mean, by the numbers in it; the input and the outputs are plain."""


def _places(message: Reading, network: Network, title: str) -> Iterator[str]:
    if message.where == "input":
        yield f"{title} takes {show(network.input)} (height x width x channels)."
    elif message.where == "output":
        yield f"{title} ends with {show(network.output)}: the labels 0 to {network.output[-1] - 1}."
    elif message.where:
        found = [node for node in network.layers if WHERE[message.where](node, message.numbers)]
        for node in found:
            line = f", line {node.span.line}" if node.span else ""
            shapes = f"takes {show(node.input_shapes[0])} and gives {show(node.output)}"
            yield f"In {title} that is {node.name} ({sentence(node.layer)}{line}), which {shapes}."
            yield from _compared(node.input_shapes[0][-1], message.numbers)
        if not found:
            yield f"No layer of {title} has these numbers."


def _compared(count: int, numbers: Numbers) -> Iterator[str]:
    """What a spec's own count says of the two numbers in a message."""
    if count == numbers.get("expect"):
        yield "So the layer itself is as in the spec, and what comes before it differs: compare the shapes."
    elif count == numbers.get("arrive"):
        yield f"So {count:,} is right, and the layer is to be made for {count:,}."

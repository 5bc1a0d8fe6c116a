"""The data of a command: what ``--data`` names, what the recipe names, or the digits."""

from __future__ import annotations

from collections.abc import Callable
from math import prod
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

import click

from cnnspec.diagnostics import SpecError

if TYPE_CHECKING:
    from cnnspec.network.graph import Network
    from cnnspec.network.settings import Data
    from cnnspec.training.data import Dataset

F = TypeVar("F", bound=Callable[..., Any])


def data_options(function: F) -> F:
    """Gives a command ``--data`` and ``--data-dir``."""
    function = click.option(
        "--data-dir", type=click.Path(exists=True, path_type=Path), metavar="PATH",
        help="Where the data lie (else CNNSPEC_DATA, the cache, a download).",
    )(function)  # fmt: skip
    return click.option(
        "--data", "data_name", metavar="NAME", help="mnist, fashion_mnist, digits, or a path of data files."
    )(function)


def load_samples(
    network: Network, setting: Data, name: str | None, folder: Path | None, *,
    say: Callable[[str], None], progress: Callable[[str, int, int], None] | None = None,
) -> Dataset:  # fmt: skip
    """The samples as the network takes them; raises SpecError where they cannot be had.

    A set that only the recipe asks for and that cannot be had gives way to the
    digits, with a note; one asked for by ``--data`` does not.
    """
    from cnnspec.training.data import SETS, load_for

    shape, classes = network.input, prod(network.output)
    try:
        return load_for(setting, shape, classes, name=name, data_dir=folder, progress=progress)
    except SpecError as error:
        asked = name is not None or folder is not None or setting.path is not None
        if asked or setting.name not in SETS or error.diagnostics[0].code != "data-missing":
            raise
        missing = error
    try:
        digits = load_for(setting, shape, classes, name="digits")
    except SpecError:
        raise missing from None
    count = len(digits.train_labels) + len(digits.test_labels)
    say(
        f"note: {setting.name} is not on this machine and could not be downloaded; the {count:,} digits of\n"
        "      scikit-learn take its place. For the real set: --data-dir FOLDER, or set CNNSPEC_DATA."
    )
    return digits

"""The data of a command: what ``--data`` names, what the recipe names, or the digits."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

import click

from cnnspec.diagnostics import SpecError

if TYPE_CHECKING:
    from cnnspec.network.graph import Network
    from cnnspec.recipe.models import Data
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
    classes: tuple[str, ...] = (), progress: Callable[[str, int, int], None] | None = None,
) -> Dataset:  # fmt: skip
    """The samples as the network takes them; raises SpecError where they cannot be had.

    ``classes`` are those that it learned, where it did.
    """
    from cnnspec.training.data import load_for

    return load_for(
        setting, network.input, network.output, name=name, data_dir=folder, classes=classes, progress=progress
    )


def load_or_stand_in(
    network: Network, setting: Data, name: str | None, folder: Path | None, *,
    say: Callable[[str], None], progress: Callable[[str, int, int], None] | None = None,
) -> Dataset:  # fmt: skip
    """The samples to begin a training with: a set that only the recipe asks for and that cannot be had
    gives way to the digits, with a note; one asked for by ``--data`` does not.
    """
    from cnnspec.training.data import SETS

    try:
        return load_samples(network, setting, name, folder, progress=progress)
    except SpecError as error:
        asked = name is not None or folder is not None or setting.path is not None
        if asked or setting.name not in SETS or not is_missing(error):
            raise
        missing = error
    try:
        digits = load_samples(network, setting, "digits", None)
    except SpecError:
        raise missing from None
    count = len(digits.train_labels) + len(digits.test_labels)
    say(
        f"note: {setting.name} is not on this machine and could not be downloaded; the {count:,} digits of\n"
        "      scikit-learn take its place. For the real set: --data-dir FOLDER, or set CNNSPEC_DATA."
    )
    return digits


def is_missing(error: SpecError) -> bool:
    """Whether data cannot be had, rather than being damaged or unlike the network."""
    return any(item.code == "data-missing" for item in error.diagnostics)

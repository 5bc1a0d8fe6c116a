"""The weights of a model by their names, as engines show them."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, MutableMapping
from typing import Any, NoReturn

import numpy as np
from numpy.typing import ArrayLike

from cnnspec.backends.contract import Array
from cnnspec.diagnostics import nearest
from cnnspec.layers.base import show


class NamedArrays(MutableMapping[str, Array]):
    """The weights of a model, or their gradients: compiled programs read the very same arrays.

    ``weights["conv1.weight"] = values`` copies the values in; raises ValueError where
    the shape is another, KeyError where no array has that name. None can be taken out.
    """

    def __init__(self, arrays: Mapping[str, Array]) -> None:
        self._arrays = dict(arrays)

    def __getitem__(self, name: str) -> Array:
        if name not in self._arrays:
            meant = nearest(name, self._arrays)
            raise KeyError(f"no array is called {name}" + (f"; did you mean {meant}?" if meant else ""))
        return self._arrays[name]

    def __setitem__(self, name: str, values: ArrayLike) -> None:
        self.update({name: values})

    def update(self, *given: Any, **more: ArrayLike) -> None:
        """Copies all in, or none where one does not fit."""
        fitting = {name: self._fitting(name, values) for name, values in dict(*given, **more).items()}
        for name, values in fitting.items():
            self._copy(name, values)

    def _copy(self, name: str, values: ArrayLike) -> None:
        np.copyto(self[name], values, casting="same_kind")

    def _fitting(self, name: str, values: ArrayLike) -> Array:
        mine, given = self[name], np.asarray(values)
        if given.shape != mine.shape:
            raise ValueError(f"{name} is {_shown(mine)}, not {_shown(given)}")
        if not np.can_cast(given.dtype, mine.dtype, "same_kind"):
            raise TypeError(f"{name} holds {mine.dtype}, not {given.dtype}")
        return given

    def __delitem__(self, name: str) -> NoReturn:
        raise TypeError(f"{name} cannot be taken out: the layers of a network have all their weights")

    def __contains__(self, name: object) -> bool:
        return name in self._arrays

    def __iter__(self) -> Iterator[str]:
        return iter(self._arrays)

    def __len__(self) -> int:
        return len(self._arrays)

    def __repr__(self) -> str:
        return "{" + ", ".join(f"{name}: {_shown(values)}" for name, values in self.items()) + "}"


def _shown(values: Array) -> str:
    return show(values.shape) if values.shape else "one number"

"""How many threads the matrix products use.

Small products gain nothing from a second thread, and lose a hundredfold when
the machine is busy: OpenBLAS's threads wait for each other by spinning. So
small networks are trained on one, unless the user has chosen a number.
"""

from __future__ import annotations

import ctypes
import os
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import cache
from pathlib import Path
from typing import Final

import numpy as np

CHOSEN_BY: Final = ("OPENBLAS_NUM_THREADS", "OMP_NUM_THREADS")
"""With one of these in the environment the number is the user's."""
SMALL: Final = 500_000_000
"""Multiplies of a batch, forward, up to which one thread is as good as many."""
_NAMES: Final = ("scipy_openblas_{}64_", "scipy_openblas_{}", "openblas_{}64_", "openblas_{}")


@contextmanager
def threads_for(multiplies: int) -> Iterator[None]:
    """Within ``with``: one thread for a batch of so few multiplies, as many as ever for a larger one."""
    functions = _functions()
    if functions is None or multiplies > SMALL or any(name in os.environ for name in CHOSEN_BY):
        yield
        return
    read, write = functions
    before = read()
    write(1)
    try:
        yield
    finally:
        write(before)


@cache
def _functions() -> tuple[Callable[[], int], Callable[[int], None]] | None:
    """OpenBLAS's own functions to read and write the number; None with another library."""
    home = Path(np.__file__).parent
    for folder in (home.parent / "numpy.libs", home / ".dylibs", home / ".libs"):
        for path in sorted(folder.glob("*openblas*")):
            library = ctypes.CDLL(str(path))
            for name in _NAMES:
                read = getattr(library, name.format("get_num_threads"), None)
                write = getattr(library, name.format("set_num_threads"), None)
                if read and write:
                    return read, write
    return None

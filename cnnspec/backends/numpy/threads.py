"""How many threads the matrix products use.

Small products gain nothing from a second thread, and lose a hundredfold when
the machine is busy: OpenBLAS's threads wait for each other by spinning. So
small networks are trained on one, unless the user has chosen a number.
"""

from __future__ import annotations

import os
from contextlib import AbstractContextManager, nullcontext
from functools import cache
from typing import Final

from threadpoolctl import ThreadpoolController

CHOSEN_BY: Final = ("OPENBLAS_NUM_THREADS", "OMP_NUM_THREADS")
"""With one of these in the environment the number is the user's."""
SMALL: Final = 500_000_000
"""Multiplies of a batch, forward, up to which one thread is as good as many."""


def threads_for(multiplies: int) -> AbstractContextManager[object]:
    """Within ``with``: one thread for a batch of so few multiplies, as many as ever for a larger one."""
    if multiplies > SMALL or any(name in os.environ for name in CHOSEN_BY):
        return nullcontext()
    limited: AbstractContextManager[object] = _libraries().limit(limits=1, user_api="blas")
    return limited


@cache
def _libraries() -> ThreadpoolController:
    return ThreadpoolController()

"""A training of a sweep: ``python -m cnnspec.cli.trial train …`` ends with its parent, and a checkpoint."""

from __future__ import annotations

import os
import signal
import sys
from threading import Thread
from time import sleep
from typing import Final

PATIENCE: Final = 60.0
"""Seconds in which a training ends by itself once it is asked to."""
INTERRUPTED: Final = 130


def _end_with_parent() -> None:
    """Standard input is a pipe that the parent alone holds: it ends where that is gone, or asks for it."""
    while os.read(0, 1):
        pass
    os.kill(os.getpid(), signal.SIGINT)
    sleep(PATIENCE)
    os._exit(INTERRUPTED)


def main() -> None:
    Thread(target=_end_with_parent, daemon=True).start()
    try:
        from cnnspec.cli.main import main as run

        run()
    except KeyboardInterrupt:
        sys.exit(INTERRUPTED)


if __name__ == "__main__":
    main()

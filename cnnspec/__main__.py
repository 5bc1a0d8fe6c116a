"""``python -m cnnspec`` is ``cnnspec``; Ctrl-C while its modules load leaves no traceback."""

import gc
import sys


def main() -> None:
    gc.set_threshold(100_000, 20, 20)  # looking for garbage while modules load takes a tenth of the start
    try:
        from cnnspec.loading import hasten

        hasten()
        from cnnspec.cli.main import main as run

        run()
    except KeyboardInterrupt:
        sys.exit(130)


if __name__ == "__main__":
    main()

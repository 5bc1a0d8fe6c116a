"""``python -m cnnspec`` is ``cnnspec``; Ctrl-C while its modules load leaves no traceback."""

import sys


def main() -> None:
    try:
        from cnnspec.cli.main import main as run

        run()
    except KeyboardInterrupt:
        sys.exit(130)


if __name__ == "__main__":
    main()

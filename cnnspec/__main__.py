"""``python -m cnnspec`` is ``cnnspec``; Ctrl-C while its modules load leaves no traceback."""

import sys
from types import ModuleType


def main() -> None:
    try:
        _leave_plugins_out()
        from cnnspec.cli.main import main as run

        run()
    except KeyboardInterrupt:
        sys.exit(130)


def _leave_plugins_out() -> None:
    """Keeps pydantic from looking for plugins: reading what is installed takes a fifth of a small command."""
    nobody = ModuleType("pydantic.plugin._loader")
    vars(nobody)["get_plugins"] = tuple
    sys.modules.setdefault(nobody.__name__, nobody)


if __name__ == "__main__":
    main()

"""Makes the folders beside this file importable in tests: ``from cases.registry import CASES``."""

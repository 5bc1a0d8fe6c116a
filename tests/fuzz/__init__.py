"""Broken, hostile and random input through all that reads any: ``python -m tests.fuzz --help``."""

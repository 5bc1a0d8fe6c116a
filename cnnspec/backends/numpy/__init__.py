"""The NumPy backend: runs and trains a network with nothing but NumPy."""

"""The 1,797 handwritten digits of scikit-learn: 8x8 pixels, no download (Alpaydin and Kaynak 1998)."""

from __future__ import annotations

import numpy as np

from cnnspec.training.data.dataset import Dataset
from cnnspec.training.data.faults import missing

TEST_EVERY = 5
"""Each fifth sample, beginning with the fifth, is a test: 359 of them, and 1,438 to train on."""


def load() -> Dataset:
    """The digits as bytes (0..16 becomes 0..255), with the fixed split of ``TEST_EVERY``."""
    try:
        from sklearn.datasets import load_digits  # type: ignore[import-untyped]
    except ImportError as error:
        raise missing(
            "the digits set comes with scikit-learn, which is not installed",
            "pip install 'cnnspec[digits]'",
            "or give MNIST: --data mnist --data-dir FOLDER",
        ) from error
    found = load_digits()
    images = np.rint(found.images[..., None] * (255 / 16)).astype(np.uint8)
    labels = found.target.astype(np.int64)
    test = np.arange(len(labels)) % TEST_EVERY == TEST_EVERY - 1
    return Dataset(
        "digits", images[~test], labels[~test], images[test], labels[test], tuple("0123456789")
    )  # fmt: skip

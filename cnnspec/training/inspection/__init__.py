"""What a trained network learned, gathered for showing: filters, maps, mistakes, neighbours, curves."""

from cnnspec.training.inspection.answers import confusion, mistakes
from cnnspec.training.inspection.curves import curve_of, distinct, run_curve
from cnnspec.training.inspection.maps import filters, maps, picture
from cnnspec.training.inspection.nearest import features, last_hidden, neighbours, one_of_each, size_of

__all__ = [
    "confusion", "curve_of", "distinct", "features", "filters", "last_hidden", "maps", "mistakes",
    "neighbours", "one_of_each", "picture", "run_curve", "size_of",
]  # fmt: skip

"""The error function, which NumPy lacks."""

from __future__ import annotations

from functools import lru_cache
from math import erfc, exp, log

import numpy as np
from numpy.polynomial import chebyshev

from cnnspec.backends.numpy.layout import Array

REACH = 6.0
"""Beyond, 1 - erf is less than the last bit of a double."""
TERMS = {4: 10, 8: 26}
"""Terms that give the full precision of a float of so many bytes."""


def erf(x: Array) -> Array:
    """The error function, to the last bits of the array's own precision.

    1 - erf(z) = t·exp(-z² + p(t)) with t = 1/(1 + z/2), where p is so smooth that
    a short Chebyshev series is enough (the form of Numerical Recipes, section 6.2).
    """
    z = np.minimum(np.abs(x), REACH)
    t = 1 / (1 + 0.5 * z)
    series = chebyshev.chebval(_scaled(t), _coefficients(TERMS[x.dtype.itemsize]).astype(x.dtype))
    return np.asarray(np.copysign(1 - t * np.exp(series - z * z), x), x.dtype)


def _scaled(t: Array) -> Array:
    """The interval of t, from 1/(1 + REACH/2) to 1, stretched to -1 to 1."""
    low = 1 / (1 + REACH / 2)
    return (2 * t - (1 + low)) / (1 - low)


@lru_cache
def _coefficients(terms: int) -> Array:
    """The series of p, from the standard library's exact values at the Chebyshev nodes."""
    low = 1 / (1 + REACH / 2)
    nodes = chebyshev.chebpts1(2 * terms)
    values = []
    for node in nodes:
        t = (node * (1 - low) + 1 + low) / 2
        z = 2 * (1 / t - 1)
        values.append(log(erfc(z) * exp(z * z) / t))
    return np.asarray(chebyshev.chebfit(nodes, values, terms - 1))

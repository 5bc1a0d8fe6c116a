"""The normal distribution, which NumPy lacks."""

from __future__ import annotations

from functools import lru_cache
from math import erfc, exp, log, sqrt

import numpy as np
from numpy.polynomial import chebyshev

from cnnspec.backends.numpy.layout import Array

REACH = 6.0
"""Beyond, 1 - erf is less than the last bit of a double."""
LOW = 1 / (1 + REACH / 2)
TERMS = {4: 10, 8: 26}
"""Terms that give the full precision of a float of so many bytes."""


def normal_half(x: Array, out: Array, z: Array, t: Array, scaled: Array) -> None:
    """Φ(|x|) - 1/2: the share of a normal distribution between 0 and |x|, to the last bits of a share.

    1 - erf(z) = t·exp(-z² + p(t)) with z = |x|/√2 and t = 1/(1 + z/2), where p is so
    smooth that a short series is enough (the form of Numerical Recipes, section 6.2).
    The last three arrays are room.
    """
    np.abs(x, out=z)
    np.multiply(z, 1 / sqrt(2), out=z)
    np.minimum(z, REACH, out=z)
    np.add(z, 2, out=t)
    np.divide(2, t, out=t)
    np.multiply(t, 2 / (1 - LOW), out=scaled)
    np.subtract(scaled, (1 + LOW) / (1 - LOW), out=scaled)
    highest, *others = _coefficients(TERMS[x.dtype.itemsize])
    out.fill(highest)
    for coefficient in others:
        np.multiply(out, scaled, out=out)
        np.add(out, coefficient, out=out)
    np.multiply(z, z, out=z)
    np.subtract(out, z, out=out)
    np.exp(out, out=out)
    np.multiply(out, t, out=out)
    np.subtract(1, out, out=out)
    np.multiply(out, 0.5, out=out)


@lru_cache
def _coefficients(terms: int) -> tuple[float, ...]:
    """The series of p, highest power first, in t stretched from LOW..1 to -1..1.

    It goes through the standard library's values at the Chebyshev nodes; p is so
    smooth that its powers may be summed as they are.
    """
    nodes = chebyshev.chebpts1(2 * terms)
    values = []
    for node in nodes:
        t = (node * (1 - LOW) + 1 + LOW) / 2
        z = 2 * (1 / t - 1)
        values.append(log(erfc(z) * exp(z * z) / t))
    powers = chebyshev.cheb2poly(chebyshev.chebfit(nodes, values, terms - 1))
    return tuple(float(power) for power in powers[::-1])

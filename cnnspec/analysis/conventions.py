"""How other tools count: one small table object each, pinned by their published figures."""

from __future__ import annotations

from typing import Final

OWN_RULE: Final = (
    "one sample; multiplies are multiply-accumulates of conv, upconv, depthwise and dense, taps on padding "
    "included, no bias (upconv over its input); flops = multiplies + additions + elementwise"
)

"""How each operator of ONNX is said in the language: one table, by operator and the version it is since."""

from __future__ import annotations

from typing import Final

from cnnspec.exchange.onnx_in import dense, merges, moves, norms, pointwise, reductions, resize, windows
from cnnspec.exchange.onnx_in.rows import OperatorRow

TABLE: Final[dict[tuple[str, int], OperatorRow]] = {
    **windows.ROWS,
    **reductions.ROWS,
    **dense.ROWS,
    **moves.ROWS,
    **resize.ROWS,
    **pointwise.ROWS,
    **norms.ROWS,
    **merges.ROWS,
}

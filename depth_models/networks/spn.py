"""
Spatial propagation (Liu et al., "Learning Affinity via Spatial Propagation Networks", NIPS 2017).

The paper's one-way connection is a linear recurrence along a line of pixels (eq. 2):

    h[t] = (1 - g[t]) x[t] + g[t] h[t-1],     0 <= g < 1

Written as a loop over columns it is hundreds of tiny steps, on CPUs and in exported graphs alike,
and the usual answer is a CUDA kernel. But a linear recurrence is associative, so a parallel prefix
(Hillis and Steele, 1986) gives the very same h in log2(width) steps of whole-map arithmetic.
"""

import torch
from torch import Tensor
from torch.nn import functional as F


def propagate(values: Tensor, gates: Tensor, *, axis: int, reverse: bool) -> Tensor:
    """Run the recurrence over [B,C,h,w] along axis -1 (columns) or -2 (rows), exactly.

    gates: [B,C,h,w] in [0, 1). reverse: from right to left, or from bottom to top.
    """
    if reverse:
        return propagate(values.flip(axis), gates.flip(axis), axis=axis, reverse=False).flip(axis)
    length = values.shape[axis]
    # the first pixel of a line has nobody to take from
    gates = torch.cat([torch.zeros_like(gates.narrow(axis, 0, 1)),
                       gates.narrow(axis, 1, length - 1)], dim=axis)
    total = (1 - gates) * values
    step = 1
    while step < length:  # before: total covers `step` pixels; after: twice as many
        total = total + gates * _shift(total, step, axis)
        gates = gates * _shift(gates, step, axis)
        step *= 2
    return total


def _shift(x: Tensor, step: int, axis: int) -> Tensor:
    """x[t - step], zero before the start."""
    kept = x.narrow(axis, 0, x.shape[axis] - step)
    return F.pad(kept, (step, 0) if axis == -1 else (0, 0, step, 0))

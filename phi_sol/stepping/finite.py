"""What is said of rollouts that leave the finite numbers, and of gradients through them."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from ..errors import DivergedError

if TYPE_CHECKING:
    from ..kernels.compiled import Arrays


def finite_frames(frames: dict[str, np.ndarray]) -> int:
    """How many frames, of shape (frames, ...), there are before the first that is not finite; looks at the last one."""
    arrays = [np.asarray(a) for a in frames.values()]
    if all(np.isfinite(a[-1:]).all() for a in arrays):
        return len(arrays[0])
    return min(int(np.isfinite(a).reshape(len(a), -1).all(1).argmin()) for a in arrays if not np.isfinite(a).all())


def guarded(arrays: Arrays, frames: dict, steps: int) -> Arrays:
    """
    The arrays that a rollout starts with, through which no gradient flows back that is not finite.

    Args:
        arrays: By name, shape (batch, *spatial).
        frames: Filled by the rollout, before a gradient comes back; an empty one says nothing.
        steps: Of the rollout.

    Raises:
        DivergedError: later, in the gradient, where it is not finite and nothing is being traced.
    """
    import tensorflow as tf

    @tf.custom_gradient
    def same(*values):
        def gradient(*upstream):
            if tf.executing_eagerly() and not all(np.isfinite(u).all() for u in upstream):
                why = "where a flow is chaotic gradients grow with every step: take fewer"
                if frames and (finite := finite_frames(frames)) < len(next(iter(frames.values()))):
                    why = f"neither is the rollout, after {finite} finite frames: dt may be too large"
                raise DivergedError(f"The gradient through {steps} steps is not finite; {why}.")
            return upstream

        return [tf.identity(v) for v in values], gradient

    return dict(zip(arrays, same(*arrays.values()), strict=True))

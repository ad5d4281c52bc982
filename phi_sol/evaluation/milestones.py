"""At which times results are reported, and what they are called. Frames are counted in steps of the source."""

import math

TIMES = (50, 100, 250, 500)


def milestones(frames: int, dt: float = 1.0) -> dict[str, int]:
    """
    Up to which times errors are reported: 50, 100, 250 and 500 units of time as far as a rollout goes, and its end. Of
    flows with steps of at most 0.1, 0.01, ... units a tenth, a hundredth, ... of them.

    Args:
        frames: Frames of the rollout.
        dt: Time between them.

    Returns:
        The last frame by the time as a text, which is the key in `results.json`.
    """
    scale = 10.0 ** min(0, math.ceil(math.log10(dt) - 1e-9))
    numbers = {time_key(t * scale): int(t * scale / dt * (1 + 1e-9)) for t in TIMES}
    return {key: n for key, n in numbers.items() if 0 < n < frames} | {time_key(frames * dt): frames}


def time_key(time: float) -> str:
    """A time as a text, without the rounding of floats: `50`, `0.3`."""
    return f"{time:.10g}"


def end_key(results: dict) -> str:
    """The key of what is over all frames. Files of version 0.2 and before have frame numbers as keys, and no `dt`."""
    return time_key(results["frames"] * results.get("dt", 1))


def unit(results: dict) -> str:
    """What the keys count."""
    return "units of time" if "dt" in results else "frames"


def duration(results: dict) -> str:
    """How long the rollouts were, in words."""
    return f"{end_key(results)} {unit(results)}"

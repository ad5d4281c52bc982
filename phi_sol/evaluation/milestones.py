"""At which frames results are reported."""

FRAMES = (50, 100, 250, 500)


def milestones(frames: int) -> list[int]:
    """Frame numbers at which errors are reported: 50, 100, 250, 500 as far as they go, and the last one."""
    return [n for n in FRAMES if n < frames] + [frames]

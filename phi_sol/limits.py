"""What this machine can hold."""

import os
from math import prod
from pathlib import Path

from .errors import LARGEST, InputError

STEP_BYTES = 3 * 4  # of each value, at least: before, after and between, in float32
LIMITS = ("/sys/fs/cgroup/memory.max", "/sys/fs/cgroup/memory/memory.limit_in_bytes")  # of a container


UNITS = {"MB": 1e6, "GB": 1e9, "TB": 1e12, "PB": 1e15}


def memory() -> int:
    """Bytes of memory of this machine, or of the container that this process runs in."""
    own = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES")
    texts = [Path(p).read_text().strip() for p in LIMITS if Path(p).is_file()]
    return min([own, *(int(t) for t in texts if t.isdigit())])


def check_memory(what: str, needed: float, advice: str):
    """Raises InputError if something needs more bytes of memory than there are in all."""
    if needed > (there := memory()):
        raise InputError(f"{what} needs at least {size(needed)} of memory; this machine has {size(there)}: {advice}.")


def check_grid(name: str, resolution: dict[str, int], arrays: int):
    """Raises InputError if steps of so many arrays on a grid can't be held in memory."""
    grid, needed = ", ".join(f"{d}={n}" for d, n in resolution.items()), prod(resolution.values()) * arrays * STEP_BYTES
    check_memory(f"A step of {name}({grid})", needed, "choose fewer cells, or a smaller ratio")


def size(count: float) -> str:
    """Bytes in words."""
    unit = next((u for u, n in UNITS.items() if count < 1000 * n), "PB")
    return f"{float(min(count, LARGEST)) / UNITS[unit]:.3g} {unit}"

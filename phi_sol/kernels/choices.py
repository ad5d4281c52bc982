"""Which of two ways to compile a loop was measured to be faster, remembered for each device."""

import hashlib
import json
import os
import platform
from functools import cache
from pathlib import Path

import tensorflow as tf

from ..files import write_atomic

_known: dict[str, bool] = {}


def cache_file() -> Path:
    """Where choices are kept: `phi_sol/loops.json` in `$XDG_CACHE_HOME`, by default in `~/.cache`."""
    return Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "phi_sol" / "loops.json"


@cache
def device() -> str:
    """What measurements depend on: processor, number of cores and threads, version of TensorFlow."""
    model = platform.processor()
    try:
        lines = Path("/proc/cpuinfo").read_text().splitlines()
        model = next((line.partition(":")[2].strip() for line in lines if line.startswith("model name")), model)
    except OSError:
        pass  # not Linux
    cores = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count()
    threads = tf.config.threading.get_intra_op_parallelism_threads()
    return f"{model}, {cores} cores, {threads} threads, TensorFlow {tf.__version__}"


def key_of(*facts) -> str:
    """Of a computation on this device, from all that tells it from others."""
    return hashlib.sha256("\n".join(map(str, (device(), *facts))).encode()).hexdigest()[:24]


def remembered(key: str) -> bool | None:
    """What was chosen, in this process or in an earlier one; None if nothing was."""
    if key not in _known:
        value = _stored().get(key)
        if isinstance(value, bool):
            _known[key] = value
    return _known.get(key)


def remember(key: str, value: bool) -> bool:
    """
    Keeps a choice, and returns the one that holds from now on: what another process chose in the meantime stays, so
    that all compute the same bits. Without a place to write it is kept for this process.
    """
    stored, path = _stored(), cache_file()
    value = stored[key] if isinstance(stored.get(key), bool) else value
    _known[key] = value
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        write_atomic(path, json.dumps(stored | {key: value}, indent=1).encode())
    except OSError:
        pass
    return value


def _stored() -> dict:
    try:
        content = json.loads(cache_file().read_text())
    except (OSError, ValueError):  # not there, or damaged: measured again
        return {}
    return content if isinstance(content, dict) else {}

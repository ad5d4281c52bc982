"""One device, several, or several machines: `tf.distribute` strategies, and what processes have to agree on."""

import json
import os

import tensorflow as tf

from ..errors import InputError, quoted, suggestion
from ..limits import check_memory

STRATEGIES = {
    "none": "one device",
    "mirrored": "all devices of this machine",
    "multi-worker": "all devices of several machines, one process each, as the environment variable TF_CONFIG says",
}
EXAMPLE = '{"cluster": {"worker": ["host1:12345", "host2:12345"]}, "task": {"type": "worker", "index": 0}}'


def make_strategy(name: str) -> tf.distribute.Strategy:
    """
    A strategy by name. `multi-worker` must be made before TensorFlow does anything in the process, and PhiFlow asks it
    for its devices when it is imported: call this before anything else of phi_sol that needs TensorFlow is imported.
    Raises InputError for an unknown name, or if `TF_CONFIG` does not describe a cluster and this process's place in it.
    """
    if name not in STRATEGIES:
        raise InputError(
            f"Unknown strategy {quoted(name)}.{suggestion(name, STRATEGIES)} Known: {', '.join(STRATEGIES)}."
        )
    if name == "none":
        return tf.distribute.get_strategy()
    if name == "mirrored":
        devices = tf.config.list_logical_devices("GPU") or tf.config.list_logical_devices("CPU")
        return tf.distribute.MirroredStrategy([d.name for d in devices])
    _check_cluster(os.environ.get("TF_CONFIG", ""))
    try:
        return tf.distribute.MultiWorkerMirroredStrategy()
    except tf.errors.UnknownError as err:
        raise InputError(f"This process can't listen at its address in TF_CONFIG: {err.message}.") from err


def _check_cluster(config: str):
    try:
        content = json.loads(config)
        workers, index = content["cluster"]["worker"], content["task"]["index"]
        complete = isinstance(workers, list) and 0 <= index < len(workers) and content["task"]["type"] == "worker"
    except (ValueError, KeyError, TypeError):
        complete = False
    if not complete:
        needed = f"TF_CONFIG to name all workers and which one this is, such as {EXAMPLE}"
        raise InputError(f"The strategy multi-worker needs {needed}, not {quoted(config)}.")


def is_chief(strategy: tf.distribute.Strategy) -> bool:
    """Whether this process is the one that writes files and shows progress: the first worker."""
    resolver = strategy.cluster_resolver
    return resolver is None or not resolver.task_id


def check_batch(strategy: tf.distribute.Strategy, batch: int, window: int = 0):
    """Raises InputError if a batch of windows of so many bytes can't be held, or shared equally by all devices."""
    check_memory(f"A batch of {batch} windows", batch * window, "take a smaller batch, or fewer unrolled steps")
    replicas = strategy.num_replicas_in_sync
    if batch % replicas:
        lower = batch - batch % replicas
        values = f"{lower} or {lower + replicas}" if lower else f"{replicas}"
        raise InputError(f"A batch of {batch} windows can't be shared equally by {replicas} devices: take {values}.")


def agreed(strategy: tf.distribute.Strategy, value: float) -> float:
    """The mean of a value over all processes; every process calls this, and gets the same."""
    if strategy.cluster_resolver is None:
        return value
    return float(strategy.reduce("MEAN", strategy.run(tf.identity, (tf.constant(value, tf.float64),)), axis=None))


def device_summary(strategy: tf.distribute.Strategy) -> str:
    """Such as `1 GPU`, `2 CPUs`."""
    kind = "GPU" if tf.config.list_logical_devices("GPU") else "CPU"
    count = strategy.num_replicas_in_sync
    return f"{count} {kind}{'s' * (count > 1)}"

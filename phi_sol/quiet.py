"""TensorFlow is imported without the notes that it prints before its own log filter is in place."""

import importlib.util
import os
import sys
from collections.abc import Iterator
from contextlib import contextmanager


@contextmanager
def silenced() -> Iterator[None]:
    """Within it nothing comes on stderr, from C++ neither."""
    sys.stderr.flush()
    keep = os.dup(2)
    try:
        with open(os.devnull, "w") as null:
            os.dup2(null.fileno(), 2)
            yield
    finally:
        os.dup2(keep, 2)
        os.close(keep)


class QuietImport:
    """
    A finder of modules for `sys.meta_path`: TensorFlow is imported without the notes that it prints before its own log
    filter is in place, whoever imports it first, such as a scene file.
    """

    def find_spec(self, name, path=None, target=None):
        if name != "tensorflow":
            return None
        sys.meta_path.remove(self)  # type: ignore[arg-type]
        spec = importlib.util.find_spec(name)
        if spec is not None and spec.loader is not None:
            execute = spec.loader.exec_module
            spec.loader.exec_module = silenced()(execute)  # type: ignore[method-assign]
        return spec


def quiet_import():
    """Lets TensorFlow be imported quietly by whoever imports it first in this process."""
    if "tensorflow" not in sys.modules and not any(isinstance(f, QuietImport) for f in sys.meta_path):
        sys.meta_path.insert(0, QuietImport())  # type: ignore[arg-type]


def start_tensorflow() -> list:
    """Imports TensorFlow and looks for devices, without the notes of that. Returns the GPUs."""
    quiet_import()
    with silenced():
        import tensorflow as tf

        return tf.config.list_physical_devices("GPU")

"""TensorFlow is imported without the notes that it prints before its own log filter is in place; errors stay."""

import gc
import importlib.util
import os
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

LEVEL = "TF_CPP_MIN_LOG_LEVEL"
GPU_FILES = ("/dev/nvidiactl", "/dev/dxg", "/dev/kfd")  # of NVIDIA's driver, of WSL, of AMD's
NOTES = [
    r"^WARNING: All log messages before absl::InitializeLog",
    r"^[IW][0-9]{4} ",  # notes and warnings in the form of absl,
    r"^[0-9]{4}-[0-9]{2}-[0-9]{2} [0-9:.]+: [IW] ",  # and in TensorFlow's own
    r"^To enable the following instructions: ",  # the second line of such a note
    r"^E[0-9]{4} .*Unable to register cu(FFT|DNN|BLAS) factory",  # both of its libraries register what they share
]
NO_GPU = r"^E[0-9]{4} .*failed call to cuInit"  # an error only where there is a GPU


def wants_notes() -> bool:
    """Whether TensorFlow's log level is set to one with notes or warnings."""
    return os.environ.get(LEVEL, "2") in ("0", "1")


def has_gpu() -> bool:
    """Whether this machine has the driver of a GPU."""
    return any(Path(f).exists() for f in GPU_FILES)


@contextmanager
def without_notes() -> Iterator[None]:
    """
    Within it notes do not come on stderr, from C++ neither; everything else does, also of a process that dies: what
    filters is `grep`, beside it. Where there is none nothing is filtered.
    """
    patterns = [*NOTES, *([] if has_gpu() else [NO_GPU])]
    command = ["grep", "--line-buffered", "-v", "-a", "-E", "|".join(patterns)]
    _flush()
    try:
        keep = os.dup(2)
    except OSError:  # there is no stderr
        yield
        return
    try:
        how: dict = {"stdin": subprocess.PIPE, "stdout": keep, "stderr": subprocess.DEVNULL}
        filtering = subprocess.Popen(command, start_new_session=True, **how)  # Ctrl-C is not for it
    except OSError:
        os.close(keep)
        yield
        return
    assert filtering.stdin is not None
    os.dup2(filtering.stdin.fileno(), 2)
    filtering.stdin.close()
    try:
        yield
    finally:
        _flush()
        os.dup2(keep, 2)
        os.close(keep)
        filtering.wait()


@contextmanager
def silenced() -> Iterator[None]:
    """Within it nothing at all comes on stderr, from C++ neither."""
    _flush()
    keep = os.dup(2)
    try:
        with open(os.devnull, "w") as null:
            os.dup2(null.fileno(), 2)
            yield
    finally:
        _flush()
        os.dup2(keep, 2)
        os.close(keep)


def _flush():
    with suppress(AttributeError, OSError, ValueError):  # there may be none, or a closed one
        sys.stderr.flush()


@contextmanager
def no_collection() -> Iterator[None]:
    """Within it no garbage is collected: an import makes a million objects that stay, and passes over them cost."""
    collects = gc.isenabled()
    gc.disable()
    try:
        yield
    finally:
        if collects:
            gc.enable()


class QuietImport:
    """
    A finder of modules for `sys.meta_path`: TensorFlow is imported without notes, whoever imports it first, such as a
    scene file. Where there is no GPU it looks for devices then, and not with the first tensor: it would note that.
    """

    def find_spec(self, name, path=None, target=None):
        if name != "tensorflow":
            return None
        sys.meta_path.remove(self)  # type: ignore[arg-type]
        spec = importlib.util.find_spec(name)
        if spec is not None and spec.loader is not None and not wants_notes():
            execute = spec.loader.exec_module

            def quietly(module):
                with without_notes(), no_collection():
                    execute(module)
                    if not has_gpu():
                        module.config.list_physical_devices()

            spec.loader.exec_module = quietly  # type: ignore[method-assign]
        return spec


def quiet_import():
    """Lets TensorFlow be imported quietly by whoever imports it first in this process."""
    os.environ.setdefault(LEVEL, "2")
    if "tensorflow" not in sys.modules and not any(isinstance(f, QuietImport) for f in sys.meta_path):
        sys.meta_path.insert(0, QuietImport())  # type: ignore[arg-type]


def start_tensorflow() -> list:
    """Imports TensorFlow and looks for devices, without the notes of that. Returns the GPUs."""
    quiet_import()
    import tensorflow as tf

    if wants_notes() or not has_gpu():
        return tf.config.list_physical_devices("GPU")
    with without_notes():
        return tf.config.list_physical_devices("GPU")

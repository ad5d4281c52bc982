"""What an installation of phi_sol is made of, what it lacks, and how fast it is: the findings of `phi-sol doctor`."""

import configparser
import importlib
import os
import platform
import shutil
import sys
import tempfile
import webbrowser
from collections.abc import Iterator
from dataclasses import dataclass, field
from importlib import metadata
from pathlib import Path

from packaging.requirements import Requirement
from packaging.specifiers import SpecifierSet

from ..errors import InputError, one_line
from ..places import check_place
from ..quiet import silenced, start_tensorflow
from ..storage.shipped import card
from .defaults import FILE

ROOT = Path(__file__).parents[1]
PACKAGE = "phi_sol"
EXTRAS = {  # what each is for
    "view": "phi-sol view: the browser",
    "gpu": "TensorFlow on NVIDIA's GPUs, with CUDA",
    "netcdf": "NetCDF files",
    "zarr": "Zarr files",
    "parquet": "series as Parquet files",
    "cluster": "generate, sweep and reproduce on a Dask cluster; YAML files",
    "tensorboard": "train --tensorboard",
    "vtk": "VTK image data of other programs",
    "multigrid": "a multigrid preconditioner to compare with",
    "bench": "make bench",
    "docs": "make docs",
    "dev": "tests and checks",
}
SETTINGS: tuple[str, ...] = (
    "CUDA_VISIBLE_DEVICES",
    "OMP_NUM_THREADS",
    "TF_NUM_INTRAOP_THREADS",
    "TF_NUM_INTEROP_THREADS",
    "XLA_FLAGS",
)
SETTINGS += ("KERAS_BACKEND", "TF_ENABLE_ONEDNN_OPTS", "TF_FORCE_GPU_ALLOW_GROWTH", "XDG_CACHE_HOME", "PHI_SOL_DEBUG")
SCENE, MUCH, SECONDS = "wake_2d", 3.0, 1.0  # whose source is timed, how much slower is said, for how long


@dataclass(frozen=True)
class Finding:
    """
    Attributes:
        part: Of the installation.
        name: What was looked at.
        text: What was found.
        ok: Whether it is as it should be; None for what phi_sol works without.
        advice: What to do if it is not.
        figures: Numbers of the text, by name.
    """

    part: str
    name: str
    text: str
    ok: bool | None = True
    advice: str = ""
    figures: dict[str, float] = field(default_factory=dict)


def findings(speed: bool, defaults: InputError | None) -> Iterator[Finding]:
    """All of them. `defaults` is what is wrong with `phi_sol.toml`."""
    yield from packages()
    yield from devices()
    yield from places()
    if defaults is not None:
        yield Finding("settings", FILE, str(defaults), False, f"mend or remove {FILE}")
    elif Path(FILE).is_file():
        yield Finding("settings", FILE, "is read")
    for name in SETTINGS:
        if name in os.environ:
            yield Finding("settings", name, os.environ[name])
    yield from programs()
    yield from extras()
    if speed:
        yield time_of_a_step()


def requirements() -> list[Requirement]:
    """What phi_sol needs, those of extras with their markers: from the source tree, or else as it was installed."""
    if config := _source():
        given = [(x, "") for x in config["options"]["install_requires"].split("\n")]
        extras = config["options.extras_require"]
        given += [(x, name) for name in extras for x in extras[name].split("\n")]
        texts = [(x.partition(";"), name) for x, name in given if x.strip()]
        return [Requirement(_marked(name, own, extra)) for (name, _, own), extra in texts]
    return [Requirement(text) for text in metadata.requires(PACKAGE) or []]


def pythons() -> SpecifierSet:
    """Those that phi_sol runs on; all of them where that is not known."""
    if config := _source():
        return SpecifierSet(config["options"]["python_requires"])
    try:
        return SpecifierSet(metadata.metadata(PACKAGE)["Requires-Python"] or "")
    except metadata.PackageNotFoundError:
        return SpecifierSet()


def _source() -> configparser.ConfigParser | None:
    """The set-up in the source tree; None where phi_sol does not run from one."""
    config = configparser.ConfigParser()
    read = config.read(ROOT.parent / "setup.cfg")
    return config if read and config.get("metadata", "name", fallback="") == PACKAGE else None


def _marked(name: str, marker: str, extra: str) -> str:
    """A requirement with its own marker and that of an extra."""
    markers = " and ".join(filter(None, [marker.strip(), f'extra == "{extra}"' if extra else ""]))
    return f"{name.strip()}; {markers}" if markers else name.strip()


def lacking(needed: Requirement) -> str:
    """What is wrong with what is installed for a requirement, also in its extras, in words; nothing if it fits."""
    try:
        found = metadata.version(needed.name)
    except metadata.PackageNotFoundError:
        return "not installed"
    if found and not needed.specifier.contains(found, prereleases=True):
        return f"{found}, needed is {needed.specifier}"
    own = requirements() if needed.name.replace("-", "_") == PACKAGE else None
    for extra in sorted(needed.extras):
        parts = own if own is not None else [Requirement(t) for t in metadata.requires(needed.name) or []]
        if missing := [p.name for p in of_extra(parts, extra) if lacking(p)]:
            return f"without {', '.join(missing[:3])}{', ...' if len(missing) > 3 else ''}"
    return ""


def of_extra(needed: list[Requirement], extra: str) -> list[Requirement]:
    """Those of an extra, on this system."""
    return [
        r for r in needed if r.marker and r.marker.evaluate({"extra": extra}) and not r.marker.evaluate({"extra": ""})
    ]


def packages() -> Iterator[Finding]:
    """Python, and what phi_sol needs."""
    own, python = sys.modules[PACKAGE].__version__, platform.python_version()
    yield Finding("packages", PACKAGE, own)
    allowed = pythons()
    fits = allowed.contains(python, prereleases=True)
    yield Finding("packages", "Python", python, fits, "" if fits else f"make an environment with Python {allowed}")
    yield Finding("packages", "system", platform.platform())
    try:
        needed = [r for r in requirements() if not r.marker or r.marker.evaluate({"extra": ""})]
    except metadata.PackageNotFoundError:
        yield Finding("packages", "requirements", f"not known: {PACKAGE} is not installed", None, "pip install .")
        return
    for r in needed:
        wrong = lacking(r)
        text = wrong or metadata.version(r.name)
        yield Finding("packages", r.name, text, not wrong, f"pip install '{r.name}{r.specifier}'" if wrong else "")


def devices() -> Iterator[Finding]:
    """Processor, memory, GPUs, threads; whether TensorFlow, Keras and PhiFlow can be imported."""
    cores = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count()
    yield Finding("devices", "processor", _processor())
    yield Finding("devices", "cores", f"{cores} of {os.cpu_count()} may be used")
    sizes = [n for n in ("SC_PHYS_PAGES", "SC_AVPHYS_PAGES") if n in os.sysconf_names]
    total, *free = (os.sysconf(n) * os.sysconf("SC_PAGE_SIZE") / 2**30 for n in sizes)
    yield Finding("devices", "memory", f"{total:.1f} GiB" + "".join(f", {f:.1f} GiB of it not in use" for f in free))
    try:
        gpus = start_tensorflow()
        with silenced():
            for name in ("keras", "phi.tf"):
                importlib.import_module(name)
    except Exception as err:  # whatever a broken installation raises
        advice = "the packages above, or pip install --force-reinstall tensorflow keras phiflow"
        yield Finding("devices", "TensorFlow", f"can't be imported: {one_line(err)}", False, advice)
        return
    import keras
    import tensorflow as tf

    backend = keras.backend.backend()
    advice = "unset KERAS_BACKEND, and say tensorflow in ~/.keras/keras.json"
    if backend != "tensorflow":
        yield Finding("devices", "Keras", f"computes with {backend}, needed is tensorflow", False, advice)
    details = [tf.config.experimental.get_device_details(g).get("device_name", g.name) for g in gpus]
    yield Finding("devices", "GPUs", ", ".join(details) or "none that TensorFlow finds", True if gpus else None)
    inside, beside = (
        getattr(tf.config.threading, f"get_{n}_op_parallelism_threads")() or "as many as cores"
        for n in ("intra", "inter")
    )
    yield Finding("devices", "threads", f"of an operation {inside}, of operations side by side {beside}")


def places() -> Iterator[Finding]:
    """Where phi_sol writes: here, and what it keeps for later processes."""
    from ..kernels.choices import cache_file

    yield _writable("current folder", Path(), "go to another folder, or name folders with --out")
    yield _writable("temporary folder", Path(tempfile.gettempdir()), "set TMPDIR to a folder that can be written to")
    yield _writable("cache", cache_file().parent, "set XDG_CACHE_HOME: loops are measured in every process", None)


def _writable(name: str, folder: Path, advice: str, else_: bool | None = False) -> Finding:
    home, shown = str(Path.home()), str(folder)
    shown = f"~{shown.removeprefix(home)}" if shown.startswith(home + os.sep) else shown
    try:
        check_place(folder, "")
    except InputError as err:
        return Finding("folders", name, f"{err}".strip(), else_, advice)
    free = shutil.disk_usage(next(p for p in (folder.absolute(), *folder.absolute().parents) if p.exists())).free
    where = "" if folder == Path() else f"{shown}: "
    return Finding("folders", name, f"{where}can be written to, {free / 2**30:.1f} GiB are free")


def programs() -> Iterator[Finding]:
    """A browser, and ffmpeg."""
    try:
        browser = webbrowser.get()
        yield Finding("programs", "browser", getattr(browser, "name", "") or type(browser).__name__)
    except webbrowser.Error:
        where = "'phi-sol view' says an address to open, on another machine, too (--host)"
        yield Finding("programs", "browser", "none is found", None, where)
    found = shutil.which("ffmpeg")
    advice = "apt-get install ffmpeg (or brew, conda); .gif and .html need none"
    yield Finding(
        "programs", "ffmpeg", "is there" if found else "not installed: no .mp4", True if found else None, advice
    )


def extras() -> Iterator[Finding]:
    """What can be installed besides."""
    try:
        needed = requirements()
    except metadata.PackageNotFoundError:
        return
    for extra, what in EXTRAS.items():
        missing = {r.name: lacking(r) for r in of_extra(needed, extra)}
        wrong = [f"{n} {w}" for n, w in missing.items() if w]
        more = f" and {len(wrong) - 3} more" if len(wrong) > 3 else ""
        text = f"{what}: {', '.join(wrong[:3])}{more}" if wrong else "is there"
        yield Finding(
            "extras", extra, text, None if wrong else True, f"pip install '{PACKAGE}[{extra}]'" if wrong else ""
        )


def time_of_a_step() -> Finding:
    """A step of the source of `wake_2d` in its compiled loop, against the figure of its page in the documentation."""
    try:
        import numpy as np

        from ..evaluation.timing import time_step
        from ..experiment import load_experiment
        from ..stepping.arrays import pack

        source = load_experiment(SCENE).pair.source
        with silenced():
            start = source.initial_state(reynolds=[500.0])
            arrays, parameters = ({n: np.asarray(a, np.float32) for n, a in g.items()} for g in pack(source, start)[:2])
            ms = time_step(source, arrays, parameters, SECONDS, steps=200)
    except Exception as err:  # whatever a broken installation raises
        return Finding("speed", SCENE, f"a step fails: {one_line(err)}", False, "the packages above")
    known = card(SCENE)
    stated = known["source_cost"] * source.dt
    text = f"a step of its source takes {ms:.3g} ms; documented are {stated:.3g} ms on {known['machine']}"
    figures = {"ms": ms, "documented_ms": stated}
    if ms < MUCH * stated:
        return Finding("speed", SCENE, text, figures=figures)
    slow = f"this machine is {ms / stated:.2g} times slower now"
    return Finding("speed", SCENE, f"{text}: {slow}", None, "see whether other programs use its cores", figures)


def _processor() -> str:
    """The processor's name as Linux knows it; elsewhere what Python knows."""
    try:
        lines = Path("/proc/cpuinfo").read_text().splitlines()
    except OSError:
        lines = []
    named = [line.partition(":")[2].strip() for line in lines if line.startswith("model name")]
    return named[0] if named else platform.processor() or platform.machine()

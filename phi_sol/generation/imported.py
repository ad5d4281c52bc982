"""Frames of other programs as the simulations of a scene: what `generate` would have written."""

import logging
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import tensorflow as tf

from ..arguments import checked
from ..errors import InputError, instance, quoted, real, sequence
from ..experiment import FRAMES, Experiment
from ..files import checksum
from ..places import check_place
from ..storage.frames import FrameFormat, read_description, sim_folder, simulations_in, tidy
from ..storage.locks import FolderLock
from ..storage.others import TIME, Converted, Recorded, convert, frames_of
from .simulator import Job, describe

LOG = logging.getLogger(__name__)
ELSEWHERE = "Choose another folder."


@checked
def import_frames(
    scene: Experiment,
    arrays: Mapping[str, Any],
    times: Sequence[float] | np.ndarray,
    parameters: Mapping[str, float],
    *,
    folder: Path,
    split: str = "train",
    axes: Sequence[str] | None = None,
    staggered: bool | None = None,
    coordinates: Mapping[str, Any] | None = None,
    name: str = "the arrays",
) -> Path:
    """
    One simulation of another program, or an experiment, as data that correctors are trained on and evaluated with.

        import_frames(scene, {"velocity": u}, times, {"reynolds": 300.0}, folder="data/my_wake/train",
                      axes=("time", "x", "y", "vector"))

    Args:
        scene: Its source flow says which fields, which grid, and which steps; its reference is not used.
        arrays: By field, see `phi_sol.storage.others.convert`: on the source grid or finer by a whole number.
        times: Of the frames, evenly apart; those that are dt of the source apart are taken.
        parameters: Of the flow, by name.
        folder: Receives `sim_000000`, or the next number that is free.
        split: `train` or `test`, for the record.
        axes: Names of the axes of all arrays, in their order: `time`, those of space, `vector` for components (arrays
            without components have the others); default: (time, *the flow's, vector).
        staggered: Whether velocities are on faces; default: where there are n + 1 values across an axis.
        coordinates: Of cell centres along axes, if they shall be compared with the flow's domain.
        name: Where the data are from, for messages and the record.

    Returns:
        The folder of the simulation.

    Raises:
        InputError: as `convert`; for other parameters than the flow's, times that don't fit dt, or a folder that holds
            something else, or the same simulation already.

    Examples:
        >>> u = np.ones((3, 24, 12))
        >>> arrays, how = {"velocity_y": u, "velocity_x": 0 * u, "marker": u}, dict(axes=("time", "y", "x"))
        >>> ps.import_frames(scene, arrays, [0, 1, 2], {"reynolds": 300.0}, folder="data/others/train", **how)
        PosixPath('data/others/train/sim_000000')
    """
    dims = list(scene.pair.source.resolution)
    instance("arrays", arrays, Mapping, "a dictionary of arrays by field")
    order = (TIME, *dims, "vector")
    if axes is not None:
        order = tuple(instance("An axis of the arrays", a, str, "a name") for a in sequence("axes", axes, "names"))
    when = [real("A time of a frame", t) for t in sequence("times", times, "numbers, one for each frame")]
    numbers = {n: real(f"The parameter {quoted(n)}", v) for n, v in parameters.items()}
    places = instance("coordinates", coordinates or {}, Mapping, "a dictionary of positions by axis")
    names = {}
    for field, values in arrays.items():
        rank = np.ndim(values)
        names[field] = order if rank == len(order) else tuple(a for a in order if a != "vector")
    content = Recorded({n: np.asarray(a) for n, a in arrays.items()}, names, np.array(when, float), name=name)
    content.coordinates |= {d: _positions(d, c) for d, c in places.items()}
    content.parameters |= numbers
    return record(scene, content, Path(folder), split, staggered)


def record(scene: Experiment, content: Recorded, folder: Path, split: str, staggered: bool | None = None) -> Path:
    """Writes what a file holds as the next simulation of a data folder, see `import_frames`."""
    pair, flow = scene.pair, scene.pair.source
    if content.times is None:
        raise InputError(f"{content.name} does not say when its frames are: give the time between them (dt=).")
    given = {n: [v] for n, v in content.parameters.items() if n in flow.parameters}
    if missing := [n for n in flow.parameters if n not in given]:
        raise InputError(f"{content.name} needs values for {', '.join(missing)}: {flow} has these parameters.")
    (values,) = scene.simulations(split, given)
    chosen = frames_of(content.times, flow.dt, content.name)
    if not 2 <= len(chosen) <= FRAMES:
        raise InputError(f"{content.name} needs at least two frames that are {flow.dt:g} apart.")
    found = convert(flow, content, staggered)
    count = {len(a) for a in found.arrays.values()}
    if count != {len(content.times)}:
        raise InputError(f"{content.name} has {max(count)} frames, but {len(content.times)} times.")
    if len(chosen) < len(content.times):
        found.notes.append(f"every {chosen[1]}th frame was taken: these are {flow.dt:g} apart, as the source's steps")
    check_place(folder, ELSEWHERE)
    simulations_in(folder, ELSEWHERE)
    with FolderLock(folder, "wait for it") as lock:
        try:
            facts = {"from": content.name, "values": checksum({n: a[chosen] for n, a in found.arrays.items()})}
            config: dict = {"scene": scene.name, "split": split, "pair": pair.config, "warmup": 0}
            config |= {"frames": len(chosen) - 1, "keep_reference_every": len(chosen), "parameters": values}
            return _write(scene, config | {"imported": facts}, found, chosen, folder, content.name)
        finally:
            lock.release()


def _write(scene: Experiment, config: dict, found: Converted, chosen: list[int], folder: Path, name: str) -> Path:
    flow, taken = scene.pair.source, simulations_in(folder, ELSEWHERE)
    for path in taken:
        _, known = read_description(path)
        if known.get("imported", {}).get("values") == config["imported"]["values"]:
            raise InputError(f"{name} is there already, as {path}.")
        if "imported" not in known:
            raise InputError(f"{folder} holds simulations that were generated: import into another folder.")
    place = sim_folder(folder, 1 + max((int(p.name[4:]) for p in taken), default=-1))
    job, form = Job(place, config, done=False), FrameFormat(flow)
    describe(job, complete=False, kept=False)
    checksums: dict[str, list[str]] = {}
    for i, frame in enumerate(chosen):
        arrays = {n: tf.constant(a[None, frame]) for n, a in found.arrays.items()}
        values = {n: np.asarray(x.to_file(arrays))[0] for n, x in flow.layouts.items()}
        for field, value in form.write(place, i, values).items():
            checksums.setdefault(field, []).append(value)
    tidy(place)
    describe(job, complete=True, checksums=checksums, kept=False)
    for note in found.notes:
        LOG.warning("%s: %s.", name, note)
    return place


def _positions(dim: str, given: Any) -> np.ndarray:
    return np.array([real(f"A position along {dim}", p) for p in sequence(f"coordinates[{dim!r}]", given, "numbers")])

"""
Training on more data than the process may have memory for: `python benchmarks/large_data.py`; writes
`results/large_data.json`.

The limit is `RLIMIT_DATA` (`ulimit -d`): what a process allocates for itself. Mapped files, of which the system keeps
in memory as much as there is room for, do not count. A limit on addresses (`ulimit -v`) would say nothing: TensorFlow
reserves many times what it uses. As a check that the limit is one, the same frames are loaded as arrays under it, which
must fail.

The frames are synthetic, since only their number matters: a few fields with noise, written with phi_sol's own writer,
then linked under all numbers.
"""

import json
import os
import resource
import subprocess
import sys
import tempfile
import time
from pathlib import Path

HERE = Path(__file__).parent
RESOLUTION, SIMULATIONS, FRAMES, DISTINCT = dict(y=256, x=128), 5, 1400, 7
LIMIT_MB, ITERATIONS = 2000, 40


def make_data(folder: Path):
    """Simulations of the wake's format, complete with descriptions."""
    import numpy as np

    from phi_sol.storage.files import fingerprint, write_json
    from phi_sol.storage.frames import DESCRIPTION, FrameFormat, frame_file, sim_folder

    pair, rng = solver_pair(), np.random.default_rng(0)
    writer = FrameFormat(pair.source)
    for s in range(SIMULATIONS):
        place = sim_folder(folder, s)
        (place / "reference").mkdir(parents=True)
        for i in range(DISTINCT):
            noise = (0.1 * rng.standard_normal([n + 1 for n in RESOLUTION.values()])).astype(np.float32)
            velocity = np.stack([1 + noise, noise.T.reshape(noise.shape)], -1)
            writer.write(place, i, {"velocity": velocity, "marker": noise[:-1, :-1]})
        for i in range(DISTINCT, FRAMES + 1):
            for name in pair.source.fields:
                os.link(frame_file(place, name, i % DISTINCT), frame_file(place, name, i))
        config = {
            "pair": pair.config,
            "frames": FRAMES,
            "keep_reference_every": FRAMES,
            "parameters": {"reynolds": 200.0 + 100 * s},
        }
        write_json(place / DESCRIPTION, config | {"fingerprint": fingerprint(config), "complete": True})


def solver_pair():
    from phi_sol import SolverPair, WakeFlow

    return SolverPair(WakeFlow, RESOLUTION, ratio=1)


def train(folder: Path, frames: int | None = None) -> dict:
    """
    Memory of this process after a training: `allocated_mb` as the limit counts it, `resident_mb` without mapped files.
    """
    from phi_sol import Correction, Dataset, Plan, Stage, Trainer

    begin = time.perf_counter()
    data = Dataset.load(solver_pair(), folder, frames=frames)
    unpacked = time.perf_counter()
    plan = Plan((Stage(1, 1.0),), batch=2, learning_rate=1e-4, steps=ITERATIONS)
    Trainer(Correction(data, "non", "small"), plan, folder / f"run{frames}").fit()
    status = dict(line.split(":") for line in Path("/proc/self/status").read_text().splitlines())
    memory = {
        name: int(status[key].split()[0]) * 1024 / 1e6
        for name, key in (("allocated_mb", "VmData"), ("resident_mb", "RssAnon"))
    }
    seconds = {"unpacking_s": unpacked - begin, "training_s": time.perf_counter() - unpacked}
    return {
        k: round(v, 1)
        for k, v in ({"frames_mb": data.nbytes / 1e6, "iterations": ITERATIONS} | memory | seconds).items()
    }


def train_on_an_eighth(folder: Path) -> dict:
    return train(folder, FRAMES // 8)


def load(folder: Path) -> dict:
    """Whether all frames fit into this process as arrays."""
    import numpy as np

    from phi_sol import Dataset

    data = Dataset.load(solver_pair(), folder)
    try:
        arrays = [np.array(a) for a in data.arrays.values()]
    except MemoryError:
        return {"fits_as_arrays": False}
    return {"fits_as_arrays": len(arrays) > 0}


def limited(task: str, folder: Path) -> dict:
    """The result of a task in a process of its own, under the limit."""
    command = [sys.executable, __file__, task, str(folder)]
    result = subprocess.run(
        command, stdout=subprocess.PIPE, text=True, check=True, env=os.environ | {"TF_CPP_MIN_LOG_LEVEL": "2"}
    )
    return json.loads(result.stdout.splitlines()[-1])


def main():
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        subprocess.run([sys.executable, __file__, "make_data", name], check=True)
        runs = [limited(task, folder) for task in ("train", "train_on_an_eighth")]
        result = {"limit_mb": LIMIT_MB, "all_frames": runs[0], "an_eighth": runs[1]} | limited("load", folder)
    (HERE / "results" / "large_data.json").write_text(json.dumps(result, indent=2) + "\n")
    print(json.dumps(result, indent=2))


if __name__ == "__main__":
    if len(sys.argv) == 3:
        if sys.argv[1] != "make_data":
            resource.setrlimit(resource.RLIMIT_DATA, (LIMIT_MB * 10**6, LIMIT_MB * 10**6))
        print(
            json.dumps(
                {t.__name__: t for t in (make_data, train, train_on_an_eighth, load)}[sys.argv[1]](Path(sys.argv[2]))
            )
        )
    else:
        main()

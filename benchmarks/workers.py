"""
Generation by several processes: time and efficiency against the ideal, overhead of a simulation, what killed workers
cost, the write rate of each format, and a plan by calculation for a cluster.

    python benchmarks/workers.py

64 wakes on 128x64 cells in batches of 4. The ideal is the time of one process with one thread, divided by as many
processes as there are cores, or workers if there are fewer. All run one after the other; `start` is what a process
needs before it computes, imports and compilation, measured with four simulations.
"""

import argparse
import os
import random
import shutil
import signal
import subprocess
import sys
import tempfile
import threading
import time
from pathlib import Path

import numpy as np
from common import show, versions, write_json

SCENE = '''"""Wakes for a benchmark of generation."""
from phi_sol import Experiment, WakeFlow

experiment = Experiment(
    name="many", flow=WakeFlow, source=dict(y=64, x=32), ratio=2, options=dict(dt=2.0), time_ratio=2,
    train=dict(reynolds=tuple(100.0 + 10 * i for i in range({count}))), test=dict(reynolds=(99.0,)),
    warmup=100, frames=100, keep_reference_every=100,
)
'''
WORKERS = (b"workers.process", b"spawn_main")  # in their command lines
COMMAND = [sys.executable, "-m", "phi_sol", "generate", "many.py", "--split", "train", "--batch", "4"]


def generated(place: Path, name: str, *more: str, during=None, **environment: str) -> float:
    """Seconds of one generation into a new folder."""
    begin = time.perf_counter()
    command = [*COMMAND, "--out", name, *more]
    process = subprocess.Popen(command, cwd=place, env=os.environ | environment, stderr=subprocess.DEVNULL)
    if during is not None:
        threading.Thread(target=during, args=(process,), daemon=True).start()
    if process.wait():
        raise SystemExit(f"{' '.join(command)} failed.")
    return time.perf_counter() - begin


def files(folder: Path) -> dict[str, bytes]:
    return {str(p.relative_to(folder)): p.read_bytes() for p in sorted(folder.rglob("sim_*/**/*")) if p.is_file()}


def children(parent: int) -> list[int]:
    """Worker processes of a process, of phi_sol or of Dask."""
    found = []
    for stat in Path("/proc").glob("[0-9]*/stat"):
        try:
            fields = stat.read_text().rpartition(")")[2].split()
            if int(fields[1]) == parent and any(w in (stat.parent / "cmdline").read_bytes() for w in WORKERS):
                found.append(int(stat.parent.name))
        except OSError:
            continue
    return found


class Killer:
    """Kills one of the workers at random moments, so often that it is a tenth of the batches."""

    def __init__(self, kills: int, seconds: float):
        self.moments = sorted(random.Random(0).uniform(0.2, 0.8) * seconds for _ in range(kills))
        self.killed = 0

    def __call__(self, process: subprocess.Popen):
        begin = time.perf_counter()
        for moment in self.moments:
            time.sleep(max(0.0, moment - (time.perf_counter() - begin)))
            if workers := children(process.pid):
                os.kill(random.Random(self.killed).choice(workers), signal.SIGKILL)
                self.killed += 1


def many(place: Path, count: int) -> list[dict]:
    rows, batches, cores = [], -(-count // 4), os.cpu_count() or 1

    def add(what: str, seconds: float, workers: int, **facts):
        ideal = alone / min(workers, cores)
        rows.append({"what": what, "s": seconds, "efficiency": ideal / seconds} | facts)
        print(rows[-1], flush=True)

    (place / "many.py").write_text(SCENE.format(count=4))
    start = generated(place, "start", TF_NUM_INTRAOP_THREADS="1")
    (place / "many.py").write_text(SCENE.format(count=count))
    alone = generated(place, "alone", TF_NUM_INTRAOP_THREADS="1")
    right = files(place / "alone")
    add("one process, one thread", alone, 1, ms_per_simulation=1e3 * alone / count)
    add("one process, all cores", generated(place, "threads"), cores)
    for n in (1, 2):
        add(f"{n} workers", generated(place, f"w{n}", "--workers", str(n)), n)
    killer = Killer(-(-batches // 10), rows[-1]["s"])
    seconds = generated(place, "killed", "--workers", "2", during=killer)
    add(f"2 workers, {killer.killed} of {batches} batches killed", seconds, 2, same=files(place / "killed") == right)
    for n in (4, 8):
        (place / "local.yaml").write_text(f"cluster: local\nworkers: {n}\n")
        add(f"{n} workers of Dask", generated(place, f"d{n}", "--cluster", "local.yaml"), n)
        killer = Killer(-(-batches // 10), rows[-1]["s"])
        seconds = generated(place, f"k{n}", "--cluster", "local.yaml", during=killer)
        what = f"{n} workers of Dask, {killer.killed} of {batches} batches killed"
        add(what, seconds, n, same=files(place / f"k{n}") == right)
    for name in ("threads", "w1", "w2", "d4", "d8"):
        if files(place / name) != right:
            print(f"{name}: other bytes than one process wrote")
    rows.append({"what": "start of one process with 4 simulations", "s": start, "efficiency": None})
    return rows


def written(place: Path) -> list[dict]:
    """MB of float32 that each format writes in a second, of 100 frames of 128x128 cells."""
    import phi_sol
    from phi_sol.storage.frames import FrameFormat

    flow = phi_sol.PeriodicBox(y=128, x=128, dt=1e-3)
    frames = flow.rollout(flow.initial_state(seed=0, viscosity=1e-3), steps=100, progress=False)
    size, rows = sum(a.nbytes for a in frames.arrays.values()) / 1e6, []

    def timed(name: str, work):
        work(place / f"first-{name}")
        begin = time.perf_counter()
        work(place / name)
        os.sync()
        seconds = time.perf_counter() - begin
        there = place / name
        parts = there.rglob("*") if there.is_dir() else place.glob(f"{there.stem}*{there.suffix}")
        stored = sum(p.stat().st_size for p in parts if p.is_file()) / 1e6
        rows.append({"format": name, "MB": size, "MB/s": size / seconds, "MB on disk": stored})
        print(rows[-1], flush=True)

    def scenes(path: Path):
        path.mkdir()
        form = FrameFormat(flow)
        for i, state in enumerate(frames):
            form.write(path, i, {n: np.asarray(v)[0] for n, v in form.file_values(state).items()})

    for name in ("box.nc", "box.zarr", "box.hdf5", "box.vti"):
        timed(name, lambda path: phi_sol.write(frames, path))
    timed("scenes", scenes)
    return rows


def plan() -> dict:
    """10,000 simulations of 512x512 on 100 nodes of 16 cores, by what two cores take for a step here."""
    import phi_sol
    from phi_sol.evaluation.timing import time_step
    from phi_sol.stepping.arrays import pack

    flow = phi_sol.WakeFlow(y=512, x=512, size={"y": 100.0, "x": 100.0}, dt=0.25, advection="mac_cormack")
    arrays, parameters, _ = pack(flow, flow.initial_state(reynolds=[300.0]))
    ms = time_step(flow, arrays, parameters, seconds=0, steps=10)
    simulations, steps, frames, cores = 10_000, 20_000, 500, 1600
    seconds = simulations * steps * ms / 1e3 / (cores / 2)
    frame = 3 * 4 * 128**2  # velocity and marker on the source's grid, 4 times coarser, in float32
    stored, count = simulations * frames * frame * 0.9, simulations * frames * 2
    return {
        "ms per step, two threads": ms,
        "hours on 1600 cores": seconds / 3600,
        "TB": stored / 1e12,
        "files": count,
        "MB/s while it runs": stored / 1e6 / seconds,
        "files/s while it runs": count / seconds,
    }


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--simulations", type=int, default=64)
    given = parser.parse_args()
    place = Path(tempfile.mkdtemp(prefix="workers-"))
    try:
        rows, rates, planned = many(place, given.simulations), written(place), plan()
    finally:
        shutil.rmtree(place, ignore_errors=True)
    show(f"{given.simulations} simulations", rows)
    show("writing", rates)
    show("10,000 simulations of 512x512 on 100 nodes", [planned])
    found = {"generation": rows, "formats": rates, "plan": planned, "versions": versions()}
    write_json(Path(__file__).parent / "results" / "workers.json", found)


if __name__ == "__main__":
    main()

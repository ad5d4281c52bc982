"""
What it costs to verify checksums in the first epoch of a training on a data set of smoke_3d's size, packs of 630 MB:
`python benchmarks/checksums.py`; writes `results/checksums.json`.

The data are opened in processes of their own, with packs to be made and with packs that are there, with and without
verification in turn; without, the checksums of packs are neither computed nor compared. (Those of frames cost nothing:
ZIP archives compare them anyway.) This is all that verification adds to an epoch, 50 iterations as the scene has them.

The frames are synthetic, since only their number matters: a few fields with noise, written with phi_sol's own writer,
then linked under all numbers.
"""

import json
import os
import shutil
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from statistics import median

HERE = Path(__file__).parent
DISTINCT, ROUNDS, ITERATIONS = 13, 3, 50
CASES = ("made", "there")


def make_data(folder: Path):
    """Simulations of the scene's format, complete with descriptions."""
    import numpy as np

    from phi_sol import load_experiment
    from phi_sol.storage.files import fingerprint, write_json
    from phi_sol.storage.frames import DESCRIPTION, FrameFormat, as_stored, frame_file, sim_folder

    scene, rng = load_experiment("smoke_3d"), np.random.default_rng(0)
    pair, writer = scene.pair, FrameFormat(scene.pair.source)
    shapes = {n: x.file_shape for n, x in pair.source.layouts.items()}
    known = []
    for i in range(DISTINCT):
        known.append(writer.write(folder, i, {n: rng.standard_normal(s).astype(np.float32) for n, s in shapes.items()}))
    for s, parameters in enumerate(scene.simulations("train")):
        place = sim_folder(folder, s)
        (place / "reference").mkdir(parents=True)
        for i in range(scene.frames + 1):
            for name in shapes:
                os.link(frame_file(folder, name, i % DISTINCT), frame_file(place, name, i))
        checksums = {n: [known[i % DISTINCT][n] for i in range(scene.frames + 1)] for n in shapes}
        config = {"scene": scene.name, "split": "train", "pair": pair.config, "warmup": 0, "frames": scene.frames}
        config |= {"keep_reference_every": scene.keep_reference_every, "parameters": parameters}
        facts = {"fingerprint": fingerprint(config), "checksums": as_stored(checksums), "complete": True}
        write_json(place / DESCRIPTION, config | facts)


def opening(folder: Path, verified: bool) -> dict[str, float]:
    """Seconds until the data are open, and of all processors in that time."""
    from phi_sol import Dataset, load_experiment
    from phi_sol.storage import mapped

    if not verified:
        mapped.file_checksum = lambda path: "00000000"
    pair, begin, worked = load_experiment("smoke_3d").pair, time.perf_counter(), time.process_time()
    Dataset.load(pair, folder)
    return {"opening_s": time.perf_counter() - begin, "processor_s": time.process_time() - worked}


def iterations(folder: Path) -> dict[str, float]:
    """Seconds of the first epoch after that, what is compiled included, and of all processors in that time."""
    from phi_sol import Correction, Dataset, Plan, Stage, Trainer, Validation, load_experiment

    scene = load_experiment("smoke_3d")
    data, how = Dataset.load(scene.pair, folder), scene.schedule
    plan = Plan((Stage(how.unroll, 1.0),), batch=how.batch, learning_rate=how.learning_rate, steps=ITERATIONS)
    task = Correction(data, "sol", how.network, correct=scene.correct)
    begin, worked = time.perf_counter(), time.process_time()
    with tempfile.TemporaryDirectory() as run:
        Trainer(task, plan, Path(run) / "run", validation=Validation(0)).fit(progress=False)
    return {"epoch_s": time.perf_counter() - begin, "processor_s": time.process_time() - worked}


def measure(folder: Path, what: str) -> dict[str, float]:
    command = [sys.executable, __file__, str(folder), what]
    found = json.loads(subprocess.run(command, check=True, capture_output=True, text=True).stdout.splitlines()[-1])
    return {n: round(s, 2) for n, s in found.items()}


def summary(rows: list[dict]) -> list[dict]:
    """Seconds more of the first epoch, median, and their share of it: by the clock, and of all processors."""
    (epoch,) = (r for r in rows if "epoch_s" in r)
    result = []
    for packs in CASES:
        result.append({"packs": packs})
        for name, whole in (("opening_s", "epoch_s"), ("processor_s", "processor_s")):
            with_, without = (
                median(r[name] for r in rows if (r.get("packs"), r.get("checksums")) == (packs, what))
                for what in ("with", "without")
            )
            more = with_ - without
            result[-1] |= {f"more_{name}": round(more, 2), f"share_{name}": round(more / (epoch[whole] + without), 4)}
    return result


def main():
    rows = []
    with tempfile.TemporaryDirectory() as place:
        make_data(Path(place))
        for number in range(ROUNDS):
            for what in ("with", "without"):
                for packs in CASES:
                    if packs == "made":
                        shutil.rmtree(f"{place}/.packed", ignore_errors=True)
                    rows.append({"round": number, "packs": packs, "checksums": what} | measure(Path(place), what))
                    print(rows[-1], flush=True)
        shutil.rmtree(f"{place}/.packed", ignore_errors=True)
        rows.append(measure(Path(place), "epoch"))
        print(rows[-1], flush=True)
    rows += summary(rows)
    print(rows[-2:])
    (HERE / "results" / "checksums.json").write_text(json.dumps(rows, indent=1) + "\n")


if __name__ == "__main__":
    if len(sys.argv) > 1:
        folder, what = Path(sys.argv[1]), sys.argv[2]
        print(json.dumps(iterations(folder) if what == "epoch" else opening(folder, what == "with")))
    else:
        main()

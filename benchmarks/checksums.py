"""
What it costs to verify checksums in the first epoch of a training on a data set of smoke_3d's size, packs of 630 MB:
`python benchmarks/checksums.py`; writes `results/checksums.json`.

Each time is that of a process of its own, from the data on disk to the end of 50 iterations as the scene has them: once
with packs to be made, once with packs that are there. With and without verification alternate; without, the checksums
of packs are neither computed nor compared. (Those of frames cost nothing: ZIP archives compare them anyway.)

The frames are synthetic, since only their number matters: a few fields with noise, written with phi_sol's own writer,
then linked under all numbers.
"""

import json
import os
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


def first_epoch(folder: Path, verified: bool) -> dict[str, float]:
    """Seconds until the data are open, and until the first epoch has ended."""
    from phi_sol import Correction, Dataset, Plan, Stage, Trainer, Validation, load_experiment
    from phi_sol.storage import mapped

    if not verified:
        mapped.file_checksum = lambda path: "00000000"
    scene, begin = load_experiment("smoke_3d"), time.perf_counter()
    data = Dataset.load(scene.pair, folder)
    opened, how = time.perf_counter(), scene.schedule
    plan = Plan((Stage(how.unroll, 1.0),), batch=how.batch, learning_rate=how.learning_rate, steps=ITERATIONS)
    task = Correction(data, "sol", how.network, correct=scene.correct)
    with tempfile.TemporaryDirectory() as run:
        Trainer(task, plan, Path(run) / "run", validation=Validation(0)).fit(progress=False)
    return {"opening_s": opened - begin, "first_epoch_s": time.perf_counter() - begin}


def measure(folder: Path, verified: bool) -> dict[str, float]:
    command = [sys.executable, __file__, str(folder), str(int(verified))]
    return json.loads(subprocess.run(command, check=True, capture_output=True, text=True).stdout.splitlines()[-1])


def main():
    rows = []
    with tempfile.TemporaryDirectory() as place:
        make_data(Path(place))
        for number in range(ROUNDS):
            for verified in (True, False):
                for case in CASES:
                    if case == "made":
                        subprocess.run(["rm", "-rf", f"{place}/.packed"], check=True)
                    rows.append({"packs": case, "verified": verified, "round": number})
                    rows[-1] |= {n: round(s, 2) for n, s in measure(Path(place), verified).items()}
                    print(rows[-1], flush=True)
    for case in CASES:
        with_, without = (
            median(r["first_epoch_s"] for r in rows if r["packs"] == case and r["verified"] is v) for v in (True, False)
        )
        rows.append({"packs": case, "more": round(with_ / without - 1, 4)})
        print(rows[-1])
    (HERE / "results" / "checksums.json").write_text(json.dumps(rows, indent=1) + "\n")


if __name__ == "__main__":
    if len(sys.argv) > 1:
        print(json.dumps(first_epoch(Path(sys.argv[1]), bool(int(sys.argv[2])))))
    else:
        main()

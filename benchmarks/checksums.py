"""
What it costs to verify checksums in the first epoch of a training on a data set of smoke_3d's size, packs of 630 MB,
and while data are generated: `python benchmarks/checksums.py`; writes `results/checksums.json`.

The data are opened in processes of their own, with packs to be made and with packs that are there, with and without
verification in turn; without, the checksums of packs are neither computed nor compared. (Those of frames cost nothing:
ZIP archives compare them anyway.) This is all that verification adds to an epoch, 50 iterations as the scene has them.

The frames are synthetic, since only their number matters: a few fields with noise, written with phi_sol's own writer,
then linked under all numbers.

Data are generated whole, in processes of their own, with checksums and with everything sent to the disk before a
description says that it is there, and without both, in turn. karman_2d keeps every step of its reference: of all scenes
it writes most for what it computes. Then `generate` is called again on data that are complete, and verifies all.
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
GENERATED, LENGTHS, TIMES = "karman_2d", {"warmup": 100, "frames": 200}, 7


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


def generating(folder: Path, verified: bool) -> dict[str, float]:
    """Seconds of `generate`, of all processors in that time, and of the verification of what is complete."""
    from phi_sol import Generator, load_experiment
    from phi_sol.storage import frames

    if not verified:
        frames._checksum = lambda file: "00000000"
        os.sync = lambda: None
        os.fsync = lambda number: None
    begin, worked = time.perf_counter(), time.process_time()
    Generator(load_experiment(GENERATED), "train", folder, **LENGTHS).run()
    found = {"generate_s": time.perf_counter() - begin, "processor_s": time.process_time() - worked}
    begin = time.perf_counter()
    if verified:
        Generator(load_experiment(GENERATED), "train", folder, **LENGTHS).run()
    return found | {"again_s": time.perf_counter() - begin}


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


def generation() -> dict:
    """Medians of seconds, and the share of them that verification is."""
    found: dict[str, list[dict]] = {"with": [], "without": []}
    for number in range(TIMES):
        for what in sorted(found, reverse=number % 2 == 0):
            with tempfile.TemporaryDirectory() as place:
                found[what].append(measure(Path(place) / "train", f"generate {what}"))
            print(what, found[what][-1], flush=True)
    row: dict = {"scene": GENERATED, "rounds": TIMES, "again_s": median(r["again_s"] for r in found["with"])}
    for name in ("generate_s", "processor_s"):
        with_, without = (median(r[name] for r in found[what]) for what in ("with", "without"))
        row |= {name: with_, f"without_{name}": without, f"share_{name}": round(with_ / without - 1, 4)}
    return row


def main():
    generated = generation()
    print(generated)
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
    rows += [*summary(rows), generated]
    print(rows[-3:])
    (HERE / "results" / "checksums.json").write_text(json.dumps(rows, indent=1) + "\n")


if __name__ == "__main__":
    if len(sys.argv) > 1:
        folder, what = Path(sys.argv[1]), sys.argv[2]
        if what.startswith("generate"):
            print(json.dumps(generating(folder, what == "generate with")))
        else:
            print(json.dumps(iterations(folder) if what == "epoch" else opening(folder, what == "with")))
    else:
        main()

"""
Generation of training sets, with all files written: one simulation at a time, and in the batches that
`phi-sol generate` chooses.

    python benchmarks/generation.py karman_2d plume_2d

Seconds and CPU seconds (of all threads) from making the generator to the last file, compilation included; the smaller
of two alternating runs.
"""

import argparse
import tempfile
import time
from pathlib import Path

from common import processor, show, versions, write_json

from phi_sol import Generator, load_experiment

SCENES = ["karman_2d", "forced_advection_2d", "plume_2d"]


def measure(scene: str, batch: int | None) -> dict:
    with tempfile.TemporaryDirectory() as folder:
        begin, cpu = time.perf_counter(), time.process_time()
        generator = Generator(load_experiment(scene), "train", Path(folder) / "train", batch=batch)
        batch = generator.plan()["batch"]
        generator.run()
        seconds, cpu = time.perf_counter() - begin, time.process_time() - cpu
        size = sum(f.stat().st_size for f in Path(folder).rglob("*") if f.is_file())
    steps = generator.steps * len(generator.jobs)
    row = {"scene": scene, "batch": batch, "simulations": len(generator.jobs), "steps": steps}
    return row | {"seconds": seconds, "cpu_seconds": cpu, "steps_per_s": steps / seconds, "MB": size / 1e6}


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("scenes", nargs="*", default=SCENES)
    rows = []
    for scene in parser.parse_args().scenes:
        runs = [[measure(scene, batch) for batch in (1, None)] for _ in range(2)]
        rows += [min(pair, key=lambda row: row["seconds"]) for pair in zip(*runs, strict=True)]
    show("generation", rows)
    write_json(
        Path(__file__).parent / "results" / "generation.json",
        {"machine": {"processor": processor(), "versions": versions()}, "rows": rows},
    )


if __name__ == "__main__":
    main()

"""Generation of the training set of karman_2d: six simulations of 1500 steps at 256x128, with all files written."""

import tempfile
import time
from pathlib import Path

from common import processor, show, versions, write_json

from phi_sol import Generator, load_experiment


def main():
    with tempfile.TemporaryDirectory() as folder:
        begin = time.perf_counter()
        generator = Generator(load_experiment("karman_2d"), "train", Path(folder) / "train")
        generator.run()
        seconds = time.perf_counter() - begin
        size = sum(f.stat().st_size for f in Path(folder).rglob("*") if f.is_file())
    steps = generator.steps * len(generator.jobs)
    rows = [{"simulations": len(generator.jobs), "steps": steps, "seconds": seconds, "steps_per_s": steps / seconds, "MB": size / 1e6}]
    show("generation", rows)
    write_json(Path(__file__).parent / "results" / "generation.json", {"machine": {"processor": processor(), "versions": versions()}, "rows": rows})


if __name__ == "__main__":
    main()

"""What an evaluation measured, over time, as CSV or Parquet files."""

from collections.abc import Mapping
from pathlib import Path

import numpy as np

from ..metrics.series import single, write_series
from .measures import Measures
from .records import Record

FOLDER = "series"


def write_all_series(records: Mapping[str, Record], measures: Measures, out: Path, ending: str = "csv") -> list[Path]:
    """
    One file per solver, and one of the reference (`REF.csv`), in the folder `series`: a row per simulation and frame,
    with the simulation, its parameters, the time since frame 0, and all measures that are one number. Of plain numerics
    there is the MAE alone. Where a simulation blew up its numbers are `nan`.
    """
    data, dt, files = measures.data, measures.flow.dt, []
    simulations = [{"simulation": f.name} | s for f, s in zip(data.folders, data.simulations, strict=True)]
    known = {name: (r.series, r.every) for name, r in records.items()} | {"REF": (measures.reference, 1)}
    for name, (values, every) in known.items():
        numbers = single(values, 2)
        count = len(next(iter(numbers.values())))
        file = out / FOLDER / f"{name.replace('/', '_')}.{ending}"
        write_series({"time": dt * every * np.arange(1, count + 1)} | numbers, file, simulations)
        files.append(file)
    return files

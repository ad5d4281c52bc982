"""Who does the work of a command: this machine's processes, or a cluster's."""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Annotated, Any

from ..errors import InputError
from .common import option

WorkersOption = Annotated[int | None, option("Processes that compute, each a part at a time.", "this one alone")]
SchedulerOption = Annotated[str | None, option("Address of a Dask scheduler, whose workers compute.", False)]
ClusterOption = Annotated[
    Path | None, option("YAML file of a cluster to start, e.g. `cluster: slurm`, `workers: 8`, ...", False)
]


def one_of(**given: Any):
    """Raises InputError where more than one of these options is given."""
    if len(several := [n for n, v in given.items() if v is not None]) > 1:
        raise InputError(f"--{several[0]} and --{several[1]} exclude each other.")


@contextmanager
def engine_of(workers: int | None, scheduler: str | None, file: Path | None) -> Iterator[Any]:
    """What carries out items of work; without any of these None."""
    from ..workers.cluster import connected, started
    from ..workers.local import Workers

    if scheduler is not None:
        with connected(scheduler) as cluster:
            yield cluster
    elif file is not None:
        with started(file) as cluster:
            yield cluster
    else:
        yield None if workers is None else Workers(workers)

"""Clusters of Dask: found by their address or started as a file says, and items of work carried out on them."""

import importlib
import logging
import threading
import time
import uuid
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from ..arguments import checked
from ..errors import InputError, integer, one_line, quoted, suggestion
from ..files import reading
from .items import Engine, Item, Outcome, carry_out, check_versions, cores, outcome, packed
from .local import DEATHS, MOST

LOG = logging.getLogger(__name__)
INSTALL = "Dask's clusters need further packages: pip install 'phi_sol[cluster]'"
KINDS = ("slurm", "pbs", "sge", "lsf", "oar", "moab", "htcondor", "local")
CLASSES = {"slurm": "SLURM", "htcondor": "HTCondor", "moab": "Moab"}  # others are in capitals
CONNECT = 30  # seconds
TRIES = 10  # of an item whose workers end, at most
FLUSHED = 0.05  # seconds that a worker needs to say that it begins, before its item may end it
_one = threading.Lock()  # a process of a cluster may have several threads; TensorFlow has its own


class Cluster(Engine):
    """
    The workers of a Dask cluster. One that is killed is replaced by Dask, which gives its item to another one, where it
    goes on from what there is of it. Worker processes with one thread each are right: each carries out an item at a
    time.
    """

    @checked
    def __init__(self, client: Any):
        """
        Args:
            client: A `distributed.Client`.

        Raises:
            InputError: if it is none, or a worker has another version of phi_sol, or none.
        """
        try:
            from distributed import Client
        except ImportError:
            raise InputError(f"{INSTALL}.") from None
        if not isinstance(client, Client):
            raise InputError(f"client must be a distributed.Client, not {quoted(client)}.")
        self.client = client
        self._check()

    def __repr__(self):
        return f"{type(self).__name__}({self.client.scheduler.address if self.client.scheduler else 'closed'})"

    def _check(self):
        from .items import versions

        try:
            self.client.run(check_versions, versions())
        except InputError:
            raise
        except ImportError as err:
            raise InputError(f"The cluster's workers have no phi_sol ({one_line(err)}): install it there.") from None

    def _carried_out(self, items: list[Item], progress: Callable, ended: Callable) -> list[Outcome]:
        from distributed import KilledWorker, as_completed

        topic, done, found = f"phi-sol-{uuid.uuid4().hex}", [0.0] * len(items), {}
        lock, threads = threading.Lock(), self._threads()

        def heard(event):
            what = event[1] if isinstance(event, tuple) else event
            with lock:
                done[what["item"]] = max(done[what["item"]], what["done"])
                started.add(what["item"])
            if what.get("note"):
                LOG.warning("%s", what["note"])

        self.client.subscribe_topic(topic, heard)
        numbers: dict[Any, int] = {}
        tries: Counter[int] = Counter()
        deaths: Counter[int] = Counter()
        started: set[int] = set()  # since they were submitted: what only waited in a worker that ended is not to blame

        def submit(i: int):
            """Under a name that Dask's dashboard shows."""
            tries[i] += 1
            with lock:
                started.discard(i)
            name = f"{items[i].label}-{topic[-8:]}-{i}.{tries[i]}"
            future = self.client.submit(_carry_out, packed(items[i], threads), i, topic, key=name, pure=False)
            numbers[future] = i
            return future

        try:
            with self.client.as_current():
                left = as_completed([submit(i) for i in range(len(items))])
            while len(found) < len(items):
                for future in _next(left):
                    i = numbers[future]
                    if future.status == "error" and isinstance(future.exception(), KilledWorker):
                        deaths[i] += i in started
                        if deaths[i] < DEATHS and tries[i] < TRIES:
                            LOG.warning("The workers of %s ended: it is begun again.", items[i].label)
                            left.add(submit(i))
                            continue
                    found[i] = _outcome(items[i], future)
                    ended(found[i])
                    with lock:
                        done[i] = items[i].total
                with lock:
                    progress(sum(done))
        finally:
            self.client.unsubscribe_topic(topic)
            self.client.cancel([f for f in numbers if not f.done()], force=True)
        return [found[i] for i in range(len(items))]

    def _threads(self) -> int:
        """As many for each worker as its machine has cores for it."""
        machines = Counter(w["host"] for w in self.client.scheduler_info(n_workers=-1)["workers"].values())
        return max(1, cores() // max(machines.values(), default=1))


def _next(left: Any) -> list:
    """The items that are done by now, after a short while."""
    for _ in range(10):
        if not left.is_empty() and left.has_ready():
            return left.next_batch(block=False)
        time.sleep(0.02)
    return []


def _outcome(item: Item, future: Any) -> Outcome:
    try:
        return outcome(item, future.result())
    except Exception as err:  # such as KilledWorker: it ended several times
        return Outcome(item, failure=one_line(err))


def _carry_out(sent: dict, number: int, topic: str) -> dict:
    """In a worker: an item, whose progress is told. Nobody waits any more for what is cancelled."""
    from distributed import get_worker

    worker = get_worker()
    key = worker.get_current_task()

    def report(done: float):
        known = worker.state.tasks.get(key)
        if known is None or known.state in ("cancelled", "released", "forgotten"):
            raise InputError("it was cancelled")
        worker.log_event(topic, {"item": number, "done": done})

    class Notes(logging.Handler):
        def emit(self, record):
            worker.log_event(topic, {"item": number, "done": 0.0, "note": record.getMessage()})

    with _one:
        worker.log_event(topic, {"item": number, "done": 0.0})
        time.sleep(FLUSHED)
        notes, log = Notes(), logging.getLogger("phi_sol")
        log.addHandler(notes)
        try:
            return carry_out(sent, report)
        finally:
            log.removeHandler(notes)


@contextmanager
def connected(address: str) -> Iterator[Cluster]:
    """The cluster at an address (`tcp://host:8786`, or a scheduler's file); InputError if there is none."""
    try:
        from distributed import Client
    except ImportError:
        raise InputError(f"{INSTALL}.") from None
    try:
        where = {"scheduler_file": address} if Path(address).is_file() else {"address": address}
        client = Client(**where, timeout=CONNECT, set_as_default=False)
    except Exception as err:  # whatever Dask raises
        raise InputError(
            f"There is no Dask scheduler at {address} ({one_line(err)}): begin one with `dask scheduler`,"
            " or name another one."
        ) from None
    with client:
        yield Cluster(client)


@contextmanager
def started(file: Path) -> Iterator[Cluster]:
    """
    A cluster that a YAML file describes, which ends afterwards:

        cluster: slurm     # or pbs, sge, lsf, oar, moab, htcondor, by dask-jobqueue; or local
        workers: 8         # how many
        cores: 4           # and everything else that such a cluster takes
        memory: 8GB
        walltime: "02:00:00"

    Raises:
        InputError: if the file can't be read, or describes none.
    """
    given = _description(file)
    kind, workers = given.pop("cluster"), given.pop("workers")
    try:
        import distributed
    except ImportError:
        raise InputError(f"{INSTALL}.") from None
    if kind == "local":
        make, options = distributed.LocalCluster, {"n_workers": workers, "threads_per_worker": 1} | given
    else:
        name = CLASSES.get(kind, kind.upper())
        make, options = getattr(importlib.import_module("dask_jobqueue"), f"{name}Cluster"), given
    try:
        cluster = make(**options)
    except Exception as err:
        raise InputError(f"{file}: a cluster of the kind {kind} can't be started: {one_line(_cause(err))}.") from None
    with cluster, distributed.Client(cluster, set_as_default=False) as client:
        if kind != "local":
            cluster.scale(workers)
            LOG.warning(
                "Waiting for the first of %d workers; Dask's dashboard is at %s", workers, client.dashboard_link
            )
        client.wait_for_workers(1)
        yield Cluster(client)


def _cause(err: BaseException) -> BaseException:
    """What began it."""
    while err.__cause__ is not None:
        err = err.__cause__
    return err


def _description(file: Path) -> dict:
    try:
        import yaml
    except ImportError:
        raise InputError(f"{INSTALL}.") from None
    with reading(file):
        given = yaml.safe_load(file.read_text())
    if not isinstance(given, dict) or not all(isinstance(n, str) for n in given):
        raise InputError(f"{file} must hold lines such as `cluster: slurm` and `workers: 8`.")
    kind = given.get("cluster")
    if kind not in KINDS:
        raise InputError(
            f"{file}: cluster must be one of {', '.join(KINDS)}, not {quoted(kind)}.{suggestion(kind, KINDS)}"
        )
    integer(f"{file}: workers", given.get("workers"), 1, MOST)
    return dict(given)

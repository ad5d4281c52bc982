"""Clusters of Dask: the same work as by processes of this machine, versions, failures, addresses and files."""

import logging
from pathlib import Path

import pytest

from phi_sol import InputError
from phi_sol.workers import cluster as clusters
from phi_sol.workers.cluster import Cluster, connected, started
from phi_sol.workers.items import Item

distributed = pytest.importorskip("distributed")


def items(name: str, count: int, **arguments) -> list[Item]:
    return [Item(f"{name} {i}", f"errands:{name}", {"x": i} | arguments) for i in range(count)]


@pytest.fixture(scope="module")
def client():
    """Two workers that are threads of this process."""
    with (
        distributed.LocalCluster(n_workers=2, threads_per_worker=1, processes=False, dashboard_address=None) as made,
        distributed.Client(made, set_as_default=False) as client,
    ):
        yield client


@pytest.fixture(autouse=True)
def found(monkeypatch):
    monkeypatch.syspath_prepend(Path(__file__).parent)
    for name in ("TF_NUM_INTRAOP_THREADS", "TF_NUM_INTEROP_THREADS"):
        monkeypatch.setenv(name, "1")


def test_items_are_done_and_failures_named(client):
    told = []
    outcomes = Cluster(client).run([*items("square", 3), *items("refuse", 2), *items("full_disk", 1)], told.append)
    assert [o.result.get("square") for o in outcomes[:3]] == [0, 1, 4]
    assert [o.failure for o in outcomes[3:]] == [
        "",
        "odd numbers are not possible",
        "data/sim_000003/velocity_000001.npz: No space left on device",
    ]
    assert [o.wrong for o in outcomes[3:]] == [False, True, False]
    assert told[-1] == 6 and told == sorted(told)
    assert Cluster(client).run([]) == []


def test_a_worker_that_is_killed_again_and_again_fails_its_item_alone(tmp_path, monkeypatch):
    import dask

    monkeypatch.setenv("PYTHONPATH", str(Path(__file__).parent))
    limits = {"distributed.scheduler.allowed-failures": 0, "distributed.comm.timeouts.connect": "5s"}
    with (
        dask.config.set(limits),
        distributed.LocalCluster(n_workers=2, threads_per_worker=1, dashboard_address=None) as made,
        distributed.Client(made, set_as_default=False) as client,
    ):
        doomed = items("die", 1, folder=str(tmp_path), times=99, how="killed")
        outcomes = Cluster(client).run([*items("square", 4), *doomed])
    assert [o.result["square"] for o in outcomes[:4]] == [0, 1, 4, 9]
    assert outcomes[4].failure and not outcomes[4].result


def test_other_versions_are_refused(client, monkeypatch):
    from phi_sol.workers import items as sent

    own, versions = clusters.check_versions, sent.versions
    monkeypatch.setattr(sent, "versions", lambda: {n: "0.0" for n in sent.SAME})

    def check(found):  # here it is what it is again; several workers may ask at once
        sent.versions = versions
        own(found)

    monkeypatch.setattr(clusters, "check_versions", check)
    with pytest.raises(InputError, match=r"A worker on \S+ has phi_sol \d\S*, not 0.0: install the same everywhere"):
        Cluster(client)


def test_no_client_and_no_scheduler(monkeypatch, tmp_path):
    with pytest.raises(InputError, match="client must be a distributed.Client, not 3"):
        Cluster(3)
    monkeypatch.setattr(clusters, "CONNECT", 1)
    logging.getLogger("distributed").setLevel(logging.CRITICAL)
    with (
        pytest.raises(InputError, match="There is no Dask scheduler at tcp://127.0.0.1:1 .*begin one"),
        connected("tcp://127.0.0.1:1"),
    ):
        pass
    with pytest.raises(InputError, match="There is no Dask scheduler at nonsense://x"), connected("nonsense://x"):
        pass


BAD = {
    "cluster: slrm\nworkers: 2": "cluster must be one of slurm, .*, not 'slrm'. Did you mean 'slurm'",
    "cluster: local": "workers must be an integer of at least 1, not None",
    "cluster: local\nworkers: many": "workers must be an integer",
    "- 1": "must hold lines such as `cluster: slurm`",
    "cluster: [": "is damaged",
    "cluster: local\nworkers: 1\nwalltimes: 3": "a cluster of the kind local can't be started: .*walltimes",
    "cluster: slurm\nworkers: 1": "a cluster of the kind slurm can't be started: .*",
}


@pytest.mark.parametrize("text", BAD)
def test_files_that_describe_no_cluster(text, tmp_path):
    (tmp_path / "c.yaml").write_text(text)
    with pytest.raises(InputError, match=BAD[text]), started(tmp_path / "c.yaml"):
        pass


def test_a_file_that_is_not_there(tmp_path):
    with pytest.raises(FileNotFoundError, match="c.yaml is missing"), started(tmp_path / "c.yaml"):
        pass


def test_a_job_script_of_slurm_has_what_the_file_says(tmp_path, monkeypatch):
    """No queue here: what would be submitted is read."""
    import dask_jobqueue

    scripts = []

    class Queue(dask_jobqueue.SLURMCluster):
        def __init__(self, **options):
            super().__init__(**options)
            scripts.append(self.job_script())
            raise RuntimeError("no queue here")

    monkeypatch.setattr(dask_jobqueue, "SLURMCluster", Queue)
    (tmp_path / "c.yaml").write_text('cluster: slurm\nworkers: 3\ncores: 4\nmemory: 8GB\nwalltime: "02:00:00"\n')
    with pytest.raises(InputError, match="no queue here"), started(tmp_path / "c.yaml"):
        pass
    (script,) = scripts
    assert "#SBATCH --cpus-per-task=4" in script and "#SBATCH -t 02:00:00" in script


def test_without_dask(monkeypatch, tmp_path):
    import sys

    monkeypatch.setitem(sys.modules, "distributed", None)
    (tmp_path / "c.yaml").write_text("cluster: local\nworkers: 1")
    for call in (lambda: Cluster(None), connected("tcp://x:1").__enter__, started(tmp_path / "c.yaml").__enter__):
        with pytest.raises(InputError, match=r"pip install 'phi_sol\[cluster\]'"):
            call()

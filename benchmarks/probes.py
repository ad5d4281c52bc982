"""
What a corrector's network has made of a flow: linear probes on its features, which stay as they are, against the same
probes on the raw patches that it sees and on the features of a network with random weights.

    phi-sol generate benchmarks/flows/cylinder_2d.py --out data/cylinder_2d
    python benchmarks/probes.py --run runs/foundation --data data/cylinder_2d

Three questions, of wakes of a cylinder: the Reynolds number (its logarithm, of whole states), whether vortices are shed
(Re of 12 to 96 by radius, on
128x64 cells, of whole states), and how large the source's error after one step is (the logarithm of its
root mean square in each block of cells). Ridge regression; simulations that a probe is tested on are none that it was
fitted to (four folds), and how much it is damped is chosen within the others.
"""

import argparse
from pathlib import Path

import numpy as np
import tensorflow as tf
from common import read_json, show, versions, write_json

import phi_sol as ps
from phi_sol.experiment import load_experiment

FOLDS, DAMPING = 4, tuple(10.0**k for k in range(-4, 5))
SLOW = tuple(round(12 * 8 ** (i / 15), 1) for i in range(16))  # Reynolds numbers where shedding begins
SHED = 0.02  # root mean square of the lateral velocity behind the cylinder, relative to the stream


def fitted(x: np.ndarray, y: np.ndarray, damping: float):
    """Ridge regression of standardised inputs: a function of others."""
    mean, std = x.mean(0), x.std(0) + 1e-6
    z = (x - mean) / std
    weights = np.linalg.solve(z.T @ z + damping * len(z) / 100 * np.eye(z.shape[1]), z.T @ (y - y.mean()))
    return lambda other: (other - mean) / std @ weights + y.mean()


def predicted(x: np.ndarray, y: np.ndarray, groups: np.ndarray) -> np.ndarray:
    """Of every sample what a probe says that never saw its simulation."""
    found, names = np.zeros(len(y)), np.unique(groups)
    for fold in range(FOLDS):
        tested = np.isin(groups, names[fold::FOLDS])
        inner = np.isin(groups, np.delete(names, np.s_[fold::FOLDS])[::3])
        fit, check = ~tested & ~inner, ~tested & inner
        errors = [np.mean((fitted(x[fit], y[fit], d)(x[check]) - y[check]) ** 2) for d in DAMPING]
        best = DAMPING[int(np.argmin(errors))]
        found[tested] = fitted(x[~tested], y[~tested], best)(x[tested])
    return found


def explained(x, y, groups) -> float:
    """Share of the variance."""
    return float(1 - np.mean((predicted(x, y, groups) - y) ** 2) / np.var(y))


def right(x, y, groups) -> float:
    """Share of right answers to a question of yes (1) or no (0)."""
    return float(np.mean((predicted(x, y, groups) > 0.5) == (y > 0.5)))


def patches(corrector: ps.Corrector, state: ps.State, blocks: tuple[int, int]) -> np.ndarray:
    """The channels of the cells of each block, shape (batch, *blocks, channels)."""
    arrays, parameters = tensors(corrector, state)
    seen = corrector.channels.to_channels(arrays, parameters).numpy()
    batch, *cells, channels = seen.shape
    f = [n // b for n, b in zip(cells, blocks, strict=True)]
    apart = seen.reshape(batch, blocks[0], f[0], blocks[1], f[1], channels)
    return apart.transpose(0, 1, 3, 2, 4, 5).reshape(batch, *blocks, -1)


def tensors(corrector, state):
    from phi_sol.stepping.arrays import pack

    return [{n: tf.cast(a, tf.float32) for n, a in g.items()} for g in pack(corrector.channels.flow, state)[:2]]


def looks(trained: ps.Corrector, random: ps.Corrector, state: ps.State) -> dict[str, np.ndarray]:
    """What each way to look at states gives, shape (batch, *blocks, numbers)."""
    features = {"features": trained.features(state), "random network": random.features(state)}
    return features | {"raw patches": patches(trained, state, features["features"].shape[1:3])}


def pooled(x: np.ndarray) -> np.ndarray:
    """Of whole states: mean and deviation over all blocks."""
    flat = x.reshape(len(x), -1, x.shape[-1])
    return np.concatenate([flat.mean(1), flat.std(1)], -1)


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--run", required=True, help="folder of a scale-free run")
    parser.add_argument("--data", required=True, help="data of benchmarks/flows/cylinder_2d.py")
    given = parser.parse_args()
    experiment = load_experiment(str(Path(__file__).parent / "flows" / "cylinder_2d.py"))
    pair, data = experiment.pair, ps.Dataset.load(experiment.pair, given.data)
    trained = ps.Corrector.load(given.run).for_flow(pair.source)
    untrained = "faster" if "faster" in trained.network.name else trained.description["network"]
    random = ps.Corrector.create(pair.source, untrained, trained.statistics, scale_free=True, seed=1)
    rows = [*wakes(pair, data, trained, random), *shedding(pair, trained, random)]
    show("probes", rows)
    place = Path(__file__).parent / "results" / "foundation.json"
    write_json(place, read_json(place, {}) | {"probes": rows, "versions": versions()})


def wakes(pair, data, trained, random) -> list[dict]:
    """The Reynolds number, and the local error of the source."""
    reynolds, local = {}, {}
    frames = list(range(0, data.frames, 4))
    names = ["velocity.y", "velocity.x"]
    numbers, errors, whole, parts = [], [], [], []
    for k in frames:
        state = state_of(pair.source, data, k)
        seen = looks(trained, random, state)
        after = pair.source.rollout(state, 1, progress=False).arrays
        off = [(after[n][0] - data.arrays[n][:, k + 1]) ** 2 for n in names]
        blocks = seen["features"].shape[1:3]
        cells = [a[:, : pair.source.resolution["y"], : pair.source.resolution["x"]] for a in off]
        cells = [np.pad(a, [(0, 0), *((0, r - n) for n, r in zip(a.shape[1:], (64, 32), strict=True))]) for a in cells]
        square = sum(cells).reshape(len(data), blocks[0], 64 // blocks[0], blocks[1], 32 // blocks[1]).mean((2, 4))
        numbers.append(np.log10(data.parameters["reynolds"]))
        errors.append(np.log10(np.sqrt(square) + 1e-4).reshape(-1))
        whole.append(np.arange(len(data)))
        parts.append(np.repeat(np.arange(len(data)), blocks[0] * blocks[1]))
        for name, x in seen.items():
            reynolds.setdefault(name, []).append(pooled(x))
            local.setdefault(name, []).append(x.reshape(-1, x.shape[-1]))
    first = {n: explained(*map(np.concatenate, (x, numbers, whole))) for n, x in reynolds.items()}
    second = {n: explained(*map(np.concatenate, (x, errors, parts))) for n, x in local.items()}
    return [
        {"probe": "log Re, explained variance"} | first,
        {"probe": "log local error of the source, explained variance"} | second,
    ]


def shedding(pair, trained, random) -> list[dict]:
    """Whether vortices are shed, of single states."""
    pair = ps.SolverPair(ps.WakeFlow, {"y": 64, "x": 32}, ratio=2, time_ratio=20, dt=pair.source.dt)  # stable at low Re
    start = pair.reference.initial_state(reynolds=list(SLOW))
    late = pair.fine.rollout(start, 100, keep_every=100, progress=False).last
    frames = pair.restrict(pair.fine.rollout(late, 20, progress=False))
    lateral = frames.arrays["velocity.x"][:, :, 24:48, 8:24]  # behind the cylinder
    sheds = (np.sqrt(np.mean((lateral - lateral.mean(0)) ** 2, (0, 2, 3))) > SHED).astype(float)
    answers, groups, found = [], [], {}
    for state in frames[::4]:
        answers.append(sheds)
        groups.append(np.arange(len(SLOW)))
        for name, x in looks(trained, random, state).items():
            found.setdefault(name, []).append(pooled(x))
    share = {n: right(*map(np.concatenate, (x, answers, groups))) for n, x in found.items()}
    return [{"probe": f"vortices shed ({int(sheds.sum())} of {len(SLOW)}), right answers"} | share]


def state_of(flow, data, frame: int) -> ps.State:
    """A recorded frame of all simulations."""
    from phi.math import batch

    from phi_sol.stepping.arrays import unpack

    arrays = {n: tf.constant(a[:, frame]) for n, a in data.arrays.items()}
    return unpack(flow, arrays, {n: tf.constant(p) for n, p in data.parameters.items()}, batch(batch=len(data)))


if __name__ == "__main__":
    main()

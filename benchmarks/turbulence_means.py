"""
Two parts of turbulence.py: means of Kolmogorov flow over a long time, and the 3D Taylor-Green vortices; beside
phi_sol the spectral solver of tests/verification/spectral_box.py.
"""

import sys
import time
from pathlib import Path

import numpy as np
from common import five_digits
from sides import Effort
from turbulence_sides import DRAG, GRID, WAVE_NUMBER, options, restricted

sys.path.insert(0, str(Path(__file__).parents[1] / "tests" / "verification"))
from spectral_box import SpectralBox, from_faces, to_faces

# --- the same flow for the spectral solver ---


def kolmogorov(y, x):
    """f by component."""
    return np.zeros_like(y), np.sin(WAVE_NUMBER * y)


def spectral(n: int, forced: bool, viscosity: float) -> SpectralBox:
    force = {"drag": DRAG, "forcing": kolmogorov} if forced else {}
    return SpectralBox(n, 2, viscosity, **force)


def starts(n: int, seeds, forced: bool) -> list[dict]:
    """Random waves around four periods per box (up to 8): the same function on every grid, means over its faces."""
    from phi.math import NUMPY, precision

    from phi_sol import PeriodicBox

    with NUMPY, precision(64):
        flow = PeriodicBox(y=n, x=n, dt=1e-3, **options(forced))
        values = [flow.initial_state(seed=s).velocity.values for s in seeds]
    return [{d: v[{"~vector": d}].numpy("y,x") for d in "yx"} for v in values]


# --- statistics ---

THICK = 0.005  # a viscosity at which 96 x 96 points resolve the flow
WARMUP, SPAN, EVERY = 40, 160, 0.5
RUNS = {"central": {64: 0.02, 128: 0.0125}, "van_leer": {64: 0.0125}}


def statistics(effort: Effort) -> dict:
    """Means over time of energy, enstrophy and spectrum, on 64 x 64 faces, with the scatter between the simulations."""
    from phi.math import NUMPY

    from phi_sol import PeriodicBox

    warmup, span = (2, 2) if effort.quick else (WARMUP, SPAN)
    seeds = [0, 1] if effort.quick else [0, 1, 2]
    result = {"viscosity": THICK, "warmup": warmup, "span": span, "seeds": len(seeds), "cases": []}
    for scheme, sizes in RUNS.items():
        for n, dt in sizes.items():
            if effort.quick and n > 64:
                continue
            flow = PeriodicBox(y=n, x=n, dt=dt, advection=scheme, **options(True))
            with NUMPY:
                start = flow.initial_state(seed=seeds, viscosity=THICK)
            every = round(EVERY / dt)
            frames = flow.rollout(start, round((warmup + span) / EVERY) * every, every, False).arrays
            kept = {d: restricted(frames[f"velocity.{d}"][round(warmup / EVERY) :], d) for d in "yx"}
            result["cases"].append({"solver": scheme, "cells": n, "dt": dt} | means(kept))
    n, steps = (64, 25) if effort.quick else (96, 40)
    box, base = spectral(n, True, THICK), starts(GRID, seeds, True)
    states = [box.run(from_faces([s["y"], s["x"]], n), EVERY / steps, round(warmup / EVERY) * steps) for s in base]
    series = []
    for _ in range(round(span / EVERY)):
        states = [box.run(s, EVERY / steps, steps) for s in states]
        series.append([to_faces(s, GRID) for s in states])
    kept = {d: np.array([[s[i] for s in f] for f in series]) for i, d in enumerate("yx")}
    own = means(kept)
    result["cases"].append({"solver": "spectral", "cells": n, "dt": EVERY / steps} | own)
    from phi_sol.metrics import spectral_error

    for case in result["cases"]:
        ends = [np.array(c["spectrum"][1:22]) for c in (case, own)]
        case["spectral_error_to_21"] = five_digits(float(spectral_error(*ends)))
    return result


def means(frames: dict) -> dict:
    from phi_sol import PeriodicBox, metrics

    flow = PeriodicBox(y=GRID, x=GRID)
    count, seeds = frames["y"].shape[:2]
    arrays = {f"velocity.{d}": frames[d].reshape(-1, GRID, GRID) for d in "yx"}
    measured = {"energy": metrics.kinetic_energy(flow, arrays), "enstrophy": metrics.enstrophy(flow, arrays)}
    found = {}
    for name, series in measured.items():
        per_seed = series.reshape(count, seeds).mean(0)
        found[name] = five_digits(float(per_seed.mean()))
        found[f"{name}_error"] = five_digits(float(per_seed.std(ddof=1) / len(per_seed) ** 0.5))
    spectrum = metrics.energy_spectrum(flow, arrays)[1].mean(0)
    return found | {"spectrum": [five_digits(float(e)) for e in spectrum]}


# --- 3D vortices ---


def vortices(effort: Effort) -> dict:
    """Energy and dissipation 2 ν <ω² / 2> of the Taylor-Green vortices at ν = 0.01, every 0.2 until 10."""
    from phi.math import NUMPY

    from phi_sol import PeriodicBox, metrics

    end, result = (1.0 if effort.quick else 10.0), {"viscosity": 0.01, "cases": []}
    times = np.arange(1, round(end / 0.2) + 1) * 0.2
    for scheme, n in (("central", 32), ("central", 64), ("van_leer", 64))[: 1 if effort.quick else None]:
        flow = PeriodicBox(y=n, x=n, z=n, dt=0.05 if scheme == "central" else 0.02, advection=scheme,
                           initial="taylor_green")  # fmt: skip
        with NUMPY:
            start = flow.initial_state(viscosity=0.01)
        every = round(0.2 / flow.dt)
        begin = time.perf_counter()
        frames = flow.rollout(start, len(times) * every, every, False).arrays
        seconds = time.perf_counter() - begin
        energy, rate = [], []
        for i in range(len(times)):
            arrays = {name: a[i] for name, a in frames.items()}
            energy.append(float(metrics.kinetic_energy(flow, arrays)[0]))
            rate.append(float(0.02 * metrics.enstrophy(flow, arrays)[0]))
        result["cases"].append({"solver": scheme, "cells": n} | curves(times, energy, rate) | {"seconds": seconds})
    n = 16 if effort.quick else 64
    box, (z, y, x) = SpectralBox(n, 3, 0.01), np.meshgrid(*[2 * np.pi * np.arange(n) / n] * 3, indexing="ij")
    state = box._transform(np.array([0 * x, -np.cos(x) * np.sin(y) * np.cos(z), np.sin(x) * np.cos(y) * np.cos(z)]))
    values = []
    for _ in times:
        state = box.run(state, 0.05, 4)
        values.append(box.energy_and_dissipation(state))
    result["cases"].append({"solver": "spectral", "cells": n} | curves(times, *np.transpose(values).tolist()))
    return result


def curves(times, energy, rate) -> dict:
    """With the peak of the dissipation by a parabola through the greatest value and its neighbours."""
    i = int(np.clip(np.argmax(rate), 1, len(rate) - 2))
    a, b, c = np.polyfit(times[i - 1 : i + 2], rate[i - 1 : i + 2], 2)
    peak = {"peak_time": -b / (2 * a), "peak": c - b**2 / (4 * a)}
    series = {"times": times.tolist(), "energy": energy, "dissipation": rate}
    return {n: five_digits(float(v)) for n, v in peak.items()} | {n: [five_digits(v) for v in s]
                                                                  for n, s in series.items()}  # fmt: skip

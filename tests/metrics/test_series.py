"""Measures over time, and probes, against the measures of single states and closed forms; CSV files."""

import csv

import numpy as np
import pytest
from phi import math
from phi.geom import Sphere

from phi_sol import ForcedAdvection, InputError, Rollout, WakeFlow, metrics
from phi_sol.metrics import Metric

FLOW = WakeFlow(y=24, x=12)


@pytest.fixture(scope="module")
def frames():
    """Two simulations, 60 frames of noise around a stream: more than are measured at once."""
    rng, arrays = np.random.default_rng(0), {}
    for layout in FLOW.layouts.values():
        for n, c in zip(layout.arrays, layout.components, strict=True):
            arrays[n] = (rng.normal(size=(60, 2, *layout.shape(c))) + (c == "y")).astype(np.float32)
    return Rollout(
        FLOW, arrays, {"reynolds": np.array([150.0, 300.0])}, 2.0 * np.arange(1, 61), batch=math.batch(run=2)
    )


def test_series_are_the_measures_of_each_state(frames):
    series = metrics.series(frames, probes=[{"y": 100, "x": 50}])
    assert series["time"].tolist() == (2.0 * np.arange(1, 61)).tolist()
    assert {"kinetic_energy", "enstrophy", "divergence", "marker_mass", "drag", "lift"} < set(series)
    assert not {"spectrum", "profiles"} & set(series)
    assert {v.shape for n, v in series.items() if n != "time"} == {(60, 2)}
    for frame, run in ((0, 0), (59, 1), (50, 0)):
        one = {n: a[frame, [run]] for n, a in frames.arrays.items()}
        assert series["kinetic_energy"][frame, run] == pytest.approx(metrics.kinetic_energy(FLOW, one)[0])
        viscosity = FLOW.speed * FLOW.radius / frames.parameters["reynolds"][[run]]
        drag = metrics.force(FLOW, one, viscosity)["y"][0] / (0.5 * 2 * FLOW.radius)
        assert series["drag"][frame, run] == pytest.approx(drag)
        assert series["velocity.x at y=100 x=50"][frame, run] == pytest.approx(
            metrics.probe(FLOW, one, "x", {"y": 100, "x": 50})[0]
        )


def test_probes_of_linear_fields_are_exact():
    """Every array, staggered or not, of 2 y - 3 x + 1 at any point inside."""
    flow = WakeFlow(y=20, x=10)
    arrays = {}
    for layout in flow.layouts.values():
        for n, c in zip(layout.arrays, layout.components, strict=True):
            where = layout.intervals(c)
            y, x = np.meshgrid(*[(low + high) / 2 for low, high in (where["y"], where["x"])], indexing="ij")
            arrays[n] = (2 * y - 3 * x + 1)[None, None]
    frames = Rollout(flow, arrays, {"reynolds": np.array([100.0])}, np.array([0.0]))
    for y, x in ((100.0, 50.0), (93.7, 41.2), (151.0, 18.0)):
        series = metrics.series(frames, probes=[{"x": x, "y": y}], metrics=[])
        for n in arrays:
            assert series[f"{n} at y={y:g} x={x:g}"] == pytest.approx([2 * y - 3 * x + 1], rel=1e-9)


def test_own_metrics_and_flows_without_velocity_measures(frames):
    own = Metric("fastest", lambda flow, arrays, parameters: np.abs(arrays["velocity.y"]).max((1, 2)))
    series = metrics.series(frames[:3], metrics=[own])
    np.testing.assert_allclose(series["fastest"], np.abs(frames.arrays["velocity.y"][:3]).max((2, 3)))
    flow = ForcedAdvection(y=8, x=8)
    forced = Rollout(
        flow,
        {
            n: np.ones((2, 1, *x.shape(c)))
            for x in flow.layouts.values()
            for n, c in zip(x.arrays, x.components, strict=True)
        },
        {n: np.array([1.0]) for n in flow.parameters},
        np.array([0.1, 0.2]),
    )
    series = metrics.series(forced, probes=[{"y": 3, "x": 4}])
    assert series["forcing.x at y=3 x=4"].tolist() == [1, 1] and "time at y=3 x=4" not in series
    assert series["kinetic_energy"].shape == (2,)


def test_forces_of_each_obstacle():
    flow = WakeFlow(y=24, x=12, obstacles=[Sphere(y=50.0, x=30.0, radius=10.0), Sphere(y=50.0, x=70.0, radius=10.0)])
    rng = np.random.default_rng(0)
    pairs = [(n, x.shape(c)) for x in flow.layouts.values() for n, c in zip(x.arrays, x.components, strict=True)]
    frames = Rollout(
        flow, {n: rng.normal(size=(2, 1, *s)) for n, s in pairs}, {"reynolds": np.array([100.0])}, np.arange(2.0)
    )
    series = metrics.series(frames)
    each = [series[f"drag of obstacle {k}"] for k in (1, 2)]
    assert each[0].shape == (2,) and abs(each[0][0] - each[1][0]) > 1e-3
    np.testing.assert_allclose(each[0] + each[1], series["drag"], rtol=1e-6)


@pytest.mark.parametrize(
    "at, message",
    [
        ({"y": 100}, "A probe needs a position along each of the axes y, x, not along y"),
        ({"y": 100, "x": 50, "z": 1}, "along each of the axes y, x, not along y, x, z"),
        ({"y": 100, "x": 101}, "A probe at x=101 is not in the domain: x from 0 to 100"),
        ({"y": 100, "x": float("nan")}, "A probe at x=nan is not in the domain"),
        ((100, 50), r"A probe is a dictionary by axis \(y, x\), in a list of such, not \(100, 50\)"),
        ("y", "in a list of such, not 'y'"),
    ],
)
def test_probes_that_are_none(frames, at, message):
    with pytest.raises(InputError, match=message):
        metrics.series(frames, probes=[at])


def test_csv(frames, tmp_path):
    series = metrics.series(frames, metrics=[metrics.METRICS["kinetic_energy"]])
    metrics.write_series(series, tmp_path / "deep" / "two.csv")
    with open(tmp_path / "deep" / "two.csv", newline="") as file:
        header, *rows = csv.reader(file)
    assert header == ["simulation", "time", "kinetic_energy"] and len(rows) == 120
    assert [r[0] for r in rows] == ["0"] * 60 + ["1"] * 60 and rows[61][1] == "4"
    np.testing.assert_allclose([float(r[2]) for r in rows], series["kinetic_energy"].T.ravel(), rtol=1e-8)
    metrics.write_series({"time": [0.0], "drag": [np.nan]}, tmp_path / "one.csv", [{"reynolds": 150.0}])
    assert (tmp_path / "one.csv").read_text() == "reynolds,time,drag\n150.0,0,nan\n"


def test_parquet_has_what_csv_has_as_numbers(frames, tmp_path):
    parquet = pytest.importorskip("pyarrow.parquet", reason="pyarrow is not installed: pip install phi_sol[parquet]")
    found = metrics.series(frames, probes=[dict(y=50.0, x=50.0)])
    for name in ("s.csv", "s.parquet"):
        metrics.write_series(found, tmp_path / "new" / name)
    table = parquet.read_table(tmp_path / "new" / "s.parquet").to_pydict()
    with open(tmp_path / "new" / "s.csv", newline="") as file:
        rows = list(csv.DictReader(file))
    assert list(table) == list(rows[0]) and len(rows) == len(table["time"])
    for name, values in table.items():
        np.testing.assert_allclose(values, [float(r[name]) for r in rows], rtol=1e-8)
    with pytest.raises(InputError, match="written as .csv or .parquet, not as s.txt"):
        metrics.write_series(found, tmp_path / "s.txt")


def test_parquet_without_pyarrow(frames, tmp_path, monkeypatch):
    import sys

    monkeypatch.setitem(sys.modules, "pyarrow.parquet", None)
    with pytest.raises(FileNotFoundError, match=r"pip install 'phi_sol\[parquet\]'"):
        metrics.write_series({"time": np.arange(2.0)}, tmp_path / "s.parquet")

"""Correctors whose channels have no dimension: the same numbers in all flows, cells, speeds and mirrors."""

import numpy as np
import pytest
import tensorflow as tf

from phi_sol import BuoyantPlume, Corrector, Disc, HybridSolver, InputError, PeriodicBox, WakeFlow
from phi_sol.correctors.adapter import Adapter
from phi_sol.correctors.mirrors import TURNED, turned, turned_by
from phi_sol.correctors.scale_free import (
    CORRECTION,
    ScaleFree,
    channels_between,
    side_kind,
)
from phi_sol.correctors.statistics import Statistics
from phi_sol.stepping.arrays import array_names, pack

NONE = Statistics({}, {}, {}, {}, {})


def packed(flow, state):
    arrays, parameters, _ = pack(flow, state)
    return arrays, parameters


def channels_of(flow, state):
    arrays, parameters = packed(flow, state)
    found = ScaleFree(flow)
    return dict(zip(found.names, np.moveaxis(found.to_channels(arrays, parameters).numpy(), -1, 0), strict=True))


def wild(corrector, seed=3):
    """Weights that are not those of a beginner, whose last layer is zero."""
    rng = np.random.default_rng(seed)
    weights = [rng.normal(scale=0.3, size=w.shape).astype(np.float32) for w in corrector.network.get_weights()]
    corrector.network.set_weights(weights)
    return corrector


def test_velocity_and_diffusion_in_cells_and_steps():
    flow = WakeFlow(y=16, x=8, dt=2.0, obstacles=())
    seen = channels_of(flow, flow.initial_state(reynolds=100.0))
    # 12.5 domain units a cell, U = 1: 0.16 cells a step where it streams
    np.testing.assert_allclose(seen["velocity y-"][0, 0], 0.16, rtol=1e-5)
    viscosity, cell = 1.0 * 10 / 100, 12.5
    np.testing.assert_allclose(seen["diffusion"], (np.log10(viscosity * 2 / cell**2 + 1e-6) + 3) / 1.5, rtol=1e-5)
    assert not seen["solid"].any() and not seen["acceleration y-"].any()


def test_the_same_flow_in_other_units_looks_the_same():
    """Twice as large, at three times the speed, in steps that fit: the same numbers in all channels."""
    one = WakeFlow(y=16, x=8, dt=2.0)
    size, center = {"y": 400.0, "x": 200.0}, {"y": 100.0, "x": 100.0}
    other = WakeFlow(y=16, x=8, dt=4.0 / 3, speed=3.0, size=size, radius=20.0, center=center)
    arrays, parameters = packed(one, one.initial_state(reynolds=150.0))
    faster = {n: 3 * a if n.startswith("velocity") else a for n, a in arrays.items()}
    found = []
    for flow, values in ((one, arrays), (other, faster)):
        scale = ScaleFree(flow)
        seen = scale.to_channels(values, parameters).numpy()
        found.append(dict(zip(scale.names, np.moveaxis(seen, -1, 0), strict=True)))
    for name, values in found[0].items():
        np.testing.assert_allclose(found[1][name], values, atol=2e-5, err_msg=name)
    assert found[0]["solid"].max() == 1 and found[0]["solid y-"].max() == 1


def test_corrections_scale_with_cells_and_steps():
    small, large = WakeFlow(y=16, x=8, dt=2.0), WakeFlow(y=16, x=8, dt=1.0)
    said = tf.random.stateless_normal((1, 16, 8, 4), (1, 2))
    a, b = (ScaleFree(flow, local=False).from_channels(said, {}) for flow in (small, large))
    for name in a:
        assert a[name].shape == packed(small, small.initial_state(reynolds=99.0))[0][name].shape
        np.testing.assert_allclose(2 * a[name], b[name], rtol=1e-6)
    inner = CORRECTION * 12.5 / 2 * (said[..., :-1, 1] * 0 + said[:, :, :-1, 3] + said[:, :, 1:, 2]) / 2
    np.testing.assert_allclose(a["velocity.x"], inner, rtol=1e-5)


def test_periodic_faces_have_two_cells():
    box = PeriodicBox(y=8, x=8, dt=0.01)
    said = tf.random.stateless_normal((2, 8, 8, 4), (5, 2))
    found = ScaleFree(box, local=False).from_channels(said, {})["velocity.y"].numpy()
    unit = CORRECTION * 2 * np.pi / 8 / 0.01
    np.testing.assert_allclose(found[:, 0], unit * (said[:, -1, :, 1] + said[:, 0, :, 0]) / 2, rtol=1e-5)


def wave(box, amplitude: float = 1.0):
    """u = amplitude · sin(y), and the squared differences between neighbours along y, by hand."""
    y = (np.arange(16) + 0.5) * 2 * np.pi / 16
    u = amplitude * np.sin(y)[:, None] * np.ones(16)
    cells = u * box.dt / box.spacing["x"]
    squares = (np.roll(cells, -1, 0) - cells)[:, 0] ** 2 / 2
    return packed(box, box.initial_state(viscosity=0.01, velocity=(np.zeros((16, 16)), u))), squares


def test_corrections_scale_with_how_much_the_velocity_varies():
    box = PeriodicBox(y=16, x=16, dt=0.4)
    (arrays, _), squares = wave(box)
    distance = np.abs(np.arange(16)[:, None] - np.arange(16) - 0.5)
    weights = np.exp(-np.minimum(distance, 16 - distance) / 3)
    mean = weights @ squares / weights[0].sum()
    expected = np.tile((mean / np.sqrt(1 + mean**2 / 4))[:, None], (1, 16))
    np.testing.assert_allclose(ScaleFree(box).variation(arrays)[0], expected, rtol=1e-5)
    found = ScaleFree(box).from_channels(tf.ones((1, 16, 16, 4)), arrays)
    np.testing.assert_allclose(found["velocity.x"][0], expected / 2 * box.spacing["x"] / box.dt, rtol=1e-5)


def test_corrections_fade_where_the_flow_is_straight_and_stay_bounded():
    flow = WakeFlow(y=16, x=8, dt=2.0, radius=10.0)
    (arrays, _), said = packed(flow, flow.initial_state(reynolds=99.0)), tf.ones((1, 16, 8, 4))
    free = WakeFlow(y=16, x=8, dt=2.0, obstacles=())
    straight, _ = packed(free, free.initial_state(reynolds=99.0))
    assert all(not a.numpy().any() for a in ScaleFree(free).from_channels(said, straight).values())
    found = ScaleFree(flow).variation(arrays).numpy()[0]
    assert found.max() > 10 * found[-1].max() > 0
    box = PeriodicBox(y=16, x=16, dt=0.4)
    few, many = (float(tf.reduce_max(ScaleFree(box).variation(wave(box, a)[0][0]))) for a in (0.1, 1000.0))
    assert few == pytest.approx(0.01 * float(wave(box)[1].mean()), rel=0.7) and many == pytest.approx(2, rel=1e-3)


def test_a_mirrored_state_varies_alike():
    box = PeriodicBox(y=8, x=6, size={"y": 4.0, "x": 3.0}, dt=0.05)
    v, u = np.random.default_rng(1).normal(size=(2, 8, 6))
    values = packed(box, box.initial_state(viscosity=0.01, velocity=(v, u)))[0]
    v, u = (values[n].numpy()[0] for n in ("velocity.y", "velocity.x"))
    there = packed(box, box.initial_state(viscosity=0.01, velocity=(-np.roll(v[::-1], 1, 0), u[::-1])))[0]
    scale = ScaleFree(box)
    np.testing.assert_allclose(scale.variation(there)[0], scale.variation(values)[0, ::-1], rtol=1e-4)


def test_the_gradient_of_a_local_correction():
    """Against differences, in double precision."""
    box, rng = PeriodicBox(y=6, x=6, dt=0.4), np.random.default_rng(2)
    scale, said = ScaleFree(box), tf.constant(rng.normal(size=(1, 6, 6, 4)))
    arrays = {n: tf.constant(rng.normal(size=(1, 6, 6))) for n in scale.layout.arrays}
    way = {n: rng.normal(size=(1, 6, 6)) for n in arrays}
    cotangent = rng.normal(size=(1, 6, 6))

    def value(values):
        return tf.reduce_sum(scale.from_channels(said, values)["velocity.x"] * cotangent)

    with tf.GradientTape() as tape:
        tape.watch(arrays)
        total = value(arrays)
    slope = sum(float(tf.reduce_sum(g * way[n])) for n, g in tape.gradient(total, arrays).items())
    ahead, behind = ({n: a + e * way[n] for n, a in arrays.items()} for e in (1e-6, -1e-6))
    assert slope == pytest.approx(float(value(ahead) - value(behind)) / 2e-6, rel=1e-6)


def test_a_corrector_of_before_keeps_its_units(tmp_path):
    """One whose description says no more than that it is scale-free; it is no start for one of now."""
    box = PeriodicBox(y=8, x=8, dt=0.3)
    corrector = wild(Corrector.create(box, "fast", NONE, scale_free=True))
    arrays, parameters = packed(box, box.initial_state(viscosity=0.01))
    corrector.description = corrector.description | {"scale_free": True}
    corrector.save(tmp_path)
    old = Corrector.load(tmp_path).on(box)
    assert old.scale_free and not old.is_local
    given = old._front(old.channels.to_channels(arrays, parameters))
    expected = ScaleFree(box, local=False).from_channels(given, arrays)
    np.testing.assert_allclose(old(arrays, parameters)["velocity.x"], expected["velocity.x"], rtol=1e-5)
    with pytest.raises(InputError, match="an earlier version of phi_sol, whose corrections have other units"):
        Corrector.create(box, "fast", NONE, scale_free=True).take_over(old)


def test_forces_are_seen():
    box = PeriodicBox(y=16, x=16, dt=0.05, forcing="kolmogorov", drag=0.1, wave_number=2)
    state = box.initial_state(viscosity=0.01, velocity=(np.full((16, 16), 2.0), np.full((16, 16), -3.0)))
    seen = channels_of(box, state)
    unit = 10 * 0.05**2 / (2 * np.pi / 16)
    np.testing.assert_allclose(seen["acceleration y-"], -0.1 * 2 * unit, rtol=1e-4)
    np.testing.assert_allclose(seen["acceleration x+"].mean(), 0.1 * 3 * unit, rtol=1e-4)
    wave = seen["acceleration x+"][0].mean(1) / unit - 0.3
    y = (np.arange(16) + 0.5) * 2 * np.pi / 16
    assert np.corrcoef(wave, np.sin(2 * y))[0, 1] > 0.999 and 0.9 < wave.max() < 1.0
    plume = BuoyantPlume(y=16, x=8, dt=1.0)
    smoke = plume.initial_state(seed=1, buoyancy=0.3)
    found, marker = channels_of(plume, smoke), packed(plume, smoke)[0]["marker"].numpy()
    expected = 10 * 0.3 * (marker[:, 1:] + marker[:, :-1]) / 2 / plume.spacing["y"]
    np.testing.assert_allclose(found["acceleration y-"][:, 1:], expected, rtol=1e-4)
    dragged = box.with_terms(lambda state: {"velocity": -0.4 * state.velocity})
    np.testing.assert_allclose(channels_of(dragged, state)["acceleration y-"], -0.5 * 2 * unit, rtol=1e-4)


def test_sides_by_kind():
    flow = WakeFlow(y=16, x=8, walls={"x-": "no-slip", "x+": "free-slip"})
    layout = flow.layouts["velocity"]
    kinds = [side_kind(layout, d, upper) for d in "yx" for upper in (False, True)]
    assert kinds == ["inlet", "open", "sticking", "slipping"]
    seen = channels_of(flow, flow.initial_state(reynolds=100.0))
    np.testing.assert_allclose(seen["side sticking"][0, 3, :3], np.exp(-(np.arange(3) + 0.5) / 4), rtol=1e-5)
    np.testing.assert_allclose(seen["side open"][0, -2:, 0], np.exp(-np.array([1.5, 0.5]) / 4), rtol=1e-5)
    box = PeriodicBox(y=8, x=8)
    assert not any(v.any() for n, v in channels_of(box, box.initial_state()).items() if n.startswith("side"))


def test_bodies_by_their_coverage():
    body = Disc("post", {"y": 100.0, "x": 50.0}, radius=20.0, free=("radius",))
    flow = WakeFlow(y=64, x=32, bodies=body)
    seen = channels_of(flow, flow.initial_state(reynolds=100.0, post_radius=[20.0, 25.0]))
    cell = 200 / 64
    for i, radius in enumerate((20.0, 25.0)):
        assert abs(seen["solid"][i].sum() * cell**2 / (np.pi * radius**2) - 1) < 0.25
        assert seen["solid"][i].max() == 1 and seen["solid"][i].min() == 0
    assert seen["solid"][1].sum() > seen["solid"][0].sum()


@pytest.mark.parametrize("axis", [0, 1])
def test_a_mirrored_flow_gives_mirrored_channels(axis):
    """The mirrored state, made by hand from the faces of a box."""
    box = PeriodicBox(y=8, x=6, size={"y": 4.0, "x": 3.0}, dt=0.05)
    rng = np.random.default_rng(0)
    v, u = rng.normal(size=(2, 8, 6))
    here = box.initial_state(viscosity=0.01, velocity=(v, u))
    values = packed(box, here)[0]
    v, u = (values[n].numpy()[0] for n in ("velocity.y", "velocity.x"))
    there = [np.flip(v, axis), np.flip(u, axis)]
    there[axis] = -np.roll(there[axis], 1, axis)  # face i becomes face n - i
    mirror = box.initial_state(viscosity=0.01, velocity=tuple(there))
    scale = ScaleFree(box)
    seen, expected = (scale.to_channels(*packed(box, s)) for s in (here, mirror))
    np.testing.assert_allclose(turned(seen, ["y", "x"], axis), expected, atol=1e-5)


@pytest.mark.parametrize("form", [None, "increment", "stress", "viscosity"])
@pytest.mark.parametrize("dims", [["y", "x"], ["y", "x", "z"]])
def test_two_mirrors_are_none(form, dims):
    adapter = Adapter((4,) * len(dims), (), (), ())
    count = channels_between(True, form or "increment", adapter)[0 if form is None else 1]
    values = tf.random.stateless_normal((3, *range(4, 4 + len(dims)), count), (1, 1))
    for axis in range(len(dims)):
        np.testing.assert_array_equal(turned(turned(values, dims, axis, form), dims, axis, form), values)
    bits = tf.constant([0, 1, 3])
    found = turned_by(values, dims, bits, form)
    np.testing.assert_array_equal(found[0], values[0])
    np.testing.assert_array_equal(found[1], turned(values, dims, 0, form)[1])
    both = turned(turned(values, dims, 0, form), dims, 1, form)
    np.testing.assert_array_equal(found[2], both[2])


@pytest.mark.parametrize("form", ["increment", "stress", "viscosity"])
def test_a_mirrored_network_corrects_the_mirrored_flow(form):
    """Behind a mirror a network sees the mirrored flow, whose corrections are made by hand from the faces of a box."""
    box = PeriodicBox(y=8, x=8, dt=0.05)
    how = {"placement": "inside", "form": form} if form != "increment" else {}
    corrector = wild(Corrector.create(box, "fast", NONE, scale_free=True, **how))
    v, u = np.random.default_rng(0).normal(size=(2, 8, 8))
    here = packed(box, box.initial_state(viscosity=0.01, velocity=(v, u)))
    v, u = (here[0][n].numpy()[0] for n in ("velocity.y", "velocity.x"))
    there = packed(box, box.initial_state(viscosity=0.01, velocity=(-np.roll(v[::-1], 1, 0), u[::-1])))
    mirrored = corrector(here[0], here[1] | {TURNED: tf.constant([1])})
    direct = corrector(*there)
    expected = {
        "velocity.y": -np.roll(direct["velocity.y"].numpy()[:, ::-1], 1, 1),
        "velocity.x": direct["velocity.x"].numpy()[:, ::-1],
    }
    plain = corrector(*here)
    for name, values in expected.items():
        size = np.abs(values).max()
        np.testing.assert_allclose(mirrored[name], values, atol=2e-4 * size, err_msg=name)
        assert np.abs(plain[name] - values).max() > 1e-2 * size


def test_it_runs_on_other_cells_speeds_and_steps(tmp_path):
    flow = WakeFlow(y=16, x=8, dt=2.0)
    corrector = wild(Corrector.create(flow, "fast", NONE, scale_free=True))
    corrector.save(tmp_path)
    loaded = Corrector.load(tmp_path)
    assert loaded.scale_free and loaded.fingerprint == corrector.fingerprint
    with pytest.raises(InputError, match="needs the grid of its flow"):
        loaded(*packed(flow, flow.initial_state(reynolds=100.0)))
    other = WakeFlow(y=24, x=16, dt=1.0, speed=2.0, size={"y": 150.0, "x": 100.0})
    for there in (other, BuoyantPlume(y=16, x=16), PeriodicBox(y=16, x=16)):
        moved = loaded.for_flow(there)
        state = there.initial_state(
            **{n: 100.0 if n == "reynolds" else 0.01 for n in there.parameters if n != "seed"}
            | ({"seed": 1} if "seed" in there.parameters else {})
        )
        arrays, parameters = packed(there, state)
        arrays = {n: a + tf.random.stateless_uniform(a.shape, (3, 3)) for n, a in arrays.items()}  # none is at rest
        given = moved(arrays, parameters)
        assert {n: v.shape for n, v in given.items()} == {n: arrays[n].shape for n in array_names(there) if "." in n}
        assert all(np.isfinite(v).all() and np.abs(v).max() > 0 for v in given.values())


def test_the_same_bits_in_loops_and_steps():
    flow = WakeFlow(y=16, x=8, dt=2.0)
    corrector = wild(Corrector.create(flow, "fast", NONE, scale_free=True))
    corrector.network.set_weights([0.02 * w for w in corrector.network.get_weights()])
    hybrid, state = HybridSolver(flow, corrector), flow.initial_state(reynolds=[100.0, 300.0])
    long = hybrid.rollout(state, 3, progress=False)
    for _ in range(3):
        state = hybrid.step(state)
    arrays = packed(flow, state)[0]
    for n, a in arrays.items():
        np.testing.assert_allclose(long.arrays[n][-1], a, atol=1e-5, err_msg=n)


def test_what_is_refused():
    flow = WakeFlow(y=16, x=8)
    with pytest.raises(InputError, match="A scale-free corrector corrects the velocity, not marker"):
        Corrector.create(flow, "fast", NONE, correct=("marker",), scale_free=True)
    corrector = Corrector.create(flow, "fast", NONE, scale_free=True)
    with pytest.raises(InputError, match="it is for 2 axes"):
        corrector.for_flow(PeriodicBox(y=8, x=8, z=8))
    with pytest.raises(InputError, match="trained for another flow"):
        HybridSolver(WakeFlow(y=16, x=8, dt=2.0), corrector)

"""Smooth bodies: what they are, what flows say of them, and what does not depend on how a step is computed."""

import json
import pickle

import numpy as np
import pytest
from phi import math
from phi.math import spatial

from phi_sol import (
    BuoyantPlume,
    Disc,
    Experiment,
    ForcedAdvection,
    Generator,
    InputError,
    Outline,
    PeriodicBox,
    Rectangle,
    SmokeBox,
    WakeFlow,
    metrics,
)
from phi_sol.flows.comparison import first_difference

PLACE = dict(y=50.0, x=50.0)
DISC = Disc("cylinder", PLACE, 10.0, free=("y", "radius", "spin"))
DISCS = [Disc("a", dict(y=50.0, x=30.0), 10.0, free=("x",)), Disc("b", dict(y=70.0, x=70.0), 10.0, spin=0.1)]


class Heat(PeriodicBox):
    """Without a velocity."""

    fields, staggered, incompressible = ("heat",), (), False


def points(**values):
    return {d: math.wrap(np.asarray(v, float), spatial("points")) for d, v in values.items()}


def test_distances():
    disc, at = Disc("a", PLACE, 5.0), points(y=[0, 3, 6, 9], x=[0, 4, 8, 12])
    with math.precision(64):
        np.testing.assert_allclose(disc.distance(at, disc.numbers).numpy(), [-5, 0, 5, 10], atol=1e-5)
        box = Rectangle("a", PLACE, dict(y=6.0, x=2.0))
        at = points(y=[0, 5, 0, 6], x=[0, 0, 0.5, 5])
        np.testing.assert_allclose(box.distance(at, box.numbers).numpy(), [-1, 2, -0.5, 5], atol=1e-5)
        turned = Rectangle("a", PLACE, dict(y=6.0, x=2.0), np.pi / 2)
        at = points(y=[0, 0, 0.5], x=[0, 5, 0])
        np.testing.assert_allclose(turned.distance(at, turned.numbers).numpy(), [-1, 2, -0.5], atol=1e-5)


def test_an_outline_is_where_its_series_says_and_nearly_a_distance():
    outline = Outline("a", PLACE, 10.0, a=(0.0, 0.1), b=(0.05, 0.0, 0.08), angle=0.3)
    angle, h = np.linspace(0, 6, 50), 1e-3
    r = 10 * (1 + 0.1 * np.cos(2 * angle) + 0.05 * np.sin(angle) + 0.08 * np.sin(3 * angle))
    along = np.stack([r * np.cos(angle + 0.3), r * np.sin(angle + 0.3)])
    with math.precision(64):
        at = lambda p: outline.distance(points(y=p[0], x=p[1]), outline.numbers).numpy()  # noqa: E731
        np.testing.assert_allclose(at(along), 0, atol=1e-9)
        assert (at(1.1 * along) > 0).all() and (at(0.9 * along) < 0).all()
        steps = h * np.eye(2)[:, :, None]
        slope = np.hypot(*((at(along + s) - at(along - s)) / (2 * h) for s in steps))
    np.testing.assert_allclose(slope, 1, atol=1e-3)


def test_what_is_free_becomes_a_parameter_of_the_flow():
    flow = WakeFlow(y=32, x=16, bodies=DISC)
    assert flow.parameters == ("reynolds", "cylinder_y", "cylinder_radius", "cylinder_spin")
    assert flow.signed == ("cylinder_y", "cylinder_spin") and WakeFlow.parameters == ("reynolds",)
    assert flow.obstacles == () and flow.seen_parameters == ("reynolds", "cylinder_radius")
    with math.NUMPY:
        state = flow.initial_state(reynolds=[100.0, 200.0], cylinder_spin=[-0.1, 0.1])
    assert float(state.cylinder_y) == 50 if not state.cylinder_y.shape else (state.cylinder_y.numpy() == 50).all()
    np.testing.assert_allclose(state.cylinder_spin.numpy("batch"), [-0.1, 0.1], rtol=1e-6)
    assert len(WakeFlow(y=32, x=16, bodies=[DISC], obstacle="cylinder").obstacles) == 1


FLOWS = {
    "wake": (WakeFlow, dict(y=32, x=16), dict(reynolds=[100.0, 300.0])),
    "wake of fluxes": (WakeFlow, dict(y=32, x=16, dt=0.5, advection="central"), dict(reynolds=[100.0, 300.0])),
    "wake in 3D": (WakeFlow, dict(y=16, x=8, z=8), dict(reynolds=[100.0, 300.0])),
    "compressible": (ForcedAdvection, dict(y=16, x=16, size=dict(y=100, x=100)), dict(seed=[0, 1])),
    "plume": (BuoyantPlume, dict(y=32, x=16), dict(seed=[0, 1])),
    "box of smoke": (SmokeBox, dict(y=16, x=16, size=dict(y=100, x=100)), dict(seed=[0, 1])),
    "periodic": (PeriodicBox, dict(y=16, x=16, size=dict(y=100, x=100), dt=2.0), dict(seed=[0, 1])),
    "periodic, lookups": (
        PeriodicBox,
        dict(y=16, x=16, size=dict(y=100, x=100), dt=2.0, advection="mac_cormack"),
        dict(seed=[0, 1]),
    ),
}


SLOW = {"wake of fluxes", "wake in 3D", "plume", "box of smoke"}


@pytest.mark.parametrize("name", [pytest.param(n, marks=[pytest.mark.slow] if n in SLOW else []) for n in FLOWS])
def test_compiled_and_phiflow_steps_agree_and_the_body_holds_its_velocity(name):
    kind, options, given = FLOWS[name]
    body = Disc("a", PLACE, 26.0 if "3D" in name else 18.0, spin=0.01, free=("x", "spin", "vy"))
    flow = kind(**options, bodies=body)
    with math.NUMPY:
        state = start = flow.initial_state(**given, a_x=[45.0, 52.0], a_vy=[0.0, 0.02])
        for _ in range(3):
            state = flow.step(state)
    exact = metrics.arrays_of(flow, state)
    compiled = metrics.arrays_of(flow, flow.rollout(start, 3, progress=False).last)
    for n, values in exact.items():
        np.testing.assert_allclose(compiled[n], values, atol=2e-4, err_msg=n)
    if flow.incompressible:
        assert np.abs(metrics.divergence(flow, exact)).max() < 1e-5
    numbers = body.numbers_of(state.parameters)
    fastest = float(np.abs(exact["velocity.y"]).max())
    for c in "yx":
        with math.NUMPY:
            inside = flow.coverage(body, state.parameters, c) >= 1
            wanted = body.velocity(flow.offsets(body, numbers, c), numbers, c)
            part = math.where(inside, state.velocity.values[{"~vector": c}] - wanted, 0)
        assert float(math.max(math.abs(part), part.shape)) < 0.05 * fastest, c


def test_the_momentum_of_a_periodic_box_is_what_the_bodies_took():
    flow = PeriodicBox(y=24, x=24, size=dict(y=100, x=100), dt=1.0, bodies=DISCS)
    with math.NUMPY, math.precision(64):
        start = flow.initial_state(viscosity=0.5, velocity=lambda p: math.vec(y=1 + 0 * p.vector["y"], x=0.3))
        forces, after = metrics.body_forces(flow, start), flow.step(start)
        for c in "yx":
            before, then = (s.velocity.values[{"~vector": c}].numpy("y,x").sum() for s in (start, after))
            lost = -(then - before) * np.prod(list(flow.spacing.values()))
            np.testing.assert_allclose(float(forces["a"][c] + forces["b"][c]), lost, rtol=1e-8)
    assert float(forces["a"]["y"]) > 0 and abs(float(forces["b"]["torque"])) > 1e-3


def test_a_body_goes_through_the_sides_of_a_periodic_box():
    """Where it stands does not matter."""
    found = []
    for y in (50.0, 98.0, 2.0):
        flow = PeriodicBox(
            y=16, x=16, size=dict(y=64, x=64), dt=1.0, bodies=Disc("a", dict(y=50.0, x=20.0), 12, free=("y",))
        )
        with math.NUMPY, math.precision(64):
            state = flow.initial_state(
                viscosity=0.5, velocity=lambda p: math.vec(y=1 + 0 * p.vector["y"], x=0.3), a_y=[y % 64]
            )
            state = flow.step(flow.step(state))
            values = metrics.arrays_of(flow, state)["velocity.y"][0]
            found.append(np.roll(values, -round((y - 50) / 4), 0))
    np.testing.assert_allclose(found[1], found[0], atol=1e-6)
    np.testing.assert_allclose(found[2], found[0], atol=1e-6)


def test_definition_and_copies():
    flow, other = (WakeFlow(y=32, x=16, bodies=Disc("a", PLACE, r, free=("y",))) for r in (10.0, 11.0))
    config = json.loads(json.dumps(flow.config()))
    assert config == json.loads(json.dumps(WakeFlow(y=32, x=16, bodies=[Disc("a", PLACE, 10, free=["y"])]).config()))
    assert "radius" in first_difference(config, json.loads(json.dumps(other.config())))
    assert "bodies" not in json.dumps(WakeFlow(y=32, x=16).config())
    copied = pickle.loads(pickle.dumps(flow))
    assert copied.parameters == flow.parameters
    with math.NUMPY:
        a, b = (f.step(f.initial_state(reynolds=100.0)).velocity.values for f in (flow, copied))
    assert float(math.max(math.abs(a - b), a.shape)) == 0


def test_a_scene_with_bodies(tmp_path):
    scene = Experiment(
        "spinning", WakeFlow, dict(y=24, x=12), ratio=2, warmup=1, frames=2,
        train=dict(reynolds=(100.0, 200.0), cylinder_spin=(-0.1, 0.1)),
        test=dict(reynolds=(150.0,), cylinder_spin=(0.0,)),
        options=dict(bodies=[Disc("cylinder", PLACE, 20.0, free=("spin", "y"))]),
    )  # fmt: skip
    assert scene.simulations("train")[0] == {"reynolds": 100.0, "cylinder_spin": -0.1, "cylinder_y": 50.0}
    Generator(scene, "train", tmp_path).run()
    assert len(list(tmp_path.iterdir())) == 2
    with pytest.raises(InputError, match="cylinder_spin='fast' is not possible"):
        scene.simulations("test", {"cylinder_spin": ["fast"], "reynolds": [100.0]})


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda: Disc("a", PLACE, 0.0), "radius of the body 'a' .Disc. must be positive and finite, not 0.0"),
        (lambda: Disc("a b", PLACE, 1.0), "name of a body must be letters"),
        (lambda: Disc("a", dict(y=1.0), 1.0), "must be its place by axis"),
        (lambda: Disc("a", dict(y=1.0, x="left"), 1.0), "x of the body 'a' .Disc. must be a finite number"),
        (lambda: Disc("a", PLACE, 1.0, free=("raduis",)), "no number 'raduis'. Did you mean 'radius'"),
        (lambda: Disc("a", PLACE, 1.0, free="radius"), "must be a list of names"),
        (lambda: Disc("a", PLACE, 1.0, free=("x", "x")), "twice"),
        (lambda: Disc("a", PLACE, 1.0, velocity=dict(z=1.0)), "velocity of the body"),
        (lambda: Rectangle("a", PLACE, dict(y=1.0)), "lengths of a Rectangle"),
        (lambda: Rectangle("a", PLACE, dict(y=1.0, x=-1.0)), "lx of the body"),
        (lambda: Outline("a", PLACE, 1.0, a=(0.0, 1.2)), "has no inside"),
        (lambda: Outline("a", PLACE, 1.0, a=0.1), "lists of numbers"),
        (lambda: WakeFlow(y=32, x=16, bodies=Disc("a", dict(y=300.0, x=50.0), 20)), "y=300 is outside of the domain"),
        (lambda: WakeFlow(y=32, x=16, bodies=Disc("a", dict(y=30.0, z=50.0), 20)), "has a center along y, z"),
        (lambda: WakeFlow(y=32, x=16, bodies=Disc("a", PLACE, 5)), "too thin"),
        (lambda: WakeFlow(y=32, x=16, bodies=[DISC, DISC]), "Two bodies of a WakeFlow have the name 'cylinder'"),
        (lambda: WakeFlow(y=32, x=16, bodies=["disc"]), "are Disc, Rectangle, Outline or your own, not 'disc'"),
        (lambda: WakeFlow(y=32, x=16, bodies=3), "are a list of bodies"),
        (lambda: Heat(y=32, x=32, bodies=DISC), "Heat takes no bodies: it has no velocity"),
        (
            lambda: WakeFlow(y=32, x=16, bodies=DISC).initial_state(reynolds=1000.0, cylinder_y=-4.0),
            "y=-4 is outside of the domain",
        ),
        (
            lambda: WakeFlow(y=32, x=16, bodies=DISC).initial_state(reynolds=1000.0, cylinder_radius=-4.0),
            "cylinder_radius must be positive",
        ),
        (lambda: WakeFlow(y=32, x=16, bodies=DISC).initial_state(reynolds=1.0, cylinder_x=4.0), "has no parameter"),
        (lambda: metrics.body_forces(WakeFlow(y=32, x=16), None), "has none"),
    ],
)
def test_bad_input(make, message):
    with pytest.raises(InputError, match=message):
        make()

"""Domains, obstacles, walls and inlets that a user gives to a flow: what is taken, told apart and refused."""

import json

import numpy as np
import pytest
from phi import math
from phi.field import read, write
from phi.geom import Box, Sphere, union
from phi.math import channel, spatial
from phi.math.extrapolation import ZERO
from phi.physics.fluid import Obstacle

from phi_sol import BuoyantPlume, Experiment, Flow, ForcedAdvection, InputError, SmokeBox, SolverPair, State, WakeFlow
from phi_sol.flows.comparison import first_difference
from phi_sol.flows.geometry import Mask

SQUARE = Box(y=(37.5, 62.5), x=(37.5, 62.5))


def mask(shape=(16, 8)) -> np.ndarray:
    """The cells of `SQUARE`."""
    cells = np.zeros(shape, bool)
    a, b = (np.arange(n) for n in shape)
    y, x = np.meshgrid((a + 0.5) * 200 / shape[0], (b + 0.5) * 100 / shape[1], indexing="ij")
    cells[(abs(y - 50) < 12.5) & (abs(x - 50) < 12.5)] = True
    return cells


def parabola(position):
    x = position.vector["x"]
    return 0.06 * x * (1 - x / 100)


def configuration(**options) -> dict:
    return json.loads(json.dumps(WakeFlow(y=32, x=16, **options).config()))


# --- obstacles ---


@pytest.mark.parametrize(
    "obstacles",
    [
        SQUARE,
        [Box(x=(37.5, 62.5), y=(37.5, 62.5))],  # the axes in another order
        Obstacle(SQUARE),
        [Box(y=(37.5, 50), x=(37.5, 62.5)), Box(y=(50, 62.5), x=(37.5, 62.5))],
        union(Box(y=(37.5, 50), x=(37.5, 62.5)), Box(y=(50, 62.5), x=(37.5, 62.5))),
        union(SQUARE, Sphere(y=50, x=50, radius=5)),
        ~~SQUARE,
        SQUARE.rotated(np.pi),
        mask(),
        mask((64, 64)),
        math.wrap(mask().T, spatial("x,y")),
    ],
)
@pytest.mark.parametrize("grid", [dict(y=16, x=8), dict(y=48, x=24)])
def test_a_square_in_many_forms_is_the_same_on_every_grid(obstacles, grid):
    flow, expected = WakeFlow(**grid, obstacles=obstacles), WakeFlow(**grid, obstacles=[SQUARE])
    np.testing.assert_array_equal(flow.projection.fluid, expected.projection.fluid)
    assert (~flow.projection.fluid).mean() == pytest.approx(25 * 25 / 20000, abs=0.01)
    assert first_difference(flow.config(), flow.config()) == ""


def test_a_mask_knows_how_far_its_surface_is():
    cells = np.zeros((20, 10), bool)
    cells[8:12, 3:7] = True  # [80, 120] x [30, 70]
    geometry, where = Mask(cells, {"y": 200.0, "x": 100.0}), [[105, 55], [85, 55], [105, 75], [105, 95], [300, 55]]
    places = math.wrap(np.array(where, float), math.instance("points"), channel(vector="y,x"))
    assert geometry.lies_inside(places).numpy("points").tolist() == [True, True, False, False, False]
    np.testing.assert_allclose(geometry.approximate_signed_distance(places).numpy("points"), [-15, -5, 5, 25, 75])


@pytest.mark.parametrize(
    "flow, options, message",
    [
        (WakeFlow, dict(obstacles="square"), "An obstacle is a geometry, .* not str 'square'"),
        (WakeFlow, dict(obstacles=[3]), "An obstacle is a geometry, .* not int 3"),
        (
            WakeFlow,
            dict(obstacles=Sphere(y=500, x=50, radius=10)),
            r"\(Sphere\) covers no cell centre: it lies outside",
        ),
        (WakeFlow, dict(obstacles=Sphere(y=50, x=50, radius=1)), "cells of 12.5 x 12.5 are too coarse for it"),
        (WakeFlow, dict(obstacles=np.zeros((16, 8), bool)), r"\(Mask\) covers no cell centre"),
        (WakeFlow, dict(obstacles=Box(y=(-1, 201), x=(-1, 101))), "fill the whole domain .*: nothing is left to flow"),
        (WakeFlow, dict(obstacles=Box(y=(-1, 20), x=(-1, 101))), "must be at least 0 .* where no obstacle stands"),
        (WakeFlow, dict(obstacles=Sphere(y=50, x=50, z=50, radius=9)), "lives in y, x, z, but the grid in y, x"),
        (WakeFlow, dict(obstacles=np.zeros((4, 4, 4), bool)), "with the axes y, x in this order, not bool of shape"),
        (WakeFlow, dict(obstacles=np.ones((16, 8))), "must be a boolean array .* not float64"),
        (WakeFlow, dict(obstacles=Obstacle(SQUARE, velocity=(1.0, 0))), "can't move"),
        (WakeFlow, dict(obstacles=SQUARE, obstacle="cylinder"), "'cylinder' or obstacles of your own, not both"),
        (WakeFlow, dict(obstacle="own"), "no obstacle 'own'. Known: cylinder"),
        (ForcedAdvection, dict(obstacles=SQUARE), "takes no obstacles: it has no pressure"),
        (WakeFlow, dict(centre=dict(y=3)), "WakeFlow has no argument 'centre'. Did you mean 'center'"),
        (WakeFlow, dict(size=dict(w=3)), "size of a WakeFlow has no axis 'w'. The axes of this flow: y, x"),
        (WakeFlow, dict(size=dict(z=3)), "has no axis 'z'"),
        (WakeFlow, dict(size=dict(y=-3)), "size of a WakeFlow must be positive and finite along y, not -3"),
        (WakeFlow, dict(size=100), r"must be a dictionary by axis \(y, x\), not 100"),
        (SmokeBox, dict(size=dict(x=float("nan"))), "must be positive and finite along x"),
        (WakeFlow, dict(radius=0), "radius of a 2D WakeFlow must be positive and finite, not 0"),
        (WakeFlow, dict(speed="fast"), "speed of a 2D WakeFlow must be a number, positive and finite, not 'fast'"),
        (ForcedAdvection, dict(speed=-1.0), "speed of a ForcedAdvection must be positive"),
        (WakeFlow, dict(radius=60), r"cylinder of radius 60 at y=50 is not inside of the domain \[0, 200\]"),
        (WakeFlow, dict(center=dict(x=95)), "cylinder of radius 10 at x=95 is not inside"),
        (WakeFlow, dict(center=dict(y=250), obstacles=SQUARE), "Its center at y=250 is not inside"),
        (WakeFlow, dict(center=dict(q=1)), "center of a 2D WakeFlow has no axis 'q'"),
        (WakeFlow, dict(walls="slip"), "walls of a 2D WakeFlow can't be 'slip' at x-. Did you mean 'no-slip'"),
        (WakeFlow, dict(walls={"y-": "no-slip"}), r"have no side 'y-'. Known: x-, x\+, or an axis for both"),
        (WakeFlow, dict(walls={"x-": "periodic"}), "periodic at both sides of x, or at none"),
        (WakeFlow, dict(inlet="fast"), "An inlet is a number or a function of position, not 'fast'"),
        (WakeFlow, dict(inlet=-1.0), "inlet of a WakeFlow must be at least 0 .* not -1 to -1"),
        (WakeFlow, dict(inlet=float("inf")), "An inlet is a number or a function"),
        (WakeFlow, dict(inlet=np.ones(8)), "An inlet is a number or a function of position, not array"),
        (WakeFlow, dict(inlet=math.wrap(1.0)), "An inlet is a number or a function"),
        (WakeFlow, dict(inlet=lambda p: 0.0), "must be at least 0 all over y = 0, and positive"),
        (WakeFlow, dict(inlet=lambda p: 1 - p.vector["x"] / 50), "not -0.875 to 0.875"),
        (WakeFlow, dict(inlet=lambda p: 1 / (p.vector["x"] * 0)), "must be finite everywhere"),
        (WakeFlow, dict(inlet=lambda p: p), "one number per position, the speed along y, not a vector"),
        (WakeFlow, dict(inlet=lambda p: "fast"), "must give a number per position, not str"),
        (WakeFlow, dict(inflow=dict(y=(5, 300))), r"an interval \(from, to\) in the domain \[0, 200\] along y"),
        (WakeFlow, dict(inflow=dict(y=3)), "an interval .* not 3"),
        (WakeFlow, dict(inflow=dict(t=(1, 2))), "inflow of marker in a 2D WakeFlow has no axis 't'"),
        (BuoyantPlume, dict(source=dict(y=(20, 10))), "source of a BuoyantPlume must be an interval"),
        (BuoyantPlume, dict(obstacles=Sphere(y=-50, x=50, radius=10)), "lies outside of the domain"),
    ],
)
def test_what_is_not_possible_is_refused_in_one_line(flow, options, message):
    with pytest.raises(InputError, match=message) as caught, np.errstate(all="ignore"):
        flow(y=16, x=8, **options)
    assert "\n" not in str(caught.value)


class Eddy(Flow):
    """The least flow of a user's own."""

    fields, size = ("velocity",), {"y": 2.0, "x": 1.0}

    @property
    def boundaries(self):
        return {"velocity": ZERO}

    def initial_state(self):
        return State({"velocity": self.field("velocity", 0.0)})

    def physics(self, state, dt):
        return state.with_fields(velocity=self.projection(state.velocity)[0])


def test_flows_of_one_s_own_take_size_and_obstacles():
    flow = Eddy(y=16, x=8, size=dict(x=4.0), obstacles=Sphere(y=1, x=2, radius=0.5))
    assert flow.size == {"y": 2.0, "x": 4.0} and not flow.projection.fluid.all()
    assert "obstacles is missing instead of" in first_difference(
        Eddy(y=16, x=8, size=dict(x=4.0)).config(), flow.config()
    )
    walled = type("Walled", (Eddy,), {"obstacles": property(lambda self: ())})
    with pytest.raises(InputError, match="Walled takes no obstacles: it has obstacles of its own"):
        walled(y=16, x=8, obstacles=SQUARE)
    with pytest.raises(InputError, match="takes no obstacles: it has no pressure"):
        type("Free", (Eddy,), {"incompressible": False})(y=16, x=8, obstacles=SQUARE)


# --- configurations ---


@pytest.mark.parametrize(
    "options, same",
    [
        (dict(radius=12.0), dict(radius=12)),
        (dict(speed=2.0, size=dict(y=300)), dict(size=dict(y=300, x=100), speed=2)),
        (dict(center=dict(y=60)), dict(center=dict(y=60.0, x=50.0))),
        (dict(walls="no-slip"), dict(walls={"x": "no-slip"})),
        (dict(walls="free-slip"), dict(walls={"x-": "free-slip", "x+": "free-slip"})),
        (dict(inlet=2.0), dict(inlet=2)),
        (dict(inlet=parabola), dict(inlet=parabola)),
        (dict(inflow=dict(y=(5, 20))), dict(inflow=dict(y=(5.0, 20.0), x=(0, 100)))),
        (dict(obstacles=()), dict(obstacles=[])),
        (dict(obstacles=SQUARE), dict(obstacles=[Obstacle(Box(x=(37.5, 62.5), y=(37.5, 62.5)))])),
        (dict(obstacles=mask()), dict(obstacles=[mask()])),
        (dict(obstacles=Sphere(y=50, x=50, radius=10)), dict(obstacles=Sphere(y=50, x=50, radius=10.0))),
    ],
)
def test_equal_geometries_are_the_same_and_others_are_not(options, same):
    usual = configuration()
    assert configuration(**options) == configuration(**same) != usual
    assert first_difference(usual, configuration(**options))


def test_defaults_that_are_given_change_nothing():
    given = dict(radius=10, speed=1, center=dict(y=50), size=dict(y=200), walls="moving", inlet=1.0)
    assert configuration(**given, inflow=dict(y=(5, 10), x=(25, 75)), obstacle="cylinder") == configuration()
    assert json.dumps(configuration()["definition"]["options"], sort_keys=True) == (
        '{"advection": "semi_lagrangian", "dt": 1.0, "obstacle": "cylinder"}'  # as version 0.2 has it
    )
    plume = BuoyantPlume(y=16, x=8, source=dict(y=(10, 20), x=(40, 60)), size=dict(x=100))
    assert plume.config() == BuoyantPlume(y=16, x=8).config()


@pytest.mark.parametrize("shift", [0.25, 1e-3])
def test_obstacles_that_cover_the_same_cells_are_told_apart(shift):
    moved = Box(y=(37.5 + shift, 62.5), x=(37.5, 62.5))
    assert configuration(obstacles=moved) != configuration(obstacles=SQUARE)


def test_masks_of_the_same_cells_but_another_resolution_are_told_apart():
    assert configuration(obstacles=mask((16, 8))) != configuration(obstacles=mask((32, 16)))
    assert configuration(obstacles=mask())["definition"]["obstacles"]["Mask"]["cells"].startswith("<array 16x8")


# --- what follows from them ---


def test_defaults_keep_their_places_in_another_domain():
    flow = WakeFlow(y=32, x=16, size=dict(y=400, x=200))
    assert flow.center == {"y": 100, "x": 100} and flow.radius == 10
    assert float(flow.inflow.values.sum) * 12.5**2 == pytest.approx(10 * 100)
    assert WakeFlow(y=32, x=16, size=dict(x=200)).center == {"y": 50, "x": 100}


def test_source_and_reference_get_the_same_flow_of_everything():
    experiment = Experiment(
        name="step",
        flow=WakeFlow,
        source=dict(y=16, x=8),
        ratio=2,
        train=dict(reynolds=(100.0,)),
        test=dict(reynolds=(200.0,)),
        options=dict(dt=0.5, obstacles=[mask()], inlet=parabola, walls="no-slip", inflow=dict(y=(3, 9), x=(40, 61))),
    )
    source, reference = experiment.pair.source, experiment.pair.reference
    fluxes = [float(f.entering.sum) * f.spacing["x"] for f in (source, reference)]
    assert fluxes == pytest.approx([100.0, 100.0], rel=1e-12)  # of the parabola, by its closed form
    masses = [float(f.inflow.values.sum) * np.prod(list(f.spacing.values())) for f in (source, reference)]
    assert masses == pytest.approx([6 * 21] * 2, rel=1e-6)
    assert experiment.pair.config == SolverPair(WakeFlow, dict(y=16, x=8), 2, **experiment.options).config


def test_phiflow_reads_fields_with_a_profile(tmp_path):
    """Its files know no profiles; what they store of the field is what it is, and the flux at the inlet is kept."""
    flow = WakeFlow(y=16, x=8, inlet=parabola, walls="no-slip", obstacles=())
    with math.NUMPY:
        velocity = flow.initial_state(reynolds=100.0).velocity
        write(velocity, str(tmp_path / "v.npz"))
        again = read(str(tmp_path / "v.npz"))
    for d in "yx":
        a, b = (f.values[{"~vector": d}].numpy("y,x") for f in (velocity, again))
        np.testing.assert_allclose(a, b)
    assert "1.0" in repr(again.boundary)


def test_limits_of_the_time_step_know_speed_and_profile():
    WakeFlow(y=16, x=8).check_stability(40.0, reynolds=1e4)
    for options in (dict(speed=2.0), dict(inlet=2.0), dict(inlet=lambda p: p.vector["x"] / 40), dict(size=dict(x=50))):
        with pytest.raises(InputError, match="crosses the domain"):
            WakeFlow(y=16, x=8, **options).check_stability(40.0, reynolds=1e4)
    with pytest.raises(InputError, match="too viscous"):
        WakeFlow(y=16, x=8, size=dict(y=2, x=1), radius=0.1).check_stability(0.4, reynolds=1.0)
    with pytest.raises(InputError, match="dt <= 0.1"):
        ForcedAdvection(y=16, x=16, size=dict(y=1, x=1)).check_stability(1.0, 0, 1e-4, 0.15)


def test_without_obstacles_nothing_is_poked_and_with_some_the_poke_is_behind_the_center():
    with math.NUMPY:
        empty = WakeFlow(y=16, x=8, obstacles=()).initial_state(reynolds=100.0)
        np.testing.assert_allclose(empty.velocity.values[{"~vector": "x"}].numpy("y,x"), 0)
        flow = WakeFlow(y=16, x=8, obstacles=SQUARE, center=dict(y=100))
        poked, calm = (flow.initial_state(reynolds=100.0, poke=p).velocity.values for p in (1.0, 0.0))
    change = np.abs((poked - calm)[{"~vector": "x"}].numpy("y,x")).max(1)
    assert 100 < (change.argmax() + 0.5) * 12.5 < 150 and change.max() > 0.1


def test_what_plumes_boxes_and_forced_flows_take():
    plume = BuoyantPlume(y=16, x=8, size=dict(y=100), inflow=0.5, source=dict(y=(10, 30), x=(20, 40)))
    assert float(plume.source.values.sum) * 6.25 * 12.5 == pytest.approx(0.5 * 20 * 20)
    with math.NUMPY:
        smoke = [
            f.initial_state(seed=1).marker
            for f in (BuoyantPlume(y=16, x=8), BuoyantPlume(y=16, x=8, size=dict(y=400, x=200)))
        ]
        np.testing.assert_allclose(*[m.values.numpy("y,x") for m in smoke], rtol=1e-5)
        box = SmokeBox(y=16, x=16, size=dict(y=128, x=128), obstacles=Sphere(y=64, x=64, radius=20))
        state = box.initial_state(seed=1)
        fast = ForcedAdvection(y=16, x=16, size=dict(y=16, x=16), speed=1.0)
        twice = fast.initial_state(seed=1).velocity.values.numpy("~vector,y,x")
        once = ForcedAdvection(y=16, x=16).initial_state(seed=1).velocity.values.numpy("~vector,y,x")
    blocked = ~np.asarray(box.projection.open_faces.values[{"~vector": "y"}].numpy("y,x") > 0)
    assert blocked.any() and not state.velocity.values[{"~vector": "y"}].numpy("y,x")[blocked].any()
    np.testing.assert_allclose(twice, 2 * once, atol=1e-5)

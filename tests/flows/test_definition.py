"""What defines a flow enters its configuration by itself, whatever its author wrote."""

import json
import logging
from functools import cached_property, partial

import numpy as np
import pytest
from phi import math
from phi.field import as_boundary
from phi.geom import Box, Geometry, Sphere
from phi.math.extrapolation import ONE, PERIODIC, ZERO, ZERO_GRADIENT, combine_by_direction, combine_sides

from phi_sol import BuoyantPlume, ForcedAdvection, SmokeBox, WakeFlow
from phi_sol.flows import Flow, comparison
from phi_sol.flows.comparison import first_difference, same_config
from phi_sol.flows.definition import describe


def bump(y, height=1.0):
    return height * y


def steep(y, height=1.0):
    return height * y * y


class Own(Flow):
    """A flow of a user's own, with every kind of thing that may define it."""

    fields = ("velocity",)
    size = {"y": 2.0, "x": 1.0}
    speed = 1.0
    colors = ("red", "blue")

    def __init__(self, radius=0.25, profile=bump, walls=ZERO, around=None, center=(1.0, 0.5), **kwargs):
        super().__init__(**kwargs)
        self.radius, self.profile, self.walls, self.around, self.center = radius, profile, walls, around, center
        self.table = np.arange(20.0)
        self._hidden = object()

    @property
    def boundaries(self):
        return {"velocity": self.walls}

    @cached_property
    def obstacles(self):
        y, x = self.center
        return (self.around or Sphere(y=y, x=x, radius=self.radius),)

    def initial_state(self):
        raise NotImplementedError

    def physics(self, state, dt):
        return state


def config(**options) -> dict:
    """As it comes from disk."""
    return json.loads(json.dumps(Own(y=16, x=8, **options).config()))


@pytest.mark.parametrize("flow", [WakeFlow, BuoyantPlume, ForcedAdvection, SmokeBox])
def test_equal_flows_have_equal_configurations_before_and_after_use(flow):
    first, second = flow(y=16, x=16), flow(y=16, x=16, dt=flow.dt)
    before = json.loads(json.dumps(first.config()))
    _ = first.templates, first.projection if first.incompressible else None, first.compiled, first.covered_fraction({})
    assert first_difference(before, first.config()) == first_difference(before, second.config()) == ""


CHANGES = [
    (dict(radius=0.45), "radius is 0.25 instead of 0.45"),
    (dict(center=(1.0, 0.6)), r"center is \[1.0, 0.5\] instead of \[1.0, 0.6\]"),
    (dict(profile=steep), "profile is <function bump .*> instead of <function steep"),
    (dict(profile=lambda y: 2 * y), "profile is <function bump .*> instead of <function <lambda>"),
    (dict(profile=partial(bump, height=2.0)), "profile is .* instead of .*'height': 2.0"),
    (dict(around=Box(y=(0.5, 1), x=(0.2, 0.6))), r"around is None instead of \{'type': 'Box'"),
    (dict(walls=ONE), "walls.value is 0 instead of 1"),
    (dict(walls=PERIODIC), "walls.type is ConstantExtrapolation instead of _PeriodicExtrapolation"),
    (dict(dt=0.5), "^dt is 1.0 instead of 0.5"),
]


@pytest.mark.parametrize("change, message", CHANGES)
def test_options_enter(change, message):
    with pytest.raises(AssertionError, match=message):
        raise AssertionError(first_difference(config(), config(**change)))
    assert same_config(config(**change), config(**change)) and not same_config(config(), config(**change))


def test_passing_a_default_on_changes_nothing():
    assert first_difference(config(), config(radius=0.25, advection="semi_lagrangian")) == ""
    assert "advection is semi_lagrangian instead of mac_cormack" in first_difference(
        config(), config(advection="mac_cormack")
    )


@pytest.mark.parametrize("kind", [float, np.float64, np.array])
def test_numbers_of_numpy_are_numbers(kind):
    assert first_difference(config(radius=0.45), config(radius=kind(0.45))) == ""


def test_precision_and_backend_change_nothing():
    from phi.tf import TENSORFLOW

    options = [dict(around=Sphere(y=1 / 3, x=0.7, radius=0.1)), dict(center=(1 / 3, 0.7), radius=0.1)]
    with math.precision(64), TENSORFLOW:
        other = [config(around=Sphere(y=1 / 3, x=0.7, radius=0.1)), config(**options[1])]
    assert [first_difference(config(**o), c) for o, c in zip(options, other, strict=True)] == ["", ""]


def subclass(**attributes):
    return type("Own", (Own,), attributes)(y=16, x=8).config()


@pytest.mark.parametrize(
    "change, message",
    [
        (dict(speed=2.0), "speed is 1.0 instead of 2.0"),
        (dict(colors=("red", "green")), "colors is"),
        (dict(incompressible=False), "incompressible is None instead of False|incompressible is missing"),
        (dict(strength=3), "strength is missing instead of 3"),
        (dict(obstacles=property(lambda self: ())), "obstacles.Sphere is"),
        (dict(obstacles=property(lambda self: Sphere(y=1.0, x=0.5, radius=0.3))), "obstacles.Sphere.radius is 0.25"),
        (
            dict(boundaries=property(lambda self: {"velocity": ONE})),
            r"boundaries.velocity.y.y- is closed 0 instead of c",
        ),
    ],
)
def test_class_attributes_obstacles_and_boundaries_enter(change, message):
    with pytest.raises(AssertionError, match=message):
        raise AssertionError(first_difference(config(), subclass(**change)))


@pytest.mark.parametrize(
    "other, side",
    [
        (combine_by_direction(normal=ZERO, tangential=ZERO_GRADIENT), "y.x- is closed 0 instead of open"),
        (combine_sides(y=ZERO, x=PERIODIC), "y.x- is closed 0 instead of periodic"),
        (combine_sides({"y-": ZERO, "y+": ZERO_GRADIENT, "x": ZERO}), r"y.y\+ is closed 0 instead of open"),
        (as_boundary({"y-": math.vec(y=2.0, x=0.0), "y+": ZERO, "x": ZERO}), "y.y- is closed 0 instead of closed 2"),
    ],
)
def test_every_side_of_every_component_enters(other, side):
    changed = subclass(boundaries=property(lambda self: {"velocity": other}))
    with pytest.raises(AssertionError, match=side):
        raise AssertionError(first_difference(config(), changed))


def test_the_solid_cells_of_a_geometry_of_one_s_own_enter():
    class Lump(Sphere):
        grown = 1.0

        def lies_inside(self, location):
            return Sphere(self.pos, radius=self.radius * type(self).grown).lies_inside(location)

    lump = Lump(math.vec(y=1.0, x=0.5), radius=0.25)
    assert isinstance(lump, Geometry)
    before = config(around=lump)
    Lump.grown = 1.5
    assert "obstacles.cells is" in first_difference(before, config(around=lump))


def test_attributes_of_the_instance_enter_and_caches_do_not():
    flow = Own(y=16, x=8)
    before = flow.config()
    assert "table" in before["definition"]["attributes"] and "_hidden" not in json.dumps(before)
    flow.table = flow.table + 1
    assert "table is <array 20 " in first_difference(before, flow.config())


@pytest.mark.parametrize(
    "value",
    [
        *[1, True, None, "x", 0.1, np.inf, [1, (2, 3)], {"a": {2, 1}}, np.arange(3), np.eye(9)],
        *[math.wrap(3.0), math.vec(y=1, x=2), Sphere(y=1, x=2, radius=1), ZERO],
        *[print, np.sin, bump, math, Own, partial(bump, height=np.eye(5))],
    ],
)
def test_descriptions_are_json_ready_and_without_addresses(value):
    text = json.dumps(describe(value))
    assert text == json.dumps(describe(value)) and " at 0x" not in text and len(text) < 300


def test_objects_that_hold_each_other_and_networks_are_described():
    class Node:
        def __init__(self):
            self.me, self.number = self, 3

    assert describe(Node()) == {"type": "Node", "me": "<Node>", "number": 3}
    import keras

    assert describe(keras.Sequential([keras.layers.Dense(2)])) == "<Sequential>"


def test_profiles_differ_by_their_values_and_not_by_round_off():
    profile = np.sin(np.linspace(0, 3, 50))
    assert describe(profile) == describe(profile * (1 + 1e-15)) != describe(profile * 1.001)


STEP = "def physics(self, state, dt):\n    {doc}\n    return {value}  {comment}\n"


def with_physics(tmp_path, name="a", value="state", comment="", doc="'''One step.'''", **names):
    path = tmp_path / f"{name}.py"
    path.write_text(STEP.format(value=value, comment=comment, doc=doc))
    space = dict(names)
    exec(compile(path.read_text(), str(path), "exec"), space)
    return type("Own", (Own,), {"physics": space["physics"], "__module__": "somewhere"})(y=16, x=8).config()


def test_changed_physics_is_said_once_and_is_no_difference(tmp_path, caplog):
    comparison._say_changed.cache_clear()
    before = {"pair": {"source": with_physics(tmp_path)}}
    same = with_physics(tmp_path, "b", comment="# nothing", doc="'''A step.'''")
    with caplog.at_level(logging.WARNING, "phi_sol"):
        logging.getLogger("phi_sol").propagate = True
        assert first_difference(before, {"pair": {"source": same}}) == "" and not caplog.messages
        changed = {"pair": {"source": with_physics(tmp_path, "c", value="state * 1")}}
        assert same_config(before, changed) and not caplog.messages
        for _ in range(2):
            assert first_difference(before, changed) == ""
    assert len(caplog.messages) == 1 and "The code of Own (physics) has changed since" in caplog.messages[0]


def test_code_includes_the_numbers_and_functions_that_it_refers_to(tmp_path):
    def code(name, rate, helper):
        value = "helper(state) * rate"
        return with_physics(tmp_path, name, value=value, rate=rate, helper=helper)["definition"]["code"]["physics"]

    assert code("a", 1.0, bump) == code("b", 1.0, bump)
    assert len({code("a", 1.0, bump), code("b", 2.0, bump), code("c", 1.0, steep)}) == 3


def test_code_of_phi_sol_is_not_part_of_it():
    assert WakeFlow(y=16, x=8).config()["definition"]["code"] == {}


def test_what_version_0_1_did_not_know_is_not_compared():
    current = {"pair": {"source": config(radius=0.45), "ratio": 4}}
    old = json.loads(json.dumps(current))
    del old["pair"]["source"]["definition"]
    assert first_difference(old, current) == "" and same_config(old, current)
    assert "dt is 1.0 instead of 0.5" in first_difference(old, {"pair": {"source": config(dt=0.5), "ratio": 4}})
    assert first_difference({"pair": {"ratio": 2}}, {"pair": {"ratio": 4}}) == "pair.ratio is 2 instead of 4"


@pytest.mark.parametrize(
    "flow, attribute, value",
    [
        (WakeFlow, "dt", 0.5),
        (WakeFlow, "advection", "mac_cormack"),
        (WakeFlow, "speed", 2.0),
        (WakeFlow, "radius", 15.0),
        (WakeFlow, "center", {"y": 60.0, "x": 50.0}),
        (WakeFlow, "size", {"y": 300.0, "x": 100.0}),
        (BuoyantPlume, "top", "open"),
        (BuoyantPlume, "inflow", 0.5),
        (ForcedAdvection, "speed", 0.2),
        (SmokeBox, "SPEED", 2.0),
    ],
)
def test_attributes_that_a_subclass_sets_are_used_and_known(flow, attribute, value):
    usual, special = flow(y=16, x=16), type(flow.__name__, (flow,), {attribute: value})(y=16, x=16)
    assert getattr(special, attribute) == value
    assert attribute in first_difference(usual.config(), special.config())
    assert type(flow.__name__, (flow,), {attribute: value})(y=16, x=16, dt=0.25).dt == 0.25


def test_the_wake_is_poked_behind_its_obstacle():
    class Elsewhere(WakeFlow):
        center = {"y": 100.0, "x": 60.0}
        radius = 5.0

    with math.NUMPY:
        state = Elsewhere(y=64, x=32).initial_state(reynolds=200.0)
    x = np.abs(state.velocity.values[{"~vector": "x"}].numpy("y,x"))
    y, _ = np.unravel_index(x.argmax(), x.shape)
    assert 100 < (y + 0.5) * 200 / 64 < 125

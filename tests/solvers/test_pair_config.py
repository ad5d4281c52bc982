"""Solver pairs from their descriptions, and the options of flows."""

import copy
import json

import pytest
from phi.geom import Sphere

from phi_sol import BuoyantPlume, ForcedAdvection, InputError, SolverPair, WakeFlow


class Bent(WakeFlow):
    """A flow of a user's own with options, one of them passed on."""

    def __init__(self, bend: float = 0.5, shape=None, **options):
        super().__init__(**options)
        self.bend, self.shape_ = bend, shape


def stored(flow=Bent, ratio=2, **options) -> dict:
    return json.loads(json.dumps(SolverPair(flow, dict(y=32, x=16), ratio, **options).config))


@pytest.mark.parametrize(
    "options", [{}, dict(bend=0.7), dict(dt=0.5, advection="mac_cormack"), dict(obstacle="cylinder")]
)
def test_pairs_from_their_descriptions(options):
    pair = SolverPair.of_config(stored(**options), [Bent])
    assert pair.config == SolverPair(Bent, dict(y=32, x=16), 2, **options).config
    assert isinstance(pair.source, Bent) and pair.ratio == 2


@pytest.mark.parametrize(
    "flow, options", [(BuoyantPlume, dict(top="open", inflow=0.1)), (WakeFlow, dict(dt=0.5)), (ForcedAdvection, {})]
)
def test_pairs_of_phi_sol_from_their_descriptions(flow, options):
    config = stored(flow, **options)
    assert SolverPair.of_config(config).config == config
    del config["source"]["definition"]  # as version 0.1 wrote it
    pair = SolverPair.of_config(config)
    assert all(getattr(pair.source, n) == v for n, v in options.items())


def test_geometry_comes_back_from_a_description_where_numbers_say_it_all():
    domain = dict(size={"y": 100.0}, radius=4.0, center={"y": 30.0}, speed=2.0)
    config = stored(WakeFlow, **domain, walls={"x-": "free-slip"}, inlet=1.5, inflow=dict(y=(1, 2)))
    assert SolverPair.of_config(config).config == config
    with pytest.raises(InputError, match="can't be made from its description: obstacles is .*Sphere.* scene file, too"):
        SolverPair.of_config(stored(WakeFlow, obstacles=Sphere(y=50, x=50, radius=20)))


def test_source_and_reference_share_their_domain():
    with pytest.raises(InputError, match="must have the same domain; that of the reference is .*300"):
        SolverPair(WakeFlow, dict(y=16, x=8), 2, reference_options=dict(size=dict(y=300)))


@pytest.mark.parametrize(
    "config, message",
    [
        ({}, "No solver pair is described"),
        ({"source": 3, "ratio": 2}, "No solver pair is described"),
        (stored(), "Bent is no flow of phi_sol: name the scene file"),
        (stored(WakeFlow) | {"ratio": 0}, "integer of at least 1"),
    ],
)
def test_descriptions_that_are_none(config, message):
    with pytest.raises(InputError, match=message):
        SolverPair.of_config(config)


def test_flows_that_have_changed_since():
    class Changed(Bent):
        radius = 12.0

    Changed.__name__ = "Bent"
    with pytest.raises(InputError, match="Bent has changed since this was made: .*radius is 10.0 instead of 12.0"):
        SolverPair.of_config(stored(), [Changed])
    with pytest.raises(InputError, match="Bent can't be made from its description: shape is {'type': 'Sphere'"):
        SolverPair.of_config(stored(shape=Sphere(y=1, x=1, radius=2)), [Bent])


def test_options_are_what_the_constructor_was_called_with():
    flow = Bent(0.7, y=16, x=8, dt=0.5)
    assert flow.options == {"bend": 0.7, "shape": None, "dt": 0.5}
    wake = {"dt": 1.0, "advection": "semi_lagrangian", "obstacle": "cylinder", "speed": 1.0, "radius": 10.0}
    wake |= {"size": {"y": 200.0, "x": 100.0}, "center": {"y": 50.0, "x": 50.0}}
    assert WakeFlow(y=16, x=8).options == wake | dict.fromkeys(("obstacles", "bodies", "walls", "inlet", "inflow"))
    copied = copy.copy(flow)
    assert copied.options == flow.options and copied.config() == flow.config()

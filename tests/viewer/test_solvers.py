"""From stored configurations and native arrays to what is drawn, against PhiFlow's own conversions."""

import numpy as np
import pytest
from phi import field as phi_field
from phi import math

from phi_sol import BuoyantPlume, ForcedAdvection, SolverPair, WakeFlow, load_experiment
from phi_sol.errors import InputError
from phi_sol.experiment import scene_names
from phi_sol.pictures.values import flow_values
from phi_sol.stepping.arrays import pack
from phi_sol.viewer.live import swirl

PAIRS = [
    SolverPair(WakeFlow, dict(y=24, x=12), 2),
    SolverPair(WakeFlow, dict(y=16, x=8, z=8), 2, obstacle="cylinder"),
    SolverPair(BuoyantPlume, dict(y=12, x=8), 3, top="open"),
    SolverPair(ForcedAdvection, dict(y=8, x=12), 2),
]


def start(flow):
    return flow.initial_state(**({"reynolds": 300.0} if isinstance(flow, WakeFlow) else {"seed": 3}))


def arrays_of(flow, state):
    return {n: a.numpy()[0] for n, a in pack(flow, state)[0].items()}


@pytest.mark.parametrize("pair", PAIRS, ids=str)
def test_values_have_all_outer_faces(pair):
    flow, state = pair.source, start(pair.source)
    values = flow_values(flow, arrays_of(flow, state))
    axes = list(flow.resolution)
    assert list(values) == [n for n in flow.fields if n != "time"], "what is the same everywhere is left out"
    for name in values:
        assert values[name].resolution == flow.resolution
        if name in flow.staggered:
            padded = state.fields[name].staggered_tensor().numpy([*axes, "vector"])
            for i, d in enumerate(axes):
                own = padded[tuple(slice(None) if a == d else slice(0, -1) for a in axes)][..., i]
                np.testing.assert_allclose(values[name].parts[d], own, atol=1e-6)


@pytest.mark.parametrize("pair", PAIRS, ids=str)
def test_swirl_is_divergence_free_and_restricts_to_that_of_the_source(pair):
    flow = pair.source
    centre, radius = {d: 0.45 * s for d, s in flow.size.items()}, 0.1 * min(flow.size.values())
    added = {f: swirl(f, centre, radius, 2.0) for f in (flow, pair.reference)}
    with math.precision(64), math.NUMPY:
        grids = {}
        for f, arrays in added.items():
            tensors = [math.wrap(arrays[f"velocity.{d}"], math.spatial(",".join(f.resolution))) for d in f.resolution]
            grids[f] = f.templates["velocity"].with_values(math.stack(tensors, math.dual(vector=list(f.resolution))))
        inner = phi_field.divergence(grids[flow]).values
        inner = inner[{d: slice(1, -1) for d in flow.resolution}]  # boundary values are not the swirl's
        assert float(math.max(math.abs(inner))) < 1e-10 / radius
    restricted = pair.restrict_arrays({n: a[None] for n, a in added[pair.reference].items()}, {})
    for name, array in added[flow].items():
        np.testing.assert_allclose(restricted[name][0], array, atol=1e-12)
    fastest = max(np.abs(v).max() for v in added[pair.reference].values())
    assert 1.2 < fastest <= 2.0


@pytest.mark.parametrize("scene", scene_names())
def test_pairs_come_back_from_their_configuration(scene):
    pair = load_experiment(scene).pair
    assert SolverPair.of_config(pair.config).config == pair.config


def test_unknown_and_changed_flows():
    config = PAIRS[0].config
    with pytest.raises(InputError, match="No solver pair"):
        SolverPair.of_config({})
    with pytest.raises(InputError, match="MyFlow is no flow of phi_sol: name the scene file"):
        SolverPair.of_config({"source": config["source"] | {"type": "MyFlow"}, "ratio": 2})
    with pytest.raises(InputError, match="WakeFlow has changed since this was made: source.radius"):
        SolverPair.of_config({"source": config["source"] | {"radius": 7.0}, "ratio": 2})

    class MyFlow(WakeFlow):
        """A flow from a scene file."""

    mine = SolverPair(MyFlow, dict(y=24, x=12), 2)
    assert type(SolverPair.of_config(mine.config, (MyFlow,)).source) is MyFlow

"""Fields whose batch PhiFlow slices, stacks and adds: each simulation is what it is in the whole batch."""

import numpy as np
import pytest
from phi import field, math
from phi.math import batch, channel
from phi.math.extrapolation import ZERO, ZERO_GRADIENT, combine_by_direction, combine_sides

from phi_sol import BuoyantPlume, State, WakeFlow
from phi_sol.grids.layout import by_side, sliced
from phi_sol.pictures.plots import plot
from phi_sol.pictures.values import Values, picture, quantities

FLOWS = {
    "wake 2D": (WakeFlow(y=16, x=8), dict(reynolds=[100.0, 400.0])),
    "wake 3D": (WakeFlow(y=16, x=8, z=8), dict(reynolds=[100.0, 400.0])),
    "sphere": (WakeFlow(y=20, x=10, z=10, obstacle="sphere"), dict(reynolds=[100.0, 400.0])),
    "open plume": (BuoyantPlume(y=16, x=8, top="open"), dict(seed=[1, 2])),
}
WAYS = {
    "state.batch": lambda s, n: s.batch[1].fields[n],
    "field.batch": lambda s, n: s.fields[n].batch[1],
    "some of a batch": lambda s, n: s.fields[n].batch[1:].batch[0],
    "slice": lambda s, n: math.slice(s.fields[n], {"batch": 1}),
    "unstack": lambda s, n: math.unstack(s.fields[n], "batch")[1],
    "unstack states": lambda s, n: math.unstack(s, "batch")[1].fields[n],
    "stack": lambda s, n: math.stack(math.unstack(s.fields[n], "batch"), batch("batch")).batch[1],
    "stack states": lambda s, n: math.stack(math.unstack(s, "batch"), batch("batch")).batch[1].fields[n],
    "concat": lambda s, n: math.concat([s.fields[n].batch[:1], s.fields[n].batch[1:]], "batch").batch[1],
    "rename": lambda s, n: math.rename_dims(s.fields[n], "batch", batch("run")).run[1],
    "expand": lambda s, n: math.expand(s.fields[n], batch(more=2)).more[1].batch[1],
}


@pytest.fixture(
    scope="module", params=[pytest.param(n, marks=pytest.mark.slow) if n in ("wake 3D", "sphere") else n for n in FLOWS]
)
def state(request):
    """Random values, so that every wall matters."""
    flow, given = FLOWS[request.param]
    rng = np.random.default_rng(3)
    with math.NUMPY:
        start = flow.initial_state(**given)

        def noisy(values):
            return values + math.wrap(rng.standard_normal(values.shape.sizes), values.shape)

        noise = {n: f.with_values(math.map(noisy, f.values, dims=lambda s: s.dual)) for n, f in start.fields.items()}
    return State(noise, start.parameters)


def derived(grid) -> dict:
    """What PhiFlow makes of a grid; all that looks beyond its sides."""
    centred = grid.at_centers() if grid.is_staggered else grid
    found = {"centres": centred.values, "gradient": field.spatial_gradient(centred, stack_dim=channel("g")).values}
    if not grid.is_staggered:
        return found | {"laplace": field.laplace(grid).values}
    found |= {"magnitude": math.vec_length(centred.values), "faces": grid.staggered_tensor()}
    found |= {"divergence": field.divergence(grid).values}
    if grid.spatial_rank == 2:
        found["curl"] = field.curl(grid).values
    return found | {d: grid.vector[d].at_centers().values for d in grid.resolution.names}


def test_every_way_to_one_simulation(state):
    with math.NUMPY:
        for name, grid in state.fields.items():
            whole = derived(grid)
            assert all("batch" in v.shape for v in whole.values())
            for way, one in WAYS.items():
                for quantity, values in derived(one(state, name)).items():
                    difference = math.max(abs(values - whole[quantity].batch[1]), lambda s: s)
                    assert float(difference) < 1e-6, (name, way, quantity)


def test_pictures_of_a_batch(state):
    for name, grid in state.fields.items():
        wholes = [Values.of_field(state.batch[i].fields[name]) for i in (0, 1)]
        for i, whole in enumerate(wholes):
            for quantity in quantities(whole):
                drawn = picture(Values.of_field(grid, {"batch": i}), quantity)
                np.testing.assert_array_equal(drawn.values, picture(whole, quantity).values)


def test_plots_of_a_batch_draw_each_simulation():
    flow, given = FLOWS["wake 2D"]
    state = flow.initial_state(**given)
    images = [axis.images[0].get_array() for axis in plot(state.velocity, quantity="x").axes if axis.images]
    for i, image in enumerate(images[:2]):
        whole = picture(Values.of_field(state.batch[i].velocity), "x", ("x", "y")).values
        assert {image.shape, image.T.shape} == {whole.shape, whole.T.shape}
        assert np.array_equal(image, whole) or np.array_equal(image, whole.T)


def test_sums_of_slices_and_whole_batches(state):
    with math.NUMPY:
        for grid in state.fields.values():
            one, other = grid.batch[1], grid.batch[0]
            for a, b in ((one, other), (one, grid), (grid, one), (-one, 2 * other), (abs(one), grid)):
                total = a + b
                expected = {k: a_ + b_ for (k, a_), b_ in zip(padded(a).items(), padded(b).values(), strict=True)}
                for k, values in padded(total).items():
                    assert float(math.max(abs(values - expected[k]), lambda s: s)) < 1e-5, k


def padded(grid) -> dict:
    """Values with one layer beyond each side: linear in a field with its boundary."""
    parts = {d: grid.vector[d] for d in grid.resolution.names} if grid.is_staggered else {"": grid}
    widths = dict.fromkeys(grid.resolution.names, (1, 1))
    return {d: math.pad(p.values, widths, p.boundary, bounds=p.bounds) for d, p in parts.items()}


def test_a_batch_of_walls():
    walls = combine_by_direction(math.wrap([0.0, 1.0], batch("batch")), ZERO_GRADIENT)
    boundary = combine_sides({"y-": ZERO, "y+": ZERO_GRADIENT, "x-": walls, "x+": walls})
    flow = WakeFlow(y=16, x=8)
    with math.NUMPY:
        plain = flow.field("velocity", math.wrap([1.0, 2.0], batch("batch"))).with_boundary(boundary)
        grid = plain.with_boundary(by_side(boundary, "yx"))
        for one in (grid.batch[1], sliced(plain, {"batch": 1})):
            for k, values in derived(one).items():
                np.testing.assert_array_equal(values.numpy(values.shape), derived(grid)[k].batch[1].numpy(values.shape))

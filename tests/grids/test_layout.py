"""The layout against PhiFlow's own padding, file form and sample points, and that nothing else reads a boundary."""

import ast
from pathlib import Path

import numpy as np
import pytest
import tensorflow as tf
from boundaries import COMBINATIONS, EVERYWHERE_FREE_SLIP, OWN_CLASS, SPECIAL, Channel, mixed
from phi import math
from phi.math import batch
from phi.math.extrapolation import PERIODIC, ZERO_GRADIENT, combine_by_direction, combine_sides
from phi.tf import TENSORFLOW

import phi_sol
from phi_sol import BuoyantPlume, ForcedAdvection, SmokeBox, SolverPair, WakeFlow
from phi_sol.grids.layout import Layout, by_side
from phi_sol.stepping.arrays import native_arrays, unpack_fields

ALL = {f"{y}, {x}": mixed(y, x) for y, x in COMBINATIONS} | SPECIAL
FLOWS = [
    WakeFlow(y=16, x=8),
    WakeFlow(y=20, x=10, z=10),
    BuoyantPlume(y=12, x=8, top="open"),
    ForcedAdvection(y=8, x=12),
    SmokeBox(y=8, x=8),
]


assert TENSORFLOW  # its set-up must not happen inside a trace


def random_arrays(layout: Layout, count: int = 2) -> dict[str, np.ndarray]:
    rng = np.random.default_rng(0)
    return {
        n: rng.standard_normal((count, *layout.shape(c))) for n, c in zip(layout.arrays, layout.components, strict=True)
    }


@pytest.mark.parametrize("name", ALL)
def test_layers_beyond_the_sides_are_those_of_phiflow(name):
    layout = Channel(ALL[name], y=12, x=10).layouts["velocity"]
    arrays = random_arrays(layout)
    with math.NUMPY, math.precision(64):
        field = layout.to_field(arrays, batch(batch=2))
        for c in "yx":
            part = field.vector[c]
            for widths in ({"y": (1, 1), "x": (1, 1)}, {"y": (1, 0)}, {"x": (1, 2)}):
                padded = math.pad(part.values, widths, part.boundary, bounds=part.bounds).numpy("batch,y,x")
                own = layout.extended(arrays[f"velocity.{c}"], c, widths)
                corners = np.ones(own.shape[1:], bool)  # at corners, PhiML's order of sides is by chance
                corners[np.ix_([0, -1], [0, -1])] = len(widths) == 1
                np.testing.assert_allclose(own[:, corners], padded[:, corners], atol=1e-6)
            strip = layout.strip(layout.pad(arrays[f"velocity.{c}"], c), c)
            np.testing.assert_array_equal(strip, arrays[f"velocity.{c}"])
            compiled = tf.function(lambda a, c=c: layout.surrounded(a, c), autograph=False)
            np.testing.assert_allclose(
                compiled(tf.constant(arrays[f"velocity.{c}"])), layout.surrounded(arrays[f"velocity.{c}"], c), atol=1e-6
            )


@pytest.mark.parametrize("name", ALL)
def test_stored_faces_lie_where_phiflow_has_them(name):
    layout = Channel(ALL[name], y=12, x=10).layouts["velocity"]
    for c in "yx":
        points = layout.template.vector[c].points
        where = layout.intervals(c)
        assert layout.shape(c) == tuple(len(lower) for lower, _ in where.values())
        for d in "yx":
            centre = (where[d][0] + where[d][1]) / 2
            expected = points.vector[d].numpy("y,x")
            np.testing.assert_allclose(
                expected, np.broadcast_to(centre[:, None] if d == "y" else centre, expected.shape), atol=1e-5
            )


@pytest.mark.parametrize("flow", FLOWS, ids=str)
def test_files_hold_what_phiflow_writes(flow):
    for layout in flow.layouts.values():
        arrays = random_arrays(layout)
        with math.NUMPY, math.precision(64):
            field = layout.to_field(arrays, batch(batch=2))
            if layout.staggered:
                expected = field.staggered_tensor().numpy(["batch", *layout.dims, "vector"])
                np.testing.assert_array_equal(layout.to_file(arrays), expected)
        for n, a in layout.from_file(layout.to_file(arrays)[0]).items():
            np.testing.assert_array_equal(a, arrays[n][0])
        with math.NUMPY, math.precision(64):
            for n, a in layout.to_arrays(field, batch(batch=2)).items():
                np.testing.assert_array_equal(a, arrays[n])


def test_sides_of_each_component():
    """At a free-slip wall the normal velocity is fixed, the tangential one goes on."""
    for wall in (EVERYWHERE_FREE_SLIP, combine_sides({"y": EVERYWHERE_FREE_SLIP, "x": PERIODIC})):
        layout = Channel(wall, y=12, x=10).layouts["velocity"]
        assert layout.sides["y"] == ("closed", "closed") and layout.missing("y") == (1, 1)
        y, x = (layout.surrounded(np.ones((1, *layout.shape(c))), c)[0] for c in "yx")
        np.testing.assert_array_equal(y[[0, -1]][:, 1:-1], 0)
        np.testing.assert_array_equal(x[[0, -1]][:, 2:-2], 1)


def test_walls_of_both_sides_together_are_those_of_each_side():
    wall = combine_by_direction(0.0, ZERO_GRADIENT)
    one = combine_sides({"y-": combine_by_direction(1.0, 0.0), "y+": ZERO_GRADIENT, "x": wall})
    each = combine_sides({"y-": combine_by_direction(1.0, 0.0), "y+": ZERO_GRADIENT, "x-": wall, "x+": wall})
    results = []
    for boundary in (one, each):
        flow = Channel(boundary, y=12, x=10, dt=0.5)
        with math.NUMPY:
            state = flow.step(flow.initial_state())
        results.append(native_arrays(flow, state, math.EMPTY_SHAPE))
    for n in results[0]:
        np.testing.assert_array_equal(results[0][n], results[1][n])
    assert by_side(by_side(each, "yx"), "yx").given is each and by_side(PERIODIC, "yx") is PERIODIC


def test_batched_boundaries():
    speeds = math.wrap([0.5, 1.5], batch("batch"))
    boundary = combine_sides({"y-": combine_by_direction(speeds, 0.0), "y+": ZERO_GRADIENT, "x-": 0.0, "x+": 0.0})
    layout = Channel(boundary, y=12, x=10).layouts["velocity"]
    whole = layout.pad(np.zeros((2, *layout.shape("y"))), "y")
    np.testing.assert_array_equal(whole[:, 0], [[0.5] * 10, [1.5] * 10])


@pytest.mark.parametrize("flow", FLOWS, ids=str)
@pytest.mark.parametrize("ratio", [2, 3])
def test_restriction_tiles_and_is_the_same_in_all_backends(flow, ratio):
    pair = SolverPair(type(flow), flow.resolution, ratio, **({"top": "open"} if isinstance(flow, BuoyantPlume) else {}))
    fine = {n: a.astype(np.float32) for x in pair.reference.layouts.values() for n, a in random_arrays(x).items()}
    coarse = pair.restrict_arrays(fine, {})
    compiled = tf.function(lambda a: pair.restrict_arrays(a, {}), autograph=False)
    for n, a in compiled({n: tf.constant(a) for n, a in fine.items()}).items():
        np.testing.assert_allclose(a, coarse[n], atol=3e-7)  # graphs multiply by 1 / 3
    with math.NUMPY:
        fields = unpack_fields(pair.reference, fine, pair.reference.fields, batch(batch=2))
        state = phi_sol.State(fields, {n: math.wrap(1.0) for n in flow.parameters})
        for n, a in native_arrays(pair.source, pair.restrict(state), batch(batch=2)).items():
            np.testing.assert_array_equal(a, coarse[n])
    for name, x in pair.source.layouts.items():  # lines of fine values, one by one
        for n, c in zip(x.arrays, x.components, strict=True):
            whole, first = fine[n], 0
            if c:
                whole, first = pair.reference.layouts[name].pad(fine[n], c), x.missing(c)[0]
            index = np.array([a[0] for a in np.nonzero(np.ones(x.shape(c)))])  # the first stored value
            tile = tuple(
                slice((i + first) * ratio, (i + first) * ratio + 1) if d == c else slice(i * ratio, (i + 1) * ratio)
                for i, d in zip(index, x.dims, strict=True)
            )
            expected = whole[(slice(None), *tile)].reshape(2, -1).mean(1)
            np.testing.assert_allclose(coarse[n][(slice(None), *index)], expected, atol=1e-5)


def test_nothing_else_reads_boundaries():
    """Every module but `grids/layout.py` and `sides.py` asks a layout: none asks a boundary for its kind or sides."""
    names = {"valid_outer_faces", "determines_boundary_values", "is_copy_pad", "at_side", "domain_slice", "ext"}
    root = Path(phi_sol.__file__).parent
    for path in root.rglob("*.py"):
        if path in (root / "grids" / "layout.py", root / "grids" / "sides.py"):
            continue
        for node in ast.walk(ast.parse(path.read_text())):
            used = (
                {node.attr} if isinstance(node, ast.Attribute) else {node.id} if isinstance(node, ast.Name) else set()
            )
            assert not used & names, f"{path}:{node.lineno} uses {used & names}"
            if used == {"to_dict"}:
                assert "boundary" not in ast.unparse(node.value) and "extrapolation" not in ast.unparse(node.value), (
                    path
                )


def test_a_boundary_class_that_has_only_phimls_methods():
    layout = Channel(OWN_CLASS, y=12, x=10).layouts["velocity"]
    assert layout.sides["y"] == ("closed", "open")
    y, x = (layout.surrounded(np.ones((1, *layout.shape(c))), c)[0] for c in "yx")
    np.testing.assert_array_equal(y[:2, 1:-1], 0.5)
    np.testing.assert_array_equal(x[0, 2:-2], 0.5)

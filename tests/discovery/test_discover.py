"""Ways in, what comes out, and what is refused."""

import numpy as np
import pytest
from random_fields import SIZE, flow_samples, velocities

import phi_sol
from phi_sol import Corrector, ForcedAdvection, InputError, Library, MissingError, Samples, WakeFlow, discover, rollout
from phi_sol.discovery.result import with_error
from phi_sol.discovery.samples import Part, central, spectral

BOX = {"y": SIZE, "x": SIZE}


def test_text_table_and_prediction():
    samples = flow_samples(0, 6)
    u, noise = samples.fields["u.x"], np.random.default_rng(0).normal(size=samples.fields["u.x"].shape)
    result = discover({"du.x/dt": 0.3 - 0.1 * u + 0.01 * noise, "none": noise}, samples)
    equation = result["du.x/dt"]
    first, second, note = str(result).splitlines()
    assert first.startswith("du.x/dt = 0.3") and ") - 0.1" in first and " u.x   R² 0.99" in first
    assert second.startswith("none = 0 ") and note.startswith("(6 simulations, 6912 samples, ")
    assert set(result) == {"du.x/dt", "none"} and len(result) == 2
    assert repr(result).startswith("Discovery(du.x/dt = 0.3")
    low, high = equation.interval("u.x")
    assert low < -0.1 < high and high - low == pytest.approx(2 * 2.5706 * equation.errors["u.x"], rel=1e-3)
    assert [row[:2] for row in result.table.rows] == [["du.x/dt", "1"], ["du.x/dt", "u.x"], ["none", "nothing"]]
    assert "<table>" in result._repr_html_() and "du.x/dt = 0.3" in result._repr_html_()
    other = flow_samples(1, 2)
    predicted = result.predict(other)
    c = equation.coefficients
    np.testing.assert_allclose(predicted["du.x/dt"], c["1"] + c["u.x"] * other.fields["u.x"], rtol=1e-12)
    assert not predicted["none"].any()


def test_numbers_with_errors():
    shown = {
        (0.012345, 0.0004): "0.0123(4)",
        (0.5, 0.00123): "0.5000(12)",
        (1.5e-7, 1.2e-8): "1.50(12)e-07",
        (1234.5, 30): "1230(30)",
        (0.1, 0.0): "0.1",
        (2.0, 3.0): "2(3)",
        (0.25, 0.0097): "0.250(10)",
    }
    assert {key: with_error(*key) for key in shown} == shown


def test_what_comes_in_does_not_depend_on_its_form():
    """Units, precision, no axis of frames, one array instead of a dictionary, frames as blocks, axes by order."""
    samples = flow_samples(0, 6, frames=4)
    u = samples.fields["u.x"]
    target = -0.1 * u + 0.05 * np.random.default_rng(1).normal(size=u.shape)
    value = discover({"t": target}, samples)["t"].coefficients["u.x"]
    for factor in (1e-200, 1e30):
        assert discover(factor * target, samples)["target"].coefficients["u.x"] == pytest.approx(factor * value)
    single = Samples({n: a.astype(np.float32) for n, a in samples.fields.items()}, BOX, divergence_free="u")
    assert discover(target, single)["target"].coefficients["u.x"] == pytest.approx(value, rel=1e-4)
    flat = Samples({n: a[:, 0] for n, a in samples.fields.items()}, BOX, divergence_free="u")
    assert discover(target[:, 0], flat)["target"].coefficients["u.x"] == pytest.approx(-0.1, rel=0.1)
    long = Samples({n: a.reshape(2, 12, *a.shape[2:]) for n, a in samples.fields.items()}, BOX, divergence_free="u")
    blocks = discover(target.reshape(2, 12, *u.shape[2:]), long, blocks=3)
    assert blocks.simulations == 6 and blocks["target"].coefficients["u.x"] == pytest.approx(value, rel=1e-9)
    line = Samples({"m": u[:, :, 0]}, {"x": SIZE})
    assert discover(-0.1 * u[:, :, 0], line)["target"].coefficients == {"m": pytest.approx(-0.1)}


def test_in_three_dimensions_and_in_chunks(monkeypatch):
    rng, axes = np.random.default_rng(0), "xyz"
    fields = {f"u.{d}": np.fft.irfftn(rng.normal(size=(5, 2, 8, 8, 5)), (8, 8, 8), axes=(2, 3, 4)) for d in axes}
    samples = Samples(fields, dict.fromkeys(axes, 1.0), divergence_free="u")
    second = np.stack([Part(samples, i, slice(None), True).d("u.y", "zz") for i in range(5)])
    target = {"du.y/dt": 0.3 * second - fields["u.x"] * fields["u.y"]}
    whole = discover(target, samples)
    terms = {"d²u.y/dz²": pytest.approx(0.3), "u.x u.y": pytest.approx(-1)}
    assert whole["du.y/dt"].coefficients == terms and whole.candidates["du.y/dt"] < len(whole.library.names(samples))
    monkeypatch.setattr("phi_sol.discovery.moments.CHUNK", 1)
    assert discover(target, samples)["du.y/dt"].coefficients == terms


def test_candidates():
    samples = flow_samples(0, 4)
    names = Library(order=2, degree=1).names(samples)
    assert names[:5] == ["1", "u.y", "u.x", "du.y/dy", "du.x/dy"] and "d²u.x/dydx" in names and len(names) == 13
    assert len(Library().names(samples)) == 46
    assert Library(2, 2, fields=("u.x",)).names(samples)[-3:] == ["(du.x/dy)²", "du.x/dy du.x/dx", "(du.x/dx)²"]
    assert Library(0, 2, constant=False).names(samples) == ["u.y", "u.x", "u.y²", "u.y u.x", "u.x²"]
    spaced = Library(2, 1, by_spacing=True, fields=("u.x",), constant=False)
    assert spaced.names(samples)[1:] == ["h du.x/dy", "h du.x/dx", "h² d²u.x/dy²", "h² d²u.x/dydx", "h² d²u.x/dx²"]
    oblong = Samples(samples.fields, {"y": 1.0, "x": 2.0}, parameters={"viscosity": [1, 2, 3, 4.0]}, dt=0.1)
    assert "h.y h.x d²u.x/dydx" in spaced.names(oblong)
    scaled = Library(1, 1, fields=("u.x",), scales=("1", "viscosity", "1/dt"), without=("1/dt",)).names(oblong)
    assert scaled == ["1", "u.x", "du.x/dy", "du.x/dx", "viscosity"] + [
        f"{s} {n}" for s in ("viscosity", "1/dt") for n in ("u.x", "du.x/dy", "du.x/dx")
    ]


def test_scales_are_numbers_of_each_simulation():
    fields, viscosity = velocities(0, 6), np.array([0.1, 0.2, 0.3, 0.4, 0.5, 0.6])
    samples = Samples(fields, BOX, parameters={"viscosity": viscosity}, dt=0.1)
    target = viscosity[:, None, None, None] * fields["u.x"] + 0.01 * fields["u.y"] / 0.1
    found = discover(target, samples, Library(0, 1, scales=("1", "viscosity", "1/dt"), without=("u.y", "u.x", "1")))
    assert found["target"].coefficients == {"viscosity u.x": pytest.approx(1), "1/dt u.y": pytest.approx(0.01)}
    h = SIZE / 24
    second = np.stack([Part(samples, i, slice(None), True).d("u.x", "xx") for i in range(6)])
    spaced = discover(second, samples, Library(2, 1, by_spacing=True, fields=("u.x",)))
    assert spaced["target"].coefficients == {"h² d²u.x/dx²": pytest.approx(h**-2)}


def test_derivatives():
    n, length = 32, 3.0
    x, k = np.arange(n) * length / n, 2 * np.pi / length
    wave = np.sin(k * x)
    for order, exact in enumerate([wave, k * np.cos(k * x), -(k**2) * wave, -(k**3) * np.cos(k * x)]):
        np.testing.assert_allclose(spectral(wave, -1, order, length / n), exact, atol=1e-9)
        if order:
            errors = []
            for m in (32, 64):
                fine = np.sin(k * np.arange(m) * length / m)
                errors.append(abs(central(fine, -1, order, length / m)[:: m // 32] - exact).max())
            assert 1.9 < np.log2(errors[0] / errors[1]) < 2.1
    np.testing.assert_allclose(spectral(wave, -1, 0, length / n, 0.5), np.sin(k * (x + length / n / 2)), atol=1e-12)


def test_cells_near_sides_and_masks_are_left_out():
    """Beside a wall and in a masked cell there are values that would spoil the result."""
    fields = velocities(0, 6)
    mask = np.ones((24, 24), bool)
    mask[10:13, 10:13] = False
    target = -0.1 * fields["u.x"]
    for name in fields:
        fields[name] = fields[name].copy()
        fields[name][:, :, ~mask] = np.nan
        fields[name][:, :, 0] = fields[name][:, :, -1] = 1e3
    samples = Samples(fields, BOX, periodic=("x",), mask=mask)
    assert discover(target, samples, Library(2, 1))["target"].coefficients == {"u.x": pytest.approx(-0.1)}
    assert samples.inner(1).sum() == 22 * 24 - 25 and samples.inner(0).sum() == 576 - 9


def test_runs_and_data_sets(tiny, tiny_run, tiny_train, tiny_data):
    """A folder and the corrector in it, along recorded states; and what the source gets wrong against the next."""
    library = Library(1, 1, fields=("u",))
    folder, corrector = (discover(c, tiny_train, library, blocks=2) for c in (tiny_run, Corrector.load(tiny_run)))
    assert str(folder) == str(corrector) and set(folder) == {"du.y/dt", "du.x/dt"}
    assert folder.simulations == 4 and folder.predict(tiny_train)["du.x/dt"].shape == (2, 13, 24, 12)
    wrong = discover(tiny.pair.source, tiny_train, library, blocks=2)
    assert set(wrong) == {"du.y/dt", "du.x/dt", "dmarker/dt"}
    arrays = {"velocity.x": 0.5 * tiny_train.arrays["velocity.x"]}
    assert discover(arrays, tiny_train, library, blocks=2)["u.x"].coefficients == {"u.x": pytest.approx(0.5, rel=1e-4)}
    other = WakeFlow(y=24, x=12, advection="mac_cormack")
    with pytest.raises(InputError, match="trained for another flow"):
        discover(tiny_run, rollout(other, other.initial_state(reynolds=[1.0, 2, 3, 4]), 2), library)
    with pytest.raises(MissingError):
        discover(tiny_data / "nowhere", tiny_train)


def refused(match: str, *arguments, **options):
    with pytest.raises(InputError, match=match) as found:
        discover(*arguments, **options)
    assert "\n" not in str(found.value)


def test_too_little_data():
    three, one = flow_samples(0, 3), flow_samples(0, 4, frames=1, cells=8)
    refused(r"at least 4 simulations for error bars, not 3 of 2 frames.*blocks=2", three.fields["u.x"], three)
    refused(
        r"46 terms need 460 samples beside the .* held out, but there are 192 \(1 frames\): .* at least 3 frames",
        one.fields["u.x"],
        one,
    )
    refused(r"2 frames can't be cut into 5 blocks", three.fields["u.x"], three, blocks=5)
    few = Samples({"m": np.ones((4, 1, 4))}, {"x": 1.0}, periodic=False)
    refused("No cell is far enough", np.ones((4, 1, 4)), few, Library(4, 1))
    copies = Samples({n: np.concatenate([a, a]) for n, a in three.fields.items()}, BOX)
    refused("simulation 0 and simulation 3 hold the same values", np.ones((6, 2, 24, 24)), copies)


def test_bad_targets_and_terms():
    samples = flow_samples(0, 4)
    u = samples.fields["u.x"]
    hole = u.copy()
    hole[1, 0, 3, 4:6] = np.nan
    refused(
        r"target t has 2 values of 4608 that are not finite, the first in simulation 1, frame 0", {"t": hole}, samples
    )
    refused(r"The target 't' has the shape \(4, 2, 24, 23\), where the fields have", {"t": u[..., 1:]}, samples)
    refused("array of real numbers", u > 0, samples)
    refused("array of real numbers", {"t": "u"}, samples)
    refused("at least one target", {}, samples)
    refused("discovery is of arrays", None, samples)
    refused("discovery is of arrays", np.sin, samples)
    refused("discovery is of arrays", Corrector, samples)
    refused("Only of a solver", u, samples, minus=ForcedAdvection(y=8, x=8))
    refused("data of discover must be", u, dict(samples.fields))
    refused(
        "'log' has 4608 values of 4608 that are not finite",
        u,
        samples,
        Library(0, 1, terms={"log": lambda p: np.full(p["u.x"].shape, np.nan)}),
    )
    refused(r"'sum' must give real numbers of shape", u, samples, Library(terms={"sum": lambda p: p["u.x"].sum()}))
    refused("no field 'u.z'", u, samples, Library(terms={"z": lambda p: p["u.z"]}))
    refused("'nu' failed: KeyError: 'nu'", u, samples, Library(terms={"nu": lambda p: p.parameters["nu"]}))
    refused("no axis 'z'", u, samples, Library(terms={"z": lambda p: p.d("u.x", "z")}))
    refused("too large", u, Samples({"m": u * 1e200}, BOX), Library(0, 1))
    for options in ({"error_rate": 0.0}, {"error_rate": 2}, {"least": -1.0}, {"blocks": 0}, {"blocks": 1.5}):
        refused("of discover|of a discovery", u, samples, **options)


def test_terms_that_follow_from_others_are_named():
    fields = velocities(0, 6)
    free = Samples(fields, BOX)
    refused(
        r"The term 'du.x/dx' follows from 'du.y/dy' in these data: leave one out", fields["u.x"], free, Library(1, 1)
    )
    found = discover(fields["u.x"], free, Library(1, 1, without=("du.x/dx",)))
    assert found["target"].coefficients == {"u.x": pytest.approx(1)}
    double = Library(0, 1, terms={"twice": lambda p: 2 * p["u.x"] + 3 * p["u.y"]})
    refused("The term 'twice' follows from 'u.y', 'u.x' in these data", fields["u.x"], free, double)
    one_other = Samples(fields, BOX, parameters={"nu": [1, 1, 1, 1, 1, 2.0]})
    refused("where one simulation is held out", fields["u.x"], one_other, Library(0, 1, scales=("1", "nu")))
    only_one = dict(fields, m=fields["u.x"] * (np.arange(6) == 2)[:, None, None, None])
    refused("'m' is zero in all simulations but one", fields["u.x"], Samples(only_one, BOX), Library(0, 1))


def of(u):
    return discover(u, Samples({"m": u}, BOX), Library(0, 1))


@pytest.mark.parametrize(
    "match, make",
    [
        ("at least one field", lambda u: Samples({}, BOX)),
        ("must have the shape", lambda u: Samples({"m": u[0, 0, 0]}, BOX)),
        ("field n has the shape", lambda u: Samples({"m": u, "n": u[:, :1]}, BOX)),
        ("positive number by axis", lambda u: Samples({"m": u}, {"y": 1.0, "x": -1.0})),
        ("'z' can't be periodic", lambda u: Samples({"m": u}, BOX, periodic=("z",))),
        ("one a simulation", lambda u: Samples({"m": u}, BOX, parameters={"nu": [1.0, 2.0]})),
        ("dt of samples must be positive", lambda u: Samples({"m": u}, BOX, dt=-1.0)),
        ("boolean array of shape", lambda u: Samples({"m": u}, BOX, mask=np.ones((24, 24)))),
        ("no field v.y", lambda u: Samples({"m": u}, BOX, divergence_free="v")),
        ("field m has 1 values", lambda u: Samples({"m": np.where(u == u.max(), np.inf, u)}, BOX)),
        ("order of a library", lambda u: Library(-1)),
        ("degree of Library", lambda u: Library(2, 1.5)),
        ("Derivatives are spectral or central", lambda u: Library(derivatives="exact")),
        ("functions by name", lambda u: Library(terms={"m": 3})),
        ("is a function of", lambda u: Library(terms={"m": lambda a, b: a})),
        ("must be a list of names", lambda u: Library(scales=(1,))),
        ("at least one entry", lambda u: Library(scales=())),
        ("no scale 'dt'", lambda u: Library(scales=("dt",)).names(Samples({"m": u}, BOX))),
        ("no scale '1/1'", lambda u: Library(scales=("1/1",)).names(Samples({"m": u}, BOX))),
        ("argument of its own", lambda u: Samples({"m": u}, BOX, parameters={"dt": 1.0})),
        ("no field 'v' for the library", lambda u: Library(fields=("v",)).names(Samples({"m": u}, BOX))),
        ("no term 'v' to leave out", lambda u: Library(without=("v",)).names(Samples({"m": u}, BOX))),
        ("has no terms", lambda u: Library(0, 0, constant=False).names(Samples({"m": u}, BOX))),
        ("Two terms", lambda u: Library(terms={"m": lambda p: p["m"]}).names(Samples({"m": u}, BOX))),
        ("more than 1000 terms", lambda u: Library(8, 8).names(Samples({"m": u}, BOX))),
        ("no equation of 'x'", lambda u: of(u)["x"]),
        ("has no term 'x'", lambda u: of(u)["target"].interval("x")),
        ("for the axes y, x", lambda u: of(u).predict(Samples({"m": u[0]}, {"x": 1.0}))),
        ("no field 'm'", lambda u: of(u).predict(Samples({"n": u}, BOX))),
    ],
)
def test_bad_samples_libraries_and_questions(match, make):
    with pytest.raises(InputError, match=match):
        make(velocities(0, 4)["u.x"])


def test_solvers_that_do_not_fit():
    flow = ForcedAdvection(y=8, x=8)
    state = flow.initial_state(seed=[0, 1, 2, 3], viscosity=0.3, amplitude=0.15)
    frames, every_other = rollout(flow, state, 2), rollout(flow, state, 4, keep_every=2)
    refused("keep every frame", flow, every_other)
    refused("at least 2 frames", flow, frames[:1])
    refused("has none", flow, frames[:0])
    refused("does not belong", ForcedAdvection(y=16, x=16), frames)
    refused("steps of one length", flow, frames, minus=ForcedAdvection(y=8, x=8, dt=0.05))
    refused("states of its flow", flow, flow_samples(0, 4))
    pair = phi_sol.SolverPair(ForcedAdvection, dict(y=4, x=4), 2)
    refused("on another grid", phi_sol.FinerSource(pair, pair.reference), frames)
    refused("where the array of the flow has", {"velocity.x": np.ones((2, 4, 8, 7))}, frames)

"""
Orders of accuracy by slope, in float64, against closed forms.

Declared orders: advection (Euler lookups, linear interpolation) is first order in space and time at a fixed CFL number;
diffusion first in time and second in space; projection second in space; a forced step first in time.
"""

import numpy as np
import pytest
from phi import math
from phi.math import dual, spatial
from phi.math.extrapolation import PERIODIC
from phi.physics import diffuse

from phi_sol import Flow, ForcedAdvection, State


class TaylorGreen(Flow):
    """
    Decaying vortices u_y = cos(y) sin(x) e^{-2νt}, u_x = -sin(y) cos(x) e^{-2νt} in a periodic box; Navier-Stokes with
    projection.
    """

    fields, staggered, parameters = ("velocity", "marker"), ("velocity",), ("viscosity",)
    size = {"y": 2 * np.pi, "x": 2 * np.pi}

    @property
    def boundaries(self):
        return {"velocity": PERIODIC, "marker": PERIODIC}

    def initial_state(self, viscosity):
        velocity = self.velocity_at(0.0, viscosity)
        return State(
            {"velocity": velocity, "marker": self.field("marker", 0.0)},
            self.parameter_tensors({"viscosity": viscosity}),
        )

    def velocity_at(self, t, viscosity):
        decay = np.exp(-2 * viscosity * t)
        y, x = (self.coordinates(c) for c in "yx")
        return self.staggered_field(decay * np.cos(y[0]) * np.sin(y[1]), -decay * np.sin(x[0]) * np.cos(x[1]))

    def coordinates(self, component):
        points = self.templates["velocity"].vector[component].points
        return [points.vector[d].numpy("y,x") for d in "yx"]

    def staggered_field(self, y, x):
        return self.templates["velocity"].with_values(
            math.stack([math.wrap(v, spatial("y,x")) for v in (y, x)], dual(vector="y,x"))
        )

    def physics(self, state, dt):
        velocity = diffuse.explicit(state.velocity, state.viscosity, dt)
        velocity = self.advect(velocity, velocity, dt)
        velocity, _ = self.projection(velocity)
        return state.with_fields(velocity=velocity)


class SmoothForcing(ForcedAdvection):
    """
    Forced so that u_c = 1 + sin(k·x - ω t + c) / 2 with k one period of the box along each axis is exact
    (manufactured).
    """

    k, omega, nu = 2 * np.pi / 32, 0.3, 0.2

    def exact(self, t, derivative=None):
        result = []
        for i, c in enumerate("yx"):
            points = self.templates["velocity"].vector[c].points
            y, x = (points.vector[d].numpy("y,x") for d in "yx")
            u = [1 + np.sin(self.k * (y + x) - self.omega * t + j) / 2 for j in range(2)]
            slope = np.cos(self.k * (y + x) - self.omega * t + i) / 2
            value = u[i]
            if derivative:  # u_t + u·∇u - ν ∇²u
                value = -self.omega * slope + (u[0] + u[1]) * self.k * slope + self.nu * 2 * self.k**2 * (u[i] - 1)
            result.append(math.wrap(value, spatial("y,x")))
        return self.templates["velocity"].with_values(math.stack(result, dual(vector="y,x")))

    def forcing(self, seed, amplitude, time):
        return self.exact(float(time), derivative=True)

    def start(self):
        parameters = self.parameter_tensors(dict(seed=0, viscosity=self.nu, amplitude=1.0))
        fields = {
            "velocity": self.exact(0.0),
            "forcing": self.exact(0.0, derivative=True),
            "time": self.field("time", 0.0),
        }
        return State(fields, parameters)


def difference(a, b, dims="yx"):
    """Mean absolute difference of two staggered fields."""
    return np.mean([np.abs((a.values - b.values)[{"~vector": d}].numpy(list(dims))).mean() for d in dims])


def slopes(errors, ratio=2):
    result = np.log(np.divide(errors[:-1], errors[1:])) / np.log(ratio)
    print("errors", errors, "slopes", result)
    return result


@pytest.fixture(autouse=True)
def double():
    with math.NUMPY, math.precision(64):
        yield


def test_taylor_green_is_first_order_at_a_fixed_cfl_number():
    errors = []
    for n in (16, 32, 64):
        flow, nu, steps = (
            TaylorGreen(y=n, x=n),
            0.02,
            n // 4,
        )  # half a cell per step at u = 1: dt = π / n, until t = π / 4
        state = flow.initial_state(viscosity=nu)
        for _ in range(steps):
            state = flow.physics(state, math.wrap(np.pi / n))
        errors.append(difference(state.velocity, flow.velocity_at(steps * np.pi / n, nu)))
    assert (np.abs(slopes(errors)[1:] - 1) < 0.15).all()


def test_lookups_are_first_order_in_time():
    """
    A linear marker in solid-body rotation: interpolation is exact, what is left is the error of the Euler lookups.
    """
    flow, errors = TaylorGreen(y=32, x=32), []
    velocity = flow.staggered_field(flow.coordinates("y")[1] - np.pi, np.pi - flow.coordinates("x")[0])
    y, x = (flow.templates["marker"].points.vector[d].numpy("y,x") - np.pi for d in "yx")
    inner = np.hypot(y, x) < 1.2  # the lookups of these cells stay away from the seam of the periodic box
    for steps in (8, 16, 32):
        marker = flow.field("marker", math.wrap(y, spatial("y,x")))
        for _ in range(steps):
            marker = flow.advect(marker, velocity, math.wrap(0.5 / steps))
        exact = y * np.cos(0.5) - x * np.sin(0.5)
        errors.append(np.abs(marker.values.numpy("y,x") - exact)[inner].mean())
    assert (np.abs(slopes(errors) - 1) < 0.1).all()


def test_projection_is_second_order():
    """A Taylor-Green velocity plus a gradient: what is left after the projection differs by O(h²) from the vortices."""
    errors = []
    for n in (16, 32, 64):
        flow = TaylorGreen(y=n, x=n)
        exact = flow.velocity_at(0.0, 1.0)
        (y_y, y_x), (x_y, x_x) = flow.coordinates("y"), flow.coordinates("x")
        gradient = flow.staggered_field(
            np.cos(y_y) * np.cos(2 * y_x), -2 * np.sin(x_y) * np.sin(2 * x_x)
        )  # of sin(y) cos(2x)
        velocity, _ = flow.projection(exact.with_values(exact.values + gradient.values))
        errors.append(difference(velocity, exact))
    assert (np.abs(slopes(errors) - 2) < 0.1).all()


@pytest.mark.parametrize("speed, order", [((1.0, 0.7), 1.0), ((0.5, 0.0), 1.0)])
def test_advected_gaussian(speed, order):
    """A Gaussian carried along at half a cell per step or so; first order at a fixed CFL number."""
    errors = []
    for n in (64, 128, 256):
        flow, dt, steps = TaylorGreen(y=n, x=n), np.pi / n, n // 4
        velocity = flow.staggered_field(np.full((n, n), speed[0]), np.full((n, n), speed[1]))

        def gaussian(t, flow=flow):
            points = flow.templates["marker"].points
            y, x = (points.vector[d].numpy("y,x") - 2.5 - s * t for d, s in zip("yx", speed, strict=True))
            return np.exp(-(y**2 + x**2) / 0.5)

        marker = flow.field("marker", math.wrap(gaussian(0.0), spatial("y,x")))
        for _ in range(steps):
            marker = flow.advect(marker, velocity, math.wrap(dt))
        errors.append(np.abs(marker.values.numpy("y,x") - gaussian(steps * dt)).mean())
    assert (np.abs(slopes(errors) - order) < 0.15).all()


def test_interpolation_of_the_advection_is_second_order_per_step():
    """At a fixed dt the error of one step is that of linear interpolation, O(h²)."""
    errors = []
    for n in (32, 64, 128):
        flow = TaylorGreen(y=n, x=n)
        shift = np.pi / 3 / 7.5
        velocity = flow.staggered_field(np.full((n, n), shift), np.full((n, n), 0.0))
        y = flow.templates["marker"].points.vector["y"].numpy("y,x")
        marker = flow.advect(flow.field("marker", math.wrap(np.sin(y), spatial("y,x"))), velocity, math.wrap(1.0))
        # the prefactor c (1 - c) / 2 of the error depends on the fraction c of a cell that is crossed
        c = (shift * n / (2 * np.pi)) % 1
        errors.append(np.abs(marker.values.numpy("y,x") - np.sin(y - shift)).max() / (c * (1 - c) / 2))
    assert (np.abs(slopes(errors) - 2) < 0.05).all()


def test_decaying_sine_under_diffusion():
    """First order in time at a fixed grid (against the grid's own decay rate), second in space at dt ~ h²."""
    nu = 0.5

    def decayed(n, steps, t=1.0):
        flow = TaylorGreen(y=n, x=4)
        y = [flow.coordinates(c)[0] for c in "yx"]
        velocity, rate = (
            flow.staggered_field(np.sin(y[0]), np.sin(y[1])),
            (2 * n / (2 * np.pi) * np.sin(np.pi / n)) ** 2,
        )
        for _ in range(steps):
            velocity = diffuse.explicit(velocity, math.wrap(nu), math.wrap(t / steps))
        same_grid, exact = (flow.staggered_field(*[np.exp(-nu * r * t) * np.sin(v) for v in y]) for r in (rate, 1.0))
        return difference(velocity, same_grid), difference(velocity, exact)

    assert (np.abs(slopes([decayed(16, s)[0] for s in (16, 32, 64)]) - 1) < 0.1).all()
    assert (np.abs(slopes([decayed(n, n * n // 4)[1] for n in (6, 12, 24)]) - 2) < 0.1).all()


def test_manufactured_travelling_forcing_is_first_order():
    """At a fixed CFL number in space and time together, and in time alone."""
    errors = []
    for n in (16, 32, 64):
        flow, steps = SmoothForcing(y=n, x=n), n // 4
        dt, state = 2.0 / steps, flow.start()
        for _ in range(steps):
            state = flow.physics(state, math.wrap(dt))
        errors.append(difference(state.velocity, flow.exact(2.0)))
        assert float(state.time.values.mean) == pytest.approx(2.0)
    assert (np.abs(slopes(errors)[1:] - 1) < 0.2).all()


def test_forcing_alone_is_first_order_in_time():
    """
    A fluid at rest at every instant but for the forcing: u(T) = ∫ f dt by the left rectangle rule, against its closed
    form.
    """

    class Still(ForcedAdvection):
        def advect(self, field, velocity, dt):
            return field

    flow, errors, seed = Still(y=16, x=16), [], 4
    wave = {n: table[{"seeds": seed}] for n, table in flow.waves.items()}
    gained = []
    for c in "yx":
        angle = wave["phase"] + sum(wave["k"][{"~vector": d}] * x for d, x in flow.positions[c].items())
        integral = (math.cos(angle - wave["frequency"] * 2.0) - math.cos(angle)) / wave["frequency"]
        gained.append(0.15 * math.sum(wave["weight"][{"~vector": c}] * integral, "waves"))
    for steps in (10, 20, 40):
        state = start = flow.initial_state(seed=seed, viscosity=1e-12)
        for _ in range(steps):
            state = flow.physics(state, math.wrap(2.0 / steps))
        exact = start.velocity.with_values(start.velocity.values + math.stack(gained, dual(vector="y,x")))
        errors.append(difference(state.velocity, exact))
    assert (np.abs(slopes(errors) - 1) < 0.1).all()
